/* Mends single rows that verification found to differ. */
#include "convert.h"

int repair_update(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  struct rnl_error *err)
{
    (void)w;
    (void)row;
    return rnl_fail(err, RNL_E_DATA, "sink.operation", "updates of %s", table->qualified);
}
