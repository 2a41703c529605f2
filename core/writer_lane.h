/* A lane of the writer, as its two files share it: the common road, and that of rows that don't
 * fit. */
#ifndef WRITER_LANE_H
#define WRITER_LANE_H

#include "bundle.h"
#include "writer.h"

/* What one unit gains by the transaction that is open. */
struct pending_unit {
    uint32_t unit, table;
    bool done;
    int64_t rows, bytes;
    int64_t aside;  /* rows set aside; not in rows */
    void *position; /* owned; NULL: none */
    size_t position_len;
};

struct lane {
    struct writer *writer;
    uint32_t lane;
    pthread_t thread;
    bool started;
    void *subscription;
    void *sink_writer;
    uint64_t committed; /* number of the last bundle in the target */
    uint64_t applied;   /* number of the last bundle in the open transaction */
    struct pending_unit *units;
    size_t nunits, room;
    uint64_t bytes; /* of the open transaction */
    int64_t since_ms;
    bool committable; /* the last bundle applied ends at a position that a run can go on from */

    /* Of changes. */
    bool changes;
    bool replaying;       /* what the load may have seen is still to come */
    enum writer_end end;  /* why the lane ended; 0: it didn't yet */
    int64_t committed_us; /* of the last change applied, at the source; 0: unknown */
    int64_t durable_ms;   /* when a commit was made durable last */

    /* With on_error = set_aside: rows are applied in parts that can be taken back. */
    bool careful;
    bool part_open;           /* the sink has a savepoint */
    struct rnl_message *kept; /* of the part, not acknowledged: to go over them again */
    size_t nkept, kept_room;
    size_t part_bytes; /* of kept messages */
};

/*
 * Applies a bundle as one of a part (set_aside.c). Takes the message over: it is
 * acknowledged when its rows are settled. RNL_E_DATA when more are set aside than may be.
 */
int part_apply(struct lane *lane, struct rnl_message *message, struct rnl_bundle *bundle,
               struct rnl_error *err);
/* Ends the part, so that the transaction can be committed and the transport goes on. */
int part_end(struct lane *lane, struct rnl_error *err);
/* Gives messages that were not settled back to the transport: the lane has failed. */
void part_drop(struct lane *lane);

#endif
