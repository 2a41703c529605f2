/*
 * Translates expressions between the dialects of MySQL (and MariaDB), PostgreSQL and
 * SQLite: those that mean exactly the same. What is not provably the same is refused.
 */
#ifndef COMMON_EXPR_H
#define COMMON_EXPR_H

#include "buf.h"
#include "element.h"

/* SQLite's too: what is true there of MySQL's "mysql" is meant of MariaDB as well. */
enum expr_dialect { EXPR_MYSQL, EXPR_POSTGRES, EXPR_SQLITE };

/* What a part of an expression yields, as the target has it. */
enum expr_class {
    EXPR_NULL,
    EXPR_BOOL, /* a truth value; in MySQL and SQLite also a number */
    EXPR_INT,
    EXPR_DECIMAL,
    EXPR_TEXT,
    EXPR_DAY, /* a date, or a date and time of day */
    EXPR_OTHER,
    EXPR_DOUBLE,
    EXPR_TIME,
    EXPR_BYTES,
    EXPR_JSON,
    EXPR_UUID,
    EXPR_MOMENT, /* a moment in time, of any zone: timestamptz */
};

/* A column as the target will have it. */
struct expr_column {
    const char *name;      /* not quoted */
    const char *cast;      /* put behind the name: "::text" of an enum in PostgreSQL; or NULL */
    enum expr_class class; /* EXPR_OTHER: nothing is known to hold of its values */
    bool bytewise; /* TEXT: its collation tells texts apart by their bytes, no more, no less */
};

struct expr_scope {
    enum expr_dialect from, to;
    const struct rnl_table *table; /* whose columns the names are; NULL: there are no names */
    /*
     * With table: what a column is in the target. false: the target has no such column.
     * name and cast are borrowed until expr_translate() returns.
     */
    bool (*column)(void *arg, uint32_t index, struct expr_column *out);
    void *arg;
    /*
     * Must give the very same value for each row, by now and for ever: a generated column,
     * the condition of an index. Else for constraints and defaults: functions of the
     * moment, and texts that two collations may order differently, are let through.
     */
    bool exact;
    bool mariadb;     /* to MYSQL: the server is MariaDB */
    unsigned version; /* of the target's server: 150004 (PostgreSQL), 101119, 80036, 3045000 */
};

/* false: the name is of none of them. "mysql", "postgres", "sqlite", as rnl_table has it. */
bool expr_dialect_of(const char *name, enum expr_dialect *out);

/*
 * Appends the translation and says what it yields. false: it can't be translated, and
 * why says what stands in the way; out is then as before. Between two databases of one
 * dialect there is nothing to translate: this renames columns, and refuses what it doesn't
 * know.
 */
bool expr_translate(const struct expr_scope *scope, const char *text, struct buf *out,
                    enum expr_class *yields, const char **why);

/* A name and a text, quoted as a dialect has it. */
void expr_name(struct buf *out, enum expr_dialect dialect, const char *name);
void expr_literal(struct buf *out, enum expr_dialect dialect, const char *text);

#endif
