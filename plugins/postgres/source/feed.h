/* The cursor of changes: what the files that make rows of the stream share. */
#ifndef POSTGRES_FEED_H
#define POSTGRES_FEED_H

#include "convert.h"
#include "pgoutput.h"
#include "stream.h"

/* A table of the stream: the catalog's, or a partition of one, or one that nobody follows. */
struct relation {
    uint32_t id;
    bool followed;
    uint32_t table; /* in the catalog */
    uint32_t ncolumns;
    uint32_t *columns; /* for each of the stream's the catalog's, or NO_COLUMN */
    bool *keys;        /* of the replica identity */
};

/* A followed table, as rows are made for it. */
struct fed_table {
    const struct rnl_table *described;
    struct bound_column *columns; /* in the catalog's order; NULL: not met yet */
    uint64_t start;               /* transactions committed before it are in the target */
};

struct feed {
    struct reading reading; /* first: see source.h */
    struct pg_source *source;
    const struct rnl_host *host;
    const struct rnl_catalog *catalog;
    struct stream *stream;
    struct pgoutput decoder;
    struct fed_table *tables;
    uint32_t ntables;
    struct relation *relations; /* sorted by id */
    uint32_t nrelations, relations_room;
    struct relation *last; /* that was looked for */

    /* of one row; both rows of an update share scratch until they are settled */
    struct rnl_value *values[2];
    struct decoded *decoded[2];
    uint32_t values_room;
    struct buf scratch, raw;

    bool inside;         /* a transaction */
    bool spans;          /* … that has rows in an earlier bundle */
    uint64_t commit_lsn; /* where it is committed */
    uint64_t rows;       /* of it so far */
    uint64_t given;      /* rows in this bundle */
    bool marked_now;     /* this bundle has a mark */
    uint64_t seen;       /* all before it has come and is marked, or holds nothing of interest */
    uint64_t marked;     /* the last place that was marked */
    int64_t marked_ms;
    uint64_t to; /* 0: for ever */
    int failed;  /* a status that stays */
    struct rnl_error error;
};

enum { ROW_AFTER, ROW_BEFORE };

/* relations.c */
int relation_read(struct feed *feed, const struct pgoutput_message *message, struct rnl_error *err);
struct relation *relation_find(struct feed *feed, uint32_t id);
void relations_free(struct feed *feed);

/* changes of rows: fed_rows.c */
int fed_row(struct feed *feed, const struct pgoutput_message *message, struct rnl_bundle *out,
            struct rnl_error *err);
int fed_truncate(struct feed *feed, const struct pgoutput_message *message, struct rnl_bundle *out,
                 struct rnl_error *err);

#endif
