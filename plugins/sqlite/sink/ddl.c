/* The statements that make a table, and the values that the library keeps of it. */
#include "map.h"

#include <inttypes.h>

static bool takes_class(const struct rnl_column *column, enum expr_class class)
{
    switch (column->type) {
    case RNL_T_BOOL:
    case RNL_T_INT:
    case RNL_T_UINT:
        return class == EXPR_BOOL || class == EXPR_INT;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        return class == EXPR_DOUBLE;
    case RNL_T_TEXT:
        return class == EXPR_TEXT;
    case RNL_T_BYTES:
        return class == EXPR_BYTES;
    default:
        return false;
    }
}

/* A generated column that SQLite computes just so; else it holds the source's values. */
static void translate_generated(struct mapper *m, uint32_t t, uint32_t index)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    struct map_column *map = &m->tables[t].columns[index];
    enum expr_class class;
    struct buf sql = {0};
    const char *why;
    bool good = map_expression(m, t, column->generated, true, true, &sql, &class, &why);

    if (good && !m->tables[t].same && !takes_class(column, class)) {
        why = "it yields another type";
        good = false;
    }
    if (good && buf_text(&sql))
        map->generated = arena_strdup(&m->arena, sql.ptr);
    else
        map_find(m, t, RNL_WARNING, "column.generated", column->name, NULL,
                 "becomes a plain column with the source's values: %s (%.300s)", why,
                 column->generated ? column->generated : "");
    buf_free(&sql);
}

/* The words that a file's own CREATE TABLE has for a collation. */
static void add_collation(const struct rnl_column *column, struct buf *sql)
{
    if (!column->collation || !*column->collation || strcasecmp(column->collation, "BINARY") == 0)
        return;
    buf_puts(sql, " COLLATE ");
    buf_name(sql, column->collation);
}

/* A policy that makes NULLs takes NOT NULL away. */
bool ddl_is_not_null(struct mapper *m, uint32_t t, uint32_t index)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    bool is_float = column->type == RNL_T_FLOAT || column->type == RNL_T_DOUBLE;
    bool finite =
        column->facts_known & RNL_FACT_NOT_FINITE && !(column->facts & RNL_FACT_NOT_FINITE);

    if (column->flags & RNL_COLUMN_NULLABLE)
        return false;
    if (!is_float || finite || m->sink->config->nonfinite != NONFINITE_NULL || m->tables[t].same)
        return true;
    map_find(m, t, RNL_WARNING, "column.not_null", column->name, "nonfinite=null",
             "loses NOT NULL: the policy may make it NULL");
    return false;
}

void ddl_column(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    struct map_column *map = &m->tables[t].columns[index];
    bool same = m->tables[t].same;

    if (column->flags & RNL_COLUMN_GENERATED)
        translate_generated(m, t, index);
    buf_name(sql, map->name);
    buf_printf(sql, "%s%s", *map->type ? " " : "", map->type);
    if (map->rowid)
        buf_printf(sql, " PRIMARY KEY%s", map->autoincrement ? " AUTOINCREMENT" : "");
    if (ddl_is_not_null(m, t, index))
        buf_puts(sql, " NOT NULL");
    if (map->generated)
        buf_printf(sql, " GENERATED ALWAYS AS (%s) %s", map->generated,
                   column->flags & RNL_COLUMN_VIRTUAL ? "VIRTUAL" : "STORED");
    else if (!(column->flags & RNL_COLUMN_GENERATED) && !map->autoincrement)
        ddl_default(m, t, index, sql);
    if (same)
        add_collation(column, sql);
}

static void add_table_options(const struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    bool strict, without;

    if (!m->tables[t].same) {
        buf_puts(sql, " STRICT");
        return;
    }
    strict = table->storage && strstr(table->storage, "STRICT");
    without = table->storage && strstr(table->storage, "WITHOUT ROWID");
    buf_printf(sql, "%s%s%s", strict ? " STRICT" : "", strict && without ? "," : "",
               without ? " WITHOUT ROWID" : "");
}

int ddl_create(struct mapper *m, uint32_t t, const char *name, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    int status = RNL_OK;

    buf_puts(sql, "CREATE TABLE ");
    buf_name(sql, name);
    buf_puts(sql, " (");
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        buf_puts(sql, i ? ",\n  " : "\n  ");
        ddl_column(m, t, i, sql);
    }
    if (m->job->structure & RNL_WITH_INDEXES)
        ddl_primary(m, t, sql);
    if (m->job->structure & RNL_WITH_FOREIGN_KEYS)
        ddl_foreign_keys(m, t, sql);
    if (m->job->structure & RNL_WITH_CHECKS)
        status = ddl_checks(m, t, sql);
    buf_puts(sql, "\n)");
    add_table_options(m, t, sql);
    return status;
}

/* A table that stands there gets what an upsert or a truncation asks for. */
static int create_table(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct map_table *map = &m->tables[t];

    if (target_drops(m, t)) {
        buf_puts(sql, "DROP TABLE IF EXISTS ");
        buf_name(sql, map->name);
        buf_puts(sql, ";\n");
    }
    return ddl_create(m, t, map->name, sql);
}

int ddl_empty(struct mapper *m, uint32_t t)
{
    bool again = mapper_table(m, t)->flags & RNL_TABLE_AGAIN;
    struct buf sql = {0};
    int status;

    if (!m->tables[t].exists || (m->job->write_mode != RNL_TRUNCATE_AND_LOAD && !again))
        return RNL_OK;
    buf_puts(&sql, "DELETE FROM ");
    buf_name(&sql, m->tables[t].name);
    status = map_step(m, RNL_PHASE_TABLES, "keep", t, NULL, &sql);
    buf_free(&sql);
    return status;
}

int ddl_table(struct mapper *m, uint32_t t)
{
    const struct map_table *map = &m->tables[t];
    bool kept = map->exists && !map->made && !target_drops(m, t);
    struct buf sql = {0};
    int status = RNL_OK;

    if (kept) {
        if (!m->resuming || (mapper_table(m, t)->flags & (RNL_TABLE_JOINS_NOW | RNL_TABLE_AGAIN)) ==
                                RNL_TABLE_JOINS_NOW)
            map_find(m, t, RNL_NOTE, "table.exists", NULL, "schema_policy=create_missing_only",
                     "stands in the target already and keeps its columns, checks and foreign keys");
        if (m->job->write_mode == RNL_TRUNCATE_AND_LOAD) {
            buf_puts(&sql, "DELETE FROM ");
            buf_name(&sql, map->name);
        }
    } else {
        status = create_table(m, t, &sql);
    }
    /* an upsert finds rows by the key: it must stand before they come */
    if (status == RNL_OK && m->job->write_mode == RNL_UPSERT &&
        (m->job->structure & RNL_WITH_INDEXES))
        status = ddl_indexes(m, t, true, &sql);
    if (status == RNL_OK && (sql.len > 0 || sql.failed))
        status = map_step(m, RNL_PHASE_TABLES, kept ? "keep" : "table", t, NULL, &sql);
    buf_free(&sql);
    return status;
}

/* The next number: the source's own; that of a larger row is kept by the library itself. */
int ddl_values(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];
    struct buf sql = {0};
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < table->ncolumns; i++) {
        uint64_t next = COLUMN(table, i)->next_value;

        if (next == 0)
            next = table->next_identity;
        if (!map->columns[i].autoincrement || next <= 1 || next > INT64_MAX)
            continue;
        buf_puts(&sql, "UPDATE sqlite_sequence SET seq = max(seq, ");
        buf_printf(&sql, "%" PRIu64 ") WHERE name = ", next - 1);
        expr_literal(&sql, EXPR_SQLITE, map->name);
        buf_printf(&sql,
                   ";\nINSERT INTO sqlite_sequence (name, seq) SELECT n.name, %" PRIu64
                   " FROM (SELECT ",
                   next - 1);
        expr_literal(&sql, EXPR_SQLITE, map->name);
        buf_puts(&sql, " AS name) n WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence s"
                       " WHERE s.name = n.name)");
        status = map_step(m, RNL_PHASE_VALUES, "values", t, NULL, &sql);
    }
    buf_free(&sql);
    return status;
}
