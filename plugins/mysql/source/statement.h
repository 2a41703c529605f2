/* What a statement that stands in the log as text is, and which tables it touches. */
#ifndef MYSQL_STATEMENT_H
#define MYSQL_STATEMENT_H

#include "lexer.h"

enum statement_kind {
    STATEMENT_OTHER = 1, /* changes neither rows nor what rows are made of */
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_ROLLBACK_TO,
    STATEMENT_XA_START, /* these five: rest is the transaction's id */
    STATEMENT_XA_END,
    STATEMENT_XA_COMMIT,
    STATEMENT_XA_ROLLBACK,
    STATEMENT_TRUNCATE,      /* of the table told */
    STATEMENT_DDL,           /* the tables told are altered, made, dropped or renamed */
    STATEMENT_DROP_DATABASE, /* the schema told */
    STATEMENT_ROWS,          /* changes rows as a statement: each name in it is told as a schema */
};

struct statement {
    struct rnl_slice text;
    bool ansi_quotes; /* "a" is a name, not a text */
    bool no_escapes;  /* a backslash is itself */
    struct rnl_slice rest;
};

/* schema: "" where the session's is meant; table: NULL where a schema is told. */
typedef void statement_name_fn(void *user, const char *schema, const char *table);

enum statement_kind statement_read(struct statement *statement, statement_name_fn *fn, void *user);

/* in: at the first word, behind SET STATEMENT … FOR. */
void statement_begin(const struct statement *statement, struct lexer *in);

#endif
