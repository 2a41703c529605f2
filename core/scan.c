/* Parallel reading for verification and checks: lanes take units, rows go to a function. */
#include "scan.h"

#include "bundle.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define BATCH_ROWS 1000
#define BATCH_BYTES ((size_t)512 << 10)
#define READ_TIMEOUT_MS 500
#define LOOK_MS 100 /* how often the control thread looks whether to stop */
#define WINDOW_TABLES 8

struct task {
    const struct scan_job *job;
    bool taken;
};

struct scan {
    struct scan_sides sides;
    struct scan_lane *lanes;
    pthread_t *threads;
    uint32_t nthreads; /* that were started */

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t wake;  /* lanes: there is something to do */
    pthread_cond_t idle;  /* control thread: something ended */
    bool closing;
    uint32_t opening; /* lanes that have not opened their writer yet */
    uint32_t busy;    /* lanes at work */
    atomic_bool failed;
    struct rnl_error error; /* the first */
    /* jobs under way, or a call for lane 0 */
    struct task *tasks;
    size_t ntasks, first; /* all before first are taken */
    size_t left;          /* not taken yet */
    bool heavy_busy;
    const struct scan_work *work;
    int (*call)(void *arg, struct scan_lane *lane, struct rnl_error *err);
    void *call_arg;
};

static bool is_stopping(const struct scan *scan)
{
    return scan->sides.stopping && atomic_load(scan->sides.stopping);
}

static int stopped(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "scan.stopped", "stopped before all was read");
}

/* Keeps the first error; the others are its echo. */
static void scan_fail(struct scan *scan, const struct rnl_error *err)
{
    pthread_mutex_lock(&scan->lock);
    if (!atomic_load(&scan->failed)) {
        scan->error = *err;
        atomic_store(&scan->failed, true);
    }
    scan->left = 0; /* nobody takes any more */
    pthread_cond_broadcast(&scan->wake);
    pthread_mutex_unlock(&scan->lock);
}

/* --- reading one unit ------------------------------------------------------ */

static int give_row(struct scan_lane *lane, const struct scan_job *job,
                    const struct scan_work *work, const struct rnl_row *row, struct rnl_error *err)
{
    const struct scan_sides *sides = &lane->scan->sides;
    const struct rnl_table *table = catalog_at(sides->catalog, job->unit->table);
    uint32_t nvalues = job->unit->columns ? job->unit->ncolumns : table->ncolumns;
    struct rnl_row expected = {.size = sizeof(expected)};

    if (!row->after || row->nvalues != nvalues || row->table != job->unit->table)
        return rnl_fail(err, RNL_E_FATAL, "scan.row_shape",
                        "a row of %s.%s has %u values, not %u: a bug in the plugin", table->schema,
                        table->name, row->nvalues, nvalues);
    lane->raw = row;
    if (job->side == SCAN_SOURCE && sides->sink_ops) {
        int status = sides->sink_ops->writer_expect(lane->writer, row, &expected, err);

        if (status != RNL_OK)
            return status;
        row = &expected;
    }
    return work->row(work->arg, lane, job, row, err);
}

/* All rows of the batch that a cursor filled. */
static int give_batch(struct scan_lane *lane, const struct scan_job *job,
                      const struct scan_work *work, struct rnl_error *err)
{
    struct bundle_head head = {.unit = job->unit->id, .table = job->unit->table};
    struct rnl_bundle *batch = NULL;
    struct rnl_row row;
    void *bytes;
    size_t len;
    int status;

    if (bundle_rows(lane->bundle) == 0)
        return RNL_OK;
    if (bundle_seal(lane->bundle, &head, &bytes, &len, err) != RNL_OK)
        return err->status;
    status = bundle_open(bytes, len, &batch, err);
    while (status == RNL_OK) {
        status = bundle_next(batch, &row, err);
        if (status == RNL_OK)
            status = give_row(lane, job, work, &row, err);
        else if (status == RNL_DONE)
            break;
        if (status == RNL_DONE) {
            status = RNL_AGAIN; /* the reader has enough */
            break;
        }
    }
    bundle_free(batch);
    free(bytes);
    return status == RNL_DONE ? RNL_OK : status;
}

static int cursor_open(struct scan_lane *lane, const struct scan_job *job, void **cursor,
                       struct rnl_error *err)
{
    const struct scan_sides *sides = &lane->scan->sides;

    if (job->side == SCAN_TARGET)
        return sides->sink_ops->writer_read_open(lane->writer, job->unit, cursor, err);
    return sides->source_ops->cursor_open(sides->source, sides->catalog, lane->index, job->unit,
                                          cursor, err);
}

static int cursor_read(struct scan_lane *lane, const struct scan_job *job, void *cursor,
                       struct rnl_error *err)
{
    const struct scan_sides *sides = &lane->scan->sides;

    if (job->side == SCAN_TARGET)
        return sides->sink_ops->writer_read_next(cursor, lane->bundle, READ_TIMEOUT_MS, err);
    return sides->source_ops->cursor_read(cursor, lane->bundle, READ_TIMEOUT_MS, err);
}

static void cursor_close(struct scan_lane *lane, const struct scan_job *job, void *cursor)
{
    if (job->side == SCAN_TARGET)
        lane->scan->sides.sink_ops->writer_read_close(cursor);
    else
        lane->scan->sides.source_ops->cursor_close(cursor);
}

/* A read that failed may have left rows behind. */
static void drop_batch(struct scan_lane *lane)
{
    struct bundle_head head = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    void *bytes;
    size_t len;

    if (bundle_rows(lane->bundle) && bundle_seal(lane->bundle, &head, &bytes, &len, &err) == RNL_OK)
        free(bytes);
}

/* The source's rows pass through the table's mask; the target's went through it when loaded. */
static int mask_rows(struct scan_lane *lane, const struct scan_job *job, struct rnl_error *err)
{
    const struct mask *mask = NULL;

    if (job->side == SCAN_SOURCE &&
        catalog_mask(lane->scan->sides.catalog, job->unit->table, &mask, err) != RNL_OK)
        return err->status;
    bundle_mask(lane->bundle, mask, job->unit->columns);
    return RNL_OK;
}

int scan_job_read(struct scan_lane *lane, const struct scan_job *job, const struct scan_work *work,
                  struct rnl_error *err)
{
    struct scan *scan = lane->scan;
    void *cursor;
    int status, given = RNL_OK;

    status = work->begin ? work->begin(work->arg, lane, job, err) : RNL_OK;
    if (status != RNL_OK)
        return status;
    status = mask_rows(lane, job, err);
    if (status == RNL_OK)
        status = cursor_open(lane, job, &cursor, err);
    if (status != RNL_OK)
        return status;
    do {
        if (is_stopping(scan) || atomic_load(&scan->failed)) {
            status = stopped(err);
            break;
        }
        status = cursor_read(lane, job, cursor, err);
        if (status >= 0)
            given = give_batch(lane, job, work, err);
    } while (status >= 0 && status != RNL_DONE && given == RNL_OK);
    cursor_close(lane, job, cursor);
    drop_batch(lane);
    if (status < 0 || given < 0)
        return status < 0 ? status : given;
    return work->end ? work->end(work->arg, lane, job, err) : RNL_OK;
}

/* --- lanes ----------------------------------------------------------------- */

static bool may_take(const struct scan *scan, const struct scan_lane *lane,
                     const struct scan_job *job)
{
    if (job->unit->flags & RNL_UNIT_HEAVY && scan->heavy_busy)
        return false;
    return job->side == SCAN_TARGET || lane->index < scan->sides.source_lanes;
}

/*
 * The next task for this lane: half of the lanes like one side better and half the
 * other, so that both servers work; tables far ahead are left alone, since each table
 * under way costs memory. Lock held.
 */
static struct task *take_task(struct scan *scan, const struct scan_lane *lane)
{
    enum scan_side liked = (lane->index + scan->ntasks) & 1 ? SCAN_TARGET : SCAN_SOURCE;
    struct task *found = NULL;
    uint32_t table = UINT32_MAX, ntables = 0;

    if (scan->sides.source_lanes < scan->sides.lanes)
        liked = lane->index < scan->sides.source_lanes ? SCAN_SOURCE : SCAN_TARGET;
    if (scan->left == 0)
        return NULL;
    while (scan->first < scan->ntasks && scan->tasks[scan->first].taken)
        scan->first++;
    for (size_t i = scan->first; i < scan->ntasks; i++) {
        struct task *task = &scan->tasks[i];

        if (task->job->unit->table != table) {
            table = task->job->unit->table;
            if (++ntables > WINDOW_TABLES)
                break;
        }
        if (task->taken || !may_take(scan, lane, task->job))
            continue;
        if (!found)
            found = task;
        if (task->job->side == liked) {
            found = task;
            break;
        }
    }
    if (found) {
        found->taken = true;
        scan->left--;
        if (found->job->unit->flags & RNL_UNIT_HEAVY)
            scan->heavy_busy = true;
    }
    return found;
}

static void do_job(struct scan_lane *lane, const struct scan_job *job)
{
    struct scan *scan = lane->scan;
    struct rnl_error err = RNL_ERROR_INIT;
    int status = scan_job_read(lane, job, scan->work, &err);

    if (status == RNL_E_DATA && scan->work->failed &&
        scan->work->failed(scan->work->arg, job, &err))
        return;
    if (status < 0)
        scan_fail(scan, &err);
}

static void do_call(struct scan_lane *lane)
{
    struct scan *scan = lane->scan;
    struct rnl_error err = RNL_ERROR_INIT;

    if (scan->call(scan->call_arg, lane, &err) < 0)
        scan_fail(scan, &err);
}

/* Waits for something to do, and does it; false when the scan closes. */
static bool lane_turn(struct scan_lane *lane)
{
    struct scan *scan = lane->scan;
    struct task *task = NULL;
    bool called = false;

    pthread_mutex_lock(&scan->lock);
    for (;;) {
        if (scan->closing)
            break;
        called = lane->index == 0 && scan->call;
        if (called)
            break;
        task = take_task(scan, lane);
        if (task)
            break;
        pthread_cond_wait(&scan->wake, &scan->lock);
    }
    if (!called && !task) {
        pthread_mutex_unlock(&scan->lock);
        return false;
    }
    scan->busy++;
    pthread_mutex_unlock(&scan->lock);
    if (called)
        do_call(lane);
    else
        do_job(lane, task->job);
    pthread_mutex_lock(&scan->lock);
    scan->busy--;
    if (called)
        scan->call = NULL;
    else if (task->job->unit->flags & RNL_UNIT_HEAVY) {
        scan->heavy_busy = false;
        pthread_cond_broadcast(&scan->wake);
    }
    pthread_cond_signal(&scan->idle);
    pthread_mutex_unlock(&scan->lock);
    return true;
}

static void *lane_main(void *arg)
{
    struct scan_lane *lane = arg;
    struct scan *scan = lane->scan;
    const struct rnl_sink_ops *sink = scan->sides.sink_ops;
    struct rnl_error err = RNL_ERROR_INIT;

    if (sink && sink->writer_open(scan->sides.sink, lane->index, &lane->writer, &err) != RNL_OK) {
        lane->writer = NULL;
        scan_fail(scan, &err);
    }
    pthread_mutex_lock(&scan->lock);
    scan->opening--;
    pthread_cond_signal(&scan->idle);
    pthread_mutex_unlock(&scan->lock);
    while (lane_turn(lane))
        ;
    if (lane->writer)
        sink->writer_close(lane->writer);
    return NULL;
}

/* --- the control thread ---------------------------------------------------- */

static void interrupt_all(const struct scan *scan)
{
    const struct scan_sides *sides = &scan->sides;

    if (sides->source_ops && sides->source_ops->interrupt)
        sides->source_ops->interrupt(sides->source);
    if (sides->sink_ops && sides->sink_ops->interrupt)
        sides->sink_ops->interrupt(sides->sink);
}

static bool is_idle(const struct scan *scan)
{
    return scan->opening == 0 && scan->busy == 0 && !scan->call && scan->left == 0;
}

/* Until all lanes rest. A stop or an error breaks off what blocks. Lock held. */
static int wait_idle(struct scan *scan, struct rnl_error *err)
{
    bool interrupted = false;

    while (!is_idle(scan)) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&scan->idle, &scan->lock, &until);
        if (is_stopping(scan)) {
            scan->left = 0;
            if (!atomic_load(&scan->failed)) {
                stopped(&scan->error);
                atomic_store(&scan->failed, true);
            }
        }
        if (atomic_load(&scan->failed) && !interrupted && !is_idle(scan)) {
            interrupted = true;
            pthread_mutex_unlock(&scan->lock);
            interrupt_all(scan);
            pthread_mutex_lock(&scan->lock);
        }
    }
    if (!atomic_load(&scan->failed))
        return RNL_OK;
    *err = scan->error;
    return err->status;
}

int scan_run(struct scan *scan, const struct scan_job *jobs, size_t njobs,
             const struct scan_work *work, struct rnl_error *err)
{
    struct task *tasks = calloc(njobs ? njobs : 1, sizeof(*tasks));
    int status;

    if (!tasks)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for %zu units", njobs);
    for (size_t i = 0; i < njobs; i++)
        tasks[i].job = &jobs[i];
    pthread_mutex_lock(&scan->lock);
    scan->tasks = tasks;
    scan->ntasks = njobs;
    scan->first = 0;
    scan->left = njobs;
    scan->work = work;
    pthread_cond_broadcast(&scan->wake);
    status = wait_idle(scan, err);
    scan->tasks = NULL;
    scan->ntasks = 0;
    pthread_mutex_unlock(&scan->lock);
    free(tasks);
    return status;
}

int scan_call(struct scan *scan,
              int (*call)(void *arg, struct scan_lane *lane, struct rnl_error *err), void *arg,
              struct rnl_error *err)
{
    int status;

    pthread_mutex_lock(&scan->lock);
    scan->call = call;
    scan->call_arg = arg;
    pthread_cond_broadcast(&scan->wake);
    status = wait_idle(scan, err);
    pthread_mutex_unlock(&scan->lock);
    return status;
}

static int start_lanes(struct scan *scan, uint64_t seed, struct rnl_error *err)
{
    for (uint32_t i = 0; i < scan->sides.lanes; i++) {
        struct scan_lane *lane = &scan->lanes[i];

        lane->scan = scan;
        lane->index = i;
        canon_init(&lane->canon, seed);
        lane->bundle = bundle_new(BATCH_ROWS, BATCH_BYTES);
        if (!lane->bundle)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a lane");
    }
    for (uint32_t i = 0; i < scan->sides.lanes; i++) {
        pthread_mutex_lock(&scan->lock);
        scan->opening++;
        pthread_mutex_unlock(&scan->lock);
        if (pthread_create(&scan->threads[i], NULL, lane_main, &scan->lanes[i]) != 0) {
            pthread_mutex_lock(&scan->lock);
            scan->opening--;
            pthread_mutex_unlock(&scan->lock);
            return rnl_fail(err, RNL_E_FATAL, "thread", "can't start thread %u of %u", i + 1,
                            scan->sides.lanes);
        }
        scan->nthreads++;
    }
    return RNL_OK;
}

void scan_source_lanes(struct scan *scan, uint32_t lanes)
{
    pthread_mutex_lock(&scan->lock);
    scan->sides.source_lanes = lanes;
    pthread_mutex_unlock(&scan->lock);
}

int scan_open(const struct scan_sides *sides, uint64_t seed, struct scan **out,
              struct rnl_error *err)
{
    struct scan *scan = calloc(1, sizeof(*scan));
    int status;

    if (!scan)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a scan");
    scan->sides = *sides;
    scan->error = (struct rnl_error)RNL_ERROR_INIT;
    pthread_mutex_init(&scan->lock, NULL);
    pthread_cond_init(&scan->wake, NULL);
    pthread_cond_init(&scan->idle, NULL);
    scan->lanes = calloc(sides->lanes, sizeof(*scan->lanes));
    scan->threads = calloc(sides->lanes, sizeof(*scan->threads));
    if (!scan->lanes || !scan->threads)
        status = rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for %u lanes", sides->lanes);
    else
        status = start_lanes(scan, seed, err);
    if (status == RNL_OK) {
        pthread_mutex_lock(&scan->lock);
        status = wait_idle(scan, err);
        pthread_mutex_unlock(&scan->lock);
    }
    if (status != RNL_OK) {
        scan_close(scan);
        return status;
    }
    *out = scan;
    return RNL_OK;
}

void scan_close(struct scan *scan)
{
    if (!scan)
        return;
    pthread_mutex_lock(&scan->lock);
    scan->closing = true;
    pthread_cond_broadcast(&scan->wake);
    pthread_mutex_unlock(&scan->lock);
    for (uint32_t i = 0; i < scan->nthreads; i++)
        pthread_join(scan->threads[i], NULL);
    for (uint32_t i = 0; scan->lanes && i < scan->sides.lanes; i++) {
        canon_clear(&scan->lanes[i].canon);
        bundle_free(scan->lanes[i].bundle);
        free(scan->lanes[i].state);
    }
    free(scan->lanes);
    free(scan->threads);
    pthread_cond_destroy(&scan->idle);
    pthread_cond_destroy(&scan->wake);
    pthread_mutex_destroy(&scan->lock);
    free(scan);
}
