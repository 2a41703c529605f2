/* Changes gathered by key: their net effect is that of the rows one after the other. */
#include "changeset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = 4, KEYS = 9 };

static const uint32_t key_columns[] = {1, 0};
static const struct changeset_table keyed = {.ncolumns = COLUMNS, .key = key_columns, .nkey = 2};
static const struct changeset_table keyless = {.ncolumns = COLUMNS};
static const struct changeset_table parent = {
    .ncolumns = COLUMNS, .key = key_columns, .nkey = 2, .delete_cascades = true};

/* ---- rows ---------------------------------------------------------------------------- */

static struct rnl_value text_of(const char *text)
{
    return (struct rnl_value){.type = RNL_T_TEXT, .len = (uint32_t)strlen(text), .ptr = text};
}

static struct rnl_value int_of(int64_t i)
{
    return (struct rnl_value){.type = RNL_T_INT, .i = i};
}

static const struct rnl_value unset = {.type = RNL_T_UNCHANGED};

static void fill(struct rnl_value *values, int key, int64_t c, int64_t d)
{
    static const char *const words[] = {"", "a", "b", "ab", "abcdefgh", "abcdefgi"};

    values[0] = text_of(words[key % 3]);
    values[1] = int_of(key / 3);
    values[2] = c < 0 ? unset : int_of(c);
    values[3] = d < 0 ? unset : int_of(d);
}

static struct rnl_row row_of(uint16_t op, const struct rnl_value *after,
                             const struct rnl_value *before)
{
    return (struct rnl_row){.size = sizeof(struct rnl_row),
                            .op = op,
                            .nvalues = COLUMNS,
                            .after = after,
                            .before = before};
}

static int add(struct changeset *set, const struct changeset_table *table, uint16_t op, int key,
               int64_t c, int64_t d)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value values[COLUMNS] = {0};
    struct rnl_row row = row_of(op, op == RNL_DELETE ? NULL : values, NULL);

    fill(values, key, c, d);
    if (op == RNL_DELETE)
        row.before = values;
    row.table = (uint32_t)(table == &keyed ? 0 : table == &parent ? 1 : 2);
    return changeset_add(set, table, &row, &err);
}

static uint32_t groups_of(struct changeset *set, const struct changeset_group **groups)
{
    struct rnl_error err = RNL_ERROR_INIT;
    uint32_t count;

    assert_int_equal(changeset_groups(set, groups, &count, &err), RNL_OK);
    return count;
}

/* ---- one thing at a time ---------------------------------------------------------------- */

static void test_merges(void **state)
{
    const struct changeset_group *groups;
    struct changeset set = {0};

    (void)state;
    assert_int_equal(add(&set, &keyed, RNL_INSERT, 1, 10, 20), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_UPDATE, 1, -1, 21), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_UPDATE, 2, 5, -1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_UPDATE, 3, -1, 6), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_UPDATE, 4, 7, -1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_UPDATE, 3, 8, -1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_INSERT, 5, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_DELETE, 5, -1, -1), CHANGESET_ADDED);
    assert_int_equal(set.nrows, 8);
    assert_int_equal(groups_of(&set, &groups), 4);
    assert_int_equal(groups[0].op, RNL_DELETE);
    assert_int_equal(groups[0].count, 1);
    assert_int_equal(groups[1].op, RNL_UPDATE);
    assert_int_equal(groups[2].op, RNL_UPDATE);
    assert_int_equal(groups[1].count + groups[2].count, 3); /* 2 and 4 set c alone, 3 c and d */
    assert_int_equal(groups[3].op, RNL_INSERT);
    assert_int_equal(groups[3].rows[0]->after[2].i, 10);
    assert_int_equal(groups[3].rows[0]->after[3].i, 21);
    assert_int_equal(set.rows[0].after[3].i, 20); /* as it came */
    changeset_clear(&set);
    assert_int_equal(groups_of(&set, &groups), 0);
    assert_int_equal(add(&set, &keyed, RNL_INSERT, 1, 1, 1), CHANGESET_ADDED);
    changeset_free(&set);
}

static void test_alone(void **state)
{
    struct rnl_value after[COLUMNS] = {0}, before[COLUMNS] = {0};
    struct rnl_row row = row_of(RNL_UPDATE, after, before);
    struct rnl_error err = RNL_ERROR_INIT;
    struct changeset set = {0};

    (void)state;
    fill(after, 1, 1, 1);
    fill(before, 1, 2, 2);
    assert_int_equal(changeset_add(&set, &keyed, &row, &err), CHANGESET_ADDED);
    fill(before, 2, 2, 2);
    assert_true(changeset_moves(&keyed, &row));
    assert_int_equal(changeset_add(&set, &keyed, &row, &err), CHANGESET_ALONE);
    row = row_of(RNL_TRUNCATE, NULL, NULL);
    row.nvalues = 0;
    assert_int_equal(changeset_add(&set, &keyed, &row, &err), CHANGESET_ALONE);
    assert_int_equal(add(&set, &keyless, RNL_UPDATE, 1, 1, 1), CHANGESET_ALONE);
    assert_int_equal(add(&set, &keyless, RNL_DELETE, 1, 1, 1), CHANGESET_ALONE);
    assert_int_equal(add(&set, &keyless, RNL_INSERT, 1, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyless, RNL_INSERT, 1, 1, 1), CHANGESET_ADDED); /* two of them */
    assert_int_equal(set.nrows, 3);
    changeset_free(&set);
}

static void test_clashes(void **state)
{
    struct changeset set = {0};

    (void)state;
    assert_int_equal(add(&set, &keyed, RNL_INSERT, 1, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_INSERT, 1, 1, 1), CHANGESET_FLUSH);
    assert_int_equal(add(&set, &keyed, RNL_DELETE, 1, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_UPDATE, 1, 1, 1), CHANGESET_FLUSH);
    changeset_clear(&set);
    /* what goes with a parent must not be reordered around it */
    assert_int_equal(add(&set, &parent, RNL_DELETE, 1, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_DELETE, 1, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &parent, RNL_DELETE, 2, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_INSERT, 1, 1, 1), CHANGESET_FLUSH);
    changeset_clear(&set);
    assert_int_equal(add(&set, &keyed, RNL_UPDATE, 1, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &parent, RNL_DELETE, 1, 1, 1), CHANGESET_FLUSH);
    changeset_free(&set);
}

static void test_malformed(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value values[COLUMNS] = {0};
    struct rnl_row row = row_of(RNL_UPDATE, values, NULL);
    struct changeset set = {0};

    (void)state;
    fill(values, 1, 1, 1);
    values[1] = unset;
    assert_int_equal(changeset_add(&set, &keyed, &row, &err), RNL_E_DATA);
    assert_non_null(strstr(err.text, "without its key"));
    fill(values, 1, 1, 1);
    row.nvalues = COLUMNS - 1;
    assert_int_equal(changeset_add(&set, &keyed, &row, &err), RNL_E_DATA);
    row = row_of(RNL_DELETE, values, NULL);
    assert_int_equal(changeset_add(&set, &keyed, &row, &err), RNL_E_DATA);
    row = row_of(RNL_COMMIT, values, values);
    assert_int_equal(changeset_add(&set, &keyed, &row, &err), RNL_E_DATA);
    changeset_free(&set);
}

static void test_order(void **state)
{
    static const struct changeset_table child = {
        .ncolumns = COLUMNS, .key = key_columns, .nkey = 2, .rank = 1};
    const struct changeset_group *groups;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value values[COLUMNS] = {0};
    struct rnl_row row = row_of(RNL_INSERT, values, NULL);
    struct changeset set = {0};

    (void)state;
    fill(values, 1, 1, 1);
    row.table = 7; /* of the child, which comes first */
    assert_int_equal(changeset_add(&set, &child, &row, &err), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_DELETE, 3, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_INSERT, 1, 1, 1), CHANGESET_ADDED);
    assert_int_equal(add(&set, &keyed, RNL_UPDATE, 2, 1, 1), CHANGESET_ADDED);
    row = row_of(RNL_DELETE, NULL, values);
    row.table = 7;
    fill(values, 2, 1, 1);
    assert_int_equal(changeset_add(&set, &child, &row, &err), CHANGESET_ADDED);
    assert_int_equal(groups_of(&set, &groups), 5);
    assert_int_equal(groups[0].table, 7);
    assert_int_equal(groups[1].op, RNL_DELETE);
    assert_int_equal(groups[2].op, RNL_UPDATE);
    assert_int_equal(groups[3].op, RNL_INSERT);
    assert_int_equal(groups[3].table, 0);
    assert_int_equal(groups[4].table, 7);
    changeset_free(&set);
}

/* A set is full by its rows or values, and never so full that one row finds no room. */
static void test_full(void **state)
{
    struct changeset set = {0};
    uint32_t count = 0;

    (void)state;
    while (add(&set, &keyless, RNL_INSERT, 1, 1, 1) == CHANGESET_ADDED)
        count++;
    assert_in_range(count, 1000, 100000);
    changeset_clear(&set);
    assert_int_equal(add(&set, &keyless, RNL_INSERT, 1, 1, 1), CHANGESET_ADDED);
    changeset_free(&set);
}

/* ---- random changes, both ways ------------------------------------------------------------- */

struct model {
    struct {
        bool there;
        int64_t c, d;
    } rows[KEYS];
};

static int model_key(const struct rnl_row *row)
{
    const struct rnl_value *word = changeset_key(row, 0), *number = changeset_key(row, 1);

    return (int)number->i * 3 + (word->len == 0 ? 0 : *(const char *)word->ptr == 'a' ? 1 : 2);
}

static void model_apply(struct model *model, const struct rnl_row *row)
{
    int key = model_key(row);

    if (row->op == RNL_DELETE) {
        model->rows[key].there = false;
        return;
    }
    assert_int_equal(model->rows[key].there, row->op == RNL_UPDATE);
    model->rows[key].there = true;
    if (row->after[2].type != RNL_T_UNCHANGED)
        model->rows[key].c = row->after[2].i;
    if (row->after[3].type != RNL_T_UNCHANGED)
        model->rows[key].d = row->after[3].i;
}

static void model_flush(struct model *model, struct changeset *set)
{
    const struct changeset_group *groups;
    uint32_t count = groups_of(set, &groups);

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < groups[i].count; k++)
            model_apply(model, groups[i].rows[k]);
    changeset_clear(set);
}

static void random_row(const struct model *now, struct rnl_row *row, struct rnl_value *values)
{
    int key = rand() % KEYS, what = rand() % 10;
    int64_t c = rand() % 4 ? rand() % 100 : -1, d = rand() % 4 ? rand() % 100 : -1;

    *row = row_of(RNL_INSERT, values, NULL);
    if (now->rows[key].there)
        row->op = what < 6 ? RNL_UPDATE : RNL_DELETE;
    else if (what == 0)
        row->op = RNL_DELETE; /* of no row */
    fill(values, key, row->op == RNL_INSERT && c < 0 ? 0 : c,
         row->op == RNL_INSERT && d < 0 ? 0 : d);
    if (row->op == RNL_DELETE) {
        row->before = values;
        row->after = NULL;
    }
}

static void test_random(void **state)
{
    struct changeset set = {0};

    (void)state;
    srand(4);
    for (int round = 0; round < 2000; round++) {
        struct model one = {0}, gathered = {0};

        for (int i = 0; i < 60; i++) {
            struct rnl_error err = RNL_ERROR_INIT;
            struct rnl_value values[COLUMNS] = {0};
            struct rnl_row row;
            int result;

            random_row(&one, &row, values);
            model_apply(&one, &row);
            result = changeset_add(&set, &keyed, &row, &err);
            if (result == CHANGESET_FLUSH) {
                model_flush(&gathered, &set);
                result = changeset_add(&set, &keyed, &row, &err);
            }
            assert_int_equal(result, CHANGESET_ADDED);
        }
        model_flush(&gathered, &set);
        for (int key = 0; key < KEYS; key++) {
            assert_int_equal(one.rows[key].there, gathered.rows[key].there);
            if (!one.rows[key].there)
                continue;
            assert_int_equal(one.rows[key].c, gathered.rows[key].c);
            assert_int_equal(one.rows[key].d, gathered.rows[key].d);
        }
    }
    changeset_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges),  cmocka_unit_test(test_alone),
        cmocka_unit_test(test_clashes), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_full),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
