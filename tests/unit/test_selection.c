/* Rules of a pipeline applied to a catalog: columns, names, queries, and what hangs on them. */
#include "selection.h"

#include "catalog.h"
#include "expression.h"
#include "finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

enum { ID, EMAIL, LOWER, PARENT, NCOLUMNS };

static const struct rnl_column columns[NCOLUMNS] = {
    {.name = "id", .type = RNL_T_INT, .width = 4, .flags = RNL_COLUMN_KEY},
    {.name = "email", .type = RNL_T_TEXT, .length = 80, .flags = RNL_COLUMN_NULLABLE},
    {.name = "low",
     .type = RNL_T_TEXT,
     .length = 80,
     .flags = RNL_COLUMN_GENERATED,
     .generated = "lower(`email`)"},
    {.name = "parent", .type = RNL_T_INT, .width = 4, .flags = RNL_COLUMN_NULLABLE},
};
static const struct rnl_index_part parts[] = {
    {.column = ID}, {.column = EMAIL}, {.column = PARENT}};
static const struct rnl_index_part expression_parts[] = {{.expression = "length(`email`)"}};
static const struct rnl_index indexes[] = {
    {.name = "PRIMARY", .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE, .parts = parts, .nparts = 1},
    {.name = "by_email", .flags = RNL_INDEX_UNIQUE, .parts = parts + 1, .nparts = 1},
    {.name = "by_length", .parts = expression_parts, .nparts = 1},
    {.name = "by_parent", .parts = parts + 2, .nparts = 1, .where = "(`parent` > 0)"},
};
static const uint32_t key_columns[] = {PARENT};
static const char *const key_names[] = {"id"};
static const struct rnl_foreign_key keys[] = {{.name = "fk",
                                               .ref_schema = "shop",
                                               .ref_table = "people",
                                               .columns = key_columns,
                                               .ref_columns = key_names,
                                               .ncolumns = 1}};
static const struct rnl_check checks[] = {{.name = "has_at", .expression = "`email` like '%@%'"},
                                          {.name = "positive", .expression = "`id` > 0"}};
static const struct rnl_table people = {
    .size = sizeof(people),
    .schema = "shop",
    .name = "people",
    .dialect = "mysql",
    .columns = columns,
    .ncolumns = NCOLUMNS,
    .column_size = sizeof(columns[0]),
    .indexes = indexes,
    .nindexes = 4,
    .index_size = sizeof(indexes[0]),
    .foreign_keys = keys,
    .nforeign_keys = 1,
    .foreign_key_size = sizeof(keys[0]),
    .checks = checks,
    .nchecks = 2,
    .check_size = sizeof(checks[0]),
};

/* The table under the rules; NULL: refused, with why in err. */
static struct rnl_catalog *choose(const struct table_rule *rules, size_t count,
                                  struct findings *findings, struct rnl_error *err)
{
    struct rnl_catalog *catalog = catalog_new();

    *err = (struct rnl_error)RNL_ERROR_INIT;
    catalog_select(catalog, rules, count);
    catalog_tell(catalog, findings);
    if (catalog_add(catalog, &people, err) == RNL_OK && catalog_settle(catalog, err) == RNL_OK)
        return catalog;
    catalog_free(catalog);
    return NULL;
}

static void columns_are_left_out(void **state)
{
    static const char *const names[] = {"email"};
    static const struct table_rule rules[] = {{.name = "shop.people",
                                               .columns = names,
                                               .ncolumns = 1,
                                               .columns_exclude = true,
                                               .at = "shop.cfg:7"}};
    struct findings *findings = findings_new();
    struct rnl_error err;
    struct rnl_catalog *catalog = choose(rules, 1, findings, &err);
    const struct rnl_table *table;

    (void)state;
    assert_non_null(catalog);
    table = catalog_at(catalog, 0);
    assert_int_equal(table->ncolumns, 3);
    assert_string_equal(table->columns[1].name, "low");
    assert_int_equal(table->columns[1].flags & RNL_COLUMN_GENERATED, 0);
    assert_null(table->columns[1].generated);
    assert_int_equal(table->nindexes, 2);
    assert_string_equal(table->indexes[1].name, "by_parent");
    assert_int_equal(table->indexes[1].parts[0].column, 2);
    assert_int_equal(table->nforeign_keys, 1);
    assert_int_equal(table->foreign_keys[0].columns[0], 2);
    assert_int_equal(table->nchecks, 1);
    assert_string_equal(table->checks[0].name, "positive");
    assert_int_equal(findings_count(findings, RNL_WARNING), 4);
    assert_ptr_equal(catalog_view(catalog), catalog);
    catalog_free(catalog);
    findings_free(findings);
}

static void what_cannot_be_is_refused(void **state)
{
    static const char *const key[] = {"id"}, *const unknown[] = {"emial"};
    static const struct rule_rename same[] = {{"email", "id"}};
    static const struct rule_rename strange[] = {{"nothing", "x"}};
    static const struct {
        struct table_rule rule;
        const char *code;
    } cases[] = {
        {{.name = "people", .columns = key, .ncolumns = 1, .columns_exclude = true},
         "selection.key_column"},
        {{.name = "people", .columns = unknown, .ncolumns = 1, .columns_exclude = true},
         "selection.unknown_column"},
        {{.name = "shop.*", .columns = unknown, .ncolumns = 1, .columns_exclude = true},
         "selection.unknown_column"},
        {{.name = "people", .renames = same, .nrenames = 1}, "selection.same_name"},
        {{.name = "*", .renames = strange, .nrenames = 1}, "selection.unknown_column"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rnl_error err;

        assert_null(choose(&cases[i].rule, 1, NULL, &err));
        assert_int_equal(err.status, RNL_E_CONFIG);
        assert_string_equal(err.code, cases[i].code);
    }
}

static void a_view_has_the_targets_names(void **state)
{
    static const struct rule_rename renames[] = {{"email", "mail"}, {"id", "nr"}};
    static const struct table_rule rules[] = {
        {.name = "shop.*", .target = "crm.old_*"},
        {.name = "people", .renames = renames, .nrenames = 2, .target = "crm.persons"}};
    struct rnl_error err;
    struct rnl_catalog *catalog = choose(rules, 2, NULL, &err), *view, *back;
    const struct rnl_table *table;
    char *text, buf[100];

    (void)state;
    assert_non_null(catalog);
    text = catalog_to_json(catalog);
    assert_int_equal(catalog_from_json(text, strlen(text), &back, &err), RNL_OK);
    free(text);
    catalog_free(catalog);
    assert_string_equal(catalog_at(back, 0)->columns[EMAIL].name, "email");
    view = catalog_view(back);
    table = catalog_at(view, 0);
    assert_string_equal(table->schema, "crm");
    assert_string_equal(table->name, "persons");
    assert_int_equal(table->flags & RNL_TABLE_PLACED, RNL_TABLE_PLACED);
    assert_string_equal(table->columns[EMAIL].name, "mail");
    assert_string_equal(table->columns[LOWER].generated, "lower(`mail`)");
    assert_string_equal(table->indexes[2].parts[0].expression, "length(`mail`)");
    assert_string_equal(table->checks[0].expression, "`mail` like '%@%'");
    assert_string_equal(table->foreign_keys[0].ref_schema, "crm");
    assert_string_equal(table->foreign_keys[0].ref_table, "persons");
    assert_string_equal(table->foreign_keys[0].ref_columns[0], "nr");
    assert_true(catalog_renamed(back, 0, buf, sizeof(buf)));
    assert_string_equal(buf, "crm.persons");
    catalog_know(back, 0, EMAIL, RNL_FACT_NUL, RNL_FACT_NUL);
    assert_int_equal(table->columns[EMAIL].facts, RNL_FACT_NUL);
    catalog_free(back);
}

static void two_tables_need_two_names(void **state)
{
    static const struct table_rule rules[] = {{.name = "people", .target = "one"},
                                              {.name = "others", .target = "shop.one"}};
    struct rnl_catalog *catalog = catalog_new();
    struct rnl_table others = people;
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    others.name = "others";
    catalog_select(catalog, rules, 2);
    assert_int_equal(catalog_add(catalog, &people, &err), RNL_OK);
    assert_int_equal(catalog_add(catalog, &others, &err), RNL_OK);
    assert_int_equal(catalog_settle(catalog, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "selection.same_name");
    catalog_free(catalog);
}

static void queries_are_asked_for(void **state)
{
    static const struct table_rule rules[] = {
        {.name = "report", .query = "SELECT 1", .key = "a", .at = "x"},
        {.name = "shop.sums", .query = "SELECT 2", .at = "x"},
        {.name = "sums", .exclude = true, .at = "x"}};
    struct rnl_catalog *catalog = catalog_new();
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    catalog_select(catalog, rules, 3);
    assert_int_equal(catalog_ask(catalog, &err), RNL_OK);
    assert_int_equal(catalog_query_count(catalog), 2);
    assert_string_equal(catalog_query_at(catalog, 0)->name, "report");
    assert_string_equal(catalog_query_at(catalog, 1)->schema, "shop");
    assert_false(catalog_wanted(catalog, "shop", "people"));
    assert_int_equal(catalog_settle(catalog, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "selection.query_unsupported");
    catalog_free(catalog);
}

static void flags_choose_among_the_files_rules(void **state)
{
    static const struct table_rule rules[] = {
        {.name = "*", .exclude = true, .detail = true},
        {.name = "orders", .where = "id > 1", .detail = true, .at = "x"},
        {.name = "order*"}};
    struct table_choice choice;

    (void)state;
    selection_choose(rules, 3, "shop", "orders", false, &choice);
    assert_true(choice.wanted);
    assert_ptr_equal(choice.where, &rules[1]);
    selection_choose(rules, 3, "shop", "people", false, &choice);
    assert_false(choice.wanted);
}

static void a_text_has_all_of_a_rule(void **state)
{
    static const char *const names[] = {"a", "b"};
    static const struct rule_rename renames[] = {{"a", "c"}};
    static struct rule_mask masks[] = {{.column = "b", .with = MASK_FIXED, .value = "x"}};
    static const struct table_rule rules[] = {{.name = "t",
                                               .where = "a > 1",
                                               .columns = names,
                                               .ncolumns = 2,
                                               .renames = renames,
                                               .nrenames = 1,
                                               .masks = masks,
                                               .nmasks = 1,
                                               .target = "u.*",
                                               .at = "shop.cfg:3"},
                                              {.name = "q", .query = "SELECT", .key = "k"},
                                              {.name = "x", .exclude = true, .detail = true}};
    char *text = selection_text(rules, 3), *again;
    struct selection *selection;
    const struct table_rule *back;
    struct rnl_error err = RNL_ERROR_INIT;
    size_t count;

    (void)state;
    assert_int_equal(selection_from_text(text, &selection, &err), RNL_OK);
    back = selection_rules(selection, &count);
    assert_int_equal(count, 3);
    again = selection_text(back, count);
    assert_string_equal(text, again);
    assert_true(selection_from_text("{}", &selection, &err) < 0);
    assert_true(selection_from_text("[{\"where\": \"x\"}]", &selection, &err) < 0);
    free(text);
    free(again);
    selection_free(selection);
}

static const char *new_name(void *arg, const char *column)
{
    (void)arg;
    return strcmp(column, "total") == 0 ? "Sum \"1\"" : strcmp(column, "day") == 0 ? "d" : NULL;
}

static void identifiers_are_renamed_where_proved(void **state)
{
    static const struct {
        const char *dialect, *text, *renamed;
    } cases[] = {
        {"postgres", "(total > 0)", "(\"Sum \"\"1\"\"\" > 0)"},
        {"postgres", "((total)::numeric * 'total'::text)",
         "((\"Sum \"\"1\"\"\")::numeric * 'total'::text)"},
        {"postgres", "(E'it\\'s total' || total)", "(E'it\\'s total' || \"Sum \"\"1\"\"\")"},
        {"postgres", "total(total)", "total(\"Sum \"\"1\"\"\")"},
        {"postgres", "$a$total$a$", "$a$total$a$"},
        {"postgres", "(a).total", NULL},
        {"postgres", "EXTRACT(day FROM x)", NULL},
        {"postgres", "\"day\" + 1", "\"d\" + 1"},
        {"postgres", "total 'x'", NULL},
        {"mysql", "`total` + \"total\" + totals", "`Sum \"1\"` + \"total\" + totals"},
        {"mysql", "concat('\\'', `total`)", "concat('\\'', `Sum \"1\"`)"},
        {"sqlite", "[total] > 1 /* total */ -- total",
         "\"Sum \"\"1\"\"\" > 1 /* total */ -- total"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = expression_rename(cases[i].dialect, cases[i].text, new_name, NULL);

        if (cases[i].renamed)
            assert_string_equal(text, cases[i].renamed);
        else
            assert_null(text);
        free(text);
    }
    assert_true(expression_names("mysql", "a + `Total`", "total"));
    assert_false(expression_names("mysql", "concat('total', totals)", "total"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_left_out),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_view_has_the_targets_names),
        cmocka_unit_test(two_tables_need_two_names),
        cmocka_unit_test(queries_are_asked_for),
        cmocka_unit_test(flags_choose_among_the_files_rules),
        cmocka_unit_test(a_text_has_all_of_a_rule),
        cmocka_unit_test(identifiers_are_renamed_where_proved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
