/* Values of rows in the binary log. */
#include "binlog_part.h"
#include "calendar.h"

#include <arpa/inet.h>

static int int_read(const struct field_op *op, struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, op->size);
    uint64_t bits;

    if (!at)
        return OUTCOME_SHORT;
    bits = little_load(at, op->size);
    if (op->is_signed && op->size < 8 && bits >> (op->size * 8 - 1))
        bits |= UINT64_MAX << (op->size * 8);
    value->u = bits;
    return OUTCOME_OK;
}

static int year_read(struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, 1);

    if (!at)
        return OUTCOME_SHORT;
    value->i = *at ? 1900 + *at : 0;
    return OUTCOME_OK;
}

static int float_read(const struct field_op *op, struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, op->size);
    float single;

    if (!at)
        return OUTCOME_SHORT;
    if (op->size == 4) {
        memcpy(&single, at, 4);
        value->d = (double)single;
    } else {
        memcpy(&value->d, at, 8);
    }
    return OUTCOME_OK;
}

static const uint8_t group_bytes[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

size_t decimal_size(unsigned precision, unsigned scale)
{
    unsigned whole = precision - scale;

    return whole / 9 * 4 + group_bytes[whole % 9] + scale / 9 * 4 + group_bytes[scale % 9];
}

static char *digits_write(char *to, uint32_t number, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        to[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    return to + digits;
}

/* Groups of nine digits, highest byte first, the sign's bit turned; a negative one all turned. */
static const uint8_t *group_write(char **to, const uint8_t *at, unsigned digits)
{
    unsigned bytes = digits == 9 ? 4 : group_bytes[digits];

    *to = digits_write(*to, (uint32_t)big_load(at, bytes), digits);
    return at + bytes;
}

size_t decimal_write(const uint8_t *bytes, unsigned precision, unsigned scale, char *text)
{
    size_t size = decimal_size(precision, scale);
    unsigned whole = precision - scale;
    uint8_t turned[40] = {0};
    const uint8_t *at = turned;
    char digits[DECIMAL_TEXT], *to = digits, *from = digits, *out = text;
    bool negative = !(bytes[0] & 0x80);
    size_t len;

    for (size_t i = 0; i < size; i++)
        turned[i] = negative ? (uint8_t)~bytes[i] : bytes[i];
    turned[0] ^= 0x80;
    if (whole % 9)
        at = group_write(&to, at, whole % 9);
    for (unsigned i = 0; i < whole / 9; i++)
        at = group_write(&to, at, 9);
    if (to == digits)
        *to++ = '0';
    while (from + 1 < to && *from == '0')
        from++;
    if (scale)
        *to++ = '.';
    for (unsigned i = 0; i < scale / 9; i++)
        at = group_write(&to, at, 9);
    if (scale % 9)
        group_write(&to, at, scale % 9);
    len = (size_t)(to - from);
    /* there is no -0.00 */
    if (negative && strspn(from, "0.") < len)
        *out++ = '-';
    memcpy(out, from, len);
    return (size_t)(out - text) + len;
}

static int decimal_read(const struct field_op *op, struct span *in, struct rnl_value *value,
                        struct pile *pile)
{
    const uint8_t *at = span_take(in, op->size);
    char *text;

    if (!at)
        return OUTCOME_SHORT;
    text = pile_take(pile, DECIMAL_TEXT);
    if (!text)
        return OUTCOME_NO_MEMORY;
    value->len = (uint32_t)decimal_write(at, op->precision, op->scale, text);
    value->ptr = text;
    return OUTCOME_OK;
}

/* us: of the day; dropped where there is no such day. */
static int day_set(struct rnl_value *value, unsigned year, unsigned month, unsigned day, int64_t us)
{
    if (year > 9999 || month > 12 || day > 31 || us < 0 || us >= DAY_US)
        return OUTCOME_BAD;
    if (!date_exists(year, month, day)) {
        value->flags = RNL_V_ZERO_DATE;
        value->i = (int64_t)year * 10000 + month * 100 + day;
        return OUTCOME_OK;
    }
    value->i = date_days(year, month, day);
    if (value->type != RNL_T_DATE)
        value->i = value->i * DAY_US + us;
    return OUTCOME_OK;
}

static int date_read(struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, 3);
    unsigned packed;

    if (!at)
        return OUTCOME_SHORT;
    packed = (unsigned)little_load(at, 3);
    return day_set(value, packed >> 9, packed >> 5 & 15, packed & 31, 0);
}

/* What one of the last place of a fraction is worth, by bytes of the fraction. */
static const int64_t fraction_us[4] = {0, 10000, 100, 1};

static int64_t clock_us(uint64_t hour, uint64_t minute, uint64_t second)
{
    return (int64_t)((hour * 60 + minute) * 60 + second) * 1000000;
}

/* One number of the clock and the fraction, so that a negative one borrows. */
static int time_read(const struct field_op *op, struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, 3u + op->size);
    unsigned shift = 8u * op->size;
    uint64_t size, clock;
    int64_t packed;

    if (!at)
        return OUTCOME_SHORT;
    packed = (int64_t)big_load(at, 3u + op->size) - ((int64_t)0x800000 << shift);
    size = (uint64_t)(packed < 0 ? -packed : packed);
    clock = size >> shift;
    if ((clock >> 12 & 1023) > 838 || (clock >> 6 & 63) > 59 || (clock & 63) > 59)
        return OUTCOME_BAD;
    value->i = clock_us(clock >> 12 & 1023, clock >> 6 & 63, clock & 63) +
               (int64_t)(size & ((UINT64_C(1) << shift) - 1)) * fraction_us[op->size];
    if (packed < 0)
        value->i = -value->i;
    return OUTCOME_OK;
}

static int datetime_read(const struct field_op *op, struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, 5u + op->size);
    uint64_t packed, month;
    int64_t us;

    if (!at)
        return OUTCOME_SHORT;
    packed = big_load(at, 5);
    if (packed < UINT64_C(0x8000000000))
        return OUTCOME_BAD;
    packed -= UINT64_C(0x8000000000);
    month = packed >> 22;
    us = clock_us(packed >> 12 & 31, packed >> 6 & 63, packed & 63) +
         (int64_t)big_load(at + 5, op->size) * fraction_us[op->size];
    return day_set(value, (unsigned)(month / 13), (unsigned)(month % 13), packed >> 17 & 31, us);
}

static void moment_set(struct rnl_value *value, uint64_t seconds, int64_t us)
{
    if (!seconds) { /* 0000-00-00 00:00:00, not 1970 */
        value->flags = RNL_V_ZERO_DATE;
        value->i = 0;
    } else {
        value->i = (int64_t)seconds * 1000000 + us;
    }
}

static int timestamp_read(const struct field_op *op, struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, 4u + op->size);

    if (!at)
        return OUTCOME_SHORT;
    moment_set(value, big_load(at, 4), (int64_t)big_load(at + 4, op->size) * fraction_us[op->size]);
    return OUTCOME_OK;
}

/* Decimal digits of date and time in one number. */
static int old_read(const struct field_op *op, struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, op->size);
    uint64_t number, date, clock;
    int64_t time;

    if (!at)
        return OUTCOME_SHORT;
    number = little_load(at, op->size);
    if (op->layout == LAYOUT_OLD_TIMESTAMP) {
        moment_set(value, number, 0);
        return OUTCOME_OK;
    }
    if (op->layout == LAYOUT_OLD_TIME) {
        time = number >> 23 ? (int64_t)number - (1 << 24) : (int64_t)number;
        clock = (uint64_t)(time < 0 ? -time : time);
        value->i = clock_us(clock / 10000, clock / 100 % 100, clock % 100);
        value->i = time < 0 ? -value->i : value->i;
        return OUTCOME_OK;
    }
    date = number / 1000000;
    clock = number % 1000000;
    if (date > 99999999)
        return OUTCOME_BAD;
    return day_set(value, (unsigned)(date / 10000), (unsigned)(date / 100 % 100),
                   (unsigned)(date % 100), clock_us(clock / 10000, clock / 100 % 100, clock % 100));
}

/* Highest byte first: the clock in units of the last digit, from a middle or from year 0 on. */
static int scaled_read(const struct field_op *op, struct span *in, struct rnl_value *value)
{
    static const int64_t units[7] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    int64_t unit = units[op->scale], packed, days;
    const uint8_t *at = span_take(in, op->size);

    if (!at)
        return OUTCOME_SHORT;
    if (op->layout == LAYOUT_SCALED_TIMESTAMP) {
        moment_set(value, big_load(at, 4), (int64_t)big_load(at + 4, op->size - 4u) * unit);
        return OUTCOME_OK;
    }
    packed = (int64_t)big_load(at, op->size);
    if (packed < 0 || packed > INT64_MAX / unit)
        return OUTCOME_BAD;
    packed *= unit;
    if (op->layout == LAYOUT_SCALED_TIME) {
        value->i = packed - INT64_C(839) * 3600 * 1000000;
        return OUTCOME_OK;
    }
    days = packed / DAY_US;
    return day_set(value, (unsigned)(days / 32 / 13), (unsigned)(days / 32 % 13),
                   (unsigned)(days % 32), packed % DAY_US);
}

static int bit_read(const struct field_op *op, struct span *in, struct rnl_value *value,
                    struct pile *pile)
{
    const uint8_t *at = span_take(in, op->size);
    uint64_t bits;
    char *text;

    if (!at)
        return OUTCOME_SHORT;
    text = pile_take(pile, 64);
    if (!text)
        return OUTCOME_NO_MEMORY;
    bits = big_load(at, op->size);
    for (unsigned i = 0; i < op->bits; i++)
        text[i] = bits >> (op->bits - 1u - i) & 1 ? '1' : '0';
    value->ptr = text;
    value->len = op->bits;
    return OUTCOME_OK;
}

static int enum_read(const struct field_op *op, struct span *in, struct rnl_value *value)
{
    const uint8_t *at = span_take(in, op->size);
    uint64_t index;

    if (!at)
        return OUTCOME_SHORT;
    index = little_load(at, op->size);
    if (!op->described)
        return OUTCOME_OK;
    if (index > op->described->nlabels)
        return OUTCOME_BAD;
    value->ptr = index ? op->described->labels[index - 1] : "";
    value->len = (uint32_t)strlen(value->ptr);
    return OUTCOME_OK;
}

static int set_read(const struct field_op *op, struct span *in, struct rnl_value *value,
                    struct pile *pile)
{
    struct pile_text text = {.pile = pile, .limit = UINT32_MAX};
    const struct rnl_column *column = op->described;
    const uint8_t *at = span_take(in, op->size);
    uint64_t members;

    if (!at)
        return OUTCOME_SHORT;
    members = little_load(at, op->size);
    value->ptr = "";
    if (!column)
        return OUTCOME_OK;
    if (column->nlabels < 64 && members >> column->nlabels)
        return OUTCOME_BAD;
    for (uint32_t i = 0; i < column->nlabels; i++) {
        if (!(members >> i & 1))
            continue;
        if (text.len)
            pile_text_add(&text, ",", 1);
        pile_text_add(&text, column->labels[i], strlen(column->labels[i]));
    }
    if (text.ptr)
        value->ptr = text.ptr;
    value->len = (uint32_t)text.len;
    return text.no_memory ? OUTCOME_NO_MEMORY : OUTCOME_OK;
}

/* Zero bytes at the end aren't in the log. */
static int bytes_fill(const struct field_op *op, struct rnl_value *value, struct pile *pile)
{
    char *bytes;

    if (value->len >= op->pad)
        return OUTCOME_OK;
    bytes = pile_take(pile, op->pad);
    if (!bytes)
        return OUTCOME_NO_MEMORY;
    if (value->len)
        memcpy(bytes, value->ptr, value->len);
    memset(bytes + value->len, 0, op->pad - value->len);
    value->ptr = bytes;
    value->len = op->pad;
    return OUTCOME_OK;
}

static int json_make(struct rnl_value *value, struct pile *pile)
{
    const uint8_t *at = value->ptr;
    struct pile_text text = {.pile = pile};

    /* most that a value's text can be to its bytes: \u0000 for one */
    text.limit = (size_t)value->len * 8 + 64;
    if (text.limit > UINT32_MAX)
        text.limit = UINT32_MAX;
    if (json_text((struct span){at, at + value->len}, &text))
        return text.no_memory ? OUTCOME_NO_MEMORY : OUTCOME_BAD;
    value->ptr = text.ptr;
    value->len = (uint32_t)text.len;
    return OUTCOME_OK;
}

static int inet4_make(struct rnl_value *value, struct pile *pile)
{
    char *text = pile_take(pile, INET_ADDRSTRLEN);

    if (!text)
        return OUTCOME_NO_MEMORY;
    if (value->len != 4 || !inet_ntop(AF_INET, value->ptr, text, INET_ADDRSTRLEN))
        return OUTCOME_BAD;
    value->ptr = text;
    value->len = (uint32_t)strlen(text);
    return OUTCOME_OK;
}

/* The first of the longest runs of zeros is left out, be it a single one. */
static void zeros_find(const uint16_t groups[8], int *begin, int *count)
{
    *begin = *count = 0;
    for (int i = 0, run = 0; i < 8; i++) {
        run = groups[i] ? 0 : run + 1;
        if (run > *count) {
            *count = run;
            *begin = i + 1 - run;
        }
    }
}

/* As MariaDB writes it, which isn't quite what inet_ntop does. */
static size_t inet6_write(const uint8_t *at, char *text, size_t size)
{
    uint16_t groups[8];
    int begin, count, i;
    bool ends_in_v4;
    size_t len = 0;

    for (i = 0; i < 8; i++)
        groups[i] = (uint16_t)big_load(at + (size_t)i * 2, 2);
    zeros_find(groups, &begin, &count);
    ends_in_v4 = !begin && (count == 6 || (count == 5 && groups[5] == 0xffff));
    for (i = 0; i < 8; i++) {
        if (count && i == begin) {
            len += (size_t)snprintf(text + len, size - len, i ? ":" : "::");
            i += count - 1;
            continue;
        }
        if (ends_in_v4 && i == 6) {
            len += (size_t)snprintf(text + len, size - len, "%u.%u.%u.%u", at[12], at[13], at[14],
                                    at[15]);
            break;
        }
        len += (size_t)snprintf(text + len, size - len, i < 7 ? "%x:" : "%x", groups[i]);
    }
    return len;
}

static int inet6_make(struct rnl_value *value, struct pile *pile)
{
    char *text = pile_take(pile, INET6_ADDRSTRLEN);

    if (!text)
        return OUTCOME_NO_MEMORY;
    if (value->len != 16)
        return OUTCOME_BAD;
    value->len = (uint32_t)inet6_write(value->ptr, text, INET6_ADDRSTRLEN);
    value->ptr = text;
    return OUTCOME_OK;
}

static int counted_read(struct field_op *op, struct span *in, struct rnl_value *value,
                        struct pile *pile)
{
    const uint8_t *at;
    uint64_t len;
    int status;

    if (!span_little(in, op->size, &len) || !(at = span_take(in, len)))
        return OUTCOME_SHORT;
    value->ptr = at;
    value->len = (uint32_t)len;
    if (op->compressed && (status = column_inflate(value, pile)))
        return status;
    switch (op->make) {
    case MAKE_PADDED:
        return bytes_fill(op, value, pile);
    case MAKE_TEXT:
        return charset_decode(op->charset, op->cd, value, pile);
    case MAKE_JSON:
        op->old = (struct span){at, at + len};
        op->old_there = true;
        return json_make(value, pile);
    case MAKE_UUID:
        return bytes_fill(op, value, pile);
    case MAKE_INET4:
        status = bytes_fill(op, value, pile);
        return status ? status : inet4_make(value, pile);
    case MAKE_INET6:
        status = bytes_fill(op, value, pile);
        return status ? status : inet6_make(value, pile);
    default:
        return OUTCOME_OK;
    }
}

int value_read(struct field_op *op, struct span *in, struct rnl_value *value, struct pile *pile)
{
    *value = (struct rnl_value){.type = op->type};
    switch (op->layout) {
    case LAYOUT_INT:
        return int_read(op, in, value);
    case LAYOUT_YEAR:
        return year_read(in, value);
    case LAYOUT_FLOAT:
    case LAYOUT_DOUBLE:
        return float_read(op, in, value);
    case LAYOUT_DECIMAL:
        return decimal_read(op, in, value, pile);
    case LAYOUT_DATE:
        return date_read(in, value);
    case LAYOUT_TIME:
        return time_read(op, in, value);
    case LAYOUT_DATETIME:
        return datetime_read(op, in, value);
    case LAYOUT_TIMESTAMP:
        return timestamp_read(op, in, value);
    case LAYOUT_OLD_TIME:
    case LAYOUT_OLD_DATETIME:
    case LAYOUT_OLD_TIMESTAMP:
        return old_read(op, in, value);
    case LAYOUT_SCALED_TIME:
    case LAYOUT_SCALED_DATETIME:
    case LAYOUT_SCALED_TIMESTAMP:
        return scaled_read(op, in, value);
    case LAYOUT_BIT:
        return bit_read(op, in, value, pile);
    case LAYOUT_ENUM:
        return enum_read(op, in, value);
    case LAYOUT_SET:
        return set_read(op, in, value, pile);
    default:
        return counted_read(op, in, value, pile);
    }
}
