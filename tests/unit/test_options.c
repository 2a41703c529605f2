/* Options: each type, each way to be wrong, and where the message says that it stands. */
#include "options.h"

#include "secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

struct config {
    const char *host;
    int64_t port;
    bool fast;
    int64_t room, wait_ms;
    const char *const *tables;
    int32_t mode;
    const struct rnl_secret *password;
    const char *ca;
};

#define AT(member) offsetof(struct config, member)

static const struct rnl_option items[] = {
    {.name = "host",
     .help = "h",
     .type = RNL_O_STRING,
     .flags = RNL_O_REQUIRED,
     .offset = AT(host)},
    {.name = "port",
     .help = "h",
     .type = RNL_O_INT,
     .preset = "3306",
     .offset = AT(port),
     .min = 1,
     .max = 65535},
    {.name = "fast", .help = "h", .type = RNL_O_BOOL, .preset = "true", .offset = AT(fast)},
    {.name = "room", .help = "h", .type = RNL_O_SIZE, .preset = "16M", .offset = AT(room)},
    {.name = "wait", .help = "h", .type = RNL_O_DURATION, .preset = "30s", .offset = AT(wait_ms)},
    {.name = "tables", .help = "h", .type = RNL_O_LIST, .offset = AT(tables)},
    {.name = "tls.mode",
     .help = "a|b",
     .type = RNL_O_ENUM,
     .preset = "verify",
     .words = "off|require|verify",
     .offset = AT(mode)},
    {.name = "password", .help = "h", .type = RNL_O_SECRET, .offset = AT(password)},
    {.name = "tls.ca", .help = "h", .type = RNL_O_FILE, .offset = AT(ca)},
};
static const struct rnl_options table = RNL_OPTIONS(items, struct config);
static const struct origin in_file = {.kind = ORIGIN_FILE, .line = 12, .file = "conf/shop.cfg"};

/* With host, and one more; the config, or NULL and why. */
static struct config *build(const char *name, const char *text, struct rnl_error *err)
{
    struct settings settings = {0};
    void *config = NULL;

    settings_set(&settings, "host", SETTING_TEXT, "db", &in_file);
    if (name)
        settings_set(&settings, name, SETTING_TEXT, text, &in_file);
    if (options_build(&table, "connection shop", &settings, NULL, &config, err) != RNL_OK)
        assert_null(config);
    settings_clear(&settings);
    return config;
}

static void presets_stand(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config = build(NULL, NULL, &err);

    (void)state;
    assert_non_null(config);
    assert_string_equal(config->host, "db");
    assert_int_equal(config->port, 3306);
    assert_true(config->fast);
    assert_int_equal(config->room, 16 << 20);
    assert_int_equal(config->wait_ms, 30000);
    assert_int_equal(config->mode, 2);
    assert_null(config->tables);
    assert_null(config->password);
    options_free(&table, config);
}

static void given_values_stand(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char a[] = "shop.*", b[] = "x";
    char *const names[] = {a, b, NULL};
    struct settings settings = {0};
    struct config *config;
    void *made;

    (void)state;
    settings_set(&settings, "host", SETTING_TEXT, "db", &in_file);
    settings_set(&settings, "port", SETTING_INT, "65535", &in_file);
    settings_set(&settings, "fast", SETTING_BOOL, "false", &in_file);
    settings_set(&settings, "tls.mode", SETTING_TEXT, "off", &in_file);
    settings_set(&settings, "tls.ca", SETTING_TEXT, "ca.pem", &in_file);
    settings_set(&settings, "password", SETTING_TEXT, "canary", &in_file);
    settings_set_list(&settings, "tables", names, &in_file);
    assert_int_equal(options_build(&table, "x", &settings, NULL, &made, &err), RNL_OK);
    config = made;
    assert_int_equal(config->port, 65535);
    assert_false(config->fast);
    assert_int_equal(config->mode, 0);
    assert_string_equal(config->ca, "conf/ca.pem"); /* beside the file that names it */
    assert_string_equal(secret_text(config->password), "canary");
    assert_string_equal(config->tables[0], "shop.*");
    assert_string_equal(config->tables[1], "x");
    assert_null(config->tables[2]);
    options_free(&table, made);
    settings_clear(&settings);
}

static void faults_name_place_and_remedy(void **state)
{
    static const struct {
        const char *name, *text, *code, *word, *hint;
    } cases[] = {
        {"prot", "1", "config.unknown_word", "conf/shop.cfg:12: connection shop: prot", "port?"},
        {"tls.mode", "verfy", "config.unknown_word", "off|require|verify", "verify?"},
        {"tls.mode", "Verify", "config.unknown_word", "tls.mode", "verify?"},
        {"port", "0", "config.out_of_range", "not between 1 and 65535", ""},
        {"port", "65536", "config.out_of_range", "65536", ""},
        {"port", "12x", "config.wrong_type", "12x is not a whole number", ""},
        {"port", "", "config.wrong_type", "whole number", ""},
        {"port", "99999999999999999999", "config.wrong_type", "whole number", ""},
        {"fast", "maybe", "config.wrong_type", "neither true nor false", ""},
        {"room", "16Q", "config.wrong_type", "size", ""},
        {"room", "99999999T", "config.wrong_type", "size", ""},
        {"wait", "-1s", "config.wrong_type", "duration", ""},
        {"password", "secret://vault/x", "config.secret", "password", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rnl_error err = RNL_ERROR_INIT;

        assert_null(build(cases[i].name, cases[i].text, &err));
        assert_int_equal(err.status, RNL_E_CONFIG);
        assert_string_equal(err.code, cases[i].code);
        if (!strstr(err.text, cases[i].word) || !strstr(err.hint, cases[i].hint))
            fail_msg("case %zu: %s / %s", i, err.text, err.hint);
    }
}

static void required_is_required(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct settings none = {0};
    void *config;

    (void)state;
    assert_int_equal(options_build(&table, "connection shop", &none, NULL, &config, &err),
                     RNL_E_CONFIG);
    assert_string_equal(err.code, "config.missing");
    assert_non_null(strstr(err.text, "connection shop: host"));
}

static void list_where_one_value_belongs(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char word[] = "a";
    char *const words[] = {word, NULL};
    struct settings settings = {0};
    void *config;

    (void)state;
    settings_set_list(&settings, "host", words, &in_file);
    assert_int_equal(options_build(&table, "x", &settings, NULL, &config, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "config.wrong_type");
    settings_clear(&settings);
}

/* A plugin built when rnl_option was longer: steps by the table's stride. */
static void stride_of_the_table_counts(void **state)
{
    struct longer {
        struct rnl_option option;
        int64_t news;
    } list[] = {{items[0], 1}, {items[1], 2}};
    const struct rnl_options longer = {&list[0].option, 2, sizeof(list[0]), sizeof(struct config),
                                       0};
    struct rnl_option option;

    (void)state;
    options_at(&longer, 1, &option);
    assert_string_equal(option.name, "port");
    assert_int_equal(option.max, 65535);
}

static bool is_sound(struct rnl_option option, const char *word)
{
    struct rnl_option two[] = {items[1], option};
    const struct rnl_options pair = {two, 2, sizeof(two[0]), sizeof(struct config), 0};
    char name[64], why[300];
    bool sound = options_check(&pair, name, sizeof(name), why, sizeof(why));

    if (!sound && !strstr(why, word))
        fail_msg("%s: %s", name, why);
    return sound;
}

static void tables_are_checked(void **state)
{
    struct rnl_option good = items[3], bad;
    char name[64], why[300];

    (void)state;
    assert_true(options_check(&table, name, sizeof(name), why, sizeof(why)));
    assert_true(is_sound(good, ""));
    bad = good, bad.name = "Room";
    assert_false(is_sound(bad, "name"));
    bad = good, bad.name = NULL;
    assert_false(is_sound(bad, "name"));
    bad = good, bad.name = "port";
    assert_false(is_sound(bad, "two options"));
    bad = good, bad.type = 77;
    assert_false(is_sound(bad, "type"));
    bad = good, bad.offset = sizeof(struct config);
    assert_false(is_sound(bad, "inside"));
    bad = good, bad.offset = UINT32_MAX - 7;
    assert_false(is_sound(bad, "inside"));
    bad = good, bad.offset = AT(port);
    assert_false(is_sound(bad, "another option's"));
    bad = good, bad.help = NULL;
    assert_false(is_sound(bad, "help"));
    bad = good, bad.preset = "much";
    assert_false(is_sound(bad, "not a size"));
    bad = good, bad.max = 5;
    assert_false(is_sound(bad, "not between"));
    bad = good, bad.flags = RNL_O_REQUIRED;
    assert_false(is_sound(bad, "required"));
    bad = items[6], bad.words = NULL;
    assert_false(is_sound(bad, "words"));
    bad = items[7], bad.preset = "changeme";
    assert_false(is_sound(bad, "secret"));
}

static void amounts(void **state)
{
    int64_t value;

    (void)state;
    assert_int_equal(parse_size("65536", &value), 0);
    assert_int_equal(value, 65536);
    assert_int_equal(parse_size("1GiB", &value), 0);
    assert_int_equal(value, 1 << 30);
    assert_int_equal(parse_size("64k", &value), 0);
    assert_int_equal(value, 65536);
    assert_int_equal(parse_duration("500ms", &value), 0);
    assert_int_equal(value, 500);
    assert_int_equal(parse_duration("10", &value), 0);
    assert_int_equal(value, 10000);
    assert_int_equal(parse_duration("2h", &value), 0);
    assert_int_equal(value, 7200000);
    assert_int_equal(parse_size("", &value), -1);
    assert_int_equal(parse_size(" 1", &value), -1);
    assert_int_equal(parse_size("+1", &value), -1);
    assert_int_equal(parse_duration("9223372036854775807h", &value), -1);
}

static void help_is_printed(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    options_print(&table, to, true);
    fclose(to);
    assert_non_null(strstr(text, "| `tls.mode` | off\\|require\\|verify | verify |"));
    assert_non_null(strstr(text, "| a\\|b |")); /* a bar would end the cell */
    free(text);
    to = open_memstream(&text, &size);
    options_print(&table, to, false);
    fclose(to);
    assert_non_null(strstr(text, "port"));
    assert_non_null(strstr(text, "3306"));
    assert_non_null(strstr(text, "1 to 65535"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_stand),
        cmocka_unit_test(given_values_stand),
        cmocka_unit_test(faults_name_place_and_remedy),
        cmocka_unit_test(required_is_required),
        cmocka_unit_test(list_where_one_value_belongs),
        cmocka_unit_test(stride_of_the_table_counts),
        cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(amounts),
        cmocka_unit_test(help_is_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
