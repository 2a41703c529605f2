/* Proving a copy, for the commands that do it: runnel verify, and runnel cutover. */
#ifndef VERIFY_JOB_H
#define VERIFY_JOB_H

#include "job.h"

#include <stdatomic.h>

/*
 * Compares, prints what it found, and gives the exit code. args: options of `verify`, or none.
 * quiet: both sides stand still, although the target's pipeline is one that follows its source.
 */
int verify_job(const struct job *job, const atomic_bool *stopping, bool quiet,
               const struct cli_args *args);

#endif
