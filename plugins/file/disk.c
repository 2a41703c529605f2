/* Files of a secret store: read with distrust, written so that a crash leaves old or new. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TRIES = 200, LOCK_PAUSE_MS = 50 };

static int disk_failed(const char *what, const char *path, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_CONFIG, "secrets.disk", "%s %s: %s", what, path, strerror(errno));
}

/* Root hands files over below /run, in containers and services: readable to others, perhaps. */
static bool file_is_handed_over(const char *path, const struct stat *stat)
{
    char real[PATH_MAX];

    return stat->st_uid == 0 && (stat->st_mode & 022) == 0 && realpath(path, real) &&
           strncmp(real, "/run/", 5) == 0;
}

static int file_check(const char *path, const struct stat *stat, bool is_private,
                      struct rnl_error *err)
{
    bool ours = stat->st_uid == 0 || stat->st_uid == geteuid();

    if (!S_ISREG(stat->st_mode))
        return rnl_fail(err, RNL_E_CONFIG, "secrets.disk", "%s is not a regular file", path);
    if (ours && (stat->st_mode & (is_private ? 077 : 022)) == 0)
        return RNL_OK;
    if (is_private && file_is_handed_over(path, stat))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "secrets.open_to_others",
             "%s (owner %u, mode %04o) is open to others than you and root", path,
             (unsigned int)stat->st_uid, (unsigned int)stat->st_mode & 07777u);
    rnl_hint(err, "chmod 600 it and make it your own");
    return err->status;
}

static bool read_all(int fd, struct pages *out, size_t size)
{
    ssize_t got;

    while (out->length < size) {
        got = read(fd, out->bytes + out->length, size - out->length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        out->length += (size_t)got;
    }
    return true;
}

int disk_read(const char *path, size_t limit, bool is_private, struct pages *out,
              struct rnl_error *err)
{
    struct stat stat;
    int fd, status;

    *out = (struct pages){0};
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return RNL_DONE;
    if (fd < 0 || fstat(fd, &stat) != 0) {
        status = disk_failed("can't read", path, err);
        goto out_close;
    }
    status = file_check(path, &stat, is_private, err);
    if (status != RNL_OK)
        goto out_close;
    if (stat.st_size < 0 || (uintmax_t)stat.st_size > limit) {
        status =
            rnl_fail(err, RNL_E_CONFIG, "secrets.disk", "%s is larger than %zu bytes", path, limit);
        goto out_close;
    }
    if (!pages_make(out, (size_t)stat.st_size)) {
        status = rnl_fail(err, RNL_E_FATAL, "secrets.no_memory", "no memory to read %s", path);
        goto out_close;
    }
    if (!read_all(fd, out, (size_t)stat.st_size)) {
        status = disk_failed("can't read", path, err);
        pages_free(out);
    }
out_close:
    if (fd >= 0)
        close(fd);
    return status;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    ssize_t done;

    while (size > 0) {
        done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        bytes += done;
        size -= (size_t)done;
    }
    return true;
}

/* A rename is on the disk only when its folder is. */
static bool folder_sync(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool done = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    free(copy);
    return done;
}

int disk_write(const char *path, const char *temporary, const uint8_t *bytes, size_t size,
               struct rnl_error *err)
{
    struct stat before;
    bool replaces = stat(path, &before) == 0;
    int fd, status;

    /* the lock is held: what stands here is what a crash left */
    (void)unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return disk_failed("can't write", temporary, err);
    /* root keeps a file's owner: the service that reads it may be another user */
    if ((replaces && geteuid() == 0 && fchown(fd, before.st_uid, before.st_gid) != 0) ||
        fchmod(fd, 0600) != 0 || !write_all(fd, bytes, size) || fsync(fd) != 0) {
        status = disk_failed("can't write", temporary, err);
        close(fd);
        goto remove_temporary;
    }
    close(fd);
    if (rename(temporary, path) != 0) {
        status = disk_failed("can't write", path, err);
        goto remove_temporary;
    }
    return folder_sync(path) ? RNL_OK : disk_failed("can't sync the folder of", path, err);
remove_temporary:
    unlink(temporary);
    return status;
}

/* Best effort: some filesystems and disks keep old blocks whatever is written. */
static void file_wipe(int fd)
{
    static const uint8_t zero[4096];
    struct stat stat;
    off_t left;

    if (fstat(fd, &stat) != 0)
        return;
    for (left = stat.st_size; left > 0; left -= (off_t)sizeof(zero))
        if (!write_all(fd, zero, left < (off_t)sizeof(zero) ? (size_t)left : sizeof(zero)))
            break;
    (void)fsync(fd);
}

int disk_replace(const char *from, const char *to, struct rnl_error *err)
{
    /* held open across the rename: until that it is the one that counts */
    int old = open(to, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (rename(from, to) != 0) {
        if (old >= 0)
            close(old);
        return disk_failed("can't replace", to, err);
    }
    if (!folder_sync(to)) {
        if (old >= 0)
            close(old);
        return disk_failed("can't sync the folder of", to, err);
    }
    if (old >= 0) {
        file_wipe(old);
        close(old);
    }
    return RNL_OK;
}

int disk_make_folders(const char *path, struct rnl_error *err)
{
    char *copy = strdup(path);
    int status = RNL_OK;

    if (!copy)
        return rnl_fail(err, RNL_E_FATAL, "secrets.no_memory", "no memory for a path");
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST && errno != EROFS) {
            status = disk_failed("can't make the folder", copy, err);
            break;
        }
        *slash = '/';
    }
    free(copy);
    return status;
}

int disk_lock(const char *path, const atomic_bool *stopped, int *lock, struct rnl_error *err)
{
    const struct timespec pause = {0, LOCK_PAUSE_MS * 1000000L};
    int fd, status;

    fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return disk_failed("can't lock", path, err);
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            status = disk_failed("can't lock", path, err);
            goto close_lock;
        }
        if (atomic_load(stopped)) {
            status = rnl_fail(err, RNL_E_RETRY, "secrets.interrupted",
                              "stopped while waiting for the secret store");
            goto close_lock;
        }
        if (tries == LOCK_TRIES) {
            status = rnl_fail(err, RNL_E_RETRY, "secrets.locked",
                              "another process holds the secret store locked (%s)", path);
            goto close_lock;
        }
        nanosleep(&pause, NULL);
    }
    *lock = fd;
    return RNL_OK;
close_lock:
    close(fd);
    return status;
}
