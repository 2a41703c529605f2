/* Progress: what lanes count is what a look shows. */
#include "progress.h"

#include "cli/display.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct rnl_catalog *two_tables(void)
{
    static const struct rnl_column column = {.name = "id", .type = RNL_T_INT, .width = 4};
    struct rnl_catalog *catalog = catalog_new();
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_table table = {.size = sizeof(table),
                              .schema = "shop",
                              .name = "orders",
                              .columns = &column,
                              .ncolumns = 1,
                              .column_size = sizeof(column),
                              .rows = 1000};

    catalog_add(catalog, &table, &err);
    table.name = "items";
    table.rows = -1; /* unknown */
    catalog_add(catalog, &table, &err);
    return catalog;
}

/* Loading beside the stream is no loading: changes come, with their lag. */
static void a_load_beside_changes_follows(void **state)
{
    struct rnl_catalog *catalog = two_tables();
    struct progress *progress = progress_new();
    struct progress_view view;
    json_t *o;

    (void)state;
    progress_tables(progress, catalog);
    progress_phase(progress, PHASE_BESIDE);
    progress_written(progress, 0, 5, 50);
    progress_changes(progress, 3, 30, 1);
    progress_look(progress, &view);
    assert_true(phase_follows(view.phase) && !phase_follows(PHASE_LOADING));
    o = progress_json(&view);
    assert_string_equal(json_string_value(json_object_get(o, "phase")), "loading beside changes");
    assert_int_equal(json_integer_value(json_object_get(o, "changes")), 3);
    assert_true(json_integer_value(json_object_get(o, "lag_ms")) > 0);
    json_decref(o);
    progress_free(progress);
    catalog_free(catalog);
}

static void counts_add_up(void **state)
{
    struct rnl_catalog *catalog = two_tables();
    struct progress *progress = progress_new();
    struct progress_table t;
    struct progress_view view;

    (void)state;
    progress_tables(progress, catalog);
    progress_unit(progress, 0, true, 400); /* an earlier run's */
    progress_unit(progress, 0, false, 0);
    progress_unit(progress, 1, false, 0);
    progress_phase(progress, PHASE_LOADING);
    progress_read(progress, 0, 700);
    progress_written(progress, 0, 700, 7000);
    progress_look(progress, &view);
    assert_int_equal(view.total.rows_written, 1100);
    assert_int_equal(view.total.rows_before, 400);
    assert_int_equal(view.total.rows_expected, 1100); /* never below what is written */
    assert_int_equal(view.tables_done, 0);
    progress_unit_done(progress, 0);
    progress_look(progress, &view);
    assert_int_equal(view.tables_done, 1);
    progress_at(progress, 0, &t);
    assert_true(t.started_ms > 0 && t.ended_ms >= t.started_ms);
    assert_string_equal(t.name, "orders");
    progress_at(progress, 1, &t);
    assert_int_equal(t.rows_expected, 0);
    assert_int_equal(t.ended_ms, 0);
    progress_free(progress);
    catalog_free(catalog);
}

static void steps_are_counted_by_phase(void **state)
{
    struct progress *progress = progress_new();
    struct progress_view view;

    (void)state;
    progress_phase(progress, PHASE_INDEXES);
    progress_steps(progress, 2);
    progress_step(progress, "index a", false);
    progress_step(progress, "index a", true);
    progress_look(progress, &view);
    assert_int_equal(view.steps, 2);
    assert_int_equal(view.steps_done, 1);
    assert_string_equal(view.step, "index a");
    progress_phase(progress, PHASE_CONSTRAINTS);
    progress_look(progress, &view);
    assert_int_equal(view.steps, 0);
    assert_string_equal(view.step, "");
    assert_int_equal(view.left_ms, -1);
    progress_free(progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_add_up),
        cmocka_unit_test(a_load_beside_changes_follows),
        cmocka_unit_test(steps_are_counted_by_phase),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
