/* What a source's foreign keys did, as statements: which, in which order, with which values. */
#include "cascade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* a ← b (b.a, on delete cascade, on update cascade), b ← c (c.a, c.n: the same), a ← a (a.up) */
static const struct rnl_column a_columns[] = {{.name = "id"}, {.name = "up"}};
static const struct rnl_column b_columns[] = {{.name = "a"}, {.name = "n"}};
static const struct rnl_column c_columns[] = {{.name = "x"}, {.name = "n"}, {.name = "a"}};
static const uint32_t zero[] = {0}, one[] = {1}, two_one[] = {2, 1};
static const char *const id[] = {"id"}, *const a_n[] = {"a", "n"};
static struct rnl_foreign_key up = {.ref_schema = "s",
                                    .ref_table = "a",
                                    .columns = one,
                                    .ref_columns = id,
                                    .ncolumns = 1,
                                    .on_delete = RNL_ACTION_SET_NULL};
static const struct rnl_foreign_key b_a = {.ref_schema = "s",
                                           .ref_table = "a",
                                           .columns = zero,
                                           .ref_columns = id,
                                           .ncolumns = 1,
                                           .on_delete = RNL_ACTION_CASCADE,
                                           .on_update = RNL_ACTION_CASCADE};
static const struct rnl_foreign_key c_b = {.ref_schema = "s",
                                           .ref_table = "b",
                                           .columns = two_one,
                                           .ref_columns = a_n,
                                           .ncolumns = 2,
                                           .on_delete = RNL_ACTION_CASCADE,
                                           .on_update = RNL_ACTION_CASCADE};

#define TABLE(title, cols, key)                                                         \
    {                                                                                   \
        .schema = "s", .name = (title), .dialect = "mysql", .columns = (cols),          \
        .ncolumns = sizeof(cols) / sizeof((cols)[0]), .column_size = sizeof((cols)[0]), \
        .foreign_keys = (key), .nforeign_keys = 1, .foreign_key_size = sizeof(*(key))   \
    }
static struct rnl_table tables[] = {TABLE("c", c_columns, &c_b), TABLE("a", a_columns, &up),
                                    TABLE("b", b_columns, &b_a)};

static uint32_t table_count(const struct rnl_catalog *catalog)
{
    (void)catalog;
    return sizeof(tables) / sizeof(tables[0]);
}

static const struct rnl_table *table_at(const struct rnl_catalog *catalog, uint32_t index)
{
    (void)catalog;
    return &tables[index];
}

static const struct rnl_host host = {.table_count = table_count, .table_at = table_at};

/* --- a sink that writes down what it is told ------------------------------------------ */

static char told[4000];
static unsigned looks; /* that find rows */

static void say_table(void *arg, uint32_t table, struct buf *sql)
{
    (void)arg;
    buf_puts(sql, tables[table].name);
}

static void say_column(void *arg, uint32_t table, uint32_t column, struct buf *sql)
{
    (void)arg;
    buf_puts(sql, tables[table].columns[column].name);
}

static void say_mark(void *arg, uint32_t table, uint32_t column, uint32_t number, struct buf *sql)
{
    (void)arg;
    buf_printf(sql, "$%u:%s.%s", number, tables[table].name, tables[table].columns[column].name);
}

/* What has no room any more isn't read by any test. */
RNL_PRINTF(1, 2)
static void say(const char *fmt, ...)
{
    size_t len = strlen(told);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(told + len, sizeof(told) - len, fmt, ap);
    va_end(ap);
}

static int say_run(void *arg, struct buf *sql, const struct cascade_value *values, uint32_t count,
                   uint64_t *rows, struct rnl_error *err)
{
    (void)arg;
    (void)err;
    say("%s [", buf_text(sql));
    for (uint32_t i = 0; i < count; i++)
        say("%s%s%u", i ? " " : "", values[i].fresh ? "new" : "old", values[i].column);
    say("]\n");
    *rows = strncmp(sql->ptr, "SELECT", 6) != 0 || (looks && looks--);
    return RNL_OK;
}

static const struct cascade_sink sink = {
    .table = say_table, .column = say_column, .mark = say_mark, .run = say_run};

static const struct rnl_value values[] = {{.type = RNL_T_INT, .i = 1}, {.type = RNL_T_NULL}};
static const struct rnl_value moved[] = {{.type = RNL_T_INT, .i = 2}, {.type = RNL_T_NULL}};
static const struct rnl_value unsent[] = {{.type = RNL_T_UNCHANGED}, {.type = RNL_T_INT, .i = 7}};

static void check(const struct rnl_row *row, unsigned found, const char *expected)
{
    struct cascade_map map = {0};
    struct rnl_error err = RNL_ERROR_INIT;

    assert_true(cascade_map_make(&map, &host, NULL));
    told[0] = '\0';
    looks = found;
    assert_int_equal(cascade_starts(&map, row), *expected != '\0');
    assert_int_equal(cascade_run(&map, &sink, row, zero, 1, &err), RNL_OK);
    assert_string_equal(told, expected);
    cascade_map_free(&map);
}

static void test_delete(void **state)
{
    const struct rnl_row row = {.op = RNL_DELETE, .table = 1, .nvalues = 2, .before = values};

    (void)state;
    check(&row, 0,
          "SELECT 1 FROM b WHERE a = $1:a.id LIMIT 1 [old0]\n"
          "DELETE FROM b WHERE a = $1:a.id [old0]\n"
          "UPDATE a SET up = NULL WHERE up = $1:a.id [old0]\n");
    check(&row, 1,
          "SELECT 1 FROM b WHERE a = $1:a.id LIMIT 1 [old0]\n"
          "DELETE FROM c WHERE (a, n) IN (SELECT a, n FROM b WHERE a = "
          "$1:a.id) [old0]\n"
          "DELETE FROM b WHERE a = $1:a.id [old0]\n"
          "UPDATE a SET up = NULL WHERE up = $1:a.id [old0]\n");
}

/* The row is found by its key where the source didn't send what others refer to. */
static void test_unsent(void **state)
{
    const uint32_t key[] = {1};
    struct cascade_map map = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_row row = {.op = RNL_DELETE, .table = 1, .nvalues = 2, .before = unsent};

    (void)state;
    assert_true(cascade_map_make(&map, &host, NULL));
    assert_true(cascade_beyond(&map, 1, key, 1));
    assert_false(cascade_beyond(&map, 1, zero, 1));
    assert_false(cascade_beyond(&map, 0, key, 1));
    told[0] = '\0';
    looks = 0;
    assert_int_equal(cascade_run(&map, &sink, &row, key, 1, &err), RNL_OK);
    assert_non_null(strstr(told, "DELETE FROM b WHERE (a) IN (SELECT id "
                                 "FROM a WHERE up = $1:a.up) [old1]\n"));
    cascade_map_free(&map);
}

static void test_update(void **state)
{
    struct rnl_row row = {
        .op = RNL_UPDATE, .table = 1, .nvalues = 2, .before = values, .after = moved};

    (void)state;
    check(&row, 1,
          "SELECT 1 FROM b WHERE a = $1:a.id LIMIT 1 [old0]\n"
          "UPDATE c SET a = $1:a.id WHERE (a, n) IN (SELECT a, n FROM b "
          "WHERE a = $2:a.id) [new0 old0]\n"
          "UPDATE b SET a = $1:a.id WHERE a = $2:a.id [new0 old0]\n");
    row.after = values;
    check(&row, 1, "");
    row.after = unsent;
    check(&row, 1, "");
    row.before = NULL;
    check(&row, 1, "");
}

/* A tree that is deeper than the servers go, or a row that is its own parent, comes to an end. */
static void test_circle(void **state)
{
    const struct rnl_row row = {.op = RNL_DELETE, .table = 1, .nvalues = 2, .before = values};
    struct cascade_map map = {0};
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    up.on_delete = RNL_ACTION_CASCADE;
    assert_true(cascade_map_make(&map, &host, NULL));
    looks = 1000000;
    told[0] = '\0';
    assert_int_equal(cascade_run(&map, &sink, &row, zero, 1, &err), RNL_OK);
    assert_true(looks > 900000);
    cascade_map_free(&map);
    up.on_delete = RNL_ACTION_SET_NULL;
}

/* PostgreSQL logs what its keys do; a key to a table or a column that isn't there does nothing. */
static void test_none(void **state)
{
    const struct rnl_row row = {.op = RNL_DELETE, .table = 1, .nvalues = 2, .before = values};

    (void)state;
    for (int i = 0; i < 3; i++)
        tables[i].dialect = "postgres";
    check(&row, 1, "");
    for (int i = 0; i < 3; i++)
        tables[i].dialect = "mysql";
    up.ref_table = "gone";
    check(&row, 0,
          "SELECT 1 FROM b WHERE a = $1:a.id LIMIT 1 [old0]\n"
          "DELETE FROM b WHERE a = $1:a.id [old0]\n");
    up.ref_table = "a";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delete), cmocka_unit_test(test_unsent), cmocka_unit_test(test_update),
        cmocka_unit_test(test_circle), cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
