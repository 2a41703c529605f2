/*
 * What has happened: runs, who asked for what, and how much was moved on which day. Kept in the
 * state database, up to HISTORY_RUNS runs and HISTORY_EVENTS events.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <jansson.h>
#include <runnel/error.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

enum { HISTORY_RUNS = 10000, HISTORY_EVENTS = 100000 };

/* What was done by a run up to now. */
struct run_totals {
    int64_t rows, changes, bytes, set_aside;
};

/* Any thread, as all of the store. Each writes at once, or fails and changes nothing. */

/* *id: by which the run is spoken of. */
int history_run_began(struct store *store, const char *pipeline, const char *role, const char *mode,
                      int64_t *id, struct rnl_error *err);
/* Also into the usage of the day: by how much it has grown since it was told last. */
int history_run_goes(struct store *store, int64_t id, const struct run_totals *totals,
                     struct rnl_error *err);
/* outcome: "finished", "failed", …; code and text: why, or NULL. */
int history_run_ended(struct store *store, int64_t id, const char *outcome, int exit_code,
                      const char *code, const char *text, struct rnl_error *err);
/* Those that nobody has ended: their node was killed. Called when a node begins. */
int history_runs_lost(struct store *store, struct rnl_error *err);

/* who: "key ID" or "local"; what: "start"; about: a pipeline's, a key's, a connection's name. */
int history_event(struct store *store, const char *who, const char *what, const char *about,
                  const char *detail, struct rnl_error *err);

/*
 * Each an array, the latest first, as many as limit. before: ids below this; 0: from the latest.
 * pipeline NULL: of all. NULL and err.
 */
json_t *history_runs(struct store *store, const char *pipeline, int64_t before, int limit,
                     struct rnl_error *err);
json_t *history_events(struct store *store, const char *about, int64_t before, int limit,
                       struct rnl_error *err);
/* By day, or by month: {"period", "pipeline", "rows", "changes", "bytes", "seconds"}. */
json_t *history_usage(struct store *store, const char *pipeline, bool by_month, int limit,
                      struct rnl_error *err);

#endif
