/* What stands in the target already, and whether schema_policy and write_mode allow to go on. */
#include "map.h"

/* In m->existing: "k schema.table name": k as in target_has(). */
static bool remember(struct mapper *m, char kind, const char *schema, const char *table,
                     const char *name)
{
    struct buf key = {0};
    bool good;

    buf_byte(&key, kind);
    buf_qualified(&key, schema, table);
    buf_puts(&key, name);
    good = buf_text(&key) && idents_take(&m->existing, key.ptr);
    buf_free(&key);
    return good;
}

static bool knows(const struct mapper *m, char kind, const char *schema, const char *table,
                  const char *name)
{
    struct buf key = {0};
    bool found;

    buf_byte(&key, kind);
    buf_qualified(&key, schema, table);
    buf_puts(&key, name);
    found = buf_text(&key) && idents_has(&m->existing, key.ptr);
    buf_free(&key);
    return found;
}

static bool makes_tables(const struct mapper *m)
{
    return (m->job->structure & RNL_WITH_TABLES) && m->job->schema_policy != RNL_VALIDATE_EXISTING;
}

bool target_drops(const struct mapper *m, uint32_t t)
{
    if (mapper_table(m, t)->flags & RNL_TABLE_AGAIN)
        return makes_tables(m);
    return m->job->schema_policy == RNL_DROP_AND_RECREATE &&
           !(mapper_table(m, t)->flags & RNL_TABLE_NOT_OURS);
}

bool target_has(const struct mapper *m, uint32_t t, char kind, const char *name)
{
    const struct map_table *map = &m->tables[t];
    char key[NAME_BYTES + 4];

    snprintf(key, sizeof(key), "%c %s", kind, name);
    if (m->leaving && t == m->topic && idents_has(m->leaving, key))
        return false;
    return map->exists && !target_drops(m, t) && knows(m, kind, map->schema, map->name, name);
}

/* Relations (r: tables, o: others), then constraints and indexes of tables. */
static const char existing_sql[] =
    "SELECT CASE WHEN c.relkind IN ('r', 'p') THEN 'r' ELSE 'o' END, n.nspname, c.relname, ''"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    " UNION ALL SELECT CASE k.contype WHEN 'p' THEN 'p' ELSE 'c' END, n.nspname, c.relname,"
    "  CASE k.contype WHEN 'p' THEN '' ELSE k.conname END"
    " FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1"
    " UNION ALL SELECT 'i', n.nspname, c.relname, i.relname"
    " FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1"
    " UNION ALL SELECT 's', n.nspname, '', '' FROM pg_namespace n WHERE n.nspname = $1";

static int look_schema(struct mapper *m, const char *schema)
{
    const char *params[] = {schema};
    PGresult *result;
    int status = conn_query(m->sink->control, existing_sql, 1, params, "look at the target",
                            &result, m->err);

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        if (!remember(m, PQgetvalue(result, i, 0)[0], PQgetvalue(result, i, 1),
                      PQgetvalue(result, i, 2), PQgetvalue(result, i, 3)))
            status = error_memory(m->err);
    PQclear(result);
    return status;
}

/* May we make objects there? Asked before the first statement, for a better answer. */
static int check_schema(struct mapper *m, const char *schema)
{
    const char *params[] = {schema};
    bool exists = knows(m, 's', schema, "", "");
    PGresult *result;
    int status;

    if (m->resuming || !(m->job->structure & RNL_WITH_TABLES) ||
        m->job->schema_policy == RNL_VALIDATE_EXISTING)
        return RNL_OK;
    status = conn_query(m->sink->control,
                        exists ? "SELECT has_schema_privilege($1, 'CREATE')"
                               : "SELECT has_database_privilege(current_database(), 'CREATE')"
                                 " AND $1::text IS NOT NULL",
                        1, params, "look at privileges", &result, m->err);
    if (status != RNL_OK)
        return status;
    if (PQgetvalue(result, 0, 0)[0] != 't') {
        status = rnl_fail(m->err, RNL_E_CONFIG, "postgres.privilege",
                          "the user %s may not create %s \"%s\"", PQuser(m->sink->control->pg),
                          exists ? "tables in the schema" : "the schema", schema);
        rnl_hint(m->err, "GRANT CREATE ON %s TO the user, or use another schema",
                 exists ? "SCHEMA …" : "DATABASE …");
    }
    PQclear(result);
    return status;
}

static int refuse(struct mapper *m, const char *code, const struct map_table *map, const char *why,
                  const char *hint)
{
    rnl_fail(m->err, RNL_E_CONFIG, code, "the table %s %s", map->qualified, why);
    rnl_hint(m->err, "%s", hint);
    return RNL_E_CONFIG;
}

static int check_rows(struct mapper *m, const struct map_table *map)
{
    struct buf sql = {0};
    PGresult *result = NULL;
    bool any;
    int status;

    buf_printf(&sql, "SELECT 1 FROM %s LIMIT 1", map->qualified);
    if (!buf_text(&sql))
        return error_memory(m->err);
    status = conn_query(m->sink->control, sql.ptr, 0, NULL, "look for rows in the target", &result,
                        m->err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    any = PQntuples(result) > 0;
    PQclear(result);
    if (!any)
        return RNL_OK;
    return refuse(m, "sink.not_empty", map, "holds rows, and write_mode is fail_if_not_empty",
                  "empty it, or choose write_mode append or truncate_and_load, or schema_policy "
                  "drop_and_recreate");
}

/*
 * Rows are loaded by several lanes in any order: a foreign key would refuse them. Those
 * that the source has too are dropped first and made again after the load.
 */
static int check_foreign_keys(struct mapper *m, uint32_t t)
{
    const struct map_table *map = &m->tables[t];
    const char *params[] = {map->schema, map->name};
    bool makes = (m->job->structure & RNL_WITH_FOREIGN_KEYS) &&
                 m->job->schema_policy != RNL_VALIDATE_EXISTING;
    PGresult *result;
    int status = conn_query(m->sink->control,
                            "SELECT k.conname FROM pg_constraint k"
                            " JOIN pg_class c ON c.oid = k.conrelid"
                            " JOIN pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE k.contype = 'f' AND n.nspname = $1 AND c.relname = $2",
                            2, params, "look at foreign keys", &result, m->err);

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++) {
        if (makes && foreign_key_is_ours(m, t, PQgetvalue(result, i, 0)))
            continue;
        status = rnl_fail(m->err, RNL_E_CONFIG, "sink.foreign_key",
                          "the table %s has the foreign key \"%s\" already: rows that come in any "
                          "order would be refused by it",
                          map->qualified, PQgetvalue(result, i, 0));
        rnl_hint(m->err, "drop the foreign key for the time of the load, or use schema_policy "
                         "drop_and_recreate");
    }
    PQclear(result);
    return status;
}

/* Views and foreign tables' keys that hang on a table: a drop would take them along. */
static const char dependents_sql[] =
    "SELECT v.oid::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
    " JOIN pg_class v ON v.oid = r.ev_class"
    " WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refobjid = $1::regclass"
    "  AND v.oid <> d.refobjid LIMIT 1";

static int check_dependents(struct mapper *m, const struct map_table *map)
{
    const char *params[] = {map->qualified};
    PGresult *result;
    int status =
        conn_query(m->sink->control, dependents_sql, 1, params, "look at views", &result, m->err);

    if (status != RNL_OK)
        return status;
    if (PQntuples(result) > 0) {
        status = rnl_fail(m->err, RNL_E_CONFIG, "sink.view",
                          "the view %s reads the table %s, which is to be dropped",
                          PQgetvalue(result, 0, 0), map->qualified);
        rnl_hint(m->err, "drop the view first and make it again afterwards");
    }
    PQclear(result);
    return status;
}

static bool knows_key(const struct mapper *m, const char *schema, const char *table,
                      const char *constraint)
{
    for (uint32_t t = 0; t < m->ntables; t++)
        if (strcmp(m->tables[t].name, table) == 0 && strcmp(m->tables[t].schema, schema) == 0)
            return (m->job->structure & RNL_WITH_FOREIGN_KEYS) &&
                   foreign_key_is_ours(m, t, constraint);
    return false;
}

/*
 * Foreign keys of other tables to one that is loaded anew: those that the source has are dropped
 * with it and made again. Nothing is dropped that nobody would make again, and a table that stays
 * can't be emptied under them.
 */
static int check_references(struct mapper *m, uint32_t t)
{
    const struct map_table *map = &m->tables[t];
    const char *params[] = {map->qualified};
    bool drops = target_drops(m, t);
    PGresult *result;
    int status = conn_query(m->sink->control,
                            "SELECT n.nspname, c.relname, k.conname FROM pg_constraint k"
                            " JOIN pg_class c ON c.oid = k.conrelid"
                            " JOIN pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE k.contype = 'f' AND k.confrelid = $1::regclass"
                            " AND k.conrelid <> k.confrelid",
                            1, params, "look at foreign keys", &result, m->err);

    if (status != RNL_OK)
        return status;
    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++) {
        const char *schema = PQgetvalue(result, i, 0), *table = PQgetvalue(result, i, 1);
        const char *name = PQgetvalue(result, i, 2);

        if (drops && knows_key(m, schema, table, name))
            continue;
        status = rnl_fail(m->err, RNL_E_CONFIG, "sink.foreign_key",
                          "the table %s can't be loaded anew: the foreign key \"%s\" of %s.%s "
                          "points to it%s",
                          map->qualified, name, schema, table,
                          drops ? ", and this pipeline doesn't make it" : "");
        rnl_hint(m->err, "drop the foreign key, and make it again when the table is loaded");
    }
    PQclear(result);
    return status;
}

/* What is loaded anew goes with its rows: nothing else may go with it. */
static int check_again(struct mapper *m, uint32_t t)
{
    int status = check_references(m, t);

    return status == RNL_OK && target_drops(m, t) ? check_dependents(m, &m->tables[t]) : status;
}

int target_check(struct mapper *m, uint32_t t)
{
    const struct map_table *map = &m->tables[t];
    bool makes = m->job->structure & RNL_WITH_TABLES;
    int status = RNL_OK;

    if (mapper_table(m, t)->flags & RNL_TABLE_AGAIN)
        return check_again(m, t);
    if (m->job->schema_policy == RNL_FAIL_IF_EXISTS && makes)
        return refuse(m, "sink.exists", map, "exists, and schema_policy is fail_if_exists",
                      "drop it, or choose another schema_policy");
    if (target_drops(m, t) && makes)
        return check_dependents(m, map);
    if (m->job->write_mode == RNL_FAIL_IF_NOT_EMPTY)
        status = check_rows(m, map);
    return status == RNL_OK ? check_foreign_keys(m, t) : status;
}

static int check_table(struct mapper *m, uint32_t t)
{
    struct map_table *map = &m->tables[t];
    bool makes =
        (m->job->structure & RNL_WITH_TABLES) && m->job->schema_policy != RNL_VALIDATE_EXISTING;

    map->exists = knows(m, 'r', map->schema, map->name, "");
    if (m->resuming && !(mapper_table(m, t)->flags & RNL_TABLE_JOINS_NOW))
        return RNL_OK;
    if (knows(m, 'o', map->schema, map->name, ""))
        return refuse(m, "sink.not_a_table", map, "is a view, sequence or foreign table",
                      "rename it, or choose another schema");
    if (map->exists)
        return target_check(m, t);
    if (!makes)
        return refuse(m, "sink.missing_table", map, "is not in the target",
                      "create it, or let Runnel make it (structure.tables, schema_policy)");
    return RNL_OK;
}

int target_look(struct mapper *m)
{
    const char *last = "";
    int status = RNL_OK;

    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++) {
        const char *schema = m->tables[t].schema;

        if (strcmp(schema, last) == 0 || idents_has(&m->existing, schema))
            continue;
        status = idents_take(&m->existing, schema) ? look_schema(m, schema) : error_memory(m->err);
        if (status == RNL_OK)
            status = check_schema(m, schema);
        last = schema;
    }
    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++)
        status = check_table(m, t);
    return status;
}
