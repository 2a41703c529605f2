/* Values, and runs of bytes that somebody else owns. */
#ifndef RNL_VALUE_H
#define RNL_VALUE_H

#include <runnel/abi.h>

/* Borrowed bytes: valid until the next call on the object that lent them. */
struct rnl_slice {
    const void *ptr;
    size_t len;
};

enum rnl_type {
    RNL_T_NULL = 0,
    RNL_T_UNCHANGED, /* the source did not send it: the target keeps what it has */
    RNL_T_BOOL,      /* i: 0 or 1 */
    RNL_T_INT,       /* i */
    RNL_T_UINT,      /* u */
    RNL_T_FLOAT,     /* d: 4 bytes at the source, held exactly */
    RNL_T_DOUBLE,    /* d */
    RNL_T_DECIMAL,   /* text: sign, digits, at most one point; or NaN, Infinity, -Infinity */
    RNL_T_TEXT,      /* UTF-8, not terminated; an enum's label; a set's labels joined by commas */
    RNL_T_BYTES,
    RNL_T_DATE,        /* i: days since 1970-01-01; INT64_MIN and INT64_MAX are -/+ infinity */
    RNL_T_TIME,        /* i: microseconds, negative and beyond 24 h allowed */
    RNL_T_TIMESTAMP,   /* i: microseconds since 1970-01-01 00:00, no zone; infinities as in DATE */
    RNL_T_TIMESTAMPTZ, /* i: microseconds since 1970-01-01 00:00 UTC; infinities as in DATE */
    RNL_T_INTERVAL,    /* ISO 8601 text */
    RNL_T_UUID,        /* 16 bytes, in the order they are displayed */
    RNL_T_JSON,        /* text, UTF-8 */
    RNL_T_BITS,        /* text of 0 and 1 */
    RNL_T_GEOMETRY,    /* SRID, 4 bytes little endian, then WKB */
    RNL_T_INET,        /* text of an address, without a prefix */
    RNL_T_VECTOR,      /* 4-byte IEEE floats, little endian */
    RNL_T_NATIVE,      /* the source's own text form, for a type that no other fits */
    RNL_T_COUNT
};

/*
 * Flags of a value. RNL_V_ZERO_DATE goes with DATE, TIMESTAMP and TIMESTAMPTZ: the
 * calendar has no such day (0000-00-00, 2020-02-00), and i holds
 * year * 10000 + month * 100 + day; a time of day is dropped.
 */
enum { RNL_V_ZERO_DATE = 1 << 0 };

/* Arrays of values cross the boundary, so this never changes within an ABI major. */
struct rnl_value {
    uint16_t type;
    uint16_t flags;
    uint32_t len; /* of ptr; 0 for the types held in place */
    union {
        int64_t i;
        uint64_t u;
        double d;
        const void *ptr; /* borrowed */
    };
};

_Static_assert(sizeof(struct rnl_value) == 16, "rnl_value is frozen");

#endif
