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
    expect(&e.columns, 2, 2, 2, 0);
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

/* Those that are gone, those that are new, and those that stand in another order. */
static void test_constraints_come_and_go(void **state)
{
    const uint32_t first[] = {0};
    const char *const id[] = {"id"};
#define KEY(title, schema)                                                           \
    {                                                                                \
        .name = (title), .ref_schema = (schema), .ref_table = "t", .columns = first, \
        .ref_columns = id, .ncolumns = 1                                             \
    }
    const struct rnl_foreign_key keys[] = {KEY("x", "s"), KEY("y", "s"), KEY("z", "o")};
    const struct rnl_foreign_key later[] = {KEY("new", "s"), KEY("z", "o"), KEY("y", "s")};
    const struct rnl_check checks[] = {{.name = "x", .expression = "a", .enforced = 1},
                                       {.expression = "x", .enforced = 1},
                                       {.name = "y", .expression = "b", .enforced = 1}};
    const struct rnl_check checks_later[] = {{.name = "new", .expression = "a", .enforced = 1},
                                             {.name = "y", .expression = "b", .enforced = 1},
                                             {.expression = "a", .enforced = 1}};
    struct rnl_table from = FORM("t", abc), to = FORM("u", abc);
    struct evolution e;

    (void)state;
    from.foreign_keys = keys;
    to.foreign_keys = later;
    from.checks = checks;
    to.checks = checks_later;
    from.nforeign_keys = to.nforeign_keys = from.nchecks = to.nchecks = 3;
    e = compare(&from, &to, NULL, 0);
    assert_int_equal(e.foreign_keys.count, 4);
    expect(&e.foreign_keys, 0, UINT32_MAX, 0, 0);
    expect(&e.foreign_keys, 1, 2, 1, 0); /* of another schema, and not the table itself */
    expect(&e.foreign_keys, 2, 1, 2, 0);
    expect(&e.foreign_keys, 3, 0, UINT32_MAX, 0);
    assert_int_equal(e.checks.count, 5);
    expect(&e.checks, 0, UINT32_MAX, 0, 0);
    expect(&e.checks, 1, 2, 1, 0);
    expect(&e.checks, 2, UINT32_MAX, 2, 0);
    expect(&e.checks, 3, 0, UINT32_MAX, 0);
    expect(&e.checks, 4, 1, UINT32_MAX, 0);
    evolution_free(&e);
    /* the table's own name, but of another schema: it is another table now */
    from.foreign_keys = (const struct rnl_foreign_key[]){KEY("x", "o")};
    to.foreign_keys = (const struct rnl_foreign_key[]){{.name = "x",
                                                        .ref_schema = "o",
                                                        .ref_table = "u",
                                                        .columns = first,
                                                        .ref_columns = id,
                                                        .ncolumns = 1}};
    from.nforeign_keys = to.nforeign_keys = 1;
    e = compare(&from, &to, NULL, 0);
    expect(&e.foreign_keys, 0, 0, 0, EVOLVED_MEANING);
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
    assert_true(there != evolution_digest(&plain, &form, swap, 1));
    assert_true(evolution_digest(&plain, &form, &swap[0], 1) !=
                evolution_digest(&plain, &form, (const struct rnl_rename[]){{"c", "b"}}, 1));
    assert_true(evolution_digest(&plain, &form, &swap[0], 1) !=
                evolution_digest(&plain, &form, (const struct rnl_rename[]){{"a", "c"}}, 1));
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
    column.flags = RNL_COLUMN_GENERATED;
    column.default_kind = RNL_DEFAULT_NOW;
    assert_false(evolution_default_varies(&column));
}

static void test_widens(void **state)
{
#define T(...)                   \
    (struct rnl_column)          \
    {                            \
        .name = "a", __VA_ARGS__ \
    }
#define OF(kind, ...) T(.type = RNL_T_##kind, __VA_ARGS__)
    const struct {
        struct rnl_column from, to;
        bool there, back;
    } cases[] = {
        {OF(INT, .width = 4), OF(INT, .width = 8), true, false},
        {OF(UINT, .width = 4), OF(UINT, .width = 8), true, false},
        {OF(UINT, .width = 4), OF(INT, .width = 8), true, false},
        {OF(UINT, .width = 4), OF(INT, .width = 4), false, false},
        {OF(INT, .width = 4), OF(TEXT, .length = 0), false, false},
        {OF(UINT, .width = 4), OF(TEXT, .width = 8), false, false},
        {OF(BOOL, .width = 0), OF(INT, .width = 1), true, false},
        {OF(BOOL, .width = 0), OF(UINT, .width = 1), true, false},
        {OF(BOOL, .width = 0), OF(TEXT, .length = 0), false, false},
        {OF(FLOAT, .width = 0), OF(DOUBLE, .width = 0), false, false},
        {OF(FLOAT, .width = 0), OF(FLOAT, .width = 0), true, true},
        {OF(DOUBLE, .width = 0), OF(DOUBLE, .width = 0), true, true},
        {OF(TEXT, .length = 10), OF(TEXT, .length = 11), true, false},
        {OF(TEXT, .length = 10), OF(TEXT, .length = 0), true, false},
        {OF(BYTES, .length = 10), OF(BYTES, .length = 11), true, false},
        {OF(TEXT, .length = 10), OF(BYTES, .length = 90), false, false},
        {OF(DECIMAL, .precision = 10, .scale = 2), OF(DECIMAL, .precision = 0), true, false},
        {OF(DECIMAL, .precision = 10, .scale = 2), OF(DECIMAL, .precision = 10, .scale = 4), false,
         false},
        {OF(DECIMAL, .precision = 10, .scale = 2), OF(DECIMAL, .precision = 12, .scale = 4), true,
         false},
        {OF(TIME, .scale = 3), OF(TIME, .scale = 6), true, false},
        {OF(TIMESTAMP, .scale = 3), OF(TIMESTAMP, .scale = 6), true, false},
        {OF(TIMESTAMPTZ, .scale = 3), OF(TIMESTAMPTZ, .scale = 6), true, false},
        {OF(TIMESTAMP, .scale = 3), OF(TIMESTAMPTZ, .scale = 3), false, false},
        {OF(BITS, .length = 3), OF(BITS, .length = 4), false, false},
        {OF(BITS, .length = 3), OF(BITS, .length = 3), true, true},
        {OF(NATIVE, .native = "x"), OF(NATIVE, .native = "y"), false, false},
        {OF(NATIVE, .native = "x"), OF(NATIVE, .native = "x"), true, true},
        {OF(DATE, .width = 0), OF(DATE, .width = 0), true, true},
        {OF(TEXT, .length = 1), OF(TEXT, .length = 9, .flags = RNL_COLUMN_ENUM), false, false},
        {OF(INT, .width = 4), OF(INT, .width = 8, .type_name = "d"), false, false},
        {OF(INT, .width = 4), OF(INT, .width = 8, .type_schema = "d"), false, false},
        {OF(NATIVE, .element = RNL_T_INT), OF(NATIVE, .element = RNL_T_TEXT), false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (evolution_widens(&cases[i].from, &cases[i].to) != cases[i].there ||
            evolution_widens(&cases[i].to, &cases[i].from) != cases[i].back)
            fail_msg("case %zu", i);
#undef OF
#undef T
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_renames),     cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_constraints), cmocka_unit_test(test_constraints_come_and_go),
        cmocka_unit_test(test_partitions),  cmocka_unit_test(test_digest),
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_widens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
