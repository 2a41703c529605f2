/* The canonical bytes of values, and digests over them. */
#include "canon.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

/* Values from this size on enter a row's bytes as their digest: a row of 64 MiB is never copied. */
#define LARGE_VALUE 1024

/* What stands before each value's bytes; never changes its meaning within a run. */
enum {
    TAG_NULL = 1,
    TAG_INT,       /* 8 bytes, signed */
    TAG_UINT,      /* 8 bytes: 2^63 and more */
    TAG_DECIMAL,   /* the digits of a number that neither holds */
    TAG_JSON,      /* the digest of its meaning */
    TAG_ADDRESS,   /* 4 or 16 bytes */
    TAG_SPECIAL,   /* flags and number: a date that no calendar has */
    TAG_TYPE = 32, /* and more: the type, for what is compared as it is */
};

void canon_init(struct canon *canon, uint64_t seed)
{
    *canon = (struct canon){.seed = seed};
    json_canon_init(&canon->json, seed);
}

void canon_clear(struct canon *canon)
{
    free(canon->bytes);
    json_canon_clear(&canon->json);
    *canon = (struct canon){.seed = canon->seed};
}

static struct digest digest_bytes(const struct canon *canon, const void *bytes, size_t len)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, len, canon->seed);

    return (struct digest){hash.low64, hash.high64};
}

static bool make_room(struct canon *canon, size_t more)
{
    size_t room = canon->room ? canon->room : 1024;
    uint8_t *bytes;

    if (canon->len + more <= canon->room)
        return true;
    while (room < canon->len + more)
        room *= 2;
    bytes = realloc(canon->bytes, room);
    if (!bytes)
        return false;
    canon->bytes = bytes;
    canon->room = room;
    return true;
}

/* A tag and 8 bytes: there is room. */
static void put_number(struct canon *canon, uint8_t tag, const void *number)
{
    canon->bytes[canon->len] = tag;
    memcpy(canon->bytes + canon->len + 1, number, 8);
    canon->len += 9;
}

static bool put_bytes(struct canon *canon, uint8_t tag, const void *bytes, size_t len)
{
    uint32_t size = (uint32_t)len;
    struct digest digest;

    if (len >= LARGE_VALUE) {
        digest = digest_bytes(canon, bytes, len);
        bytes = &digest;
        len = sizeof(digest);
    }
    if (!make_room(canon, 5 + len))
        return false;
    canon->bytes[canon->len] = tag;
    memcpy(canon->bytes + canon->len + 1, &size, 4); /* so that neighbours can't run together */
    if (len)
        memcpy(canon->bytes + canon->len + 5, bytes, len);
    canon->len += 5 + len;
    return true;
}

/* A decimal's text, taken apart: digits of the whole and of the fraction, without needless zeros.
 */
struct decimal {
    bool negative;
    const char *whole, *fraction;
    size_t nwhole, nfraction;
};

static size_t count_digits(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - start);
}

static bool decimal_parse(const char *p, size_t len, struct decimal *decimal)
{
    const char *end = p + len;

    *decimal = (struct decimal){0};
    if (p < end && (*p == '-' || *p == '+'))
        decimal->negative = *p++ == '-';
    decimal->whole = p;
    decimal->nwhole = count_digits(p, end);
    p += decimal->nwhole;
    if (p < end && *p == '.') {
        decimal->fraction = ++p;
        decimal->nfraction = count_digits(p, end);
        p += decimal->nfraction;
    }
    if (p != end || decimal->nwhole + decimal->nfraction == 0)
        return false;
    for (; decimal->nwhole && *decimal->whole == '0'; decimal->nwhole--)
        decimal->whole++;
    while (decimal->nfraction && decimal->fraction[decimal->nfraction - 1] == '0')
        decimal->nfraction--;
    return true;
}

/* A whole number that 64 bits hold: as INT and UINT are. */
static bool decimal_is_small(const struct decimal *decimal, uint8_t *tag, uint64_t *number)
{
    uint64_t sum = 0;

    if (decimal->nfraction || decimal->nwhole > 20)
        return false;
    for (size_t i = 0; i < decimal->nwhole; i++)
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(decimal->whole[i] - '0'), &sum))
            return false;
    *tag = sum > INT64_MAX && !decimal->negative ? TAG_UINT : TAG_INT;
    if (decimal->negative && sum > (uint64_t)INT64_MAX + 1)
        return false;
    *number = decimal->negative ? 0 - sum : sum;
    return true;
}

static bool put_decimal(struct canon *canon, const char *text, size_t len)
{
    struct decimal decimal;
    uint64_t number;
    uint8_t tag, *p;
    uint32_t size;

    if (!decimal_parse(text, len, &decimal)) /* NaN and infinities */
        return put_bytes(canon, TAG_TYPE + RNL_T_DECIMAL, text, len);
    if (!make_room(canon, 16 + decimal.nwhole + decimal.nfraction))
        return false;
    if (decimal_is_small(&decimal, &tag, &number)) {
        put_number(canon, tag, &number);
        return true;
    }
    size = (uint32_t)(decimal.nwhole + decimal.nfraction + 2);
    p = canon->bytes + canon->len;
    *p++ = TAG_DECIMAL;
    memcpy(p, &size, 4);
    p += 4;
    *p++ = decimal.negative ? '-' : '+';
    memcpy(p, decimal.whole, decimal.nwhole);
    p += decimal.nwhole;
    *p++ = '.';
    if (decimal.nfraction)
        memcpy(p, decimal.fraction, decimal.nfraction);
    canon->len += 5 + size;
    return true;
}

static bool put_json(struct canon *canon, const struct rnl_value *value)
{
    struct digest digest;
    uint32_t facts;

    if (json_canon(&canon->json, value->ptr, value->len, &digest, &facts))
        return put_bytes(canon, TAG_JSON, &digest, sizeof(digest));
    if (facts == 0)
        return false;
    return put_bytes(canon, TAG_TYPE + RNL_T_JSON, value->ptr, value->len);
}

static bool put_address(struct canon *canon, const struct rnl_value *value)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];

    if (value->len < sizeof(text)) {
        memcpy(text, value->ptr, value->len);
        text[value->len] = '\0';
        if (strlen(text) == value->len && inet_pton(AF_INET, text, address) == 1)
            return put_bytes(canon, TAG_ADDRESS, address, 4);
        if (strlen(text) == value->len && inet_pton(AF_INET6, text, address) == 1)
            return put_bytes(canon, TAG_ADDRESS, address, 16);
    }
    return put_bytes(canon, TAG_TYPE + RNL_T_INET, value->ptr, value->len);
}

static bool put_double(struct canon *canon, uint16_t type, double d)
{
    uint64_t bits = 0;
    float f = (float)d;

    if (isnan(d))
        bits = UINT64_MAX;
    else if (type == RNL_T_FLOAT)
        memcpy(&bits, &f, sizeof(f));
    else
        memcpy(&bits, &d, sizeof(d));
    put_number(canon, (uint8_t)(TAG_TYPE + type), &bits);
    return true;
}

static bool put_special(struct canon *canon, const struct rnl_value *value)
{
    uint64_t bits = (uint64_t)value->flags << 48 ^ (uint64_t)value->i;

    put_number(canon, TAG_SPECIAL, &bits);
    return true;
}

/* One value of a column of this type; a value of another type counts as what it is. */
static bool put_value(struct canon *canon, uint16_t type, const struct rnl_value *value)
{
    if (!make_room(canon, 16))
        return false;
    if (value->flags & RNL_V_ZERO_DATE)
        return put_special(canon, value);
    switch (value->type) {
    case RNL_T_NULL:
        canon->bytes[canon->len++] = TAG_NULL;
        return true;
    case RNL_T_BOOL:
    case RNL_T_INT:
        put_number(canon, TAG_INT, &value->i);
        return true;
    case RNL_T_UINT:
        put_number(canon, value->u > INT64_MAX ? TAG_UINT : TAG_INT, &value->u);
        return true;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        return put_double(canon, type == RNL_T_FLOAT ? RNL_T_FLOAT : RNL_T_DOUBLE, value->d);
    case RNL_T_DECIMAL:
        return put_decimal(canon, value->ptr, value->len);
    case RNL_T_JSON:
        return put_json(canon, value);
    case RNL_T_INET:
        return put_address(canon, value);
    case RNL_T_UNCHANGED:
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        put_number(canon, (uint8_t)(TAG_TYPE + value->type), &value->i);
        return true;
    default:
        return put_bytes(canon, (uint8_t)(TAG_TYPE + value->type), value->ptr, value->len);
    }
}

bool canon_value(struct canon *canon, uint16_t type, const struct rnl_value *value,
                 struct digest *digest)
{
    canon->len = 0;
    if (!put_value(canon, type, value))
        return false;
    *digest = digest_bytes(canon, canon->bytes, canon->len);
    return true;
}

bool canon_row(struct canon *canon, const struct rnl_table *table, const struct rnl_value *values,
               const uint32_t *columns, uint32_t ncolumns, struct digest *digest)
{
    uint32_t count = columns ? ncolumns : table->ncolumns;

    canon->len = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = columns ? columns[i] : i;

        if (!put_value(canon, table->columns[column].type, &values[column]))
            return false;
    }
    *digest = digest_bytes(canon, canon->bytes, canon->len);
    return true;
}

void digest_add(struct digest *sum, const struct digest *digest)
{
    sum->lo += digest->lo;
    sum->hi += digest->hi + (sum->lo < digest->lo);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return a->lo == b->lo && a->hi == b->hi;
}
