/* Questions to Vault: asked again while it is worth it, and what any answer may say. */
#include "vault.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum { FIRST_PAUSE_MS = 100, MOST_PAUSE_MS = 2000, MOST_HOPS = 3, END_MS = 1500 };

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now); /* leases run on while a machine sleeps */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t random_below(int64_t most)
{
    uint32_t number = 0;

    (void)!getrandom(&number, sizeof(number), GRND_NONBLOCK);
    return most > 0 ? (int64_t)(number % (uint64_t)most) : 0;
}

int64_t renewal_ms(int64_t now, int64_t ttl_ms)
{
    return now + ttl_ms / 2 + ttl_ms / 8 + random_below(ttl_ms / 12);
}

/* --- what an answer says ---------------------------------------------------------------------- */

static int away(const struct vault *vault, const char *path, const struct web_answer *answer,
                const char *words, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "vault.away", "Vault at %s answers %.200s with %ld %s",
                    vault->config->url, path, answer->code, words);
}

static int strange(const struct vault *vault, const char *path, const struct web_answer *answer,
                   struct rnl_error *err)
{
    rnl_fail(err, RNL_E_RETRY, "vault.strange",
             "what answers at %s isn't Vault, or was cut off: %.200s got %ld with %zu bytes of %s",
             vault->config->url, path, answer->code, answer->len,
             *answer->type ? answer->type : "nothing said");
    rnl_hint(err, "secrets = { vault = { url = …; }; } leads to Vault itself, not to a page");
    return err->status;
}

static int redirected(const struct vault *vault, const struct web_answer *answer,
                      struct rnl_error *err)
{
    rnl_fail(err, RNL_E_RETRY, "vault.redirect",
             "Vault at %s sends us to \"%.200s\": secrets aren't carried to another host",
             vault->config->url, answer->location);
    rnl_hint(err, "set url to the active server, or to the address that all of them share");
    return err->status;
}

/* What all calls may be told; RNL_OK: the rest is the caller's. */
static int judge(const struct vault *vault, const char *path, const struct web_answer *answer,
                 const struct reply *reply, struct rnl_error *err)
{
    char words[WEB_WORDS];

    reply_words(reply, words, sizeof(words));
    switch (answer->code) {
    case 403:
        rnl_fail(err, RNL_E_CONFIG, "vault.denied", "Vault at %s refuses %.200s: %s",
                 vault->config->url, path, *words ? words : "403");
        rnl_hint(err,
                 "is the token still good, the namespace right, and has its policy: "
                 "path \"%.120s\" { capabilities = [\"read\"] }",
                 path);
        return err->status;
    case 501:
        rnl_fail(err, RNL_E_CONFIG, "vault.uninitialized", "Vault at %s was never initialised",
                 vault->config->url);
        rnl_hint(err, "vault operator init");
        return err->status;
    case 503:
        if (*words && !strcasestr(words, "sealed"))
            return away(vault, path, answer, words, err);
        rnl_fail(err, RNL_E_RETRY, "vault.sealed", "Vault at %s is sealed, or under maintenance",
                 vault->config->url);
        rnl_hint(err, "vault operator unseal");
        return err->status;
    case 472:
    case 473:
        rnl_fail(err, RNL_E_RETRY, "vault.standby", "Vault at %s only stands by for another",
                 vault->config->url);
        rnl_hint(err, "set url to the active server, or to the address that all of them share");
        return err->status;
    default:
        break;
    }
    if (answer->code >= 300 && answer->code < 400)
        return redirected(vault, answer, err);
    if (answer->code == 412 || answer->code == 429 || answer->code >= 500)
        return away(vault, path, answer, words, err);
    if (answer->code >= 200 && answer->code < 300)
        return RNL_OK;
    return answer->code == 400 || answer->code == 404
               ? RNL_OK
               : vault_refused(vault, RNL_E_CONFIG, "vault.refused", path, reply, err);
}

int vault_refused(const struct vault *vault, int status, const char *code, const char *path,
                  const struct reply *reply, struct rnl_error *err)
{
    char words[WEB_WORDS];

    reply_words(reply, words, sizeof(words));
    return rnl_fail(err, status, code, "Vault at %s refuses %.200s: %ld %s", vault->config->url,
                    path, reply->code, words);
}

/* --- one question ----------------------------------------------------------------------------- */

/* Where on the same server it is to be asked; NULL: it is elsewhere. */
static const char *hop(const struct vault *vault, const struct web_answer *answer)
{
    const char *base = vault->config->url;
    size_t len = strlen(base);

    if (answer->code != 307 && answer->code != 308)
        return NULL;
    while (len > 0 && base[len - 1] == '/')
        len--;
    if (answer->location[0] == '/' && answer->location[1] != '/')
        return answer->location;
    return strncasecmp(answer->location, base, len) == 0 && answer->location[len] == '/'
               ? answer->location + len
               : NULL;
}

static int send(struct vault *vault, const char *method, const char *path,
                const struct rnl_slice *body, int flags, struct web_answer *answer,
                struct rnl_error *err)
{
    int64_t timeout_ms = flags & ASK_AT_END ? END_MS : vault->config->timeout_ms;
    char url[URL_BYTES + 8];
    int status;

    snprintf(url, sizeof(url), "/v1/%s", path);
    for (int i = 0; i < MOST_HOPS; i++) {
        const char *next;

        status =
            web_ask(vault->web, method, url, body, timeout_ms, !(flags & ASK_AT_END), answer, err);
        next = status == RNL_OK ? hop(vault, answer) : NULL;
        if (!next)
            break;
        snprintf(url, sizeof(url), "%s", next);
    }
    if (status == RNL_AGAIN)
        return rnl_fail(err, RNL_E_RETRY, "vault.interrupted", "asking Vault was broken off");
    return status;
}

static int ask_once(struct vault *vault, const char *method, const char *path,
                    const struct rnl_slice *body, int flags, struct reply *reply,
                    struct rnl_error *err)
{
    struct web_answer answer;
    bool is_json;
    int status = send(vault, method, path, body, flags, &answer, err);

    *reply = (struct reply){0};
    if (status != RNL_OK)
        return status;
    reply->code = answer.code;
    is_json = strncasecmp(answer.type, "application/json", 16) == 0 &&
              reply_read(reply, answer.body, answer.len) == 0;
    status = judge(vault, path, &answer, reply, err);
    if (status == RNL_OK && answer.len > 0 && !is_json)
        status = strange(vault, path, &answer, err);
    web_wipe(vault->web);
    if (status != RNL_OK)
        reply_free(reply);
    return status;
}

/* --- again and again -------------------------------------------------------------------------- */

/* Until it is answered, refused for good, or the time for it is up. */
static int ask_patiently(struct vault *vault, const char *method, const char *path,
                         const struct rnl_slice *body, int flags, struct reply *reply,
                         struct rnl_error *err)
{
    int64_t most_ms = flags & (ASK_ONCE | ASK_AT_END) ? 0 : vault->config->retry_ms;
    int64_t begun_ms = now_ms(), pause_ms = FIRST_PAUSE_MS;
    int status;

    while (true) {
        status = ask_once(vault, method, path, body, flags, reply, err);
        if (status != RNL_E_RETRY || strcmp(err->code, "vault.interrupted") == 0 ||
            vault->ctx->host->stopping(vault->ctx))
            return status;
        pause_ms = pause_ms / 2 + random_below(pause_ms);
        if (now_ms() - begun_ms + pause_ms >= most_ms)
            return status;
        rnl_debug(vault->ctx, "%s; asking again", err->text);
        if (!web_pause(vault->web, pause_ms))
            return rnl_fail(err, RNL_E_RETRY, "vault.interrupted", "asking Vault was broken off");
        pause_ms = 3 * pause_ms < MOST_PAUSE_MS ? 3 * pause_ms : MOST_PAUSE_MS;
    }
}

int vault_ask(struct vault *vault, const char *method, const char *path, json_t *body, int flags,
              struct reply *reply, struct rnl_error *err)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct rnl_slice slice = {text, text ? strlen(text) : 0};
    int status;

    *reply = (struct reply){0};
    if (body && !text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Vault");
    status = ask_patiently(vault, method, path, text ? &slice : NULL, flags, reply, err);
    if (status == RNL_E_CONFIG && flags & ASK_LOGS_IN && strcmp(err->code, "vault.denied") == 0) {
        struct rnl_error why = RNL_ERROR_INIT;

        if (token_anew(vault, flags & ~ASK_LOGS_IN, &why) == RNL_OK)
            status = ask_patiently(vault, method, path, text ? &slice : NULL, flags, reply, err);
        else if (why.status < 0) {
            *err = why;
            status = why.status;
        }
    }
    if (text)
        explicit_bzero(text, slice.len);
    free(text);
    if (status == RNL_OK)
        err->status = RNL_OK;
    return status;
}
