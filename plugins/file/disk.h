/* Files of a secret store: read with distrust, written so that a crash leaves old or new. */
#ifndef FILE_DISK_H
#define FILE_DISK_H

#include "pages.h"
#include <runnel/error.h>
#include <stdatomic.h>

/*
 * Reads a regular file of at most limit bytes that belongs to us or to root. A private
 * one (a key) must be closed to others, except when root hands it over below /run; any
 * other must not be writable by others. RNL_DONE: there is no such file.
 */
int disk_read(const char *path, size_t limit, bool is_private, struct pages *out,
              struct rnl_error *err);

/*
 * Replaces path by bytes, for its owner alone: a temporary file beside it (TEMPORARY),
 * fsync, rename, fsync of the folder. Call it with the lock held.
 */
int disk_write(const char *path, const char *temporary, const uint8_t *bytes, size_t size,
               struct rnl_error *err);
/* Puts from in the place of to, and overwrites what stood there. */
int disk_replace(const char *from, const char *to, struct rnl_error *err);

/* Makes the folders above path, 0700, where there are none. */
int disk_make_folders(const char *path, struct rnl_error *err);

/*
 * Waits until no other process writes the store, 10 seconds at most, or until stopped
 * says so. *lock is to be closed.
 */
int disk_lock(const char *path, const atomic_bool *stopped, int *lock, struct rnl_error *err);

#endif
