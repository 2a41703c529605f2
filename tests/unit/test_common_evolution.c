/* Two forms of a table: what is the same, what is new, gone, changed or called otherwise. */
#include "evolution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define INT(title)                                                      \
    {                                                                   \
        .name = (title), .native = "int", .type = RNL_T_INT, .width = 4 \
    }
#define COUNT(items) (uint32_t)(sizeof(items) / sizeof((items)[0]))
#define FORM(title, cols)                                                               \
    {                                                                                   \
        .schema = "s", .name = (title), .dialect = "mysql", .columns = (cols),          \
        .ncolumns = COUNT(cols), .column_size = sizeof((cols)[0]),                      \
        .index_size = sizeof(struct rnl_index), .check_size = sizeof(struct rnl_check), \
        .foreign_key_size = sizeof(struct rnl_foreign_key),                             \
        .partition_size = sizeof(struct rnl_partition)                                  \
    }

static const struct rnl_column abc[] = {INT("a"), INT("b"), INT("c")};
static const struct rnl_table plain = FORM("t", abc);

static struct evolution compare(const struct rnl_table *from, const struct rnl_table *to,
                                const struct rnl_rename *renamed, uint32_t count)
{
    struct evolution e;

    assert_true(evolution_compare(&e, from, to, renamed, count));
    return e;
}

static void expect(const struct evolution_list *list, uint32_t at, uint32_t from, uint32_t to,
                   uint32_t changes)
{
    assert_true(at < list->count);
    assert_int_equal(list->pairs[at].from, from);
    assert_int_equal(list->pairs[at].to, to);
    assert_int_equal(list->pairs[at].changes, changes);
}

static void test_same(void **state)
{
    struct evolution e = compare(&plain, &plain, NULL, 0);

    (void)state;
    assert_int_equal(e.columns.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        expect(&e.columns, i, i, i, 0);
    assert_false(e.moved || e.comment || e.layout || e.reordered);
    evolution_free(&e);
}

static void test_columns(void **state)
{
    const struct rnl_column columns[] = {INT("new"),
                                         {.name = "C",
                                          .native = "bigint",
                                          .type = RNL_T_INT,
                                          .width = 8,
                                          .flags = RNL_COLUMN_NULLABLE,
                                          .default_kind = RNL_DEFAULT_LITERAL,
                                          .default_text = "1",
                                          .comment = "x"},
                                         INT("a")};
    const struct rnl_table form = FORM("u", columns);
    struct evolution e = compare(&plain, &form, NULL, 0);

    (void)state;
    assert_int_equal(e.columns.count, 4);
    expect(&e.columns, 0, UINT32_MAX, 0, 0);
    /* names of MySQL are the same in any case */
    expect(&e.columns, 1, 2, 1,
           EVOLVED_NAME | EVOLVED_TYPE | EVOLVED_NULLABLE | EVOLVED_DEFAULT | EVOLVED_COMMENT);
    expect(&e.columns, 2, 0, 2, 0);
    expect(&e.columns, 3, 1, UINT32_MAX, 0);
    assert_true(e.moved && e.reordered);
    assert_true(evolution_is_new(&e.columns.pairs[0]) && evolution_is_gone(&e.columns.pairs[3]));
    evolution_free(&e);
}

/* a is called b, and another column is called a: no value may get into the wrong one. */
static void test_renames(void **state)
{
    const struct rnl_column columns[] = {INT("b"), INT("a"), INT("c")};
    const struct rnl_table form = FORM("t", columns);
    const struct rnl_rename swap[] = {{"a", "b"}, {"b", "a"}}, one[] = {{"a", "b"}};
    struct evolution e = compare(&plain, &form, swap, 2);

    (void)state;
    expect(&e.columns, 0, 0, 0, EVOLVED_NAME);
    expect(&e.columns, 1, 1, 1, EVOLVED_NAME);
    evolution_free(&e);
    e = compare(&plain, &form, one, 1);
    expect(&e.columns, 0, 0, 0, EVOLVED_NAME);
    expect(&e.columns, 1, UINT32_MAX, 1, 0);
    expect(&e.columns, 3, 1, UINT32_MAX, 0);
    evolution_free(&e);
}

static void test_indexes(void **state)
{
    const struct rnl_column renamed[] = {INT("a"), INT("x"), INT("c")};
    const struct rnl_index_part a = {.column = 0}, b = {.column = 1},
                                bc[] = {{.column = 1}, {.column = 2}};
    const struct rnl_index before[] = {
        {.name = "PRIMARY", .parts = &a, .nparts = 1, .flags = RNL_INDEX_PRIMARY},
        {.name = "by_b", .parts = &b, .nparts = 1},
        {.name = "old", .parts = &b, .nparts = 1}};
    const struct rnl_index after[] = {
        {.name = "by_b", .parts = &b, .nparts = 1},
        {.name = "t_pkey", .parts = bc, .nparts = 2, .flags = RNL_INDEX_PRIMARY},
        {.name = "new", .parts = &b, .nparts = 1}};
    const struct rnl_rename x = {"b", "x"};
    struct rnl_table from = FORM("t", abc), to = FORM("t", renamed);
    struct evolution e;

    (void)state;
    from.indexes = before;
    from.nindexes = COUNT(before);
    to.indexes = after;
    to.nindexes = COUNT(after);
    e = compare(&from, &to, &x, 1);
    expect(&e.indexes, 0, 1, 0, 0); /* its column is called otherwise: the index is what it was */
    expect(&e.indexes, 1, 0, 1, EVOLVED_MEANING);
    expect(&e.indexes, 2, UINT32_MAX, 2, 0);
    expect(&e.indexes, 3, 2, UINT32_MAX, 0);
    assert_true(evolution_makes(&e.indexes.pairs[1]) && evolution_drops(&e.indexes.pairs[1]));
    assert_false(evolution_drops(&e.indexes.pairs[2]) || evolution_makes(&e.indexes.pairs[3]));
    evolution_free(&e);
    /* without the rename x is a new column, and the index another */
    e = compare(&from, &to, NULL, 0);
    expect(&e.indexes, 0, 1, 0, EVOLVED_MEANING);
    evolution_free(&e);
}

static void test_constraints(void **state)
{
    const uint32_t first[] = {0}, second[] = {1};
    const char *const id[] = {"id"};
    const struct rnl_foreign_key key = {.name = "k",
                                        .ref_schema = "s",
                                        .ref_table = "p",
                                        .columns = first,
                                        .ref_columns = id,
                                        .ncolumns = 1};
    struct rnl_foreign_key other = key, own = key, own_later = key;
    const struct rnl_check checks[] = {{.name = "c", .expression = "a > 0", .enforced = 1},
                                       {.expression = "b > 0", .enforced = 1}};
    const struct rnl_check later[] = {{.expression = "b > 0", .enforced = 1},
                                      {.name = "c", .expression = "a > 1", .enforced = 1}};
    struct rnl_table from = FORM("t", abc), to = FORM("u", abc);
    struct evolution e;

    (void)state;
    from.foreign_keys = &key;
    to.foreign_keys = &other;
    from.nforeign_keys = to.nforeign_keys = 1;
    from.checks = checks;
    to.checks = later;
    from.nchecks = to.nchecks = 2;
    e = compare(&from, &to, NULL, 0);
    expect(&e.foreign_keys, 0, 0, 0, 0);
    expect(&e.checks, 0, 1, 0, 0);
    expect(&e.checks, 1, 0, 1, EVOLVED_MEANING);
    evolution_free(&e);
    other.columns = second;
    e = compare(&from, &to, NULL, 0);
    expect(&e.foreign_keys, 0, 0, 0, EVOLVED_MEANING);
    evolution_free(&e);
    own.ref_table = "t";
    own_later.ref_table = "u"; /* it points to its own table, under any name */
    from.foreign_keys = &own;
    to.foreign_keys = &own_later;
    e = compare(&from, &to, NULL, 0);
    expect(&e.foreign_keys, 0, 0, 0, 0);
    evolution_free(&e);
}

static void test_partitions(void **state)
{
    const struct rnl_partition before[] = {{.schema = "s", .name = "p1", .bounds = "1"},
                                           {.schema = "s", .name = "p2", .bounds = "2"}};
    const struct rnl_partition after[] = {{.schema = "s", .name = "p2", .bounds = "2"},
                                          {.schema = "s", .name = "p3", .bounds = "3"}};
    struct rnl_table from = plain, to = plain;
    struct evolution e;

    (void)state;
    from.partitions = before;
    to.partitions = after;
    from.npartitions = to.npartitions = 2;
    e = compare(&from, &to, NULL, 0);
    expect(&e.partitions, 0, 1, 0, 0);
    expect(&e.partitions, 1, UINT32_MAX, 1, 0);
    expect(&e.partitions, 2, 0, UINT32_MAX, 0);
    evolution_free(&e);
}

static void test_digest(void **state)
{
    const struct rnl_column columns[] = {INT("b"), INT("a"), INT("c")};
    const struct rnl_table form = FORM("t", columns);
    const struct rnl_rename swap[] = {{"a", "b"}, {"b", "a"}};
    uint64_t there = evolution_digest(&plain, &form, swap, 2);

    (void)state;
    assert_true(there == evolution_digest(&plain, &form, swap, 2));
    assert_true(there != evolution_digest(&form, &plain, swap, 2));
    assert_true(there != evolution_digest(&plain, &form, NULL, 0));
}

static void test_defaults(void **state)
{
    struct rnl_column column = INT("a");

    (void)state;
    assert_false(evolution_default_varies(&column));
    column.default_kind = RNL_DEFAULT_LITERAL;
    column.default_text = "now()";
    assert_false(evolution_default_varies(&column));
    column.default_kind = RNL_DEFAULT_EXPRESSION;
    assert_true(evolution_default_varies(&column));
    column.default_text = "(UUID())";
    assert_true(evolution_default_varies(&column));
    column.default_text = "'x'::text";
    assert_false(evolution_default_varies(&column));
    column.default_kind = RNL_DEFAULT_NOW;
    assert_true(evolution_default_varies(&column));
    column.default_kind = RNL_DEFAULT_NONE;
    column.flags = RNL_COLUMN_IDENTITY;
    assert_true(evolution_default_varies(&column));
}

static void test_widens(void **state)
{
    struct rnl_column a = INT("a"), b = INT("a");

    (void)state;
    b.width = 8;
    assert_true(evolution_widens(&a, &b));
    assert_false(evolution_widens(&b, &a));
    a.type = RNL_T_UINT;
    assert_true(evolution_widens(&a, &b));
    a.width = 8;
    assert_false(evolution_widens(&a, &b));
    a = b = (struct rnl_column){.type = RNL_T_DECIMAL, .precision = 10, .scale = 2};
    b.scale = 4;
    assert_false(evolution_widens(&a, &b));
    b.precision = 12;
    assert_true(evolution_widens(&a, &b));
    a = b = (struct rnl_column){.type = RNL_T_TEXT, .length = 10};
    b.length = 0;
    assert_true(evolution_widens(&a, &b));
    assert_false(evolution_widens(&b, &a));
    b.flags = RNL_COLUMN_ENUM;
    assert_false(evolution_widens(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_renames),     cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_constraints), cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_digest),      cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_widens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
