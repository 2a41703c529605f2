/* What the files of the mysql sink share: its policies, what it knows of the target, its memory. */
#ifndef MYSQL_SINK_H
#define MYSQL_SINK_H

#include "cascade.h"
#include "pool.h"
#include "server.h"

#include <stdatomic.h>

#define FENCE_LANE "4294967295" /* of runnel_lanes: holds the epoch of the last claim */

enum nonfinite_policy { NONFINITE_ERROR, NONFINITE_NULL, NONFINITE_CLAMP };
enum outofrange_policy { OUTOFRANGE_ERROR, OUTOFRANGE_NULL, OUTOFRANGE_CLAMP };
enum timestamptz_policy { TIMESTAMPTZ_DATETIME, TIMESTAMPTZ_TIMESTAMP };
enum uuid_policy { UUID_NATIVE, UUID_CHAR, UUID_BINARY16 };
enum interval_policy { INTERVAL_TEXT, INTERVAL_MICROSECONDS };
enum json_policy { JSON_AUTO, JSON_JSON, JSON_TEXT };
enum boolean_policy { BOOLEAN_TINYINT, BOOLEAN_BIT };
enum arrays_policy { ARRAYS_JSON, ARRAYS_TEXT };
enum schemas_policy { SCHEMAS_PREFIX, SCHEMAS_DATABASE };
enum long_key_policy { LONG_KEY_HASH, LONG_KEY_ERROR };
enum orphans_policy { ORPHANS_REPORT, ORPHANS_KEEP };

/* Filled by the host from the table in options.c. */
struct sink_config {
    struct mysql_link link;
    const char *schema;         /* the database for all tables; NULL: see names.c */
    const char *state_database; /* where runnel_* tables stand; NULL: link.database */
    const char *collation;      /* of texts; NULL: chosen, see collation.c; "keep" */
    int64_t text_key;           /* characters of a text without length that is in an index */
    int64_t lock_timeout_ms;
    int32_t nonfinite, outofrange, timestamptz, uuid, interval, json, boolean, arrays, schemas,
        long_key, orphans;
};

struct bound_table;
struct my_writer;

struct my_sink {
    const struct rnl_ctx *ctx;
    const struct rnl_host *host;
    const struct sink_config *config;
    struct my_server server;
    struct conn *control; /* of the control thread */
    char *state_database; /* as the server is told it */
    bool fold_names;      /* lower_case_table_names: names of tables differ in more than case */
    bool lower_names;     /* and the server writes them in lower case */
    size_t max_packet;    /* max_allowed_packet */

    bool tables_plain; /* making a table is all that its step does: see step.c */

    struct pool bound_pool;      /* of tables; control thread, read only once bound */
    struct cascade_map cascades; /* of them */
    struct bound_table *tables;
    uint32_t ntables;
    atomic_uint_fast64_t view_number; /* raised when rows are committed: see read.c */

    pthread_mutex_t lock; /* guards what follows */
    struct conn *owner;   /* holds the lock named by owned */
    char *owned;          /* the pipeline */
};

/* session.c: what holds in each session of the sink */
int sink_session_set(struct conn *conn, struct rnl_error *err);

/* names.c: what tables and columns are called in the target */
struct table_name {
    const char *database, *name;
    const char *qualified;      /* `database`.`name` */
    const char *const *columns; /* in the catalog's order */
};
/* *names: an element for each table, from pool. RNL_E_FATAL: out of memory. */
int names_of_catalog(const struct my_sink *sink, const struct rnl_catalog *catalog,
                     struct pool *pool, struct table_name **names, struct rnl_error *err);

/* state.c: what the target remembers, in the tables runnel_* */
/* Adds `database`.`runnel_what`: pipelines, units, lanes, steps, dead_letters. */
void state_table(const struct my_sink *sink, struct text *sql, const char *what);
/* Whether they stand; asked by the control thread. */
int state_exists(struct my_sink *sink, bool *found, struct rnl_error *err);
/* This process is the pipeline's only one from here on; for any thread. */
int state_own(struct my_sink *sink, const char *pipeline, struct rnl_error *err);
void lock_name_add(const struct my_sink *sink, struct text *sql, const char *pipeline);
/* A lane's session is to be known as one of the pipeline's, when this process writes for one. */
int oust_mark(struct my_sink *sink, struct conn *conn, uint32_t lane, struct rnl_error *err);
int sink_oust(void *self, const char *pipeline, struct rnl_error *err);
int sink_claim(void *self, const char *pipeline, struct rnl_error *err);
int sink_recall(void *self, const char *pipeline, struct rnl_memory *memory, struct rnl_error *err);
int sink_record(void *self, const char *pipeline, struct rnl_slice plan, struct rnl_error *err);
int sink_forget(void *self, const char *pipeline, struct rnl_error *err);

/* map.c, check.c, step.c */
int sink_map(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
             bool resuming, struct rnl_steps *steps, struct rnl_error *err);
int sink_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was, uint32_t from,
                const struct rnl_catalog *is, uint32_t to, const struct rnl_rename *renamed,
                uint32_t nrenamed, struct rnl_steps *steps, struct rnl_error *err);
int sink_check(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
               struct rnl_error *err);
int writer_step(void *writer, const char *pipeline, const struct rnl_step *step,
                struct rnl_error *err);

/* options.c, ops.c */
extern const struct rnl_plugin sink_plugin;
extern const struct rnl_sink_ops sink_ops;

#endif
