/* One table as the server has it now: looked at beside, while its changes are followed. */
#include "look.h"

#include "marks.h"

void look_free(struct look *look)
{
    if (!look)
        return;
    describer_free(&look->d);
    leaves_forget(&look->source);
    server_destroy(&look->source.server);
    free(look);
}

static struct look *look_new(struct pg_source *source, struct pg_conn *conn)
{
    struct look *look = calloc(1, sizeof(*look));

    if (!look)
        return NULL;
    server_init(&look->source.server, source->server.ctx, source->server.link);
    look->source.server.version = source->server.version;
    look->source.control = conn;
    look->source.quiet = true;
    look->d.source = &look->source;
    return look;
}

static int look_describe(struct look *look, Oid oid, struct rnl_error *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE c.oid = $1 AND c.relkind IN ('r', 'p')";
    char text[16];
    PGresult *result;
    int status;

    snprintf(text, sizeof(text), "%u", oid);
    status = conn_query(look->source.control, sql, 1, (const char *const[]){text},
                        "look at a table", &result, err);
    if (status == RNL_OK && PQntuples(result)) {
        status =
            table_describe(&look->d, oid, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), err);
        if (status == RNL_OK && look->d.drafts[0].form.look[0]) /* not dropped meanwhile */
            look->draft = &look->d.drafts[0];
    }
    PQclear(result);
    for (size_t i = 0; i < look->source.nleaves; i++)
        look->has_rows = look->has_rows || look->source.leaves[i].pages > 0;
    return status;
}

static int missing_take(struct look *look, const char *name, const char *text,
                        struct rnl_error *err)
{
    for (uint32_t i = 0; i < look->draft->form.ncolumns; i++) {
        if (look->missing[i] || strcmp(look->draft->form.columns[i].name, name) != 0)
            continue;
        look->missing[i] = arena_strdup(&look->d.arena, text);
        if (!look->missing[i])
            return error_memory(err);
    }
    return RNL_OK;
}

/*
 * A column that was added with a default has that in the rows from before, without being written.
 * A table of partitions has no rows: they know it.
 */
static int look_missing(struct look *look, struct rnl_error *err)
{
    static const char sql[] =
        "SELECT a.attname, CASE a.atttypid WHEN 16 THEN CASE m.v WHEN 't' THEN 'true' ELSE 'false'"
        " END ELSE m.v END FROM pg_catalog.pg_attribute a,"
        " LATERAL (SELECT (a.attmissingval::pg_catalog.text::pg_catalog.text[])[1] v) m"
        " WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped"
        " AND a.atthasmissing AND m.v IS NOT NULL";
    struct buf oids = {0};
    PGresult *result = NULL;
    int status;

    look->missing =
        arena_alloc(&look->d.arena, look->draft->form.ncolumns * sizeof(*look->missing) + 1);
    if (!look->missing)
        return error_memory(err);
    if (look->source.server.version < 110000)
        return RNL_OK;
    buf_printf(&oids, "{%u", look->draft->oid);
    for (size_t i = 0; i < look->source.nleaves; i++)
        buf_printf(&oids, ",%u", look->source.leaves[i].oid);
    buf_puts(&oids, "}");
    status = buf_text(&oids)
                 ? conn_query(look->source.control, sql, 1, (const char *const[]){oids.ptr},
                              "look at columns that were added", &result, err)
                 : error_memory(err);
    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        status = missing_take(look, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), err);
    PQclear(result);
    buf_free(&oids);
    return status;
}

int look_take(struct pg_source *source, struct pg_conn *conn, Oid oid, struct look **out,
              struct rnl_error *err)
{
    struct look *look = look_new(source, conn);
    int status;

    if (!look)
        return error_memory(err);
    status = look_describe(look, oid, err);
    if (status == RNL_OK && look->draft)
        status = look_missing(look, err);
    if (status == RNL_OK)
        status = marks_end(conn, &look->lsn, err);
    if (status != RNL_OK) {
        look_free(look);
        return status;
    }
    *out = look;
    return RNL_OK;
}

int look_columns(struct look *look, const Oid *types, const int32_t *modifiers,
                 const struct form *form, struct rnl_column **columns, struct rnl_error *err)
{
    int status = types_learn(&look->d, types, form->ncolumns, err);

    if (status != RNL_OK)
        return status;
    *columns = arena_alloc(&look->d.arena, form->ncolumns * sizeof(**columns) + 1);
    if (!*columns)
        return error_memory(err);
    for (uint32_t i = 0; i < form->ncolumns; i++) {
        struct rnl_column *column = &(*columns)[i];

        column->name = form->columns[i].name;
        column->flags = RNL_COLUMN_NULLABLE;
        type_map(&look->d.types, types[i], modifiers[i], form->columns[i].native, column);
    }
    return RNL_OK;
}
