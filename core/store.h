/*
 * What outlives processes beside the files: keys, runs, events, in one SQLite database of the
 * node's state folder. Several processes may have it open. Pipelines don't depend on it: whoever
 * can't write here says so and goes on.
 */
#ifndef STORE_H
#define STORE_H

#include <runnel/error.h>
#include <stdbool.h>
#include <stdint.h>

struct store;
struct sqlite3;
struct sqlite3_stmt;

/*
 * Opens, or makes, state_dir/runnel.db, and brings it to this version's form. One for a process,
 * for all its threads. RNL_E_CONFIG "store.folder", "store.corrupt", "store.newer"; RNL_E_RETRY
 * "store.full", "store.busy".
 */
int store_open(const char *state_dir, struct store **store, struct rnl_error *err);
void store_close(struct store *store);

/* The connection, this thread's alone until store_leave. */
struct sqlite3 *store_enter(struct store *store);
void store_leave(struct store *store);
/* What SQLite said last, as an error of ours. doing: "reading the keys". */
int store_fail(struct store *store, const char *doing, struct rnl_error *err);

/*
 * One statement: begun, its values bound in turn, run. It holds the store from sql_begin to
 * sql_end. After a failure the rest does nothing, and sql_end gives the error.
 */
struct sql {
    struct store *store;
    struct rnl_error *err;
    struct sqlite3_stmt *statement;
    int at, status;
};
void sql_begin(struct sql *sql, struct store *store, const char *text, struct rnl_error *err);
void sql_text(struct sql *sql, const char *text); /* NULL: null */
void sql_number(struct sql *sql, int64_t number);
/* The next row; false: there is none. */
bool sql_row(struct sql *sql);
/* Of the row; "" for null. Valid until the next one. */
const char *sql_text_at(const struct sql *sql, int column);
int64_t sql_number_at(const struct sql *sql, int column);
bool sql_null_at(const struct sql *sql, int column);
/* Runs what gives no rows, unless it was run; changed: of how many rows, or NULL. */
int sql_end(struct sql *sql, int64_t *changed);

#endif
