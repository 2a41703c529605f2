/* Mends a target: the source's rows are written over those that differ, in one transaction. */
#include "bundle.h"
#include "verify_part.h"

#include <stdlib.h>

#define BATCH_ROWS 500
#define BATCH_BYTES ((size_t)512 << 10)

/* All of this happens in the thread of lane 0, which has a second writer for it. */
struct repair {
    struct verify *verify;
    const struct rnl_sink_ops *sink;
    void *writer;
    uint32_t *order; /* of the tables: those that others refer to come first */
    struct rnl_bundle *inserts, *updates;
};

static int by_key(const void *a, const void *b)
{
    const struct verify_found *left = a, *right = b;

    return left->key < right->key ? -1 : left->key > right->key;
}

static const struct verify_found *find(const struct verify_state *state, uint64_t key)
{
    struct verify_found wanted = {.key = key};

    return bsearch(&wanted, state->found, state->nfound, sizeof(wanted), by_key);
}

static bool has_kind(const struct verify_state *state, enum verify_kind kind)
{
    const struct verify_table *out = state->out;

    switch (kind) {
    case VERIFY_MISSING:
        return out->missing > 0;
    case VERIFY_EXTRA:
        return out->extra > 0;
    case VERIFY_CHANGING:
        break;
    case VERIFY_DIFFERENT:
        return out->different > 0;
    }
    return false;
}

/* --- rows that are too much ---------------------------------------------------- */

static int remove_row(void *arg, struct scan_lane *lane, const struct scan_job *job,
                      const struct rnl_row *row, struct rnl_error *err)
{
    struct repair *repair = arg;
    struct verify_state *state = verify_state_of(repair->verify, job);
    const struct verify_found *found;
    struct digest key;
    uint32_t bucket;

    if (!verify_key(state, lane, row, &bucket, &key))
        return verify_no_memory(err);
    if (!verify_bucket_differs(state, bucket))
        return RNL_OK;
    found = find(state, key.hi);
    if (!found || found->kind != VERIFY_EXTRA)
        return RNL_OK;
    if (repair->sink->writer_remove(repair->writer, row, err) != RNL_OK)
        return err->status;
    state->out->mended++;
    return RNL_OK;
}

/* --- rows that are missing, or other than they should be ------------------------ */

static int flush(struct repair *repair, struct rnl_bundle *rows, uint32_t table,
                 struct rnl_error *err)
{
    struct bundle_head head = {.table = table};
    struct rnl_bundle *sealed = NULL;
    void *bytes;
    size_t len;
    int status;

    if (bundle_rows(rows) == 0)
        return RNL_OK;
    if (bundle_seal(rows, &head, &bytes, &len, err) != RNL_OK)
        return err->status;
    status = bundle_open(bytes, len, &sealed, err);
    if (status == RNL_OK)
        status = repair->sink->writer_apply(repair->writer, sealed, err);
    bundle_free(sealed);
    free(bytes);
    return status;
}

static int apply_row(void *arg, struct scan_lane *lane, const struct scan_job *job,
                     const struct rnl_row *row, struct rnl_error *err)
{
    struct repair *repair = arg;
    struct verify_state *state = verify_state_of(repair->verify, job);
    const struct verify_found *found;
    struct rnl_bundle *rows;
    struct rnl_row copy = *lane->raw;
    struct digest key;
    uint32_t bucket;

    if (!verify_key(state, lane, row, &bucket, &key))
        return verify_no_memory(err);
    if (!verify_bucket_differs(state, bucket))
        return RNL_OK;
    found = find(state, key.hi);
    if (!found || found->kind == VERIFY_EXTRA)
        return RNL_OK;
    rows = found->kind == VERIFY_MISSING ? repair->inserts : repair->updates;
    copy.op = found->kind == VERIFY_MISSING ? RNL_INSERT : RNL_UPDATE;
    if (bundle_add(rows, &copy, err) != RNL_OK)
        return err->status;
    state->out->mended++;
    return bundle_full(rows) ? flush(repair, rows, job->unit->table, err) : RNL_OK;
}

static int read_side(struct scan_lane *lane, const struct verify_state *state, enum scan_side side,
                     const struct scan_work *work, struct rnl_error *err)
{
    for (size_t i = 0; i < state->njobs; i++)
        if (state->jobs[i].side == side && scan_job_read(lane, &state->jobs[i], work, err) < 0)
            return err->status;
    return RNL_OK;
}

static int apply_table(struct repair *repair, struct scan_lane *lane,
                       const struct verify_state *state, struct rnl_error *err)
{
    struct scan_work work = {.row = apply_row, .arg = repair};

    if (!has_kind(state, VERIFY_MISSING) && !has_kind(state, VERIFY_DIFFERENT))
        return RNL_OK;
    if (read_side(lane, state, SCAN_SOURCE, &work, err) != RNL_OK ||
        flush(repair, repair->inserts, state->out->index, err) != RNL_OK ||
        flush(repair, repair->updates, state->out->index, err) != RNL_OK)
        return err->status;
    return RNL_OK;
}

/* --- all tables ------------------------------------------------------------------ */

static bool is_repaired(const struct verify_state *state)
{
    return state->nfound > 0 && state->out->keyed && !atomic_load(&state->failed);
}

/* Tables referred to before those that refer; in a ring, as they come. */
static void visit(const struct repair *repair, uint32_t index, uint8_t *seen, uint32_t *count)
{
    const struct verify *verify = repair->verify;
    const struct rnl_table *table = verify->states[index].table;

    if (seen[index])
        return;
    seen[index] = 1;
    for (uint32_t i = 0; i < table->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = &table->foreign_keys[i];
        uint32_t parent =
            catalog_index(verify->options->sides.catalog,
                          key->ref_schema ? key->ref_schema : table->schema, key->ref_table);

        if (parent != UINT32_MAX)
            visit(repair, parent, seen, count);
    }
    repair->order[(*count)++] = index;
}

static int order_tables(struct repair *repair, struct rnl_error *err)
{
    uint8_t *seen = calloc(repair->verify->ntables + 1, 1);
    uint32_t count = 0;

    repair->order = calloc(repair->verify->ntables + 1, sizeof(*repair->order));
    if (!seen || !repair->order) {
        free(seen);
        return verify_no_memory(err);
    }
    for (uint32_t i = 0; i < repair->verify->ntables; i++)
        visit(repair, i, seen, &count);
    free(seen);
    return RNL_OK;
}

static int repair_tables(struct repair *repair, struct scan_lane *lane, struct rnl_error *err)
{
    struct verify *verify = repair->verify;
    struct scan_work removing = {.row = remove_row, .arg = repair};

    for (uint32_t i = verify->ntables; i-- > 0;) {
        struct verify_state *state = &verify->states[repair->order[i]];

        if (is_repaired(state) && has_kind(state, VERIFY_EXTRA) &&
            read_side(lane, state, SCAN_TARGET, &removing, err) != RNL_OK)
            return err->status;
    }
    for (uint32_t i = 0; i < verify->ntables; i++) {
        struct verify_state *state = &verify->states[repair->order[i]];

        if (is_repaired(state) && apply_table(repair, lane, state, err) != RNL_OK)
            return err->status;
    }
    return repair->sink->writer_commit(repair->writer, NULL, err);
}

static int repair_call(void *arg, struct scan_lane *lane, struct rnl_error *err)
{
    struct repair *repair = arg;
    const struct scan_sides *sides = &repair->verify->options->sides;
    int status;

    if (repair->sink->writer_open(sides->sink, sides->lanes, &repair->writer, err) != RNL_OK)
        return err->status;
    status = repair_tables(repair, lane, err);
    repair->sink->writer_close(repair->writer); /* rolls back, unless committed */
    return status;
}

/* Whether there is anything that may be mended; keys are put in order for find(). */
static int prepare(struct verify *verify, bool *any, struct rnl_error *err)
{
    *any = false;
    for (uint32_t i = 0; i < verify->ntables; i++) {
        struct verify_state *state = &verify->states[i];

        if (!is_repaired(state))
            continue;
        if (!state->found_all) {
            rnl_fail(err, RNL_E_CONFIG, "verify.too_many",
                     "more than %zu rows of %s.%s differ: too many to mend one by one",
                     state->nfound, state->table->schema, state->table->name);
            rnl_hint(err, "load the table anew: runnel migrate --restart");
            return err->status;
        }
        qsort(state->found, state->nfound, sizeof(*state->found), by_key);
        *any = true;
    }
    return RNL_OK;
}

int verify_repair(struct verify *verify, struct rnl_error *err)
{
    struct repair repair = {.verify = verify, .sink = verify->options->sides.sink_ops};
    bool any;
    int status = prepare(verify, &any, err);

    if (status != RNL_OK || !any)
        return status;
    repair.inserts = bundle_new(BATCH_ROWS, BATCH_BYTES);
    repair.updates = bundle_new(BATCH_ROWS, BATCH_BYTES);
    if (!repair.inserts || !repair.updates)
        status = verify_no_memory(err);
    else
        status = order_tables(&repair, err);
    if (status == RNL_OK)
        status = scan_call(verify->scan, repair_call, &repair, err);
    if (status != RNL_OK)
        for (uint32_t i = 0; i < verify->ntables; i++)
            verify->states[i].out->mended = 0; /* rolled back */
    bundle_free(repair.inserts);
    bundle_free(repair.updates);
    free(repair.order);
    return status;
}
