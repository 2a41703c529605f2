/* Says before a run what it would meet: the server, what the user may read, standbys. */
#include "source.h"

static int server_note(struct pg_source *source, struct rnl_error *err)
{
    static const char sql[] =
        "SELECT pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery(),"
        " pg_catalog.current_setting('hot_standby_feedback') = 'on',"
        " pg_catalog.current_setting('max_standby_streaming_delay'),"
        " COALESCE(pg_catalog.current_setting('old_snapshot_threshold', true), '-1')";
    PGresult *result;
    char text[400];
    int status = conn_query(source->control, sql, 0, NULL, "look at the server", &result, err);

    if (status != RNL_OK)
        return status;
    snprintf(text, sizeof(text), "The source is PostgreSQL %.100s%s", PQgetvalue(result, 0, 0),
             cell_true(result, 0, 1) ? ", a standby" : "");
    source_find(source, RNL_NOTE, "postgres.server", NULL, NULL, NULL, text);
    if (cell_true(result, 0, 1) && !cell_true(result, 0, 2) &&
        strcmp(PQgetvalue(result, 0, 3), "-1") != 0) {
        snprintf(text, sizeof(text),
                 "The standby ends reads that hold it back for longer than "
                 "max_standby_streaming_delay (%.20s): set hot_standby_feedback = on, or raise it",
                 PQgetvalue(result, 0, 3));
        source_find(source, RNL_WARNING, "postgres.standby", NULL, NULL, NULL, text);
    }
    if (strcmp(PQgetvalue(result, 0, 4), "-1") != 0) {
        snprintf(text, sizeof(text),
                 "old_snapshot_threshold is %.20s: a load that takes longer is cut off",
                 PQgetvalue(result, 0, 4));
        source_find(source, RNL_WARNING, "postgres.old_snapshot", NULL, NULL, NULL, text);
    }
    PQclear(result);
    return RNL_OK;
}

/* Of each table: what stands in the way of reading it. */
static const char access_sql[] =
    "SELECT n.nspname, c.relname, pg_catalog.row_security_active(c.oid),"
    " pg_catalog.has_schema_privilege(n.oid, 'USAGE'),"
    " CASE WHEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') THEN"
    "  (SELECT pg_catalog.string_agg(a.attname, ', ' ORDER BY a.attnum)"
    "   FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
    "   AND NOT a.attisdropped AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))"
    "  END, c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery()"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'"
    "  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND ("
    "  pg_catalog.row_security_active(c.oid) OR NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    "  OR NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')"
    "  OR c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery()) ORDER BY 1, 2";

static const struct rnl_table *table_named(const struct rnl_host *host,
                                           const struct rnl_catalog *catalog, const char *schema,
                                           const char *name)
{
    for (uint32_t i = 0; i < host->table_count(catalog); i++) {
        const struct rnl_table *table = host->table_at(catalog, i);

        if (!table->query && strcmp(table->schema, schema) == 0 && strcmp(table->name, name) == 0)
            return table;
    }
    return NULL;
}

/* Columns that the operator left out needn't be readable. */
static bool needs_column(const struct rnl_table *table, const char *names)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const char *name = COLUMN(table, i)->name;
        size_t len = strlen(name);

        for (const char *at = names; (at = strstr(at, name)) != NULL; at++)
            if ((at == names || at[-1] == ' ') && (!at[len] || at[len] == ','))
                return true;
    }
    return false;
}

static void access_row(struct pg_source *source, const struct rnl_catalog *catalog,
                       const PGresult *result, int row)
{
    const char *schema = PQgetvalue(result, row, 0), *name = PQgetvalue(result, row, 1);
    const char *denied = cell(result, row, 4);
    const struct rnl_table *table = table_named(source->server.host, catalog, schema, name);
    char text[400];

    if (!table)
        return;
    if (cell_true(result, row, 2))
        source_find(source, RNL_BLOCKER, "postgres.row_security", schema, name, NULL,
                    "Row security would hide rows from this user: use the table's owner, or a "
                    "role with BYPASSRLS");
    if (cell_true(result, row, 5))
        source_find(source, RNL_BLOCKER, "postgres.unlogged", schema, name, NULL,
                    "A standby has no rows of an unlogged table: read the primary, or exclude it");
    if (!cell_true(result, row, 3)) {
        source_find(source, RNL_BLOCKER, "postgres.privilege", schema, name, NULL,
                    "The user lacks USAGE on the table's schema");
    } else if (denied && needs_column(table, denied)) {
        snprintf(text, sizeof(text), "The user lacks SELECT on the table, or on its columns %.300s",
                 denied);
        source_find(source, RNL_BLOCKER, "postgres.privilege", schema, name, NULL, text);
    }
}

/* A filter is tried out: the server says what is wrong with it. */
static int filter_check(struct pg_source *source, const struct rnl_table *table,
                        struct rnl_error *err)
{
    struct rnl_error wrong = RNL_ERROR_INIT;
    struct buf sql = {0};
    PGresult *result = NULL;
    int status;

    if (!table->where || !*table->where || table->query)
        return RNL_OK;
    buf_puts(&sql, "SELECT FROM ");
    buf_qualified(&sql, table->schema, table->name);
    buf_puts(&sql, " AS ");
    buf_name(&sql, table->name);
    buf_printf(&sql, " WHERE (%s\n) LIMIT 0", table->where);
    status = buf_text(&sql)
                 ? conn_query(source->control, sql.ptr, 0, NULL, "filter rows", &result, &wrong)
                 : error_memory(&wrong);
    buf_free(&sql);
    PQclear(result);
    if (status == RNL_E_RETRY || status == RNL_E_FATAL) {
        *err = wrong;
        return status;
    }
    if (status != RNL_OK)
        source_find(source, RNL_BLOCKER, "postgres.filter", table->schema, table->name, NULL,
                    wrong.text);
    return RNL_OK;
}

int source_check(void *self, const struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct pg_source *source = self;
    const struct rnl_host *host = source->server.host;
    PGresult *result = NULL;
    int status = server_note(source, err);

    if (status == RNL_OK)
        status =
            conn_query(source->control, access_sql, 0, NULL, "look at privileges", &result, err);
    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        access_row(source, catalog, result, i);
    PQclear(result);
    for (uint32_t i = 0; status == RNL_OK && i < host->table_count(catalog); i++)
        status = filter_check(source, host->table_at(catalog, i), err);
    return status;
}
