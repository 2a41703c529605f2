/* A pipeline at work: both roles in one process, each in a thread of its own. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "run.h"

enum pipeline_state {
    PIPELINE_READY = 1,
    PIPELINE_RUNNING,
    PIPELINE_FINISHED, /* all is in the target */
    PIPELINE_STOPPED,  /* ended early, in order: the same run goes on where it stood */
    PIPELINE_FAILED,
    PIPELINE_DEGRADED, /* all is done, but rows stand aside */
    PIPELINE_PAUSED, /* at rest, with all that was read in the target, until it is told to go on */
};

struct pipeline;

/* config and resolver are borrowed until pipeline_free. NULL: out of memory. */
struct pipeline *pipeline_new(const struct pipeline_config *config,
                              struct secret_resolver *resolver);
void pipeline_free(struct pipeline *pipeline);
/* Forgets the earlier run of this name, tables and all. Before pipeline_start. */
void pipeline_restart(struct pipeline *pipeline);
/* One role alone, over a transport that can; the other is run by another process. Before start. */
void pipeline_role(struct pipeline *pipeline, enum run_role role);
/* How far the other role is, as it said last (JSON), and when, by clock_ms(). "": not heard of. */
void pipeline_other(struct pipeline *pipeline, char *text, size_t room, int64_t *at_ms);
/* Why it only stands by for its role, which another process has; "": it doesn't. */
void pipeline_stands_by(struct pipeline *pipeline, char *text, size_t room);
/* And the rows that it set aside; without this a restart is refused while there are some. */
void pipeline_discard(struct pipeline *pipeline);

/*
 * ended(arg) is called once, from one of its threads, when both roles have ended for good: a
 * failure that may pass is gone on with before, as the configuration's retry says.
 */
int pipeline_start(struct pipeline *pipeline, void (*ended)(void *arg), void *arg,
                   struct rnl_error *err);
/* Asks it to end early: drains and commits. hard: breaks off what blocks. Any thread. */
void pipeline_stop(struct pipeline *pipeline, bool hard);
/* Asks it to follow changes up to the log's end as it is now, and to end there. Any thread. */
void pipeline_drain(struct pipeline *pipeline);
/* Asks it to rest: drains and commits, and keeps the process. Any thread. */
void pipeline_pause(struct pipeline *pipeline);
void pipeline_resume(struct pipeline *pipeline);
/*
 * Asks it to take in tables ("schema.table", "table", or a pattern), or, again, to load anew those
 * that it has: its attempt ends in order, and the next one does so. *number: to ask after it by
 * pipeline_asked(). Also before pipeline_start. Any thread.
 */
int pipeline_tables(struct pipeline *pipeline, const struct rnl_names *names, bool again,
                    uint64_t *number, struct rnl_error *err);
/* How the last such wish has gone; *why is filled when it was refused. */
enum asked_state pipeline_asked(struct pipeline *pipeline, uint64_t *number, struct rnl_error *why);
/*
 * RUNNING, also while it waits to try again, or DEGRADED: it runs, but rows stand aside; PAUSED
 * once it rests. Before it has ended.
 */
enum pipeline_state pipeline_now(struct pipeline *pipeline);
/* After ended: joins the threads. err is filled when FAILED. */
enum pipeline_state pipeline_wait(struct pipeline *pipeline, struct rnl_error *err);
/* The target said that this run had ended well before: nothing was done. */
bool pipeline_was_done(struct pipeline *pipeline);
/* Stopped because it had read what it may (limits). */
bool pipeline_was_limited(struct pipeline *pipeline);
/* How many rows stand aside in the target, as far as is known; all when it has ended in order. */
uint64_t pipeline_standing(struct pipeline *pipeline);

struct progress *pipeline_progress(struct pipeline *pipeline);
struct findings *pipeline_findings(struct pipeline *pipeline);

#endif
