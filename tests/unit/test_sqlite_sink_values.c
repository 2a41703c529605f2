/* Values into a file and out of it again: each comes back as what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sink.h"

#include <math.h>

static struct sink_config config;
static struct sink sink = {.config = &config};
static struct rnl_column column;
static struct bound_column bound;
static struct rnl_table source;
static struct bound_table table;

static void set_up(uint16_t type, bool from_sqlite)
{
    column = (struct rnl_column){.name = "c", .type = type, .width = 8, .scale = 6};
    source = (struct rnl_table){.schema = "s",
                                .name = "t",
                                .dialect = from_sqlite ? "sqlite" : "mysql",
                                .columns = &column,
                                .ncolumns = 1,
                                .column_size = sizeof(column)};
    bound = (struct bound_column){
        .source = &column, .name = "c", .form = column_form(&config, &source, &column)};
    table = (struct bound_table){.source = &source, .name = "t", .columns = &bound};
}

/* Through a statement that gives back what is bound; its storage class in *kind. */
static int trip(const struct rnl_value *in, struct rnl_value *out, int *kind, struct buf *scratch)
{
    struct rnl_error err = RNL_ERROR_INIT;
    static char bytes[256];
    sqlite3_stmt *stmt;
    sqlite3 *db;
    size_t offset;
    int status;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT ?", -1, &stmt, NULL), SQLITE_OK);
    status = value_bind(&sink, &table, 0, in, stmt, 1, scratch, &err);
    if (status == RNL_OK) {
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        *kind = sqlite3_column_type(stmt, 0);
        buf_clear(scratch);
        value_decode(&table, 0, stmt, 0, scratch, &offset, out);
        if (offset != SIZE_MAX)
            out->ptr = scratch->ptr + offset;
        if (out->len) { /* what it points to ends with the statement */
            assert_true(out->len <= sizeof(bytes));
            memcpy(bytes, out->ptr, out->len);
            out->ptr = bytes;
        }
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return status;
}

static void same_text(uint16_t type, bool from_sqlite, const char *text, size_t len, int kind)
{
    struct rnl_value in = {.type = type, .len = (uint32_t)len, .ptr = text}, out = {0};
    struct buf scratch = {0};
    int found = 0;

    set_up(type, from_sqlite);
    assert_int_equal(trip(&in, &out, &found, &scratch), RNL_OK);
    assert_int_equal(found, kind);
    assert_int_equal(out.type, type);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.ptr, text, len);
    buf_free(&scratch);
}

static void same_number(uint16_t type, uint64_t number, int kind)
{
    struct rnl_value in = {.type = type, .u = number}, out = {0};
    struct buf scratch = {0};
    int found = 0;

    set_up(type, false);
    assert_int_equal(trip(&in, &out, &found, &scratch), RNL_OK);
    assert_int_equal(found, kind);
    assert_int_equal(out.type, type);
    assert_true(out.u == number);
    buf_free(&scratch);
}

#define SAME_LITERAL(text, kind) same_text(RNL_T_NATIVE, true, text, strlen(text), kind)

static void literals_keep_their_class(void **state)
{
    (void)state;
    SAME_LITERAL("5", SQLITE_INTEGER);
    SAME_LITERAL("-9223372036854775808", SQLITE_INTEGER);
    SAME_LITERAL("5.0", SQLITE_FLOAT);
    SAME_LITERAL("9e999", SQLITE_FLOAT);
    SAME_LITERAL("'it''s'", SQLITE_TEXT);
    SAME_LITERAL("''", SQLITE_TEXT);
    SAME_LITERAL("x'00ff'", SQLITE_BLOB);
    SAME_LITERAL("x''", SQLITE_BLOB);
}

static void what_is_no_literal_is_refused(void **state)
{
    static const char *const texts[] = {"", "five", "'a", "'a'b'", "x'0'", "x'zz'", "1 2", "nan"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct rnl_value in = {.type = RNL_T_NATIVE, .len = (uint32_t)strlen(texts[i])}, out;
        struct buf scratch = {0};
        int kind;

        in.ptr = texts[i];
        set_up(RNL_T_NATIVE, true);
        assert_int_equal(trip(&in, &out, &kind, &scratch), RNL_E_DATA);
        buf_free(&scratch);
    }
}

static void texts_and_bytes(void **state)
{
    (void)state;
    same_text(RNL_T_TEXT, false, "a\0b", 3, SQLITE_TEXT);
    same_text(RNL_T_TEXT, false, "", 0, SQLITE_TEXT);
    same_text(RNL_T_BYTES, false, "", 0, SQLITE_BLOB);
    same_text(RNL_T_BYTES, false, "\0\xff", 2, SQLITE_BLOB);
    same_text(RNL_T_DECIMAL, false, "0.10", 4, SQLITE_TEXT);
    same_text(RNL_T_UUID, false, "0123456789abcdef", 16, SQLITE_TEXT);
    config.uuid = UUID_BLOB;
    same_text(RNL_T_UUID, false, "0123456789abcdef", 16, SQLITE_BLOB);
    config.uuid = UUID_TEXT;
}

static void numbers_and_days(void **state)
{
    (void)state;
    same_number(RNL_T_INT, (uint64_t)INT64_MIN, SQLITE_INTEGER);
    same_number(RNL_T_UINT, INT64_MAX, SQLITE_INTEGER);
    same_number(RNL_T_UINT, UINT64_MAX, SQLITE_TEXT);
    same_number(RNL_T_BOOL, 1, SQLITE_INTEGER);
    same_number(RNL_T_DATE, (uint64_t)-800000, SQLITE_TEXT);
    same_number(RNL_T_DATE, (uint64_t)INT64_MAX, SQLITE_TEXT);
    same_number(RNL_T_TIME, (uint64_t)-3600000001, SQLITE_TEXT);
    same_number(RNL_T_TIMESTAMP, 1, SQLITE_TEXT);
    same_number(RNL_T_TIMESTAMPTZ, (uint64_t)-1, SQLITE_TEXT);
}

static void nan_by_policy(void **state)
{
    struct rnl_value in = {.type = RNL_T_DOUBLE, .d = NAN}, out = {0};
    struct buf scratch = {0};
    int kind = 0;

    (void)state;
    set_up(RNL_T_DOUBLE, false);
    assert_int_equal(trip(&in, &out, &kind, &scratch), RNL_OK);
    assert_int_equal(kind, SQLITE_TEXT);
    assert_true(out.type == RNL_T_DOUBLE && isnan(out.d));
    config.nonfinite = NONFINITE_NULL;
    assert_int_equal(trip(&in, &out, &kind, &scratch), RNL_OK);
    assert_int_equal(kind, SQLITE_NULL);
    config.nonfinite = NONFINITE_ERROR;
    assert_int_equal(trip(&in, &out, &kind, &scratch), RNL_E_DATA);
    config.nonfinite = NONFINITE_TEXT;
    buf_free(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_keep_their_class),
        cmocka_unit_test(what_is_no_literal_is_refused),
        cmocka_unit_test(texts_and_bytes),
        cmocka_unit_test(numbers_and_days),
        cmocka_unit_test(nan_by_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
