/* Values and rows as digests: equal values have equal digests, however a database spells them. */
#ifndef CANON_H
#define CANON_H

#include "json_canon.h"

#include <runnel/host.h>

/*
 * Folds rows into digests; one thread at a time. Two canons agree if their seeds do.
 *
 * What counts as equal, by the column's type in the catalog:
 *   BOOL, INT, UINT, DECIMAL  the number: 5 is 5.00, -0 is 0
 *   FLOAT                     its 4 bytes; every NaN is the same
 *   DOUBLE                    its 8 bytes; so 0 and -0 differ
 *   JSON                      its meaning, see json_canon.h; bytes, if it is no JSON
 *   INET                      the address; bytes, if it is none
 *   all others                type and bytes, or type and number
 */
struct canon {
    uint64_t seed;
    struct json_canon json;
    uint8_t *bytes;
    size_t len, room;
};

void canon_init(struct canon *canon, uint64_t seed);
void canon_clear(struct canon *canon);

/* Of one value of a column of this type. False: memory is out. */
bool canon_value(struct canon *canon, uint16_t type, const struct rnl_value *value,
                 struct digest *digest);

/*
 * Of some columns of a row (their indexes in the table; NULL: all of them), in this
 * order. values stand in the order of the table's columns.
 */
bool canon_row(struct canon *canon, const struct rnl_table *table, const struct rnl_value *values,
               const uint32_t *columns, uint32_t ncolumns, struct digest *digest);

/* Sums of digests, modulo 2^128: the order of rows doesn't count. */
void digest_add(struct digest *sum, const struct digest *digest);
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
