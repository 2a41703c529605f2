/* The command line: which command, which options, from where, and what is said of mistakes. */
#include "cli/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Commands of our own, in the place of the program's. */
static const struct rnl_error *failure; /* what the command fails with */

static int run_fail(const struct cli_args *args)
{
    (void)args;
    return failure ? cli_fail(failure) : EXIT_DONE;
}

static const struct cli_option show_options[] = {
    {"origin", 0, CLI_FLAG, CLI_ARGV, NULL, "help"},
    {"key", 'k', CLI_TEXT, CLI_SECRET, "KEY", "help"},
};
static const struct cli_command show = {.name = "config show",
                                        .args = "[FILE]",
                                        .summary = "Show",
                                        .options = show_options,
                                        .noptions = COUNT(show_options),
                                        .max_words = 1,
                                        .run = run_fail};
static const struct cli_command check = {.name = "config check",
                                         .args = "FILE",
                                         .summary = "Check",
                                         .min_words = 1,
                                         .max_words = 2,
                                         .run = run_fail};
static const struct cli_command move = {
    .name = "move", .summary = "Move", .max_words = -1, .run = run_fail};
const struct cli_command *const cli_commands[] = {&show, &check, &move, NULL};
const struct cli_option cli_common[] = {
    {"config", 'c', CLI_TEXT, 0, "FILE", "help"},
    {"plugin-dir", 0, CLI_TEXT, CLI_REPEAT, "DIR", "help"},
    {"tables", 0, CLI_TEXT, CLI_REPEAT, "PATTERN", "help"},
    {"log-level", 0, CLI_TEXT, 0, "LEVEL", "help"},
    {"log-format", 0, CLI_TEXT, 0, "FORMAT", "help"},
    {"json", 0, CLI_FLAG, 0, NULL, "help"},
    {"quiet", 'q', CLI_FLAG, 0, NULL, "help"},
    {"yes", 'y', CLI_FLAG, 0, NULL, "help"},
    {"version", 0, CLI_FLAG, CLI_ARGV, NULL, "help"},
};
const size_t cli_ncommon = COUNT(cli_common);

/* One reading of a command line, on memory of its own: secrets are overwritten there. */
struct reading {
    char *argv[16];
    int argc;
    const struct cli_command *command;
    struct cli_args args;
    struct rnl_error err;
    bool help;
    int status;
};

static void read_line(struct reading *reading, const char *line)
{
    char *copy = strdup(line), *save = NULL;

    *reading = (struct reading){.err = RNL_ERROR_INIT};
    for (char *word = strtok_r(copy, " ", &save); word && reading->argc < 15;
         word = strtok_r(NULL, " ", &save))
        reading->argv[reading->argc++] = strdup(word);
    free(copy);
    reading->status = cli_parse(reading->argc, reading->argv, &reading->command, &reading->args,
                                &reading->help, &reading->err);
}

static void reading_clear(struct reading *reading)
{
    cli_args_clear(&reading->args);
    for (int i = 0; i < reading->argc; i++)
        free(reading->argv[i]);
}

static void commands_and_words(void **state)
{
    struct reading reading;

    (void)state;
    read_line(&reading, "--json config show --origin -c a.cfg b.cfg --quiet");
    assert_int_equal(reading.status, RNL_OK);
    assert_string_equal(reading.command->name, "config show");
    assert_int_equal(reading.args.nwords, 1);
    assert_string_equal(reading.args.words[0], "b.cfg");
    assert_true(cli_flag(&reading.args, "json"));
    assert_true(cli_flag(&reading.args, "origin"));
    assert_true(cli_flag(&reading.args, "quiet"));
    assert_false(cli_flag(&reading.args, "yes"));
    assert_string_equal(cli_text(&reading.args, "config", "x"), "a.cfg");
    reading_clear(&reading);
    read_line(&reading, "config check -- --strange --json");
    assert_int_equal(reading.status, RNL_OK);
    assert_string_equal(reading.args.words[0], "--strange");
    assert_string_equal(reading.args.words[1], "--json");
    reading_clear(&reading);
    read_line(&reading, "config show -qyca.cfg --json=no");
    assert_int_equal(reading.status, RNL_OK);
    assert_true(cli_flag(&reading.args, "yes"));
    assert_false(cli_flag(&reading.args, "json"));
    assert_string_equal(cli_text(&reading.args, "config", "x"), "a.cfg");
    reading_clear(&reading);
    read_line(&reading, "config show --plugin-dir a --plugin-dir=b");
    assert_string_equal(cli_list(&reading.args, "plugin-dir")[1], "b");
    assert_null(cli_list(&reading.args, "plugin-dir")[2]);
    reading_clear(&reading);
    read_line(&reading, "config check --help");
    assert_true(reading.help);
    assert_int_equal(reading.status, RNL_OK);
    reading_clear(&reading);
    read_line(&reading, "");
    assert_int_equal(reading.status, RNL_OK);
    assert_null(reading.command);
    reading_clear(&reading);
}

static const struct {
    const char *line, *code, *says;
} mistakes[] = {
    {"cofnig show", "cli.unknown_command", "runnel config show"},
    {"config shwo", "cli.unknown_command", "runnel config show"},
    {"config", "cli.unknown_command", "runnel help config"},
    {"elephant", "cli.unknown_command", "runnel help"},
    {"config show --orign", "cli.unknown_option", "--origin"},
    {"config show --elephant", "cli.unknown_option", "runnel help config show"},
    {"config show -z", "cli.unknown_option", "-z"},
    {"--elephant config show", "cli.unknown_option", "before a command"},
    {"config show --config", "cli.no_value", "FILE"},
    {"config show --json=maybe", "cli.bad_value", "maybe"},
    {"config show a b", "cli.extra_word", "b"},
    {"config check", "cli.missing_word", "FILE"},
};

static void mistakes_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct reading reading;

        read_line(&reading, mistakes[i].line);
        if (reading.status != RNL_E_CONFIG || strcmp(reading.err.code, mistakes[i].code) != 0 ||
            (!strstr(reading.err.text, mistakes[i].says) &&
             !strstr(reading.err.hint, mistakes[i].says)))
            fail_msg("%s: %s: %s / %s", mistakes[i].line, reading.err.code, reading.err.text,
                     reading.err.hint);
        reading_clear(&reading);
    }
}

static void environment_is_read(void **state)
{
    struct reading reading;
    char name[40];

    (void)state;
    cli_variable("log-level", name, sizeof(name));
    assert_string_equal(name, "RUNNEL_LOG_LEVEL");
    setenv("RUNNEL_LOG_LEVEL", "debug", 1);
    setenv("RUNNEL_JSON", "yes", 1);
    setenv("RUNNEL_PLUGIN_DIR", "a:b", 1);
    setenv("RUNNEL_TABLES", "a:b,c", 1);
    setenv("RUNNEL_VERSION", "1.0", 1); /* containers set such; no option of ours */
    read_line(&reading, "config show");
    assert_int_equal(reading.status, RNL_OK);
    assert_string_equal(cli_text(&reading.args, "log-level", NULL), "debug");
    assert_int_equal(settings_find(&reading.args.options, "log-level")->origin.kind,
                     ORIGIN_ENVIRONMENT);
    assert_true(cli_flag(&reading.args, "json"));
    assert_string_equal(cli_list(&reading.args, "plugin-dir")[1], "b");
    assert_string_equal(cli_list(&reading.args, "tables")[0], "a:b");
    assert_string_equal(cli_list(&reading.args, "tables")[1], "c");
    assert_null(settings_find(&reading.args.options, "version"));
    reading_clear(&reading);
    read_line(&reading, "config show --log-level warn --json=no --plugin-dir c");
    assert_string_equal(cli_text(&reading.args, "log-level", NULL), "warn");
    assert_false(cli_flag(&reading.args, "json"));
    assert_string_equal(cli_list(&reading.args, "plugin-dir")[0], "c");
    assert_null(cli_list(&reading.args, "plugin-dir")[1]);
    reading_clear(&reading);
    setenv("RUNNEL_JSON", "perhaps", 1);
    read_line(&reading, "config show");
    assert_string_equal(reading.err.code, "cli.bad_value");
    assert_non_null(strstr(reading.err.text, "RUNNEL_JSON"));
    reading_clear(&reading);
    unsetenv("RUNNEL_LOG_LEVEL");
    unsetenv("RUNNEL_JSON");
    unsetenv("RUNNEL_PLUGIN_DIR");
    unsetenv("RUNNEL_TABLES");
    unsetenv("RUNNEL_VERSION");
}

static void values_have_types(void **state)
{
    static const struct cli_option size = {"size", 0, CLI_SIZE, 0, "SIZE", "h"};
    static const struct cli_option wait = {"wait", 0, CLI_DURATION, 0, "TIME", "h"};
    static const struct cli_option count = {"count", 0, CLI_INT, 0, "N", "h"};
    static const struct cli_option secret = {"pw", 0, CLI_TEXT, CLI_SECRET, "PW", "h"};
    const struct origin flag = {.kind = ORIGIN_FLAG, .file = "--x"};
    struct rnl_error err = RNL_ERROR_INIT;
    struct cli_args args = {0};

    (void)state;
    assert_int_equal(cli_option_set(&size, "16M", &flag, &args.options, &err), RNL_OK);
    assert_int_equal(cli_int(&args, "size", 0), 16 << 20);
    assert_int_equal(cli_option_set(&wait, "2m", &flag, &args.options, &err), RNL_OK);
    assert_int_equal(cli_int(&args, "wait", 0), 120000);
    assert_int_equal(cli_option_set(&count, "-7", &flag, &args.options, &err), RNL_OK);
    assert_int_equal(cli_int(&args, "count", 0), -7);
    assert_int_equal(cli_int(&args, "other", 3), 3);
    assert_int_equal(cli_option_set(&count, "7x", &flag, &args.options, &err), RNL_E_CONFIG);
    assert_int_equal(cli_option_set(&count, "", &flag, &args.options, &err), RNL_E_CONFIG);
    assert_int_equal(cli_option_set(&count, "99999999999999999999", &flag, &args.options, &err),
                     RNL_E_CONFIG);
    assert_int_equal(cli_option_set(&size, "big", &flag, &args.options, &err), RNL_E_CONFIG);
    assert_int_equal(cli_option_set(&wait, "soon", &flag, &args.options, &err), RNL_E_CONFIG);
    assert_int_equal(cli_option_set(&secret, "x", &flag, &args.options, &err), RNL_OK);
    cli_args_clear(&args);
}

static void controls_are_spelled_out(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    cli_print_safe(to, "a\x1b[2J\nb\x7f\xc2\x9b\xc3\xa4\n");
    fclose(to);
    assert_string_equal(text, "a\\x1b[2J\n  b\\x7f\\u009b\xc3\xa4");
    free(text);
}

static void secrets_are_overwritten(void **state)
{
    struct reading reading;

    (void)state;
    read_line(&reading, "config show --key abc");
    assert_string_equal(cli_text(&reading.args, "key", NULL), "abc");
    assert_string_equal(reading.argv[3], "***");
    reading_clear(&reading);
    read_line(&reading, "config show --key=abcd");
    assert_string_equal(cli_text(&reading.args, "key", NULL), "abcd");
    assert_string_equal(reading.argv[2], "--key=****");
    reading_clear(&reading);
    read_line(&reading, "config show -kabcd");
    assert_string_equal(reading.argv[2], "-k****");
    reading_clear(&reading);
}

static int run_words(const char *one, const char *two)
{
    char name[] = "runnel", first[40], second[40];
    char *argv[] = {name, first, second, NULL};

    snprintf(first, sizeof(first), "%s", one);
    snprintf(second, sizeof(second), "%s", two ? two : "");
    return cli_main(two ? 3 : 2, argv);
}

static void exit_codes(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_int_equal(run_words("move", NULL), EXIT_DONE);
    assert_int_equal(run_words("move", "--json=perhaps"), EXIT_USAGE);
    assert_int_equal(run_words("elephant", NULL), EXIT_USAGE);
    assert_int_equal(run_words("move", "--log-level=loud"), EXIT_USAGE);
    failure = &err;
    rnl_fail(&err, RNL_E_CONFIG, "config.x", "x");
    assert_int_equal(run_words("move", NULL), EXIT_USAGE);
    rnl_fail(&err, RNL_E_RETRY, "mysql.gone", "x\xff");
    assert_int_equal(run_words("move", "--json"), EXIT_FAILED);
    rnl_fail(&err, RNL_E_FATAL, "bundle.no_memory", "x");
    assert_int_equal(run_words("move", NULL), EXIT_ENVIRONMENT);
    rnl_fail(&err, RNL_E_CONFIG, "secret.no_terminal", "x");
    assert_int_equal(run_words("move", NULL), EXIT_ENVIRONMENT);
    failure = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_words),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(environment_is_read),
        cmocka_unit_test(values_have_types),
        cmocka_unit_test(controls_are_spelled_out),
        cmocka_unit_test(secrets_are_overwritten),
        cmocka_unit_test(exit_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
