/* Tests of plugins/mysql/source/parse.c. */
#include "parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void labels_are_taken_apart(void **state)
{
    struct pool pool = {0};
    const char *const *labels;
    uint32_t count;

    (void)state;
    assert_int_equal(
        labels_parse(&pool, "enum('a,b','c''d','','x\\\\y',')','é','n\\nl')", &labels, &count), 0);
    assert_int_equal(count, 7);
    assert_string_equal(labels[0], "a,b");
    assert_string_equal(labels[1], "c'd");
    assert_string_equal(labels[2], "");
    assert_string_equal(labels[3], "x\\y");
    assert_string_equal(labels[4], ")");
    assert_string_equal(labels[5], "é");
    assert_string_equal(labels[6], "n\nl");
    assert_int_equal(labels_parse(&pool, "set('one')", &labels, &count), 0);
    assert_int_equal(count, 1);
    pool_free(&pool);
}

static void broken_labels_are_refused(void **state)
{
    static const char *const broken[] = {"enum",      "enum(",      "enum('a", "enum('a'",
                                         "enum('a',", "enum('a'x)", "enum(a)", "enum('a''"};
    struct pool pool = {0};
    const char *const *labels;
    uint32_t count;

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_int_equal(labels_parse(&pool, broken[i], &labels, &count), -1);
    pool_free(&pool);
}

/* What information_schema shows in either flavour, and what is meant. */
static const struct {
    bool mariadb;
    const char *text, *extra;
    uint16_t type;
    uint32_t length;
    uint16_t kind;
    const char *expected;
} defaults[] = {
    {true, NULL, "", RNL_T_INT, 0, RNL_DEFAULT_NONE, NULL},
    {true, "NULL", "", RNL_T_TEXT, 0, RNL_DEFAULT_NULL, NULL},
    {true, "'NULL'", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "NULL"},
    {true, "'it''s'", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "it's"},
    {true, "'a\\nb'", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "a\nb"},
    {true, "''", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, ""},
    {true, "'current_timestamp()'", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "current_timestamp()"},
    {true, "current_timestamp()", "", RNL_T_TIMESTAMPTZ, 0, RNL_DEFAULT_NOW, NULL},
    {true, "current_timestamp(6)", "on update current_timestamp(6)", RNL_T_TIMESTAMP, 0,
     RNL_DEFAULT_NOW, NULL},
    {true, "-1.50", "", RNL_T_DECIMAL, 0, RNL_DEFAULT_LITERAL, "-1.50"},
    {true, "1e300", "", RNL_T_DOUBLE, 0, RNL_DEFAULT_LITERAL, "1e300"},
    {true, "(1 + 1)", "", RNL_T_INT, 0, RNL_DEFAULT_EXPRESSION, "(1 + 1)"},
    {true, "concat('a','b')", "", RNL_T_TEXT, 0, RNL_DEFAULT_EXPRESSION, "concat('a','b')"},
    {true, "b'101'", "", RNL_T_BITS, 4, RNL_DEFAULT_LITERAL, "101"},
    {true, "'ab\\0\\0'", "", RNL_T_BYTES, 4, RNL_DEFAULT_EXPRESSION, "x'61620000'"},
    {true, "'ab'", "", RNL_T_BYTES, 0, RNL_DEFAULT_EXPRESSION, "x'6162'"},
    {false, NULL, "", RNL_T_TEXT, 0, RNL_DEFAULT_NONE, NULL},
    {false, "NULL", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "NULL"},
    {false, "it's", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "it's"},
    {false, "'quoted'", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "'quoted'"},
    {false, "current_timestamp()", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "current_timestamp()"},
    {false, "CURRENT_TIMESTAMP(3)", "DEFAULT_GENERATED on update CURRENT_TIMESTAMP(3)",
     RNL_T_TIMESTAMP, 0, RNL_DEFAULT_NOW, NULL},
    {false, "CURRENT_TIMESTAMP", "", RNL_T_TIMESTAMPTZ, 0, RNL_DEFAULT_NOW, NULL},
    {false, "_utf8mb4\\'x\\'", "DEFAULT_GENERATED", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "x"},
    {false, "uuid()", "DEFAULT_GENERATED", RNL_T_TEXT, 0, RNL_DEFAULT_EXPRESSION, "uuid()"},
    {false, "0x6162", "", RNL_T_BYTES, 4, RNL_DEFAULT_EXPRESSION, "x'61620000'"},
    {false, "0x6162", "", RNL_T_BYTES, 0, RNL_DEFAULT_EXPRESSION, "x'6162'"},
    {false, "0x6162", "", RNL_T_TEXT, 0, RNL_DEFAULT_LITERAL, "0x6162"},
    {false, "b'0'", "", RNL_T_BITS, 1, RNL_DEFAULT_LITERAL, "0"},
};

static void defaults_of_both_flavours(void **state)
{
    struct pool pool = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        struct default_input input = {defaults[i].mariadb, defaults[i].text, defaults[i].extra,
                                      defaults[i].type, defaults[i].length};
        const char *text;
        uint16_t kind;

        assert_int_equal(default_parse(&pool, &input, &kind, &text), 0);
        if (kind != defaults[i].kind)
            print_error("default %s\n", defaults[i].text);
        assert_int_equal(kind, defaults[i].kind);
        if (defaults[i].expected)
            assert_string_equal(text, defaults[i].expected);
        else
            assert_null(text);
    }
    pool_free(&pool);
}

static void json_checks_are_known(void **state)
{
    (void)state;
    assert_true(is_json_check("json_valid(`doc`)", "doc"));
    assert_true(is_json_check("json_valid(`a``b`)", "a`b"));
    assert_false(is_json_check("json_valid(`doc`)", "do"));
    assert_false(is_json_check("json_valid(`doc`) and `n` > 0", "doc"));
    assert_false(is_json_check("`doc` <> ''", "doc"));
}

static void expressions_lose_their_escapes(void **state)
{
    struct pool pool = {0};

    (void)state;
    assert_string_equal(expression_plain(&pool, "(`a` = _utf8mb4\\'x\\\\y\\')"),
                        "(`a` = _utf8mb4'x\\y')");
    pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_taken_apart),
        cmocka_unit_test(broken_labels_are_refused),
        cmocka_unit_test(defaults_of_both_flavours),
        cmocka_unit_test(json_checks_are_known),
        cmocka_unit_test(expressions_lose_their_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
