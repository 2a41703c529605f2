/* Reads the target's rows back, for verification. */
#include "calendar.h"
#include "data.h"
#include "wire.h"

#include <inttypes.h>
#include <time.h>

#define UNITS_MAX 4096

struct reader {
    struct my_writer *writer;
    const struct bound_table *table;
    uint32_t index; /* of the table in the catalog */
    uint32_t ncolumns;
    const struct bound_column **columns;
    struct field *fields;
    struct rnl_value *natural; /* as the target has them */
    struct made *made;
    struct rnl_value *values;
    struct scratch wire_scratch;
    struct buf scratch;
    struct wire wire;
    bool opened;
};

/* Rows were committed: views opened before don't have them. */
void read_forget_view(struct my_sink *sink)
{
    atomic_fetch_add(&sink->view_number, 1);
}

void sink_read_anew(void *self)
{
    read_forget_view(self);
}

/*
 * Each lane has a view of its own: either nobody else writes into the tables while they are
 * verified, or what differs is looked at again.
 */
static int begin_reading(struct my_writer *w, struct rnl_error *err)
{
    uint64_t number = atomic_load(&w->sink->view_number);
    int status = RNL_OK;

    if (w->mode == WRITER_WRITING)
        return rnl_fail(err, RNL_E_FATAL, "sink.order",
                        "rows are to be read while others are not committed yet");
    if (w->mode == WRITER_READING && w->view_number == number)
        return RNL_OK;
    if (w->mode == WRITER_READING)
        status = conn_run(w->conn, "ROLLBACK", err);
    w->mode = WRITER_IDLE;
    if (status == RNL_OK)
        status = conn_run(w->conn, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", err);
    if (status == RNL_OK)
        status = conn_run(w->conn, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", err);
    if (status != RNL_OK)
        return status;
    w->mode = WRITER_READING;
    w->view_number = number;
    return RNL_OK;
}

/* Estimates of a table's rows and bytes. */
static int measure(struct my_sink *sink, const struct bound_table *table, int64_t *bytes,
                   int64_t *rows, struct rnl_error *err)
{
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, "SELECT table_rows, data_length FROM information_schema.tables"
                   " WHERE table_schema = ");
    text_quoted(&sql, table->database);
    text_add(&sql, " AND table_name = ");
    text_quoted(&sql, table->name);
    status = sql.failed ? error_memory(err) : conn_query(sink->control, sql.ptr, &result, err);
    text_free(&sql);
    *bytes = *rows = -1;
    if (status != RNL_OK)
        return status;
    row = mysql_fetch_row(result);
    if (row && row[0] && row[1]) {
        *rows = strtoll(row[0], NULL, 10);
        *bytes = strtoll(row[1], NULL, 10);
    }
    while (row)
        row = mysql_fetch_row(result);
    return conn_finish(sink->control, result, "measure a table", err);
}

/* The smallest and largest of an integer key; false: there are no rows. */
static int key_ends(struct my_sink *sink, const struct bound_table *table, int64_t *low,
                    int64_t *high, bool *found, struct rnl_error *err)
{
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, "SELECT MIN(");
    text_name(&sql, table->columns[table->key[0]].name);
    text_add(&sql, "), MAX(");
    text_name(&sql, table->columns[table->key[0]].name);
    text_printf(&sql, ") FROM %s", table->qualified);
    status = sql.failed ? error_memory(err) : conn_query(sink->control, sql.ptr, &result, err);
    text_free(&sql);
    *found = false;
    if (status != RNL_OK)
        return status;
    row = mysql_fetch_row(result);
    if (row && row[0] && row[1]) {
        *low = strtoll(row[0], NULL, 10);
        *high = strtoll(row[1], NULL, 10); /* beyond 2^63: the last unit is open anyhow */
        *found = *high > *low;
    }
    while (row)
        row = mysql_fetch_row(result);
    return conn_finish(sink->control, result, "read the ends of a key", err);
}

static int add_range(struct my_sink *sink, struct rnl_plan *plan, struct rnl_unit *unit,
                     const int64_t *first, const int64_t *next, struct rnl_error *err)
{
    char from[24] = "", to[24] = "";

    if (first)
        snprintf(from, sizeof(from), "%" PRId64, *first);
    if (next)
        snprintf(to, sizeof(to), "%" PRId64, *next);
    unit->from = (struct rnl_slice){from, strlen(from)};
    unit->to = (struct rnl_slice){to, strlen(to)};
    return sink->host->unit_add(plan, unit, err);
}

int sink_read_plan(void *self, const struct rnl_catalog *catalog, uint32_t index,
                   int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err)
{
    struct my_sink *sink = self;
    const struct bound_table *table = bound_find(sink, index, err);
    struct rnl_unit unit = {
        .size = sizeof(unit), .kind = RNL_UNIT_CHUNK, .table = index, .rows = -1, .bytes = -1};
    int64_t bytes, rows, count, low = 0, high = 0;
    bool found = false;
    int status;

    (void)catalog;
    if (!table)
        return err->status;
    status = measure(sink, table, &bytes, &rows, err);
    if (status != RNL_OK)
        return status;
    if (rows > 0 && bytes / rows >= 1 << 20)
        unit.flags |= RNL_UNIT_HEAVY;
    count = chunk_bytes > 0 && bytes > 0 ? bytes / chunk_bytes + 1 : 1;
    if (count > UNITS_MAX)
        count = UNITS_MAX;
    if (count > 1 && table->ranges)
        status = key_ends(sink, table, &low, &high, &found, err);
    if (!found)
        count = 1;
    unit.bytes = bytes >= 0 ? bytes / count : -1;
    unit.rows = rows >= 0 ? rows / count : -1;
    for (int64_t i = 0; status == RNL_OK && i < count; i++) {
        uint64_t step = ((uint64_t)high - (uint64_t)low) / (uint64_t)count + 1;
        int64_t first = (int64_t)((uint64_t)low + (uint64_t)i * step);
        int64_t next = (int64_t)((uint64_t)first + step);
        bool last = i + 1 == count || next > high || next < first;

        status = add_range(sink, plan, &unit, i ? &first : NULL, last ? NULL : &next, err);
        if (last)
            break;
    }
    return status;
}

/* A key that came as bytes of a unit; empty: open. */
static bool bound_add(struct text *sql, const struct reader *r, struct rnl_slice slice,
                      const char *joint, const char *operator)
{
    const struct bound_column *key;
    char text[24], *end;
    long long number;

    if (slice.len == 0)
        return true;
    if (slice.len >= sizeof(text) || !r->table->ranges)
        return false;
    memcpy(text, slice.ptr, slice.len);
    text[slice.len] = '\0';
    number = strtoll(text, &end, 10);
    if (*end)
        return false;
    key = &r->table->columns[r->table->key[0]];
    text_add(sql, joint);
    text_name(sql, key->name);
    text_printf(sql, " %s %lld", operator, number);
    return true;
}

bool sink_reads_keys(void *self, uint32_t index, const uint32_t *key, uint32_t nkey)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* no table, no keys */
    const struct bound_table *table = bound_find(self, index, &unheard);

    for (uint32_t k = 0; table && k < nkey; k++)
        switch (table->columns[key[k]].kind) {
        case MY_INT:
        case MY_TEXT:
        case MY_CHAR:
            break;
        default:
            return false;
        }
    return table && nkey > 0;
}

static bool literal(struct text *sql, const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_INT:
        text_printf(sql, "%lld", (long long)value->i);
        return true;
    case RNL_T_UINT:
        text_printf(sql, "%llu", (unsigned long long)value->u);
        return true;
    case RNL_T_TEXT:
        text_add(sql, "_utf8mb4 ");
        text_hex(sql, value->ptr, value->len);
        return true;
    default:
        return false;
    }
}

/* Only rows of these keys: (`a` = 1 AND `b` = 2) OR … */
static bool keys_add(struct text *sql, const struct reader *r, const struct rnl_unit *unit,
                     const char *joint)
{
    if (unit->size < sizeof(*unit) || !unit->nkeys)
        return true;
    text_printf(sql, "%s(", joint);
    for (uint32_t row = 0; row < unit->nkeys; row++)
        for (uint32_t k = 0; k < unit->nkey; k++) {
            if (unit->key[k] >= r->table->source->ncolumns)
                return false;
            text_add(sql, k ? " AND " : row ? ") OR (" : "(");
            text_name(sql, r->table->columns[unit->key[k]].name);
            text_add(sql, " = ");
            if (!literal(sql, &unit->keys[(size_t)row * unit->nkey + k]))
                return false;
        }
    text_add(sql, "))");
    return true;
}

static bool make_query(const struct reader *r, const struct rnl_unit *unit, struct text *sql)
{
    text_add(sql, r->writer->sink->server.mariadb ? "SELECT SQL_NO_CACHE " : "SELECT ");
    for (uint32_t i = 0; i < r->ncolumns; i++) {
        text_add(sql, i ? ", " : "");
        text_name(sql, r->columns[i]->name);
    }
    text_printf(sql, " FROM %s", r->table->qualified);
    return bound_add(sql, r, unit->from, " WHERE ", ">=") &&
           bound_add(sql, r, unit->to, unit->from.len ? " AND " : " WHERE ", "<") &&
           keys_add(sql, r, unit, unit->from.len || unit->to.len ? " AND " : " WHERE ");
}

static int choose_columns(struct reader *r, const struct rnl_unit *unit, struct rnl_error *err)
{
    uint32_t all = r->table->source->ncolumns;

    r->ncolumns = unit->columns ? unit->ncolumns : all;
    r->columns = calloc(r->ncolumns + 1, sizeof(*r->columns));
    r->fields = calloc(r->ncolumns + 1, sizeof(*r->fields));
    r->natural = calloc(r->ncolumns + 1, sizeof(*r->natural));
    r->made = calloc(r->ncolumns + 1, sizeof(*r->made));
    r->values = calloc(r->ncolumns + 1, sizeof(*r->values));
    if (!r->columns || !r->fields || !r->natural || !r->made || !r->values)
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

static int fields_learn(struct reader *r, const MYSQL_FIELD *fields, unsigned count,
                        struct rnl_error *err)
{
    if (count != r->ncolumns)
        return rnl_fail(err, RNL_E_RETRY, "mysql.protocol", "%u columns came, %u were asked for",
                        count, r->ncolumns);
    for (uint32_t i = 0; i < count; i++)
        if (field_set(&r->fields[i], &r->columns[i]->natural, (unsigned)fields[i].type,
                      fields[i].flags))
            return rnl_fail(err, RNL_E_CONFIG, "sink.column_type",
                            "column %s of %s is of another type than it was a moment ago",
                            r->columns[i]->name, r->table->qualified);
    return RNL_OK;
}

static int start_query(struct reader *r, const struct rnl_unit *unit, struct rnl_error *err)
{
    const MYSQL_FIELD *fields;
    struct text sql = {0};
    unsigned count;
    int status;

    if (!make_query(r, unit, &sql))
        status = rnl_fail(err, RNL_E_FATAL, "sink.unit", "a unit of %s can't be read",
                          r->table->qualified);
    else if (sql.failed)
        status = error_memory(err);
    else
        status = wire_open(&r->wire, r->writer->conn, sql.ptr, &fields, &count, err);
    text_free(&sql);
    if (status != RNL_OK)
        return status;
    r->opened = true;
    return fields_learn(r, fields, count, err);
}

void writer_read_close(void *cursor)
{
    struct reader *r = cursor;

    if (!r)
        return;
    if (r->opened)
        wire_close(&r->wire);
    scratch_reset(&r->wire_scratch);
    buf_free(&r->scratch);
    free(r->columns);
    free(r->fields);
    free(r->natural);
    free(r->made);
    free(r->values);
    free(r);
}

int writer_read_open(void *writer, const struct rnl_unit *unit, void **cursor,
                     struct rnl_error *err)
{
    struct my_writer *w = writer;
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
        status = start_query(r, unit, err);
    if (status != RNL_OK) {
        writer_read_close(r);
        return status;
    }
    *cursor = r;
    return RNL_OK;
}

static int add_row(struct reader *r, const unsigned char *packet, size_t len,
                   struct rnl_bundle *out, struct rnl_error *err)
{
    struct rnl_row row = {.size = sizeof(row),
                          .table = r->index,
                          .op = RNL_INSERT,
                          .nvalues = (uint16_t)r->ncolumns,
                          .after = r->values};
    bool good = !row_decode(r->fields, r->ncolumns, packet, len, r->natural, &r->wire_scratch);

    buf_clear(&r->scratch);
    for (uint32_t i = 0; good && i < r->ncolumns; i++)
        good = decode_value(r->columns[i], &r->natural[i], &r->scratch, &r->made[i]);
    if (!good)
        return rnl_fail(err, RNL_E_RETRY, "mysql.protocol",
                        "a row of %s can't be understood: the server sent other bytes than the "
                        "columns' types allow",
                        r->table->qualified);
    if (r->scratch.failed)
        return error_memory(err);
    for (uint32_t i = 0; i < r->ncolumns; i++)
        r->values[i] = made_settle(&r->made[i], &r->scratch);
    return r->writer->sink->host->bundle_add(out, &row, err);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int writer_read_next(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    struct reader *r = cursor;
    const struct rnl_host *host = r->writer->sink->host;
    int64_t until = now_ms() + timeout_ms;
    const unsigned char *packet;
    uint32_t rows = 0;
    size_t len;
    int status;

    while (!host->bundle_full(out)) {
        if (rows && rows % 32 == 0 && now_ms() > until)
            break;
        status = wire_row(&r->wire, &packet, &len, err);
        if (status != RNL_OK)
            return status;
        status = add_row(r, packet, len, out, err);
        if (status != RNL_OK)
            return status;
        rows++;
    }
    return RNL_OK;
}
