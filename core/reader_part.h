/* The reader role as its files share it: preparation, lanes of chunks, and the stream of changes.
 */
#ifndef READER_PART_H
#define READER_PART_H

#include "bundle.h"
#include "catalog.h"
#include "config_run.h"
#include "control.h"
#include "ear.h"
#include "record.h"
#include "run.h"

#define READ_MS 500

/* The exact position of the view that a table without a key was read in. */
struct reader_start {
    uint32_t table;
    void *position; /* owned */
    size_t len;
};

struct reader {
    struct run *run;
    struct session source, transport;
    struct ear *ear;      /* what the writer answers */
    struct record record; /* holds catalog and plan */
    struct control recall;
    struct table_rule *rules; /* those of the configuration, and of tables asked for since */
    size_t nrules;
    uint32_t joins;      /* tables with this number join in this attempt; 0: none do */
    bool rewound;        /* the record is another than was recalled: tables wait no more */
    bool beside;         /* changes of the other tables go on while those that wait are loaded */
    atomic_bool *over;   /* of the stream beside the load: it ends; NULL: it is none */
    uint32_t first_lane; /* for changes */
    struct run_sizes sizes;
    uint32_t lanes;

    pthread_mutex_t lock; /* guards everything up to the next lock */
    uint32_t next_unit;
    int64_t events; /* rows that may still be read; INT64_MAX: any number */
    uint64_t taken; /* of them, by lanes that read just now */
    struct reader_start *starts;
    size_t nstarts;
    pthread_cond_t settled;
    pthread_mutex_t heavy; /* held while a heavy unit is read: one at a time */
    uint64_t *numbers;     /* of the last bundle published on each lane, once all have ended */
    uint32_t nnumbers;
};

struct reader_lane {
    struct reader *reader;
    uint32_t lane;
    uint64_t number; /* of the last bundle published */
    uint32_t taken;  /* of limits.events, for the bundle that is read */
    char subject[32];
    pthread_t thread;
    bool started;
};

/* Describes what the operator wants of the source into a new catalog. */
int reader_describe(struct reader *reader, struct rnl_catalog *catalog, struct rnl_error *err);

/* reader_lane.c: all chunks that the target lacks, on all lanes, and each lane's end. */
int reader_load(struct reader *reader, struct rnl_error *err);
int reader_publish(struct reader_lane *lane, struct rnl_bundle *bundle,
                   const struct bundle_head *head, struct rnl_error *err);
/* reader_starts.c. Keeps where changes begin to count for a table without a key; sealed as its mask
 * has it. */
int reader_start_add(struct reader *reader, uint32_t table, struct rnl_slice position,
                     struct rnl_error *err);

/* Raises where changes begin to count for a table, unless it stands there or behind already. */
int reader_start_raise(struct reader *reader, uint32_t table, struct rnl_slice position,
                       struct rnl_error *err);
/* Those of tables that stand as an earlier run has left them. */
int reader_starts_find(struct reader *reader, struct rnl_error *err);
/* Of the last bundle that was published on a lane, by the load or by an earlier run. */
uint64_t reader_number(const struct reader *reader, uint32_t lane);

/* reader_follow.c: the changes behind the load, until the run must end. */
int reader_follow(struct reader *reader, struct rnl_error *err);
/*
 * Those beside a load, until the run must end, reader->over says so, or tables are altered. The
 * lane's end is published in any case. Tells errors itself.
 */
void reader_follow_beside(struct reader *reader);

/*
 * reader_beside.c: tables that are loaded beside the stream. They wait: their changes are left
 * out of it, until the load is done. Then the next attempt reads the log from where their view
 * stood, once more, and the other tables leave out what they have.
 */
bool reader_can_wait(const struct reader *reader); /* whether tables that join may */
/* Where a run that goes on reads changes from; malloc'd; NULL: out of memory. */
char *reader_place(const struct reader *reader);
/* A run that goes on: tables whose rows are all there wait no more. */
int reader_settle(struct reader *reader, struct rnl_error *err);
/* Whether reader_load_beside() is what is to be done; the run's chunks are known. */
bool reader_goes_beside(struct reader *reader);
/* As reader_load(), with the stream beside it. */
int reader_load_beside(struct reader *reader, struct rnl_error *err);

/* reader_changes.c */
/* Before the snapshot: what the source needs to be followed. */
int reader_follow_prepare(struct reader *reader, bool resuming, struct rnl_error *err);
/* Which changes of the catalog's tables are wanted. */
void reader_filter(const struct reader *reader, struct rnl_catalog *catalog);
/* A run that goes on has as many lanes for changes as it was begun with. */
int reader_check_changes(const struct reader *reader, struct rnl_error *err);
/* Whether its lanes were cut off at different places, when it had no time to end in order. */
bool reader_lanes_apart(const struct reader *reader);
/* The unit of changes in the plan, the first of several lanes'; NULL: it has none. */
const struct rnl_unit *reader_changes_unit(const struct reader *reader);
/* Whether rows of the table, or of any (UINT32_MAX), are yet to be read in chunks. */
bool reader_is_left(struct reader *reader, uint32_t table);
/* Above all ids that the target remembers, also of units that are no more. */
uint32_t reader_next_id(const struct reader *reader);
int reader_add_changes(struct reader *reader, struct rnl_error *err);

/*
 * reader_join.c: tables that join a run which goes on. reader_rules() says what is wanted;
 * reader_join() takes what of it the record lacks, and what is to be loaded anew, into the record;
 * reader_join_units() cuts these into units, once their view stands. low: where changes behind it
 * begin.
 */
int reader_rules(struct reader *reader, struct rnl_error *err);
int reader_join(struct reader *reader, struct rnl_catalog *described, struct rnl_error *err);
/* Whether a table that joins must be loaded anew, for it isn't any more what the record says. */
bool reader_reads_anew(struct reader *reader, uint32_t table, struct rnl_catalog *described);
int reader_join_units(struct reader *reader, const char *low, struct rnl_error *err);
/* Of a run that begins: what is asked for is part of it. */
int reader_join_first(struct reader *reader, struct rnl_error *err);
/*
 * Whether an altered table can't be gone on with as the log tells it; and asks for it to be loaded:
 * the attempt ends before the statement, which the next one meets behind the load.
 */
struct alterations;
bool reader_must_load(const struct reader *reader, const struct alterations *altered);
int reader_ask_load(struct reader *reader, const struct alterations *altered,
                    struct rnl_error *err);

/* reader_drain.c. Changes don't tell how far identities and sequences are: the catalog does. */
int reader_tell_values(struct reader *reader, struct rnl_error *err);
/* The pipeline has come to its end: the source keeps nothing for it any longer. */
int reader_let_go(struct reader *reader, struct rnl_error *err);

/*
 * reader_evolve.c: tables were altered, and no cursor is open. The run goes on with another
 * catalog, once the target follows it. RNL_DONE: the run must end meanwhile.
 */
struct alterations;
int reader_evolve(struct reader *reader, const struct alterations *altered, struct rnl_error *err);
/*
 * Tables are others behind what the bundle holds. RNL_OK: the cursor is to be read on; RNL_ALTERED:
 * *follow, the caller's, is what the target has to follow first.
 */
int reader_take_altered(struct reader *reader, struct rnl_bundle *bundle,
                        struct alterations **follow, struct rnl_error *err);

#endif
