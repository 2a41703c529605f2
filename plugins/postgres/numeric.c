/* Numbers and spans of time between their text and PostgreSQL's binary forms. */
#include "numeric.h"

#include <inttypes.h>
#include <stdio.h>

enum { NUMERIC_POS = 0x0000, NUMERIC_NEG = 0x4000, NUMERIC_NAN = 0xC000 };
enum { NUMERIC_PINF = 0xD000, NUMERIC_NINF = 0xF000 };
#define NUMERIC_MAX_DIGITS 147456 /* before and after the point: 131072 + 16383 */

static void encode_head(struct buf *out, size_t ndigits, int weight, int sign, size_t scale)
{
    buf_be16(out, (uint16_t)ndigits);
    buf_be16(out, (uint16_t)(int16_t)weight);
    buf_be16(out, (uint16_t)sign);
    buf_be16(out, (uint16_t)scale);
}

static bool encode_special(struct buf *out, const char *text, size_t len)
{
    if (len == 3 && memcmp(text, "NaN", 3) == 0)
        encode_head(out, 0, 0, NUMERIC_NAN, 0);
    else if (len == 8 && memcmp(text, "Infinity", 8) == 0)
        encode_head(out, 0, 0, NUMERIC_PINF, 0);
    else if (len == 9 && memcmp(text, "-Infinity", 9) == 0)
        encode_head(out, 0, 0, NUMERIC_NINF, 0);
    else
        return false;
    return true;
}

/* Checks that there are only digits and one point, and says where the point is. */
static bool find_point(const char *text, size_t len, size_t *point)
{
    *point = len;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' && *point == len)
            *point = i;
        else if (text[i] < '0' || text[i] > '9')
            return false;
    }
    return len > 1 || (len == 1 && *point == 1);
}

/*
 * Digits go in groups of four, counted from the point. position runs from the first
 * digit of the first group: those before the text's own first digit are zeros.
 */
bool numeric_encode(struct buf *out, const char *text, size_t len)
{
    int sign = NUMERIC_POS;
    size_t point, whole, fraction, groups_before, groups, first, start = out->len;
    unsigned group = 0;
    size_t written = 0, last = 0;

    if (encode_special(out, text, len))
        return true;
    if (len && (*text == '-' || *text == '+')) {
        sign = *text == '-' ? NUMERIC_NEG : NUMERIC_POS;
        text++, len--;
    }
    while (len > 1 && text[0] == '0' && text[1] != '.')
        text++, len--;
    if (len > NUMERIC_MAX_DIGITS || !find_point(text, len, &point))
        return false;
    whole = point;
    fraction = point < len ? len - point - 1 : 0;
    if (fraction > 16383)
        return false;
    groups_before = (whole + 3) / 4;
    groups = groups_before + (fraction + 3) / 4;
    encode_head(out, 0, 0, sign, fraction);
    first = SIZE_MAX;
    for (size_t g = 0; g < groups; g++) {
        group = 0;
        for (size_t k = 0; k < 4; k++) {
            size_t at = g * 4 + k; /* counted from the padded start */
            size_t pad = groups_before * 4 - whole;
            unsigned digit = 0;

            if (at >= pad && at - pad < whole)
                digit = (unsigned)(text[at - pad] - '0');
            else if (at >= groups_before * 4 && at - groups_before * 4 < fraction)
                digit = (unsigned)(text[point + 1 + at - groups_before * 4] - '0');
            group = group * 10 + digit;
        }
        if (group == 0 && first == SIZE_MAX)
            continue;
        if (first == SIZE_MAX)
            first = g;
        buf_be16(out, (uint16_t)group);
        written++;
        if (group != 0)
            last = written;
    }
    if (out->failed)
        return false;
    out->len -= (written - last) * 2;
    if (last == 0) { /* zero has no sign */
        out->len = start;
        encode_head(out, 0, 0, NUMERIC_POS, fraction);
        return !out->failed;
    }
    uint16_t head[2] = {
        __builtin_bswap16((uint16_t)last),
        __builtin_bswap16((uint16_t)(int16_t)((long)groups_before - 1 - (long)first))};
    memcpy(out->ptr + start, head, sizeof(head));
    return true;
}

static uint16_t be16_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void print_group(struct buf *out, unsigned group, bool first)
{
    char text[8];
    int len = snprintf(text, sizeof(text), first ? "%u" : "%04u", group);

    buf_add(out, text, (size_t)len);
}

bool numeric_decode(struct buf *out, const uint8_t *bytes, size_t len)
{
    unsigned ndigits, sign, scale;
    int weight;

    if (len < 8)
        return false;
    ndigits = be16_at(bytes);
    weight = (int16_t)be16_at(bytes + 2);
    sign = be16_at(bytes + 4);
    scale = be16_at(bytes + 6);
    if (sign == NUMERIC_NAN || sign == NUMERIC_PINF || sign == NUMERIC_NINF) {
        buf_puts(out, sign == NUMERIC_NAN    ? "NaN"
                      : sign == NUMERIC_PINF ? "Infinity"
                                             : "-Infinity");
        return !out->failed;
    }
    if (len != 8 + 2 * (size_t)ndigits || (sign != NUMERIC_POS && sign != NUMERIC_NEG))
        return false;
    if (sign == NUMERIC_NEG)
        buf_byte(out, '-');
    if (weight < 0)
        buf_byte(out, '0');
    for (int g = 0; g <= weight; g++) {
        unsigned group = (unsigned)g < ndigits ? be16_at(bytes + 8 + 2 * g) : 0;

        if (group > 9999)
            return false;
        print_group(out, group, g == 0);
    }
    if (scale == 0)
        return !out->failed;
    buf_byte(out, '.');
    for (unsigned i = 0; i < scale; i += 4) {
        long g = (long)weight + 1 + (long)(i / 4);
        unsigned group = g >= 0 && g < (long)ndigits ? be16_at(bytes + 8 + 2 * g) : 0;
        char text[12];

        if (group > 9999)
            return false;
        snprintf(text, sizeof(text), "%04u", group);
        buf_add(out, text, scale - i < 4 ? scale - i : 4);
    }
    return !out->failed;
}

/* One number of an ISO 8601 duration, in millionths. */
static bool span_number(const char **text, const char *end, int64_t *millionths)
{
    bool negative = false;
    int64_t value = 0;
    int digits = 0, places = -1;

    if (*text < end && (**text == '-' || **text == '+'))
        negative = *(*text)++ == '-';
    for (; *text < end; (*text)++) {
        if (**text == '.' && places < 0) {
            places = 0;
            continue;
        }
        if (**text < '0' || **text > '9')
            break;
        if (places >= 0 && ++places > 6)
            continue;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, **text - '0', &value))
            return false;
        digits++;
    }
    for (int i = places < 0 ? 0 : places; i < 6; i++)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    *millionths = negative ? -value : value;
    return digits > 0;
}

static bool span_add(struct span *span, char unit, bool in_time, int64_t millionths)
{
    int64_t whole = millionths / 1000000, us;
    int32_t count = unit == 'Y' ? 12 : unit == 'W' ? 7 : 1;

    if (in_time) {
        int64_t factor = unit == 'H' ? 3600 : unit == 'M' ? 60 : unit == 'S' ? 1 : 0;

        return factor && !__builtin_mul_overflow(millionths, factor, &us) &&
               !__builtin_add_overflow(span->us, us, &span->us);
    }
    if (whole * 1000000 != millionths || whole > INT32_MAX || whole < INT32_MIN ||
        __builtin_mul_overflow((int32_t)whole, count, &count))
        return false;
    switch (unit) {
    case 'Y':
    case 'M':
        return !__builtin_add_overflow(span->months, count, &span->months);
    case 'W':
    case 'D':
        return !__builtin_add_overflow(span->days, count, &span->days);
    default:
        return false;
    }
}

bool span_parse(const char *text, size_t len, struct span *span)
{
    const char *end = text + len;
    bool in_time = false;

    memset(span, 0, sizeof(*span));
    if (len < 2 || *text++ != 'P')
        return false;
    while (text < end) {
        int64_t millionths;

        if (*text == 'T') {
            in_time = true;
            text++;
            continue;
        }
        if (!span_number(&text, end, &millionths) || text >= end ||
            !span_add(span, *text++, in_time, millionths))
            return false;
    }
    return true;
}

static void span_print_seconds(struct buf *out, int64_t us)
{
    uint64_t size = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    char text[32];
    int len;

    snprintf(text, sizeof(text), "%s%" PRIu64 ".%06" PRIu64, us < 0 ? "-" : "", size / 1000000,
             size % 1000000);
    len = (int)strlen(text);
    while (text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    buf_add(out, text, (size_t)len);
    buf_byte(out, 'S');
}

void span_print(struct buf *out, const struct span *span)
{
    int64_t us = span->us;

    buf_byte(out, 'P');
    if (span->months / 12)
        buf_printf(out, "%dY", span->months / 12);
    if (span->months % 12)
        buf_printf(out, "%dM", span->months % 12);
    if (span->days)
        buf_printf(out, "%dD", span->days);
    if (us || (!span->months && !span->days))
        buf_byte(out, 'T');
    if (us / 3600000000)
        buf_printf(out, "%" PRId64 "H", us / 3600000000);
    us %= 3600000000;
    if (us / 60000000)
        buf_printf(out, "%" PRId64 "M", us / 60000000);
    us %= 60000000;
    if (us || (!span->us && !span->months && !span->days))
        span_print_seconds(out, us);
}

void clock_print(struct buf *out, int64_t us)
{
    uint64_t size = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;

    buf_printf(out, "%s%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, us < 0 ? "-" : "",
               size / 3600000000, size / 60000000 % 60, size / 1000000 % 60);
    if (size % 1000000)
        buf_printf(out, ".%06" PRIu64, size % 1000000);
}

bool clock_parse(const char *text, size_t len, int64_t *us)
{
    bool negative = len && *text == '-';
    int64_t parts[3] = {0, 0, 0}, fraction = 0;
    size_t at = negative ? 1 : 0;
    int part = 0, places = 0;

    for (; at < len && text[at] != '.'; at++) {
        if (text[at] == ':' && part < 2)
            part++;
        else if (text[at] >= '0' && text[at] <= '9' && parts[part] < 100000000)
            parts[part] = parts[part] * 10 + (text[at] - '0');
        else
            return false;
    }
    for (at++; at < len; at++) {
        if (text[at] < '0' || text[at] > '9' || ++places > 6)
            return false;
        fraction = fraction * 10 + (text[at] - '0');
    }
    for (; places < 6; places++)
        fraction *= 10;
    if (part != 2)
        return false;
    *us = (parts[0] * 3600 + parts[1] * 60 + parts[2]) * 1000000 + fraction;
    if (negative)
        *us = -*us;
    return true;
}
