/* Verification: what differs is found and named, what is equal raises no alarm, repairs mend. */
#include "verify.h"

#include "fake_db.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define INT(x) ((struct rnl_value){.type = RNL_T_INT, .i = (x)})
#define TEXT(x) ((struct rnl_value){.type = RNL_T_TEXT, .len = sizeof(x) - 1, .ptr = (x)})

enum { KEYED, KEYLESS, EMPTY };

static const struct rnl_column columns[] = {
    {.name = "id", .type = RNL_T_INT, .width = 8, .flags = RNL_COLUMN_KEY},
    {.name = "n", .type = RNL_T_INT, .width = 8},
    {.name = "t", .type = RNL_T_TEXT},
};

struct fixture {
    struct rnl_catalog *catalog;
    struct fake_db source, target;
    struct verify_options options;
    struct verify_report report;
    struct rnl_error err;
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.err = RNL_ERROR_INIT};
    f.catalog = catalog_new();
    fake_describe(f.catalog, "keyed", columns, 3, true);
    fake_describe(f.catalog, "keyless", columns, 3, false);
    fake_describe(f.catalog, "empty", columns, 3, true);
    fake_init(&f.source, f.catalog);
    fake_init(&f.target, f.catalog);
    f.target.unit_rows = 77;
    f.options = (struct verify_options){.sides = {.catalog = f.catalog,
                                                  .source_ops = &fake_source_ops,
                                                  .source = &f.source,
                                                  .source_lanes = 2,
                                                  .sink_ops = &fake_sink_ops,
                                                  .sink = &f.target,
                                                  .lanes = 3},
                                        .max_keys = 10};
    for (int64_t i = 0; i < 1000; i++) {
        struct rnl_value row[] = {INT(i), INT(i * 7), TEXT("some text")};

        fake_add(&f.source, KEYED, row);

        fake_add(&f.target, KEYED, row);
        row[0] = INT(i / 10); /* each row ten times */
        row[1] = INT(0);
        fake_add(&f.source, KEYLESS, row);
        fake_add(&f.target, KEYLESS, row);
    }
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    verify_report_clear(&f->report);
    fake_end(&f->source);
    fake_end(&f->target);
    catalog_free(f->catalog);
    return 0;
}

static int run(struct fixture *f)
{
    verify_report_clear(&f->report);
    return verify_run(&f->options, &f->report, &f->err);
}

static void assert_counts(const struct fixture *f, uint32_t table, int64_t missing, int64_t extra,
                          int64_t different)
{
    assert_int_equal(f->report.tables[table].missing, missing);
    assert_int_equal(f->report.tables[table].extra, extra);
    assert_int_equal(f->report.tables[table].different, different);
    assert_true(f->report.tables[table].exact);
}

static void test_equal(void **state)
{
    struct fixture *f = *state;

    /* The target has its rows in another order. */
    for (uint32_t i = 0; i < 500; i++) {
        struct rnl_value swap[3];

        memcpy(swap, fake_row(&f->target, KEYED, i), sizeof(swap));
        memcpy(fake_row(&f->target, KEYED, i), fake_row(&f->target, KEYED, 999 - i), sizeof(swap));
        memcpy(fake_row(&f->target, KEYED, 999 - i), swap, sizeof(swap));
    }
    fake_row(&f->source, KEYED, 3)[1] = INT(-13); /* the sink's policy makes it -12 */
    fake_row(&f->target, KEYED, 999 - 3)[1] = INT(-12);
    assert_int_equal(run(f), RNL_OK);
    assert_true(verify_is_equal(&f->report));
    assert_int_equal(f->report.ntables, 3);
    assert_int_equal(f->report.tables[KEYED].rows[SCAN_SOURCE], 1000);
    assert_int_equal(f->report.tables[KEYED].rows[SCAN_TARGET], 1000);
    assert_int_equal(f->report.tables[EMPTY].rows[SCAN_TARGET], 0);
    assert_int_equal(f->report.rows, 2000);
}

static void test_one_value(void **state)
{
    struct fixture *f = *state;

    fake_row(&f->target, KEYED, 417)[1].i ^= 1;
    f->options.values = true;
    assert_int_equal(run(f), RNL_OK);
    assert_false(verify_is_equal(&f->report));
    assert_counts(f, KEYED, 0, 0, 1);
    assert_counts(f, KEYLESS, 0, 0, 0);
    assert_int_equal(f->report.tables[KEYED].nlisted, 1);
    assert_string_equal(f->report.tables[KEYED].listed[0].key, "id=417");
    assert_int_equal(f->report.tables[KEYED].listed[0].kind, VERIFY_DIFFERENT);
    assert_int_equal(f->report.tables[KEYED].listed[0].ncolumns, 1);
    assert_int_equal(f->report.tables[KEYED].listed[0].columns[0], 1);
    assert_string_equal(f->report.tables[KEYED].listed[0].values[0], "2919");
    assert_string_equal(f->report.tables[KEYED].listed[0].values[1], "2918");
}

static void test_missing_and_extra(void **state)
{
    struct fixture *f = *state;
    struct rnl_value extra[] = {INT(5000), INT(1), TEXT("x")};

    fake_remove(&f->target, KEYED, 10);
    fake_remove(&f->target, KEYED, 20);
    fake_add(&f->target, KEYED, extra);
    fake_add(&f->target, EMPTY, extra);
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 2, 1, 0);
    assert_counts(f, EMPTY, 0, 1, 0);
    assert_int_equal(f->report.tables[KEYED].nlisted, 3);
    assert_string_equal(f->report.tables[KEYED].listed[0].key, "id=10");
    assert_string_equal(f->report.tables[KEYED].listed[1].key, "id=20");
    assert_string_equal(f->report.tables[KEYED].listed[2].key, "id=5000");
    assert_int_equal(f->report.tables[KEYED].listed[2].kind, VERIFY_EXTRA);
}

/* Two rows swapped: counts are equal, and a sum over columns would be too. */
static void test_swapped_values(void **state)
{
    struct fixture *f = *state;

    fake_row(&f->target, KEYED, 1)[1] = INT(14);
    fake_row(&f->target, KEYED, 2)[1] = INT(7);
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 2);
}

/* Without a key rows are counted: nine of ten equal rows are one too few. */
static void test_keyless(void **state)
{
    struct fixture *f = *state;
    struct rnl_value again[] = {INT(50), INT(0), TEXT("some text")};

    fake_remove(&f->target, KEYLESS, 123);
    fake_add(&f->target, KEYLESS, again);
    fake_add(&f->target, KEYLESS, again);
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYLESS, 1, 2, 0);
    assert_false(f->report.tables[KEYLESS].keyed);
}

static void test_list_is_bounded(void **state)
{
    struct fixture *f = *state;

    for (uint32_t i = 0; i < 1000; i++)
        fake_row(&f->target, KEYED, i)[2] = TEXT("other text");
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 1000);
    assert_int_equal(f->report.tables[KEYED].nlisted, 10);
    f->options.max_keys = 0;
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 1000);
    assert_int_equal(f->report.tables[KEYED].nlisted, 0);
}

static void test_repair(void **state)
{
    struct fixture *f = *state;
    struct rnl_value extra[] = {INT(5000), INT(1), TEXT("x")};

    fake_row(&f->target, KEYED, 417)[1].i ^= 1;
    fake_row(&f->target, KEYED, 418)[2] = TEXT("");
    fake_row(&f->source, KEYED, 419)[1] = INT(-13);
    fake_remove(&f->target, KEYED, 3);
    fake_add(&f->target, KEYED, extra);
    f->options.repair = true;
    assert_int_equal(run(f), RNL_OK);
    assert_true(verify_is_equal(&f->report));
    assert_int_equal(f->report.tables[KEYED].mended, 5);
    assert_int_equal(f->target.tables[KEYED].nrows, 1000);
    f->options.repair = false;
    assert_int_equal(run(f), RNL_OK);
    assert_true(verify_is_equal(&f->report));
}

static void test_repair_leaves_keyless(void **state)
{
    struct fixture *f = *state;

    fake_remove(&f->target, KEYLESS, 123);
    fake_row(&f->target, KEYED, 417)[1].i ^= 1;
    f->options.repair = true;
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 0);
    assert_counts(f, KEYLESS, 1, 0, 0);
    assert_false(verify_is_equal(&f->report));
}

/* More rows than are matched at one time: the finer net and several groups. */
static void test_many_rows(void **state)
{
    struct fixture *f = *state;

    f->source.unit_rows = f->target.unit_rows = 50000;
    for (int64_t i = 1000; i < 1200000; i++) {
        struct rnl_value row[] = {INT(i), INT(i), TEXT("t")};

        fake_add(&f->source, KEYED, row);
        row[1] = INT(i % 100 == 0 ? -i : i); /* a hundredth differs: in every bucket */
        fake_add(&f->target, KEYED, row);
    }
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 11990);
    assert_int_equal(f->report.tables[KEYED].nlisted, 10);
}

static void test_one_table_fails(void **state)
{
    struct fixture *f = *state;

    fake_row(&f->source, KEYED, 5)[1] = INT(-666);
    assert_int_equal(run(f), RNL_OK);
    assert_int_equal(f->report.tables[KEYED].error.status, RNL_E_DATA);
    assert_string_equal(f->report.tables[KEYED].error.code, "fake.evil");
    assert_false(verify_is_equal(&f->report));
    assert_true(verify_table_is_equal(&f->report.tables[KEYLESS]));
}

static void test_read_fails(void **state)
{
    struct fixture *f = *state;

    f->target.fail_status = RNL_E_RETRY;
    f->target.fail_table = KEYLESS;
    assert_int_equal(run(f), RNL_E_RETRY);
    assert_string_equal(f->err.code, "fake.failed");
}

static void test_stop(void **state)
{
    struct fixture *f = *state;
    atomic_bool stopping = true;

    f->options.sides.stopping = &stopping;
    assert_int_equal(run(f), RNL_E_RETRY);
    assert_string_equal(f->err.code, "scan.stopped");
}

/* A stop takes effect within a unit, not behind it. */
static void test_stop_inside(void **state)
{
    struct fixture *f = *state;
    atomic_bool stopping = false;

    f->source.unit_rows = 1000000;
    for (int64_t i = 1000; i < 200000; i++) {
        struct rnl_value row[] = {INT(i), INT(i), TEXT("t")};

        fake_add(&f->source, KEYED, row);
    }
    f->source.stop = &stopping;
    f->source.stop_at_read = 5;
    f->options.sides.stopping = &stopping;
    assert_int_equal(run(f), RNL_E_RETRY);
    assert_string_equal(f->err.code, "scan.stopped");
    assert_true(f->source.reads < 20);
}

static void test_report(void **state)
{
    struct fixture *f = *state;
    char *json, *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    fake_row(&f->target, KEYED, 417)[1].i ^= 1;
    fake_remove(&f->target, KEYLESS, 0);
    assert_int_equal(run(f), RNL_OK);
    verify_report_print(&f->report, f->catalog, to);
    fclose(to);
    assert_non_null(strstr(text, "1 different"));
    assert_non_null(strstr(text, "different  id=417: n\n"));
    assert_non_null(strstr(text, "has no key"));
    assert_non_null(strstr(text, "2 tables are not equal"));
    json = verify_report_json(&f->report, f->catalog);
    assert_non_null(strstr(json, "\"key\": \"id=417\""));
    free(json);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_equal),          TEST(test_one_value),
        TEST(test_swapped_values), TEST(test_missing_and_extra),
        TEST(test_keyless),        TEST(test_list_is_bounded),
        TEST(test_repair),         TEST(test_repair_leaves_keyless),
        TEST(test_many_rows),      TEST(test_one_table_fails),
        TEST(test_read_fails),     TEST(test_stop),
        TEST(test_stop_inside),    TEST(test_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
