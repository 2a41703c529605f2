/* Rows into a table: many at once, as parameters of one prepared INSERT, encoded where they lie. */
#include "data.h"

#include <stdlib.h>

/*
 * MariaDB takes an array of rows for a statement of one row (COM_STMT_BULK_EXECUTE);
 * MySQL takes statements of 1, 2, 4 … rows. Both were measured against LOAD DATA and
 * texts: nothing is faster, and nothing needs to be escaped. The packets are built
 * here, for the library would copy each value into and out of arrays of its own. What
 * we call of it (its table of methods) is what its own connection plugins are given.
 */
_Static_assert(MARIADB_PACKAGE_VERSION_ID >= 30100 && MARIADB_PACKAGE_VERSION_ID < 40000,
               "written for MariaDB Connector/C 3");

#define BATCH_BYTES ((size_t)512 * 1024)
#define BATCH_KEPT (4 * BATCH_BYTES) /* a buffer that grew larger gives its memory back */
#define ROWS_LOG 8                   /* statements of up to 2^8 rows */
#define ROWS_MAX (1u << ROWS_LOG)
#define PARAMETERS_MAX 65535u
#define LONG_ROW ((size_t)4 << 20)     /* from here on large values are sent by themselves */
#define LONG_VALUE ((size_t)256 << 10) /* and these are the large ones */
#define LONG_PIECE ((size_t)1 << 20)
#define ROOM_FOR_HEAD 1024

struct batch {
    const struct bound_table *table; /* of the statements below; NULL: there are none */
    bool bulk;
    MYSQL_STMT *statements[ROWS_LOG + 1]; /* of 2^i rows; NULL: not prepared yet */
    bool typed[ROWS_LOG + 1];             /* the server knows the types of its parameters */
    uint32_t rows, rows_max;              /* that are encoded and not sent */
    size_t bytes_max;
    struct buf values; /* of these rows; bulk: with their indicators */
    struct buf nulls;  /* not bulk: one byte for each value */
    struct buf packet;
    size_t ends[ROWS_MAX]; /* not bulk: of each row, in values */
    uint32_t answers;      /* rows of the statement whose answer is not read yet */
};

int batch_open(struct my_writer *w, bool bulk, struct rnl_error *err)
{
    w->batch = calloc(1, sizeof(*w->batch));
    if (!w->batch)
        return error_memory(err);
    w->batch->bulk = bulk;
    w->batch->bytes_max =
        w->sink->max_packet / 2 < BATCH_BYTES ? w->sink->max_packet / 2 : BATCH_BYTES;
    return RNL_OK;
}

static void statements_close(struct batch *b)
{
    for (uint32_t i = 0; i <= ROWS_LOG; i++) {
        if (b->statements[i])
            mysql_stmt_close(b->statements[i]);
        b->statements[i] = NULL;
        b->typed[i] = false;
    }
    b->table = NULL;
}

void batch_close(struct my_writer *w)
{
    struct batch *b = w->batch;

    if (!b)
        return;
    statements_close(b);
    buf_free(&b->values);
    buf_free(&b->nulls);
    buf_free(&b->packet);
    free(b);
    w->batch = NULL;
}

/* The answer to the statement sent last. */
static int answer_read(struct my_writer *w, struct rnl_error *err)
{
    struct batch *b = w->batch;
    MYSQL *mysql = w->conn->mysql;
    uint64_t rows = b->answers;

    if (!rows)
        return RNL_OK;
    b->answers = 0;
    if (mysql->methods->db_read_query_result(mysql))
        return data_error(w, b->table, "write to", err);
    if (mysql_warning_count(mysql))
        return data_warnings(w, b->table, err);
    if (!b->table->upsert && mysql_affected_rows(mysql) != rows)
        return rnl_fail(err, RNL_E_FATAL, "sink.rows", "%s took %llu rows of %llu",
                        b->table->qualified, (unsigned long long)mysql_affected_rows(mysql),
                        (unsigned long long)rows);
    return RNL_OK;
}

int batch_settle(struct my_writer *w, struct rnl_error *err)
{
    return answer_read(w, err);
}

/* While the server works on this, the next rows are encoded. */
static int packet_send(struct my_writer *w, enum enum_server_command command, const void *bytes,
                       size_t len, struct rnl_error *err)
{
    MYSQL *mysql = w->conn->mysql;

    if (mysql->methods->db_command(mysql, command, bytes, len, 1, NULL))
        return data_error(w, w->batch->table, "write to", err);
    return RNL_OK;
}

static int statement_prepare(struct my_writer *w, uint32_t log, struct rnl_error *err)
{
    struct batch *b = w->batch;
    struct buf sql = {0};
    int status = RNL_OK;

    if (b->statements[log])
        return RNL_OK;
    buf_puts(&sql, b->table->insert_head);
    for (uint32_t row = 0; row < 1u << log; row++) {
        buf_puts(&sql, row ? ",(" : "(");
        for (uint32_t i = 0; i < b->table->nwritten; i++)
            buf_puts(&sql, i ? ",?" : "?");
        buf_puts(&sql, ")");
    }
    buf_puts(&sql, b->table->insert_tail);
    b->statements[log] = mysql_stmt_init(w->conn->mysql);
    if (!buf_text(&sql) || !b->statements[log])
        status = error_memory(err);
    else if (mysql_stmt_prepare(b->statements[log], sql.ptr, sql.len))
        status = data_error(w, b->table, "write to", err);
    buf_free(&sql);
    return status;
}

static void types_put(const struct bound_table *table, struct buf *out)
{
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        const struct bound_column *column = &table->columns[i];

        if (column->written)
            put_le(out, column->wire_type | (uint64_t)column->wire_flag << 8, 2);
    }
}

/* What stands before the rows: they are encoded right behind it, and never copied again. */
static int bulk_begin(struct my_writer *w, struct rnl_error *err)
{
    struct batch *b = w->batch;
    int status = RNL_OK;

    if (!b->statements[0]) /* or the last rows may be under way yet */
        status = answer_read(w, err);
    if (status == RNL_OK)
        status = statement_prepare(w, 0, err);
    if (status != RNL_OK)
        return status;
    put_le(&b->values, b->statements[0]->stmt_id, 4);
    put_le(&b->values, STMT_BULK_FLAG_CLIENT_SEND_TYPES, 2);
    types_put(b->table, &b->values);
    return RNL_OK;
}

static int bulk_send(struct my_writer *w, struct rnl_error *err)
{
    struct batch *b = w->batch;
    int status = packet_send(w, COM_STMT_BULK_EXECUTE, b->values.ptr, b->values.len, err);

    b->answers = status == RNL_OK ? b->rows : 0;
    return status;
}

static void bitmap_put(struct buf *out, const char *nulls, size_t count)
{
    for (size_t i = 0; i < count; i += 8) {
        unsigned byte = 0;

        for (size_t k = 0; k < 8 && i + k < count; k++)
            byte |= (unsigned)(nulls[i + k] != 0) << k;
        buf_byte(out, (char)byte);
    }
}

/* 2^log rows from the one at first on. */
static int some_send(struct my_writer *w, uint32_t first, uint32_t log, struct rnl_error *err)
{
    struct batch *b = w->batch;
    size_t from = first ? b->ends[first - 1] : 0, width = b->table->nwritten;
    uint32_t rows = 1u << log;
    int status = answer_read(w, err);

    if (status == RNL_OK)
        status = statement_prepare(w, log, err);
    if (status != RNL_OK)
        return status;
    buf_clear(&b->packet);
    put_le(&b->packet, b->statements[log]->stmt_id, 4);
    put_le(&b->packet, UINT64_C(1) << 8, 5); /* no cursor; one execution */
    bitmap_put(&b->packet, b->nulls.ptr + first * width, rows * width);
    buf_byte(&b->packet, !b->typed[log]);
    for (uint32_t i = 0; i < rows && !b->typed[log]; i++)
        types_put(b->table, &b->packet);
    buf_add(&b->packet, b->values.ptr + from, b->ends[first + rows - 1] - from);
    if (b->packet.failed)
        return error_memory(err);
    status = packet_send(w, COM_STMT_EXECUTE, b->packet.ptr, b->packet.len, err);
    b->answers = status == RNL_OK ? rows : 0;
    b->typed[log] = true;
    return status;
}

static void rows_forget(struct batch *b)
{
    struct buf *bufs[] = {&b->values, &b->nulls, &b->packet};

    b->rows = 0;
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
        if (bufs[i]->room > BATCH_KEPT)
            buf_free(bufs[i]);
        buf_clear(bufs[i]);
    }
}

static int rows_send(struct my_writer *w, struct rnl_error *err)
{
    struct batch *b = w->batch;
    uint32_t first = 0;
    int status;

    if (b->rows == 0)
        return RNL_OK;
    if (b->values.failed || b->nulls.failed)
        return error_memory(err);
    status = answer_read(w, err);
    if (status == RNL_OK && b->bulk)
        status = bulk_send(w, err);
    else
        for (uint32_t log = ROWS_LOG + 1; status == RNL_OK && log-- > 0;)
            for (; status == RNL_OK && b->rows - first >= 1u << log; first += 1u << log)
                status = some_send(w, first, log, err);
    rows_forget(b);
    return status;
}

int batch_end(struct my_writer *w, struct rnl_error *err)
{
    int status = rows_send(w, err);

    return status == RNL_OK ? answer_read(w, err) : status;
}

void batch_drop(struct my_writer *w)
{
    MYSQL *mysql = w->conn->mysql;

    rows_forget(w->batch);
    if (w->batch->answers)
        mysql->methods->db_read_query_result(mysql);
    w->batch->answers = 0;
}

static int table_begin(struct my_writer *w, const struct bound_table *table, struct rnl_error *err)
{
    struct batch *b = w->batch;
    int status = batch_end(w, err);

    if (status != RNL_OK)
        return status;
    statements_close(b);
    b->table = table;
    b->rows_max = b->bulk ? UINT32_MAX : ROWS_MAX;
    while (!b->bulk && b->rows_max > 1 && b->rows_max * table->nwritten > PARAMETERS_MAX / 2)
        b->rows_max /= 2;
    return RNL_OK;
}

static size_t row_bytes(const struct rnl_row *row)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < row->nvalues; i++) {
        const struct rnl_value *value = &row->after[i];

        bytes += 8;
        if (value->type == RNL_T_DECIMAL || value->type == RNL_T_TEXT ||
            value->type == RNL_T_BYTES || value->type >= RNL_T_INTERVAL)
            bytes += value->len;
    }
    return bytes;
}

/*
 * What most values of an array are, with no more steps than they need: numbers that fit, and
 * short texts. The bytes are those of encode_value(). false: it is for value_add().
 */
static inline bool value_plain(struct buf *out, const struct bound_column *column,
                               const struct rnl_value *value)
{
    uint32_t len = value->len;

    if (column->kind == MY_INT && column->width == 4 && !column->is_unsigned &&
        value->type == RNL_T_INT && value->i == (int32_t)value->i) {
        put_le(out, (uint64_t)(uint32_t)value->i << 8, 5); /* not NULL; the number */
        return true;
    }
    if (column->kind != MY_TEXT || value->type != RNL_T_TEXT || len == 0 || len > 250 ||
        len > column->length || !buf_reserve(out, 8 + (size_t)len))
        return false;
    put_le(out, len << 8, 2); /* not NULL; the length */
    memcpy(out->ptr + out->len, value->ptr, len);
    out->len += len;
    return true;
}

static int value_add(struct my_writer *w, const struct rnl_row *row, uint32_t index,
                     struct rnl_error *err)
{
    struct batch *b = w->batch;
    const struct bound_column *column = &b->table->columns[index];
    const struct rnl_value *value;
    struct rnl_value changed;
    const char *why = "can't be written";
    bool null;
    int status = value_take(w, b->table, row, index, &changed, &value, err);

    if (status != RNL_OK)
        return status;
    null = value->type == RNL_T_NULL;
    buf_byte(b->bulk ? &b->values : &b->nulls, null);
    if (!null && !encode_value(&b->values, column, value, &why))
        return value_refuse(b->table, row, index, why, err);
    return RNL_OK;
}

/* Sends one value in pieces, ahead of the statement that it belongs to. */
static int long_send(struct my_writer *w, uint32_t parameter, const struct rnl_value *value,
                     struct rnl_error *err)
{
    struct batch *b = w->batch;
    const char *bytes = value->ptr;
    int status = RNL_OK;

    for (size_t at = 0; status == RNL_OK && at < value->len; at += LONG_PIECE) {
        size_t piece = value->len - at < LONG_PIECE ? value->len - at : LONG_PIECE;

        buf_clear(&b->packet);
        put_le(&b->packet, b->statements[0]->stmt_id | (uint64_t)parameter << 32, 6);
        buf_add(&b->packet, bytes + at, piece);
        status = b->packet.failed
                     ? error_memory(err)
                     : packet_send(w, COM_STMT_SEND_LONG_DATA, b->packet.ptr, b->packet.len, err);
    }
    return status;
}

/* A value of a large row: by itself, or with the others. */
static int long_value(struct my_writer *w, const struct rnl_row *row, uint32_t index,
                      uint32_t parameter, struct rnl_error *err)
{
    struct batch *b = w->batch;
    const struct rnl_value *value;
    struct rnl_value changed;
    const char *why = "can't be written";
    int status = value_take(w, b->table, row, index, &changed, &value, err);

    if (status != RNL_OK)
        return status;
    buf_byte(&b->nulls, value->type == RNL_T_NULL);
    if (value->type == RNL_T_NULL)
        return RNL_OK;
    switch (encode_plain(&b->table->columns[index], value, LONG_VALUE, &why)) {
    case PLAIN_YES:
        if (value->len > w->sink->max_packet)
            return packet_refuse(w, b->table, row, index, err);
        return long_send(w, parameter, value, err);
    case PLAIN_NO:
        if (encode_value(&b->values, &b->table->columns[index], value, &why))
            return RNL_OK;
        break;
    case PLAIN_REFUSED:
        break;
    }
    return value_refuse(b->table, row, index, why, err);
}

/* A row that is too large to be kept beside others, or for one packet. */
int batch_single(struct my_writer *w, const struct rnl_row *row, struct rnl_error *err)
{
    struct batch *b = w->batch;
    uint32_t parameter = 0;
    int status = batch_end(w, err);

    if (status == RNL_OK)
        status = statement_prepare(w, 0, err);
    for (uint32_t i = 0; status == RNL_OK && i < b->table->source->ncolumns; i++)
        if (b->table->columns[i].written)
            status = long_value(w, row, i, parameter++, err);
    if (status == RNL_OK && (b->values.failed || b->nulls.failed))
        status = error_memory(err);
    if (status == RNL_OK) {
        b->ends[0] = b->values.len;
        status = some_send(w, 0, 0, err);
    } else if (b->statements[0]) {
        mysql_stmt_reset(b->statements[0]); /* or the pieces sent would join the next row */
        b->typed[0] = false;
    }
    rows_forget(b);
    return status;
}

int batch_row(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
              struct rnl_error *err)
{
    struct batch *b = w->batch;
    size_t bytes = row_bytes(row);
    int status = RNL_OK;

    if (b->table != table)
        status = table_begin(w, table, err);
    if (status == RNL_OK && table->enums && !w->loose && row_is_loose(table, row))
        return loose_row(w, row, err);
    if (status == RNL_OK && b->rows && b->values.len + bytes > b->bytes_max)
        status = rows_send(w, err);
    if (status != RNL_OK)
        return status;
    if (bytes > LONG_ROW || bytes + ROOM_FOR_HEAD > w->sink->max_packet / 2)
        return batch_single(w, row, err);
    if (b->bulk && b->rows == 0 && status == RNL_OK)
        status = bulk_begin(w, err);
    for (uint32_t i = 0; status == RNL_OK && i < table->source->ncolumns; i++)
        if (table->columns[i].written &&
            !(b->bulk && value_plain(&b->values, &table->columns[i], &row->after[i])))
            status = value_add(w, row, i, err);
    if (status != RNL_OK)
        return status;
    if (!b->bulk)
        b->ends[b->rows] = b->values.len;
    b->rows++;
    if (b->values.len >= b->bytes_max || b->rows >= b->rows_max)
        return rows_send(w, err);
    return RNL_OK;
}
