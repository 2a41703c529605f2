/* Expressions of one dialect in another's words: the same meaning, or a refusal. */
#include "expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct rnl_column columns[] = {
    {.name = "id", .type = RNL_T_INT, .flags = RNL_COLUMN_NULLABLE},
    {.name = "Price", .type = RNL_T_DECIMAL, .flags = RNL_COLUMN_NULLABLE},
    {.name = "odd \"name\"", .type = RNL_T_TEXT, .flags = RNL_COLUMN_NULLABLE},
    {.name = "yes", .type = RNL_T_INT, .flags = RNL_COLUMN_NULLABLE},
    {.name = "made", .type = RNL_T_DATE, .flags = RNL_COLUMN_NULLABLE},
    {.name = "f", .type = RNL_T_DOUBLE, .flags = RNL_COLUMN_NULLABLE},
    {.name = "code", .type = RNL_T_TEXT},
    {.name = "n", .type = RNL_T_INT},
    {.name = "at", .type = RNL_T_TIMESTAMPTZ},
    {.name = "flag", .type = RNL_T_BOOL},
    {.name = "bin", .type = RNL_T_TEXT, .collation = "utf8mb4_nopad_bin"},
    {.name = "gone", .type = RNL_T_INT},
    {.name = "raw", .type = RNL_T_BYTES},
};

static const struct expr_column targets[] = {
    {.name = "id", .class = EXPR_INT},
    {.name = "Price", .class = EXPR_DECIMAL},
    {.name = "odd \"name\"", .class = EXPR_TEXT, .bytewise = true},
    {.name = "yes", .class = EXPR_BOOL},
    {.name = "made", .class = EXPR_DAY},
    {.name = "f", .class = EXPR_DOUBLE},
    {.name = "c`d", .class = EXPR_TEXT, .bytewise = true},
    {.name = "n", .class = EXPR_INT},
    {.name = "at", .class = EXPR_DAY},
    {.name = "flag", .class = EXPR_BOOL},
    {.name = "bin", .class = EXPR_TEXT, .bytewise = true},
    {.name = NULL},
    {.name = "raw", .class = EXPR_BYTES},
};

static const struct rnl_table table = {
    .columns = columns, .ncolumns = 13, .column_size = sizeof(columns[0])};

static bool column_of(void *arg, uint32_t index, struct expr_column *out)
{
    (void)arg;
    *out = targets[index];
    return out->name != NULL;
}

/* What the next calls are about. */
static enum expr_dialect from = EXPR_MYSQL, to = EXPR_POSTGRES;

static bool translate(bool exact, const char *text, struct buf *out, enum expr_class *yields,
                      const char **why)
{
    const struct expr_scope scope = {
        .from = from, .to = to, .table = &table, .column = column_of, .exact = exact};

    return expr_translate(&scope, text, out, yields, why);
}

static void check(bool exact, const char *text, const char *expected, enum expr_class class)
{
    enum expr_class yields;
    struct buf out = {0};
    const char *why;

    if (!translate(exact, text, &out, &yields, &why))
        fail_msg("%s: %s", text, why);
    assert_string_equal(buf_text(&out), expected);
    assert_int_equal(yields, class);
    buf_free(&out);
}

static void refuse(bool exact, const char *text)
{
    enum expr_class yields;
    struct buf out = {0};
    const char *why;

    if (translate(exact, text, &out, &yields, &why))
        fail_msg("%s became %s", text, buf_text(&out));
    assert_int_not_equal(strlen(why), 0);
    assert_int_equal(out.len, 0);
}

static void check_default(const char *text, const char *expected, enum expr_class class)
{
    const struct expr_scope scope = {.from = from, .to = to, .version = 150000};
    enum expr_class yields;
    struct buf out = {0};
    const char *why;

    if (!expr_translate(&scope, text, &out, &yields, &why))
        fail_msg("%s: %s", text, why);
    assert_string_equal(buf_text(&out), expected);
    assert_int_equal(yields, class);
    buf_free(&out);
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
    refuse(true, "`id` div 0");
    refuse(true, "`id` % `n`");
    check(true, "`id` div 3", "((\"id\")::bigint / (3)::bigint)", EXPR_INT);
    check(true, "`id` % 3", "((\"id\")::bigint % (3)::bigint)", EXPR_INT);
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
    refuse(false, "`bin` like `code`");
    refuse(false, "`made` > '2020-02-30'");
    refuse(false, "`id` = 1 = 1");
    check(true, "`bin` like 'a\\_%'", "(\"bin\" LIKE  E'a\\\\_%')", EXPR_BOOL);
    check(true, "`bin` = 'x'", "(\"bin\" = 'x')", EXPR_BOOL);
    refuse(true, "`bin` < 'x'");
    check(false, "`id` <=> 1", "(\"id\" IS NOT DISTINCT FROM 1)", EXPR_BOOL);
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
    char *deep = malloc(20001), *text = malloc(5000);

    (void)state;
    memset(deep, '(', 20000);
    deep[20000] = '\0';
    refuse(false, deep);
    memset(deep, '-', 20000);
    refuse(false, deep);
    memset(text, 'a', 4999);
    text[0] = '\'';
    text[4998] = '\'';
    text[4999] = '\0';
    refuse(false, text);
    refuse(false, "");
    refuse(false, "`id");
    refuse(false, "'a");
    refuse(false, "'a\\");
    refuse(false, "`nobody`");
    refuse(false, "1; drop table x");
    refuse(false, "1 --");
    refuse(false, "`id` + ");
    check(false, "case `id` when 1 then 2 end", "CASE WHEN (\"id\" = 1) THEN 2 END", EXPR_INT);
    refuse(false, "0x41");
    free(deep);
    free(text);
}

static void test_long(void **state)
{
    char *text = malloc(60001);

    (void)state;
    for (int i = 0; i < 20000; i++)
        memcpy(text + 3 * i, "1+1", 3);
    for (int i = 0; i < 19999; i++)
        text[3 * i + 2] = '+', text[3 * i + 1] = '1';
    text[60000] = '\0';
    refuse(false, text);
    free(text);
}

static void test_postgres_to_mysql(void **state)
{
    (void)state;
    from = EXPR_POSTGRES;
    to = EXPR_MYSQL;
    check(
        false,
        "((code)::text = ANY ((ARRAY['a'::character varying, 'b\\'::character varying])::text[]))",
        "(`c``d` IN ('a', 'b\\\\'))", EXPR_BOOL);
    check(false, "(code <> ALL (ARRAY['a'::text]))", "(NOT (`c``d` IN ('a')))", EXPR_BOOL);
    check(false, "((\"Price\" > (0)::numeric) AND (n >= 0))", "((`Price` > 0) AND (`n` >= 0))",
          EXPR_BOOL);
    check(true, "(n / 3)", "(`n` DIV 3)", EXPR_INT);
    check(true, "(\"Price\" * (n)::numeric)", "(`Price` * `n`)", EXPR_DECIMAL);
    check(true, "(((code)::text || ' '::text) || COALESCE(\"odd \"\"name\"\"\", ''::text))",
          "concat(concat(`c``d`, ' '), coalesce(`odd \"name\"`, ''))", EXPR_TEXT);
    check(false, "(made >= '2020-01-01'::date)", "(`made` >= DATE '2020-01-01')", EXPR_BOOL);
    check(false, "(code ~~ 'a%'::text)", "(`c``d` LIKE 'a%')", EXPR_BOOL);
    check(false, "((code)::text !~ '^[A-Z]{2}\\.$'::text)",
          "(NOT (`c``d` REGEXP '^[A-Z]{2}\\\\.\\\\z'))", EXPR_BOOL);
    check(false, "flag", "`flag`", EXPR_BOOL);
    check(false, "(flag IS TRUE)", "(`flag` IS TRUE)", EXPR_BOOL);
    check(false, "(n IS DISTINCT FROM 1)", "(NOT (`n` <=> 1))", EXPR_BOOL);
    check(true, "GREATEST(n, 5)", "greatest(`n`, 5)", EXPR_INT);
    check(true, "\"left\"(code, 2)", "left(`c``d`, 2)", EXPR_TEXT);
    check(true, "EXTRACT(year FROM made)", "year(`made`)", EXPR_INT);
    check(true, "SUBSTRING(code FROM 2 FOR 3)", "substr(`c``d`, 2, 3)", EXPR_TEXT);
    check(true, "length(raw)", "octet_length(`raw`)", EXPR_INT);
    check(true, "concat(code, id)", "concat(`c``d`, coalesce(CAST(`id` AS char), ''))", EXPR_TEXT);
    check(false, "(at < at)", "(`at` < `at`)", EXPR_BOOL);
    refuse(true, "GREATEST(id, 5)"); /* NULL */
    refuse(true, "(made < '0044-03-15 BC'::date) IS UNKNOWN");
    refuse(false, "(made < 'infinity'::date)");
    refuse(false, "(code ~~* 'a%'::text)");
    refuse(false, "(code ~ '^a.*'::text)");
    refuse(false, "(code ~ '^\\d+'::text)");
    refuse(false, "public.f(code)");
    refuse(false, "(gone > 1)");
    refuse(false, "\"price\" > 1"); /* a name in quotes is exact */
    refuse(false, "(at > '2020-01-01 00:00:00+00'::timestamp with time zone)");
    refuse(false, "(code COLLATE \"C\") = 'a'");
    refuse(false, "EXTRACT(epoch FROM made) > 1");
    refuse(true, "(code < 'b'::text)");
    refuse(true, "upper(code)");
    refuse(false, "now() > at");
    refuse(false, "code = ANY (string_to_array('a', ','))");
    refuse(false, "n & 1 = 1");
    check_default("gen_random_uuid()", "uuid()", EXPR_UUID);
    check_default("CURRENT_DATE", "curdate()", EXPR_DAY);
    check_default("'{a,\"b c\"}'::text[]", "'[\"a\",\"b c\"]'", EXPR_JSON);
    check_default("'{1,2}'::integer[]", "'[1,2]'", EXPR_JSON);
    check_default("'{}'::jsonb", "'{}'", EXPR_JSON);
    check_default("'new'::public.mood", "'new'", EXPR_TEXT);
    check_default("'-1'::integer", "(-1)", EXPR_INT);
    check_default("E'it''s a \\\\'::text", "'it''s a \\\\'", EXPR_TEXT);
}

static void test_postgres_to_sqlite(void **state)
{
    (void)state;
    from = EXPR_POSTGRES;
    to = EXPR_SQLITE;
    check(false, "((code)::text ~~ 'a_*%'::text)", "(\"c`d\" GLOB 'a?[*]*')", EXPR_BOOL);
    check(true, "(n / 3)", "(\"n\" / 3)", EXPR_INT);
    check(true, "(code || 'x'::text)", "(\"c`d\" || 'x')", EXPR_TEXT);
    check(true, "\"right\"(code, 2)", "substr(\"c`d\", -2)", EXPR_TEXT);
    check(true, "\"left\"(code, 2)", "substr(\"c`d\", 1, 2)", EXPR_TEXT);
    check(true, "char_length(code)", "length(\"c`d\")", EXPR_INT);
    check(true, "(NOT flag)", "(NOT \"flag\")", EXPR_BOOL);
    check(true, "(code = 'a'::text)", "(\"c`d\" = 'a')", EXPR_BOOL);
    refuse(true, "(\"Price\" * (2)::numeric)");
    refuse(false, "(code ~ '^a'::text)");
    refuse(true, "EXTRACT(year FROM made)");
    refuse(false, "code::character varying`"); /* what ends a type in mid-word ends the reading */
    refuse(true, "(made < made)");
}

static void test_sqlite(void **state)
{
    (void)state;
    from = EXPR_SQLITE;
    to = EXPR_POSTGRES;
    check(false, "[n] > 0 AND `code` IN ('a')", "((\"n\" > 0) AND (\"c`d\" IN ('a')))", EXPR_BOOL);
    check(true, "\"code\" GLOB 'a*'", "(\"c`d\" LIKE 'a%')", EXPR_BOOL);
    check(true, "n || 'a' ", "((\"n\")::text || 'a')", EXPR_TEXT);
    check(true, "n IS NOT id", "(NOT (\"n\" IS NOT DISTINCT FROM \"id\"))", EXPR_BOOL);
    check(true, "max(n, 1)", "greatest(\"n\", 1)", EXPR_INT);
    check(true, "n == 1", "(\"n\" = 1)", EXPR_BOOL);
    check(false, "code LIKE '__-%'", "(\"c`d\" LIKE '__-%')", EXPR_BOOL);
    refuse(true, "max(id, 1)");
    refuse(false, "code LIKE 'a%'"); /* any case */
    refuse(false, "code GLOB '[a-z]'");
    refuse(false, "\"nobody\" = 1");
    refuse(false, "n -- x");
    check_default("datetime('now')", "LOCALTIMESTAMP", EXPR_DAY);
    check_default("CURRENT_TIMESTAMP", "LOCALTIMESTAMP", EXPR_DAY);
    to = EXPR_MYSQL;
    check(true, "n / 2", "(`n` DIV 2)", EXPR_INT);
    check(false, "json_valid(code)", "json_valid(`c``d`)", EXPR_BOOL);
    check_default("'a\\b'", "'a\\\\b'", EXPR_TEXT);
}

static void test_mysql_to_sqlite(void **state)
{
    (void)state;
    from = EXPR_MYSQL;
    to = EXPR_SQLITE;
    check(true, "concat(`code`,'-',`n`)", "(\"c`d\" || '-' || CAST(\"n\" AS text))", EXPR_TEXT);
    check(true, "`n` div 2", "(\"n\" / 2)", EXPR_INT);
    check(true, "greatest(`id`,`n`)", "max(\"id\", \"n\")", EXPR_INT);
    check(true, "if(`n`,1,0)", "CASE WHEN (\"n\" <> 0) THEN 1 ELSE 0 END", EXPR_INT);
    refuse(true, "`code` = 'a'"); /* collations */
    refuse(true, "md5(`code`)");
    refuse(true, "round(`price`)");
    check_default("current_timestamp(6)", "CURRENT_TIMESTAMP", EXPR_DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_postgres_to_mysql),
        cmocka_unit_test(test_postgres_to_sqlite),
        cmocka_unit_test(test_sqlite),
        cmocka_unit_test(test_mysql_to_sqlite),
    };

    return cmocka_run_group_tests_name("common expr", tests, NULL, NULL);
}
