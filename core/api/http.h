/*
 * The HTTP server: listens, bounds what clients may do, and hands each request over whole. On
 * libevent's connections, and not on its evhttp: that has no cap of connections, no deadline for
 * a request that trickles, and answers what it can't read itself (2.1.12; docs/explanation/
 * decisions.md). All functions belong to the loop's thread.
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include "target.h"

#include <runnel/error.h>
#include <stdint.h>

struct loop;
struct http;
struct http_conn;

enum { HTTP_BODY_MOST = 1 << 20, HTTP_HEADERS_MOST = 16 << 10 };

enum http_method {
    HTTP_METHOD_GET = 1,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_DELETE,
};
const char *http_method_word(enum http_method method);

/* What is answered; texts and body are the reply's own, freed when it was sent. */
struct http_reply {
    int status;
    const char *type; /* of the body: a constant */
    char *body;
    size_t length;
    char *etag, *location, *link; /* headers, or NULL */
    const char *allow;            /* a constant, or NULL */
    int retry_after_s;            /* 0: not said */
    bool replayed;                /* Idempotency-Replayed: true */
    bool secret;                  /* the body holds one: it is wiped */
};

/* One request, copied out of the connection: it may be worked on by any one thread. */
struct http_request {
    enum http_method method;
    struct target target;
    char *uri; /* as it came, for problem documents */
    char *body;
    size_t length;
    char client[64]; /* address */
    char id[64];     /* X-Request-Id: the client's, when it is fit to be logged, or ours */
    char *key;       /* X-API-Key or bearer token, or NULL; wiped */
    char *content_type, *if_match, *if_none_match, *idempotency, *accept; /* headers, or NULL */
    struct http_reply reply;
    struct http *server;
    struct http_conn *conn; /* NULL: the client has gone */
    bool last;              /* the connection closes behind the reply */
};

struct http_settings {
    const char *address;                   /* numeric */
    uint16_t port;                         /* 0: any */
    const char *certificate, *private_key; /* PEM files; NULL: plain HTTP */
    const char *const *hosts;              /* known beside loopback and address; ends with NULL */
    uint32_t connections;                  /* at once; the one idle longest goes first */
    /* Answers, now or later, by http_send(); the request is its own until then. */
    void (*serve)(void *arg, struct http_request *request);
    void *arg;
};

/* settings are borrowed until http_close. RNL_E_CONFIG "api.listen", "api.certificate". */
int http_open(struct loop *loop, const struct http_settings *settings, struct http **server,
              struct rnl_error *err);
uint16_t http_port(const struct http *server);
/* Sends request->reply; the request is freed when it is sent. */
void http_send(struct http_request *request);
/* The certificate's files are read again; on failure the old ones stay in use. */
int http_reload(struct http *server, struct rnl_error *err);
/* Takes no more connections, and ends those that are idle; true once all are gone. */
bool http_drain(struct http *server);
/* No request may be under way. */
void http_close(struct http *server);

#endif
