/* The way of changes out of the reader: one lane, or several with each row on that of its key. */
#ifndef OUTLET_H
#define OUTLET_H

#include "reader_part.h"

struct outlet;

/*
 * For as many lanes as the plan has units of changes; their bundles go on behind those of the
 * load. NULL: out of memory.
 */
struct outlet *outlet_new(struct reader *reader);
void outlet_free(struct outlet *outlet);
uint32_t outlet_count(const struct outlet *outlet); /* of lanes */
/* The reader has another catalog. */
int outlet_adapt(struct outlet *outlet, struct rnl_error *err);

/*
 * Publishes the rows of the bundle, with its mark when it has one, on the lanes that they go to;
 * the bundle is empty then. all: on every lane, also where there are no rows for it.
 */
int outlet_give(struct outlet *outlet, struct rnl_bundle *bundle, uint32_t flags, bool all,
                struct rnl_error *err);
/* Lanes end here: flags beside RNL_BUNDLE_LANE_END. bundle is reset. */
int outlet_end(struct outlet *outlet, struct rnl_bundle *bundle, uint32_t flags,
               struct rnl_error *err);

/* A lane's changes are durable up to there; copied. Another thread than that which gives may tell
 * and ask, but one alone. */
int outlet_told(struct outlet *outlet, uint32_t lane, struct rnl_slice position,
                struct rnl_error *err);
/* Up to where all lanes' are; empty: not known. Borrowed until the next outlet_told(). */
struct rnl_slice outlet_durable(struct outlet *outlet);

/*
 * What the target holds of each lane, when a run goes on: from the least changes are read, and a
 * lane that is ahead gets nothing of what it has. *least is borrowed from the plan.
 */
int outlet_places(struct outlet *outlet, struct rnl_slice *least, struct rnl_error *err);
/*
 * Whether lanes are ahead of others still: the bundles given meanwhile end with each transaction,
 * so that all rows of one are behind its mark and before the next.
 */
bool outlet_catches_up(const struct outlet *outlet);

#endif
