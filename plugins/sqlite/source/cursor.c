/* Reads the rows of one unit in the order of rowid or primary key, and marks where to go on. */
#include "source.h"

#include <time.h>

struct cursor {
    struct source *source;
    const struct rnl_table *table;
    uint32_t table_index;
    const struct table_info *info;
    sqlite3_stmt *stmt;
    uint32_t ncolumns; /* read for the host; those of the key stand behind them */
    const struct rnl_column **columns;
    struct rnl_value *values;
    size_t *offsets; /* of values in scratch */
    struct buf scratch, key;
    bool ended;
};

void source_cursor_close(void *self)
{
    struct cursor *cursor = self;

    sqlite3_finalize(cursor->stmt);
    buf_free(&cursor->scratch);
    buf_free(&cursor->key);
    free(cursor->columns);
    free(cursor->values);
    free(cursor->offsets);
    free(cursor);
}

static void condition(struct buf *sql, const struct cursor *cursor, const char *sign, bool *any)
{
    buf_puts(sql, *any ? " AND (" : " WHERE (");
    key_names(sql, cursor->info);
    buf_printf(sql, ") %s (", sign);
    for (uint32_t i = 0; i < key_count(cursor->info); i++)
        buf_puts(sql, i ? ", ?" : "?");
    buf_puts(sql, ")");
    *any = true;
}

static void select_make(struct buf *sql, const struct cursor *cursor, const struct rnl_unit *unit)
{
    bool any = cursor->table->where != NULL;

    buf_puts(sql, "SELECT ");
    for (uint32_t i = 0; i < cursor->ncolumns; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, cursor->columns[i]->name);
    }
    if (cursor->ncolumns == 0)
        buf_puts(sql, "NULL");
    if (cursor->info && key_count(cursor->info)) {
        buf_puts(sql, ", ");
        key_names(sql, cursor->info);
    }
    buf_puts(sql, " FROM ");
    if (cursor->table->query)
        buf_printf(sql, "(%s)", cursor->table->query);
    else
        buf_name(sql, cursor->table->name);
    if (any)
        buf_printf(sql, " WHERE (%s)", cursor->table->where);
    if (unit->position.len)
        condition(sql, cursor, ">", &any);
    else if (unit->from.len)
        condition(sql, cursor, ">=", &any);
    if (unit->to.len)
        condition(sql, cursor, "<", &any);
    if (cursor->info && key_count(cursor->info)) {
        buf_puts(sql, " ORDER BY ");
        key_names(sql, cursor->info);
    }
}

static int bind_ends(struct cursor *cursor, const struct rnl_unit *unit, struct rnl_error *err)
{
    uint32_t count = key_count(cursor->info);
    struct rnl_slice from = unit->position.len ? unit->position : unit->from;
    int next = 1, status = RNL_OK;

    if (from.len) {
        status =
            key_bind(cursor->source, from, cursor->stmt, next, count, cursor->table->name, err);
        next += (int)count;
    }
    if (status == RNL_OK && unit->to.len)
        status =
            key_bind(cursor->source, unit->to, cursor->stmt, next, count, cursor->table->name, err);
    return status;
}

static bool columns_choose(struct cursor *cursor, const struct rnl_unit *unit)
{
    cursor->ncolumns = unit->columns ? unit->ncolumns : cursor->table->ncolumns;
    cursor->columns = calloc(cursor->ncolumns + 1, sizeof(*cursor->columns));
    cursor->values = calloc(cursor->ncolumns + 1, sizeof(*cursor->values));
    cursor->offsets = calloc(cursor->ncolumns + 1, sizeof(*cursor->offsets));
    if (!cursor->columns || !cursor->values || !cursor->offsets)
        return false;
    for (uint32_t i = 0; i < cursor->ncolumns; i++)
        cursor->columns[i] = COLUMN(cursor->table, unit->columns ? unit->columns[i] : i);
    return true;
}

int source_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **out, struct rnl_error *err)
{
    struct source *source = self;
    struct cursor *cursor = calloc(1, sizeof(*cursor));
    struct buf sql = {0};
    int status;

    if (!cursor)
        return error_memory(err);
    cursor->source = source;
    cursor->table_index = unit->table;
    cursor->table = source->base.ctx->host->table_at(catalog, unit->table);
    cursor->info = cursor->table->query ? NULL : info_find(source, cursor->table->name);
    if (columns_choose(cursor, unit))
        select_make(&sql, cursor, unit);
    else
        sql.failed = true;
    status = buf_text(&sql)
                 ? sq_prepare(source->lanes[lane], sql.ptr, cursor->table->name, &cursor->stmt, err)
                 : error_memory(err);
    buf_free(&sql);
    if (status == RNL_OK)
        status = bind_ends(cursor, unit, err);
    if (status != RNL_OK) {
        source_cursor_close(cursor);
        return status;
    }
    *out = cursor;
    return RNL_OK;
}

static int row_add(struct cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    struct rnl_row row = {
        .size = sizeof(row),
        .table = cursor->table_index,
        .op = RNL_INSERT,
        .nvalues = (uint16_t)cursor->ncolumns,
        .after = cursor->values,
    };

    buf_clear(&cursor->scratch);
    for (uint32_t i = 0; i < cursor->ncolumns; i++)
        if (value_read(cursor->stmt, (int)i, cursor->columns[i], &cursor->scratch,
                       &cursor->values[i], &cursor->offsets[i], err) != RNL_OK)
            return err->status;
    for (uint32_t i = 0; i < cursor->ncolumns; i++)
        if (cursor->offsets[i] != SIZE_MAX)
            cursor->values[i].ptr = cursor->scratch.ptr + cursor->offsets[i];
    return cursor->source->base.ctx->host->bundle_add(out, &row, err);
}

/* Behind the row that the statement stands on. */
static int mark(struct cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    uint32_t count = key_count(cursor->info);

    if (count == 0)
        return RNL_OK;
    buf_clear(&cursor->key);
    key_put(&cursor->key, cursor->source, cursor->stmt,
            cursor->ncolumns ? (int)cursor->ncolumns : 1, count);
    if (cursor->key.failed)
        return error_memory(err);
    return cursor->source->base.ctx->host->bundle_mark(
        out, (struct rnl_slice){cursor->key.ptr, cursor->key.len}, err);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int source_cursor_read(void *self, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    struct cursor *cursor = self;
    const struct rnl_host *host = cursor->source->base.ctx->host;
    int64_t until_ms = now_ms() + timeout_ms;
    int status = RNL_OK;

    while (!cursor->ended && !host->bundle_full(out)) {
        status = sq_step(cursor->stmt, cursor->table->name, err);
        if (status == RNL_DONE) {
            cursor->ended = true;
            return RNL_DONE;
        }
        if (status == RNL_OK)
            status = row_add(cursor, out, err);
        if (status != RNL_OK)
            return status;
        if (host->bundle_full(out) || now_ms() >= until_ms)
            return mark(cursor, out, err);
    }
    return cursor->ended ? RNL_DONE : RNL_OK;
}
