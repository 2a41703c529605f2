/* Questions to the agent: one connection, bounded answers, and what every answer may say. */
#include "consul.h"

#include <stdlib.h>

enum { POLL_MS = 1000, WORDS = 200 };

/* --- what comes ------------------------------------------------------------------------------- */

static size_t take_body(char *bytes, size_t one, size_t len, void *arg)
{
    struct consul *consul = arg;

    len *= one;
    if (len > ANSWER_BYTES - consul->len) {
        consul->too_long = true;
        return 0;
    }
    if (consul->len + len + 1 > consul->room) {
        size_t room = 2 * (consul->len + len) + 4096;
        char *body = realloc(consul->body, room);

        if (!body)
            return 0;
        consul->body = body;
        consul->room = room;
    }
    memcpy(consul->body + consul->len, bytes, len);
    consul->len += len;
    consul->body[consul->len] = '\0';
    return one ? len / one : 0;
}

static size_t take_header(char *bytes, size_t one, size_t len, void *arg)
{
    struct consul *consul = arg;
    char line[120];

    len *= one;
    snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line) - 1), bytes);
    if (strncasecmp(line, "X-Consul-Index:", 15) == 0)
        consul->index = strtoull(line + 15, NULL, 10);
    else if (strncasecmp(line, "X-Consul-Knownleader: false", 27) == 0)
        consul->leaderless = true;
    return len;
}

/* --- its life --------------------------------------------------------------------------------- */

static int set_tls(const struct consul *consul, struct rnl_error *err)
{
    const struct consul_config *config = consul->config;
    CURLcode code = CURLE_OK;

    if (config->tls_ca)
        code = curl_easy_setopt(consul->easy, CURLOPT_CAINFO, config->tls_ca);
    if (code == CURLE_OK && config->tls_cert)
        code = curl_easy_setopt(consul->easy, CURLOPT_SSLCERT, config->tls_cert);
    if (code == CURLE_OK && config->tls_key)
        code = curl_easy_setopt(consul->easy, CURLOPT_SSLKEY, config->tls_key);
    if (code == CURLE_OK)
        code = curl_easy_setopt(consul->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (code == CURLE_OK)
        return RNL_OK;
    return rnl_fail(err, RNL_E_CONFIG, "consul.tls", "libcurl can't use these certificates: %s",
                    curl_easy_strerror(code));
}

/* One that was copied for a header is wiped with it. */
static int set_token(struct consul *consul, struct rnl_error *err)
{
    const char *token = consul->ctx->host->secret_text(consul->config->token);
    struct curl_slist *list;
    char *line = NULL;

    consul->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!consul->headers)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Consul");
    if (!*token)
        return RNL_OK;
    if (strpbrk(token, "\r\n"))
        return rnl_fail(err, RNL_E_CONFIG, "consul.token", "the token has more than one line");
    if (asprintf(&line, "X-Consul-Token: %s", token) < 0)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Consul");
    list = curl_slist_append(consul->headers, line);
    explicit_bzero(line, strlen(line));
    free(line);
    if (!list)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Consul");
    consul->headers = list;
    return RNL_OK;
}

int http_open(struct consul *consul, struct rnl_error *err)
{
    CURL *easy = consul->easy = curl_easy_init();
    CURLM *multi = consul->multi = curl_multi_init();

    if (!easy || !multi)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Consul");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, consul->why);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, consul);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, consul);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)consul->config->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (set_tls(consul, err) != RNL_OK || set_token(consul, err) != RNL_OK)
        return err->status;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, consul->headers);
    return RNL_OK;
}

void http_close(struct consul *consul)
{
    if (consul->easy)
        curl_easy_cleanup(consul->easy);
    if (consul->multi)
        curl_multi_cleanup(consul->multi);
    for (struct curl_slist *at = consul->headers; at; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(consul->headers);
    free(consul->body);
}

/* --- a question ------------------------------------------------------------------------------- */

static int add_word(const struct consul *consul, char *path, size_t size, const char *name,
                    const char *value)
{
    char *escaped = value ? curl_easy_escape(consul->easy, value, 0) : NULL;
    size_t len = strlen(path);

    if (escaped)
        snprintf(path + len, size - len, "%c%s=%s", strchr(path, '?') ? '&' : '?', name, escaped);
    curl_free(escaped);
    return strlen(path) + 1 < size;
}

int http_path(struct consul *consul, char *path, size_t size, struct rnl_error *err,
              const char *fmt, ...)
{
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(path, size, fmt, ap);
    va_end(ap);
    if (len >= 0 && (size_t)len < size &&
        add_word(consul, path, size, "dc", consul->config->datacenter) &&
        add_word(consul, path, size, "ns", consul->config->name_space))
        return RNL_OK;
    return rnl_fail(err, RNL_E_DATA, "registry.key", "a name is too long for Consul");
}

/* What keeps a connection from coming about for good, unlike one that may come. */
static bool is_of_tls(CURLcode code, const char *why)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR ||
           strstr(why, "certificate required") || strstr(why, "wrong version number") ||
           strstr(why, "bad certificate") || strstr(why, "unknown ca");
}

/* Hung up on behind the handshake: so ends one who shows no certificate where one is wanted. */
static bool may_want_certificate(const struct consul *consul, CURLcode code)
{
    curl_off_t handshake_us = 0;
    long connects = 0;

    curl_easy_getinfo(consul->easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
    curl_easy_getinfo(consul->easy, CURLINFO_NUM_CONNECTS, &connects);
    return !consul->config->tls_cert && handshake_us > 0 && connects > 0 && consul->len == 0 &&
           (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR);
}

static int unreachable(const struct consul *consul, CURLcode code, struct rnl_error *err)
{
    const char *why = *consul->why ? consul->why : curl_easy_strerror(code);

    if (consul->too_long)
        return rnl_fail(err, RNL_E_RETRY, "registry.away",
                        "Consul at %s: an answer is longer than %d bytes", consul->config->url,
                        ANSWER_BYTES);
    if (is_of_tls(code, why)) {
        rnl_fail(err, RNL_E_CONFIG, "consul.tls", "Consul at %s: %s", consul->config->url, why);
        rnl_hint(err, "registry = { url = \"https://…\"; tls = { ca = …; cert = …; key = …; }; }");
        return err->status;
    }
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
        rnl_fail(err, RNL_E_CONFIG, "consul.url", "\"%s\" leads to no Consul: %s",
                 consul->config->url, why);
        rnl_hint(err, "as in http://127.0.0.1:8500, the agent of this machine");
        return err->status;
    }
    if (may_want_certificate(consul, code)) {
        rnl_fail(err, RNL_E_RETRY, "consul.tls",
                 "Consul at %s hung up behind the TLS handshake, as one that wants a client "
                 "certificate: %s",
                 consul->config->url, why);
        rnl_hint(err, "registry = { tls = { cert = …; key = …; }; }");
        return err->status;
    }
    return rnl_fail(err, RNL_E_RETRY, "registry.away", "Consul at %s: %s", consul->config->url,
                    why);
}

/* Consul's own words, on one line. */
static void say(const struct answer *answer, char *words, size_t size)
{
    size_t n = 0;

    for (; n + 1 < size && n < answer->len && answer->body[n]; n++)
        words[n] = (unsigned char)answer->body[n] < ' ' ? ' ' : answer->body[n];
    while (n > 0 && words[n - 1] == ' ')
        n--;
    words[n] = '\0';
}

static int judge(const struct consul *consul, const struct answer *answer, struct rnl_error *err)
{
    const char *url = consul->config->url;
    char words[WORDS];

    say(answer, words, sizeof(words));
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

    say(answer, words, sizeof(words));
    return rnl_fail(err, RNL_E_RETRY, "registry.away", "Consul answers %s with %ld \"%s\"", what,
                    answer->code, words);
}

/* Until the transfer has ended, into *code; RNL_AGAIN: it was broken off. */
static int transfer(struct consul *consul, bool interruptible, CURLcode *code)
{
    int running = 1, left;

    while (running) {
        const CURLMsg *message;
        CURLMcode failed = curl_multi_perform(consul->multi, &running);

        while ((message = curl_multi_info_read(consul->multi, &left)) != NULL)
            if (message->msg == CURLMSG_DONE)
                *code = message->data.result;
        if (failed != CURLM_OK)
            return RNL_OK; /* *code still says that nothing came */
        if (interruptible && atomic_exchange(&consul->interrupted, false))
            return RNL_AGAIN;
        if (running)
            curl_multi_poll(consul->multi, NULL, 0, POLL_MS, NULL);
    }
    return RNL_OK;
}

static int set_question(struct consul *consul, const char *method, const char *path,
                        const struct rnl_slice *body, int64_t timeout_ms)
{
    const char *base = consul->config->url;
    size_t len = strlen(base);
    char *url = NULL;
    CURLcode code;

    while (len > 0 && base[len - 1] == '/')
        len--;
    if (asprintf(&url, "%.*s/v1/%s", (int)len, base, path) < 0)
        return RNL_E_FATAL;
    code = curl_easy_setopt(consul->easy, CURLOPT_URL, url);
    free(url);
    curl_easy_setopt(consul->easy, CURLOPT_HTTPGET, 1L);
    if (body) {
        curl_easy_setopt(consul->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
        curl_easy_setopt(consul->easy, CURLOPT_POSTFIELDS, body->len ? body->ptr : "");
    }
    curl_easy_setopt(consul->easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(consul->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    return code == CURLE_OK ? RNL_OK : RNL_E_FATAL;
}

int http_ask(struct consul *consul, const char *method, const char *path,
             const struct rnl_slice *body, int64_t timeout_ms, bool interruptible,
             struct answer *out, struct rnl_error *err)
{
    CURLcode code = CURLE_RECV_ERROR;
    int status;

    consul->len = 0;
    consul->index = 0;
    consul->leaderless = consul->too_long = false;
    consul->why[0] = '\0';
    *out = (struct answer){.body = ""};
    if (set_question(consul, method, path, body, timeout_ms) != RNL_OK ||
        curl_multi_add_handle(consul->multi, consul->easy) != CURLM_OK)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Consul");
    status = transfer(consul, interruptible, &code);
    curl_multi_remove_handle(consul->multi, consul->easy);
    if (status == RNL_AGAIN)
        return status;
    if (code != CURLE_OK)
        return unreachable(consul, code, err);
    curl_easy_getinfo(consul->easy, CURLINFO_RESPONSE_CODE, &out->code);
    out->len = consul->len;
    out->body = consul->len ? consul->body : "";
    out->index = consul->index;
    out->leaderless = consul->leaderless;
    return judge(consul, out, err);
}
