/* Cuts a table into units of about the same number of rows, by its rowid or primary key. */
#include "source.h"

#define HEAVY_ROW_BYTES (INT64_C(1) << 20)

/* "SELECT key FROM t [WHERE key > (?, …)] ORDER BY key LIMIT 1 OFFSET ?" */
static int step_prepare(struct source *source, const struct rnl_table *table,
                        const struct table_info *info, bool first, sqlite3_stmt **stmt,
                        struct rnl_error *err)
{
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "SELECT ");
    key_names(&sql, info);
    buf_puts(&sql, " FROM ");
    buf_name(&sql, table->name);
    if (!first) {
        buf_puts(&sql, " WHERE (");
        key_names(&sql, info);
        buf_puts(&sql, ") >= (");
        for (uint32_t i = 0; i < key_count(info); i++)
            buf_puts(&sql, i ? ", ?" : "?");
        buf_puts(&sql, ")");
    }
    buf_puts(&sql, " ORDER BY ");
    key_names(&sql, info);
    buf_puts(&sql, " LIMIT 1 OFFSET ?");
    status = buf_text(&sql) ? sq_prepare(source->control, sql.ptr, "cut the table", stmt, err)
                            : error_memory(err);
    buf_free(&sql);
    return status;
}

/* The key of the row that stands `rows` behind *from; RNL_DONE: there are no more. */
static int step_on(struct source *source, const struct rnl_table *table,
                   const struct table_info *info, int64_t rows, const struct buf *from,
                   struct buf *to, struct rnl_error *err)
{
    uint32_t count = key_count(info);
    struct rnl_slice key = {from->ptr, from->len};
    sqlite3_stmt *stmt;
    int status = step_prepare(source, table, info, from->len == 0, &stmt, err);

    if (status != RNL_OK)
        return status;
    if (key.len)
        status = key_bind(source, key, stmt, 1, count, table->name, err);
    if (status == RNL_OK) {
        sqlite3_bind_int64(stmt, key.len ? (int)count + 1 : 1, rows);
        status = sq_step(stmt, "cut the table", err);
    }
    if (status == RNL_OK) {
        key_put(to, source, stmt, 0, count);
        if (to->failed)
            status = error_memory(err);
    }
    sqlite3_finalize(stmt);
    return status;
}

int source_plan(void *self, const struct rnl_catalog *catalog, uint32_t index, int64_t chunk_bytes,
                struct rnl_plan *plan, struct rnl_error *err)
{
    struct source *source = self;
    const struct rnl_host *host = source->base.ctx->host;
    const struct rnl_table *table = host->table_at(catalog, index);
    const struct table_info *info = table->query ? NULL : info_find(source, table->name);
    struct rnl_unit unit = {
        .size = sizeof(unit),
        .kind = RNL_UNIT_CHUNK,
        .table = index,
        .rows = table->rows,
        .bytes = table->bytes,
    };
    int64_t parts = chunk_bytes > 0 ? (table->bytes + chunk_bytes - 1) / chunk_bytes : 1, rows;
    struct buf from = {0}, to = {0};
    int status = RNL_OK;

    if (table->rows > 0 && table->bytes / table->rows >= HEAVY_ROW_BYTES)
        unit.flags |= RNL_UNIT_HEAVY;
    if (parts < 2 || !key_count(info) || table->rows < 2)
        return host->unit_add(plan, &unit, err);
    rows = (table->rows + parts - 1) / parts;
    unit.rows = rows;
    unit.bytes = table->bytes / parts;
    while (status == RNL_OK) {
        buf_clear(&to);
        status = step_on(source, table, info, rows, &from, &to, err);
        if (status < 0)
            break;
        unit.from = (struct rnl_slice){from.ptr, from.len};
        unit.to = (struct rnl_slice){to.ptr, status == RNL_OK ? to.len : 0};
        if (host->unit_add(plan, &unit, err) != RNL_OK)
            status = err->status;
        buf_clear(&from);
        buf_add(&from, to.ptr, to.len);
    }
    buf_free(&from);
    buf_free(&to);
    return status < 0 ? status : RNL_OK;
}
