/* Facts of data: each kind is found, counted, shown by an example, and told to the catalog. */
#include "check.h"

#include "fact.h"
#include "fake_db.h"
#include "finding.h"
#include "row_text.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define INT(x)                      \
    {                               \
        .type = RNL_T_INT, .i = (x) \
    }
#define TEXT(x)                                              \
    {                                                        \
        .type = RNL_T_TEXT, .len = sizeof(x) - 1, .ptr = (x) \
    }
#define JSON(x)                                              \
    {                                                        \
        .type = RNL_T_JSON, .len = sizeof(x) - 1, .ptr = (x) \
    }

enum { ID, FLAG, AMOUNT, BORN, AT, NOTE, KIND, DOC, NCOLUMNS };

static const char *const kinds[] = {"red", "green"};
static const struct rnl_column columns[NCOLUMNS] = {
    {.name = "id", .type = RNL_T_UINT, .width = 8, .flags = RNL_COLUMN_KEY},
    {.name = "flag", .type = RNL_T_INT, .width = 1, .flags = RNL_COLUMN_BOOLISH},
    {.name = "amount", .type = RNL_T_UINT, .width = 8},
    {.name = "born", .type = RNL_T_DATE},
    {.name = "at", .type = RNL_T_TIME},
    {.name = "note", .type = RNL_T_TEXT},
    {.name = "kind", .type = RNL_T_TEXT, .flags = RNL_COLUMN_ENUM, .labels = kinds, .nlabels = 2},
    {.name = "doc", .type = RNL_T_JSON},
};
static const struct rnl_index_part id_part = {.column = ID};
static const struct rnl_index indexes[] = {{.name = "PRIMARY",
                                            .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE,
                                            .parts = &id_part,
                                            .nparts = 1}};
static const struct rnl_table things = {.size = sizeof(things),
                                        .schema = "shop",
                                        .name = "things",
                                        .columns = columns,
                                        .ncolumns = NCOLUMNS,
                                        .column_size = sizeof(struct rnl_column),
                                        .indexes = indexes,
                                        .nindexes = 1,
                                        .index_size = sizeof(struct rnl_index)};
static const struct rnl_table plain = {.size = sizeof(plain),
                                       .schema = "shop",
                                       .name = "plain",
                                       .columns = columns,
                                       .ncolumns = 1,
                                       .column_size = sizeof(struct rnl_column)};

struct fixture {
    struct rnl_catalog *catalog;
    struct fake_db db;
    struct findings *findings;
    struct check_options options;
};

static int setup(void **state)
{
    static struct fixture f;
    struct rnl_error err = RNL_ERROR_INIT;

    f.catalog = catalog_new();
    assert_int_equal(catalog_add(f.catalog, &things, &err), RNL_OK);
    assert_int_equal(catalog_add(f.catalog, &plain, &err), RNL_OK);
    fake_init(&f.db, f.catalog);
    f.findings = findings_new();
    f.options = (struct check_options){.ops = &fake_source_ops,
                                       .source = &f.db,
                                       .lanes = 3,
                                       .scope = CHECK_ALL,
                                       .findings = f.findings};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->db.cursors_open, 0);
    findings_free(f->findings);
    fake_clear(&f->db);
    catalog_free(f->catalog);
    return 0;
}

/* Harmless rows; row 250 is as given in values. */
static void fill(struct fixture *f, const struct rnl_value *odd)
{
    for (int64_t i = 0; i < 500; i++) {
        struct rnl_value row[NCOLUMNS] = {INT(i),
                                          INT(i & 1),
                                          INT(i),
                                          {.type = RNL_T_DATE},
                                          {.type = RNL_T_TIME, .i = 1},
                                          TEXT("n\xc3\xb6te"),
                                          TEXT("red"),
                                          JSON("{\"a\": 1}")};

        row[ID].type = row[AMOUNT].type = RNL_T_UINT;
        if (i == 250)
            for (int c = 0; c < NCOLUMNS; c++)
                if (odd[c].type)
                    row[c] = odd[c];
        fake_add(&f->db, 0, row);
    }
}

static const struct rnl_column *column_at(const struct fixture *f, uint32_t column)
{
    return &catalog_at(f->catalog, 0)->columns[column];
}

static void test_nothing_odd(void **state)
{
    struct fixture *f = *state;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value none[NCOLUMNS] = {0};

    fill(f, none);
    assert_int_equal(check_facts(&f->options, f->catalog, &err), RNL_OK);
    assert_int_equal(findings_count(f->findings, RNL_NOTE), 0);
    for (uint32_t i = 0; i < NCOLUMNS; i++) {
        assert_int_equal(column_at(f, i)->facts, 0);
        assert_int_equal(column_at(f, i)->facts_known, column_facts(&things, i));
    }
}

static void test_each_fact(void **state)
{
    static const struct {
        uint32_t column, fact;
        struct rnl_value value;
        const char *code, *example;
    } cases[] = {
        {FLAG, RNL_FACT_NOT_BOOL, INT(2), "data.not_bool", "id=250: 2"},
        {AMOUNT,
         RNL_FACT_ABOVE_INT64,
         {.type = RNL_T_UINT, .u = UINT64_C(1) << 63},
         "data.above_int64",
         "id=250: 9223372036854775808"},
        {BORN,
         RNL_FACT_ZERO_DATE,
         {.type = RNL_T_DATE, .flags = RNL_V_ZERO_DATE},
         "data.zero_date",
         "id=250: 0000-00-00"},
        {BORN,
         RNL_FACT_PARTIAL_DATE,
         {.type = RNL_T_DATE, .flags = RNL_V_ZERO_DATE, .i = 20200200},
         "data.partial_date",
         "id=250: 2020-02-00"},
        {BORN,
         RNL_FACT_BEYOND_RANGE,
         {.type = RNL_T_DATE, .i = -719163},
         "data.beyond_range",
         "id=250: 0000-12-31"},
        {AT,
         RNL_FACT_TIME_BEYOND_DAY,
         {.type = RNL_T_TIME, .i = -1},
         "data.time_beyond_day",
         "id=250: -00:00:00.000001"},
        {AT,
         RNL_FACT_TIME_BEYOND_DAY,
         {.type = RNL_T_TIME, .i = INT64_C(86400000000)},
         "data.time_beyond_day",
         "id=250: 24:00:00"},
        {NOTE, RNL_FACT_NUL, TEXT("a\0b"), "data.nul", "id=250: a\\x00b"},
        {NOTE, RNL_FACT_NOT_UTF8, TEXT("12345678\xc3("), "data.not_utf8", NULL},
        {KIND, RNL_FACT_EMPTY_LABEL, TEXT(""), "data.empty_label", "id=250: "},
        {DOC, RNL_FACT_JSON_NUL, JSON("\"\\u0000\""), "data.json_nul", "id=250: \"\\u0000\""},
        {DOC, RNL_FACT_JSON_DUPLICATES, JSON("{\"a\":1,\"a\":1}"), "data.json_duplicates", NULL},
        {DOC, RNL_FACT_JSON_NUMBER, JSON("1e200000"), "data.json_number", NULL},
        {DOC, RNL_FACT_JSON_DIGITS, JSON("[1, 12345678901234567890.5]"), "data.json_digits", NULL},
        {DOC, RNL_FACT_JSON_INVALID, JSON("{"), "data.json_invalid", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        struct rnl_value odd[NCOLUMNS] = {0};
        struct fixture *f = *state;

        odd[cases[i].column] = cases[i].value;
        fill(f, odd);
        assert_int_equal(check_facts(&f->options, f->catalog, &err), RNL_OK);
        assert_int_equal(column_at(f, cases[i].column)->facts, cases[i].fact);
        assert_int_equal(findings_count(f->findings, RNL_NOTE), 1);
        assert_string_equal(findings_at(f->findings, 0)->code, cases[i].code);
        assert_int_equal(findings_at(f->findings, 0)->count, 1);
        assert_string_equal(findings_at(f->findings, 0)->object, columns[cases[i].column].name);
        if (cases[i].example)
            assert_string_equal(findings_at(f->findings, 0)->example, cases[i].example);
        teardown(state);
        setup(state);
    }
}

/* Decisions read only columns that matter, and only until they are settled. */
static void test_decide(void **state)
{
    struct fixture *f = *state;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value odd[NCOLUMNS] = {0};

    odd[FLAG] = (struct rnl_value)INT(7);
    odd[AMOUNT] = (struct rnl_value){.type = RNL_T_UINT, .u = UINT64_MAX};
    fill(f, odd);
    assert_int_equal(
        check_decide(&fake_source_ops, &f->db, f->catalog, 2, FACTS_PRESET, NULL, &err), RNL_OK);
    assert_int_equal(column_at(f, FLAG)->facts, RNL_FACT_NOT_BOOL);
    assert_int_equal(column_at(f, ID)->facts, 0);
    assert_int_equal(column_at(f, ID)->facts_known, RNL_FACT_ABOVE_INT64);
    assert_int_equal(column_at(f, AMOUNT)->facts_known, 0); /* no key: nothing hangs on it */
    assert_int_equal(column_at(f, NOTE)->facts_known, 0);
    assert_int_equal(column_at(f, AT)->facts_known, RNL_FACT_TIME_BEYOND_DAY);
}

/* A sink that decides by other facts gets those. */
static void test_decide_by_others(void **state)
{
    struct fixture *f = *state;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value odd[NCOLUMNS] = {0};

    odd[NOTE] = (struct rnl_value)TEXT("a\0b");
    fill(f, odd);
    assert_int_equal(
        check_decide(&fake_source_ops, &f->db, f->catalog, 2, RNL_FACT_NUL, NULL, &err), RNL_OK);
    assert_int_equal(column_at(f, NOTE)->facts, RNL_FACT_NUL);
    assert_int_equal(column_at(f, FLAG)->facts_known, 0);
    assert_int_equal(column_at(f, DOC)->facts_known, 0);
}

static void test_decide_stops_early(void **state)
{
    struct fixture *f = *state;
    struct rnl_error err = RNL_ERROR_INIT;
    static const struct rnl_column flag[] = {
        {.name = "f", .type = RNL_T_INT, .flags = RNL_COLUMN_BOOLISH}};
    struct rnl_table table = plain;
    struct rnl_value two = INT(2);

    table.name = "flags";
    table.columns = flag;
    assert_int_equal(catalog_add(f->catalog, &table, &err), RNL_OK);
    f->db.unit_rows = 50000;
    for (int i = 0; i < 100000; i++)
        fake_add(&f->db, 2, &two);
    assert_int_equal(
        check_decide(&fake_source_ops, &f->db, f->catalog, 1, FACTS_PRESET, NULL, &err), RNL_OK);
    assert_int_equal(catalog_at(f->catalog, 2)->columns[0].facts, RNL_FACT_NOT_BOOL);
    assert_true(f->db.reads <= 4); /* one batch of each unit, and those of the other tables */
    assert_true(f->db.rows_read <= 2000);
}

static void test_errors(void **state)
{
    struct fixture *f = *state;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value none[NCOLUMNS] = {0};
    atomic_bool stopping = true;

    fill(f, none);
    f->db.fail_status = RNL_E_RETRY;
    assert_int_equal(check_facts(&f->options, f->catalog, &err), RNL_E_RETRY);
    assert_string_equal(err.code, "fake.failed");
    assert_int_equal(column_at(f, NOTE)->facts_known, 0);
    f->db.fail_status = 0;
    f->options.stopping = &stopping;
    assert_int_equal(check_facts(&f->options, f->catalog, &err), RNL_E_RETRY);
    assert_string_equal(err.code, "scan.stopped");
}

static void test_heavy_units(void **state)
{
    struct fixture *f = *state;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value none[NCOLUMNS] = {0};

    fill(f, none);
    f->db.unit_rows = 100;
    f->db.heavy = RNL_UNIT_HEAVY;
    assert_int_equal(check_facts(&f->options, f->catalog, &err), RNL_OK);
    assert_int_equal(f->db.heavy_most, 1);
}

static void test_date_bounds(void **state)
{
    static const struct {
        struct rnl_value value;
        uint32_t facts;
    } cases[] = {
        {{.type = RNL_T_DATE, .i = -719162}, 0},
        {{.type = RNL_T_DATE, .i = 2932896}, 0},
        {{.type = RNL_T_DATE, .i = 2932897}, RNL_FACT_BEYOND_RANGE},
        {{.type = RNL_T_DATE, .i = INT64_MAX}, RNL_FACT_NOT_FINITE},
        {{.type = RNL_T_TIMESTAMP, .i = INT64_C(2932897) * 86400000000 - 1}, 0},
        {{.type = RNL_T_TIMESTAMP, .i = INT64_C(2932897) * 86400000000}, RNL_FACT_BEYOND_RANGE},
        {{.type = RNL_T_TIMESTAMPTZ, .i = INT64_MIN}, RNL_FACT_NOT_FINITE},
        {{.type = RNL_T_DOUBLE, .d = 1.5}, 0},
        {{.type = RNL_T_DOUBLE, .d = (double)INFINITY}, RNL_FACT_NOT_FINITE},
        {{.type = RNL_T_DECIMAL, .len = 3, .ptr = "NaN"}, RNL_FACT_NOT_FINITE},
        {{.type = RNL_T_DECIMAL, .len = 9, .ptr = "-Infinity"}, RNL_FACT_NOT_FINITE},
        {{.type = RNL_T_DECIMAL, .len = 4, .ptr = "12.5"}, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rnl_column column = {.type = cases[i].value.type};
        struct rnl_table table = {.dialect = "postgres", .columns = &column, .ncolumns = 1};

        assert_int_equal(value_facts(&column, &cases[i].value, column_facts(&table, 0), NULL),
                         cases[i].facts);
    }
}

/* MySQL has no infinities: nothing is read for them. */
static void test_finite_dialect(void **state)
{
    struct rnl_column column = {.type = RNL_T_DOUBLE};
    struct rnl_table table = {.dialect = "mysql", .columns = &column, .ncolumns = 1};

    (void)state;
    assert_int_equal(column_facts(&table, 0), 0);
    table.dialect = "sqlite";
    assert_int_equal(column_facts(&table, 0), RNL_FACT_NOT_FINITE);
}

/* Measures are read to the last row, and only where the sink asks and the table has no bound. */
static void test_measures(void **state)
{
    struct fixture *f = *state;
    struct rnl_error err = RNL_ERROR_INIT;
    static const struct rnl_column measured[] = {
        {.name = "k", .type = RNL_T_TEXT, .flags = RNL_COLUMN_KEY},
        {.name = "n", .type = RNL_T_DECIMAL},
        {.name = "t", .type = RNL_T_TEXT},
        {.name = "p", .type = RNL_T_DECIMAL, .precision = 9, .scale = 2}};
    static const char *const numbers[] = {"-00123.5", "NaN", "0.0625", "7"};
    struct rnl_table table = plain;
    const struct rnl_column *c;

    table.name = "measured";
    table.columns = measured;
    table.ncolumns = 4;
    assert_int_equal(catalog_add(f->catalog, &table, &err), RNL_OK);
    for (int i = 0; i < 4; i++) {
        struct rnl_value row[4] = {TEXT("h\xc3\xa9h\xc3\xa9"), TEXT(""), TEXT("long"), TEXT("")};

        row[0].len = i == 2 ? 6 : 1;
        row[1] = (struct rnl_value){
            .type = RNL_T_DECIMAL, .ptr = numbers[i], .len = (uint32_t)strlen(numbers[i])};
        row[3].type = RNL_T_DECIMAL;
        fake_add(&f->db, 2, row);
    }
    assert_int_equal(check_decide(&fake_source_ops, &f->db, f->catalog, 2,
                                  FACTS_MEASURED | RNL_FACT_NOT_FINITE, NULL, &err),
                     RNL_OK);
    c = catalog_at(f->catalog, 2)->columns;
    assert_int_equal(c[0].facts_known, RNL_FACT_LENGTH);
    assert_int_equal(c[0].max_length, 4);
    assert_int_equal(c[1].facts_known, RNL_FACT_DIGITS | RNL_FACT_NOT_FINITE);
    assert_int_equal(c[1].facts, RNL_FACT_NOT_FINITE);
    assert_int_equal(c[1].max_digits, 3);
    assert_int_equal(c[1].max_scale, 4);
    assert_int_equal(c[2].facts_known, 0);
    assert_int_equal(c[3].facts_known, RNL_FACT_NOT_FINITE);
}

static void test_utf8(void **state)
{
    static const char *const good[] = {"",
                                       "abc",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "12345678\xc3\xa4"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "a\xff",
                                      "\xe2\x28\xa1"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(utf8_is_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_odd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_fact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decide, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decide_by_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decide_stops_early, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heavy_units, setup, teardown),
        cmocka_unit_test_setup_teardown(test_measures, setup, teardown),
        cmocka_unit_test(test_finite_dialect),
        cmocka_unit_test(test_date_bounds),
        cmocka_unit_test(test_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
