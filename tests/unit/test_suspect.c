/* What looking again at rows proves: agreement, a difference, or nothing yet. */
#include "suspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct sight none, a = {11, 1}, b = {22, 1}, c = {33, 1};

static void test_agrees_with_before_or_behind(void **state)
{
    struct suspect before = {.source = a}, behind = {.source = a};

    (void)state;
    suspect_judge(&before, true, a, b);
    assert_int_equal(before.verdict, SUSPECT_FINE);
    suspect_judge(&behind, true, b, b);
    assert_int_equal(behind.verdict, SUSPECT_FINE);
}

/* A single look proves nothing: the row may have been changed there and back in between. */
static void test_differs_after_all_rounds(void **state)
{
    struct suspect suspect = {.source = a};

    (void)state;
    for (int i = 1; i < SUSPECT_ROUNDS; i++)
        suspect_judge(&suspect, true, none, a);
    assert_int_equal(suspect.verdict, SUSPECT_OPEN);
    suspect_judge(&suspect, true, none, a);
    assert_int_equal(suspect.verdict, SUSPECT_DIFFERS);
}

static void test_a_move_begins_anew(void **state)
{
    struct suspect source = {.source = a}, target = {.source = a};

    (void)state;
    for (int i = 1; i < SUSPECT_ROUNDS; i++) {
        suspect_judge(&source, true, c, a);
        suspect_judge(&target, true, c, a);
    }
    suspect_judge(&source, true, c, b);
    assert_int_equal(source.same, 0);
    suspect_judge(&target, true, b, a);
    assert_int_equal(target.same, 0);
    assert_int_equal(source.verdict, SUSPECT_OPEN);
    assert_int_equal(target.verdict, SUSPECT_OPEN);
    suspect_judge(&source, true, b, b);
    assert_int_equal(source.verdict, SUSPECT_FINE);
}

/* Changed all the time: never the same, never told to differ. */
static void test_stays_open(void **state)
{
    struct suspect suspect = {.source = a};

    (void)state;
    for (uint64_t i = 100; i < 200; i += 2)
        suspect_judge(&suspect, true, (struct sight){i, 1}, (struct sight){i + 1, 1});
    assert_int_equal(suspect.verdict, SUSPECT_OPEN);
}

static void test_counts_without_a_key(void **state)
{
    struct suspect between = {.source = {10, 1}}, beyond = {.source = {10, 1}};

    (void)state;
    suspect_judge(&between, false, (struct sight){30, 3}, (struct sight){50, 5});
    assert_int_equal(between.verdict, SUSPECT_FINE);
    suspect_judge(&beyond, false, (struct sight){60, 6}, (struct sight){50, 5});
    assert_int_equal(beyond.verdict, SUSPECT_OPEN);
}

static void test_sights(void **state)
{
    struct sights sights = {0};

    (void)state;
    assert_false(sights_have(&sights, none));
    for (uint32_t i = 0; i < SIGHTS_KEPT + 1; i++)
        sights_add(&sights, (struct sight){i, 1});
    assert_false(sights_have(&sights, (struct sight){0, 1}));
    assert_true(sights_have(&sights, (struct sight){1, 1}));
    assert_true(sights_have(&sights, (struct sight){SIGHTS_KEPT, 1}));
    assert_false(sights_have(&sights, (struct sight){SIGHTS_KEPT, 2}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_before_or_behind),
        cmocka_unit_test(test_differs_after_all_rounds),
        cmocka_unit_test(test_a_move_begins_anew),
        cmocka_unit_test(test_stays_open),
        cmocka_unit_test(test_counts_without_a_key),
        cmocka_unit_test(test_sights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
