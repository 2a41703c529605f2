/* Verification of a target that follows its source, while both are written to. */
#include "fake_db.h"
#include "verify.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define INT(x) ((struct rnl_value){.type = RNL_T_INT, .i = (x)})
#define LOG_MOST 100000
#define SIDE_ROWS 1000

enum { KEYED, KEYLESS };

static const struct rnl_column columns[] = {
    {.name = "id", .type = RNL_T_INT, .width = 8, .flags = RNL_COLUMN_KEY},
    {.name = "n", .type = RNL_T_INT, .width = 8},
};

/* Rows of id 7 become n; or one such is added, or taken away. */
struct change {
    enum { SET, ADD, DROP } what;
    uint32_t table;
    int64_t id, n;
};

struct fixture {
    struct rnl_catalog *catalog;
    struct fake_db source, target;
    struct verify_options options;
    struct verify_live live;
    struct verify_report report;
    struct rnl_error err;
    struct change log[LOG_MOST];
    size_t logged, applied, goal;
    size_t lag;       /* the target stays so much behind at a fence */
    size_t renew_lag; /* and so much when the source is looked at; 0: it doesn't move then */
    uint32_t renewed, fenced;
    void (*churn)(struct fixture *f);
};

static void db_apply(struct fake_db *db, const struct change *change)
{
    struct rnl_value row[] = {INT(change->id), INT(change->n)};
    uint32_t i = 0;

    if (change->what == ADD) {
        fake_add(db, change->table, row);
        return;
    }
    while (i < db->tables[change->table].nrows && fake_row(db, change->table, i)->i != change->id)
        i++;
    if (i == db->tables[change->table].nrows)
        return;
    if (change->what == SET)
        fake_row(db, change->table, i)[1] = INT(change->n);
    else
        fake_remove(db, change->table, i);
}

static void write_source(struct fixture *f, struct change change)
{
    assert_true(f->logged < LOG_MOST);
    f->log[f->logged++] = change;
    db_apply(&f->source, &change);
}

static void follow_to(struct fixture *f, size_t end)
{
    while (f->applied < end)
        db_apply(&f->target, &f->log[f->applied++]);
}

static int renew(void *arg, struct rnl_error *err)
{
    struct fixture *f = arg;

    (void)err;
    f->renewed++;
    if (f->churn)
        f->churn(f);
    if (f->renew_lag && f->logged > f->applied + f->renew_lag)
        follow_to(f, f->logged - f->renew_lag);
    return RNL_OK;
}

static int mark(void *arg, struct rnl_error *err)
{
    struct fixture *f = arg;

    (void)err;
    f->goal = f->logged;
    return RNL_OK;
}

/* The source is written to meanwhile, and the target may be further than it has to. */
static int fence(void *arg, struct rnl_error *err)
{
    struct fixture *f = arg;

    (void)err;
    f->fenced++;
    if (f->churn)
        f->churn(f);
    follow_to(f, f->goal);
    if (f->logged > f->applied + f->lag)
        follow_to(f, f->logged - f->lag);
    return RNL_OK;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->err = (struct rnl_error)RNL_ERROR_INIT;
    f->catalog = catalog_new();
    fake_describe(f->catalog, "keyed", columns, 2, true);
    fake_describe(f->catalog, "keyless", columns, 2, false);
    fake_init(&f->source, f->catalog);
    fake_init(&f->target, f->catalog);
    f->source.unit_rows = f->target.unit_rows = 1000000;
    f->live = (struct verify_live){.renew = renew, .mark = mark, .fence = fence, .arg = f};
    f->options = (struct verify_options){.sides = {.catalog = f->catalog,
                                                   .source_ops = &fake_source_ops,
                                                   .source = &f->source,
                                                   .source_lanes = 2,
                                                   .sink_ops = &fake_sink_ops,
                                                   .sink = &f->target,
                                                   .lanes = 2},
                                         .max_keys = 10,
                                         .live = &f->live};
    for (int64_t i = 0; i < SIDE_ROWS; i++) {
        write_source(f, (struct change){ADD, KEYED, i, 0});
        write_source(f, (struct change){ADD, KEYLESS, i % 10, 0});
    }
    follow_to(f, f->logged);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    verify_report_clear(&f->report);
    fake_end(&f->source);
    fake_end(&f->target);
    catalog_free(f->catalog);
    free(f);
    return 0;
}

static int run(struct fixture *f)
{
    verify_report_clear(&f->report);
    return verify_run(&f->options, &f->report, &f->err);
}

static void assert_counts(const struct fixture *f, uint32_t table, int64_t missing, int64_t extra,
                          int64_t different, int64_t changing)
{
    assert_int_equal(f->report.tables[table].missing, missing);
    assert_int_equal(f->report.tables[table].extra, extra);
    assert_int_equal(f->report.tables[table].different, different);
    assert_int_equal(f->report.tables[table].changing, changing);
}

/* Rows that come, change and go, with the target behind. */
static void churn_all(struct fixture *f)
{
    static int64_t next = 5000;

    for (int i = 0; i < 50; i++, next++) {
        write_source(f, (struct change){ADD, KEYED, next, 1});
        write_source(f, (struct change){SET, KEYED, next % 100, next});
        write_source(f, (struct change){DROP, KEYED, next - 20, 0});
        write_source(f, (struct change){ADD, KEYLESS, next % 10, 0});
        if (i % 2)
            write_source(f, (struct change){DROP, KEYLESS, next % 7, 0});
    }
}

static void test_no_alarm_while_both_are_written_to(void **state)
{
    struct fixture *f = *state;

    f->churn = churn_all;
    churn_all(f);
    follow_to(f, f->logged - 30);
    f->lag = 20;
    assert_int_equal(run(f), RNL_OK);
    assert_true(f->fenced > 0);
    assert_counts(f, KEYED, 0, 0, 0, 0);
    assert_counts(f, KEYLESS, 0, 0, 0, 0);
    assert_true(verify_is_equal(&f->report));
}

/* Back and forth between two values: as often the source's one and the target's other. */
static void churn_back_and_forth(struct fixture *f)
{
    static uint32_t chance = 1;

    for (int64_t i = 0; i < 200; i++) {
        chance = chance * 1664525 + 1013904223;
        if (chance >> 31)
            write_source(f, (struct change){SET, KEYED, i, (chance >> 30) & 1});
    }
}

static void test_no_alarm_for_rows_that_go_back_and_forth(void **state)
{
    struct fixture *f = *state;

    f->churn = churn_back_and_forth;
    churn_back_and_forth(f);
    f->lag = 70;
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 0, 0);
}

static void test_differences_among_changes_are_named(void **state)
{
    struct fixture *f = *state;

    f->churn = churn_all;
    f->lag = 20;
    db_apply(&f->target, &(struct change){SET, KEYED, 417, 1});
    db_apply(&f->target, &(struct change){DROP, KEYED, 418, 0});
    db_apply(&f->target, &(struct change){ADD, KEYED, 3000, 0});
    db_apply(&f->target, &(struct change){ADD, KEYLESS, 77, 0});
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 1, 1, 1, 0);
    assert_counts(f, KEYLESS, 0, 1, 0, 0);
    assert_int_equal(f->report.tables[KEYED].nlisted, 3);
    assert_string_equal(f->report.tables[KEYED].listed[0].key, "id=418");
    assert_int_equal(f->report.tables[KEYED].listed[0].kind, VERIFY_MISSING);
    assert_string_equal(f->report.tables[KEYED].listed[1].key, "id=3000");
    assert_string_equal(f->report.tables[KEYED].listed[2].key, "id=417");
    assert_int_equal(f->report.tables[KEYED].listed[2].columns[0], 1);
}

/* Only the rows in question are read again, not their table. */
static void test_rows_are_read_by_their_keys(void **state)
{
    struct fixture *f = *state;
    int64_t whole;

    f->churn = churn_back_and_forth;
    f->lag = 70;
    db_apply(&f->target, &(struct change){SET, KEYED, 417, 1});
    db_apply(&f->target, &(struct change){DROP, KEYED, 418, 0});
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 1, 0, 1, 0);
    whole = f->target.rows_read;
    f->source.reads_keys = f->target.reads_keys = true;
    f->target.rows_read = 0;
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 1, 0, 1, 0);
    assert_true(f->target.rows_read < whole / 2);
}

/* A side that finds nothing by keys, although it has the rows, raises no alarm. */
static void test_keys_that_find_nothing_are_not_trusted(void **state)
{
    struct fixture *f = *state;

    f->churn = churn_back_and_forth;
    churn_back_and_forth(f);
    f->lag = 70;
    f->source.reads_keys = f->target.reads_keys = f->target.keys_in_vain = true;
    db_apply(&f->target, &(struct change){SET, KEYED, 417, 1});
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 1, 0);
}

/* A counter: never the same twice, and the target never shows what was looked at just then. */
static void churn_counter(struct fixture *f)
{
    static int64_t n;

    for (int i = 0; i < 10; i++)
        write_source(f, (struct change){SET, KEYED, 3, ++n});
}

static void test_a_counter_is_seen_to_be_right(void **state)
{
    struct fixture *f = *state;

    f->churn = churn_counter;
    churn_counter(f);
    f->lag = 3;
    f->renew_lag = 20; /* what the source showed two looks before */
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 0, 0);
}

/* What the target shows is never what the source did; and yet both move. */
static void churn_apart(struct fixture *f)
{
    churn_counter(f);
    db_apply(&f->target, &(struct change){SET, KEYED, 3, -(int64_t)f->logged});
}

static void test_what_never_stands_still_is_told_apart(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    f->churn = churn_apart;
    f->lag = LOG_MOST;
    churn_apart(f);
    f->goal = 0;
    f->applied = LOG_MOST;
    assert_int_equal(run(f), RNL_OK);
    assert_counts(f, KEYED, 0, 0, 0, 1);
    assert_false(verify_is_equal(&f->report));
    assert_true(verify_table_is_unsettled(&f->report.tables[KEYED]));
    assert_int_equal(f->report.tables[KEYED].listed[0].kind, VERIFY_CHANGING);
    verify_report_print(&f->report, f->catalog, to);
    fclose(to);
    assert_non_null(strstr(text, "1 not settled"));
    assert_non_null(strstr(text, "changing   id=3"));
    assert_non_null(strstr(text, "1 table could not be settled"));
    assert_null(strstr(text, "equal\n  shop.keyed"));
    free(text);
}

static int fence_fails(void *arg, struct rnl_error *err)
{
    (void)arg;
    return rnl_fail(err, RNL_E_RETRY, "verify.follower_stopped", "it stopped");
}

static void test_a_fence_that_fails_ends_it(void **state)
{
    struct fixture *f = *state;

    f->live.fence = fence_fails;
    db_apply(&f->target, &(struct change){SET, KEYED, 417, 1});
    assert_int_equal(run(f), RNL_E_RETRY);
    assert_string_equal(f->err.code, "verify.follower_stopped");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_alarm_while_both_are_written_to),
        TEST(test_no_alarm_for_rows_that_go_back_and_forth),
        TEST(test_differences_among_changes_are_named),
        TEST(test_rows_are_read_by_their_keys),
        TEST(test_keys_that_find_nothing_are_not_trusted),
        TEST(test_a_counter_is_seen_to_be_right),
        TEST(test_what_never_stands_still_is_told_apart),
        TEST(test_a_fence_that_fails_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
