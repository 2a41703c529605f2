/* What stands in the way of a run is told before it writes anything. */
#ifndef BLOCKERS_H
#define BLOCKERS_H

#include "config.h"
#include "session.h"

struct findings;

/*
 * Refuses (RNL_E_CONFIG "run.blocked") when a BLOCKER was found that the operator hasn't decided
 * on: rows that a policy refuses (its word is "error") are his own choice where such rows are set
 * aside, and nobody's where the column is masked. No one may add findings meanwhile.
 */
int blockers_refuse(struct findings *findings, const struct pipeline_config *config,
                    struct rnl_error *err);

/*
 * Lets a plugin look for what would stop a run (check(session) calls it), and refuses as above;
 * of all that it finds, only BLOCKERs are told in `told`. What can't be looked at is no reason to
 * refuse: the run itself will meet it. Thread of the session.
 */
int blockers_ask(struct session *session, int (*check)(void *arg, struct rnl_error *err), void *arg,
                 struct findings *told, const struct pipeline_config *config,
                 struct rnl_error *err);

#endif
