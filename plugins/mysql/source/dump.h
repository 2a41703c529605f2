/* The connection on which a server sends its log, and the thread that reads it as it comes. */
#ifndef MYSQL_DUMP_H
#define MYSQL_DUMP_H

#include "position.h"
#include "source.h"

struct dump;

/* Starts behind start, which has been checked against the server by conn (taken over). */
int dump_open(struct source *source, struct conn *conn, const struct position *start,
              struct dump **dump, struct rnl_error *err);
/*
 * The next event, behind the packet's first byte; lent until the next call. RNL_AGAIN: none came
 * within timeout_ms. more: where it waits, then for many, as long as it may. Of one thread.
 */
int dump_take(struct dump *dump, int timeout_ms, bool more, const unsigned char **event,
              size_t *len, struct rnl_error *err);
/* Whether one is at hand. */
bool dump_has(struct dump *dump);
bool dump_has_ended(const struct dump *dump); /* it broke; what came before may still be taken */
void dump_close(struct dump *dump);

/* dump_error.c: why the server ended the log. */
int dump_error(struct conn *conn, struct rnl_error *err);

#endif
