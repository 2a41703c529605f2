/* A place in the log of a MySQL or MariaDB server, and its bytes as the host keeps them: JSON. */
#ifndef MYSQL_POSITION_H
#define MYSQL_POSITION_H

#include "gtid.h"

#define POSITION_FILE_MAX 512

/*
 * A transaction that is prepared (XA) and neither committed nor rolled back. Its rows lie before
 * the place where one would go on, so they are read again after an interruption.
 */
struct position_open {
    char *id; /* X'6131',X'',1 */
    char *at; /* which one it is: its GTID, or "file:pos"; NULL: none of its rows concern us */
};

/* A statement that altered followed tables, and that the target's tables don't follow. */
struct position_ddl {
    char *schema; /* the session's */
    char *mode;   /* "a": "…" is a name; "e": a backslash is itself */
    char *text;
};

struct position {
    bool mariadb;
    bool exact;      /* of a view: it holds what is before, and nothing else */
    bool gtids;      /* told by set or list; otherwise by file and pos of this one server */
    char server[64]; /* its uuid, or MariaDB's server_uid; "": not known */
    struct gtid_set set;
    struct gtid_list list;
    char file[POSITION_FILE_MAX]; /* "": not known */
    uint64_t pos;
    /* Where reading must begin again for the sake of open: a list, or "file:pos"; NULL: here.
     * (MySQL is asked for the open ones by their GTIDs.) */
    char *from;
    struct position_open *open;
    size_t nopen;
    /* In their order: what makes the form that rows have here out of the catalog's. */
    struct position_ddl *ddl;
    size_t nddl;
};

/* 0, or -1: these bytes are no position, or memory is out. */
int position_parse(struct position *position, struct rnl_slice bytes);
/* Behind what out holds. */
void position_write(const struct position *position, struct text *out);
void position_free(struct position *position);

/* 0, or -1: out of memory, or such statements are too many and too long. */
int position_ddl_add(struct position *position, const struct position_ddl *ddl);

/* Whether one who stands at position has all that stands before goal. */
bool position_reached(const struct position *position, const struct position *goal);

/* Order of two names of log files, by their numbers. */
int log_file_order(const char *a, const char *b);

/* 0, or -1: out of memory, or no such text. "name:17" */
int log_place_parse(const char *text, char file[static POSITION_FILE_MAX], uint64_t *pos);

#endif
