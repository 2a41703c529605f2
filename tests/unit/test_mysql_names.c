/* Names of tables and columns in MySQL: short enough, unique where the server tells them apart. */
#include "sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct rnl_table tables[4];
static uint32_t ntables;

static uint32_t table_count(const struct rnl_catalog *catalog)
{
    (void)catalog;
    return ntables;
}

static const struct rnl_table *table_at(const struct rnl_catalog *catalog, uint32_t index)
{
    (void)catalog;
    return &tables[index];
}

static const struct rnl_host host = {
    .size = sizeof(host), .table_count = table_count, .table_at = table_at};
static char shop[] = "shop";
static struct sink_config config;
static struct my_sink sink;
static struct pool pool;

static int set_up(void **state)
{
    (void)state;
    memset(tables, 0, sizeof(tables));
    ntables = 0;
    config = (struct sink_config){0};
    sink = (struct my_sink){.host = &host, .config = &config, .server = {.database = shop}};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pool_free(&pool);
    return 0;
}

static void add(const char *dialect, const char *schema, const char *name,
                const struct rnl_column *columns, uint32_t ncolumns)
{
    tables[ntables++] = (struct rnl_table){
        .size = sizeof(tables[0]),
        .dialect = dialect,
        .schema = schema,
        .name = name,
        .columns = columns,
        .ncolumns = ncolumns,
        .column_size = sizeof(*columns),
    };
}

static struct table_name *names(void)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct table_name *out;

    assert_int_equal(names_of_catalog(&sink, NULL, &pool, &out, &err), RNL_OK);
    return out;
}

static void test_schemas_become_a_prefix(void **state)
{
    (void)state;
    add("postgres", "public", "orders", NULL, 0);
    add("postgres", "sales", "orders", NULL, 0);
    add("mysql", "other", "b`t", NULL, 0);
    add("postgres", "chosen", "t", NULL, 0);
    tables[3].flags = RNL_TABLE_PLACED;
    assert_string_equal(names()[0].qualified, "`shop`.`orders`");
    assert_string_equal(names()[1].qualified, "`shop`.`sales_orders`");
    assert_string_equal(names()[2].qualified, "`shop`.`b``t`");
    assert_string_equal(names()[3].qualified, "`chosen`.`t`");
}

static void test_schemas_become_databases(void **state)
{
    (void)state;
    config.schemas = SCHEMAS_DATABASE;
    add("postgres", "public", "orders", NULL, 0);
    add("postgres", "sales", "orders", NULL, 0);
    assert_string_equal(names()[0].qualified, "`shop`.`orders`");
    assert_string_equal(names()[1].qualified, "`sales`.`orders`");
}

static void test_two_of_one_name(void **state)
{
    struct table_name *two;

    (void)state;
    config.schema = "all";
    add("postgres", "public", "orders", NULL, 0);
    add("postgres", "sales", "orders", NULL, 0);
    two = names();
    assert_string_equal(two[0].qualified, "`all`.`orders`");
    assert_memory_equal(two[1].name, "orders_", 7);
    assert_string_equal(two[1].name, names()[1].name); /* the same in every run */
}

static void test_case_counts_where_the_server_says_so(void **state)
{
    (void)state;
    add("postgres", "public", "Orders", NULL, 0);
    add("postgres", "public", "orders", NULL, 0);
    assert_string_equal(names()[1].name, "orders");
    sink.fold_names = true;
    assert_string_equal(names()[0].name, "Orders");
    assert_string_not_equal(names()[1].name, "orders");
    sink.lower_names = true;
    assert_string_equal(names()[0].name, "orders");
}

static void test_columns(void **state)
{
    static const char longest[] =
        "äääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää"; /* 65 */
    const struct rnl_column columns[] = {{.name = "id"},    {.name = "ID"},
                                         {.name = "ends "}, {.name = "ends_"},
                                         {.name = longest}, {.name = "\xf0\x9f\x98\x80"}};
    const char *const *found;

    (void)state;
    add("postgres", "public", "t", columns, 6);
    found = names()[0].columns;
    assert_string_equal(found[0], "id");
    assert_memory_equal(found[1], "ID_", 3);
    assert_memory_equal(found[2], "ends__", 6);
    assert_string_equal(found[3], "ends_");
    assert_true(strlen(found[4]) < sizeof(longest) && strlen(found[4]) > 64);
    assert_int_equal(found[5][0], '_');
    assert_true(strlen(found[5]) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_schemas_become_a_prefix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_schemas_become_databases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_of_one_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_case_counts_where_the_server_says_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_columns, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
