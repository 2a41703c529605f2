/* Names in the target: 63 bytes, whole characters, no collisions; and how they are quoted. */
#include "idents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void test_fit(void **state)
{
    char out[NAME_BYTES + 1], again[NAME_BYTES + 1], name[300];

    (void)state;
    ident_fit(SIXTY "abc", false, out);
    assert_string_equal(out, SIXTY "abc");
    ident_fit(SIXTY "abcd", false, out);
    assert_int_equal(strlen(out), 63);
    assert_memory_equal(out, SIXTY, 54);
    ident_fit(SIXTY "abce", false, again);
    assert_string_not_equal(out, again);
    ident_fit("MiXed", true, out);
    assert_string_equal(out, "mixed");
    ident_fit("MiXed", false, out);
    assert_string_equal(out, "MiXed");

    /* 64 characters of three bytes: cut between two of them */
    name[0] = '\0';
    for (int i = 0; i < 64; i++)
        strcat(name, "\xe6\xbc\xa2");
    ident_fit(name, false, out);
    assert_int_equal(strlen(out), 63);
    assert_memory_equal(out, name, 54);
    assert_int_equal(out[54], '_');
    memmove(name + 1, name, strlen(name) + 1);
    name[0] = 'x';
    ident_fit(name, false, out);
    assert_int_equal(out[52], '_');
}

static void test_choose(void **state)
{
    struct idents names = {0};
    char out[NAME_BYTES + 1], number[16];

    (void)state;
    assert_true(idents_choose(&names, "idx", "orders", "1", out));
    assert_string_equal(out, "idx");
    assert_true(idents_choose(&names, "idx", "orders", "2", out));
    assert_string_equal(out, "orders_idx");
    assert_true(idents_choose(&names, "idx", "orders", "3", out));
    assert_int_equal(strlen(out), strlen("orders_idx_") + 8);
    assert_true(idents_has(&names, out));
    assert_false(idents_has(&names, "other"));
    for (int i = 0; i < 1000; i++) {
        snprintf(number, sizeof(number), "n%d", i);
        assert_true(idents_take(&names, number));
    }
    assert_true(idents_has(&names, "n999"));
    assert_true(idents_has(&names, "idx"));
    idents_free(&names);
}

static void test_quoting(void **state)
{
    struct buf sql = {0};

    (void)state;
    buf_name(&sql, "a\"b`c'd\n%s");
    assert_string_equal(buf_text(&sql), "\"a\"\"b`c'd\n%s\"");
    buf_clear(&sql);
    buf_qualified(&sql, "public", "select");
    assert_string_equal(buf_text(&sql), "\"public\".\"select\"");
    buf_clear(&sql);
    buf_literal(&sql, "it's %s");
    assert_string_equal(buf_text(&sql), "'it''s %s'");
    buf_clear(&sql);
    buf_literal(&sql, "a\\'b");
    assert_string_equal(buf_text(&sql), " E'a\\\\''b'");
    buf_free(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_quoting),
    };

    return cmocka_run_group_tests_name("postgres idents", tests, NULL, NULL);
}
