/* How far a run is: counted by lanes as they go, looked at by whoever shows it. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "catalog.h"

struct progress;

/* What a run is doing; shown in these words. */
enum progress_phase {
    PHASE_STARTING = 1,
    PHASE_SCANNING, /* data looked at, for what a mapping depends on */
    PHASE_TABLES,
    PHASE_LOADING,
    PHASE_INDEXES, /* keys and indexes */
    PHASE_CONSTRAINTS,
    PHASE_FINISHING,
    PHASE_CATCHING_UP, /* changes made while the rows were loaded */
    PHASE_FOLLOWING,   /* changes as they come */
    PHASE_BESIDE,      /* the same, while rows of tables that joined are loaded */
    PHASE_DONE,
};

struct progress_table {
    const char *schema, *name; /* borrowed from progress */
    int64_t rows_expected;     /* an estimate, never below rows_written */
    int64_t rows_read;
    int64_t rows_written, bytes_written; /* committed in the target, earlier runs included */
    int64_t rows_before;                 /* of rows_written: by earlier runs */
    int64_t rows_aside;                  /* set aside by this run: not in rows_written */
    int64_t started_ms, ended_ms;        /* clock_ms(); 0: not yet */
    uint32_t units, units_done;
};

/* All at one moment. */
struct progress_view {
    enum progress_phase phase;
    uint32_t steps, steps_done; /* of the structure, in this phase */
    char step[160];             /* one that is under way, or "" */
    struct progress_table total;
    double rows_per_s, bytes_per_s; /* smoothed over some seconds */
    int64_t left_ms;                /* -1: can't be said */
    int64_t started_ms, now_ms;
    uint32_t tables, tables_done;
    /* A run that failed by what may pass, and waits to be gone on with; 0: none waits */
    int64_t waiting_ms;
    uint32_t attempts; /* that failed so */
    char reason[240];  /* why the last of them did */
    /* Of a run that follows changes. */
    int64_t changes;      /* rows of changes committed by this run */
    double changes_per_s; /* smoothed */
    int64_t lag_ms;       /* from the source's commit to the target's; -1: unknown */
    int64_t behind_bytes; /* of the source's log, not applied yet; -1: unknown */
    int64_t held_bytes;   /* that the source keeps for the pipeline; -1: unknown */
    char position[160];   /* in the words of the source's own tools */
};

struct progress *progress_new(void);
void progress_free(struct progress *progress);

/* Any thread, all of them. */
void progress_phase(struct progress *progress, enum progress_phase phase);
void progress_tables(struct progress *progress, const struct rnl_catalog *catalog);
void progress_unit(struct progress *progress, uint32_t table, bool done, int64_t rows);
void progress_read(struct progress *progress, uint32_t table, int64_t rows);
void progress_written(struct progress *progress, uint32_t table, int64_t rows, int64_t bytes);
void progress_unit_done(struct progress *progress, uint32_t table);
/* table UINT32_MAX: of changes, of any tables. */
void progress_aside(struct progress *progress, uint32_t table, int64_t rows);
void progress_steps(struct progress *progress, uint32_t steps);
void progress_step(struct progress *progress, const char *id, bool done);
/* An attempt has failed, and for so long (ms) nothing is done; 0: the next one begins. */
void progress_wait(struct progress *progress, int64_t ms, const char *reason);
/* Changes were committed; the last of them had been, at the source, at committed_us (0: unknown).
 */
void progress_changes(struct progress *progress, int64_t rows, int64_t bytes, int64_t committed_us);
/* What the source says of its log; -1: unknown. */
void progress_log(struct progress *progress, int64_t behind_bytes, int64_t held_bytes,
                  const char *position);
/* Any thread. */
struct progress_brief {
    enum progress_phase phase;
    int64_t rows_read, rows_written, changes, lag_ms;
};
void progress_brief(struct progress *progress, struct progress_brief *brief);
/* Grows with all that comes to stand in the target: rows, and steps of the structure. */
uint64_t progress_mark(struct progress *progress);
/* For how long the attempt has followed changes by now; 0: it doesn't. */
int64_t progress_followed_ms(struct progress *progress);
/* Rows that this run, with all its attempts, has written or set aside. */
int64_t progress_settled(struct progress *progress);

/* One thread only: it also keeps the rate. */
void progress_look(struct progress *progress, struct progress_view *view);
uint32_t progress_count(struct progress *progress);
void progress_at(struct progress *progress, uint32_t table, struct progress_table *out);

bool phase_follows(enum progress_phase phase); /* changes come, loaded rows beside them or not */
const char *phase_text(enum progress_phase phase); /* "loading" */

#endif
