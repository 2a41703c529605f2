/* How a body travels through NATS: names made safe, headers of parts, parts put together. */
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_headers(void **state)
{
    const struct frame frame = {.session = UINT64_MAX,
                                .number = 1ULL << 40,
                                .index = 3,
                                .count = 4,
                                .total = 1 << 20,
                                .crc = 0xfffffffe};
    char text[FRAME_TEXT];
    struct frame again;

    (void)state;
    frame_write(text, &frame);
    assert_string_equal(text, "ffffffffffffffff;10000000000;3;4;100000;fffffffe");
    assert_true(frame_read(text, &again));
    assert_memory_equal(&frame, &again, sizeof(frame));
}

static void test_foreign_headers(void **state)
{
    static const char *const bad[] = {
        "",
        "1;1;0;1;0",
        "1;1;0;1;0;",
        "1;1;0;1;0;0;",
        "1;1;0;1;0;0 ",
        " 1;1;0;1;0;0",
        "1;0;0;1;0;0", /* numbers are from 1 */
        "1;1;1;1;0;0", /* a part behind the last */
        "1;1;0;0;0;0",
        "1;1;0;1;40000001;0", /* larger than a body may be */
        "1;1;0;100001;0;0",
        "1;1;0;1;0;100000000",
        "11111111111111111;1;0;1;0;0",
        "-1;1;0;1;0;0",
        "1;1;0;1;0;0xA",
    };
    struct frame frame;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(frame_read(bad[i], &frame));
    assert_true(frame_read("1;1;0;1;40000000;ffffffff", &frame));
}

static void test_names(void **state)
{
    char out[16];

    (void)state;
    assert_true(frame_name(out, sizeof(out), "lane.7"));
    assert_string_equal(out, "lane_2e7");
    assert_true(frame_name(out, sizeof(out), "a_>*"));
    assert_string_equal(out, "a_5f_3e_2a");
    assert_true(frame_name(out, sizeof(out), "\xc3\xa9"));
    assert_string_equal(out, "_c3_a9");
    assert_false(frame_name(out, sizeof(out), ""));
    assert_false(frame_name(out, sizeof(out), "0123456789abcdef"));
}

static int add(struct join *join, uint32_t index, uint32_t count, uint32_t total, const char *bytes)
{
    const struct frame frame = {.number = 1,
                                .index = index,
                                .count = count,
                                .total = total,
                                .crc = frame_crc(bytes, strlen(bytes))};

    return join_add(join, &frame, bytes, strlen(bytes));
}

static void test_joining(void **state)
{
    struct join join = {0};

    (void)state;
    assert_int_equal(add(&join, 0, 3, 6, "abc"), RNL_AGAIN);
    assert_int_equal(add(&join, 1, 3, 6, "de"), RNL_AGAIN);
    assert_int_equal(add(&join, 2, 3, 6, "f"), RNL_OK);
    assert_memory_equal(join.bytes, "abcdef", 6);
    join_reset(&join);
    assert_int_equal(add(&join, 0, 1, 0, ""), RNL_OK);
    join_reset(&join);
}

static void test_parts_that_do_not_belong(void **state)
{
    struct join join = {0};
    const struct frame torn = {.number = 1, .count = 2, .total = 2, .crc = 7};

    (void)state;
    assert_int_equal(add(&join, 1, 2, 6, "abc"), RNL_E_DATA); /* the first is missing */
    assert_int_equal(join_add(&join, &torn, "a", 1), RNL_E_DATA);
    assert_int_equal(add(&join, 0, 2, 4, "abc"), RNL_AGAIN);
    assert_int_equal(add(&join, 1, 2, 4, "de"), RNL_E_DATA); /* more than its total */
    join_reset(&join);
    assert_int_equal(add(&join, 0, 2, 4, "abc"), RNL_AGAIN);
    assert_int_equal(add(&join, 1, 2, 5, "de"), RNL_E_DATA); /* another total */
    join_reset(&join);
    assert_int_equal(add(&join, 0, 1, 4, "abc"), RNL_E_DATA); /* less than its total */
    join_reset(&join);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_foreign_headers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_joining),
        cmocka_unit_test(test_parts_that_do_not_belong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
