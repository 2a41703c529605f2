/* Cheap marks of what the server's catalogue says of tables: another one when it says another. */
#ifndef POSTGRES_MARKS_H
#define POSTGRES_MARKS_H

#include "source.h"

struct describer;

/* The mark as an expression of c, a row of pg_class. */
void mark_add(const struct pg_source *source, struct buf *sql);
/* "": there is no such table */
int mark_of(const struct pg_source *source, struct pg_conn *conn, Oid oid, char mark[40],
            struct rnl_error *err);
/* The end of the server's log: all that was committed before now stands before it. */
int marks_end(struct pg_conn *conn, uint64_t *lsn, struct rnl_error *err);
/* Of the tables under way, before all else of them is read. */
int marks_describe(struct describer *d, const char *oids, struct rnl_error *err);

#endif
