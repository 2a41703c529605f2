/* Each thing that a form of a table says: when it is another, that is seen, and has its own digest.
 */
#include "evolution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const ab[] = {"a", "b"}, *const ac[] = {"a", "c"}, *const id[] = {"id"},
                         *const ref[] = {"ref"}, *const nulls[] = {"NULLS FIRST"},
                         *const none[] = {NULL};
static const uint32_t first[] = {0}, second[] = {1};
static const struct rnl_index_part part = {.column = 0}, over = {.expression = "lower(a)"};

/* A table with one of everything. */
struct one {
    struct rnl_table table;
    struct rnl_column columns[2];
    struct rnl_index index;
    struct rnl_index_part part;
    struct rnl_foreign_key key;
    struct rnl_check check;
    struct rnl_partition partition;
};

static void make(struct one *one)
{
    *one = (struct one){
        .columns = {{.name = "a",
                     .native = "int",
                     .type = RNL_T_INT,
                     .width = 4,
                     .flags = RNL_COLUMN_NULLABLE},
                    {.name = "b",
                     .native = "int",
                     .type = RNL_T_INT,
                     .width = 4,
                     .labels = ab,
                     .nlabels = 2}},
        .index = {.name = "i", .nparts = 1, .include = second, .ninclude = 1, .part_options = none},
        .part = part,
        .key = {.name = "k",
                .ref_schema = "s",
                .ref_table = "p",
                .columns = first,
                .ref_columns = id,
                .ncolumns = 1},
        .check = {.name = "c", .expression = "a > 0", .enforced = 1},
        .partition = {.schema = "s", .name = "p1", .bounds = "1"},
    };
    one->index.parts = &one->part;
    one->table = (struct rnl_table){.schema = "s",
                                    .name = "t",
                                    .dialect = "postgres",
                                    .columns = one->columns,
                                    .ncolumns = 2,
                                    .column_size = sizeof(one->columns[0]),
                                    .indexes = &one->index,
                                    .nindexes = 1,
                                    .index_size = sizeof(one->index),
                                    .foreign_keys = &one->key,
                                    .nforeign_keys = 1,
                                    .foreign_key_size = sizeof(one->key),
                                    .checks = &one->check,
                                    .nchecks = 1,
                                    .check_size = sizeof(one->check),
                                    .partitions = &one->partition,
                                    .npartitions = 1,
                                    .partition_size = sizeof(one->partition)};
}

static uint32_t changes_of(const struct evolution_list *list)
{
    assert_true(list->count > 0);
    for (uint32_t i = 1; i < list->count; i++)
        assert_int_equal(list->pairs[i].changes, 0);
    return list->pairs[0].changes;
}

/* The lists in which something is another: what. */
struct seen {
    uint32_t columns, indexes, keys, checks, partitions;
    bool moved, comment, layout;
};

static void check(const struct one *is, const struct seen *seen, int line)
{
    struct one was;
    struct evolution e;

    make(&was);
    assert_true(evolution_compare(&e, &was.table, &is->table, NULL, 0));
    if (changes_of(&e.columns) != seen->columns || changes_of(&e.indexes) != seen->indexes ||
        changes_of(&e.foreign_keys) != seen->keys || changes_of(&e.checks) != seen->checks ||
        changes_of(&e.partitions) != seen->partitions || e.moved != seen->moved ||
        e.comment != seen->comment || e.layout != seen->layout)
        fail_msg("line %d: something else is seen", line);
    if (evolution_digest(&was.table, &is->table, NULL, 0) ==
        evolution_digest(&was.table, &was.table, NULL, 0))
        fail_msg("line %d: the digest is the same", line);
    if (evolution_digest(&is->table, &was.table, NULL, 0) ==
        evolution_digest(&was.table, &was.table, NULL, 0))
        fail_msg("line %d: the digest is the same the other way", line);
    evolution_free(&e);
}

/* With the assignment, that is seen. */
#define SEEN(assignment, ...)                   \
    do {                                        \
        struct one one;                         \
        const struct seen seen = {__VA_ARGS__}; \
        make(&one);                             \
        one.assignment;                         \
        check(&one, &seen, __LINE__);           \
    } while (0)

static void test_types(void **state)
{
    (void)state;
    SEEN(columns[0].native = "bigint", .columns = EVOLVED_TYPE);
    SEEN(columns[0].type = RNL_T_UINT, .columns = EVOLVED_TYPE);
    SEEN(columns[0].width = 8, .columns = EVOLVED_TYPE);
    SEEN(columns[0].length = 8, .columns = EVOLVED_TYPE);
    SEEN(columns[0].precision = 8, .columns = EVOLVED_TYPE);
    SEEN(columns[0].scale = 8, .columns = EVOLVED_TYPE);
    SEEN(columns[0].srid = 8, .columns = EVOLVED_TYPE);
    SEEN(columns[0].element = 8, .columns = EVOLVED_TYPE);
    SEEN(columns[0].charset = "x", .columns = EVOLVED_TYPE);
    SEEN(columns[0].collation = "x", .columns = EVOLVED_TYPE);
    SEEN(columns[0].type_schema = "x", .columns = EVOLVED_TYPE);
    SEEN(columns[0].type_name = "x", .columns = EVOLVED_TYPE);
    SEEN(columns[0].storage = "x", .columns = EVOLVED_TYPE);
    SEEN(columns[0].flags |= RNL_COLUMN_SET, .columns = EVOLVED_TYPE);
    SEEN(columns[0].flags |= RNL_COLUMN_FIXED, .columns = EVOLVED_TYPE);
}

static void test_labels(void **state)
{
    struct one one, other;
    struct evolution e;

    (void)state;
    make(&one);
    make(&other);
    other.columns[1].labels = ac;
    assert_true(evolution_compare(&e, &one.table, &other.table, NULL, 0));
    assert_int_equal(e.columns.pairs[1].changes, EVOLVED_TYPE);
    evolution_free(&e);
    assert_true(evolution_digest(&one.table, &other.table, NULL, 0) !=
                evolution_digest(&one.table, &one.table, NULL, 0));
    other.columns[1].labels = ab;
    other.columns[1].nlabels = 1;
    assert_true(evolution_compare(&e, &one.table, &other.table, NULL, 0));
    assert_int_equal(e.columns.pairs[1].changes, EVOLVED_TYPE);
    evolution_free(&e);
}

static void test_columns(void **state)
{
    (void)state;
    SEEN(columns[0].flags = 0, .columns = EVOLVED_NULLABLE);
    SEEN(columns[0].comment = "x", .columns = EVOLVED_COMMENT);
    SEEN(columns[0].flags |= RNL_COLUMN_IDENTITY, .columns = EVOLVED_IDENTITY);
    SEEN(columns[0].flags |= RNL_COLUMN_ALWAYS, .columns = EVOLVED_IDENTITY);
    SEEN(columns[0].increment = 2, .columns = EVOLVED_IDENTITY);
    SEEN(columns[0].flags |= RNL_COLUMN_GENERATED, .columns = EVOLVED_GENERATED);
    SEEN(columns[0].generated = "b", .columns = EVOLVED_GENERATED);
    SEEN(columns[0].flags |= RNL_COLUMN_TOUCHED, .columns = EVOLVED_TOUCHED);
    SEEN(columns[0].flags |= RNL_COLUMN_INVISIBLE, .columns = EVOLVED_VISIBLE);
    SEEN(columns[0].default_kind = RNL_DEFAULT_LITERAL, .columns = EVOLVED_DEFAULT);
}

static void test_defaults(void **state)
{
    struct one one, other;
    struct evolution e;

    (void)state;
    make(&one);
    make(&other);
    other.columns[0].default_kind = RNL_DEFAULT_NULL; /* as none at all */
    assert_true(evolution_compare(&e, &one.table, &other.table, NULL, 0));
    assert_int_equal(e.columns.pairs[0].changes, 0);
    evolution_free(&e);
    one.columns[0].default_kind = RNL_DEFAULT_LITERAL;
    assert_true(evolution_compare(&e, &other.table, &one.table, NULL, 0));
    assert_int_equal(e.columns.pairs[0].changes, EVOLVED_DEFAULT);
    evolution_free(&e);
    one.columns[0].default_text = other.columns[0].default_text = "1";
    other.columns[0].default_kind = RNL_DEFAULT_EXPRESSION;
    assert_true(evolution_compare(&e, &one.table, &other.table, NULL, 0));
    assert_int_equal(e.columns.pairs[0].changes, EVOLVED_DEFAULT);
    evolution_free(&e);
    other.columns[0].default_kind = RNL_DEFAULT_LITERAL;
    assert_true(evolution_compare(&e, &one.table, &other.table, NULL, 0));
    assert_int_equal(e.columns.pairs[0].changes, 0);
    evolution_free(&e);
    one.columns[0].default_text = "1";
    other.columns[0].default_text = "2";
    assert_true(evolution_compare(&e, &one.table, &other.table, NULL, 0));
    assert_int_equal(e.columns.pairs[0].changes, EVOLVED_DEFAULT);
    evolution_free(&e);
    assert_true(evolution_digest(&one.table, &other.table, NULL, 0) !=
                evolution_digest(&other.table, &one.table, NULL, 0));
}

static void test_indexes(void **state)
{
    (void)state;
    SEEN(index.flags = RNL_INDEX_UNIQUE, .indexes = EVOLVED_MEANING);
    SEEN(index.where = "a > 0", .indexes = EVOLVED_MEANING);
    SEEN(index.method = "gin", .indexes = EVOLVED_MEANING);
    SEEN(index.options = "x", .indexes = EVOLVED_MEANING);
    SEEN(index.comment = "x", .indexes = EVOLVED_MEANING);
    SEEN(index.include = first, .indexes = EVOLVED_MEANING);
    SEEN(index.ninclude = 0, .indexes = EVOLVED_MEANING);
    SEEN(index.part_options = nulls, .indexes = EVOLVED_MEANING);
    SEEN(part.column = 1, .indexes = EVOLVED_MEANING);
    SEEN(part.prefix = 1, .indexes = EVOLVED_MEANING);
    SEEN(part.descending = 1, .indexes = EVOLVED_MEANING);
    SEEN(part = over, .indexes = EVOLVED_MEANING);
    SEEN(index.nparts = 0, .indexes = EVOLVED_MEANING);
}

static void test_constraints(void **state)
{
    (void)state;
    SEEN(key.ref_schema = "x", .keys = EVOLVED_MEANING);
    SEEN(key.ref_table = "x", .keys = EVOLVED_MEANING);
    SEEN(key.columns = second, .keys = EVOLVED_MEANING);
    SEEN(key.ref_columns = ref, .keys = EVOLVED_MEANING);
    SEEN(key.on_delete = RNL_ACTION_CASCADE, .keys = EVOLVED_MEANING);
    SEEN(key.on_update = RNL_ACTION_CASCADE, .keys = EVOLVED_MEANING);
    SEEN(key.flags = 1, .keys = EVOLVED_MEANING);
    SEEN(key.ncolumns = 0, .keys = EVOLVED_MEANING);
    SEEN(check.expression = "a > 1", .checks = EVOLVED_MEANING);
    SEEN(check.enforced = 0, .checks = EVOLVED_MEANING);
    SEEN(check.of_type = 1, .checks = EVOLVED_MEANING);
}

static void test_table(void **state)
{
    (void)state;
    SEEN(partition.bounds = "2", .partitions = EVOLVED_MEANING);
    SEEN(partition.parent = "p", .partitions = EVOLVED_MEANING);
    SEEN(partition.partition_by = "LIST (a)", .partitions = EVOLVED_MEANING);
    SEEN(table.name = "u", .moved = true);
    SEEN(table.schema = "u", .moved = true);
    SEEN(table.comment = "x", .comment = true);
    SEEN(table.flags = RNL_TABLE_PARTITIONED, .layout = true);
    SEEN(table.partition_by = "LIST (a)", .layout = true);
    SEEN(table.storage = "x", .layout = true);
}

/* What is called otherwise is another thing, and has another digest. */
static void test_names(void **state)
{
    struct one was, is;
    uint64_t same;

    (void)state;
    make(&was);
    same = evolution_digest(&was.table, &was.table, NULL, 0);
#define NAMED(what) \
    make(&is);      \
    is.what = "x";  \
    assert_true(evolution_digest(&was.table, &is.table, NULL, 0) != same)
    NAMED(columns[0].name);
    NAMED(index.name);
    NAMED(key.name);
    NAMED(check.name);
    NAMED(partition.name);
    NAMED(partition.schema);
#undef NAMED
    make(&is);
    is.table.nchecks = 0;
    assert_true(evolution_digest(&was.table, &is.table, NULL, 0) != same);
}

/* Two columns swap their names: what is said of them in the same words is about the other. */
static void test_texts(void **state)
{
    const struct rnl_rename swap[] = {{"a", "b"}, {"b", "a"}};
    static const struct {
        const char *text;
        bool same;
    } cases[] = {{"a > 0", false},
                 {"0 < `b`", false},
                 {"\"A\" > 0", false},
                 {"ab > 0", true},
                 {"c.a_ > ba", true},
                 {"(ab) > (a)", false},
                 {"\xc3\xa4"
                  "b > 0",
                  true}};
    struct one was, is;
    struct evolution e;

    (void)state;
    make(&was);
    make(&is);
    is.columns[0].name = "b";
    is.columns[1].name = "a";
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t expected = cases[i].same ? 0 : EVOLVED_MEANING;

        was.check.expression = is.check.expression = cases[i].text;
        was.index.where = is.index.where = cases[i].text;
        was.part.expression = is.part.expression = i % 2 ? cases[i].text : NULL;
        was.columns[0].generated = is.columns[0].generated = cases[i].text;
        assert_true(evolution_compare(&e, &was.table, &is.table, swap, 2));
        assert_int_equal(e.checks.pairs[0].changes, expected);
        assert_int_equal(e.indexes.pairs[0].changes, expected);
        assert_int_equal(e.columns.pairs[0].changes,
                         EVOLVED_NAME | (cases[i].same ? 0u : (uint32_t)EVOLVED_GENERATED));
        evolution_free(&e);
        assert_true(evolution_compare(&e, &was.table, &was.table, NULL, 0));
        assert_int_equal(e.checks.pairs[0].changes, 0);
        evolution_free(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),   cmocka_unit_test(test_labels),
        cmocka_unit_test(test_columns), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_indexes), cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_table),   cmocka_unit_test(test_texts),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
