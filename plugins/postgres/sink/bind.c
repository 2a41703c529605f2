/* Learns how the target's tables really stand, and how each column is to be written. */
#include "convert.h"
#include "idents.h"

#include <stdlib.h>

/* built-in types by their OIDs, which never change */
static enum pg_kind kind_of_oid(Oid type)
{
    switch (type) {
    case 16:
        return PG_BOOL;
    case 21:
        return PG_INT2;
    case 23:
        return PG_INT4;
    case 20:
        return PG_INT8;
    case 1700:
        return PG_NUMERIC;
    case 700:
        return PG_FLOAT4;
    case 701:
        return PG_FLOAT8;
    case 25:
    case 1043:
        return PG_TEXT;
    case 1042:
        return PG_BPCHAR;
    case 17:
        return PG_BYTEA;
    case 1082:
        return PG_DATE;
    case 1083:
        return PG_TIME;
    case 1114:
        return PG_TIMESTAMP;
    case 1184:
        return PG_TIMESTAMPTZ;
    case 1186:
        return PG_INTERVAL;
    case 2950:
        return PG_UUID;
    case 114:
        return PG_JSON;
    case 3802:
        return PG_JSONB;
    case 1560:
        return PG_BIT;
    case 1562:
        return PG_VARBIT;
    case 869:
        return PG_INET;
    case 1009:
    case 1015:
        return PG_TEXT_ARRAY;
    case 1021:
        return PG_FLOAT4_ARRAY;
    default:
        return PG_OTHER;
    }
}

static enum pg_kind kind_of_type(Oid type, char typtype, const char *name)
{
    if (kind_of_oid(type) != PG_OTHER)
        return kind_of_oid(type);
    if (typtype == 'e' || strcmp(name, "citext") == 0)
        return PG_TEXT;
    if (strcmp(name, "geometry") == 0)
        return PG_GEOMETRY;
    return strcmp(name, "vector") == 0 ? PG_VECTOR : PG_OTHER;
}

/* One row per column; a domain is looked through to its base type. */
static const char columns_sql[] =
    "WITH RECURSIVE base AS ("
    " SELECT a.attnum, a.attname, a.atttypid AS type, a.attnotnull,"
    "  pg_catalog.format_type(a.atttypid, a.atttypmod) AS spelled, %s AS generated, c.relkind"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped"
    "  AND c.relkind IN ('r', 'p')),"
    " walk AS (SELECT attnum, type FROM base UNION ALL"
    "  SELECT w.attnum, t.typbasetype FROM walk w JOIN pg_type t ON t.oid = w.type"
    "  WHERE t.typtype = 'd')"
    " SELECT b.attname, t.oid, t.typtype, t.typname, t.typelem, b.attnotnull, b.spelled,"
    "  b.generated, b.relkind"
    " FROM base b JOIN walk w USING (attnum) JOIN pg_type t ON t.oid = w.type"
    " WHERE t.typtype <> 'd' ORDER BY b.attnum";

enum { C_NAME, C_TYPE, C_TYPTYPE, C_TYPNAME, C_ELEMENT, C_NOTNULL, C_SPELLED, C_GENERATED, C_KIND };

static int load_columns(struct pg_sink *sink, const struct map_table *map, PGresult **result,
                        struct rnl_error *err)
{
    const char *params[] = {map->schema, map->name};
    char sql[2048], doing[256];

    snprintf(sql, sizeof(sql), columns_sql,
             sink->server.version >= 120000 ? "a.attgenerated <> ''" : "false");
    snprintf(doing, sizeof(doing), "look at the table %.200s", map->qualified);
    return conn_query(sink->control, sql, 2, params, doing, result, err);
}

static int find_column(const PGresult *result, const char *name)
{
    for (int i = 0; i < PQntuples(result); i++)
        if (strcmp(PQgetvalue(result, i, C_NAME), name) == 0)
            return i;
    return -1;
}

static int bind_column(struct pg_sink *sink, struct bound_table *bound, uint32_t index,
                       const char *name, const PGresult *result, struct rnl_error *err)
{
    struct bound_column *column = &bound->columns[index];
    const struct rnl_column *source = COLUMN(bound->source, index);
    int at = find_column(result, name);

    if (at < 0) {
        rnl_fail(err, RNL_E_CONFIG, "sink.missing_column", "the table %s has no column \"%s\"",
                 bound->qualified, name);
        rnl_hint(err, "add the column, or let Runnel make the table "
                      "(schema_policy = \"drop_and_recreate\")");
        return RNL_E_CONFIG;
    }
    column->source = source;
    column->name = arena_strdup(&sink->bound_arena, name);
    column->type = (Oid)strtoul(PQgetvalue(result, at, C_TYPE), NULL, 10);
    column->element = (Oid)strtoul(PQgetvalue(result, at, C_ELEMENT), NULL, 10);
    column->kind = kind_of_type(column->type, PQgetvalue(result, at, C_TYPTYPE)[0],
                                PQgetvalue(result, at, C_TYPNAME));
    column->nullable = PQgetvalue(result, at, C_NOTNULL)[0] != 't';
    column->written = PQgetvalue(result, at, C_GENERATED)[0] != 't';
    if (!column->name)
        return error_memory(err);
    if (!encode_accepts(source->type, column->kind)) {
        rnl_fail(err, RNL_E_CONFIG, "sink.column_type",
                 "the column %s.\"%s\" is %s, which can't take the source's %s", bound->qualified,
                 name, PQgetvalue(result, at, C_SPELLED), source->native ? source->native : "type");
        rnl_hint(err, "change the column's type, or let Runnel make the table "
                      "(schema_policy = \"drop_and_recreate\")");
        return RNL_E_CONFIG;
    }
    return RNL_OK;
}

/* A key that tells each row from all others: plain columns that hold no NULL. */
static bool is_row_key(const struct rnl_table *table, const struct rnl_index *index)
{
    if (!(index->flags & (RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE)) || index->where)
        return false;
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        if (part->expression || part->prefix || part->column >= table->ncolumns ||
            (COLUMN(table, part->column)->flags & RNL_COLUMN_NULLABLE))
            return false;
    }
    return index->nparts > 0;
}

static int bind_key(struct pg_sink *sink, struct bound_table *bound, struct rnl_error *err)
{
    const struct rnl_table *table = bound->source;
    const struct rnl_index *best = NULL;

    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);

        if (is_row_key(table, index) && (!best || (index->flags & RNL_INDEX_PRIMARY)))
            best = index;
    }
    if (!best)
        return RNL_OK;
    bound->key = arena_alloc(&sink->bound_arena, sizeof(*bound->key) * best->nparts);
    if (!bound->key)
        return error_memory(err);
    for (uint32_t i = 0; i < best->nparts; i++)
        bound->key[i] = best->parts[i].column;
    bound->nkey = best->nparts;
    return RNL_OK;
}

static int make_copy(struct pg_sink *sink, struct bound_table *bound, struct rnl_error *err)
{
    struct buf sql = {0};

    buf_printf(&sql, "COPY %s (", bound->qualified);
    for (uint32_t i = 0; i < bound->source->ncolumns; i++) {
        if (!bound->columns[i].written)
            continue;
        if (bound->nwritten++)
            buf_puts(&sql, ", ");
        buf_name(&sql, bound->columns[i].name);
    }
    buf_puts(&sql, ") FROM STDIN (FORMAT binary)");
    bound->copy_in = buf_text(&sql) ? arena_strdup(&sink->bound_arena, sql.ptr) : NULL;
    buf_free(&sql);
    return bound->copy_in ? RNL_OK : error_memory(err);
}

static int bind_table(struct pg_sink *sink, const struct map_table *map, struct bound_table *bound,
                      struct rnl_error *err)
{
    PGresult *result;
    int status = load_columns(sink, map, &result, err);

    if (status != RNL_OK)
        return status;
    bound->schema = map->schema;
    bound->name = map->name;
    bound->qualified = map->qualified;
    bound->columns =
        arena_alloc(&sink->bound_arena, sizeof(*bound->columns) * bound->source->ncolumns);
    if (!bound->columns) {
        status = error_memory(err);
    } else if (PQntuples(result) == 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "sink.missing_table",
                          "the table %s is not in the target", map->qualified);
        rnl_hint(err, "let Runnel make it (structure.tables), or create it first");
    } else {
        bound->pages = PQgetvalue(result, 0, C_KIND)[0] == 'r';
    }
    for (uint32_t i = 0; status == RNL_OK && i < bound->source->ncolumns; i++)
        status = bind_column(sink, bound, i, map->columns[i].name, result, err);
    PQclear(result);
    if (status == RNL_OK)
        status = bind_key(sink, bound, err);
    return status == RNL_OK ? make_copy(sink, bound, err) : status;
}

int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
              struct rnl_error *err)
{
    struct pg_sink *sink = self;
    uint32_t count = sink->host->table_count(catalog);
    struct map_table *names;
    int status;

    (void)job;
    arena_free(&sink->bound_arena);
    sink->ntables = 0;
    sink->tables = arena_alloc(&sink->bound_arena, sizeof(*sink->tables) * (count ? count : 1));
    if (!sink->tables)
        return error_memory(err);
    status = idents_of_catalog(sink, catalog, &sink->bound_arena, &names, err);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        sink->tables[i].source = sink->host->table_at(catalog, i);
        status = bind_table(sink, &names[i], &sink->tables[i], err);
    }
    if (status == RNL_OK)
        sink->ntables = count;
    return status;
}

const struct bound_table *bound_find(const struct pg_sink *sink, uint32_t table,
                                     struct rnl_error *err)
{
    if (table < sink->ntables)
        return &sink->tables[table];
    rnl_fail(err, RNL_E_FATAL, "sink.table", "rows for table %u, but only %u are known", table,
             sink->ntables);
    return NULL;
}
