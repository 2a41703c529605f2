/* Time that only goes forward. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t clock_ms(void); /* since some moment in the past, CLOCK_MONOTONIC */

#endif
