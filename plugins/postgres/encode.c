/* Values of the catalog's types into the binary forms that COPY and parameters take. */
#include "convert.h"
#include "numeric.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#define BIT(type) (1u << (type))

/* which source types a kind takes without loss (integers are checked by value) */
static const uint32_t accepted[PG_KINDS] = {
    [PG_BOOL] = BIT(RNL_T_BOOL) | BIT(RNL_T_INT) | BIT(RNL_T_UINT) | BIT(RNL_T_BITS),
    [PG_INT2] = BIT(RNL_T_BOOL) | BIT(RNL_T_INT) | BIT(RNL_T_UINT),
    [PG_INT4] = BIT(RNL_T_BOOL) | BIT(RNL_T_INT) | BIT(RNL_T_UINT),
    [PG_INT8] = BIT(RNL_T_BOOL) | BIT(RNL_T_INT) | BIT(RNL_T_UINT),
    [PG_NUMERIC] = BIT(RNL_T_INT) | BIT(RNL_T_UINT) | BIT(RNL_T_DECIMAL),
    [PG_FLOAT4] = BIT(RNL_T_FLOAT),
    [PG_FLOAT8] = BIT(RNL_T_FLOAT) | BIT(RNL_T_DOUBLE),
    [PG_TEXT] = BIT(RNL_T_TEXT) | BIT(RNL_T_NATIVE) | BIT(RNL_T_JSON) | BIT(RNL_T_TIME) |
                BIT(RNL_T_INTERVAL),
    [PG_BPCHAR] = BIT(RNL_T_TEXT),
    [PG_BYTEA] = BIT(RNL_T_BYTES) | BIT(RNL_T_TEXT) | BIT(RNL_T_GEOMETRY),
    [PG_DATE] = BIT(RNL_T_DATE),
    [PG_TIME] = BIT(RNL_T_TIME),
    [PG_TIMESTAMP] = BIT(RNL_T_TIMESTAMP),
    [PG_TIMESTAMPTZ] = BIT(RNL_T_TIMESTAMPTZ),
    [PG_INTERVAL] = BIT(RNL_T_TIME) | BIT(RNL_T_INTERVAL),
    [PG_UUID] = BIT(RNL_T_UUID) | BIT(RNL_T_BYTES),
    [PG_JSON] = BIT(RNL_T_JSON),
    [PG_JSONB] = BIT(RNL_T_JSON),
    [PG_BIT] = BIT(RNL_T_BITS),
    [PG_VARBIT] = BIT(RNL_T_BITS),
    [PG_INET] = BIT(RNL_T_INET),
    [PG_TEXT_ARRAY] = BIT(RNL_T_TEXT),
    [PG_FLOAT4_ARRAY] = BIT(RNL_T_VECTOR),
    [PG_GEOMETRY] = BIT(RNL_T_GEOMETRY),
    [PG_VECTOR] = BIT(RNL_T_VECTOR),
    [PG_OID] = BIT(RNL_T_INT) | BIT(RNL_T_UINT),
    [PG_MONEY] = BIT(RNL_T_DECIMAL),
    [PG_NATIVE] = BIT(RNL_T_NATIVE),
};

_Static_assert(RNL_T_COUNT <= 32, "one bit for each type");

bool encode_accepts(enum rnl_type type, enum pg_kind kind)
{
    return (accepted[kind] & BIT(type)) != 0;
}

static bool integer_of(const struct rnl_value *value, int64_t *number, const char **why)
{
    if (value->type == RNL_T_UINT && value->u > INT64_MAX) {
        *why = "is larger than the target's column can hold";
        return false;
    }
    *number = value->i;
    return true;
}

static bool encode_integer(struct buf *out, enum pg_kind kind, const struct rnl_value *value,
                           const char **why)
{
    int64_t number;

    if (!integer_of(value, &number, why))
        return false;
    if ((kind == PG_INT2 && number != (int16_t)number) ||
        (kind == PG_INT4 && number != (int32_t)number)) {
        *why = "is outside the range of the target's column";
        return false;
    }
    if (kind == PG_INT2) {
        buf_be32(out, 2);
        buf_be16(out, (uint16_t)number);
    } else if (kind == PG_INT4) { /* length and number at once */
        buf_be64(out, UINT64_C(4) << 32 | (uint32_t)number);
    } else {
        buf_be32(out, 8);
        buf_be64(out, (uint64_t)number);
    }
    return true;
}

static bool encode_oid(struct buf *out, const struct rnl_value *value, const char **why)
{
    if (value->u > UINT32_MAX) {
        *why = "is outside the range of the target's column";
        return false;
    }
    buf_be32(out, 4);
    buf_be32(out, (uint32_t)value->u);
    return true;
}

bool money_raw(const struct bound_column *column, const struct rnl_value *value, int64_t *raw,
               const char **why)
{
    const char *at = value->ptr, *end = at + value->len;
    bool negative = at < end && *at == '-', point = false;
    unsigned places = 0;
    int64_t number = 0;

    for (at += negative; at < end || places < column->digits; at++) {
        int digit = at < end ? *at - '0' : 0; /* zeros go on behind the end */

        if (at < end && *at == '.' && !point) {
            point = true;
            continue;
        }
        if (point && places == column->digits && digit == 0)
            continue;
        if (digit < 0 || digit > 9 || (point && places == column->digits) ||
            __builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, digit, &number)) {
            *why = "is no sum that the target's money can hold";
            return false;
        }
        places += point || at >= end;
    }
    if (!negative && number == INT64_MIN) {
        *why = "is no sum that the target's money can hold";
        return false;
    }
    *raw = negative ? number : -number; /* counted downwards, for the lowest of all */
    return true;
}

static bool encode_money(struct buf *out, const struct bound_column *column,
                         const struct rnl_value *value, const char **why)
{
    int64_t raw;

    if (!money_raw(column, value, &raw, why))
        return false;
    buf_be32(out, 8);
    buf_be64(out, (uint64_t)raw);
    return true;
}

static bool encode_bool(struct buf *out, const struct rnl_value *value, const char **why)
{
    uint64_t number;

    if (value->type == RNL_T_BITS)
        number = value->len && memchr(value->ptr, '1', value->len) ? 1 : 0;
    else
        number = value->u;
    if (number > 1 || (value->type == RNL_T_BITS && value->len > 1)) {
        *why = "is neither 0 nor 1, and the target's column is boolean (option tinyint1)";
        return false;
    }
    buf_be32(out, 1);
    buf_byte(out, (char)number);
    return true;
}

static bool encode_numeric(struct buf *out, const struct rnl_value *value, const char **why)
{
    size_t at = out->len;
    char text[24];
    bool good;

    buf_be32(out, 0);
    if (value->type == RNL_T_DECIMAL) {
        good = numeric_encode(out, value->ptr, value->len);
    } else {
        int len = value->type == RNL_T_INT ? snprintf(text, sizeof(text), "%" PRId64, value->i)
                                           : snprintf(text, sizeof(text), "%" PRIu64, value->u);
        good = numeric_encode(out, text, (size_t)len);
    }
    if (!good) {
        *why = "is no number that PostgreSQL's numeric can hold";
        return false;
    }
    buf_patch32(out, at, (uint32_t)(out->len - at - 4));
    return true;
}

static bool encode_float(struct buf *out, enum pg_kind kind, const struct rnl_value *value)
{
    if (kind == PG_FLOAT4) {
        float number = (float)value->d;
        uint32_t bits;

        memcpy(&bits, &number, sizeof(bits));
        buf_be32(out, 4);
        buf_be32(out, bits);
    } else {
        buf_be32(out, 8);
        buf_be64(out, value->u);
    }
    return true;
}

static bool encode_bytes(struct buf *out, const void *bytes, size_t len)
{
    if (!buf_reserve(out, 4 + len))
        return true; /* out knows */
    buf_be32(out, (uint32_t)len);
    if (len)
        memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
    return true;
}

static bool encode_clock(struct buf *out, const struct rnl_value *value)
{
    size_t at = out->len;

    buf_be32(out, 0);
    clock_print(out, value->i);
    buf_patch32(out, at, (uint32_t)(out->len - at - 4));
    return true;
}

static bool encode_date(struct buf *out, const struct rnl_value *value, const char **why)
{
    int64_t days;

    if (value->i == INT64_MIN) {
        days = INT32_MIN;
    } else if (value->i == INT64_MAX) {
        days = INT32_MAX;
    } else if (value->i < -3000000 || value->i > 2145042905) {
        *why = "is a date outside of PostgreSQL's calendar";
        return false;
    } else {
        days = value->i - EPOCH_DAYS;
    }
    buf_be32(out, 4);
    buf_be32(out, (uint32_t)(int32_t)days);
    return true;
}

static bool encode_timestamp(struct buf *out, const struct rnl_value *value, const char **why)
{
    int64_t us = value->i;

    if (us != INT64_MIN && us != INT64_MAX && __builtin_sub_overflow(us, EPOCH_US, &us)) {
        *why = "is a time outside of PostgreSQL's calendar";
        return false;
    }
    buf_be32(out, 8);
    buf_be64(out, (uint64_t)us);
    return true;
}

static bool encode_time(struct buf *out, const struct rnl_value *value, const char **why)
{
    if (value->i < 0 || value->i > DAY_US) {
        *why = "is no time of a day, and the target's column is time (option time)";
        return false;
    }
    buf_be32(out, 8);
    buf_be64(out, (uint64_t)value->i);
    return true;
}

static bool encode_interval(struct buf *out, const struct rnl_value *value, const char **why)
{
    struct span span = {0};

    if (value->type == RNL_T_TIME) {
        span.us = value->i;
    } else if (!span_parse(value->ptr, value->len, &span)) {
        *why = "is no interval";
        return false;
    }
    buf_be32(out, 16);
    buf_be64(out, (uint64_t)span.us);
    buf_be32(out, (uint32_t)span.days);
    buf_be32(out, (uint32_t)span.months);
    return true;
}

static bool encode_uuid(struct buf *out, const struct pg_config *config,
                        const struct rnl_value *value, const char **why)
{
    const uint8_t *bytes = value->ptr;

    if (value->len != 16) {
        *why = "is not 16 bytes long, and the target's column is uuid";
        return false;
    }
    if (value->type != RNL_T_BYTES || config->binary16 != BINARY16_UUID_SWAP)
        return encode_bytes(out, bytes, 16);
    /* UUID_TO_BIN(x, 1) put time_hi and time_mid before time_low */
    buf_be32(out, 16);
    buf_add(out, bytes + 4, 4);
    buf_add(out, bytes + 2, 2);
    buf_add(out, bytes, 2);
    buf_add(out, bytes + 8, 8);
    return true;
}

static bool encode_jsonb(struct buf *out, const struct rnl_value *value)
{
    buf_be32(out, value->len + 1);
    buf_byte(out, 1); /* version */
    buf_add(out, value->ptr, value->len);
    return true;
}

static bool encode_bits(struct buf *out, const struct rnl_value *value, const char **why)
{
    const char *text = value->ptr;
    size_t nbytes = ((size_t)value->len + 7) / 8;

    buf_be32(out, (uint32_t)(4 + nbytes));
    buf_be32(out, value->len);
    for (size_t i = 0; i < nbytes; i++) {
        unsigned byte = 0;

        for (size_t k = i * 8; k < i * 8 + 8; k++) {
            if (k < value->len && text[k] != '0' && text[k] != '1') {
                *why = "is no string of bits";
                return false;
            }
            byte = byte << 1 | (k < value->len && text[k] == '1');
        }
        buf_byte(out, (char)byte);
    }
    return true;
}

static bool encode_inet(struct buf *out, const struct rnl_value *value, const char **why)
{
    uint8_t bytes[16];
    char text[64];
    int family;

    if (value->len >= sizeof(text)) {
        *why = "is no address";
        return false;
    }
    memcpy(text, value->ptr, value->len);
    text[value->len] = '\0';
    family = memchr(text, ':', value->len) ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, bytes) != 1) {
        *why = "is no address";
        return false;
    }
    buf_be32(out, family == AF_INET ? 8 : 20);
    buf_byte(out, family == AF_INET ? 2 : 3); /* PGSQL_AF_INET, PGSQL_AF_INET6 */
    buf_byte(out, (char)(family == AF_INET ? 32 : 128));
    buf_byte(out, 0); /* no cidr */
    buf_byte(out, family == AF_INET ? 4 : 16);
    buf_add(out, bytes, family == AF_INET ? 4 : 16);
    return true;
}

/* A set's labels, joined by commas. */
static bool encode_text_array(struct buf *out, Oid element, const struct rnl_value *value)
{
    const char *text = value->ptr, *end = text + value->len;
    size_t at = out->len;
    uint32_t count = 1;

    for (const char *c = text; c < end; c++)
        count += *c == ',';
    buf_be32(out, 0);
    buf_be32(out, value->len ? 1 : 0); /* dimensions */
    buf_be32(out, 0);                  /* no NULLs */
    buf_be32(out, element);
    if (value->len) {
        buf_be32(out, count);
        buf_be32(out, 1);
        for (;;) {
            const char *comma = memchr(text, ',', (size_t)(end - text));
            const char *stop = comma ? comma : end;

            encode_bytes(out, text, (size_t)(stop - text));
            if (!comma)
                break;
            text = comma + 1;
        }
    }
    buf_patch32(out, at, (uint32_t)(out->len - at - 4));
    return true;
}

static bool encode_vector(struct buf *out, enum pg_kind kind, const struct rnl_value *value,
                          const char **why)
{
    const uint8_t *bytes = value->ptr;
    uint32_t count = value->len / 4;
    size_t at = out->len;

    if (value->len % 4 || count > 16000) {
        *why = "is no vector";
        return false;
    }
    buf_be32(out, 0);
    if (kind == PG_VECTOR) {
        buf_be16(out, (uint16_t)count);
        buf_be16(out, 0);
    } else {
        buf_be32(out, count ? 1 : 0);
        buf_be32(out, 0);
        buf_be32(out, 700); /* float4 */
        if (count) {
            buf_be32(out, count);
            buf_be32(out, 1);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, bytes + 4 * (size_t)i, 4);
        if (kind == PG_FLOAT4_ARRAY)
            buf_be32(out, 4);
        buf_be32(out, bits);
    }
    buf_patch32(out, at, (uint32_t)(out->len - at - 4));
    return true;
}

/* EWKB: WKB whose type says that an SRID follows; plain WKB when the SRID is 0. */
static bool encode_geometry(struct buf *out, const struct rnl_value *value, const char **why)
{
    const uint8_t *bytes = value->ptr;
    uint32_t srid, type;

    if (value->len < 9 || bytes[4] > 1) {
        *why = "is no geometry";
        return false;
    }
    memcpy(&srid, bytes, 4);
    if (srid == 0)
        return encode_bytes(out, bytes + 4, value->len - 4);
    memcpy(&type, bytes + 5, 4);
    type |= bytes[4] == 1 ? 0x20000000u : 0x20u;
    if (bytes[4] == 0)
        srid = __builtin_bswap32(srid);
    buf_be32(out, value->len);
    buf_byte(out, (char)bytes[4]);
    buf_add(out, &type, 4);
    buf_add(out, &srid, 4);
    buf_add(out, bytes + 9, value->len - 9);
    return true;
}

/*
 * Kinds that are made from other forms. Apart from the plain ones: what these need of the stack
 * would be prepared for each number and text too.
 */
__attribute__((noinline)) static bool encode_made(struct buf *out, const struct pg_config *config,
                                                  const struct bound_column *column,
                                                  const struct rnl_value *value, const char **why)
{
    switch (column->kind) {
    case PG_MONEY:
        return encode_money(out, column, value, why);
    case PG_OID:
        return encode_oid(out, value, why);
    case PG_NUMERIC:
        return encode_numeric(out, value, why);
    case PG_BYTEA: /* PostGIS is not there */
    case PG_GEOMETRY:
        return encode_geometry(out, value, why);
    case PG_JSONB:
        return encode_jsonb(out, value);
    case PG_TIME:
        return encode_time(out, value, why);
    case PG_INTERVAL:
        return encode_interval(out, value, why);
    case PG_UUID:
        return encode_uuid(out, config, value, why);
    case PG_BIT:
    case PG_VARBIT:
        return encode_bits(out, value, why);
    case PG_INET:
        return encode_inet(out, value, why);
    case PG_TEXT_ARRAY:
        return encode_text_array(out, column->element, value);
    case PG_FLOAT4_ARRAY:
    case PG_VECTOR:
        return encode_vector(out, column->kind, value, why);
    default:
        *why = "is of a type that can't be written";
        return false;
    }
}

bool encode_field(struct buf *out, const struct pg_config *config,
                  const struct bound_column *column, const struct rnl_value *value,
                  const char **why)
{
    if (value->type == RNL_T_NULL) {
        buf_be32(out, UINT32_MAX);
        return true;
    }
    if (value->type >= RNL_T_COUNT || !encode_accepts(value->type, column->kind)) {
        *why = "is of a type that the target's column doesn't take";
        return false;
    }
    switch (column->kind) {
    case PG_BOOL:
        return encode_bool(out, value, why);
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
        return encode_integer(out, column->kind, value, why);
    case PG_FLOAT4:
    case PG_FLOAT8:
        return encode_float(out, column->kind, value);
    case PG_TEXT:
        if (value->type == RNL_T_TIME)
            return encode_clock(out, value);
        return encode_bytes(out, value->ptr, value->len);
    case PG_BYTEA:
        if (value->type == RNL_T_GEOMETRY)
            return encode_made(out, config, column, value, why);
        return encode_bytes(out, value->ptr, value->len);
    case PG_BPCHAR:
    case PG_JSON:
        return encode_bytes(out, value->ptr, value->len);
    case PG_DATE:
        return encode_date(out, value, why);
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        return encode_timestamp(out, value, why);
    default:
        return encode_made(out, config, column, value, why);
    }
}
