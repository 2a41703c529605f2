/* Runs a pipeline in the foreground: loop, signals, display, summary, exit code. */
#ifndef FOREGROUND_H
#define FOREGROUND_H

#include "../config.h"
#include "cli.h"

struct secret_resolver;

/* What `migrate` and `run` share; gives the exit code. */
int foreground_run(const struct pipeline_config *config, struct secret_resolver *resolver,
                   const struct cli_args *args);

#endif
