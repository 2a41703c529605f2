/* Rows into a table that stands already and has unique keys beside the one that tells rows apart.
 */
#include "data.h"

/*
 * INSERT … ON DUPLICATE KEY UPDATE changes the row that any unique key finds, which may
 * be another than the one meant: so the row is looked for by its key alone, and what
 * another key refuses is told as an error.
 */
int upsert_row(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
               struct rnl_error *err)
{
    bool found = false;
    int status = batch_settle(w, err);

    if (status == RNL_OK)
        status = update_by_key(w, table, row, &found, err);
    return status == RNL_OK && !found ? batch_row(w, table, row, err) : status;
}
