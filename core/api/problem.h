/* Problem documents (RFC 9457): errors as the API's clients see them. */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "http.h"

#include <jansson.h>

/* Fills the reply. code: dotted, stable; hint: what to do, or "". */
void problem_reply(struct http_request *request, int status, const char *code, const char *detail,
                   const char *hint);
/* more: further members, taken over; or NULL. */
void problem_reply_with(struct http_request *request, int status, const char *code,
                        const char *detail, const char *hint, json_t *more);
/* The status follows from the code, or else from the error's class. */
void problem_of(struct http_request *request, const struct rnl_error *err);
const char *status_reason(int status);

#endif
