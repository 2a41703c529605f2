/* Passwords from the environment and from clients' files: which one is taken, which file is not. */
#include "fake_plugins.h"
#include "password.h"
#include "password_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char home[] = "/tmp/runnel-password-XXXXXX";
static const struct plugin *const mysql = &fake_plugins[0], *const postgres = &fake_plugins[1];
static const struct origin in_file = {.kind = ORIGIN_FILE, .line = 1, .file = "a.cfg"};
static const struct origin in_url = {.kind = ORIGIN_URL};

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", home, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static const char *found(const struct settings *set, const char *name)
{
    const struct setting *setting = settings_find(set, name);

    return setting ? setting->text : "(none)";
}

static void complete(struct settings *set, const struct plugin *plugin)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (password_complete(set, plugin, &err) != RNL_OK)
        fail_msg("%s", err.text);
}

static const char pgpass[] = "# a comment\n"
                             "\n"
                             "other:5432:shop:u:no\n"
                             "h:5433:shop:u:port\n"
                             "h:*:shop:esc\\:aped:co\\:lon\\\\\n"
                             "h:5432:*:u:any-database\n"
                             "*:*:*:last:la st\n"
                             "localhost:5432:d:u:local\n"
                             "/run/s:5432:d:u:socket\n";

static const struct {
    const char *host, *port, *database, *user, *password;
} pgpass_cases[] = {
    {"h", "5433", "shop", "u", "port"},
    {"h", "5432", "shop", "u", "any-database"},
    {"h", "1", "shop", "esc:aped", "co:lon\\"},
    {"x", "2", "y", "last", "la st"},
    {"x", "2", "y", "u", "(none)"},
    {"*", "5432", "shop", "u", "(none)"},
};

static void pgpass_lines(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char path[200];

    (void)state;
    write_file(".pgpass", pgpass, 0600);
    snprintf(path, sizeof(path), "%s/.pgpass", home);
    for (size_t i = 0; i < COUNT(pgpass_cases); i++) {
        struct password_wanted wanted = {pgpass_cases[i].host, pgpass_cases[i].port,
                                         pgpass_cases[i].database, pgpass_cases[i].user};
        struct settings set = {0};

        assert_int_equal(pgpass_read(path, &wanted, &set, &err), RNL_OK);
        assert_string_equal(found(&set, "password"), pgpass_cases[i].password);
        settings_clear(&set);
    }
}

static void pgpass_of_a_connection(void **state)
{
    struct settings set = {0};

    (void)state;
    write_file(".pgpass", pgpass, 0600);
    settings_set(&set, "user", SETTING_TEXT, "u", &in_file);
    settings_set(&set, "database", SETTING_TEXT, "d", &in_file);
    complete(&set, postgres);
    assert_string_equal(found(&set, "password"), "local");
    settings_clear(&set);
    settings_set(&set, "user", SETTING_TEXT, "u", &in_file);
    settings_set(&set, "database", SETTING_TEXT, "d", &in_file);
    settings_set(&set, "socket", SETTING_TEXT, "/run/s", &in_file);
    complete(&set, postgres);
    assert_string_equal(found(&set, "password"), "socket");
    settings_clear(&set);
}

static void open_pgpass_is_passed_over(void **state)
{
    struct settings set = {0};

    (void)state;
    write_file(".pgpass", "*:*:*:*:x\n", 0640);
    complete(&set, postgres);
    assert_string_equal(found(&set, "password"), "(none)");
    write_file("elsewhere", "*:*:*:*:there\n", 0600);
    setenv("PGPASSFILE", home, 1); /* a folder */
    complete(&set, postgres);
    assert_string_equal(found(&set, "password"), "(none)");
    unsetenv("PGPASSFILE");
    settings_clear(&set);
}

static void mycnf_of_a_connection(void **state)
{
    static const char text[] = "[mysql]\npassword=wrong\n\n[client]\n# c\n user = shop\n"
                               "password = \"a#b\\\\ c\"\nport=3307\nhost=db\nssl\n"
                               "!include x\n[mysqldump]\nuser=wrong\n";
    struct settings set = {0};

    (void)state;
    write_file(".my.cnf", text, 0600);
    complete(&set, mysql);
    assert_string_equal(found(&set, "user"), "shop");
    assert_string_equal(found(&set, "password"), "a#b\\ c");
    assert_string_equal(found(&set, "port"), "3307");
    assert_string_equal(found(&set, "host"), "db");
    settings_clear(&set);
    /* another host: its place is left alone */
    settings_set(&set, "host", SETTING_TEXT, "h", &in_url);
    complete(&set, mysql);
    assert_string_equal(found(&set, "password"), "a#b\\ c");
    assert_string_equal(found(&set, "host"), "h");
    assert_string_equal(found(&set, "port"), "(none)");
    settings_clear(&set);
    /* another user: not this one's password */
    settings_set(&set, "user", SETTING_TEXT, "root", &in_url);
    complete(&set, mysql);
    assert_string_equal(found(&set, "password"), "(none)");
    settings_clear(&set);
    write_file(".my.cnf", text, 0622);
    complete(&set, mysql);
    assert_string_equal(found(&set, "password"), "(none)");
    settings_clear(&set);
}

static void environment_ranks(void **state)
{
    struct settings set = {0};

    (void)state;
    write_file(".my.cnf", "[client]\npassword=file\n", 0600);
    setenv("MYSQL_PWD", "variable", 1);
    complete(&set, mysql);
    assert_string_equal(found(&set, "password"), "variable");
    settings_clear(&set);
    /* what is configured comes before what clients know, and behind RUNNEL_… */
    settings_set(&set, "password", SETTING_TEXT, "url", &in_url);
    complete(&set, mysql);
    assert_string_equal(found(&set, "password"), "url");
    setenv("RUNNEL_TARGET_PASSWORD", "target", 1);
    complete(&set, mysql);
    assert_string_equal(found(&set, "password"), "url");
    setenv("RUNNEL_SOURCE_PASSWORD", "source", 1);
    complete(&set, mysql);
    assert_string_equal(found(&set, "password"), "source");
    settings_clear(&set);
    setenv("PGPASSWORD", "pg", 1);
    complete(&set, postgres);
    assert_string_equal(found(&set, "password"), "target");
    settings_clear(&set);
    unsetenv("RUNNEL_TARGET_PASSWORD");
    complete(&set, postgres);
    assert_string_equal(found(&set, "password"), "pg");
    settings_clear(&set);
    unsetenv("MYSQL_PWD");
    unsetenv("PGPASSWORD");
    unsetenv("RUNNEL_SOURCE_PASSWORD");
}

static void others_are_left_alone(void **state)
{
    struct settings set = {0};

    (void)state;
    setenv("RUNNEL_SOURCE_PASSWORD", "source", 1);
    complete(&set, &fake_plugins[2]); /* has no such option */
    assert_int_equal(set.count, 0);
    unsetenv("RUNNEL_SOURCE_PASSWORD");
}

static int enter_home(void **state)
{
    static const char *const own[] = {"RUNNEL_SOURCE_PASSWORD", "RUNNEL_TARGET_PASSWORD",
                                      "MYSQL_PWD", "PGPASSWORD", "PGPASSFILE"};

    (void)state;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        unsetenv(own[i]); /* of whoever runs the tests */
    if (!mkdtemp(home))
        return -1;
    return setenv("HOME", home, 1);
}

static int empty_home(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof(command), "rm -f '%s'/.pgpass '%s'/.my.cnf '%s'/elsewhere", home, home,
             home);
    return system(command);
}

static int leave_home(void **state)
{
    (void)state;
    return rmdir(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pgpass_lines, empty_home),
        cmocka_unit_test_teardown(pgpass_of_a_connection, empty_home),
        cmocka_unit_test_teardown(open_pgpass_is_passed_over, empty_home),
        cmocka_unit_test_teardown(mycnf_of_a_connection, empty_home),
        cmocka_unit_test_teardown(environment_ranks, empty_home),
        cmocka_unit_test(others_are_left_alone),
    };

    return cmocka_run_group_tests(tests, enter_home, leave_home);
}
