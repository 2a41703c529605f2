/* The keys of rows that are looked at again: see verify_keys.c. */
#ifndef VERIFY_KEYS_H
#define VERIFY_KEYS_H

#include "util/arena.h"
#include "verify_part.h"

#define CONTROLS 8

struct control {
    uint64_t key; /* half of its digest */
    struct rnl_value *values;
    bool found; /* in the reading by keys under way */
};

/* Of one table; guarded by verify->lock while rows are read. */
struct verify_keys {
    atomic_bool usable;    /* false: the table is read as a whole */
    struct arena memory;   /* of keys */
    struct rnl_value **of; /* of each suspect, as state->suspects: its key's values, or NULL */
    struct control controls[SCAN_SIDES][CONTROLS];
    atomic_uint ncontrols[SCAN_SIDES];
    uint32_t misses;         /* rows that are no good as controls */
    bool looked[SCAN_SIDES]; /* by keys: there are no new controls */
    struct rnl_unit *units;  /* of the reading under way, as its batch */
    struct rnl_value *batch;
};

/* Makes state->keys, when its suspects are known. false: memory is out. */
bool keys_start(const struct verify *verify, struct verify_state *state);
void keys_free(struct verify_keys *keys); /* NULL: nothing */

/* In a reading: a suspect's row, and one that is none. lane->raw is the row as it was read. */
void keys_saw(struct verify_state *state, struct scan_lane *lane, enum scan_side side,
              const struct digest *key, size_t suspect);
void keys_saw_other(struct verify_state *state, struct scan_lane *lane, enum scan_side side,
                    const struct digest *key);

/* Whether the open suspects can be read by their keys on this side now. */
bool keys_can(const struct verify_state *state, enum scan_side side);
/* The units for it, *jobs malloc'd; 0: memory is out. */
size_t keys_jobs(struct verify_state *state, enum scan_side side, struct scan_job **jobs);
/* Behind the reading: false when keys find nothing there, and never will again. */
bool keys_were_found(struct verify_state *state, enum scan_side side);

#endif
