/*
 * The writer role: tells the reader what the target has, makes the tables, lets
 * each lane apply its bundles, and completes the structure when all rows are in.
 */
#include "writer.h"

#include "blockers.h"
#include "catalog.h"
#include "check.h"
#include "dead_letters.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

static const struct rnl_sink_ops *sink_of(struct writer *writer)
{
    return &writer->sink.plugin->sink;
}

/* Says what the target remembers. */
static int send_recall(struct writer *writer, struct rnl_error *err)
{
    writer->recall = (struct control){
        .type = CONTROL_RECALL,
        .record = writer->memory.plan, /* lent: not cleared with the word */
        .memory = writer->memory,
        .facts = sink_facts(sink_of(writer), writer->sink.self),
    };
    return ear_offer(writer->ear, &writer->recall, err);
}

static bool is_done(const struct writer *writer)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct record record = {0};
    bool done =
        writer->memory.plan &&
        record_from_json(writer->memory.plan, writer->memory.plan_len, &record, &err) == RNL_OK &&
        record.state == RECORD_DONE;

    record_clear(&record);
    return done;
}

/* Keys left out at the start would be missed in the end: the run makes what it was begun with. */
static int check_structure(const struct writer *writer, const struct record *record,
                           struct rnl_error *err)
{
    if (record->structure == writer->run->config->structure)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "resume.settings_changed",
             "other parts of the structure (indexes, foreign keys, checks, comments) are asked for "
             "than when the earlier run began");
    rnl_hint(err, "ask for the same ones, or load all anew with --restart");
    return err->status;
}

/* Nothing is left to do, unless other tables are asked for than the target has. */
static int end_as_done(struct writer *writer, struct rnl_error *err)
{
    const struct pipeline_config *config = writer->run->config;
    struct record record = {0};
    int status = record_from_json(writer->memory.plan, writer->memory.plan_len, &record, err);

    if (status == RNL_OK)
        status = record_check_selection(&record, config->tables, config->ntables, err);
    if (status == RNL_OK)
        status = session_same_policies(writer->sink.plugin, &config->writer, &record.settings, err);
    if (status == RNL_OK)
        status = check_structure(writer, &record, err);
    record_clear(&record);
    if (status != RNL_OK)
        return status;
    atomic_store(&writer->run->done_before, true);
    run_stop(writer->run, false);
    return RNL_DONE;
}

/* Whether a run that ended well is done again: yes, where the operator said what to do with rows.
 */
static bool loads_again(const struct run *run)
{
    return run->config->write_mode != RNL_FAIL_IF_NOT_EMPTY;
}

static int recall(struct writer *writer, struct rnl_error *err)
{
    struct run *run = writer->run;
    const struct rnl_sink_ops *sink = sink_of(writer);
    int status = RNL_OK;

    if (run->seat && sink->oust)
        status = sink->oust(writer->sink.self, run->config->name, err);
    if (status == RNL_OK && sink->claim)
        status = sink->claim(writer->sink.self, run->config->name, err);
    if (status == RNL_OK)
        status = sink->recall(writer->sink.self, run->config->name, &writer->memory, err);
    if (status < 0)
        return status;
    if (status == RNL_OK && (atomic_load(&run->restart) || (is_done(writer) && loads_again(run)))) {
        if (writer_may_forget(writer, err) != RNL_OK)
            return err->status;
        writer->anew = true;
        /* rows that stood there before changes were followed are not this pipeline's to drop */
        writer->dropping = atomic_load(&run->restart) && run->config->mode != MODE_CDC;
        if (atomic_load(&run->restart) && run->config->schema_policy != RNL_DROP_AND_RECREATE)
            writer_take_earlier(writer);
        memory_clear(&writer->memory);
    } else if (is_done(writer)) {
        return end_as_done(writer, err);
    }
    for (size_t i = 0; i < writer->memory.nlanes; i++)
        if (writer->memory.lanes[i].epoch > writer->epoch)
            writer->epoch = writer->memory.lanes[i].epoch;
    writer->epoch++;
    return send_recall(writer, err);
}

int writer_store_record(struct writer *writer, struct rnl_error *err)
{
    char *text = record_to_json(&writer->record);
    int status;

    if (!text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the record of the run");
    status = sink_of(writer)->record(writer->sink.self, writer->run->config->name,
                                     (struct rnl_slice){text, strlen(text)}, err);
    free(text);
    return status;
}

/*
 * Nothing stands in the way of loading from the start: what the target remembers of an
 * earlier run goes only now, so that a failure or a kill before leaves that run whole.
 */
static int begin_anew(struct writer *writer, struct rnl_error *err)
{
    const struct pipeline_config *config = writer->run->config;

    if (writer->anew && sink_of(writer)->forget(writer->sink.self, config->name, err) != RNL_OK)
        return err->status;
    session_policies(writer->sink.plugin, &config->writer, &writer->record.settings);
    if (writer_store_record(writer, err) != RNL_OK)
        return err->status;
    atomic_store(&writer->run->restart, false); /* what another attempt finds is this run */
    asked_end(&writer->run->asked, NULL);       /* which has all that was asked for until here */
    return RNL_OK;
}

/*
 * How tables that stand there are treated was decided when the run began: one that was
 * to be dropped or emptied, and wasn't yet, is so by a run that goes on.
 */
void writer_fill_job(struct writer *writer, bool resuming, struct rnl_job *job)
{
    const struct pipeline_config *config = writer->run->config;
    struct record *record = &writer->record;

    if (!resuming) {
        record->schema_policy =
            writer->dropping ? (uint32_t)RNL_DROP_AND_RECREATE : (uint32_t)config->schema_policy;
        record->write_mode = config->mode == MODE_CDC ? (uint32_t)RNL_APPEND /* rows stand there */
                                                      : (uint32_t)config->write_mode;
        record->structure = config->structure;
    }
    *job = (struct rnl_job){
        .size = sizeof(*job),
        .lanes = config->writer.lanes + writer->beside,
        .pipeline = config->name,
        .schema_policy = record->schema_policy,
        .write_mode = record->write_mode,
        .structure = config->structure,
    };
}

struct look {
    struct writer *writer;
    const struct rnl_job *job;
};

static int check_target(void *arg, struct rnl_error *err)
{
    struct writer *writer = ((struct look *)arg)->writer;

    return sink_of(writer)->check(writer->sink.self, ((struct look *)arg)->job,
                                  session_view(&writer->sink, writer->record.catalog), err);
}

/* Decides on the tables. A new run that would be stopped on its way isn't begun. */
static int map_tables(struct writer *writer, const struct rnl_job *job, bool resuming,
                      struct rnl_error *err)
{
    struct run *run = writer->run;
    struct look look = {writer, job};
    int status = RNL_OK;

    if (!resuming && sink_of(writer)->check)
        status = blockers_ask(&writer->sink, check_target, &look, run->findings, run->config, err);
    if (status == RNL_OK)
        status = sink_of(writer)->map(writer->sink.self, job,
                                      session_view(&writer->sink, writer->record.catalog), resuming,
                                      writer->steps, err);
    if (status == RNL_OK && !resuming)
        status = blockers_refuse(run->findings, run->config, err);
    return status == RNL_OK ? writer_note_stood(writer, resuming, err) : status;
}

/* Two processes may have been given different files. */
static int check_other(const struct writer *writer, const struct control *word,
                       struct rnl_error *err)
{
    const struct pipeline_config *config = writer->run->config;

    if (!ear_apart(writer->ear) ||
        (word->lanes == config->writer.lanes && word->change_lanes == config->change_lanes &&
         writer->record.mode == config->mode))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "other.settings",
             "the reader runs the pipeline in another mode or with other lanes than the writer");
    rnl_hint(err, "give both the same file and the same options");
    return err->status;
}

/* The reader has said what comes: decide on the tables, remember the run, make them, bind. */
static int prepare(struct writer *writer, struct rnl_error *err)
{
    struct run *run = writer->run;
    struct control word;
    struct rnl_job job;
    int status = control_await(run, writer->ear, CONTROL_RUN, &word, err);

    if (status != RNL_OK)
        return status;
    status = record_from_json(word.record ? word.record : "", word.record ? strlen(word.record) : 0,
                              &writer->record, err);
    if (status == RNL_OK)
        status = check_other(writer, &word, err);
    free(word.record); /* of thousands of tables it is large, and what follows takes time */
    word.record = NULL;
    if (status == RNL_OK && word.resuming)
        status = session_same_policies(writer->sink.plugin, &run->config->writer,
                                       &writer->record.settings, err);
    if (status == RNL_OK && word.resuming)
        status = check_structure(writer, &writer->record, err);
    if (status != RNL_OK)
        goto clear_word;
    writer->tolerant = run->config->mode != MODE_CONVERT &&
                       catalog_filter(writer->record.catalog, run->config->tables,
                                      run->config->ntables, config_left_out(run->config));
    catalog_join_flags(writer->record.catalog, word.joins);
    writer_mark_others(writer);
    writer->beside = word.beside;
    writer_fill_job(writer, word.resuming, &job);
    writer->steps = steps_new();
    status = map_tables(writer, &job, word.resuming, err);
    if (status != RNL_OK)
        goto clear_word;
    malloc_trim(0); /* of thousands of tables, deciding took more than the steps do */
    status = writer_own_steps(writer, err);
    if (status == RNL_OK)
        status =
            word.resuming ? writer_take_joins(writer, word.joins, err) : begin_anew(writer, err);
    if (status == RNL_OK && word.settled)
        status = writer_store_record(writer, err);
    if (status == RNL_OK && word.resuming)
        status = writer_forget_letters(writer, err);
    progress_phase(run->progress, PHASE_TABLES);
    if (status == RNL_OK)
        status = writer_structure(writer, 0, RNL_PHASE_TABLES, err);
    if (status == RNL_OK && run_goes_on(run))
        status = sink_of(writer)->bind(writer->sink.self, &job,
                                       catalog_view(writer->record.catalog), err);
    malloc_trim(0); /* what preparing took, on either side, is wanted for rows now */
    if (status == RNL_OK)
        status = control_send(writer->ear, &(struct control){.type = CONTROL_READY}, err);
clear_word:
    control_clear(&word);
    return status;
}

/* The target may remember units of tables that are gone. */
static void count_done(struct writer *writer)
{
    bool apart = ear_apart(writer->ear); /* else the reader shows the tables */

    if (apart)
        progress_tables(writer->run->progress, writer->record.catalog);
    for (uint32_t i = 0; i < plan_count(writer->record.plan); i++) {
        const struct rnl_unit *unit = plan_at(writer->record.plan, i);
        const struct memory_unit *known = memory_unit_of(&writer->memory, unit->id);

        if (unit->kind != RNL_UNIT_CHUNK)
            continue;
        if (known && known->done)
            atomic_fetch_add(&writer->units_done, 1);
        if (apart)
            progress_unit(writer->run->progress, unit->table, known && known->done,
                          known ? known->rows : 0);
    }
}

static int complete_structure(struct writer *writer, struct rnl_error *err)
{
    struct progress *progress = writer->run->progress;
    int status;

    progress_phase(progress, PHASE_INDEXES);
    status = writer_structure(writer, RNL_PHASE_TABLES + 1, RNL_PHASE_FOREIGN_KEYS - 1, err);
    if (status != RNL_OK)
        return status;
    progress_phase(progress, PHASE_CONSTRAINTS);
    status = writer_structure(writer, RNL_PHASE_FOREIGN_KEYS, RNL_PHASE_VALUES - 1, err);
    if (status != RNL_OK)
        return status;
    progress_phase(progress, PHASE_FINISHING);
    return writer_structure(writer, RNL_PHASE_VALUES, UINT32_MAX, err);
}

/*
 * Rows can be set aside only where the sink can; those that stand aside count for the limit, and
 * make the pipeline one that is degraded.
 */
static int prepare_errors(struct writer *writer, struct rnl_error *err)
{
    config_sizes(writer->run->config, &writer->sizes);
    if (writer->run->config->on_error != ON_ERROR_STOP &&
        dead_letters_able(writer->sink.plugin, err) != RNL_OK)
        return err->status;
    atomic_store(&writer->run->standing, 0);
    return writer->anew ? RNL_OK : writer_count_letters(writer, false, err);
}

/*
 * The rows that the reader sends, up to its last. RNL_AGAIN: it has stopped before; or tables that
 * waited are loaded, and the next attempt follows them.
 */
static int load(struct writer *writer, struct rnl_error *err)
{
    struct run *run = writer->run;
    uint32_t chunks = 0;

    for (uint32_t i = 0; i < plan_count(writer->record.plan); i++)
        chunks += plan_at(writer->record.plan, i)->kind == RNL_UNIT_CHUNK;
    count_done(writer);
    progress_phase(run->progress, writer->beside ? PHASE_BESIDE : PHASE_LOADING);
    writer_load(writer);
    if (atomic_load(&writer->units_done) == chunks && catalog_waits(writer->record.catalog))
        return RNL_AGAIN;
    if (atomic_load(&writer->units_done) == chunks)
        return RNL_OK; /* also when the run must end: changes may be under way already */
    /* a reader that is alone says only later why it ends */
    if (!run_goes_on(run) || atomic_load(&run->limited) || ear_apart(writer->ear))
        return RNL_AGAIN;
    return rnl_fail(err, RNL_E_FATAL, "run.incomplete",
                    "%u of %u units arrived, and the reader says there are no more",
                    atomic_load(&writer->units_done), chunks);
}

/* --- changes ------------------------------------------------------------------------------ */

/* From now on the target is what the source was at some moment, with all of its structure. */
static int begin_following(struct writer *writer, struct rnl_error *err)
{
    int status = complete_structure(writer, err);

    if (status != RNL_OK || !run_goes_on(writer->run))
        return status == RNL_OK ? RNL_AGAIN : status;
    writer->record.state = RECORD_FOLLOWING;
    catalog_join_close(writer->record.catalog);
    return writer_store_record(writer, err);
}

/* Changes until this end, over all that is altered on the way. RNL_AGAIN: ended before its time. */
static int follow_through(struct writer *writer, bool replaying, enum writer_end wanted,
                          struct rnl_error *err)
{
    enum writer_end end = writer_follow(writer, replaying);

    while (end == WRITER_ALTERED && run_goes_on(writer->run)) {
        int status = writer_evolve(writer, err);

        if (status != RNL_OK)
            return status;
        end = writer_follow(writer, replaying);
    }
    return end == wanted ? RNL_OK : RNL_AGAIN;
}

/* Changes that the load may have seen: the tables have their keys, and nothing that they break. */
static int catch_up(struct writer *writer, struct rnl_error *err)
{
    int status;

    progress_phase(writer->run->progress, PHASE_INDEXES);
    status = writer_keys(writer, err);
    if (status != RNL_OK || !run_goes_on(writer->run))
        return status == RNL_OK ? RNL_AGAIN : status;
    progress_phase(writer->run->progress, PHASE_CATCHING_UP);
    return follow_through(writer, true, WRITER_CAUGHT_UP, err);
}

/* Nobody fetches changes any more: a reader that waits for room to send them must be told. */
static void release_reader(struct writer *writer)
{
    if (!run_goes_on(writer->run))
        run_stop(writer->run, true);
}

/* Up to the first change that the load can't have seen. RNL_AGAIN: it was ended before that. */
static int reach_following(struct writer *writer, struct rnl_error *err)
{
    int status = RNL_OK;

    if (writer->record.state != RECORD_LOADING)
        return RNL_OK;
    if (writer->run->config->mode == MODE_REPLICATE)
        status = catch_up(writer, err);
    return status == RNL_OK ? begin_following(writer, err) : status;
}

/* RNL_AGAIN: it was ended before its time; RNL_OK: drained. */
static int follow(struct writer *writer, struct rnl_error *err)
{
    int status = reach_following(writer, err);

    if (status == RNL_AGAIN)
        release_reader(writer);
    if (status != RNL_OK)
        return status;
    progress_phase(writer->run->progress, PHASE_FOLLOWING);
    status = follow_through(writer, false, WRITER_DRAINED, err);
    return status == RNL_OK ? writer_end_drained(writer, err) : status;
}

/* All rows are in: the rest of the structure, and the word that it is done. */
static int end_well(struct writer *writer, struct rnl_error *err)
{
    int status = complete_structure(writer, err);

    if (status != RNL_OK || !run_goes_on(writer->run))
        return status == RNL_OK ? RNL_AGAIN : status;
    writer->record.state = RECORD_DONE;
    writer->record.ended_s = (int64_t)time(NULL);
    return writer_store_record(writer, err);
}

/* The role, once both ends are open. */
static int work(struct writer *writer, bool *complete, struct rnl_error *err)
{
    struct run *run = writer->run;
    int status = recall(writer, err);

    if (status == RNL_DONE)
        return writer_count_letters(writer, true, err);
    if (status == RNL_OK)
        status = prepare_errors(writer, err);
    if (status == RNL_OK)
        status = prepare(writer, err);
    if (status == RNL_OK)
        status = load(writer, err);
    if (status == RNL_OK && run->config->mode != MODE_CONVERT)
        status = follow(writer, err);
    else if (status == RNL_OK)
        status = end_well(writer, err);
    if (status == RNL_AGAIN && !atomic_load(&run->hard))
        return writer_count_letters(writer, true, err);
    if (status != RNL_OK)
        return status < 0 ? status : RNL_OK;
    status = writer_count_letters(writer, true, err);
    *complete = status == RNL_OK;
    if (*complete)
        progress_phase(run->progress, PHASE_DONE);
    return status;
}

void writer_run(struct run *run, bool *complete)
{
    const struct pipeline_config *config = run->config;
    struct writer writer = {.run = run};
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    *complete = false;
    status = session_open_transport(&writer.transport, config, "writer", run->role != RUN_BOTH,
                                    run->resolver, &run->stopping, &err);
    if (status != RNL_OK)
        goto tell;
    run_on_interrupt(run, writer.transport.plugin->transport.interrupt, writer.transport.self);
    status = ear_open(run, &writer.transport, RUN_WRITER, &writer.ear, &err);
    if (status != RNL_OK)
        goto close_transport;
    status = session_open(&writer.sink, RNL_SINK, config->name, &config->writer, run->resolver,
                          run->findings, &run->stopping, &err);
    if (status != RNL_OK)
        goto close_ear;
    atomic_store(&run->sink_opened, true);
    run_on_interrupt(run, sink_of(&writer)->interrupt, writer.sink.self);
    status = work(&writer, complete, &err);
    if (status < 0 && atomic_load(&run->hard))
        status = RNL_OK; /* it was told to break off */
    run_off_interrupt(run, writer.sink.self);
    if (status < 0)
        run_fail(run, &err);
    status = RNL_OK;
    session_close(&writer.sink);
    if (atomic_load(&run->done_before))
        ear_linger(writer.ear);
    else
        ear_part(writer.ear, *complete);
close_ear:
    ear_close(writer.ear);
close_transport:
    run_off_interrupt(run, writer.transport.self);
    session_close(&writer.transport);
tell:
    if (status < 0)
        run_fail(run, &err);
    free(writer.numbers);
    catalog_free(writer.fresh);
    catalog_free(writer.earlier);
    names_clear(&writer.stood);
    steps_free(writer.steps);
    memory_clear(&writer.memory);
    record_clear(&writer.record);
}
