/* Proving a copy, for the commands that do it: runnel verify, and runnel cutover. */
#ifndef VERIFY_JOB_H
#define VERIFY_JOB_H

#include "job.h"

#include <stdatomic.h>

/* Compares, prints what it found, and gives the exit code. args: options of `verify`, or none. */
int verify_job(const struct job *job, const atomic_bool *stopping, const struct cli_args *args);

#endif
