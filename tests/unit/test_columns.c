/* Names from databases in columns of a terminal: width, cutting, and nothing that steers it. */
#include "util/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static void pads_by_columns_not_bytes(void **state)
{
    char buf[64];

    (void)state;
    assert_string_equal(columns_padded("ab", 4, buf, sizeof(buf)), "ab  ");
    assert_string_equal(columns_padded("naïve", 6, buf, sizeof(buf)), "naïve ");
    assert_string_equal(columns_padded("日本", 6, buf, sizeof(buf)), "日本  ");
    assert_int_equal(columns_of("日本語a"), 7);
}

static void cuts_between_characters(void **state)
{
    char buf[64];

    (void)state;
    assert_string_equal(columns_padded("日本語", 5, buf, sizeof(buf)), "日本 ");
    assert_string_equal(columns_text("abcdef", 3, buf, sizeof(buf)), "abc");
    assert_string_equal(columns_text("日本語", 10, buf, 8), "日本");
}

static void nothing_steers_the_terminal(void **state)
{
    char buf[64];

    (void)state;
    assert_string_equal(columns_text("a\033[2Jb", 20, buf, sizeof(buf)), "a?[2Jb");
    assert_string_equal(columns_text("\xc2\x9b"
                                     "1m",
                                     20, buf, sizeof(buf)),
                        "?1m");
    assert_string_equal(columns_text("a\xff\xe2", 20, buf, sizeof(buf)), "a??");
    assert_string_equal(columns_text("\xe2\x80\xae"
                                     "x",
                                     20, buf, sizeof(buf)),
                        "?x");
}

static void a_text_of_any_length_is_put_harmlessly(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    assert_non_null(to);
    columns_put("é\033]0;x\007\xfe日", to);
    fclose(to);
    assert_string_equal(text, "é?]0;x??日");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pads_by_columns_not_bytes),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(nothing_steers_the_terminal),
        cmocka_unit_test(a_text_of_any_length_is_put_harmlessly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
