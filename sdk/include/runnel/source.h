/* A source reads a database: what tables there are, their rows, their changes. */
#ifndef RNL_SOURCE_H
#define RNL_SOURCE_H

#include <runnel/host.h>

/* Bytes of the log; -1: unknown. */
struct rnl_log_state {
    uint32_t size;
    uint32_t reserved;
    int64_t behind_bytes; /* written behind the position */
    int64_t held_bytes;   /* kept by the server because the pipeline has not confirmed them */
    char text[160];       /* the position in the words of the server's own tools */
};

/*
 * A cursor of changes (unit->kind RNL_UNIT_CHANGES) starts behind unit->position and ends only at
 * unit->to, when that is not empty. cursor_read adds rows as they come, bundle_commit() behind
 * each transaction, and gives what came as soon as nothing more is there; a transaction may span
 * bundles. With nothing to tell it marks from time to time how far it has come. Whatever the host
 * does between two calls, the connection stays alive. What can't be followed any more (a statement
 * in the log in place of rows, an unknown event, a position that the server has no more) is
 * RNL_E_CONFIG that says what the operator can do; nothing is skipped. When cursor_read fails, what
 * the bundle holds up to its mark is given on all the same.
 *
 * Tables are altered while they are followed. Where the log says so (a statement, rows of another
 * form), cursor_read calls host->bundle_alter() for each table concerned and returns RNL_ALTERED;
 * what it added to the bundle before, counts. The host then does one of three things:
 * - It stops.
 * - It alters its catalog and the target, closes the cursor, and opens another with the catalog
 *   as it is now: behind alteration->position, where the statement stands between transactions (it
 *   isn't marked: nothing may be committed behind it before the target has followed); otherwise
 *   behind the last position that was marked, and the transaction is read again from its
 *   beginning: rows of the earlier form in it are fitted by the names of their columns. After a
 *   crash a statement may be met that is in the catalog already: it does nothing then.
 * - It goes on reading: the alteration is to be ignored. The catalog stays as it is, and rows
 *   are fitted into it by the names of their columns (renames followed), in this cursor and in all
 *   that are opened later: what the catalog has no column for is left out, and what the table has
 *   no more is RNL_T_UNCHANGED. The same alteration is not told twice by one cursor.
 * What can't be fitted is RNL_E_CONFIG "source.table_altered".
 *
 * Threads: open, close, describe, check, snapshot, plan and confirm come from the
 * control thread, one at a time. A cursor is opened, read and closed by the
 * thread of its lane; cursors of different lanes run side by side, those of one
 * lane one after another. interrupt comes from any thread, at any time.
 *
 * Memory: arguments are borrowed for the call; what a cursor adds to a bundle is
 * copied there.
 */
struct rnl_source_ops {
    uint32_t size;
    uint32_t reserved;

    int (*open)(const struct rnl_ctx *ctx, void **self, struct rnl_error *err);
    void (*close)(void *self);

    /*
     * Adds each table that host->table_wanted() says, and reports (host->finding)
     * what a database holds beside tables: views, triggers, routines, events.
     */
    int (*describe)(void *self, struct rnl_catalog *catalog, struct rnl_error *err);

    /* Optional. Findings about what a run would meet: privileges, settings, versions. */
    int (*check)(void *self, const struct rnl_catalog *catalog, struct rnl_error *err);

    /*
     * Makes one view of the data for the lanes 0 to lanes-1; cursors read it until
     * close. position: where changes after it start (borrowed until close; empty when
     * the server keeps no log). *lanes may be lowered when one view can't be had for
     * so many.
     */
    int (*snapshot)(void *self, uint32_t *lanes, struct rnl_slice *position, struct rnl_error *err);

    /* Cuts one table into units of about chunk_bytes, which together hold each row once. */
    int (*plan)(void *self, const struct rnl_catalog *catalog, uint32_t table, int64_t chunk_bytes,
                struct rnl_plan *plan, struct rnl_error *err);

    /*
     * cursor_read adds rows until the bundle is full or timeout_ms passed: OK (there
     * may be more), AGAIN (nothing now), DONE (this unit is read; the bundle may hold
     * its last rows), ALTERED (of changes: see above), or why not. It marks the bundle wherever the
     * unit could be resumed. Values of a row stand in the order of the catalog's columns, or of
     * unit->columns; generated columns are read like the others.
     */
    int (*cursor_open)(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
    int (*cursor_read)(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
    void (*cursor_close)(void *cursor);

    /*
     * Optional. All up to position is committed in the target: the server may forget it. Called
     * while a cursor of changes is open, from the control thread.
     */
    int (*confirm)(void *self, struct rnl_slice position, struct rnl_error *err);

    void (*interrupt)(void *self); /* makes blocked calls return soon, with RNL_E_RETRY */

    /*
     * Optional, all of the following together: the server keeps a log, and its changes can be
     * followed from a position on.
     *
     * follow comes before snapshot, in a run that will read changes: makes what the server needs
     * for it under the pipeline's name (a publication, a slot), or, when resuming, finds what was
     * made. Refuses what can't be followed (RNL_E_CONFIG: settings, privileges, tables whose
     * changes don't tell the row). The snapshot that comes next stands where changes start, or
     * behind: position is such that changes behind it, those of the view among them, lose none.
     * At the end of a unit of a table without a key the cursor marks the position that its own
     * view stands at, exactly: see struct rnl_start.
     */
    int (*follow)(void *self, const char *pipeline, const struct rnl_catalog *catalog,
                  bool resuming, struct rnl_error *err);
    /* Takes away what follow made: the pipeline is deleted. Nothing there is no error. */
    int (*unfollow)(void *self, const char *pipeline, struct rnl_error *err);
    /* The end of the log as it is now: all that is committed stands before it. */
    int (*log_end)(void *self, struct rnl_slice *position, struct rnl_error *err);
    /* Whether one who stands at position has all that stands before goal. Any thread. */
    bool (*log_reached)(void *self, struct rnl_slice position, struct rnl_slice goal);
    /* What one who stands at position is behind, and what the server keeps for the pipeline. */
    int (*log_state)(void *self, struct rnl_slice position, struct rnl_log_state *state,
                     struct rnl_error *err);

    /* Optional. Whether rows of a table can be read quickly by values of these columns: see keys of
     * struct rnl_unit. */
    bool (*reads_keys)(void *self, const struct rnl_catalog *catalog, uint32_t table,
                       const uint32_t *key, uint32_t nkey);
    /*
     * Optional. Whether both are one table, by whatever name, of two descriptions: one that got
     * another name while nobody looked is told of by the log, and is no new one.
     */
    bool (*same_table)(void *self, const struct rnl_table *a, const struct rnl_table *b);
};

#endif
