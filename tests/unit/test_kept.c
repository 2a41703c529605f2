/* What a node remembers of itself: failures with their reasons, and that it is drained. */
#include "kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-kept-XXXXXX";
static char file[60];

static struct kept *opened(void)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct kept *kept;

    if (kept_open(folder, &kept, &err) != RNL_OK)
        fail_msg("%s", err.text);
    return kept;
}

static void fail_one(struct kept *kept, const char *pipeline, const char *role, int code)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *how = json_pack("{s:i}", "exit_code", code);

    assert_int_equal(kept_fail(kept, pipeline, role, how, &err), RNL_OK);
    json_decref(how);
}

static int code_of(const struct kept *kept, const char *pipeline, const char *role)
{
    const json_t *how = kept_failed(kept, pipeline, role);

    return how ? (int)json_integer_value(json_object_get(how, "exit_code")) : -1;
}

static void outlives_its_process(void **state)
{
    struct kept *kept = opened();
    struct rnl_error err = RNL_ERROR_INIT;
    struct stat is;

    (void)state;
    assert_false(kept_drained(kept));
    fail_one(kept, "shop", "reader", 2);
    fail_one(kept, "shop", "writer", 3);
    fail_one(kept, "crm", "both", 4);
    assert_int_equal(kept_drain(kept, true, &err), RNL_OK);
    kept_close(kept);
    assert_int_equal(stat(file, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0600);
    kept = opened();
    assert_true(kept_drained(kept));
    assert_int_equal(code_of(kept, "shop", "reader"), 2);
    assert_int_equal(code_of(kept, "shop", "writer"), 3);
    assert_int_equal(code_of(kept, "shop", "both"), -1);
    assert_int_equal(kept_forget(kept, "shop", &err), RNL_OK);
    assert_int_equal(kept_forget(kept, "unknown", &err), RNL_OK);
    assert_int_equal(kept_drain(kept, false, &err), RNL_OK);
    kept_close(kept);
    kept = opened();
    assert_false(kept_drained(kept));
    assert_int_equal(code_of(kept, "shop", "reader"), -1);
    assert_int_equal(code_of(kept, "crm", "both"), 4);
    kept_close(kept);
}

/* What couldn't be written isn't said either. */
static void what_fails_changes_nothing(void **state)
{
    struct kept *kept = opened();
    struct rnl_error err = RNL_ERROR_INIT;
    char block[80];
    json_t *how;

    (void)state;
    snprintf(block, sizeof(block), "%s.new", file);
    assert_int_equal(mkdir(block, 0700), 0); /* where the new file would be written */
    assert_int_equal(kept_drain(kept, true, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "node.state");
    assert_false(kept_drained(kept));
    how = json_pack("{s:i}", "exit_code", 9);
    assert_int_equal(kept_fail(kept, "crm", "both", how, &err), RNL_E_CONFIG);
    json_decref(how);
    assert_int_equal(kept_forget(kept, "crm", &err), RNL_E_CONFIG);
    assert_int_equal(code_of(kept, "crm", "both"), 4);
    rmdir(block);
    kept_close(kept);
}

static void what_is_damaged_is_refused_and_left(void **state)
{
    static const char *const texts[] = {"{\"drained\": tr",
                                        "[]",
                                        "{\"drained\": 1}",
                                        "{\"failed\": []}",
                                        "{\"failed\": {\"shop\": 1}}",
                                        "{\"turns\": 7}",
                                        "{\"unsent\": [1]}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        struct kept *kept;
        FILE *to = fopen(file, "w");
        struct stat is;

        assert_non_null(to);
        fputs(texts[i], to);
        fclose(to);
        assert_int_equal(kept_open(folder, &kept, &err), RNL_E_CONFIG);
        assert_string_equal(err.code, "node.state");
        assert_int_equal(stat(file, &is), 0);
        assert_int_equal(is.st_size, strlen(texts[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outlives_its_process),
        cmocka_unit_test(what_fails_changes_nothing),
        cmocka_unit_test(what_is_damaged_is_refused_and_left),
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    snprintf(file, sizeof(file), "%s/node.json", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);
    rmdir(folder);
    return failed;
}
