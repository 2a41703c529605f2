/* What the target should hold for a row of the source: the policies and nothing else. */
#include "convert.h"
#include "numeric.h"

#include <arpa/inet.h>
#include <stdlib.h>

static void keep(struct pg_writer *w, struct decoded *out, const struct rnl_value *value)
{
    out->value = *value;
    out->made = true;
    out->offset = w->expect_text.len;
    buf_add(&w->expect_text, value->ptr, value->len);
}

/* One form for what can be written in several: as decode.c has it. */
static void expect_normal(struct pg_writer *w, const struct bound_column *column,
                          struct decoded *out)
{
    struct buf *text = &w->expect_text;
    struct rnl_value *value = &out->value;
    size_t start = text->len;
    struct span span;
    char address[64];
    uint8_t bytes[16];
    int family;

    if (value->type == RNL_T_INTERVAL && column->kind == PG_INTERVAL) {
        if (!span_parse(value->ptr, value->len, &span))
            return;
        span_print(text, &span);
    } else if (value->type == RNL_T_INET && column->kind == PG_INET) {
        if (value->len >= sizeof(address))
            return;
        memcpy(address, value->ptr, value->len);
        address[value->len] = '\0';
        family = memchr(value->ptr, ':', value->len) ? AF_INET6 : AF_INET;
        if (inet_pton(family, address, bytes) != 1 ||
            !inet_ntop(family, bytes, address, sizeof(address)))
            return;
        buf_puts(text, address);
    } else {
        return;
    }
    out->made = true;
    out->offset = start;
    value->len = (uint32_t)(text->len - start);
}

static int expect_value(struct pg_writer *w, const struct bound_table *table, uint32_t index,
                        const struct rnl_value *in, struct decoded *out, struct rnl_error *err)
{
    const struct bound_column *column = &table->columns[index];
    const char *why = "can't be kept";
    struct rnl_value changed;

    *out = (struct decoded){.value = *in};
    switch (policy_apply(w->sink->config, column->kind, in, &changed, &w->scratch, &why)) {
    case POLICY_REFUSED:
        return rnl_fail(err, RNL_E_DATA, "sink.value", "a value of column \"%s\" of %s.%s %s",
                        column->source->name, table->source->schema, table->source->name, why);
    case POLICY_CHANGED:
        if (changed.type == RNL_T_TEXT || changed.type == RNL_T_NATIVE)
            keep(w, out, &changed);
        else
            out->value = changed;
        break;
    case POLICY_SAME:
        break;
    }
    if (column->kind == PG_BPCHAR && out->value.type == RNL_T_TEXT && !out->made) {
        const char *text = out->value.ptr;

        while (out->value.len > 0 && text[out->value.len - 1] == ' ')
            out->value.len--;
    }
    expect_normal(w, column, out);
    return RNL_OK;
}

static int expect_room(struct pg_writer *w, uint32_t count, struct rnl_error *err)
{
    struct decoded *decoded;
    struct rnl_value *values;

    if (count <= w->expect_room)
        return RNL_OK;
    decoded = realloc(w->expect_decoded, count * sizeof(*decoded));
    if (decoded)
        w->expect_decoded = decoded;
    values = realloc(w->expect_values, count * sizeof(*values));
    if (values)
        w->expect_values = values;
    if (!decoded || !values)
        return error_memory(err);
    w->expect_room = count;
    return RNL_OK;
}

int writer_expect(void *writer, const struct rnl_row *row, struct rnl_row *out,
                  struct rnl_error *err)
{
    struct pg_writer *w = writer;
    const struct bound_table *table = bound_find(w->sink, row->table, err);
    uint32_t count = row->nvalues;
    int status;

    if (!table)
        return err->status;
    if (!row->after || count != table->source->ncolumns)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a row for %s has %u values, its table %u columns", table->qualified,
                        row->nvalues, table->source->ncolumns);
    status = expect_room(w, count, err);
    buf_clear(&w->expect_text);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = expect_value(w, table, i, &row->after[i], &w->expect_decoded[i], err);
    if (status != RNL_OK)
        return status;
    if (w->expect_text.failed)
        return error_memory(err);
    for (uint32_t i = 0; i < count; i++)
        w->expect_values[i] = decode_settle(&w->expect_decoded[i], &w->expect_text);
    *out = *row;
    out->after = w->expect_values;
    out->before = NULL;
    return RNL_OK;
}
