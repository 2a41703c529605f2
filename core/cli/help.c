/* Help from the table of commands: for people, as reference pages, and for a shell's completion. */
#include "parse.h"

enum { HELP_COLUMN = 26, HELP_WIDTH = 92 };

/* Breaks text at spaces; the cursor stands at column `at`, further lines begin at indent. */
static void wrap(FILE *to, const char *text, int at, int indent)
{
    while (*text) {
        int length = (int)strcspn(text, " ");

        if (at > indent && at + length > HELP_WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
        }
        fprintf(to, "%.*s", length, text);
        text += length;
        at += length;
        if (*text == ' ') {
            text++;
            if (*text && at + 1 + (int)strcspn(text, " ") <= HELP_WIDTH) {
                putc(' ', to);
                at++;
            } else if (*text) {
                fprintf(to, "\n%*s", indent, "");
                at = indent;
            }
        }
    }
    putc('\n', to);
}

static void option_spelled(const struct cli_option *option, char *buf, size_t size)
{
    char letter[8] = "    ";

    if (option->letter)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    snprintf(buf, size, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
             option->value ? option->value : "");
}

static void options_help(FILE *to, const struct cli_option *options, size_t count)
{
    char spelled[80];
    int used;

    for (size_t i = 0; i < count; i++) {
        option_spelled(&options[i], spelled, sizeof(spelled));
        used = fprintf(to, "  %s", spelled);
        if (used + 2 > HELP_COLUMN) {
            fprintf(to, "\n%*s", HELP_COLUMN, "");
            used = HELP_COLUMN;
        }
        fprintf(to, "%*s", HELP_COLUMN - used, "");
        wrap(to, options[i].help, HELP_COLUMN, HELP_COLUMN);
    }
}

void cli_help(FILE *to, const struct cli_command *command)
{
    fprintf(to, "runnel %s%s%s%s\n\n", command->name, command->args ? " " : "",
            command->args ? command->args : "", command->noptions ? " [OPTIONS]" : "");
    wrap(to, command->summary, 0, 0);
    if (command->help)
        fprintf(to, "\n%s%s", command->help,
                command->help[strlen(command->help) - 1] == '\n' ? "" : "\n");
    if (command->noptions) {
        fputs("\nOptions:\n", to);
        options_help(to, command->options, command->noptions);
    }
    fputs("\nOptions of every command:\n", to);
    options_help(to, cli_common, cli_ncommon);
    fputs("\nEach option can stand in the environment too: RUNNEL_LOG_LEVEL for --log-level;\n"
          "several values there are parted by commas, folders by colons.\n",
          to);
}

/* Commands of this group alone; NULL: all. */
static void list_commands(FILE *to, const char *group)
{
    size_t length = group ? strlen(group) : 0;

    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        int used;

        if ((*at)->hidden ||
            (group && (strncmp((*at)->name, group, length) != 0 || (*at)->name[length] != ' ')))
            continue;
        used = fprintf(to, "  %s", (*at)->name);
        fprintf(to, "%*s", used + 2 > HELP_COLUMN ? 2 : HELP_COLUMN - used, "");
        wrap(to, (*at)->summary, HELP_COLUMN, HELP_COLUMN);
    }
}

void cli_overview(FILE *to)
{
    fputs("Runnel moves data between databases, and proves the copy.\n"
          "\n"
          "  runnel migrate mysql://user@host/shop postgres://user@host/shop\n"
          "\n"
          "Commands:\n",
          to);
    list_commands(to, NULL);
    fputs("\nOptions of every command:\n", to);
    options_help(to, cli_common, cli_ncommon);
    fputs("\nMore about a command: runnel help COMMAND\n", to);
}

static void options_markdown(FILE *to, const struct cli_option *options, size_t count)
{
    char variable[80];

    fputs("| option | environment | meaning |\n|---|---|---|\n", to);
    for (size_t i = 0; i < count; i++) {
        variable[0] = '\0';
        if (!(options[i].flags & CLI_ARGV))
            cli_variable(options[i].name, variable, sizeof(variable));
        fputs("| `", to);
        if (options[i].letter)
            fprintf(to, "-%c`, `", options[i].letter);
        fprintf(to, "--%s%s%s` | %s | %s |\n", options[i].name, options[i].value ? " " : "",
                options[i].value ? options[i].value : "", variable, options[i].help);
    }
}

static void print_markdown(FILE *to)
{
    fputs("# Commands\n\nMade by `runnel help --markdown` from the table that reads the command "
          "line.\n",
          to);
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        if ((*at)->hidden)
            continue;
        fprintf(to, "\n## runnel %s\n\n`runnel %s%s%s%s`\n\n%s.\n", (*at)->name, (*at)->name,
                (*at)->args ? " " : "", (*at)->args ? (*at)->args : "",
                (*at)->noptions ? " [OPTIONS]" : "", (*at)->summary);
        if ((*at)->help)
            fprintf(to, "\n```text\n%s%s```\n", (*at)->help,
                    (*at)->help[strlen((*at)->help) - 1] == '\n' ? "" : "\n");
        if ((*at)->noptions) {
            putc('\n', to);
            options_markdown(to, (*at)->options, (*at)->noptions);
        }
    }
    fputs("\n## Options of every command\n\n", to);
    options_markdown(to, cli_common, cli_ncommon);
    fputs("\n## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done |\n| 1 | failed |\n"
          "| 2 | usage or configuration |\n| 3 | the machine lacks something that is needed |\n"
          "| 4 | done, but data differ or rows were set aside |\n| 130 | interrupted |\n",
          to);
}

/* roff: a line must not begin with a dot or a quote, and a backslash or hyphen is spelled out. */
static void roff(FILE *to, const char *text)
{
    bool first = true;

    for (; *text; text++) {
        if (first && (*text == '.' || *text == '\''))
            fputs("\\&", to);
        first = *text == '\n';
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            putc(*text, to);
    }
}

static void options_man(FILE *to, const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(".TP\n.B ", to);
        if (options[i].letter)
            fprintf(to, "\\-%c, ", options[i].letter);
        fputs("\\-\\-", to);
        roff(to, options[i].name);
        if (options[i].value)
            fprintf(to, " \\fI%s\\fR", options[i].value);
        putc('\n', to);
        roff(to, options[i].help);
        putc('\n', to);
    }
}

static void print_man(FILE *to, const struct cli_command *command)
{
    char name[80] = "runnel-";
    size_t used = strlen(name);

    for (const char *at = command->name; *at && used + 1 < sizeof(name); at++)
        name[used++] = *at == ' ' ? '-' : *at;
    name[used] = '\0';
    fprintf(to, ".TH %s 1 \"\" \"runnel " RUNNEL_VERSION "\"\n.SH NAME\n", name);
    roff(to, name);
    fputs(" \\- ", to);
    roff(to, command->summary);
    fprintf(to, "\n.SH SYNOPSIS\n.B runnel %s\n%s%s\n", command->name,
            command->args ? command->args : "", command->noptions ? " [OPTIONS]" : "");
    if (command->help) {
        fputs(".SH DESCRIPTION\n.nf\n", to);
        roff(to, command->help);
        fputs("\n.fi\n", to);
    }
    if (command->noptions) {
        fputs(".SH OPTIONS\n", to);
        options_man(to, command->options, command->noptions);
    }
    fputs(".SH COMMON OPTIONS\n", to);
    options_man(to, cli_common, cli_ncommon);
    fputs(".SH EXIT STATUS\n0 done, 1 failed, 2 usage or configuration, 3 the machine lacks "
          "something,\n4 data differ or rows were set aside, 130 interrupted.\n",
          to);
}

static void options_words(FILE *to, const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(to, " --%s", options[i].name);
}

/* Commands and their options; where neither fits, files. */
static void print_completion(FILE *to)
{
    fputs("# bash completion for runnel: source <(runnel help --completion bash)\n"
          "_runnel() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} one=${COMP_WORDS[1]} two=${COMP_WORDS[2]}\n"
          "    local words=\"\"\n"
          "    case \"$one $two\" in\n",
          to);
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        const char *space = strchr((*at)->name, ' ');

        if ((*at)->hidden)
            continue;
        fprintf(to, "    \"%s%s\"*) words=\"--help", (*at)->name, space ? "" : " ");
        options_words(to, (*at)->options, (*at)->noptions);
        options_words(to, cli_common, cli_ncommon);
        fputs("\" ;;\n", to);
    }
    fputs("    esac\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        words=\"",
          to);
    for (const struct cli_command *const *at = cli_commands; *at; at++)
        if (!(*at)->hidden)
            fprintf(to, "%.*s ", (int)strcspn((*at)->name, " "), (*at)->name);
    fputs("\"\n"
          "    elif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
          "        case \"$one\" in\n",
          to);
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        const char *space = strchr((*at)->name, ' ');

        if (space && !(*at)->hidden)
            fprintf(to, "        %.*s) words=\"$words %s\" ;;& \n", (int)(space - (*at)->name),
                    (*at)->name, space + 1);
    }
    fputs("        esac\n"
          "    fi\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "}\n"
          "complete -o default -F _runnel runnel\n",
          to);
}

static int help_group(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    size_t length = strlen(args->words[0]);

    for (const struct cli_command *const *at = cli_commands; *at; at++)
        if (strncmp((*at)->name, args->words[0], length) == 0 && (*at)->name[length] == ' ') {
            list_commands(stdout, args->words[0]);
            return EXIT_DONE;
        }
    rnl_fail(&err, RNL_E_CONFIG, "cli.unknown_command", "there is no command \"%s%s%s\"",
             args->words[0], args->nwords > 1 ? " " : "", args->nwords > 1 ? args->words[1] : "");
    rnl_hint(&err, "runnel help lists them all");
    return cli_fail(&err);
}

static int help_run(const struct cli_args *args)
{
    const char *shell = cli_text(args, "completion", NULL);
    const struct cli_command *command;
    struct rnl_error err = RNL_ERROR_INIT;
    int used;

    if (shell && strcmp(shell, "bash") != 0) {
        rnl_fail(&err, RNL_E_CONFIG, "cli.bad_value", "there is no completion for %s: only bash",
                 shell);
        return cli_fail(&err);
    }
    if (shell) {
        print_completion(stdout);
    } else if (cli_flag(args, "markdown")) {
        print_markdown(stdout);
    } else if (args->nwords == 0) {
        cli_overview(stdout);
    } else {
        command = cli_find(args->words, args->nwords, &used);
        if (!command || used < args->nwords)
            return help_group(args);
        if (cli_flag(args, "man"))
            print_man(stdout, command);
        else
            cli_help(stdout, command);
    }
    return EXIT_DONE;
}

static const struct cli_option help_options[] = {
    {"markdown", 0, CLI_FLAG, CLI_ARGV, NULL, "the reference of all commands, as Markdown"},
    {"man", 0, CLI_FLAG, CLI_ARGV, NULL, "the command's manual page, for man(1)"},
    {"completion", 0, CLI_TEXT, CLI_ARGV, "SHELL", "completion for a shell: bash"},
};

extern const struct cli_command help_command, version_command;

const struct cli_command help_command = {
    .name = "help",
    .args = "[COMMAND]",
    .summary = "Explain a command, or list them all",
    .options = help_options,
    .noptions = sizeof(help_options) / sizeof(help_options[0]),
    .max_words = 2,
    .run = help_run,
};

static int version_run(const struct cli_args *args)
{
    (void)args;
    cli_print_version(stdout, cli_json());
    return EXIT_DONE;
}

const struct cli_command version_command = {
    .name = "version",
    .summary = "Print the version of the program and of its plugin interface",
    .run = version_run,
};
