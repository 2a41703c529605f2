/* The binary log of MySQL and MariaDB: bytes of events in, events and rows out; no connection. */
#ifndef MYSQL_BINLOG_H
#define MYSQL_BINLOG_H

#include <runnel/error.h>
#include <runnel/schema.h>
#include <stdbool.h>

/*
 * A decoder reads the stream of one connection, in one thread. Each packet that the server sends
 * holds one event (behind the packet's first byte, 0):
 *
 *     binlog_feed(log, event, len, err);
 *     while ((status = binlog_next(log, &event, err)) == RNL_OK) ...
 *
 * RNL_DONE: the next packet is wanted. A packet gives no event when nobody need know of it, and
 * many when it is a compressed transaction. The packet's bytes must stay until RNL_DONE; what an
 * event lends is valid until the next binlog_next.
 *
 * What can't be understood is never passed over: RNL_E_CONFIG "source.log_..." says what it was;
 * a checksum that doesn't fit is RNL_E_RETRY "source.log_checksum": the connection may be at fault.
 * After an error the decoder must be reset.
 */
struct binlog;

struct binlog *binlog_new(void); /* NULL: out of memory */
void binlog_free(struct binlog *log);
/* For a new connection: forgets all tables, checksums, and what was under way. */
void binlog_reset(struct binlog *log);

int binlog_feed(struct binlog *log, const void *event, size_t len, struct rnl_error *err);

enum binlog_kind {
    BINLOG_FORMAT = 1,    /* a log file begins, or the stream does; tables are numbered anew */
    BINLOG_ROTATE,        /* rotate: where the events that come next stand */
    BINLOG_GTID,          /* gtid: a transaction of MySQL begins */
    BINLOG_MARIADB_GTID,  /* mariadb_gtid: a transaction of MariaDB begins */
    BINLOG_QUERY,         /* query: BEGIN, COMMIT, DDL, XA COMMIT, ..., or DML as a statement */
    BINLOG_ROWS,          /* rows: see binlog_row */
    BINLOG_XID,           /* the transaction is committed */
    BINLOG_XA_PREPARE,    /* xa: the transaction is prepared (or committed: one_phase) */
    BINLOG_HEARTBEAT,     /* rotate: where the server's reading stands; no event of the log */
    BINLOG_PREVIOUS_GTIDS /* of MySQL: the set that stands before this file, in its binary form */
};

struct binlog_place {
    struct rnl_slice file; /* not terminated */
    uint64_t position;
};

enum {
    BINLOG_GTID_ANONYMOUS = 1 << 0, /* gtid_mode was OFF: there is no number */
};

struct binlog_gtid {
    uint8_t uuid[16];
    uint64_t number;
    struct rnl_slice tag; /* empty: none */
    int64_t committed_us; /* on the server that first committed it, since 1970; 0: not told */
    uint64_t length;      /* bytes of the whole transaction; 0: not told */
    uint32_t flags;
};

/* flags of a MariaDB transaction, as the server numbers them */
enum {
    BINLOG_MARIADB_STANDALONE = 1 << 0, /* one event without BEGIN and end: DDL and the like */
    BINLOG_MARIADB_TRANSACTIONAL = 1 << 2,
    BINLOG_MARIADB_DDL = 1 << 5,
    BINLOG_MARIADB_PREPARED = 1 << 6,  /* XA: ends with XA_PREPARE */
    BINLOG_MARIADB_COMPLETED = 1 << 7, /* XA COMMIT or XA ROLLBACK, as a query */
};

/* The server's number stands in the event's head. */
struct binlog_mariadb_gtid {
    uint64_t sequence;
    uint32_t domain;
    uint32_t flags;
};

#define BINLOG_SQL_MODE_ANSI_QUOTES (UINT64_C(1) << 2) /* "a" is a name */
#define BINLOG_SQL_MODE_NO_BACKSLASH_ESCAPES (UINT64_C(1) << 20)

struct binlog_query {
    struct rnl_slice schema; /* the session's; empty: none */
    struct rnl_slice text;   /* in the session's character set */
    uint64_t sql_mode;       /* 0 where it isn't told */
    uint32_t thread;
    uint32_t error; /* what the statement ended with on the server */
};

#define BINLOG_XA_TEXT 280
struct binlog_xa {
    bool one_phase;
    char id[BINLOG_XA_TEXT]; /* X'6131',X'',1: as XA COMMIT in the log has it */
};

/* A table as the log has it: lives until BINLOG_FORMAT or reset, or until it is seen otherwise. */
struct binlog_table {
    uint64_t id;
    const char *schema, *name; /* UTF-8, terminated */
    uint32_t ncolumns;
    bool fitted; /* by binlog_table_fit */
    void *user;  /* the caller's, NULL for a table not seen before */
};

struct binlog_rows {
    uint16_t op; /* RNL_INSERT, RNL_UPDATE, RNL_DELETE */
    bool last;   /* of its statement */
    struct binlog_table *table;
};

struct binlog_event {
    uint16_t kind;          /* enum binlog_kind */
    uint8_t type;           /* the server's number */
    bool in_payload;        /* part of a compressed transaction: next_position is 0 */
    uint32_t time_s;        /* the statement's begin, since 1970; 0 of what stands in no log */
    uint32_t server_id;     /* who made it */
    uint32_t next_position; /* in the file; its low 32 bits; 0: not told */
    uint16_t flags;
    union {
        struct binlog_place place; /* ROTATE, HEARTBEAT */
        struct binlog_gtid gtid;
        struct binlog_mariadb_gtid mariadb_gtid;
        struct binlog_query query;
        struct binlog_rows rows;
        struct binlog_xa xa;
        uint64_t xid;
        struct rnl_slice previous_gtids;
    };
};

int binlog_next(struct binlog *log, struct binlog_event *event, struct rnl_error *err);

/*
 * Says which table of the catalog this is: once for each table, before its rows are read. described
 * is borrowed as long as the table lives. RNL_E_CONFIG "source.table_altered" when its columns
 * aren't those of the log (more, fewer, of another type; other names where the log tells them),
 * "source.charset_unknown" when text couldn't be read.
 */
int binlog_table_fit(struct binlog_table *table, const struct rnl_table *described,
                     struct rnl_error *err);

/*
 * The same for rows that go into another form of the table: column i of described becomes column
 * places[i] of into (UINT32_MAX: it is left out); what stands nowhere is RNL_T_UNCHANGED.
 */
int binlog_table_fit_into(struct binlog_table *table, const struct rnl_table *described,
                          const struct rnl_table *into, const uint32_t *places,
                          struct rnl_error *err);
/* Between two transactions: tables may be others from here on, and are told again. */
void binlog_forget(struct binlog *log);

/*
 * Reads the next row of the event that binlog_next gave last, a BINLOG_ROWS of a fitted table:
 * RNL_OK, RNL_DONE, or why not. Values stand in the order of the described columns and are what a
 * cursor of the table's rows would give; what is not in the log is RNL_T_UNCHANGED. before is
 * filled for updates and deletes, after for inserts and updates. Borrowed until the next call.
 */
int binlog_row(struct binlog *log, struct rnl_value *before, struct rnl_value *after,
               struct rnl_error *err);

#endif
