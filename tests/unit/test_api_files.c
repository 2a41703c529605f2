/* Configuration files of the API: JSON into libconfig and back, patches, what is secret in them. */
#include "api/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static json_t *json(const char *text)
{
    json_t *o = json_loads(text, 0, NULL);

    assert_non_null(o);
    return o;
}

static void is(json_t *o, const char *wanted)
{
    json_t *other = json(wanted);

    if (!json_equal(o, other))
        fail_msg("%s, not %s", json_dumps(o, 0), wanted);
    json_decref(other);
}

static void there_and_back(void **state)
{
    static const char said[] =
        "{\"pipeline\":{\"name\":\"a\\\"b\\n@include \\\"/etc/passwd\\\"\",\"n\":7,"
        "\"big\":5000000000,\"yes\":true,\"f\":1.5,\"list\":[\"a\",\"b\"],"
        "\"groups\":[{\"name\":\"x\"},{\"exclude\":\"y\"}],\"none\":[],\"empty\":{}}}";
    char path[] = "/tmp/test_api_files.XXXXXX";
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *o = json(said), *back;
    int fd = mkstemp(path);
    char *text;

    (void)state;
    assert_int_equal(file_text(o, &text, &err), RNL_OK);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    assert_int_equal(file_read(path, &back, &err), RNL_OK);
    is(back, said);
    unlink(path);
    free(text);
    json_decref(back);
    json_decref(o);
}

static void what_a_file_cant_hold(void **state)
{
    static const char *const bad[] = {"{\"a\":null}",      "{\"a b\":1}",   "{\"\":1}",
                                      "{\"a\":[1,\"b\"]}", "{\"a;b=1\":1}", "{\"x\":{\"1a\":2}}"};
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        json_t *o = json(bad[i]);

        if (file_text(o, &text, &err) == RNL_OK)
            fail_msg("taken: %s as %s", bad[i], text);
        assert_string_equal(err.code, "config.value");
        json_decref(o);
    }
}

/* The examples of RFC 7396, appendix A, that are of objects. */
static void patches(void **state)
{
    static const char *const cases[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *o = json(cases[i][0]), *patch = json(cases[i][1]);

        merge_patch(o, patch);
        is(o, cases[i][2]);
        json_decref(o);
        json_decref(patch);
    }
}

static void secrets_stay_here(void **state)
{
    json_t *o = json("{\"c\":{\"user\":\"u\",\"password\":\"hunter2\",\"tls\":{\"key_passphrase\":"
                     "\"x\"},\"token\":\"secret://vault/a#b\"}}");
    json_t *before = json_deep_copy(o);

    (void)state;
    secrets_hide(o);
    is(o, "{\"c\":{\"user\":\"u\",\"password\":{\"set\":true},\"tls\":{\"key_passphrase\":{\"set\":"
          "true}},\"token\":\"secret://vault/a#b\"}}");
    secrets_keep(o, before);
    assert_true(json_equal(o, before));
    json_decref(o);
    json_decref(before);
}

static bool refused(const char *words, const char *before)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *o = json(words), *old = before ? json(before) : NULL;
    bool is_refused = config_check_outside(o, old, &err) != RNL_OK;

    json_decref(o);
    json_decref(old);
    return is_refused;
}

static void files_of_this_machine_stay_here(void **state)
{
    (void)state;
    assert_true(refused("{\"password\":\"file:/etc/shadow\"}", NULL));
    assert_true(refused("{\"tls\":{\"x\":\"env:HOME\"}}", NULL));
    assert_true(refused("{\"password\":\"secret://env/HOME\"}", NULL));
    assert_true(refused("{\"connection\":\"mysql://u:***@h/d\"}", NULL));
    assert_true(refused("{\"l\":[\"mysql://u:*@h/d\"]}", NULL));
    assert_false(refused("{\"connection\":\"mysql://u:a*b@h/d\"}", NULL));
    assert_true(refused("{\"l\":[\"file:/etc/shadow\"]}", NULL));
    assert_true(refused("{\"l\":[{\"x\":\"env:HOME\"}]}", NULL));
    assert_false(refused("{\"password\":\"secret://file/a\"}", NULL));
    assert_false(refused("{\"password\":\"file:/run/p\"}", "{\"password\":\"file:/run/p\"}"));
    assert_true(refused("{\"password\":\"file:/run/q\"}", "{\"password\":\"file:/run/p\"}"));
}

static void names_of_files(void **state)
{
    (void)state;
    assert_true(file_name_fits("shop-1.a_b"));
    assert_false(file_name_fits(""));
    assert_false(file_name_fits(".."));
    assert_false(file_name_fits(".a"));
    assert_false(file_name_fits("a/b"));
    assert_false(file_name_fits("a b"));
    assert_false(file_name_fits("~node"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(what_a_file_cant_hold),
        cmocka_unit_test(patches),
        cmocka_unit_test(secrets_stay_here),
        cmocka_unit_test(files_of_this_machine_stay_here),
        cmocka_unit_test(names_of_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
