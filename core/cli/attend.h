/* What a command needs that works at length: one line of progress, and an ear for signals. */
#ifndef ATTEND_H
#define ATTEND_H

#include "cli.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * SIGINT and SIGTERM ask for an end (the flag becomes true); the second one ends the
 * process at once. Once in a process.
 */
const atomic_bool *attend_signals(void);

/* On a terminal: drawn over, on stderr. Elsewhere: a line every few seconds; --quiet: nothing. */
void attend_line_start(const struct cli_args *args);
/* Whether it is time for another line: ask before making one. Any thread. */
bool attend_line_due(void);
void attend_line(const char *text);
void attend_line_end(void); /* takes it away */

#endif
