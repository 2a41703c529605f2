/* CRC-32C (Castagnoli, RFC 3720 B.4): guards bundles against bits that flip on the way. */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of bytes; crc is 0 at the start, or the result for what stands before them. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

#endif
