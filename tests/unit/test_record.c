/* What a target keeps of a run: that another choice of tables isn't taken for the same run. */
#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static const struct table_rule orders = {.name = "orders"};
static const struct table_rule no_orders = {.name = "orders", .exclude = true};
static const struct table_rule new_orders = {.name = "orders", .where = "year > 2020"};

/* As the target gives it back. */
static void stored(const struct table_rule *rules, size_t count, struct record *back)
{
    struct record record = {.catalog = catalog_new(), .plan = plan_new()};
    struct rnl_error err = RNL_ERROR_INIT;
    char *text;

    record.state = RECORD_DONE;
    record.schema_policy = 3;
    record.write_mode = 2;
    record.selection = selection_text(rules, count);
    text = record_to_json(&record);
    assert_non_null(text);
    assert_int_equal(record_from_json(text, strlen(text), back, &err), RNL_OK);
    free(text);
    record_clear(&record);
}

static void the_same_choice_goes_on(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct record record;

    (void)state;
    stored(&orders, 1, &record);
    assert_int_equal(record_check_selection(&record, &orders, 1, &err), RNL_OK);
    assert_int_equal(record.schema_policy, 3);
    assert_int_equal(record.write_mode, 2);
    record_clear(&record);
    stored(NULL, 0, &record);
    assert_int_equal(record_check_selection(&record, NULL, 0, &err), RNL_OK);
    record_clear(&record);
}

static void another_choice_is_refused(void **state)
{
    const struct table_rule *const others[] = {&no_orders, &new_orders};
    struct rnl_error err = RNL_ERROR_INIT;
    struct record record;

    (void)state;
    stored(&orders, 1, &record);
    assert_int_equal(record_check_selection(&record, NULL, 0, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "resume.other_tables");
    for (int i = 0; i < 2; i++)
        assert_int_equal(record_check_selection(&record, others[i], 1, &err), RNL_E_CONFIG);
    record_clear(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_choice_goes_on),
        cmocka_unit_test(another_choice_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
