/* Fields as text into values: the same ones that decode.c makes of the binary form. */
#include "fieldtext.h"

#include "daytext.h"
#include "numeric.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

static const struct pg_config no_policies;

static bool text_is(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(text, word, len) == 0;
}

static void lend(struct decoded *out, enum rnl_type type, const void *bytes, size_t len)
{
    out->value = (struct rnl_value){.type = (uint16_t)type, .len = (uint32_t)len, .ptr = bytes};
}

static void give_made(struct decoded *out, enum rnl_type type, const struct buf *scratch,
                      size_t start)
{
    lend(out, type, NULL, scratch->len - start);
    out->made = true;
    out->offset = start;
}

/* A field ends where the next begins: what reads up to an end needs one. */
struct number {
    char text[64];
};

static bool number_take(const char *text, size_t len, struct number *number)
{
    if (len == 0 || len >= sizeof(number->text))
        return false;
    memcpy(number->text, text, len);
    number->text[len] = '\0';
    return true;
}

static bool integer_value(enum rnl_type type, const char *text, size_t len, struct decoded *out)
{
    struct number number;
    char *end;

    if (!number_take(text, len, &number))
        return false;

    errno = 0;
    out->value.type = (uint16_t)type;
    if (type == RNL_T_UINT) {
        out->value.u = strtoull(number.text, &end, 10);
        if (out->value.u > INT64_MAX) /* as COPY shows it */
            out->value.type = RNL_T_INT;
    } else {
        out->value.i = strtoll(number.text, &end, 10);
    }
    return errno == 0 && end == number.text + len;
}

static bool float_value(enum rnl_type type, const char *text, size_t len, struct decoded *out)
{
    struct number number;
    char *end;

    if (!number_take(text, len, &number))
        return false;
    out->value.type = (uint16_t)type;
    out->value.d =
        type == RNL_T_FLOAT ? (double)strtof(number.text, &end) : strtod(number.text, &end);
    return end == number.text + len;
}

/* "-$1,234.56": the number that the server counts in, printed as its cast to numeric does. */
static bool money_value(unsigned digits, const char *text, size_t len, struct buf *scratch,
                        struct decoded *out)
{
    uint64_t raw = 0, unit = 1;
    size_t start = scratch->len;
    bool negative = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '-' || text[i] == '(')
            negative = true;
        else if (text[i] >= '0' && text[i] <= '9' && raw <= UINT64_MAX / 10 - 1)
            raw = raw * 10 + (uint64_t)(text[i] - '0');
        else if (!strchr("$,.)", text[i]))
            return false;
    }
    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    buf_printf(scratch, "%s%llu", negative ? "-" : "", (unsigned long long)(raw / unit));
    if (digits)
        buf_printf(scratch, ".%0*llu", (int)digits, (unsigned long long)(raw % unit));
    give_made(out, RNL_T_DECIMAL, scratch, start);
    return len > 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex_add(struct buf *out, const char *text, size_t len)
{
    if (len % 2 || !buf_reserve(out, len / 2 + 1))
        return false;
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

        if (high < 0 || low < 0)
            return false;
        out->ptr[out->len++] = (char)(high << 4 | low);
    }
    return true;
}

static bool bytes_value(const char *text, size_t len, struct buf *scratch, struct decoded *out)
{
    size_t start = scratch->len;

    if (len < 2 || text[0] != '\\' || text[1] != 'x' || !hex_add(scratch, text + 2, len - 2))
        return false;
    give_made(out, RNL_T_BYTES, scratch, start);
    return true;
}

static bool uuid_value(const char *text, size_t len, struct buf *scratch, struct decoded *out)
{
    size_t start = scratch->len;
    char digits[32];
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '-')
            continue;
        if (count == sizeof(digits))
            return false;
        digits[count++] = text[i];
    }
    if (count != sizeof(digits) || !hex_add(scratch, digits, count))
        return false;
    give_made(out, RNL_T_UUID, scratch, start);
    return true;
}

static bool interval_value(const char *text, size_t len, struct buf *scratch, struct decoded *out)
{
    size_t start = scratch->len;
    struct span span;

    if (text_is(text, len, "infinity")) /* of 17 and later: these numbers stand for it */
        span = (struct span){INT64_MAX, INT32_MAX, INT32_MAX};
    else if (text_is(text, len, "-infinity"))
        span = (struct span){INT64_MIN, INT32_MIN, INT32_MIN};
    else if (!span_parse(text, len, &span))
        return false;
    span_print(scratch, &span);
    give_made(out, RNL_T_INTERVAL, scratch, start);
    return true;
}

/* An address that COPY would spell otherwise: ours comes by way of its bytes. */
static bool inet_value(enum rnl_type type, const char *text, size_t len, struct buf *scratch,
                       struct decoded *out)
{
    const char *slash = len ? memchr(text, '/', len) : NULL;
    size_t start = scratch->len, address = slash ? (size_t)(slash - text) : len;
    char name[64], again[64];
    uint8_t bytes[16];
    int family;

    if (len >= sizeof(name))
        return false;
    memcpy(name, text, address);
    name[address] = '\0';
    family = strchr(name, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, name, bytes) != 1 || !inet_ntop(family, bytes, again, sizeof(again)))
        return false;
    buf_puts(scratch, again);
    buf_add(scratch, text + address, len - address);
    give_made(out, type, scratch, start);
    return true;
}

/* "[1,2.5,-3e-05]" */
static bool vector_value(const char *text, size_t len, struct buf *scratch, struct decoded *out)
{
    const char *at = text + 1, *end = text + len - 1;
    size_t start = scratch->len;

    if (len < 2 || text[0] != '[' || *end != ']')
        return false;
    while (at < end) {
        char *stop;
        float number = strtof(at, &stop);

        if (stop == at || stop > end || (stop < end && *stop != ','))
            return false;
        buf_add(scratch, &number, sizeof(number));
        at = stop + (stop < end);
    }
    give_made(out, RNL_T_VECTOR, scratch, start);
    return true;
}

/* PostGIS writes the bytes of its binary form in hex. */
static bool geometry_value(const struct bound_column *column, const char *text, size_t len,
                           struct buf *scratch, struct buf *raw, struct decoded *out)
{
    buf_clear(raw);
    return hex_add(raw, text, len) && raw->len <= INT32_MAX &&
           decode_field(&no_policies, column, (const uint8_t *)raw->ptr, (int32_t)raw->len, scratch,
                        out);
}

/* Types whose text is the value, or nearly. */
static bool plain_value(const struct bound_column *column, const char *text, size_t len,
                        struct decoded *out)
{
    enum rnl_type type = column->source->type;

    while (column->kind == PG_BPCHAR && len && text[len - 1] == ' ')
        len--;
    lend(out, type, text, len);
    return true;
}

static bool is_money(const struct rnl_column *column)
{
    return column->native && strcmp(column->native, "money") == 0;
}

bool fieldtext_value(const struct bound_column *column, const char *text, size_t len,
                     struct buf *scratch, struct buf *raw, struct decoded *out)
{
    enum rnl_type type = column->source->type;

    memset(out, 0, sizeof(*out));
    switch (type) {
    case RNL_T_BOOL:
        out->value = (struct rnl_value){.type = RNL_T_BOOL, .i = text_is(text, len, "t")};
        return out->value.i || text_is(text, len, "f");
    case RNL_T_INT:
    case RNL_T_UINT:
        return integer_value(type, text, len, out);
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        return float_value(type, text, len, out);
    case RNL_T_DECIMAL:
        if (is_money(column->source))
            return money_value(column->digits, text, len, scratch, out);
        return plain_value(column, text, len, out);
    case RNL_T_BYTES:
        return bytes_value(text, len, scratch, out);
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return day_parse((uint16_t)type, text, len, &out->value);
    case RNL_T_INTERVAL:
        return interval_value(text, len, scratch, out);
    case RNL_T_UUID:
        return uuid_value(text, len, scratch, out);
    case RNL_T_GEOMETRY:
        return geometry_value(column, text, len, scratch, raw, out);
    case RNL_T_VECTOR:
        return vector_value(text, len, scratch, out);
    case RNL_T_NATIVE:
        if (column->kind == PG_INET)
            return inet_value(type, text, len, scratch, out);
        return plain_value(column, text, len, out);
    default:
        return plain_value(column, text, len, out);
    }
}
