/* Tests of plugins/mysql/source/key.c and text.c. */
#include "key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

static const struct rnl_column columns[] = {
    {.name = "id", .type = RNL_T_INT, .flags = RNL_COLUMN_KEY},
    {.name = "na`me", .type = RNL_T_TEXT, .charset = "utf8mb4", .collation = "utf8mb4_bin"},
    {.name = "old", .type = RNL_T_TEXT, .charset = "cp1251", .collation = "cp1251_general_ci"},
    {.name = "at", .type = RNL_T_TIMESTAMP},
    {.name = "kind", .type = RNL_T_TEXT, .flags = RNL_COLUMN_ENUM},
    {.name = "maybe", .type = RNL_T_INT, .flags = RNL_COLUMN_NULLABLE},
    {.name = "price", .type = RNL_T_DECIMAL, .precision = 10, .scale = 2},
};

static struct rnl_table table_of(const struct rnl_index *indexes, uint32_t count)
{
    return (struct rnl_table){
        .schema = "shop",
        .name = "orders",
        .columns = columns,
        .ncolumns = sizeof(columns) / sizeof(columns[0]),
        .indexes = indexes,
        .nindexes = count,
    };
}

static void a_key_is_chosen(void **state)
{
    static const struct rnl_index_part id[] = {{.column = 0}}, kind[] = {{.column = 4}};
    static const struct rnl_index_part maybe[] = {{.column = 5}},
                                       part[] = {{.column = 1, .prefix = 3}};
    static const struct rnl_index_part pair[] = {{.column = 1}, {.column = 0}};
    static const struct rnl_index primary[] = {
        {.name = "u", .flags = RNL_INDEX_UNIQUE, .parts = pair, .nparts = 2},
        {.name = "PRIMARY",
         .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE,
         .parts = id,
         .nparts = 1},
    };
    static const struct rnl_index none[] = {
        {.name = "a", .flags = RNL_INDEX_UNIQUE, .parts = maybe, .nparts = 1},
        {.name = "b", .flags = RNL_INDEX_UNIQUE, .parts = part, .nparts = 1},
        {.name = "c", .flags = RNL_INDEX_UNIQUE, .parts = kind, .nparts = 1},
        {.name = "d", .parts = id, .nparts = 1},
    };
    static const struct rnl_index unusable[] = {
        {.name = "PRIMARY",
         .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE,
         .parts = kind,
         .nparts = 1},
        {.name = "u", .flags = RNL_INDEX_UNIQUE, .parts = pair, .nparts = 2},
    };
    struct rnl_table table = table_of(primary, 2);
    struct key key;

    (void)state;
    key_choose(&table, &key);
    assert_string_equal(key.index, "PRIMARY");
    table = table_of(primary, 1);
    key_choose(&table, &key);
    assert_string_equal(key.index, "u");
    assert_int_equal(key.ncolumns, 2);
    table = table_of(none, 4);
    key_choose(&table, &key);
    assert_null(key.index);
    table = table_of(unusable, 2);
    key_choose(&table, &key);
    assert_null(key.index);
}

/* The condition for a place made of these values, which stand in columns of the table. */
static char *condition(const struct key *key, const struct rnl_value *values, enum place_side side)
{
    struct rnl_table table = table_of(NULL, 0);
    struct text place = {0}, sql = {0};

    assert_int_equal(place_encode(&place, values, key->ncolumns), 0);
    assert_int_equal(
        place_condition(&sql, &table, key, (struct rnl_slice){place.ptr, place.len}, side), 0);
    text_free(&place);
    return sql.ptr;
}

static void expect(const struct key *key, const struct rnl_value *values, enum place_side side,
                   const char *expected)
{
    char *sql = condition(key, values, side);

    assert_string_equal(sql, expected);
    free(sql);
}

static void places_become_conditions(void **state)
{
    const struct key one = {"PRIMARY", 1, {0}};
    const struct key three = {"PRIMARY", 3, {1, 3, 0}};
    const struct key old = {"PRIMARY", 1, {2}};
    const struct key price = {"PRIMARY", 1, {6}};
    const struct rnl_value number = {.type = RNL_T_INT, .i = -5};
    const struct rnl_value values[] = {
        {.type = RNL_T_TEXT, .ptr = "a'b", .len = 3},
        {.type = RNL_T_TIMESTAMP, .i = 500000},
        {.type = RNL_T_INT, .i = 7},
    };
    const struct rnl_value word = {.type = RNL_T_TEXT, .ptr = "é", .len = 2};
    const struct rnl_value money = {.type = RNL_T_DECIMAL, .ptr = "-1.50", .len = 5};

    (void)state;
    expect(&one, &number, PLACE_BEHIND, "(`id` > -5)");
    expect(&one, &number, PLACE_FROM, "(`id` >= -5)");
    expect(&one, &number, PLACE_BEFORE, "(`id` < -5)");
    expect(&three, values, PLACE_BEHIND,
           "(`na``me` > _utf8mb4 x'612762' COLLATE utf8mb4_bin OR `na``me` = _utf8mb4 x'612762' "
           "COLLATE utf8mb4_bin AND (`at` > '1970-01-01 00:00:00.500000' OR `at` = "
           "'1970-01-01 00:00:00.500000' AND (`id` > 7))) AND `na``me` >= _utf8mb4 x'612762' "
           "COLLATE utf8mb4_bin");
    expect(&old, &word, PLACE_BEHIND,
           "(`old` > CONVERT(_utf8mb4 x'c3a9' USING cp1251) COLLATE cp1251_general_ci)");
    expect(&price, &money, PLACE_BEHIND, "(`price` > CAST('-1.50' AS DECIMAL(10,2)))");
}

static void foreign_places_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } broken[] = {
        {"", 0},
        {"\1", 1},
        {"\2\1\3\0\0\0\0\0\0\0\0\1", 12},                     /* another version */
        {"\1\2\3\0\0\0\0\0\0\0\0\1\3\0\0\0\0\0\0\0\0\1", 22}, /* of two columns */
        {"\1\1\3\0\0\0\0\0\0\0\1", 11},                       /* cut off */
        {"\1\1\3\0\0\0\0\0\0\0\0\1x", 13},                    /* something behind */
        {"\1\1\4\0\0\0\0\0\0\0\0\1", 12},                     /* another type */
        {"\1\1\10\0\0\0\0\1'", 9},                            /* text */
        {"\1\1\26\0\0\0\0\0\0\0\0\1", 12},                    /* no type at all */
    };
    const struct key key = {"PRIMARY", 1, {0}}, price = {"PRIMARY", 1, {6}};
    struct rnl_table table = table_of(NULL, 0);
    struct text sql = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_int_equal(place_condition(&sql, &table, &key,
                                         (struct rnl_slice){broken[i].bytes, broken[i].len},
                                         PLACE_BEHIND),
                         -1);
    /* a decimal that is none: SQL of a stranger */
    assert_int_equal(place_condition(&sql, &table, &price,
                                     (struct rnl_slice){"\1\1\7\0\0\0\0\4"
                                                        "1' O",
                                                        12},
                                     PLACE_BEHIND),
                     -1);
    text_free(&sql);
}

static void texts_are_quoted(void **state)
{
    struct text text = {0};

    (void)state;
    text_name(&text, "a`b");
    text_quoted(&text, "x'y\\");
    text_quoted(&text, "");
    assert_string_equal(text.ptr, "`a``b`_utf8mb4 x'7827795c'''");
    text_free(&text);
    text_json(&text, "a\"b\\\n");
    assert_string_equal(text.ptr, "\"a\\\"b\\\\\\u000a\"");
    text_free(&text);
}

static void charsets_have_kinds(void **state)
{
    struct rnl_column column = {.type = RNL_T_TEXT, .charset = "utf8mb3"};

    (void)state;
    assert_int_equal(charset_kind(&column), CHARSET_AS_IS);
    column.charset = "latin1";
    assert_int_equal(charset_kind(&column), CHARSET_LATIN1);
    column.charset = "gbk";
    assert_int_equal(charset_kind(&column), CHARSET_SERVER);
    column.type = RNL_T_BYTES;
    assert_int_equal(charset_kind(&column), CHARSET_AS_IS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_chosen),
        cmocka_unit_test(places_become_conditions),
        cmocka_unit_test(foreign_places_are_refused),
        cmocka_unit_test(texts_are_quoted),
        cmocka_unit_test(charsets_have_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
