/*
 * A node: keeps the pipelines of its configuration in the state that the operator wants, each in
 * a worker process of its own. No connector's code runs here.
 */
#ifndef NODE_H
#define NODE_H

#include <runnel/error.h>

struct node_settings {
    const char *config; /* --config for this process's workers, or NULL */
    /* More arguments for each worker, ends with NULL */
    char *const *arguments;
    const char *name, *state_dir, *pipelines_dir,
        *api_listen;    /* of flags and environment; NULL: as configured */
    char *const *roles; /* the same; ends with NULL */
};

/* The name by which commands reach a node: no pipeline can have it. */
#define NODE_SOCKET "~node"

/* Until it is told to end, and its workers have. */
int node_run(const struct node_settings *settings, struct rnl_error *err);

/*
 * Where a node keeps its state: as the flag says, else the configuration (NULL: they don't), else
 * as suits the user. To be freed; NULL: out of memory.
 */
char *node_state_folder(const char *flag, const char *configured);

#endif
