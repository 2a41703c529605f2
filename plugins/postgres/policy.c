/* The named policies for values that PostgreSQL can't hold as they are. */
#include "convert.h"

/* Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's algorithm). */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + (int64_t)doe - 719468;
}

static enum policy_result give_day(struct rnl_value *out, int64_t days)
{
    out->i = out->type == RNL_T_DATE ? days : days * DAY_US;
    return POLICY_CHANGED;
}

static enum policy_result give_null(struct rnl_value *out)
{
    *out = (struct rnl_value){.type = RNL_T_NULL};
    return POLICY_CHANGED;
}

static enum policy_result apply_zero(const struct pg_config *config, struct rnl_value *out,
                                     const char **why)
{
    switch (config->zero_date) {
    case ZERO_MINUS_INFINITY:
        out->i = INT64_MIN;
        return POLICY_CHANGED;
    case ZERO_NULL:
        return give_null(out);
    case ZERO_EPOCH:
        return give_day(out, 0);
    default:
        *why = "is the date 0000-00-00, and zero_date = \"error\"";
        return POLICY_REFUSED;
    }
}

static enum policy_result apply_partial(const struct pg_config *config, int64_t date,
                                        struct rnl_value *out, const char **why)
{
    unsigned month = (unsigned)(date / 100 % 100);
    unsigned day = (unsigned)(date % 100);

    switch (config->partial_date) {
    case PARTIAL_MINUS_INFINITY:
        out->i = INT64_MIN;
        return POLICY_CHANGED;
    case PARTIAL_NULL:
        return give_null(out);
    case PARTIAL_FIRST_DAY:
        if (month < 1 || month > 12)
            month = 1;
        /* a day that the month lacks becomes the month's first, as the name says */
        if (day < 1 || day > 28)
            day = 1;
        return give_day(out, days_from_civil(date / 10000, month, day));
    default:
        *why = "is a date that the calendar lacks, and partial_date = \"error\"";
        return POLICY_REFUSED;
    }
}

static enum policy_result apply_nul(const struct pg_config *config, const struct rnl_value *in,
                                    struct rnl_value *out, struct buf *scratch, const char **why)
{
    const char *at = in->ptr, *end = at + in->len;

    if (config->nul != NUL_STRIP && config->nul != NUL_REPLACE) {
        *why = "holds a zero byte, which PostgreSQL's text can't (option nul)";
        return POLICY_REFUSED;
    }
    buf_clear(scratch);
    while (at < end) {
        const char *nul = memchr(at, '\0', (size_t)(end - at));
        const char *stop = nul ? nul : end;

        buf_add(scratch, at, (size_t)(stop - at));
        if (nul && config->nul == NUL_REPLACE)
            buf_puts(scratch, "\xEF\xBF\xBD"); /* U+FFFD */
        at = nul ? nul + 1 : end;
    }
    if (scratch->failed || scratch->len > UINT32_MAX) {
        *why = "is too large";
        return POLICY_REFUSED;
    }
    out->ptr = buf_text(scratch);
    out->len = (uint32_t)scratch->len;
    return out->ptr ? POLICY_CHANGED : POLICY_REFUSED;
}

enum policy_result policy_apply(const struct pg_config *config, enum pg_kind kind,
                                const struct rnl_value *in, struct rnl_value *out,
                                struct buf *scratch, const char **why)
{
    switch (in->type) {
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        if (!(in->flags & RNL_V_ZERO_DATE))
            return POLICY_SAME;
        *out = *in;
        out->flags = 0;
        return in->i == 0 ? apply_zero(config, out, why) : apply_partial(config, in->i, out, why);
    case RNL_T_TEXT:
    case RNL_T_NATIVE:
        if (kind == PG_BYTEA || in->len == 0 || !memchr(in->ptr, '\0', in->len))
            return POLICY_SAME;
        *out = *in;
        return apply_nul(config, in, out, scratch, why);
    default:
        return POLICY_SAME;
    }
}
