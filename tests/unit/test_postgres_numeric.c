/* Numbers and spans between text and PostgreSQL's binary forms: exact at every end. */
#include "numeric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check_numeric(const char *text, const char *expected)
{
    struct buf bytes = {0}, back = {0};

    assert_true(numeric_encode(&bytes, text, strlen(text)));
    assert_true(numeric_decode(&back, (const uint8_t *)bytes.ptr, bytes.len));
    assert_string_equal(buf_text(&back), expected);
    buf_free(&bytes);
    buf_free(&back);
}

static void test_round_trip(void **state)
{
    static const char *const texts[] = {
        "0",
        "1",
        "-1",
        "9999",
        "10000",
        "-10000",
        "100000000",
        "99999999999999999999999999999999999.999999999999999999999999999999",
        "-99999999999999999999999999999999999.999999999999999999999999999999",
        "0.000000000000000000000000000001",
        "-0.5",
        "10000.00001",
        "0.0000",
        "0.00010000",
        "12345678.00000000",
        "18446744073709551615",
        "NaN",
        "Infinity",
        "-Infinity",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_numeric(texts[i], texts[i]);
    check_numeric("+7", "7");
    check_numeric("007.50", "7.50");
    check_numeric(".5", "0.5");
    check_numeric("5.", "5");
    check_numeric("-0", "0");
}

/* The bytes that a server sends for 12345.678 and -0.00012. */
static void test_bytes(void **state)
{
    static const uint8_t number[] = {0, 3, 0, 1, 0, 0, 0, 3, 0, 1, 0x09, 0x29, 0x1a, 0x7c};
    static const uint8_t small[] = {0, 2, 0xff, 0xff, 0x40, 0, 0, 5, 0, 1, 0x07, 0xd0};
    struct buf bytes = {0};

    (void)state;
    assert_true(numeric_encode(&bytes, "12345.678", 9));
    assert_int_equal(bytes.len, sizeof(number));
    assert_memory_equal(bytes.ptr, number, sizeof(number));
    buf_clear(&bytes);
    assert_true(numeric_encode(&bytes, "-0.00012", 8));
    assert_int_equal(bytes.len, sizeof(small));
    assert_memory_equal(bytes.ptr, small, sizeof(small));
    buf_free(&bytes);
}

static void test_no_numbers(void **state)
{
    static const char *const texts[] = {"", "-", ".", "1.2.3", "1e5", "0x1", "1 ", "--1", "nan"};
    static const uint8_t cut[] = {0, 2, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t digit[] = {0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(numeric_encode(&out, texts[i], strlen(texts[i])));
    assert_false(numeric_decode(&out, cut, sizeof(cut)));
    assert_false(numeric_decode(&out, cut, 5));
    assert_false(numeric_decode(&out, digit, sizeof(digit)));
    buf_free(&out);
}

static void test_spans(void **state)
{
    static const struct {
        const char *text, *printed;
        struct span span;
    } cases[] = {
        {"P1Y2M3DT4H5M6.7S", "P1Y2M3DT4H5M6.7S", {14706700000, 3, 14}},
        {"PT0S", "PT0S", {0, 0, 0}},
        {"P2W", "P14D", {0, 14, 0}},
        {"PT-1.5S", "PT-1.5S", {-1500000, 0, 0}},
        {"P-1Y-2M", "P-1Y-2M", {0, 0, -14}},
        {"PT0.000001S", "PT0.000001S", {1, 0, 0}},
        {"PT838H59M59.999999S", "PT838H59M59.999999S", {3020399999999, 0, 0}},
    };
    static const char *const wrong[] = {
        "", "P", "1Y", "P1", "PT1X", "P1.5Y", "PT99999999999999999H"};
    struct span span;
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(span_parse(cases[i].text, strlen(cases[i].text), &span));
        assert_int_equal(span.us, cases[i].span.us);
        assert_int_equal(span.days, cases[i].span.days);
        assert_int_equal(span.months, cases[i].span.months);
        buf_clear(&out);
        span_print(&out, &span);
        assert_string_equal(buf_text(&out), cases[i].printed);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(span_parse(wrong[i], strlen(wrong[i]), &span));
    buf_free(&out);
}

static void test_clocks(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"00:00:00", 0},
        {"-838:59:59.999999", -3020399999999},
        {"838:59:59", 3020399000000},
        {"00:00:00.000001", 1},
        {"-00:00:01", -1000000},
    };
    struct buf out = {0};
    int64_t us;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_clear(&out);
        clock_print(&out, cases[i].us);
        assert_string_equal(buf_text(&out), cases[i].text);
        assert_true(clock_parse(cases[i].text, strlen(cases[i].text), &us));
        assert_int_equal(us, cases[i].us);
    }
    assert_true(clock_parse("1:2:3.5", 7, &us));
    assert_int_equal(us, 3723500000);
    assert_false(clock_parse("12:30", 5, &us));
    assert_false(clock_parse("1:2:3:4", 7, &us));
    assert_false(clock_parse("1:2:3.1234567", 13, &us));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_no_numbers), cmocka_unit_test(test_spans),
        cmocka_unit_test(test_clocks),
    };

    return cmocka_run_group_tests_name("postgres numeric", tests, NULL, NULL);
}
