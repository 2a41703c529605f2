/* What the files share that do changes: rows inserted, updated and deleted one by one. */
#ifndef SQLITE_SINK_APPLY_H
#define SQLITE_SINK_APPLY_H

#include "sink.h"

enum change_kind { CHANGE_INSERT = 1, CHANGE_UPDATE, CHANGE_DELETE };

/* apply.c: one row of a bundle of changes */
int change_apply(struct writer *w, const struct rnl_row *row, bool replay, struct rnl_error *err);

/* apply_sql.c */
/* Whether a row can be inserted: all of its columns are there. */
bool row_is_whole(const struct bound_table *table, const struct rnl_row *row);
/* Whether an update sets another key than it was found by. */
bool row_moves(const struct bound_table *table, const struct rnl_row *row);
/* The values that a change finds its row by. */
const struct rnl_value *row_sought(const struct rnl_row *row);
/* replace: in the place of all rows that have one of its keys. */
void change_sql(struct buf *sql, const struct bound_table *table, enum change_kind kind,
                const struct rnl_row *row, bool replace);
int change_bind(struct writer *w, const struct bound_table *table, enum change_kind kind,
                const struct rnl_row *row, sqlite3_stmt *stmt, struct rnl_error *err);

#endif
