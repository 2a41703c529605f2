/* Large JSON piece by piece: what is written is read again, and what is broken is refused. */
#include "util/json_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>

static void pieces_make_a_whole(void **state)
{
    struct json_text text = {0};
    char *made;

    (void)state;
    json_text_add(&text, "{", 1);
    json_text_key(&text, "a");
    json_text_add(&text, "[", 1);
    json_text_value(&text, json_integer(1));
    json_text_value(&text, json_pack("{s:s}", "x", "]}\","));
    json_text_add(&text, "]", 1);
    json_text_key(&text, "b");
    json_text_value(&text, json_null());
    json_text_add(&text, "}", 1);
    made = json_text_end(&text);
    assert_string_equal(made, "{\"a\":[1,{\"x\":\"]}\\\",\"}],\"b\":null}");
    free(made);
}

static void a_value_that_is_none_fails_the_whole(void **state)
{
    struct json_text text = {0};

    (void)state;
    json_text_add(&text, "[", 1);
    json_text_value(&text, NULL);
    assert_null(json_text_end(&text));
}

static void brackets_within_texts_dont_count(void **state)
{
    static const char json[] = " { \"a\" : [ \"]\\\"}\" , {} ] , \"b\":\"\\\\\" ,\"c\": 1 } ";
    struct json_walk walk = json_walk(json, sizeof(json) - 1, '{');
    struct json_part part;
    json_t *value;

    (void)state;
    assert_true(json_walk_next(&walk, &part));
    assert_true(json_part_is(&part, "a"));
    assert_false(json_part_is(&part, "ab"));
    value = json_part_load(&part);
    assert_int_equal(json_array_size(value), 2);
    json_decref(value);
    assert_true(json_walk_next(&walk, &part));
    value = json_part_load(&part);
    assert_string_equal(json_string_value(value), "\\");
    json_decref(value);
    assert_true(json_walk_next(&walk, &part));
    assert_true(json_part_is(&part, "c"));
    assert_false(json_walk_end(&walk));
    assert_false(json_walk_next(&walk, &part));
    assert_true(json_walk_end(&walk));
}

/* Goes through all of it; whether it was whole. */
static bool is_whole(const char *text, char open)
{
    /* on the heap, without a zero behind it: reading too far is seen */
    size_t len = strlen(text);
    char *bytes = malloc(len + 1);
    char *exact = realloc(bytes, len ? len : 1);
    struct json_walk walk;
    struct json_part part;
    bool whole;

    assert_non_null(exact);
    memcpy(exact, text, len);
    walk = json_walk(exact, len, open);
    while (json_walk_next(&walk, &part))
        ;
    whole = json_walk_end(&walk);
    free(exact);
    return whole;
}

static void what_is_broken_is_refused(void **state)
{
    static const char *const objects[] = {
        "",      "[]",     "{",   "{\"a\"", "{\"a\":", "{\"a\":1",  "{\"a\":1,}", "{\"a\":}",
        "{\"a}", "{\"a\\", "{}x", "{,}",    "{a:1}",   "{\"a\":[}", "{\"a\":\"x"};

    (void)state;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
        assert_false(is_whole(objects[i], '{'));
    assert_true(is_whole("{}", '{'));
    assert_true(is_whole("[]\n", '['));
    assert_true(is_whole("[1,[2,[3]],\"\\\"\"]", '['));
    assert_false(is_whole("[1 2", '['));
    assert_false(is_whole("[,1]", '['));
    assert_false(is_whole("[1]]", '['));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_a_whole),
        cmocka_unit_test(a_value_that_is_none_fails_the_whole),
        cmocka_unit_test(brackets_within_texts_dont_count),
        cmocka_unit_test(what_is_broken_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
