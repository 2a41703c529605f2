/* The state database of the node that a command means. */
#ifndef CLI_STATE_H
#define CLI_STATE_H

#include "../store.h"
#include "cli.h"

#define STATE_OPTION                                                         \
    {                                                                        \
        "state-dir", 0, CLI_TEXT, 0, "FOLDER",                               \
            "of the node (node.state_dir; preset: /var/lib/runnel of root, " \
            "~/.local/state/runnel of others)"                               \
    }

/* The node need not run. */
int cli_store(const struct cli_args *args, struct store **store, struct rnl_error *err);

#endif
