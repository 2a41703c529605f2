/*
 * The reader role: asks the writer what the target has, describes the source, cuts
 * it into units, and lets each lane read one unit after another into bundles.
 */
#include "reader.h"

#include "bundle.h"
#include "catalog.h"
#include "check.h"
#include "config_run.h"
#include "control.h"
#include "record.h"
#include "run.h"
#include "util/log.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#define READ_MS 500

struct reader {
    struct run *run;
    struct session source, transport;
    void *feedback;       /* subscription: what the writer answers */
    struct record record; /* holds catalog and plan */
    struct control recall;
    struct run_sizes sizes;
    uint32_t lanes;

    pthread_mutex_t lock; /* guards everything up to the next lock */
    uint32_t next_unit;
    int64_t events; /* rows that may still be read; INT64_MAX: any number */
    uint64_t taken; /* of them, by lanes that read just now */
    pthread_cond_t settled;
    pthread_mutex_t heavy; /* held while a heavy unit is read: one at a time */
};

struct reader_lane {
    struct reader *reader;
    uint32_t lane;
    uint64_t number; /* of the last bundle published */
    uint32_t taken;  /* of limits.events, for the bundle that is read */
    char subject[32];
    pthread_t thread;
    bool started;
};

static int publish(struct reader_lane *lane, struct rnl_bundle *bundle,
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
    numbered.pipeline = bundle_pipeline(lane->reader->run->config->name);
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
    if (rows)
        progress_read(lane->reader->run->progress, head->table, rows);
    return RNL_OK;
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
            return status;
        if (status == RNL_DONE)
            head.flags |= RNL_BUNDLE_UNIT_END;
        if (rows)
            marked = bundle_marked(bundle);
        if (rows || status == RNL_DONE)
            if (publish(lane, bundle, &head, err) != RNL_OK)
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
        if (known && known->done)
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
    if (bundle && publish(lane, bundle, &end, &err) != RNL_OK && !atomic_load(&run->hard))
        run_fail(run, &err);
    bundle_free(bundle);
    return NULL;
}

static uint64_t last_number(const struct reader *reader, uint32_t lane)
{
    for (size_t i = 0; i < reader->recall.memory.nlanes; i++)
        if (reader->recall.memory.lanes[i].lane == lane)
            return reader->recall.memory.lanes[i].number;
    return 0;
}

/* All lanes, those without a snapshot too: these only say that nothing comes on them. */
static int read_all(struct reader *reader, struct rnl_error *err)
{
    uint32_t count = reader->run->config->writer.lanes;
    struct reader_lane *lanes = calloc(count, sizeof(*lanes));
    int status = RNL_OK;

    if (!lanes)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for %u lanes", count);
    for (uint32_t i = 0; i < count; i++) {
        lanes[i] =
            (struct reader_lane){.reader = reader, .lane = i, .number = last_number(reader, i)};
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

        status = bundle ? publish(&lanes[i], bundle, &end, err)
                        : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a lane");
        bundle_free(bundle);
    }
    if (status != RNL_OK)
        run_fail(reader->run, err);
    for (uint32_t i = 0; i < reader->lanes; i++)
        if (lanes[i].started)
            pthread_join(lanes[i].thread, NULL);
    free(lanes);
    return status;
}

static int describe(struct reader *reader, struct rnl_error *err)
{
    const struct pipeline_config *config = reader->run->config;
    struct rnl_catalog *catalog = catalog_new();

    if (!catalog)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
    catalog_free(reader->record.catalog);
    reader->record.catalog = catalog;
    catalog_select(catalog, config->tables, config->ntables);
    catalog_tell(catalog, reader->run->findings);
    if (catalog_ask(catalog, err) != RNL_OK ||
        reader->source.plugin->source.describe(reader->source.self, catalog, err) != RNL_OK ||
        catalog_settle(catalog, err) != RNL_OK)
        return err->status;
    malloc_trim(0); /* of thousands of tables, describing took more than the catalog itself */
    if (catalog_count(catalog) == 0) {
        rnl_fail(err, RNL_E_CONFIG, "source.no_tables",
                 config->ntables ? "no table of the source fits the tables that were asked for"
                                 : "the source has no tables that this user can see");
        rnl_hint(err, "look at the names (and the user's rights) with a client of that database");
        return err->status;
    }
    return RNL_OK;
}

static int plan_units(struct reader *reader, struct rnl_error *err)
{
    const struct rnl_source_ops *source = &reader->source.plugin->source;

    reader->record.plan = plan_new();
    if (!reader->record.plan)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the plan");
    for (uint32_t i = 0; i < catalog_count(reader->record.catalog); i++)
        if (source->plan(reader->source.self, reader->record.catalog, i,
                         reader->run->config->chunk_bytes, reader->record.plan, err) != RNL_OK)
            return err->status;
    plan_order(reader->record.plan);
    return RNL_OK;
}

static char *position_text(struct rnl_slice position)
{
    return position.len ? strndup(position.ptr, position.len) : NULL;
}

/* A new run: looks at the data that types depend on, and cuts the tables into units. */
static int prepare_new(struct reader *reader, struct rnl_slice position, struct rnl_error *err)
{
    struct record *record = &reader->record;
    struct run *run = reader->run;

    record->state = RECORD_LOADING;
    record->started_s = (int64_t)time(NULL);
    record->position = position_text(position);
    record->selection = selection_text(run->config->tables, run->config->ntables);
    record->fingerprint = catalog_fingerprint(record->catalog);
    session_policies(reader->source.plugin, &run->config->reader, &record->settings);
    progress_phase(run->progress, PHASE_SCANNING);
    if (check_decide(&reader->source.plugin->source, reader->source.self, record->catalog,
                     reader->lanes, reader->recall.facts, &run->stopping, err) != RNL_OK)
        return err->status;
    return plan_units(reader, err);
}

static void tell_moved(struct reader *reader)
{
    findings_add(reader->run->findings,
                 &(struct rnl_finding){
                     .size = sizeof(struct rnl_finding),
                     .severity = RNL_WARNING,
                     .code = "resume.source_moved",
                     .text = "the source has changed since the interrupted run began: tables "
                             "loaded before and after show it at two moments; verify tells "
                             "where, --restart loads all at one",
                     .count = -1,
                 });
}

/* Goes on with the recorded run: its catalog with its facts, its plan, its positions. */
static int prepare_resumed(struct reader *reader, struct rnl_slice position, struct rnl_error *err)
{
    uint64_t fingerprint = catalog_fingerprint(reader->record.catalog);
    char *now = position_text(position);

    record_clear(&reader->record);
    if (record_from_json(reader->recall.record, strlen(reader->recall.record), &reader->record,
                         err) != RNL_OK ||
        record_check_selection(&reader->record, reader->run->config->tables,
                               reader->run->config->ntables, err) != RNL_OK ||
        catalog_arm(reader->record.catalog, reader->run->config->tables,
                    reader->run->config->ntables, err) != RNL_OK ||
        session_same_policies(reader->source.plugin, &reader->run->config->reader,
                              &reader->record.settings, err) != RNL_OK)
        goto free_now;
    if (fingerprint != reader->record.fingerprint) {
        rnl_fail(err, RNL_E_CONFIG, "resume.schema_changed",
                 "tables of the source were altered since the interrupted run began");
        rnl_hint(err, "start over with --restart");
        goto free_now;
    }
    if (!now || !reader->record.position || strcmp(now, reader->record.position) != 0)
        tell_moved(reader);
    for (size_t i = 0; i < reader->recall.memory.nunits; i++) {
        const struct memory_unit *unit = &reader->recall.memory.units[i];

        plan_set_position(reader->record.plan, unit->unit,
                          (struct rnl_slice){unit->position, unit->position_len});
    }
    err->status = RNL_OK;
    catalog_open_plan(reader->record.catalog, reader->record.plan, err);
free_now:
    free(now);
    return err->status;
}

/* Before the writer may make tables it must know all of them: describe, look, plan, tell. */
static int prepare(struct reader *reader, struct rnl_error *err)
{
    const struct rnl_source_ops *source = &reader->source.plugin->source;
    struct control word = {.type = CONTROL_RUN, .resuming = reader->recall.record != NULL};
    struct rnl_slice position = {NULL, 0};
    int status = describe(reader, err);

    if (status != RNL_OK)
        return status;
    reader->lanes = reader->run->config->reader.lanes;
    if (reader->lanes > reader->run->config->writer.lanes) /* a lane has one end on each side */
        reader->lanes = reader->run->config->writer.lanes;
    status = source->snapshot(reader->source.self, &reader->lanes, &position, err);
    if (status != RNL_OK)
        return status;
    status =
        word.resuming ? prepare_resumed(reader, position, err) : prepare_new(reader, position, err);
    if (status != RNL_OK)
        return status;
    log_write(RNL_LOG_INFO, "reader", "%u tables, in %u pieces, %u lanes",
              catalog_count(reader->record.catalog), plan_count(reader->record.plan),
              reader->lanes);
    log_write(RNL_LOG_DEBUG, "reader", "position %s",
              reader->record.position ? reader->record.position : "unknown");
    if (catalog_seal_plan(reader->record.catalog, reader->record.plan, err) != RNL_OK)
        return err->status;
    word.record = record_to_json(&reader->record);
    if (catalog_open_plan(reader->record.catalog, reader->record.plan, err) != RNL_OK)
        return err->status;
    status = control_send(&reader->transport, "meta", &word, err);
    control_clear(&word);
    return status;
}

static void show_tables(struct reader *reader)
{
    struct progress *progress = reader->run->progress;

    progress_tables(progress, reader->record.catalog);
    for (uint32_t i = 0; i < plan_count(reader->record.plan); i++) {
        const struct rnl_unit *unit = plan_at(reader->record.plan, i);
        const struct memory_unit *known = memory_unit_of(&reader->recall.memory, unit->id);

        progress_unit(progress, unit->table, known && known->done, known ? known->rows : 0);
    }
}

/* The role, once both ends are open. RNL_DONE: there is nothing (more) to read. */
static int work(struct reader *reader, struct rnl_error *err)
{
    struct control ready;
    int status = control_await(reader->run, &reader->transport, reader->feedback, CONTROL_RECALL,
                               &reader->recall, err);

    if (status != RNL_OK)
        return status;
    status = prepare(reader, err);
    if (status != RNL_OK)
        return status;
    show_tables(reader);
    status = control_await(reader->run, &reader->transport, reader->feedback, CONTROL_READY, &ready,
                           err);
    control_clear(&ready);
    /* Also when the run must end: the writer may have begun, and waits for the lanes' ends. */
    return status >= 0 ? read_all(reader, err) : status;
}

/* Rows of limits.events that no earlier attempt has brought to the target. */
static int64_t events_left(struct run *run)
{
    int64_t limit = run->config->limit_events, settled = progress_settled(run->progress);

    if (!limit)
        return INT64_MAX;
    return settled < limit ? limit - settled : 0;
}

void reader_run(struct run *run)
{
    const struct pipeline_config *config = run->config;
    struct reader reader = {.run = run};
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    config_sizes(config, &reader.sizes);
    reader.events = events_left(run);
    pthread_mutex_init(&reader.lock, NULL);
    pthread_cond_init(&reader.settled, NULL);
    pthread_mutex_init(&reader.heavy, NULL);
    status = session_open_transport(&reader.transport, config, "reader", run->resolver,
                                    &run->stopping, &err);
    if (status != RNL_OK)
        goto tell;
    run_on_interrupt(run, reader.transport.plugin->transport.interrupt, reader.transport.self);
    status = reader.transport.plugin->transport.subscribe(reader.transport.self, "feedback",
                                                          "reader", &reader.feedback, &err);
    if (status != RNL_OK)
        goto close_transport;
    status = session_open(&reader.source, RNL_SOURCE, config->name, &config->reader, run->resolver,
                          run->findings, &run->stopping, &err);
    if (status != RNL_OK)
        goto unsubscribe;
    atomic_store(&run->source_opened, true);
    run_on_interrupt(run, reader.source.plugin->source.interrupt, reader.source.self);
    status = work(&reader, &err);
    if (status < 0 && !atomic_load(&run->hard))
        run_fail(run, &err);
    run_off_interrupt(run, reader.source.self);
    session_close(&reader.source);
    status = RNL_OK; /* told already */
unsubscribe:
    reader.transport.plugin->transport.unsubscribe(reader.feedback);
close_transport:
    run_off_interrupt(run, reader.transport.self);
    session_close(&reader.transport);
tell:
    if (status < 0)
        run_fail(run, &err);
    control_clear(&reader.recall);
    record_clear(&reader.record);
    pthread_mutex_destroy(&reader.heavy);
    pthread_cond_destroy(&reader.settled);
    pthread_mutex_destroy(&reader.lock);
}
