/* Fields as COPY gives them into values of the catalog's types. Written apart from encode.c. */
#include "convert.h"
#include "numeric.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

/* The bytes of one field; a read beyond its end clears good and gives 0. */
struct field {
    const uint8_t *at, *end;
    bool good;
};

static uint64_t take(struct field *f, unsigned bytes)
{
    uint64_t value = 0;

    if ((size_t)(f->end - f->at) < bytes) {
        f->good = false;
        return 0;
    }
    while (bytes--)
        value = value << 8 | *f->at++;
    return value;
}

static const uint8_t *take_bytes(struct field *f, size_t len)
{
    const uint8_t *at = f->at;

    if ((size_t)(f->end - f->at) < len) {
        f->good = false;
        return NULL;
    }
    f->at += len;
    return at;
}

static void lend(struct decoded *out, enum rnl_type type, const void *bytes, size_t len)
{
    out->value = (struct rnl_value){.type = (uint16_t)type, .len = (uint32_t)len, .ptr = bytes};
}

/* What was appended to scratch since start is the value. */
static void give_made(struct decoded *out, enum rnl_type type, const struct buf *scratch,
                      size_t start)
{
    lend(out, type, NULL, scratch->len - start);
    out->made = true;
    out->offset = start;
}

static void give_integer(struct decoded *out, enum rnl_type type, int64_t number)
{
    if (type == RNL_T_UINT && number < 0) /* not from us: shown as what it is */
        type = RNL_T_INT;
    out->value = (struct rnl_value){.type = (uint16_t)type, .i = number};
}

static void decode_bool(struct field *f, enum rnl_type type, struct decoded *out)
{
    uint64_t number = take(f, 1);

    if (type == RNL_T_BITS)
        lend(out, RNL_T_BITS, number ? "1" : "0", 1);
    else
        give_integer(out, type, (int64_t)number);
}

/* A whole number within its type's range, as the source has it. */
static bool whole_number(const char *text, enum rnl_type type, struct rnl_value *value)
{
    char *end;

    if (type == RNL_T_DECIMAL || (type == RNL_T_UINT && *text == '-'))
        return false;
    errno = 0;
    value->type = (uint16_t)type;
    if (type == RNL_T_UINT)
        value->u = strtoull(text, &end, 10);
    else
        value->i = strtoll(text, &end, 10);
    return errno == 0 && end != text && !*end;
}

static void decode_numeric(struct field *f, enum rnl_type type, struct buf *scratch,
                           struct decoded *out)
{
    size_t start = scratch->len;

    f->good = numeric_decode(scratch, f->at, (size_t)(f->end - f->at)) && buf_text(scratch);
    if (!f->good)
        return;
    f->at = f->end;
    if (!whole_number(scratch->ptr + start, type, &out->value))
        give_made(out, RNL_T_DECIMAL, scratch, start);
}

static void decode_money(struct field *f, unsigned digits, struct buf *scratch, struct decoded *out)
{
    int64_t raw = (int64_t)take(f, 8);
    uint64_t size = raw < 0 ? 0 - (uint64_t)raw : (uint64_t)raw, unit = 1;
    size_t start = scratch->len;

    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    buf_printf(scratch, "%s%llu", raw < 0 ? "-" : "", (unsigned long long)(size / unit));
    if (digits)
        buf_printf(scratch, ".%0*llu", (int)digits, (unsigned long long)(size % unit));
    give_made(out, RNL_T_DECIMAL, scratch, start);
}

static void decode_float(struct field *f, enum pg_kind kind, enum rnl_type type,
                         struct decoded *out)
{
    out->value.type = (uint16_t)type;
    if (kind == PG_FLOAT4) {
        uint32_t bits = (uint32_t)take(f, 4);
        float number;

        memcpy(&number, &bits, sizeof(number));
        out->value.d = (double)number;
    } else {
        out->value.u = take(f, 8);
    }
}

static void decode_text(struct field *f, enum rnl_type type, struct decoded *out)
{
    size_t len = (size_t)(f->end - f->at);
    int64_t us;

    if (type == RNL_T_TIME && clock_parse((const char *)f->at, len, &us))
        out->value = (struct rnl_value){.type = RNL_T_TIME, .i = us};
    else
        lend(out, type == RNL_T_TIME ? RNL_T_TEXT : type, f->at, len);
    f->at = f->end;
}

static void decode_day(struct field *f, struct decoded *out)
{
    int32_t days = (int32_t)take(f, 4);

    out->value.type = RNL_T_DATE;
    out->value.i = days == INT32_MIN   ? INT64_MIN
                   : days == INT32_MAX ? INT64_MAX
                                       : (int64_t)days + EPOCH_DAYS;
}

static void decode_timestamp(struct field *f, enum rnl_type type, struct decoded *out)
{
    int64_t us = (int64_t)take(f, 8);

    out->value.type = (uint16_t)type;
    if (us != INT64_MIN && us != INT64_MAX && __builtin_add_overflow(us, EPOCH_US, &us))
        f->good = false;
    out->value.i = us;
}

static void decode_interval(struct field *f, enum rnl_type type, struct buf *scratch,
                            struct decoded *out)
{
    struct span span = {.us = (int64_t)take(f, 8)};
    size_t start = scratch->len;
    int64_t us;

    span.days = (int32_t)take(f, 4);
    span.months = (int32_t)take(f, 4);
    if (type == RNL_T_TIME && span.months == 0 &&
        !__builtin_mul_overflow((int64_t)span.days, DAY_US, &us) &&
        !__builtin_add_overflow(us, span.us, &us)) {
        out->value = (struct rnl_value){.type = RNL_T_TIME, .i = us};
        return;
    }
    span_print(scratch, &span);
    give_made(out, RNL_T_INTERVAL, scratch, start);
}

static void decode_uuid(const struct pg_config *config, struct field *f, enum rnl_type type,
                        struct buf *scratch, struct decoded *out)
{
    const uint8_t *bytes = take_bytes(f, 16);
    size_t start = scratch->len;

    if (!bytes)
        return;
    if (type != RNL_T_BYTES || config->binary16 != BINARY16_UUID_SWAP) {
        lend(out, type, bytes, 16);
        return;
    }
    buf_add(scratch, bytes + 6, 2);
    buf_add(scratch, bytes + 4, 2);
    buf_add(scratch, bytes, 4);
    buf_add(scratch, bytes + 8, 8);
    give_made(out, type, scratch, start);
}

static void decode_bits(struct field *f, struct buf *scratch, struct decoded *out)
{
    uint32_t count = (uint32_t)take(f, 4);
    size_t start = scratch->len;

    if ((size_t)(f->end - f->at) != ((size_t)count + 7) / 8) {
        f->good = false;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        buf_byte(scratch, f->at[i / 8] >> (7 - i % 8) & 1 ? '1' : '0');
    f->at = f->end;
    give_made(out, RNL_T_BITS, scratch, start);
}

static void decode_inet(struct field *f, enum rnl_type type, struct buf *scratch,
                        struct decoded *out)
{
    unsigned family = (unsigned)take(f, 1), prefix = (unsigned)take(f, 1);
    unsigned len = (unsigned)(take(f, 2) & 0xff), whole = family == 2 ? 32 : 128;
    const uint8_t *bytes = take_bytes(f, len);
    size_t start = scratch->len;
    char text[64];

    if (!bytes || len != whole / 8 ||
        !inet_ntop(family == 2 ? AF_INET : AF_INET6, bytes, text, sizeof(text))) {
        f->good = false;
        return;
    }
    buf_puts(scratch, text);
    if (prefix != whole)
        buf_printf(scratch, "/%u", prefix);
    give_made(out, type, scratch, start);
}

/* The count of an array of one dimension; 0 when it has none. */
static uint32_t take_array(struct field *f)
{
    uint32_t dimensions = (uint32_t)take(f, 4), count;

    take(f, 8); /* flags, type */
    if (dimensions == 0)
        return 0;
    count = (uint32_t)take(f, 4);
    take(f, 4);
    if (dimensions != 1 || count > (size_t)(f->end - f->at) / 4)
        f->good = false;
    return f->good ? count : 0;
}

static void decode_text_array(struct field *f, struct buf *scratch, struct decoded *out)
{
    size_t start = scratch->len;
    uint32_t count = take_array(f);

    for (uint32_t i = 0; i < count && f->good; i++) {
        uint32_t len = (uint32_t)take(f, 4);
        const uint8_t *bytes = len == UINT32_MAX ? NULL : take_bytes(f, len);

        if (i)
            buf_byte(scratch, ',');
        if (bytes)
            buf_add(scratch, bytes, len);
        else
            buf_puts(scratch, "\x01null"); /* no set has such a label */
    }
    give_made(out, RNL_T_TEXT, scratch, start);
}

static void decode_vector(struct field *f, enum pg_kind kind, struct buf *scratch,
                          struct decoded *out)
{
    size_t start = scratch->len;
    uint32_t count;

    if (kind == PG_VECTOR) {
        count = (uint32_t)take(f, 2);
        take(f, 2);
    } else {
        count = take_array(f);
    }
    for (uint32_t i = 0; i < count && f->good; i++) {
        uint32_t bits;

        if (kind == PG_FLOAT4_ARRAY && take(f, 4) != 4)
            f->good = false;
        bits = (uint32_t)take(f, 4);
        buf_add(scratch, &bits, 4);
    }
    give_made(out, RNL_T_VECTOR, scratch, start);
}

/* EWKB into SRID and WKB. */
static void decode_geometry(struct field *f, struct buf *scratch, struct decoded *out)
{
    size_t len = (size_t)(f->end - f->at), start = scratch->len;
    const uint8_t *bytes = f->at;
    uint32_t type, srid = 0;
    bool little, has_srid;

    if (len < 5 || bytes[0] > 1) {
        f->good = false;
        return;
    }
    little = bytes[0] == 1;
    memcpy(&type, bytes + 1, 4);
    has_srid = type & (little ? 0x20000000u : 0x20u);
    if (has_srid && len < 9) {
        f->good = false;
        return;
    }
    if (has_srid) {
        memcpy(&srid, bytes + 5, 4);
        srid = little ? srid : __builtin_bswap32(srid);
        type &= ~(little ? 0x20000000u : 0x20u);
    }
    buf_add(scratch, &srid, 4);
    buf_byte(scratch, (char)bytes[0]);
    buf_add(scratch, &type, 4);
    buf_add(scratch, bytes + (has_srid ? 9 : 5), len - (has_srid ? 9 : 5));
    f->at = f->end;
    give_made(out, RNL_T_GEOMETRY, scratch, start);
}

/* Kinds that lie in the field as the value has them. */
static void decode_plain(struct field *f, enum pg_kind kind, enum rnl_type type,
                         struct decoded *out)
{
    if (kind == PG_JSONB)
        take(f, 1); /* version */
    while (kind == PG_BPCHAR && f->end > f->at && f->end[-1] == ' ')
        f->end--;
    lend(out, type, f->at, (size_t)(f->end - f->at));
    f->at = f->end;
}

/* Kinds whose values are made anew, in scratch. */
static void decode_made(const struct pg_config *config, const struct bound_column *column,
                        struct field *f, struct buf *scratch, struct decoded *out)
{
    enum rnl_type type = column->source->type;

    switch (column->kind) {
    case PG_MONEY:
        decode_money(f, column->digits, scratch, out);
        break;
    case PG_NUMERIC:
        decode_numeric(f, type, scratch, out);
        break;
    case PG_INTERVAL:
        decode_interval(f, type, scratch, out);
        break;
    case PG_UUID:
        decode_uuid(config, f, type, scratch, out);
        break;
    case PG_BIT:
    case PG_VARBIT:
        decode_bits(f, scratch, out);
        break;
    case PG_INET:
        decode_inet(f, type, scratch, out);
        break;
    case PG_TEXT_ARRAY:
        decode_text_array(f, scratch, out);
        break;
    case PG_FLOAT4_ARRAY:
    case PG_VECTOR:
        decode_vector(f, column->kind, scratch, out);
        break;
    case PG_GEOMETRY:
        decode_geometry(f, scratch, out);
        break;
    default:
        f->good = false;
        break;
    }
}

static void decode_kind(const struct pg_config *config, const struct bound_column *column,
                        struct field *f, struct buf *scratch, struct decoded *out)
{
    enum rnl_type type = column->source->type;

    switch (column->kind) {
    case PG_BOOL:
        decode_bool(f, type, out);
        break;
    case PG_INT2:
        give_integer(out, type, (int16_t)take(f, 2));
        break;
    case PG_INT4:
        give_integer(out, type, (int32_t)take(f, 4));
        break;
    case PG_INT8:
        give_integer(out, type, (int64_t)take(f, 8));
        break;
    case PG_OID:
        give_integer(out, type, (int64_t)take(f, 4));
        break;
    case PG_FLOAT4:
    case PG_FLOAT8:
        decode_float(f, column->kind, type, out);
        break;
    case PG_TEXT:
        decode_text(f, type, out);
        break;
    case PG_BYTEA:
        if (type == RNL_T_GEOMETRY)
            decode_geometry(f, scratch, out);
        else
            decode_plain(f, column->kind, type, out);
        break;
    case PG_BPCHAR:
    case PG_JSON:
    case PG_JSONB:
    case PG_NATIVE: /* read as text */
        decode_plain(f, column->kind, type, out);
        break;
    case PG_DATE:
        decode_day(f, out);
        break;
    case PG_TIME:
        out->value = (struct rnl_value){.type = RNL_T_TIME, .i = (int64_t)take(f, 8)};
        break;
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        decode_timestamp(f, type, out);
        break;
    default:
        decode_made(config, column, f, scratch, out);
        break;
    }
}

bool decode_field(const struct pg_config *config, const struct bound_column *column,
                  const uint8_t *bytes, int32_t len, struct buf *scratch, struct decoded *out)
{
    struct field f = {bytes, bytes + (len > 0 ? len : 0), true};

    memset(out, 0, sizeof(*out));
    if (len < 0)
        return len == -1; /* NULL */
    decode_kind(config, column, &f, scratch, out);
    return f.good && f.at == f.end && !scratch->failed;
}
