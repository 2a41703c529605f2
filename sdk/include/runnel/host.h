/* What the host lends a plugin. */
#ifndef RNL_HOST_H
#define RNL_HOST_H

#include <runnel/error.h>
#include <runnel/schema.h>
#include <stdbool.h>

/* The host's own; a plugin only passes them back. */
struct rnl_bundle;
struct rnl_catalog;
struct rnl_plan;
struct rnl_steps;
struct rnl_memory;
struct rnl_secret;
struct rnl_names;
struct rnl_services;
struct rnl_letters;
struct rnl_host;

/* One configured use of a plugin: made by the host, alive from open to close. */
struct rnl_ctx {
    const struct rnl_host *host;
    const char *name;   /* "shop/source", as logs show it */
    const void *config; /* the plugin's own struct, filled from its options */
};

enum rnl_level { RNL_LOG_DEBUG, RNL_LOG_INFO, RNL_LOG_WARN, RNL_LOG_ERROR };

enum rnl_op { RNL_INSERT = 1, RNL_UPDATE, RNL_DELETE, RNL_TRUNCATE, RNL_BEGIN, RNL_COMMIT };

struct rnl_row {
    uint32_t size;
    uint32_t table; /* index in the catalog */
    uint16_t op;
    uint16_t nvalues;
    uint32_t reserved;
    const struct rnl_value *after;  /* NULL for a delete */
    const struct rnl_value *before; /* the old key or row; NULL for an insert */
};

/*
 * Rows of changes. An insert has after. An update has after, and before where the source tells
 * what the row was found by (its old key, or the old row); without before the key is that of
 * after. A delete has before. A truncate has neither. Both are in the order of the catalog's
 * columns and as long as these; what the source didn't send is RNL_T_UNCHANGED: not NULL, not
 * there.
 */

/* A piece of reading that one lane does alone. */
enum rnl_unit_kind { RNL_UNIT_CHUNK = 1, RNL_UNIT_CHANGES };

/*
 * Where changes begin to count for a table without a key, or one that was loaded later than others:
 * see struct rnl_unit. All that the log holds of the table before is no matter of this cursor: its
 * rows, statements that make or alter it, other forms that it had.
 */
struct rnl_start {
    uint32_t size;
    uint32_t table;
    struct rnl_slice position; /* of the view that its rows were read in, or before */
};

enum {
    RNL_UNIT_HEAVY = 1 << 0, /* rows of a MiB and more: the host reads one such unit at a time */
};

/*
 * from, to and position are the source's own bytes: the host keeps them and hands
 * them back, in this run or in a later one. A chunk holds the rows with
 * from <= key < to (empty: open). position says where to go on: behind the last
 * row committed of a chunk that was cut off; where changes start.
 */
struct rnl_unit {
    uint32_t size;
    uint32_t kind;
    uint32_t id; /* given by the host, unique in a pipeline */
    uint32_t table;
    uint32_t flags;
    uint32_t ncolumns;       /* with columns: how many */
    const uint32_t *columns; /* read just these, in this order; NULL: all that the sink stores */
    struct rnl_slice from, to;
    struct rnl_slice position;
    int64_t rows; /* estimates; -1 when unknown */
    int64_t bytes;
    /* Of changes: what one who stands at a table's start has already is left out for that table. */
    const struct rnl_start *starts;
    uint32_t nstarts, start_size;
    /* With nkeys: of the chunk's rows only those whose columns key have one of these values: nkey
     * of them for each, one after another. More rows may come. Only where reads_keys() allows it.
     */
    const uint32_t *key;
    const struct rnl_value *keys;
    uint32_t nkey, nkeys;
};

/* A column that goes on under another name. */
struct rnl_rename {
    const char *from, *to;
};

/*
 * A table of the source that was altered, made, renamed or dropped, as a cursor of changes met it
 * in the log: what its rows are from that place on. Columns of the new form that are in the
 * earlier one by name, or by renamed, are the same columns; others are new or gone.
 */
struct rnl_alteration {
    uint32_t size;
    uint32_t index;                /* in the catalog; UINT32_MAX: a table that isn't there yet */
    const struct rnl_table *table; /* NULL: it is gone */
    const struct rnl_rename *renamed;
    uint32_t nrenamed, rename_size;
    const char *statement; /* as it stands in the log, or what is known of it: for people */
    uint32_t flags;
    uint32_t reserved;
    /* Behind the statement, where changes go on; empty: the log holds none, or a transaction is
     * open. Of several alterations at one place all have the same. */
    struct rnl_slice position;
};

/* flags of an alteration */
enum {
    /* Rows that the log told of no table followed are in it: it can't go on without a load. */
    RNL_ALTERATION_LOAD = 1 << 0,
    /* Rows that stand were written anew for a column's other type, and may have got other values
     * than a conversion gives. It can go on, but only a load makes sure of them. */
    RNL_ALTERATION_REMADE = 1 << 1,
};

/* What stands around the rows of a bundle. */
enum {
    RNL_BUNDLE_UNIT_END = 1 << 0, /* the last bundle of its unit */
    RNL_BUNDLE_LANE_END = 1 << 1, /* no rows: nothing more comes on this lane in this run */
    RNL_BUNDLE_CHANGES = 1 << 2,  /* rows of changes, of any tables, in the order they were made */
    /* Changes that the load may have seen: an insert finds its row there, an update or delete
     * finds none, and both are right. Otherwise they are errors, but for a delete of no row. */
    RNL_BUNDLE_REPLAY = 1 << 3,
    RNL_BUNDLE_ALTERED = 1 << 4, /* with LANE_END: more comes, once tables have been altered */
};

struct rnl_bundle_info {
    uint32_t size;
    uint32_t lane;
    uint64_t number; /* in its lane, from 1, without gaps */
    uint32_t unit;
    uint32_t table;
    uint32_t flags;
    uint32_t rows;
    uint64_t bytes;
    struct rnl_slice position; /* as the source marked it; empty: don't commit behind this one */
    int64_t committed_us;      /* of changes: when the source committed them; 0: unknown */
};

/*
 * One thing that a person should know before, or that was done otherwise than
 * asked: a value that can't be kept, an object not carried over, a policy
 * applied, a privilege that is missing.
 */
enum rnl_severity {
    RNL_NOTE = 1, /* carried over in another form, without loss */
    RNL_WARNING,  /* not carried over, or changed by the policy named */
    RNL_BLOCKER,  /* the run would fail */
};

struct rnl_finding {
    uint32_t size;
    uint32_t severity;
    const char *code;                    /* stable, dotted: "type.zero_date", "object.view" */
    const char *schema, *table, *object; /* NULL where there is none; object: column, index, … */
    const char *text;                    /* one sentence */
    const char *policy;                  /* "zero_date=minus_infinity", or NULL */
    const char *example;                 /* a key or a value, or NULL */
    int64_t count;                       /* of rows; -1 when not counted */
};

/* A statement that makes or completes the target's structure. */
enum rnl_phase {
    RNL_PHASE_TYPES = 5,   /* what tables need: schemas, types, sequences */
    RNL_PHASE_TABLES = 10, /* before the first row */
    RNL_PHASE_KEYS = 30,   /* after the last row, in this order; steps of one phase in any */
    RNL_PHASE_INDEXES = 40,
    RNL_PHASE_ATTACH = 45, /* keys made of indexes that stand */
    RNL_PHASE_FOREIGN_KEYS = 50,
    RNL_PHASE_VALIDATE = 60,
    RNL_PHASE_CHECKS = 70,
    RNL_PHASE_VALUES = 80, /* identities, sequences, statistics */
    RNL_PHASE_COMMENTS = 90,
};

struct rnl_step {
    uint32_t size;
    uint32_t phase;
    uint32_t table;   /* index in the catalog; UINT32_MAX: none */
    uint32_t weight;  /* how long it may take, relative; 0 for a moment */
    const char *id;   /* unique and the same in every run: "index shop.orders idx_date" */
    const char *text; /* in the target's language, as `runnel plan` shows it */
    uint32_t flags;
    uint32_t reserved;
};

/* flags of a step */
enum {
    RNL_STEP_KEY = 1 << 0, /* makes the key by which a table's rows are found: before changes */
    /* Of a table that stood before, for one with RNL_TABLE_JOINS: a foreign key to it that isn't
     * there, or went with it. */
    RNL_STEP_JOINS = 1 << 1,
};

/* A row that was set aside: what the target keeps of it in the place of the row. */
struct rnl_letter {
    uint32_t size;
    uint32_t lane;
    uint64_t id; /* given by the target, unique there */
    const char *pipeline;
    const char *schema, *table; /* of the source */
    const char *key;            /* the row's key as text, "id=17"; "" when it has none */
    const char *column;         /* that doesn't fit, or "" when that is unknown */
    const char *code, *reason;  /* as in struct rnl_error */
    int64_t at_us;              /* since 1970, UTC */
    struct rnl_slice row;       /* the host's own bytes; empty when values must not be kept */
};

struct rnl_service {
    uint32_t size;
    uint32_t port;
    const char *name, *id, *address;
    /* Of one that was looked up: what it said of itself last, and when (since 1970, UTC). */
    const char *note;
    uint32_t health; /* enum rnl_health; 0: unknown */
    uint32_t reserved;
    int64_t beat_us; /* 0: unknown */
    /* Of one that is announced: words for it, ends with NULL; and a URL that answers 200 for as
     * long as it is well. Both may be NULL. */
    const char *const *tags;
    const char *check;
};

/*
 * Grows at its end only. Every function may be called from any thread; an
 * object passed to one must not be in use by another thread. All arguments are
 * copied before the call returns.
 */
struct rnl_host {
    uint32_t size;
    uint32_t reserved;

    /* Control characters are escaped; there is no need for a line end. */
    void (*log)(const struct rnl_ctx *ctx, int level, const char *fmt, ...) RNL_PRINTF(3, 4);
    bool (*stopping)(const struct rnl_ctx *ctx);
    void (*count)(const struct rnl_ctx *ctx, const char *metric, int64_t delta);
    void (*finding)(const struct rnl_ctx *ctx, const struct rnl_finding *finding);

    /*
     * bundle_add appends a row: RNL_OK, or RNL_E_FATAL when memory is out. bundle_mark
     * says that all up to and with the last row added can be resumed behind
     * position. bundle_full says that no more should be added (one row always may).
     * bundle_next reads the rows in order: RNL_OK, RNL_DONE; the row's values are
     * borrowed until the next call with the same bundle.
     */
    int (*bundle_add)(struct rnl_bundle *bundle, const struct rnl_row *row, struct rnl_error *err);
    int (*bundle_mark)(struct rnl_bundle *bundle, struct rnl_slice position, struct rnl_error *err);
    bool (*bundle_full)(const struct rnl_bundle *bundle);
    int (*bundle_next)(struct rnl_bundle *bundle, struct rnl_row *row, struct rnl_error *err);
    void (*bundle_info)(const struct rnl_bundle *bundle, struct rnl_bundle_info *info);

    int (*table_add)(struct rnl_catalog *catalog, const struct rnl_table *table,
                     struct rnl_error *err);
    uint32_t (*table_count)(const struct rnl_catalog *catalog);
    const struct rnl_table *(*table_at)(const struct rnl_catalog *catalog, uint32_t index);
    /* Whether the operator wants this table: ask before describing it at length. */
    bool (*table_wanted)(const struct rnl_catalog *catalog, const char *schema, const char *name);

    int (*unit_add)(struct rnl_plan *plan, const struct rnl_unit *unit, struct rnl_error *err);
    int (*step_add)(struct rnl_steps *steps, const struct rnl_step *step, struct rnl_error *err);

    /* What a target remembers of a pipeline: see recall in sink.h. */
    int (*memory_plan)(struct rnl_memory *memory, struct rnl_slice plan, struct rnl_error *err);
    int (*memory_unit)(struct rnl_memory *memory, uint32_t unit, bool done, int64_t rows,
                       struct rnl_slice position, struct rnl_error *err);
    int (*memory_lane)(struct rnl_memory *memory, uint32_t lane, uint64_t number, uint64_t epoch,
                       struct rnl_error *err);
    int (*memory_step)(struct rnl_memory *memory, const char *id, struct rnl_error *err);

    /*
     * secret_text lends the text of a secret option, terminated; NULL secret: "".
     * Use it while connecting, keep no copy, log nothing of it.
     */
    const char *(*secret_text)(const struct rnl_secret *secret);
    int (*secret_set)(struct rnl_secret *secret, struct rnl_slice text, int64_t lease_s,
                      struct rnl_error *err);
    int (*name_add)(struct rnl_names *names, const char *name, struct rnl_error *err);
    int (*service_add)(struct rnl_services *services, const struct rnl_service *service,
                       struct rnl_error *err);

    /* What stands beside tables: see struct rnl_object. Add each before those that need it. */
    int (*object_add)(struct rnl_catalog *catalog, const struct rnl_object *object,
                      struct rnl_error *err);
    uint32_t (*object_count)(const struct rnl_catalog *catalog);
    const struct rnl_object *(*object_at)(const struct rnl_catalog *catalog, uint32_t index);

    /* The queries to be described beside tables: each becomes a table with its query. */
    uint32_t (*query_count)(const struct rnl_catalog *catalog);
    const struct rnl_query *(*query_at)(const struct rnl_catalog *catalog, uint32_t index);

    int (*letter_add)(struct rnl_letters *letters, const struct rnl_letter *letter,
                      struct rnl_error *err);

    /* Of map(): the type that a column gets in the target, as `runnel plan` shows it. */
    int (*type_add)(struct rnl_steps *steps, uint32_t table, uint32_t column, const char *type,
                    struct rnl_error *err);

    /*
     * A transaction of the source ends behind the last row added: marks like bundle_mark. RNL_DONE:
     * the bundle holds enough, and should be given now. When it was committed there, in
     * microseconds since 1970, UTC; 0: unknown, or no transaction but a place in the log behind
     * which nothing of interest stands.
     */
    int (*bundle_commit)(struct rnl_bundle *bundle, struct rnl_slice position, int64_t committed_us,
                         struct rnl_error *err);

    /*
     * Of a cursor of changes, before it returns RNL_ALTERED: a table is another from here on. As
     * often as there are tables that one statement altered.
     */
    int (*bundle_alter)(struct rnl_bundle *bundle, const struct rnl_alteration *alteration,
                        struct rnl_error *err);
};

#define rnl_log(ctx, level, ...) ((ctx)->host->log((ctx), (level), __VA_ARGS__))
#define rnl_debug(ctx, ...) rnl_log((ctx), RNL_LOG_DEBUG, __VA_ARGS__)
#define rnl_info(ctx, ...) rnl_log((ctx), RNL_LOG_INFO, __VA_ARGS__)
#define rnl_warn(ctx, ...) rnl_log((ctx), RNL_LOG_WARN, __VA_ARGS__)

#endif
