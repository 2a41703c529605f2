/* The statements that do changes: their texts, and the values in them. */
#include "apply.h"

static bool in_key(const struct bound_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

static bool is_sent(const struct bound_table *table, const struct rnl_value *values,
                    uint32_t column)
{
    return table->columns[column].written && values[column].type != RNL_T_UNCHANGED;
}

bool row_is_whole(const struct bound_table *table, const struct rnl_row *row)
{
    for (uint32_t i = 0; i < table->source->ncolumns; i++)
        if (table->columns[i].written && row->after[i].type == RNL_T_UNCHANGED)
            return false;
    return true;
}

bool row_moves(const struct bound_table *table, const struct rnl_row *row)
{
    for (uint32_t i = 0; row->before && i < table->nkey; i++)
        if (row->after[table->key[i]].type != RNL_T_UNCHANGED &&
            !cascade_same(&row->before[table->key[i]], &row->after[table->key[i]]))
            return true;
    return false;
}

const struct rnl_value *row_sought(const struct rnl_row *row)
{
    return row->before ? row->before : row->after;
}

/* Whether an update sets this column: of keys only those that change. */
static bool is_set(const struct bound_table *table, const struct rnl_row *row, uint32_t column)
{
    if (!is_sent(table, row->after, column))
        return false;
    return !in_key(table, column) ||
           (row->before && !cascade_same(&row->before[column], &row->after[column]));
}

/* --- the texts ------------------------------------------------------------------------ */

/* " WHERE" and the row: numbers of parameters go on from at. */
static void where_add(struct buf *sql, const struct bound_table *table,
                      const struct rnl_value *values, int at)
{
    const char *joint = " WHERE ";

    for (uint32_t i = 0; i < table->nkey; i++, at++, joint = " AND ") {
        const struct bound_column *column = &table->columns[table->key[i]];

        buf_puts(sql, joint);
        buf_name(sql, column->name);
        buf_printf(sql, " IS ?%d", at);
        if (!column->exact)
            continue;
        buf_puts(sql, " AND ");
        buf_name(sql, column->name);
        buf_printf(sql, " IS ?%d COLLATE BINARY", at);
    }
    if (table->nkey)
        return;
    buf_printf(sql, " WHERE %s = (SELECT %s FROM ", table->rowid, table->rowid);
    buf_name(sql, table->name);
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!is_sent(table, values, i))
            continue;
        buf_puts(sql, joint);
        buf_name(sql, table->columns[i].name);
        buf_printf(sql, " IS ?%d COLLATE BINARY", at++);
        joint = " AND ";
    }
    buf_puts(sql, " LIMIT 1)");
}

static void insert_add(struct buf *sql, const struct bound_table *table, const struct rnl_row *row,
                       bool replace)
{
    struct buf marks = {0};
    int at = 1;

    buf_puts(sql, replace ? "INSERT OR REPLACE INTO " : "INSERT OR ABORT INTO ");
    buf_name(sql, table->name);
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!is_sent(table, row->after, i))
            continue;
        buf_puts(sql, at > 1 ? ", " : " (");
        buf_name(sql, table->columns[i].name);
        buf_printf(&marks, at > 1 ? ", ?%d" : "?%d", at);
        at++;
    }
    if (at > 1)
        buf_printf(sql, ") VALUES (%s)", buf_text(&marks) ? marks.ptr : "");
    else
        buf_puts(sql, " DEFAULT VALUES");
    sql->failed = sql->failed || marks.failed;
    buf_free(&marks);
}

static void update_add(struct buf *sql, const struct bound_table *table, const struct rnl_row *row,
                       bool replace)
{
    int at = 1;

    buf_puts(sql, replace ? "UPDATE OR REPLACE " : "UPDATE OR ABORT ");
    buf_name(sql, table->name);
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!is_set(table, row, i))
            continue;
        buf_puts(sql, at > 1 ? ", " : " SET ");
        buf_name(sql, table->columns[i].name);
        buf_printf(sql, " = ?%d", at++);
    }
    if (at == 1) { /* it is only to be there */
        const char *name = table->columns[table->nkey ? table->key[0] : 0].name;

        buf_puts(sql, " SET ");
        buf_name(sql, name);
        buf_puts(sql, " = ");
        buf_name(sql, name);
    }
    where_add(sql, table, row_sought(row), at);
}

void change_sql(struct buf *sql, const struct bound_table *table, enum change_kind kind,
                const struct rnl_row *row, bool replace)
{
    switch (kind) {
    case CHANGE_INSERT:
        insert_add(sql, table, row, replace);
        break;
    case CHANGE_UPDATE:
        update_add(sql, table, row, replace);
        break;
    case CHANGE_DELETE:
        buf_puts(sql, "DELETE FROM ");
        buf_name(sql, table->name);
        where_add(sql, table, row_sought(row), 1);
        break;
    }
}

/* --- the values ------------------------------------------------------------------------- */

static int sought_missing(const struct bound_table *table, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_DATA, "sink.row_unknown",
             "a change of %s.%s doesn't tell which row it is about", table->source->schema,
             table->source->name);
    rnl_hint(err, "the source should log whole rows: binlog_row_image = FULL in MySQL and MariaDB, "
                  "REPLICA IDENTITY in PostgreSQL");
    return err->status;
}

static int where_bind(struct writer *w, const struct bound_table *table,
                      const struct rnl_value *values, sqlite3_stmt *stmt, int at,
                      struct rnl_error *err)
{
    int status = RNL_OK, first = at;

    for (uint32_t i = 0; status == RNL_OK && i < table->nkey; i++) {
        uint32_t column = table->key[i];

        status =
            values[column].type == RNL_T_UNCHANGED
                ? sought_missing(table, err)
                : value_bind(w->sink, table, column, &values[column], stmt, at++, &w->scratch, err);
    }
    if (table->nkey)
        return status;
    for (uint32_t i = 0; status == RNL_OK && i < table->source->ncolumns; i++)
        if (is_sent(table, values, i))
            status = value_bind(w->sink, table, i, &values[i], stmt, at++, &w->scratch, err);
    return status == RNL_OK && at == first ? sought_missing(table, err) : status;
}

int change_bind(struct writer *w, const struct bound_table *table, enum change_kind kind,
                const struct rnl_row *row, sqlite3_stmt *stmt, struct rnl_error *err)
{
    int status = RNL_OK, at = 1;

    for (uint32_t i = 0; status == RNL_OK && kind != CHANGE_DELETE && i < table->source->ncolumns;
         i++)
        if (kind == CHANGE_UPDATE ? is_set(table, row, i) : is_sent(table, row->after, i))
            status = value_bind(w->sink, table, i, &row->after[i], stmt, at++, &w->scratch, err);
    if (status == RNL_OK && kind != CHANGE_INSERT)
        status = where_bind(w, table, row_sought(row), stmt, at, err);
    return status;
}
