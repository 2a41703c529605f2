/*
 * The reader role: asks the writer what the target has, describes the source, cuts
 * it into units, lets each lane read them, and follows the source's changes from there.
 */
#include "reader.h"

#include "check.h"
#include "reader_part.h"
#include "util/log.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

int reader_describe(struct reader *reader, struct rnl_catalog *catalog, struct rnl_error *err)
{
    const struct pipeline_config *config = reader->run->config;

    catalog_select(catalog, config->tables, config->ntables);
    if (catalog_ask(catalog, err) != RNL_OK ||
        reader->source.plugin->source.describe(reader->source.self, catalog, err) != RNL_OK)
        return err->status;
    return catalog_settle(catalog, err);
}

static int describe(struct reader *reader, struct rnl_error *err)
{
    const struct pipeline_config *config = reader->run->config;
    struct rnl_catalog *catalog = catalog_new();

    if (!catalog)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
    catalog_free(reader->record.catalog);
    reader->record.catalog = catalog;
    catalog_tell(catalog, reader->run->findings);
    if (reader_describe(reader, catalog, err) != RNL_OK)
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
        if (reader->run->config->mode != MODE_CDC &&
            source->plan(reader->source.self, reader->record.catalog, i,
                         reader->run->config->chunk_bytes, reader->record.plan, err) != RNL_OK)
            return err->status;
    plan_order(reader->record.plan);
    return reader->run->config->mode == MODE_CONVERT ? RNL_OK : reader_add_changes(reader, err);
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
    record->mode = run->config->mode;
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

/* Where a pipeline that was recorded in one mode is asked for in another, nothing is right. */
static int check_mode(const struct reader *reader, struct rnl_error *err)
{
    static const char *const words[] = {"", "convert", "cdc", "replicate"};
    enum pipeline_mode now = reader->run->config->mode, before = reader->record.mode;

    if (now == before)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "resume.other_mode",
             "this pipeline was begun in mode %s, and is asked for in mode %s", words[before],
             words[now]);
    rnl_hint(err, "go on as before; or --name NAME, for a pipeline of its own beside it; or start "
                  "over with --restart");
    return err->status;
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

static bool follows(const struct reader *reader)
{
    return reader->run->config->mode != MODE_CONVERT;
}

/* Whether some row is to be read by a snapshot. */
static bool has_chunks_left(struct reader *reader)
{
    for (uint32_t i = 0; i < plan_count(reader->record.plan); i++) {
        const struct rnl_unit *unit = plan_at(reader->record.plan, i);
        const struct memory_unit *known = memory_unit_of(&reader->recall.memory, unit->id);

        if (unit->kind == RNL_UNIT_CHUNK && !(known && known->done))
            return true;
    }
    return false;
}

/* Goes on with the recorded run: its catalog with its facts, its plan, its positions. */
static int load_record(struct reader *reader, struct rnl_error *err)
{
    uint64_t fingerprint = catalog_fingerprint(reader->record.catalog);

    record_clear(&reader->record);
    if (record_from_json(reader->recall.record, strlen(reader->recall.record), &reader->record,
                         err) != RNL_OK ||
        check_mode(reader, err) != RNL_OK ||
        (follows(reader) && reader_check_changes(reader, err) != RNL_OK) ||
        record_check_selection(&reader->record, reader->run->config->tables,
                               reader->run->config->ntables, err) != RNL_OK ||
        catalog_arm(reader->record.catalog, reader->run->config->tables,
                    reader->run->config->ntables, err) != RNL_OK ||
        session_same_policies(reader->source.plugin, &reader->run->config->reader,
                              &reader->record.settings, err) != RNL_OK)
        return err->status;
    /* When nothing is left to load, the log tells how the tables got to be what they are. */
    if (fingerprint != reader->record.fingerprint &&
        (!follows(reader) || reader->run->config->ddl == DDL_STOP || has_chunks_left(reader))) {
        rnl_fail(err, RNL_E_CONFIG, "resume.schema_changed",
                 "tables of the source were altered since the interrupted run began");
        rnl_hint(err, "start over with --restart");
        return err->status;
    }
    for (size_t i = 0; i < reader->recall.memory.nunits; i++) {
        const struct memory_unit *unit = &reader->recall.memory.units[i];

        plan_set_position(reader->record.plan, unit->unit,
                          (struct rnl_slice){unit->position, unit->position_len});
    }
    err->status = RNL_OK;
    return catalog_open_plan(reader->record.catalog, reader->record.plan, err);
}

static void compare_positions(struct reader *reader, struct rnl_slice position)
{
    const char *before = reader->record.position;

    if (!before || strlen(before) != position.len ||
        memcmp(before, position.ptr, position.len) != 0)
        tell_moved(reader);
}

/* The tables' rows at one moment; where changes begin, when they are followed. */
static int take_view(struct reader *reader, bool resuming, struct rnl_error *err)
{
    const struct rnl_source_ops *source = &reader->source.plugin->source;
    struct rnl_slice position = {NULL, 0}, view = {NULL, 0};
    char *low = NULL;
    int status = RNL_OK;

    if (reader->run->config->mode == MODE_CDC && !resuming) {
        status = source->log_end(reader->source.self, &position, err);
        if (status != RNL_OK)
            return status;
        low = position_text(position); /* the source's own until its next call */
        if (!low)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
    }
    if (!resuming || has_chunks_left(reader))
        status = source->snapshot(reader->source.self, &reader->lanes, &view, err);
    else
        reader->lanes = 0;
    if (status == RNL_OK && resuming && !follows(reader))
        compare_positions(reader, view);
    if (status == RNL_OK && !resuming)
        status = prepare_new(reader, low ? (struct rnl_slice){low, strlen(low)} : view, err);
    free(low);
    return status;
}

/* Before the writer may make tables it must know all of them: describe, look, plan, tell. */
static int prepare(struct reader *reader, struct rnl_error *err)
{
    struct control word = {.type = CONTROL_RUN, .resuming = reader->recall.record != NULL};
    int status = describe(reader, err);

    if (status == RNL_OK && word.resuming)
        status = load_record(reader, err);
    if (status == RNL_OK && follows(reader))
        status = reader_follow_prepare(reader, word.resuming, err);
    if (status != RNL_OK)
        return status;
    reader->lanes = reader->run->config->reader.lanes;
    if (reader->lanes > reader->run->config->writer.lanes) /* a lane has one end on each side */
        reader->lanes = reader->run->config->writer.lanes;
    status = take_view(reader, word.resuming, err);
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

        if (unit->kind == RNL_UNIT_CHUNK)
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
    if (status >= 0)
        status = reader_load(reader, err);
    return status == RNL_OK && follows(reader) ? reader_follow(reader, err) : status;
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
    for (size_t i = 0; i < reader.nstarts; i++)
        free(reader.starts[i].position);
    free(reader.starts);
    free(reader.numbers);
    control_clear(&reader.recall);
    record_clear(&reader.record);
    pthread_mutex_destroy(&reader.heavy);
    pthread_cond_destroy(&reader.settled);
    pthread_mutex_destroy(&reader.lock);
}
