/*
 * Questions to one HTTP server: one connection, bounded answers that are wiped, and a call that
 * another thread can break off. What an answer means is the caller's.
 */
#ifndef COMMON_WEB_H
#define COMMON_WEB_H

#include <runnel/plugin.h>

enum { WEB_HEADERS = 12, WEB_WORDS = 200 };

/* Borrowed for as long as the client lives. */
struct web_config {
    const char *what; /* "Vault": in messages */
    const char *url;  /* http://HOST:PORT, https://HOST:PORT */
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t connect_ms;
    size_t most_bytes; /* a longer answer is refused */
    /* codes and hints of errors */
    const char *away_code; /* RNL_E_RETRY */
    const char *tls_code, *tls_hint;
    const char *url_code, *url_hint;
    /* Each line of an answer's head, terminated; or NULL. */
    void (*on_header)(void *arg, const char *line);
    void *arg;
};

struct web_answer {
    long code;
    const char *body; /* terminated; until the next question */
    size_t len;
    const char *type;     /* of its content; "" */
    const char *location; /* where it is to be asked instead; "" */
};

struct web;

/* curl_global_init is done here, and undone by web_close. */
int web_open(const struct web_config *config, struct web **out, struct rnl_error *err);
void web_close(struct web *web);

/*
 * A head line of all questions from now on; value NULL: no more. Copied, and wiped when it is
 * replaced. RNL_E_CONFIG: it has more than one line.
 */
int web_header(struct web *web, const char *name, const char *value, struct rnl_error *err);

/*
 * RNL_OK: there is an answer, whatever its code. RNL_AGAIN: it was interruptible, and broken off.
 * path: behind the URL, with its "/", escaped. body NULL: none.
 */
int web_ask(struct web *web, const char *method, const char *path, const struct rnl_slice *body,
            int64_t timeout_ms, bool interruptible, struct web_answer *out, struct rnl_error *err);
/* The answer is of no more use. */
void web_wipe(struct web *web);
/* Breaks off the question under way, or the next one. Any thread. */
void web_interrupt(struct web *web);
/* Waits; false: it was broken off. */
bool web_pause(struct web *web, int64_t ms);
/* An interrupt that came too late counts no more. */
void web_calm(struct web *web);

/* Text as one part of a path; false: it doesn't fit. */
bool web_escape(char *out, size_t room, const char *text, size_t len);
/* The beginning of an answer, on one line. */
void web_say(const struct web_answer *answer, char *words, size_t size);

#endif
