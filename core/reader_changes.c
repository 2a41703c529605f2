/* What following needs before rows are read: a source with a log, and tables it can tell of. */
#include "reader_part.h"

#include "mask.h"

const struct rnl_unit *reader_changes_unit(const struct reader *reader)
{
    for (uint32_t i = 0; i < plan_count(reader->record.plan); i++)
        if (plan_at(reader->record.plan, i)->kind == RNL_UNIT_CHANGES)
            return plan_at(reader->record.plan, i);
    return NULL;
}

bool reader_is_left(struct reader *reader, uint32_t table)
{
    for (uint32_t i = 0; i < plan_count(reader->record.plan); i++) {
        const struct rnl_unit *unit = plan_at(reader->record.plan, i);
        const struct memory_unit *known = memory_unit_of(&reader->recall.memory, unit->id);

        if (unit->kind == RNL_UNIT_CHUNK && (unit->table == table || table == UINT32_MAX) &&
            !(known && known->done))
            return true;
    }
    return false;
}

uint32_t reader_next_id(const struct reader *reader)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < plan_count(reader->record.plan); i++)
        if (plan_at(reader->record.plan, i)->id > most)
            most = plan_at(reader->record.plan, i)->id;
    for (size_t i = 0; i < reader->recall.memory.nunits; i++)
        if (reader->recall.memory.units[i].unit > most)
            most = reader->recall.memory.units[i].unit;
    return most + 1;
}

int reader_add_changes(struct reader *reader, struct rnl_error *err)
{
    const struct rnl_unit unit = {
        .size = sizeof(unit),
        .kind = RNL_UNIT_CHANGES,
        .table = UINT32_MAX,
        .rows = -1,
        .bytes = -1,
    };

    for (uint32_t i = 0; i < reader->run->config->change_lanes; i++)
        if (plan_add(reader->record.plan, &unit, err) != RNL_OK)
            return err->status;
    return RNL_OK;
}

int reader_check_changes(const struct reader *reader, struct rnl_error *err)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan_count(reader->record.plan); i++)
        count += plan_at(reader->record.plan, i)->kind == RNL_UNIT_CHANGES;
    if (count == reader->run->config->change_lanes)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "resume.change_lanes",
             "this pipeline was begun with %u lanes for changes, and is asked for with %u", count,
             reader->run->config->change_lanes);
    rnl_hint(err, "go on with change_lanes = %u; or begin it anew with --restart", count);
    return err->status;
}

bool reader_lanes_apart(const struct reader *reader)
{
    const struct rnl_unit *first = reader_changes_unit(reader);

    for (uint32_t i = 0; first && i < plan_count(reader->record.plan); i++) {
        const struct rnl_unit *unit = plan_at(reader->record.plan, i);

        if (unit->kind == RNL_UNIT_CHANGES &&
            (unit->position.len != first->position.len ||
             (unit->position.len &&
              memcmp(unit->position.ptr, first->position.ptr, unit->position.len) != 0)))
            return true;
    }
    return false;
}

/* Rows of a part of a table can leave that part by a change, which no log tells. */
static int check_tables(struct reader *reader, struct rnl_error *err)
{
    const struct rnl_catalog *catalog = reader->record.catalog;

    for (uint32_t i = 0; i < catalog_count(catalog); i++) {
        const struct rnl_table *table = catalog_at(catalog, i);
        bool query = table->query != NULL;

        if (!query && !(table->where && *table->where))
            continue;
        rnl_fail(err, RNL_E_CONFIG, "follow.filtered", "changes of %s.%s can't be followed: %s",
                 table->schema, table->name,
                 query ? "it is a query, and a log knows tables only"
                       : "it has a row filter (where), and a log doesn't tell which rows enter or "
                         "leave it");
        rnl_hint(err, "leave it out, or load it by a pipeline of its own in mode convert");
        return err->status;
    }
    return RNL_OK;
}

/* Which changes are wanted. */
void reader_filter(const struct reader *reader, struct rnl_catalog *catalog)
{
    const struct pipeline_config *config = reader->run->config;

    catalog_filter(catalog, reader->rules, reader->nrules, config_left_out(config));
    if (config->truncate == TRUNCATE_STOP)
        catalog_refuse_truncate(catalog);
}

int reader_follow_prepare(struct reader *reader, bool resuming, struct rnl_error *err)
{
    const struct rnl_source_ops *source = &reader->source.plugin->source;

    if (!source->follow || !source->log_end || !source->log_reached) {
        rnl_fail(err, RNL_E_CONFIG, "follow.no_log",
                 "changes can't be followed from a source of plugin %s: it keeps no log of them",
                 reader->source.plugin->name);
        rnl_hint(err, "mode = \"convert\" (runnel migrate without --follow) copies all rows once");
        return err->status;
    }
    if (check_tables(reader, err) != RNL_OK)
        return err->status;
    reader_filter(reader, reader->record.catalog);
    return source->follow(reader->source.self, reader->run->config->name, reader->record.catalog,
                          resuming, err);
}
