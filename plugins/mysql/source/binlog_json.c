/* MySQL's binary form of JSON values as the text that the server prints. */
#include "binlog_json.h"

#include <inttypes.h>
#include <math.h>

#define DEPTH_MAX 128
#define JSON_DIGITS_MAX 81 /* a decimal there may have more than one of a column */

int json_varint(struct span *in, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        const uint8_t *at = span_take(in, 1);

        if (!at)
            return -1;
        *value |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at & 0x80))
            return *value > UINT32_MAX ? -1 : 0;
    }
    return -1;
}

void json_quote(struct pile_text *out, const uint8_t *at, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    size_t plain = 0;

    pile_text_add(out, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        char escape[6] = {'\\', 0};
        size_t size = 2;

        if (at[i] >= 0x20 && at[i] != '"' && at[i] != '\\')
            continue;
        switch (at[i]) {
        case '"':
        case '\\':
            escape[1] = (char)at[i];
            break;
        case '\b':
            escape[1] = 'b';
            break;
        case '\f':
            escape[1] = 'f';
            break;
        case '\n':
            escape[1] = 'n';
            break;
        case '\r':
            escape[1] = 'r';
            break;
        case '\t':
            escape[1] = 't';
            break;
        default:
            memcpy(escape + 1, "u00", 3);
            escape[4] = digits[at[i] >> 4];
            escape[5] = digits[at[i] & 15];
            size = 6;
        }
        pile_text_add(out, at + plain, i - plain);
        pile_text_add(out, escape, size);
        plain = i + 1;
    }
    pile_text_add(out, at + plain, len - plain);
    pile_text_add(out, "\"", 1);
}

/* The fewest digits that give the number back: digits and the exponent of the first. */
static int shortest_digits(double number, char digits[32], int *exponent)
{
    char text[40];
    int count = 0, precision = fabs(number) < 1e-290 ? 0 : 14;
    const char *at = text;

    for (; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, number);
        if (strtod(text, NULL) == number)
            break;
    }
    for (; *at && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    *exponent = *at ? (int)strtol(at + 1, NULL, 10) : 0;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/* As the server writes doubles: plain from 1e-15 to 1e15 and with a fraction, else with an
 * exponent. */
void json_double(struct pile_text *out, double number)
{
    char digits[32], text[64];
    int exponent, count, len = 0, i;

    if (signbit(number))
        text[len++] = '-';
    number = fabs(number);
    count = shortest_digits(number, digits, &exponent);
    if (number != 0 && ((exponent >= 15 && count <= exponent + 1) || exponent < -15)) {
        text[len++] = digits[0];
        if (count > 1)
            text[len++] = '.';
        memcpy(text + len, digits + 1, (size_t)count - 1);
        len += count - 1;
        len += snprintf(text + len, sizeof(text) - (size_t)len, "e%d", exponent);
        pile_text_add(out, text, (size_t)len);
        return;
    }
    if (exponent < 0)
        text[len++] = '0';
    for (i = 0; i <= exponent; i++)
        text[len++] = i < count ? digits[i] : '0';
    text[len++] = '.';
    for (i = exponent; i < -1; i++)
        text[len++] = '0';
    i = exponent < 0 ? 0 : exponent + 1;
    if (i >= count)
        text[len++] = '0';
    for (; i < count; i++)
        text[len++] = digits[i];
    pile_text_add(out, text, (size_t)len);
}

static void json_base64(struct pile_text *out, unsigned type, const uint8_t *at, size_t len)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[40];

    pile_text_add(out, text, (size_t)snprintf(text, sizeof(text), "\"base64:type%u:", type));
    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)at[i] << 16;

        if (i + 1 < len)
            group |= (uint32_t)at[i + 1] << 8;
        if (i + 2 < len)
            group |= at[i + 2];
        if (i && i % 57 == 0)
            pile_text_add(out, "\\n", 2);
        text[0] = letters[group >> 18];
        text[1] = letters[group >> 12 & 63];
        text[2] = i + 1 < len ? letters[group >> 6 & 63] : '=';
        text[3] = i + 2 < len ? letters[group & 63] : '=';
        pile_text_add(out, text, 4);
    }
    pile_text_add(out, "\"", 1);
}

/* Date and time in one number of 8 bytes, the fraction in its low 24 bits. */
static void json_moment(struct pile_text *out, unsigned type, const uint8_t *at)
{
    int64_t packed = (int64_t)little_load(at, 8);
    uint64_t size = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    uint64_t clock = size >> 24, day = clock >> 17, month = day >> 5;
    const char *sign = packed < 0 ? "-" : "";
    char text[80];
    int len;

    if (type == LOG_TIME)
        len = snprintf(text, sizeof(text), "\"%s%02u:%02u:%02u.%06u\"", sign,
                       (unsigned)(clock >> 12 & 1023), (unsigned)(clock >> 6 & 63),
                       (unsigned)(clock & 63), (unsigned)(size & 0xffffff));
    else if (type == LOG_DATE)
        len = snprintf(text, sizeof(text), "\"%s%04u-%02u-%02u\"", sign, (unsigned)(month / 13),
                       (unsigned)(month % 13), (unsigned)(day & 31));
    else
        len = snprintf(text, sizeof(text), "\"%s%04u-%02u-%02u %02u:%02u:%02u.%06u\"", sign,
                       (unsigned)(month / 13), (unsigned)(month % 13), (unsigned)(day & 31),
                       (unsigned)(clock >> 12 & 31), (unsigned)(clock >> 6 & 63),
                       (unsigned)(clock & 63), (unsigned)(size & 0xffffff));
    pile_text_add(out, text, (size_t)len);
}

/* A value of an SQL type that JSON has not. */
static int json_opaque(struct span in, struct pile_text *out)
{
    const uint8_t *type = span_take(&in, 1), *at;
    char text[DECIMAL_TEXT];
    uint64_t len;

    if (!type || json_varint(&in, &len) || !(at = span_take(&in, len)))
        return -1;
    switch (*type) {
    case LOG_NEWDECIMAL:
        if (len < 2 || !at[0] || at[0] > JSON_DIGITS_MAX || at[1] > 38 || at[1] > at[0] ||
            len - 2 != decimal_size(at[0], at[1]))
            return -1;
        pile_text_add(out, text, decimal_write(at + 2, at[0], at[1], text));
        return 0;
    case LOG_DATE:
    case LOG_TIME:
    case LOG_DATETIME:
    case LOG_TIMESTAMP:
        if (len != 8)
            return -1;
        json_moment(out, *type, at);
        return 0;
    default:
        json_base64(out, *type, at, len);
        return 0;
    }
}

int json_scalar(uint8_t type, struct span in, struct pile_text *out)
{
    static const uint8_t sizes[] = {1, 2, 2, 4, 4, 8, 8, 8};
    const uint8_t *at;
    char text[40];
    uint64_t bits;
    double number;

    if (type == JSON_STRING) {
        if (json_varint(&in, &bits) || !(at = span_take(&in, bits)))
            return -1;
        json_quote(out, at, bits);
        return 0;
    }
    if (type == JSON_OPAQUE)
        return json_opaque(in, out);
    if (type < JSON_LITERAL || type > JSON_DOUBLE ||
        !span_little(&in, sizes[type - JSON_LITERAL], &bits))
        return -1;
    switch (type) {
    case JSON_LITERAL:
        if (bits > 2)
            return -1;
        pile_text_add(out, bits == 0 ? "null" : bits == 1 ? "true" : "false", bits == 2 ? 5 : 4);
        return 0;
    case JSON_INT16:
        bits = (uint64_t)(int16_t)bits;
        break;
    case JSON_INT32:
        bits = (uint64_t)(int32_t)bits;
        break;
    case JSON_DOUBLE:
        memcpy(&number, &bits, sizeof(number));
        if (!isfinite(number))
            return -1;
        json_double(out, number);
        return 0;
    default:
        break;
    }
    if (type == JSON_INT16 || type == JSON_INT32 || type == JSON_INT64)
        pile_text_add(out, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, (int64_t)bits));
    else
        pile_text_add(out, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, bits));
    return 0;
}

bool json_is_inline(uint8_t type, unsigned width)
{
    return (type >= JSON_LITERAL && type <= JSON_UINT16) ||
           (width == 4 && (type == JSON_INT32 || type == JSON_UINT32));
}

int json_list_open(uint8_t type, struct span in, struct json_list *list)
{
    size_t entry;
    uint64_t size;

    *list = (struct json_list){
        .is_object = type <= JSON_OBJECT_LARGE, .width = type & 1 ? 4 : 2, .base = in.at};
    if (!span_little(&in, list->width, &list->count) || !span_little(&in, list->width, &size) ||
        size < 2u * list->width || size > span_left(&in) + 2u * list->width)
        return -1;
    list->end = list->base + size;
    entry = list->width + 1u + (list->is_object ? list->width + 2u : 0);
    if (list->count > (size - 2u * list->width) / entry)
        return -1;
    list->keys = in.at;
    list->values = in.at + (list->is_object ? list->count * (list->width + 2u) : 0);
    return 0;
}

int json_list_key(const struct json_list *list, uint64_t index, struct span *key)
{
    const uint8_t *entry = list->keys + index * (list->width + 2u);
    uint64_t at = little_load(entry, list->width), len = little_load(entry + list->width, 2);
    uint64_t size = (uint64_t)(list->end - list->base);

    if (at > size || len > size - at)
        return -1;
    *key = (struct span){list->base + at, list->base + at + len};
    return 0;
}

int json_list_value(const struct json_list *list, uint64_t index, uint8_t *type, struct span *value)
{
    const uint8_t *entry = list->values + index * (list->width + 1u);
    uint64_t at;

    *type = *entry;
    if (json_is_inline(*type, list->width)) {
        *value = (struct span){entry + 1, entry + 1 + list->width};
        return 0;
    }
    at = little_load(entry + 1, list->width);
    if (at >= (uint64_t)(list->end - list->base))
        return -1;
    *value = (struct span){list->base + at, list->end};
    return 0;
}

static int json_value(uint8_t type, struct span in, struct pile_text *out, unsigned depth)
{
    struct json_list list;

    if (type > JSON_ARRAY_LARGE)
        return json_scalar(type, in, out);
    if (depth >= DEPTH_MAX || json_list_open(type, in, &list))
        return -1;
    pile_text_add(out, list.is_object ? "{" : "[", 1);
    for (uint64_t i = 0; i < list.count; i++) {
        struct span key, value;

        if (i)
            pile_text_add(out, ", ", 2);
        if (list.is_object) {
            if (json_list_key(&list, i, &key))
                return -1;
            json_quote(out, key.at, span_left(&key));
            pile_text_add(out, ": ", 2);
        }
        if (json_list_value(&list, i, &type, &value) || json_value(type, value, out, depth + 1) ||
            pile_text_broken(out))
            return -1;
    }
    pile_text_add(out, list.is_object ? "}" : "]", 1);
    return 0;
}

int json_text(struct span in, struct pile_text *out)
{
    uint8_t type;

    /* a value that was never set, of a NOT NULL column */
    if (!span_left(&in)) {
        pile_text_add(out, "null", 4);
        return pile_text_broken(out) ? -1 : 0;
    }
    type = *in.at++;
    return json_value(type, in, out, 0) || pile_text_broken(out) ? -1 : 0;
}
