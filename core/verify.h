/* Proves that a target holds what the source holds: every row of both is read and compared. */
#ifndef VERIFY_H
#define VERIFY_H

#include "scan.h"

struct verify_progress {
    uint32_t tables, tables_done;
    int64_t rows[SCAN_SIDES]; /* read, of all tables */
    int64_t rows_expected;    /* an estimate of the source's rows; -1: unknown */
    uint32_t
        pass; /* 1: all tables; 2, 3: those that differ; 4: a repair; 5: rows looked at again */
    size_t suspects; /* in pass 5: rows that are neither equal nor different yet */
};

/*
 * What proves a target that follows its source, both written to meanwhile: see verify_settle.c.
 * Called by the control thread, while nothing is read.
 */
struct verify_live {
    /* Makes a new view of the source, for one lane. */
    int (*renew)(void *arg, struct rnl_error *err);
    /* Notes the end of the source's log: all that the view has stands before it. */
    int (*mark)(void *arg, struct rnl_error *err);
    /* Until the target has all that stands before the place noted last. */
    int (*fence)(void *arg, struct rnl_error *err);
    void *arg;
    int pause_ms; /* between two rounds: grows to ten times that */
};

struct verify_options {
    struct scan_sides sides;
    int64_t chunk_bytes; /* 0: a preset */
    uint32_t max_keys;   /* listed by name for each table; the others are counted */
    bool repair;         /* write the source's rows over those that differ */
    bool values;         /* keep the values that differ, too, not only the columns' names */
    void (*progress)(void *arg, const struct verify_progress *progress); /* any thread, one at a
                                                                            time; or NULL */
    void *arg;
    /* Both sides are written to: what differs is looked at again. NULL: they stand still. */
    const struct verify_live *live;
};

/* CHANGING: neither equal nor different, because it was changed again each time. */
enum verify_kind { VERIFY_MISSING = 1, VERIFY_EXTRA, VERIFY_DIFFERENT, VERIFY_CHANGING };

/* One row that differs. */
struct verify_row {
    enum verify_kind kind;
    uint64_t key_digest;
    char *key;         /* "id=7"; of a table without a key: its first columns */
    uint32_t *columns; /* that differ, as indexes in the table */
    char **values;     /* with options.values: two for each of columns, source and target */
    uint32_t ncolumns;
};

struct verify_table {
    uint32_t index; /* in the catalog */
    bool keyed;     /* false: rows have no name; equal rows are counted */
    bool exact;     /* false: missing, extra and different are lower bounds */
    int64_t rows[SCAN_SIDES];
    int64_t missing, extra, different; /* in the target, seen from the source */
    int64_t changing;                  /* live: rows that could not be told */
    struct verify_row *listed;
    uint32_t nlisted;
    int64_t mended;         /* rows that a repair wrote or removed */
    int64_t read_ms;        /* from the first row of the table to its last, in the first pass */
    struct rnl_error error; /* status < 0: not compared, and why */
};

struct verify_report {
    struct verify_table *tables; /* in the catalog's order */
    uint32_t ntables;
    int64_t rows; /* of the source */
    int64_t ms;
};

/*
 * Control thread. RNL_OK: done, whatever was found (see verify_is_equal). The report
 * is made in any case, as far as it went; verify_report_clear() frees what it holds.
 */
int verify_run(const struct verify_options *options, struct verify_report *report,
               struct rnl_error *err);
void verify_report_clear(struct verify_report *report);

bool verify_table_is_equal(const struct verify_table *table);
/* Whether nothing is wrong with it but that rows could not be told. */
bool verify_table_is_unsettled(const struct verify_table *table);
bool verify_is_equal(const struct verify_report *report);

/* verify_report.c */
void verify_report_print(const struct verify_report *report, const struct rnl_catalog *catalog,
                         FILE *to);
char *verify_report_json(const struct verify_report *report, const struct rnl_catalog *catalog);

#endif
