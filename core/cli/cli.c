/* The program's frame: finds the command, runs it, and tells why it could not. */
#include "cli.h"

#include "../module.h"
#include "../password.h"
#include "../util/log.h"
#include "parse.h"

#include <stdlib.h>
#include <unistd.h>

static const struct cli_args *current; /* what the running command was given */

bool cli_flag(const struct cli_args *args, const char *name)
{
    const struct setting *setting = settings_find(&args->options, name);

    return setting && setting->text && strcmp(setting->text, "true") == 0;
}

const char *cli_text(const struct cli_args *args, const char *name, const char *preset)
{
    const struct setting *setting = settings_find(&args->options, name);

    return setting && setting->text ? setting->text : preset;
}

int64_t cli_int(const struct cli_args *args, const char *name, int64_t preset)
{
    const struct setting *setting = settings_find(&args->options, name);

    return setting && setting->text ? strtoll(setting->text, NULL, 10) : preset;
}

char *const *cli_list(const struct cli_args *args, const char *name)
{
    const struct setting *setting = settings_find(&args->options, name);

    return setting ? setting->items : NULL;
}

bool cli_json(void)
{
    return current && cli_flag(current, "json");
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* What the machine lacks is told apart from what somebody wrote. */
static int exit_of(const struct rnl_error *err)
{
    static const char *const lacks[] = {"memory", "thread", "secret.no_terminal",
                                        "plugin.not_loadable"};

    for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
        if (strcmp(err->code, lacks[i]) == 0)
            return EXIT_ENVIRONMENT;
    if (ends_with(err->code, "memory") || ends_with(err->code, ".disk_full"))
        return EXIT_ENVIRONMENT;
    return err->status == RNL_E_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

int cli_fail(const struct rnl_error *err)
{
    if (cli_json())
        cli_print_error_json(stdout, err);
    else
        cli_print_error(stderr, err);
    return exit_of(err);
}

bool cli_confirm(const struct cli_args *args, const char *question)
{
    char answer[16];

    if (cli_flag(args, "yes"))
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    fprintf(stderr, "%s [y/N] ", question);
    if (!fgets(answer, sizeof(answer), stdin))
        return false;
    return answer[0] == 'y' || answer[0] == 'Y';
}

/* What every command takes, put in force; a configuration file may add to it later. */
static int start(const struct cli_args *args, struct rnl_error *err)
{
    struct settings program = {0};
    int status;

    cli_program_settings(args, &program);
    status = cli_program_apply(&program, err);
    settings_clear(&program);
    password_ask(cli_flag(args, "ask-password"));
    return status;
}

static int no_command(bool help)
{
    cli_overview(help ? stdout : stderr);
    return help ? EXIT_DONE : EXIT_USAGE;
}

/* Results go to stdout: a full disk or a closed pipe there is a failure. */
static int finish(int code)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    rnl_fail(&err, RNL_E_FATAL, "cli.output", "what this command prints could not be written");
    cli_print_error(stderr, &err);
    return code == EXIT_DONE ? EXIT_FAILED : code;
}

int cli_main(int argc, char **argv)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct cli_command *command = NULL;
    struct cli_args args = {0};
    bool help = false;
    int code, status;

    status = cli_parse(argc - 1, argv + 1, &command, &args, &help, &err);
    current = &args;
    if (command && help) {
        cli_help(stdout, command);
        code = EXIT_DONE;
    } else if (status == RNL_OK && !command && cli_flag(&args, "version")) {
        cli_print_version(stdout, cli_json());
        code = EXIT_DONE;
    } else if (status == RNL_OK && !command) {
        code = no_command(help);
    } else if (status != RNL_OK || start(&args, &err) != RNL_OK) {
        code = cli_fail(&err);
    } else {
        code = command->run(&args);
    }
    code = finish(code);
    current = NULL;
    cli_args_clear(&args);
    return code;
}
