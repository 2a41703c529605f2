/* Verification: both sides read whole, hashed by row, summed up in buckets, compared. */
#include "verify.h"

#include "row_text.h"
#include "util/clock.h"
#include "verify_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define CHUNK_BYTES (INT64_C(64) << 20)
#define TELL_ROWS 4096

int verify_no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a verification");
}

struct verify_state *verify_state_of(struct verify *verify, const struct scan_job *job)
{
    return &verify->states[verify->by_index[job->unit->table]];
}

bool verify_key(const struct verify_state *state, struct scan_lane *lane, const struct rnl_row *row,
                uint32_t *bucket, struct digest *key)
{
    if (!canon_row(&lane->canon, state->table, row->after, state->key, state->nkey, key))
        return false;
    *bucket = (uint32_t)(key->lo % VERIFY_BUCKETS);
    return true;
}

struct verify_lane *verify_lane_start(struct scan_lane *lane)
{
    if (!lane->state)
        lane->state = malloc(sizeof(struct verify_lane));
    if (lane->state)
        memset(lane->state, 0, sizeof(struct verify_lane));
    return lane->state;
}

bool verify_bucket_differs(const struct verify_state *state, uint32_t bucket)
{
    return state->differing && state->differing[bucket / 8] & 1u << bucket % 8;
}

bool verify_failed(void *arg, const struct scan_job *job, const struct rnl_error *err)
{
    struct verify *verify = arg;
    struct verify_state *state = verify_state_of(verify, job);

    pthread_mutex_lock(&verify->lock);
    if (!atomic_exchange(&state->failed, true))
        state->out->error = *err;
    pthread_mutex_unlock(&verify->lock);
    return true;
}

void verify_tell(struct verify *verify, const struct scan_job *job, int64_t rows)
{
    const struct verify_options *options = verify->options;

    pthread_mutex_lock(&verify->lock);
    verify->progress.rows[job->side] += rows;
    if (options->progress)
        options->progress(options->arg, &verify->progress);
    pthread_mutex_unlock(&verify->lock);
}

/* --- the first pass: sums --------------------------------------------------- */

static int sum_begin(void *arg, struct scan_lane *lane, const struct scan_job *job,
                     struct rnl_error *err)
{
    struct verify *verify = arg;
    struct verify_state *state = verify_state_of(verify, job);

    if (atomic_load(&state->failed))
        return RNL_DONE;
    if (!verify_lane_start(lane))
        return verify_no_memory(err);
    pthread_mutex_lock(&verify->lock);
    if (state->started_ms == 0)
        state->started_ms = clock_ms();
    pthread_mutex_unlock(&verify->lock);
    return RNL_OK;
}

static int sum_row(void *arg, struct scan_lane *lane, const struct scan_job *job,
                   const struct rnl_row *row, struct rnl_error *err)
{
    struct verify *verify = arg;
    const struct verify_state *state = verify_state_of(verify, job);
    struct verify_lane *sums = lane->state;
    struct digest key, digest;
    uint32_t bucket;

    if (!verify_key(state, lane, row, &bucket, &key))
        return verify_no_memory(err);
    if (!state->out->keyed)
        digest = key;
    else if (!canon_row(&lane->canon, state->table, row->after, NULL, 0, &digest))
        return verify_no_memory(err);
    sums->buckets[bucket].count++;
    digest_add(&sums->buckets[bucket].sum, &digest);
    if (++sums->rows - sums->told == TELL_ROWS) {
        verify_tell(verify, job, TELL_ROWS);
        sums->told = sums->rows;
    }
    return RNL_OK;
}

/* Which buckets differ, when all of a table is summed. */
static bool compare_sums(struct verify_state *state)
{
    const struct bucket *source = state->sums[SCAN_SOURCE], *target = state->sums[SCAN_TARGET];

    for (uint32_t i = 0; i < VERIFY_BUCKETS; i++) {
        if (source[i].count == target[i].count && digest_equal(&source[i].sum, &target[i].sum))
            continue;
        if (!state->differing)
            state->differing = calloc(1, VERIFY_BUCKETS / 8);
        if (!state->differing)
            return false;
        state->differing[i / 8] |= (uint8_t)(1u << i % 8);
        state->differing_rows += source[i].count + target[i].count;
    }
    return true;
}

static void free_sums(struct verify_state *state)
{
    for (int side = 0; side < SCAN_SIDES; side++) {
        free(state->sums[side]);
        state->sums[side] = NULL;
    }
}

/* Memory for the sums of a table is taken when its first unit ends. Lock held. */
static bool make_sums(struct verify_state *state)
{
    for (int side = 0; side < SCAN_SIDES; side++) {
        if (!state->sums[side])
            state->sums[side] = calloc(VERIFY_BUCKETS, sizeof(struct bucket));
        if (!state->sums[side])
            return false;
    }
    return true;
}

static int sum_end(void *arg, struct scan_lane *lane, const struct scan_job *job,
                   struct rnl_error *err)
{
    struct verify *verify = arg;
    struct verify_state *state = verify_state_of(verify, job);
    const struct verify_lane *sums = lane->state;
    bool enough = true;

    pthread_mutex_lock(&verify->lock);
    enough = make_sums(state);
    for (uint32_t i = 0; enough && i < VERIFY_BUCKETS; i++) {
        state->sums[job->side][i].count += sums->buckets[i].count;
        digest_add(&state->sums[job->side][i].sum, &sums->buckets[i].sum);
    }
    state->out->rows[job->side] += sums->rows;
    if (--state->jobs_left == 0) {
        enough = enough && compare_sums(state);
        free_sums(state);
        state->out->read_ms = clock_ms() - state->started_ms;
        verify->progress.tables_done++;
    }
    pthread_mutex_unlock(&verify->lock);
    verify_tell(verify, job, sums->rows - sums->told);
    return enough ? RNL_OK : verify_no_memory(err);
}

/* Forgets what an earlier pass found of a table. */
static void state_reset(struct verify_state *state)
{
    struct verify_table *out = state->out;

    free_sums(state);
    free(state->differing);
    free(state->fine_differing);
    free(state->found);
    state->differing = state->fine_differing = NULL;
    state->found = NULL;
    state->differing_rows = 0;
    state->nfound = state->found_room = 0;
    state->found_all = false;
    state->jobs_left = state->njobs;
    state->started_ms = 0;
    out->missing = out->extra = out->different = 0;
    out->rows[SCAN_SOURCE] = out->rows[SCAN_TARGET] = 0;
    out->exact = true;
    out->error = (struct rnl_error)RNL_ERROR_INIT;
    atomic_store(&state->failed, false);
}

/* --- what there is to read -------------------------------------------------- */

static int make_states(struct verify *verify, struct rnl_error *err)
{
    const struct rnl_catalog *catalog = verify->options->sides.catalog;
    uint32_t count = catalog_count(catalog);

    verify->report->tables = calloc(count + 1, sizeof(*verify->report->tables));
    verify->states = calloc(count + 1, sizeof(*verify->states));
    verify->by_index = calloc(count + 1, sizeof(*verify->by_index));
    if (!verify->report->tables || !verify->states || !verify->by_index)
        return verify_no_memory(err);
    verify->ntables = verify->report->ntables = count;
    for (uint32_t i = 0; i < count; i++) {
        struct verify_state *state = &verify->states[i];

        state->table = catalog_at(catalog, i);
        state->out = &verify->report->tables[i];
        state->out->index = i;
        state->out->exact = true;
        state->out->error = (struct rnl_error)RNL_ERROR_INIT;
        verify->by_index[i] = i;
        state->key = calloc(state->table->ncolumns + 1, sizeof(*state->key));
        if (!state->key)
            return verify_no_memory(err);
        state->nkey = table_key(state->table, state->key);
        state->out->keyed = state->nkey > 0;
        for (uint32_t c = 0; !state->out->keyed && c < state->table->ncolumns; c++)
            state->key[state->nkey++] = c;
        if (verify->progress.rows_expected >= 0 && state->table->rows >= 0)
            verify->progress.rows_expected += state->table->rows;
        else
            verify->progress.rows_expected = -1;
    }
    verify->progress.tables = count;
    return RNL_OK;
}

static int plan_sides(struct verify *verify, struct rnl_error *err)
{
    const struct scan_sides *sides = &verify->options->sides;
    int64_t chunk = verify->options->chunk_bytes ? verify->options->chunk_bytes : CHUNK_BYTES;

    for (int side = 0; side < SCAN_SIDES; side++)
        if (!(verify->plans[side] = plan_new()))
            return verify_no_memory(err);
    for (uint32_t i = 0; i < verify->ntables; i++) {
        int status = sides->source_ops->plan(sides->source, sides->catalog, i, chunk,
                                             verify->plans[SCAN_SOURCE], err);

        if (status >= 0)
            status = sides->sink_ops->read_plan(sides->sink, catalog_view(sides->catalog), i, chunk,
                                                verify->plans[SCAN_TARGET], err);
        if (status < 0)
            return status;
    }
    return RNL_OK;
}

/* The units of both plans, table by table: a plan has them in the order they were asked for. */
static int make_jobs(struct verify *verify, struct rnl_error *err)
{
    uint32_t at[SCAN_SIDES] = {0, 0};

    verify->jobs = calloc((size_t)plan_count(verify->plans[SCAN_SOURCE]) +
                              plan_count(verify->plans[SCAN_TARGET]) + 1,
                          sizeof(*verify->jobs));
    if (!verify->jobs)
        return verify_no_memory(err);
    for (uint32_t i = 0; i < verify->ntables; i++) {
        struct verify_state *state = &verify->states[i];

        state->jobs = verify->jobs + verify->njobs;
        for (int side = 0; side < SCAN_SIDES; side++) {
            const struct rnl_unit *unit;

            while ((unit = plan_at(verify->plans[side], at[side])) && unit->table == i) {
                verify->jobs[verify->njobs++] = (struct scan_job){unit, (enum scan_side)side};
                at[side]++;
            }
        }
        state->njobs = (size_t)(verify->jobs + verify->njobs - state->jobs);
    }
    return RNL_OK;
}

/* --- the whole --------------------------------------------------------------- */

static int read_sums(struct verify *verify, const struct scan_job *jobs, size_t njobs,
                     struct rnl_error *err)
{
    struct scan_work work = {
        .begin = sum_begin, .row = sum_row, .end = sum_end, .failed = verify_failed, .arg = verify};

    verify->progress.pass = 1;
    return scan_run(verify->scan, jobs, njobs, &work, err);
}

static int find_all_rows(struct verify *verify, struct rnl_error *err)
{
    for (uint32_t i = 0; i < verify->ntables; i++) {
        struct verify_state *state = &verify->states[i];

        if (!state->differing || state->found || atomic_load(&state->failed))
            continue;
        if (verify_find_rows(verify, state, err) < 0)
            return err->status;
    }
    return RNL_OK;
}

/* Whether a row removed from a table that is looked at again may have taken rows of this one. */
static bool hangs_on_one(const struct verify *verify, const struct rnl_table *child,
                         const bool *again)
{
    struct rnl_catalog *catalog = verify->options->sides.catalog;

    for (uint32_t i = 0; i < child->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = &child->foreign_keys[i];
        uint32_t parent = catalog_index(catalog, key->ref_schema ? key->ref_schema : child->schema,
                                        key->ref_table);

        if (parent != UINT32_MAX && again[parent])
            return true;
    }
    return false;
}

/* Tables to look at again: those that differed, and those that hang on one of them. */
static void mark_again(const struct verify *verify, bool *again)
{
    bool grown = true;

    for (uint32_t i = 0; i < verify->ntables; i++)
        again[i] = verify->states[i].differing != NULL;
    while (grown) {
        grown = false;
        for (uint32_t i = 0; i < verify->ntables; i++)
            if (!again[i] && hangs_on_one(verify, verify->states[i].table, again))
                grown = again[i] = true;
    }
}

static int read_again(struct verify *verify, struct rnl_error *err)
{
    bool *again = calloc(verify->ntables + 1, sizeof(*again));
    struct scan_job *jobs = calloc(verify->njobs + 1, sizeof(*jobs));
    size_t njobs = 0;
    int status = RNL_OK;

    if (!again || !jobs) {
        status = verify_no_memory(err);
        goto free_lists;
    }
    mark_again(verify, again);
    for (uint32_t i = 0; i < verify->ntables; i++) {
        struct verify_state *state = &verify->states[i];

        if (!again[i])
            continue;
        verify_table_forget_rows(state->out);
        state_reset(state);
        verify->progress.tables_done--;
        memcpy(jobs + njobs, state->jobs, state->njobs * sizeof(*jobs));
        njobs += state->njobs;
    }
    status = read_sums(verify, jobs, njobs, err);
    if (status == RNL_OK)
        status = find_all_rows(verify, err);
free_lists:
    free(jobs);
    free(again);
    return status;
}

/* Mends, and proves it: with new writers, which see what was committed. */
static int mend(struct verify *verify, struct rnl_error *err)
{
    bool any = false;

    for (uint32_t i = 0; i < verify->ntables; i++)
        any |= verify->states[i].nfound > 0;
    if (!any)
        return RNL_OK;
    verify->progress.pass = 4;
    if (verify_repair(verify, err) != RNL_OK)
        return err->status;
    scan_close(verify->scan);
    verify->scan = NULL;
    if (scan_open(&verify->options->sides, verify->seed, &verify->scan, err) != RNL_OK)
        return err->status;
    return read_again(verify, err);
}

static void verify_clear(struct verify *verify)
{
    scan_close(verify->scan);
    for (uint32_t i = 0; verify->states && i < verify->ntables; i++) {
        struct verify_state *state = &verify->states[i];

        free_sums(state);
        free(state->differing);
        free(state->fine_differing);
        free(state->found);
        free(state->suspects);
        keys_free(state->keys);
        free(state->entries[SCAN_SOURCE]);
        free(state->entries[SCAN_TARGET]);
        free(state->key);
    }
    free(verify->states);
    free(verify->by_index);
    free(verify->jobs);
    plan_free(verify->plans[SCAN_SOURCE]);
    plan_free(verify->plans[SCAN_TARGET]);
    pthread_mutex_destroy(&verify->lock);
}

static int compare_all(struct verify *verify, struct rnl_error *err)
{
    if (make_states(verify, err) != RNL_OK || plan_sides(verify, err) != RNL_OK ||
        make_jobs(verify, err) != RNL_OK)
        return err->status;
    for (uint32_t i = 0; i < verify->ntables; i++)
        verify->states[i].jobs_left = verify->states[i].njobs;
    if (verify->njobs == 0)
        return RNL_OK;
    if (scan_open(&verify->options->sides, verify->seed, &verify->scan, err) != RNL_OK)
        return err->status;
    if (read_sums(verify, verify->jobs, verify->njobs, err) != RNL_OK)
        return err->status;
    if (find_all_rows(verify, err) != RNL_OK)
        return err->status;
    if (verify->options->live)
        return verify_settle(verify, err);
    return verify->options->repair ? mend(verify, err) : RNL_OK;
}

int verify_run(const struct verify_options *options, struct verify_report *report,
               struct rnl_error *err)
{
    struct verify verify = {.options = options, .report = report};
    int64_t started_ms = clock_ms();
    int status;

    *report = (struct verify_report){0};
    /* Nobody can know before the run which rows would have the same digest. */
    if (getrandom(&verify.seed, sizeof(verify.seed), 0) != (ssize_t)sizeof(verify.seed))
        return rnl_fail(err, RNL_E_FATAL, "random", "no random number: %s", strerror(errno));
    pthread_mutex_init(&verify.lock, NULL);
    status = compare_all(&verify, err);
    for (uint32_t i = 0; i < report->ntables; i++)
        report->rows += report->tables[i].rows[SCAN_SOURCE];
    report->ms = clock_ms() - started_ms;
    verify_clear(&verify);
    return status;
}

void verify_table_forget_rows(struct verify_table *table)
{
    for (uint32_t i = 0; i < table->nlisted; i++) {
        struct verify_row *row = &table->listed[i];

        for (uint32_t c = 0; row->values && c < 2 * row->ncolumns; c++)
            free(row->values[c]);
        free(row->values);
        free(row->columns);
        free(row->key);
    }
    free(table->listed);
    table->listed = NULL;
    table->nlisted = 0;
}

void verify_report_clear(struct verify_report *report)
{
    for (uint32_t i = 0; i < report->ntables; i++)
        verify_table_forget_rows(&report->tables[i]);
    free(report->tables);
    *report = (struct verify_report){0};
}

bool verify_table_is_equal(const struct verify_table *table)
{
    return table->error.status == 0 && table->missing == 0 && table->extra == 0 &&
           table->different == 0 && table->changing == 0;
}

bool verify_table_is_unsettled(const struct verify_table *table)
{
    return table->error.status == 0 && table->missing == 0 && table->extra == 0 &&
           table->different == 0 && table->changing != 0;
}

bool verify_is_equal(const struct verify_report *report)
{
    for (uint32_t i = 0; i < report->ntables; i++)
        if (!verify_table_is_equal(&report->tables[i]))
            return false;
    return true;
}
