/* What the target should hold for a value of the source: the policies, applied. */
#include "calendar.h"
#include "data.h"

#include <float.h>
#include <math.h>

#define LAST_CLOCK_US (INT64_C(3020399) * 1000000) /* 838:59:59 */
#define FIRST_STAMP_US INT64_C(1000000)            /* 1970-01-01 00:00:01 */
#define LAST_STAMP_S INT64_C(2147483647)           /* 2038-01-19 03:14:07 */
#define LAST_STAMP_FAR_S INT64_C(4294967295)       /* 2106-02-07 06:28:15 */

/* The smallest and largest that a column holds. */
struct range {
    int64_t low, high;
};

static int64_t unit_of(const struct bound_column *column)
{
    int64_t unit = 1;

    for (unsigned i = column->scale; i < 6; i++)
        unit *= 10;
    return unit;
}

static struct range range_of(const struct bound_column *column)
{
    int64_t first = date_days(0, 1, 1), last = date_days(9999, 12, 31);
    int64_t second_us = 1000000, rest = second_us - unit_of(column);

    switch (column->kind) {
    case MY_DATE:
        return (struct range){first, last};
    case MY_DATETIME:
        return (struct range){first * DAY_US, (last + 1) * DAY_US - unit_of(column)};
    case MY_TIMESTAMP:
        return (struct range){FIRST_STAMP_US,
                              (column->far_future ? LAST_STAMP_FAR_S : LAST_STAMP_S) * second_us +
                                  rest};
    default: /* MariaDB's goes on for the fraction of a second */
        rest = column->mariadb ? rest : 0;
        return (struct range){-LAST_CLOCK_US - rest, LAST_CLOCK_US + rest};
    }
}

/* A value is as good as NULL, if the column takes that. */
static enum policy_result make_null(const struct bound_column *column, struct rnl_value *out,
                                    const char *text, const char **why)
{
    if (!column->nullable) {
        *why = text;
        return POLICY_REFUSED;
    }
    *out = (struct rnl_value){.type = RNL_T_NULL};
    return POLICY_CHANGED;
}

static enum policy_result time_policy(const struct sink_config *config,
                                      const struct bound_column *column, const struct rnl_value *in,
                                      struct rnl_value *out, const char **why)
{
    struct range range = range_of(column);
    int64_t low = range.low;

    if (in->flags & RNL_V_ZERO_DATE) {
        if (column->kind != MY_TIMESTAMP || in->i == 0)
            return POLICY_SAME;
        *why = "is a day that no calendar has, and the target's TIMESTAMP takes none such";
        return POLICY_REFUSED;
    }
    if (in->i >= range.low && in->i <= range.high)
        return POLICY_SAME;
    switch (config->outofrange) {
    case OUTOFRANGE_NULL:
        return make_null(column, out,
                         "is outside of what the target's column holds, and can't be NULL there",
                         why);
    case OUTOFRANGE_CLAMP:
        /* the year 0 can be stored, but no year before is meant by it */
        if (column->kind == MY_DATE)
            low = date_days(1, 1, 1);
        else if (column->kind == MY_DATETIME)
            low = date_days(1, 1, 1) * DAY_US;
        *out = *in;
        out->i = in->i < range.low ? low : range.high;
        return POLICY_CHANGED;
    default:
        *why = "is outside of what the target's column holds (option outofrange)";
        return POLICY_REFUSED;
    }
}

/* The largest number of a DECIMAL. */
static void nines_add(struct buf *text, const struct bound_column *column, bool negative)
{
    buf_puts(text, negative ? "-" : "");
    for (unsigned i = 0; i < column->precision; i++) {
        if (i + column->scale == column->precision)
            buf_puts(text, i ? "." : "0.");
        buf_byte(text, '9');
    }
}

static void clamp_number(const struct bound_column *column, const struct rnl_value *in,
                         bool negative, struct rnl_value *out, struct buf *scratch)
{
    *out = *in;
    if (in->type == RNL_T_DECIMAL) {
        buf_clear(scratch);
        nines_add(scratch, column, negative);
        out->ptr = scratch->ptr;
        out->len = scratch->failed ? 0 : (uint32_t)scratch->len;
    } else {
        out->d = column->kind == MY_FLOAT ? (double)FLT_MAX : DBL_MAX;
        out->d = negative ? -out->d : out->d;
    }
}

static enum policy_result number_policy(const struct sink_config *config,
                                        const struct bound_column *column,
                                        const struct rnl_value *in, bool nan, bool negative,
                                        struct rnl_value *out, struct buf *scratch,
                                        const char **why)
{
    static const char no_null[] = "is not a finite number, and can't be NULL in the target";

    switch (config->nonfinite) {
    case NONFINITE_NULL:
        return make_null(column, out, no_null, why);
    case NONFINITE_CLAMP:
        if (nan) /* there is no number next to it */
            return make_null(column, out, no_null, why);
        clamp_number(column, in, negative, out, scratch);
        return POLICY_CHANGED;
    default:
        *why = "is not a finite number: the target has none such (option nonfinite)";
        return POLICY_REFUSED;
    }
}

static bool is_number_kind(enum my_kind kind)
{
    return kind == MY_DECIMAL || kind == MY_FLOAT || kind == MY_DOUBLE;
}

enum policy_result policy_apply(const struct sink_config *config, const struct bound_column *column,
                                const struct rnl_value *in, struct rnl_value *out,
                                struct buf *scratch, const char **why)
{
    const char *text = in->ptr;

    switch (in->type) {
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        if (isfinite(in->d) || !is_number_kind(column->kind))
            return POLICY_SAME;
        return number_policy(config, column, in, isnan(in->d), in->d < 0, out, scratch, why);
    case RNL_T_DECIMAL: /* NaN, Infinity, -Infinity */
        if (in->len == 0 || text[in->len - 1] <= '9' || !is_number_kind(column->kind))
            return POLICY_SAME;
        return number_policy(config, column, in, text[0] == 'N', text[0] == '-', out, scratch, why);
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        if (column->kind != MY_DATE && column->kind != MY_DATETIME &&
            column->kind != MY_TIMESTAMP && column->kind != MY_TIME)
            return POLICY_SAME;
        return time_policy(config, column, in, out, why);
    default:
        return POLICY_SAME;
    }
}
