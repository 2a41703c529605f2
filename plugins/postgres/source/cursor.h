/* A unit that is being read: what the files that do it share. */
#ifndef POSTGRES_CURSOR_H
#define POSTGRES_CURSOR_H

#include "unit.h"

#include "convert.h"

struct cursor {
    struct reading reading; /* first: see source.h */
    struct pg_source *source;
    struct lane *lane;
    const struct rnl_table *table;
    const struct leaf *leaf; /* NULL: a query, or a table through its root */
    struct place place;
    uint32_t index; /* of the table in the catalog */
    uint32_t ncolumns;
    struct bound_column *columns;
    struct decoded *decoded;
    struct rnl_value *values;
    uint32_t *made; /* of values: those that lie in scratch */
    uint32_t nmade;
    struct buf scratch;
    struct key key;                        /* ncolumns 0: places in the unit aren't marked */
    uint32_t key_at[KEY_COLUMNS];          /* where its columns are among those read */
    struct rnl_slice key_now[KEY_COLUMNS]; /* of the last row, in message */
    struct buf mark;
    char *message;  /* the last row, as it came */
    size_t largest; /* row so far, in bytes */
    bool copying;   /* the COPY was begun */
    bool header;    /* … and its header is behind us */
    bool ended;
    bool exact; /* its end is marked with the place in the log that its view stands at */
};

/* read_sql.c: the statement that reads; from: where, behind it or from it on */
bool copy_sql(const struct cursor *c, const struct rnl_unit *unit, const struct bound *from,
              bool behind, struct buf *sql);
/* Whether the columns of the key are read, so that places can be marked. */
bool key_is_read(const struct cursor *c);

void chunk_close(void *cursor);

/* same.c: the table is the one that was described, still, and stays so */
int cursor_check_same(struct cursor *c, struct rnl_error *err);

#endif
