/* PostgreSQL's arrays, composites and hstore as JSON. */
#include "pgtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const labels[] = {"x", "y\"z"};

static void check(uint32_t flag, uint32_t element, const char *text, const char *expected)
{
    const struct rnl_column column = {
        .flags = flag, .element = element, .labels = labels, .nlabels = 2};
    struct buf out = {0};
    const char *why;
    char *copy = malloc(strlen(text)); /* so that reading behind the end is noticed */

    memcpy(copy, text, strlen(text));
    buf_puts(&out, "> ");
    if (pgtext_json(&column, copy, strlen(text), &out, &why) != (expected != NULL))
        fail_msg("%s: %s", text, expected ? why : buf_text(&out));
    assert_string_equal(buf_text(&out) + 2, expected ? expected : "");
    assert_true((*why != '\0') == (expected == NULL));
    buf_free(&out);
    free(copy);
}

static void test_arrays(void **state)
{
    (void)state;
    check(RNL_COLUMN_ARRAY, RNL_T_INT, "{1,NULL,-3}", "[1,null,-3]");
    check(RNL_COLUMN_ARRAY, RNL_T_INT, "{}", "[]");
    check(RNL_COLUMN_ARRAY, RNL_T_INT, "{{1,2},{3,4}}", "[[1,2],[3,4]]");
    check(RNL_COLUMN_ARRAY, RNL_T_INT, "[2:3][-1:0]={{1,2},{3,4}}", "[[1,2],[3,4]]");
    check(RNL_COLUMN_ARRAY, RNL_T_DECIMAL, "{1.50,NaN,Infinity,1e400}",
          "[1.50,\"NaN\",\"Infinity\",1e400]");
    check(RNL_COLUMN_ARRAY, RNL_T_DECIMAL, "{.5,01}", "[\".5\",\"01\"]");
    check(RNL_COLUMN_ARRAY, RNL_T_BOOL, "{t,f,NULL}", "[true,false,null]");
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "{a,\"NULL\",\"a \\\"b\\\\ c\",\"\",\"{,}\"}",
          "[\"a\",\"NULL\",\"a \\\"b\\\\ c\",\"\",\"{,}\"]");
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "{\"a\nb\x01\"}", "[\"a\\nb\\u0001\"]");
    check(RNL_COLUMN_ARRAY, RNL_T_NATIVE, "{(1,1),(0,0);(2,2),(1,1)}",
          "[\"(1\",\"1)\",\"(0\",\"0)\",\"(2\",\"2)\",\"(1\",\"1)\"]");
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "{a", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "{a,}", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "{\"a}", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "{\"a\"b}", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "{a}b", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "{a\\", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "[1:2]", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_TEXT, "", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_INT, "{{{{{{{{{{{{{{{{{1}}}}}}}}}}}}}}}}}", NULL);
    check(RNL_COLUMN_ARRAY, RNL_T_INT, "{{{{{{{{{{{{{{{{1}}}}}}}}}}}}}}}}",
          "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
}

static void test_composites(void **state)
{
    (void)state;
    check(RNL_COLUMN_COMPOSITE, 0, "(1,\"a \"\"b\"\"\")",
          "{\"x\":\"1\",\"y\\\"z\":\"a \\\"b\\\"\"}");
    check(RNL_COLUMN_COMPOSITE, 0, "(,)", "{\"x\":null,\"y\\\"z\":null}");
    check(RNL_COLUMN_COMPOSITE, 0, "(\"\",\"(1,2)\")", "{\"x\":\"\",\"y\\\"z\":\"(1,2)\"}");
    check(RNL_COLUMN_COMPOSITE, 0, "(1)", NULL);
    check(RNL_COLUMN_COMPOSITE, 0, "(1,2,3)", NULL);
    check(RNL_COLUMN_COMPOSITE, 0, "(1,2", NULL);
    check(RNL_COLUMN_COMPOSITE, 0, "(1,2)x", NULL);
    check(RNL_COLUMN_COMPOSITE, 0, "(1,\"2)", NULL);
    check(RNL_COLUMN_COMPOSITE, 0, "(1,(2)", NULL);
    check(RNL_COLUMN_COMPOSITE, 0, "1,2)", NULL);
}

/* Bytes that no server sends: neither an endless loop nor a look behind the end. */
static void test_zero_bytes(void **state)
{
    struct buf out = {0};
    const char *why;

    (void)state;
    assert_true(pgtext_composite_json("(\0,b)", 5, NULL, 0, &out, &why));
    buf_clear(&out);
    assert_false(pgtext_array_json("{a\0", 3, RNL_T_TEXT, &out, &why));
    assert_false(pgtext_hstore_json("\0", 1, &out, &why));
    buf_free(&out);
}

static void test_maps(void **state)
{
    (void)state;
    check(RNL_COLUMN_MAP, 0, "\"a\"=>\"1\", \"b c\"=>NULL, \"d\"=>\"NULL\"",
          "{\"a\":\"1\",\"b c\":null,\"d\":\"NULL\"}");
    check(RNL_COLUMN_MAP, 0, "", "{}");
    check(RNL_COLUMN_MAP, 0, "a=>1,b=>2", "{\"a\":\"1\",\"b\":\"2\"}");
    check(RNL_COLUMN_MAP, 0, "\"\"=>\"\"", "{\"\":\"\"}");
    check(RNL_COLUMN_MAP, 0, "\"a\"", NULL);
    check(RNL_COLUMN_MAP, 0, "\"a\"=>", NULL);
    check(RNL_COLUMN_MAP, 0, "\"a\"=>\"1\",", NULL);
    check(RNL_COLUMN_MAP, 0, "\"a\"=>\"1\" \"b\"=>\"2\"", NULL);
    check(0, 0, "x", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_composites),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_zero_bytes),
    };

    return cmocka_run_group_tests_name("common pgtext", tests, NULL, NULL);
}
