/* Days and microseconds from the fields that the server sends, and back as text. */
#include "calendar.h"

#include <stdio.h>

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

bool date_exists(unsigned year, unsigned month, unsigned day)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (month < 1 || month > 12 || day < 1)
        return false;
    return day <= days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* Years begin in March here, so that the leap day is their last. */
int64_t date_days(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void days_date(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = (unsigned)(yoe + era * 400 + (*month <= 2));
}

static const char *time_text(int64_t us, char *buf)
{
    uint64_t all = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    uint64_t s = all / 1000000;

    snprintf(buf, CALENDAR_TEXT, "%s%02llu:%02u:%02u.%06u", us < 0 ? "-" : "",
             (unsigned long long)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60),
             (unsigned)(all % 1000000));
    return buf;
}

const char *calendar_text(const struct rnl_value *value, char buf[CALENDAR_TEXT])
{
    unsigned year, month, day;
    int64_t days = value->i, us = 0;
    int len;

    if (value->type == RNL_T_TIME)
        return time_text(value->i, buf);
    if (value->flags & RNL_V_ZERO_DATE) {
        uint64_t packed = value->u % 100000000;

        snprintf(buf, CALENDAR_TEXT, "%04u-%02u-%02u", (unsigned)(packed / 10000),
                 (unsigned)(packed / 100 % 100), (unsigned)(packed % 100));
        return buf;
    }
    if (value->type != RNL_T_DATE) {
        days = value->i / DAY_US;
        us = value->i % DAY_US;
        if (us < 0) {
            us += DAY_US;
            days--;
        }
    }
    if (days < date_days(0, 1, 1) || days > date_days(9999, 12, 31))
        return NULL;
    days_date(days, &year, &month, &day);
    len = snprintf(buf, CALENDAR_TEXT, "%04u-%02u-%02u", year, month, day);
    if (value->type != RNL_T_DATE)
        snprintf(buf + len, CALENDAR_TEXT - (size_t)len, " %02u:%02u:%02u.%06u",
                 (unsigned)(us / 3600000000), (unsigned)(us / 60000000 % 60),
                 (unsigned)(us / 1000000 % 60), (unsigned)(us % 1000000));
    return buf;
}
