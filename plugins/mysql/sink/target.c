/* What stands in the target already, and whether schema_policy and write_mode allow to go on. */
#include "map.h"

/* In m->existing: "k`database`.`table`name": k as in target_has(). */
static const char *object_key(struct buf *key, char kind, const char *database, const char *table,
                              const char *name)
{
    buf_clear(key);
    buf_byte(key, kind);
    sql_name(key, database);
    buf_byte(key, '.');
    sql_name(key, table);
    buf_puts(key, name);
    return buf_text(key);
}

static bool knows(const struct mapper *m, char kind, const char *database, const char *table,
                  const char *name)
{
    struct buf key = {0};
    const char *at = object_key(&key, kind, database, table, name);
    bool found = at && idents_has(&m->existing, at);

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

bool target_has(const struct mapper *m, uint32_t t, char kind, const char *name)
{
    const struct map_table *map = &m->tables[t];

    return map->exists && !target_drops(m, t) &&
           knows(m, kind, map->name.database, map->name.name, name);
}

/* Tables (r; o: views and others), indexes (i), foreign keys (f) of one database. */
static const char *const existing_sql[] = {
    "SELECT IF(TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED'), 'r', 'o'), TABLE_NAME, '' FROM"
    " information_schema.TABLES WHERE TABLE_SCHEMA = ",
    "SELECT DISTINCT 'i', TABLE_NAME, INDEX_NAME FROM information_schema.STATISTICS WHERE"
    " TABLE_SCHEMA = ",
    "SELECT 'f', TABLE_NAME, CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS WHERE"
    " CONSTRAINT_TYPE = 'FOREIGN KEY' AND TABLE_SCHEMA = ",
    "SELECT 'd', '', '' FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "};

static int look_for(struct mapper *m, const char *question, const char *database, bool constraints)
{
    struct text sql = {0};
    struct buf key = {0};
    bool good = true;
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, question);
    text_quoted(&sql, database);
    status =
        sql.failed ? error_memory(m->err) : conn_query(m->sink->control, sql.ptr, &result, m->err);
    text_free(&sql);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result))) {
        const char *at = object_key(&key, row[0][0], database, row[1], row[2]);

        good = good && at && idents_take(&m->existing, at);
        if (constraints && good) {
            at = object_key(&key, 'f', database, "", row[2]);
            good = at && idents_take(&m->existing, at);
        }
    }
    status = conn_finish(m->sink->control, result, "look at the target", m->err);
    buf_free(&key);
    return status ? status : good ? RNL_OK : error_memory(m->err);
}

static int look_database(struct mapper *m, const char *database)
{
    int status = RNL_OK;

    for (size_t i = 0; !status && i < sizeof(existing_sql) / sizeof(existing_sql[0]); i++)
        status = look_for(m, existing_sql[i], database, i == 2);
    return status;
}

static int refuse(struct mapper *m, const char *code, const struct map_table *map, const char *why,
                  const char *hint)
{
    rnl_fail(m->err, RNL_E_CONFIG, code, "the table %s %s", map->name.qualified, why);
    rnl_hint(m->err, "%s", hint);
    return RNL_E_CONFIG;
}

static int check_rows(struct mapper *m, const struct map_table *map)
{
    struct text sql = {0};
    char *any = NULL;
    int status;

    text_printf(&sql, "SELECT 1 FROM %s LIMIT 1", map->name.qualified);
    status =
        sql.failed ? error_memory(m->err) : conn_value(m->sink->control, sql.ptr, 0, &any, m->err);
    text_free(&sql);
    if (status || !any)
        return status;
    free(any);
    return refuse(m, "sink.not_empty", map, "holds rows, and write_mode is fail_if_not_empty",
                  "empty it, or choose write_mode append or truncate_and_load, or schema_policy "
                  "drop_and_recreate");
}

int target_check(struct mapper *m, uint32_t t)
{
    const struct map_table *map = &m->tables[t];
    bool makes = m->job->structure & RNL_WITH_TABLES;

    if (mapper_table(m, t)->flags & RNL_TABLE_AGAIN)
        return RNL_OK; /* foreign keys to it stay, unchecked while rows come */
    if (m->job->schema_policy == RNL_FAIL_IF_EXISTS && makes)
        return refuse(m, "sink.exists", map, "exists, and schema_policy is fail_if_exists",
                      "drop it, or choose another schema_policy");
    if (target_drops(m, t) && makes)
        return RNL_OK;
    return m->job->write_mode == RNL_FAIL_IF_NOT_EMPTY ? check_rows(m, map) : RNL_OK;
}

static int check_table(struct mapper *m, uint32_t t)
{
    struct map_table *map = &m->tables[t];
    bool makes =
        (m->job->structure & RNL_WITH_TABLES) && m->job->schema_policy != RNL_VALIDATE_EXISTING;

    map->exists = knows(m, 'r', map->name.database, map->name.name, "");
    if (m->resuming && !(mapper_table(m, t)->flags & RNL_TABLE_JOINS_NOW))
        return RNL_OK;
    if (knows(m, 'o', map->name.database, map->name.name, ""))
        return refuse(m, "sink.not_a_table", map, "is a view or a sequence",
                      "rename it, or choose another database");
    if (map->exists)
        return target_check(m, t);
    if (!makes)
        return refuse(m, "sink.missing_table", map, "is not in the target",
                      "create it, or let Runnel make it (structure.tables, schema_policy)");
    return RNL_OK;
}

int target_look(struct mapper *m)
{
    const char *last = NULL;
    int status = RNL_OK;

    for (uint32_t t = 0; !status && t < m->ntables; t++) {
        const char *database = m->tables[t].name.database;

        if ((last && strcmp(database, last) == 0) || idents_has(&m->existing, database))
            continue;
        status =
            idents_take(&m->existing, database) ? look_database(m, database) : error_memory(m->err);
        last = database;
    }
    for (uint32_t t = 0; !status && t < m->ntables; t++)
        status = check_table(m, t);
    return status;
}
