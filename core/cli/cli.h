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
};

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

/* Prints an error as a person wants it (JSON with --json) and gives the exit code of its class. */
int cli_fail(const struct rnl_error *err);

#endif
