/* Changes of tables without a key: one of the rows that are equal to what the source had. */
#include "apply.h"

enum { HINTS_MAX = 4 };

/* Types whose "=" may use an index, and is not narrower than being the same. */
static bool is_hint(const struct bound_column *column, const struct rnl_value *value)
{
    if (value->type == RNL_T_NULL || goes_as_text(column))
        return false;
    switch (column->type) {
    case 20: /* int8, int2, int4 */
    case 21:
    case 23:
    case 25: /* text, varchar */
    case 1043:
    case 1082: /* date, timestamp, timestamptz */
    case 1114:
    case 1184:
    case 1700: /* numeric */
    case 2950: /* uuid */
        return true;
    default:
        return false;
    }
}

static bool is_told(const struct bound_table *table, const struct rnl_value *values, uint32_t i)
{
    return table->columns[i].written && values[i].type != RNL_T_UNCHANGED;
}

static int add_hints(struct pg_writer *w, struct scalars *s, const struct bound_table *table,
                     const struct rnl_row *row, const struct rnl_value *values,
                     struct rnl_error *err)
{
    unsigned hints = 0;
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && hints < HINTS_MAX && i < row->nvalues; i++) {
        const struct bound_column *column = &table->columns[i];

        if (!is_told(table, values, i) || !is_hint(column, &values[i]))
            continue;
        buf_puts(&s->sql, " AND t.");
        buf_name(&s->sql, column->name);
        buf_puts(&s->sql, " = ");
        /* of the column's own precision: what is stored was rounded to that */
        status = scalars_add(w, s, table, row, i, &values[i], column->spelled, err);
        hints++;
    }
    return status;
}

/* All the same, byte for byte: that holds for types without "=" too. */
static int add_same(struct pg_writer *w, struct scalars *s, const struct bound_table *table,
                    const struct rnl_row *row, const struct rnl_value *values,
                    struct rnl_error *err)
{
    bool any = false;
    int status = RNL_OK;

    buf_puts(&s->sql, "ROW("); /* its cast keeps the server from comparing column by column */
    for (uint32_t i = 0; i < row->nvalues; i++) {
        if (!is_told(table, values, i))
            continue;
        buf_puts(&s->sql, any ? ", t." : "t.");
        buf_name(&s->sql, table->columns[i].name);
        any = true;
    }
    if (!any)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a change of %s, which has no key, doesn't say what its row was",
                        table->qualified);
    buf_puts(&s->sql, ")::record *= ROW(");
    any = false;
    for (uint32_t i = 0; status == RNL_OK && i < row->nvalues; i++) {
        if (!is_told(table, values, i))
            continue;
        buf_puts(&s->sql, any ? ", " : "");
        any = true;
        status = scalars_add(w, s, table, row, i, &values[i], table->columns[i].spelled, err);
    }
    buf_puts(&s->sql, ")::record");
    return status;
}

/* The same as texts, for values that two ways of writing stored otherwise. */
static int add_alike(struct pg_writer *w, struct scalars *s, const struct bound_table *table,
                     const struct rnl_row *row, const struct rnl_value *values,
                     struct rnl_error *err)
{
    int status = RNL_OK;

    buf_puts(&s->sql, "true");
    for (uint32_t i = 0; status == RNL_OK && i < row->nvalues; i++) {
        if (!is_told(table, values, i))
            continue;
        buf_puts(&s->sql, " AND CAST(t.");
        buf_name(&s->sql, table->columns[i].name);
        buf_puts(&s->sql, " AS pg_catalog.text) COLLATE \"C\" IS NOT DISTINCT FROM CAST(");
        status = scalars_add(w, s, table, row, i, &values[i], table->columns[i].spelled, err);
        buf_puts(&s->sql, " AS pg_catalog.text) COLLATE \"C\"");
    }
    return status;
}

static int add_set(struct pg_writer *w, struct scalars *s, const struct bound_table *table,
                   const struct rnl_row *row, bool *any, struct rnl_error *err)
{
    int status = RNL_OK;

    buf_puts(&s->sql, "UPDATE ");
    add_table(&s->sql, table);
    buf_puts(&s->sql, " AS u SET ");
    *any = false;
    for (uint32_t i = 0; status == RNL_OK && i < row->nvalues; i++) {
        if (!is_told(table, row->after, i) || table->columns[i].always)
            continue;
        buf_puts(&s->sql, *any ? ", " : "");
        buf_name(&s->sql, table->columns[i].name);
        buf_puts(&s->sql, " = ");
        status = scalars_add(w, s, table, row, i, &row->after[i], NULL, err);
        *any = true;
    }
    return status;
}

/* One attempt; values: what the row is found by. */
static int attempt(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
                   const struct rnl_value *values, bool alike, uint64_t *found,
                   struct rnl_error *err)
{
    struct scalars s = {0};
    char doing[300];
    bool any = true;
    int status = RNL_OK;

    snprintf(doing, sizeof(doing), "%s a row of %.200s",
             row->op == RNL_DELETE ? "delete" : "update", table->qualified);
    if (row->op == RNL_DELETE) {
        buf_puts(&s.sql, "DELETE FROM ");
        add_table(&s.sql, table);
        buf_puts(&s.sql, " AS u USING ");
    } else {
        status = add_set(w, &s, table, row, &any, err);
        buf_puts(&s.sql, " FROM ");
    }
    buf_puts(&s.sql, "(SELECT t.tableoid AS o, t.ctid AS c FROM ");
    add_table(&s.sql, table);
    buf_puts(&s.sql, " AS t WHERE ");
    if (status == RNL_OK)
        status = alike ? add_alike(w, &s, table, row, values, err)
                       : add_same(w, &s, table, row, values, err);
    if (status == RNL_OK && !alike)
        status = add_hints(w, &s, table, row, values, err);
    buf_puts(&s.sql, " LIMIT 1) AS x WHERE u.ctid = x.c AND u.tableoid = x.o");
    if (status == RNL_OK && any)
        status = scalars_run(w, &s, doing, found, err);
    else if (status == RNL_OK)
        *found = 1; /* nothing that could be set */
    scalars_free(&s);
    return status;
}

int apply_keyless(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  uint64_t *found, struct rnl_error *err)
{
    int status;

    *found = 0;
    if (!row->before)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a change of %s, which has no key, doesn't say what its row was",
                        table->qualified);
    status = attempt(w, table, row, row->before, false, found, err);
    if (status == RNL_OK && *found == 0)
        status = attempt(w, table, row, row->before, true, found, err);
    /* a foreign key of the target has changed it already */
    if (status == RNL_OK && *found == 0 && row->op == RNL_UPDATE &&
        cascade_moves(&w->sink->cascades, row->table))
        status = attempt(w, table, row, row->after, false, found, err);
    return status;
}
