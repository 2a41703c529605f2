/* Rows of a statement, straight from the connection's buffer. */
#ifndef MYSQL_WIRE_H
#define MYSQL_WIRE_H

#include "server.h"

struct wire {
    struct conn *conn;
    MYSQL_STMT *stmt;
    bool reading; /* rows stand on the connection yet */
};

/* Runs sql by the binary protocol; *fields are lent until wire_close. */
int wire_open(struct wire *wire, struct conn *conn, const char *sql, const MYSQL_FIELD **fields,
              unsigned *nfields, struct rnl_error *err);
/* OK: a row, lent until the next call; DONE; or why not. */
int wire_row(struct wire *wire, const unsigned char **packet, size_t *len, struct rnl_error *err);
/* When rows are left, they are called off: the connection can be used again, or is shut. */
void wire_close(struct wire *wire);
/* Gives back what one large packet made the connection take. */
void wire_buffer_trim(MYSQL *mysql);
/* Whether the next packet is in the library's memory, so that reading it waits for nobody. */
bool wire_has_packet(const MYSQL *mysql);

#endif
