/* Reads the file's rows back, for verification. */
#include "sink.h"

#include <inttypes.h>
#include <stdint.h>

struct reader {
    struct writer *writer;
    const struct bound_table *table;
    uint32_t index; /* of the table in the catalog */
    uint32_t ncolumns;
    uint32_t *columns;
    struct rnl_value *values;
    size_t *offsets;
    struct buf scratch;
    sqlite3_stmt *stmt;
    bool ended;
};

/* The first, the last and the number of rowids. */
static int measure(struct sink *sink, const struct bound_table *table, int64_t *first,
                   int64_t *last, int64_t *rows, struct rnl_error *err)
{
    struct buf sql = {0};
    sqlite3_stmt *stmt;
    int status;

    *first = *last = *rows = 0;
    buf_printf(&sql, "SELECT (SELECT min(%s) FROM ", table->rowid);
    buf_name(&sql, table->name);
    buf_printf(&sql, "), (SELECT max(%s) FROM ", table->rowid);
    buf_name(&sql, table->name);
    buf_puts(&sql, "), (SELECT count(*) FROM ");
    buf_name(&sql, table->name);
    buf_byte(&sql, ')');
    status = buf_text(&sql) ? sq_prepare(sink->control, sql.ptr, "measure a table", &stmt, err)
                            : error_memory(err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    status = sq_step(stmt, "measure a table", err);
    *first = sqlite3_column_int64(stmt, 0);
    *last = sqlite3_column_int64(stmt, 1);
    *rows = sqlite3_column_int64(stmt, 2);
    sqlite3_finalize(stmt);
    return status;
}

static int add_unit(struct sink *sink, struct rnl_plan *plan, struct rnl_unit *unit, int64_t from,
                    bool first, int64_t to, bool last, struct rnl_error *err)
{
    char texts[2][24];

    snprintf(texts[0], sizeof(texts[0]), "%" PRId64, from);
    snprintf(texts[1], sizeof(texts[1]), "%" PRId64, to);
    unit->from = (struct rnl_slice){texts[0], first ? 0 : strlen(texts[0])};
    unit->to = (struct rnl_slice){texts[1], last ? 0 : strlen(texts[1])};
    return sink->host->unit_add(plan, unit, err);
}

int sink_read_plan(void *self, const struct rnl_catalog *catalog, uint32_t index,
                   int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err)
{
    struct sink *sink = self;
    const struct bound_table *table = bound_find(sink, index, err);
    struct rnl_unit unit = {
        .size = sizeof(unit), .kind = RNL_UNIT_CHUNK, .table = index, .rows = -1, .bytes = -1};
    int64_t first, last, rows, bytes, count, at;
    uint64_t step;
    int status;

    (void)catalog;
    if (!table)
        return err->status;
    if (!table->rowid)
        return sink->host->unit_add(plan, &unit, err);
    status = measure(sink, table, &first, &last, &rows, err);
    if (status != RNL_OK)
        return status;
    bytes = table->source->bytes > 0 ? table->source->bytes : rows * 100;
    if (rows > 0 && bytes / rows >= 1 << 20)
        unit.flags |= RNL_UNIT_HEAVY;
    count = chunk_bytes > 0 ? bytes / chunk_bytes + 1 : 1;
    if (count > rows)
        count = rows > 0 ? rows : 1;
    step = ((uint64_t)last - (uint64_t)first) / (uint64_t)count + 1;
    unit.bytes = bytes / count;
    unit.rows = rows / count;
    at = first;
    for (int64_t i = 0; status == RNL_OK && i < count; i++) {
        uint64_t left = (uint64_t)last - (uint64_t)at;
        bool end = i + 1 == count || left < step;
        int64_t next = (int64_t)((uint64_t)at + step);

        status = add_unit(sink, plan, &unit, at, i == 0, next, end, err);
        if (end)
            break;
        at = next;
    }
    return status;
}

/* A rowid that came as bytes of a unit. */
static bool rowid_of(struct rnl_slice slice, int64_t *rowid)
{
    char text[24], *end;

    if (slice.len == 0 || slice.len >= sizeof(text))
        return false;
    memcpy(text, slice.ptr, slice.len);
    text[slice.len] = '\0';
    *rowid = strtoll(text, &end, 10);
    return *end == '\0';
}

static int begin_reading(struct writer *w, struct rnl_error *err)
{
    int status = RNL_OK;

    if (w->mode == WRITER_WRITING)
        return rnl_fail(err, RNL_E_FATAL, "sink.order",
                        "rows are to be read while others are not committed yet");
    if (atomic_load(&w->sink->interrupted))
        return error_interrupted(err);
    if (!w->read)
        status = base_open(&w->sink->base, false, &w->read, err);
    if (status == RNL_OK && w->mode == WRITER_IDLE)
        status = sq_run(w->read, "BEGIN", "begin to read", err);
    if (status == RNL_OK)
        w->mode = WRITER_READING;
    return status;
}

static int choose_columns(struct reader *r, const struct rnl_unit *unit, struct rnl_error *err)
{
    uint32_t all = r->table->source->ncolumns;

    r->ncolumns = unit->columns ? unit->ncolumns : all;
    r->columns = calloc(r->ncolumns + (size_t)1, sizeof(*r->columns));
    r->values = calloc(r->ncolumns + (size_t)1, sizeof(*r->values));
    r->offsets = calloc(r->ncolumns + (size_t)1, sizeof(*r->offsets));
    if (!r->columns || !r->values || !r->offsets)
        return error_memory(err);
    for (uint32_t i = 0; i < r->ncolumns; i++) {
        r->columns[i] = unit->columns ? unit->columns[i] : i;
        if (r->columns[i] >= all)
            return rnl_fail(err, RNL_E_FATAL, "sink.column", "column %u of \"%s\" is to be read",
                            r->columns[i], r->table->name);
    }
    return RNL_OK;
}

static int start(struct reader *r, const struct rnl_unit *unit, struct rnl_error *err)
{
    struct buf sql = {0};
    int64_t from = 0, to = 0;
    bool has_from = rowid_of(unit->from, &from), has_to = rowid_of(unit->to, &to);
    int status;

    buf_puts(&sql, "SELECT ");
    for (uint32_t i = 0; i < r->ncolumns; i++) {
        buf_puts(&sql, i ? ", " : "");
        buf_name(&sql, r->table->columns[r->columns[i]].name);
    }
    buf_puts(&sql, r->ncolumns ? " FROM " : "1 FROM ");
    buf_name(&sql, r->table->name);
    if (has_from && r->table->rowid)
        buf_printf(&sql, " WHERE %s >= %" PRId64, r->table->rowid, from);
    if (has_to && r->table->rowid)
        buf_printf(&sql, " %s %s < %" PRId64, has_from ? "AND" : "WHERE", r->table->rowid, to);
    status = buf_text(&sql) ? sq_prepare(r->writer->read, sql.ptr, "read rows", &r->stmt, err)
                            : error_memory(err);
    buf_free(&sql);
    return status;
}

void sink_read_close(void *cursor)
{
    struct reader *r = cursor;

    if (!r)
        return;
    sqlite3_finalize(r->stmt);
    /* who reads holds the file: a repair may be waiting to write, and to change its journal */
    if (r->writer->mode == WRITER_READING) {
        sqlite3_exec(r->writer->read, "ROLLBACK", NULL, NULL, NULL);
        r->writer->mode = WRITER_IDLE;
    }
    free(r->columns);
    free(r->values);
    free(r->offsets);
    buf_free(&r->scratch);
    free(r);
}

int sink_read_open(void *writer, const struct rnl_unit *unit, void **cursor, struct rnl_error *err)
{
    struct writer *w = writer;
    const struct bound_table *table = bound_find(w->sink, unit->table, err);
    struct reader *r;
    int status;

    if (!table)
        return err->status;
    r = calloc(1, sizeof(*r));
    if (!r)
        return error_memory(err);
    r->writer = w;
    r->table = table;
    r->index = unit->table;
    status = choose_columns(r, unit, err);
    if (status == RNL_OK)
        status = begin_reading(w, err);
    if (status == RNL_OK)
        status = start(r, unit, err);
    if (status != RNL_OK) {
        sink_read_close(r);
        return status;
    }
    *cursor = r;
    return RNL_OK;
}

static int add_row(struct reader *r, struct rnl_bundle *out, struct rnl_error *err)
{
    struct rnl_row row = {.size = sizeof(row), .table = r->index, .op = RNL_INSERT};

    buf_clear(&r->scratch);
    for (uint32_t i = 0; i < r->ncolumns; i++)
        value_decode(r->table, r->columns[i], r->stmt, (int)i, &r->scratch, &r->offsets[i],
                     &r->values[i]);
    if (r->scratch.failed)
        return error_memory(err);
    for (uint32_t i = 0; i < r->ncolumns; i++)
        if (r->offsets[i] != SIZE_MAX)
            r->values[i].ptr = r->values[i].len ? r->scratch.ptr + r->offsets[i] : "";
    row.nvalues = (uint16_t)r->ncolumns;
    row.after = r->values;
    return r->writer->sink->host->bundle_add(out, &row, err);
}

int sink_read_next(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    struct reader *r = cursor;
    const struct rnl_host *host = r->writer->sink->host;
    int status;

    (void)timeout_ms; /* a file is never silent */
    if (r->ended)
        return RNL_DONE;
    for (;;) {
        if (atomic_load_explicit(&r->writer->sink->interrupted, memory_order_relaxed))
            return error_interrupted(err);
        status = sq_step(r->stmt, "read rows", err);
        if (status == RNL_DONE)
            r->ended = true;
        if (status != RNL_OK)
            return status;
        status = add_row(r, out, err);
        if (status != RNL_OK || host->bundle_full(out))
            return status;
    }
}

static int expect_room(struct writer *w, uint32_t count, struct rnl_error *err)
{
    struct rnl_value *values;
    size_t *offsets;

    if (count <= w->expect_room)
        return RNL_OK;
    values = realloc(w->expect_values, count * sizeof(*values));
    if (values)
        w->expect_values = values;
    offsets = realloc(w->expect_offsets, count * sizeof(*offsets));
    if (offsets)
        w->expect_offsets = offsets;
    if (!values || !offsets)
        return error_memory(err);
    w->expect_room = count;
    return RNL_OK;
}

int sink_expect(void *writer, const struct rnl_row *row, struct rnl_row *out, struct rnl_error *err)
{
    struct writer *w = writer;
    const struct bound_table *table = bound_find(w->sink, row->table, err);
    uint32_t count = row->nvalues;
    int status;

    if (!table)
        return err->status;
    if (!row->after || count != table->source->ncolumns)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a row for \"%s\" has %u values, its table %u columns", table->name,
                        row->nvalues, table->source->ncolumns);
    status = expect_room(w, count, err);
    buf_clear(&w->expect_text);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = value_expect(w->sink, table, i, &row->after[i], &w->expect_text,
                              &w->expect_offsets[i], &w->expect_values[i], err);
    if (status != RNL_OK)
        return status;
    if (w->expect_text.failed)
        return error_memory(err);
    for (uint32_t i = 0; i < count; i++)
        if (w->expect_offsets[i] != SIZE_MAX)
            w->expect_values[i].ptr =
                w->expect_values[i].len ? w->expect_text.ptr + w->expect_offsets[i] : "";
    *out = *row;
    out->after = w->expect_values;
    out->before = NULL;
    return RNL_OK;
}
