/* What is wanted of pipelines outlives the node that was told. */
#include "desired.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/test-desired-XXXXXX";
static char folder[60], file[90];

static struct desired *opened(void)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct desired *desired;

    if (desired_open(folder, &desired, &err) != RNL_OK)
        fail_msg("%s", err.text);
    return desired;
}

static void is_kept(void **state)
{
    struct desired *desired = opened();
    struct rnl_error err = RNL_ERROR_INIT;
    struct stat is;

    (void)state;
    assert_int_equal(desired_get(desired, "shop"), WANT_STOPPED);
    assert_int_equal(desired_set(desired, "shop", WANT_RUNNING, &err), RNL_OK);
    assert_int_equal(desired_set(desired, "crm", WANT_PAUSED, &err), RNL_OK);
    assert_int_equal(desired_set(desired, "old", WANT_STOPPED, &err), RNL_OK);
    desired_close(desired);
    assert_int_equal(stat(file, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0600);
    desired = opened();
    assert_int_equal(desired_get(desired, "shop"), WANT_RUNNING);
    assert_int_equal(desired_get(desired, "crm"), WANT_PAUSED);
    assert_int_equal(desired_get(desired, "old"), WANT_STOPPED);
    desired_close(desired);
}

static void belongs_to_one_node(void **state)
{
    struct desired *desired = opened(), *other;
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_int_equal(desired_open(folder, &other, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "node.taken");
    desired_close(desired);
    desired_close(opened());
}

/* What couldn't be written wasn't said. */
static void what_fails_changes_nothing(void **state)
{
    struct desired *desired = opened();
    struct rnl_error err = RNL_ERROR_INIT;
    char block[120];

    (void)state;
    assert_int_equal(desired_set(desired, "shop", WANT_RUNNING, &err), RNL_OK);
    snprintf(block, sizeof(block), "%s.new", file);
    assert_int_equal(mkdir(block, 0700), 0); /* where the new file would be written */
    assert_int_equal(desired_set(desired, "shop", WANT_STOPPED, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "node.state");
    assert_int_equal(desired_get(desired, "shop"), WANT_RUNNING);
    rmdir(block);
    desired_close(desired);
}

static void a_damaged_file_is_not_written_over(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct desired *desired;
    FILE *to = fopen(file, "w");

    (void)state;
    assert_non_null(to);
    fputs("{\"shop\": \"runn", to);
    fclose(to);
    assert_int_equal(desired_open(folder, &desired, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "node.state");
    assert_int_equal(access(file, F_OK), 0);
    unlink(file);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(desired_open(folder, &desired, &err), RNL_E_CONFIG);
    assert_int_equal(chmod(folder, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_kept),
        cmocka_unit_test(belongs_to_one_node),
        cmocka_unit_test(what_fails_changes_nothing),
        cmocka_unit_test(a_damaged_file_is_not_written_over),
    };
    char lock[80];
    int failed;

    if (!mkdtemp(top))
        return 1;
    snprintf(folder, sizeof(folder), "%s/a", top);
    snprintf(file, sizeof(file), "%s/desired.json", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(lock, sizeof(lock), "%s/lock", folder);
    unlink(lock);
    unlink(file);
    rmdir(folder);
    rmdir(top);
    return failed;
}
