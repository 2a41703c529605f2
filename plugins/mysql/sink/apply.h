/* What the files share that do changes: rows inserted, updated and deleted in a table's own ways.
 */
#ifndef MYSQL_SINK_APPLY_H
#define MYSQL_SINK_APPLY_H

#include "data.h"

/* What is done with a row of changes. */
enum change_kind {
    CHANGE_INSERT = 1,
    CHANGE_UPSERT,  /* inserts it, or gives the row that has its key its values */
    CHANGE_REPLACE, /* inserts it in the place of all rows that have one of its keys */
    CHANGE_UPDATE,
    CHANGE_DELETE,
    CHANGE_FIND, /* changes nothing, and counts what is there */
};

/* The unique keys of a table as they stand in the target now; of one writer, asked when needed. */
struct target_keys {
    const struct bound_table *table; /* NULL: not asked */
    bool keyed;                      /* one of the columns that tell rows apart */
    bool others;                     /* and others beside it */
    bool followed; /* tables that Runnel knows nothing of have foreign keys that act on it */
    struct changeset_table gathered;
};

/* apply.c */
int changes_apply(struct my_writer *w, struct rnl_bundle *in, bool replay, struct rnl_error *err);

/* apply_sql.c: statements of one row, and their parameters */
bool column_is_sent(const struct bound_table *table, const struct rnl_row *row, uint32_t column);
/* Whether a row can be inserted: all of its columns are there. */
bool row_is_whole(const struct bound_table *table, const struct rnl_row *row);
/* Whether an update sets another key than it was found by. */
bool row_moves(const struct bound_table *table, const struct rnl_row *row);
/* The row that a change is found by: after holds what is looked for. */
struct rnl_row row_sought(const struct rnl_row *row);
/* Whether an update sets this column: of keys only those that change. */
bool column_is_set(const struct bound_table *table, const struct rnl_row *row, uint32_t column);
/* The text for count rows that hold what row holds. */
void change_sql(struct text *sql, const struct bound_table *table, enum change_kind kind,
                const struct rnl_row *row, uint32_t count);
int change_values(struct my_writer *w, struct command *command, enum change_kind kind,
                  const struct rnl_row *row, struct rnl_error *err);
/* " WHERE `id` = ?"; keyless: all columns that the row holds. */
void sought_sql(struct text *sql, const struct bound_table *table, const struct rnl_row *sought);
int sought_values(struct my_writer *w, struct command *command, const struct rnl_row *sought,
                  struct rnl_error *err);

/* apply_one.c: one row by itself; what the contract asks of it is looked at here */
int change_one(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
               bool replay, struct rnl_error *err);

/* apply_group.c: rows that are not in each other's way; RNL_E_DATA: one of them can't be */
int group_apply(struct my_writer *w, const struct changeset_group *group, struct rnl_error *err);

/* apply_keys.c */
int target_keys_of(struct my_writer *w, const struct bound_table *table,
                   const struct target_keys **keys, struct rnl_error *err);
void target_keys_forget(struct my_writer *w);
/* Foreign keys act, and are looked at, from here on; or not. */
int foreign_keys_set(struct my_writer *w, bool on, struct rnl_error *err);

/* apply_cascade.c: what the change does to rows of other tables */
int row_cascade(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
                struct rnl_error *err);

#endif
