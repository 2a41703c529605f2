/* The catalog: deep copies, the choice of tables, and its form as JSON. */
#include "catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static const char *const labels[] = {"small", "it's, large"};
static const struct rnl_column columns[] = {
    {.name = "id",
     .native = "int unsigned",
     .type = RNL_T_UINT,
     .width = 4,
     .flags = RNL_COLUMN_KEY | RNL_COLUMN_IDENTITY},
    {.name = "size",
     .native = "enum",
     .type = RNL_T_TEXT,
     .flags = RNL_COLUMN_ENUM | RNL_COLUMN_NULLABLE,
     .labels = labels,
     .nlabels = 2,
     .default_kind = RNL_DEFAULT_LITERAL,
     .default_text = ""},
};
static const struct rnl_index_part parts[] = {{.column = 1, .prefix = 10, .descending = 1},
                                              {.expression = "lower(`size`)"}};
static const struct rnl_index indexes[] = {
    {.name = "by_size", .parts = parts, .nparts = 2, .flags = RNL_INDEX_UNIQUE}};
static const uint32_t key_columns[] = {0};
static const char *const key_names[] = {"id"};
static const struct rnl_foreign_key keys[] = {{.name = "fk",
                                               .ref_schema = "shop",
                                               .ref_table = "parents",
                                               .columns = key_columns,
                                               .ref_columns = key_names,
                                               .ncolumns = 1,
                                               .on_delete = RNL_ACTION_CASCADE}};
static const struct rnl_check checks[] = {{.name = "c", .expression = "id > 0", .enforced = 1}};

static struct rnl_table table_named(const char *name)
{
    return (struct rnl_table){
        .size = sizeof(struct rnl_table),
        .schema = "shop",
        .name = name,
        .comment = "with \"quotes\"",
        .dialect = "mysql",
        .columns = columns,
        .ncolumns = 2,
        .column_size = sizeof(columns[0]),
        .indexes = indexes,
        .nindexes = 1,
        .index_size = sizeof(indexes[0]),
        .foreign_keys = keys,
        .nforeign_keys = 1,
        .foreign_key_size = sizeof(keys[0]),
        .checks = checks,
        .nchecks = 1,
        .check_size = sizeof(checks[0]),
        .rows = -1,
        .next_identity = 42,
    };
}

static void survives_json(void **state)
{
    struct rnl_catalog *catalog = catalog_new(), *back;
    struct rnl_table table = table_named("boxes");
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_table *t;
    char *text, *again;

    (void)state;
    assert_int_equal(catalog_add(catalog, &table, &err), RNL_OK);
    catalog_know(catalog, 0, 1, RNL_FACT_NUL | RNL_FACT_EMPTY_LABEL, RNL_FACT_NUL);
    text = catalog_to_json(catalog);
    assert_int_equal(catalog_from_json(text, strlen(text), &back, &err), RNL_OK);
    t = catalog_at(back, 0);
    assert_string_equal(t->name, "boxes");
    assert_string_equal(t->columns[1].labels[1], "it's, large");
    assert_string_equal(t->columns[1].default_text, "");
    assert_int_equal(t->columns[1].facts, RNL_FACT_NUL);
    assert_int_equal(t->columns[1].facts_known, RNL_FACT_NUL | RNL_FACT_EMPTY_LABEL);
    assert_int_equal(t->columns[0].width, 4);
    assert_int_equal(t->indexes[0].parts[0].prefix, 10);
    assert_string_equal(t->indexes[0].parts[1].expression, "lower(`size`)");
    assert_string_equal(t->foreign_keys[0].ref_columns[0], "id");
    assert_int_equal(t->foreign_keys[0].on_delete, RNL_ACTION_CASCADE);
    assert_string_equal(t->checks[0].expression, "id > 0");
    assert_int_equal(t->next_identity, 42);
    assert_int_equal(t->rows, -1);
    again = catalog_to_json(back);
    assert_string_equal(text, again);
    assert_true(catalog_fingerprint(catalog) == catalog_fingerprint(back));
    free(text);
    free(again);
    catalog_free(catalog);
    catalog_free(back);
}

static void fingerprint_sees_a_changed_type(void **state)
{
    struct rnl_catalog *one = catalog_new(), *other = catalog_new();
    struct rnl_table table = table_named("boxes");
    struct rnl_column changed[2] = {columns[0], columns[1]};
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    catalog_add(one, &table, &err);
    changed[0].native = "bigint unsigned";
    table.columns = changed;
    catalog_add(other, &table, &err);
    assert_true(catalog_fingerprint(one) != catalog_fingerprint(other));
    catalog_free(one);
    catalog_free(other);
}

static void last_rule_decides(void **state)
{
    const struct table_rule rules[] = {{.name = "shop.*"},
                                       {.name = "*_old", .exclude = true},
                                       {.name = "keep_old", .where = "id > 5"}};
    struct rnl_catalog *all = catalog_new(), *some = catalog_new();
    struct rnl_table table = table_named("keep_old");
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_true(catalog_wanted(all, "any", "thing"));
    catalog_select(all, rules + 1, 1);
    assert_true(catalog_wanted(all, "any", "thing"));
    assert_false(catalog_wanted(all, "any", "thing_old"));
    catalog_select(some, rules, 3);
    assert_true(catalog_wanted(some, "shop", "orders"));
    assert_false(catalog_wanted(some, "crm", "orders"));
    assert_false(catalog_wanted(some, "shop", "orders_old"));
    assert_true(catalog_wanted(some, "shop", "keep_old"));
    catalog_add(some, &table, &err);
    assert_string_equal(catalog_at(some, 0)->where, "id > 5");
    catalog_free(all);
    catalog_free(some);
}

static void foreign_indexes_are_refused(void **state)
{
    struct rnl_catalog *catalog = catalog_new();
    struct rnl_table table = table_named("boxes");
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    table.ncolumns = 1; /* the index and its column 1 stay */
    assert_int_equal(catalog_add(catalog, &table, &err), RNL_E_FATAL);
    assert_int_equal(catalog_count(catalog), 0);
    assert_true(catalog_from_json("[{\"columns\":[{\"type\":99}]}]", 28, &catalog, &err) < 0);
    assert_true(catalog_from_json("{", 1, &catalog, &err) < 0);
    catalog_free(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_json),
        cmocka_unit_test(fingerprint_sees_a_changed_type),
        cmocka_unit_test(last_rule_decides),
        cmocka_unit_test(foreign_indexes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
