/* Queries that are read like tables: their columns, as the server itself understands them. */
#include "describe.h"

static int refuse(const struct rnl_query *query, const char *why, const char *what,
                  struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "query.invalid", "the query %s %s%s%s", query->name, why,
             what ? ": " : "", what ? what : "");
    rnl_hint(err, "a query is one SELECT whose columns have names that differ");
    return RNL_E_CONFIG;
}

/* format_type() of each column, in one question. */
static int natives_read(struct describer *d, const PGresult *fields, PGresult **natives,
                        struct rnl_error *err)
{
    struct buf types = {0}, modifiers = {0};
    const char *params[2];
    int status;

    for (int i = 0; i < PQnfields(fields); i++) {
        buf_printf(&types, "%s%u", i ? "," : "{", PQftype(fields, i));
        buf_printf(&modifiers, "%s%d", i ? "," : "{", PQfmod(fields, i));
    }
    buf_puts(&types, "}");
    buf_puts(&modifiers, "}");
    params[0] = buf_text(&types);
    params[1] = buf_text(&modifiers);
    status = params[0] && params[1]
                 ? conn_query(d->source->control,
                              "SELECT pg_catalog.format_type(u.t, u.m) FROM ROWS FROM ("
                              "pg_catalog.unnest($1::pg_catalog.oid[]),"
                              " pg_catalog.unnest($2::pg_catalog.int4[])) WITH ORDINALITY"
                              " u(t, m, n) ORDER BY u.n",
                              2, params, "describe a query", natives, err)
                 : error_memory(err);
    buf_free(&types);
    buf_free(&modifiers);
    return status;
}

/* The columns that tell its rows apart, by commas: as a primary key. */
static int key_take(struct describer *d, const struct rnl_query *query, struct rnl_table *table,
                    struct rnl_column *columns, struct rnl_index *index, struct rnl_error *err)
{
    struct rnl_index_part *parts = arena_alloc(&d->batch, table->ncolumns * sizeof(*parts) + 1);
    char *key = arena_strdup(&d->batch, query->key), *rest = key;

    if (!parts || !key)
        return error_memory(err);
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        uint32_t at = 0;

        word += strspn(word, " ");
        for (size_t len = strlen(word); len && word[len - 1] == ' ';)
            word[--len] = '\0';
        while (at < table->ncolumns && strcmp(columns[at].name, word) != 0)
            at++;
        if (at == table->ncolumns || columns[at].flags & RNL_COLUMN_KEY)
            return refuse(query, "has no such column, or twice, for its key", word, err);
        columns[at].flags |= RNL_COLUMN_KEY;
        columns[at].flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
        parts[index->nparts++].column = at;
    }
    index->name = "query_key";
    index->flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE;
    index->parts = parts;
    table->indexes = index;
    table->nindexes = 1;
    return RNL_OK;
}

static int columns_take(struct describer *d, const struct rnl_query *query, const PGresult *fields,
                        struct rnl_column *columns, struct rnl_error *err)
{
    PGresult *natives;
    int status = natives_read(d, fields, &natives, err);

    for (int i = 0; status == RNL_OK && i < PQnfields(fields); i++) {
        columns[i].name = batch_text(d, PQfname(fields, i));
        columns[i].flags = RNL_COLUMN_NULLABLE;
        type_map(&d->types, PQftype(fields, i), PQfmod(fields, i),
                 batch_text(d, cell(natives, i, 0)), &columns[i]);
        if (!columns[i].name || !columns[i].native)
            status = error_memory(err);
        for (int o = 0; status == RNL_OK && o < i; o++)
            if (strcmp(columns[o].name, columns[i].name) == 0)
                status = refuse(query, "gives two columns one name", columns[i].name, err);
    }
    if (natives)
        PQclear(natives);
    return status;
}

static int query_table(struct describer *d, const struct rnl_query *query, const PGresult *fields,
                       struct rnl_error *err)
{
    size_t count = (size_t)PQnfields(fields);
    struct rnl_column *columns = arena_alloc(&d->batch, count * sizeof(*columns) + 1);
    Oid *types = arena_alloc(&d->batch, count * sizeof(*types) + 1);
    struct rnl_index index = {0};
    struct rnl_table table = {
        .size = sizeof(table),
        .schema = query->schema && *query->schema ? query->schema : "public",
        .name = query->name,
        .dialect = "postgres",
        .columns = columns,
        .ncolumns = (uint32_t)count,
        .column_size = sizeof(struct rnl_column),
        .index_size = sizeof(struct rnl_index),
        .foreign_key_size = sizeof(struct rnl_foreign_key),
        .check_size = sizeof(struct rnl_check),
        .partition_size = sizeof(struct rnl_partition),
        .rows = -1,
        .bytes = -1,
        .query = query->sql,
    };
    int status;

    if (!columns || !types)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        types[i] = PQftype(fields, (int)i);
    status = count ? types_learn(d, types, count, err) : refuse(query, "gives no rows", NULL, err);
    if (status == RNL_OK)
        status = columns_take(d, query, fields, columns, err);
    if (status == RNL_OK && query->key && *query->key)
        status = key_take(d, query, &table, columns, &index, err);
    return status == RNL_OK ? d->source->server.host->table_add(d->catalog, &table, err) : status;
}

static int query_describe(struct describer *d, const struct rnl_query *query, struct rnl_error *err)
{
    struct pg_conn *conn = d->source->control;
    PGresult *result = PQprepare(conn->pg, "", query->sql, 0, NULL);
    char doing[200];
    int status = RNL_OK;

    snprintf(doing, sizeof(doing), "understand the query %.100s", query->name);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = error_result(conn, result, doing, err);
    PQclear(result);
    if (status != RNL_OK)
        return status;
    result = PQdescribePrepared(conn->pg, "");
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = error_result(conn, result, doing, err);
    else
        status = query_table(d, query, result, err);
    PQclear(result);
    arena_free(&d->batch);
    return status;
}

int queries_describe(struct describer *d, struct rnl_error *err)
{
    const struct rnl_host *host = d->source->server.host;
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < host->query_count(d->catalog); i++)
        status = query_describe(d, host->query_at(d->catalog, i), err);
    return status;
}
