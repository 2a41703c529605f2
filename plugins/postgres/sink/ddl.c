/* The statements that make a table, its comments, and the values its server keeps. */
#include "native.h"
#include "translate.h"

#include <inttypes.h>

static bool takes_class(enum pg_kind kind, enum expr_class class)
{
    switch (kind) {
    case PG_BOOL:
        return class == EXPR_BOOL || class == EXPR_INT;
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
        return class == EXPR_BOOL || class == EXPR_INT || class == EXPR_DECIMAL;
    case PG_NUMERIC:
        return class == EXPR_INT || class == EXPR_DECIMAL;
    case PG_TEXT:
        return class == EXPR_TEXT;
    default:
        return false;
    }
}

/* A generated column that PostgreSQL can compute just so; else it holds the source's values. */
static void translate_generated(struct mapper *m, uint32_t t, uint32_t index)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_column *column = COLUMN(table, index);
    struct map_column *map = &m->tables[t].columns[index];
    enum expr_class class = EXPR_OTHER;
    struct buf sql = {0};
    const char *why = "its source is of another dialect";
    bool good = m->sink->server.version >= 120000 && column->generated &&
                translate(m, t, TRANSLATE_ROW, column->generated, &sql, &class, &why);

    if (m->sink->server.version < 120000)
        why = "PostgreSQL before 12 has none";
    if (good && !takes_class(map->kind, class)) {
        why = "it yields another type";
        good = false;
    }
    if (good && class == EXPR_BOOL && map->kind != PG_BOOL) {
        struct buf cast = {0};

        buf_printf(&cast, "(%s)::int", buf_text(&sql) ? sql.ptr : "");
        buf_free(&sql);
        sql = cast;
    } else if (good && class == EXPR_INT && map->kind == PG_BOOL) {
        buf_puts(&sql, " <> 0");
    }
    if (good && buf_text(&sql)) {
        map->generated = arena_strdup(&m->arena, sql.ptr);
        if (column->flags & RNL_COLUMN_VIRTUAL)
            map_find(m, t, RNL_NOTE, "column.generated", column->name, NULL,
                     "the virtual column is stored in the target");
    } else {
        map_find(m, t, RNL_WARNING, "column.generated", column->name, NULL,
                 "becomes a plain column with the source's values: %s (%.300s)", why,
                 column->generated ? column->generated : "");
    }
    buf_free(&sql);
}

static bool may_be_identity(struct mapper *m, uint32_t t, uint32_t index)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    enum pg_kind kind = m->tables[t].columns[index].kind;

    if (!(column->flags & RNL_COLUMN_IDENTITY))
        return false;
    if (kind == PG_INT2 || kind == PG_INT4 || kind == PG_INT8)
        return true;
    map_find(m, t, RNL_WARNING, "column.identity", column->name, NULL,
             "is not numbered by the target: identity columns can't be %s",
             m->tables[t].columns[index].type);
    return false;
}

/* A policy that makes NULLs of dates takes NOT NULL away. */
bool ddl_is_not_null(const struct mapper *m, uint32_t t, uint32_t index)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    const struct pg_config *config = m->sink->config;
    bool is_date = column->type == RNL_T_DATE || column->type == RNL_T_TIMESTAMP ||
                   column->type == RNL_T_TIMESTAMPTZ;
    uint32_t facts = (config->zero_date == ZERO_NULL ? (uint32_t)RNL_FACT_ZERO_DATE : 0) |
                     (config->partial_date == PARTIAL_NULL ? (uint32_t)RNL_FACT_PARTIAL_DATE : 0);

    if (column->flags & RNL_COLUMN_NULLABLE)
        return false;
    if (!is_date || !facts || (column->flags & RNL_COLUMN_KEY) ||
        ((column->facts_known & facts) == facts && !(column->facts & facts)))
        return true;
    map_find(m, t, RNL_WARNING, "column.not_null", column->name,
             config->zero_date == ZERO_NULL ? "zero_date=null" : "partial_date=null",
             "loses NOT NULL: the policy may make it NULL");
    return false;
}

void ddl_column_default(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    const struct map_column *map = &m->tables[t].columns[index];

    if (map->generated || map->identity || (column->flags & RNL_COLUMN_GENERATED))
        return;
    if (table_is_native(mapper_table(m, t)))
        native_default(m, t, column, sql);
    else
        ddl_default(m, t, index, sql);
}

void ddl_column(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    struct map_column *map = &m->tables[t].columns[index];
    bool native = table_is_native(mapper_table(m, t));

    if (!native && (column->flags & RNL_COLUMN_GENERATED))
        translate_generated(m, t, index);
    if (!native)
        map->identity = may_be_identity(m, t, index);
    buf_name(sql, map->name);
    buf_printf(sql, " %s", map->type);
    if (map->collation) {
        buf_puts(sql, " COLLATE ");
        buf_qualified(sql, m->tables[t].schema, map->collation);
    }
    if (native)
        native_column(m, t, index, sql);
    else if (map->generated)
        buf_printf(sql, " GENERATED ALWAYS AS (%s) STORED", map->generated);
    else if (map->identity)
        buf_puts(sql, " GENERATED BY DEFAULT AS IDENTITY");
    ddl_column_default(m, t, index, sql);
    if (ddl_is_not_null(m, t, index))
        buf_puts(sql, " NOT NULL");
    if (column->flags & RNL_COLUMN_INVISIBLE)
        map_find(m, t, RNL_NOTE, "column.invisible", column->name, NULL,
                 "is visible in the target");
}

void ddl_enum_type(const struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    bool empty =
        !(column->facts_known & RNL_FACT_EMPTY_LABEL) || (column->facts & RNL_FACT_EMPTY_LABEL);

    buf_printf(sql, "CREATE TYPE %s AS ENUM (", m->tables[t].columns[index].enum_type);
    for (uint32_t k = 0; k < column->nlabels; k++) {
        empty = empty && column->labels[k][0] != '\0';
        buf_puts(sql, k ? ", " : "");
        buf_literal(sql, column->labels[k]);
    }
    buf_puts(sql, empty ? (column->nlabels ? ", ''" : "''") : "");
    buf_puts(sql, ")");
}

static void add_enum_types(struct mapper *m, uint32_t t, bool drop, struct buf *sql)
{
    for (uint32_t i = 0; i < mapper_table(m, t)->ncolumns; i++) {
        const struct map_column *map = &m->tables[t].columns[i];

        if (!map->enum_type)
            continue;
        if (drop)
            buf_printf(sql, "DROP TYPE IF EXISTS %s;\n", map->enum_type);
        ddl_enum_type(m, t, i, sql);
        buf_puts(sql, ";\n");
    }
}

/*
 * A table that stands there already: what has to be done to it before the rows come.
 * Under the step of making it, so that a resumed run doesn't do it again.
 */
static bool keep_table(struct mapper *m, uint32_t t, struct buf *sql)
{
    bool good = true;

    if (!m->resuming || (mapper_table(m, t)->flags & (RNL_TABLE_JOINS_NOW | RNL_TABLE_AGAIN)) ==
                            RNL_TABLE_JOINS_NOW)
        map_find(m, t, RNL_NOTE, "table.exists", NULL, "schema_policy=create_missing_only",
                 "stands in the target already and keeps its columns");
    if (m->job->structure & RNL_WITH_FOREIGN_KEYS)
        good = ddl_drop_foreign_keys(m, t, sql);
    if (m->job->write_mode == RNL_TRUNCATE_AND_LOAD)
        buf_printf(sql, "TRUNCATE TABLE %s", m->tables[t].qualified);
    return good;
}

int ddl_truncate(struct mapper *m, uint32_t t)
{
    struct buf sql = {0};
    int status;

    buf_printf(&sql, "TRUNCATE TABLE %s", m->tables[t].qualified);
    status = map_step(m, RNL_PHASE_TABLES, "table", t, NULL, &sql);
    buf_free(&sql);
    return status;
}

int ddl_table(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];
    bool drop = target_drops(m, t);
    struct buf sql = {0};
    int status = RNL_OK;

    if (drop)
        buf_printf(&sql, "DROP TABLE IF EXISTS %s CASCADE;\n", map->qualified);
    add_enum_types(m, t, drop, &sql);
    buf_printf(&sql, "CREATE%s TABLE %s (", native_persistence(table), map->qualified);
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        buf_puts(&sql, i ? ",\n  " : "\n  ");
        ddl_column(m, t, i, &sql);
    }
    buf_puts(&sql, "\n)");
    if (table_is_native(table))
        status = native_tail(m, t, &sql);
    else if (table->flags & RNL_TABLE_PARTITIONED)
        map_find(m, t, RNL_WARNING, "table.partitions", NULL, NULL,
                 "is partitioned; in the target it is one plain table");
    if (status == RNL_OK && m->job->write_mode == RNL_UPSERT && (!map->exists || drop))
        status = ddl_early_key(m, t, &sql);
    if (map->exists && !drop) {
        buf_clear(&sql);
        if (!keep_table(m, t, &sql))
            sql.failed = true;
        if (sql.len == 0 && !sql.failed) {
            buf_free(&sql);
            return RNL_OK;
        }
    }
    if (status == RNL_OK)
        status = map_step(m, RNL_PHASE_TABLES, "table", t, NULL, &sql);
    buf_free(&sql);
    return status;
}

void ddl_setval(struct buf *sql, const char *sequence, int64_t next, bool higher)
{
    buf_printf(sql, "SELECT setval(s.seqrelid, least(greatest(v.n, s.seqmin), s.seqmax),"
                    " v.n NOT BETWEEN s.seqmin AND s.seqmax) FROM pg_sequence s,"
                    " LATERAL (SELECT ");
    if (higher) {
        buf_printf(sql, "greatest(%" PRId64 "::bigint, (SELECT last_value + 1 FROM %s))", next,
                   sequence);
    } else {
        buf_printf(sql, "%" PRId64 "::bigint", next);
    }
    buf_puts(sql, " AS n) v WHERE s.seqrelid = ");
    buf_literal(sql, sequence);
    buf_puts(sql, "::regclass");
}

/* As the source has it: a table that was just made numbers its rows likewise. */
static void add_native_identity(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);

    buf_printf(sql,
               "SELECT setval(s.seqrelid, least(greatest(v.n, s.seqmin), s.seqmax),"
               " v.n NOT BETWEEN s.seqmin AND s.seqmax) FROM pg_sequence s,"
               " (SELECT %" PRId64 "::bigint AS n) v WHERE s.seqrelid = pg_get_serial_sequence(",
               (int64_t)column->next_value);
    buf_literal(sql, m->tables[t].qualified);
    buf_puts(sql, ", ");
    buf_literal(sql, m->tables[t].columns[index].name);
    buf_puts(sql, ")::regclass;\n");
}

/* The next number: the source's own, or one above the largest that came. */
void ddl_identity_value(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    static const char *const largest[] = {"32767", "2147483647", "9223372036854775807"};
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];
    const struct map_column *column = &map->columns[index];
    const char *limit = largest[column->kind == PG_INT2 ? 0 : column->kind == PG_INT4 ? 1 : 2];
    uint64_t known = COLUMN(table, index)->next_value, next;

    next = table->next_identity ? table->next_identity : known ? known : 1;
    if (next > INT64_MAX)
        next = INT64_MAX;
    buf_puts(sql, "SELECT setval(pg_get_serial_sequence(");
    buf_literal(sql, map->qualified);
    buf_puts(sql, ", ");
    buf_literal(sql, column->name);
    buf_printf(sql,
               "), least(v.n, %s)::bigint, v.n > %s) FROM (SELECT greatest(%" PRIu64
               "::numeric, coalesce(max(",
               limit, limit, next);
    buf_name(sql, column->name);
    buf_printf(sql, "), 0)::numeric + 1) AS n FROM %s) v;\n", map->qualified);
}

int ddl_values(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    bool native = table_is_native(table);
    bool fresh = !m->tables[t].exists || target_drops(m, t);
    struct buf sql = {0};
    int status;

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        enum pg_kind kind = m->tables[t].columns[i].kind;

        if (!(COLUMN(table, i)->flags & RNL_COLUMN_IDENTITY) ||
            (kind != PG_INT2 && kind != PG_INT4 && kind != PG_INT8) ||
            (native && object_of_column(m, t, i))) /* its sequence is set by itself */
            continue;
        if (native && COLUMN(table, i)->next_value && fresh)
            add_native_identity(m, t, i, &sql);
        else
            ddl_identity_value(m, t, i, &sql);
    }
    objects_own_values(m, t, &sql);
    if (m->sink->config->analyze)
        buf_printf(&sql, "ANALYZE %s", m->tables[t].qualified);
    status = sql.len ? map_step(m, RNL_PHASE_VALUES, "values", t, NULL, &sql) : RNL_OK;
    buf_free(&sql);
    return status;
}

int ddl_comments(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];
    struct buf sql = {0};
    int status = RNL_OK;

    if (table->comment && *table->comment) {
        buf_printf(&sql, "COMMENT ON TABLE %s IS ", map->qualified);
        buf_literal(&sql, table->comment);
        buf_puts(&sql, ";\n");
    }
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(table, i);

        if (!column->comment || !*column->comment)
            continue;
        buf_printf(&sql, "COMMENT ON COLUMN %s.", map->qualified);
        buf_name(&sql, map->columns[i].name);
        buf_puts(&sql, " IS ");
        buf_literal(&sql, column->comment);
        buf_puts(&sql, ";\n");
    }
    for (uint32_t i = 0; map->index_names && i < table->nindexes; i++) {
        if (!map->index_names[i] || !INDEX(table, i)->comment || !*INDEX(table, i)->comment)
            continue;
        buf_puts(&sql, "COMMENT ON INDEX ");
        buf_qualified(&sql, map->schema, map->index_names[i]);
        buf_puts(&sql, " IS ");
        buf_literal(&sql, INDEX(table, i)->comment);
        buf_puts(&sql, ";\n");
    }
    if (sql.len)
        status = map_step(m, RNL_PHASE_COMMENTS, "comments", t, NULL, &sql);
    buf_free(&sql);
    return status;
}
