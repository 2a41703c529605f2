/* Foreign keys of tables that stood before the run: unchecked while rows come, looked at after. */
#include "map.h"

enum { K_TABLE, K_NAME, K_COLUMN, K_TO_DATABASE, K_TO_TABLE, K_TO_COLUMN };

/* The question for one key grows row by row. */
struct standing {
    struct mapper *m;
    const char *database;
    uint32_t table;
    char *table_name, *name;
    struct buf columns, joints, conditions, last;
};

static void standing_clear(struct standing *s)
{
    free(s->table_name);
    free(s->name);
    s->table_name = s->name = NULL;
    buf_clear(&s->columns);
    buf_clear(&s->joints);
    buf_clear(&s->conditions);
    buf_clear(&s->last);
}

static void column_add(struct buf *sql, const char *alias, const char *name)
{
    buf_puts(sql, alias);
    sql_name(sql, name);
}

static int standing_end(struct standing *s)
{
    struct buf sql = {0};
    int status;

    if (!s->name)
        return RNL_OK;
    if (!buf_text(&s->columns) || !buf_text(&s->joints) || !buf_text(&s->conditions) ||
        !buf_text(&s->last))
        return error_memory(s->m->err);
    buf_printf(&sql, "SELECT COUNT(*), MIN(CONCAT_WS(',', %s)) FROM %s c LEFT JOIN %s WHERE %s %s",
               s->columns.ptr, s->m->tables[s->table].name.qualified, s->joints.ptr, s->last.ptr,
               s->conditions.ptr);
    status = map_step(s->m, RNL_PHASE_VALIDATE, "validate", s->table, s->name, 0, &sql);
    buf_free(&sql);
    standing_clear(s);
    return status;
}

static int standing_begin(struct standing *s, uint32_t t, MYSQL_ROW row)
{
    s->table = t;
    s->table_name = strdup(row[K_TABLE]);
    s->name = strdup(row[K_NAME]);
    if (!s->table_name || !s->name)
        return error_memory(s->m->err);
    sql_name(&s->joints, row[K_TO_DATABASE]);
    buf_byte(&s->joints, '.');
    sql_name(&s->joints, row[K_TO_TABLE]);
    buf_puts(&s->joints, " p ON ");
    column_add(&s->last, "p.", row[K_TO_COLUMN]);
    buf_puts(&s->last, " IS NULL");
    return RNL_OK;
}

/* The table that the run writes and didn't make; UINT32_MAX: none such. */
static uint32_t kept_table(const struct standing *s, const char *name)
{
    for (uint32_t t = 0; t < s->m->ntables; t++) {
        const struct map_table *map = &s->m->tables[t];

        if (map->exists && !target_drops(s->m, t) && strcmp(map->name.name, name) == 0 &&
            strcmp(map->name.database, s->database) == 0)
            return t;
    }
    return UINT32_MAX;
}

static bool is_ours(const struct standing *s, const char *name)
{
    struct buf key = {0};
    bool found;

    sql_name(&key, s->database);
    sql_name(&key, name);
    found = buf_text(&key) && idents_has(&s->m->constraints, key.ptr);
    buf_free(&key);
    return found;
}

static int standing_row(struct standing *s, MYSQL_ROW row)
{
    int status = RNL_OK;

    if (s->name && (strcmp(s->name, row[K_NAME]) != 0 || strcmp(s->table_name, row[K_TABLE]) != 0))
        status = standing_end(s);
    if (!status && !s->name) {
        uint32_t t = is_ours(s, row[K_NAME]) ? UINT32_MAX : kept_table(s, row[K_TABLE]);

        if (t == UINT32_MAX)
            return RNL_OK;
        status = standing_begin(s, t, row);
    } else if (!status) {
        buf_puts(&s->columns, ", ");
        buf_puts(&s->joints, " AND ");
    }
    column_add(&s->columns, "c.", row[K_COLUMN]);
    column_add(&s->joints, "p.", row[K_TO_COLUMN]);
    column_add(&s->joints, " = c.", row[K_COLUMN]);
    column_add(&s->conditions, "AND c.", row[K_COLUMN]);
    buf_puts(&s->conditions, " IS NOT NULL ");
    return status;
}

static int look_database(struct standing *s)
{
    struct my_sink *sink = s->m->sink;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status, end;

    text_add(&sql, "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA,"
                   " REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM"
                   " information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL"
                   " AND TABLE_SCHEMA = ");
    text_quoted(&sql, s->database);
    text_add(&sql, " ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION");
    status = sql.failed ? error_memory(s->m->err)
                        : conn_query(sink->control, sql.ptr, &result, s->m->err);
    text_free(&sql);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        if (!status)
            status = standing_row(s, row);
    end = conn_finish(sink->control, result, "look at foreign keys", s->m->err);
    return status ? status : end;
}

int ddl_standing_keys(struct mapper *m)
{
    struct standing s = {.m = m};
    struct idents seen = {0};
    int status = RNL_OK;

    for (uint32_t t = 0; !status && t < m->ntables; t++) {
        const char *database = m->tables[t].name.database;

        if (!m->tables[t].exists || target_drops(m, t) || idents_has(&seen, database))
            continue;
        s.database = database;
        status = idents_take(&seen, database) ? look_database(&s) : error_memory(m->err);
        if (!status)
            status = standing_end(&s);
    }
    standing_clear(&s);
    buf_free(&s.columns);
    buf_free(&s.joints);
    buf_free(&s.conditions);
    buf_free(&s.last);
    idents_free(&seen);
    return status;
}
