/*
 * The place of a role that several processes stand by for. One has it, by a lease through the
 * transport; the others wait, and one of them takes it when the holder is gone.
 */
#ifndef SEAT_H
#define SEAT_H

#include "run.h"

struct seat;

/* *out NULL: the transport has no leases, and whoever runs has the role. */
int seat_open(struct run *run, struct seat **out, struct rnl_error *err);
/* done: all is done, and who waits is told so. */
void seat_close(struct seat *seat, bool done);

/*
 * Waits for the role's place. RNL_OK: it is ours until we can't renew the lease, by which the
 * attempt fails ("lease.lost"). RNL_DONE: the run must end, or the one that had the role says that
 * all is done.
 */
int seat_take(struct seat *seat, struct rnl_error *err);
/* Asks for it now: whether the place is ours still. */
bool seat_holds(struct seat *seat);
/* What it waited for is done. */
bool seat_done(struct seat *seat);

#endif
