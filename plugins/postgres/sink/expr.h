/* Translates expressions of MySQL and MariaDB into PostgreSQL's: those that mean exactly the same.
 */
#ifndef POSTGRES_EXPR_H
#define POSTGRES_EXPR_H

#include "idents.h"

enum expr_class { EXPR_NULL, EXPR_BOOL, EXPR_INT, EXPR_DECIMAL, EXPR_TEXT, EXPR_DAY, EXPR_OTHER };

/* What names in the expression refer to; table NULL: there are none. */
struct expr_scope {
    const struct rnl_table *table;
    const struct map_table *map;
    bool exact; /* must give the very same value for each row: a generated column */
};

/*
 * Appends the translation and says what it yields. false: it can't be translated, and
 * why says what stands in the way; out is then as before.
 */
bool expr_translate(const struct expr_scope *scope, const char *text, struct buf *out,
                    enum expr_class *yields, const char **why);

#endif
