/* Modules: each way to be refused, with its reason; and the plugins of those that load. */
#include "module.h"

#include "module_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64]; /* of this test, only ours to write; others' tests can't disturb */

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *to = fopen(path, "w");

    assert_non_null(to);
    assert_int_equal(fwrite(bytes, 1, size, to), size);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(chmod(path, 0644), 0);
}

/* Copies a fixture of tests/unit/modules into the folder; gives its path there. */
static const char *place(const char *fault, const char *name)
{
    static char path[128];
    static char bytes[1 << 20];
    char from[1024];
    size_t size;
    FILE *file;

    snprintf(from, sizeof(from), "%s/module_%s.so", TEST_MODULES, fault);
    file = fopen(from, "r");
    assert_non_null(file);
    size = fread(bytes, 1, sizeof(bytes), file);
    assert_true(size > 0 && size < sizeof(bytes));
    fclose(file);
    snprintf(path, sizeof(path), "%s/%s.so", folder, name);
    unlink(path); /* a file that is loaded must not be written over */
    write_file(path, bytes, size);
    return path;
}

static void expect_refusal(const char *path, const char *code, const char *word)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_module *module;

    assert_int_equal(module_load(path, &module, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, code);
    if (!strstr(err.text, word))
        fail_msg("\"%s\" is not in: %s", word, err.text);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/runnel-test-XXXXXX");
    return mkdtemp(folder) ? chmod(folder, 0755) : -1;
}

static int remove_folder(void **state)
{
    DIR *dir = opendir(folder);
    char path[512];

    (void)state;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)(unlink(path) && rmdir(path));
    }
    closedir(dir);
    return rmdir(folder);
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *fault, *code, *word;
    } cases[] = {
        {"NO_ENTRY", "plugin.not_a_plugin", "exports no rnl_module()"},
        {"MAGIC", "plugin.not_a_plugin", "magic"},
        {"MAJOR", "plugin.abi_major", "was built for plugin ABI 2.0, this runnel has 1.0"},
        {"NEWER_MINOR", "plugin.abi_minor", "needs plugin ABI 1.1, this runnel has 1.0"},
        {"VALUE_SIZE", "plugin.malformed", "sizes"},
        {"MISSING_FUNCTION", "plugin.missing_function", "again"},
        {"SHORT_TABLE", "plugin.missing_function", "interrupt"},
        {"KIND", "plugin.malformed", "kind"},
        {"NAME", "plugin.malformed", "name"},
        {"OFFSET", "plugin.malformed", "option number"},
        {"PRESET", "plugin.malformed", "many is not a whole number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = place(cases[i].fault, cases[i].fault);

        expect_refusal(path, cases[i].code, cases[i].word);
        unlink(path);
    }
}

static void refusals_say_what_to_do(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_module *module;

    (void)state;
    module_load(place("NEWER_MINOR", "hint"), &module, &err);
    assert_non_null(strstr(err.hint, "upgrade runnel"));
}

static void other_files_are_refused(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/text.so", folder);
    write_file(path, "not ELF", 7);
    expect_refusal(path, "plugin.not_loadable", "text.so");
    write_file(path, "", 0);
    expect_refusal(path, "plugin.not_loadable", "text.so");
    snprintf(path, sizeof(path), "%s/none.so", folder);
    expect_refusal(path, "plugin.missing", "none.so");
    snprintf(path, sizeof(path), "%s/pipe.so", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refusal(path, "plugin.untrusted", "no regular file");
    expect_refusal("/", "plugin.untrusted", "no regular file");
}

static void writable_by_others_is_refused(void **state)
{
    const char *path = place("NONE", "open");
    char below[160], moved[224];

    (void)state;
    chmod(path, 0664);
    expect_refusal(path, "plugin.untrusted", "others may write");
    chmod(path, 0646);
    expect_refusal(path, "plugin.untrusted", "others may write");
    chmod(path, 0644);
    chmod(folder, 0775);
    expect_refusal(path, "plugin.untrusted", folder);
    snprintf(below, sizeof(below), "%s/below", folder);
    snprintf(moved, sizeof(moved), "%s/open.so", below);
    assert_int_equal(mkdir(below, 0755), 0);
    assert_int_equal(rename(path, moved), 0);
    expect_refusal(moved, "plugin.untrusted", folder); /* a folder further up */
    chmod(folder, 01777);                              /* sticky, but not root's, if we aren't */
    if (geteuid() != 0)
        expect_refusal(moved, "plugin.untrusted", folder);
    chmod(folder, 0755);
    unlink(moved);
    rmdir(below);
}

static void other_owner_is_refused(void **state)
{
    const char *path = place("NONE", "owned");

    (void)state;
    if (geteuid() != 0)
        skip(); /* nobody else can give files away */
    assert_int_equal(chown(path, 12345, 12345), 0);
    expect_refusal(path, "plugin.untrusted", "belongs to user 12345");
}

static void links_may_not_lead_out(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char below[160], inner[200], sibling[160];
    char *real = NULL;

    (void)state;
    snprintf(below, sizeof(below), "%s/links", folder);
    snprintf(inner, sizeof(inner), "%s/out.so", below);
    assert_int_equal(mkdir(below, 0755), 0);
    assert_int_equal(symlink(place("NONE", "target"), inner), 0);
    expect_refusal(inner, "plugin.untrusted", "it is a link to");
    unlink(inner);
    rmdir(below);
    snprintf(sibling, sizeof(sibling), "%s/sibling.so", folder);
    assert_int_equal(symlink("target.so", sibling), 0);
    assert_int_equal(module_check_file(sibling, &real, &err), RNL_OK);
    assert_non_null(strstr(real, "target.so"));
    free(real);
    unlink(sibling);
}

/* The last tests: from here on the plugin "fake" is loaded. */
static void good_one_is_found(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct plugin *plugin, *again;
    const char *dirs[] = {folder};

    (void)state;
    place("NONE", "fake");
    module_set_dirs(dirs, 1);
    assert_int_equal(plugin_find(RNL_TRANSPORT, "fake", &plugin, &err), RNL_OK);
    assert_string_equal(plugin->module->version, "1.2.3");
    assert_non_null(plugin->transport.open);
    assert_null(plugin->transport.working); /* optional, and not there */
    assert_int_equal(plugin_find(RNL_TRANSPORT, "fake", &again, &err), RNL_OK);
    assert_ptr_equal(plugin, again);
    assert_int_equal(plugin_by_scheme(RNL_TRANSPORT, "unreal", &again, &err), RNL_OK);
    assert_ptr_equal(plugin, again);
    assert_int_equal(plugin_by_scheme(RNL_TRANSPORT, "unrea", &again, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "url.unknown_scheme");
    assert_int_equal(plugin_by_scheme(RNL_SOURCE, "fake", &again, &err), RNL_E_CONFIG);
    assert_int_equal(plugin_find(RNL_SOURCE, "fake", &again, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "plugin.unknown");
    assert_non_null(strstr(err.text, folder));
}

static void names_are_no_paths(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct plugin *plugin;
    char name[128];

    (void)state;
    snprintf(name, sizeof(name), "..%s/fake", folder);
    assert_int_equal(plugin_find(RNL_TRANSPORT, name, &plugin, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "plugin.unknown");
}

static void second_of_a_name_is_refused(void **state)
{
    char first[160];

    (void)state;
    snprintf(first, sizeof(first), "%s/fake.so already holds a transport named fake", folder);
    expect_refusal(place("NONE", "copy"), "plugin.duplicate", first);
}

static void all_are_listed(void **state)
{
    const struct module_refusal *refusals;
    const struct plugin *const *plugins;
    size_t nplugins, nrefusals;
    bool fake = false, copy = false;

    (void)state;
    module_load_all(&plugins, &nplugins, &refusals, &nrefusals);
    for (size_t i = 0; i < nplugins; i++)
        fake = fake || strcmp(plugins[i]->name, "fake") == 0;
    for (size_t i = 0; i < nrefusals; i++)
        copy = copy || (strstr(refusals[i].path, "copy.so") &&
                        strcmp(refusals[i].error.code, "plugin.duplicate") == 0);
    assert_true(fake);
    assert_true(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(writable_by_others_is_refused),
        cmocka_unit_test(other_owner_is_refused),
        cmocka_unit_test(links_may_not_lead_out),
        cmocka_unit_test(good_one_is_found),
        cmocka_unit_test(names_are_no_paths),
        cmocka_unit_test(second_of_a_name_is_refused),
        cmocka_unit_test(all_are_listed),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
