/* Values as text: each type, bounds, and nothing that a terminal would obey. */
#include "row_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DAY INT64_C(86400000000)
#define PTR(t, x)                                     \
    {                                                 \
        .type = (t), .len = sizeof(x) - 1, .ptr = (x) \
    }

static void test_values(void **state)
{
    static const struct {
        struct rnl_value value;
        const char *text;
    } cases[] = {
        {{.type = RNL_T_NULL}, "NULL"},
        {{.type = RNL_T_INT, .i = INT64_MIN}, "-9223372036854775808"},
        {{.type = RNL_T_UINT, .u = UINT64_MAX}, "18446744073709551615"},
        {{.type = RNL_T_DOUBLE, .d = 0.5}, "0.5"},
        {{.type = RNL_T_FLOAT, .d = 1234567.125}, "1234567.12"},
        {{.type = RNL_T_DATE, .i = 0}, "1970-01-01"},
        {{.type = RNL_T_DATE, .i = 18321}, "2020-02-29"},
        {{.type = RNL_T_DATE, .i = -719162}, "0001-01-01"},
        {{.type = RNL_T_DATE, .i = 2932896}, "9999-12-31"},
        {{.type = RNL_T_DATE, .i = INT64_MIN}, "-infinity"},
        {{.type = RNL_T_TIMESTAMP, .i = -1}, "1969-12-31 23:59:59.999999"},
        {{.type = RNL_T_TIMESTAMPTZ, .i = DAY}, "1970-01-02 00:00:00Z"},
        {{.type = RNL_T_TIMESTAMP, .i = INT64_MAX}, "infinity"},
        {{.type = RNL_T_TIME, .i = INT64_C(-3020399999999)}, "-838:59:59.999999"},
        {PTR(RNL_T_TEXT, "a\nb\x1b[0m"), "a\\x0ab\\x1b[0m"},
        {PTR(RNL_T_BYTES, "\x00\xff"), "0x00ff"},
        {PTR(RNL_T_UUID, "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0"),
         "12345678-9abc-def0-1234-56789abcdef0"},
    };
    char buf[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(value_text(&cases[i].value, buf, sizeof(buf)), cases[i].text);
}

static void test_bounds(void **state)
{
    struct rnl_value text = PTR(RNL_T_TEXT, "0123456789");
    struct rnl_value umlauts = PTR(RNL_T_TEXT, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    char buf[11];

    (void)state;
    assert_string_equal(value_text(&text, buf, 11), "0123456789");
    assert_string_equal(value_text(&text, buf, 10), "012345\xe2\x80\xa6");
    assert_string_equal(value_text(&umlauts, buf, 9), "\xc3\xa4\xc3\xa4\xe2\x80\xa6");
    assert_string_equal(value_text(&text, buf, 1), "");
}

static void test_keys(void **state)
{
    struct rnl_column columns[] = {
        {.name = "a", .flags = RNL_COLUMN_NULLABLE}, {.name = "b"}, {.name = "c"}};
    struct rnl_index_part a = {.column = 0}, cb[] = {{.column = 2}, {.column = 1}};
    struct rnl_index_part lower = {.expression = "lower(b)"};
    struct rnl_index indexes[] = {
        {.flags = RNL_INDEX_UNIQUE, .parts = &a, .nparts = 1},
        {.flags = RNL_INDEX_UNIQUE, .parts = &lower, .nparts = 1},
        {.flags = 0, .parts = cb, .nparts = 2},
        {.flags = RNL_INDEX_UNIQUE, .parts = cb, .nparts = 2, .where = "b > 0"},
        {.flags = RNL_INDEX_UNIQUE, .parts = cb, .nparts = 2},
        {.flags = RNL_INDEX_UNIQUE, .parts = &cb[1], .nparts = 1},
        {.flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE, .parts = &cb[0], .nparts = 1},
    };
    struct rnl_table table = {.columns = columns, .ncolumns = 3, .indexes = indexes};
    struct rnl_value values[] = {
        {.type = RNL_T_INT, .i = 1}, PTR(RNL_T_TEXT, "x"), {.type = RNL_T_INT, .i = 3}};
    uint32_t key[3];
    char buf[64];

    (void)state;
    table.nindexes = 4;
    assert_int_equal(table_key(&table, key), 0);
    table.nindexes = 6;
    assert_int_equal(table_key(&table, key), 2);
    assert_string_equal(key_text(&table, values, key, 2, buf, sizeof(buf)), "c=3, b=x");
    table.nindexes = 7;
    assert_int_equal(table_key(&table, key), 1);
    assert_int_equal(key[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
