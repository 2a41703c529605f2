/* From argv and environment to what a command was given. */
#include "parse.h"

#include "../options.h"
#include "../util/log.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* What is being read: the arguments left, and what they mean. */
struct parse {
    int argc, at;
    char **argv;
    const struct cli_command *command; /* NULL until it is found */
    struct cli_args *args;
    bool help;
    bool literal; /* behind "--": words only */
};

const struct cli_option *cli_option_named(const struct cli_command *command, const char *name)
{
    if (command)
        for (size_t i = 0; i < command->noptions; i++)
            if (strcmp(command->options[i].name, name) == 0)
                return &command->options[i];
    for (size_t i = 0; i < cli_ncommon; i++)
        if (strcmp(cli_common[i].name, name) == 0)
            return &cli_common[i];
    return NULL;
}

static const struct cli_option *option_lettered(const struct cli_command *command, char letter)
{
    if (command)
        for (size_t i = 0; i < command->noptions; i++)
            if (command->options[i].letter == letter)
                return &command->options[i];
    for (size_t i = 0; i < cli_ncommon; i++)
        if (cli_common[i].letter == letter)
            return &cli_common[i];
    return NULL;
}

void cli_variable(const char *option, char *buf, size_t size)
{
    size_t used = (size_t)snprintf(buf, size, "RUNNEL_");

    for (; *option && used + 1 < size; option++)
        buf[used++] = *option == '-' ? '_' : (char)toupper((unsigned char)*option);
    buf[used] = '\0';
}

static int bad_value(const struct cli_option *option, const char *text, const struct origin *origin,
                     const char *wanted, struct rnl_error *err)
{
    bool secret = option->flags & CLI_SECRET;
    char from[160];

    return rnl_fail(err, RNL_E_CONFIG, "cli.bad_value", "%s: %s%s%s is not %s",
                    origin_text(origin, from, sizeof(from)), secret ? "" : "\"",
                    secret ? "what is given" : text, secret ? "" : "\"", wanted);
}

static bool parse_flag(const char *text, const char **value)
{
    static const char *const on[] = {"true", "yes", "on", "1"};
    static const char *const off[] = {"false", "no", "off", "0", ""};

    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++)
        if (strcasecmp(text, on[i]) == 0)
            return *value = "true", true;
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
        if (strcasecmp(text, off[i]) == 0)
            return *value = "false", true;
    return false;
}

static bool parse_int(const char *text, int64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && !isspace((unsigned char)*text);
}

/* One more item of a repeated option. */
static void list_add(const struct cli_option *option, const char *text, const struct origin *origin,
                     struct settings *options)
{
    const struct setting *given = settings_find(options, option->name);
    char **items, *copy = strdup(text);
    size_t count = 0;

    while (given && given->items[count])
        count++;
    items = calloc(count + 2, sizeof(char *));
    if (!items || !copy)
        abort();
    for (size_t i = 0; i < count; i++) {
        items[i] = strdup(given->items[i]);
        if (!items[i])
            abort();
    }
    items[count] = copy;
    settings_set_list(options, option->name, items, origin);
    for (size_t i = 0; i <= count; i++)
        free(items[i]);
    free(items);
}

int cli_option_set(const struct cli_option *option, const char *text, const struct origin *origin,
                   struct settings *options, struct rnl_error *err)
{
    enum setting_type type = SETTING_INT;
    int64_t number = 0;
    char buf[32];

    switch ((enum cli_type)option->type) {
    case CLI_FLAG:
        type = SETTING_BOOL;
        if (!parse_flag(text, &text))
            return bad_value(option, text, origin, "yes or no", err);
        break;
    case CLI_TEXT:
        type = SETTING_TEXT;
        break;
    case CLI_INT:
        if (!parse_int(text, &number))
            return bad_value(option, text, origin, "a whole number", err);
        break;
    case CLI_SIZE:
        if (parse_size(text, &number) != 0)
            return bad_value(option, text, origin, "a size (like 64K, 16M, 1G)", err);
        break;
    case CLI_DURATION:
        if (parse_duration(text, &number) != 0)
            return bad_value(option, text, origin, "a duration (like 500ms, 30s, 5m)", err);
        break;
    }
    if (option->flags & CLI_REPEAT) {
        list_add(option, text, origin, options);
        return RNL_OK;
    }
    if (type == SETTING_INT) {
        snprintf(buf, sizeof(buf), "%" PRId64, number);
        text = buf;
    }
    settings_set(options, option->name, type, text, origin);
    return RNL_OK;
}

/* The process list shows argv to everybody. */
static void hide_secret(const struct cli_option *option, char *value)
{
    memset(value, '*', strlen(value));
    log_write(RNL_LOG_WARN, "cli",
              "--%s stood in the command line, where others could read it: give a reference "
              "(file:PATH, env:NAME, secret://STORE/PATH) instead",
              option->name);
}

static int option_given(struct parse *parse, const struct cli_option *option, const char *flag,
                        char *value, struct rnl_error *err)
{
    struct origin origin = {.kind = ORIGIN_FLAG, .file = flag};
    static char yes[] = "true";
    int status;

    if (!value && option->type == CLI_FLAG)
        value = yes;
    if (!value && parse->at < parse->argc)
        value = parse->argv[parse->at++];
    if (!value)
        return rnl_fail(err, RNL_E_CONFIG, "cli.no_value", "%s needs a value: %s %s", flag, flag,
                        option->value ? option->value : "VALUE");
    status = cli_option_set(option, value, &origin, &parse->args->options, err);
    if (option->flags & CLI_SECRET)
        hide_secret(option, value);
    return status;
}

static int unknown_option(const struct parse *parse, const char *name, struct rnl_error *err)
{
    const struct cli_command *command = parse->command;
    size_t own = command ? command->noptions : 0, count = 0;
    const char **names = calloc(own + cli_ncommon + 1, sizeof(char *));
    const char *near;

    if (!names)
        abort();
    for (size_t i = 0; i < own; i++)
        names[count++] = command->options[i].name;
    for (size_t i = 0; i < cli_ncommon; i++)
        names[count++] = cli_common[i].name;
    names[count++] = "help";
    near = nearest_word(name, names, count);
    rnl_fail(err, RNL_E_CONFIG, "cli.unknown_option", "there is no option --%s%s%s", name,
             command ? " of " : " before a command", command ? command->name : "");
    if (near)
        rnl_hint(err, "did you mean --%s?", near);
    else if (command)
        rnl_hint(err, "see: runnel help %s", command->name);
    else
        rnl_hint(err, "options of a command stand behind it; see: runnel help");
    free(names);
    return err->status;
}

/* --name, --name=value */
static int read_long(struct parse *parse, char *arg, struct rnl_error *err)
{
    char *equal = strchr(arg, '='), flag[80];
    const struct cli_option *option;

    snprintf(flag, sizeof(flag), "%.*s", equal ? (int)(equal - arg) : (int)strlen(arg), arg);
    if (strcmp(flag, "--help") == 0) {
        parse->help = true;
        return RNL_OK;
    }
    option = cli_option_named(parse->command, flag + 2);
    if (!option)
        return unknown_option(parse, flag + 2, err);
    return option_given(parse, option, flag, equal ? equal + 1 : NULL, err);
}

/* -c FILE, -cFILE, -qy */
static int read_short(struct parse *parse, char *arg, struct rnl_error *err)
{
    for (char *at = arg + 1; *at; at++) {
        const struct cli_option *option = option_lettered(parse->command, *at);
        char flag[3] = {'-', *at, '\0'};
        char *value = NULL;

        if (*at == 'h' && !option) {
            parse->help = true;
            continue;
        }
        if (!option) {
            rnl_fail(err, RNL_E_CONFIG, "cli.unknown_option", "there is no option -%c%s%s", *at,
                     parse->command ? " of " : "", parse->command ? parse->command->name : "");
            rnl_hint(err, "see: runnel help%s%s", parse->command ? " " : "",
                     parse->command ? parse->command->name : "");
            return err->status;
        }
        if (option->type != CLI_FLAG && at[1])
            value = at + 1;
        if (option_given(parse, option, flag, value, err) != RNL_OK)
            return err->status;
        if (value)
            break;
    }
    return RNL_OK;
}

static int read_option(struct parse *parse, struct rnl_error *err)
{
    char *arg = parse->argv[parse->at++];

    return arg[1] == '-' ? read_long(parse, arg, err) : read_short(parse, arg, err);
}

/* Whether the argument at hand is an option; "-" alone is a word. */
static bool at_option(struct parse *parse)
{
    const char *arg = parse->argv[parse->at];

    if (parse->literal || arg[0] != '-' || arg[1] == '\0')
        return false;
    if (strcmp(arg, "--") == 0) {
        parse->literal = true;
        parse->at++;
        return false;
    }
    return true;
}

const struct cli_command *cli_find(char *const *words, int nwords, int *used)
{
    char two[64];

    for (*used = 2; *used > 0; (*used)--) {
        if (*used > nwords)
            continue;
        snprintf(two, sizeof(two), "%s%s%s", words[0], *used == 2 ? " " : "",
                 *used == 2 ? words[1] : "");
        for (const struct cli_command *const *command = cli_commands; *command; command++)
            if (strcmp((*command)->name, two) == 0)
                return *command;
    }
    return NULL;
}

/* "secrets" alone, or with a word that is none of its own. */
static bool group_named(const char *word)
{
    size_t length = strlen(word);

    for (const struct cli_command *const *command = cli_commands; *command; command++)
        if (strncmp((*command)->name, word, length) == 0 && (*command)->name[length] == ' ')
            return true;
    return false;
}

static int unknown_command(char *const *words, int nwords, struct rnl_error *err)
{
    const char *names[128], *near;
    char given[80], both[80];
    size_t count = 0;
    bool group = group_named(words[0]);

    snprintf(both, sizeof(both), "%s%s%s", words[0], nwords > 1 ? " " : "",
             nwords > 1 ? words[1] : "");
    snprintf(given, sizeof(given), "%s", group ? both : words[0]);
    for (const struct cli_command *const *command = cli_commands; *command && count < 128;
         command++)
        names[count++] = (*command)->name;
    near = nearest_word(given, names, count);
    if (!near)
        near = nearest_word(both, names, count);
    if (group && nwords == 1)
        rnl_fail(err, RNL_E_CONFIG, "cli.unknown_command", "%s needs to know what to do", given);
    else
        rnl_fail(err, RNL_E_CONFIG, "cli.unknown_command", "there is no command \"%s\"", given);
    if (near && !(group && nwords == 1))
        rnl_hint(err, "did you mean: runnel %s?", near);
    else
        rnl_hint(err, "see: runnel help%s%s", group ? " " : "", group ? words[0] : "");
    return err->status;
}

/* Finds the command in the words that stand first, maybe behind common options. */
static int find_command(struct parse *parse, struct rnl_error *err)
{
    char *words[2];
    int nwords = 0, used;

    while (parse->at < parse->argc && at_option(parse))
        if (read_option(parse, err) != RNL_OK)
            return err->status;
    for (int i = parse->at; i < parse->argc && nwords < 2 && parse->argv[i][0] != '-'; i++)
        words[nwords++] = parse->argv[i];
    if (nwords == 0)
        return RNL_OK;
    parse->command = cli_find(words, nwords, &used);
    if (!parse->command)
        return unknown_command(words, nwords, err);
    parse->at += used;
    return RNL_OK;
}

static int read_variable(const struct cli_option *option, struct settings *options,
                         struct rnl_error *err)
{
    /* Folders by colons, as in PATH; other lists by commas. */
    const char *border = option->value && strcmp(option->value, "DIR") == 0 ? ":" : ",";
    struct origin origin = {.kind = ORIGIN_ENVIRONMENT};
    char name[80], *copy, *save = NULL;
    const char *text;
    int status = RNL_OK;

    if (option->flags & CLI_ARGV)
        return RNL_OK;
    cli_variable(option->name, name, sizeof(name));
    origin.file = name;
    text = getenv(name);
    if (!text || !*text)
        return RNL_OK;
    if (!(option->flags & CLI_REPEAT))
        return cli_option_set(option, text, &origin, options, err);
    copy = strdup(text);
    if (!copy)
        abort();
    for (char *item = strtok_r(copy, border, &save); item && status == RNL_OK;
         item = strtok_r(NULL, border, &save))
        status = cli_option_set(option, item, &origin, options, err);
    free(copy);
    return status;
}

static int read_environment(const struct parse *parse, struct rnl_error *err)
{
    const struct cli_command *command = parse->command;
    struct settings found = {0};
    int status = RNL_OK;

    for (size_t i = 0; i < cli_ncommon && status == RNL_OK; i++)
        status = read_variable(&cli_common[i], &found, err);
    for (size_t i = 0; command && i < command->noptions && status == RNL_OK; i++)
        status = read_variable(&command->options[i], &found, err);
    settings_merge(&parse->args->options, &found);
    settings_clear(&found);
    return status;
}

static int check_words(const struct parse *parse, struct rnl_error *err)
{
    const struct cli_command *command = parse->command;
    int given = parse->args->nwords;

    if (given < command->min_words)
        rnl_fail(err, RNL_E_CONFIG, "cli.missing_word", "%s needs %s", command->name,
                 command->args ? command->args : "an argument");
    else if (command->max_words >= 0 && given > command->max_words)
        rnl_fail(err, RNL_E_CONFIG, "cli.extra_word", "%s takes no further argument: %.200s",
                 command->name, parse->args->words[command->max_words]);
    else
        return RNL_OK;
    rnl_hint(err, "see: runnel help %s", command->name);
    return err->status;
}

int cli_parse(int argc, char **argv, const struct cli_command **command, struct cli_args *args,
              bool *help, struct rnl_error *err)
{
    struct parse parse = {.argc = argc, .argv = argv, .args = args};
    int status;

    args->words = calloc((size_t)argc + 1, sizeof(char *));
    if (!args->words)
        abort();
    status = find_command(&parse, err);
    while (status == RNL_OK && parse.command && parse.at < argc) {
        if (at_option(&parse))
            status = read_option(&parse, err);
        else if (parse.at < argc)
            args->words[args->nwords++] = argv[parse.at++];
    }
    /* Whatever stands there is known, so that an error is told in the form that is wanted. */
    if (read_environment(&parse, status == RNL_OK ? err : &(struct rnl_error)RNL_ERROR_INIT) !=
            RNL_OK &&
        status == RNL_OK)
        status = err->status;
    *command = parse.command;
    *help = parse.help;
    if (status == RNL_OK && parse.command && !parse.help)
        status = check_words(&parse, err);
    return status;
}

void cli_args_clear(struct cli_args *args)
{
    settings_clear(&args->options);
    free(args->words);
    *args = (struct cli_args){0};
}
