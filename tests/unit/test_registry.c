/* The local registry: who is announced is found, for as long as its process lives. */
#include "names.h"
#include "registry.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-registry-XXXXXX";

static void open_at(struct session *session)
{
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = "--path"};
    struct rnl_error err = RNL_ERROR_INIT;
    struct settings settings = {0};

    settings_set(&settings, "path", SETTING_TEXT, folder, &origin);
    if (registry_open(session, "local", &settings, NULL, &err) != RNL_OK)
        fail_msg("%s", err.text);
    settings_clear(&settings);
}

static int announce(struct session *session, const char *id, struct rnl_error *err)
{
    const struct rnl_service service = {
        .size = sizeof(service), .name = "node", .id = id, .address = "here", .port = 7};

    return session->plugin->registry.announce(session->self, &service, err);
}

static struct rnl_services found(struct session *session, const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_services all = {0};

    assert_int_equal(session->plugin->registry.lookup(session->self, name, &all, &err), RNL_OK);
    return all;
}

static void expect(struct session *session, const char *name, size_t count)
{
    struct rnl_services all = found(session, name);

    assert_int_equal(all.count, count);
    services_clear(&all);
}

static void who_is_announced_is_found(void **state)
{
    struct session one, two;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_services all;

    (void)state;
    open_at(&one);
    open_at(&two);
    assert_int_equal(announce(&one, "a", &err), RNL_OK);
    expect(&two, NULL, 1);
    expect(&two, "others", 0);
    assert_int_equal(
        one.plugin->registry.beat(one.self, RNL_DEGRADED, "3 running\nsecond line", &err), RNL_OK);
    all = found(&two, "node");
    assert_int_equal(all.count, 1);
    assert_string_equal(all.items[0].id, "a");
    assert_string_equal(all.items[0].address, "here");
    assert_int_equal(all.items[0].port, 7);
    assert_int_equal(all.items[0].health, RNL_DEGRADED);
    assert_string_equal(all.items[0].note, "3 running");
    assert_true(all.items[0].beat_us > 0);
    services_clear(&all);
    assert_int_equal(announce(&two, "a", &err), RNL_E_CONFIG); /* the name is taken */
    assert_string_equal(err.code, "local.taken");
    assert_int_equal(announce(&two, "../b", &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "local.bad_name");
    assert_int_equal(announce(&two, "b", &err), RNL_OK);
    expect(&one, NULL, 2); /* itself among them */
    assert_int_equal(one.plugin->registry.withdraw(one.self, &err), RNL_OK);
    expect(&two, NULL, 1);
    assert_int_equal(one.plugin->registry.beat(one.self, RNL_HEALTHY, "", &err), RNL_E_RETRY);
    session_close(&two);
    expect(&one, NULL, 0);
    session_close(&one);
}

static void who_is_killed_is_gone(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int ready[2], status;
    struct session one;
    char byte;
    pid_t child;

    (void)state;
    open_at(&one);
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        struct session other;

        open_at(&other);
        if (announce(&other, "short-lived", &err) != RNL_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    expect(&one, NULL, 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    expect(&one, NULL, 0);
    assert_int_equal(announce(&one, "short-lived", &err), RNL_OK); /* its place is free */
    session_close(&one);
    close(ready[0]);
    close(ready[1]);
}

static void count_it(void *arg, const struct rnl_entry *entry)
{
    (void)entry;
    ++*(int *)arg;
}

/* An index stands for what was there: emptied meanwhile, it is news. */
static void what_is_emptied_is_told(void **state)
{
    const struct rnl_slice value = {"running", 7};
    struct rnl_entry entry = {.size = sizeof(entry)};
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_registry_ops *ops;
    char path[80];
    struct session one;
    uint64_t index = 0, first;
    int count = 0;

    (void)state;
    open_at(&one);
    ops = &one.plugin->registry;
    assert_int_equal(ops->store(one.self, "desired/shop", value, 0, &err), RNL_OK);
    assert_int_equal(ops->watch(one.self, "desired/", &index, 0, count_it, &count, &err), RNL_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ops->read(one.self, "desired/shop", &entry, &err), RNL_OK);
    first = entry.revision;
    snprintf(path, sizeof(path), "%s/keys/=desired~1shop", folder);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/keys/count~", folder);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/keys/fresh~", folder);
    assert_int_equal(unlink(path), -1);
    snprintf(path, sizeof(path), "%s/keys", folder);
    assert_int_equal(rmdir(path), 0);
    count = 0;
    assert_int_equal(ops->watch(one.self, "desired/", &index, 20000, count_it, &count, &err),
                     RNL_OK);
    assert_int_equal(count, 0);
    assert_int_equal(ops->store(one.self, "desired/shop", value, first, &err), RNL_E_RETRY);
    assert_string_equal(err.code, "registry.conflict");
    assert_int_equal(ops->store(one.self, "desired/shop", value, 0, &err), RNL_OK);
    assert_int_equal(ops->read(one.self, "desired/shop", &entry, &err), RNL_OK);
    assert_true(entry.revision > first);
    assert_int_equal(ops->remove(one.self, "desired/shop", entry.revision, &err), RNL_OK);
    session_close(&one);
    snprintf(path, sizeof(path), "%s/keys/count~", folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/keys", folder);
    rmdir(path);
}

static void a_folder_of_others_is_refused(void **state)
{
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = "--path"};
    struct rnl_error err = RNL_ERROR_INIT;
    struct settings settings = {0};
    struct session session;

    (void)state;
    settings_set(&settings, "path", SETTING_TEXT, folder, &origin);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(registry_open(&session, NULL, &settings, NULL, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "local.folder");
    assert_int_equal(chmod(folder, 0700), 0);
    settings_clear(&settings);
}

int main(void)
{
    static const char *const dirs[] = {PLUGIN_DIR};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_announced_is_found),
        cmocka_unit_test(who_is_killed_is_gone),
        cmocka_unit_test(what_is_emptied_is_told),
        cmocka_unit_test(a_folder_of_others_is_refused),
    };
    int failed;

    module_set_dirs(dirs, 1);
    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
