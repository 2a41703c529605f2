/* Values of the catalog's types as the text that COPY and input functions take. */
#include "convert.h"
#include "numeric.h"

#include <inttypes.h>
#include <math.h>

/* A piece of the text of COPY: what it sets apart is escaped. */
static void add_escaped(struct buf *out, const char *text, size_t len)
{
    const char *end = text + len, *from = text;

    for (const char *at = text; at < end; at++) {
        const char *escape;

        switch (*at) {
        case '\\':
            escape = "\\\\";
            break;
        case '\t':
            escape = "\\t";
            break;
        case '\n':
            escape = "\\n";
            break;
        case '\r':
            escape = "\\r";
            break;
        default:
            continue;
        }
        buf_add(out, from, (size_t)(at - from));
        buf_add(out, escape, 2);
        from = at + 1;
    }
    buf_add(out, from, (size_t)(end - from));
}

void text_add_piece(struct buf *out, enum pg_kind kind, const char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    if (kind != PG_BYTEA) {
        add_escaped(out, bytes, len);
        return;
    }
    if (!buf_reserve(out, len * 2))
        return;
    for (size_t i = 0; i < len; i++) {
        unsigned byte = (unsigned char)bytes[i];

        out->ptr[out->len++] = digits[byte >> 4];
        out->ptr[out->len++] = digits[byte & 15];
    }
}

static void add_float(struct buf *out, double number, int digits)
{
    if (isnan(number))
        buf_puts(out, "NaN");
    else if (isinf(number))
        buf_puts(out, number < 0 ? "-Infinity" : "Infinity");
    else
        buf_printf(out, "%.*g", digits, number);
}

/* Days since 1970-01-01 into a day of the calendar that goes on in both directions. */
static int64_t civil_of_days(int64_t days, unsigned *month, unsigned *day)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t shifted = (5 * of_year + 2) / 153;

    *day = (unsigned)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    return year + era * 400 + (*month <= 2);
}

static void add_clock(struct buf *out, int64_t us)
{
    buf_printf(out, "%02d:%02d:%02d.%06d", (int)(us / 3600000000), (int)(us / 60000000 % 60),
               (int)(us / 1000000 % 60), (int)(us % 1000000));
}

static void add_moment(struct buf *out, const struct rnl_value *value)
{
    int64_t days = value->i, us = 0, year;
    unsigned month, day;

    if (value->i == INT64_MIN || value->i == INT64_MAX) {
        buf_puts(out, value->i < 0 ? "-infinity" : "infinity");
        return;
    }
    if (value->type != RNL_T_DATE) {
        days = value->i / DAY_US;
        us = value->i % DAY_US;
        if (us < 0) {
            us += DAY_US;
            days--;
        }
    }
    year = civil_of_days(days, &month, &day);
    buf_printf(out, "%04" PRId64 "-%02u-%02u", year > 0 ? year : 1 - year, month, day);
    if (value->type != RNL_T_DATE) {
        buf_byte(out, ' ');
        add_clock(out, us);
    }
    if (value->type == RNL_T_TIMESTAMPTZ)
        buf_puts(out, "+00");
    if (year <= 0)
        buf_puts(out, " BC");
}

/* A set's labels, joined by commas, as an array. */
static void add_labels(struct buf *out, const struct rnl_value *value)
{
    const char *text = value->ptr, *end = text + value->len;

    buf_puts(out, value->len ? "{\"" : "{");
    for (; text < end; text++) {
        if (*text == ',')
            buf_puts(out, "\",\"");
        else if (*text == '"' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else
            buf_byte(out, *text);
    }
    buf_puts(out, value->len ? "\"}" : "}");
}

static bool add_vector(struct buf *out, enum pg_kind kind, const struct rnl_value *value,
                       const char **why)
{
    if (value->len % 4) {
        *why = "is no vector";
        return false;
    }
    buf_byte(out, kind == PG_VECTOR ? '[' : '{');
    for (uint32_t i = 0; i < value->len / 4; i++) {
        float number;

        memcpy(&number, (const char *)value->ptr + (size_t)i * 4, sizeof(number));
        if (i)
            buf_byte(out, ',');
        add_float(out, (double)number, 9);
    }
    buf_byte(out, kind == PG_VECTOR ? ']' : '}');
    return true;
}

/* Kinds whose binary form is made first: their bytes as digits, with prefix. */
static bool add_digits(struct buf *out, const struct pg_config *config,
                       const struct bound_column *column, const struct rnl_value *value,
                       const char *prefix, const char **why)
{
    struct buf field = {0};
    bool good = encode_field(&field, config, column, value, why) && !field.failed;

    buf_puts(out, prefix);
    if (good)
        text_add_piece(out, PG_BYTEA, field.ptr + 4, field.len - 4);
    buf_free(&field);
    return good;
}

static bool add_boolean(struct buf *out, const struct pg_config *config,
                        const struct bound_column *column, const struct rnl_value *value,
                        const char **why)
{
    struct buf field = {0};
    bool good = encode_field(&field, config, column, value, why) && !field.failed;

    if (good)
        buf_byte(out, field.ptr[4] ? 't' : 'f');
    buf_free(&field);
    return good;
}

static bool add_span(struct buf *out, const struct rnl_value *value)
{
    struct span span = {.us = value->i};

    if (value->type == RNL_T_TIME)
        span_print(out, &span);
    else
        buf_add(out, value->ptr, value->len);
    return true;
}

/* Whole numbers and decimals. */
static bool add_number(struct buf *out, const struct rnl_value *value)
{
    if (value->type == RNL_T_DECIMAL)
        buf_add(out, value->ptr, value->len);
    else if (value->type == RNL_T_UINT)
        buf_printf(out, "%" PRIu64, value->u);
    else
        buf_printf(out, "%" PRId64, value->i);
    return true;
}

/* Writers have lc_monetary = 'C', where money has two digits: what counts is the raw number. */
static bool add_money(struct buf *out, const struct bound_column *column,
                      const struct rnl_value *value, const char **why)
{
    uint64_t size;
    int64_t raw;

    if (!money_raw(column, value, &raw, why))
        return false;
    size = raw < 0 ? 0 - (uint64_t)raw : (uint64_t)raw;
    buf_printf(out, "%s%" PRIu64 ".%02" PRIu64, raw < 0 ? "-" : "", size / 100, size % 100);
    return true;
}

bool text_of_value(struct buf *out, const struct pg_config *config,
                   const struct bound_column *column, const struct rnl_value *value,
                   const char **why)
{
    switch (column->kind) {
    case PG_BOOL:
        return add_boolean(out, config, column, value, why);
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
    case PG_OID:
    case PG_NUMERIC:
        return add_number(out, value);
    case PG_MONEY:
        return add_money(out, column, value, why);
    case PG_FLOAT4:
    case PG_FLOAT8:
        add_float(out, value->d, column->kind == PG_FLOAT4 ? 9 : 17);
        return true;
    case PG_BYTEA:
    case PG_GEOMETRY:
        return add_digits(out, config, column, value, column->kind == PG_BYTEA ? "\\x" : "", why);
    case PG_UUID:
        return add_digits(out, config, column, value, "", why);
    case PG_DATE:
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        add_moment(out, value);
        return true;
    case PG_TIME:
        if (value->i < 0 || value->i > DAY_US) {
            *why = "is no time of a day, and the target's column is time (option time)";
            return false;
        }
        add_clock(out, value->i);
        return true;
    case PG_INTERVAL:
        return add_span(out, value);
    case PG_TEXT_ARRAY:
        add_labels(out, value);
        return true;
    case PG_FLOAT4_ARRAY:
    case PG_VECTOR:
        return add_vector(out, column->kind, value, why);
    case PG_TEXT:
        if (value->type == RNL_T_TIME) {
            clock_print(out, value->i);
            return true;
        }
        break;
    default:
        break;
    }
    buf_add(out, value->ptr, value->len);
    return true;
}

bool text_field(struct buf *out, const struct pg_config *config, const struct bound_column *column,
                const struct rnl_value *value, struct buf *scratch, const char **why)
{
    if (value->type == RNL_T_NULL) {
        buf_puts(out, "\\N");
        return true;
    }
    if (value->type >= RNL_T_COUNT || !encode_accepts(value->type, column->kind)) {
        *why = "is of a type that the target's column doesn't take";
        return false;
    }
    buf_clear(scratch);
    if (!text_of_value(scratch, config, column, value, why))
        return false;
    add_escaped(out, scratch->ptr ? scratch->ptr : "", scratch->len);
    out->failed = out->failed || scratch->failed;
    return true;
}
