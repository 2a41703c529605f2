/* What the files of the cursor of changes share. */
#ifndef MYSQL_CHANGES_H
#define MYSQL_CHANGES_H

#include "binlog.h"
#include "dump.h"
#include "position.h"
#include "spool.h"
#include "statement.h"

/* A table of the catalog. */
struct followed {
    const struct rnl_table *table;
    const char *name;       /* in the log, by now; "": it is gone */
    uint32_t index;         /* in the catalog */
    struct position *start; /* what one who stands there has is left out; NULL: nothing */
    /* Where the host ignores what alters tables: the form of rows, and where each of its columns
     * stands in table; NULL: rows are as table says. */
    struct form *form;
    uint32_t *map;
};

/* The transaction that is being read. */
struct transaction {
    bool known;    /* its GTID came */
    bool open;     /* it goes on until a commit; otherwise one statement is all of it */
    bool skipped;  /* the position has it already */
    bool reopened; /* prepared, and read again for its rows: see position_open */
    bool xa;       /* its rows wait in spool until it ends well */
    struct gtid gtid;
    struct gtid_place place;
    char at_file[POSITION_FILE_MAX]; /* where it begins */
    uint64_t at_pos;
    int64_t committed_us;
    uint64_t rows; /* given, of followed tables */
    char xa_id[BINLOG_XA_TEXT];
    struct spool *spool;
};

/* A prepared transaction: beside position.open, in the same order. */
struct waiting {
    struct spool *spool; /* NULL: no rows, or they come again */
    char *from;          /* where to begin again for its sake; NULL: by its GTID */
};

struct changes {
    uint32_t kind; /* CURSOR_CHANGES */
    struct source *source;
    struct dump *dump;
    struct binlog *log;
    const struct rnl_catalog *catalog; /* the host's */
    struct followed *tables;
    struct followed **by_name; /* of tables, as the log names them */
    uint32_t ntables;
    struct form *forms; /* all that were made, for followed */
    bool untold;        /* forms differ from the catalog since before the cursor was opened */
    struct rnl_value *before, *after; /* of the widest table */

    struct position at; /* all before it was given */
    struct position to; /* where to end */
    bool has_to;
    bool again; /* reading began before at: what is before known comes once more */
    bool moved; /* at is further than the last mark */
    bool ended; /* to is reached */
    int64_t marked_ms;
    struct text mark; /* at's bytes */

    struct gtid_list known;       /* of MariaDB, while again */
    struct position known_place;  /* by file, while again */
    char file[POSITION_FILE_MAX]; /* of the stream: where the next event stands */
    uint64_t pos, event_pos;      /* event_pos: of the event under way */
    struct transaction tx;
    struct waiting *waiting;

    struct binlog_event event;
    bool packet;            /* the decoder has more of it */
    bool rows;              /* event is one of rows, not read to its end */
    struct spool *emit;     /* rows of a prepared transaction that is committed now */
    struct rnl_bundle *out; /* of the call under way */
    uint64_t out_rows;      /* added to it */
    bool out_marked;
    bool gathered;           /* more was waited for */
    bool rests;              /* all before mark was given, and nothing behind it was looked at */
    bool waited;             /* the log had nothing more when the bundle was begun */
    bool spans;              /* the transaction under way began in an earlier bundle */
    struct rnl_error failed; /* told by the next call; status 0: none */
};

/* What a step did. */
/* beside negative states: go on; give the bundle now; and say that tables are others behind it */
enum step { STEP_ON = 0, STEP_GIVE = 3, STEP_ALTERED = 4 };

/* changes_rows.c */
struct followed *followed_find(struct changes *changes, const char *schema, const char *name);
bool is_our_schema(const struct changes *changes, const char *schema);
/* Whether the table was read at a moment when this transaction was in it. */
bool is_in_start(const struct changes *changes, const struct followed *followed);
int rows_begin(struct changes *changes, struct rnl_error *err);
int rows_pump(struct changes *changes, struct rnl_error *err);
int spool_pump(struct changes *changes, struct rnl_error *err);
int truncate_add(struct changes *changes, struct followed *followed, struct rnl_error *err);

/* changes_event.c: one event of the log */
int event_take(struct changes *changes, struct rnl_error *err);
int transaction_end(struct changes *changes, struct rnl_error *err);
/* The same, when rows of it wait: they are given first. */
int transaction_commit(struct changes *changes, struct rnl_error *err);
/* Marks the bundle behind its last row, when no transaction's rows are cut by that. */
int place_mark_now(struct changes *changes, struct rnl_error *err);

/* changes_xa.c: transactions that are prepared first */
int xa_prepare(struct changes *changes, const struct binlog_xa *xa, struct rnl_error *err);
int xa_end(struct changes *changes, struct rnl_slice id, bool commit, struct rnl_error *err);
bool xa_is_reopened(const struct changes *changes);
void waiting_free(struct changes *changes);
int transaction_text(const struct changes *changes, char *out, size_t size);

/* changes.c: after names of tables changed */
void tables_order(struct changes *changes);

/* changes_event.c: behind a statement that altered tables; its position, or empty */
int altered_position(struct changes *changes, struct rnl_slice *position, struct rnl_error *err);

/* changes_ddl.c: statements that alter tables */
int altered_refuse(const struct changes *changes, const char *table, struct rnl_error *err);
int altered_take(struct changes *changes, const struct statement *statement, const char *schema,
                 bool database, struct rnl_error *err);
/* Forms as the position tells them; and telling what the host hasn't heard of. */
int altered_recall(struct changes *changes, struct rnl_error *err);
int altered_tell_again(struct changes *changes, struct rnl_error *err);

/* changes_park.c: whether the stream goes on where another cursor left it, at this position */
bool changes_park(struct changes *changes);
bool changes_unpark(struct changes *changes, struct rnl_slice position);

/* changes_statement.c */
int statement_take(struct changes *changes, struct rnl_error *err);

#endif
