/* Identifiers in expressions of a dialect: which columns they name, and those under other names. */
#ifndef EXPRESSION_H
#define EXPRESSION_H

#include <stdbool.h>

/* Whether the column may be meant anywhere in text; when in doubt: true. */
bool expression_names(const char *dialect, const char *text, const char *column);

/*
 * The text with columns under their new names; malloc'd. NULL: it can't be proved which
 * words are columns. name(arg, column) gives the new name of one, or NULL where the
 * word is no column that changes.
 */
char *expression_rename(const char *dialect, const char *text,
                        const char *(*name)(void *arg, const char *column), void *arg);

#endif
