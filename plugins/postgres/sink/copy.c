/* Rows into PostgreSQL by COPY, binary where all types have a known form, else as text: one COPY at
 * a time on a writer's connection. */
#include "convert.h"

#define PIECE_BYTES 65536 /* handed to libpq at once: its own buffer stays as small */
#define LARGE_BYTES 32768 /* values from here on go to libpq straight from where they lie */

static const char copy_head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"; /* 19 bytes */

static int copy_put(struct pg_writer *w, const char *bytes, size_t len, struct rnl_error *err)
{
    while (len > 0) {
        size_t piece = len < PIECE_BYTES ? len : PIECE_BYTES;

        if (PQputCopyData(w->conn->pg, bytes, (int)piece) != 1)
            return error_result(w->conn, NULL, "send rows", err);
        bytes += piece;
        len -= piece;
    }
    return RNL_OK;
}

static int copy_flush(struct pg_writer *w, struct rnl_error *err)
{
    int status;

    if (w->out.failed)
        return error_memory(err);
    status = copy_put(w, w->out.ptr, w->out.len, err);
    buf_clear(&w->out);
    return status;
}

static int copy_begin(struct pg_writer *w, const struct bound_table *table, struct rnl_error *err)
{
    PGresult *result;
    int status = RNL_OK;

    if (table->staging)
        status = conn_exec(w->conn, table->staging, "make a table for an upsert", err);
    if (status != RNL_OK)
        return status;
    result = PQexec(w->conn->pg, table->copy_in);
    if (PQresultStatus(result) != PGRES_COPY_IN) {
        char doing[256];

        snprintf(doing, sizeof(doing), "write to %.200s", table->qualified);
        status = error_result(w->conn, result, doing, err);
    }
    PQclear(result);
    if (status != RNL_OK)
        return status;
    w->copying = table;
    w->copied = 0;
    buf_clear(&w->out);
    if (!table->text)
        buf_add(&w->out, copy_head, 19);
    return RNL_OK;
}

/* Reads what is left of the answers to a COPY; the first error counts. */
static int copy_results(struct pg_writer *w, const char *table, struct rnl_error *err)
{
    PGresult *result;
    char doing[256];
    int status = RNL_OK;

    snprintf(doing, sizeof(doing), "write to %.200s", table);
    while ((result = PQgetResult(w->conn->pg)) != NULL) {
        ExecStatusType state = PQresultStatus(result);

        if (status == RNL_OK && state != PGRES_COMMAND_OK)
            status = error_result(w->conn, result, doing, err);
        PQclear(result);
        if (state == PGRES_COPY_IN || PQstatus(w->conn->pg) != CONNECTION_OK)
            break;
    }
    if (status == RNL_OK && PQstatus(w->conn->pg) != CONNECTION_OK)
        status = error_result(w->conn, NULL, doing, err);
    return status;
}

/* Rows of an upsert go on from where the COPY put them. */
static int copy_merge(struct pg_writer *w, const struct bound_table *table, struct rnl_error *err)
{
    char doing[256];
    int status;

    snprintf(doing, sizeof(doing), "write to %.200s", table->qualified);
    status = conn_exec(w->conn, table->merge, doing, err);
    if (status < 0 &&
        (strcmp(err->code, "postgres.21000") == 0 || strcmp(err->code, "postgres.23502") == 0)) {
        err->status = status = RNL_E_DATA;
        rnl_hint(err, "the target takes two keys for equal that the source tells apart");
    }
    return status;
}

int copy_end(struct pg_writer *w, struct rnl_error *err)
{
    const struct bound_table *table = w->copying;
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status;

    if (!table)
        return RNL_OK;
    if (!table->text)
        buf_be16(&w->out, UINT16_MAX);
    status = copy_flush(w, err);
    w->copying = NULL;
    if (status != RNL_OK) {
        /* the server may have said why before it closed the connection */
        if (copy_results(w, table->qualified, &ignored) != RNL_OK &&
            strcmp(ignored.code, "postgres.gone") != 0)
            *err = ignored;
        return err->status;
    }
    if (PQputCopyEnd(w->conn->pg, NULL) != 1)
        return error_result(w->conn, NULL, "end the COPY", err);
    status = copy_results(w, table->qualified, err);
    return status == RNL_OK && table->merge ? copy_merge(w, table, err) : status;
}

void copy_drop(struct pg_writer *w)
{
    struct rnl_error ignored = RNL_ERROR_INIT;

    if (w->copying && PQputCopyEnd(w->conn->pg, "rolled back") == 1)
        copy_results(w, w->copying->qualified, &ignored);
    w->copying = NULL;
    buf_clear(&w->out);
}

static bool is_large(const struct bound_column *column, const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_TEXT:
    case RNL_T_BYTES:
    case RNL_T_JSON:
    case RNL_T_NATIVE:
        break;
    default:
        return false;
    }
    if (value->len < LARGE_BYTES)
        return false;
    return column->kind == PG_TEXT || column->kind == PG_BYTEA || column->kind == PG_JSON ||
           column->kind == PG_JSONB || column->kind == PG_NATIVE;
}

/* As text it grows on the way: a piece at a time. */
static int copy_large_text(struct pg_writer *w, const struct bound_column *column,
                           const struct rnl_value *value, struct rnl_error *err)
{
    const char *at = value->ptr, *end = at + value->len;
    int status = RNL_OK;

    if (column->kind == PG_BYTEA)
        buf_puts(&w->out, "\\\\x");
    while (status == RNL_OK && at < end) {
        size_t piece = (size_t)(end - at) < LARGE_BYTES ? (size_t)(end - at) : LARGE_BYTES;

        text_add_piece(&w->out, column->kind, at, piece);
        at += piece;
        status = copy_flush(w, err);
    }
    return status;
}

static int copy_large(struct pg_writer *w, const struct bound_column *column,
                      const struct rnl_value *value, struct rnl_error *err)
{
    int status;

    buf_be32(&w->out, value->len + (column->kind == PG_JSONB ? 1 : 0));
    if (column->kind == PG_JSONB)
        buf_byte(&w->out, 1);
    status = copy_flush(w, err);
    return status == RNL_OK ? copy_put(w, value->ptr, value->len, err) : status;
}

static void describe_value(struct buf *text, const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_INT:
    case RNL_T_BOOL:
        buf_printf(text, "%lld", (long long)value->i);
        break;
    case RNL_T_UINT:
        buf_printf(text, "%llu", (unsigned long long)value->u);
        break;
    case RNL_T_TEXT:
    case RNL_T_DECIMAL:
        buf_add(text, value->ptr, value->len < 60 ? value->len : 60);
        break;
    default:
        buf_puts(text, "…");
        break;
    }
}

void row_words(struct buf *words, const struct bound_table *table, const struct rnl_row *row)
{
    for (uint32_t i = 0; i < table->nkey; i++) {
        const struct rnl_value *value = changeset_key(row, table->key[i]);

        buf_printf(words, "%s%s = ", i ? ", " : "", table->columns[table->key[i]].source->name);
        if (value)
            describe_value(words, value);
    }
    if (table->nkey == 0)
        buf_puts(words, "no key");
}

int refuse_value(const struct bound_table *table, const struct rnl_row *row, uint32_t column,
                 const char *why, struct rnl_error *err)
{
    struct buf key = {0};

    row_words(&key, table, row);
    rnl_fail(err, RNL_E_DATA, "sink.value",
             "the value of column \"%s\" of %s.%s in the row with %s %s",
             table->columns[column].source->name, table->source->schema, table->source->name,
             buf_text(&key) ? key.ptr : "no key", why);
    rnl_hint(err, "`runnel check` finds such values before a run, `runnel plugins help postgres` "
                  "has the policies for them; under another policy start over with --restart");
    buf_free(&key);
    return RNL_E_DATA;
}

/*
 * What most values are, with no more steps than they need: numbers that fit, and short texts
 * without a zero byte. The bytes are those of encode_field(). false: it is for copy_value().
 */
static inline bool copy_plain(struct buf *out, const struct bound_column *column,
                              const struct rnl_value *value)
{
    uint32_t len = value->len;

    if (column->kind == PG_INT4 && value->type == RNL_T_INT && value->i == (int32_t)value->i) {
        buf_be64(out, UINT64_C(4) << 32 | (uint32_t)value->i);
        return true;
    }
    if ((column->kind != PG_TEXT && column->kind != PG_BPCHAR) || value->type != RNL_T_TEXT ||
        len == 0 || len >= LARGE_BYTES || memchr(value->ptr, '\0', len) ||
        !buf_reserve(out, 4 + (size_t)len))
        return false;
    buf_be32(out, len);
    memcpy(out->ptr + out->len, value->ptr, len);
    out->len += len;
    return true;
}

static int copy_value(struct pg_writer *w, const struct bound_table *table,
                      const struct rnl_row *row, uint32_t column, struct rnl_error *err)
{
    const struct bound_column *bound = &table->columns[column];
    const struct pg_config *config = w->sink->config;
    const struct rnl_value *value = &row->after[column];
    struct rnl_value changed;
    const char *why = "can't be written";

    switch (policy_apply(config, bound->kind, value, &changed, &w->scratch, &why)) {
    case POLICY_REFUSED:
        return refuse_value(table, row, column, why, err);
    case POLICY_CHANGED:
        if (changes_add(w, table, column, value, err) != RNL_OK)
            return err->status;
        value = &changed;
        break;
    case POLICY_SAME:
        break;
    }
    if (is_large(bound, value))
        return table->text ? copy_large_text(w, bound, value, err)
                           : copy_large(w, bound, value, err);
    if (table->text ? !text_field(&w->out, config, bound, value, &w->field, &why)
                    : !encode_field(&w->out, config, bound, value, &why))
        return refuse_value(table, row, column, why, err);
    return RNL_OK;
}

int copy_row(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
             struct rnl_error *err)
{
    bool first = true;
    int status = RNL_OK;

    if (w->copying != table) {
        status = copy_end(w, err);
        if (status == RNL_OK)
            status = copy_begin(w, table, err);
        if (status != RNL_OK)
            return status;
    }
    if (!table->text)
        buf_be16(&w->out, (uint16_t)table->nwritten);
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!table->columns[i].written)
            continue;
        if (table->text && !first)
            buf_byte(&w->out, '\t');
        first = false;
        if (!table->text && copy_plain(&w->out, &table->columns[i], &row->after[i]))
            continue;
        status = copy_value(w, table, row, i, err);
        if (status != RNL_OK)
            return status;
    }
    if (table->text)
        buf_byte(&w->out, '\n');
    w->copied++;
    return w->out.len >= PIECE_BYTES ? copy_flush(w, err) : RNL_OK;
}
