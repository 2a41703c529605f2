/* History: runs, events and usage as they were, however their node ended. */
#include "history.h"
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

static char folder[] = "/tmp/test-history-XXXXXX";
static struct store *store;
static struct rnl_error err;

static void sql(const char *text)
{
    sqlite3 *db = store_enter(store);

    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    store_leave(store);
}

static int begin(void **state)
{
    (void)state;
    err = (struct rnl_error)RNL_ERROR_INIT;
    return store_open(folder, &store, &err) == RNL_OK ? 0 : -1;
}

static int end(void **state)
{
    char command[120];

    (void)state;
    store_close(store);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 && mkdir(folder, 0700) == 0 ? 0 : -1;
}

static int64_t run_new(const char *pipeline)
{
    int64_t id;

    assert_int_equal(history_run_began(store, pipeline, "both", "convert", &id, &err), RNL_OK);
    return id;
}

static json_int_t number(const json_t *all, size_t i, const char *name)
{
    const json_t *value = json_object_get(json_array_get(all, i), name);

    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const char *text(const json_t *all, size_t i, const char *name)
{
    const char *value = json_string_value(json_object_get(json_array_get(all, i), name));

    return value ? value : "null";
}

static void runs(void **state)
{
    struct run_totals totals = {.rows = 10, .changes = 2, .bytes = 100, .set_aside = 1};
    int64_t first = run_new("a"), second = run_new("b"), third = run_new("a");
    json_t *all;

    (void)state;
    assert_int_equal(history_run_goes(store, first, &totals, &err), RNL_OK);
    assert_int_equal(history_run_ended(store, first, "failed", 1, "x.y", "it broke", &err), RNL_OK);
    assert_int_equal(history_run_ended(store, second, "finished", 0, NULL, NULL, &err), RNL_OK);
    all = history_runs(store, NULL, 0, 10, &err);
    assert_int_equal(json_array_size(all), 3);
    assert_int_equal(number(all, 0, "run"), third);
    assert_string_equal(text(all, 0, "outcome"), "running");
    assert_string_equal(text(all, 0, "ended"), "null");
    assert_string_equal(text(all, 1, "outcome"), "finished");
    assert_string_equal(text(all, 2, "error_text"), "it broke");
    assert_int_equal(number(all, 2, "rows"), 10);
    assert_int_equal(number(all, 2, "rows_set_aside"), 1);
    assert_int_equal(strlen(text(all, 2, "began")), 20);
    json_decref(all);
    all = history_runs(store, "a", third, 10, &err);
    assert_int_equal(json_array_size(all), 1);
    assert_int_equal(number(all, 0, "run"), first);
    json_decref(all);
    all = history_runs(store, "none", 0, 10, &err);
    assert_int_equal(json_array_size(all), 0);
    json_decref(all);
    assert_int_equal(history_runs_lost(store, &err), RNL_OK);
    all = history_runs(store, "a", 0, 1, &err);
    assert_string_equal(text(all, 0, "outcome"), "lost");
    assert_string_not_equal(text(all, 0, "ended"), "null");
    json_decref(all);
}

/* What a run has grown by is added, and nothing twice. */
static void usage(void **state)
{
    struct run_totals totals = {.rows = 10, .bytes = 100};
    int64_t first = run_new("a"), second = run_new("a");
    json_t *all;

    (void)state;
    sql("update runs set seen_s = seen_s - 100, began_s = began_s - 100");
    assert_int_equal(history_run_goes(store, first, &totals, &err), RNL_OK);
    totals = (struct run_totals){.rows = 15, .changes = 7, .bytes = 150};
    assert_int_equal(history_run_goes(store, first, &totals, &err), RNL_OK);
    assert_int_equal(history_run_goes(store, first, &totals, &err), RNL_OK);
    totals = (struct run_totals){.rows = 1};
    assert_int_equal(history_run_goes(store, second, &totals, &err), RNL_OK);
    all = history_usage(store, "a", false, 10, &err);
    assert_int_equal(json_array_size(all), 1);
    assert_int_equal(number(all, 0, "rows"), 16);
    assert_int_equal(number(all, 0, "changes"), 7);
    assert_int_equal(number(all, 0, "bytes"), 150);
    assert_true(number(all, 0, "seconds") >= 200 && number(all, 0, "seconds") < 260);
    json_decref(all);
    sql("insert into usage values ('2020-01-31', 'a', 1, 2, 3, 4), ('2020-01-01', 'a', 1, 1, 1, 1),"
        " ('2020-02-01', 'b', 5, 5, 5, 5)");
    all = history_usage(store, NULL, true, 10, &err);
    assert_int_equal(json_array_size(all), 3);
    assert_string_equal(text(all, 1, "period"), "2020-02");
    assert_string_equal(text(all, 2, "period"), "2020-01");
    assert_int_equal(number(all, 2, "bytes"), 4);
    json_decref(all);
}

static void events(void **state)
{
    json_t *all;

    (void)state;
    assert_int_equal(history_event(store, "local", "start_pipeline", "a", NULL, &err), RNL_OK);
    assert_int_equal(
        history_event(store, "key x", "create_key", "'; drop table events --", "r", &err), RNL_OK);
    all = history_events(store, NULL, 0, 10, &err);
    assert_int_equal(json_array_size(all), 2);
    assert_string_equal(text(all, 0, "about"), "'; drop table events --");
    assert_int_equal(strlen(text(all, 0, "at")), 24);
    json_decref(all);
    all = history_events(store, "a", 0, 10, &err);
    assert_int_equal(json_array_size(all), 1);
    json_decref(all);
}

/* The oldest go, and runs that still go stay. */
static void it_is_bounded(void **state)
{
    json_t *all;

    (void)state;
    run_new("old");
    sql("insert into runs (id, pipeline, role, began_s, seen_s, outcome)"
        " values (50, 'a', 'both', 0, 0, 'finished'), (10099, 'a', 'both', 0, 0, 'finished')");
    assert_int_equal(run_new("a"), 10100);
    all = history_runs(store, NULL, 0, 10, &err);
    assert_int_equal(json_array_size(all), 3);
    assert_string_equal(text(all, 2, "pipeline"), "old");
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs, begin, end),
        cmocka_unit_test_setup_teardown(usage, begin, end),
        cmocka_unit_test_setup_teardown(events, begin, end),
        cmocka_unit_test_setup_teardown(it_is_bounded, begin, end),
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
