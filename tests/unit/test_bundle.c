/* Bundles: what is written is read back; what is damaged is refused. */
#include "bundle.h"
#include "catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static const char euro[] = "\xe2\x82\xac";

static const struct rnl_value sample[] = {
    {.type = RNL_T_NULL},
    {.type = RNL_T_UNCHANGED},
    {.type = RNL_T_BOOL, .i = 1},
    {.type = RNL_T_INT, .i = -1},
    {.type = RNL_T_INT, .i = 127},
    {.type = RNL_T_INT, .i = 128},
    {.type = RNL_T_INT, .i = INT32_MIN},
    {.type = RNL_T_INT, .i = INT64_MIN},
    {.type = RNL_T_UINT, .u = UINT64_MAX},
    {.type = RNL_T_FLOAT, .d = 1234567.125},
    {.type = RNL_T_DOUBLE, .d = -0.0},
    {.type = RNL_T_TEXT, .len = 3, .ptr = euro},
    {.type = RNL_T_TEXT, .len = 0, .ptr = euro},
    {.type = RNL_T_DATE, .flags = RNL_V_ZERO_DATE, .i = 20200200},
    {.type = RNL_T_TIME, .i = -3020399999999},
};
enum { SAMPLE = sizeof(sample) / sizeof(sample[0]) };

static struct rnl_row row_of(const struct rnl_value *values, uint16_t count)
{
    return (struct rnl_row){.size = sizeof(struct rnl_row),
                            .table = 3,
                            .op = RNL_INSERT,
                            .nvalues = count,
                            .after = values};
}

static void seal(struct rnl_bundle *bundle, void **bytes, size_t *len)
{
    struct bundle_head head = {
        .pipeline = bundle_pipeline("shop"), .number = 7, .lane = 2, .unit = 9, .table = 3};
    struct rnl_error err = RNL_ERROR_INIT;

    assert_int_equal(bundle_seal(bundle, &head, bytes, len, &err), RNL_OK);
}

static void assert_same(const struct rnl_value *a, const struct rnl_value *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->len, b->len);
    if (a->type == RNL_T_TEXT || a->type == RNL_T_BYTES)
        assert_memory_equal(a->ptr, b->ptr, a->len);
    else if (a->type > RNL_T_UNCHANGED)
        assert_int_equal(a->u, b->u);
}

static void *sample_bundle(size_t *len)
{
    struct rnl_bundle *bundle = bundle_new(10, 1 << 20);
    struct rnl_row row = row_of(sample, SAMPLE);
    struct rnl_error err = RNL_ERROR_INIT;
    void *bytes;

    for (int i = 0; i < 3; i++)
        assert_int_equal(bundle_add(bundle, &row, &err), RNL_OK);
    assert_int_equal(bundle_mark(bundle, (struct rnl_slice){"key", 3}, &err), RNL_OK);
    seal(bundle, &bytes, len);
    bundle_free(bundle);
    return bytes;
}

static void rows_come_back(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_bundle_info info;
    struct rnl_bundle *bundle;
    struct rnl_row row;
    size_t len;
    void *bytes = sample_bundle(&len);

    (void)state;
    assert_int_equal(bundle_open(bytes, len, &bundle, &err), RNL_OK);
    bundle_info(bundle, &info);
    assert_int_equal(info.number, 7);
    assert_int_equal(info.lane, 2);
    assert_int_equal(info.unit, 9);
    assert_int_equal(info.table, 3);
    assert_int_equal(info.rows, 3);
    assert_int_equal(info.position.len, 3);
    assert_memory_equal(info.position.ptr, "key", 3);
    assert_int_equal(bundle_owner(bundle), bundle_pipeline("shop"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bundle_next(bundle, &row, &err), RNL_OK);
        assert_int_equal(row.op, RNL_INSERT);
        assert_int_equal(row.table, 3);
        assert_int_equal(row.nvalues, SAMPLE);
        assert_null(row.before);
        for (int v = 0; v < SAMPLE; v++)
            assert_same(&row.after[v], &sample[v]);
    }
    assert_int_equal(bundle_next(bundle, &row, &err), RNL_DONE);
    bundle_rewind(bundle);
    assert_int_equal(bundle_next(bundle, &row, &err), RNL_OK);
    bundle_free(bundle);
    free(bytes);
}

static void changes_keep_both_sides(void **state)
{
    struct rnl_bundle *bundle = bundle_new(10, 1 << 20), *read;
    struct rnl_row row = row_of(sample, 4), other = row_of(sample + 3, 2), back;
    struct rnl_error err = RNL_ERROR_INIT;
    void *bytes;
    size_t len;

    (void)state;
    row.op = RNL_UPDATE;
    row.before = sample + 4;
    other.table = 4; /* another table than the first row's */
    other.op = RNL_DELETE;
    other.before = other.after;
    other.after = NULL;
    assert_int_equal(bundle_add(bundle, &row, &err), RNL_OK);
    assert_int_equal(bundle_add(bundle, &other, &err), RNL_OK);
    seal(bundle, &bytes, &len);
    assert_int_equal(bundle_open(bytes, len, &read, &err), RNL_OK);
    assert_int_equal(bundle_next(read, &back, &err), RNL_OK);
    assert_int_equal(back.op, RNL_UPDATE);
    assert_same(&back.after[3], &sample[3]);
    assert_same(&back.before[3], &sample[7]);
    assert_int_equal(bundle_next(read, &back, &err), RNL_OK);
    assert_int_equal(back.table, 4);
    assert_null(back.after);
    assert_same(&back.before[1], &sample[4]);
    bundle_free(read);
    bundle_free(bundle);
    free(bytes);
}

/* Rules choose among changes, table by table; the later rule counts. */
static void operations_are_left_out(void **state)
{
    static const struct table_rule rules[] = {
        {.name = "s.*", .operations = true, .left_out = 1 << RNL_DELETE | 1 << RNL_TRUNCATE},
        {.name = "s.all", .operations = true},
        {.name = "s.all", .where = "x"},
    };
    static const struct rnl_column columns[] = {{.name = "id", .type = RNL_T_INT}};
    static const char *const names[] = {"some", "all"};
    static const uint16_t ops[] = {RNL_INSERT, RNL_UPDATE, RNL_DELETE, RNL_TRUNCATE};
    struct rnl_bundle *bundle = bundle_new(100, 1 << 20);
    struct rnl_catalog *catalog = catalog_new();
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    for (uint32_t t = 0; t < 2; t++) {
        const struct rnl_table table = {.size = sizeof(table),
                                        .schema = "s",
                                        .name = names[t],
                                        .columns = columns,
                                        .ncolumns = 1,
                                        .column_size = sizeof(columns[0])};

        assert_int_equal(catalog_add(catalog, &table, &err), RNL_OK);
    }
    assert_false(catalog_filter(catalog, rules + 1, 2, 0));
    assert_true(catalog_filter(catalog, rules, 3, 0));
    bundle_mask_changes(bundle, catalog);
    for (uint32_t t = 0; t < 2; t++)
        for (size_t o = 0; o < sizeof(ops) / sizeof(ops[0]); o++) {
            struct rnl_row row = row_of(sample + 3, 1);

            row.table = t;
            row.op = ops[o];
            assert_int_equal(bundle_add(bundle, &row, &err), RNL_OK);
        }
    assert_int_equal(bundle_rows(bundle), 2 + 4);
    bundle_free(bundle);
    catalog_free(catalog);
}

/* What comes behind the last transaction that is whole can be taken off. */
static void rows_behind_the_mark_are_cut_off(void **state)
{
    struct rnl_bundle *bundle = bundle_new(10, 1 << 20), *read;
    struct rnl_row row = row_of(sample, 4), back;
    struct rnl_bundle_info info;
    struct rnl_error err = RNL_ERROR_INIT;
    void *bytes;
    size_t len;

    (void)state;
    assert_false(bundle_cut_to_mark(bundle));
    assert_int_equal(bundle_add(bundle, &row, &err), RNL_OK);
    assert_int_equal(bundle_commit(bundle, (struct rnl_slice){"p1", 2}, 55, &err), RNL_OK);
    assert_int_equal(bundle_add(bundle, &row, &err), RNL_OK);
    assert_false(bundle_marked(bundle));
    assert_true(bundle_cut_to_mark(bundle));
    assert_true(bundle_marked(bundle));
    assert_int_equal(
        bundle_seal(bundle, &(struct bundle_head){.flags = RNL_BUNDLE_CHANGES}, &bytes, &len, &err),
        RNL_OK);
    assert_int_equal(bundle_open(bytes, len, &read, &err), RNL_OK);
    bundle_info(read, &info);
    assert_int_equal(info.rows, 1);
    assert_memory_equal(info.position.ptr, "p1", 2);
    assert_int_equal(info.committed_us, 55);
    assert_int_equal(info.flags, RNL_BUNDLE_CHANGES);
    bundle_tolerate(read);
    bundle_info(read, &info);
    assert_int_equal(info.flags, RNL_BUNDLE_CHANGES | RNL_BUNDLE_REPLAY);
    assert_int_equal(bundle_next(read, &back, &err), RNL_OK);
    assert_int_equal(bundle_next(read, &back, &err), RNL_DONE);
    bundle_free(read);
    bundle_free(bundle);
    free(bytes);
}

static void full_by_rows_and_by_bytes(void **state)
{
    struct rnl_bundle *few = bundle_new(2, 1 << 20), *small = bundle_new(1000, 200);
    struct rnl_row row = row_of(sample, SAMPLE);
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_false(bundle_full(few));
    bundle_add(few, &row, &err);
    assert_false(bundle_full(few));
    bundle_add(few, &row, &err);
    assert_true(bundle_full(few));
    bundle_add(small, &row, &err);
    bundle_add(small, &row, &err);
    assert_true(bundle_full(small));
    bundle_free(few);
    bundle_free(small);
}

/* A mark promises that all before it can be resumed behind: not rows that came after it. */
static void mark_counts_only_at_the_end(void **state)
{
    struct rnl_bundle *bundle = bundle_new(10, 1 << 20), *read;
    struct rnl_row row = row_of(sample, SAMPLE);
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_bundle_info info;
    void *bytes;
    size_t len;

    (void)state;
    bundle_add(bundle, &row, &err);
    bundle_mark(bundle, (struct rnl_slice){"early", 5}, &err);
    bundle_add(bundle, &row, &err);
    seal(bundle, &bytes, &len);
    assert_int_equal(bundle_open(bytes, len, &read, &err), RNL_OK);
    bundle_info(read, &info);
    assert_int_equal(info.position.len, 0);
    bundle_free(read);
    bundle_free(bundle);
    free(bytes);
}

static void large_row_passes(void **state)
{
    size_t size = 20 << 20;
    char *blob = calloc(1, size);
    struct rnl_value value = {.type = RNL_T_BYTES, .len = (uint32_t)size, .ptr = blob};
    struct rnl_bundle *bundle = bundle_new(500, 1024), *read;
    struct rnl_row row = row_of(&value, 1), back;
    struct rnl_error err = RNL_ERROR_INIT;
    void *bytes;
    size_t len;

    (void)state;
    blob[size - 1] = 'x';
    assert_int_equal(bundle_add(bundle, &row, &err), RNL_OK);
    assert_true(bundle_full(bundle));
    seal(bundle, &bytes, &len);
    assert_int_equal(bundle_open(bytes, len, &read, &err), RNL_OK);
    assert_int_equal(bundle_next(read, &back, &err), RNL_OK);
    assert_same(&back.after[0], &value);
    bundle_free(read);
    bundle_free(bundle);
    free(bytes);
    free(blob);
}

static void every_flipped_bit_is_found(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_bundle *bundle;
    size_t len;
    unsigned char *bytes = sample_bundle(&len);

    (void)state;
    for (size_t i = 0; i < len * 8; i++) {
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_true(bundle_open(bytes, len, &bundle, &err) < 0);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_true(bundle_open(bytes, cut, &bundle, &err) < 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(changes_keep_both_sides),
        cmocka_unit_test(operations_are_left_out),
        cmocka_unit_test(rows_behind_the_mark_are_cut_off),
        cmocka_unit_test(full_by_rows_and_by_bytes),
        cmocka_unit_test(mark_counts_only_at_the_end),
        cmocka_unit_test(large_row_passes),
        cmocka_unit_test(every_flipped_bit_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
