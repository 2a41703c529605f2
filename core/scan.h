/* Reads units of a source and of a target with parallel lanes; each row goes to a function. */
#ifndef SCAN_H
#define SCAN_H

#include "canon.h"
#include "catalog.h"

#include <runnel/sink.h>
#include <runnel/source.h>
#include <stdatomic.h>

/* Where to read. The source's snapshot stands for source_lanes; the sink is bound. */
struct scan_sides {
    struct rnl_catalog *catalog; /* with the source's names; its view has the target's */
    const struct rnl_source_ops *source_ops;
    void *source;
    uint32_t source_lanes;
    const struct rnl_sink_ops *sink_ops; /* NULL: the source alone is read, as it is */
    void *sink;
    uint32_t lanes;              /* threads; those from source_lanes on read the target alone */
    const atomic_bool *stopping; /* may be NULL */
};

enum scan_side { SCAN_SOURCE, SCAN_TARGET, SCAN_SIDES };

struct scan_job {
    const struct rnl_unit *unit; /* borrowed; a unit without a position */
    enum scan_side side;
};

/* A thread and what it alone uses. */
struct scan_lane {
    struct scan *scan;
    uint32_t index;
    void *writer; /* the sink's, or NULL */
    struct canon canon;
    struct rnl_bundle *bundle;
    const struct rnl_row *raw; /* in row(): the row as it was read */
    void *state; /* of whoever gave the work; kept while the scan lives, freed at its end */
};

/*
 * What to do with rows; functions run in lanes' threads, for different jobs at one
 * time. row gets the source's rows as the target should hold them (after
 * writer_expect) when there is a sink, with as many values as the table has columns
 * (or the unit names): RNL_OK, RNL_DONE (enough of this unit), or an error. end is
 * called after the last row of a job. failed is asked about an RNL_E_DATA: true to go
 * on with other jobs.
 */
struct scan_work {
    int (*begin)(void *arg, struct scan_lane *lane, const struct scan_job *job,
                 struct rnl_error *err);
    int (*row)(void *arg, struct scan_lane *lane, const struct scan_job *job,
               const struct rnl_row *row, struct rnl_error *err);
    int (*end)(void *arg, struct scan_lane *lane, const struct scan_job *job,
               struct rnl_error *err);
    bool (*failed)(void *arg, const struct scan_job *job, const struct rnl_error *err);
    void *arg;
};

/* seed is that of the lanes' canons. Starts the threads; each opens its writer. */
int scan_open(const struct scan_sides *sides, uint64_t seed, struct scan **scan,
              struct rnl_error *err);
void scan_close(struct scan *scan); /* NULL: nothing */

/*
 * Does all jobs; those of one table should stand together: about eight tables are
 * under way at one time. Called by the thread that opened the scan.
 */
int scan_run(struct scan *scan, const struct scan_job *jobs, size_t njobs,
             const struct scan_work *work, struct rnl_error *err);

/* The source has a new view, for so many lanes. While nothing is read. */
void scan_source_lanes(struct scan *scan, uint32_t lanes);

/* Runs call(arg, lane) in the thread of lane 0, which may then use scan_job_read(). */
int scan_call(struct scan *scan,
              int (*call)(void *arg, struct scan_lane *lane, struct rnl_error *err), void *arg,
              struct rnl_error *err);
int scan_job_read(struct scan_lane *lane, const struct scan_job *job, const struct scan_work *work,
                  struct rnl_error *err);

#endif
