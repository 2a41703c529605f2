/* From argv and environment to what a command was given. */
#ifndef CLI_PARSE_H
#define CLI_PARSE_H

#include "cli.h"

/*
 * argv: without the program's name. Finds the command and reads its options and words;
 * *help is set when --help stands among them (the rest is then not checked). Fills
 * args even on failure; cli_args_clear() empties it.
 */
int cli_parse(int argc, char **argv, const struct cli_command **command, struct cli_args *args,
              bool *help, struct rnl_error *err);
void cli_args_clear(struct cli_args *args);

/* The option of command (may be NULL) or of all commands; NULL: no such. */
const struct cli_option *cli_option_named(const struct cli_command *command, const char *name);
/* "RUNNEL_LOG_LEVEL" for "log-level". */
void cli_variable(const char *option, char *buf, size_t size);
/* How a setting that came to be by --NAME or RUNNEL_NAME is checked and kept. */
int cli_option_set(const struct cli_option *option, const char *text, const struct origin *origin,
                   struct settings *options, struct rnl_error *err);

#endif
