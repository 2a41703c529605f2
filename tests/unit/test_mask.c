/* Masks: what comes of each type, what is refused, and that nothing passes in the clear. */
#include "mask.h"

#include "bundle.h"
#include "catalog.h"
#include "plan.h"
#include "secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

enum { ID, EMAIL, CODE, DATA, BORN, KIND, LOW, NCOLUMNS };

static const char *const kinds[] = {"red", "green"};
static const struct rnl_column columns[NCOLUMNS] = {
    {.name = "id", .type = RNL_T_INT, .width = 1, .flags = RNL_COLUMN_KEY},
    {.name = "email", .type = RNL_T_TEXT, .length = 20, .flags = RNL_COLUMN_NULLABLE},
    {.name = "code", .type = RNL_T_TEXT, .length = 9},
    {.name = "data", .type = RNL_T_BYTES, .flags = RNL_COLUMN_NULLABLE},
    {.name = "born", .type = RNL_T_DATE, .flags = RNL_COLUMN_NULLABLE},
    {.name = "kind", .type = RNL_T_TEXT, .flags = RNL_COLUMN_ENUM, .labels = kinds, .nlabels = 2},
    {.name = "low",
     .type = RNL_T_TEXT,
     .flags = RNL_COLUMN_GENERATED,
     .generated = "lower(`email`)"},
};
static const struct rnl_table people = {.size = sizeof(people),
                                        .schema = "shop",
                                        .name = "people",
                                        .dialect = "mysql",
                                        .columns = columns,
                                        .ncolumns = NCOLUMNS - 1,
                                        .column_size = sizeof(columns[0])};

static struct rnl_secret *salt_of(const char *text)
{
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;

    assert_int_equal(secret_set(secret, (struct rnl_slice){text, strlen(text)}, 0, &err), RNL_OK);
    return secret;
}

static struct rnl_value apply(const struct rule_mask *rule, uint32_t column, struct rnl_value value,
                              struct masker *masker)
{
    struct mask *mask = mask_new();
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_value *out;

    assert_int_equal(mask_add(mask, &people, column, rule, &err), RNL_OK);
    assert_int_equal(masker_apply(masker, mask, &column, &value, 1, &out, &err), RNL_OK);
    mask_release(mask);
    return *out;
}

static void hashes_are_texts_of_their_length(void **state)
{
    struct rnl_secret *salt = salt_of("0123456789abcdef"), *other = salt_of("0123456789abcdeg");
    struct rule_mask rule = {.column = "email", .with = MASK_HASH, .secret = salt};
    struct rnl_value value = {.type = RNL_T_TEXT, .ptr = "a@b.c", .len = 5}, got;
    struct masker *masker = masker_new();
    char one[21] = "", two[21] = "", print[MASK_PRINT_SIZE], print2[MASK_PRINT_SIZE];

    (void)state;
    got = apply(&rule, EMAIL, value, masker);
    assert_int_equal(got.len, 20);
    memcpy(one, got.ptr, 20);
    assert_int_equal(strspn(one, "0123456789abcdef"), 20);
    got = apply(&rule, EMAIL, value, masker);
    memcpy(two, got.ptr, 20);
    assert_string_equal(one, two);
    rule.secret = other;
    got = apply(&rule, EMAIL, value, masker);
    assert_memory_not_equal(got.ptr, one, 20);
    assert_string_not_equal(mask_print(salt, print), mask_print(other, print2));
    value = (struct rnl_value){.type = RNL_T_NULL};
    assert_int_equal(apply(&rule, EMAIL, value, masker).type, RNL_T_NULL);
    rule.column = "data";
    value = (struct rnl_value){.type = RNL_T_BYTES, .ptr = "x", .len = 1};
    assert_int_equal(apply(&rule, DATA, value, masker).len, 32);
    masker_free(masker);
    secret_free(salt);
    secret_free(other);
}

/* However narrow: two numbers never become one. */
static void whole_numbers_stay_unique(void **state)
{
    struct rnl_secret *salt = salt_of("0123456789abcdef");
    struct rule_mask rule = {.column = "id", .with = MASK_HASH, .secret = salt};
    struct masker *masker = masker_new();
    bool seen[128] = {false};
    int same = 0;

    (void)state;
    for (int64_t i = 0; i < 128; i++) {
        struct rnl_value got =
            apply(&rule, ID, (struct rnl_value){.type = RNL_T_INT, .i = i}, masker);

        assert_in_range(got.i, 0, 127);
        assert_false(seen[got.i]);
        seen[got.i] = true;
        same += got.i == i;
    }
    assert_true(same < 16);
    masker_free(masker);
    secret_free(salt);
}

static void fixed_values_have_the_columns_type(void **state)
{
    static const struct {
        uint32_t column;
        const char *text;
        bool good;
    } cases[] = {
        {EMAIL, "x", true},           {EMAIL, "more than twenty letters", false},
        {BORN, "2001-02-28", true},   {BORN, "2001-02-29", false},
        {KIND, "red", true},          {KIND, "blue", false},
        {DATA, "0x00ff", true},       {DATA, "00ff", false},
        {ID, "1", false} /* a key */,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rule_mask rule = {.with = MASK_FIXED, .value = cases[i].text};
        struct mask *mask = mask_new();
        struct rnl_error err = RNL_ERROR_INIT;
        int status = mask_add(mask, &people, cases[i].column, &rule, &err);

        assert_int_equal(status, cases[i].good ? RNL_OK : RNL_E_CONFIG);
        mask_release(mask);
    }
}

static void what_has_no_mask_is_refused(void **state)
{
    struct rnl_secret *salt = salt_of("0123456789abcdef");
    const struct rule_mask hash = {.with = MASK_HASH, .secret = salt}, null = {.with = MASK_NULL};
    const struct {
        uint32_t column;
        const struct rule_mask *rule;
    } cases[] = {{CODE, &hash}, {BORN, &hash}, {KIND, &hash}, {ID, &null}, {CODE, &null}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mask *mask = mask_new();
        struct rnl_error err = RNL_ERROR_INIT;

        assert_int_equal(mask_add(mask, &people, cases[i].column, cases[i].rule, &err),
                         RNL_E_CONFIG);
        assert_string_equal(err.code, "mask.impossible");
        mask_release(mask);
    }
    secret_free(salt);
}

/* A catalog that was kept says that there are masks; no row passes before they are made again. */
static void a_kept_catalog_must_be_armed(void **state)
{
    struct rnl_secret *salt = salt_of("the salt of the pipeline");
    struct rule_mask masks[] = {{.column = "email", .with = MASK_HASH, .secret = salt}};
    const struct table_rule rule = {.name = "people", .masks = masks, .nmasks = 1};
    struct rnl_catalog *catalog = catalog_new(), *back;
    struct rnl_error err = RNL_ERROR_INIT;
    const struct mask *mask;
    char *text;

    (void)state;
    catalog_select(catalog, &rule, 1);
    assert_int_equal(catalog_add(catalog, &people, &err), RNL_OK);
    assert_int_equal(catalog_mask(catalog, 0, &mask, &err), RNL_OK);
    assert_non_null(mask);
    text = catalog_to_json(catalog);
    assert_null(strstr(text, "the salt"));
    assert_int_equal(catalog_from_json(text, strlen(text), &back, &err), RNL_OK);
    assert_int_equal(catalog_mask(back, 0, &mask, &err), RNL_E_FATAL);
    assert_int_equal(catalog_arm(back, &rule, 1, &err), RNL_OK);
    assert_int_equal(catalog_mask(back, 0, &mask, &err), RNL_OK);
    free(text);
    catalog_free(catalog);
    catalog_free(back);
    secret_free(salt);
}

static void a_computed_column_would_tell(void **state)
{
    struct rule_mask masks[] = {{.column = "email", .with = MASK_NULL}};
    const struct table_rule rule = {.name = "people", .masks = masks, .nmasks = 1};
    struct rnl_catalog *catalog = catalog_new();
    struct rnl_table table = people;
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    table.ncolumns = NCOLUMNS;
    catalog_select(catalog, &rule, 1);
    assert_int_equal(catalog_add(catalog, &table, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "mask.generated");
    catalog_free(catalog);
}

static void a_bundle_holds_masked_rows(void **state)
{
    struct rule_mask rule = {.with = MASK_FIXED, .value = "masked"};
    struct rnl_bundle *bundle = bundle_new(10, 1 << 20), *back;
    struct rnl_value values[2] = {{.type = RNL_T_TEXT, .ptr = "secret", .len = 6},
                                  {.type = RNL_T_INT, .i = 7}};
    const uint32_t unit_columns[] = {EMAIL, ID};
    struct rnl_row row = {.size = sizeof(row), .op = RNL_INSERT, .nvalues = 2, .after = values};
    struct bundle_head head = {0};
    struct mask *mask = mask_new();
    struct rnl_error err = RNL_ERROR_INIT;
    void *bytes;
    size_t len;

    (void)state;
    assert_int_equal(mask_add(mask, &people, EMAIL, &rule, &err), RNL_OK);
    bundle_mask(bundle, mask, unit_columns);
    assert_int_equal(bundle_add(bundle, &row, &err), RNL_OK);
    bundle_mask(bundle, NULL, NULL);
    assert_int_equal(bundle_seal(bundle, &head, &bytes, &len, &err), RNL_OK);
    assert_null(memmem(bytes, len, "secret", 6));
    assert_int_equal(bundle_open(bytes, len, &back, &err), RNL_OK);
    assert_int_equal(bundle_next(back, &row, &err), RNL_OK);
    assert_memory_equal(row.after[0].ptr, "masked", 6);
    assert_int_equal(row.after[1].i, 7);
    bundle_free(back);
    bundle_free(bundle);
    free(bytes);
    mask_release(mask);
}

/* Key values stand in places: they are kept in a form that only the salt opens. */
static void places_are_sealed(void **state)
{
    struct rnl_secret *salt = salt_of("0123456789abcdef");
    struct rule_mask masks[] = {{.column = "email", .with = MASK_HASH, .secret = salt}};
    const struct table_rule rule = {.name = "people", .masks = masks, .nmasks = 1};
    struct rnl_catalog *catalog = catalog_new();
    struct rnl_plan *plan = plan_new();
    struct rnl_error err = RNL_ERROR_INIT;
    static const char key[] = "somebody@example.org, whose key is longer than one block of it";
    struct rnl_unit unit = {.size = sizeof(unit), .from = {key, sizeof(key)}};
    char *text;

    (void)state;
    catalog_select(catalog, &rule, 1);
    assert_int_equal(catalog_add(catalog, &people, &err), RNL_OK);
    assert_int_equal(plan_add(plan, &unit, &err), RNL_OK);
    assert_int_equal(catalog_seal_plan(catalog, plan, &err), RNL_OK);
    assert_int_equal(plan_at(plan, 0)->from.len, sizeof(key) + 8);
    assert_null(memmem(plan_at(plan, 0)->from.ptr, sizeof(key) + 8, "body@ex", 7));
    assert_int_equal(plan_at(plan, 0)->to.len, 0);
    text = plan_to_json(plan);
    plan_free(plan);
    assert_int_equal(plan_from_json(text, strlen(text), &plan, &err), RNL_OK);
    assert_int_equal(catalog_open_plan(catalog, plan, &err), RNL_OK);
    assert_string_equal(plan_at(plan, 0)->from.ptr, key);
    free(text);
    plan_free(plan);
    catalog_free(catalog);
    secret_free(salt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_texts_of_their_length),
        cmocka_unit_test(whole_numbers_stay_unique),
        cmocka_unit_test(fixed_values_have_the_columns_type),
        cmocka_unit_test(what_has_no_mask_is_refused),
        cmocka_unit_test(a_kept_catalog_must_be_armed),
        cmocka_unit_test(a_computed_column_would_tell),
        cmocka_unit_test(a_bundle_holds_masked_rows),
        cmocka_unit_test(places_are_sealed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
