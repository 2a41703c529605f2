/* Which workers a pipeline has on a node by its roles, and what they come to in sum. */
#include "node_part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-roles-XXXXXX";
static struct node node;
static char shop[] = "shop", memory[] = "memory";
static struct child *const some_child = (struct child *)&node; /* never looked into */

static struct entry entry_new(unsigned roles, bool apart)
{
    node.roles = roles;
    return (struct entry){.node = &node,
                          .name = shop,
                          .transport = memory,
                          .apart = apart,
                          .listed = true,
                          .want = WANT_RUNNING};
}

static int parsed(const char *a, const char *b)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char *items[3] = {a ? strdup(a) : NULL, b ? strdup(b) : NULL, NULL};
    unsigned roles;
    int status = roles_parse(items, &roles, &err);

    free(items[0]);
    free(items[1]);
    if (status != RNL_OK)
        assert_string_equal(err.code, "node.role");
    return status == RNL_OK ? (int)roles : -1;
}

static void roles_are_read(void **state)
{
    (void)state;
    assert_int_equal(parsed(NULL, NULL), ROLES_ALL | ROLE_API);
    assert_int_equal(parsed("reader", NULL), ROLE_READER);
    assert_int_equal(parsed("writer,reader", NULL), ROLES_ALL);
    assert_int_equal(parsed("writer", "reader"), ROLES_ALL);
    assert_int_equal(parsed("reader,", NULL), -1);
    assert_int_equal(parsed("", NULL), -1);
    assert_int_equal(parsed("read", NULL), -1);
    assert_int_equal(parsed("readers", NULL), -1);
    assert_int_equal(parsed("api", NULL), ROLE_API);
    assert_int_equal(parsed("api,writer", NULL), ROLE_API | ROLE_WRITER);
}

static void workers_go_by_roles_and_transport(void **state)
{
    struct entry entry = entry_new(ROLES_ALL, false);
    struct rnl_error err = RNL_ERROR_INIT;
    const struct worker *worst;

    (void)state;
    entry_deal(&entry);
    assert_int_equal(entry.nworkers, 1);
    assert_int_equal(entry.workers[0].roles, ROLES_ALL);
    assert_int_equal(entry_check_roles(&entry, &err), RNL_OK);

    entry = entry_new(ROLES_ALL, true);
    entry_deal(&entry);
    assert_int_equal(entry.nworkers, 2);
    assert_int_equal(entry.workers[0].roles, ROLE_READER);
    assert_int_equal(entry.workers[1].roles, ROLE_WRITER);

    entry = entry_new(ROLE_WRITER, true);
    entry_deal(&entry);
    assert_int_equal(entry.nworkers, 1);
    assert_int_equal(entry.workers[0].roles, ROLE_WRITER);

    entry = entry_new(ROLE_WRITER, false);
    entry_deal(&entry);
    assert_int_equal(entry.nworkers, 0);
    assert_int_equal(entry_check_roles(&entry, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "node.role_missing");
    assert_int_equal(entry_state(&entry, &worst), SUPERVISED_FAILED);
    assert_null(worst);
    entry.want = WANT_STOPPED;
    assert_int_equal(entry_state(&entry, &worst), SUPERVISED_STOPPED);
}

/* The transport of its file was changed: what lives keeps its role until it has ended. */
static void a_living_worker_keeps_its_role(void **state)
{
    struct entry entry = entry_new(ROLES_ALL, false);

    (void)state;
    entry_deal(&entry);
    entry.workers[0].child = some_child;
    entry.apart = true;
    entry_deal(&entry);
    assert_int_equal(entry.nworkers, 1);
    entry.workers[0].child = NULL;
    entry_deal(&entry);
    assert_int_equal(entry.nworkers, 2);
    assert_int_equal(entry.workers[1].now.want, WANT_RUNNING);
}

static void one_that_failed_before_is_failed(void **state)
{
    struct entry entry = entry_new(ROLES_ALL, true);
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *how = json_pack("{s:i,s:{s:s},s:[s,i,s]}", "exit_code", 3, "failure", "text", "why",
                            "last_words", "first", 7, "last"),
           *again;

    (void)state;
    assert_int_equal(kept_fail(node.kept, shop, "writer", how, &err), RNL_OK);
    json_decref(how);
    entry_deal(&entry);
    assert_int_equal(entry.workers[0].now.state, SUPERVISED_STOPPED);
    assert_int_equal(entry.workers[1].now.state, SUPERVISED_FAILED);
    assert_int_equal(supervised_next(&entry.workers[0].now, 0), DO_START);
    assert_int_equal(supervised_next(&entry.workers[1].now, 0), DO_NOTHING);
    again = worker_json(&entry.workers[1]);
    assert_int_equal(json_integer_value(json_object_get(again, "exit_code")), 3);
    assert_int_equal(json_array_size(json_object_get(again, "last_words")), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(again, "failure"), "text")), "why");
    json_decref(again);
    worker_forget(&entry.workers[1]);
    assert_int_equal(kept_forget(node.kept, shop, &err), RNL_OK);
}

static enum supervised_state sum(enum supervised_state a, enum supervised_state b)
{
    struct entry entry = entry_new(ROLES_ALL, true);
    const struct worker *worst;
    enum supervised_state state;

    entry_deal(&entry);
    entry.workers[0].now.state = a;
    entry.workers[1].now.state = b;
    for (int i = 0; i < 2; i++)
        if (entry.workers[i].now.state == SUPERVISED_RUNNING ||
            entry.workers[i].now.state == SUPERVISED_STOPPING)
            entry.workers[i].child = some_child;
    state = entry_state(&entry, &worst);
    assert_non_null(worst);
    return state;
}

static void a_pipeline_is_as_its_worst_worker(void **state)
{
    (void)state;
    assert_int_equal(sum(SUPERVISED_RUNNING, SUPERVISED_RUNNING), SUPERVISED_RUNNING);
    for (int i = SUPERVISED_STOPPED; i <= SUPERVISED_FAILED; i++) {
        enum supervised_state one = (enum supervised_state)i;

        assert_int_equal(sum(SUPERVISED_FAILED, one), SUPERVISED_FAILED);
        assert_int_equal(sum(one, SUPERVISED_FAILED), SUPERVISED_FAILED);
        if (one != SUPERVISED_RUNNING) { /* never, unless both do */
            assert_int_not_equal(sum(SUPERVISED_RUNNING, one), SUPERVISED_RUNNING);
            assert_int_not_equal(sum(one, SUPERVISED_RUNNING), SUPERVISED_RUNNING);
        }
        if (one != SUPERVISED_FINISHED)
            assert_int_not_equal(sum(SUPERVISED_FINISHED, one), SUPERVISED_FINISHED);
    }
    assert_int_equal(sum(SUPERVISED_RUNNING, SUPERVISED_WAITING), SUPERVISED_WAITING);
    assert_int_equal(sum(SUPERVISED_FINISHED, SUPERVISED_DEGRADED), SUPERVISED_DEGRADED);
    assert_int_equal(sum(SUPERVISED_FINISHED, SUPERVISED_RUNNING), SUPERVISED_STOPPING);
    assert_int_equal(sum(SUPERVISED_STOPPED, SUPERVISED_RUNNING), SUPERVISED_STOPPING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_are_read),
        cmocka_unit_test(workers_go_by_roles_and_transport),
        cmocka_unit_test(a_living_worker_keeps_its_role),
        cmocka_unit_test(one_that_failed_before_is_failed),
        cmocka_unit_test(a_pipeline_is_as_its_worst_worker),
    };
    struct rnl_error err = RNL_ERROR_INIT;
    char file[60];
    int failed;

    if (!mkdtemp(folder) || kept_open(folder, &node.kept, &err) != RNL_OK)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    kept_close(node.kept);
    snprintf(file, sizeof(file), "%s/node.json", folder);
    unlink(file);
    rmdir(folder);
    return failed;
}
