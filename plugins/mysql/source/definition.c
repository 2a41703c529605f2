/* What a table was when it was described, and whether it still is. */
#include "source.h"

/* The first columns of every query on information_schema.COLUMNS; they make the hash. */
const char definition_columns[] =
    "COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_DEFAULT, "
    "EXTRA, GENERATION_EXPRESSION";
enum { DEFINITION_COLUMNS = 8 };

/* FNV-1a, with a mark between texts. */
void definition_add(uint64_t *hash, const char *text)
{
    uint64_t h = *hash ? *hash : 14695981039346656037u;

    for (const char *at = text ? text : "\1"; *at; at++)
        h = (h ^ (unsigned char)*at) * 1099511628211u;
    *hash = (h ^ 0xff) * 1099511628211u;
}

static int by_name(const void *key, const void *item)
{
    return strcmp(key, ((const struct table_info *)item)->name);
}

const struct table_info *table_info_find(const struct source *source, const char *name)
{
    if (!source->ntables)
        return NULL;
    return bsearch(name, source->tables, source->ntables, sizeof(*source->tables), by_name);
}

void table_infos_free(struct source *source)
{
    for (size_t i = 0; i < source->ntables; i++)
        free(source->tables[i].name);
    free(source->tables);
    source->tables = NULL;
    source->ntables = 0;
}

static int definition_read(struct source *source, struct conn *conn, const char *name,
                           uint64_t *hash, struct rnl_error *err)
{
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_printf(&sql, "SELECT %s FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ",
                definition_columns);
    text_quoted(&sql, source->server.database);
    text_add(&sql, " AND TABLE_NAME = ");
    text_quoted(&sql, name);
    text_add(&sql, " ORDER BY ORDINAL_POSITION");
    status = sql.failed ? error_memory(err) : conn_query(conn, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    *hash = 0;
    while ((row = mysql_fetch_row(result)))
        for (unsigned i = 0; i < DEFINITION_COLUMNS; i++)
            definition_add(hash, row[i]);
    return conn_finish(conn, result, "reading columns", err);
}

/* MariaDB answers a snapshot that is older than a TRUNCATE with an empty table. */
static int created_read(struct source *source, struct conn *conn, const char *name, char **created,
                        struct rnl_error *err)
{
    struct text sql = {0};
    int status;

    text_add(&sql, "SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ");
    text_quoted(&sql, source->server.database);
    text_add(&sql, " AND TABLE_NAME = ");
    text_quoted(&sql, name);
    status = sql.failed ? error_memory(err) : conn_value(conn, sql.ptr, 0, created, err);
    text_free(&sql);
    return status;
}

int definition_check(struct source *source, struct conn *conn, const struct rnl_table *table,
                     struct rnl_error *err)
{
    const struct table_info *info = table_info_find(source, table->name);
    char *created = NULL;
    uint64_t hash;
    bool same;
    int status = RNL_OK;

    if (!info)
        return RNL_OK;
    hash = info->definition;
    /* of ten thousand small tables this would take most of the time */
    if (!info->settled)
        status = definition_read(source, conn, table->name, &hash, err);
    /* MySQL refuses to read a table that was altered since the snapshot (1412) */
    if (!status && source->server.mariadb)
        status = created_read(source, conn, table->name, &created, err);
    if (status)
        return status;
    same = hash == info->definition &&
           (!source->server.mariadb || strcmp(created ? created : "", info->created) == 0);
    free(created);
    if (same)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "mysql.table_changed",
             "table %s.%s was altered or truncated while it was read", table->schema, table->name);
    rnl_hint(err, "start again with --restart, and leave the structure alone while it runs");
    return err->status;
}
