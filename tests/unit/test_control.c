/* Words between the roles: of a later release, of another format, of nobody. */
#include "control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int read_text(const char *text, struct control *word, struct rnl_error *err)
{
    *word = (struct control){0};
    *err = (struct rnl_error)RNL_ERROR_INIT;
    return control_read((struct rnl_slice){text, strlen(text)}, word, err);
}

static void test_there_and_back(void **state)
{
    char record[] = "{\"a\": 1}";
    const struct control said = {.type = CONTROL_RUN, .from = 7, .to = 8, .record = record};
    char *text = control_text(&said);
    struct rnl_error err;
    struct control word;

    (void)state;
    assert_non_null(text);
    assert_int_equal(read_text(text, &word, &err), RNL_OK);
    assert_int_equal(word.type, CONTROL_RUN);
    assert_int_equal(word.from, 7);
    assert_int_equal(word.to, 8);
    assert_string_equal(word.record, record);
    control_clear(&word);
    free(text);
}

static void test_what_a_later_release_adds(void **state)
{
    struct rnl_error err;
    struct control word;

    (void)state;
    assert_int_equal(read_text("{\"type\": \"state\", \"version\": 1, \"program\": \"9.8.7\", "
                               "\"from\": 3, \"new\": {\"a\": [1]}}",
                               &word, &err),
                     RNL_OK);
    assert_int_equal(word.type, CONTROL_STATE);
    assert_int_equal(word.from, 3);
    control_clear(&word);
}

static void test_another_format(void **state)
{
    struct rnl_error err;
    struct control word;

    (void)state;
    assert_int_equal(read_text("{\"type\": \"here\", \"version\": 2, \"program\": \"10.0.0\", "
                               "\"from\": 3, \"to\": 4}",
                               &word, &err),
                     RNL_E_CONFIG);
    assert_string_equal(err.code, "other.version");
    assert_non_null(strstr(err.text, "runnel 10.0.0 and speaks version 2"));
    assert_int_equal(word.type, CONTROL_HERE); /* by these it is known whom it concerns */
    assert_int_equal(word.to, 4);
    control_clear(&word);
    assert_int_equal(read_text("{\"type\": \"here\"}", &word, &err), RNL_E_CONFIG);
    control_clear(&word);
    assert_int_equal(read_text("", &word, &err), RNL_E_CONFIG);
    control_clear(&word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_a_later_release_adds),
        cmocka_unit_test(test_another_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
