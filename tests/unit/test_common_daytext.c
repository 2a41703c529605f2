/* Days, times and doubles as texts, there and back. */
#include "daytext.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(enum day_style style, uint16_t type, const char *text, int digits)
{
    struct rnl_value value;
    char buf[CALENDAR_TEXT];

    if (!day_parse(type, text, strlen(text), &value))
        fail_msg("%s isn't read", text);
    assert_int_equal(day_print(style, &value, digits, buf), strlen(text));
    assert_string_equal(buf, text);
}

static void refuse(uint16_t type, const char *text)
{
    struct rnl_value value;

    if (day_parse(type, text, strlen(text), &value))
        fail_msg("%s is read as %lld", text, (long long)value.i);
}

static int64_t number(uint16_t type, const char *text)
{
    struct rnl_value value;

    if (!day_parse(type, text, strlen(text), &value))
        fail_msg("%s isn't read", text);
    return value.i;
}

static void test_round_trip(void **state)
{
    (void)state;
    check(DAY_ISO, RNL_T_DATE, "2024-02-29", 0);
    check(DAY_ISO, RNL_T_DATE, "-0043-03-15", 0);
    check(DAY_ISO, RNL_T_DATE, "0000-01-01", 0);
    check(DAY_ISO, RNL_T_DATE, "+12345-12-31", 0);
    check(DAY_ISO, RNL_T_DATE, "-infinity", 0);
    check(DAY_ISO, RNL_T_DATE, "-4712-01-01", 0);
    check(DAY_ISO, RNL_T_TIMESTAMP, "1969-12-31 23:59:59.999999", 6);
    check(DAY_ISO, RNL_T_TIMESTAMPTZ, "2020-01-02 03:04:05.1+00:00", -1);
    check(DAY_POSTGRES, RNL_T_DATE, "0044-03-15 BC", 0);
    check(DAY_POSTGRES, RNL_T_DATE, "0001-12-31 BC", 0);
    check(DAY_POSTGRES, RNL_T_DATE, "5874897-12-31", 0);
    check(DAY_POSTGRES, RNL_T_TIMESTAMPTZ, "0044-03-15 01:02:03.000001+00 BC", -1);
    check(DAY_POSTGRES, RNL_T_TIMESTAMP, "infinity", 0);
    check(DAY_MYSQL, RNL_T_TIME, "-838:59:59.000000", 6);
    check(DAY_MYSQL, RNL_T_TIME, "24:00:00", 0);
    check(DAY_MYSQL, RNL_T_DATE, "2020-02-00", 0);
    check(DAY_MYSQL, RNL_T_DATE, "0000-00-00", 0);
    check(DAY_MYSQL, RNL_T_TIMESTAMPTZ, "9999-12-31 23:59:59.999", 3);
}

static void test_reading(void **state)
{
    (void)state;
    assert_int_equal(number(RNL_T_DATE, "1970-01-01"), 0);
    assert_int_equal(number(RNL_T_DATE, "0001-12-31 BC"), -719163);
    assert_int_equal(number(RNL_T_DATE, "0000-12-31"), -719163);
    assert_int_equal(number(RNL_T_TIMESTAMP, "1970-01-01T00:00"), 0);
    assert_int_equal(number(RNL_T_TIMESTAMP, "1970-01-01"), 0);
    assert_int_equal(number(RNL_T_TIMESTAMP, "1970-01-01 00:00:00.25000000"), 250000);
    assert_int_equal(number(RNL_T_TIMESTAMPTZ, "1970-01-01 02:00:00+02"), 0);
    assert_int_equal(number(RNL_T_TIMESTAMPTZ, "1969-12-31 20:30:00-03:30"), 0);
    assert_int_equal(number(RNL_T_TIMESTAMPTZ, "1970-01-01T00:00:00Z"), 0);
    refuse(RNL_T_DATE, "");
    refuse(RNL_T_DATE, "2020-1-1");
    refuse(RNL_T_DATE, "2020-13-01");
    refuse(RNL_T_DATE, "2020-01-01x");
    refuse(RNL_T_DATE, "99999999-01-01");
    refuse(RNL_T_DATE, "-0044-02-30");
    refuse(RNL_T_TIMESTAMP, "2020-01-01 25:00:00");
    refuse(RNL_T_TIMESTAMP, "2020-01-01 10:60:00");
    refuse(RNL_T_TIMESTAMP, "2020-01-01 10:00:00+02");
    refuse(RNL_T_TIMESTAMP, "2020-01-01 10:00:00.1234567");
    refuse(RNL_T_TIMESTAMP, "5874897-12-31 00:00:00");
    refuse(RNL_T_TIME, "1");
    refuse(RNL_T_TIME, "10:00:00 ");
}

static void test_none(void **state)
{
    struct rnl_value value = {.type = RNL_T_DATE, .i = INT64_MAX};
    char buf[CALENDAR_TEXT];

    (void)state;
    assert_int_equal(day_print(DAY_MYSQL, &value, 0, buf), 0);
    value.i = INT64_MAX - 1;
    assert_int_equal(day_print(DAY_ISO, &value, 0, buf), 0);
    value.type = RNL_T_TIMESTAMP;
    assert_string_equal((day_print(DAY_ISO, &value, 6, buf), buf), "+294247-01-10 04:00:54.775806");
    value.i = INT64_MIN + 1;
    assert_string_equal((day_print(DAY_POSTGRES, &value, 6, buf), buf),
                        "290309-12-21 19:59:05.224193 BC");
    assert_int_equal(day_print(DAY_MYSQL, &value, 6, buf), 0);
}

static void test_doubles(void **state)
{
    char buf[DOUBLE_TEXT];

    (void)state;
    assert_string_equal((double_print(0.1, false, buf), buf), "0.1");
    assert_string_equal((double_print(0.1f, true, buf), buf), "0.1");
    assert_string_equal((double_print(1.0 / 3, false, buf), buf), "0.3333333333333333");
    assert_string_equal((double_print(5e-324, false, buf), buf), "4.94065645841247e-324");
    assert_string_equal((double_print(-0.0, false, buf), buf), "-0");
    assert_string_equal((double_print(16777216, true, buf), buf), "16777216");
    assert_string_equal((double_print(NAN, false, buf), buf), "NaN");
    assert_string_equal((double_print(-INFINITY, false, buf), buf), "-Infinity");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_doubles),
    };

    return cmocka_run_group_tests_name("common daytext", tests, NULL, NULL);
}
