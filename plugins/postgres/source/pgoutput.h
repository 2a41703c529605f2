/* The messages of PostgreSQL's logical replication, from their bytes alone. */
#ifndef POSTGRES_PGOUTPUT_H
#define POSTGRES_PGOUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PGOUTPUT_COLUMNS 1664 /* a tuple can have no more */

/* A field of a row: 'n' NULL, 'u' unchanged and not sent, 't' text, 'b' binary. */
struct pgoutput_cell {
    const uint8_t *bytes;
    uint32_t len;
    char kind;
};

struct pgoutput_column {
    const char *name;
    uint32_t type;
    int32_t modifier;
    bool key; /* of the replica identity */
};

/* Which members count goes by kind; all that is pointed to holds until the next message. */
struct pgoutput_message {
    char kind;     /* the first byte of the message */
    char old_kind; /* U, D: 'K' the identity's columns, 'O' the whole row, 0 none */
    char identity; /* R: 'd' default, 'f' full, 'i' index, 'n' nothing */
    uint8_t flags; /* T: 1 cascade, 2 restart identity; M: 1 transactional; S: 1 the first part */
    uint16_t ncolumns; /* R */
    uint16_t nold, nnew;
    uint32_t xid;      /* B, b, P, K, r, p, S, c, A; in a streamed part: of each message */
    uint32_t subxid;   /* A */
    uint32_t relation; /* R, I, U, D: its number; Y: the type's */
    uint32_t nrelations;
    uint32_t content_len;      /* M */
    uint64_t lsn;              /* B: of the commit; C, c, P, K: its begin; O, M, A */
    uint64_t end_lsn;          /* C, c, b, P, K, r, p */
    int64_t time_us;           /* since 1970 */
    const char *schema, *name; /* R, Y; name: also O's, M's prefix, the gid of two phases */
    const uint8_t *content;    /* M */
    const struct pgoutput_column *columns;
    const struct pgoutput_cell *old_row, *new_row;
    const uint32_t *relations; /* T */
};

enum pgoutput_result {
    PGOUTPUT_OK,
    PGOUTPUT_BAD,     /* these bytes are no message */
    PGOUTPUT_UNKNOWN, /* a kind that isn't known */
    PGOUTPUT_MEMORY,
};

/* Start with zeros. */
struct pgoutput {
    struct pgoutput_column *columns;
    struct pgoutput_cell *old_row, *new_row;
    uint32_t *relations;
    uint32_t relations_room;
    bool streaming; /* between S and E: messages carry a transaction's number */
};

enum pgoutput_result pgoutput_read(struct pgoutput *p, const uint8_t *bytes, size_t len,
                                   struct pgoutput_message *out);
void pgoutput_free(struct pgoutput *p);
/* "stream start": what a kind is called; NULL: it isn't known */
const char *pgoutput_name(char kind);

#endif
