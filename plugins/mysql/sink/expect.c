/* What the target should hold for a row of the source: the policies and nothing else. */
#include "data.h"

#include <stdlib.h>

static bool keep(struct my_writer *w, struct made *out, uint16_t type, size_t start)
{
    out->made = true;
    out->offset = start;
    out->value = (struct rnl_value){.type = type, .len = (uint32_t)(w->expect_text.len - start)};
    return true;
}

/* One form for what the target has in another: as decode.c gives it. */
static bool expect_normal(struct my_writer *w, const struct bound_column *column, struct made *out,
                          const char **why)
{
    struct buf *text = &w->expect_text;
    struct rnl_value *value = &out->value;
    size_t start = text->len;
    double point[2];
    int64_t us;

    if ((value->type == RNL_T_DOUBLE || value->type == RNL_T_FLOAT) && column->mariadb) {
        value->d += 0.0; /* -0 becomes 0, which is the same number */
        return true;
    }
    if (value->type == RNL_T_INTERVAL && column->kind == MY_INT) {
        *why = "has months or years, which are no number of microseconds (option interval)";
        if (!parse_interval(value->ptr, value->len, &us))
            return false;
        spell_interval(us, text);
        return keep(w, out, RNL_T_INTERVAL, start);
    }
    if (value->type != RNL_T_NATIVE)
        return true;
    if (column->kind == MY_GEOMETRY) {
        *why = "is no point with finite coordinates";
        if (!parse_point(value->ptr, value->len, point))
            return false;
        spell_point(point, text);
        return keep(w, out, RNL_T_NATIVE, start);
    }
    if (becomes_json(column))
        return spell_json(column, value, text, why) && keep(w, out, RNL_T_JSON, start);
    return true;
}

static int expect_value(struct my_writer *w, const struct bound_table *table, uint32_t index,
                        const struct rnl_value *in, struct made *out, struct rnl_error *err)
{
    const struct bound_column *column = &table->columns[index];
    const char *why = "can't be kept";
    struct rnl_value changed;
    size_t start = w->expect_text.len;

    *out = (struct made){.value = *in};
    if (in->type == RNL_T_NULL)
        return RNL_OK;
    switch (policy_apply(w->sink->config, column, in, &changed, &w->scratch, &why)) {
    case POLICY_REFUSED:
        goto refuse;
    case POLICY_CHANGED:
        out->value = changed;
        if (changed.type == RNL_T_DECIMAL) { /* it lies in scratch */
            buf_add(&w->expect_text, changed.ptr, changed.len);
            keep(w, out, RNL_T_DECIMAL, start);
        }
        return RNL_OK;
    case POLICY_SAME:
        break;
    }
    if (column->kind == MY_CHAR && out->value.type == RNL_T_TEXT) {
        const char *text = out->value.ptr;

        while (out->value.len > 0 && text[out->value.len - 1] == ' ')
            out->value.len--;
    }
    if (expect_normal(w, column, out, &why))
        return RNL_OK;
refuse:
    return rnl_fail(err, RNL_E_DATA, "sink.value", "a value of %s.%s, column \"%s\", %s",
                    table->source->schema, table->source->name, column->source->name, why);
}

static int expect_room(struct my_writer *w, uint32_t count, struct rnl_error *err)
{
    struct made *made;
    struct rnl_value *values;

    if (count <= w->expect_room)
        return RNL_OK;
    made = realloc(w->expect_made, count * sizeof(*made));
    if (made)
        w->expect_made = made;
    values = realloc(w->expect_values, count * sizeof(*values));
    if (values)
        w->expect_values = values;
    if (!made || !values)
        return error_memory(err);
    w->expect_room = count;
    return RNL_OK;
}

int writer_expect(void *writer, const struct rnl_row *row, struct rnl_row *out,
                  struct rnl_error *err)
{
    struct my_writer *w = writer;
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
        status = expect_value(w, table, i, &row->after[i], &w->expect_made[i], err);
    if (status != RNL_OK)
        return status;
    if (w->expect_text.failed)
        return error_memory(err);
    for (uint32_t i = 0; i < count; i++)
        w->expect_values[i] = made_settle(&w->expect_made[i], &w->expect_text);
    *out = *row;
    out->after = w->expect_values;
    out->before = NULL;
    return RNL_OK;
}
