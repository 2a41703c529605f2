/* The control plane's process: HTTP in front, the node and the operator's commands behind. */
#ifndef API_H
#define API_H

#include "http.h"

#include <jansson.h>

struct key;
struct store;
struct crew;

struct api_settings {
    struct http_settings http;
    const char *config;                          /* --config for commands that are run, or NULL */
    char *const *arguments;                      /* more for each; ends with NULL */
    const char *state_dir;                       /* of the node */
    const char *pipelines_dir, *connections_dir; /* where what is made goes; NULL: none can be */
};

/* Until it is told to end, or its node has gone. */
int api_run(const struct api_settings *settings, struct rnl_error *err);

#endif
