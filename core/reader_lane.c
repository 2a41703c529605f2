/* The lanes of the reader: each reads one unit after another into bundles. */
#include "reader_part.h"

#include "mask.h"
#include "row_text.h"
#include "util/log.h"

#include <stdlib.h>
#include <time.h>

int reader_publish(struct reader_lane *lane, struct rnl_bundle *bundle,
                   const struct bundle_head *head, struct rnl_error *err)
{
    struct session *transport = &lane->reader->transport;
    struct rnl_message message = {
        .size = sizeof(message), .subject = lane->subject, .release = free};
    struct bundle_head numbered = *head;
    uint32_t rows = bundle_rows(bundle);
    void *bytes;
    size_t len;

    numbered.lane = lane->lane;
    numbered.number = lane->number + 1;
    numbered.pipeline = ear_owner(lane->reader->ear);
    if (bundle_seal(bundle, &numbered, &bytes, &len, err) != RNL_OK)
        return err->status;
    message.id = (struct rnl_slice){&numbered.number, sizeof(numbered.number)};
    message.body = (struct rnl_slice){bytes, len};
    message.owner = bytes;
    if (transport->plugin->transport.publish(transport->self, &message, err) != RNL_OK) {
        free(bytes);
        return err->status;
    }
    if (lane->number++ == 0)
        log_write(RNL_LOG_DEBUG, "reader", "lane %u: first rows are on their way", lane->lane);
    if (rows && !(head->flags & RNL_BUNDLE_CHANGES))
        progress_read(lane->reader->run->progress, head->table, rows);
    return RNL_OK;
}

/* The view that a table without a key was read in: changes count behind it alone. */
static int keep_start(struct reader_lane *lane, const struct rnl_unit *unit,
                      const struct rnl_bundle *bundle, struct rnl_error *err)
{
    struct reader *reader = lane->reader;
    const struct rnl_table *table = catalog_at(reader->record.catalog, unit->table);

    if (table_is_keyed(table) || !reader_changes_unit(reader))
        return RNL_OK;
    if (!bundle_marked(bundle))
        return rnl_fail(err, RNL_E_FATAL, "source.no_position",
                        "the source doesn't say at which place of its log it has read %s.%s, which "
                        "has no key",
                        table->schema, table->name);
    return reader_start_add(reader, unit->table, bundle_position(bundle), err);
}

/*
 * So many of the rows that limits.events leaves: 0, there are none left. Waits while other
 * lanes read: what they took and don't find is given back.
 */
static uint32_t take_events(struct reader *reader, uint32_t wanted)
{
    uint32_t taken;

    pthread_mutex_lock(&reader->lock);
    while (reader->events == 0 && reader->taken && run_goes_on(reader->run)) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++; /* a stop isn't signalled */
        pthread_cond_timedwait(&reader->settled, &reader->lock, &until);
    }
    taken = reader->events < wanted ? (uint32_t)reader->events : wanted;
    if (reader->events != INT64_MAX) {
        reader->events -= taken;
        reader->taken += taken;
    }
    pthread_mutex_unlock(&reader->lock);
    if (!taken)
        atomic_store(&reader->run->limited, true);
    return taken;
}

/* Of what was taken so much was read: maybe more, of a table that has to be read on. */
static void settle_events(struct reader *reader, uint32_t taken, uint32_t rows)
{
    int64_t more = (int64_t)rows - taken;

    pthread_mutex_lock(&reader->lock);
    if (reader->events != INT64_MAX) {
        reader->events = more < reader->events ? reader->events - more : 0;
        reader->taken -= taken;
        pthread_cond_broadcast(&reader->settled);
    }
    pthread_mutex_unlock(&reader->lock);
}

/*
 * How many rows the next bundle may hold; 0: the limit is reached, and the unit can be gone on
 * with from here. One that can't (a table without a key) is read to its end.
 */
static uint32_t allowance(struct reader_lane *lane, bool can_stop)
{
    uint32_t most = lane->reader->run->config->bundle_rows;
    uint32_t taken = take_events(lane->reader, most);

    lane->taken = taken;
    return taken || can_stop ? taken : most;
}

/* What is set aside is a row, and of this one the source gives none: who counts on it is told. */
static int tell_unread(const struct reader_lane *lane, struct rnl_error *err)
{
    char hint[sizeof(err->hint) + 64];

    if (err->status != RNL_E_DATA || lane->reader->run->config->on_error == ON_ERROR_STOP)
        return err->status;
    snprintf(hint, sizeof(hint), "a row that the source can't give can't be set aside either%s%s",
             *err->hint ? ": " : "", err->hint);
    rnl_hint(err, "%s", hint);
    return err->status;
}

/* Reads until the unit's end, or until the run must end: then the rest is for the next run. */
static int pump(struct reader_lane *lane, const struct rnl_unit *unit, void *cursor,
                struct rnl_bundle *bundle, struct rnl_error *err)
{
    const struct rnl_source_ops *source = &lane->reader->source.plugin->source;
    struct bundle_head head = {.unit = unit->id, .table = unit->table};
    bool marked = true; /* nothing is read yet */
    uint32_t most, rows;

    while (run_goes_on(lane->reader->run) && (most = allowance(lane, marked))) {
        int status;

        bundle_set_rows(bundle, most);
        status = source->cursor_read(cursor, bundle, READ_MS, err);
        rows = status < 0 ? 0 : bundle_rows(bundle);
        settle_events(lane->reader, lane->taken, rows);
        if (status < 0)
            return tell_unread(lane, err);
        if (status == RNL_DONE)
            head.flags |= RNL_BUNDLE_UNIT_END;
        if (rows)
            marked = bundle_marked(bundle);
        if (status == RNL_DONE && keep_start(lane, unit, bundle, err) != RNL_OK)
            return err->status;
        if (rows || status == RNL_DONE)
            if (reader_publish(lane, bundle, &head, err) != RNL_OK)
                return err->status;
        if (status == RNL_DONE)
            return RNL_OK;
    }
    return RNL_OK;
}

static int read_unit(struct reader_lane *lane, const struct rnl_unit *unit,
                     struct rnl_bundle *bundle, struct rnl_error *err)
{
    struct reader *reader = lane->reader;
    const struct rnl_source_ops *source = &reader->source.plugin->source;
    bool heavy = unit->flags & RNL_UNIT_HEAVY;
    const struct mask *mask = NULL;
    void *cursor;
    int status;

    if (heavy)
        pthread_mutex_lock(&reader->heavy);
    status = catalog_mask(reader->record.catalog, unit->table, &mask, err);
    bundle_mask(bundle, mask, unit->columns);
    if (status == RNL_OK)
        status = source->cursor_open(reader->source.self, reader->record.catalog, lane->lane, unit,
                                     &cursor, err);
    if (status == RNL_OK) {
        status = pump(lane, unit, cursor, bundle, err);
        source->cursor_close(cursor);
    }
    if (heavy)
        pthread_mutex_unlock(&reader->heavy);
    return status;
}

/* The next unit that the target lacks; NULL: none is left. */
static const struct rnl_unit *take_unit(struct reader *reader)
{
    const struct rnl_unit *unit = NULL;

    pthread_mutex_lock(&reader->lock);
    while (!unit && reader->next_unit < plan_count(reader->record.plan)) {
        const struct memory_unit *known;

        unit = plan_at(reader->record.plan, reader->next_unit++);
        known = memory_unit_of(&reader->recall.memory, unit->id);
        if (unit->kind == RNL_UNIT_CHANGES || (known && known->done))
            unit = NULL;
    }
    pthread_mutex_unlock(&reader->lock);
    return unit;
}

/* Whether a unit may be begun. */
static bool may_read(struct reader *reader)
{
    bool left;

    pthread_mutex_lock(&reader->lock);
    left = reader->events > 0 || reader->taken > 0;
    if (!left && reader->next_unit < plan_count(reader->record.plan))
        atomic_store(&reader->run->limited, true);
    pthread_mutex_unlock(&reader->lock);
    return left && run_goes_on(reader->run);
}

static void *lane_main(void *arg)
{
    struct reader_lane *lane = arg;
    struct run *run = lane->reader->run;
    struct rnl_error err = RNL_ERROR_INIT;
    struct bundle_head end = {.flags = RNL_BUNDLE_LANE_END};
    struct rnl_bundle *bundle =
        bundle_new(run->config->bundle_rows, lane->reader->sizes.bundle_bytes);
    const struct rnl_unit *unit;
    int status = RNL_OK;

    if (!bundle)
        status = rnl_fail(&err, RNL_E_FATAL, "memory", "out of memory for a lane");
    else
        bundle_limit_row(bundle, lane->reader->sizes.row_bytes, lane->reader->record.catalog);
    while (status == RNL_OK && may_read(lane->reader) && (unit = take_unit(lane->reader)))
        status = read_unit(lane, unit, bundle, &err);
    if (status != RNL_OK && !atomic_load(&run->hard))
        run_fail_in_order(run, &err);
    bundle_reset(bundle); /* of a unit that failed: read again by the next run */
    if (bundle && reader_publish(lane, bundle, &end, &err) != RNL_OK && !atomic_load(&run->hard))
        run_fail(run, &err);
    bundle_free(bundle);
    return NULL;
}

uint64_t reader_number(const struct reader *reader, uint32_t lane)
{
    if (lane < reader->nnumbers)
        return reader->numbers[lane];
    for (size_t i = 0; i < reader->recall.memory.nlanes; i++)
        if (reader->recall.memory.lanes[i].lane == lane)
            return reader->recall.memory.lanes[i].number;
    return 0;
}

/* Changes go on behind them. */
static void keep_numbers(struct reader *reader, const struct reader_lane *lanes, uint32_t count)
{
    reader->numbers = calloc(count, sizeof(*reader->numbers));
    if (!reader->numbers)
        abort();
    for (uint32_t i = 0; i < count; i++)
        reader->numbers[i] = lanes[i].number;
    reader->nnumbers = count;
}

/* All lanes, those without a snapshot too: these only say that nothing comes on them. */
int reader_load(struct reader *reader, struct rnl_error *err)
{
    uint32_t count = reader->run->config->writer.lanes;
    struct reader_lane *lanes = calloc(count, sizeof(*lanes));
    int status = RNL_OK;

    if (!lanes)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for %u lanes", count);
    for (uint32_t i = 0; i < count; i++) {
        lanes[i] =
            (struct reader_lane){.reader = reader, .lane = i, .number = reader_number(reader, i)};
        snprintf(lanes[i].subject, sizeof(lanes[i].subject), "lane.%u", i);
    }
    for (uint32_t i = 0; i < reader->lanes && status == RNL_OK; i++) {
        if (pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]) != 0)
            status = rnl_fail(err, RNL_E_FATAL, "thread", "a lane's thread can't be started");
        else
            lanes[i].started = true;
    }
    for (uint32_t i = reader->lanes; i < count && status == RNL_OK; i++) {
        struct rnl_bundle *bundle = bundle_new(1, 1);
        struct bundle_head end = {.flags = RNL_BUNDLE_LANE_END};

        status = bundle ? reader_publish(&lanes[i], bundle, &end, err)
                        : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a lane");
        bundle_free(bundle);
    }
    if (status != RNL_OK)
        run_fail(reader->run, err);
    for (uint32_t i = 0; i < reader->lanes; i++)
        if (lanes[i].started)
            pthread_join(lanes[i].thread, NULL);
    keep_numbers(reader, lanes, count);
    free(lanes);
    return status;
}
