/* The toy plugin: a source that counts, and a sink that keeps what it is given in memory. */
#ifndef TOY_H
#define TOY_H

#include <runnel/plugin.h>

/*
 * The source has `tables` tables "t0", "t1", … of `rows` rows (id, text), each cut into
 * units of `chunk` rows; with keyless, a table is one unit without marks.
 */
struct toy_source_config {
    int64_t tables, rows, chunk;
    bool keyless;
    int64_t fail_after; /* rows read by one cursor; 0: never */
    int64_t slow_us;    /* per bundle */

    /*
     * Its log: change k = 1 … log inserts id rows + k into table k % tables; transactions have
     * log_part changes each. The tables' rows are read as they were behind change seen, but the
     * snapshot says that changes begin at 0.
     */
    int64_t log, log_part, seen;
    int64_t view;      /* what a snapshot says: changes begin behind that one */
    int64_t since;     /* changes of t2 up to this one can't be read: they had another form */
    int64_t replaced;  /* of altered: t2 is another table from there on, with rows of its own */
    int64_t log_fails; /* changes read by one cursor, then it fails; 0: never */
    int64_t awaited;   /* rows are read once the sink has changes up to this one */
    int64_t rests;     /* none are read once it has later ones than this; 0: whatever it has */
    int64_t linked;    /* t1 has a foreign key to t0 */
    bool log_place;    /* a cursor of changes begins with the place where it stands */
    const char
        *confirms;     /* store of the sink: nothing is to be confirmed that it hasn't for good */
    int64_t must_have; /* confirmed when a run goes on */
    /* Behind change altered (0: never) each table has a column more, or, with drops, t0 is gone. */
    int64_t altered;
    bool drops;
    int64_t gone; /* 1: t0 isn't described */
};

/*
 * The sink's memory outlives runs, as a database does: `store` names one. Each row
 * committed is counted by its table and id. The ids of TOY_BAD in the environment ("0,9,10") are
 * those that no table takes, for as long as they stand there.
 */
struct toy_sink_config {
    const char *store;
    int64_t fail_commit; /* the number of the commit that fails, in this opening; 0: none */
    int64_t fail_step;   /* likewise */
    int64_t slow_us;     /* per step */
    bool late;           /* told when a part is released, not when it is applied */
    int64_t gone_every;  /* each so manyeth commit of an opening fails; 0: none */
    int64_t behind;      /* changes that are done before steps that stand behind the keys' */
    bool partial;        /* it has not all tables that the log tells of: changes can't be counted */
    bool refuse;         /* it can\'t be opened */
    int64_t lanes;       /* of changes; what is checked of their order holds for one */
};

/* Rows that stand aside in a store: toy_letters.c keeps them, toy_sink.c commits them. */
struct toy_letter {
    struct toy_letter *next;
    uint64_t id;
    struct rnl_letter letter; /* what it points to is its own */
};
struct toy_letters {
    struct toy_letter *first;
    uint64_t last_id;
};

/* A copy, or NULL. */
struct toy_letter *toy_letter_copy(const struct rnl_letter *letter);
void toy_letter_free(struct toy_letter *letter);
void toy_letters_clear(struct toy_letters *letters);
void toy_letters_add(struct toy_letters *letters, struct toy_letter *letter); /* owns it */
bool toy_letters_remove(struct toy_letters *letters, uint64_t id);

/* Whether the store of that name holds all changes up to number, durably; notes it as confirmed. */
bool toy_confirm(const char *store, int64_t number);
int64_t toy_confirmed(const char *store);
int64_t toy_changes(const char *store); /* up to which all are committed */

/* toy_log.c: what makes the source one that can be followed. */
struct toy_log_cursor;
int toy_log_open(const struct rnl_ctx *ctx, const struct rnl_catalog *catalog,
                 const struct rnl_unit *unit, struct toy_log_cursor **cursor,
                 struct rnl_error *err);
int toy_log_read(struct toy_log_cursor *cursor, struct rnl_bundle *out, struct rnl_error *err);
void toy_log_close(struct toy_log_cursor *cursor);
/* The place behind change number, as text; the number of a place. */
struct rnl_slice toy_place(int64_t number, char buf[24]);
int64_t toy_number(struct rnl_slice place);
bool toy_is_place(struct rnl_slice text);

extern const struct rnl_plugin toy_source, toy_sink;

#endif
