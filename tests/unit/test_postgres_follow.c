/* Texts of the stream as values, and places in the log. */
#include "fieldtext.h"
#include "position.h"
#include "stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The field stands among others, without an end of its own. */
static bool value_of(const struct rnl_column *column, enum pg_kind kind, const char *text,
                     struct buf *scratch, struct rnl_value *value)
{
    const struct bound_column bound = {.source = column, .kind = kind, .digits = 2};
    size_t len = strlen(text);
    char *field = malloc(len + 5);
    struct buf raw = {0};
    struct decoded decoded;
    bool good;

    memcpy(field, text, len);
    memcpy(field + len, "t\0\0\0\1", 5);
    buf_clear(scratch);
    good = fieldtext_value(&bound, field, len, scratch, &raw, &decoded);
    *value = good ? decode_settle(&decoded, scratch) : (struct rnl_value){0};
    if (good && !decoded.made && value->ptr == field) { /* outlives the field */
        buf_clear(scratch);
        buf_add(scratch, field, len);
        value->ptr = scratch->ptr;
    }
    buf_free(&raw);
    free(field);
    return good;
}

static void check_number(enum rnl_type type, const char *text, int64_t number)
{
    const struct rnl_column column = {.name = "c", .native = "x", .type = (uint16_t)type};
    struct buf scratch = {0};
    struct rnl_value value;

    assert_true(value_of(&column, PG_INT8, text, &scratch, &value));
    assert_int_equal(value.type, type);
    if (value.i != number)
        fail_msg("%s: %lld", text, (long long)value.i);
    buf_free(&scratch);
}

static void check_text(enum rnl_type type, enum pg_kind kind, const char *native, const char *text,
                       const char *expected, size_t len)
{
    const struct rnl_column column = {.name = "c", .native = native, .type = (uint16_t)type};
    struct buf scratch = {0};
    struct rnl_value value;

    assert_true(value_of(&column, kind, text, &scratch, &value));
    assert_int_equal(value.type, type);
    assert_int_equal(value.len, len);
    assert_memory_equal(value.ptr, expected, len);
    buf_free(&scratch);
}

static void check_refused(enum rnl_type type, enum pg_kind kind, const char *native,
                          const char *text)
{
    const struct rnl_column column = {.name = "c", .native = native, .type = (uint16_t)type};
    struct buf scratch = {0};
    struct rnl_value value;

    if (value_of(&column, kind, text, &scratch, &value))
        fail_msg("%s was taken", text);
    buf_free(&scratch);
}

static void test_numbers(void **state)
{
    (void)state;
    check_number(RNL_T_BOOL, "t", 1);
    check_number(RNL_T_BOOL, "f", 0);
    check_number(RNL_T_INT, "-9223372036854775808", INT64_MIN);
    check_number(RNL_T_UINT, "4294967295", 4294967295);
    check_number(RNL_T_DATE, "1970-01-02", 1);
    check_number(RNL_T_DATE, "0044-03-15 BC", -735160);
    check_number(RNL_T_DATE, "-infinity", INT64_MIN);
    check_number(RNL_T_TIME, "24:00:00", 86400000000);
    check_number(RNL_T_TIMESTAMP, "1970-01-01 00:00:00.000001", 1);
    check_number(RNL_T_TIMESTAMPTZ, "2024-06-01 07:00:00+00", 1717225200000000);
    check_number(RNL_T_TIMESTAMPTZ, "infinity", INT64_MAX);
    check_refused(RNL_T_BOOL, PG_BOOL, "boolean", "x");
    check_refused(RNL_T_INT, PG_INT8, "bigint", "");
    check_refused(RNL_T_INT, PG_INT8, "bigint", "12x");
    check_refused(RNL_T_INT, PG_INT8, "bigint", "99999999999999999999");
    check_refused(RNL_T_TIMESTAMP, PG_TIMESTAMP, "timestamp", "294276-12-31 00:00:00");
}

static void test_floats(void **state)
{
    const struct rnl_column single = {.name = "c", .type = RNL_T_FLOAT};
    const struct rnl_column wide = {.name = "c", .type = RNL_T_DOUBLE};
    struct buf scratch = {0};
    struct rnl_value value;

    (void)state;
    assert_true(value_of(&single, PG_FLOAT4, "1.1", &scratch, &value));
    assert_true(value.d == (double)1.1f);
    assert_true(value_of(&wide, PG_FLOAT8, "5e-324", &scratch, &value));
    assert_true(value.d > 0);
    assert_true(value_of(&wide, PG_FLOAT8, "-Infinity", &scratch, &value));
    assert_true(value.d < 0);
    assert_true(value_of(&wide, PG_FLOAT8, "NaN", &scratch, &value));
    assert_true(value.d != value.d);
    buf_free(&scratch);
}

#define CHECK_PLACE(type, kind, native, text, expected) \
    check_text(type, kind, native, text, expected, sizeof(expected) - 1)

static void test_texts(void **state)
{
    (void)state;
    CHECK_PLACE(RNL_T_DECIMAL, PG_NUMERIC, "numeric", "-0.50", "-0.50");
    CHECK_PLACE(RNL_T_DECIMAL, PG_NUMERIC, "money", "-$1,234.56", "-1234.56");
    CHECK_PLACE(RNL_T_DECIMAL, PG_NUMERIC, "money", "$0.05", "0.05");
    CHECK_PLACE(RNL_T_DECIMAL, PG_NUMERIC, "money", "-$92,233,720,368,547,758.08",
                "-92233720368547758.08");
    CHECK_PLACE(RNL_T_TEXT, PG_TEXT, "text", "a ", "a ");
    CHECK_PLACE(RNL_T_TEXT, PG_BPCHAR, "character(4)", "ab  ", "ab");
    CHECK_PLACE(RNL_T_BYTES, PG_BYTEA, "bytea", "\\xdeadBEEF00", "\xde\xad\xbe\xef\0");
    CHECK_PLACE(RNL_T_UUID, PG_UUID, "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11");
    CHECK_PLACE(RNL_T_INTERVAL, PG_INTERVAL, "interval", "P1Y2M-3DT4H5M6.7S", "P1Y2M-3DT4H5M6.7S");
    CHECK_PLACE(RNL_T_INTERVAL, PG_INTERVAL, "interval", "infinity",
                "P178956970Y7M2147483647DT2562047788H54.775807S");
    CHECK_PLACE(RNL_T_NATIVE, PG_INET, "inet", "::0.0.0.5", "::5");
    CHECK_PLACE(RNL_T_NATIVE, PG_INET, "inet", "10.0.0.1/8", "10.0.0.1/8");
    CHECK_PLACE(RNL_T_NATIVE, PG_TEXT, "integer[]", "{1,NULL}", "{1,NULL}");
    CHECK_PLACE(RNL_T_VECTOR, PG_VECTOR, "vector", "[1,-0.5]", "\0\0\x80\x3f\0\0\0\xbf");
    CHECK_PLACE(RNL_T_GEOMETRY, PG_GEOMETRY, "geometry",
                "0101000020E6100000000000000000F03F0000000000000040",
                "\xe6\x10\0\0\1\1\0\0\0\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40");
    check_refused(RNL_T_BYTES, PG_BYTEA, "bytea", "\\xabc");
    check_refused(RNL_T_BYTES, PG_BYTEA, "bytea", "abcd");
    check_refused(RNL_T_UUID, PG_UUID, "uuid", "a0eebc99");
    check_refused(RNL_T_INTERVAL, PG_INTERVAL, "interval", "1 day");
    check_refused(RNL_T_NATIVE, PG_INET, "inet", "10.0.0");
    check_refused(RNL_T_VECTOR, PG_VECTOR, "vector", "[1,");
    check_refused(RNL_T_DECIMAL, PG_NUMERIC, "money", "1 EUR");
    check_refused(RNL_T_GEOMETRY, PG_GEOMETRY, "geometry", "01zz");
}

static bool parse(const char *text, struct position *position)
{
    return position_parse((struct rnl_slice){text, strlen(text)}, position);
}

static void test_positions(void **state)
{
    const struct position position = {7711033338243741095u, 3, 0x1ABCDEF0123u};
    struct position back;
    char text[POSITION_TEXT], lsn[LSN_TEXT];
    uint64_t number;

    (void)state;
    position_print(&position, text);
    assert_string_equal(text, "{\"flavour\": \"postgres\", \"system\": \"7711033338243741095\", "
                              "\"timeline\": 3, \"lsn\": \"1AB/CDEF0123\"}");
    assert_true(parse(text, &back));
    assert_true(back.system == position.system && back.timeline == 3 && back.lsn == position.lsn);
    assert_string_equal(lsn_print(0x1600000000u, lsn), "16/0");
    assert_true(lsn_parse("ffffffff/FFFFFFFF", &number));
    assert_true(number == UINT64_MAX);
    assert_false(lsn_parse("1/", &number));
    assert_false(lsn_parse("/1", &number));
    assert_false(lsn_parse("1/123456789", &number));
    assert_false(lsn_parse("1/1x", &number));
    assert_false(parse("", &back));
    assert_false(parse("{\"flavour\": \"mysql\", \"system\": \"1\", \"timeline\": 1, "
                       "\"lsn\": \"0/1\"}",
                       &back));
    assert_false(parse("{\"flavour\": \"postgres\", \"timeline\": 1, \"lsn\": \"0/1\"}", &back));
    assert_false(parse("{\"flavour\": \"postgres\", \"system\": \"1\", \"timeline\": 1, "
                       "\"lsn\": \"0/1",
                       &back));
}

/* As PostgreSQL 18 says it of a publication that it can't find, and goes on. */
static void test_words_that_mean_a_loss(void **state)
{
    (void)state;
    assert_true(notice_tells_loss("WARNING", "55000"));
    assert_true(notice_tells_loss("WARNING", "42704"));
    assert_false(notice_tells_loss("NOTICE", "55000"));
    assert_false(notice_tells_loss("LOG", "42704"));
    assert_false(notice_tells_loss("WARNING", "01000"));
    assert_false(notice_tells_loss("WARNING", NULL));
    assert_false(notice_tells_loss(NULL, "55000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_words_that_mean_a_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
