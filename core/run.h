/* What the two roles of a run share when they stand in one process: whether to go on, and why not.
 */
#ifndef RUN_H
#define RUN_H

#include "asked.h"
#include "config.h"
#include "finding.h"
#include "progress.h"

#include <pthread.h>
#include <stdatomic.h>

struct secret_resolver;
struct seat;

enum { RUN_INTERRUPTS = 8 };

/* What this process does of a run; the rest is another's, on the other end of the transport. */
enum run_role { RUN_BOTH = 0, RUN_READER, RUN_WRITER };

/*
 * Zero it, set what stands above the line, run_init(). Reader and writer don't see
 * each other through it: only the transport carries rows and words between them.
 */
struct run {
    const struct pipeline_config *config;
    struct secret_resolver *resolver;
    struct findings *findings;
    struct progress *progress;
    bool discard; /* with restart: rows that stand aside may be forgotten */
    enum run_role role;
    uint64_t attempt;    /* number of this one, where both roles are here */
    struct seat *seat;   /* of a role alone; NULL: the transport has no leases */
    int64_t until_ms;    /* by clock_ms(): then it stops in order; 0: never */
    atomic_bool restart; /* forget what the target remembers, and load anew; once */
    /* ------------------------------------------------------------------------ */
    atomic_bool stopping;    /* end early, but in order: commit what is read */
    atomic_bool failed;      /* end at once */
    atomic_bool hard;        /* stopping, and calls that block are interrupted too */
    atomic_bool done_before; /* the target says that this run ended well already */
    atomic_bool other_done;  /* a reader alone: the writer has all */
    atomic_bool limited;     /* it has read what it may: the next run goes on */
    atomic_bool drain; /* changes are read up to the log's end as it is then, and no further */
    atomic_bool source_opened, sink_opened; /* once, by any attempt */
    atomic_bool grows;   /* more tables may be wanted than the record has: looked for once */
    atomic_bool joining; /* this attempt tries to take in what is asked for */
    atomic_bool again;   /* it ends so that another one begins: tables were loaded beside it */
    struct asked asked;  /* tables to be taken in, or loaded anew; locks by itself */
    atomic_uint_least64_t standing; /* letters of the pipeline, as far as is known */
    pthread_mutex_t lock;           /* guards everything below */
    struct rnl_error error;         /* the first that came */
    char other[400];                /* a role alone: how far the other one is, as JSON */
    int64_t other_ms;               /* by clock_ms(), when it said so; 0: never */
    char stands_by[240]; /* why this process only stands by for its role; "": it doesn't */
    struct {
        void (*call)(void *self);
        void *self;
    } interrupts[RUN_INTERRUPTS];
};

void run_init(struct run *run);
/* For another attempt of the same run: nothing has failed yet. No thread is in it. */
void run_again(struct run *run);
void run_destroy(struct run *run);

/* Keeps err if it is the first, and breaks everything off. Any thread. */
void run_fail(struct run *run, const struct rnl_error *err);
/*
 * The source failed: keeps err if it is the first, and ends the run in order, so that
 * what was read until then is committed. A source that fails again and again gets
 * further each time. Any thread.
 */
void run_fail_in_order(struct run *run, const struct rnl_error *err);
/* Whether a lane should go on with its next piece of work. */
bool run_goes_on(struct run *run);
/* Asks for an early end. Any thread (not a signal handler). */
void run_stop(struct run *run, bool hard);

/* call(self) is called when the run fails or must stop hard; at once if it has already. */
void run_on_interrupt(struct run *run, void (*call)(void *self), void *self);
void run_off_interrupt(struct run *run, void *self);

/* Whether the servers that are this process's could be reached, ever. */
bool run_has_opened(struct run *run);
/* By this it is seen that a run gets further: a reader that is alone doesn't know what is written.
 */
uint64_t run_mark(struct run *run);

#endif
