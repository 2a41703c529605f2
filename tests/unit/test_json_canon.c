/* JSON digests: equal for equal meanings, different for different ones, and never a crash. */
#include "json_canon.h"

#include <runnel/schema.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json_canon canon;

static bool same(const char *a, const char *b)
{
    struct digest left, right;
    uint32_t facts;

    assert_true(json_canon(&canon, a, strlen(a), &left, &facts));
    assert_true(json_canon(&canon, b, strlen(b), &right, &facts));
    return left.lo == right.lo && left.hi == right.hi;
}

static void test_equal(void **state)
{
    static const char *const pairs[][2] = {
        {"1", "1.0"},
        {"100", "1e2"},
        {"1.5e+3", "1500"},
        {"-0", "0"},
        {"0.000", "0e7"},
        {"0.1", "1E-1"},
        {"123456789012345678901234567890.10", "1234567890123456789012345678901e-1"},
        {"[]", " [ ] "},
        {"{}", "\t{\n}\r"},
        {"{\"a\":1,\"b\":2}", "{ \"b\" : 2, \"a\" : 1.0 }"},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"x\":9,\"a\":{\"k\":1},\"a\":[]}", "{\"a\":[],\"x\":9}"},
        {"\"\\u0041\\n\\/\"", "\"A\\n/\""},
        {"\"\\uD83D\\uDE00\"", "\"\xf0\x9f\x98\x80\""},
        {"{\"\\u0061\":null}", "{\"a\":null}"},
        {"[1,[2,{\"a\":[3]}]]", "[1, [2, {\"a\": [3.0]}]]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        if (!same(pairs[i][0], pairs[i][1]))
            fail_msg("%s and %s should be the same", pairs[i][0], pairs[i][1]);
}

static void test_different(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "10",
        "0.1",
        "1e10",
        "\"1\"",
        "\"\"",
        "\"null\"",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "[{}]",
        "[1,2]",
        "[2,1]",
        "[[1],2]",
        "[1,[2]]",
        "[[1,2]]",
        "{\"a\":1}",
        "{\"a\":\"1\"}",
        "{\"a\":[1]}",
        "{\"b\":1}",
        "{\"a\":1,\"b\":1}",
        "{\"a\":{\"b\":1}}",
        "{\"a\":{},\"b\":1}",
        "[\"a\",1]",
        "\"a\\u0000b\"",
        "\"ab\"",
        "\"\\ud83d\"",
        "9007199254740993",
        "9007199254740992",
        "1.0000000000000000000000001",
    };
    size_t count = sizeof(texts) / sizeof(*texts);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (same(texts[i], texts[j]))
                fail_msg("%s and %s should differ", texts[i], texts[j]);
}

static void test_invalid(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "--1",
        "0x1",
        "NaN",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\\",
        "'a'",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1]",
        "{\"a\":1 \"b\":2}",
        "1 2",
        "{} {}",
        "[]]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct digest digest;
        uint32_t facts = 0;

        if (json_canon(&canon, texts[i], strlen(texts[i]), &digest, &facts))
            fail_msg("%s is no JSON", texts[i]);
        assert_true(facts & RNL_FACT_JSON_INVALID);
    }
}

static uint32_t facts_of(const char *text)
{
    struct digest digest;
    uint32_t facts;

    assert_true(json_canon(&canon, text, strlen(text), &digest, &facts));
    return facts;
}

static void test_facts(void **state)
{
    (void)state;
    assert_int_equal(facts_of("{\"a\":[1,2.5e10,\"x\"]}"), 0);
    assert_int_equal(facts_of("\"\\u0000\""), RNL_FACT_JSON_NUL);
    assert_int_equal(facts_of("{\"a\\u0000\":1}"), RNL_FACT_JSON_NUL);
    assert_int_equal(facts_of("[{\"a\":1,\"b\":1,\"\\u0061\":1}]"), RNL_FACT_JSON_DUPLICATES);
    assert_int_equal(facts_of("[{\"a\":1},{\"a\":1}]"), 0);
    assert_int_equal(facts_of("\"\\ud83d\\ude00\""), 0);
    assert_int_equal(facts_of("\"\\ud83d\\u0041\""), RNL_FACT_JSON_SURROGATE);
    assert_int_equal(facts_of("\"\\ude00\""), RNL_FACT_JSON_SURROGATE);
    assert_int_equal(facts_of("1e131071"), RNL_FACT_JSON_DIGITS);
    assert_int_equal(facts_of("[18446744073709551615, -9007199254740993, 0.1, 1.10, 1e300]"), 0);
    assert_int_equal(facts_of("[0.30000000000000004, 0.0000000000000000000, 123456789.0e-20]"), 0);
    assert_int_equal(facts_of("18446744073709551616"), RNL_FACT_JSON_DIGITS);
    assert_int_equal(facts_of("0.10000000000000001"), RNL_FACT_JSON_DIGITS);
    assert_int_equal(facts_of("-12345678901234567890.123"), RNL_FACT_JSON_DIGITS);
    assert_int_equal(facts_of("1e131072"), RNL_FACT_JSON_NUMBER);
    assert_int_equal(facts_of("1e-16383"), RNL_FACT_JSON_DIGITS);
    assert_int_equal(facts_of("1e-16384"), RNL_FACT_JSON_NUMBER);
    assert_int_equal(facts_of("1e99999999999999999999999999"), RNL_FACT_JSON_NUMBER);
}

/* Nesting costs no stack, and ends at the bound. */
static void test_depth(void **state)
{
    size_t depth = JSON_DEPTH_MAX;
    char *text = malloc(2 * depth + 4);
    struct digest digest;
    uint32_t facts;

    (void)state;
    assert_non_null(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert_true(json_canon(&canon, text, 2 * depth, &digest, &facts));
    memset(text, '[', depth + 1);
    memset(text + depth + 1, ']', depth + 1);
    assert_false(json_canon(&canon, text, 2 * depth + 2, &digest, &facts));
    free(text);
}

/* Each text is read from memory that ends where it ends: a sanitizer sees a step too far. */
static void test_cut_short(void **state)
{
    static const char text[] =
        "{\"a\\u0041\\ud83d\\ude00\": [1.5e-3, true, null, {\"b\": \"\\\\\"}], \"c\": -0.5}";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        char *copy = malloc(len ? len : 1);
        struct digest digest;
        uint32_t facts;

        assert_non_null(copy);
        memcpy(copy, text, len);
        assert_int_equal(json_canon(&canon, copy, len, &digest, &facts), len == sizeof(text) - 1);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),   cmocka_unit_test(test_different),
        cmocka_unit_test(test_invalid), cmocka_unit_test(test_facts),
        cmocka_unit_test(test_depth),   cmocka_unit_test(test_cut_short),
    };
    int failed;

    json_canon_init(&canon, 42);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_canon_clear(&canon);
    return failed;
}
