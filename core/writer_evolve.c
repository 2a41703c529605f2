/* Tables were altered in the source: the target's are made the same before changes go on. */
#include "writer.h"

#include "alteration.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdlib.h>

struct evolution {
    struct writer *writer;
    struct record record; /* what the run is from now on */
    struct alterations *altered;
    struct table_move *moves;
    struct rnl_catalog *was, *is; /* as the sink sees them */
    struct rnl_steps *steps;
};

static const struct rnl_sink_ops *sink_of(const struct evolution *e)
{
    return &e->writer->sink.plugin->sink;
}

static int hear(struct evolution *e, struct rnl_error *err)
{
    struct writer *writer = e->writer;
    struct control word;
    int status = control_await(writer->run, writer->ear, CONTROL_ALTER, &word, err);

    if (status != RNL_OK)
        return status == RNL_DONE ? RNL_AGAIN : status;
    status = record_from_json(word.record ? word.record : "", word.record ? strlen(word.record) : 0,
                              &e->record, err);
    if (status == RNL_OK)
        status = alterations_from_json(word.altered, &e->altered, &e->moves, err);
    control_clear(&word);
    return status;
}

/* What a column of the source is called in the target. */
static const char *target_name(const struct rnl_catalog *source, const struct rnl_catalog *view,
                               uint32_t table, const char *name)
{
    const struct rnl_table *described = catalog_at(source, table);

    for (uint32_t i = 0; i < described->ncolumns; i++)
        if (strcmp(described->columns[i].name, name) == 0)
            return catalog_at(view, table)->columns[i].name;
    return NULL;
}

/* Columns that have another name in the target from now on: *renamed is malloc'd. */
static int target_renames(const struct evolution *e, uint32_t i, struct rnl_rename **renamed,
                          uint32_t *count, struct rnl_error *err)
{
    const struct rnl_alteration *alteration = alterations_at(e->altered, i);
    const struct table_move *move = &e->moves[i];

    *count = 0;
    *renamed = calloc(alteration->nrenamed + 1ul, sizeof(**renamed));
    if (!*renamed)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for renamed columns");
    for (uint32_t r = 0;
         move->from != UINT32_MAX && move->to != UINT32_MAX && r < alteration->nrenamed; r++) {
        const char *from =
            target_name(e->writer->record.catalog, e->was, move->from, alteration->renamed[r].from);
        const char *to = target_name(e->record.catalog, e->is, move->to, alteration->renamed[r].to);

        if (from && to && strcmp(from, to) != 0)
            (*renamed)[(*count)++] = (struct rnl_rename){from, to};
    }
    return RNL_OK;
}

/* While tables are loaded, what is made behind the load is made by the catalog as it is then. */
static void fill_job(struct evolution *e, const struct table_move *move, struct rnl_job *job)
{
    const struct record *record = &e->record;
    bool complete = record->grown &&
                    (move->to == UINT32_MAX || !catalog_joined(record->catalog, move->to)->open);

    writer_fill_job(e->writer, true, job);
    if (e->writer->record.state == RECORD_LOADING && !complete)
        job->structure &= RNL_WITH_TABLES;
}

static int decide(struct evolution *e, struct rnl_error *err)
{
    struct rnl_job job;

    for (uint32_t i = 0; i < alterations_count(e->altered); i++) {
        const struct table_move *move = &e->moves[i];
        struct rnl_rename *renamed;
        uint32_t count;
        int status;

        if (move->from == UINT32_MAX && move->to == UINT32_MAX)
            continue;
        fill_job(e, move, &job);
        status = target_renames(e, i, &renamed, &count, err);
        if (status == RNL_OK)
            status = sink_of(e)->evolve(e->writer->sink.self, &job, e->was, move->from, e->is,
                                        move->to, renamed, count, e->steps, err);
        free(renamed);
        if (status != RNL_OK)
            return status;
    }
    return RNL_OK;
}

/* One after another: a step may need the one before. */
static int do_steps(struct evolution *e, struct rnl_error *err)
{
    struct writer *writer = e->writer;
    const struct rnl_sink_ops *sink = sink_of(e);
    void *connection;
    int status;

    if (!steps_count(e->steps))
        return RNL_OK;
    status = sink->writer_open(writer->sink.self, 0, &connection, err);
    if (status != RNL_OK)
        return status;
    progress_steps(writer->run->progress, steps_count(e->steps));
    for (uint32_t i = 0; i < steps_count(e->steps) && status == RNL_OK; i++) {
        struct rnl_step step = *steps_at(e->steps, i);
        char id[600];

        snprintf(id, sizeof(id), "%.500s @ %" PRIu64 ".%u", step.id, writer->epoch,
                 writer->evolved++);
        if (step.phase > RNL_PHASE_TABLES)
            step.id = id;
        progress_step(writer->run->progress, step.id, false);
        log_write(RNL_LOG_INFO, "writer", "%s", step.text);
        status = sink->writer_step(connection, writer->run->config->name, &step, err);
        if (status == RNL_OK)
            progress_step(writer->run->progress, step.id, true);
    }
    sink->writer_close(connection);
    return status;
}

/* The run has the new catalog from here on, and the sink sees it. */
static int take_over(struct evolution *e, struct rnl_error *err)
{
    struct writer *writer = e->writer;
    const struct pipeline_config *config = writer->run->config;
    struct rnl_catalog *earlier = writer->record.catalog;
    struct rnl_job job;
    int status;

    plan_free(writer->record.plan);
    writer->record.plan = e->record.plan;
    e->record.plan = NULL;
    writer->record.catalog = e->record.catalog;
    e->record.catalog = earlier; /* freed when the sink has let it go */
    writer->record.fingerprint = e->record.fingerprint;
    writer->tolerant = catalog_filter(writer->record.catalog, config->tables, config->ntables,
                                      config_left_out(config));
    steps_free(writer->steps);
    writer->steps = steps_new();
    if (!writer->steps)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for steps");
    writer_fill_job(writer, true, &job);
    if (writer->record.state == RECORD_FOLLOWING) /* which the reader may not have heard */
        catalog_join_close(writer->record.catalog);
    catalog_join_flags(writer->record.catalog, 0);
    status = sink_of(e)->map(writer->sink.self, &job, e->is, true, writer->steps, err);
    if (status == RNL_OK)
        status = writer_own_steps(writer, err);
    if (status == RNL_OK)
        status = sink_of(e)->bind(writer->sink.self, &job, e->is, err);
    return status == RNL_OK ? writer_store_record(writer, err) : status;
}

static int evolve(struct evolution *e, struct rnl_error *err)
{
    struct writer *writer = e->writer;
    int status;

    if (!sink_of(e)->evolve) {
        rnl_fail(err, RNL_E_CONFIG, "sink.cant_evolve",
                 "tables of the source were altered, and a target of plugin %s can't follow that",
                 writer->sink.plugin->name);
        rnl_hint(err, "alter the target's tables by hand, and go on with --ddl ignore");
        return err->status;
    }
    e->steps = steps_new();
    if (!e->steps)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for steps");
    catalog_join_unflag(writer->record.catalog); /* what stands counts as it stands */
    e->was = session_view(&writer->sink, writer->record.catalog);
    e->is = session_view(&writer->sink, e->record.catalog);
    status = decide(e, err);
    if (status == RNL_OK)
        status = do_steps(e, err);
    if (status == RNL_OK)
        status = take_over(e, err);
    return status == RNL_OK
               ? control_send(writer->ear, &(struct control){.type = CONTROL_READY}, err)
               : status;
}

int writer_evolve(struct writer *writer, struct rnl_error *err)
{
    struct evolution e = {.writer = writer};
    int status = hear(&e, err);

    if (status == RNL_OK)
        status = evolve(&e, err);
    session_view(&writer->sink, writer->record.catalog); /* names in messages are of this one */
    steps_free(e.steps);
    free(e.moves);
    alterations_free(e.altered);
    record_clear(&e.record);
    return status;
}
