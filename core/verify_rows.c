/* Which rows of a table differ: those in buckets that differ are read again, matched, named. */
#include "row_text.h"
#include "verify_part.h"

#include <stdlib.h>

/* Rows matched at one time, both sides: 16 bytes each. */
#define GROUP_ROWS (INT64_C(1) << 19)
/* A table is read no more often than this for its count; then it is "at least". */
#define GROUPS_MOST 32
/* Rows that a repair would know by name: 16 bytes each. */
#define FOUND_MOST ((size_t)1 << 20)
/* Rows that may still be on their way, of one table: 80 bytes each. */
#define SUSPECTS_MOST ((size_t)1 << 17)
#define VALUE_SIZE 80
#define KEY_SIZE 400

/* One pass over one table. */
struct pass {
    struct verify *verify;
    struct verify_state *state;
    uint32_t group, ngroups;
};

static uint32_t fine_index(const struct digest *key)
{
    return (uint32_t)(key->lo / VERIFY_BUCKETS % VERIFY_FINE);
}

int verify_row_counts(const struct verify_state *state, struct scan_lane *lane,
                      const struct rnl_row *row, struct digest *key, struct rnl_error *err)
{
    uint32_t bucket, fine;

    if (!verify_key(state, lane, row, &bucket, key))
        return verify_no_memory(err);
    if (!verify_bucket_differs(state, bucket))
        return 0;
    fine = fine_index(key);
    return !state->fine_differing || state->fine_differing[fine / 8] & 1u << fine % 8;
}

int verify_row_digest(const struct verify_state *state, struct scan_lane *lane,
                      const struct rnl_row *row, const struct digest *key, uint64_t *half,
                      struct rnl_error *err)
{
    struct digest digest = *key;

    if (state->out->keyed && !canon_row(&lane->canon, state->table, row->after, NULL, 0, &digest))
        return verify_no_memory(err);
    *half = digest.hi;
    return RNL_OK;
}

static int run_pass(struct pass *pass, const struct scan_work *work, uint32_t number,
                    struct rnl_error *err)
{
    pass->verify->progress.pass = number;
    return scan_run(pass->verify->scan, pass->state->jobs, pass->state->njobs, work, err);
}

static bool pass_failed(void *arg, const struct scan_job *job, const struct rnl_error *err)
{
    struct pass *pass = arg;

    return verify_failed(pass->verify, job, err);
}

/* --- the finer net ----------------------------------------------------------- */

static int fine_row(void *arg, struct scan_lane *lane, const struct scan_job *job,
                    const struct rnl_row *row, struct rnl_error *err)
{
    struct verify_state *state = ((struct pass *)arg)->state;
    struct verify_fine *fine = state->fine[job->side];
    struct digest key;
    uint64_t half;
    int counts = verify_row_counts(state, lane, row, &key, err);

    if (counts <= 0)
        return counts;
    if (verify_row_digest(state, lane, row, &key, &half, err) != RNL_OK)
        return err->status;
    atomic_fetch_add_explicit(&fine->sums[fine_index(&key)], half, memory_order_relaxed);
    atomic_fetch_add_explicit(&fine->counts[fine_index(&key)], 1, memory_order_relaxed);
    return RNL_OK;
}

static bool compare_fine(struct verify_state *state)
{
    struct verify_fine *source = state->fine[SCAN_SOURCE], *target = state->fine[SCAN_TARGET];
    uint8_t *bits = calloc(1, VERIFY_FINE / 8);

    if (!bits)
        return false;
    state->differing_rows = 0;
    for (uint32_t i = 0; i < VERIFY_FINE; i++) {
        if (source->sums[i] == target->sums[i] && source->counts[i] == target->counts[i])
            continue;
        bits[i / 8] |= (uint8_t)(1u << i % 8);
        state->differing_rows += source->counts[i] + (int64_t)target->counts[i];
    }
    state->fine_differing = bits;
    return true;
}

static int refine(struct pass *pass, struct rnl_error *err)
{
    struct verify_state *state = pass->state;
    struct scan_work work = {.row = fine_row, .failed = pass_failed, .arg = pass};
    int status;

    state->fine[SCAN_SOURCE] = calloc(1, sizeof(struct verify_fine));
    state->fine[SCAN_TARGET] = calloc(1, sizeof(struct verify_fine));
    if (!state->fine[SCAN_SOURCE] || !state->fine[SCAN_TARGET])
        status = verify_no_memory(err);
    else
        status = run_pass(pass, &work, 2, err);
    if (status == RNL_OK && !compare_fine(state))
        status = verify_no_memory(err);
    free(state->fine[SCAN_SOURCE]);
    free(state->fine[SCAN_TARGET]);
    state->fine[SCAN_SOURCE] = state->fine[SCAN_TARGET] = NULL;
    return status;
}

/* --- matching rows ------------------------------------------------------------ */

static int flush_entries(struct pass *pass, enum scan_side side, struct verify_lane *lane,
                         struct rnl_error *err)
{
    struct verify_state *state = pass->state;
    size_t need;
    int status = RNL_OK;

    pthread_mutex_lock(&pass->verify->lock);
    need = state->nentries[side] + lane->nentries;
    if (need > state->entries_room[side]) {
        size_t room = need + need / 2;
        struct verify_entry *moved = realloc(state->entries[side], room * sizeof(*moved));

        if (moved) {
            state->entries[side] = moved;
            state->entries_room[side] = room;
        } else {
            status = verify_no_memory(err);
        }
    }
    if (status == RNL_OK && lane->nentries) {
        memcpy(state->entries[side] + state->nentries[side], lane->entries,
               lane->nentries * sizeof(lane->entries[0]));
        state->nentries[side] = need;
    }
    pthread_mutex_unlock(&pass->verify->lock);
    lane->nentries = 0;
    return status;
}

static int entry_begin(void *arg, struct scan_lane *lane, const struct scan_job *job,
                       struct rnl_error *err)
{
    (void)arg;
    (void)job;
    return verify_lane_start(lane) ? RNL_OK : verify_no_memory(err);
}

static int entry_row(void *arg, struct scan_lane *lane, const struct scan_job *job,
                     const struct rnl_row *row, struct rnl_error *err)
{
    struct pass *pass = arg;
    struct verify_lane *kept = lane->state;
    struct verify_entry *entry = &kept->entries[kept->nentries];
    struct digest key;
    int counts = verify_row_counts(pass->state, lane, row, &key, err);

    if (counts <= 0)
        return counts;
    if ((key.lo >> 32) % pass->ngroups != pass->group)
        return RNL_OK;
    entry->key = key.hi;
    if (verify_row_digest(pass->state, lane, row, &key, &entry->row, err) != RNL_OK)
        return err->status;
    if (++kept->nentries < sizeof(kept->entries) / sizeof(kept->entries[0]))
        return RNL_OK;
    return flush_entries(pass, job->side, kept, err);
}

static int entry_end(void *arg, struct scan_lane *lane, const struct scan_job *job,
                     struct rnl_error *err)
{
    return flush_entries(arg, job->side, lane->state, err);
}

static int by_key_and_row(const void *a, const void *b)
{
    const struct verify_entry *left = a, *right = b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->row < right->row ? -1 : left->row > right->row;
}

/* Those to be listed; all of them only for a repair, or to be looked at again. */
static size_t found_most(const struct verify_options *options)
{
    if (options->repair)
        return FOUND_MOST;
    return options->live ? SUSPECTS_MOST : options->max_keys;
}

static bool add_found(const struct verify_options *options, struct verify_state *state,
                      uint64_t key, enum verify_kind kind)
{
    if (state->nfound == found_most(options)) {
        state->found_all = false;
        return true;
    }
    if (state->nfound == state->found_room) {
        size_t room = state->found_room ? state->found_room * 2 : 64;
        struct verify_found *moved = realloc(state->found, room * sizeof(*moved));

        if (!moved)
            return false;
        state->found = moved;
        state->found_room = room;
    }
    state->found[state->nfound++] = (struct verify_found){key, kind};
    return true;
}

/*
 * The rows of one key on both sides: equal ones cancel each other, as often as they
 * stand there; what is left on both sides differs, what is left on one is missing or
 * too much.
 */
static bool match_key(const struct verify_options *options, struct verify_state *state,
                      const struct verify_entry *source, size_t nsource,
                      const struct verify_entry *target, size_t ntarget)
{
    struct verify_table *out = state->out;
    size_t s = 0, t = 0;
    int64_t only_source = 0, only_target = 0, both;

    while (s < nsource || t < ntarget) {
        if (s < nsource && t < ntarget && source[s].row == target[t].row) {
            s++;
            t++;
        } else if (t == ntarget || (s < nsource && source[s].row < target[t].row)) {
            only_source++;
            s++;
        } else {
            only_target++;
            t++;
        }
    }
    if (only_source == 0 && only_target == 0)
        return true;
    both = only_source < only_target ? only_source : only_target;
    out->different += both;
    out->missing += only_source - both;
    out->extra += only_target - both;
    return add_found(options, state, nsource ? source->key : target->key,
                     both              ? VERIFY_DIFFERENT
                     : only_source > 0 ? VERIFY_MISSING
                                       : VERIFY_EXTRA);
}

static size_t same_key(const struct verify_entry *entries, size_t from, size_t count)
{
    size_t end = from;

    while (end < count && entries[end].key == entries[from].key)
        end++;
    return end - from;
}

/* Merges both sides' entries, in the order of keys. */
static bool match_entries(const struct verify_options *options, struct verify_state *state)
{
    const struct verify_entry *source = state->entries[SCAN_SOURCE];
    const struct verify_entry *target = state->entries[SCAN_TARGET];
    size_t nsource = state->nentries[SCAN_SOURCE], ntarget = state->nentries[SCAN_TARGET];
    size_t s = 0, t = 0;

    for (int side = 0; side < SCAN_SIDES; side++)
        if (state->nentries[side])
            qsort(state->entries[side], state->nentries[side], sizeof(struct verify_entry),
                  by_key_and_row);
    while (s < nsource || t < ntarget) {
        bool take_source = s < nsource && (t == ntarget || source[s].key <= target[t].key);
        bool take_target = t < ntarget && (s == nsource || target[t].key <= source[s].key);
        size_t ns = take_source ? same_key(source, s, nsource) : 0;
        size_t nt = take_target ? same_key(target, t, ntarget) : 0;

        if (!match_key(options, state, source ? source + s : NULL, ns, target ? target + t : NULL,
                       nt))
            return false;
        s += ns;
        t += nt;
    }
    return true;
}

static int match_group(struct pass *pass, struct rnl_error *err)
{
    struct scan_work work = {.begin = entry_begin,
                             .row = entry_row,
                             .end = entry_end,
                             .failed = pass_failed,
                             .arg = pass};
    struct verify_state *state = pass->state;
    int status = run_pass(pass, &work, 2, err);

    if (status == RNL_OK && !atomic_load(&state->failed) &&
        !match_entries(pass->verify->options, state))
        status = verify_no_memory(err);
    for (int side = 0; side < SCAN_SIDES; side++) {
        free(state->entries[side]);
        state->entries[side] = NULL;
        state->nentries[side] = state->entries_room[side] = 0;
    }
    return status;
}

/* --- naming rows -------------------------------------------------------------- */

/* A row of the list, as read on one side. */
struct named_side {
    bool there;
    struct digest *columns;
    char **values;
};

struct named {
    uint64_t key;
    enum verify_kind kind;
    char *text; /* of its key */
    struct named_side sides[SCAN_SIDES];
};

struct naming {
    struct pass pass;
    struct named *rows; /* in the order of keys */
    size_t nrows;
};

static int by_named_key(const void *a, const void *b)
{
    const struct named *left = a, *right = b;

    return left->key < right->key ? -1 : left->key > right->key;
}

/* Copies what a report says of the row. The lock is held: rows to be named are few. */
static bool keep_row(struct naming *naming, struct scan_lane *lane, enum scan_side side,
                     const struct rnl_row *row, struct named *named)
{
    const struct verify_state *state = naming->pass.state;
    const struct rnl_table *table = state->table;
    struct named_side *kept = &named->sides[side];
    char text[KEY_SIZE];

    kept->there = true;
    if (!named->text) {
        named->text =
            strdup(key_text(table, row->after, state->key, state->nkey, text, sizeof(text)));
        if (!named->text)
            return false;
    }
    if (named->kind != VERIFY_DIFFERENT)
        return true;
    kept->columns = calloc(table->ncolumns, sizeof(*kept->columns));
    kept->values = calloc(table->ncolumns, sizeof(*kept->values));
    if (!kept->columns || !kept->values)
        return false;
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (!canon_value(&lane->canon, table->columns[i].type, &row->after[i], &kept->columns[i]))
            return false;
        if (!naming->pass.verify->options->values)
            continue;
        kept->values[i] = strdup(value_text(&row->after[i], text, VALUE_SIZE));
        if (!kept->values[i])
            return false;
    }
    return true;
}

static int name_row(void *arg, struct scan_lane *lane, const struct scan_job *job,
                    const struct rnl_row *row, struct rnl_error *err)
{
    struct naming *naming = arg;
    struct digest key;
    struct named wanted = {0}, *named;
    bool enough = true;
    int counts = verify_row_counts(naming->pass.state, lane, row, &key, err);

    if (counts <= 0)
        return counts;
    wanted.key = key.hi;
    named = bsearch(&wanted, naming->rows, naming->nrows, sizeof(*named), by_named_key);
    if (!named)
        return RNL_OK;
    pthread_mutex_lock(&naming->pass.verify->lock);
    if (!named->sides[job->side].there)
        enough = keep_row(naming, lane, job->side, row, named);
    pthread_mutex_unlock(&naming->pass.verify->lock);
    return enough ? RNL_OK : verify_no_memory(err);
}

static bool name_failed(void *arg, const struct scan_job *job, const struct rnl_error *err)
{
    return pass_failed(&((struct naming *)arg)->pass, job, err);
}

/* Moves what was kept of a row into the report. */
static bool list_row(const struct naming *naming, struct named *named, struct verify_row *out)
{
    const struct rnl_table *table = naming->pass.state->table;
    struct named_side *source = &named->sides[SCAN_SOURCE], *target = &named->sides[SCAN_TARGET];

    *out = (struct verify_row){.kind = named->kind, .key_digest = named->key, .key = named->text};
    named->text = NULL;
    if (!source->columns || !target->columns)
        return true;
    out->columns = calloc(table->ncolumns, sizeof(*out->columns));
    out->values = calloc(2 * (size_t)table->ncolumns, sizeof(*out->values));
    if (!out->columns || !out->values)
        return false;
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (digest_equal(&source->columns[i], &target->columns[i]))
            continue;
        out->values[2 * out->ncolumns] = source->values[i];
        out->values[2 * out->ncolumns + 1] = target->values[i];
        source->values[i] = target->values[i] = NULL;
        out->columns[out->ncolumns++] = i;
    }
    if (!naming->pass.verify->options->values) {
        free(out->values);
        out->values = NULL;
    }
    return true;
}

static int by_kind_and_key(const void *a, const void *b)
{
    const struct verify_row *left = a, *right = b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return strverscmp(left->key ? left->key : "", right->key ? right->key : "");
}

static int list_rows(struct naming *naming, struct rnl_error *err)
{
    struct verify_table *out = naming->pass.state->out;

    out->listed = calloc(naming->nrows, sizeof(*out->listed));
    if (!out->listed)
        return verify_no_memory(err);
    for (size_t i = 0; i < naming->nrows; i++) {
        if (naming->rows[i].kind == VERIFY_CHANGING && !naming->rows[i].text)
            continue; /* gone by now */
        if (!list_row(naming, &naming->rows[i], &out->listed[out->nlisted++]))
            return verify_no_memory(err);
    }
    qsort(out->listed, out->nlisted, sizeof(*out->listed), by_kind_and_key);
    return RNL_OK;
}

static void free_named(const struct naming *naming)
{
    for (size_t i = 0; i < naming->nrows; i++) {
        struct named *named = &naming->rows[i];

        free(named->text);
        for (int side = 0; side < SCAN_SIDES; side++) {
            char **values = named->sides[side].values;

            for (uint32_t c = 0; values && c < naming->pass.state->table->ncolumns; c++)
                free(values[c]);
            free(values);
            free(named->sides[side].columns);
        }
    }
    free(naming->rows);
}

int verify_name_rows(struct verify *verify, struct verify_state *state, struct rnl_error *err)
{
    struct naming naming = {.pass = {.verify = verify, .state = state}};
    struct scan_work work = {.row = name_row, .failed = name_failed, .arg = &naming};
    uint32_t most = verify->options->max_keys;
    int status;

    naming.nrows = state->nfound < most ? state->nfound : most;
    if (naming.nrows == 0)
        return RNL_OK;
    naming.rows = calloc(naming.nrows, sizeof(*naming.rows));
    if (!naming.rows)
        return verify_no_memory(err);
    for (size_t i = 0; i < naming.nrows; i++) {
        naming.rows[i].key = state->found[i].key;
        naming.rows[i].kind = state->found[i].kind;
    }
    qsort(naming.rows, naming.nrows, sizeof(*naming.rows), by_named_key);
    status = run_pass(&naming.pass, &work, 3, err);
    if (status == RNL_OK)
        status = list_rows(&naming, err);
    free_named(&naming);
    return status;
}

int verify_find_rows(struct verify *verify, struct verify_state *state, struct rnl_error *err)
{
    struct pass pass = {.verify = verify, .state = state};
    struct verify_table *out = state->out;
    int64_t groups;

    if (state->differing_rows > GROUP_ROWS && refine(&pass, err) != RNL_OK)
        return err->status;
    groups = (state->differing_rows + GROUP_ROWS - 1) / GROUP_ROWS;
    out->exact = groups <= GROUPS_MOST;
    state->found_all = out->exact;
    pass.ngroups = groups ? (uint32_t)groups : 1;
    for (pass.group = 0; pass.group < pass.ngroups && pass.group < GROUPS_MOST; pass.group++)
        if (match_group(&pass, err) != RNL_OK)
            return err->status;
    if (atomic_load(&state->failed) || verify->options->live)
        return RNL_OK;
    if (verify_table_is_equal(out)) {
        /* Sums of 128 bits differ: there is at least one row, in a part not looked at. */
        out->different = 1;
        out->exact = false;
    }
    return verify_name_rows(verify, state, err);
}
