/* What the followed tables look like: what the stream's words about them are held to. */
#include "follow.h"

static uint32_t column_named(const struct rnl_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcmp(COLUMN(table, i)->name, name) == 0)
            return i;
    return NO_COLUMN;
}

static void shapes_sql(const struct pg_source *source, struct buf *sql)
{
    buf_printf(sql,
               "SELECT t.at, a.attname, a.atttypid, a.atttypmod, %s"
               " FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]),"
               " pg_catalog.unnest($2::pg_catalog.int4[])) t(oid, at)"
               " JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0"
               " AND NOT a.attisdropped ORDER BY t.at, a.attnum",
               source->server.version >= 120000 ? "a.attgenerated <> ''" : "false");
}

/* Rows of one table stand together: from first to before end. */
static int shape_fill(struct follow *f, const struct rnl_table *table, struct shape *shape,
                      const PGresult *result, int first, int end, struct rnl_error *err)
{
    shape->ncolumns = (uint32_t)(end - first);
    shape->columns = arena_alloc(&f->arena, shape->ncolumns * sizeof(*shape->columns));
    if (!shape->columns)
        return error_memory(err);
    for (int i = first; i < end; i++) {
        struct shape_column *column = &shape->columns[i - first];

        column->name = arena_strdup(&f->arena, PQgetvalue(result, i, 1));
        column->type = cell_oid(result, i, 2);
        column->modifier = (int32_t)cell_number(result, i, 3);
        column->may_be_absent = cell_true(result, i, 4);
        if (!column->name)
            return error_memory(err);
        column->index = column_named(table, column->name);
    }
    return RNL_OK;
}

static int shapes_fill(struct pg_source *source, struct follow *f,
                       const struct rnl_catalog *catalog, const PGresult *result,
                       struct rnl_error *err)
{
    int rows = PQntuples(result), status = RNL_OK;

    for (int first = 0, end; status == RNL_OK && first < rows; first = end) {
        uint32_t at = cell_oid(result, first, 0);

        for (end = first + 1; end < rows && cell_oid(result, end, 0) == at;)
            end++;
        if (at < f->ntables)
            status = shape_fill(f, source->server.host->table_at(catalog, at), &f->shapes[at],
                                result, first, end, err);
    }
    return status;
}

int shapes_learn(struct pg_source *source, struct follow *f, const struct rnl_catalog *catalog,
                 struct rnl_error *err)
{
    struct buf oids = {0}, at = {0}, sql = {0};
    PGresult *result = NULL;
    int status = RNL_OK;

    for (uint32_t i = 0; i < f->ntables; i++) {
        const struct rnl_table *table = source->server.host->table_at(catalog, i);
        size_t count;
        const struct leaf *leaves = leaves_of(source, table->schema, table->name, &count);

        if (!count) /* a partitioned table without partitions: it has no rows, and no changes */
            continue;
        buf_printf(&oids, "%s%u", oids.len ? "," : "{", leaves->root_oid);
        buf_printf(&at, "%s%u", at.len ? "," : "{", i);
    }
    buf_puts(&oids, oids.len ? "}" : "{}");
    buf_puts(&at, at.len ? "}" : "{}");
    shapes_sql(source, &sql);
    if (!buf_text(&oids) || !buf_text(&at) || !buf_text(&sql))
        status = error_memory(err);
    if (status == RNL_OK)
        status = conn_query(source->control, sql.ptr, 2, (const char *const[]){oids.ptr, at.ptr},
                            "look at columns", &result, err);
    if (status == RNL_OK)
        status = shapes_fill(source, f, catalog, result, err);
    PQclear(result);
    buf_free(&oids);
    buf_free(&at);
    buf_free(&sql);
    return status;
}
