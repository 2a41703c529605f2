/* Secrets in files: read from one, and lent as one to libraries that want a path. */
#ifndef SECRET_FILE_H
#define SECRET_FILE_H

#include "secret.h"

/* The first line of a file; see secret_resolve() for whose it may be. */
int secret_file_read(const char *path, struct rnl_secret *secret, struct rnl_error *err);

/*
 * A file in memory that this process alone can open, by the path (malloc'd). It is wiped by
 * secret_file_end(), which does nothing for other paths.
 */
int secret_file_lend(const struct rnl_secret *secret, char **path, struct rnl_error *err);
void secret_file_end(const char *path);

#endif
