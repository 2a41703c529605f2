/* Reads the target's rows back, for verification: all lanes see one snapshot. */
#include "convert.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#define TEXT_OID 25
#define VARCHAR_OID 1043
#define KEY_MOST 16

struct reader {
    struct pg_writer *writer;
    const struct bound_table *table;
    uint32_t index; /* of the table in the catalog */
    uint32_t ncolumns;
    const struct bound_column **columns;
    struct decoded *decoded;
    struct rnl_value *values;
    struct buf scratch;
    bool started; /* the header of the COPY is behind us */
    bool ended;
};

void read_forget_view(struct pg_sink *sink)
{
    pthread_mutex_lock(&sink->view_lock);
    sink->view_number++;
    pthread_mutex_unlock(&sink->view_lock);
}

void sink_read_anew(void *self)
{
    read_forget_view(self);
}

/* Under view_lock: a transaction of its own keeps the snapshot alive for the lanes. */
static int make_view(struct pg_sink *sink, struct rnl_error *err)
{
    PGresult *result;
    int status = RNL_OK;

    if (sink->viewer && sink->viewer_number == sink->view_number)
        return RNL_OK;
    if (!sink->viewer)
        status = conn_open(&sink->server, &sink->viewer, err);
    if (status == RNL_OK)
        status =
            conn_exec(sink->viewer, "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                      "begin to read", err);
    if (status == RNL_OK)
        status = conn_query(sink->viewer, "SELECT pg_export_snapshot()", 0, NULL,
                            "export a snapshot", &result, err);
    if (status != RNL_OK)
        return status;
    snprintf(sink->view, sizeof(sink->view), "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    sink->viewer_number = sink->view_number;
    return RNL_OK;
}

static int enter_view(struct pg_writer *w, const char *view, struct rnl_error *err)
{
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ");
    buf_literal(&sql, view);
    status = buf_text(&sql) ? conn_exec(w->conn, sql.ptr, "read the shared snapshot", err)
                            : error_memory(err);
    buf_free(&sql);
    return status;
}

static int begin_reading(struct pg_writer *w, struct rnl_error *err)
{
    struct pg_sink *sink = w->sink;
    int status;

    if (w->mode == WRITER_WRITING)
        return rnl_fail(err, RNL_E_FATAL, "sink.order",
                        "rows are to be read while others are not committed yet");
    pthread_mutex_lock(&sink->view_lock);
    status = make_view(sink, err);
    if (status == RNL_OK && w->mode == WRITER_READING && w->view_number != sink->view_number) {
        w->mode = WRITER_IDLE;
        status = conn_exec(w->conn, "ROLLBACK", "end a reading transaction", err);
    }
    if (status == RNL_OK && w->mode == WRITER_IDLE) {
        status = enter_view(w, sink->view, err);
        if (status == RNL_OK) {
            w->mode = WRITER_READING;
            w->view_number = sink->view_number;
        } else {
            PQclear(PQexec(w->conn->pg, "ROLLBACK"));
        }
    }
    pthread_mutex_unlock(&sink->view_lock);
    return status;
}

/* How large a table is: its pages, and bytes with all that lies out of line. */
static int measure(struct pg_sink *sink, const struct bound_table *table, int64_t *pages,
                   int64_t *bytes, int64_t *rows, struct rnl_error *err)
{
    const char *params[] = {table->qualified};
    PGresult *result;
    int status = conn_query(sink->control,
                            "SELECT pg_relation_size(c.oid) /"
                            " current_setting('block_size')::bigint, pg_table_size(c.oid),"
                            " c.reltuples::bigint FROM pg_class c WHERE c.oid = $1::regclass",
                            1, params, "measure a table", &result, err);

    if (status != RNL_OK)
        return status;
    *pages = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    *bytes = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
    *rows = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    PQclear(result);
    return RNL_OK;
}

static int add_unit(struct pg_sink *sink, struct rnl_plan *plan, struct rnl_unit *unit,
                    int64_t first, int64_t next, bool last, struct rnl_error *err)
{
    char from[24], to[24];

    snprintf(from, sizeof(from), "%" PRId64, first);
    snprintf(to, sizeof(to), "%" PRId64, next);
    unit->from = (struct rnl_slice){from, first ? strlen(from) : 0};
    unit->to = (struct rnl_slice){to, last ? 0 : strlen(to)};
    return sink->host->unit_add(plan, unit, err);
}

int sink_read_plan(void *self, const struct rnl_catalog *catalog, uint32_t index,
                   int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    const struct bound_table *table = bound_find(sink, index, err);
    struct rnl_unit unit = {
        .size = sizeof(unit), .kind = RNL_UNIT_CHUNK, .table = index, .rows = -1, .bytes = -1};
    int64_t pages, bytes, rows, step, count;
    int status;

    (void)catalog;
    if (!table)
        return err->status;
    status = measure(sink, table, &pages, &bytes, &rows, err);
    if (status != RNL_OK)
        return status;
    if (rows > 0 && bytes / rows >= 1 << 20)
        unit.flags |= RNL_UNIT_HEAVY;
    count = chunk_bytes > 0 ? bytes / chunk_bytes + 1 : 1;
    if (sink->server.version < 140000 || !table->pages || pages < count)
        count = 1; /* older servers would read the whole table for each range of pages */
    step = pages / count + 1;
    unit.bytes = bytes / count;
    unit.rows = rows >= 0 ? rows / count : -1;
    for (int64_t first = 0; status == RNL_OK; first += step) {
        bool last = count == 1 || first + step >= pages;

        status = add_unit(sink, plan, &unit, first, first + step, last, err);
        if (last)
            break;
    }
    return status;
}

/* A page number that came as bytes of a unit; empty: open. */
static bool page_of(struct rnl_slice slice, int64_t *page)
{
    char text[24], *end;

    *page = -1;
    if (slice.len == 0)
        return true;
    if (slice.len >= sizeof(text))
        return false;
    memcpy(text, slice.ptr, slice.len);
    text[slice.len] = '\0';
    *page = strtoll(text, &end, 10);
    return *end == '\0' && *page >= 0;
}

bool sink_reads_keys(void *self, uint32_t index, const uint32_t *key, uint32_t nkey)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* no table, no keys */
    const struct bound_table *table = bound_find(self, index, &unheard);

    for (uint32_t k = 0; table && k < nkey; k++)
        switch (table->columns[key[k]].kind) {
        case PG_INT2:
        case PG_INT4:
        case PG_INT8:
        case PG_NUMERIC:
        case PG_UUID:
            break;
        case PG_TEXT: /* another's literal needn't be one of an enum */
            if (table->columns[key[k]].type != TEXT_OID &&
                table->columns[key[k]].type != VARCHAR_OID)
                return false;
            break;
        default:
            return false;
        }
    return table && nkey > 0 && nkey <= KEY_MOST;
}

static bool add_keys(const struct reader *r, const struct rnl_unit *unit, struct buf *sql)
{
    const char *names[KEY_MOST];

    if (unit->nkey > KEY_MOST)
        return false;
    for (uint32_t k = 0; k < unit->nkey; k++) {
        if (unit->key[k] >= r->table->source->ncolumns)
            return false;
        names[k] = r->table->columns[unit->key[k]].name;
    }
    return keys_sql(unit, names, sql);
}

static bool make_query(const struct reader *r, const struct rnl_unit *unit, struct buf *sql)
{
    int64_t from, to;

    if (!page_of(unit->from, &from) || !page_of(unit->to, &to))
        return false;
    buf_puts(sql, "COPY (SELECT ");
    for (uint32_t i = 0; i < r->ncolumns; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_puts(sql, r->columns[i]->read_by);
        buf_name(sql, r->columns[i]->name);
        buf_puts(sql, r->columns[i]->read_as);
    }
    buf_printf(sql, " FROM %s%s", r->table->pages ? "ONLY " : "", r->table->qualified);
    if (from >= 0)
        buf_printf(sql, " WHERE ctid >= '(%" PRId64 ",0)'::tid", from);
    if (to >= 0)
        buf_printf(sql, " %s ctid < '(%" PRId64 ",0)'::tid", from >= 0 ? "AND" : "WHERE", to);
    if (by_keys(unit)) {
        buf_puts(sql, from >= 0 || to >= 0 ? " AND " : " WHERE ");
        if (!add_keys(r, unit, sql))
            return false;
    }
    buf_puts(sql, ") TO STDOUT (FORMAT binary)");
    return buf_text(sql) != NULL;
}

static int choose_columns(struct reader *r, const struct rnl_unit *unit, struct rnl_error *err)
{
    uint32_t all = r->table->source->ncolumns;

    r->ncolumns = unit->columns ? unit->ncolumns : all;
    r->columns = calloc(r->ncolumns + 1, sizeof(*r->columns));
    r->decoded = calloc(r->ncolumns + 1, sizeof(*r->decoded));
    r->values = calloc(r->ncolumns + 1, sizeof(*r->values));
    if (!r->columns || !r->decoded || !r->values)
        return error_memory(err);
    for (uint32_t i = 0; i < r->ncolumns; i++) {
        uint32_t column = unit->columns ? unit->columns[i] : i;

        if (column >= all)
            return rnl_fail(err, RNL_E_FATAL, "sink.column", "column %u of %s is to be read",
                            column, r->table->qualified);
        r->columns[i] = &r->table->columns[column];
    }
    return RNL_OK;
}

static int start_copy(struct reader *r, const struct rnl_unit *unit, struct rnl_error *err)
{
    struct pg_conn *conn = r->writer->conn;
    struct buf sql = {0};
    PGresult *result;
    char doing[256];
    int status = RNL_OK;

    if (!make_query(r, unit, &sql)) {
        buf_free(&sql);
        return rnl_fail(err, RNL_E_FATAL, "sink.unit", "a unit of %s can't be read",
                        r->table->qualified);
    }
    snprintf(doing, sizeof(doing), "read %.200s", r->table->qualified);
    result = PQexec(conn->pg, sql.ptr);
    if (PQresultStatus(result) != PGRES_COPY_OUT)
        status = error_result(conn, result, doing, err);
    PQclear(result);
    buf_free(&sql);
    return status;
}

static void reader_free(struct reader *r)
{
    free(r->columns);
    free(r->decoded);
    free(r->values);
    buf_free(&r->scratch);
    free(r);
}

int writer_read_open(void *writer, const struct rnl_unit *unit, void **cursor,
                     struct rnl_error *err)
{
    struct pg_writer *w = writer;
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
        status = start_copy(r, unit, err);
    if (status != RNL_OK) {
        reader_free(r);
        return status;
    }
    *cursor = r;
    return RNL_OK;
}

static int bad_data(const struct reader *r, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "postgres.protocol",
                    "the server sent rows of %s in a form that is not known", r->table->qualified);
}

static uint32_t u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* One message of the COPY: a row, or the end. The first has the header before it. */
static int decode_row(struct reader *r, const uint8_t *at, size_t len, bool *row,
                      struct rnl_error *err)
{
    const uint8_t *end = at + len;
    uint32_t count;

    *row = false;
    if (!r->started) {
        if (len < 19 || memcmp(at, "PGCOPY\n\377\r\n", 11) != 0)
            return bad_data(r, err);
        at += 19;
        r->started = true;
    }
    if (end - at < 2)
        return at == end ? RNL_OK : bad_data(r, err);
    count = (uint32_t)(at[0] << 8 | at[1]);
    at += 2;
    if (count == UINT16_MAX)
        return RNL_OK;
    if (count != r->ncolumns)
        return bad_data(r, err);
    buf_clear(&r->scratch);
    for (uint32_t i = 0; i < count; i++) {
        int32_t size;

        if (end - at < 4)
            return bad_data(r, err);
        size = (int32_t)u32_at(at);
        at += 4;
        if (size < -1 || (size > 0 && size > end - at) ||
            !decode_field(r->writer->sink->config, r->columns[i], at, size, &r->scratch,
                          &r->decoded[i]))
            return bad_data(r, err);
        at += size > 0 ? size : 0;
    }
    for (uint32_t i = 0; i < count; i++)
        r->values[i] = decode_settle(&r->decoded[i], &r->scratch);
    *row = true;
    return RNL_OK;
}

static int add_row(struct reader *r, const char *message, int len, struct rnl_bundle *out,
                   bool *added, struct rnl_error *err)
{
    struct rnl_row row = {.size = sizeof(row), .table = r->index, .op = RNL_INSERT};
    int status = decode_row(r, (const uint8_t *)message, (size_t)len, added, err);

    if (status != RNL_OK || !*added)
        return status;
    row.nvalues = (uint16_t)r->ncolumns;
    row.after = r->values;
    return r->writer->sink->host->bundle_add(out, &row, err);
}

/* The COPY is over, well or not. */
static int read_end(struct reader *r, struct rnl_error *err)
{
    PGresult *result;
    char doing[256];
    int status = RNL_DONE;

    r->ended = true;
    snprintf(doing, sizeof(doing), "read %.200s", r->table->qualified);
    while ((result = PQgetResult(r->writer->conn->pg)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK && status == RNL_DONE)
            status = error_result(r->writer->conn, result, doing, err);
        PQclear(result);
        if (PQstatus(r->writer->conn->pg) != CONNECTION_OK)
            break;
    }
    return status;
}

/* Waits until the socket has more. */
static int read_wait(struct reader *r, int timeout_ms, struct rnl_error *err)
{
    struct pollfd wait = {.fd = PQsocket(r->writer->conn->pg), .events = POLLIN};

    if (atomic_load(&r->writer->sink->server.interrupted))
        return error_interrupted(err);
    if (poll(&wait, 1, timeout_ms) == 0)
        return RNL_AGAIN;
    if (!PQconsumeInput(r->writer->conn->pg))
        return error_result(r->writer->conn, NULL, "read rows", err);
    return RNL_OK;
}

int writer_read_next(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    struct reader *r = cursor;
    const struct rnl_host *host = r->writer->sink->host;
    bool any = false;

    if (r->ended)
        return RNL_DONE;
    for (;;) {
        char *message = NULL;
        int len = PQgetCopyData(r->writer->conn->pg, &message, 1), status = RNL_OK;
        bool added = false;

        if (len > 0) {
            status = add_row(r, message, len, out, &added, err);
            PQfreemem(message);
            any = any || added;
            if (status != RNL_OK || (added && host->bundle_full(out)))
                return status;
        } else if (len == 0) {
            status = read_wait(r, timeout_ms, err);
            if (status == RNL_AGAIN)
                return any ? RNL_OK : RNL_AGAIN;
            if (status != RNL_OK)
                return status;
        } else {
            return read_end(r, err);
        }
    }
}

/* A cursor that isn't read to its end: the server is told to stop, its rest is thrown away. */
void writer_read_close(void *cursor)
{
    struct reader *r = cursor;
    struct pg_conn *conn;
    char ignored[256], *message;

    if (!r)
        return;
    conn = r->writer->conn;
    if (!r->ended && !atomic_load(&conn->server->interrupted)) {
        if (conn->cancel)
            PQcancel(conn->cancel, ignored, sizeof(ignored));
        while (PQgetCopyData(conn->pg, &message, 0) > 0)
            PQfreemem(message);
        for (PGresult *result; (result = PQgetResult(conn->pg)) != NULL;) {
            PQclear(result);
            if (PQstatus(conn->pg) != CONNECTION_OK)
                break;
        }
        PQclear(PQexec(conn->pg, "ROLLBACK"));
        r->writer->mode = WRITER_IDLE;
    }
    reader_free(r);
}
