/*
 * Requests as bytes: their heads and chunked bodies, by RFC 9112, read strictly. What has more
 * than one reading is refused, since others on the way may have read it otherwise.
 */
#ifndef API_HTTP_READ_H
#define API_HTTP_READ_H

#include "http.h"

enum { HEAD_HEADERS = 64 };

struct http_header {
    const char *name, *value;
};

/* Texts lie within the bytes that were parsed. */
struct http_head {
    enum http_method method; /* 0: none that is known */
    const char *uri;
    struct http_header headers[HEAD_HEADERS];
    size_t nheaders;
    size_t length; /* of the body, when it isn't chunked */
    bool chunked;
    bool last;    /* the connection ends behind it */
    bool expects; /* 100-continue */
};

/* What is wrong with it: the status that says so, 0: nothing. */
struct http_wrong {
    int status;
    const char *code, *text; /* constants */
};

/*
 * text: len bytes up to and with the empty line; they are written to. False: wrong says why;
 * head->uri may be known all the same.
 */
bool http_head_parse(char *text, size_t len, struct http_head *head, struct http_wrong *wrong);
const char *http_head_find(const struct http_head *head, const char *name); /* or NULL */

/* A chunked body as it comes in. Zeroed: at its beginning. */
struct http_chunks {
    uint8_t state;
    uint8_t digits;
    size_t left, total;
};

enum http_more { HTTP_MORE = 0, HTTP_WHOLE, HTTP_WRONG };

/*
 * Takes from *in up to end; what it yields is moved to out, at least as large; *count is how much.
 * HTTP_WHOLE: the body has ended, and *in stands behind it. HTTP_WRONG: wrong says why.
 */
enum http_more http_chunks_take(struct http_chunks *chunks, const char **in, const char *end,
                                char *out, size_t *count, struct http_wrong *wrong);

#endif
