/* Questions to one HTTP server, by libcurl: bounded, without redirects, to be broken off. */
#include "web.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { POLL_MS = 1000 };

struct header {
    char *name;
    char *value;
};

struct web {
    struct web_config config;
    CURL *easy;
    CURLM *multi;
    struct header headers[WEB_HEADERS];
    char why[CURL_ERROR_SIZE];
    char *body;
    size_t len, room;
    char type[100];
    char location[400];
    bool too_long;
    atomic_bool interrupted;
};

/* --- what comes ------------------------------------------------------------------------------- */

/* What may hold a secret isn't left behind by a realloc. */
static bool make_room(struct web *web, size_t size)
{
    char *body;

    if (size <= web->room)
        return true;
    body = malloc(2 * size);
    if (!body)
        return false;
    if (web->len)
        memcpy(body, web->body, web->len);
    if (web->body)
        explicit_bzero(web->body, web->room);
    free(web->body);
    web->body = body;
    web->room = 2 * size;
    return true;
}

static size_t take_body(char *bytes, size_t one, size_t len, void *arg)
{
    struct web *web = arg;

    (void)one; /* is 1, says libcurl */
    if (len > web->config.most_bytes - web->len) {
        web->too_long = true;
        return 0;
    }
    if (!make_room(web, web->len + len + 1))
        return 0;
    memcpy(web->body + web->len, bytes, len);
    web->len += len;
    web->body[web->len] = '\0';
    return len;
}

/* "Name: value" into out, when the line is of that name. */
static void keep_header(const char *line, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);

    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
        return;
    line += len + 1;
    line += strspn(line, " \t");
    snprintf(out, size, "%.*s", (int)strcspn(line, "\r\n"), line);
}

static size_t take_header(char *bytes, size_t one, size_t len, void *arg)
{
    struct web *web = arg;
    char line[512];

    (void)one;
    snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line) - 1), bytes);
    keep_header(line, "Content-Type", web->type, sizeof(web->type));
    keep_header(line, "Location", web->location, sizeof(web->location));
    if (web->config.on_header)
        web->config.on_header(web->config.arg, line);
    return len;
}

/* --- its life --------------------------------------------------------------------------------- */

static int no_memory(const struct web *web, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for %s", web->config.what);
}

static int set_tls(struct web *web, struct rnl_error *err)
{
    const struct web_config *config = &web->config;
    CURLcode code = CURLE_OK;

    if (config->tls_ca)
        code = curl_easy_setopt(web->easy, CURLOPT_CAINFO, config->tls_ca);
    if (code == CURLE_OK && config->tls_cert)
        code = curl_easy_setopt(web->easy, CURLOPT_SSLCERT, config->tls_cert);
    if (code == CURLE_OK && config->tls_key)
        code = curl_easy_setopt(web->easy, CURLOPT_SSLKEY, config->tls_key);
    if (code == CURLE_OK)
        code = curl_easy_setopt(web->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (code == CURLE_OK)
        return RNL_OK;
    return rnl_fail(err, RNL_E_CONFIG, config->tls_code, "libcurl can't use these certificates: %s",
                    curl_easy_strerror(code));
}

static int set_up(struct web *web, struct rnl_error *err)
{
    CURL *easy = web->easy = curl_easy_init();

    web->multi = curl_multi_init();
    if (!easy || !web->multi)
        return no_memory(web, err);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, web->why);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, web);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, web);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)web->config.connect_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (set_tls(web, err) != RNL_OK)
        return err->status;
    return web_header(web, "Content-Type", "application/json", err);
}

int web_open(const struct web_config *config, struct web **out, struct rnl_error *err)
{
    struct web *web;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return rnl_fail(err, RNL_E_FATAL, "memory", "libcurl can't begin");
    web = calloc(1, sizeof(*web));
    if (!web) {
        curl_global_cleanup();
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for %s", config->what);
    }
    web->config = *config;
    if (set_up(web, err) != RNL_OK) {
        web_close(web);
        return err->status;
    }
    *out = web;
    return RNL_OK;
}

static void header_clear(struct header *header)
{
    if (header->value)
        explicit_bzero(header->value, strlen(header->value));
    free(header->value);
    free(header->name);
    *header = (struct header){0};
}

void web_close(struct web *web)
{
    if (!web)
        return;
    if (web->easy)
        curl_easy_cleanup(web->easy);
    if (web->multi)
        curl_multi_cleanup(web->multi);
    for (size_t i = 0; i < WEB_HEADERS; i++)
        header_clear(&web->headers[i]);
    if (web->body)
        explicit_bzero(web->body, web->room);
    free(web->body);
    free(web);
    curl_global_cleanup();
}

int web_header(struct web *web, const char *name, const char *value, struct rnl_error *err)
{
    struct header *header = NULL;

    for (size_t i = 0; i < WEB_HEADERS; i++) {
        struct header *at = &web->headers[i];

        if (at->name && strcmp(at->name, name) == 0) {
            header = at;
            break;
        }
        if (!at->name && !header)
            header = at;
    }
    if (!header)
        return rnl_fail(err, RNL_E_FATAL, "memory", "too many head lines");
    header_clear(header);
    if (!value)
        return RNL_OK;
    if (strpbrk(value, "\r\n"))
        return rnl_fail(err, RNL_E_CONFIG, web->config.url_code,
                        "what goes to %s as %s has "
                        "more than one line",
                        web->config.what, name);
    header->name = strdup(name);
    header->value = strdup(value);
    return header->name && header->value ? RNL_OK : no_memory(web, err);
}

static void list_wipe(struct curl_slist *list)
{
    for (struct curl_slist *at = list; at; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(list);
}

/* As libcurl wants them; NULL: memory is out. */
static struct curl_slist *list_headers(const struct web *web)
{
    struct curl_slist *list = NULL, *longer;

    for (size_t i = 0; i < WEB_HEADERS; i++) {
        const struct header *header = &web->headers[i];
        char *line;

        if (!header->name)
            continue;
        if (asprintf(&line, "%s: %s", header->name, header->value) < 0)
            break;
        longer = curl_slist_append(list, line);
        explicit_bzero(line, strlen(line));
        free(line);
        if (!longer)
            break;
        list = longer;
    }
    return list;
}

/* --- a question ------------------------------------------------------------------------------- */

/* What keeps a connection from coming about for good, unlike one that may come. */
static bool is_of_tls(CURLcode code, const char *why)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR ||
           strstr(why, "certificate required") || strstr(why, "wrong version number") ||
           strstr(why, "bad certificate") || strstr(why, "unknown ca");
}

/* Hung up on behind the handshake: so ends one who shows no certificate where one is wanted. */
static bool may_want_certificate(const struct web *web, CURLcode code)
{
    curl_off_t handshake_us = 0;
    long connects = 0;

    curl_easy_getinfo(web->easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
    curl_easy_getinfo(web->easy, CURLINFO_NUM_CONNECTS, &connects);
    return !web->config.tls_cert && handshake_us > 0 && connects > 0 && web->len == 0 &&
           (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR);
}

static int unreachable(const struct web *web, CURLcode code, struct rnl_error *err)
{
    const struct web_config *config = &web->config;
    const char *why = *web->why ? web->why : curl_easy_strerror(code);

    if (web->too_long)
        return rnl_fail(err, RNL_E_RETRY, config->away_code,
                        "%s at %s: an answer is longer than %zu bytes", config->what, config->url,
                        config->most_bytes);
    if (is_of_tls(code, why)) {
        rnl_fail(err, RNL_E_CONFIG, config->tls_code, "%s at %s: %s", config->what, config->url,
                 why);
        rnl_hint(err, "%s", config->tls_hint);
        return err->status;
    }
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
        rnl_fail(err, RNL_E_CONFIG, config->url_code, "\"%s\" leads to no %s: %s", config->url,
                 config->what, why);
        rnl_hint(err, "%s", config->url_hint);
        return err->status;
    }
    if (may_want_certificate(web, code)) {
        rnl_fail(err, RNL_E_RETRY, config->tls_code,
                 "%s at %s hung up behind the TLS handshake, as one that wants a client "
                 "certificate: %s",
                 config->what, config->url, why);
        rnl_hint(err, "%s", config->tls_hint);
        return err->status;
    }
    return rnl_fail(err, RNL_E_RETRY, config->away_code, "%s at %s: %s", config->what, config->url,
                    why);
}

/* Until the transfer has ended, into *code; RNL_AGAIN: it was broken off. */
static int transfer(struct web *web, bool interruptible, CURLcode *code)
{
    int running = 1, left;

    while (running) {
        const CURLMsg *message;
        CURLMcode failed = curl_multi_perform(web->multi, &running);

        while ((message = curl_multi_info_read(web->multi, &left)) != NULL)
            if (message->msg == CURLMSG_DONE)
                *code = message->data.result;
        if (failed != CURLM_OK)
            return RNL_OK; /* *code still says that nothing came */
        if (interruptible && atomic_exchange(&web->interrupted, false))
            return RNL_AGAIN;
        if (running)
            curl_multi_poll(web->multi, NULL, 0, POLL_MS, NULL);
    }
    return RNL_OK;
}

static int set_question(struct web *web, const char *method, const char *path,
                        const struct rnl_slice *body, int64_t timeout_ms)
{
    const char *base = web->config.url;
    size_t len = strlen(base);
    char *url = NULL;
    CURLcode code;

    while (len > 0 && base[len - 1] == '/')
        len--;
    if (asprintf(&url, "%.*s%s", (int)len, base, path) < 0)
        return RNL_E_FATAL;
    code = curl_easy_setopt(web->easy, CURLOPT_URL, url);
    free(url);
    curl_easy_setopt(web->easy, CURLOPT_HTTPGET, 1L);
    if (body) {
        curl_easy_setopt(web->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
        curl_easy_setopt(web->easy, CURLOPT_POSTFIELDS, body->len ? body->ptr : "");
    }
    curl_easy_setopt(web->easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(web->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    return code == CURLE_OK ? RNL_OK : RNL_E_FATAL;
}

int web_ask(struct web *web, const char *method, const char *path, const struct rnl_slice *body,
            int64_t timeout_ms, bool interruptible, struct web_answer *out, struct rnl_error *err)
{
    struct curl_slist *headers = list_headers(web);
    CURLcode code = CURLE_RECV_ERROR;
    int status;

    web_wipe(web);
    web->too_long = false;
    web->why[0] = web->type[0] = web->location[0] = '\0';
    *out = (struct web_answer){.body = "", .type = web->type, .location = web->location};
    curl_easy_setopt(web->easy, CURLOPT_HTTPHEADER, headers);
    if (!headers || set_question(web, method, path, body, timeout_ms) != RNL_OK ||
        curl_multi_add_handle(web->multi, web->easy) != CURLM_OK) {
        status = no_memory(web, err);
        goto wipe_headers;
    }
    status = transfer(web, interruptible, &code);
    curl_multi_remove_handle(web->multi, web->easy);
    if (status == RNL_OK && code != CURLE_OK)
        status = unreachable(web, code, err);
    if (status != RNL_OK)
        goto wipe_headers;
    curl_easy_getinfo(web->easy, CURLINFO_RESPONSE_CODE, &out->code);
    out->len = web->len;
    out->body = web->len ? web->body : "";
wipe_headers:
    curl_easy_setopt(web->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(web->easy, CURLOPT_POSTFIELDS, NULL);
    list_wipe(headers);
    return status;
}

void web_wipe(struct web *web)
{
    if (web->body)
        explicit_bzero(web->body, web->len);
    web->len = 0;
}

void web_interrupt(struct web *web)
{
    atomic_store(&web->interrupted, true);
    curl_multi_wakeup(web->multi);
}

bool web_pause(struct web *web, int64_t ms)
{
    /* with nothing to be heard of, only a wake-up ends it before its time */
    if (!atomic_load(&web->interrupted))
        curl_multi_poll(web->multi, NULL, 0, (int)ms, NULL);
    return !atomic_exchange(&web->interrupted, false);
}

void web_calm(struct web *web)
{
    atomic_store(&web->interrupted, false);
}

/* --- words ------------------------------------------------------------------------------------ */

bool web_escape(char *out, size_t room, const char *text, size_t len)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (n + 4 > room)
            return false;
        if (text[i] && strchr(plain, text[i]))
            out[n++] = text[i];
        else
            n += (size_t)snprintf(out + n, room - n, "%%%02X", (unsigned char)text[i]);
    }
    if (n >= room)
        return false;
    out[n] = '\0';
    return true;
}

void web_say(const struct web_answer *answer, char *words, size_t size)
{
    size_t n = 0;

    for (; n + 1 < size && n < answer->len && answer->body[n]; n++)
        words[n] = (unsigned char)answer->body[n] < ' ' ? ' ' : answer->body[n];
    while (n > 0 && words[n - 1] == ' ')
        n--;
    words[n] = '\0';
}
