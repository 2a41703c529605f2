/* What a run would meet at the target. */
#include "sink.h"

int sink_check(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
               struct rnl_error *err)
{
    (void)self;
    (void)job;
    (void)catalog;
    (void)err;
    return RNL_OK;
}
