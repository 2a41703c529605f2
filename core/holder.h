/* Who holds a lease: a process, as it tells others, and whether it still lives if that can be seen.
 */
#ifndef HOLDER_H
#define HOLDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* This process. NULL: out of memory. */
json_t *holder_self(void);
/* It ran on this machine, and runs no more. */
bool holder_gone(const json_t *holder);
/* "host, process 123" */
void holder_words(const json_t *holder, char *text, size_t room);

#endif
