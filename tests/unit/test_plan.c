/* Plans, steps and what a target remembers: order, copies, and JSON. */
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static void add_unit(struct rnl_plan *plan, uint32_t table, int64_t bytes, uint32_t flags)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_unit unit = {.size = sizeof(unit),
                            .kind = RNL_UNIT_CHUNK,
                            .table = table,
                            .bytes = bytes,
                            .flags = flags,
                            .from = {"a\0b", 3},
                            .to = {"c", 1}};

    assert_int_equal(plan_add(plan, &unit, &err), RNL_OK);
}

static void units_keep_their_ids(void **state)
{
    struct rnl_plan *plan = plan_new(), *back;
    struct rnl_error err = RNL_ERROR_INIT;
    char *text;

    (void)state;
    add_unit(plan, 0, 10, 0);
    add_unit(plan, 1, 99, RNL_UNIT_HEAVY);
    add_unit(plan, 2, 50, 0);
    plan_order(plan);
    assert_int_equal(plan_at(plan, 0)->id, 3); /* the largest */
    assert_int_equal(plan_at(plan, 1)->id, 1);
    assert_int_equal(plan_at(plan, 2)->id, 2); /* heavy: last */
    plan_set_position(plan, 1, (struct rnl_slice){"pos", 3});
    text = plan_to_json(plan);
    assert_int_equal(plan_from_json(text, strlen(text), &back, &err), RNL_OK);
    assert_int_equal(plan_count(back), 3);
    assert_int_equal(plan_at(back, 0)->id, 3);
    assert_int_equal(plan_at(back, 1)->from.len, 3);
    assert_memory_equal(plan_at(back, 1)->from.ptr, "a\0b", 3);
    assert_memory_equal(plan_at(back, 1)->position.ptr, "pos", 3);
    assert_null(plan_at(back, 3));
    free(text);
    plan_free(plan);
    plan_free(back);
}

static void broken_plans_are_refused(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_plan *plan;

    (void)state;
    assert_true(plan_from_json("[{\"from\":\"abc\"}]", 16, &plan, &err) < 0);
    assert_true(plan_from_json("[{\"from\":\"zz\"}]", 15, &plan, &err) < 0);
    assert_true(plan_from_json("{}", 2, &plan, &err) < 0);
}

static void steps_come_by_phase(void **state)
{
    static const uint32_t phases[] = {RNL_PHASE_COMMENTS, RNL_PHASE_TABLES, RNL_PHASE_KEYS,
                                      RNL_PHASE_TABLES};
    struct rnl_steps *steps = steps_new();
    struct rnl_error err = RNL_ERROR_INIT;
    char id[16];

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        snprintf(id, sizeof(id), "step %u", i);
        steps_add(steps,
                  &(struct rnl_step){
                      .size = sizeof(struct rnl_step), .phase = phases[i], .id = id, .text = "x"},
                  &err);
    }
    assert_string_equal(steps_at(steps, 0)->id, "step 1");
    assert_string_equal(steps_at(steps, 1)->id, "step 3");
    assert_string_equal(steps_at(steps, 2)->id, "step 2");
    assert_string_equal(steps_at(steps, 3)->id, "step 0");
    steps_free(steps);
}

static void memory_knows_its_steps(void **state)
{
    struct rnl_memory memory = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    char id[16];

    (void)state;
    assert_false(memory_has_step(&memory, "step 1"));
    for (int i = 99; i >= 0; i--) {
        snprintf(id, sizeof(id), "step %d", i);
        assert_int_equal(memory_step(&memory, id, &err), RNL_OK);
        assert_int_equal(
            memory_unit(&memory, (uint32_t)i, i % 2, i, (struct rnl_slice){"p", 1}, &err), RNL_OK);
    }
    assert_true(memory_has_step(&memory, "step 0"));
    assert_true(memory_has_step(&memory, "step 99"));
    assert_false(memory_has_step(&memory, "step 100"));
    assert_int_equal(memory.nunits, 100);
    memory_clear(&memory);
    assert_int_equal(memory.nunits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_keep_their_ids),
        cmocka_unit_test(broken_plans_are_refused),
        cmocka_unit_test(steps_come_by_phase),
        cmocka_unit_test(memory_knows_its_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
