/*
 * What one role hears of the other, and says to it. Where each has a process of its own, an ear has
 * a thread that listens all the time: the other role may begin anew whenever it likes.
 */
#ifndef EAR_H
#define EAR_H

#include "control.h"
#include "run.h"

struct ear;

/*
 * self: RUN_READER or RUN_WRITER. The transport is borrowed until ear_close, by which it is
 * interrupted where the roles are apart. This attempt has a number of its own then, and words to
 * and from others are none of its.
 */
int ear_open(struct run *run, struct session *transport, enum run_role self, struct ear **ear,
             struct rnl_error *err);
void ear_close(struct ear *ear);

/* Whose bundles those of this attempt are; for a writer once it has heard of the run. */
uint64_t ear_owner(const struct ear *ear);
/* Whether the roles are in processes of their own. */
bool ear_apart(const struct ear *ear);

/*
 * The writer says that it is there; whatever reader asks is given this word, until RUN is heard.
 * What the word points to is borrowed until then.
 */
int ear_offer(struct ear *ear, const struct control *word, struct rnl_error *err);
/* That all was done before: for readers that ask within a moment. */
void ear_linger(struct ear *ear);
/* A role has ended in order: the other hears how, and the reader waits until the writer has all. */
void ear_part(struct ear *ear, bool complete);

#endif
