/* What the files of the postgres sink share: its options, tables and writers. */
#ifndef POSTGRES_H
#define POSTGRES_H

#include "arena.h"
#include "buf.h"
#include "cascade.h"
#include "changeset.h"
#include "server.h"

enum tinyint1_policy { TINYINT1_AUTO, TINYINT1_BOOL, TINYINT1_INT };
enum ubigint_policy { UBIGINT_AUTO, UBIGINT_NUMERIC, UBIGINT_BIGINT };
enum time_policy { TIME_AUTO, TIME_TIME, TIME_INTERVAL, TIME_TEXT };
enum enum_policy { ENUM_CHECK, ENUM_NATIVE, ENUM_TEXT };
enum set_policy { SET_ARRAY, SET_TEXT };
enum json_policy { JSON_AUTO, JSON_JSON, JSON_JSONB };
enum binary16_policy { BINARY16_BYTEA, BINARY16_UUID, BINARY16_UUID_SWAP };
enum geometry_policy { GEOMETRY_AUTO, GEOMETRY_POSTGIS, GEOMETRY_BYTEA };
enum zero_date_policy { ZERO_MINUS_INFINITY, ZERO_NULL, ZERO_EPOCH, ZERO_ERROR };
enum partial_date_policy { PARTIAL_ERROR, PARTIAL_NULL, PARTIAL_FIRST_DAY, PARTIAL_MINUS_INFINITY };
enum nul_policy { NUL_ERROR, NUL_STRIP, NUL_REPLACE, NUL_BYTEA };
enum case_policy { CASE_KEEP, CASE_LOWER };
enum collation_policy { COLLATION_PLAIN, COLLATION_CI };
enum on_update_policy { ON_UPDATE_TRIGGER, ON_UPDATE_REPORT };

/* Filled by the host from the table in plugin.c. */
struct pg_config {
    struct pg_link link;
    const char *schema; /* NULL: see keeps_schemas() in idents.c */

    int32_t tinyint1, ubigint, time, enums, sets, json, binary16, geometry;
    int32_t zero_date, partial_date, nul, name_case, collation, on_update;
    int64_t index_memory;
    bool analyze;
    int64_t lock_timeout_ms;
};

/* How a column stands in the target; the same for all of a kind's type names. */
enum pg_kind {
    PG_OTHER = 0, /* a type that can't be written */
    PG_BOOL,
    PG_INT2,
    PG_INT4,
    PG_INT8,
    PG_NUMERIC,
    PG_FLOAT4,
    PG_FLOAT8,
    PG_TEXT, /* text, varchar, an enum's label, citext */
    PG_BPCHAR,
    PG_BYTEA,
    PG_DATE,
    PG_TIME,
    PG_TIMESTAMP,
    PG_TIMESTAMPTZ,
    PG_INTERVAL,
    PG_UUID,
    PG_JSON,
    PG_JSONB,
    PG_BIT,
    PG_VARBIT,
    PG_INET,
    PG_TEXT_ARRAY,
    PG_FLOAT4_ARRAY,
    PG_GEOMETRY,
    PG_VECTOR,
    PG_OID,
    PG_MONEY,
    PG_NATIVE, /* any other: written and read as the text that the source gave */
    PG_KINDS
};

struct pg_sink;
struct decoded;
struct change;
struct apply;

/* How one column is meant to stand: decided from the catalog and the policies alone. */
struct map_column {
    char name[NAME_BYTES + 1];
    enum pg_kind kind;
    const char *type;      /* SQL, as CREATE TABLE has it */
    const char *enum_type; /* qualified name of the type to create, or NULL */
    const char *collation; /* a name that collations_steps() makes; NULL: the database's */
    const char *generated; /* the translated expression, or NULL */
    bool identity;
    bool by_auto; /* kind was chosen by an auto policy, so that a foreign key may widen it */
};

/* One partition of a table that keeps them. */
struct map_partition {
    char schema[NAME_BYTES + 1];
    char name[NAME_BYTES + 1];
    const char *qualified;
};

struct map_object;

struct map_table {
    char schema[NAME_BYTES + 1];
    char name[NAME_BYTES + 1];
    const char *qualified; /* "schema"."name" */
    struct map_column *columns;
    struct map_partition *partitions; /* as in the catalog; NULL: it is one plain table */
    const char **index_names;         /* of the catalog's indexes; NULL where there is none */
    const struct map_object *owned;   /* sequences of its columns */
    const struct rnl_index *early;    /* a key that is made before the rows, for an upsert */
    bool exists;                      /* in the target, before the run */
};

/* A column as the target really has it; made by bind. */
struct bound_column {
    const struct rnl_column *source;
    char *name;
    Oid type;    /* of a domain its base */
    Oid element; /* of an array */
    enum pg_kind kind;
    bool written; /* false: the target computes it */
    bool nullable;
    unsigned digits; /* of money: behind the point, by the target's lc_monetary */
    bool always;     /* GENERATED ALWAYS AS IDENTITY: no UPDATE may set it */
    const char
        *read_by; /* what stands before the name when it is read: "pg_catalog.abbrev("; or "" */
    const char *read_as; /* and behind it: "::pg_catalog.text" */
    /* for changes */
    Oid array;             /* the type of arrays of it; 0: none */
    const char *spelled;   /* its type as declared: "numeric(10,2)", a domain */
    const char *base;      /* the type alone, of a domain its base's: "numeric" */
    const char *operators; /* the schema of its "="; "": pg_catalog */
    bool exact;            /* its "=" is wider than the source's */
};

struct bound_table {
    const struct rnl_table *source;
    const char *schema, *name, *qualified;
    struct bound_column *columns; /* in the catalog's order, source->ncolumns of them */
    uint32_t nwritten;
    uint32_t *key; /* columns that tell rows apart; NULL: none */
    uint32_t nkey;
    const char *copy_in; /* COPY … FROM STDIN */
    bool text;           /* that COPY takes text: binary has no form for one of the columns */
    const char *staging; /* of an upsert: makes the table that the COPY goes to; or NULL */
    const char *merge;   /* of an upsert: from there into the table */
    bool pages;          /* a plain table: may be read by ranges of its pages */
    struct changeset_table changes;
    bool computes;  /* stores what the source computes, and may not send */
    bool key_moves; /* an action of a foreign key may give its rows other keys */
};

struct pg_sink {
    const struct rnl_ctx *ctx;
    const struct rnl_host *host;
    const struct pg_config *config;
    struct pg_server server;
    struct pg_conn *control; /* of the control thread */
    char *postgis_schema;    /* where the extension's types are; NULL: not installed */
    char *vector_schema;
    struct pg_conn *owner; /* holds the advisory lock on owned; under server.lock */
    char *owned;           /* the pipeline; under server.lock */

    pthread_mutex_t view_lock; /* guards what follows; taken before lock */
    struct pg_conn *viewer;    /* holds the snapshot that all lanes read; NULL: none yet */
    char view[64];
    uint64_t viewer_number; /* view_number when the snapshot was made */
    uint64_t view_number;   /* raised when rows are committed: the snapshot is out of date */

    unsigned money_digits; /* behind the point of money, by the server's lc_monetary */

    const struct rnl_catalog *bound_catalog; /* the host's, while tables are bound to it */
    struct arena bound_arena;                /* of tables; control thread, read only once bound */
    struct bound_table *tables;
    uint32_t ntables;
    struct cascade_map cascades; /* as bound_arena */
};

/* What stands in a writer's transaction. */
enum writer_mode { WRITER_IDLE = 0, WRITER_WRITING, WRITER_READING };

struct pg_writer {
    struct pg_sink *sink;
    struct pg_conn *conn;
    enum writer_mode mode;
    const struct bound_table *copying; /* the COPY that is open; NULL: none */
    struct buf out;                    /* what is encoded and not yet handed to libpq */
    struct buf scratch;                /* of one value that a policy changed */
    struct buf field;                  /* of one value as text */
    uint64_t copied;                   /* rows of the open COPY */
    uint64_t view_number;              /* of the snapshot that it reads */
    bool prepared;                     /* the statements of commit.c */
    struct change *changes;            /* of the open transaction: see changes.c */
    uint32_t nchanges;
    struct buf expect_text; /* what writer_expect lent last */
    struct decoded *expect_decoded;
    struct rnl_value *expect_values;
    uint32_t expect_room;
    struct apply *apply; /* of changes; NULL: none came yet */
    bool parts;          /* parts of its transactions may be taken back */
};

/* state.c: what the target remembers */
int state_prepare(struct pg_conn *conn, struct rnl_error *err);
int state_own(struct pg_sink *sink, const char *pipeline, struct rnl_error *err);
int sink_oust(void *self, const char *pipeline, struct rnl_error *err);
/* A lane's session is to be known as one of the pipeline's, when this process writes for one. */
int oust_mark(struct pg_sink *sink, struct pg_conn *conn, struct rnl_error *err);
int sink_claim(void *self, const char *pipeline, struct rnl_error *err);
int sink_recall(void *self, const char *pipeline, struct rnl_memory *memory, struct rnl_error *err);
int sink_record(void *self, const char *pipeline, struct rnl_slice plan, struct rnl_error *err);
int sink_forget(void *self, const char *pipeline, struct rnl_error *err);

/* map.c */
int sink_map(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
             bool resuming, struct rnl_steps *steps, struct rnl_error *err);
/* evolve.c */
int sink_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was, uint32_t from,
                const struct rnl_catalog *is, uint32_t to, const struct rnl_rename *renamed,
                uint32_t nrenamed, struct rnl_steps *steps, struct rnl_error *err);
/* bind.c */
int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
              struct rnl_error *err);
/*
 * A key of plain columns that tells each row from all others; NULL: none. arbiter: one
 * that ON CONFLICT may name.
 */
const struct rnl_index *table_row_key(const struct rnl_table *table, bool arbiter);
const struct bound_table *bound_find(const struct pg_sink *sink, uint32_t table,
                                     struct rnl_error *err);

/* writer.c, commit.c, step.c, repair.c */
int writer_open(void *self, uint32_t lane, void **writer, struct rnl_error *err);
void writer_close(void *writer);
int writer_apply(void *writer, struct rnl_bundle *in, struct rnl_error *err);
int writer_commit(void *writer, const struct rnl_checkpoint *checkpoint, struct rnl_error *err);
int writer_rollback(void *writer, struct rnl_error *err);
int writer_step(void *writer, const char *pipeline, const struct rnl_step *step,
                struct rnl_error *err);
int writer_remove(void *writer, const struct rnl_row *row, struct rnl_error *err);
int writer_begin(struct pg_writer *w, struct rnl_error *err);
int repair_update(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  struct rnl_error *err);
/* apply_bind.c: what is to be known of the bound tables when their changes are gathered */
int apply_bind(struct pg_sink *sink, const struct rnl_catalog *catalog, struct rnl_error *err);
/* apply.c: the rows of a bundle of changes */
int apply_changes(struct pg_writer *w, struct rnl_bundle *in, struct rnl_error *err);
/* The part or transaction that the rows stood in is over; undone: as if it had never been. */
void apply_ended(struct pg_writer *w);
void apply_undone(struct pg_writer *w);
void apply_free(struct pg_writer *w);
/*
 * apply_pending.c: a row may be on its way in a pipeline that is still open. Settled: its answer
 * was awaited. answers: those in front of what was sent behind it, once that is synced.
 */
bool pending_is_open(const struct pg_writer *w);
int pending_settle(struct pg_writer *w, struct rnl_error *err);
int pending_answers(struct pg_writer *w, struct rnl_error *err);
/* copy.c: the row by its key, as far as that can be said in a line: "id = 5" */
void row_words(struct buf *words, const struct bound_table *table, const struct rnl_row *row);
int refuse_value(const struct bound_table *table, const struct rnl_row *row, uint32_t column,
                 const char *why, struct rnl_error *err);
int copy_row(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
             struct rnl_error *err);
int copy_end(struct pg_writer *w, struct rnl_error *err);
/* Gives up the COPY that is open: its rows and what the server says of them. */
void copy_drop(struct pg_writer *w);
/* changes.c: told by changes_tell(), after the commit; forgotten by a rollback */
int changes_add(struct pg_writer *w, const struct bound_table *table, uint32_t column,
                const struct rnl_value *value, struct rnl_error *err);
void changes_tell(struct pg_writer *w);
/* a part of the transaction begins; it is taken back */
void changes_mark(struct pg_writer *w);
void changes_undo(struct pg_writer *w);
/* savepoint.c: a part of the transaction that can be taken back */
int writer_savepoint(void *writer, struct rnl_error *err);
int writer_release(void *writer, struct rnl_error *err);
int writer_undo(void *writer, struct rnl_error *err);
/* letters.c: rows that were set aside */
int writer_letter(void *writer, const struct rnl_letter *letter, struct rnl_error *err);
int writer_letter_remove(void *writer, const char *pipeline, uint64_t id, struct rnl_error *err);
int sink_letters(void *self, const char *pipeline, uint64_t after, uint32_t limit, bool with_rows,
                 struct rnl_letters *letters, struct rnl_error *err);
/* read.c */
int sink_read_plan(void *self, const struct rnl_catalog *catalog, uint32_t table,
                   int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err);
int writer_read_open(void *writer, const struct rnl_unit *unit, void **cursor,
                     struct rnl_error *err);
int writer_read_next(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
void writer_read_close(void *cursor);
/* expect.c */
int writer_expect(void *writer, const struct rnl_row *row, struct rnl_row *out,
                  struct rnl_error *err);
/* The snapshot is out of date: rows were committed. */
void read_forget_view(struct pg_sink *sink);
void sink_read_anew(void *self);
bool sink_reads_keys(void *self, uint32_t table, const uint32_t *key, uint32_t nkey);
/* check.c */
int sink_check(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
               struct rnl_error *err);

#endif
