/*
 * Following the source: one thread reads its changes into bundles of lane 0, while the role's own
 * thread tells the source what the target has made durable, and looks at how far behind it all is.
 */
#include "outlet.h"

#include "alteration.h"
#include "mask.h"
#include "row_text.h"
#include "util/clock.h"
#include "util/log.h"

#include <stdlib.h>

#define POLL_MS 100
#define MARK_MS 1000  /* positions without rows are told so often at most */
#define STATE_MS 3000 /* how often the source is asked how much is left */

struct follow {
    struct reader *reader;
    struct rnl_unit unit;
    struct rnl_start *starts; /* of unit */
    struct outlet *outlet;
    pthread_t thread;
    char *position; /* of the last transaction given to the transport; the thread's own */
    char *high;     /* changes before it may have been seen by the load; NULL: none has */
    bool replaying;
    bool open;                   /* the last bundle that was published ends amid a transaction */
    bool passed;                 /* behind a statement that the target has followed: to be told */
    struct alterations *altered; /* why the thread ended: these are to be followed; or NULL */
    int64_t told_ms;             /* when something was published last */

    pthread_mutex_t lock; /* guards everything below */
    char *goal;           /* read up to there, and no further; NULL: for ever */
    bool ended;           /* the thread reads no more */
    bool drained;         /* because all up to the goal was given */
    int64_t rows_ms;      /* when a change came last */
};

static const struct rnl_source_ops *source_of(const struct reader *reader)
{
    return &reader->source.plugin->source;
}

static struct rnl_slice slice_of(const char *text)
{
    return (struct rnl_slice){text, text ? strlen(text) : 0};
}

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for following changes");
}

/* --- where changes begin ------------------------------------------------------------------ */

/* As they are now: a catalog that was altered has tables at other indexes. */
static int fill_starts(struct follow *follow, struct rnl_error *err)
{
    struct reader *reader = follow->reader;

    free(follow->starts);
    follow->starts = calloc(reader->nstarts + 1, sizeof(*follow->starts));
    if (!follow->starts)
        return no_memory(err);
    for (size_t i = 0; i < reader->nstarts; i++)
        follow->starts[i] = (struct rnl_start){
            .size = sizeof(struct rnl_start),
            .table = reader->starts[i].table,
            .position = {reader->starts[i].position, reader->starts[i].len},
        };
    follow->unit.starts = follow->starts;
    follow->unit.nstarts = (uint32_t)reader->nstarts;
    follow->unit.start_size = sizeof(struct rnl_start);
    return RNL_OK;
}

static int fill_unit(struct follow *follow, struct rnl_error *err)
{
    struct reader *reader = follow->reader;
    struct rnl_unit *unit = &follow->unit;

    *unit = *reader_changes_unit(reader);
    if (reader_starts_find(reader, err) != RNL_OK ||
        outlet_places(follow->outlet, &unit->position, err) != RNL_OK)
        return err->status;
    if (!unit->position.len)
        return rnl_fail(err, RNL_E_FATAL, "source.no_position",
                        "the source doesn't say where in its log changes begin");
    follow->position = strndup(unit->position.ptr, unit->position.len);
    return follow->position ? fill_starts(follow, err) : no_memory(err);
}

/* The log's end as it is now: a copy, malloc'd. */
static int log_end(struct reader *reader, char **end, struct rnl_error *err)
{
    struct rnl_slice position;
    int status = source_of(reader)->log_end(reader->source.self, &position, err);

    if (status != RNL_OK)
        return status;
    *end = strndup(position.ptr, position.len);
    return *end ? RNL_OK : no_memory(err);
}

static bool reached(const struct follow *follow, const char *goal)
{
    return source_of(follow->reader)
        ->log_reached(follow->reader->source.self, slice_of(follow->position), slice_of(goal));
}

/* --- the thread that reads ---------------------------------------------------------------- */

static int publish(struct follow *follow, struct rnl_bundle *bundle, bool all,
                   struct rnl_error *err)
{
    uint32_t flags = RNL_BUNDLE_CHANGES | (follow->replaying ? RNL_BUNDLE_REPLAY : 0u);

    if (all || outlet_count(follow->outlet) == 1)
        follow->told_ms = clock_ms();
    return outlet_give(follow->outlet, bundle, flags, all, err);
}

/* No rows, but the place where we stand: what waits for it needn't wait for a change. */
static int publish_place(struct follow *follow, struct rnl_bundle *bundle, struct rnl_error *err)
{
    bundle_reset(bundle);
    if (bundle_commit(bundle, slice_of(follow->position), 0, err) < 0)
        return err->status;
    return publish(follow, bundle, true, err);
}

/* Not amid a transaction: its rows are on their way, and its end must follow them. */
static bool is_drained(struct follow *follow)
{
    bool drained;

    if (follow->open)
        return false;

    pthread_mutex_lock(&follow->lock);
    drained = follow->goal && reached(follow, follow->goal);
    pthread_mutex_unlock(&follow->lock);
    return drained;
}

static int note_position(struct follow *follow, const struct rnl_bundle *bundle,
                         struct rnl_error *err)
{
    struct rnl_slice at = bundle_position(bundle);
    char *copy = strndup(at.ptr, at.len);

    if (!copy)
        return no_memory(err);
    free(follow->position);
    follow->position = copy;
    return RNL_OK;
}

/* The load has been caught up with when all that it may have seen is given. */
static int look_for_high(struct follow *follow, struct rnl_bundle *bundle, struct rnl_error *err)
{
    if (!follow->replaying || !reached(follow, follow->high))
        return RNL_OK;
    follow->replaying = false;
    log_write(RNL_LOG_INFO, "reader", "changes have caught up");
    return publish_place(follow, bundle, err);
}

static int give(struct follow *follow, struct rnl_bundle *bundle, struct rnl_error *err)
{
    uint32_t rows = bundle_rows(bundle);
    bool marked = bundle_marked(bundle), due;

    if (marked && note_position(follow, bundle, err) != RNL_OK)
        return err->status;
    if (rows) {
        pthread_mutex_lock(&follow->lock);
        follow->rows_ms = clock_ms();
        pthread_mutex_unlock(&follow->lock);
    }
    /* The end of a transaction whose rows are on their way can't wait. */
    due = marked && clock_ms() - follow->told_ms >= MARK_MS;
    if (rows || due || (marked && follow->open)) {
        if (publish(follow, bundle, due, err) != RNL_OK)
            return err->status;
        follow->open = !marked;
    }
    return marked ? look_for_high(follow, bundle, err) : RNL_OK;
}

/* The source has failed: the transactions that it gave whole before are given on all the same. */
static void give_whole(struct follow *follow, struct rnl_bundle *bundle)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* the source's failure is what counts */

    if (bundle_cut_to_mark(bundle) && !atomic_load(&follow->reader->run->hard))
        give(follow, bundle, &unheard);
}

/* Whether limits.events is reached; only where a transaction has ended. */
static bool is_limited(struct follow *follow, uint32_t rows, bool marked)
{
    struct reader *reader = follow->reader;
    bool limited;

    pthread_mutex_lock(&reader->lock);
    if (reader->events != INT64_MAX)
        reader->events = reader->events > rows ? reader->events - rows : 0;
    limited = marked && reader->events == 0;
    pthread_mutex_unlock(&reader->lock);
    if (limited)
        atomic_store(&reader->run->limited, true);
    return limited;
}

/* So that a bundle ends with the transaction that reaches limits.events, or that is begun. */
static void limit_bundle(struct follow *follow, struct rnl_bundle *bundle)
{
    struct reader *reader = follow->reader;
    int64_t most = reader->run->config->bundle_rows, events;

    pthread_mutex_lock(&reader->lock);
    events = reader->events;
    pthread_mutex_unlock(&reader->lock);
    if (events < most && 2 * events - 1 < most)
        most = events > 0 ? 2 * events - 1 : 1;
    bundle_set_rows(bundle, (uint32_t)most);
    bundle_set_open(bundle, follow->open || outlet_catches_up(follow->outlet));
}

static bool goes_on(const struct reader *reader)
{
    return run_goes_on(reader->run) && !(reader->over && atomic_load(reader->over));
}

/* *drained: all up to the goal was given. */
static int pump(struct follow *follow, void *cursor, struct rnl_bundle *bundle, bool *drained,
                struct rnl_error *err)
{
    struct reader *reader = follow->reader;
    int status = look_for_high(follow, bundle, err);

    if (status == RNL_OK && follow->passed)
        status = publish_place(follow, bundle, err);
    follow->passed = false;
    while (status == RNL_OK && goes_on(reader) && !(*drained = is_drained(follow))) {
        uint32_t rows;
        bool marked;

        limit_bundle(follow, bundle);
        status = source_of(reader)->cursor_read(cursor, bundle, READ_MS, err);
        if (status == RNL_ALTERED)
            status = reader_take_altered(reader, bundle, &follow->altered, err);
        if (status < 0 || status == RNL_ALTERED) {
            give_whole(follow, bundle);
            break;
        }
        rows = bundle_rows(bundle);
        marked = bundle_marked(bundle);
        if (status == RNL_DONE)
            return rnl_fail(err, RNL_E_FATAL, "source.log_ended",
                            "the source ended its changes, which have no end");
        status = give(follow, bundle, err);
        if (status == RNL_OK && is_limited(follow, rows, marked))
            break;
    }
    if (status == RNL_OK && *drained)
        status = publish_place(follow, bundle, err);
    return status;
}

/* All lanes stand at one place then: with another catalog a table may go to another lane. */
static void end_together(struct follow *follow, struct rnl_bundle *bundle)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* the lanes' ends that come next tell it */

    if (outlet_count(follow->outlet) > 1 && !follow->open &&
        !atomic_load(&follow->reader->run->hard))
        publish_place(follow, bundle, &unheard);
}

static int read_changes(struct follow *follow, struct rnl_bundle *bundle, bool *drained,
                        struct rnl_error *err)
{
    struct reader *reader = follow->reader;
    struct rnl_unit unit = follow->unit;
    void *cursor;
    int status;

    if (!run_goes_on(reader->run) || atomic_load(&reader->run->limited))
        return RNL_OK; /* the load has ended before its time: nobody waits for changes */
    unit.position = slice_of(follow->position);
    bundle_limit_row(bundle, reader->sizes.row_bytes, reader->record.catalog);
    bundle_mask_changes(bundle, reader->record.catalog);
    if (reader->over)
        bundle_settled_only(bundle);
    status = source_of(reader)->cursor_open(reader->source.self, reader->record.catalog, 0, &unit,
                                            &cursor, err);
    if (status != RNL_OK)
        return status;
    status = pump(follow, cursor, bundle, drained, err);
    end_together(follow, bundle);
    source_of(reader)->cursor_close(cursor);
    return status;
}

/* Nobody is to wait any more for a source that answers no questions: see look(). */
static void source_interrupt(struct reader *reader)
{
    if (source_of(reader)->interrupt)
        source_of(reader)->interrupt(reader->source.self);
}

static void *changes_main(void *arg)
{
    struct follow *follow = arg;
    struct run *run = follow->reader->run;
    struct rnl_error err = RNL_ERROR_INIT;
    uint32_t flags = 0;
    struct rnl_bundle *bundle =
        bundle_new(run->config->bundle_rows, follow->reader->sizes.bundle_bytes);
    bool drained = false;
    int status = bundle ? read_changes(follow, bundle, &drained, &err) : no_memory(&err);

    if (status < 0 && !atomic_load(&run->hard)) {
        run_fail_in_order(run, &err);
        source_interrupt(follow->reader);
    }
    if (drained)
        flags |= RNL_BUNDLE_UNIT_END;
    if (follow->altered && !follow->reader->over)
        flags |= RNL_BUNDLE_ALTERED;
    bundle_mask_changes(bundle, NULL);
    if (bundle && outlet_end(follow->outlet, bundle, flags, &err) != RNL_OK &&
        !atomic_load(&run->hard))
        run_fail(run, &err);
    bundle_free(bundle);
    pthread_mutex_lock(&follow->lock);
    follow->ended = true;
    follow->drained = drained && status == RNL_OK;
    pthread_mutex_unlock(&follow->lock);
    return NULL;
}

/* --- the role's own thread ---------------------------------------------------------------- */

static bool has_ended(struct follow *follow)
{
    bool ended;

    pthread_mutex_lock(&follow->lock);
    ended = follow->ended;
    pthread_mutex_unlock(&follow->lock);
    return ended;
}

/* No change has come for as long as was asked. */
static bool is_quiet(struct follow *follow)
{
    int64_t wanted_ms = follow->reader->run->config->quiet_seconds * 1000, quiet_ms;

    pthread_mutex_lock(&follow->lock);
    quiet_ms = clock_ms() - follow->rows_ms;
    pthread_mutex_unlock(&follow->lock);
    return quiet_ms >= wanted_ms;
}

/* The goal of a drain: the log's end when it was asked for, and when the source was quiet. */
static int set_goal(struct follow *follow, struct rnl_error *err)
{
    char *goal;

    if (follow->goal || follow->reader->over || !atomic_load(&follow->reader->run->drain) ||
        !is_quiet(follow))
        return RNL_OK;
    if (log_end(follow->reader, &goal, err) != RNL_OK)
        return err->status;
    pthread_mutex_lock(&follow->lock);
    follow->goal = goal;
    pthread_mutex_unlock(&follow->lock);
    return RNL_OK;
}

/* What the target holds for good, the source may forget. */
static int hear(struct follow *follow, struct rnl_error *err)
{
    struct reader *reader = follow->reader;
    const struct rnl_source_ops *source = source_of(reader);
    struct rnl_slice durable;
    struct control word;
    int status = control_poll(reader->ear, CONTROL_ANY, POLL_MS, &word, err);

    if (status != RNL_OK)
        return status == RNL_AGAIN ? RNL_OK : status;
    if (word.type == CONTROL_LOADED && reader->over)
        atomic_store(reader->over, true);
    if (word.type != CONTROL_COMMITTED) { /* READY, which a run that had to end didn't wait for */
        control_clear(&word);
        return RNL_OK;
    }
    status = outlet_told(follow->outlet, word.lane,
                         (struct rnl_slice){word.position, word.position_len}, err);
    control_clear(&word);
    durable = outlet_durable(follow->outlet);
    /* what stands behind the view of tables that wait is read once more */
    if (status == RNL_OK && durable.len && source->confirm && !reader->over)
        status = source->confirm(reader->source.self, durable, err);
    return status;
}

static int look(struct follow *follow, int64_t *looked_ms, struct rnl_error *err)
{
    struct reader *reader = follow->reader;
    struct rnl_log_state state = {.size = sizeof(state), .behind_bytes = -1, .held_bytes = -1};
    struct rnl_slice at = outlet_durable(follow->outlet);
    int status;

    if (!source_of(reader)->log_state || clock_ms() - *looked_ms < STATE_MS)
        return RNL_OK;
    status = source_of(reader)->log_state(reader->source.self, at.len ? at : follow->unit.position,
                                          &state, err);
    *looked_ms = clock_ms();
    if (status == RNL_OK)
        progress_log(reader->run->progress, state.behind_bytes, state.held_bytes, state.text);
    return status;
}

static void watch(struct follow *follow)
{
    struct run *run = follow->reader->run;
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t looked_ms = 0;

    while (!has_ended(follow)) {
        int status = set_goal(follow, &err);

        if (status == RNL_OK)
            status = hear(follow, &err);
        if (status == RNL_OK)
            status = look(follow, &looked_ms, &err);
        if (status == RNL_OK)
            continue;
        if (!atomic_load(&run->hard))
            run_fail_in_order(run, &err);
        break; /* the thread ends by that */
    }
}

/* Where changes go on behind the statement that altered the tables. */
static int pass_statement(struct follow *follow, struct rnl_error *err)
{
    struct rnl_slice behind = alterations_at(follow->altered, 0)->position;
    char *copy = behind.len ? strndup(behind.ptr, behind.len) : NULL;

    if (!copy)
        return behind.len ? no_memory(err) : RNL_OK;
    free(follow->position);
    follow->position = copy;
    follow->passed = true;
    return RNL_OK;
}

/* The target follows, and then the thread begins again. */
static int evolve(struct follow *follow, struct rnl_error *err)
{
    struct reader *reader = follow->reader;
    int status = reader_evolve(reader, follow->altered, err);

    /* The run must end; the writer may have begun again, and waits for the lanes' ends. */
    if (status == RNL_DONE)
        status = RNL_OK;
    if (status == RNL_OK)
        status = pass_statement(follow, err);
    if (status == RNL_OK)
        status = outlet_adapt(follow->outlet, err);
    if (status == RNL_OK)
        status = fill_starts(follow, err);
    alterations_free(follow->altered);
    follow->altered = NULL;
    follow->open = false;
    follow->ended = false;
    return status;
}

/* Changes as long as tables stay what they are, or the run goes on. */
static int stream(struct follow *follow, struct rnl_error *err)
{
    if (pthread_create(&follow->thread, NULL, changes_main, follow) != 0)
        return rnl_fail(err, RNL_E_FATAL, "thread", "the thread of changes can't be started");
    watch(follow);
    pthread_join(follow->thread, NULL);
    return RNL_OK;
}

/* What the load may have seen, too. */
static int set_high(struct follow *follow, struct rnl_error *err)
{
    if (!run_goes_on(follow->reader->run))
        return RNL_OK;
    free(follow->high);
    follow->high = NULL;
    return log_end(follow->reader, &follow->high, err);
}

int reader_follow(struct reader *reader, struct rnl_error *err)
{
    struct follow follow = {
        .reader = reader,
        .rows_ms = clock_ms(),
        .outlet = outlet_new(reader),
        .replaying =
            reader->record.state == RECORD_LOADING && reader->run->config->mode == MODE_REPLICATE,
    };
    int status;

    if (ear_apart(reader->ear))
        progress_phase(reader->run->progress, PHASE_FOLLOWING);
    pthread_mutex_init(&follow.lock, NULL);
    status = follow.outlet ? fill_unit(&follow, err) : no_memory(err);
    if (status == RNL_OK && reader->record.state == RECORD_LOADING && follow.replaying)
        status = set_high(&follow, err);
    if (status == RNL_OK)
        status = set_goal(&follow, err);
    if (status == RNL_OK)
        status = stream(&follow, err);
    while (status == RNL_OK && follow.altered) {
        status = evolve(&follow, err);
        if (status == RNL_OK)
            status = stream(&follow, err);
    }
    if (status == RNL_OK && follow.drained)
        status = reader_tell_values(reader, err);
    if (status == RNL_OK && follow.drained && reader->run->config->cutover)
        status = reader_let_go(reader, err);
    pthread_mutex_destroy(&follow.lock);
    alterations_free(follow.altered);
    outlet_free(follow.outlet);
    free(follow.goal);
    free(follow.high);
    free(follow.position);
    free(follow.starts);
    return status;
}

void reader_follow_beside(struct reader *reader)
{
    struct follow follow = {.reader = reader, .rows_ms = clock_ms(), .outlet = outlet_new(reader)};
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    pthread_mutex_init(&follow.lock, NULL);
    status = follow.outlet ? fill_unit(&follow, &err) : no_memory(&err);
    if (status == RNL_OK)
        status = stream(&follow, &err);
    if (status != RNL_OK)
        run_fail(reader->run, &err); /* nobody is told that the lane has ended */
    pthread_mutex_destroy(&follow.lock);
    alterations_free(follow.altered);
    outlet_free(follow.outlet);
    free(follow.position);
    free(follow.starts);
}
