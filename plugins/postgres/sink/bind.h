/* Columns of the target's tables as its catalog has them, for many tables at once. */
#ifndef POSTGRES_BIND_H
#define POSTGRES_BIND_H

#include "postgres.h"

#define BATCH_TABLES 256 /* asked for at once: what the answer takes is bounded */

/* fields of the answer: a row for each column, in the order of tables and columns */
enum {
    C_TABLE,
    C_NAME,
    C_TYPE,
    C_TYPTYPE,
    C_TYPNAME,
    C_ELEMENT,
    C_NOTNULL,
    C_SPELLED,
    C_GENERATED,
    C_KIND,
    C_IDENTITY,
    C_DEFAULT,
    C_ARRAY,
    C_BASE,
    C_LOOSE,
    C_OPERATORS
};

/* The columns of one table among those of a batch. */
struct found {
    const PGresult *result;
    int from, to;
};

/* Asks for the columns of names[from] to names[to - 1]; *result is the caller's. */
int columns_query(struct pg_sink *sink, const struct map_table *names, uint32_t from, uint32_t to,
                  PGresult **result, struct rnl_error *err);
/* Goes on to the columns of the table of this number, from 1; none when it isn't there. */
void columns_next(struct found *found, uint32_t number);
/* The row of a column, most likely the hint-th of its table; -1: the table has none such. */
int columns_find(const struct found *found, uint32_t hint, const char *name);
/* How values of the source's column are written there. */
enum pg_kind columns_kind(const struct found *found, int at, const struct rnl_column *source);

#endif
