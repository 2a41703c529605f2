/* The secret store Vault: secret://vault/MOUNT/PATH#FIELD; its functions, and its options. */
#include "vault.h"

#include <stdlib.h>

/* --- its life --------------------------------------------------------------------------------- */

static int bad_url(const char *why, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "vault.url", "%s", why);
    rnl_hint(err, "url = \"https://vault.example.com:8200\"");
    return err->status;
}

static bool is_loopback(const char *url)
{
    static const char *const heads[] = {"http://127.", "http://localhost", "http://[::1]"};

    for (size_t i = 0; i < 3; i++)
        if (strncmp(url, heads[i], strlen(heads[i])) == 0)
            return true;
    return false;
}

static int check_config(const struct rnl_ctx *ctx, struct rnl_error *err)
{
    const struct vault_config *config = ctx->config;
    const char *url = config->url;
    bool tls = strncmp(url, "https://", 8) == 0;
    size_t host = tls ? 8 : 7;

    if ((!tls && strncmp(url, "http://", 7) != 0) || strlen(url) > 300)
        return bad_url("the url of Vault begins with https://", err);
    if (strpbrk(url, "@?# ") || (strchr(url + host, '/') && strchr(url + host, '/')[1]))
        return bad_url("the url of Vault is a host and a port, no more", err);
    if (!tls && !is_loopback(url))
        return bad_url("secrets go to another host by https:// alone", err);
    if (!tls && (config->tls_ca || config->tls_cert || config->tls_key))
        return bad_url("the url goes without TLS, but certificates are given", err);
    if (!config->tls_cert != !config->tls_key)
        return rnl_fail(err, RNL_E_CONFIG, "vault.tls",
                        "tls.cert and tls.key go together: one of them is missing");
    if (config->secret_id && config->secret_id_file)
        return rnl_fail(err, RNL_E_CONFIG, "vault.login",
                        "secret_id and secret_id_file: one of them is enough");
    if ((config->secret_id || config->secret_id_file) && !config->role_id)
        return rnl_fail(err, RNL_E_CONFIG, "vault.login", "a secret_id goes with a role_id");
    if (!!config->token + !!config->token_file + !!config->role_id > 1)
        return rnl_fail(err, RNL_E_CONFIG, "vault.login",
                        "token, token_file and role_id: one of them is enough");
    return RNL_OK;
}

static void vault_close(void *self)
{
    struct vault *vault = self;

    if (!vault)
        return;
    if (vault->web) {
        /* what the token owns is revoked with it: one call is enough, where it is our own */
        entries_free(vault, vault->token.length && !vault->own_token);
        token_revoke(vault);
    }
    for (size_t i = 0; i < vault->nmounts; i++)
        free(vault->mounts[i].prefix);
    web_close(vault->web);
    free(vault);
}

static int set_up(struct vault *vault, struct rnl_error *err)
{
    const struct vault_config *config = vault->config;
    struct web_config web = {
        .what = "Vault",
        .url = config->url,
        .tls_ca = config->tls_ca,
        .tls_cert = config->tls_cert,
        .tls_key = config->tls_key,
        .connect_ms = config->timeout_ms,
        .most_bytes = ANSWER_BYTES,
        .away_code = "vault.away",
        .tls_code = "vault.tls",
        .tls_hint =
            "secrets = { vault = { url = \"https://…\"; tls = { ca = …; cert = …; key = …; }; }; }",
        .url_code = "vault.url",
        .url_hint = "url = \"https://vault.example.com:8200\"",
    };
    int status = web_open(&web, &vault->web, err);

    /* an agent or a proxy may want to see it, against pages that make a browser ask */
    if (status == RNL_OK)
        status = web_header(vault->web, "X-Vault-Request", "true", err);
    if (status == RNL_OK && config->name_space)
        status = web_header(vault->web, "X-Vault-Namespace", config->name_space, err);
    return status;
}

static int vault_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    struct vault *vault;

    if (check_config(ctx, err) != RNL_OK)
        return err->status;
    vault = calloc(1, sizeof(*vault));
    if (!vault)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Vault");
    vault->ctx = ctx;
    vault->config = ctx->config;
    if (set_up(vault, err) != RNL_OK) {
        vault_close(vault);
        return err->status;
    }
    *self = vault;
    return RNL_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int missing(const struct vault *vault, const char *path, const struct reply *reply,
                   struct rnl_error *err)
{
    const json_t *meta = json_object_get(json_object_get(reply->root, "data"), "metadata");
    const char *deleted = json_string_value(json_object_get(meta, "deletion_time"));

    if (deleted && *deleted) {
        rnl_fail(err, RNL_E_CONFIG, "vault.deleted", "the secret %s of Vault at %s was deleted",
                 path, vault->config->url);
        rnl_hint(err, "vault kv undelete, or vault kv put");
        return err->status;
    }
    rnl_fail(err, RNL_E_CONFIG, "vault.not_found", "Vault at %s has nothing at %s",
             vault->config->url, path);
    rnl_hint(err, strstr(path, "/data/") ? "of KV 2 the path goes without \"data/\", as in: "
                                           "vault kv get secret/shop"
                                         : "the path is as in: vault kv get secret/shop");
    return err->status;
}

/* Whether Vault says that what was asked for as KV 1 is KV 2. */
static bool is_versioned(const struct reply *reply)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(reply->root, "warnings"), i, item)
    {
        const char *text = json_string_value(item);

        if (text && strstr(text, "versioned"))
            return true;
    }
    return false;
}

static int get(struct vault *vault, const struct mount *mount, const char *path,
               struct reply *reply, struct rnl_error *err)
{
    char url[URL_BYTES];

    if (path_build(mount, "", path, url, sizeof(url), err) != RNL_OK)
        return err->status;
    return vault_ask(vault, "GET", url, NULL, ASK_LOGS_IN, reply, err);
}

static int fetch(struct vault *vault, const char *path, struct entry **out, struct rnl_error *err)
{
    static const struct mount kv2 = {.kind = MOUNT_KV2};
    const struct mount *mount;
    struct reply reply;
    json_t *data;
    int status = token_ensure(vault, 0, err);

    if (status == RNL_OK)
        status = mount_find(vault, path, &mount, err);
    if (status == RNL_OK)
        status = get(vault, mount, path, &reply, err);
    if (status == RNL_OK && mount->kind == MOUNT_UNKNOWN && reply.code == 404 &&
        is_versioned(&reply)) {
        reply_free(&reply);
        mount = &kv2;
        status = get(vault, mount, path, &reply, err);
    }
    if (status != RNL_OK)
        return status;
    data = json_object_get(reply.root, "data");
    if (mount->kind == MOUNT_KV2 && reply.code == 200)
        data = json_object_get(data, "data");
    if (reply.code == 404 || reply.code == 204)
        status = missing(vault, path, &reply, err);
    else if (reply.code == 400 || !json_is_object(data))
        status = vault_refused(vault, RNL_E_CONFIG, "vault.refused", path, &reply, err);
    else if ((*out = entry_keep(vault, path, reply.root, data)) == NULL)
        status = rnl_fail(err, RNL_E_FATAL, "memory", "no room for what Vault has at %s", path);
    reply_free(&reply);
    return status;
}

static int vault_read(void *self, const char *path, const char *field, struct rnl_secret *out,
                      struct rnl_error *err)
{
    struct vault *vault = self;
    struct entry *entry;
    const char *text;
    char names[200];

    web_calm(vault->web);
    if (path_check(path, err) != RNL_OK)
        return err->status;
    entry = entry_find(vault, path);
    if (!entry && fetch(vault, path, &entry, err) != RNL_OK)
        return err->status;
    text = fields_find(&entry->fields, field);
    if (!text) {
        fields_names(&entry->fields, names, sizeof(names));
        rnl_fail(err, RNL_E_CONFIG, "vault.no_field",
                 *field ? "what Vault has at %s has no field \"%s\" with text: %s"
                        : "which field of %s in Vault%s is meant: %s?",
                 path, field, *names ? names : "(none)");
        rnl_hint(err, "write secret://vault/%.150s#FIELD", path);
        return err->status;
    }
    return vault->ctx->host->secret_set(out, (struct rnl_slice){text, strlen(text)},
                                        entry->lease ? entry->ttl_ms / 1000 : 0, err);
}

static int vault_renew(void *self, struct rnl_error *err)
{
    struct vault *vault = self;
    struct rnl_error why = RNL_ERROR_INIT;
    int status;

    web_calm(vault->web);
    status = token_tend(vault, &why);
    if (status != RNL_OK)
        *err = why;
    why = (struct rnl_error)RNL_ERROR_INIT;
    switch (entries_tend(vault, &why)) {
    case RNL_OK:
        return status;
    case RNL_AGAIN:
        return RNL_AGAIN;
    default:
        *err = why;
        return why.status;
    }
}

static void vault_forget(void *self)
{
    entries_forget(self, true);
}

static void vault_interrupt(void *self)
{
    web_interrupt(((struct vault *)self)->web);
}

static const struct rnl_secrets_ops ops = {
    .size = sizeof(ops),
    .open = vault_open,
    .close = vault_close,
    .read = vault_read,
    .renew = vault_renew,
    .interrupt = vault_interrupt,
    .forget = vault_forget,
};

#define AT(member) (uint32_t) offsetof(struct vault_config, member)

static const struct rnl_option options[] = {
    {"url", "https://127.0.0.1:8200", "where Vault is; http:// for this machine's own only", NULL,
     RNL_O_STRING, 0, AT(url), 0, 0},
    {"namespace", NULL, "of Vault Enterprise, as in team/app", NULL, RNL_O_STRING, 0,
     AT(name_space), 0, 0},
    {"token", NULL, "token, better a reference to it (file:PATH)", NULL, RNL_O_SECRET, 0, AT(token),
     0, 0},
    {"token_file", NULL,
     "file of a token, read anew when it ends; else $CREDENTIALS_DIRECTORY/vault-token", NULL,
     RNL_O_FILE, 0, AT(token_file), 0, 0},
    {"role_id", NULL, "AppRole to log in as", NULL, RNL_O_SECRET, 0, AT(role_id), 0, 0},
    {"secret_id", NULL, "of the AppRole, better a reference to it", NULL, RNL_O_SECRET, 0,
     AT(secret_id), 0, 0},
    {"secret_id_file", NULL, "file of the secret_id, read anew at each login", NULL, RNL_O_FILE, 0,
     AT(secret_id_file), 0, 0},
    {"auth_mount", "approle", "where the AppRole's method is mounted, below auth/", NULL,
     RNL_O_STRING, 0, AT(auth_mount), 0, 0},
    {"kv", "auto", "version of KV where Vault doesn't tell it", "auto|1|2", RNL_O_ENUM, 0, AT(kv),
     0, 0},
    {"tls.ca", NULL, "file of the CA that Vault's certificate is checked against", NULL, RNL_O_FILE,
     0, AT(tls_ca), 0, 0},
    {"tls.cert", NULL, "client certificate", NULL, RNL_O_FILE, 0, AT(tls_cert), 0, 0},
    {"tls.key", NULL, "key of the client certificate", NULL, RNL_O_FILE, 0, AT(tls_key), 0, 0},
    {"timeout", "5s", "how long an answer may take", NULL, RNL_O_DURATION, 0, AT(timeout_ms), 100,
     60000},
    {"retry", "10s", "how long Vault is asked again that is away, sealed or too busy", NULL,
     RNL_O_DURATION, 0, AT(retry_ms), 0, 600000},
};

static const struct rnl_plugin vault = {
    .size = sizeof(vault),
    .kind = RNL_SECRETS,
    .name = "vault",
    .summary = "Secrets and database credentials of HashiCorp Vault and OpenBao",
    .options = RNL_OPTIONS(options, struct vault_config),
    .secrets = &ops,
};

RNL_MODULE("vault", "0.1.0", "Apache-2.0", &vault);
