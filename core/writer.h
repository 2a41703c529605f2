/* The writer role: transport → bundles → sink, with structure before and after. */
#ifndef WRITER_H
#define WRITER_H

#include "config_run.h"
#include "control.h"
#include "ear.h"
#include "record.h"
#include "run.h"

/* The role's state, shared with its lanes (writer_lane.c) and steps (writer_step.c). */
struct writer {
    struct run *run;
    struct session sink, transport;
    struct ear *ear;          /* what the reader says */
    struct control recall;    /* what it is told; the memory is lent to it */
    struct record record;     /* what this run loads */
    struct rnl_memory memory; /* what the target remembered when the run began */
    struct rnl_steps *steps;
    bool beside;               /* changes come on a lane behind those of the load */
    bool anew;                 /* what the target remembers is forgotten when the new run begins */
    struct rnl_catalog *fresh; /* after a drain: the catalog with the source's numbers */
    struct rnl_catalog *earlier; /* starting over: what that run loaded; NULL: not known */
    struct rnl_names stood;      /* starting over: tables that stood before that run */
    bool dropping;               /* starting over: the tables of the earlier run go */
    uint64_t epoch;              /* of this run's writers: higher than any before */
    atomic_uint units_done;
    struct run_sizes sizes;
    atomic_uint_least64_t aside; /* letters of the pipeline: those that stood, and this run's */
    uint32_t evolved;            /* steps done for tables that were altered: ids are to be unique */
    bool keys_done;              /* by this run, before the changes */
    bool tolerant; /* of changes: some are left out, and others find what they didn't do */
    /* Numbers on each lane, once the load's lanes ended. */
    struct lane_numbers {
        uint64_t committed, applied;
    } * numbers;
    uint32_t nnumbers;
};

/*
 * Does the whole role in this thread and its lanes' threads, and returns when all
 * is in the target or the run must end. *complete says whether it is. What goes
 * wrong is told by run_fail().
 */
void writer_run(struct run *run, bool *complete);

/*
 * One thread per lane, and one for the changes beside: fetch, apply, commit, until each lane's end.
 * Tells errors itself.
 */
void writer_load(struct writer *writer);

enum writer_end {
    WRITER_STOPPED = 1, /* the reader has ended before its time, or must */
    WRITER_CAUGHT_UP,   /* the next change is none that the load may have seen */
    WRITER_DRAINED,     /* all up to the goal is applied */
    WRITER_ALTERED,     /* tables are others from here on: writer_evolve() */
};

/*
 * Changes on lane 0, in one thread, until one of these. replaying: changes that the load may have
 * seen are expected, and it ends behind them. Tells errors itself: WRITER_STOPPED.
 */
enum writer_end writer_follow(struct writer *writer, bool replaying);

/*
 * Hears from the reader what was altered, makes the target's tables so, binds them and remembers
 * it; no writer is open. RNL_AGAIN: the run must end before that.
 */
int writer_evolve(struct writer *writer, struct rnl_error *err);
/* What is asked of the sink. */
void writer_fill_job(struct writer *writer, bool resuming, struct rnl_job *job);
/* The target remembers the run as the record is now. */
int writer_store_record(struct writer *writer, struct rnl_error *err);

/* writer_drain.c: all up to the goal is applied; in a cutover the pipeline is done by that. */
int writer_end_drained(struct writer *writer, struct rnl_error *err);

/* Does those steps that are not done and by whose work rows are found: the tables' keys. */
int writer_keys(struct writer *writer, struct rnl_error *err);

/* Does the steps of the phases from..to that are not done, several at a time. */
int writer_structure(struct writer *writer, uint32_t from, uint32_t to, struct rnl_error *err);

/*
 * writer_join.c: tables that join a run which goes on. Of the steps that the sink gave those that
 * are due, under ids of this joining.
 */
int writer_own_steps(struct writer *writer, struct rnl_error *err);
/* From here on the target remembers the run with those of this number (0: none join). */
int writer_take_joins(struct writer *writer, uint32_t number, struct rnl_error *err);
/* writer_anew.c: a run that starts over. What the earlier one made; `dropping` is set before. */
void writer_take_earlier(struct writer *writer);
/* Marks all others in the record's catalog. */
void writer_mark_others(struct writer *writer);
/* After the sink has mapped a new run: which tables stood in the target before. */
int writer_note_stood(struct writer *writer, bool resuming, struct rnl_error *err);
/* RNL_E_CONFIG when rows stand aside, and nobody said that they may go. */
int writer_may_forget(struct writer *writer, struct rnl_error *err);
/* How many rows stand aside; told with the findings when nothing more is done. */
int writer_count_letters(struct writer *writer, bool tell, struct rnl_error *err);
/* Those of tables that are loaded anew come again: their letters go, and count no more. */
int writer_forget_letters(struct writer *writer, struct rnl_error *err);

#endif
