/* A role that is alone in its process: whether it is its turn, and what it bears of the others. */
#ifndef ROLE_H
#define ROLE_H

#include "run.h"

/*
 * Waits until the role is this process's. RNL_DONE: nothing is to be done, or, *complete, all is
 * done. Tells errors itself.
 */
int role_take(struct run *run, bool *complete);
/* Whether the failure is one that the role begins anew after, however often it comes. */
bool role_bears(struct run *run);

#endif
