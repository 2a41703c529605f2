/* The cursor of changes: what the files that make rows of the stream share. */
#ifndef POSTGRES_FEED_H
#define POSTGRES_FEED_H

#include "convert.h"
#include "look.h"
#include "pgoutput.h"
#include "stream.h"

/* How the columns that the stream tells of a table go with the catalog's. */
enum fit {
    FIT_UNKNOWN,
    FIT_EXACT,
    FIT_OLDER,   /* the catalog's form comes later in the stream */
    FIT_IGNORED, /* of another form, which the host was told of: it keeps the catalog's */
};

/* A table of the stream: the catalog's, or a partition of one, or one that nobody follows. */
struct relation {
    uint32_t id;
    bool followed;
    bool leaf;     /* a partition, told under its own name */
    bool replaced; /* another table than the catalog's, of its name */
    bool again;    /* described anew: the server's catalogue says another thing of it */
    bool labelled; /* a label that the catalog lacks was looked for */
    char identity;
    enum fit fit;
    uint32_t table; /* in the catalog */
    uint32_t ncolumns;
    uint32_t *columns;  /* for each of the stream's the catalog's, or NO_COLUMN */
    bool *keys;         /* of the replica identity */
    struct arena arena; /* of all below */
    const char *schema, *name;
    struct form told;
    Oid *types;
    int32_t *modifiers;
};

/* A followed table, as rows are made for it. */
struct fed_table {
    const struct rnl_table *described;
    struct bound_column *columns; /* in the catalog's order; NULL: not met yet */
    uint64_t start;               /* transactions committed before it are in the target */
    struct form form;             /* the catalog's */
    uint64_t told;                /* digest of what the host was told last; 0: nothing */
    char look[40];                /* the mark that was looked at last; "": none */
    struct look *pending;         /* as it is now: told when all from before has come */
    bool gone;                    /* its end was told */
    bool moving;                  /* its new name is about to be told */
    bool labels;                  /* some column is an enum */
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
    struct arena arena;    /* of the tables' forms, and of what lives as long as the cursor */
    struct pg_conn *side;  /* to look at tables by; NULL: not needed yet */
    struct native *natives;
    uint32_t nnatives;
    struct stream_item held; /* told again when the host goes on: it was told of an alteration */
    bool is_held;
    uint64_t change_lsn; /* of the item under way */
    uint64_t noted;      /* the notes that were looked at: see notes.h */
    bool stale;          /* some table may be another by them */
    Oid *met;            /* tables that the host was told of, new to it */
    uint32_t nmet;

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
    bool behind;         /* it was sent long after it was committed */
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
/* The followed table that the catalog has under this name. */
bool feed_table_named(const struct feed *feed, const char *schema, const char *name,
                      uint32_t *index);
int feed_side(struct feed *feed, struct pg_conn **conn, struct rnl_error *err);

/* altered.c: before a row of it is read. RNL_ALTERED: the host was told that it is another. */
int relation_judge(struct feed *feed, struct relation *relation, struct rnl_bundle *out,
                   struct rnl_error *err);
/* Tells that a table has become what the look shows, or is gone. RNL_ALTERED, or RNL_OK: it was
 * known. relation: as the stream told it; NULL: all from before the look has come. */
int table_alter(struct feed *feed, uint32_t index, struct look *look,
                const struct relation *relation, struct rnl_bundle *out, struct rnl_error *err);
int table_replace(struct feed *feed, uint32_t index, const struct look *look,
                  struct rnl_bundle *out, struct rnl_error *err);

/* settle.c: between transactions: what the log doesn't tell, found by looking. */
int feed_settle(struct feed *feed, struct rnl_bundle *out, struct rnl_error *err);

/* changes of rows: fed_rows.c */
int fed_row(struct feed *feed, const struct pgoutput_message *message, struct rnl_bundle *out,
            struct rnl_error *err);
int fed_truncate(struct feed *feed, const struct pgoutput_message *message, struct rnl_bundle *out,
                 struct rnl_error *err);

#endif
