/* A source reads a database: what tables there are, their rows, their changes. */
#ifndef RNL_SOURCE_H
#define RNL_SOURCE_H

#include <runnel/host.h>

/*
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
     * its last rows), or why not. It marks the bundle wherever the unit could be
     * resumed. Values of a row stand in the order of the catalog's columns, or of
     * unit->columns; generated columns are read like the others.
     */
    int (*cursor_open)(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
    int (*cursor_read)(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
    void (*cursor_close)(void *cursor);

    /* Optional. All up to position is committed in the target: the server may forget it. */
    int (*confirm)(void *self, struct rnl_slice position, struct rnl_error *err);

    void (*interrupt)(void *self); /* makes blocked calls return soon, with RNL_E_RETRY */
};

#endif
