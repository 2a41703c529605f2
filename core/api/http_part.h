/* What the parts of the HTTP server share. All of it belongs to the loop's thread. */
#ifndef API_HTTP_PART_H
#define API_HTTP_PART_H

#include "http_read.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <openssl/types.h>

#define HEAD_MS 10000  /* for a request's head, from its first byte */
#define BODY_MS 30000  /* and its body, from the head on */
#define SEND_MS 30000  /* for a reply to be taken */
#define IDLE_MS 75000  /* between requests */
#define LINGER_MS 2000 /* for a client to read why it was refused */
#define SWEEP_MS 500   /* how often that is looked at */

enum conn_state {
    CONN_IDLE = 0, /* between requests */
    CONN_HEAD,     /* a head comes in */
    CONN_BODY,     /* a body does */
    CONN_BUSY,     /* a request is worked on */
    CONN_SENDING,  /* its reply goes out */
    CONN_CLOSING,  /* nothing more is read or said */
};

struct http_conn {
    struct http *server;
    struct http_conn *previous, *next;
    struct bufferevent *stream;
    struct http_request *request; /* that comes in, or is worked on */
    struct http_chunks chunks;
    size_t length; /* of the body; chunked: how much room there is */
    bool chunked;
    enum conn_state state;
    int64_t since_ms, due_ms;
    char client[64];
};

struct http {
    const struct http_settings *settings;
    struct loop *loop;
    struct evconnlistener *listener;
    struct event *sweeper;
    SSL_CTX *tls; /* NULL: plain HTTP */
    struct http_conn *conns;
    uint32_t nconns;
    bool draining;
};

/* http_conn.c */
void conn_accept(struct http *server, evutil_socket_t fd, const struct sockaddr *from);
void conn_set(struct http_conn *conn, enum conn_state state);
/* Its reply is in the output: behind it the connection goes on, or ends. */
void conn_sends(struct http_conn *conn);
void conn_end(struct http_conn *conn);
void conn_sweep(evutil_socket_t fd, short what, void *server);

/* http_tls.c */
int tls_load(const struct http_settings *settings, SSL_CTX **tls, struct rnl_error *err);
struct bufferevent *tls_stream(struct event_base *base, evutil_socket_t fd, SSL_CTX *tls);

/* http.c */
struct http_request *request_new(struct http_conn *conn);
void request_free(struct http_request *request);
/* Its head was read; false: it was refused, and answered. */
bool request_take_head(struct http_request *request, const struct http_head *head);
void request_refuse(struct http_request *request, int status, const char *code, const char *text,
                    const char *hint);
/* The whole of it has come. */
void request_serve(struct http_request *request);

#endif
