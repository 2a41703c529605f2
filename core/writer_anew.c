/* A run that starts over: what of the earlier one goes, and what is not its own to drop. */
#include "dead_letters.h"
#include "writer.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Only what the earlier run made is dropped, whatever is asked for now: not what stood there
 * before it, nor anything where it made no tables at all.
 */
void writer_take_earlier(struct writer *writer)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct record record = {0};

    if (writer->memory.plan &&
        record_from_json(writer->memory.plan, writer->memory.plan_len, &record, &err) == RNL_OK) {
        if (record.schema_policy == RNL_VALIDATE_EXISTING || !(record.structure & RNL_WITH_TABLES))
            writer->dropping = false;
        writer->earlier = record.catalog;
        writer->stood = record.stood;
        record.catalog = NULL;
        record.stood = (struct rnl_names){0};
    }
    record_clear(&record);
}

void writer_mark_others(struct writer *writer)
{
    struct rnl_catalog *catalog = writer->record.catalog;

    if (writer->earlier)
        catalog_mark_others(catalog, writer->earlier);
    for (size_t i = 0; i + 1 < writer->stood.count; i += 2)
        catalog_mark_other(
            catalog, catalog_index(catalog, writer->stood.items[i], writer->stood.items[i + 1]));
}

/* Of a run that goes on, all its own tables stand: what is new to it joins just now. */
static bool is_new(const struct writer *writer, const struct rnl_finding *finding)
{
    struct rnl_catalog *catalog = writer->record.catalog;
    uint32_t t = catalog_index(catalog, finding->schema ? finding->schema : "", finding->table);
    uint32_t flags = t == UINT32_MAX ? 0 : catalog_at(catalog, t)->flags;

    return (flags & RNL_TABLE_JOINS_NOW) && !(flags & RNL_TABLE_AGAIN);
}

/* The sink has decided: what it keeps as it stands is remembered as somebody's. */
int writer_note_stood(struct writer *writer, bool resuming, struct rnl_error *err)
{
    struct findings *findings = writer->run->findings;
    struct rnl_names *stood = &writer->record.stood;
    const struct rnl_finding *finding;

    if (!resuming)
        names_clear(stood);
    err->status = RNL_OK;
    for (size_t i = 0; (finding = findings_at(findings, i)) && err->status == RNL_OK; i++) {
        if (strcmp(finding->code, "table.exists") != 0 || !finding->table ||
            (resuming && !is_new(writer, finding)))
            continue;
        if (names_add(stood, finding->schema ? finding->schema : "", err) == RNL_OK)
            names_add(stood, finding->table, err);
    }
    return err->status;
}

/* Rows that stand aside may be all that is left of an editing hand's work: not by the way. */
int writer_may_forget(struct writer *writer, struct rnl_error *err)
{
    struct run *run = writer->run;
    uint64_t count;

    if (run->discard || dead_letters_count(writer->sink.plugin, writer->sink.self, run->config,
                                           NULL, &count, err) != RNL_OK)
        return err->status;
    if (count == 0)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "run.rows_aside",
             "%" PRIu64 " row%s of the earlier run stand%s aside, and starting over would forget "
             "%s",
             count, count == 1 ? "" : "s", count == 1 ? "s" : "", count == 1 ? "it" : "them");
    rnl_hint(err,
             "look at them (runnel dead-letters list %s), or say --restart and --discard-aside: "
             "they come again from the source if they are there",
             config_pipeline_words(run->config));
    return err->status;
}
