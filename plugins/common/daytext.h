/* Dates, times and numbers as texts of each dialect, and read back from them. */
#ifndef COMMON_DAYTEXT_H
#define COMMON_DAYTEXT_H

#include "calendar.h"

enum day_style {
    DAY_MYSQL,    /* '2020-01-02 03:04:05.000006'; years 0 to 9999 alone, no infinities */
    DAY_POSTGRES, /* '0044-03-15 BC', '12345-01-01', 'infinity', '-infinity'; TIMESTAMPTZ with +00
                   */
    DAY_ISO, /* '-0043-03-15', '+12345-01-01', 'infinity'; TIMESTAMPTZ with +00:00: SQLite's texts
              */
};

/*
 * A DATE, TIME, TIMESTAMP or TIMESTAMPTZ, with digits (0 to 6) of a second's fraction, or
 * (digits < 0) as many as aren't zero. Its length; 0: the style has no text for it.
 */
size_t day_print(enum day_style style, const struct rnl_value *value, int digits,
                 char buf[CALENDAR_TEXT]);

/*
 * The reverse: type says which of the four is meant. A fraction beyond microseconds, a
 * day that no calendar has (but 0000-00-00 and the like give RNL_V_ZERO_DATE), a zone
 * with a TIMESTAMP or signs behind the end are refused: false. TIMESTAMPTZ without a
 * zone is UTC. 'T' may stand for the blank; seconds may be left out.
 */
bool day_parse(uint16_t type, const char *text, size_t len, struct rnl_value *out);

#define DOUBLE_TEXT 32

/* The shortest digits that read back as the very same number, with '.' in every locale; NaN,
 * Infinity, -Infinity. single: a FLOAT. Its length. */
size_t double_print(double value, bool single, char buf[DOUBLE_TEXT]);

#endif
