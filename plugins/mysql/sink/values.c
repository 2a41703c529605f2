/* A row's values as the policies want them, and in words those that can't be written. */
#include "data.h"

#include <inttypes.h>

static void describe_value(struct buf *text, const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_INT:
    case RNL_T_BOOL:
        buf_printf(text, "%" PRId64, value->i);
        break;
    case RNL_T_UINT:
        buf_printf(text, "%" PRIu64, value->u);
        break;
    case RNL_T_TEXT:
    case RNL_T_DECIMAL:
        buf_add(text, value->ptr, value->len < 60 ? value->len : 60);
        break;
    case RNL_T_UUID:
        spell_uuid(value->ptr, value->len, text);
        break;
    default:
        buf_puts(text, "…");
        break;
    }
}

void row_describe(struct buf *text, const struct bound_table *table, const struct rnl_row *row)
{
    buf_puts(text, table->nkey ? "with " : "without a key");
    for (uint32_t i = 0; i < table->nkey; i++) {
        buf_printf(text, "%s%s = ", i ? ", " : "", table->columns[table->key[i]].source->name);
        describe_value(text, &row->after[table->key[i]]);
    }
}

int value_refuse(const struct bound_table *table, const struct rnl_row *row, uint32_t column,
                 const char *why, struct rnl_error *err)
{
    struct buf key = {0};

    buf_puts(&key, table->nkey ? "in the row " : "in a row ");
    row_describe(&key, table, row);
    rnl_fail(err, RNL_E_DATA, "sink.value", "the value of %s.%s, column \"%s\", %s %s",
             table->source->schema, table->source->name, table->columns[column].source->name,
             buf_text(&key) ? key.ptr : "in a row", why);
    rnl_hint(err, "`runnel check` finds such values before a run, `runnel plugins help mysql` "
                  "has the policies for them; under another policy start over with --restart");
    buf_free(&key);
    return RNL_E_DATA;
}

int packet_refuse(const struct my_writer *w, const struct bound_table *table,
                  const struct rnl_row *row, uint32_t column, struct rnl_error *err)
{
    char why[120];

    snprintf(why, sizeof(why), "has %u bytes, and the server's max_allowed_packet is %zu",
             row->after[column].len, w->sink->max_packet);
    value_refuse(table, row, column, why, err);
    snprintf(err->code, sizeof(err->code), "sink.packet");
    rnl_hint(err, "raise max_allowed_packet at the server: SET GLOBAL max_allowed_packet = …, "
                  "and in its configuration");
    return RNL_E_DATA;
}

int value_take(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
               uint32_t column, struct rnl_value *changed, const struct rnl_value **out,
               struct rnl_error *err)
{
    const struct bound_column *bound = &table->columns[column];
    const char *why = "can't be written";

    *out = &row->after[column];
    if ((*out)->type == RNL_T_NULL) {
        if (bound->nullable)
            return RNL_OK;
        return value_refuse(table, row, column, "is NULL, and the target's column is NOT NULL",
                            err);
    }
    switch (policy_apply(w->sink->config, bound, *out, changed, &w->scratch, &why)) {
    case POLICY_REFUSED:
        return value_refuse(table, row, column, why, err);
    case POLICY_CHANGED:
        if (changes_add(w, table, column, *out, err) != RNL_OK)
            return err->status;
        *out = changed;
        return RNL_OK;
    default:
        return RNL_OK;
    }
}
