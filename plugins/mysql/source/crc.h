/* The checksum of events: CRC-32 as zlib has it, by the processor's own means where it has them. */
#ifndef MYSQL_CRC_H
#define MYSQL_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc_of(const void *bytes, size_t len);

#endif
