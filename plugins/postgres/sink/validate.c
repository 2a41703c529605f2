/* Tables that stand in the target already: whether they can take what the source has. */
#include "bind.h"
#include "convert.h"
#include "map.h"

struct validation {
    struct mapper *m;
    uint32_t table;
    struct found found;
    uint32_t blockers;
    char first[400]; /* the first difference, for the error */
};

static void block(struct validation *v, const char *column, const char *text)
{
    map_find(v->m, v->table, RNL_BLOCKER, "target.column", column, NULL, "%s", text);
    if (v->blockers++ == 0)
        snprintf(v->first, sizeof(v->first), "%.120s.\"%.60s\" %.200s",
                 v->m->tables[v->table].qualified, column, text);
}

static void check_column(struct validation *v, uint32_t index)
{
    const struct rnl_column *source = COLUMN(mapper_table(v->m, v->table), index);
    const char *name = v->m->tables[v->table].columns[index].name;
    int at = columns_find(&v->found, index, name);
    char text[300];

    if (at < 0) {
        block(v, name, "is missing in the target's table");
        return;
    }
    if (!encode_accepts(source->type, columns_kind(&v->found, at, source))) {
        snprintf(
            text, sizeof(text), "is %.120s in the target, which can't take the source's %.120s",
            PQgetvalue(v->found.result, at, C_SPELLED), source->native ? source->native : "type");
        block(v, name, text);
        return;
    }
    if (PQgetvalue(v->found.result, at, C_NOTNULL)[0] == 't' &&
        (source->flags & RNL_COLUMN_NULLABLE) &&
        PQgetvalue(v->found.result, at, C_GENERATED)[0] != 't')
        map_find(v->m, v->table, RNL_WARNING, "target.not_null", name, NULL,
                 "is NOT NULL in the target and not in the source: a NULL would stop the run");
}

/* A column that only the target has must be able to fill itself. */
static void check_extra(struct validation *v, int at)
{
    const struct rnl_table *table = mapper_table(v->m, v->table);
    const PGresult *result = v->found.result;
    const char *name = PQgetvalue(result, at, C_NAME);

    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcmp(v->m->tables[v->table].columns[i].name, name) == 0)
            return;
    if (PQgetvalue(result, at, C_NOTNULL)[0] == 't' &&
        PQgetvalue(result, at, C_DEFAULT)[0] != 't' && !*PQgetvalue(result, at, C_IDENTITY))
        block(v, name, "is NOT NULL in the target, has no default, and the source doesn't have it");
    else
        map_find(v->m, v->table, RNL_NOTE, "target.column", name, NULL,
                 "is a column of the target alone: it gets its default");
}

/* An upsert names its key: the target must have just that one as unique. */
static int check_key(struct validation *v)
{
    static const char key_sql[] =
        "SELECT 1 FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1 AND c.relname = $2 AND x.indisunique AND x.indisvalid"
        " AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL"
        " AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM"
        "  unnest(x.indkey) WITH ORDINALITY k(attnum, at)"
        "  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum"
        "  WHERE k.at <= %s) = (SELECT array_agg(w ORDER BY w) FROM unnest($3::text[]) w)";
    struct mapper *m = v->m;
    const struct map_table *map = &m->tables[v->table];
    const struct rnl_index *key = table_row_key(mapper_table(m, v->table), true);
    struct buf names = {0};
    PGresult *result = NULL;
    char sql[900];
    int status = RNL_OK;

    for (uint32_t i = 0; key && i < key->nparts; i++)
        buf_array_text(&names, map->columns[key->parts[i].column].name);
    buf_byte(&names, '}');
    snprintf(sql, sizeof(sql), key_sql,
             m->sink->server.version >= 110000 ? "x.indnkeyatts" : "x.indnatts");
    if (key) {
        const char *params[] = {map->schema, map->name, buf_text(&names)};

        status = conn_query(m->sink->control, sql, 3, params, "look at keys", &result, m->err);
    }
    if (status == RNL_OK && (!key || PQntuples(result) == 0)) {
        status = rnl_fail(m->err, RNL_E_CONFIG, "sink.upsert_key",
                          "the table %s %s, and write_mode is upsert", map->qualified,
                          key ? "has no unique key in the target of the columns of the source's key"
                              : "has no key that tells its rows apart");
        rnl_hint(m->err,
                 "make the key in the target, leave the table out, or use another write_mode");
    }
    PQclear(result);
    buf_free(&names);
    return status;
}

static int check_batch(struct validation *v, uint32_t from, uint32_t to)
{
    struct mapper *m = v->m;
    PGresult *result;
    int status = columns_query(m->sink, m->tables, from, to, &result, m->err);

    v->found = (struct found){result, 0, 0};
    for (uint32_t t = from; status == RNL_OK && t < to; t++) {
        columns_next(&v->found, t - from + 1);
        if (!m->tables[t].exists || target_drops(m, t))
            continue;
        v->table = t;
        for (uint32_t i = 0; i < mapper_table(m, t)->ncolumns; i++)
            check_column(v, i);
        for (int at = v->found.from; at < v->found.to; at++)
            check_extra(v, at);
        if (m->job->write_mode == RNL_UPSERT)
            status = check_key(v);
    }
    PQclear(result);
    return status;
}

int target_validate(struct mapper *m)
{
    struct validation v = {.m = m};
    bool any = false;
    int status = RNL_OK;

    for (uint32_t t = 0; t < m->ntables; t++)
        any = any || (m->tables[t].exists && !target_drops(m, t));
    if (!any || m->resuming)
        return RNL_OK;
    for (uint32_t from = 0; status == RNL_OK && from < m->ntables; from += BATCH_TABLES)
        status = check_batch(&v, from,
                             m->ntables - from < BATCH_TABLES ? m->ntables : from + BATCH_TABLES);
    if (status != RNL_OK || v.blockers == 0)
        return status;
    if (v.blockers == 1)
        rnl_fail(m->err, RNL_E_CONFIG, "sink.columns", "a table of the target doesn't fit: %s",
                 v.first);
    else
        rnl_fail(m->err, RNL_E_CONFIG, "sink.columns",
                 "tables of the target don't fit: %s, and %u more such", v.first, v.blockers - 1);
    rnl_hint(m->err, "change the target's columns, or let Runnel make the tables "
                     "(schema_policy = \"drop_and_recreate\")");
    return RNL_E_CONFIG;
}
