/* Dates, times and numbers as texts of each dialect, and read back from them. */
#include "daytext.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Years are signed here: days_date() gives those before 0 wrapped around. */
static int64_t year_of(int64_t days, unsigned *month, unsigned *day)
{
    int64_t cycles = 0; /* of 400 years, to come into the years that an unsigned holds */
    unsigned year;

    if (days < 0 && days < date_days(0, 3, 1)) {
        cycles = (date_days(0, 3, 1) - days) / 146097 + 1;
        days += cycles * 146097;
    }
    days_date(days, &year, month, day);
    return (int64_t)year - cycles * 400;
}

static size_t print_year(enum day_style style, int64_t year, char *buf, bool *bc)
{
    *bc = false;
    if (style == DAY_POSTGRES && year <= 0) {
        *bc = true;
        year = 1 - year;
    }
    if (style == DAY_ISO && year < 0)
        return (size_t)snprintf(buf, CALENDAR_TEXT, "-%04" PRId64, -year);
    if (style == DAY_ISO && year > 9999)
        return (size_t)snprintf(buf, CALENDAR_TEXT, "+%05" PRId64, year);
    return (size_t)snprintf(buf, CALENDAR_TEXT, "%04" PRId64, year);
}

/* ".123", of microseconds below one second. */
static size_t print_fraction(unsigned us, int digits, char *buf)
{
    char all[16];
    size_t len;

    snprintf(all, sizeof(all), "%06u", us % 1000000);
    len = digits < 0 ? 6 : (size_t)(digits > 6 ? 6 : digits);
    while (digits < 0 && len > 0 && all[len - 1] == '0')
        len--;
    if (len == 0)
        return 0;
    buf[0] = '.';
    memcpy(buf + 1, all, len);
    buf[len + 1] = '\0';
    return len + 1;
}

static size_t print_time(int64_t us, int digits, char *buf)
{
    uint64_t all = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    uint64_t s = all / 1000000;
    size_t len =
        (size_t)snprintf(buf, CALENDAR_TEXT, "%s%02" PRIu64 ":%02u:%02u", us < 0 ? "-" : "",
                         s / 3600, (unsigned)(s / 60 % 60), (unsigned)(s % 60));

    return len + print_fraction((unsigned)(all % 1000000), digits, buf + len);
}

static size_t print_zero(const struct rnl_value *value, char *buf)
{
    uint64_t packed = value->u % 100000000;

    return (size_t)snprintf(buf, CALENDAR_TEXT, "%04u-%02u-%02u%s", (unsigned)(packed / 10000),
                            (unsigned)(packed / 100 % 100), (unsigned)(packed % 100),
                            value->type == RNL_T_DATE ? "" : " 00:00:00");
}

size_t day_print(enum day_style style, const struct rnl_value *value, int digits,
                 char buf[CALENDAR_TEXT])
{
    int64_t days = value->i, us = 0, year;
    unsigned month, day;
    size_t len;
    bool bc;

    if (value->type == RNL_T_TIME)
        return print_time(value->i, digits, buf);
    if (value->flags & RNL_V_ZERO_DATE)
        return style == DAY_POSTGRES ? 0 : print_zero(value, buf);
    if (value->i == INT64_MIN || value->i == INT64_MAX)
        return style == DAY_MYSQL ? 0
                                  : (size_t)snprintf(buf, CALENDAR_TEXT, "%s",
                                                     value->i < 0 ? "-infinity" : "infinity");
    if (value->type != RNL_T_DATE) {
        days = value->i / DAY_US;
        us = value->i % DAY_US;
        if (us < 0) {
            us += DAY_US;
            days--;
        }
    }
    if (days < -INT32_MAX || days > INT32_MAX)
        return 0;
    year = year_of(days, &month, &day);
    if (style == DAY_MYSQL && (year < 0 || year > 9999))
        return 0;
    len = print_year(style, year, buf, &bc);
    len += (size_t)snprintf(buf + len, CALENDAR_TEXT - len, "-%02u-%02u", month, day);
    if (value->type != RNL_T_DATE) {
        buf[len++] = ' ';
        len += print_time(us, digits, buf + len);
        if (value->type == RNL_T_TIMESTAMPTZ && style != DAY_MYSQL)
            len += (size_t)snprintf(buf + len, CALENDAR_TEXT - len, "%s",
                                    style == DAY_ISO ? "+00:00" : "+00");
    }
    if (bc)
        len += (size_t)snprintf(buf + len, CALENDAR_TEXT - len, " BC");
    return len;
}

/* What is being read: at stands before end always. */
struct day_reader {
    const char *at, *end;
};

static bool take(struct day_reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* A number of min to max digits. */
static bool take_number(struct day_reader *r, int min, int max, int64_t *out)
{
    int count = 0;

    *out = 0;
    while (count < max && r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        *out = *out * 10 + (*r->at++ - '0');
        count++;
    }
    return count >= min;
}

static bool take_word(struct day_reader *r, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((r->at[i] | 0x20) != (word[i] | 0x20))
            return false;
    r->at += len;
    return true;
}

/* hours:minutes[:seconds[.fraction]], in microseconds */
static bool take_clock(struct day_reader *r, int64_t *us)
{
    int64_t hours, minutes, seconds = 0, fraction = 0;

    if (!take_number(r, 1, 9, &hours) || !take(r, ':') || !take_number(r, 2, 2, &minutes))
        return false;
    if (take(r, ':')) {
        if (!take_number(r, 2, 2, &seconds))
            return false;
        if (take(r, '.')) {
            const char *start = r->at;

            if (!take_number(r, 1, 6, &fraction))
                return false;
            for (size_t i = (size_t)(r->at - start); i < 6; i++)
                fraction *= 10;
            while (take(r, '0'))
                ;
        }
    }
    if (minutes > 59 || seconds > 59)
        return false;
    *us = ((hours * 60 + minutes) * 60 + seconds) * 1000000 + fraction;
    return true;
}

/* +02, -03:30, +05:53:28 or Z: what is to be taken away to come to UTC */
static bool take_zone(struct day_reader *r, int64_t *us)
{
    int64_t hours, minutes = 0, seconds = 0;
    bool negative = false;

    *us = 0;
    if (take(r, 'Z') || take(r, 'z') || r->at == r->end)
        return true;
    if (!take(r, '+') && !(negative = take(r, '-')))
        return true;
    if (!take_number(r, 2, 2, &hours) || (take(r, ':') && !take_number(r, 2, 2, &minutes)) ||
        (take(r, ':') && !take_number(r, 2, 2, &seconds)) || hours > 23 || minutes > 59 ||
        seconds > 59)
        return false;
    *us = ((hours * 60 + minutes) * 60 + seconds) * 1000000 * (negative ? -1 : 1);
    return true;
}

/* Like date_days(), of any year: 400 of them have 146097 days. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t cycles = year < 400 ? (400 - year) / 400 + 1 : 0;

    return date_days((unsigned)(year + cycles * 400), month, day) - cycles * 146097;
}

static bool take_infinity(struct day_reader *r, struct rnl_value *out)
{
    bool negative = take(r, '-');

    if (!take_word(r, "infinity") || r->at != r->end)
        return false;
    out->i = negative ? INT64_MIN : INT64_MAX;
    return true;
}

static bool is_real_day(int64_t year, int64_t month, int64_t day)
{
    return date_exists((unsigned)(year < 0 ? year % 400 + 400 : year), (unsigned)month,
                       (unsigned)day);
}

static bool parse_time(struct day_reader *r, struct rnl_value *out)
{
    bool negative = take(r, '-');
    int64_t us;

    if (!take_clock(r, &us) || r->at != r->end)
        return false;
    out->i = negative ? -us : us;
    return true;
}

static bool finish(struct day_reader *r, struct rnl_value *out, int64_t year, int64_t month,
                   int64_t day, int64_t us)
{
    int64_t days;

    if (take_word(r, " bc"))
        year = 1 - year;
    if (r->at != r->end)
        return false;
    if (!is_real_day(year, month, day)) {
        if (year < 0 || year > 9999 || month > 12 || day > 31)
            return false;
        out->flags = RNL_V_ZERO_DATE;
        out->i = year * 10000 + month * 100 + day;
        return true;
    }
    days = days_of(year, (unsigned)month, (unsigned)day);
    if (out->type == RNL_T_DATE) {
        out->i = days;
        return true;
    }
    return !__builtin_mul_overflow(days, DAY_US, &days) &&
           !__builtin_add_overflow(days, us, &out->i) && out->i != INT64_MIN && out->i != INT64_MAX;
}

bool day_parse(uint16_t type, const char *text, size_t len, struct rnl_value *out)
{
    struct day_reader r = {text, text + len};
    int64_t year, month, day, us = 0, zone = 0;
    bool negative;

    memset(out, 0, sizeof(*out));
    out->type = type;
    if (type == RNL_T_TIME)
        return parse_time(&r, out);
    if (take_infinity(&r, out))
        return true;
    r.at = text;
    negative = take(&r, '-');
    if (!negative)
        take(&r, '+');
    if (!take_number(&r, 4, 7, &year) || !take(&r, '-') || !take_number(&r, 2, 2, &month) ||
        !take(&r, '-') || !take_number(&r, 2, 2, &day))
        return false;
    if (type != RNL_T_DATE && r.at < r.end && !(r.end - r.at == 3 && *r.at == ' ')) {
        if ((!take(&r, ' ') && !take(&r, 'T')) || !take_clock(&r, &us) || us > DAY_US)
            return false;
        if (type == RNL_T_TIMESTAMPTZ && !take_zone(&r, &zone))
            return false;
    }
    return finish(&r, out, negative ? -year : year, month, day, us - zone);
}

size_t double_print(double value, bool single, char buf[DOUBLE_TEXT])
{
    int least = single ? 6 : 15, most = single ? 9 : 17;
    char *point;

    if (isnan(value))
        return (size_t)snprintf(buf, DOUBLE_TEXT, "NaN");
    if (isinf(value))
        return (size_t)snprintf(buf, DOUBLE_TEXT, value < 0 ? "-Infinity" : "Infinity");
    for (int digits = least;; digits++) {
        snprintf(buf, DOUBLE_TEXT, "%.*g", digits, value);
        /* both in the locale of the process: the point is put right at the end */
        if (digits == most ||
            (single ? strtof(buf, NULL) == (float)value : strtod(buf, NULL) == value))
            break;
    }
    point = strpbrk(buf, ",");
    if (point)
        *point = '.';
    return strlen(buf);
}
