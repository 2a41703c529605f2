/* Tests of plugins/sqlite/source/create.c: what the text of CREATE says. */
#include "source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct rnl_column columns[4];

static struct draft draft_of(const char *const *names, uint32_t count)
{
    memset(columns, 0, sizeof(columns));
    for (uint32_t i = 0; i < count; i++)
        columns[i] = (struct rnl_column){.name = names[i], .native = ""};
    return (struct draft){.columns = columns, .ncolumns = count};
}

static void test_checks_generated_collations(void **state)
{
    static const char *const names[] = {"a", "b c", "d"};
    struct draft draft = draft_of(names, 3);

    (void)state;
    assert_true(create_table_read(
        &draft,
        "CREATE TABLE \"t(\" ( -- a comment, with ( and ,\n"
        " a INTEGER PRIMARY KEY AUTOINCREMENT CONSTRAINT \"a ok\" CHECK (a > 0 AND ')' <> ','),\n"
        " [b c] TEXT COLLATE NOCASE /* , */ DEFAULT ('x,y'),\n"
        " d INT GENERATED ALWAYS AS (a * (2 + 1)) STORED,\n"
        " CHECK (length([b c]) < 9), CONSTRAINT two CHECK (a <> d))"));
    assert_true(draft.autoincrement);
    assert_int_equal(draft.nchecks, 3);
    assert_string_equal(draft.checks[0].name, "a ok");
    assert_string_equal(draft.checks[0].expression, "a > 0 AND ')' <> ','");
    assert_string_equal(draft.checks[1].name, "");
    assert_string_equal(draft.checks[1].expression, "length([b c]) < 9");
    assert_string_equal(draft.checks[2].name, "two");
    assert_string_equal(columns[1].collation, "NOCASE");
    assert_string_equal(columns[2].generated, "a * (2 + 1)");
    assert_null(columns[0].generated);
    arena_free(&draft.arena);
}

static void test_broken_texts_end(void **state)
{
    static const char *const texts[] = {"",     "CREATE TABLE t",  "CREATE TABLE t (", "t (a CHECK",
                                        "t ('", "t (a CHECK (b, ", "t (/* ",           "t ([a"};
    static const char *const names[] = {"a"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct draft draft = draft_of(names, 1);

        assert_true(create_table_read(&draft, texts[i]));
        create_foreign_key_flags(texts[i], 0);
        create_index_part(&draft.arena, texts[i], 1);
        create_index_where(&draft.arena, texts[i]);
        arena_free(&draft.arena);
    }
}

static void test_parts_of_an_index(void **state)
{
    static const char sql[] =
        "CREATE UNIQUE INDEX i ON \"t\" (lower(a) COLLATE NOCASE DESC, b, a || ',' )"
        " WHERE b IS NOT NULL AND a <> 'x'";
    struct arena arena = {0};

    (void)state;
    assert_string_equal(create_index_part(&arena, sql, 0), "lower(a)");
    assert_string_equal(create_index_part(&arena, sql, 2), "a || ','");
    assert_null(create_index_part(&arena, sql, 3));
    assert_string_equal(create_index_where(&arena, sql), "b IS NOT NULL AND a <> 'x'");
    assert_null(create_index_where(&arena, "CREATE INDEX i ON t (a)"));
    arena_free(&arena);
}

static void test_deferred_foreign_keys(void **state)
{
    static const char sql[] =
        "CREATE TABLE t (a REFERENCES p (x) DEFERRABLE INITIALLY DEFERRED, b REFERENCES q,"
        " FOREIGN KEY (a, b) REFERENCES r NOT DEFERRABLE)";

    (void)state;
    assert_int_equal(create_foreign_key_flags(sql, 0),
                     RNL_FOREIGN_KEY_DEFERRABLE | RNL_FOREIGN_KEY_DEFERRED);
    assert_int_equal(create_foreign_key_flags(sql, 1), 0);
    assert_int_equal(create_foreign_key_flags(sql, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks_generated_collations),
        cmocka_unit_test(test_broken_texts_end),
        cmocka_unit_test(test_parts_of_an_index),
        cmocka_unit_test(test_deferred_foreign_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
