/* Mends single rows that verification found to differ. */
#include "convert.h"

#include <stdlib.h>

#define TEXT_OID 25

/* A statement with binary parameters, which are fields as encode.c makes them. */
struct statement {
    struct buf sql;
    struct buf fields;
    size_t *offsets; /* of each parameter's length in fields */
    Oid *types;
    int *formats; /* 1: binary; a NATIVE goes as text */
    uint32_t count;
};

static int statement_init(struct statement *s, uint32_t room, struct rnl_error *err)
{
    memset(s, 0, sizeof(*s));
    s->offsets = calloc(room + 1, sizeof(*s->offsets));
    s->types = calloc(room + 1, sizeof(*s->types));
    s->formats = calloc(room + 1, sizeof(*s->formats));
    return s->offsets && s->types && s->formats ? RNL_OK : error_memory(err);
}

static void statement_free(struct statement *s)
{
    buf_free(&s->sql);
    buf_free(&s->fields);
    free(s->offsets);
    free(s->types);
    free(s->formats);
}

/* The length and the text, terminated. */
static bool encode_native(struct buf *fields, const struct rnl_value *value)
{
    if (value->type == RNL_T_NULL) {
        buf_be32(fields, UINT32_MAX);
        return true;
    }
    buf_be32(fields, value->len);
    buf_add(fields, value->ptr, value->len);
    buf_byte(fields, '\0');
    return value->type == RNL_T_NATIVE && !memchr(value->ptr, '\0', value->len);
}

/* name = $n; in a condition (key) values of types without a known "=" are compared as text. */
static int statement_add(struct pg_writer *w, struct statement *s, const struct bound_table *table,
                         uint32_t index, const struct rnl_value *value, bool key,
                         struct rnl_error *err)
{
    const struct bound_column *column = &table->columns[index];
    const char *why = "can't be written";
    struct rnl_value changed;
    enum policy_result result =
        policy_apply(w->sink->config, column->kind, value, &changed, &w->scratch, &why);

    s->offsets[s->count] = s->fields.len;
    s->formats[s->count] = column->kind != PG_NATIVE;
    s->types[s->count++] = key && column->kind == PG_NATIVE ? TEXT_OID : column->type;
    buf_puts(&s->sql, key ? column->read_by : "");
    buf_name(&s->sql, column->name);
    buf_printf(&s->sql, "%s = $%u", key ? column->read_as : "", s->count);
    if (result == POLICY_CHANGED)
        value = &changed;
    if (result == POLICY_REFUSED ||
        !(column->kind == PG_NATIVE
              ? encode_native(&s->fields, value)
              : encode_field(&s->fields, w->sink->config, column, value, &why)))
        return rnl_fail(err, RNL_E_DATA, "sink.value", "a value of column \"%s\" of %s.%s %s",
                        column->source->name, table->source->schema, table->source->name, why);
    return RNL_OK;
}

static int statement_add_key(struct pg_writer *w, struct statement *s,
                             const struct bound_table *table, const struct rnl_value *values,
                             struct rnl_error *err)
{
    int status = RNL_OK;

    if (table->nkey == 0) {
        rnl_fail(err, RNL_E_CONFIG, "sink.no_key",
                 "the table %s.%s has no key that tells its rows apart", table->source->schema,
                 table->source->name);
        rnl_hint(err, "single rows of it can't be mended: load the table again");
        return RNL_E_CONFIG;
    }
    buf_puts(&s->sql, " WHERE ");
    for (uint32_t i = 0; status == RNL_OK && i < table->nkey; i++) {
        buf_puts(&s->sql, i ? " AND " : "");
        status = statement_add(w, s, table, table->key[i], &values[table->key[i]], true, err);
    }
    return status;
}

static int statement_run(struct pg_writer *w, struct statement *s, const struct bound_table *table,
                         long *rows, struct rnl_error *err)
{
    const char **values = calloc(s->count + 1, sizeof(*values));
    int *lengths = calloc(s->count + 1, sizeof(*lengths));
    PGresult *result = NULL;
    char doing[256];
    int status = RNL_OK;

    if (!values || !lengths || s->fields.failed || !buf_text(&s->sql)) {
        status = error_memory(err);
        goto free_all;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t len;

        memcpy(&len, s->fields.ptr + s->offsets[i], 4);
        lengths[i] = (int)__builtin_bswap32(len);
        values[i] = lengths[i] < 0 ? NULL : s->fields.ptr + s->offsets[i] + 4;
    }
    snprintf(doing, sizeof(doing), "mend a row of %.200s", table->qualified);
    result = PQexecParams(w->conn->pg, s->sql.ptr, (int)s->count, s->types, values, lengths,
                          s->formats, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = error_result(w->conn, result, doing, err);
    else
        *rows = strtol(PQcmdTuples(result), NULL, 10);
    PQclear(result);

free_all:
    free(values);
    free(lengths);
    return status;
}

/* Our own triggers (ddl_touch.c) stand aside: the source's values are written as they are. */
static int repair_begin(struct pg_writer *w, struct rnl_error *err)
{
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = copy_end(w, err);
    if (status == RNL_OK)
        status = conn_exec(w->conn, "SET LOCAL runnel.repair = 'on'", "begin to mend rows", err);
    return status;
}

static bool is_key(const struct bound_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

static int add_columns(struct pg_writer *w, struct statement *s, const struct bound_table *table,
                       const struct rnl_row *row, struct rnl_error *err)
{
    int status = RNL_OK;

    buf_printf(&s->sql, "UPDATE %s SET ", table->qualified);
    for (uint32_t i = 0; status == RNL_OK && i < table->source->ncolumns; i++) {
        if (!table->columns[i].written || table->columns[i].always || is_key(table, i))
            continue;
        buf_puts(&s->sql, s->count ? ", " : "");
        status = statement_add(w, s, table, i, &row->after[i], false, err);
    }
    return status;
}

int repair_update(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  struct rnl_error *err)
{
    struct statement s;
    long rows = 1;
    int status = statement_init(&s, table->source->ncolumns + table->nkey, err);

    if (status == RNL_OK)
        status = repair_begin(w, err);
    if (status == RNL_OK)
        status = add_columns(w, &s, table, row, err);
    if (status == RNL_OK && s.count == 0) { /* nothing but a key: there is nothing to set */
        buf_clear(&s.sql);
        buf_printf(&s.sql, "UPDATE %s SET ", table->qualified);
        status = statement_add(w, &s, table, 0, &row->after[0], false, err);
    }
    if (status == RNL_OK)
        status = statement_add_key(w, &s, table, row->after, err);
    if (status == RNL_OK)
        status = statement_run(w, &s, table, &rows, err);
    if (status == RNL_OK && rows != 1)
        status = rnl_fail(err, RNL_E_DATA, "sink.no_such_row",
                          "the row to be mended is not in %s any more", table->qualified);
    statement_free(&s);
    return status;
}

int writer_remove(void *writer, const struct rnl_row *row, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    const struct bound_table *table = bound_find(w->sink, row->table, err);
    const struct rnl_value *values = row->after ? row->after : row->before;
    struct statement s;
    long rows;
    int status;

    if (!table)
        return err->status;
    if (!values || row->nvalues != table->source->ncolumns)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a row for %s has %u values, its table %u columns", table->qualified,
                        row->nvalues, table->source->ncolumns);
    status = statement_init(&s, table->nkey, err);
    if (status == RNL_OK)
        status = repair_begin(w, err);
    if (status == RNL_OK) {
        buf_printf(&s.sql, "DELETE FROM %s", table->qualified);
        status = statement_add_key(w, &s, table, values, err);
    }
    if (status == RNL_OK)
        status = statement_run(w, &s, table, &rows, err);
    statement_free(&s);
    return status;
}
