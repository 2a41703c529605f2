/* Where the sockets of running pipelines stand: shared by both ends. */
#ifndef REMOTE_PART_H
#define REMOTE_PART_H

#include <runnel/error.h>
#include <stdbool.h>
#include <sys/un.h>

struct remote_path {
    struct sockaddr_un address;
};

/* Writes the folder's path: RUNNEL_RUN_DIR, or a folder of the user's in XDG_RUNTIME_DIR or /tmp.
 */
int remote_folder(char *path, size_t size, struct rnl_error *err);
/* Makes the folder when it isn't there, and refuses one that others could reach into. */
int remote_path_make(const char *pipeline, struct remote_path *path, struct rnl_error *err);
/* A connected socket, or -1: nobody listens. */
int remote_connect(const struct remote_path *path);

#endif
