/* Expressions of a source's table in the words of the target, with the names of its columns. */
#ifndef POSTGRES_TRANSLATE_H
#define POSTGRES_TRANSLATE_H

#include "expr.h"
#include "map.h"

/* What names in an expression refer to. */
enum translate_use {
    TRANSLATE_ROW,     /* a generated column: exactly the same value */
    TRANSLATE_CHECK,   /* a condition on rows, the key of an index */
    TRANSLATE_DEFAULT, /* no names at all */
};

/* As expr_translate(); a table of an unknown dialect is refused as well. */
bool translate(const struct mapper *m, uint32_t table, enum translate_use use, const char *text,
               struct buf *out, enum expr_class *class, const char **why);

#endif
