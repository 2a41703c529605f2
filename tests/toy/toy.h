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
    bool refuse;         /* it can\'t be opened */
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

extern const struct rnl_plugin toy_source, toy_sink;

#endif
