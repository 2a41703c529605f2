/* Values as the text that COPY takes, where binary has no form for a column of the table. */
#include "convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct pg_config plain;

static void check_text(enum pg_kind kind, const struct rnl_value *value, const char *expected)
{
    const struct rnl_column source = {.name = "c", .type = value->type};
    const struct bound_column column = {
        .source = &source, .kind = kind, .element = 25, .digits = 2};
    struct buf out = {0}, scratch = {0};
    const char *why = "";

    if (!text_field(&out, &plain, &column, value, &scratch, &why))
        fail_msg("kind %d: %s", (int)kind, why);
    assert_non_null(buf_text(&out));
    assert_string_equal(out.ptr, expected);
    buf_free(&out);
    buf_free(&scratch);
}

static void check_refused(enum pg_kind kind, const struct rnl_value *value)
{
    const struct rnl_column source = {.name = "c", .type = value->type};
    const struct bound_column column = {.source = &source, .kind = kind, .digits = 2};
    struct buf out = {0}, scratch = {0};
    const char *why = NULL;

    assert_false(text_field(&out, &plain, &column, value, &scratch, &why));
    assert_non_null(why);
    buf_free(&out);
    buf_free(&scratch);
}

#define TEXTS(t, x)                                   \
    {                                                 \
        .type = (t), .len = sizeof(x) - 1, .ptr = (x) \
    }
#define NUMBER(t, x)          \
    {                         \
        .type = (t), .i = (x) \
    }

static void test_what_copy_sets_apart_is_escaped(void **state)
{
    static const struct rnl_value value = TEXTS(RNL_T_NATIVE, "{\"a\\\\b\"}\t\n\r\\N"),
                                  null = {.type = RNL_T_NULL}, word = TEXTS(RNL_T_TEXT, "\\N");
    static const struct rnl_value empty = TEXTS(RNL_T_TEXT, "");

    (void)state;
    check_text(PG_NATIVE, &value, "{\"a\\\\\\\\b\"}\\t\\n\\r\\\\N");
    check_text(PG_NATIVE, &null, "\\N");
    check_text(PG_TEXT, &word, "\\\\N");
    check_text(PG_TEXT, &empty, "");
}

static void test_numbers(void **state)
{
    static const struct {
        enum pg_kind kind;
        struct rnl_value value;
        const char *text;
    } cases[] = {
        {PG_BOOL, NUMBER(RNL_T_INT, 1), "t"},
        {PG_BOOL, TEXTS(RNL_T_BITS, "0"), "f"},
        {PG_INT8, NUMBER(RNL_T_INT, INT64_MIN), "-9223372036854775808"},
        {PG_NUMERIC, {.type = RNL_T_UINT, .u = UINT64_MAX}, "18446744073709551615"},
        {PG_OID, {.type = RNL_T_UINT, .u = UINT32_MAX}, "4294967295"},
        {PG_NUMERIC, TEXTS(RNL_T_DECIMAL, "-1.50"), "-1.50"},
        {PG_FLOAT8, {.type = RNL_T_DOUBLE, .d = 0.1}, "0.10000000000000001"},
        {PG_FLOAT8, {.type = RNL_T_DOUBLE, .d = -1.0 / 0.0}, "-Infinity"},
        {PG_FLOAT8, {.type = RNL_T_DOUBLE, .d = __builtin_nan("")}, "NaN"},
        {PG_FLOAT4, {.type = RNL_T_FLOAT, .d = (double)16777216.0f}, "16777216"},
        {PG_MONEY, TEXTS(RNL_T_DECIMAL, "-92233720368547758.08"), "-92233720368547758.08"},
        {PG_MONEY, TEXTS(RNL_T_DECIMAL, "12.3400"), "12.34"},
        {PG_MONEY, TEXTS(RNL_T_DECIMAL, "7"), "7.00"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_text(cases[i].kind, &cases[i].value, cases[i].text);
}

static void test_moments(void **state)
{
    static const struct {
        enum pg_kind kind;
        struct rnl_value value;
        const char *text;
    } cases[] = {
        {PG_DATE, NUMBER(RNL_T_DATE, 0), "1970-01-01"},
        {PG_DATE, NUMBER(RNL_T_DATE, INT64_MIN), "-infinity"},
        {PG_DATE, NUMBER(RNL_T_DATE, INT64_MAX), "infinity"},
        {PG_DATE, NUMBER(RNL_T_DATE, -719162), "0001-01-01"},
        {PG_DATE, NUMBER(RNL_T_DATE, -719163), "0001-12-31 BC"},
        {PG_DATE, NUMBER(RNL_T_DATE, 2932897), "10000-01-01"},
        {PG_TIMESTAMP, NUMBER(RNL_T_TIMESTAMP, -1), "1969-12-31 23:59:59.999999"},
        {PG_TIMESTAMPTZ, NUMBER(RNL_T_TIMESTAMPTZ, 1), "1970-01-01 00:00:00.000001+00"},
        {PG_TIMESTAMPTZ, NUMBER(RNL_T_TIMESTAMPTZ, -62135596800000001),
         "0001-12-31 23:59:59.999999+00 BC"},
        {PG_TIME, NUMBER(RNL_T_TIME, 86400000000), "24:00:00.000000"},
        {PG_INTERVAL, NUMBER(RNL_T_TIME, -3661000000), "PT-1H-1M-1S"},
        {PG_INTERVAL, TEXTS(RNL_T_INTERVAL, "P1Y-2M"), "P1Y-2M"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_text(cases[i].kind, &cases[i].value, cases[i].text);
}

static void test_bytes_and_lists(void **state)
{
    static const float floats[] = {1.5f, -0.1f};
    static const struct {
        enum pg_kind kind;
        struct rnl_value value;
        const char *text;
    } cases[] = {
        {PG_BYTEA, TEXTS(RNL_T_BYTES, "\x00\xff\\"), "\\\\x00ff5c"},
        {PG_BYTEA, TEXTS(RNL_T_BYTES, ""), "\\\\x"},
        {PG_UUID, TEXTS(RNL_T_UUID, "0123456789abcdef"), "30313233343536373839616263646566"},
        {PG_TEXT_ARRAY, TEXTS(RNL_T_TEXT, "a,b\"c"), "{\"a\",\"b\\\\\"c\"}"},
        {PG_TEXT_ARRAY, TEXTS(RNL_T_TEXT, ""), "{}"},
        {PG_VECTOR,
         {.type = RNL_T_VECTOR, .len = sizeof(floats), .ptr = floats},
         "[1.5,-0.100000001]"},
        {PG_BIT, TEXTS(RNL_T_BITS, "0101"), "0101"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_text(cases[i].kind, &cases[i].value, cases[i].text);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    static const struct rnl_value late = NUMBER(RNL_T_TIME, 86400000001),
                                  cents = TEXTS(RNL_T_DECIMAL, "0.001"),
                                  much = TEXTS(RNL_T_DECIMAL, "92233720368547758.08"),
                                  nan = TEXTS(RNL_T_DECIMAL, "NaN"), two = NUMBER(RNL_T_INT, 2),
                                  word = TEXTS(RNL_T_TEXT, "x");

    (void)state;
    check_refused(PG_TIME, &late);
    check_refused(PG_MONEY, &cents);
    check_refused(PG_MONEY, &much);
    check_refused(PG_MONEY, &nan);
    check_refused(PG_BOOL, &two);
    check_refused(PG_INT4, &word);
    check_refused(PG_NATIVE, &word);
}

/* Money goes out as binary and comes back as the same decimal. */
static void test_money_comes_back(void **state)
{
    static const char *const sums[] = {"-92233720368547758.08", "0.00", "-0.01", "12.34"};
    const struct rnl_column source = {.name = "c", .type = RNL_T_DECIMAL};
    const struct bound_column column = {.source = &source, .kind = PG_MONEY, .digits = 2};

    (void)state;
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        const struct rnl_value value = {
            .type = RNL_T_DECIMAL, .len = (uint32_t)strlen(sums[i]), .ptr = sums[i]};
        struct buf field = {0}, scratch = {0};
        struct decoded decoded;
        struct rnl_value back;
        const char *why = "";

        assert_true(encode_field(&field, &plain, &column, &value, &why));
        assert_int_equal(field.len, 12);
        assert_true(
            decode_field(&plain, &column, (const uint8_t *)field.ptr + 4, 8, &scratch, &decoded));
        back = decode_settle(&decoded, &scratch);
        assert_int_equal(back.len, value.len);
        assert_memory_equal(back.ptr, value.ptr, value.len);
        buf_free(&field);
        buf_free(&scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_copy_sets_apart_is_escaped),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_bytes_and_lists),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_money_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
