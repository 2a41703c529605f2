/* One connection of a test program to a server of any engine, for SQL as text. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct client;

/* How a statement ended. */
enum client_end {
    CLIENT_OK = 0,
    CLIENT_REFUSED, /* by the server: the transaction is lost, the connection stands */
    CLIENT_LOST,    /* the connection is gone: whether it was done is unknown */
};

/* URL: mysql://user:password@host:port/database or postgres://… NULL: client_why() has the words.
 */
struct client *client_open(const char *url);
void client_close(struct client *client);
bool client_is_mysql(const char *url);

/* affected: rows that it changed; NULL: not asked. */
enum client_end client_run(struct client *client, const char *sql, long long *affected);

/* The first column of the first row as text; "" for none. */
enum client_end client_ask(struct client *client, const char *sql, char *answer, size_t size);

/* All rows' first two columns as numbers. */
enum client_end client_each(struct client *client, const char *sql,
                            void (*row)(void *arg, long long first, long long second), void *arg);

/* Why the last call on this thread failed. */
const char *client_why(void);

#endif
