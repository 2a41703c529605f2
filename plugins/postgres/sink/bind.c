/* Learns how the target's tables really stand, and how each column is to be written. */
#include "bind.h"
#include "convert.h"
#include "idents.h"

#include <stdlib.h>
#include <strings.h>

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
    case 5069: /* xid8 */
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
    case 26:
        return PG_OID;
    case 790:
        return PG_MONEY;
    case 19: /* name */
        return PG_TEXT;
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
    return strcmp(name, "vector") == 0 ? PG_VECTOR : PG_NATIVE;
}

/* One row per column of the tables asked for; a domain is looked through to its base type. */
static const char columns_sql[] =
    "WITH RECURSIVE base AS ("
    " SELECT u.i, a.attnum, a.attname, a.atttypid AS type, a.attnotnull,"
    "  pg_catalog.format_type(a.atttypid, a.atttypmod) AS spelled, %s AS generated, c.relkind,"
    "  a.attidentity, a.atthasdef, %s AS loose"
    " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(s, r, i)"
    " JOIN pg_namespace n ON n.nspname = u.s"
    " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = u.r"
    " JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')),"
    " walk AS (SELECT i, attnum, type FROM base UNION ALL"
    "  SELECT w.i, w.attnum, t.typbasetype FROM walk w JOIN pg_type t ON t.oid = w.type"
    "  WHERE t.typtype = 'd')"
    " SELECT b.i, b.attname, t.oid, t.typtype, t.typname, t.typelem, b.attnotnull, b.spelled,"
    "  b.generated, b.relkind, b.attidentity, b.atthasdef, t.typarray,"
    "  pg_catalog.format_type(t.oid, NULL), b.loose OR t.typname = 'citext',"
    /* where a type of an extension keeps the "=" that its keys are found by */
    "  CASE WHEN t.typnamespace <> 'pg_catalog'::regnamespace AND t.typtype = 'b' THEN"
    "   (SELECT on_.nspname FROM pg_opclass oc JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily"
    "     AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype"
    "    JOIN pg_operator op ON op.oid = ao.amopopr JOIN pg_namespace on_ ON on_.oid ="
    "     op.oprnamespace WHERE ao.amopstrategy = 3 AND oc.opcmethod = 403 AND oc.opcdefault"
    "     AND oc.opcintype = t.oid LIMIT 1) END"
    " FROM base b JOIN walk w USING (i, attnum) JOIN pg_type t ON t.oid = w.type"
    " WHERE t.typtype <> 'd' ORDER BY b.i, b.attnum";

/* Whether the column's collation takes texts for equal that aren't the same. */
static const char loose_sql[] = "EXISTS (SELECT 1 FROM pg_collation k WHERE k.oid = a.attcollation"
                                " AND NOT k.collisdeterministic)";

int columns_find(const struct found *found, uint32_t hint, const char *name)
{
    int likely = found->from + (int)hint;

    if (likely < found->to && strcmp(PQgetvalue(found->result, likely, C_NAME), name) == 0)
        return likely;
    for (int i = found->from; i < found->to; i++)
        if (strcmp(PQgetvalue(found->result, i, C_NAME), name) == 0)
            return i;
    return -1;
}

/* What the server's binary format is not known of, or what came as text, goes as text. */
static enum pg_kind kind_to_write(const struct rnl_column *source, enum pg_kind kind)
{
    if (source->type == RNL_T_NATIVE && kind != PG_TEXT && kind != PG_BPCHAR)
        return PG_NATIVE;
    return kind;
}

enum pg_kind columns_kind(const struct found *found, int at, const struct rnl_column *source)
{
    return kind_to_write(source,
                         kind_of_type((Oid)strtoul(PQgetvalue(found->result, at, C_TYPE), NULL, 10),
                                      PQgetvalue(found->result, at, C_TYPTYPE)[0],
                                      PQgetvalue(found->result, at, C_TYPNAME)));
}

/* How its text is asked for; an inet's cast to text adds a prefix that its output lacks. */
static void set_reading(struct bound_column *column)
{
    bool inet = column->kind == PG_NATIVE && column->type == 869;

    column->read_by = inet ? "pg_catalog.abbrev(" : "";
    column->read_as = inet ? ")" : column->kind == PG_NATIVE ? "::pg_catalog.text" : "";
}

/* A text of the key, all of whose bytes count in the source: citext and the like may differ. */
static bool is_exact(const struct bound_column *bound)
{
    const struct rnl_column *column = bound->source;
    const char *collation = column->collation ? column->collation : "";

    return bound->kind == PG_TEXT && !bound->nullable && column->type == RNL_T_TEXT &&
           !(column->flags & (RNL_COLUMN_FIXED | RNL_COLUMN_ENUM | RNL_COLUMN_SET)) &&
           !strstr(collation, "_ci") && strcasecmp(collation, "NOCASE") != 0 &&
           strcasecmp(collation, "RTRIM") != 0 &&
           !(column->native && strcasecmp(column->native, "citext") == 0) &&
           !(column->type_name && strcmp(column->type_name, "citext") == 0);
}

static int bind_column(struct pg_sink *sink, struct bound_table *bound, uint32_t index,
                       const char *name, const struct found *found, struct rnl_error *err)
{
    struct bound_column *column = &bound->columns[index];
    const struct rnl_column *source = COLUMN(bound->source, index);
    const PGresult *result = found->result;
    int at = columns_find(found, index, name);

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
    column->kind = columns_kind(found, at, source);
    column->digits = sink->money_digits;
    column->nullable = PQgetvalue(result, at, C_NOTNULL)[0] != 't';
    column->written = PQgetvalue(result, at, C_GENERATED)[0] != 't';
    column->always = PQgetvalue(result, at, C_IDENTITY)[0] == 'a';
    column->array = (Oid)strtoul(PQgetvalue(result, at, C_ARRAY), NULL, 10);
    column->spelled = arena_text(&sink->bound_arena, PQgetvalue(result, at, C_SPELLED));
    column->base = arena_text(&sink->bound_arena, PQgetvalue(result, at, C_BASE));
    column->operators = arena_text(&sink->bound_arena, PQgetvalue(result, at, C_OPERATORS));
    column->exact = PQgetvalue(result, at, C_LOOSE)[0] == 't' && is_exact(column);
    set_reading(column);
    if (!column->name || !column->spelled || !column->base || !column->operators)
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

const struct rnl_index *table_row_key(const struct rnl_table *table, bool arbiter)
{
    const struct rnl_index *best = NULL;

    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);

        if (is_row_key(table, index) && !(arbiter && (index->flags & RNL_INDEX_DEFERRABLE)) &&
            (!best || (index->flags & RNL_INDEX_PRIMARY)))
            best = index;
    }
    return best;
}

static int bind_key(struct pg_sink *sink, struct bound_table *bound, bool arbiter,
                    struct rnl_error *err)
{
    const struct rnl_index *best = table_row_key(bound->source, arbiter);

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

/* The columns that are written, by commas. */
static void add_written(struct bound_table *bound, struct buf *sql)
{
    bool first = true;

    for (uint32_t i = 0; i < bound->source->ncolumns; i++) {
        if (!bound->columns[i].written)
            continue;
        buf_puts(sql, first ? "" : ", ");
        buf_name(sql, bound->columns[i].name);
        first = false;
    }
}

static const char *keep_text(struct pg_sink *sink, struct buf *sql)
{
    const char *text = buf_text(sql) ? arena_strdup(&sink->bound_arena, sql->ptr) : NULL;

    buf_clear(sql);
    return text;
}

static bool is_key_column(const struct bound_table *bound, uint32_t column)
{
    for (uint32_t i = 0; i < bound->nkey; i++)
        if (bound->key[i] == column)
            return true;
    return false;
}

/*
 * Two keys of the source may be one for the target. NULL, which this key may not be, makes
 * an error of what would take the first row away.
 */
static void add_guard(const struct bound_column *bound, struct buf *sql)
{
    buf_name(sql, bound->name);
    buf_puts(sql, " = CASE WHEN t.");
    buf_name(sql, bound->name);
    buf_puts(sql, "::pg_catalog.text COLLATE \"C\" = excluded.");
    buf_name(sql, bound->name);
    buf_puts(sql, "::pg_catalog.text COLLATE \"C\" THEN excluded.");
    buf_name(sql, bound->name);
    buf_puts(sql, " END");
}

/* INSERT … ON CONFLICT: from the table that the COPY fills into the real one. */
static void add_merge(struct bound_table *bound, uint32_t index, struct buf *sql)
{
    bool always = false, any = false;

    for (uint32_t i = 0; i < bound->source->ncolumns; i++)
        always = always || (bound->columns[i].written && bound->columns[i].always);
    buf_printf(sql, "INSERT INTO %s AS t (", bound->qualified);
    add_written(bound, sql);
    buf_printf(sql, ")%s SELECT ", always ? " OVERRIDING SYSTEM VALUE" : "");
    add_written(bound, sql);
    buf_printf(sql, " FROM pg_temp.runnel_%u ON CONFLICT (", index);
    for (uint32_t i = 0; i < bound->nkey; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, bound->columns[bound->key[i]].name);
    }
    buf_puts(sql, ") DO ");
    for (uint32_t i = 0; i < bound->source->ncolumns; i++) {
        bool guarded = is_key_column(bound, i) && is_exact(&bound->columns[i]);

        if (!bound->columns[i].written || (is_key_column(bound, i) && !guarded))
            continue;
        buf_puts(sql, any ? ", " : "UPDATE SET ");
        any = true;
        if (guarded) {
            add_guard(&bound->columns[i], sql);
            continue;
        }
        buf_name(sql, bound->columns[i].name);
        buf_puts(sql, " = excluded.");
        buf_name(sql, bound->columns[i].name);
    }
    buf_printf(sql, "%s; TRUNCATE pg_temp.runnel_%u", any ? "" : "NOTHING", index);
}

static int make_upsert(struct pg_sink *sink, struct bound_table *bound, uint32_t index,
                       struct rnl_error *err)
{
    struct buf sql = {0};

    for (uint32_t i = 0; i < bound->source->ncolumns; i++)
        if (bound->columns[i].always && bound->columns[i].written && !is_key_column(bound, i))
            return rnl_fail(err, RNL_E_CONFIG, "sink.upsert_identity",
                            "the column %s.\"%s\" is GENERATED ALWAYS AS IDENTITY and no key: "
                            "an upsert can't set it",
                            bound->qualified, bound->columns[i].name);
    if (bound->nkey == 0)
        return rnl_fail(err, RNL_E_CONFIG, "sink.upsert_key",
                        "the table %s has no key that tells its rows apart, and write_mode is "
                        "upsert",
                        bound->qualified);
    buf_printf(&sql, "CREATE TEMPORARY TABLE IF NOT EXISTS runnel_%u ON COMMIT DROP AS SELECT ",
               index);
    add_written(bound, &sql);
    buf_printf(&sql, " FROM %s WITH NO DATA", bound->qualified);
    bound->staging = keep_text(sink, &sql);
    add_merge(bound, index, &sql);
    bound->merge = keep_text(sink, &sql);
    buf_free(&sql);
    return bound->staging && bound->merge ? RNL_OK : error_memory(err);
}

static int make_copy(struct pg_sink *sink, struct bound_table *bound, uint32_t index,
                     struct rnl_error *err)
{
    struct buf sql = {0};

    for (uint32_t i = 0; i < bound->source->ncolumns; i++) {
        bound->nwritten += bound->columns[i].written;
        bound->text =
            bound->text || (bound->columns[i].written && bound->columns[i].kind == PG_NATIVE);
    }
    buf_puts(&sql, "COPY ");
    if (bound->staging)
        buf_printf(&sql, "pg_temp.runnel_%u", index);
    else
        buf_puts(&sql, bound->qualified);
    if (bound->nwritten) {
        buf_puts(&sql, " (");
        add_written(bound, &sql);
        buf_byte(&sql, ')');
    }
    buf_puts(&sql, bound->text ? " FROM STDIN" : " FROM STDIN (FORMAT binary)");
    bound->copy_in = keep_text(sink, &sql);
    buf_free(&sql);
    return bound->copy_in ? RNL_OK : error_memory(err);
}

static int bind_table(struct pg_sink *sink, const struct rnl_job *job, const struct map_table *map,
                      uint32_t index, const struct found *found, struct rnl_error *err)
{
    struct bound_table *bound = &sink->tables[index];
    bool upsert = job && job->write_mode == RNL_UPSERT;
    int status = RNL_OK;

    bound->source = sink->server.host->table_at(sink->bound_catalog, index);
    bound->schema = arena_strdup(&sink->bound_arena, map->schema);
    bound->name = arena_strdup(&sink->bound_arena, map->name);
    bound->qualified = arena_strdup(&sink->bound_arena, map->qualified);
    bound->columns =
        arena_alloc(&sink->bound_arena, sizeof(*bound->columns) * (bound->source->ncolumns + 1));
    if (!bound->schema || !bound->name || !bound->qualified || !bound->columns)
        return error_memory(err);
    if (found->from == found->to && bound->source->ncolumns > 0) {
        rnl_fail(err, RNL_E_CONFIG, "sink.missing_table", "the table %s is not in the target",
                 map->qualified);
        rnl_hint(err, "let Runnel make it (structure.tables), or create it first");
        return RNL_E_CONFIG;
    }
    bound->pages =
        found->from < found->to && PQgetvalue(found->result, found->from, C_KIND)[0] == 'r';
    for (uint32_t i = 0; status == RNL_OK && i < bound->source->ncolumns; i++)
        status = bind_column(sink, bound, i, map->columns[i].name, found, err);
    if (status == RNL_OK)
        status = bind_key(sink, bound, upsert, err);
    if (status == RNL_OK && upsert)
        status = make_upsert(sink, bound, index, err);
    return status == RNL_OK ? make_copy(sink, bound, index, err) : status;
}

int columns_query(struct pg_sink *sink, const struct map_table *names, uint32_t from, uint32_t to,
                  PGresult **result, struct rnl_error *err)
{
    struct buf schemas = {0}, tables = {0}, sql = {0};
    int status;

    *result = NULL;
    for (uint32_t i = from; i < to; i++) {
        buf_array_text(&schemas, names[i].schema);
        buf_array_text(&tables, names[i].name);
    }
    buf_byte(&schemas, '}');
    buf_byte(&tables, '}');
    buf_printf(&sql, columns_sql, sink->server.version >= 120000 ? "a.attgenerated <> ''" : "false",
               sink->server.version >= 120000 ? loose_sql : "false");
    if (!buf_text(&schemas) || !buf_text(&tables) || !buf_text(&sql)) {
        status = error_memory(err);
    } else {
        const char *params[] = {schemas.ptr, tables.ptr};

        status = conn_query(sink->control, sql.ptr, 2, params, "look at the tables", result, err);
    }
    buf_free(&schemas);
    buf_free(&tables);
    buf_free(&sql);
    return status;
}

void columns_next(struct found *found, uint32_t number)
{
    int rows = PQntuples(found->result);

    found->from = found->to;
    while (found->to < rows &&
           strtoul(PQgetvalue(found->result, found->to, C_TABLE), NULL, 10) == number)
        found->to++;
}

static int bind_batch(struct pg_sink *sink, const struct rnl_job *job,
                      const struct map_table *names, uint32_t from, uint32_t to,
                      struct rnl_error *err)
{
    PGresult *result;
    int status = columns_query(sink, names, from, to, &result, err);
    struct found found = {result, 0, 0};

    for (uint32_t i = from; status == RNL_OK && i < to; i++) {
        columns_next(&found, i - from + 1);
        status = bind_table(sink, job, &names[i], i, &found, err);
    }
    PQclear(result);
    return status;
}

int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
              struct rnl_error *err)
{
    struct pg_sink *sink = self;
    uint32_t count = sink->server.host->table_count(catalog);
    struct arena scratch = {0}; /* names have room for any name: a lot for thousands of tables */
    struct map_table *names;
    int status;

    read_forget_view(sink); /* a table that was rewritten is empty in it */
    arena_free(&sink->bound_arena);
    sink->ntables = 0;
    sink->bound_catalog = catalog;
    sink->tables = arena_alloc(&sink->bound_arena, sizeof(*sink->tables) * (count ? count : 1));
    if (!sink->tables)
        return error_memory(err);
    status = idents_of_catalog(sink, catalog, &scratch, &names, err);
    for (uint32_t from = 0; status == RNL_OK && from < count; from += BATCH_TABLES)
        status = bind_batch(sink, job, names, from,
                            count - from < BATCH_TABLES ? count : from + BATCH_TABLES, err);
    arena_free(&scratch);
    if (status == RNL_OK)
        status = apply_bind(sink, catalog, err);
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
