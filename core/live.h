/*
 * Both ends of a pipeline that follows its source, looked at while it runs: views of the source,
 * and when the target has come to where the source stood.
 */
#ifndef LIVE_H
#define LIVE_H

#include "inspect.h"
#include "verify.h"

/* The caller sets what stands above the line, and zeroes the rest. Control thread. */
struct live {
    struct inspection *inspection; /* with source and sink opened, and a record */
    int64_t wait_ms;               /* for one fence */
    bool alone; /* nobody can run the pipeline meanwhile: there is nothing to wait for */
    void (*waiting)(int64_t waited_ms); /* or NULL */
    /* --- */
    char *goal;   /* where the source's log ended, in the source's own words */
    char *at;     /* where the target stands: a lane that is furthest from it, as far as known */
    char *places; /* of all lanes of changes */
};

/* Whether the target's record is of a pipeline that follows its source. */
bool live_concerns(const struct inspection *inspection);

/*
 * Notes the end of the source's log, and waits until the target has come there. *stands: it
 * doesn't, and doesn't move at all, since no process of this user runs the pipeline here, or one
 * that rests.
 */
int live_begin(struct live *live, bool *stands, struct rnl_error *err);
/* What verify_run() is lent, once the target was found to move. Borrows live. */
struct verify_live live_lend(struct live *live);
/* How much of the log the target hasn't; -1: unknown. */
int64_t live_behind(struct live *live);
void live_close(struct live *live);

#endif
