/*
 * The place of a role that several processes stand by for. One has it, by a lease through the
 * transport; the others wait, and one of them takes it when the holder is gone. Of writers, those
 * that wait are the crew: each has a lease too, and may be given lanes by the one that leads.
 */
#ifndef SEAT_H
#define SEAT_H

#include "run.h"

#include <jansson.h>

enum { SEAT_CREW = 16, SEAT_ID = 24 };

struct seat;

/* *out NULL: the transport has no leases, and whoever runs has the role. */
int seat_open(struct run *run, struct seat **out, struct rnl_error *err);
/* done: all is done, and who waits is told so. */
void seat_close(struct seat *seat, bool done);

/*
 * Waits for the role's place. RNL_OK: it is ours until we can't renew the lease, by which the
 * attempt fails ("lease.lost"). RNL_AGAIN: another leads, and has lanes for this writer. RNL_DONE:
 * the run must end, or the one that had the role says that all is done.
 */
int seat_take(struct seat *seat, struct rnl_error *err);
/* Asks for it now: whether the place is ours still. */
bool seat_holds(struct seat *seat);
/* What it waited for is done. */
bool seat_done(struct seat *seat);

/* What the leases say beside who has them; what is given is taken over. Any thread. */
void seat_say(struct seat *seat, json_t *words);
/* This process's name among the crew. */
const char *seat_id(const struct seat *seat);
/* What the leading writer says; NULL: none leads. A new reference. */
json_t *seat_lead(struct seat *seat);
/* What the crew's member in this place says; NULL: none is there. A new reference. */
json_t *seat_member(struct seat *seat, unsigned at);
/* Waits for news, for so long at most. */
void seat_wait(struct seat *seat, int64_t timeout_ms);

#endif
