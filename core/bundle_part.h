/* How a bundle stands in bytes and in memory: what its writing and its reading share. */
#ifndef BUNDLE_PART_H
#define BUNDLE_PART_H

#include "bundle.h"

#include <endian.h>
#include <stddef.h>

_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN,
               "bundles are little endian, and copied as they are");

#define BUNDLE_MAGIC 0x424c4e52u /* "RNLB" */

/* The head of the bytes. CRC32C is over all that follows it; rows and then position follow. */
struct wire_head {
    uint32_t magic;
    uint16_t version;
    uint16_t head_len;
    uint32_t crc;
    uint32_t lane;
    uint64_t number;
    uint64_t pipeline;
    uint64_t rows_len;
    uint32_t unit;
    uint32_t table;
    uint32_t flags;
    uint32_t rows;
    uint32_t position_len;
    uint32_t schema;
    int64_t committed_us;
};

_Static_assert(sizeof(struct wire_head) == 72, "the head has no gaps");
#define CRC_FROM (offsetof(struct wire_head, crc) + sizeof(uint32_t))

/* Before each row's values. */
struct wire_row {
    uint32_t len; /* of the values behind it */
    uint16_t nvalues;
    uint8_t op;
    uint8_t shape; /* SHAPE_* */
};

enum {
    SHAPE_AFTER = 1,
    SHAPE_BEFORE = 2,
    SHAPE_TABLE = 4 /* a u32: another table than the head's */
};

/* A value: flags if any (TAG_FLAGS, u16), a tag (type | width << 5), then its bytes. */
enum { TAG_FLAGS = 31, TAG_TYPE = 31, VALUE_MOST = 3 + 1 + 8 };
_Static_assert((int)RNL_T_COUNT < (int)TAG_FLAGS, "types fit five bits");

struct rnl_bundle {
    unsigned char *bytes; /* owned while writing, borrowed while reading */
    size_t len, room;
    size_t max_bytes;
    size_t row_bytes;                  /* of the largest row that is taken */
    const struct rnl_catalog *catalog; /* for messages; borrowed, may be NULL */
    uint32_t max_rows;
    uint32_t rows;
    uint32_t table; /* of the first row */
    void *position; /* while writing: owned; rows up to it are marked_rows */
    size_t position_len;
    uint32_t marked_rows;
    size_t marked_len;
    bool open;               /* a transaction began in an earlier bundle: this one ends with it */
    int64_t committed_us;    /* of the mark; 0: unknown */
    const struct mask *mask; /* while writing: of the rows to come, or NULL */
    const uint32_t *mask_columns;
    struct masker *masker, *masker_before;
    const struct rnl_catalog *masks; /* of changes: each row's table has its own; or NULL */
    bool settled_only; /* of changes: those of tables that wait (catalog_joined) are left out */
    struct alterations *altered; /* of changes: tables that are others from here on; or NULL */

    bool reading;
    bool tolerant; /* see bundle_tolerate() */
    size_t at;     /* of the next row */
    uint32_t next_row;
    struct rnl_value *values; /* of the row lent last */
    size_t nvalues_room;
};

#define TYPE_BIT(type) (1u << (type))
#define TYPES_OF_BYTES                                                        \
    (TYPE_BIT(RNL_T_DECIMAL) | TYPE_BIT(RNL_T_TEXT) | TYPE_BIT(RNL_T_BYTES) | \
     TYPE_BIT(RNL_T_INTERVAL) | TYPE_BIT(RNL_T_UUID) | TYPE_BIT(RNL_T_JSON) | \
     TYPE_BIT(RNL_T_BITS) | TYPE_BIT(RNL_T_GEOMETRY) | TYPE_BIT(RNL_T_INET) | \
     TYPE_BIT(RNL_T_VECTOR) | TYPE_BIT(RNL_T_NATIVE))

/* Whether the type's values are a length and bytes. Asked of each value: here, to be inlined. */
static inline bool bundle_holds_bytes(unsigned type)
{
    return type < RNL_T_COUNT && TYPES_OF_BYTES >> type & 1;
}

#endif
