/* The pipelines of a node: of the main configuration, and of each file of its folder by itself. */
#ifndef CONFIGURED_H
#define CONFIGURED_H

#include "../config.h"
#include "cli.h"

/*
 * Called for the main configuration (file NULL), then for each file of the folder: its pipelines
 * are those from first on. With config NULL the file can't be read: err says why.
 */
typedef void configured_fn(void *arg, const struct config *config, size_t first, const char *file,
                           const struct rnl_error *err);

/* Fails when the main configuration can't be read, or the folder can't. */
int configured_read(const struct cli_args *args, configured_fn *call, void *arg,
                    struct rnl_error *err);
/* A path of the program's settings, as seen from the file that says it; malloc'd, or NULL. */
char *configured_path(const struct config *config, const char *name);

#endif
