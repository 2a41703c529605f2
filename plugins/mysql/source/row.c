/* A row of the binary protocol as neutral values, without copying what need not change. */
#include "row.h"
#include "calendar.h"
#include "key.h"

#include <endian.h>
#include <mysql.h>
#include <stdlib.h>

struct scratch_block {
    struct scratch_block *next;
    char bytes[];
};

void scratch_reset(struct scratch *scratch)
{
    scratch->used = 0;
    while (scratch->blocks) {
        struct scratch_block *block = scratch->blocks;

        scratch->blocks = block->next;
        free(block);
    }
}

static char *scratch_take(struct scratch *scratch, size_t len)
{
    struct scratch_block *block;

    if (len <= sizeof(scratch->bytes) - scratch->used) {
        char *at = scratch->bytes + scratch->used;

        scratch->used += len;
        return at;
    }
    block = malloc(sizeof(*block) + len);
    if (!block)
        return NULL;
    block->next = scratch->blocks;
    scratch->blocks = block;
    return block->bytes;
}

static bool is_stringish(unsigned wire_type)
{
    switch (wire_type) {
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_JSON:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
    case 242: /* MySQL's VECTOR, unknown to this library */
        return true;
    default:
        return false;
    }
}

static int int_set(struct field *field, unsigned wire_type, unsigned wire_flags)
{
    static const struct {
        uint8_t wire_type, width;
    } widths[] = {
        {MYSQL_TYPE_TINY, 1},  {MYSQL_TYPE_SHORT, 2}, {MYSQL_TYPE_YEAR, 2},
        {MYSQL_TYPE_INT24, 4}, {MYSQL_TYPE_LONG, 4},  {MYSQL_TYPE_LONGLONG, 8},
    };

    field->form = FIELD_INT;
    field->is_signed = !(wire_flags & UNSIGNED_FLAG);
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        if (widths[i].wire_type == wire_type)
            field->width = widths[i].width;
    /* a YEAR is unsigned on the wire, and an INT in the catalog */
    if (!field->width || (field->type == RNL_T_UINT && field->is_signed) ||
        (field->type == RNL_T_INT && !field->is_signed && wire_type != MYSQL_TYPE_YEAR))
        return -1;
    return 0;
}

static int form_set(struct field *field, uint8_t form, bool fits)
{
    field->form = form;
    return fits ? 0 : -1;
}

int field_set(struct field *field, const struct rnl_column *column, unsigned wire_type,
              unsigned wire_flags)
{
    *field = (struct field){.type = column->type};
    switch (column->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
        return int_set(field, wire_type, wire_flags);
    case RNL_T_FLOAT:
        return form_set(field, FIELD_FLOAT, wire_type == MYSQL_TYPE_FLOAT);
    case RNL_T_DOUBLE:
        return form_set(field, FIELD_DOUBLE, wire_type == MYSQL_TYPE_DOUBLE);
    case RNL_T_DECIMAL:
        return form_set(field, FIELD_DECIMAL,
                        wire_type == MYSQL_TYPE_NEWDECIMAL || wire_type == MYSQL_TYPE_DECIMAL);
    case RNL_T_DATE:
        return form_set(field, FIELD_DATE,
                        wire_type == MYSQL_TYPE_DATE || wire_type == MYSQL_TYPE_NEWDATE);
    case RNL_T_TIMESTAMP:
        return form_set(field, FIELD_DATE, wire_type == MYSQL_TYPE_DATETIME);
    case RNL_T_TIMESTAMPTZ:
        return form_set(field, FIELD_DATE, wire_type == MYSQL_TYPE_TIMESTAMP);
    case RNL_T_TIME:
        return form_set(field, FIELD_TIME, wire_type == MYSQL_TYPE_TIME);
    case RNL_T_BITS:
        field->bits = (uint16_t)column->length;
        return form_set(field, FIELD_BITS,
                        wire_type == MYSQL_TYPE_BIT && column->length >= 1 && column->length <= 64);
    case RNL_T_GEOMETRY:
        return form_set(field, FIELD_BYTES, wire_type == MYSQL_TYPE_GEOMETRY);
    case RNL_T_UUID:
        return form_set(field, FIELD_UUID, is_stringish(wire_type));
    case RNL_T_BYTES:
        if (column->flags & RNL_COLUMN_FIXED)
            field->pad = column->length;
        return form_set(field, FIELD_BYTES, is_stringish(wire_type));
    case RNL_T_TEXT:
    case RNL_T_JSON:
        return form_set(field, charset_kind(column) == CHARSET_LATIN1 ? FIELD_LATIN1 : FIELD_BYTES,
                        is_stringish(wire_type));
    default: /* INET, VECTOR, NATIVE */
        return form_set(field, FIELD_BYTES, is_stringish(wire_type));
    }
}

/* What is left of the packet. */
struct reader {
    const unsigned char *at, *end;
};

static size_t reader_left(const struct reader *in)
{
    return (size_t)(in->end - in->at);
}

static uint64_t little(const unsigned char *at, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static int int_decode(const struct field *field, struct reader *in, struct rnl_value *value)
{
    uint16_t u16;
    uint32_t u32;

    if (reader_left(in) < field->width)
        return -1;
    switch (field->width) {
    case 1:
        value->i = field->is_signed ? (int64_t)(int8_t)*in->at : *in->at;
        break;
    case 2:
        memcpy(&u16, in->at, 2);
        u16 = le16toh(u16);
        value->i = field->is_signed ? (int64_t)(int16_t)u16 : u16;
        break;
    case 4:
        memcpy(&u32, in->at, 4);
        u32 = le32toh(u32);
        value->i = field->is_signed ? (int64_t)(int32_t)u32 : u32;
        break;
    default:
        memcpy(&value->u, in->at, 8);
        value->u = le64toh(value->u);
    }
    in->at += field->width;
    return 0;
}

static int float_decode(const struct field *field, struct reader *in, struct rnl_value *value)
{
    int bytes = field->form == FIELD_FLOAT ? 4 : 8;
    uint64_t bits;
    uint32_t low;
    float single;

    if (reader_left(in) < (size_t)bytes)
        return -1;
    bits = little(in->at, bytes);
    if (bytes == 4) {
        low = (uint32_t)bits;
        memcpy(&single, &low, 4);
        value->d = (double)single;
    } else {
        memcpy(&value->d, &bits, 8);
    }
    in->at += bytes;
    return 0;
}

static int date_decode(struct reader *in, struct rnl_value *value)
{
    unsigned year = 0, month = 0, day = 0;
    int64_t us = 0;
    const unsigned char *at;
    size_t len;

    if (reader_left(in) < 1 || reader_left(in) < 1 + (size_t)*in->at)
        return -1;
    len = *in->at;
    at = in->at + 1;
    in->at = at + len;
    if (len != 0 && len != 4 && len != 7 && len != 11)
        return -1;
    if (len >= 4) {
        year = (unsigned)little(at, 2);
        month = at[2];
        day = at[3];
    }
    if (len >= 7)
        us = ((int64_t)at[4] * 3600 + at[5] * 60 + at[6]) * 1000000;
    if (len == 11)
        us += (int64_t)little(at + 7, 4);
    if (year > 9999 || month > 12 || day > 31 || us >= DAY_US)
        return -1;
    if (!date_exists(year, month, day)) {
        value->flags = RNL_V_ZERO_DATE;
        value->i = (int64_t)year * 10000 + month * 100 + day;
    } else {
        value->i = date_days(year, month, day);
        if (value->type != RNL_T_DATE)
            value->i = value->i * DAY_US + us;
    }
    return 0;
}

static int time_decode(struct reader *in, struct rnl_value *value)
{
    const unsigned char *at;
    uint64_t days;
    int64_t us;
    size_t len;

    if (reader_left(in) < 1 || reader_left(in) < 1 + (size_t)*in->at)
        return -1;
    len = *in->at;
    at = in->at + 1;
    in->at = at + len;
    value->i = 0;
    if (len == 0)
        return 0;
    if (len != 8 && len != 12)
        return -1;
    days = little(at + 1, 4);
    if (days > 100)
        return -1;
    us = ((int64_t)days * 86400 + at[5] * 3600 + at[6] * 60 + at[7]) * 1000000;
    if (len == 12)
        us += (int64_t)little(at + 8, 4);
    value->i = at[0] ? -us : us;
    return 0;
}

/* Length and bytes: what every other type is. */
static int bytes_take(struct reader *in, struct rnl_value *value)
{
    uint64_t len;
    int more = 0;

    if (reader_left(in) < 1)
        return -1;
    len = *in->at++;
    if (len >= 251) {
        more = len == 252 ? 2 : len == 253 ? 3 : len == 254 ? 8 : -1;
        if (more < 0 || reader_left(in) < (size_t)more)
            return -1;
        len = little(in->at, more);
        in->at += more;
    }
    if (len > reader_left(in) || len > UINT32_MAX)
        return -1;
    value->ptr = in->at;
    value->len = (uint32_t)len;
    in->at += len;
    return 0;
}

/* The server strips no zeros here, but a client that pads is cheap to be. */
static int bytes_pad(uint32_t length, struct rnl_value *value, struct scratch *scratch)
{
    char *out;

    if (value->len >= length)
        return 0;
    out = scratch_take(scratch, length);
    if (!out)
        return -1;
    memcpy(out, value->ptr, value->len);
    memset(out + value->len, 0, length - value->len);
    value->ptr = out;
    value->len = length;
    return 0;
}

static int bits_decode(const struct field *field, struct rnl_value *value, struct scratch *scratch)
{
    const unsigned char *bytes = value->ptr;
    char *out = scratch_take(scratch, field->bits);
    uint64_t bits = 0;

    if (!out || value->len > 8)
        return -1;
    for (uint32_t i = 0; i < value->len; i++)
        bits = bits << 8 | bytes[i];
    for (unsigned i = 0; i < field->bits; i++)
        out[i] = bits >> (field->bits - 1u - i) & 1 ? '1' : '0';
    value->ptr = out;
    value->len = field->bits;
    return 0;
}

/* 000012.50 of a zerofill column is 12.50 */
static void decimal_trim(struct rnl_value *value)
{
    const char *at = value->ptr;

    while (value->len > 1 && at[0] == '0' && at[1] != '.') {
        at++;
        value->len--;
    }
    value->ptr = at;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int uuid_decode(struct rnl_value *value, struct scratch *scratch)
{
    const char *text = value->ptr;
    char *out = scratch_take(scratch, 16);
    int digits = 0;

    if (!out)
        return -1;
    memset(out, 0, 16);
    for (uint32_t i = 0; i < value->len; i++) {
        int digit = hex_digit(text[i]);

        if (text[i] == '-')
            continue;
        if (digit < 0 || digits == 32)
            return -1;
        out[digits / 2] = (char)((unsigned char)out[digits / 2] | digit << (digits % 2 ? 0 : 4));
        digits++;
    }
    value->ptr = out;
    value->len = 16;
    return digits == 32 ? 0 : -1;
}

/* Code points of the bytes 0x80 to 0x9f in what MySQL calls latin1. */
static const uint16_t cp1252[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

static size_t ascii_length(const unsigned char *at, size_t len)
{
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t word;

        memcpy(&word, at + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < len && at[i] < 0x80)
        i++;
    return i;
}

static int latin1_decode(struct rnl_value *value, struct scratch *scratch)
{
    const unsigned char *from = value->ptr;
    size_t plain = ascii_length(from, value->len), len = value->len;
    char *out, *to;

    if (plain == len)
        return 0;
    for (size_t i = plain; i < value->len; i++)
        if (from[i] >= 0x80)
            len += from[i] < 0xa0 && cp1252[from[i] - 0x80] >= 0x800 ? 2 : 1;
    if (len > UINT32_MAX)
        return -1;
    out = to = scratch_take(scratch, len);
    if (!out)
        return -1;
    for (size_t i = 0; i < value->len; i++) {
        unsigned code = from[i];

        if (code < 0x80) {
            *to++ = (char)code;
            continue;
        }
        if (code < 0xa0)
            code = cp1252[code - 0x80];
        if (code >= 0x800) {
            *to++ = (char)(0xe0 | code >> 12);
            *to++ = (char)(0x80 | (code >> 6 & 63));
        } else {
            *to++ = (char)(0xc0 | code >> 6);
        }
        *to++ = (char)(0x80 | (code & 63));
    }
    value->ptr = out;
    value->len = (uint32_t)len;
    return 0;
}

static int bytes_decode(const struct field *field, struct reader *in, struct rnl_value *value,
                        struct scratch *scratch)
{
    if (bytes_take(in, value))
        return -1;
    switch (field->form) {
    case FIELD_BYTES:
        return field->pad ? bytes_pad(field->pad, value, scratch) : 0;
    case FIELD_LATIN1:
        return latin1_decode(value, scratch);
    case FIELD_BITS:
        return bits_decode(field, value, scratch);
    case FIELD_DECIMAL:
        decimal_trim(value);
        return 0;
    case FIELD_UUID:
        return uuid_decode(value, scratch);
    default:
        return -1;
    }
}

static int value_decode(const struct field *field, struct reader *in, struct rnl_value *value,
                        struct scratch *scratch)
{
    *value = (struct rnl_value){.type = field->type};
    switch (field->form) {
    case FIELD_INT:
        return int_decode(field, in, value);
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
        return float_decode(field, in, value);
    case FIELD_DATE:
        return date_decode(in, value);
    case FIELD_TIME:
        return time_decode(in, value);
    default:
        return bytes_decode(field, in, value, scratch);
    }
}

int row_decode(const struct field *fields, uint32_t count, const unsigned char *packet, size_t len,
               struct rnl_value *values, struct scratch *scratch)
{
    size_t bitmap = (count + 2 + 7) / 8;
    struct reader in = {packet + 1 + bitmap, packet + len};
    const unsigned char *nulls = packet + 1;

    if (len < 1 + bitmap || packet[0] != 0)
        return -1;
    if (scratch->used || scratch->blocks)
        scratch_reset(scratch);
    for (uint32_t i = 0; i < count; i++) {
        if (nulls[(i + 2) / 8] >> ((i + 2) % 8) & 1)
            values[i] = (struct rnl_value){.type = RNL_T_NULL};
        else if (value_decode(&fields[i], &in, &values[i], scratch))
            return -1;
    }
    return in.at == in.end ? 0 : -1;
}
