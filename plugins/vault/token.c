/* The token: given, read from a file or got by AppRole; renewed in time, revoked when it is ours.
 */
#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files ------------------------------------------------------------------------------------ */

/* Ours or root's, and closed to others; what is handed over to services below /run may be read. */
static bool is_private(const char *path, const struct stat *stat)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    bool handed = strncmp(path, "/run/", 5) == 0 ||
                  (folder && *folder && strncmp(path, folder, strlen(folder)) == 0);

    if (!S_ISREG(stat->st_mode) || (stat->st_mode & 022) != 0)
        return false;
    if ((stat->st_uid == 0 || stat->st_uid == geteuid()) && (stat->st_mode & 077) == 0)
        return true;
    return stat->st_uid == 0 && handed;
}

/* The first line of the file, in pages of its own. */
static int line_read(const char *path, struct pages *out, struct rnl_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), status;
    struct stat stat;
    ssize_t got;

    *out = (struct pages){0};
    if (fd < 0 || fstat(fd, &stat) != 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "vault.file", "%s: %s", path, strerror(errno));
        goto close_file;
    }
    if (!is_private(path, &stat)) {
        status = rnl_fail(err, RNL_E_CONFIG, "vault.file",
                          "%s is open to others than you and root, or no regular file", path);
        rnl_hint(err, "chmod 600 it and make it your own");
        goto close_file;
    }
    if (!pages_make(out, TOKEN_BYTES)) {
        status = rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Vault");
        goto close_file;
    }
    got = read(fd, out->bytes, TOKEN_BYTES - 1);
    out->length = got > 0 ? strcspn((char *)out->bytes, "\r\n") : 0;
    out->bytes[out->length] = '\0';
    status = RNL_OK;
    if (out->length == 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "vault.file", "the first line of %s is empty", path);
        pages_free(out);
    }
close_file:
    if (fd >= 0)
        close(fd);
    return status;
}

/* Where a service manager has put the token, when it has. */
static bool handed_over(char *path, size_t size)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    return folder && *folder == '/' &&
           (size_t)snprintf(path, size, "%s/vault-token", folder) < size && access(path, R_OK) == 0;
}

/* --- having one ------------------------------------------------------------------------------- */

static void token_drop(struct vault *vault)
{
    struct rnl_error unheard = RNL_ERROR_INIT;

    pages_free(&vault->token);
    web_header(vault->web, "X-Vault-Token", NULL, &unheard);
    vault->own_token = vault->token_renewable = false;
    vault->token_ttl_ms = vault->token_until_ms = vault->token_renew_ms = 0;
}

static int token_set(struct vault *vault, const char *text, struct rnl_error *err)
{
    size_t len = strlen(text);

    token_drop(vault);
    if (len >= TOKEN_BYTES)
        return rnl_fail(err, RNL_E_CONFIG, "vault.token", "the token is too long");
    if (!pages_make(&vault->token, TOKEN_BYTES))
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Vault");
    memcpy(vault->token.bytes, text, len + 1);
    vault->token.length = len;
    return web_header(vault->web, "X-Vault-Token", text, err);
}

static void token_lasts(struct vault *vault, int64_t ttl_ms, bool renewable)
{
    int64_t now = now_ms();

    vault->token_renewable = renewable;
    vault->token_until_ms = ttl_ms ? now + ttl_ms : 0;
    vault->token_renew_ms = ttl_ms ? renewal_ms(now, ttl_ms) : 0;
}

/* Of a token that was given: how long it is good. Not each token may ask. */
static int look_up(struct vault *vault, int flags, struct rnl_error *err)
{
    struct reply reply;
    const json_t *data;
    int status = vault_ask(vault, "GET", "auth/token/lookup-self", NULL, flags, &reply, err);

    if (status == RNL_E_CONFIG && strcmp(err->code, "vault.denied") == 0) {
        err->status = RNL_OK;
        return RNL_OK;
    }
    if (status != RNL_OK)
        return status;
    data = json_object_get(reply.root, "data");
    vault->token_ttl_ms = reply_ms(data, "ttl");
    token_lasts(vault, vault->token_ttl_ms, json_is_true(json_object_get(data, "renewable")));
    reply_free(&reply);
    return RNL_OK;
}

/* What the reply to a login, or a renewal, says of the token. */
static void take_auth(struct vault *vault, const json_t *auth)
{
    token_lasts(vault, reply_ms(auth, "lease_duration"),
                json_is_true(json_object_get(auth, "renewable")));
}

static int log_in(struct vault *vault, json_t *body, int flags, struct rnl_error *err)
{
    const char *mount = vault->config->auth_mount, *text;
    char path[URL_BYTES];
    struct reply reply;
    const json_t *auth;
    int status = path_build(NULL, "auth/", mount, path, sizeof(path) - 8, err);
    size_t len = strlen(path);

    if (status != RNL_OK)
        return status;
    snprintf(path + len, sizeof(path) - len, "/login");
    token_drop(vault);
    status = vault_ask(vault, "POST", path, body, flags, &reply, err);
    if (status != RNL_OK)
        return status;
    auth = json_object_get(reply.root, "auth");
    text = json_string_value(json_object_get(auth, "client_token"));
    if (reply.code != 200 || !text || !*text) {
        status = vault_refused(vault, RNL_E_CONFIG, "vault.login", path, &reply, err);
        rnl_hint(err, "are role_id and secret_id right, and the secret_id not used up or expired?");
    } else {
        status = token_set(vault, text, err);
        take_auth(vault, auth);
        vault->own_token = status == RNL_OK;
        vault->token_ttl_ms = reply_ms(auth, "lease_duration");
    }
    reply_free(&reply);
    return status;
}

static int log_in_by_role(struct vault *vault, int flags, struct rnl_error *err)
{
    const struct vault_config *config = vault->config;
    const struct rnl_host *host = vault->ctx->host;
    const char *secret_id = host->secret_text(config->secret_id);
    struct pages line = {0};
    json_t *body;
    int status = RNL_OK;

    if (config->secret_id_file) {
        status = line_read(config->secret_id_file, &line, err);
        if (status != RNL_OK)
            return status;
        secret_id = (char *)line.bytes;
    }
    body = json_pack("{s:s, s:s*}", "role_id", host->secret_text(config->role_id), "secret_id",
                     *secret_id ? secret_id : NULL);
    status = body ? log_in(vault, body, flags, err)
                  : rnl_fail(err, RNL_E_CONFIG, "vault.login",
                             "role_id or secret_id isn't text in UTF-8");
    json_wipe(body);
    json_decref(body);
    pages_free(&line);
    return status;
}

/* One that was given, or that stands in a file. */
static int take_given(struct vault *vault, int flags, struct rnl_error *err)
{
    const struct vault_config *config = vault->config;
    const char *text = vault->ctx->host->secret_text(config->token);
    const char *path = config->token_file;
    struct pages line = {0};
    char handed[PATH_MAX];
    int status;

    if (!path && !*text && handed_over(handed, sizeof(handed)))
        path = handed;
    if (!path && !*text) {
        rnl_fail(err, RNL_E_CONFIG, "vault.no_login", "nothing is said of how to log in to Vault");
        rnl_hint(err, "secrets = { vault = { token_file = …; }; } or token = …, or role_id and "
                      "secret_id");
        return err->status;
    }
    if (path) {
        status = line_read(path, &line, err);
        if (status != RNL_OK)
            return status;
        text = (char *)line.bytes;
    }
    status = token_set(vault, text, err);
    pages_free(&line);
    return status == RNL_OK ? look_up(vault, flags, err) : status;
}

int token_ensure(struct vault *vault, int flags, struct rnl_error *err)
{
    bool by_role = *vault->ctx->host->secret_text(vault->config->role_id) != '\0';
    int status;

    if (vault->token.length && (!vault->token_until_ms || now_ms() < vault->token_until_ms))
        return RNL_OK;
    status = by_role ? log_in_by_role(vault, flags, err) : take_given(vault, flags, err);
    if (status != RNL_OK)
        token_drop(vault);
    return status;
}

int token_anew(struct vault *vault, int flags, struct rnl_error *err)
{
    struct pages old = vault->token;
    bool same;
    int status;

    vault->token = (struct pages){0};
    status = token_ensure(vault, flags, err);
    same = status == RNL_OK && old.bytes && vault->token.length == old.length &&
           memcmp(vault->token.bytes, old.bytes, old.length) == 0;
    pages_free(&old);
    if (status != RNL_OK)
        return status;
    if (same)
        return RNL_DONE;
    /* leases belong to the token that they were given to, and end with it */
    entries_forget(vault, false);
    rnl_info(vault->ctx, "logged in to Vault at %s anew", vault->config->url);
    return RNL_OK;
}

/* --- keeping it ------------------------------------------------------------------------------- */

/* The token can't be prolonged any more: another one in its place, in time. */
static int replace(struct vault *vault, struct rnl_error *err)
{
    int status = token_anew(vault, ASK_ONCE, err);
    int64_t now = now_ms();

    if (status == RNL_DONE && vault->token_until_ms) {
        rnl_warn(vault->ctx, "Vault's token ends in %lld s and can't be renewed",
                 (long long)(vault->token_until_ms - now) / 1000);
        /* looked at again: its file may get a new one */
        vault->token_renew_ms = now + 1000 + (vault->token_until_ms - now) / 3;
    }
    return status < 0 ? status : RNL_OK;
}

static int renew_failed(struct vault *vault, int status)
{
    int64_t now = now_ms();

    vault->token_renew_ms = now + 1000 + (vault->token_until_ms - now) / 10;
    return status;
}

int token_tend(struct vault *vault, struct rnl_error *err)
{
    json_t *body;
    struct reply reply;
    int status;

    if (!vault->token.length || !vault->token_renew_ms || now_ms() < vault->token_renew_ms)
        return RNL_OK;
    if (!vault->token_renewable || now_ms() >= vault->token_until_ms)
        status = replace(vault, err);
    else {
        body = json_pack("{s:I}", "increment", (json_int_t)(vault->token_ttl_ms / 1000));
        status = vault_ask(vault, "POST", "auth/token/renew-self", body, ASK_ONCE, &reply, err);
        json_decref(body);
        if (status == RNL_OK && reply.code == 200) {
            take_auth(vault, json_object_get(reply.root, "auth"));
            /* near the end of what it may last at all each renewal gives less: at once, as long
             * as there is time */
            if (vault->token_until_ms - now_ms() < vault->token_ttl_ms / 2) {
                vault->token_renewable = false;
                vault->token_renew_ms = now_ms();
            }
        } else if (status == RNL_OK || status == RNL_E_CONFIG) {
            status = replace(vault, err);
        }
        reply_free(&reply);
    }
    return status == RNL_OK ? RNL_OK : renew_failed(vault, status);
}

void token_revoke(struct vault *vault)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    struct reply reply;

    if (vault->token.length && vault->own_token &&
        vault_ask(vault, "POST", "auth/token/revoke-self", NULL, ASK_AT_END, &reply, &unheard) ==
            RNL_OK)
        reply_free(&reply);
    token_drop(vault);
}
