/* Rows that hold an enum's empty label: what a server keeps in the place of a label that is none.
 */
#include "data.h"

static bool has_empty_label(const struct rnl_column *column)
{
    for (uint32_t i = 0; i < column->nlabels; i++)
        if (!column->labels[i] || !*column->labels[i])
            return true;
    return false;
}

bool row_is_loose(const struct bound_table *table, const struct rnl_row *row)
{
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        const struct bound_column *column = &table->columns[i];

        if (column->kind == MY_ENUM && column->written && row->after[i].type == RNL_T_TEXT &&
            row->after[i].len == 0 && !has_empty_label(column->source))
            return true;
    }
    return false;
}

/*
 * A strict session takes no such value, and a server that holds one has it from one that
 * wasn't strict: so this row goes by itself, in a session that is not. Whatever else the
 * server changes in it comes as a warning, and that is an error here.
 */
int loose_begin(struct my_writer *w, struct rnl_error *err)
{
    int status = conn_run(w->conn,
                          "SET @runnel_sql_mode = @@sql_mode, SESSION sql_mode ="
                          " 'NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES'",
                          err);

    w->loose = status == RNL_OK;
    return status;
}

int loose_end(struct my_writer *w, int status, struct rnl_error *err)
{
    struct rnl_error ignored = RNL_ERROR_INIT;
    int restored = conn_run(w->conn, "SET SESSION sql_mode = @runnel_sql_mode",
                            status == RNL_OK ? err : &ignored);

    w->loose = false;
    return status == RNL_OK ? restored : status;
}

int loose_row(struct my_writer *w, const struct rnl_row *row, struct rnl_error *err)
{
    int status = batch_end(w, err);

    if (status == RNL_OK)
        status = loose_begin(w, err);
    if (status != RNL_OK)
        return status;
    status = batch_single(w, row, err);
    if (status == RNL_OK)
        status = batch_end(w, err);
    else
        batch_drop(w);
    return loose_end(w, status, err);
}
