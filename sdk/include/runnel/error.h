/* How a call reports its outcome: a status, and the words for it. */
#ifndef RNL_ERROR_H
#define RNL_ERROR_H

#include <runnel/abi.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Negative is failure. The class says what the host does next. */
enum rnl_status {
    RNL_OK = 0,
    RNL_AGAIN = 1,   /* nothing yet; call again */
    RNL_DONE = 2,    /* nothing more, ever */
    RNL_ALTERED = 3, /* of cursor_read: tables are not what they were; see struct rnl_alteration */

    RNL_E_RETRY = -1,  /* transient: back off, reopen, try again */
    RNL_E_DATA = -2,   /* this row or bundle can never work as it is */
    RNL_E_CONFIG = -3, /* the operator must act: stop the pipeline */
    RNL_E_FATAL = -4,  /* a bug or exhaustion: stop the process */
};

/*
 * Made by the caller (RNL_ERROR_INIT), filled by the callee through rnl_fail().
 * code is stable and dotted ("mysql.access_denied", "postgres.23505"): people
 * search for it. text says what failed, on which object, why (in the server's
 * own words); hint says what to do, or is empty.
 */
struct rnl_error {
    uint32_t size;
    int32_t status;
    char code[40];
    char text[720];
    char hint[256];
};

#define RNL_ERROR_INIT                   \
    {                                    \
        .size = sizeof(struct rnl_error) \
    }

/* Says why, and returns the status: return rnl_fail(err, RNL_E_RETRY, "postgres.08006", ...); */
RNL_PRINTF(4, 5)
static inline int rnl_fail(struct rnl_error *err, int status, const char *code, const char *fmt,
                           ...)
{
    va_list ap;

    err->status = status;
    err->hint[0] = '\0';
    snprintf(err->code, sizeof(err->code), "%s", code);
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return status;
}

/* Adds what to do about an error already filled. */
RNL_PRINTF(2, 3)
static inline void rnl_hint(struct rnl_error *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
    va_end(ap);
}

#endif
