/* What the operator wants of each pipeline, kept in the node's state folder through restarts. */
#ifndef DESIRED_H
#define DESIRED_H

#include "supervised.h"
#include <runnel/error.h>

struct desired;

/*
 * Makes the folder (0700) when it isn't there, and takes it for this process: RNL_E_CONFIG
 * "node.taken" when another node has it, "node.state" when it can't be used.
 */
int desired_open(const char *folder, struct desired **desired, struct rnl_error *err);
void desired_close(struct desired *desired);
/* WANT_STOPPED for one that was never spoken of. */
enum wanted desired_get(const struct desired *desired, const char *pipeline);
/* On disk when it returns RNL_OK; otherwise nothing has changed. */
int desired_set(struct desired *desired, const char *pipeline, enum wanted want,
                struct rnl_error *err);

#endif
