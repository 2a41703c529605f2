/* Days and microseconds from the fields that the server sends, and back as text. */
#ifndef COMMON_CALENDAR_H
#define COMMON_CALENDAR_H

#include <runnel/value.h>
#include <stdbool.h>

#define CALENDAR_TEXT 64
#define DAY_US INT64_C(86400000000)

/* Whether the Gregorian calendar, carried on to the year 0, has the day. */
bool date_exists(unsigned year, unsigned month, unsigned day);
int64_t date_days(unsigned year, unsigned month, unsigned day);
void days_date(int64_t days, unsigned *year, unsigned *month, unsigned *day);

/* A DATE, TIME, TIMESTAMP or TIMESTAMPTZ as the server writes it; returns buf, or NULL: no such
 * day. */
const char *calendar_text(const struct rnl_value *value, char buf[CALENDAR_TEXT]);

#endif
