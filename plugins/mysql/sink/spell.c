/* Other forms of values: as texts where the target has no such type, and back. */
#include "calendar.h"
#include "data.h"
#include "pgtext.h"

#include <inttypes.h>
#include <math.h>

#define NUMBER_TEXT 40 /* the longest text of a number that is read */

bool spell_uuid(const void *bytes, size_t len, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;

    if (len != 16)
        return false;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buf_byte(out, '-');
        buf_byte(out, digits[at[i] >> 4]);
        buf_byte(out, digits[at[i] & 15]);
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool parse_uuid(const char *text, size_t len, uint8_t uuid[16])
{
    unsigned digits = 0;

    memset(uuid, 0, 16);
    for (size_t i = 0; i < len; i++) {
        int digit = hex_value(text[i]);

        if (text[i] == '-')
            continue;
        if (digit < 0 || digits == 32)
            return false;
        uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | digit);
        digits++;
    }
    return digits == 32;
}

bool spell_clock(int64_t us, struct buf *out)
{
    const struct rnl_value value = {.type = RNL_T_TIME, .i = us};
    char text[CALENDAR_TEXT];

    if (us == INT64_MIN || !calendar_text(&value, text))
        return false;
    buf_puts(out, text);
    return true;
}

/* Digits up to the first other character; false: none, or too many. */
static bool digits_take(const char **at, const char *end, int64_t *number, unsigned *count)
{
    *number = 0;
    *count = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, (*count)++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, **at - '0', number))
            return false;
    return *count > 0;
}

/* What stands behind the point of a second, in microseconds. */
static bool fraction_take(const char **at, const char *end, int64_t *us)
{
    unsigned count;

    *us = 0;
    if (*at == end || **at != '.')
        return true;
    (*at)++;
    if (!digits_take(at, end, us, &count) || count > 6)
        return false;
    for (; count < 6; count++)
        *us *= 10;
    return true;
}

bool parse_clock(const char *text, size_t len, int64_t *us)
{
    const char *end = text + len;
    bool negative = len && *text == '-';
    int64_t part[3] = {0};
    unsigned count;

    text += negative;
    for (int i = 0; i < 3; i++) {
        if ((i && (text == end || *text++ != ':')) || !digits_take(&text, end, &part[i], &count))
            return false;
    }
    if (!fraction_take(&text, end, us) || text != end || part[0] > 100000000 || part[1] > 59 ||
        part[2] > 60)
        return false;
    *us += (part[0] * 3600 + part[1] * 60 + part[2]) * 1000000;
    *us = negative ? -*us : *us;
    return true;
}

/* Microseconds of one unit; 0: it has no fixed length; -1: there is no such unit. */
static int64_t unit_us(char unit, bool clock)
{
    switch (unit) {
    case 'Y':
        return clock ? -1 : 0;
    case 'M':
        return clock ? INT64_C(60000000) : 0;
    case 'W':
        return clock ? -1 : 7 * DAY_US;
    case 'D':
        return clock ? -1 : DAY_US;
    case 'H':
        return clock ? INT64_C(3600000000) : -1;
    case 'S':
        return clock ? 1000000 : -1;
    default:
        return -1;
    }
}

static bool interval_part(const char **at, const char *end, bool clock, int64_t *sum)
{
    bool negative = *at < end && **at == '-';
    int64_t number, fraction, unit;
    unsigned count;

    *at += negative || (*at < end && **at == '+');
    if (!digits_take(at, end, &number, &count) || !fraction_take(at, end, &fraction) || *at == end)
        return false;
    unit = unit_us(**at, clock);
    if (unit < 0 || (unit == 0 && number) || (fraction && **at != 'S') ||
        __builtin_mul_overflow(number, unit, &number) ||
        __builtin_add_overflow(number, fraction, &number))
        return false;
    (*at)++;
    return !__builtin_add_overflow(*sum, negative ? -number : number, sum);
}

bool parse_interval(const char *text, size_t len, int64_t *us)
{
    const char *at = text, *end = text + len;
    bool clock = false, any = false;

    *us = 0;
    if (at == end || *at++ != 'P')
        return false;
    for (; at < end; any = true) {
        if (!clock && *at == 'T') {
            clock = true;
            at++;
        }
        if (!interval_part(&at, end, clock, us))
            return false;
    }
    return any;
}

void spell_interval(int64_t us, struct buf *out)
{
    uint64_t all = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;

    buf_printf(out, "PT%s%" PRIu64, us < 0 ? "-" : "", all / 1000000);
    if (all % 1000000)
        buf_printf(out, ".%06" PRIu64, all % 1000000);
    buf_puts(out, "S");
}

/* A finite number in all of text; false: it is none. */
static bool parse_number(const char *text, size_t len, double *number)
{
    char copy[NUMBER_TEXT], *end;

    if (len == 0 || len >= sizeof(copy))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!strchr("0123456789+-.eE", text[i]) || !text[i])
            return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *number = strtod(copy, &end);
    return *end == '\0' && isfinite(*number);
}

/* The fewest digits that give the same number again. */
static void spell_number(double number, struct buf *out)
{
    char text[NUMBER_TEXT];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    buf_puts(out, text);
}

bool parse_point(const char *text, size_t len, double point[2])
{
    const char *comma = len ? memchr(text, ',', len) : NULL;

    return comma && len > 4 && text[0] == '(' && text[len - 1] == ')' &&
           parse_number(text + 1, (size_t)(comma - text) - 1, &point[0]) &&
           parse_number(comma + 1, (size_t)(text + len - comma) - 2, &point[1]);
}

void spell_point(const double point[2], struct buf *out)
{
    buf_puts(out, "(");
    spell_number(point[0], out);
    buf_puts(out, ",");
    spell_number(point[1], out);
    buf_puts(out, ")");
}

static bool spell_vector(const struct rnl_value *value, struct buf *out, const char **why)
{
    const char *bytes = value->ptr;

    if (value->len % 4) {
        *why = "is no vector";
        return false;
    }
    buf_puts(out, "[");
    for (uint32_t i = 0; i < value->len; i += 4) {
        float number;

        memcpy(&number, bytes + i, 4);
        if (!isfinite(number)) {
            *why = "holds a number that is not finite";
            return false;
        }
        buf_printf(out, "%s%.9g", i ? "," : "", (double)number);
    }
    buf_puts(out, "]");
    return true;
}

bool parse_vector(const char *text, size_t len, struct buf *out)
{
    const char *at = text + 1, *end = text + len - 1;

    if (len < 2 || *text != '[' || *end != ']')
        return false;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        double number;
        float single;

        while (at < stop && *at == ' ')
            at++;
        if (!parse_number(at, (size_t)(stop - at), &number))
            return false;
        single = (float)number;
        buf_add(out, &single, 4);
        at = comma ? comma + 1 : end;
    }
    return true;
}

bool spell_json(const struct bound_column *column, const struct rnl_value *value, struct buf *out,
                const char **why)
{
    if (value->type == RNL_T_VECTOR)
        return spell_vector(value, out, why);
    return pgtext_json(column->source, value->ptr, value->len, out, why);
}

/* A number's digits without the zeros around them; the power of ten that they are to be taken by.
 */
struct digits {
    char text[24];
    unsigned count;
    int64_t exponent;
};

static bool digits_of(const char *text, size_t len, struct digits *digits)
{
    int64_t behind = 0, shift = 0;
    bool point = false;
    size_t i = 0;

    *digits = (struct digits){0};
    for (; i < len && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            point = true;
        } else if (text[i] >= '0' && text[i] <= '9') {
            behind += point;
            if (text[i] == '0' && digits->count == 0)
                continue;
            if (digits->count == sizeof(digits->text)) {
                if (text[i] != '0')
                    return false;
                shift++;
                continue;
            }
            digits->text[digits->count++] = text[i];
        }
    }
    if (i < len && len - i < 12) {
        char copy[12] = {0};

        memcpy(copy, text + i + 1, len - i - 1);
        digits->exponent = strtol(copy, NULL, 10);
    }
    digits->exponent += shift - behind;
    for (; digits->count && digits->text[digits->count - 1] == '0'; digits->count--)
        digits->exponent++;
    return true;
}

/* MySQL keeps integers of 64 bits, and doubles for all else. */
static bool number_is_kept(const char *text, size_t len)
{
    struct digits here, there;
    char copy[64], printed[NUMBER_TEXT];
    double number;
    bool power = memchr(text, 'e', len) || memchr(text, 'E', len);
    bool whole = !power && !memchr(text, '.', len);

    if (!power && len <= 15) /* any 15 digits are kept; the most usual */
        return true;
    if (whole && (len < 19 || (len < sizeof(copy) && *text != '-'))) {
        uint64_t sum = 0;
        bool fits = true;

        for (size_t i = *text == '-'; i < len && fits; i++)
            fits = !__builtin_mul_overflow(sum, 10u, &sum) &&
                   !__builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum);
        if (fits)
            return true;
    }
    if (len >= sizeof(copy) || !digits_of(text, len, &here))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    number = strtod(copy, NULL);
    if (!isfinite(number))
        return false;
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(printed, sizeof(printed), "%.*e", precision - 1, number);
        if (strtod(printed, NULL) == number)
            break;
    }
    digits_of(printed, strlen(printed), &there);
    return here.count == there.count && memcmp(here.text, there.text, here.count) == 0 &&
           (here.count == 0 || here.exponent == there.exponent);
}

static bool is_number_byte(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

bool json_is_kept(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len) {
        size_t start = i;

        if (text[i] == '"') {
            for (i++; i < len && text[i] != '"'; i++)
                i += text[i] == '\\';
            i++;
        } else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
            while (i < len && is_number_byte(text[i]))
                i++;
            if (!number_is_kept(text + start, i - start))
                return false;
        } else {
            i++;
        }
    }
    return true;
}

size_t utf8_length(const unsigned char *text)
{
    size_t len = text[0] < 0x80                      ? 1
                 : text[0] >= 0xC2 && text[0] < 0xE0 ? 2
                 : text[0] >= 0xE0 && text[0] < 0xF0 ? 3
                 : text[0] >= 0xF0 && text[0] < 0xF5 ? 4
                                                     : 0;

    for (size_t i = 1; i < len; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
        (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F))
        return 0;
    return len;
}
