/* The form of a table as statements of the log make it out of the form before; no connection. */
#ifndef MYSQL_FORM_H
#define MYSQL_FORM_H

#include "describe.h"
#include "statement.h"

#define FORM_NONE UINT32_MAX

struct form_column {
    struct rnl_column is;
    uint32_t id;  /* the same wherever it moves */
    uint32_t was; /* its place in the form before; FORM_NONE: it is new */
    bool told;    /* the statement says what it is now */
    bool unknown; /* its type is no word that is known here */
};

/*
 * Made of a table (which must outlive it) or of nothing, changed by what a statement says, then
 * closed: table is the form from then on. Until then parts of indexes and columns of foreign keys
 * name columns by id.
 */
struct form {
    struct form *next;              /* for its owner */
    struct pool pool, shown;        /* shown: of what was described, if it is lent to this form */
    const struct rnl_table *before; /* NULL: the table is new */
    struct rnl_table table;
    struct form_column *columns;
    struct rnl_index *indexes;
    struct rnl_foreign_key *keys;
    struct rnl_check *checks;
    uint32_t columns_size, indexes_size, keys_size, checks_size;
    uint32_t next_id;
    bool mariadb;
    unsigned version;
    const char *charset, *collation; /* of columns that say none; NULL: unknown */
    const char *database;

    bool failed;   /* out of memory */
    bool strange;  /* the statement says what isn't understood, or can't be followed */
    bool repeated; /* the statement was done already: the form is newer */
    bool load;     /* rows change, and no row of the log tells it */
    bool cut;      /* partitions are others */
    bool copied;   /* of another table's columns (SELECT): those aren't known */
    char like_schema[STATEMENT_NAME_MAX], like[STATEMENT_NAME_MAX]; /* LIKE this table */
    char to_schema[STATEMENT_NAME_MAX], to[STATEMENT_NAME_MAX];     /* RENAME TO */
};

/* form.c; pool: empty or given on. */
void form_begin(struct form *form, const struct rnl_table *before);
/* The columns in which name is found as it was before the statement, or as it is. */
struct form_column *form_column_before(struct form *form, const char *name);
struct form_column *form_column_now(struct form *form, const char *name);
/* NULL: out of memory, or too many. */
struct form_column *form_column_add(struct form *form, const char *name);
void form_column_drop(struct form *form, struct form_column *column);
/* after: NULL puts it first. */
void form_column_move(struct form *form, struct form_column *column, const char *after);

struct rnl_index *form_index_find(struct form *form, const char *name);
struct rnl_index *form_index_add(struct form *form);
void form_index_drop(struct form *form, const struct rnl_index *index);
/* column: an id; expression: or NULL */
void form_part_add(struct form *form, struct rnl_index *index, uint32_t column, uint32_t prefix,
                   bool descending, const char *expression);
struct rnl_foreign_key *form_key_find(struct form *form, const char *name);
struct rnl_foreign_key *form_key_add(struct form *form);
void form_key_drop(struct form *form, const struct rnl_foreign_key *key);
struct rnl_check *form_check_find(struct form *form, const char *name);
struct rnl_check *form_check_add(struct form *form);
void form_check_drop(struct form *form, const struct rnl_check *check);
/* A text of the form's; NULL (and failed): out of memory. */
const char *form_text(struct form *form, const void *text, size_t len);

/* Ids become places again; what lost all its columns goes. */
void form_close(struct form *form);
/* What stands on the server now says more than the statement, where both agree. */
void form_refine(struct form *form, const struct rnl_table *now);
/* Whether rows and structure are the same; comments and storage don't count. */
bool form_is(const struct rnl_table *a, const struct rnl_table *b);
void form_free(struct form *form);

/* form_column.c: the definition behind a column's name, up to a comma, and FIRST or AFTER */
void form_define(struct form *form, struct form_column *column, struct lexer *in);
/* Behind ALTER COLUMN … SET DEFAULT */
void form_default(struct form *form, struct form_column *column, struct lexer *in);
bool form_charset_take(struct form *form, struct lexer *in, const char **charset,
                       const char **collation);
/* form_key.c: what stands in a list: at PRIMARY, UNIQUE, KEY, CONSTRAINT, ...; false: none */
bool form_constraint(struct form *form, struct lexer *in);
/* Behind REFERENCES; key: NULL passes over it. */
void form_references(struct form *form, struct rnl_foreign_key *key, struct lexer *in);
/* (a, b(10) DESC) and what stands behind */
void form_parts(struct form *form, struct rnl_index *index, struct lexer *in);
struct rnl_index *form_index_new(struct form *form, const char *name, uint32_t flags, bool careful);
/* Once it has its parts. */
void form_index_settle(struct form *form, struct rnl_index *index);

/*
 * form_alter.c: a whole statement about this table, at its first word: ALTER TABLE, CREATE TABLE,
 * CREATE INDEX, DROP INDEX. The form is closed then, unless strange, repeated or failed.
 */
void form_apply(struct form *form, const struct statement *statement);

#endif
