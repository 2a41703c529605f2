/* The contract between the host and a plugin: versions and markers. */
#ifndef RNL_ABI_H
#define RNL_ABI_H

#include <stddef.h>
#include <stdint.h>

#define RNL_ABI_MAJOR 1u /* a break: every plugin must be rebuilt */
#ifndef RNL_ABI_MINOR
#define RNL_ABI_MINOR 0u /* an addition: older plugins still load */
#endif

#define RNL_MAGIC 0x31534244u
#define RNL_ENTRY "rnl_module"

#define RNL_EXPORT __attribute__((visibility("default")))
#define RNL_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/*
 * Whoever allocates a struct stamps its size. The other side reads nothing
 * beyond that size and never writes beyond it.
 */
#define RNL_HAS(ptr, member) \
    ((ptr)->size >= offsetof(__typeof__(*(ptr)), member) + sizeof((ptr)->member))

#endif
