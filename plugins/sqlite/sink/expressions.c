/* Expressions of the source's dialect as the file can have them. */
#include "map.h"

/* Where the expression of a table's column or condition is looked up. */
struct lookup {
    const struct mapper *m;
    uint32_t table;
};

static enum expr_class class_of(const struct rnl_column *column, enum column_form form)
{
    if (form != FORM_PLAIN)
        return EXPR_OTHER;
    switch (column->type) {
    case RNL_T_BOOL:
        return EXPR_BOOL;
    case RNL_T_INT:
        return EXPR_INT;
    case RNL_T_UINT:
        return column->width < 8 ? EXPR_INT : EXPR_OTHER;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        return EXPR_DOUBLE;
    case RNL_T_TEXT:
        return EXPR_TEXT;
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
        return EXPR_DAY;
    case RNL_T_BYTES:
        return EXPR_BYTES;
    case RNL_T_JSON:
        return EXPR_JSON;
    default: /* decimals are texts here: computing with them would not be exact */
        return EXPR_OTHER;
    }
}

static bool find_column(void *arg, uint32_t index, struct expr_column *out)
{
    const struct lookup *lookup = arg;
    const struct rnl_table *table = mapper_table(lookup->m, lookup->table);
    const struct map_column *map = &lookup->m->tables[lookup->table].columns[index];

    *out = (struct expr_column){
        .name = map->name, .class = class_of(COLUMN(table, index), map->form), .bytewise = true};
    return true;
}

bool map_expression(const struct mapper *m, uint32_t t, const char *text, bool names, bool exact,
                    struct buf *out, enum expr_class *yields, const char **why)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct lookup lookup = {m, t};
    struct expr_scope scope = {
        .to = EXPR_SQLITE,
        .table = names ? table : NULL,
        .column = find_column,
        .arg = &lookup,
        .exact = exact,
        .version = (unsigned)sqlite3_libversion_number(),
    };

    *yields = EXPR_OTHER;
    *why = "its expression is of another dialect";
    if (m->tables[t].same && text) { /* as it is */
        buf_puts(out, text);
        return true;
    }
    return text && table->dialect && expr_dialect_of(table->dialect, &scope.from) &&
           expr_translate(&scope, text, out, yields, why);
}
