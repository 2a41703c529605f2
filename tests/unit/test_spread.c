/* Changes on several lanes: rows of one key on one lane, and tables that hang together on one. */
#include "spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PLAIN, TEXTUAL, TWICE, KEYLESS, PARENT, CHILD, COUNT, LANES = 4 };

static struct rnl_catalog *catalog;

static void add_table(const char *name, uint32_t type, uint32_t nindexes, const char *parent)
{
    static const uint32_t columns_of[] = {1};
    static const char *const ends[] = {"id"};
    static const struct rnl_index_part key[] = {{.column = 0}}, other[] = {{.column = 1}};
    static const struct rnl_index indexes[] = {
        {.name = "primary", .parts = key, .nparts = 1, .flags = RNL_INDEX_PRIMARY},
        {.name = "other", .parts = other, .nparts = 1, .flags = RNL_INDEX_UNIQUE}};
    const struct rnl_column columns[] = {
        {.name = "id", .type = (uint16_t)type, .flags = RNL_COLUMN_KEY},
        {.name = "more", .type = RNL_T_INT}};
    const struct rnl_foreign_key keys[] = {{.name = "up",
                                            .ref_schema = "s",
                                            .ref_table = parent,
                                            .columns = columns_of,
                                            .ref_columns = ends,
                                            .ncolumns = 1}};
    const struct rnl_table table = {.size = sizeof(table),
                                    .schema = "s",
                                    .name = name,
                                    .dialect = "toy",
                                    .columns = columns,
                                    .ncolumns = 2,
                                    .column_size = sizeof(columns[0]),
                                    .indexes = indexes,
                                    .nindexes = nindexes,
                                    .index_size = sizeof(indexes[0]),
                                    .foreign_keys = keys,
                                    .nforeign_keys = parent != NULL,
                                    .foreign_key_size = sizeof(keys[0])};
    struct rnl_error err = RNL_ERROR_INIT;

    assert_int_equal(catalog_add(catalog, &table, &err), RNL_OK);
}

static int make(void **state)
{
    catalog = catalog_new();
    add_table("plain", RNL_T_INT, 1, NULL);
    add_table("textual", RNL_T_TEXT, 1, NULL);
    add_table("twice", RNL_T_INT, 2, NULL);
    add_table("keyless", RNL_T_INT, 0, NULL);
    add_table("parent", RNL_T_INT, 1, NULL);
    add_table("child", RNL_T_INT, 1, "parent");
    *state = spread_new(catalog, LANES);
    return 0;
}

static int end(void **state)
{
    spread_free(*state);
    catalog_free(catalog);
    return 0;
}

static void tables_that_hang_together_stay_on_one_lane(void **state)
{
    assert_int_equal(spread_lane(*state, PLAIN), SPREAD_BY_KEY);
    for (uint32_t t = PLAIN + 1; t < COUNT; t++)
        assert_true(spread_lane(*state, t) < LANES);
    assert_int_equal(spread_lane(*state, PARENT), spread_lane(*state, CHILD));
    assert_int_not_equal(spread_lane(*state, TEXTUAL), spread_lane(*state, TWICE));
}

/* Where a change goes, or what it is refused by. */
static int lanes_of(void *spread, uint16_t op, const struct rnl_value *before,
                    const struct rnl_value *after, uint32_t *from, uint32_t *to)
{
    const struct rnl_row row = {.size = sizeof(row),
                                .table = PLAIN,
                                .op = op,
                                .nvalues = 2,
                                .before = before,
                                .after = after};
    struct rnl_error err = RNL_ERROR_INIT;

    return spread_row(spread, &row, from, to, &err);
}

static void rows_of_a_key_go_the_same_way(void **state)
{
    bool seen[LANES] = {0};

    for (int64_t id = 0; id < 100; id++) {
        const struct rnl_value a[] = {{.type = RNL_T_INT, .i = id}, {.type = RNL_T_INT, .i = 1}};
        const struct rnl_value b[] = {{.type = RNL_T_INT, .i = id}, {.type = RNL_T_INT, .i = 2}};
        uint32_t from, to, lane;

        assert_int_equal(lanes_of(*state, RNL_INSERT, NULL, a, &lane, &to), RNL_OK);
        assert_true(lane < LANES && lane == to);
        seen[lane] = true;
        assert_int_equal(lanes_of(*state, RNL_UPDATE, a, b, &from, &to), RNL_OK);
        assert_true(from == lane && to == lane);
        assert_int_equal(lanes_of(*state, RNL_DELETE, b, NULL, &from, &to), RNL_OK);
        assert_true(from == lane && to == lane);
    }
    for (int i = 0; i < LANES; i++)
        assert_true(seen[i]);
}

static void a_changed_key_changes_lanes(void **state)
{
    const struct rnl_value a[] = {{.type = RNL_T_INT, .i = 1}, {.type = RNL_T_INT, .i = 1}};
    uint32_t from, to, moved = 0;

    for (int64_t id = 2; id < 50; id++) {
        const struct rnl_value b[] = {{.type = RNL_T_INT, .i = id}, {.type = RNL_T_UNCHANGED}};
        const struct rnl_value half[] = {{.type = RNL_T_INT, .i = 1}, {.type = RNL_T_UNCHANGED}};

        assert_int_equal(lanes_of(*state, RNL_UPDATE, a, b, &from, &to), RNL_OK);
        if (from == to)
            continue;
        moved++;
        assert_int_equal(lanes_of(*state, RNL_UPDATE, half, b, &from, &to), RNL_E_CONFIG);
    }
    assert_true(moved > 10);
    assert_int_equal(lanes_of(*state, RNL_TRUNCATE, NULL, NULL, &from, &to), RNL_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_that_hang_together_stay_on_one_lane, make, end),
        cmocka_unit_test_setup_teardown(rows_of_a_key_go_the_same_way, make, end),
        cmocka_unit_test_setup_teardown(a_changed_key_changes_lanes, make, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
