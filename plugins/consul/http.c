/* Questions to the agent, and what every answer may say. */
#include "consul.h"

#include <stdlib.h>

enum { WORDS = 200 };

static void take_header(void *arg, const char *line)
{
    struct consul *consul = arg;

    if (strncasecmp(line, "X-Consul-Index:", 15) == 0)
        consul->index = strtoull(line + 15, NULL, 10);
    else if (strncasecmp(line, "X-Consul-Knownleader: false", 27) == 0)
        consul->leaderless = true;
}

int http_open(struct consul *consul, struct rnl_error *err)
{
    const struct consul_config *config = consul->config;
    const char *token = consul->ctx->host->secret_text(config->token);
    const struct web_config web = {
        .what = "Consul",
        .url = config->url,
        .tls_ca = config->tls_ca,
        .tls_cert = config->tls_cert,
        .tls_key = config->tls_key,
        .connect_ms = config->timeout_ms,
        .most_bytes = ANSWER_BYTES,
        .away_code = "registry.away",
        .tls_code = "consul.tls",
        .tls_hint = "registry = { url = \"https://…\"; tls = { ca = …; cert = …; key = …; }; }",
        .url_code = "consul.url",
        .url_hint = "as in http://127.0.0.1:8500, the agent of this machine",
        .on_header = take_header,
        .arg = consul,
    };

    if (strpbrk(token, "\r\n"))
        return rnl_fail(err, RNL_E_CONFIG, "consul.token", "the token has more than one line");
    if (web_open(&web, &consul->web, err) != RNL_OK)
        return err->status;
    return *token ? web_header(consul->web, "X-Consul-Token", token, err) : RNL_OK;
}

/* --- a question ------------------------------------------------------------------------------- */

static bool add_word(char *path, size_t size, const char *name, const char *value)
{
    size_t len = strlen(path);

    if (!value)
        return true;
    len += (size_t)snprintf(path + len, size - len, "%c%s=", strchr(path, '?') ? '&' : '?', name);
    return len < size && web_escape(path + len, size - len, value, strlen(value));
}

int http_path(struct consul *consul, char *path, size_t size, struct rnl_error *err,
              const char *fmt, ...)
{
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(path, size, fmt, ap);
    va_end(ap);
    if (len >= 0 && (size_t)len < size && add_word(path, size, "dc", consul->config->datacenter) &&
        add_word(path, size, "ns", consul->config->name_space))
        return RNL_OK;
    return rnl_fail(err, RNL_E_DATA, "registry.key", "a name is too long for Consul");
}

static int judge(const struct consul *consul, const struct answer *answer, struct rnl_error *err)
{
    const char *url = consul->config->url;
    char words[WORDS];

    web_say(&(struct web_answer){.body = answer->body, .len = answer->len}, words, sizeof(words));
    if (answer->code == 401 || answer->code == 403 ||
        (answer->code >= 400 &&
         (strstr(words, "Permission denied") || strstr(words, "ACL not found")))) {
        rnl_fail(err, RNL_E_CONFIG, "registry.denied", "Consul at %s refuses: %s", url, words);
        rnl_hint(err, "registry = { token = …; } needs a token with service:write, key:write below "
                      "the prefix, and node:read");
        return err->status;
    }
    if (answer->code == 400 && strstr(words, "HTTP request to an HTTPS server")) {
        rnl_fail(err, RNL_E_CONFIG, "consul.tls", "Consul at %s: %s", url, words);
        rnl_hint(err, "registry = { url = \"https://…\"; tls = { ca = …; }; }");
        return err->status;
    }
    if (answer->leaderless)
        return rnl_fail(err, RNL_E_RETRY, "registry.away",
                        "Consul at %s has no leader: its servers don't agree", url);
    if (answer->code == 429 || answer->code >= 501 ||
        (answer->code == 500 && !strstr(words, "TTL") && !strstr(words, "Unknown")))
        return rnl_fail(err, RNL_E_RETRY, "registry.away", "Consul at %s: %ld %s", url,
                        answer->code, words);
    return RNL_OK;
}

int http_strange(const struct answer *answer, const char *what, struct rnl_error *err)
{
    char words[WORDS];

    web_say(&(struct web_answer){.body = answer->body, .len = answer->len}, words, sizeof(words));
    return rnl_fail(err, RNL_E_RETRY, "registry.away", "Consul answers %s with %ld \"%s\"", what,
                    answer->code, words);
}

int http_ask(struct consul *consul, const char *method, const char *path,
             const struct rnl_slice *body, int64_t timeout_ms, bool interruptible,
             struct answer *out, struct rnl_error *err)
{
    char whole[PATH_BYTES + 4];
    struct web_answer answer;
    int status;

    consul->index = 0;
    consul->leaderless = false;
    *out = (struct answer){.body = ""};
    snprintf(whole, sizeof(whole), "/v1/%s", path);
    status = web_ask(consul->web, method, whole, body, timeout_ms, interruptible, &answer, err);
    if (status != RNL_OK)
        return status;
    *out = (struct answer){answer.code, answer.body, answer.len, consul->index, consul->leaderless};
    return judge(consul, out, err);
}
