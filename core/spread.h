/* Which lane a change goes to, where changes go to several: rows of one key always to the same. */
#ifndef SPREAD_H
#define SPREAD_H

#include "catalog.h"

struct spread;

#define SPREAD_BY_KEY UINT32_MAX

/*
 * A table goes to one lane as a whole when its rows hang together by more than their key: with
 * foreign keys (all tables that these join to one lane), with a second unique key, without a key,
 * or with one whose equal values may be of several spellings. Others are spread by key. Decided by
 * the catalog alone, so that every run decides alike. NULL: out of memory.
 */
struct spread *spread_new(struct rnl_catalog *catalog, uint32_t lanes);
void spread_free(struct spread *spread);
/* The lane of all of a table's rows, or SPREAD_BY_KEY. */
uint32_t spread_lane(const struct spread *spread, uint32_t table);
/*
 * The lanes of a change: *from of the row that it takes away, *to of the one that it puts there;
 * the same but for a key that changed. RNL_E_CONFIG: a change that lanes can't be told for.
 */
int spread_row(const struct spread *spread, const struct rnl_row *row, uint32_t *from, uint32_t *to,
               struct rnl_error *err);

#endif
