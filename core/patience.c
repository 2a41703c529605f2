/* How often and how soon a run that failed is tried again. */
#include "patience.h"

#include "util/clock.h"

#include <sys/random.h>

uint64_t random_number(void)
{
    uint64_t number;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
        number = (uint64_t)clock_ms() * UINT64_C(0x9E3779B97F4A7C15);
    return number;
}

/* Anything up to twice as long as the last time, so that many don't come back at once. */
static int64_t pause_ms(const struct retry_config *retry, uint32_t failures)
{
    int64_t most_ms = retry->first_ms > 0 ? retry->first_ms : 1;

    for (uint32_t i = 1; i < failures && most_ms < retry->max_ms; i++)
        most_ms *= 2;
    if (most_ms > retry->max_ms && retry->max_ms > 0)
        most_ms = retry->max_ms;
    return 1 + (int64_t)(random_number() % (uint64_t)most_ms);
}

bool patience_again(struct patience *patience, const struct retry_config *retry, uint64_t mark,
                    bool was_well, int64_t *wait_ms)
{
    int64_t now_ms = clock_ms();

    if (!patience->failures || mark != patience->mark || was_well)
        *patience = (struct patience){.mark = mark, .since_ms = now_ms};
    patience->failures++;
    *wait_ms = pause_ms(retry, patience->failures);
    return now_ms - patience->since_ms + *wait_ms <= retry->seconds * 1000;
}
