/* Values of the catalog's types as parameters of the binary protocol. */
#include "calendar.h"
#include "data.h"

#include <inttypes.h>

#define BIT(type) (1u << (type))
#define TEXTS                                                                                      \
    (BIT(RNL_T_TEXT) | BIT(RNL_T_NATIVE) | BIT(RNL_T_JSON) | BIT(RNL_T_DECIMAL) |                  \
     BIT(RNL_T_UUID) | BIT(RNL_T_TIME) | BIT(RNL_T_INTERVAL) | BIT(RNL_T_BITS) | BIT(RNL_T_INET) | \
     BIT(RNL_T_VECTOR))

/* which source types a kind takes without loss (integers are checked by value) */
static const uint32_t accepted[MY_KINDS] = {
    [MY_INT] =
        BIT(RNL_T_BOOL) | BIT(RNL_T_INT) | BIT(RNL_T_UINT) | BIT(RNL_T_TIME) | BIT(RNL_T_INTERVAL),
    [MY_YEAR] = BIT(RNL_T_INT) | BIT(RNL_T_UINT),
    [MY_DECIMAL] = BIT(RNL_T_INT) | BIT(RNL_T_UINT) | BIT(RNL_T_DECIMAL),
    [MY_FLOAT] = BIT(RNL_T_FLOAT),
    [MY_DOUBLE] = BIT(RNL_T_FLOAT) | BIT(RNL_T_DOUBLE),
    [MY_BIT] = BIT(RNL_T_BITS) | BIT(RNL_T_BOOL),
    [MY_CHAR] = TEXTS,
    [MY_TEXT] = TEXTS,
    [MY_ENUM] = BIT(RNL_T_TEXT),
    [MY_SET] = BIT(RNL_T_TEXT),
    [MY_BINARY] = BIT(RNL_T_BYTES) | BIT(RNL_T_UUID),
    [MY_BYTES] = BIT(RNL_T_BYTES) | BIT(RNL_T_UUID) | BIT(RNL_T_GEOMETRY) | BIT(RNL_T_TEXT) |
                 BIT(RNL_T_VECTOR),
    [MY_DATE] = BIT(RNL_T_DATE),
    [MY_TIME] = BIT(RNL_T_TIME),
    [MY_DATETIME] = BIT(RNL_T_TIMESTAMP) | BIT(RNL_T_TIMESTAMPTZ),
    [MY_TIMESTAMP] = BIT(RNL_T_TIMESTAMPTZ),
    [MY_JSON] = BIT(RNL_T_JSON) | BIT(RNL_T_VECTOR),
    [MY_UUID] = BIT(RNL_T_UUID),
    [MY_INET4] = BIT(RNL_T_INET),
    [MY_INET6] = BIT(RNL_T_INET),
    [MY_GEOMETRY] = BIT(RNL_T_GEOMETRY),
    [MY_VECTOR] = BIT(RNL_T_VECTOR),
};

_Static_assert(RNL_T_COUNT <= 32, "one bit for each type");

static const char json_not_kept[] =
    "holds a number with more digits than MySQL's JSON keeps (option json)";

static bool is_nested(const struct rnl_column *column)
{
    return column->flags & (RNL_COLUMN_ARRAY | RNL_COLUMN_COMPOSITE | RNL_COLUMN_MAP);
}

bool becomes_json(const struct bound_column *column)
{
    return column->source->type == RNL_T_VECTOR ||
           (column->source->type == RNL_T_NATIVE && is_nested(column->source) && column->as_json);
}

bool encode_accepts(const struct bound_column *column)
{
    const struct rnl_column *source = column->source;

    if (source->type == RNL_T_NATIVE && column->kind == MY_GEOMETRY)
        return source->native && strcmp(source->native, "point") == 0;
    if (source->type == RNL_T_NATIVE && column->kind == MY_JSON)
        return is_nested(source);
    return source->type < RNL_T_COUNT && (accepted[column->kind] & BIT(source->type)) != 0;
}

void put_length(struct buf *out, uint64_t len)
{
    if (len < 251) {
        put_le(out, len, 1);
    } else if (len < 65536) {
        put_le(out, 252 | len << 8, 3);
    } else if (len < 1 << 24) {
        put_le(out, 253 | len << 8, 4);
    } else {
        put_le(out, 254, 1);
        put_le(out, len, 8);
    }
}

static bool put_bytes(struct buf *out, const void *bytes, size_t len)
{
    put_length(out, len);
    buf_add(out, bytes, len);
    return true;
}

/* Text of at most 250 bytes is written behind its length, which is known afterwards. */
static size_t short_begin(struct buf *out)
{
    buf_byte(out, 0);
    return out->len;
}

static bool short_end(struct buf *out, size_t start)
{
    if (!out->failed)
        out->ptr[start - 1] = (char)(out->len - start);
    return true;
}

static bool number_of(const struct rnl_value *value, int64_t *number, const char **why)
{
    if (value->type == RNL_T_INTERVAL) {
        if (parse_interval(value->ptr, value->len, number))
            return true;
        *why = "has months or years, which are no number of microseconds (option interval)";
        return false;
    }
    *number = value->i;
    return true;
}

static bool encode_integer(struct buf *out, const struct bound_column *column,
                           const struct rnl_value *value, const char **why)
{
    unsigned bits = column->width * 8u;
    bool huge = value->type == RNL_T_UINT && value->u > INT64_MAX, fits;
    int64_t number;

    if (!number_of(value, &number, why))
        return false;
    if (column->is_unsigned)
        fits = bits == 64 ? huge || number >= 0 : !huge && number >= 0 && number >> bits == 0;
    else
        fits = !huge && (bits == 64 || (number >= -(INT64_C(1) << (bits - 1)) &&
                                        number < INT64_C(1) << (bits - 1)));
    if (!fits) {
        *why = "is outside the range of the target's column";
        return false;
    }
    put_le(out, (uint64_t)number, column->width == 3 ? 4 : column->width);
    return true;
}

static bool encode_year(struct buf *out, const struct rnl_value *value, const char **why)
{
    if (value->u != 0 && (value->u < 1901 || value->u > 2155)) {
        *why = "is no year that the target's column holds";
        return false;
    }
    put_le(out, value->u, 2);
    return true;
}

static bool encode_float(struct buf *out, enum my_kind kind, const struct rnl_value *value)
{
    uint32_t bits;
    float number;

    if (kind == MY_DOUBLE) {
        put_le(out, value->u, 8);
        return true;
    }
    number = (float)value->d;
    memcpy(&bits, &number, 4);
    put_le(out, bits, 4);
    return true;
}

static bool all_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

/* The server would round what is too long behind the point, and say nothing. */
static bool decimal_fits(const struct bound_column *column, const char *text, size_t len,
                         const char **why)
{
    const char *point, *end = text + len;
    size_t whole, fraction = 0;

    if (len && (*text == '-' || *text == '+'))
        text++;
    point = memchr(text, '.', (size_t)(end - text));
    if (point) {
        const char *last = end;

        while (last > point + 1 && last[-1] == '0')
            last--;
        fraction = (size_t)(last - point) - 1;
    }
    whole = (size_t)((point ? point : end) - text);
    if ((!whole && !fraction) || !all_digits(text, whole) ||
        (point && !all_digits(point + 1, (size_t)(end - point) - 1))) {
        *why = "is no number";
        return false;
    }
    for (; whole && *text == '0'; text++)
        whole--;
    if (fraction <= column->scale && whole + column->scale <= column->precision)
        return true;
    *why = "has more digits than the target's column";
    return false;
}

static bool encode_decimal(struct buf *out, const struct bound_column *column,
                           const struct rnl_value *value, const char **why)
{
    const char *digits = value->ptr;
    size_t len = value->len;
    char text[24];

    if (value->type != RNL_T_DECIMAL) {
        int made = value->type == RNL_T_INT ? snprintf(text, sizeof(text), "%" PRId64, value->i)
                                            : snprintf(text, sizeof(text), "%" PRIu64, value->u);

        digits = text;
        len = (size_t)made;
    }
    if (!decimal_fits(column, digits, len, why))
        return false;
    if (column->is_unsigned && len && *digits == '-') {
        *why = "is negative, and the target's column unsigned";
        return false;
    }
    return put_bytes(out, digits, len);
}

static bool encode_bits(struct buf *out, const struct bound_column *column,
                        const struct rnl_value *value, const char **why)
{
    const char *text = value->ptr;
    uint64_t bits = 0;

    if (value->type == RNL_T_BOOL) {
        put_le(out, value->u, 8);
        return true;
    }
    for (uint32_t i = 0; i < value->len; i++) {
        if ((text[i] != '0' && text[i] != '1') || value->len > 64) {
            *why = "is no string of bits";
            return false;
        }
        bits = bits << 1 | (text[i] == '1');
    }
    if (value->len != column->length) {
        *why = "doesn't have as many bits as the target's column";
        return false;
    }
    put_le(out, bits, 8);
    return true;
}

static size_t characters(const char *text, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += (text[i] & 0xc0) != 0x80;
    return count;
}

/* Blanks at the end are cut off by the server with no error, whatever its mode. */
static bool text_fits(const struct bound_column *column, const char *text, size_t len,
                      const char **why)
{
    if (column->kind == MY_CHAR) {
        if (column->source->flags & RNL_COLUMN_FIXED)
            while (len && text[len - 1] == ' ')
                len--;
        if (len && text[len - 1] == ' ') {
            *why = "ends with a blank, which the target's CHAR column would drop";
            return false;
        }
    }
    if (len <= column->length || (!column->in_bytes && characters(text, len) <= column->length))
        return true;
    *why = "is longer than the target's column";
    return false;
}

static bool encode_spelled(struct buf *out, const struct rnl_value *value, const char **why)
{
    size_t start = short_begin(out);
    bool good = value->type == RNL_T_UUID ? spell_uuid(value->ptr, value->len, out)
                                          : spell_clock(value->i, out);

    if (good)
        return short_end(out, start);
    *why = "can't be written as text";
    return false;
}

static bool encode_json(struct buf *out, const struct bound_column *column,
                        const struct rnl_value *value, const char **why)
{
    const char *text = value->ptr;
    size_t len = value->len;
    struct buf made = {0};
    bool good = true;

    if (value->type != RNL_T_JSON) {
        good = spell_json(column, value, &made, why);
        text = made.ptr;
        len = made.len;
        if (made.failed) {
            out->failed = true;
            good = false;
        }
    }
    if (good && column->kind == MY_JSON && !json_is_kept(text, len)) {
        *why = json_not_kept;
        good = false;
    }
    if (good && column->kind != MY_JSON)
        good = text_fits(column, text, len, why);
    if (good)
        put_bytes(out, text, len);
    buf_free(&made);
    return good;
}

static bool encode_text(struct buf *out, const struct bound_column *column,
                        const struct rnl_value *value, const char **why)
{
    switch (value->type) {
    case RNL_T_UUID:
    case RNL_T_TIME:
        return encode_spelled(out, value, why);
    case RNL_T_VECTOR:
        return encode_json(out, column, value, why);
    case RNL_T_NATIVE:
        if (becomes_json(column))
            return encode_json(out, column, value, why);
        break;
    default:
        break;
    }
    return text_fits(column, value->ptr, value->len, why) && put_bytes(out, value->ptr, value->len);
}

static bool encode_bytes(struct buf *out, const struct bound_column *column,
                         const struct rnl_value *value, const char **why)
{
    if (value->len > column->length ||
        (column->kind == MY_BINARY && value->len != column->length)) {
        *why = column->kind == MY_BINARY ? "is not as long as the target's BINARY column"
                                         : "is longer than the target's column";
        return false;
    }
    return put_bytes(out, value->ptr, value->len);
}

static bool is_bytes_alone(const struct bound_column *column, const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_TEXT:
    case RNL_T_JSON:
    case RNL_T_NATIVE:
        return column->kind == MY_TEXT || (column->kind == MY_JSON && value->type == RNL_T_JSON);
    case RNL_T_BYTES:
        return column->kind == MY_BYTES;
    case RNL_T_GEOMETRY:
        return column->kind == MY_GEOMETRY;
    default:
        return false;
    }
}

enum plain encode_plain(const struct bound_column *column, const struct rnl_value *value,
                        size_t least, const char **why)
{
    if (value->len < least || !is_bytes_alone(column, value) || becomes_json(column))
        return PLAIN_NO;
    if (column->kind == MY_JSON && !json_is_kept(value->ptr, value->len)) {
        *why = json_not_kept;
        return PLAIN_REFUSED;
    }
    if (column->kind == MY_TEXT && !text_fits(column, value->ptr, value->len, why))
        return PLAIN_REFUSED;
    if (column->kind == MY_BYTES && value->len > column->length) {
        *why = "is longer than the target's column";
        return PLAIN_REFUSED;
    }
    return PLAIN_YES;
}

static bool fraction_fits(const struct bound_column *column, unsigned us, const char **why)
{
    static const unsigned units[] = {1000000, 100000, 10000, 1000, 100, 10, 1};

    if (us % units[column->scale > 6 ? 6 : column->scale] == 0)
        return true;
    *why = "has more digits of a second than the target's column";
    return false;
}

static void put_day(struct buf *out, size_t parts, unsigned year, unsigned month, unsigned day)
{
    put_le(out, parts | (uint64_t)year << 8 | (uint64_t)month << 24 | (uint64_t)day << 32, 5);
}

static bool encode_date(struct buf *out, const struct rnl_value *value, const char **why)
{
    unsigned year, month, day;

    if (value->flags & RNL_V_ZERO_DATE) {
        uint64_t packed = value->u % 100000000;

        put_day(out, 4, (unsigned)(packed / 10000), (unsigned)(packed / 100 % 100),
                (unsigned)(packed % 100));
        return true;
    }
    if (value->i < date_days(0, 1, 1) || value->i > date_days(9999, 12, 31)) {
        *why = "is a date outside of the target's calendar";
        return false;
    }
    days_date(value->i, &year, &month, &day);
    put_day(out, 4, year, month, day);
    return true;
}

static void put_clock(struct buf *out, int64_t us)
{
    uint64_t s = (uint64_t)us / 1000000;

    put_le(out, s / 3600 % 24 | (s / 60 % 60) << 8 | (s % 60) << 16, 3);
    if (us % 1000000)
        put_le(out, (uint64_t)us % 1000000, 4);
}

static bool encode_datetime(struct buf *out, const struct bound_column *column,
                            const struct rnl_value *value, const char **why)
{
    int64_t days = value->i / DAY_US, us = value->i % DAY_US;
    unsigned year, month, day;

    if (value->flags & RNL_V_ZERO_DATE)
        return encode_date(out, value, why);
    if (us < 0) {
        us += DAY_US;
        days--;
    }
    if (days < date_days(0, 1, 1) || days > date_days(9999, 12, 31)) {
        *why = "is a time outside of the target's calendar";
        return false;
    }
    if (!fraction_fits(column, (unsigned)(us % 1000000), why))
        return false;
    days_date(days, &year, &month, &day);
    put_day(out, us % 1000000 ? 11 : 7, year, month, day);
    put_clock(out, us);
    return true;
}

static bool encode_time(struct buf *out, const struct bound_column *column,
                        const struct rnl_value *value, const char **why)
{
    int64_t us = value->i < 0 ? -value->i : value->i;

    if (value->i == INT64_MIN || us >= INT64_C(839) * 3600 * 1000000) {
        *why = "is a time beyond what the target's column holds";
        return false;
    }
    if (!fraction_fits(column, (unsigned)(us % 1000000), why))
        return false;
    put_le(out, us % 1000000 ? 12 : 8, 1);
    put_le(out, value->i < 0, 1);
    put_le(out, (uint64_t)(us / DAY_US), 4);
    put_clock(out, us);
    return true;
}

static bool encode_inet(struct buf *out, const struct bound_column *column,
                        const struct rnl_value *value, const char **why)
{
    bool six = value->len && memchr(value->ptr, ':', value->len);

    if (six != (column->kind == MY_INET6)) {
        *why = six ? "is no address that INET4 holds" : "would become another address in INET6";
        return false;
    }
    return put_bytes(out, value->ptr, value->len);
}

static bool encode_geometry(struct buf *out, const struct rnl_value *value, const char **why)
{
    static const uint8_t head[] = {0, 0, 0, 0, 1, 1, 0, 0, 0}; /* SRID 0, little endian, POINT */
    double point[2];

    if (value->type == RNL_T_GEOMETRY)
        return put_bytes(out, value->ptr, value->len);
    if (!parse_point(value->ptr, value->len, point)) {
        *why = "is no point with finite coordinates";
        return false;
    }
    put_length(out, sizeof(head) + sizeof(point));
    buf_add(out, head, sizeof(head));
    buf_add(out, point, sizeof(point));
    return true;
}

static bool encode_kind(struct buf *out, const struct bound_column *column,
                        const struct rnl_value *value, const char **why)
{
    switch (column->kind) {
    case MY_INT:
        return encode_integer(out, column, value, why);
    case MY_YEAR:
        return encode_year(out, value, why);
    case MY_DECIMAL:
        return encode_decimal(out, column, value, why);
    case MY_FLOAT:
    case MY_DOUBLE:
        return encode_float(out, column->kind, value);
    case MY_BIT:
        return encode_bits(out, column, value, why);
    case MY_CHAR:
    case MY_TEXT:
        return encode_text(out, column, value, why);
    case MY_ENUM:
    case MY_SET:
    case MY_VECTOR:
        return put_bytes(out, value->ptr, value->len);
    case MY_BINARY:
    case MY_BYTES:
        return encode_bytes(out, column, value, why);
    case MY_DATE:
        return encode_date(out, value, why);
    case MY_TIME:
        return encode_time(out, column, value, why);
    case MY_DATETIME:
    case MY_TIMESTAMP:
        return encode_datetime(out, column, value, why);
    case MY_JSON:
        return encode_json(out, column, value, why);
    case MY_UUID:
        return encode_spelled(out, value, why);
    case MY_INET4:
    case MY_INET6:
        return encode_inet(out, column, value, why);
    case MY_GEOMETRY:
        return encode_geometry(out, value, why);
    default:
        *why = "is of a type that can't be written";
        return false;
    }
}

bool encode_value(struct buf *out, const struct bound_column *column, const struct rnl_value *value,
                  const char **why)
{
    /* a value of another type than its column's is the source's fault, not to be trusted */
    if (value->type != column->source->type &&
        !(column->kind < MY_KINDS && value->type < RNL_T_COUNT &&
          accepted[column->kind] & BIT(value->type))) {
        *why = "is of a type that the target's column doesn't take";
        return false;
    }
    return encode_kind(out, column, value, why);
}
