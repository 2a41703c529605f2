/* One table as the server has it now: looked at beside, while its changes are followed. */
#ifndef POSTGRES_LOOK_H
#define POSTGRES_LOOK_H

#include "describe.h"

struct look {
    struct pg_source source; /* of its own: nobody else's list of partitions is touched */
    struct describer d;
    const struct draft *draft; /* NULL: there is no such table any more */
    const char **missing;      /* of the draft's columns: what rows from before them have */
    bool has_rows;
    uint64_t lsn; /* the table was so when the log had come so far */
};

/* *look is the caller's. */
int look_take(struct pg_source *source, struct pg_conn *conn, Oid oid, struct look **look,
              struct rnl_error *err);
void look_free(struct look *look);
/* What a type with its modifier alone makes of a column, in the look's memory. */
int look_columns(struct look *look, const Oid *types, const int32_t *modifiers,
                 const struct form *form, struct rnl_column **columns, struct rnl_error *err);

#endif
