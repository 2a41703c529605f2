/* The HTTP server: a request copied out of its connection, a reply put back into it. */
#include "http_part.h"

#include "../loop.h"
#include "../secret.h"
#include "../util/clock.h"
#include "../util/log.h"
#include "problem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

/* --- a request -------------------------------------------------------------------------------- */

static void wipe_free(char *text)
{
    if (text)
        secret_wipe(text, strlen(text));
    free(text);
}

void request_free(struct http_request *request)
{
    struct http_reply *reply = &request->reply;

    if (reply->secret && reply->body)
        secret_wipe(reply->body, reply->length);
    free(reply->body);
    free(reply->etag);
    free(reply->location);
    free(reply->link);
    free(request->uri);
    if (request->body)
        secret_wipe(request->body, request->length); /* it may hold passwords */
    free(request->body);
    wipe_free(request->key);
    free(request->content_type);
    free(request->if_match);
    free(request->if_none_match);
    free(request->idempotency);
    free(request->accept);
    free(request);
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* Fit to be logged and sent back. */
static bool is_plain(const char *text)
{
    const char *at = text;

    while (isalnum((unsigned char)*at) || (*at && strchr("-._:", *at)))
        at++;
    return *at == '\0';
}

static void take_id(struct http_request *request, const char *said)
{
    size_t len = said ? strlen(said) : 0;
    uint8_t bits[8] = {0};

    if (len > 0 && len < sizeof(request->id) && is_plain(said)) {
        memcpy(request->id, said, len + 1);
        return;
    }
    if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        memcpy(bits, &(int64_t){clock_ms()}, sizeof(bits));
    for (size_t i = 0; i < sizeof(bits); i++)
        snprintf(request->id + 2 * i, 3, "%02x", bits[i]);
}

static char *take_key(const struct http_head *head)
{
    const char *key = http_head_find(head, "X-API-Key");
    const char *bearer = http_head_find(head, "Authorization");

    if (!key && bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
        key = bearer + 7 + strspn(bearer + 7, " ");
    return copy(key);
}

struct http_request *request_new(struct http_conn *conn)
{
    struct http_request *request = calloc(1, sizeof(*request));

    if (!request)
        abort();
    *request = (struct http_request){.server = conn->server, .conn = conn};
    memcpy(request->client, conn->client, sizeof(request->client));
    take_id(request, "");
    return request;
}

void request_refuse(struct http_request *request, int status, const char *code, const char *text,
                    const char *hint)
{
    request->last = true;
    problem_reply(request, status, code, text, hint);
    http_send(request);
}

bool request_take_head(struct http_request *request, const struct http_head *head)
{
    const struct http_settings *settings = request->server->settings;
    const char *wrong;

    request->method = head->method;
    request->last = head->last;
    request->uri = copy(head->uri);
    request->body = calloc(1, 1);
    request->key = take_key(head);
    request->content_type = copy(http_head_find(head, "Content-Type"));
    request->if_match = copy(http_head_find(head, "If-Match"));
    request->if_none_match = copy(http_head_find(head, "If-None-Match"));
    request->idempotency = copy(http_head_find(head, "Idempotency-Key"));
    request->accept = copy(http_head_find(head, "Accept"));
    take_id(request, http_head_find(head, "X-Request-Id"));
    wrong = target_parse(head->uri, &request->target);
    if (!target_host_known(http_head_find(head, "Host"), settings->address, settings->hosts))
        request_refuse(request, 421, "request.host",
                       "the Host of the request isn't a name of this server",
                       "ask it by the address it listens on, or name yours in api.hosts");
    else if (wrong)
        request_refuse(request, 400, "request.target", wrong, "");
    else
        return true;
    return false;
}

void request_serve(struct http_request *request)
{
    conn_set(request->conn, CONN_BUSY);
    bufferevent_disable(request->conn->stream, EV_READ); /* the next one waits */
    request->server->settings->serve(request->server->settings->arg, request);
}

/* --- its reply -------------------------------------------------------------------------------- */

static void put(struct evbuffer *out, const char *name, const char *value)
{
    if (value)
        evbuffer_add_printf(out, "%s: %s\r\n", name, value);
}

static void put_date(struct evbuffer *out)
{
    time_t now = time(NULL);
    struct tm utc;
    char text[64];

    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    put(out, "Date", text);
}

static void put_head(const struct http_request *request, struct evbuffer *out)
{
    const struct http_reply *reply = &request->reply;
    char number[32];

    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", reply->status, status_reason(reply->status));
    put_date(out);
    put(out, "Content-Type", reply->length > 0 ? reply->type : NULL);
    put(out, "Cache-Control", "no-store");
    put(out, "X-Content-Type-Options", "nosniff");
    put(out, "Referrer-Policy", "no-referrer");
    put(out, "Cross-Origin-Resource-Policy", "same-origin");
    put(out, "X-Request-Id", request->id);
    put(out, "ETag", reply->etag);
    put(out, "Location", reply->location);
    put(out, "Link", reply->link);
    put(out, "Allow", reply->allow);
    put(out, "Idempotency-Replayed", reply->replayed ? "true" : NULL);
    put(out, "WWW-Authenticate", reply->status == 401 ? "Bearer" : NULL);
    snprintf(number, sizeof(number), "%d", reply->retry_after_s);
    put(out, "Retry-After", reply->retry_after_s ? number : NULL);
    put(out, "Connection", request->last || request->server->draining ? "close" : NULL);
    snprintf(number, sizeof(number), "%zu", reply->length);
    put(out, "Content-Length", reply->status == 204 || reply->status == 304 ? NULL : number);
    evbuffer_add(out, "\r\n", 2);
}

void http_send(struct http_request *request)
{
    struct http_reply *reply = &request->reply;
    struct evbuffer *out;

    log_write(RNL_LOG_DEBUG, "api", "%s %s: %d [%s]", http_method_word(request->method),
              request->uri ? request->uri : "-", reply->status, request->id);
    if (!request->conn) {
        request_free(request);
        return;
    }
    out = bufferevent_get_output(request->conn->stream);
    put_head(request, out);
    if (reply->length > 0 && request->method != HTTP_METHOD_HEAD)
        evbuffer_add(out, reply->body, reply->length);
    conn_sends(request->conn);
}

/* --- the server ------------------------------------------------------------------------------- */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int length, void *arg)
{
    (void)listener;
    (void)length;
    conn_accept(arg, fd, from);
}

static int listen_at(struct http *server, struct rnl_error *err)
{
    const struct http_settings *settings = server->settings;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(settings->port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(settings->port)};
    bool is_v4 = inet_pton(AF_INET, settings->address, &v4.sin_addr) == 1;

    if (is_v4 || inet_pton(AF_INET6, settings->address, &v6.sin6_addr) == 1)
        server->listener = evconnlistener_new_bind(
            loop_base(server->loop), on_accept, server,
            LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 512,
            is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
            is_v4 ? sizeof(v4) : sizeof(v6));
    if (server->listener)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "api.listen", "the API can't listen on %s port %d: %s",
             settings->address, settings->port, strerror(errno));
    rnl_hint(err, "another program may have that port: api = { listen = \"ADDRESS:PORT\"; }");
    return err->status;
}

static int set_up(struct http *server, struct rnl_error *err)
{
    const struct timeval sweep = {.tv_usec = SWEEP_MS * 1000L};

    server->sweeper = event_new(loop_base(server->loop), -1, EV_PERSIST, conn_sweep, server);
    if (!server->sweeper || event_add(server->sweeper, &sweep) != 0)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    return listen_at(server, err);
}

int http_open(struct loop *loop, const struct http_settings *settings, struct http **server,
              struct rnl_error *err)
{
    struct http *fresh = calloc(1, sizeof(*fresh));

    *server = NULL;
    if (!fresh)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    *fresh = (struct http){.settings = settings, .loop = loop};
    if ((settings->certificate && tls_load(settings, &fresh->tls, err) != RNL_OK) ||
        set_up(fresh, err) != RNL_OK) {
        http_close(fresh);
        return err->status;
    }
    *server = fresh;
    return RNL_OK;
}

uint16_t http_port(const struct http *server)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof(at);

    if (getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&at, &size) != 0)
        return 0;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
}

int http_reload(struct http *server, struct rnl_error *err)
{
    SSL_CTX *tls;

    if (!server->tls || tls_load(server->settings, &tls, err) != RNL_OK)
        return err->status;
    SSL_CTX_free(server->tls); /* connections hold their own reference */
    server->tls = tls;
    return RNL_OK;
}

bool http_drain(struct http *server)
{
    struct http_conn *next;

    server->draining = true;
    if (server->listener)
        evconnlistener_free(server->listener);
    server->listener = NULL;
    for (struct http_conn *conn = server->conns; conn; conn = next) {
        next = conn->next;
        if (conn->state == CONN_IDLE || conn->state == CONN_HEAD)
            conn_end(conn);
    }
    return server->nconns == 0;
}

void http_close(struct http *server)
{
    if (!server)
        return;
    if (server->listener)
        evconnlistener_free(server->listener);
    while (server->conns)
        conn_end(server->conns);
    if (server->sweeper)
        event_free(server->sweeper);
    SSL_CTX_free(server->tls);
    free(server);
}
