/* Digests of values and rows: what is equal between databases, and what is not. */
#include "canon.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct canon canon;

#define LEN(array) (sizeof(array) / sizeof(*(array)))

static struct rnl_value number(uint16_t type, int64_t i)
{
    return (struct rnl_value){.type = type, .i = i};
}

static struct rnl_value real(uint16_t type, double d)
{
    return (struct rnl_value){.type = type, .d = d};
}

static struct rnl_value bytes(uint16_t type, const char *text)
{
    return (struct rnl_value){.type = type, .len = (uint32_t)strlen(text), .ptr = text};
}

static struct digest digest_of(uint16_t type, struct rnl_value value)
{
    struct digest digest;

    assert_true(canon_value(&canon, type, &value, &digest));
    return digest;
}

static bool same(uint16_t type, struct rnl_value a, struct rnl_value b)
{
    struct digest left = digest_of(type, a), right = digest_of(type, b);

    return digest_equal(&left, &right);
}

/* Numbers are numbers, in whatever type they come. */
static void test_numbers(void **state)
{
    static const char *const fives[] = {"5", "5.00", "+5", "005.0", "5."};
    struct rnl_value five = number(RNL_T_INT, 5);
    struct rnl_value most = number(RNL_T_UINT, -1); /* 2^64 - 1 */

    (void)state;
    for (size_t i = 0; i < LEN(fives); i++)
        assert_true(same(RNL_T_DECIMAL, five, bytes(RNL_T_DECIMAL, fives[i])));
    assert_true(same(RNL_T_INT, five, number(RNL_T_UINT, 5)));
    assert_true(same(RNL_T_INT, number(RNL_T_BOOL, 1), number(RNL_T_INT, 1)));
    assert_true(same(RNL_T_UINT, most, bytes(RNL_T_DECIMAL, "18446744073709551615")));
    assert_false(same(RNL_T_UINT, most, number(RNL_T_INT, -1)));
    assert_true(same(RNL_T_INT, number(RNL_T_INT, INT64_MIN),
                     bytes(RNL_T_DECIMAL, "-9223372036854775808.0")));
    assert_false(same(RNL_T_INT, number(RNL_T_INT, INT64_MIN),
                      bytes(RNL_T_DECIMAL, "-9223372036854775809")));
    assert_true(same(RNL_T_DECIMAL, number(RNL_T_INT, 0), bytes(RNL_T_DECIMAL, "-0.00")));
    assert_true(same(RNL_T_DECIMAL, bytes(RNL_T_DECIMAL, "0.50"), bytes(RNL_T_DECIMAL, ".5")));
}

static void test_numbers_differ(void **state)
{
    static const char *const texts[] = {
        "5",
        "-5",
        "50",
        "0.5",
        "0.05",
        "5.5",
        "-5.5",
        "55",
        "500",
        "18446744073709551616",
        "18446744073709551615",
        "-18446744073709551615",
        "1844674407370955161.6",
        "NaN",
        "Infinity",
        "-Infinity",
        "0",
    };

    (void)state;
    for (size_t i = 0; i < LEN(texts); i++)
        for (size_t j = i + 1; j < LEN(texts); j++)
            if (same(RNL_T_DECIMAL, bytes(RNL_T_DECIMAL, texts[i]), bytes(RNL_T_DECIMAL, texts[j])))
                fail_msg("%s and %s should differ", texts[i], texts[j]);
}

static void test_reals(void **state)
{
    (void)state;
    assert_true(same(RNL_T_FLOAT, real(RNL_T_FLOAT, 0.1F), real(RNL_T_DOUBLE, 0.1)));
    assert_false(same(RNL_T_DOUBLE, real(RNL_T_DOUBLE, 0.1F), real(RNL_T_DOUBLE, 0.1)));
    assert_false(same(RNL_T_DOUBLE, real(RNL_T_DOUBLE, 0.0), real(RNL_T_DOUBLE, -0.0)));
    assert_true(
        same(RNL_T_DOUBLE, real(RNL_T_DOUBLE, (double)NAN), real(RNL_T_DOUBLE, -(double)NAN)));
    assert_false(same(RNL_T_FLOAT, real(RNL_T_FLOAT, 1), number(RNL_T_INT, 1)));
}

static void test_others(void **state)
{
    struct rnl_value zero = {.type = RNL_T_DATE, .flags = RNL_V_ZERO_DATE};

    (void)state;
    assert_true(same(RNL_T_JSON, bytes(RNL_T_JSON, "{\"a\":1}"), bytes(RNL_T_JSON, "{\"a\": 1}")));
    assert_false(same(RNL_T_JSON, bytes(RNL_T_JSON, "no"), bytes(RNL_T_JSON, "no ")));
    assert_true(same(RNL_T_JSON, bytes(RNL_T_JSON, "no"), bytes(RNL_T_JSON, "no")));
    assert_true(same(RNL_T_INET, bytes(RNL_T_INET, "::1"), bytes(RNL_T_INET, "0:0:0::1")));
    assert_false(same(RNL_T_INET, bytes(RNL_T_INET, "1.2.3.4"), bytes(RNL_T_INET, "::1.2.3.4")));
    assert_true(same(RNL_T_INET, bytes(RNL_T_INET, "x"), bytes(RNL_T_INET, "x")));
    assert_false(same(RNL_T_TEXT, bytes(RNL_T_TEXT, "a"), bytes(RNL_T_TEXT, "A")));
    assert_false(same(RNL_T_TEXT, bytes(RNL_T_TEXT, "a"), bytes(RNL_T_BYTES, "a")));
    assert_false(same(RNL_T_TEXT, bytes(RNL_T_TEXT, ""), number(RNL_T_NULL, 0)));
    assert_false(same(RNL_T_TIMESTAMP, number(RNL_T_TIMESTAMP, 7), number(RNL_T_TIMESTAMPTZ, 7)));
    assert_false(same(RNL_T_DATE, zero, number(RNL_T_DATE, 0)));
    assert_false(same(RNL_T_DATE, number(RNL_T_DATE, INT64_MIN), number(RNL_T_DATE, INT64_MAX)));
}

/* Values next to each other don't run together, and large ones count to their last bit. */
static void test_rows(void **state)
{
    struct rnl_column columns[2] = {{.type = RNL_T_TEXT}, {.type = RNL_T_TEXT}};
    struct rnl_table table = {.columns = columns, .ncolumns = 2};
    struct rnl_value ab_c[] = {bytes(RNL_T_TEXT, "ab"), bytes(RNL_T_TEXT, "c")};
    struct rnl_value a_bc[] = {bytes(RNL_T_TEXT, "a"), bytes(RNL_T_TEXT, "bc")};
    struct rnl_value c_ab[] = {bytes(RNL_T_TEXT, "c"), bytes(RNL_T_TEXT, "ab")};
    uint32_t swapped[] = {1, 0};
    size_t size = 100000;
    char *large = calloc(1, size);
    struct digest a, b;

    (void)state;
    assert_non_null(large);
    assert_true(canon_row(&canon, &table, ab_c, NULL, 0, &a));
    assert_true(canon_row(&canon, &table, a_bc, NULL, 0, &b));
    assert_false(digest_equal(&a, &b));
    /* Bytes that look like the start of the next value. */
    ab_c[0] = (struct rnl_value){.type = RNL_T_TEXT, .len = 7, .ptr = "a(\0\0\0\0b"};
    a_bc[1] = (struct rnl_value){.type = RNL_T_TEXT, .len = 7, .ptr = "b(\0\0\0\0c"};
    assert_true(canon_row(&canon, &table, ab_c, NULL, 0, &a));
    assert_true(canon_row(&canon, &table, a_bc, NULL, 0, &b));
    assert_false(digest_equal(&a, &b));
    ab_c[0] = bytes(RNL_T_TEXT, "ab");
    assert_true(canon_row(&canon, &table, ab_c, NULL, 0, &a));
    assert_true(canon_row(&canon, &table, c_ab, swapped, 2, &b));
    assert_true(digest_equal(&a, &b));
    ab_c[1] = (struct rnl_value){.type = RNL_T_TEXT, .len = (uint32_t)size, .ptr = large};
    assert_true(canon_row(&canon, &table, ab_c, NULL, 0, &a));
    large[size - 1] ^= 1;
    assert_true(canon_row(&canon, &table, ab_c, NULL, 0, &b));
    assert_false(digest_equal(&a, &b));
    free(large);
}

static void test_sums(void **state)
{
    struct digest a = {UINT64_MAX, 1}, b = {2, 5}, left = {0, 0}, right = {0, 0};

    (void)state;
    digest_add(&left, &a);
    digest_add(&left, &b);
    digest_add(&right, &b);
    digest_add(&right, &a);
    assert_true(digest_equal(&left, &right));
    assert_int_equal(left.lo, 1);
    assert_int_equal(left.hi, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_numbers_differ),
        cmocka_unit_test(test_reals),   cmocka_unit_test(test_others),
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_sums),
    };
    int failed;

    canon_init(&canon, 7);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    canon_clear(&canon);
    return failed;
}
