/* What the toy sink keeps: a database in memory, and what is under way to it. */
#ifndef TOY_STORE_H
#define TOY_STORE_H

#include "toy.h"

#include <pthread.h>

enum { MOST_LANES = 64, MOST_TABLES = 8, MOST_UNITS = 4096, MOST_STEPS = 256, MOST_ROWS = 200000 };

/* What is committed. Named, and never freed: a database outlives those who use it. */
struct store {
    struct store *next;
    char *name;
    pthread_mutex_t lock; /* guards everything below */
    char *plan;
    size_t plan_len;
    uint64_t numbers[MOST_LANES], epochs[MOST_LANES];
    struct {
        bool known, done;
        int64_t rows;
        char position[16];
        size_t position_len;
    } units[MOST_UNITS];
    char *steps[MOST_STEPS];
    size_t nsteps;
    unsigned char *rows[MOST_TABLES]; /* how often each id is there */
    struct toy_letters letters;
    int64_t lane_durable[MOST_LANES];    /* of changes on several lanes */
    uint32_t unit;                       /* of changes, committed last */
    int64_t changes, durable, confirmed; /* up to which change all are committed, are safe, … */
    uint16_t columns[MOST_TABLES];       /* of t0, t1, …; 0: it was dropped */
    size_t keys, others;                 /* steps done: those of keys, and those behind them */
};

struct sink {
    const struct rnl_ctx *ctx;
    struct store *store;
    int64_t commits, steps; /* under the store's lock */
    bool keyless;
    uint32_t tables[MOST_TABLES]; /* of the catalog bound: which of the store's */
};

struct pending {
    uint32_t table;
    int64_t id;
    bool replay; /* does nothing where the row is */
};

struct writer {
    struct sink *sink;
    struct pending *rows; /* of the open transaction */
    size_t nrows, room;
    size_t changes;    /* of rows */
    bool part, spoilt; /* between savepoint and release or undo; and whether a row was bad */
    size_t mark;       /* nrows at the savepoint */
    size_t marked;     /* changes there */
    bool following;    /* the last bundle was one of changes */
    struct toy_letter *letters; /* to be kept by the commit, newest first */
    uint64_t removed[16];
    size_t nremoved;
};

struct store *store_named(const char *name); /* made when there is none */
/* Whether changes may come now. */
int store_check_time(struct writer *writer, uint32_t flags, struct rnl_error *err);
/* Whether changes may be committed so; and that they are. The store's lock is held. */
int store_check_changes(const struct writer *writer, const struct rnl_checkpoint *checkpoint,
                        struct rnl_error *err);
void store_note_changes(struct writer *writer, const struct rnl_checkpoint *checkpoint);

#endif
