/* Names that fit into a number of characters, and sets that don't mind case. */
#include "ident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct ident_rule mysql = {.max = 64, .characters = true};

static void test_characters(void **state)
{
    char name[700] = "", out[IDENT_ROOM];

    (void)state;
    for (int i = 0; i < 64; i++)
        strcat(name, "\xf0\x9f\x90\x98");
    ident_cut(&mysql, name, out);
    assert_string_equal(out, name); /* 64 characters of four bytes */
    strcat(name, "x");
    ident_cut(&mysql, name, out);
    assert_int_equal(strlen(out), 55 * 4 + 9);
    assert_memory_equal(out, name, 55 * 4);
    assert_int_equal(out[55 * 4], '_');

    /* no UTF-8: one character without an end */
    memset(name, 0x80, 699);
    name[699] = '\0';
    ident_cut(&mysql, name, out);
    assert_true(strlen(out) < IDENT_ROOM);
}

static void test_caseless(void **state)
{
    struct idents names = {.caseless = true};
    char out[IDENT_ROOM], again[IDENT_ROOM];

    (void)state;
    assert_true(idents_pick(&names, &mysql, "Id", "t", "1", out));
    assert_string_equal(out, "Id");
    assert_true(idents_pick(&names, &mysql, "iD", "T", "2", out));
    assert_string_equal(out, "T_iD");
    assert_true(idents_pick(&names, &mysql, "ID", "t", "3", again));
    assert_int_equal(strlen(again), strlen("t_ID_") + 8);
    assert_true(idents_has(&names, "t_id"));
    assert_false(idents_has(&names, "i"));
    idents_free(&names);
    assert_true(idents_pick(&names, &mysql, "Id", "t", "1", out));
    assert_false(idents_has(&names, "iD"));
    idents_free(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_caseless),
    };

    return cmocka_run_group_tests_name("common ident", tests, NULL, NULL);
}
