/* Mends single rows that verification found to differ. */
#include "sink.h"

static int refuse_keyless(const struct bound_table *table, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "sink.no_key", "the table \"%s\" has no key to find single rows by",
             table->name);
    rnl_hint(err, "load the table again with write_mode truncate_and_load");
    return err->status;
}

/* WHERE "a" IS ? AND … */
static void add_key(const struct bound_table *table, struct buf *sql)
{
    for (uint32_t i = 0; i < table->nkey; i++) {
        buf_puts(sql, i ? " AND " : " WHERE ");
        buf_name(sql, table->columns[table->key[i]].name);
        buf_puts(sql, " IS ?");
    }
}

static int bind_key(struct writer *w, const struct bound_table *table,
                    const struct rnl_value *values, sqlite3_stmt *stmt, int at,
                    struct rnl_error *err)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < table->nkey; i++)
        status = value_bind(w->sink, table, table->key[i], &values[table->key[i]], stmt, at++,
                            &w->scratch, err);
    return status;
}

static int prepare(struct writer *w, const struct bound_table *table, struct buf *sql,
                   sqlite3_stmt **stmt, struct rnl_error *err)
{
    int status = table->nkey ? writer_begin(w, err) : refuse_keyless(table, err);

    *stmt = NULL;
    if (status == RNL_OK)
        status = buf_text(sql) ? sq_prepare(w->sink->write, sql->ptr, "mend a row", stmt, err)
                               : error_memory(err);
    buf_free(sql);
    return status;
}

static int run(struct writer *w, const struct bound_table *table, sqlite3_stmt *stmt,
               struct rnl_error *err)
{
    int rc = sqlite3_step(stmt);

    return rc == SQLITE_DONE ? RNL_OK : error_row(w->sink->write, rc, table, err);
}

static bool is_in_key(const struct bound_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

int repair_update(struct writer *w, const struct bound_table *table, const struct rnl_row *row,
                  struct rnl_error *err)
{
    struct buf sql = {0};
    sqlite3_stmt *stmt;
    int status, at = 1;
    bool any = false;

    buf_puts(&sql, "UPDATE OR ABORT ");
    buf_name(&sql, table->name);
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!table->columns[i].written || is_in_key(table, i))
            continue;
        buf_puts(&sql, any ? ", " : " SET ");
        buf_name(&sql, table->columns[i].name);
        buf_puts(&sql, " = ?");
        any = true;
    }
    if (!any) { /* nothing but a key: there is nothing to set */
        buf_puts(&sql, " SET ");
        buf_name(&sql, table->columns[table->nkey ? table->key[0] : 0].name);
        buf_puts(&sql, " = ");
        buf_name(&sql, table->columns[table->nkey ? table->key[0] : 0].name);
    }
    add_key(table, &sql);
    status = prepare(w, table, &sql, &stmt, err);
    for (uint32_t i = 0; status == RNL_OK && i < table->source->ncolumns; i++)
        if (table->columns[i].written && !is_in_key(table, i))
            status = value_bind(w->sink, table, i, &row->after[i], stmt, at++, &w->scratch, err);
    if (status == RNL_OK)
        status = bind_key(w, table, row->after, stmt, at, err);
    if (status == RNL_OK)
        status = run(w, table, stmt, err);
    if (status == RNL_OK && sqlite3_changes(w->sink->write) != 1)
        status = rnl_fail(err, RNL_E_DATA, "sink.no_such_row",
                          "the row to be mended is not in \"%s\" any more", table->name);
    sqlite3_finalize(stmt);
    return status;
}

int sink_writer_remove(void *writer, const struct rnl_row *row, struct rnl_error *err)
{
    struct writer *w = writer;
    const struct bound_table *table = bound_find(w->sink, row->table, err);
    const struct rnl_value *values = row->after ? row->after : row->before;
    struct buf sql = {0};
    sqlite3_stmt *stmt;
    int status;

    if (!table)
        return err->status;
    if (!values || row->nvalues != table->source->ncolumns)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a row for \"%s\" has %u values, its table %u columns", table->name,
                        row->nvalues, table->source->ncolumns);
    buf_puts(&sql, "DELETE FROM ");
    buf_name(&sql, table->name);
    add_key(table, &sql);
    status = prepare(w, table, &sql, &stmt, err);
    if (status == RNL_OK)
        status = bind_key(w, table, values, stmt, 1, err);
    if (status == RNL_OK)
        status = run(w, table, stmt, err);
    sqlite3_finalize(stmt);
    return status;
}
