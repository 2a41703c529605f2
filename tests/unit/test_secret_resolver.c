/* Tests of core/secret_resolver.c, with the env and file plugins. */
#include "module.h"
#include "options.h"
#include "secret.h"
#include "secret_file.h"
#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test-resolver-XXXXXX";

/* The text that a reference stands for, or the code of the error. */
static const char *resolve(struct secret_resolver *resolver, const char *reference)
{
    static char text[256];
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;
    int status = secret_resolve(resolver, reference, secret, &err);

    snprintf(text, sizeof(text), "%s", status == RNL_OK ? secret_text(secret) : err.code);
    secret_free(secret);
    return text;
}

static const char *path_of(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* "file:" and the path of a file with this content and mode. */
static const char *file_with(const char *content, size_t length, mode_t mode)
{
    static char reference[PATH_MAX + 8];
    const char *path = path_of("secret");
    FILE *file;

    unlink(path);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, length, file), length);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    snprintf(reference, sizeof(reference), "file:%s", path);
    return reference;
}

static void setting(struct secret_resolver *resolver, const char *store, const char *name,
                    const char *text)
{
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = name};
    struct settings set = {0};

    settings_set(&set, name, strcmp(name, "create") == 0 ? SETTING_BOOL : SETTING_TEXT, text,
                 &origin);
    secret_resolver_store(resolver, store, &set);
    settings_clear(&set);
}

static void plain_text_is_itself(void **state)
{
    (void)state;
    assert_string_equal(resolve(NULL, "geheim"), "geheim");
    assert_string_equal(resolve(NULL, ""), "");
    assert_string_equal(resolve(NULL, "secret:/x"), "secret:/x");
}

static void variables(void **state)
{
    (void)state;
    setenv("TEST_SECRET", "from env", 1);
    assert_string_equal(resolve(NULL, "env:TEST_SECRET"), "from env");
    unsetenv("TEST_SECRET");
    assert_string_equal(resolve(NULL, "env:TEST_SECRET"), "secret.variable_unset");
}

static void first_line_of_a_file(void **state)
{
    static char big[SECRET_MAX_BYTES + 4];
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_string_equal(resolve(NULL, file_with("pw\nmore\n", 8, 0600)), "pw");
    assert_string_equal(resolve(NULL, file_with("pw\r\n", 4, 0400)), "pw");
    assert_string_equal(resolve(NULL, file_with(" pw ", 4, 0600)), " pw ");
    assert_string_equal(resolve(NULL, file_with("", 0, 0600)), "secret.file_empty");
    assert_string_equal(resolve(NULL, file_with("\npw", 3, 0600)), "secret.file_empty");
    assert_string_equal(resolve(NULL, file_with("p\0w\n", 4, 0600)), "secret.nul");
    memset(big, 'x', sizeof(big));
    assert_string_equal(resolve(NULL, file_with(big, sizeof(big), 0600)), "secret.too_long");
    big[SECRET_MAX_BYTES] = '\n';
    assert_int_equal(secret_resolve(NULL, file_with(big, sizeof(big), 0600), secret, &err), RNL_OK);
    assert_int_equal(secret_length(secret), SECRET_MAX_BYTES);
    secret_free(secret);
}

static void files_are_closed_to_others(void **state)
{
    static const mode_t open_modes[] = {0640, 0604, 0660, 0602, 0610, 0666};
    char reference[PATH_MAX + 8];

    (void)state;
    for (size_t i = 0; i < sizeof(open_modes) / sizeof(*open_modes); i++)
        assert_string_equal(resolve(NULL, file_with("pw", 2, open_modes[i])),
                            "secret.file_open_to_others");
    file_with("pw", 2, 0600);
    unlink(path_of("secret"));
    snprintf(reference, sizeof(reference), "file:%s", path_of("secret"));
    assert_string_equal(resolve(NULL, reference), "secret.file_unreadable");
    snprintf(reference, sizeof(reference), "file:%s", folder);
    assert_string_equal(resolve(NULL, reference), "secret.file_unreadable");
    assert_string_equal(resolve(NULL, "file:/dev/zero"), "secret.file_unreadable");
    assert_string_equal(resolve(NULL, "file:"), "secret.file_unreadable");
}

static void root_hands_files_over_below_run(void **state)
{
    char path[] = "/run/test-resolver-XXXXXX", reference[64];
    int fd;

    (void)state;
    if (geteuid() != 0)
        skip();
    fd = mkstemp(path);
    if (fd < 0)
        skip();
    assert_int_equal(write(fd, "pw\n", 3), 3);
    snprintf(reference, sizeof(reference), "file:%s", path);
    assert_int_equal(fchmod(fd, 0444), 0);
    assert_string_equal(resolve(NULL, reference), "pw");
    assert_int_equal(fchmod(fd, 0464), 0);
    assert_string_equal(resolve(NULL, reference), "secret.file_open_to_others");
    assert_int_equal(fchmod(fd, 0444), 0);
    assert_int_equal(fchown(fd, 65534, 65534), 0);
    assert_string_equal(resolve(NULL, reference), "secret.file_open_to_others");
    close(fd);
    unlink(path);
}

static void references_have_a_form(void **state)
{
    static const char *const bad[] = {
        "secret://",
        "secret:///x",
        "secret://env",
        "secret://env/",
        "secret://env/#f",
        "secret://0123456789012345678901234567890123456789012345678901234567890123/x",
    };
    struct secret_resolver *resolver = secret_resolver_new();

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_string_equal(resolve(resolver, bad[i]), "secret.bad_reference");
    assert_string_equal(resolve(NULL, "secret://env/X"), "secret.no_stores");
    assert_string_equal(resolve(resolver, "secret://nowhere/x"), "plugin.unknown");
    assert_string_equal(resolve(resolver, "secret://../x"), "plugin.unknown");
    secret_resolver_free(resolver);
    secret_resolver_free(NULL);
}

static void env_store(void **state)
{
    struct secret_resolver *resolver = secret_resolver_new();

    (void)state;
    setenv("APP_DB", "from store", 1);
    assert_string_equal(resolve(resolver, "secret://env/APP_DB"), "from store");
    assert_string_equal(resolve(resolver, "secret://env/APP_DB#x"), "env.no_fields");
    assert_string_equal(resolve(resolver, "secret://env/NOT_SET_AT_ALL"), "env.unset");
    assert_string_equal(resolve(resolver, "secret://env/A-B"), "env.bad_name");
    assert_string_equal(resolve(resolver, "secret://env/1A"), "env.bad_name");
    secret_resolver_free(resolver);
    resolver = secret_resolver_new();
    setting(resolver, "env", "prefix", "APP_");
    assert_string_equal(resolve(resolver, "secret://env/DB"), "from store");
    assert_string_equal(resolve(resolver, "secret://env/APP_DB"), "env.unset");
    secret_resolver_free(resolver);
    unsetenv("APP_DB");
}

static void file_store(void **state)
{
    struct secret_resolver *resolver = secret_resolver_new();
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;
    const struct plugin *plugin;
    void *self;

    (void)state;
    setting(resolver, "file", "path", path_of("store"));
    assert_string_equal(resolve(resolver, "secret://file/shop#pw"), "secrets.no_store");
    /* what failed to open is tried again, with what is set by then */
    setting(resolver, "file", "create", "true");
    assert_int_equal(secret_resolver_open(resolver, "file", &plugin, &self, &err), RNL_OK);
    assert_int_equal(secret_set(secret, (struct rnl_slice){"geheim", 6}, 0, &err), RNL_OK);
    assert_int_equal(plugin->secrets.write(self, "shop", "pw", secret, &err), RNL_OK);
    assert_string_equal(resolve(resolver, "secret://file/shop#pw"), "geheim");
    assert_string_equal(resolve(resolver, "secret://file/shop"), "secrets.not_found");
    secret_free(secret);
    secret_resolver_free(resolver);
    resolver = secret_resolver_new();
    setting(resolver, "file", "path", path_of("store"));
    assert_string_equal(resolve(resolver, "secret://file/shop#pw"), "geheim");
    secret_resolver_free(resolver);
    resolver = secret_resolver_new();
    setting(resolver, "file", "path", path_of("nothing"));
    assert_string_equal(resolve(resolver, "secret://file/shop#pw"), "secrets.no_store");
    secret_resolver_free(resolver); /* what wasn't opened isn't closed */
    unlink(path_of("store"));
    unlink(path_of("store.key"));
    unlink(path_of("store.lock"));
}

static void store_that_needs_itself(void **state)
{
    struct secret_resolver *resolver = secret_resolver_new();

    (void)state;
    setting(resolver, "file", "path", path_of("store"));
    setting(resolver, "file", "passphrase", "secret://file/x");
    assert_string_equal(resolve(resolver, "secret://file/shop"), "secret.circular");
    secret_resolver_free(resolver);
}

struct linked {
    const char *user, *schema, *cert;
};

/* What the option is made of by this text; *err says why not. */
static struct linked *linked_by(const char *name, const char *text, struct rnl_error *err)
{
    static const struct rnl_option items[] = {
        {"user", NULL, "h", NULL, RNL_O_STRING, RNL_O_CONNECTION, offsetof(struct linked, user), 0,
         0},
        {"schema", NULL, "h", NULL, RNL_O_STRING, RNL_O_CONNECTION, offsetof(struct linked, schema),
         0, 0},
        {"tls.cert", NULL, "h", NULL, RNL_O_FILE, RNL_O_CONNECTION, offsetof(struct linked, cert),
         0, 0},
    };
    static const struct rnl_options table = RNL_OPTIONS(items, struct linked);
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = name};
    struct secret_resolver *resolver = secret_resolver_new();
    struct settings set = {0};
    void *config = NULL;

    settings_set(&set, name, SETTING_TEXT, text, &origin);
    assert_int_equal(options_check_setting(&table, "connection shop", &set.items[0], err), RNL_OK);
    options_build(&table, "connection shop", &set, resolver, &config, err);
    settings_clear(&set);
    secret_resolver_free(resolver);
    return config;
}

static void linked_free(struct linked *linked)
{
    static const struct rnl_option item = {
        "tls.cert", NULL, "h", NULL, RNL_O_FILE, 0, offsetof(struct linked, cert), 0, 0};
    const struct rnl_options table = {&item, 1, sizeof(item), sizeof(struct linked), 0};
    char *user;

    memcpy(&user, &linked->user, sizeof(user));
    free(user);
    memcpy(&user, &linked->schema, sizeof(user));
    free(user);
    options_free(&table, linked);
}

static void names_and_files_from_a_store(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct linked *linked;
    char path[64], text[64] = "";
    struct stat stat_of;
    FILE *file;

    (void)state;
    setenv("LINKED", "-----BEGIN\nline two\n", 1);
    linked = linked_by("user", "secret://env/LINKED", &err);
    assert_string_equal(linked->user, "-----BEGIN\nline two\n");
    linked_free(linked);
    linked = linked_by("schema", "secret://env/LINKED", &err); /* told in messages */
    assert_string_equal(linked->schema, "secret://env/LINKED");
    linked_free(linked);
    linked = linked_by("tls.cert", "secret://env/LINKED", &err);
    snprintf(path, sizeof(path), "%s", linked->cert);
    for (int i = 0; i < 2; i++) { /* a library may open it as often as it wants */
        file = fopen(path, "re");
        assert_non_null(file);
        assert_int_equal(fread(text, 1, sizeof(text), file), 20);
        assert_string_equal(text, "-----BEGIN\nline two\n");
        fclose(file);
    }
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0600);
    linked_free(linked);
    assert_null(fopen(path, "re"));
    assert_null(linked_by("tls.cert", "secret://env/NOBODY", &err));
    assert_string_equal(err.code, "env.unset");
    unsetenv("LINKED");
}

/* A path of the same look that isn't ours stays as it is. */
static void only_lent_files_are_wiped(void **state)
{
    FILE *file = tmpfile();
    char path[64], text[8] = "";

    (void)state;
    fputs("kept", file);
    fflush(file);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
    secret_file_end(path);
    rewind(file);
    assert_int_equal(fread(text, 1, sizeof(text), file), 4);
    assert_string_equal(text, "kept");
    fclose(file);
}

/* Stores that lend nothing for a time have nothing to renew; those that were read can be asked. */
static void stores_without_leases(void **state)
{
    struct secret_resolver *resolver = secret_resolver_new();
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_false(secret_resolver_forget(resolver));
    setenv("TEST_SECRET", "x", 1);
    assert_string_equal(resolve(resolver, "secret://env/TEST_SECRET"), "x");
    assert_int_equal(secret_resolver_renew(resolver, &err), RNL_OK);
    assert_true(secret_resolver_forget(resolver));
    secret_resolver_interrupt(resolver);
    assert_string_equal(resolve(resolver, "secret://env/TEST_SECRET"), "x");
    unsetenv("TEST_SECRET");
    secret_resolver_free(resolver);
}

static int setup(void **state)
{
    char exe[PATH_MAX], plugins[PATH_MAX + 32];
    const char *dirs[] = {plugins};
    ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    (void)state;
    if (length < 0 || !mkdtemp(folder))
        return -1;
    exe[length] = '\0';
    snprintf(plugins, sizeof(plugins), "%s/../plugins", dirname(exe));
    module_set_dirs(dirs, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path_of("secret"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_itself),
        cmocka_unit_test(variables),
        cmocka_unit_test(first_line_of_a_file),
        cmocka_unit_test(files_are_closed_to_others),
        cmocka_unit_test(root_hands_files_over_below_run),
        cmocka_unit_test(references_have_a_form),
        cmocka_unit_test(env_store),
        cmocka_unit_test(file_store),
        cmocka_unit_test(store_that_needs_itself),
        cmocka_unit_test(names_and_files_from_a_store),
        cmocka_unit_test(only_lent_files_are_wiped),
        cmocka_unit_test(stores_without_leases),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
