/* What stands in the file already, and whether schema_policy and write_mode allow to go on. */
#include "map.h"

static bool remember(struct mapper *m, const char *type, const char *name)
{
    struct buf key = {0};
    bool good;

    buf_byte(&key, *type);
    buf_byte(&key, ' ');
    buf_puts(&key, name);
    good = buf_text(&key) && idents_take(&m->existing, key.ptr);
    buf_free(&key);
    return good;
}

bool target_has(const struct mapper *m, char kind, const char *name)
{
    struct buf key = {0};
    bool found;

    buf_byte(&key, kind);
    buf_byte(&key, ' ');
    buf_puts(&key, name);
    found = buf_text(&key) && idents_has(&m->existing, key.ptr);
    buf_free(&key);
    return found;
}

bool target_drops(const struct mapper *m, uint32_t t)
{
    if (mapper_table(m, t)->flags & RNL_TABLE_AGAIN)
        return (m->job->structure & RNL_WITH_TABLES) &&
               m->job->schema_policy != RNL_VALIDATE_EXISTING;
    return m->job->schema_policy == RNL_DROP_AND_RECREATE &&
           !(mapper_table(m, t)->flags & RNL_TABLE_NOT_OURS);
}

static int look(struct mapper *m)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(m->sink->control, "SELECT type, name FROM sqlite_schema",
                            "look at the target", &stmt, m->err);

    if (status != RNL_OK)
        return status;
    while ((status = sq_step(stmt, "look at the target", m->err)) == RNL_OK)
        if (!remember(m, sq_text(stmt, 0), sq_text(stmt, 1))) {
            status = error_memory(m->err);
            break;
        }
    sqlite3_finalize(stmt);
    return status == RNL_DONE ? RNL_OK : status;
}

static int refuse(struct mapper *m, const char *code, const struct map_table *map, const char *why,
                  const char *hint)
{
    rnl_fail(m->err, RNL_E_CONFIG, code, "the table \"%s\" %s", map->name, why);
    rnl_hint(m->err, "%s", hint);
    return RNL_E_CONFIG;
}

static int check_rows(struct mapper *m, const struct map_table *map)
{
    struct buf sql = {0};
    sqlite3_stmt *stmt;
    int status;

    buf_puts(&sql, "SELECT 1 FROM ");
    buf_name(&sql, map->name);
    buf_puts(&sql, " LIMIT 1");
    if (!buf_text(&sql))
        return error_memory(m->err);
    status = sq_prepare(m->sink->control, sql.ptr, "look for rows in the target", &stmt, m->err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    status = sq_step(stmt, "look for rows in the target", m->err);
    sqlite3_finalize(stmt);
    if (status != RNL_OK)
        return status == RNL_DONE ? RNL_OK : status;
    return refuse(m, "sink.not_empty", map, "holds rows, and write_mode is fail_if_not_empty",
                  "empty it, or choose write_mode append, upsert or truncate_and_load, or "
                  "schema_policy drop_and_recreate");
}

int target_check_rows(struct mapper *m, uint32_t t)
{
    return check_rows(m, &m->tables[t]);
}

static int check_table(struct mapper *m, uint32_t t)
{
    struct map_table *map = &m->tables[t];
    bool tables = m->job->structure & RNL_WITH_TABLES;
    bool makes = tables && m->job->schema_policy != RNL_VALIDATE_EXISTING;

    map->exists = target_has(m, 't', map->name);
    if (m->resuming && !(mapper_table(m, t)->flags & RNL_TABLE_JOINS_NOW))
        return map->exists ? state_made(m->sink->control, m->job->pipeline, mapper_table(m, t),
                                        &map->made, m->err)
                           : RNL_OK;
    if (target_has(m, 'v', map->name) || target_has(m, 'i', map->name))
        return refuse(m, "sink.not_a_table", map, "is a view or an index in the target",
                      "drop or rename it");
    if (!map->exists && !makes)
        return refuse(m, "sink.missing_table", map, "is not in the target",
                      "create it, or let Runnel make it (structure.tables, schema_policy)");
    if (!map->exists || (mapper_table(m, t)->flags & RNL_TABLE_AGAIN))
        return RNL_OK;
    if (m->job->schema_policy == RNL_FAIL_IF_EXISTS && tables)
        return refuse(m, "sink.exists", map, "exists, and schema_policy is fail_if_exists",
                      "drop it, or choose another schema_policy");
    if (target_drops(m, t) && tables)
        return RNL_OK;
    return m->job->write_mode == RNL_FAIL_IF_NOT_EMPTY ? check_rows(m, map) : RNL_OK;
}

int target_look(struct mapper *m)
{
    int status;

    m->existing.caseless = true;
    status = look(m);
    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++)
        status = check_table(m, t);
    return status;
}
