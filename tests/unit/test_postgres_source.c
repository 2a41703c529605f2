/* What the postgres source makes of types, defaults, keys and units, without a server. */
#include "convert.h"
#include "defaults.h"
#include "types.h"
#include "unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check_default(const char *expression, enum rnl_type type, enum rnl_default kind,
                          const char *literal)
{
    struct buf text = {0};
    enum rnl_default found = default_parse(expression, type, &text);

    if (found != kind)
        fail_msg("%s: %d, not %d", expression, (int)found, (int)kind);
    if (kind == RNL_DEFAULT_LITERAL)
        assert_string_equal(buf_text(&text), literal);
    buf_free(&text);
}

static void test_defaults(void **state)
{
    (void)state;
    check_default("NULL::character varying", RNL_T_TEXT, RNL_DEFAULT_NULL, NULL);
    check_default("'it''s'::text", RNL_T_TEXT, RNL_DEFAULT_LITERAL, "it's");
    check_default("''::character varying(10)", RNL_T_TEXT, RNL_DEFAULT_LITERAL, "");
    check_default("'ok'::public.\"Mood\"", RNL_T_TEXT, RNL_DEFAULT_LITERAL, "ok");
    check_default("5", RNL_T_INT, RNL_DEFAULT_LITERAL, "5");
    check_default("(-5)", RNL_T_INT, RNL_DEFAULT_LITERAL, "-5");
    check_default("'-1.5'::numeric", RNL_T_DECIMAL, RNL_DEFAULT_LITERAL, "-1.5");
    check_default("(-1.5)::numeric(4,1)", RNL_T_DECIMAL, RNL_DEFAULT_LITERAL, "-1.5");
    check_default("true", RNL_T_BOOL, RNL_DEFAULT_LITERAL, "true");
    check_default("'101'::\"bit\"", RNL_T_BITS, RNL_DEFAULT_LITERAL, "101");
    check_default("'{}'::integer[]", RNL_T_NATIVE, RNL_DEFAULT_LITERAL, "{}");
    check_default("now()", RNL_T_TIMESTAMPTZ, RNL_DEFAULT_NOW, NULL);
    check_default("CURRENT_TIMESTAMP(3)", RNL_T_TIMESTAMP, RNL_DEFAULT_NOW, NULL);
    check_default("(now() + '1 day'::interval)", RNL_T_TIMESTAMPTZ, RNL_DEFAULT_EXPRESSION, NULL);
    check_default("now()", RNL_T_DATE, RNL_DEFAULT_EXPRESSION, NULL);
    check_default("('a'::text || 'b'::text)", RNL_T_TEXT, RNL_DEFAULT_EXPRESSION, NULL);
    check_default("'a'::text || 'b'::text", RNL_T_TEXT, RNL_DEFAULT_EXPRESSION, NULL);
    check_default("nextval('public.s'::regclass)", RNL_T_INT, RNL_DEFAULT_EXPRESSION, NULL);
    check_default("5 + 5", RNL_T_INT, RNL_DEFAULT_EXPRESSION, NULL);
    check_default("'never ended", RNL_T_TEXT, RNL_DEFAULT_EXPRESSION, NULL);
}

static void test_domain_checks(void **state)
{
    struct buf text = {0};

    (void)state;
    check_spell(&text,
                "((VALUE > 0) AND (VALUE <> 'VALUE'::text) AND (\"VALUE\" < xVALUE) AND VALUES)",
                "a\"b");
    assert_string_equal(
        buf_text(&text),
        "((\"a\"\"b\" > 0) AND (\"a\"\"b\" <> 'VALUE'::text) AND (\"VALUE\" < xVALUE) AND VALUES)");
    buf_free(&text);
}

static const char *const moods[] = {"sad", "ok"};
static struct type_info known[] = {
    {.oid = 20, .kind = 'b', .built_in = true, .schema = "pg_catalog", .name = "int8"},
    {.oid = 23, .kind = 'b', .built_in = true, .schema = "pg_catalog", .name = "int4"},
    {.oid = 1007, .kind = 'b', .array = true, .built_in = true, .element = 23, .name = "_int4"},
    {.oid = 1700, .kind = 'b', .built_in = true, .schema = "pg_catalog", .name = "numeric"},
    {.oid = 16400, .kind = 'e', .schema = "s", .name = "mood", .labels = moods, .nlabels = 2},
    {.oid = 16401,
     .kind = 'd',
     .schema = "s",
     .name = "price",
     .base = 1700,
     .base_modifier = (12 << 16 | 2) + 4,
     .base_native = "numeric(12,2)",
     .not_null = true},
    {.oid = 16402,
     .kind = 'd',
     .schema = "s",
     .name = "dear",
     .base = 16401,
     .base_modifier = -1,
     .base_native = "s.price"},
    {.oid = 16403, .kind = 'b', .array = true, .element = 16400, .schema = "s", .name = "_mood"},
};
static const struct types types = {known, sizeof(known) / sizeof(known[0])};

static struct rnl_column mapped(Oid oid, int modifier, const char *native)
{
    struct rnl_column column = {.name = "c", .flags = RNL_COLUMN_NULLABLE};

    type_map(&types, oid, modifier, native, &column);
    return column;
}

static void test_types(void **state)
{
    struct rnl_column column = mapped(1700, (5 << 16 | (0x7ff & -2)) + 4, "numeric(5,-2)");

    (void)state;
    assert_int_equal(column.precision, 7);
    assert_int_equal(column.scale, 0);
    column = mapped(1700, (2 << 16 | 5) + 4, "numeric(2,5)");
    assert_int_equal(column.precision, 5);
    assert_int_equal(column.scale, 5);
    column = mapped(16402, -1, "s.dear");
    assert_int_equal(column.type, RNL_T_DECIMAL);
    assert_int_equal(column.precision, 12);
    assert_string_equal(column.native, "numeric(12,2)");
    assert_string_equal(column.type_name, "dear");
    assert_int_equal(column.flags, RNL_COLUMN_DOMAIN); /* and NOT NULL */
    column = mapped(16403, -1, "s.mood[]");
    assert_int_equal(column.type, RNL_T_NATIVE);
    assert_int_equal(column.flags, RNL_COLUMN_NULLABLE | RNL_COLUMN_ARRAY);
    assert_int_equal(column.element, RNL_T_TEXT);
    assert_string_equal(column.type_name, "mood");
    column = mapped(1007, -1, "integer[]");
    assert_int_equal(column.element, RNL_T_INT);
    assert_null(column.type_name);
    column = mapped(9999, -1, "whatever");
    assert_int_equal(column.type, RNL_T_NATIVE);
}

static void check_reading(enum rnl_type type, const char *native, const char *cast,
                          enum pg_kind kind)
{
    const struct rnl_column column = {.type = (uint16_t)type, .native = native};
    struct type_reading reading = type_reading(&column);

    assert_string_equal(reading.cast, cast);
    assert_int_equal(reading.kind, kind);
}

static void test_readings(void **state)
{
    (void)state;
    check_reading(RNL_T_DECIMAL, "money", "::pg_catalog.numeric", PG_NUMERIC);
    check_reading(RNL_T_DECIMAL, "numeric", "", PG_NUMERIC);
    check_reading(RNL_T_UINT, "oid", "::pg_catalog.int8", PG_INT8);
    check_reading(RNL_T_NATIVE, "inet", "", PG_INET);
    check_reading(RNL_T_NATIVE, "inet[]", "::pg_catalog.text", PG_TEXT);
    check_reading(RNL_T_JSON, "jsonb", "", PG_JSONB);
    check_reading(RNL_T_JSON, "json", "", PG_JSON);
    check_reading(RNL_T_TEXT, "bpchar", "", PG_TEXT);
}

static void test_keys(void **state)
{
    const struct rnl_column columns[] = {
        {.name = "a", .type = RNL_T_INT, .width = 4, .native = "integer"},
        {.name = "b", .type = RNL_T_TEXT, .native = "text", .flags = RNL_COLUMN_NULLABLE},
        {.name = "c", .type = RNL_T_DOUBLE, .native = "double precision"},
        {.name = "d", .type = RNL_T_TEXT, .native = "text"},
    };
    const struct rnl_index_part parts[] = {
        {.column = 1}, {.column = 2}, {.column = 0}, {.column = 3}};
    const char *const pattern[] = {"text_pattern_ops"};
    struct rnl_index indexes[] = {
        {.flags = RNL_INDEX_UNIQUE, .parts = &parts[0], .nparts = 1},
        {.flags = RNL_INDEX_UNIQUE, .parts = &parts[1], .nparts = 1},
        {.flags = RNL_INDEX_UNIQUE, .parts = &parts[2], .nparts = 1, .where = "a > 0"},
        {.flags = RNL_INDEX_UNIQUE, .parts = &parts[3], .nparts = 1, .part_options = pattern},
        {.flags = RNL_INDEX_UNIQUE, .parts = &parts[2], .nparts = 2},
    };
    const struct rnl_table table = {.columns = columns,
                                    .ncolumns = 4,
                                    .column_size = sizeof(columns[0]),
                                    .indexes = indexes,
                                    .nindexes = 5,
                                    .index_size = sizeof(indexes[0])};
    struct key key;

    (void)state;
    key_choose(&table, &key);
    assert_int_equal(key.ncolumns, 2);
    assert_int_equal(key.columns[0], 0);
    assert_int_equal(key.columns[1], 3);
    indexes[4].flags |= RNL_INDEX_DEFERRABLE;
    key_choose(&table, &key);
    assert_int_equal(key.ncolumns, 0);
}

static void test_units(void **state)
{
    struct place place = {
        .mode = UNIT_KEYS,
        .schema = "s",
        .name = "leaf",
        .planner = 0x123456789abcdef0,
        .oldest = "731",
        .file = "16384",
        .from = {.count = 2, .values = {{"a\0b", 3}, {"", 0}}},
        .to = {.count = 1, .values = {{"z", 1}}},
    };
    struct buf from = {0}, to = {0};
    struct rnl_unit unit = {.size = sizeof(unit)};
    struct place back;

    (void)state;
    place_encode(&place, &from, &to);
    unit.from = (struct rnl_slice){from.ptr, from.len};
    unit.to = (struct rnl_slice){to.ptr, to.len};
    assert_true(place_decode(&unit, &back));
    assert_int_equal(back.mode, UNIT_KEYS);
    assert_string_equal(back.schema, "s");
    assert_string_equal(back.name, "leaf");
    assert_true(back.planner == place.planner);
    assert_string_equal(back.oldest, "731");
    assert_string_equal(back.file, "16384");
    assert_int_equal(back.from.count, 2);
    assert_memory_equal(back.from.values[0].ptr, "a\0b", 3);
    assert_int_equal(back.from.values[1].len, 0);
    assert_int_equal(back.to.count, 1);
    /* bytes that were cut off or grew are no unit, and never read beyond */
    for (size_t cut = 0; cut < from.len; cut++) {
        unit.from.len = cut;
        if (place_decode(&unit, &back))
            assert_true(back.from.count < 2);
    }
    unit.from.len = from.len;
    to.ptr[3] = 2; /* a value longer than what is there */
    assert_false(place_decode(&unit, &back));
    buf_free(&from);
    buf_free(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_domain_checks),
        cmocka_unit_test(test_types),    cmocka_unit_test(test_readings),
        cmocka_unit_test(test_keys),     cmocka_unit_test(test_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
