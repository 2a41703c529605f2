/* Rows as the kit compares them: a digest for each, in order, and the marks between them. */
#ifndef KIT_ROWS_H
#define KIT_ROWS_H

#include "../bundle.h"
#include "../canon.h"
#include "../catalog.h"

#include <runnel/plugin.h>

enum { KIT_BUNDLE_ROWS = 7 }; /* few, so that there are many marks */

/* Where a unit could be resumed. */
struct mark {
    size_t rows; /* read until there */
    void *position;
    size_t len;
};
struct reading {
    struct digest *rows;
    size_t nrows, room;
    struct mark *marks; /* with keep_marks */
    size_t nmarks;
    bool keep_marks, overfull, too_many;
    const uint32_t *compare; /* columns that count; NULL: all */
    uint32_t ncompare;
};

void reading_clear(struct reading *reading);
/* Of one row of the unit's table, which must be as the unit asks for it. */
int reading_add(struct reading *reading, struct canon *canon, const struct rnl_catalog *catalog,
                const struct rnl_unit *unit, const struct rnl_row *row, struct rnl_error *err);
/* All of a bundle that was filled: over the wire and back, as in a run. It is empty after it. */
int reading_take(struct reading *reading, struct canon *canon, const struct rnl_catalog *catalog,
                 const struct rnl_unit *unit, struct rnl_bundle *filled, struct rnl_error *err);

/* How a sink's tables are read back. */
struct readback {
    const struct rnl_sink_ops *ops;
    void *self, *writer;
    struct canon *canon;
    const struct rnl_catalog *catalog;
    int64_t chunk_bytes;
    uint32_t bundle_rows;
};
/* The bundle as one that was carried, into the writer's transaction. It is freed; NULL: no memory.
 */
int kit_apply(const struct rnl_sink_ops *ops, void *writer, struct rnl_bundle *filled,
              const struct bundle_head *head, struct rnl_error *err);
/* All rows of a table that stand. */
int readback_table(const struct readback *from, uint32_t table, struct reading *reading,
                   struct rnl_error *err);
/* The row as the sink says that it should stand. */
int readback_expect(const struct readback *from, uint32_t table, const struct rnl_row *row,
                    struct reading *reading, struct rnl_error *err);

int digest_compare(const void *a, const void *b);
/* Whether both hold the same rows, in any order; sorts them. */
bool same_rows(struct reading *one, struct reading *two);

int kit_no_memory(struct rnl_error *err);

#endif
