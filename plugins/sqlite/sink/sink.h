/* What the files of the sqlite sink share: its options, tables, writers, and who may write. */
#ifndef SQLITE_SINK_H
#define SQLITE_SINK_H

#include "../sqlite.h"
#include "arena.h"
#include "cascade.h"
#include "ident.h"

#include <stdatomic.h>

enum numeric_policy { NUMERIC_TEXT, NUMERIC_REAL };
enum uuid_policy { UUID_TEXT, UUID_BLOB };
enum enum_policy { ENUM_CHECK, ENUM_TEXT };
enum length_policy { LENGTH_IGNORE, LENGTH_CHECK };
enum nonfinite_policy { NONFINITE_TEXT, NONFINITE_NULL, NONFINITE_ERROR };
enum schemas_policy { SCHEMAS_AUTO, SCHEMAS_PREFIX, SCHEMAS_IGNORE };
enum journal_policy { JOURNAL_WAL, JOURNAL_ROLLBACK };

/* Filled by the host from the table in sink.c. */
struct sink_config {
    struct sq_link link;
    int32_t journal, numeric, uuid, enums, lengths, nonfinite, schemas;
    int64_t cache;
};

/* How a column's values stand in the file. */
enum column_form {
    FORM_PLAIN = 1, /* as the value's type says: INTEGER, REAL, TEXT or BLOB */
    FORM_REAL,      /* decimals as REAL, by numeric=real */
    FORM_NUMBER,    /* decimals as INTEGER or REAL, as another file had them */
    FORM_UUID_BLOB,
    FORM_JSON,    /* arrays, composites and hstore of PostgreSQL */
    FORM_LITERAL, /* what SQLite itself has in a column of mixed classes: see values.c */
};

struct map_column {
    const char *name;
    const char *type;      /* as CREATE TABLE has it */
    const char *generated; /* the expression, or NULL */
    enum column_form form;
    bool rowid; /* INTEGER PRIMARY KEY */
    bool autoincrement;
};

struct map_table {
    const char *name;
    struct map_column *columns;
    bool exists; /* in the target, before the run */
    bool made;   /* with exists: by this run, which is resumed */
    bool same;   /* the source is SQLite too */
};

struct bound_column {
    const struct rnl_column *source;
    const char *name;
    enum column_form form;
    bool written;    /* false: the target computes it */
    bool exact;      /* a text all of whose bytes count in the source */
    bool keeps_zero; /* of floats: its affinity keeps the sign of a zero */
};

/* A table as the target has it; control thread, read only once bound. */
struct bound_table {
    const struct rnl_table *source;
    const char *name;
    struct bound_column *columns; /* in the catalog's order */
    uint32_t *key;                /* columns that tell rows apart */
    uint32_t nkey;
    const char *rowid; /* quoted name of the rowid; NULL: none can be used */
    const char *insert;
    bool guarded; /* an insert that changes nothing has met another key */
    bool checked; /* it stood there before the run: its checks hold for each row */
};

/* Statements that were prepared for the tables written last. */
enum { CACHED_STATEMENTS = 32 };
struct cached {
    const struct bound_table *table;
    sqlite3_stmt *stmt;
};

/* Statements that do changes: see apply.c. */
enum { PREPARED_STATEMENTS = 64 };
struct prepared {
    sqlite3_stmt *stmt; /* NULL: none */
    uint64_t used;
};

/*
 * One process writes a file, and one transaction at a time: whoever wants to write takes
 * a number and waits until it is served, so that no lane starves another.
 */
struct turn {
    pthread_mutex_t lock;
    pthread_cond_t served;
    uint64_t next, serving; /* under lock */
};

struct sink {
    struct sq_base base;
    const struct rnl_ctx *ctx;
    const struct rnl_host *host;
    const struct sink_config *config;
    sqlite3 *control; /* of the control thread; an empty one in memory while there is no file */
    bool missing;     /* the file isn't there yet */
    atomic_bool interrupted;

    struct turn turn;
    sqlite3 *write; /* of who has the turn */
    struct cached cache[CACHED_STATEMENTS];
    uint32_t cache_next;
    struct prepared prepared[PREPARED_STATEMENTS];
    uint64_t prepared_clock;
    bool checking;        /* CHECKs are in force on this connection */
    bool restore_journal; /* the file wasn't in WAL mode before */
    bool wal;             /* it is now: commits don't wait for the disk, see disk_wait() */

    int lock_fd; /* of the file, locked from claim to close; -1: none */
    char *owned; /* the pipeline */

    atomic_bool zero_told;

    struct arena arena;          /* of tables */
    struct cascade_map cascades; /* of them */
    struct bound_table *tables;
    uint32_t ntables;
};

enum writer_mode { WRITER_IDLE = 0, WRITER_WRITING, WRITER_READING };

struct writer {
    struct sink *sink;
    enum writer_mode mode; /* WRITING: it has the turn */
    sqlite3 *read;         /* its own connection; NULL until it reads */
    struct buf scratch, expect_text;
    struct rnl_value *expect_values;
    size_t *expect_offsets;
    uint32_t expect_room;
};

/* sink.c */
extern const struct rnl_plugin sqlite_sink;
/* The file stands, is locked for this process, and holds runnel's tables. */
int sink_own(struct sink *sink, const char *pipeline, struct rnl_error *err);
/* Whether the commits that come next wait for the disk, in WAL mode. Under the turn. */
int disk_wait(struct sink *sink, bool on, struct rnl_error *err);

/* state.c */
int state_prepare(sqlite3 *db, struct rnl_error *err);
int sink_recall(void *self, const char *pipeline, struct rnl_memory *memory, struct rnl_error *err);
int sink_record(void *self, const char *pipeline, struct rnl_slice plan, struct rnl_error *err);
int sink_forget(void *self, const char *pipeline, struct rnl_error *err);
/* Whether the run made this table itself: then its step is remembered, and its checks are looked at
 * after the load. One that stood there before keeps its checks in force. */
int state_made(sqlite3 *db, const char *pipeline, const struct rnl_table *table, bool *made,
               struct rnl_error *err);
/* Whether a table of runnel's own is there. */
int state_has(sqlite3 *db, const char *table, bool *found, struct rnl_error *err);

/* map.c, names.c, bind.c */
int sink_map(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
             bool resuming, struct rnl_steps *steps, struct rnl_error *err);
int sink_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was, uint32_t from,
                const struct rnl_catalog *is, uint32_t to, const struct rnl_rename *renamed,
                uint32_t nrenamed, struct rnl_steps *steps, struct rnl_error *err);
int names_of_catalog(const struct sink *sink, const struct rnl_catalog *catalog,
                     struct arena *arena, struct map_table **tables, struct rnl_error *err);
extern const struct ident_rule names_rule;
int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
              struct rnl_error *err);
const struct bound_table *bound_find(const struct sink *sink, uint32_t table,
                                     struct rnl_error *err);
/* types.c: of a column by the policies alone */
enum column_form column_form(const struct sink_config *config, const struct rnl_table *table,
                             const struct rnl_column *column);

/* turn.c */
void turn_init(struct turn *turn);
void turn_free(struct turn *turn);
int turn_take(struct sink *sink, struct rnl_error *err);
void turn_give(struct sink *sink);

/* writer.c */
int sink_writer_open(void *self, uint32_t lane, void **writer, struct rnl_error *err);
void sink_writer_close(void *writer);
int sink_writer_apply(void *writer, struct rnl_bundle *in, struct rnl_error *err);
int sink_writer_rollback(void *writer, struct rnl_error *err);
int writer_begin(struct writer *w, struct rnl_error *err);
/* The transaction is over: gives the turn away. */
void writer_end(struct writer *w);
int sink_writer_savepoint(void *writer, struct rnl_error *err);
int sink_writer_release(void *writer, struct rnl_error *err);
int sink_writer_undo(void *writer, struct rnl_error *err);
void statements_forget(struct sink *sink);
/* Before a statement for the table is prepared. Under the turn. */
void writer_mind_checks(struct sink *sink, const struct bound_table *table);

/* repair.c */
int repair_update(struct writer *w, const struct bound_table *table, const struct rnl_row *row,
                  struct rnl_error *err);
int sink_writer_remove(void *writer, const struct rnl_row *row, struct rnl_error *err);

/* commit.c, step.c */
int sink_writer_commit(void *writer, const struct rnl_checkpoint *checkpoint,
                       struct rnl_error *err);
int sink_writer_step(void *writer, const char *pipeline, const struct rnl_step *step,
                     struct rnl_error *err);

/* values.c */
int value_bind(struct sink *sink, const struct bound_table *table, uint32_t column,
               const struct rnl_value *value, sqlite3_stmt *stmt, int at, struct buf *scratch,
               struct rnl_error *err);
/* The column at `at` of a row as a value of the catalog's type; text made for it goes to scratch:
 * then *offset says where, else it is SIZE_MAX. */
void value_decode(const struct bound_table *table, uint32_t column, sqlite3_stmt *stmt, int at,
                  struct buf *scratch, size_t *offset, struct rnl_value *out);
/* What value_decode() will give of a value that value_bind() took. */
int value_expect(const struct sink *sink, const struct bound_table *table, uint32_t column,
                 const struct rnl_value *value, struct buf *scratch, size_t *offset,
                 struct rnl_value *out, struct rnl_error *err);

/* read.c */
int sink_read_plan(void *self, const struct rnl_catalog *catalog, uint32_t table,
                   int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err);
int sink_expect(void *writer, const struct rnl_row *row, struct rnl_row *out,
                struct rnl_error *err);
int sink_read_open(void *writer, const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
int sink_read_next(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
void sink_read_close(void *cursor);

/* letters.c */
int sink_writer_letter(void *writer, const struct rnl_letter *letter, struct rnl_error *err);
int sink_writer_letter_remove(void *writer, const char *pipeline, uint64_t id,
                              struct rnl_error *err);
int sink_letters(void *self, const char *pipeline, uint64_t after, uint32_t limit, bool with_rows,
                 struct rnl_letters *letters, struct rnl_error *err);

/* check.c */
int sink_check(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
               struct rnl_error *err);

/* A row that the file refuses, in the host's words: names the column where the library does. */
int error_row(sqlite3 *db, int rc, const struct bound_table *table, struct rnl_error *err);
int error_interrupted(struct rnl_error *err);

#endif
