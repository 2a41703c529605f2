/*
 * Rows that differ while both sides are written to: looked at again, until they agree or are
 * known to differ. No side is stopped for it.
 *
 * A round: the source was read, and the end of its log noted then. When the target has come there
 * (the fence), it holds all that the source's view had; so a row of it that is neither what the
 * source had before nor what it has behind, though the source's did not change, is wrong. By
 * chance a row may show this that goes back and forth: see suspect.h.
 *
 * A row that is changed more often than it is looked at shows other values on both sides each
 * time, and all of them right. Such a row is looked at in quick succession, and what the source
 * showed is kept: when the target comes to show one of these values, it has had the row right at a
 * moment since the comparison began.
 */
#include "util/clock.h"
#include "util/log.h"
#include "verify_keys.h"

#include <stdlib.h>
#include <time.h>

#define ROUNDS_MOST 30
#define SUSPECTS_ALL ((size_t)1 << 18) /* of all tables */
#define HOT_MOST 4096                  /* rows looked at in quick succession: a KiB each */
#define LOOKS 16                       /* in one succession */
#define LOOK_MS 500                    /* only while one look takes no longer */
#define SLICE_MS 50

/* A row that is changed all the time, and what the source showed of it. */
struct hot {
    struct suspect *suspect;
    struct sights sights;
};

struct settle {
    struct verify *verify;
    struct scan_job *jobs; /* of the reading under way */
    size_t njobs;
    bool *which; /* tables are read */
    struct hot *hot;
    size_t nhot, hot_room;
    uint64_t chance;
    int64_t read_ms[SCAN_SIDES]; /* what the last reading took */
};

static int by_key(const void *a, const void *b)
{
    const struct suspect *left = a, *right = b;

    return left->key < right->key ? -1 : left->key > right->key;
}

/* --- whom to look at ------------------------------------------------------------------------ */

/* What the first comparison found becomes suspects; how many rows it counted is *counted. */
static int suspects_make(struct verify *verify, struct verify_state *state, struct rnl_error *err)
{
    size_t room = SUSPECTS_ALL - verify->nsuspects;
    size_t count = state->nfound < room ? state->nfound : room;

    state->suspects = calloc(count + 1, sizeof(*state->suspects));
    if (!state->suspects)
        return verify_no_memory(err);
    for (size_t i = 0; i < count; i++)
        state->suspects[i].key = state->found[i].key;
    qsort(state->suspects, count, sizeof(*state->suspects), by_key);
    state->nsuspects = count;
    verify->nsuspects += count;
    return keys_start(verify, state) ? RNL_OK : verify_no_memory(err);
}

static size_t open_in(const struct verify_state *state)
{
    size_t open = 0;

    if (atomic_load(&state->failed))
        return 0;
    for (size_t i = 0; i < state->nsuspects; i++)
        open += state->suspects[i].verdict == SUSPECT_OPEN;
    return open;
}

static size_t count_open(const struct verify *verify)
{
    size_t open = 0;

    for (uint32_t i = 0; i < verify->ntables; i++)
        open += open_in(&verify->states[i]);
    return open;
}

/* --- looking -------------------------------------------------------------------------------- */

/* A row that isn't looked for tells whether rows can be found by their keys: a few are enough. */
static void see_other(struct verify *verify, struct verify_state *state, struct scan_lane *lane,
                      const struct scan_job *job, const struct digest *key)
{
    if (!state->by_keys && (atomic_load(&state->keys->ncontrols[job->side]) == CONTROLS ||
                            !atomic_load(&state->keys->usable)))
        return;
    pthread_mutex_lock(&verify->lock);
    keys_saw_other(state, lane, job->side, key);
    pthread_mutex_unlock(&verify->lock);
}

static struct suspect *find_suspect(const struct verify_state *state, struct scan_lane *lane,
                                    const struct rnl_row *row, struct digest *key, int *counts,
                                    struct rnl_error *err)
{
    struct suspect wanted = {0};

    *counts = verify_row_counts(state, lane, row, key, err);
    if (*counts <= 0)
        return NULL;
    wanted.key = key->hi;
    return bsearch(&wanted, state->suspects, state->nsuspects, sizeof(wanted), by_key);
}

static int look_row(void *arg, struct scan_lane *lane, const struct scan_job *job,
                    const struct rnl_row *row, struct rnl_error *err)
{
    struct verify *verify = ((struct settle *)arg)->verify;
    struct verify_state *state = verify_state_of(verify, job);
    struct suspect *suspect;
    struct digest key;
    uint64_t half;
    int counts;

    suspect = find_suspect(state, lane, row, &key, &counts, err);
    if (counts < 0)
        return counts;
    if (!suspect) {
        see_other(verify, state, lane, job, &key);
        return RNL_OK;
    }
    if (verify_row_digest(state, lane, row, &key, &half, err) != RNL_OK)
        return err->status;
    pthread_mutex_lock(&verify->lock);
    suspect->now.sum += half;
    suspect->now.count++;
    keys_saw(state, lane, job->side, &key, (size_t)(suspect - state->suspects));
    pthread_mutex_unlock(&verify->lock);
    return RNL_OK;
}

static bool look_failed(void *arg, const struct scan_job *job, const struct rnl_error *err)
{
    return verify_failed(((struct settle *)arg)->verify, job, err);
}

static void forget_now(struct verify_state *state)
{
    for (size_t s = 0; s < state->nsuspects; s++)
        state->suspects[s].now = (struct sight){0};
}

/* Adds jobs to those of the reading; by keys where that can be. */
static bool add_jobs(struct settle *settle, struct verify_state *state, enum scan_side side)
{
    struct scan_job *jobs = state->jobs, *made = NULL, *moved;
    size_t njobs = state->njobs;

    forget_now(state);
    state->by_keys = keys_can(state, side);
    if (state->by_keys) {
        njobs = keys_jobs(state, side, &made);
        if (njobs == 0)
            return false;
        jobs = made;
    }
    moved = realloc(settle->jobs, (settle->njobs + njobs + 1) * sizeof(*moved));
    if (moved) {
        settle->jobs = moved;
        for (size_t j = 0; j < njobs; j++)
            if (jobs[j].side == side)
                settle->jobs[settle->njobs++] = jobs[j];
    }
    free(made);
    return moved;
}

/* Tables that were read by keys which found nothing there, not even what surely is there. */
static bool read_in_vain(const struct verify *verify, enum scan_side side, bool *again)
{
    bool any = false;

    for (uint32_t i = 0; i < verify->ntables; i++) {
        struct verify_state *state = &verify->states[i];

        again[i] = again[i] && state->by_keys && !keys_were_found(state, side);
        any |= again[i];
    }
    return any;
}

static int read_tables(struct settle *settle, enum scan_side side, const bool *which,
                       struct rnl_error *err)
{
    struct verify *verify = settle->verify;
    struct scan_work work = {.row = look_row, .failed = look_failed, .arg = settle};

    settle->njobs = 0;
    for (uint32_t i = 0; i < verify->ntables; i++)
        if (which[i] && !add_jobs(settle, &verify->states[i], side))
            return verify_no_memory(err);
    return scan_run(verify->scan, settle->jobs, settle->njobs, &work, err);
}

/* Reads one side; what each suspect shows there is in its now. */
static int look(struct settle *settle, enum scan_side side, struct rnl_error *err)
{
    const struct verify *verify = settle->verify;
    int64_t begun_ms = clock_ms();
    int status;

    for (uint32_t i = 0; i < verify->ntables; i++)
        settle->which[i] = open_in(&verify->states[i]) > 0;
    status = read_tables(settle, side, settle->which, err);
    if (status == RNL_OK && read_in_vain(verify, side, settle->which))
        status = read_tables(settle, side, settle->which, err);
    settle->read_ms[side] = clock_ms() - begun_ms;
    return status;
}

static int look_at_source(struct settle *settle, bool mark, struct rnl_error *err)
{
    const struct verify_live *live = settle->verify->options->live;

    if (live->renew(live->arg, err) != RNL_OK)
        return err->status;
    scan_source_lanes(settle->verify->scan, 1);
    if (mark && live->mark(live->arg, err) != RNL_OK)
        return err->status;
    return look(settle, SCAN_SOURCE, err);
}

static int look_at_target(struct settle *settle, struct rnl_error *err)
{
    const struct scan_sides *sides = &settle->verify->options->sides;

    if (sides->sink_ops->read_anew)
        sides->sink_ops->read_anew(sides->sink);
    return look(settle, SCAN_TARGET, err);
}

/* --- between and behind looks
 * -------------------------------------------------------------------------------- */

static void tell(const struct settle *settle)
{
    struct verify *verify = settle->verify;

    pthread_mutex_lock(&verify->lock);
    verify->progress.suspects = count_open(verify);
    if (verify->options->progress)
        verify->options->progress(verify->options->arg, &verify->progress);
    pthread_mutex_unlock(&verify->lock);
}

/* Longer each time, and never in step with who writes. */
static int rest(struct settle *settle, uint32_t round, struct rnl_error *err)
{
    const struct verify_options *options = settle->verify->options;
    int64_t ms = (int64_t)options->live->pause_ms * (round < 9 ? round + 1 : 10);
    const atomic_bool *stopping = options->sides.stopping;
    int64_t until_ms;

    settle->chance = settle->chance * 6364136223846793005u + 1442695040888963407u;
    until_ms = clock_ms() + (ms ? ms / 2 + (int64_t)(settle->chance >> 33) % ms : 0);
    for (int64_t left; (left = until_ms - clock_ms()) > 0;) {
        if (stopping && atomic_load(stopping))
            return rnl_fail(err, RNL_E_RETRY, "scan.stopped", "stopped before all was read");
        left = left < SLICE_MS ? left : SLICE_MS;
        nanosleep(&(struct timespec){.tv_nsec = (long)left * 1000000L}, NULL);
    }
    return RNL_OK;
}

/* What was read becomes what is known of the source; nothing has been read of the others. */
static void take_source(const struct verify *verify)
{
    for (uint32_t i = 0; i < verify->ntables; i++)
        for (size_t s = 0; s < verify->states[i].nsuspects; s++) {
            struct suspect *suspect = &verify->states[i].suspects[s];

            if (suspect->verdict != SUSPECT_OPEN)
                continue;
            if (!sight_equal(suspect->source, suspect->now))
                suspect->same = 0;
            suspect->source = suspect->now;
        }
}

static void take_target(const struct verify *verify)
{
    for (uint32_t i = 0; i < verify->ntables; i++)
        for (size_t s = 0; s < verify->states[i].nsuspects; s++) {
            struct suspect *suspect = &verify->states[i].suspects[s];

            if (suspect->verdict == SUSPECT_OPEN)
                suspect->shown = suspect->now;
        }
}

static void judge(const struct verify *verify)
{
    for (uint32_t i = 0; i < verify->ntables; i++)
        for (size_t s = 0; s < verify->states[i].nsuspects; s++) {
            struct suspect *suspect = &verify->states[i].suspects[s];

            if (suspect->verdict == SUSPECT_OPEN)
                suspect_judge(suspect, verify->states[i].out->keyed, suspect->shown, suspect->now);
        }
}

/* --- rows that are changed all the time ------------------------------------------------------ */

static void hot_forget_settled(struct settle *settle)
{
    size_t left = 0;

    for (size_t i = 0; i < settle->nhot; i++)
        if (settle->hot[i].suspect->verdict == SUSPECT_OPEN)
            settle->hot[left++] = settle->hot[i];
    settle->nhot = left;
}

static int hot_add(struct settle *settle, struct suspect *suspect, struct rnl_error *err)
{
    struct hot *hot;

    if (settle->nhot == HOT_MOST)
        return RNL_OK;
    if (settle->nhot == settle->hot_room) {
        size_t room = settle->hot_room ? settle->hot_room * 2 : 64;

        hot = realloc(settle->hot, room * sizeof(*hot));
        if (!hot)
            return verify_no_memory(err);
        settle->hot = hot;
        settle->hot_room = room;
    }
    hot = &settle->hot[settle->nhot++];
    *hot = (struct hot){.suspect = suspect};
    suspect->hot = true;
    sights_add(&hot->sights, suspect->source);
    return RNL_OK;
}

/* Those that moved in this round. */
static int hot_find(struct settle *settle, struct rnl_error *err)
{
    const struct verify *verify = settle->verify;

    hot_forget_settled(settle);
    for (uint32_t i = 0; i < verify->ntables; i++)
        for (size_t s = 0; s < verify->states[i].nsuspects; s++) {
            struct suspect *suspect = &verify->states[i].suspects[s];

            if (suspect->verdict == SUSPECT_OPEN && suspect->same == 0 && !suspect->hot &&
                hot_add(settle, suspect, err) != RNL_OK)
                return err->status;
        }
    return RNL_OK;
}

static void hot_saw_source(struct settle *settle)
{
    for (size_t i = 0; i < settle->nhot; i++)
        sights_add(&settle->hot[i].sights, settle->hot[i].suspect->now);
}

static void hot_saw_target(struct settle *settle)
{
    for (size_t i = 0; i < settle->nhot; i++)
        if (sights_have(&settle->hot[i].sights, settle->hot[i].suspect->now))
            settle->hot[i].suspect->verdict = SUSPECT_FINE;
    hot_forget_settled(settle);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static int one_round(struct settle *settle, uint32_t round, struct rnl_error *err)
{
    const struct verify_live *live = settle->verify->options->live;

    tell(settle);
    if (live->fence(live->arg, err) != RNL_OK || look_at_target(settle, err) != RNL_OK)
        return err->status;
    take_target(settle->verify);
    hot_saw_target(settle);
    if (rest(settle, round, err) != RNL_OK || look_at_source(settle, true, err) != RNL_OK)
        return err->status;
    judge(settle->verify);
    hot_saw_source(settle);
    return RNL_OK;
}

static int look_quickly(struct settle *settle, struct rnl_error *err)
{
    if (hot_find(settle, err) != RNL_OK)
        return err->status;
    for (int i = 0; i < LOOKS && settle->nhot; i++) {
        bool last = i + 1 == LOOKS;

        if (settle->read_ms[SCAN_SOURCE] > LOOK_MS || settle->read_ms[SCAN_TARGET] > LOOK_MS)
            break;
        if (look_at_target(settle, err) != RNL_OK)
            return err->status;
        hot_saw_target(settle);
        if (settle->nhot == 0)
            break;
        if (look_at_source(settle, last, err) != RNL_OK)
            return err->status;
        hot_saw_source(settle);
        if (last) /* the next round begins with this view, and its place in the log */
            take_source(settle->verify);
    }
    return RNL_OK;
}

/* --- what it comes to ------------------------------------------------------------------------ */

static bool keep_found(struct verify_state *state, uint64_t key, enum verify_kind kind)
{
    if (!state->found) {
        state->found = calloc(state->nsuspects, sizeof(*state->found));
        state->nfound = 0;
    }
    if (state->found)
        state->found[state->nfound++] = (struct verify_found){key, kind};
    return state->found;
}

static enum verify_kind count_one(struct verify_table *out, const struct suspect *suspect)
{
    int64_t source = suspect->source.count, target = suspect->shown.count;
    int64_t both = source < target ? source : target;

    if (suspect->verdict == SUSPECT_OPEN) {
        out->changing++;
        return VERIFY_CHANGING;
    }
    if (out->keyed)
        out->different += both;
    out->missing += source - both;
    out->extra += target - both;
    return out->keyed && both ? VERIFY_DIFFERENT : source > target ? VERIFY_MISSING : VERIFY_EXTRA;
}

/* Those that differ first: names may not be given to all. */
static bool count_all(struct verify_state *state)
{
    for (int verdict = SUSPECT_DIFFERS; verdict >= SUSPECT_OPEN; verdict -= SUSPECT_DIFFERS)
        for (size_t i = 0; i < state->nsuspects; i++) {
            const struct suspect *suspect = &state->suspects[i];

            if (suspect->verdict == verdict &&
                !keep_found(state, suspect->key, count_one(state->out, suspect)))
                return false;
        }
    return true;
}

/* counted: rows that seemed to differ at first; not all of them may have been looked at again. */
static int conclude(struct verify *verify, struct verify_state *state, struct rnl_error *err)
{
    struct verify_table *out = state->out;
    int64_t counted = out->missing + out->extra + out->different;

    if (!state->differing || atomic_load(&state->failed))
        return RNL_OK;
    free(state->found);
    state->found = NULL;
    state->nfound = 0;
    out->missing = out->extra = out->different = 0;
    if (!count_all(state))
        return verify_no_memory(err);
    if (!state->found_all) {
        out->exact = false;
        if (verify_table_is_equal(out) || verify_table_is_unsettled(out))
            out->changing = counted > 0 ? counted : 1;
    }
    return verify_name_rows(verify, state, err);
}

static int rounds(struct settle *settle, struct rnl_error *err)
{
    struct verify *verify = settle->verify;

    if (count_open(verify) == 0)
        return RNL_OK;
    verify->progress.pass = 5;
    tell(settle);
    if (look_at_source(settle, true, err) != RNL_OK)
        return err->status;
    take_source(verify);
    for (uint32_t round = 0; round < ROUNDS_MOST && count_open(verify); round++) {
        if (one_round(settle, round, err) != RNL_OK || look_quickly(settle, err) != RNL_OK)
            return err->status;
        log_write(RNL_LOG_DEBUG, "verify", "round %u: %zu rows are open", round + 1,
                  count_open(verify));
    }
    return RNL_OK;
}

int verify_settle(struct verify *verify, struct rnl_error *err)
{
    struct settle settle = {.verify = verify, .chance = verify->seed | 1};
    int status = RNL_OK;

    settle.which = calloc(verify->ntables + 1, sizeof(*settle.which));
    if (!settle.which)
        return verify_no_memory(err);
    for (uint32_t i = 0; i < verify->ntables && status == RNL_OK; i++) {
        struct verify_state *state = &verify->states[i];

        if (!state->differing || atomic_load(&state->failed))
            continue;
        status = suspects_make(verify, state, err);
        state->found_all = state->found_all && state->nsuspects == state->nfound;
    }
    if (status == RNL_OK)
        status = rounds(&settle, err);
    for (uint32_t i = 0; i < verify->ntables && status == RNL_OK; i++)
        status = conclude(verify, &verify->states[i], err);
    free(settle.hot);
    free(settle.which);
    free(settle.jobs);
    return status;
}
