/* What the parts of verification share: verify.c and verify_*.c. */
#ifndef VERIFY_PART_H
#define VERIFY_PART_H

#include "plan.h"
#include "suspect.h"
#include "verify.h"

#include <pthread.h>

/* Rows fall into buckets by their key's digest, on both sides alike. */
#define VERIFY_BUCKETS 4096u

struct bucket {
    int64_t count;
    struct digest sum;
};

/* A row in a bucket that differs: halves of the digests of its key and of all of it. */
struct verify_entry {
    uint64_t key, row;
};

/* A row known to differ. */
struct verify_found {
    uint64_t key;
    enum verify_kind kind;
};

/* What one lane keeps of its unit. */
struct verify_lane {
    int64_t rows, told;
    size_t nentries;
    struct verify_entry entries[1024];
    struct bucket buckets[VERIFY_BUCKETS];
};

/*
 * A finer net for tables where many rows stand in buckets that differ: sums of half
 * digests, and how many rows. Lanes add to it at the same time, atomically.
 */
#define VERIFY_FINE (1u << 20)

struct verify_fine {
    _Atomic uint64_t sums[VERIFY_FINE];
    _Atomic uint32_t counts[VERIFY_FINE];
};

/* One table under way. */
struct verify_state {
    const struct rnl_table *table;
    struct verify_table *out;
    uint32_t *key; /* columns; for a table without one, all columns */
    uint32_t nkey;
    struct scan_job *jobs; /* a part of verify->jobs */
    size_t njobs;

    /* guarded by verify->lock while lanes run */
    size_t jobs_left;
    int64_t started_ms;
    struct bucket *sums[SCAN_SIDES];
    struct verify_entry *entries[SCAN_SIDES];
    size_t nentries[SCAN_SIDES], entries_room[SCAN_SIDES];

    uint8_t *differing;                   /* one bit for each bucket; NULL: all are equal */
    int64_t differing_rows;               /* in those buckets, both sides */
    struct verify_fine *fine[SCAN_SIDES]; /* while they are summed */
    uint8_t *fine_differing;              /* one bit for each, or NULL */
    struct verify_found *found;
    size_t nfound, found_room;
    bool found_all;           /* found is complete: a repair knows all */
    struct suspect *suspects; /* live: found, by key */
    size_t nsuspects;
    struct verify_keys *keys; /* of the suspects */
    bool by_keys;             /* is read by them in the reading under way */
    atomic_bool failed;
};

struct verify {
    const struct verify_options *options;
    struct verify_report *report;
    struct scan *scan;
    uint64_t seed;
    struct verify_state *states; /* as report->tables */
    uint32_t ntables;
    uint32_t *by_index; /* of a table in the catalog: its state */
    struct rnl_plan *plans[SCAN_SIDES];
    struct scan_job *jobs;
    size_t njobs;

    size_t nsuspects; /* of all tables */

    pthread_mutex_t lock;
    struct verify_progress progress;
};

struct verify_state *verify_state_of(struct verify *verify, const struct scan_job *job);

/* The row's bucket and key half; false: memory is out. */
bool verify_key(const struct verify_state *state, struct scan_lane *lane, const struct rnl_row *row,
                uint32_t *bucket, struct digest *key);
bool verify_bucket_differs(const struct verify_state *state, uint32_t bucket);
/* An RNL_E_DATA: the table can't be compared; the others can. */
bool verify_failed(void *arg, const struct scan_job *job, const struct rnl_error *err);
void verify_tell(struct verify *verify, const struct scan_job *job, int64_t rows);
int verify_no_memory(struct rnl_error *err);
/* The lane's state, zeroed; NULL: memory is out. */
struct verify_lane *verify_lane_start(struct scan_lane *lane);
/* Frees the rows listed. */
void verify_table_forget_rows(struct verify_table *table);

/* Whether the row is one of those that its table is read again for (1, 0); gives its key. */
int verify_row_counts(const struct verify_state *state, struct scan_lane *lane,
                      const struct rnl_row *row, struct digest *key, struct rnl_error *err);
/* Half of the digest of all of it. */
int verify_row_digest(const struct verify_state *state, struct scan_lane *lane,
                      const struct rnl_row *row, const struct digest *key, uint64_t *half,
                      struct rnl_error *err);
/* Finds which rows differ: one table, read once or twice more. Names some of them, unless live. */
int verify_find_rows(struct verify *verify, struct verify_state *state, struct rnl_error *err);
/* Names the first of state->found: the table is read once more. */
int verify_name_rows(struct verify *verify, struct verify_state *state, struct rnl_error *err);
/* Live: which of the rows found differ indeed; these are then found, counted and named. */
int verify_settle(struct verify *verify, struct rnl_error *err);
/* Writes the source's rows over those found, in one transaction. */
int verify_repair(struct verify *verify, struct rnl_error *err);

#endif
