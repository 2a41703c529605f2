/*
 * What outlives processes beside the files: keys, runs, events, in one SQLite database of the
 * node's state folder. Several processes may have it open. Pipelines don't depend on it: whoever
 * can't write here says so and goes on.
 */
#ifndef STORE_H
#define STORE_H

#include <runnel/error.h>

struct store;
struct sqlite3;

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

#endif
