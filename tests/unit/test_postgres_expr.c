/* Expressions of MySQL in PostgreSQL's words: the same meaning, or a refusal. */
#include "expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct rnl_column columns[] = {
    {.name = "id", .type = RNL_T_INT},
    {.name = "Price", .type = RNL_T_DECIMAL},
    {.name = "odd \"name\"", .type = RNL_T_TEXT},
    {.name = "yes", .type = RNL_T_INT},
    {.name = "made", .type = RNL_T_DATE},
    {.name = "f", .type = RNL_T_DOUBLE},
};

static struct map_column mapped[] = {
    {.name = "id", .kind = PG_INT4},           {.name = "Price", .kind = PG_NUMERIC},
    {.name = "odd \"name\"", .kind = PG_TEXT}, {.name = "yes", .kind = PG_BOOL},
    {.name = "made", .kind = PG_DATE},         {.name = "f", .kind = PG_FLOAT8},
};

static const struct rnl_table table = {
    .columns = columns, .ncolumns = 6, .column_size = sizeof(columns[0])};
static const struct map_table map = {.columns = mapped};

static void check(bool exact, const char *text, const char *expected, enum expr_class class)
{
    const struct expr_scope scope = {&table, &map, exact};
    enum expr_class yields;
    struct buf out = {0};
    const char *why;

    if (!expr_translate(&scope, text, &out, &yields, &why))
        fail_msg("%s: %s", text, why);
    assert_string_equal(buf_text(&out), expected);
    assert_int_equal(yields, class);
    buf_free(&out);
}

static void refuse(bool exact, const char *text)
{
    const struct expr_scope scope = {&table, &map, exact};
    enum expr_class yields;
    struct buf out = {0};
    const char *why;

    if (expr_translate(&scope, text, &out, &yields, &why))
        fail_msg("%s became %s", text, buf_text(&out));
    assert_int_not_equal(strlen(why), 0);
    assert_int_equal(out.len, 0);
}

static void test_numbers(void **state)
{
    (void)state;
    check(true, "`id` + 1", "((\"id\")::bigint + (1)::bigint)", EXPR_INT);
    check(true, "(`price` * `id`)", "(\"Price\" * (\"id\")::bigint)", EXPR_DECIMAL);
    check(true, "-1.5", "(- 1.5)", EXPR_DECIMAL);
    check(true, "abs(`id`)", "abs((\"id\")::bigint)", EXPR_INT);
    check(true, "`yes` + 1", "(((\"yes\")::int)::bigint + (1)::bigint)", EXPR_INT);
    refuse(true, "`id` / 3");
    refuse(true, "`id` * 2 / 3");
    refuse(true, "`id` div 3");
    refuse(true, "`id` % 3");
    refuse(true, "`id` + 'text'");
    refuse(true, "`id` || 1");
}

static void test_conditions(void **state)
{
    (void)state;
    check(false, "`id` > 0 and `price` < 10.5", "((\"id\" > 0) AND (\"Price\" < 10.5))", EXPR_BOOL);
    check(false, "`id` in (1,2,3)", "(\"id\" IN (1, 2, 3))", EXPR_BOOL);
    check(false, "`id` not in (1)", "(NOT (\"id\" IN (1)))", EXPR_BOOL);
    check(false, "`id` between 1 and 5 or not `yes`", "((\"id\" BETWEEN 1 AND 5) OR (NOT \"yes\"))",
          EXPR_BOOL);
    check(false, "`made` is not null", "(\"made\" IS NOT NULL)", EXPR_BOOL);
    check(false, "`id` != 1", "(\"id\" <> 1)", EXPR_BOOL);
    check(false, "`odd \"name\"` <> _utf8mb4'it''s'", "(\"odd \"\"name\"\"\" <> 'it''s')",
          EXPR_BOOL);
    check(false, "`made` > '2020-01-01'", "(\"made\" > '2020-01-01')", EXPR_BOOL);
    refuse(true, "`odd \"name\"` = 'x'"); /* collations differ */
    refuse(false, "`made` = `id`");
    refuse(false, "`odd \"name\"` like 'a%'");
    refuse(false, "`id` <=> 1");
}

static void test_functions(void **state)
{
    (void)state;
    check(true, "concat('no. ',`id`)", "('no. '::text || (\"id\")::text)", EXPR_TEXT);
    check(true, "ifnull(`id`,0)", "coalesce(\"id\", 0)", EXPR_INT);
    check(true, "if(`id` > 1,`price`,0)", "CASE WHEN (\"id\" > 1) THEN \"Price\" ELSE 0 END",
          EXPR_DECIMAL);
    check(true, "case when `yes` then 'a' else 'b' end", "CASE WHEN \"yes\" THEN 'a' ELSE 'b' END",
          EXPR_TEXT);
    check(true, "left(`odd \"name\"`,3)", "left(\"odd \"\"name\"\"\", 3)", EXPR_TEXT);
    check(true, "year(`made`)", "date_part('year', \"made\")::int", EXPR_INT);
    check(false, "char_length(lower(`odd \"name\"`))", "char_length(lower(\"odd \"\"name\"\"\"))",
          EXPR_INT);
    refuse(true, "substr(`odd \"name\"`,0,3)");
    refuse(true, "substr(`odd \"name\"`,-1)");
    refuse(true, "concat('x',`f`)"); /* printed otherwise */
    refuse(true, "concat(`made`)");
    refuse(true, "json_extract(`odd \"name\"`,'$.a')");
    refuse(true, "greatest(`id`,1)"); /* NULL means another thing */
    refuse(true, "lower(`odd \"name\"`)");
    refuse(true, "length(`odd \"name\"`)"); /* in bytes of the source's charset */
    refuse(true, "abs()");
    refuse(true, "abs(`id`,2)");
}

static void test_hostile(void **state)
{
    char *deep = malloc(20001), *text = malloc(2000);

    (void)state;
    memset(deep, '(', 20000);
    deep[20000] = '\0';
    refuse(false, deep);
    memset(deep, '-', 20000);
    refuse(false, deep);
    memset(text, 'a', 1999);
    text[0] = '\'';
    text[1998] = '\'';
    text[1999] = '\0';
    refuse(false, text);
    refuse(false, "");
    refuse(false, "`id");
    refuse(false, "'a");
    refuse(false, "'a\\");
    refuse(false, "`nobody`");
    refuse(false, "1; drop table x");
    refuse(false, "1 --");
    refuse(false, "`id` + ");
    refuse(false, "case `id` when 1 then 2 end");
    refuse(false, "0x41");
    free(deep);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests_name("postgres expr", tests, NULL, NULL);
}
