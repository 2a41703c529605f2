/*
 * The reader role: asks the writer what the target has, describes the source, cuts
 * it into units, lets each lane read them, and follows the source's changes from there.
 */
#include "reader.h"

#include "blockers.h"
#include "check.h"
#include "reader_part.h"
#include "util/log.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

int reader_describe(struct reader *reader, struct rnl_catalog *catalog, struct rnl_error *err)
{
    catalog_select(catalog, reader->rules, reader->nrules);
    if (catalog_ask(catalog, err) != RNL_OK ||
        reader->source.plugin->source.describe(reader->source.self, catalog, err) != RNL_OK)
        return err->status;
    return catalog_settle(catalog, err);
}

/* What the source has of what is wanted: *catalog is the caller's, also after a failure. */
static int describe(struct reader *reader, struct rnl_catalog **out, struct rnl_error *err)
{
    const struct pipeline_config *config = reader->run->config;
    struct rnl_catalog *catalog = *out = catalog_new();

    if (!catalog)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
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
static int prepare_new(struct reader *reader, const char *low, struct rnl_error *err)
{
    struct record *record = &reader->record;
    struct run *run = reader->run;

    record->state = RECORD_LOADING;
    record->mode = run->config->mode;
    record->started_s = (int64_t)time(NULL);
    record->position = low ? strdup(low) : NULL;
    record->selection = selection_text(run->config->tables, run->config->ntables);
    record->fingerprint = catalog_fingerprint(record->catalog);
    if (reader_join_first(reader, err) != RNL_OK)
        return err->status;
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

/* The recorded run: its catalog with its facts, its plan. */
static int load_record(struct reader *reader, struct rnl_error *err)
{
    if (record_from_json(reader->recall.record, strlen(reader->recall.record), &reader->record,
                         err) != RNL_OK ||
        check_mode(reader, err) != RNL_OK ||
        (follows(reader) && reader_check_changes(reader, err) != RNL_OK))
        return err->status;
    return session_same_policies(reader->source.plugin, &reader->run->config->reader,
                                 &reader->record.settings, err);
}

/* A run that follows may be asked for more tables than it has; another one for these alone. */
static int check_selection(const struct reader *reader, struct rnl_error *err)
{
    const struct record *record = &reader->record;
    const struct pipeline_config *config = reader->run->config;

    if (record->state == RECORD_FOLLOWING)
        return record_check_growth(record, reader->rules, reader->nrules, err);
    return record_check_selection(record, config->tables, config->ntables, err);
}

/*
 * What is yet to be loaded must be what it was. For the rest the log tells how the tables got to
 * be what they are, where that is to be followed.
 */
static int check_forms(struct reader *reader, struct rnl_catalog *described, struct rnl_error *err)
{
    const struct rnl_catalog *catalog = reader->record.catalog;
    bool all = !follows(reader) || reader->run->config->ddl == DDL_STOP;
    bool any = all || reader_is_left(reader, UINT32_MAX);

    for (uint32_t t = 0; any && t < catalog_count(catalog); t++) {
        const struct rnl_table *table = catalog_at(catalog, t);
        uint32_t at = catalog_index(described, table->schema, table->name);

        if ((at != UINT32_MAX && catalog_same_form(catalog, t, described, at)) ||
            (!all && !reader_is_left(reader, t)) || reader_reads_anew(reader, t, described))
            continue;
        rnl_fail(err, RNL_E_CONFIG, "resume.schema_changed",
                 "tables of the source were altered since the interrupted run began: %s.%s",
                 table->schema, table->name);
        rnl_hint(err, "start over with --restart%s",
                 follows(reader) && !reader_is_left(reader, UINT32_MAX)
                     ? "; or go on with --ddl evolve (the target's table is altered too) or ignore"
                     : "");
        return err->status;
    }
    if (!follows(reader) && catalog_count(described) != catalog_count(catalog)) {
        rnl_fail(err, RNL_E_CONFIG, "resume.schema_changed",
                 "the source has other tables than when the interrupted run began");
        rnl_hint(err, "start over with --restart");
        return err->status;
    }
    return RNL_OK;
}

/* Goes on with the recorded run, in which tables may join. */
static int resume(struct reader *reader, struct rnl_catalog *described, struct rnl_error *err)
{
    struct record *record = &reader->record;

    if (check_selection(reader, err) != RNL_OK ||
        catalog_arm(record->catalog, reader->rules, reader->nrules, err) != RNL_OK ||
        check_forms(reader, described, err) != RNL_OK)
        return err->status;
    for (size_t i = 0; i < reader->recall.memory.nunits; i++) {
        const struct memory_unit *unit = &reader->recall.memory.units[i];

        plan_set_position(record->plan, unit->unit,
                          (struct rnl_slice){unit->position, unit->position_len});
    }
    if (catalog_open_plan(record->catalog, record->plan, err) != RNL_OK)
        return err->status;
    if (follows(reader) &&
        (reader_join(reader, described, err) != RNL_OK || reader_settle(reader, err) != RNL_OK))
        return err->status;
    catalog_select(record->catalog, reader->rules, reader->nrules); /* for who asks later */
    return RNL_OK;
}

/* What the run is about: described, or as it was recorded. */
static int find_tables(struct reader *reader, bool resuming, struct rnl_error *err)
{
    struct rnl_catalog *described = NULL;
    int status = resuming ? load_record(reader, err) : RNL_OK;

    if (status == RNL_OK)
        status = reader_rules(reader, err);
    if (status == RNL_OK)
        status = describe(reader, &described, err);
    if (status == RNL_OK && resuming)
        status = resume(reader, described, err);
    if (status == RNL_OK && !resuming) {
        reader->record.catalog = described;
        described = NULL;
    }
    catalog_free(described);
    return status;
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
    bool begins = !resuming || reader->joins;
    char *low = NULL;
    int status = RNL_OK;

    if (reader->run->config->mode == MODE_CDC && begins) {
        status = source->log_end(reader->source.self, &position, err);
        if (status != RNL_OK)
            return status;
        low = position_text(position); /* the source's own until its next call */
        if (!low)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
    }
    if (begins || reader_is_left(reader, UINT32_MAX))
        status = source->snapshot(reader->source.self, &reader->lanes, &view, err);
    else
        reader->lanes = 0;
    if (!low)
        low = position_text(view);
    if (status == RNL_OK && resuming && !follows(reader))
        compare_positions(reader, view);
    if (status == RNL_OK && !resuming)
        status = prepare_new(reader, low, err);
    if (status == RNL_OK && reader->joins)
        status = reader_join_units(reader, low, err);
    free(low);
    return status;
}

/* What the run is, as the writer is to remember it. */
static int tell_run(struct reader *reader, bool resuming, struct rnl_error *err)
{
    struct control word = {.type = CONTROL_RUN,
                           .resuming = resuming,
                           .joins = reader->joins,
                           .settled = reader->rewound,
                           .beside = reader->beside = reader_goes_beside(reader),
                           .lanes = reader->run->config->writer.lanes,
                           .change_lanes = reader->run->config->change_lanes};
    int status;

    if (catalog_seal_plan(reader->record.catalog, reader->record.plan, err) != RNL_OK)
        return err->status;
    word.record = record_to_json(&reader->record);
    status = catalog_open_plan(reader->record.catalog, reader->record.plan, err);
    if (status == RNL_OK)
        status = control_send(reader->ear, &word, err);
    control_clear(&word);
    return status;
}

static int check_source(void *arg, struct rnl_error *err)
{
    struct reader *reader = arg;

    return reader->source.plugin->source.check(reader->source.self, reader->record.catalog, err);
}

/* Before the writer may make tables it must know all of them: describe, look, plan, tell. */
static int prepare(struct reader *reader, struct rnl_error *err)
{
    bool resuming = reader->recall.record != NULL;
    int status = find_tables(reader, resuming, err);

    if (status == RNL_OK && !resuming && reader->source.plugin->source.check)
        status = blockers_ask(&reader->source, check_source, reader, reader->run->findings,
                              reader->run->config, err);
    if (status == RNL_OK && follows(reader))
        status = reader_follow_prepare(reader, resuming, err);
    if (status != RNL_OK)
        return status;
    reader->lanes = reader->run->config->reader.lanes;
    if (reader->lanes > reader->run->config->writer.lanes) /* a lane has one end on each side */
        reader->lanes = reader->run->config->writer.lanes;
    status = take_view(reader, resuming, err);
    if (status != RNL_OK)
        return status;
    log_write(RNL_LOG_INFO, "reader", "%u tables, in %u pieces, %u lanes",
              catalog_count(reader->record.catalog), plan_count(reader->record.plan),
              reader->lanes);
    log_write(RNL_LOG_DEBUG, "reader", "position %s",
              reader->record.position ? reader->record.position : "unknown");
    return tell_run(reader, resuming, err);
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

/* Tables that waited are loaded, if the run wasn't to end: the next attempt follows all. */
static int begin_again(struct reader *reader)
{
    struct run *run = reader->run;

    if (run_goes_on(run) && !atomic_load(&run->limited))
        atomic_store(&run->again, true);
    run_stop(run, false);
    return RNL_OK;
}

/* The role, once both ends are open. RNL_DONE: there is nothing (more) to read. */
static int work(struct reader *reader, struct rnl_error *err)
{
    struct control ready;
    int status = control_await(reader->run, reader->ear, CONTROL_RECALL, &reader->recall, err);

    if (status != RNL_OK)
        return status;
    status = prepare(reader, err);
    if (status != RNL_OK)
        return status;
    show_tables(reader);
    status = control_await(reader->run, reader->ear, CONTROL_READY, &ready, err);
    control_clear(&ready);
    if (status == RNL_OK)
        atomic_store(&reader->run->grows, false);
    if (status == RNL_OK && ear_apart(reader->ear))
        asked_end(&reader->run->asked, NULL); /* the writer has it in the target's record */
    if (ear_apart(reader->ear))
        progress_phase(reader->run->progress, reader->beside ? PHASE_BESIDE : PHASE_LOADING);
    /* Also when the run must end: the writer may have begun, and waits for the lanes' ends. */
    if (status >= 0)
        status = reader->beside ? reader_load_beside(reader, err) : reader_load(reader, err);
    if (status != RNL_OK || !follows(reader))
        return status;
    return catalog_waits(reader->record.catalog) ? begin_again(reader) : reader_follow(reader, err);
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
    status = session_open_transport(&reader.transport, config, "reader", run->role != RUN_BOTH,
                                    run->resolver, &run->stopping, &err);
    if (status != RNL_OK)
        goto tell;
    run_on_interrupt(run, reader.transport.plugin->transport.interrupt, reader.transport.self);
    status = ear_open(run, &reader.transport, RUN_READER, &reader.ear, &err);
    if (status != RNL_OK)
        goto close_transport;
    status = session_open(&reader.source, RNL_SOURCE, config->name, &config->reader, run->resolver,
                          run->findings, &run->stopping, &err);
    if (status != RNL_OK)
        goto close_ear;
    atomic_store(&run->source_opened, true);
    run_on_interrupt(run, reader.source.plugin->source.interrupt, reader.source.self);
    status = work(&reader, &err);
    if (status < 0 && !atomic_load(&run->hard))
        run_fail(run, &err);
    run_off_interrupt(run, reader.source.self);
    session_close(&reader.source);
    if (status >= 0)
        ear_part(reader.ear, false);
    status = RNL_OK; /* told already */
close_ear:
    ear_close(reader.ear);
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
    free(reader.rules);
    control_clear(&reader.recall);
    record_clear(&reader.record);
    pthread_mutex_destroy(&reader.heavy);
    pthread_cond_destroy(&reader.settled);
    pthread_mutex_destroy(&reader.lock);
}
