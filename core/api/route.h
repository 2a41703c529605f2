/* The one table of routes: from it come dispatch, scopes, checks of fields, and the OpenAPI
 * document. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "http.h"

#include <jansson.h>

struct call;

enum { ROUTE_PARAMS = 3 };

enum field_type { FIELD_TEXT = 1, FIELD_NUMBER, FIELD_FLAG, FIELD_TEXTS, FIELD_NUMBERS };

/* Of a query or a body. Tables end with a name of NULL. */
struct field {
    const char *name;
    enum field_type type;
    bool required;
    const char *choices; /* "a|b", or NULL */
    int64_t least, most; /* of numbers; lengths of texts; 0, 0: not bounded further */
    const char *help;
};

enum {
    ROUTE_PUBLIC = 1 << 0,   /* without a key */
    ROUTE_PIPELINE = 1 << 1, /* the first parameter is a pipeline: keys may be limited to some */
    ROUTE_ANY_BODY = 1 << 2, /* an object whose fields the configuration checks */
    ROUTE_TEXT = 1 << 3,     /* answers plain text */
    ROUTE_LISTS = 1 << 4,    /* answers pages */
    ROUTE_ALL_KEYS = 1 << 5, /* any key that is valid, whatever its scopes */
    ROUTE_WHOLE = 1 << 6,    /* not for keys that are limited to pipelines */
};

struct route {
    enum http_method method;
    const char *path; /* "/api/v1/pipelines/{pipeline}/start" */
    unsigned scope;   /* enum key_scope; 0: PUBLIC or ALL_KEYS */
    unsigned flags;
    int ok;         /* status of success */
    const char *id; /* operationId */
    const char *summary;
    int (*handle)(struct call *call, struct rnl_error *err); /* RNL_OK, or the error to answer */
    const struct field *query, *body;                        /* or NULL: none */
    const char *reply; /* schema of the reply's items or body, or NULL */
};

extern const struct route routes[];
extern const size_t nroutes;

/*
 * The route of a target. NULL: none; *allow tells the methods that its path has, or NULL. params
 * are filled from the target's segments. HEAD is GET.
 */
const struct route *route_find(enum http_method method, const struct target *target,
                               const char **params, const char **allow);
/* NULL, or what is wrong with the fields; *which is set to the field's name. */
const char *route_check_query(const struct route *route, const struct target *target,
                              const char **which);
const char *route_check_body(const struct route *route, const json_t *body, const char **which);

/* The OpenAPI 3.1 document of all routes. */
json_t *openapi_document(void);

/* Scopes by their words: "read", …; "" for 0. */
const char *scope_word(unsigned scope);

#endif
