/* Connections of the HTTP server: bytes in, requests out; ended when they take too long, or are too
 * many. */
#include "http_part.h"

#include "../loop.h"
#include "../util/clock.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void conn_set(struct http_conn *conn, enum conn_state state)
{
    static const int64_t spans_ms[] = {
        [CONN_IDLE] = IDLE_MS,       [CONN_HEAD] = HEAD_MS,    [CONN_BODY] = BODY_MS,
        [CONN_BUSY] = INT64_MAX / 2, [CONN_SENDING] = SEND_MS, [CONN_CLOSING] = LINGER_MS,
    };

    conn->state = state;
    conn->since_ms = clock_ms();
    conn->due_ms = conn->since_ms + spans_ms[state];
}

void conn_end(struct http_conn *conn)
{
    struct http *server = conn->server;

    if (conn->previous)
        conn->previous->next = conn->next;
    else
        server->conns = conn->next;
    if (conn->next)
        conn->next->previous = conn->previous;
    if (conn->request && conn->state == CONN_BUSY)
        conn->request->conn = NULL; /* whoever works on it frees it */
    else if (conn->request)
        request_free(conn->request);
    bufferevent_free(conn->stream);
    server->nconns--;
    free(conn);
}

/* --- what comes in ---------------------------------------------------------------------------- */

static void refuse(struct http_conn *conn, const struct http_wrong *wrong)
{
    request_refuse(conn->request, wrong->status, wrong->code, wrong->text, "");
}

/* The request is on its way, or was refused; the connection may be gone behind this. */
static void take_head(struct http_conn *conn, size_t len)
{
    char text[HTTP_HEADERS_MOST + 4];
    struct evbuffer *input = bufferevent_get_input(conn->stream);
    struct http_wrong wrong;
    struct http_head head;

    evbuffer_remove(input, text, len);
    conn->request = request_new(conn);
    if (!http_head_parse(text, len, &head, &wrong)) {
        if (head.uri)
            conn->request->uri = strdup(head.uri);
        refuse(conn, &wrong);
    } else if (request_take_head(conn->request, &head)) {
        conn->chunks = (struct http_chunks){0};
        conn->chunked = head.chunked;
        conn->length = head.length;
        conn_set(conn, CONN_BODY);
        if (head.expects)
            bufferevent_write(conn->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    }
    explicit_bzero(text, len); /* it may hold a key */
}

/* false: more must come first. */
static bool read_head(struct http_conn *conn)
{
    static const struct http_wrong too_large = {431, "request.headers",
                                                "headers of more than 16 KB"};
    struct evbuffer *input = bufferevent_get_input(conn->stream);
    struct evbuffer_ptr end;

    if (conn->state == CONN_IDLE && evbuffer_get_length(input) > 0)
        conn_set(conn, CONN_HEAD);
    end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    if (end.pos >= 0 && end.pos <= HTTP_HEADERS_MOST) {
        take_head(conn, (size_t)end.pos + 4);
        return true;
    }
    if (end.pos < 0 && evbuffer_get_length(input) <= HTTP_HEADERS_MOST)
        return false;
    conn->request = request_new(conn);
    refuse(conn, &too_large);
    return true;
}

static bool grow(struct http_request *request, size_t more)
{
    char *body = realloc(request->body, request->length + more + 1);

    if (body)
        request->body = body;
    return body != NULL;
}

static bool read_chunks(struct http_conn *conn)
{
    struct evbuffer *input = bufferevent_get_input(conn->stream);
    struct http_request *request = conn->request;
    size_t waiting = evbuffer_get_length(input), count;
    const char *bytes = (const char *)evbuffer_pullup(input, -1), *at = bytes;
    struct http_wrong wrong;
    enum http_more more;

    if (waiting == 0 || !grow(request, waiting))
        return false;
    more = http_chunks_take(&conn->chunks, &at, bytes + waiting, request->body + request->length,
                            &count, &wrong);
    request->length += count;
    evbuffer_drain(input, (size_t)(at - bytes));
    if (more == HTTP_WRONG)
        refuse(conn, &wrong);
    if (more == HTTP_WHOLE)
        request_serve(request);
    return more != HTTP_MORE;
}

static bool read_body(struct http_conn *conn)
{
    struct evbuffer *input = bufferevent_get_input(conn->stream);
    struct http_request *request = conn->request;

    if (conn->chunked)
        return read_chunks(conn);
    if (evbuffer_get_length(input) < conn->length || !grow(request, conn->length))
        return false;
    request->length = conn->length;
    evbuffer_remove(input, request->body, conn->length);
    request_serve(request);
    return true;
}

/* As far as what has come allows; one request at a time, the next ones wait in the input. */
static void read_on(struct http_conn *conn)
{
    for (;;) {
        switch (conn->state) {
        case CONN_IDLE:
        case CONN_HEAD:
            if (!read_head(conn))
                return;
            break;
        case CONN_BODY:
            if (!read_body(conn))
                return;
            break;
        case CONN_CLOSING:
            evbuffer_drain(bufferevent_get_input(conn->stream), SIZE_MAX);
            return;
        default:
            return;
        }
    }
}

static void on_input(struct bufferevent *stream, void *arg)
{
    (void)stream;
    read_on(arg);
}

/* --- what goes out ---------------------------------------------------------------------------- */

void conn_sends(struct http_conn *conn)
{
    conn_set(conn, CONN_SENDING);
    bufferevent_enable(conn->stream, EV_WRITE);
}

/* A client that is still sending would lose the reply by a reset: it is read out first. */
static void close_softly(struct http_conn *conn)
{
    conn_set(conn, CONN_CLOSING);
    shutdown(bufferevent_getfd(conn->stream), SHUT_WR);
    bufferevent_enable(conn->stream, EV_READ);
    evbuffer_drain(bufferevent_get_input(conn->stream), SIZE_MAX);
}

/* Called when all that was to be sent is. */
static void on_sent(struct bufferevent *stream, void *arg)
{
    struct http_conn *conn = arg;
    bool last;

    if (conn->state != CONN_SENDING || evbuffer_get_length(bufferevent_get_output(stream)) > 0)
        return;
    last = conn->request->last || conn->server->draining;
    request_free(conn->request);
    conn->request = NULL;
    if (last) {
        close_softly(conn);
        return;
    }
    conn_set(conn, CONN_IDLE);
    bufferevent_enable(stream, EV_READ);
    read_on(conn);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    (void)stream;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        conn_end(arg);
}

/* --- as a whole ------------------------------------------------------------------------------- */

/* That rests, or hasn't got to the end of its request, for the longest time. */
static struct http_conn *idle_longest(const struct http *server)
{
    struct http_conn *found = NULL;

    for (struct http_conn *conn = server->conns; conn; conn = conn->next)
        if (conn->state != CONN_BUSY && conn->state != CONN_SENDING &&
            (!found || conn->since_ms < found->since_ms))
            found = conn;
    return found;
}

static void client_text(const struct sockaddr *from, char *buf, size_t size)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;

    if (from->sa_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, buf, (socklen_t)size);
    else if (from->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, buf, (socklen_t)size);
}

static struct bufferevent *stream_new(struct http *server, evutil_socket_t fd)
{
    struct event_base *base = loop_base(server->loop);

    return server->tls ? tls_stream(base, fd, server->tls)
                       : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
}

void conn_accept(struct http *server, evutil_socket_t fd, const struct sockaddr *from)
{
    struct http_conn *idle = NULL, *conn;

    if (server->nconns >= server->settings->connections)
        idle = idle_longest(server);
    if (idle)
        conn_end(idle);
    conn = server->nconns < server->settings->connections ? calloc(1, sizeof(*conn)) : NULL;
    if (!conn || !(conn->stream = stream_new(server, fd))) {
        close(fd);
        free(conn);
        return;
    }
    conn->server = server;
    conn->next = server->conns;
    if (conn->next)
        conn->next->previous = conn;
    server->conns = conn;
    server->nconns++;
    client_text(from, conn->client, sizeof(conn->client));
    conn_set(conn, CONN_IDLE);
    bufferevent_setcb(conn->stream, on_input, on_sent, on_event, conn);
    /* a body, its chunks' sizes, and the head of the next: what more comes waits in the socket */
    bufferevent_setwatermark(conn->stream, EV_READ, 0, HTTP_BODY_MOST + 2 * HTTP_HEADERS_MOST);
    bufferevent_enable(conn->stream, EV_READ | EV_WRITE);
}

void conn_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct http *server = arg;
    struct http_conn *next;
    int64_t now = clock_ms();

    (void)fd;
    (void)what;
    for (struct http_conn *conn = server->conns; conn; conn = next) {
        next = conn->next;
        if (now >= conn->due_ms)
            conn_end(conn);
    }
}
