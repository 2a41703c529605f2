/* The bytes of a unit of this source: which rows it holds, and where to go on in it. */
#ifndef POSTGRES_UNIT_H
#define POSTGRES_UNIT_H

#include "source.h"

#define KEY_COLUMNS 16

/* The columns that rows are read in the order of; ncolumns 0: there is no such key. */
struct key {
    uint32_t columns[KEY_COLUMNS];
    uint32_t ncolumns;
};

/* The primary key, or a unique one without NULLs, if its values can be compared as they stand. */
void key_choose(const struct rnl_table *table, struct key *key);

enum unit_mode {
    UNIT_WHOLE = 'A', /* of one leaf */
    UNIT_KEYS = 'K',  /* from <= key < to */
    UNIT_PAGES = 'P', /* from <= page < to */
    UNIT_ROOT = 'R',  /* through the partitioned table: partitions alone may not be read */
    UNIT_QUERY = 'Q',
};

/* A bound: values of the key, or a page. count 0: open. */
struct bound {
    uint32_t count;
    struct rnl_slice values[KEY_COLUMNS];
};

/* Where a chunk lies; slices and texts point into the unit's bytes. */
struct place {
    enum unit_mode mode;
    char schema[NAME_BYTES + 1], name[NAME_BYTES + 1]; /* of the leaf */
    uint64_t planner; /* which process planned it: pages hold for its snapshot alone … */
    char oldest[24];  /* … unless no row is younger than this transaction … */
    char file[16];    /* … and none was moved to another file */
    struct bound from, to;
};

void place_encode(const struct place *place, struct buf *from, struct buf *to);
/* false: these aren't bytes of ours. */
bool place_decode(const struct rnl_unit *unit, struct place *place);

void bound_encode(struct buf *out, const struct bound *bound);
bool bound_decode(struct rnl_slice bytes, struct bound *bound);

#endif
