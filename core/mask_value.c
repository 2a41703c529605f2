/* The text of a fixed mask as a value of a column's type. */
#include "mask_value.h"

#include "json_canon.h"
#include "util/hex.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

static const char *take_bytes(struct rnl_value *value, uint16_t type, const void *from, size_t len,
                              void **bytes)
{
    *bytes = malloc(len + 1);
    if (!*bytes)
        abort();
    memcpy(*bytes, from, len);
    *value = (struct rnl_value){.type = type, .len = (uint32_t)len, .ptr = *bytes};
    return NULL;
}

static const char *parse_int(const struct rnl_column *column, const char *text,
                             struct rnl_value *value)
{
    unsigned bits = 8 * (column->width ? column->width : 8u);
    char *end;

    errno = 0;
    *value = (struct rnl_value){.type = column->type};
    if (column->type == RNL_T_UINT)
        value->u = strtoull(text, &end, 10);
    else
        value->i = strtoll(text, &end, 10);
    if (errno || end == text || *end || (column->type == RNL_T_UINT && strchr(text, '-')))
        return "can't be masked with this value: it is no whole number";
    if (bits < 64 &&
        (column->type == RNL_T_UINT ? value->u >> bits != 0
                                    : value->i >> (bits - 1) != 0 && value->i >> (bits - 1) != -1))
        return "can't be masked with this value: it is out of the column's range";
    return NULL;
}

static const char *parse_real(const struct rnl_column *column, const char *text,
                              struct rnl_value *value)
{
    char *end;

    *value = (struct rnl_value){.type = column->type, .d = strtod(text, &end)};
    if (column->type == RNL_T_FLOAT)
        value->d = (double)(float)value->d;
    return end == text || *end || !isfinite(value->d)
               ? "can't be masked with this value: it is no number"
               : NULL;
}

static const char *parse_decimal(const struct rnl_column *column, const char *text,
                                 struct rnl_value *value, void **bytes)
{
    const char *at = text + (*text == '-');
    size_t before = strspn(at, "0123456789"), behind = 0;

    if (at[before] == '.')
        behind = strspn(at + before + 1, "0123456789");
    if (before == 0 || at[before + (behind ? behind + 1 : 0)] != '\0')
        return "can't be masked with this value: it is no number";
    if (column->precision &&
        (behind > column->scale || before > (size_t)column->precision - column->scale))
        return "can't be masked with this value: it has too many digits";
    return take_bytes(value, RNL_T_DECIMAL, text, strlen(text), bytes);
}

static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    int64_t era, year_of_era, day_of_year;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    year_of_era = y - era * 400;
    day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* The number of `count` digits at *text, which then stands behind them; -1: others stand there. */
static int take_digits(const char **text, int count)
{
    int number = 0;

    for (; count > 0; count--, ++*text) {
        if (!isdigit((unsigned char)**text))
            return -1;
        number = number * 10 + (**text - '0');
    }
    return number;
}

static bool take_sign(const char **text, char sign)
{
    return *(*text)++ == sign;
}

/* Behind "2001-12-31"; NULL: it isn't a date. */
static const char *parse_date(const char *text, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d, length;

    if ((y = take_digits(&text, 4)) < 1 || !take_sign(&text, '-') ||
        (m = take_digits(&text, 2)) < 1 || m > 12 || !take_sign(&text, '-'))
        return NULL;
    d = take_digits(&text, 2);
    length = lengths[m - 1] + (m == 2 && (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)));
    if (d < 1 || d > length)
        return NULL;
    *days = days_of(y, m, d);
    return text;
}

/* "12:34:56" and maybe ".123456"; NULL: it isn't a time. */
static const char *parse_clock(const char *text, int64_t *us)
{
    int h, m, s;
    int64_t fraction = 0, unit = 100000;

    if ((h = take_digits(&text, 2)) < 0 || h > 23 || !take_sign(&text, ':') ||
        (m = take_digits(&text, 2)) < 0 || m > 59 || !take_sign(&text, ':') ||
        (s = take_digits(&text, 2)) < 0 || s > 59)
        return NULL;
    if (*text == '.')
        for (text++; isdigit((unsigned char)*text) && unit > 0; text++, unit /= 10)
            fraction += (*text - '0') * unit;
    *us = ((h * INT64_C(60) + m) * 60 + s) * 1000000 + fraction;
    return text;
}

static const char *parse_moment(const struct rnl_column *column, const char *text,
                                struct rnl_value *value)
{
    const char *end;
    int64_t days = 0, us = 0;

    *value = (struct rnl_value){.type = column->type};
    if (column->type == RNL_T_TIME) {
        end = parse_clock(text, &value->i);
        return end && !*end ? NULL : "can't be masked with this value: 12:34:56 is wanted";
    }
    end = parse_date(text, &days);
    if (column->type == RNL_T_DATE) {
        value->i = days;
        return end && !*end ? NULL : "can't be masked with this value: 2001-12-31 is wanted";
    }
    if (end && (*end == ' ' || *end == 'T'))
        end = parse_clock(end + 1, &us);
    if (end && *end == 'Z' && column->type == RNL_T_TIMESTAMPTZ)
        end++;
    value->i = days * DAY_US + us;
    return end && !*end ? NULL : "can't be masked with this value: 2001-12-31 12:34:56 is wanted";
}

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static const char *parse_text(const struct rnl_column *column, const char *text,
                              struct rnl_value *value, void **bytes)
{
    bool known = !(column->flags & RNL_COLUMN_ENUM);

    if (column->flags & RNL_COLUMN_SET)
        return "can't be masked with fixed: it holds labels alone";
    for (uint32_t i = 0; i < column->nlabels; i++)
        known = known || strcmp(column->labels[i], text) == 0;
    if (!known)
        return "can't be masked with this value: it is none of the column's labels";
    if (column->length && characters(text) > column->length)
        return "can't be masked with this value: it is too long";
    return take_bytes(value, RNL_T_TEXT, text, strlen(text), bytes);
}

static const char *parse_bytes(const struct rnl_column *column, const char *text,
                               struct rnl_value *value, void **bytes)
{
    unsigned char *decoded;
    size_t len = strlen(text);

    if (len < 2 || text[0] != '0' || text[1] != 'x' || len % 2 != 0)
        return "can't be masked with this value: bytes are written in hex, like 0x00ff";
    decoded = malloc(len);
    if (!decoded)
        abort();
    *bytes = decoded;
    len = len / 2 - 1;
    if (!hex_decode(text + 2, decoded))
        return "can't be masked with this value: bytes are written in hex, like 0x00ff";
    if (column->length &&
        (column->flags & RNL_COLUMN_FIXED ? len != column->length : len > column->length))
        return "can't be masked with this value: it hasn't the column's length";
    *value = (struct rnl_value){.type = RNL_T_BYTES, .len = (uint32_t)len, .ptr = decoded};
    return NULL;
}

static const char *parse_uuid(const char *text, struct rnl_value *value, void **bytes)
{
    char hex[33];
    size_t n = 0;
    unsigned char uuid[16];

    for (; *text && n < 32; text++)
        if (*text != '-')
            hex[n++] = *text;
    hex[n] = '\0';
    if (n != 32 || *text || !hex_decode(hex, uuid))
        return "can't be masked with this value: it is no UUID";
    return take_bytes(value, RNL_T_UUID, uuid, sizeof(uuid), bytes);
}

static const char *parse_json(const char *text, struct rnl_value *value, void **bytes)
{
    struct json_canon json = {0};
    struct digest digest;
    uint32_t facts;
    bool valid = json_canon(&json, text, strlen(text), &digest, &facts);

    json_canon_clear(&json);
    if (!valid)
        return "can't be masked with this value: it is no JSON";
    return take_bytes(value, RNL_T_JSON, text, strlen(text), bytes);
}

const char *mask_value_parse(const struct rnl_column *column, const char *text,
                             struct rnl_value *value, void **bytes)
{
    *bytes = NULL;
    switch (column->type) {
    case RNL_T_BOOL:
        *value = (struct rnl_value){.type = RNL_T_BOOL, .i = strcmp(text, "true") == 0};
        return value->i || strcmp(text, "false") == 0
                   ? NULL
                   : "can't be masked with this value: true or false is wanted";
    case RNL_T_INT:
    case RNL_T_UINT:
        return parse_int(column, text, value);
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        return parse_real(column, text, value);
    case RNL_T_DECIMAL:
        return parse_decimal(column, text, value, bytes);
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return parse_moment(column, text, value);
    case RNL_T_TEXT:
        return parse_text(column, text, value, bytes);
    case RNL_T_BYTES:
        return parse_bytes(column, text, value, bytes);
    case RNL_T_UUID:
        return parse_uuid(text, value, bytes);
    case RNL_T_JSON:
        return parse_json(text, value, bytes);
    default:
        return "can't be masked with fixed: its type has no such form";
    }
}
