/* Subcommands: one table of commands and options makes the parser, --help and the reference. */
#ifndef CLI_H
#define CLI_H

#include "../settings.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,       /* usage or configuration */
    EXIT_ENVIRONMENT = 3, /* what the program needs of the machine: a library, a terminal, memory */
    EXIT_DIFFERENT = 4,   /* done, but data differ or rows were set aside */
    EXIT_INTERRUPTED = 130,
};

enum cli_type { CLI_FLAG = 1, CLI_TEXT, CLI_INT, CLI_SIZE, CLI_DURATION };

enum {
    CLI_REPEAT = 1 << 0, /* may stand more than once */
    CLI_SECRET = 1 << 1, /* overwritten in argv, warned about */
    CLI_ARGV = 1 << 2,   /* not from the environment */
};

struct cli_option {
    const char *name; /* "lanes": --lanes, and RUNNEL_LANES in the environment */
    char letter;      /* 'c', or 0 */
    uint8_t type;     /* enum cli_type */
    uint16_t flags;
    const char *value; /* what stands in help: "N", "FILE"; NULL for a flag */
    const char *help;
};

struct cli_args {
    struct settings options; /* those given, by flag or environment */
    char **words;            /* the positional arguments: argv's own memory */
    int nwords;
};

struct cli_command {
    const char *name;    /* "migrate", or "secrets set" */
    const char *args;    /* "SOURCE TARGET" */
    const char *summary; /* one line */
    const char *help;    /* paragraphs and examples, or NULL */
    const struct cli_option *options;
    size_t noptions;
    int min_words, max_words;                /* -1: any */
    int (*run)(const struct cli_args *args); /* gives an exit code */
    bool hidden;                             /* not for people: stands in no list */
};

struct config;

/* All commands, in the order of help; each cli/NAME.c defines its own. */
extern const struct cli_command *const cli_commands[]; /* ends with NULL */
/* Options that every command takes: --config, --log-level, --json, --plugin-dir, … */
extern const struct cli_option cli_common[];
extern const size_t cli_ncommon;

int cli_main(int argc, char **argv);

/* Readers of what was given. */
bool cli_flag(const struct cli_args *args, const char *name);
const char *cli_text(const struct cli_args *args, const char *name, const char *preset);
int64_t cli_int(const struct cli_args *args, const char *name, int64_t preset);

/* Of an option that may be repeated: ends with NULL; or NULL when not given. */
char *const *cli_list(const struct cli_args *args, const char *name);

/* Whether results are wanted as JSON on stdout: --json. */
bool cli_json(void);
/* Prints an error as a person wants it (JSON with --json) and gives the exit code of its class. */
int cli_fail(const struct rnl_error *err);
/* The two forms of it. */
void cli_print_error(FILE *to, const struct rnl_error *err);
void cli_print_error_json(FILE *to, const struct rnl_error *err);
void cli_print_version(FILE *to, bool json);
/* names and texts in turn, ended by NULL, as one JSON object */
void cli_print_strings(FILE *to, const char *const *pairs);
/* Text from elsewhere (a server, a file), with its control characters made visible. */
void cli_print_safe(FILE *to, const char *text);

/*
 * Loads what --config names, or the first of ./runnel.cfg, ~/.config/runnel/runnel.cfg and
 * /etc/runnel/runnel.cfg that is there, or nothing; and file (may be NULL) on top. Puts
 * the program's settings in force.
 */
int cli_config(const struct cli_args *args, const char *file, struct config **config,
               struct rnl_error *err);
/* The program's settings (config.h: config_words) that flags and environment give. */
void cli_program_settings(const struct cli_args *args, struct settings *program);
/* Puts them in force: log, plugin folders. */
int cli_program_apply(const struct settings *program, struct rnl_error *err);
/* Asks "question [y/N]" on the terminal; true at once with --yes, false without a terminal. */
bool cli_confirm(const struct cli_args *args, const char *question);

/* Finds a command by its words ("secrets", "set"); *used says how many of them it took. */
const struct cli_command *cli_find(char *const *words, int nwords, int *used);
/* One command's help, as a person reads it. */
void cli_help(FILE *to, const struct cli_command *command);
/* The list of all commands. */
void cli_overview(FILE *to);

#endif
