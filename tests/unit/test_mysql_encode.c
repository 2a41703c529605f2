/* Values as parameters of the binary protocol, their policies, and the way back. */
#include "calendar.h"
#include "data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sink_config config;

static struct rnl_value text_of(uint16_t type, const char *text)
{
    return (struct rnl_value){.type = type, .len = (uint32_t)strlen(text), .ptr = text};
}

static struct rnl_value number_of(uint16_t type, int64_t number)
{
    return (struct rnl_value){.type = type, .i = number};
}

/* A column of the target, as information_schema would tell it. */
static struct bound_column column_of(const struct rnl_column *source, const char *type,
                                     const char *spelled, uint64_t length, unsigned precision,
                                     unsigned scale)
{
    const struct column_facts facts = {
        .data_type = type,
        .column_type = spelled,
        .charset = "utf8mb4",
        .nullable = true,
        .characters = length,
        .bytes = length * 4,
        .precision = precision,
        .scale = scale,
        .fraction = scale,
    };
    struct bound_column column = {.source = source, .name = "x", .as_json = true};

    bound_column_set(&column, &facts);
    return column;
}

static void check_bytes(const struct bound_column *column, struct rnl_value value,
                        const void *bytes, size_t len)
{
    struct buf out = {0};
    const char *why = NULL;

    assert_true(encode_value(&out, column, &value, &why));
    assert_int_equal(out.len, len);
    assert_memory_equal(out.ptr, bytes, len);
    buf_free(&out);
}

static void check_refused(const struct bound_column *column, struct rnl_value value,
                          const char *words)
{
    struct buf out = {0};
    const char *why = "";

    assert_false(encode_value(&out, column, &value, &why));
    assert_non_null(strstr(why, words));
    buf_free(&out);
}

static void test_integers(void **state)
{
    static const struct rnl_column source = {.type = RNL_T_INT};
    struct bound_column tiny = column_of(&source, "tinyint", "tinyint(4)", 0, 3, 0);
    struct bound_column medium = column_of(&source, "mediumint", "mediumint unsigned", 0, 7, 0);
    struct bound_column big = column_of(&source, "bigint", "bigint unsigned", 0, 20, 0);

    (void)state;
    check_bytes(&tiny, number_of(RNL_T_INT, -128), "\x80", 1);
    check_refused(&tiny, number_of(RNL_T_INT, 128), "range");
    check_refused(&tiny, number_of(RNL_T_INT, -129), "range");
    check_bytes(&medium, number_of(RNL_T_INT, 16777215), "\xff\xff\xff\0", 4);
    check_refused(&medium, number_of(RNL_T_INT, 16777216), "range");
    check_refused(&medium, number_of(RNL_T_INT, -1), "range");
    check_bytes(&big, number_of(RNL_T_UINT, -1), "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    check_refused(&big, number_of(RNL_T_INT, -1), "range");
    assert_int_equal(big.wire_flag, 0x80);
    assert_int_equal(tiny.wire_flag, 0);
}

static void test_decimals(void **state)
{
    static const struct rnl_column source = {.type = RNL_T_DECIMAL};
    struct bound_column column = column_of(&source, "decimal", "decimal(5,2)", 0, 5, 2);

    (void)state;
    check_bytes(&column, text_of(RNL_T_DECIMAL, "-123.45"), "\7-123.45", 8);
    check_bytes(&column, text_of(RNL_T_DECIMAL, "0001.5000"),
                "\x09"
                "0001.5000",
                10);
    check_refused(&column, text_of(RNL_T_DECIMAL, "1.005"), "digits");
    check_refused(&column, text_of(RNL_T_DECIMAL, "1000"), "digits");
    check_refused(&column, text_of(RNL_T_DECIMAL, "1e3"), "number");
    check_refused(&column, text_of(RNL_T_DECIMAL, "."), "number");
}

static void test_texts(void **state)
{
    static const struct rnl_column source = {.type = RNL_T_TEXT};
    static const struct rnl_column fixed = {.type = RNL_T_TEXT, .flags = RNL_COLUMN_FIXED};
    struct bound_column varchar = column_of(&source, "varchar", "varchar(3)", 3, 0, 0);
    struct bound_column tiny = column_of(&source, "tinytext", "tinytext", 2, 0, 0);
    struct bound_column blanks = column_of(&source, "char", "char(3)", 3, 0, 0);
    struct bound_column padded = column_of(&fixed, "char", "char(3)", 3, 0, 0);
    struct bound_column number = column_of(&source, "int", "int(11)", 0, 10, 0);

    (void)state;
    check_bytes(&varchar, text_of(RNL_T_TEXT, "äöü"), "\6äöü", 7);
    check_refused(&varchar, text_of(RNL_T_TEXT, "abc "), "longer");
    check_refused(&tiny, text_of(RNL_T_TEXT, "äöüäö"), "longer"); /* 10 bytes of 8 */
    check_refused(&blanks, text_of(RNL_T_TEXT, "a "), "blank");
    check_bytes(&padded, text_of(RNL_T_TEXT, "a     "), "\6a     ", 7);
    check_refused(&number, text_of(RNL_T_NATIVE, "1"), "type");
    assert_false(encode_accepts(&number));
    assert_true(encode_accepts(&varchar));
}

static void test_lengths(void **state)
{
    struct buf out = {0};

    (void)state;
    put_length(&out, 250);
    put_length(&out, 251);
    put_length(&out, 65536);
    put_length(&out, 1 << 24);
    assert_int_equal(out.len, 1 + 3 + 4 + 9);
    assert_memory_equal(out.ptr, "\xfa\xfc\xfb\0\xfd\0\0\1\xfe\0\0\0\1\0\0\0\0", out.len);
    buf_free(&out);
}

static void test_times(void **state)
{
    static const struct rnl_column stamp = {.type = RNL_T_TIMESTAMP}, day = {.type = RNL_T_DATE},
                                   clock = {.type = RNL_T_TIME};
    struct bound_column whole = column_of(&stamp, "datetime", "datetime", 0, 0, 0);
    struct bound_column fine = column_of(&stamp, "datetime", "datetime(6)", 0, 0, 6);
    struct bound_column date = column_of(&day, "date", "date", 0, 0, 0);
    struct bound_column time = column_of(&clock, "time", "time(3)", 0, 0, 3);
    struct rnl_value partial = number_of(RNL_T_DATE, 20200231);

    (void)state;
    check_bytes(&whole, number_of(RNL_T_TIMESTAMP, -1000000), "\7\xb1\7\x0c\x1f\x17\x3b\x3b", 8);
    check_refused(&whole, number_of(RNL_T_TIMESTAMP, 1), "digits of a second");
    check_bytes(&fine, number_of(RNL_T_TIMESTAMP, 1), "\x0b\xb2\7\1\1\0\0\0\1\0\0\0", 12);
    check_bytes(&date, number_of(RNL_T_DATE, 0), "\4\xb2\7\1\1", 5);
    partial.flags = RNL_V_ZERO_DATE;
    check_bytes(&date, partial, "\4\xe4\7\2\x1f", 5);
    check_bytes(&time, number_of(RNL_T_TIME, -DAY_US - 1000), "\x0c\1\1\0\0\0\0\0\0\xe8\3\0\0", 13);
    check_refused(&time, number_of(RNL_T_TIME, 1), "digits of a second");
    check_refused(&time, number_of(RNL_T_TIME, 839 * 3600 * INT64_C(1000000)), "beyond");
}

static enum policy_result policy_of(const struct bound_column *column, struct rnl_value value,
                                    struct rnl_value *out)
{
    static struct buf scratch;
    const char *why;

    return policy_apply(&config, column, &value, out, &scratch, &why);
}

static void test_policies(void **state)
{
    static const struct rnl_column real = {.type = RNL_T_DOUBLE}, day = {.type = RNL_T_DATE},
                                   exact = {.type = RNL_T_DECIMAL}, clock = {.type = RNL_T_TIME};
    struct bound_column column = column_of(&real, "double", "double", 0, 0, 0);
    struct bound_column date = column_of(&day, "date", "date", 0, 0, 0);
    struct bound_column decimal = column_of(&exact, "decimal", "decimal(5,2)", 0, 5, 2);
    struct rnl_value infinite = {.type = RNL_T_DOUBLE, .d = -INFINITY}, out;
    struct bound_column time = column_of(&clock, "time", "time(6)", 0, 0, 6);
    const int64_t end = INT64_C(3020399) * 1000000; /* 838:59:59 */
    struct rnl_value never = number_of(RNL_T_DATE, INT64_MAX);

    (void)state;
    config = (struct sink_config){0};
    assert_int_equal(policy_of(&column, infinite, &out), POLICY_REFUSED);
    assert_int_equal(policy_of(&date, never, &out), POLICY_REFUSED);
    assert_int_equal(policy_of(&date, number_of(RNL_T_DATE, 0), &out), POLICY_SAME);
    assert_int_equal(policy_of(&time, number_of(RNL_T_TIME, end), &out), POLICY_SAME);
    assert_int_equal(policy_of(&time, number_of(RNL_T_TIME, -end), &out), POLICY_SAME);
    assert_int_equal(policy_of(&time, number_of(RNL_T_TIME, end + 999999), &out), POLICY_REFUSED);
    time.mariadb = true;
    assert_int_equal(policy_of(&time, number_of(RNL_T_TIME, end + 999999), &out), POLICY_SAME);
    assert_int_equal(policy_of(&time, number_of(RNL_T_TIME, end + 1000000), &out), POLICY_REFUSED);
    config.nonfinite = NONFINITE_NULL;
    config.outofrange = OUTOFRANGE_NULL;
    assert_int_equal(policy_of(&column, infinite, &out), POLICY_CHANGED);
    assert_int_equal(out.type, RNL_T_NULL);
    date.nullable = false;
    assert_int_equal(policy_of(&date, never, &out), POLICY_REFUSED);
    config.nonfinite = NONFINITE_CLAMP;
    config.outofrange = OUTOFRANGE_CLAMP;
    assert_int_equal(policy_of(&column, infinite, &out), POLICY_CHANGED);
    assert_true(out.d < -1e308 && isfinite(out.d));
    assert_int_equal(policy_of(&date, never, &out), POLICY_CHANGED);
    assert_int_equal(out.i, date_days(9999, 12, 31));
    assert_int_equal(policy_of(&decimal, text_of(RNL_T_DECIMAL, "-Infinity"), &out),
                     POLICY_CHANGED);
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.ptr, "-999.99", 7);
}

static void test_intervals(void **state)
{
    struct buf out = {0};
    int64_t us;

    (void)state;
    assert_true(parse_interval("P-1DT2H0.5S", 11, &us));
    assert_int_equal(us, -DAY_US + INT64_C(7200500000));
    spell_interval(us, &out);
    assert_string_equal(buf_text(&out), "PT-79199.500000S");
    assert_true(parse_interval(out.ptr, out.len, &us));
    assert_int_equal(us, -DAY_US + INT64_C(7200500000));
    assert_true(parse_interval("P0YT1M", 6, &us));
    assert_int_equal(us, 60000000);
    assert_false(parse_interval("P1M", 3, &us));
    assert_false(parse_interval("P", 1, &us));
    assert_false(parse_interval("PT99999999999999999999S", 23, &us));
    assert_false(parse_interval("1D", 2, &us));
    buf_free(&out);
}

static bool kept(const char *json)
{
    return json_is_kept(json, strlen(json));
}

static void test_json_numbers(void **state)
{
    (void)state;
    assert_true(kept("{\"a\": [1, -2.5, 18446744073709551615, \"12345678901234567890.123\"]}"));
    assert_true(kept("0.1"));
    assert_true(kept("1.10"));
    assert_true(kept("-9007199254740993"));
    assert_true(kept("0.30000000000000004"));
    assert_false(kept("[18446744073709551616]"));
    assert_false(kept("0.10000000000000001"));
    assert_false(kept("12345678901234567890.123"));
    assert_false(kept("1e400"));
    assert_true(kept("1e300"));
    assert_true(kept("\"unfinished"));
}

static void check_back(const struct bound_column *column, struct rnl_value natural, uint16_t type,
                       const void *bytes, size_t len)
{
    struct buf scratch = {0};
    struct rnl_value value;
    struct made made;

    assert_true(decode_value(column, &natural, &scratch, &made));
    value = made_settle(&made, &scratch);
    assert_int_equal(value.type, type);
    assert_int_equal(value.len, len);
    assert_memory_equal(value.ptr, bytes, len);
    buf_free(&scratch);
}

static void test_back(void **state)
{
    static const struct rnl_column uuid = {.type = RNL_T_UUID}, vector = {.type = RNL_T_VECTOR},
                                   span = {.type = RNL_T_INTERVAL};
    struct bound_column text = column_of(&uuid, "char", "char(36)", 36, 0, 0);
    struct bound_column json = column_of(&vector, "json", "json", 0, 0, 0);
    struct bound_column us = column_of(&span, "bigint", "bigint", 0, 19, 0);

    (void)state;
    check_back(&text, text_of(RNL_T_TEXT, "30313233-3435-3637-3839-616263646566"), RNL_T_UUID,
               "0123456789abcdef", 16);
    check_back(&text, text_of(RNL_T_TEXT, "none"), RNL_T_TEXT, "none", 4);
    check_back(&json, text_of(RNL_T_JSON, "[1, -2]"), RNL_T_VECTOR, "\0\0\x80\x3f\0\0\0\xc0", 8);
    check_back(&json, text_of(RNL_T_JSON, "[1, x]"), RNL_T_JSON, "[1, x]", 6);
    check_back(&us, number_of(RNL_T_INT, -1500000), RNL_T_INTERVAL, "PT-1.500000S", 12);
}

static void test_points(void **state)
{
    struct buf out = {0};
    double point[2];

    (void)state;
    assert_true(parse_point("(0.1,-1e+300)", 13, point));
    spell_point(point, &out);
    assert_string_equal(buf_text(&out), "(0.1,-1e+300)");
    assert_false(parse_point("(1,Infinity)", 12, point));
    assert_false(parse_point("(1)", 3, point));
    assert_false(parse_point("", 0, point));
    buf_free(&out);
}

static void check_named(const char *words, const char *expected)
{
    char name[8];

    column_named(words, name, sizeof(name));
    assert_string_equal(name, expected);
}

static void test_columns_named(void **state)
{
    (void)state;
    check_named("Data too long for column 'x y' at row 3", "x y");
    check_named("Incorrect integer value: 'a' for column `d`.`t`.`x` at row 1", "x");
    check_named("Column 'x' cannot be null", "x");
    check_named("Duplicate entry '1' for key 't.PRIMARY'", "");
    check_named("Data too long for column 'abcdefghij' at row 3", "abcdefg");
    check_named("column `a`.`b", "b");
    check_named("column ", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),      cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_texts),         cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_times),         cmocka_unit_test(test_policies),
        cmocka_unit_test(test_intervals),     cmocka_unit_test(test_json_numbers),
        cmocka_unit_test(test_back),          cmocka_unit_test(test_points),
        cmocka_unit_test(test_columns_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
