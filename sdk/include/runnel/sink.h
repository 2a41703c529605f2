/* A sink writes a database, and reads it back to prove what it wrote. */
#ifndef RNL_SINK_H
#define RNL_SINK_H

#include <runnel/host.h>

enum rnl_schema_policy {
    RNL_CREATE_MISSING_ONLY = 0,
    RNL_FAIL_IF_EXISTS,
    RNL_VALIDATE_EXISTING,
    RNL_DROP_AND_RECREATE,
};

enum rnl_write_mode {
    RNL_FAIL_IF_NOT_EMPTY = 0,
    RNL_APPEND,
    RNL_TRUNCATE_AND_LOAD,
    RNL_UPSERT,
};

/* which structure to make; flags */
enum {
    RNL_WITH_TABLES = 1 << 0,
    RNL_WITH_INDEXES = 1 << 1, /* keys, unique and other indexes */
    RNL_WITH_FOREIGN_KEYS = 1 << 2,
    RNL_WITH_CHECKS = 1 << 3,
    RNL_WITH_COMMENTS = 1 << 4,
};

/* What is asked of the sink in a run. */
struct rnl_job {
    uint32_t size;
    uint32_t lanes;
    const char *pipeline; /* under this name the target remembers it */
    uint32_t schema_policy;
    uint32_t write_mode;
    uint32_t structure;
    uint32_t reserved;
};

/* How far one unit has come by a commit. */
struct rnl_unit_progress {
    uint32_t unit;
    uint32_t done; /* 0 or 1 */
    int64_t rows;  /* rows of this commit, to be added */
    struct rnl_slice position;
};

/*
 * Committed in the same transaction as the rows: the lane goes from number_before
 * to number_after. A sink compares before it sets: if the target holds another
 * number or a higher epoch, nothing is written and RNL_E_CONFIG says so
 * (code "sink.stale_writer").
 */
struct rnl_checkpoint {
    uint32_t size;
    uint32_t lane;
    const char *pipeline;
    uint64_t epoch;
    uint64_t number_before, number_after;
    const struct rnl_unit_progress *units;
    uint32_t nunits;
    uint32_t unit_size; /* sizeof(struct rnl_unit_progress) as the host knew it */
    /* 1: it must outlast a crash of the target, with all commits before it, when the call returns:
     * the source may be told then to forget. 0: a crash may take it away, as a whole. */
    uint32_t durable;
    uint32_t reserved;
};

/*
 * Threads: open to interrupt without a writer: the control thread, one at a time. A
 * writer belongs to the thread of its lane, from writer_open to writer_close.
 * interrupt is for any thread, at any time.
 *
 * Order of a run: open, claim, recall, map, (first run, or a new start: forget,
 * record), TABLES steps, bind, rows, the other steps in the order of their phases.
 */
struct rnl_sink_ops {
    uint32_t size;
    uint32_t reserved;

    int (*open)(const struct rnl_ctx *ctx, void **self, struct rnl_error *err);
    void (*close)(void *self);

    /* Optional. Findings about what a run would meet: privileges, versions, space. */
    int (*check)(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
                 struct rnl_error *err);

    /*
     * Decides how each table is to stand in the target, tells it by findings where
     * that is not plain, and adds the steps that make it. Looks at the target, writes
     * nothing: refuses (RNL_E_CONFIG) what schema_policy and write_mode forbid,
     * unless resuming. Where not resuming, a finding "table.exists" (a NOTE) names each
     * table that stands there already and is kept: it is nobody's to drop later.
     */
    int (*map)(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
               bool resuming, struct rnl_steps *steps, struct rnl_error *err);

    /* What the target remembers of the pipeline, by host->memory_*(); RNL_DONE: nothing. */
    int (*recall)(void *self, const char *pipeline, struct rnl_memory *memory,
                  struct rnl_error *err);
    /*
     * Remembers plan, the host's own bytes, for the pipeline, in the place of an
     * earlier one: at the start of a run, and again when it has ended well.
     */
    int (*record)(void *self, const char *pipeline, struct rnl_slice plan, struct rnl_error *err);
    int (*forget)(void *self, const char *pipeline, struct rnl_error *err);

    /*
     * The tables stand: learns how they really are (types, column order) and how to
     * convert each column. Before any row; also for verification alone.
     */
    int (*bind)(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
                struct rnl_error *err);

    int (*writer_open)(void *self, uint32_t lane, void **writer, struct rnl_error *err);
    void (*writer_close)(void *writer); /* rolls back what is not committed */

    /*
     * Adds the rows to the writer's transaction; begins one when there is none. A row
     * with RNL_UPDATE (a repair) sets all columns but the key's of the row that has
     * its key; none such: RNL_E_DATA.
     *
     * With RNL_BUNDLE_CHANGES: does the changes, so that the target is as if they had been done
     * one after the other. A row is found by the table's key in before (in after where there is
     * none); without a key by all columns of before, and then exactly one of equal rows is meant.
     * An update that finds no row and an insert that finds one are RNL_E_DATA ("sink.row_missing",
     * the server's own code), but with RNL_BUNDLE_REPLAY; a delete of no row is fine. In a replay
     * an update that finds no row inserts it when all its columns are there, else nothing.
     * In an insert a column that is RNL_T_UNCHANGED gets the target's default.
     */
    int (*writer_apply)(void *writer, struct rnl_bundle *in, struct rnl_error *err);
    /*
     * Commits rows and checkpoint together, or nothing: see rnl_checkpoint. NULL
     * commits rows alone: a repair, which is no part of a run.
     */
    int (*writer_commit)(void *writer, const struct rnl_checkpoint *checkpoint,
                         struct rnl_error *err);
    int (*writer_rollback)(void *writer, struct rnl_error *err);

    /* Does a step, and remembers it for the pipeline in the same transaction where it can. */
    int (*writer_step)(void *writer, const char *pipeline, const struct rnl_step *step,
                       struct rnl_error *err);

    /*
     * For verification; a sink without these can't be verified. expect turns a row of the source
     * into the values that the target should hold by the policies in force (out is borrowed until
     * the next call); read_plan, read_open, read_next and read_close give the target's rows as
     * values of the catalog's types, so that equal rows are equal values. remove deletes the row
     * whose key columns are those of row, in the writer's transaction.
     */
    int (*read_plan)(void *self, const struct rnl_catalog *catalog, uint32_t table,
                     int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err);
    int (*writer_expect)(void *writer, const struct rnl_row *row, struct rnl_row *out,
                         struct rnl_error *err);
    int (*writer_read_open)(void *writer, const struct rnl_unit *unit, void **cursor,
                            struct rnl_error *err);
    int (*writer_read_next)(void *cursor, struct rnl_bundle *out, int timeout_ms,
                            struct rnl_error *err);
    void (*writer_read_close)(void *cursor);
    int (*writer_remove)(void *writer, const struct rnl_row *row, struct rnl_error *err);

    void (*interrupt)(void *self); /* makes blocked calls return soon, with RNL_E_RETRY */

    /*
     * Optional. The facts of the data (bits of enum rnl_fact) that map() chooses types
     * by, with the policies in force: they are found out by reading, before map. NULL:
     * those of integers, times and JSON.
     */
    uint32_t (*facts)(void *self);

    /*
     * Optional. From here until close nobody but this process writes for the pipeline;
     * RNL_E_CONFIG "sink.pipeline_busy" while another does. Asked before recall by those
     * who go on to write: what is recalled then can't be out of date.
     */
    int (*claim)(void *self, const char *pipeline, struct rnl_error *err);

    /*
     * Optional, all of the following together: rows that don't fit are set aside.
     * writer_savepoint begins a part of the writer's transaction (begins that when there is
     * none); parts don't nest. writer_release ends it: what its rows did wrong is told here at
     * the latest, as RNL_E_DATA. After a failure writer_undo takes the part back, and what
     * stood before it is as it was.
     */
    int (*writer_savepoint)(void *writer, struct rnl_error *err);
    int (*writer_release)(void *writer, struct rnl_error *err);
    int (*writer_undo)(void *writer, struct rnl_error *err);

    /* Keeps a letter in the writer's transaction; its id is the target's to give. */
    int (*writer_letter)(void *writer, const struct rnl_letter *letter, struct rnl_error *err);
    /* Takes one away, in the writer's transaction; RNL_DONE: there is none such. */
    int (*writer_letter_remove)(void *writer, const char *pipeline, uint64_t id,
                                struct rnl_error *err);
    /*
     * Gives up to limit letters of a pipeline with ids above after, in their order, by
     * host->letter_add(). with_rows: their bytes too. A target without any gives none.
     */
    int (*letters)(void *self, const char *pipeline, uint64_t after, uint32_t limit, bool with_rows,
                   struct rnl_letters *letters, struct rnl_error *err);

    /*
     * Optional. A table of the source was altered while it was followed: adds the steps by which
     * the target's table, which stands as `from` of catalog `was` says, becomes what map() would
     * have made of `to` of catalog `is` (both as a sink sees catalogs, with the target's names).
     * from UINT32_MAX: the table is new, and all of it is made, keys and indexes included. to
     * UINT32_MAX: it is gone, and dropped in the target. A column under another name keeps its
     * values; the table too. Structure that job leaves out is left out here.
     *
     * Looks at the target, writes nothing: what stands there already as it should needs no step,
     * so that a run cut off amid the steps goes on. What the target can't become without losing
     * values that the source kept, or in no way that this sink knows, is RNL_E_CONFIG
     * "sink.cant_evolve" that names the table, the column and what the operator can do. Steps are
     * done one after another in the order of their phases; then follows bind() with `is`, while no
     * writer is open. The host makes ids unique, but for steps of the phases up to TABLES: these
     * are to be those that map() gives for the same thing, so that it counts as made.
     */
    int (*evolve)(void *self, const struct rnl_job *job, const struct rnl_catalog *was,
                  uint32_t from, const struct rnl_catalog *is, uint32_t to,
                  const struct rnl_rename *renamed, uint32_t nrenamed, struct rnl_steps *steps,
                  struct rnl_error *err);

    /*
     * Optional. What is read for verification from here on is read anew: the views of before are
     * given up. Control thread, while no cursor is open.
     */
    void (*read_anew)(void *self);
    /* Optional. As reads_keys of a source, for writer_read_open. Control thread, after bind. */
    bool (*reads_keys)(void *self, uint32_t table, const uint32_t *key, uint32_t nkey);

    /*
     * Optional. As claim, for one who has the pipeline by a lease of the transport: a process that
     * had it before, and hangs, doesn't stand in the way. Its sessions in the target are ended,
     * with what they didn't commit. Before claim, which follows.
     */
    int (*oust)(void *self, const char *pipeline, struct rnl_error *err);
};

#endif
