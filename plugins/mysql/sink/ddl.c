/* The statements that make a table, and set the number that it gives next. */
#include "map.h"

#include <inttypes.h>
#include <strings.h>

#define COLUMN_COMMENT 1024 /* characters */
#define TABLE_COMMENT 2048

/* Cut between characters. */
static void add_comment(struct mapper *m, uint32_t t, const char *object, const char *comment,
                        size_t most, const char *before, struct buf *sql)
{
    size_t count = 0, end = 0;
    char *copy;

    if (!comment || !*comment || !(m->job->structure & RNL_WITH_COMMENTS))
        return;
    while (comment[end] && count < most) {
        end++;
        while (((unsigned char)comment[end] & 0xc0) == 0x80)
            end++;
        count++;
    }
    if (comment[end])
        map_find(m, t, RNL_WARNING, "comment.cut", object, NULL,
                 "its comment is cut to the %zu characters that the target takes", most);
    copy = pool_copy(&m->pool, comment, end);
    buf_puts(sql, before);
    if (copy)
        sql_literal(sql, copy);
    else
        sql->failed = true;
}

/* A generated column that the target computes just so; else it holds the source's values. */
static void decide_generated(struct mapper *m, uint32_t t, uint32_t index)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    struct map_column *to = &m->tables[t].columns[index];
    enum expr_class yields;
    struct buf sql = {0};
    const char *why = "";

    if (column->generated && map_expression(m, t, column->generated, true, &sql, &yields, &why) &&
        buf_text(&sql))
        to->generated = pool_text(&m->pool, sql.ptr);
    else
        map_find(m, t, RNL_WARNING, "column.generated", column->name, NULL,
                 "becomes a plain column with the source's values: %s (%.300s)", why,
                 column->generated ? column->generated : "");
    buf_free(&sql);
}

/* Only one in a table, and it must lead an index. */
static bool is_numbered(struct mapper *m, uint32_t t, uint32_t index)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_column *column = COLUMN(table, index);
    const char *why = NULL;

    if (!(column->flags & RNL_COLUMN_IDENTITY) || column->flags & RNL_COLUMN_GENERATED)
        return false;
    for (uint32_t i = 0; i < index && !why; i++)
        if (COLUMN(table, i)->flags & RNL_COLUMN_IDENTITY && ddl_leads_index(m, t, i))
            why = "another column of the table is";
    if (!why && (!(m->job->structure & RNL_WITH_INDEXES) || !ddl_leads_index(m, t, index)))
        why = "it leads no index";
    if (!why && column->type != RNL_T_INT && column->type != RNL_T_UINT)
        why = "it holds no integers";
    if (why)
        map_find(m, t, RNL_WARNING, "column.identity", column->name, NULL,
                 "is not numbered by the target: %s", why);
    else if (!m->tables[t].same && column->increment != 0 && column->increment != 1)
        map_find(m, t, RNL_WARNING, "column.identity", column->name, NULL,
                 "counts by 1 in the target, by %" PRId64 " in the source", column->increment);
    return !why;
}

/* A policy that makes NULLs takes NOT NULL away. */
static bool is_not_null(struct mapper *m, uint32_t t, uint32_t index)
{
    const struct sink_config *config = m->sink->config;
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    bool date = column->type == RNL_T_DATE || column->type == RNL_T_TIMESTAMP ||
                column->type == RNL_T_TIMESTAMPTZ;
    bool number = column->type == RNL_T_FLOAT || column->type == RNL_T_DOUBLE ||
                  column->type == RNL_T_DECIMAL;
    bool lost = (date && config->outofrange == OUTOFRANGE_NULL) ||
                (number && config->nonfinite != NONFINITE_ERROR);
    uint32_t facts = RNL_FACT_NOT_FINITE | (date ? (uint32_t)RNL_FACT_BEYOND_RANGE : 0u);

    if (column->flags & RNL_COLUMN_NULLABLE)
        return false;
    if (!lost || column->flags & RNL_COLUMN_KEY || m->tables[t].same ||
        ((column->facts_known & facts) == facts && !(column->facts & facts)))
        return true;
    map_find(m, t, RNL_WARNING, "column.not_null", column->name,
             date ? "outofrange=null" : "nonfinite", "loses NOT NULL: the policy may make it NULL");
    return false;
}

static void add_touched(struct mapper *m, uint32_t t, const struct rnl_column *column,
                        struct buf *sql)
{
    if (!(column->flags & RNL_COLUMN_TOUCHED))
        return;
    buf_puts(sql, " ON UPDATE CURRENT_TIMESTAMP");
    if (column->scale)
        buf_printf(sql, "(%u)", column->scale > 6 ? 6u : column->scale);
    (void)m;
    (void)t;
}

static void add_visibility(struct mapper *m, uint32_t t, const struct rnl_column *column,
                           struct buf *sql)
{
    const struct my_server *server = &m->sink->server;

    if (!(column->flags & RNL_COLUMN_INVISIBLE))
        return;
    if (server->mariadb || server->version >= 80023)
        buf_puts(sql, " INVISIBLE");
    else
        map_find(m, t, RNL_NOTE, "column.invisible", column->name, NULL,
                 "is visible in the target");
}

void ddl_column(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    const struct my_server *server = &m->sink->server;
    struct map_column *to = &m->tables[t].columns[index];
    bool not_null = is_not_null(m, t, index);

    if (column->flags & RNL_COLUMN_GENERATED)
        decide_generated(m, t, index);
    buf_printf(sql, " %s", to->type);
    /* MariaDB's COMPRESSED, which is a part of the type there */
    if (m->tables[t].same && to->verbatim && column->storage && *column->storage) {
        if (server->mariadb)
            buf_printf(sql, " %s", column->storage);
        else
            map_find(m, t, RNL_NOTE, "column.storage", column->name, NULL,
                     "loses %s, which the target lacks", column->storage);
    }
    buf_puts(sql, to->charset);
    if (to->generated) {
        buf_printf(sql, " GENERATED ALWAYS AS (%s) %s", to->generated,
                   column->flags & RNL_COLUMN_VIRTUAL ? "VIRTUAL" : "STORED");
        if (not_null && !server->mariadb)
            buf_puts(sql, " NOT NULL");
    } else {
        buf_puts(sql, not_null ? " NOT NULL" : " NULL");
        if (!server->mariadb && to->shape == SHAPE_GEOMETRY && column->srid)
            buf_printf(sql, " SRID %u", column->srid);
        if (is_numbered(m, t, index))
            buf_puts(sql, " AUTO_INCREMENT");
        else if (!(column->flags & (RNL_COLUMN_GENERATED | RNL_COLUMN_IDENTITY)))
            ddl_default(m, t, index, sql);
        add_touched(m, t, column, sql);
    }
    add_visibility(m, t, column, sql);
    add_comment(m, t, column->name, column->comment, COLUMN_COMMENT, " COMMENT ", sql);
}

void ddl_table_comment(struct mapper *m, uint32_t t, struct buf *sql)
{
    add_comment(m, t, NULL, mapper_table(m, t)->comment, TABLE_COMMENT, " COMMENT=", sql);
}

/* What the map decides itself: engine and character set. */
static bool is_decided(const char *word, size_t len)
{
    static const char *const words[] = {
        "ENGINE=", "DEFAULT", "CHARSET=", "COLLATE=", "CHARACTER", "SET"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i]);

        if (len >= size && strncasecmp(word, words[i], size) == 0 &&
            (len == size || words[i][size - 1] == '='))
            return true;
    }
    return false;
}

/* The source's own next number; the server itself goes on behind the largest that came. */
static uint64_t next_number(const struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(table, i);

        if (column->flags & RNL_COLUMN_IDENTITY && ddl_leads_index(m, t, i))
            return column->next_value ? column->next_value : table->next_identity;
    }
    return 0;
}

/*
 * Rows and checkpoint commit together in InnoDB alone, so that other engines don't come
 * along; what was said for them doesn't hold for it.
 */
static void add_storage(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    const char *storage = m->tables[t].same && table->storage ? table->storage : "";
    const char *engine = strcasestr(storage, "ENGINE=");
    uint64_t next = next_number(m, t);
    bool innodb = !engine || strncasecmp(engine + 7, "InnoDB", 6) == 0;

    buf_printf(sql, "\n) ENGINE=InnoDB DEFAULT%s", m->tables[t].charset);
    if (m->job->structure & RNL_WITH_INDEXES && next > 1)
        buf_printf(sql, " AUTO_INCREMENT=%" PRIu64, next);
    if (!innodb)
        map_find(m, t, RNL_WARNING, "table.engine", NULL, NULL,
                 "becomes InnoDB, which keeps rows and progress together (%.200s)", storage);
    while (innodb && *storage) {
        size_t len = strcspn(storage, " ");

        if (len && !is_decided(storage, len))
            buf_printf(sql, " %.*s", (int)len, storage);
        storage += len + (storage[len] != '\0');
    }
    ddl_table_comment(m, t, sql);
    ddl_partitions(m, t, sql);
}

/* A table that stands there already: what has to be done to it before the rows come. */
static void keep_table(struct mapper *m, uint32_t t, struct buf *sql)
{
    if (!m->resuming || (mapper_table(m, t)->flags & (RNL_TABLE_JOINS_NOW | RNL_TABLE_AGAIN)) ==
                            RNL_TABLE_JOINS_NOW)
        map_find(m, t, RNL_NOTE, "table.exists", NULL, "schema_policy=create_missing_only",
                 "stands in the target already and keeps its columns");
    /* foreign keys stay: our sessions don't check them, and look for orphans in the end */
    if (m->job->write_mode == RNL_TRUNCATE_AND_LOAD ||
        (mapper_table(m, t)->flags & RNL_TABLE_AGAIN))
        buf_printf(sql, "TRUNCATE TABLE %s", m->tables[t].name.qualified);
}

static void make_table(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];

    if (strcmp(map->name.database, m->sink->server.database) != 0) {
        buf_puts(sql, "CREATE DATABASE IF NOT EXISTS ");
        sql_name(sql, map->name.database);
        buf_puts(sql, ";\n");
    }
    if (target_drops(m, t) && (map->exists || m->resuming))
        buf_printf(sql, "DROP TABLE IF EXISTS %s;\n", map->name.qualified);
    buf_printf(sql, "CREATE TABLE %s (", map->name.qualified);
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        buf_puts(sql, i ? ",\n  " : "\n  ");
        sql_name(sql, map->columns[i].name);
        ddl_column(m, t, i, sql);
    }
    if (m->job->structure & RNL_WITH_INDEXES)
        ddl_inline_indexes(m, t, table->flags & RNL_TABLE_PARTITIONED && map->same, sql);
    if (m->job->structure & RNL_WITH_CHECKS)
        ddl_inline_checks(m, t, sql);
    add_storage(m, t, sql);
}

int ddl_table(struct mapper *m, uint32_t t)
{
    const struct map_table *map = &m->tables[t];
    struct buf sql = {0};
    int status = RNL_OK;

    if (map->exists && !target_drops(m, t))
        keep_table(m, t, &sql);
    else
        make_table(m, t, &sql);
    if (sql.len || sql.failed)
        status = map_step(m, RNL_PHASE_TABLES, "table", t, NULL, 0, &sql);
    buf_free(&sql);
    return status;
}

/* A table that we make has it from the start. */
int ddl_values(struct mapper *m, uint32_t t)
{
    bool made = !m->tables[t].exists || target_drops(m, t);
    uint64_t next = next_number(m, t);
    struct buf sql = {0};
    int status = RNL_OK;

    if (next > 1 && !made) {
        buf_printf(&sql, "ALTER TABLE %s AUTO_INCREMENT = %" PRIu64, m->tables[t].name.qualified,
                   next);
        status = map_step(m, RNL_PHASE_VALUES, "values", t, NULL, 0, &sql);
    }
    buf_free(&sql);
    return status;
}
