/* How often and how soon a run that failed is tried again. */
#ifndef PATIENCE_H
#define PATIENCE_H

#include "config.h"

/* How often it failed without getting further, and since when. Zeroed: never. */
struct patience {
    uint64_t mark; /* of the progress */
    int64_t since_ms;
    uint32_t failures;
};

/*
 * It failed once more, having come as far as mark. was_well: it was well again meanwhile, though
 * it came no further. *wait_ms: when to try again; false: it has been tried for long enough.
 */
bool patience_again(struct patience *patience, const struct retry_config *retry, uint64_t mark,
                    bool was_well, int64_t *wait_ms);

uint64_t random_number(void);

#endif
