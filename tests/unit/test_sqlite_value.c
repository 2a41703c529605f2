/* Tests of plugins/sqlite/source/value.c, affinity.c and key.c, on a database in memory. */
#include "source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char *decimal(double value)
{
    static struct buf out;

    buf_clear(&out);
    assert_true(decimal_print(&out, value));
    return buf_text(&out);
}

static void test_decimals_of_doubles(void **state)
{
    struct buf out = {0};

    (void)state;
    assert_string_equal(decimal(0.1), "0.1");
    assert_string_equal(decimal(-12345.67891), "-12345.67891");
    assert_string_equal(decimal(1e21), "1000000000000000000000");
    assert_string_equal(decimal(1.5e-7), "0.00000015");
    assert_string_equal(decimal(100.0), "100");
    assert_string_equal(decimal(0.0), "0");
    assert_false(decimal_print(&out, INFINITY));
    assert_false(decimal_print(&out, NAN));
}

static void no_finding(const struct rnl_ctx *ctx, const struct rnl_finding *finding)
{
    (void)ctx;
    (void)finding;
}

/* The type that a column `native` gets when it holds values (SQL), and its other properties. */
static struct rnl_column decided(const char *native, const char *values, int32_t dates)
{
    static const struct rnl_host host = {.size = sizeof(host), .finding = no_finding};
    static struct source_config config;
    static struct rnl_column column;
    const struct rnl_ctx ctx = {.host = &host};
    struct source source = {.config = &config, .base = {.ctx = &ctx}};
    struct draft draft = {.source = &source, .columns = &column, .ncolumns = 1, .from = "t"};
    struct rnl_error err = RNL_ERROR_INIT;
    char sql[400];

    config.dates = dates;
    column = (struct rnl_column){.name = "c", .native = native, .flags = RNL_COLUMN_NULLABLE};
    draft.table.name = "t";
    assert_int_equal(sqlite3_open(":memory:", &source.control), SQLITE_OK);
    snprintf(sql, sizeof(sql), "CREATE TABLE t (c %s); INSERT INTO t VALUES %s", native, values);
    assert_int_equal(sq_run(source.control, sql, "fill", &err), RNL_OK);
    assert_int_equal(affinity_decide(&draft, &err), RNL_OK);
    sqlite3_close(source.control);
    arena_free(&draft.arena);
    return column;
}

static void test_types_by_what_is_there(void **state)
{
    (void)state;
    assert_int_equal(decided("INT", "(1), (NULL), (-5)", 0).type, RNL_T_INT);
    assert_int_equal(decided("TINYINT", "(127)", 0).width, 1);
    assert_int_equal(decided("TINYINT", "(128)", 0).width, 2);
    assert_int_equal(decided("SMALLINT", "(40000)", 0).width, 8);
    assert_int_equal(decided("INT", "(1), ('abc')", 0).type, RNL_T_NATIVE);
    assert_int_equal(decided("BOOLEAN", "(0), (1)", 0).type, RNL_T_BOOL);
    assert_int_equal(decided("BOOLEAN", "(0), (2)", 0).type, RNL_T_INT);
    assert_int_equal(decided("INT", "(1.5)", 0).type, RNL_T_DOUBLE);
    assert_int_equal(decided("NUMERIC", "(1.5), (9007199254740993)", 0).type, RNL_T_DECIMAL);
    assert_int_equal(decided("DECIMAL(10,2)", "(1.25), (3)", 0).scale, 2);
    assert_int_equal(decided("DECIMAL(10,2)", "(1.255)", 0).precision, 0);
    assert_int_equal(decided("VARCHAR(3)", "('äöü')", 0).length, 3);
    assert_int_equal(decided("VARCHAR(3)", "('äöüß')", 0).length, 0);
    assert_int_equal(decided("BLOB", "(x'00')", 0).type, RNL_T_BYTES);
    assert_int_equal(decided("BLOB", "(x'00'), ('a')", 0).type, RNL_T_NATIVE);
    assert_int_equal(decided("UUID", "('123e4567-e89b-12d3-a456-426655440000')", 0).type,
                     RNL_T_UUID);
    assert_int_equal(decided("UUID", "('123E4567-e89b-12d3-a456-426655440000')", 0).type,
                     RNL_T_TEXT);
    assert_int_equal(decided("", "('x')", 0).type, RNL_T_TEXT);
    assert_int_equal(decided("DATETIME", "(NULL)", 0).type, RNL_T_TIMESTAMP);
}

static void test_dates_only_where_nothing_is_lost(void **state)
{
    (void)state;
    assert_int_equal(decided("DATE", "('2024-02-29')", DATES_AUTO).type, RNL_T_DATE);
    assert_int_equal(decided("DATE", "('2024-02-30')", DATES_AUTO).type, RNL_T_TEXT);
    assert_int_equal(decided("DATE", "('2024-02-29')", DATES_TEXT).type, RNL_T_TEXT);
    assert_int_equal(decided("DATETIME", "('2024-02-29 01:02:03.500')", DATES_AUTO).scale, 3);
    assert_int_equal(
        decided("DATETIME", "('2024-02-29 01:02:03'), ('2024-02-29 01:02:03.5')", DATES_AUTO).type,
        RNL_T_TEXT);
    assert_int_equal(
        decided("DATETIME", "('2024-02-29 01:02:03'), ('2024-02-29 01:02:03.5')", DATES_ANY).type,
        RNL_T_TIMESTAMP);
    assert_int_equal(decided("DATETIME", "('2024-02-29T01:02:03')", DATES_AUTO).type, RNL_T_TEXT);
    assert_int_equal(decided("DATETIME", "(1709168523)", DATES_AUTO).type, RNL_T_INT);
    assert_int_equal(decided("TIME", "('23:59:59')", DATES_AUTO).type, RNL_T_TIME);
}

/* A key that was written is bound again; one of another schema, or cut off, is refused. */
static void test_places_in_a_table(void **state)
{
    struct source source = {.schema_version = 7};
    struct rnl_error err = RNL_ERROR_INIT;
    struct buf key = {0};
    sqlite3_stmt *from, *to;
    sqlite3 *db;

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sq_prepare(db, "SELECT -5, 'ä', x'00ff', 0.5", "", &from, &err), RNL_OK);
    assert_int_equal(
        sq_prepare(db, "SELECT ?1 = -5 AND ?2 = 'ä' AND ?3 = x'00ff' AND ?4 = 0.5", "", &to, &err),
        RNL_OK);
    assert_int_equal(sq_step(from, "", &err), RNL_OK);
    key_put(&key, &source, from, 0, 4);
    for (size_t len = 0; len < key.len; len++)
        assert_int_equal(key_bind(&source, (struct rnl_slice){key.ptr, len}, to, 1, 4, "t", &err),
                         RNL_E_CONFIG);
    assert_int_equal(key_bind(&source, (struct rnl_slice){key.ptr, key.len}, to, 1, 4, "t", &err),
                     RNL_OK);
    assert_int_equal(sq_step(to, "", &err), RNL_OK);
    assert_int_equal(sqlite3_column_int(to, 0), 1);
    source.schema_version = 8;
    assert_int_equal(key_bind(&source, (struct rnl_slice){key.ptr, key.len}, to, 1, 4, "t", &err),
                     RNL_E_CONFIG);
    assert_string_equal(err.code, "resume.schema_changed");
    sqlite3_finalize(from);
    sqlite3_finalize(to);
    sqlite3_close(db);
    buf_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimals_of_doubles),
        cmocka_unit_test(test_types_by_what_is_there),
        cmocka_unit_test(test_dates_only_where_nothing_is_lost),
        cmocka_unit_test(test_places_in_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
