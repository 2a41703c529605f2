/* Secrets in files: read from one, and lent as one to libraries that want a path. */
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- read ------------------------------------------------------------------------------------- */

/* Whether root hands this file over in the way of containers and service managers. */
static bool file_is_handed_over(const char *path, const struct stat *stat)
{
    char real[PATH_MAX];

    return stat->st_uid == 0 && (stat->st_mode & 022) == 0 && realpath(path, real) &&
           strncmp(real, "/run/", 5) == 0;
}

static int file_open(const char *path, int *out, struct rnl_error *err)
{
    struct stat stat;
    int fd, status;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &stat) != 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "secret.file_unreadable", "secret file %s: %s", path,
                          strerror(errno));
        goto out_close;
    }
    if (!S_ISREG(stat.st_mode)) {
        status = rnl_fail(err, RNL_E_CONFIG, "secret.file_unreadable",
                          "secret file %s is not a regular file", path);
        goto out_close;
    }
    if (file_is_handed_over(path, &stat) ||
        ((stat.st_uid == 0 || stat.st_uid == geteuid()) && (stat.st_mode & 077) == 0)) {
        *out = fd;
        return RNL_OK;
    }
    status = rnl_fail(err, RNL_E_CONFIG, "secret.file_open_to_others",
                      "secret file %s (owner %u, mode %04o) is open to others than you and root",
                      path, (unsigned int)stat.st_uid, (unsigned int)stat.st_mode & 07777u);
    rnl_hint(err, "chmod 600 it and make it your own; files of root below /run may be readable");
out_close:
    if (fd >= 0)
        close(fd);
    return status;
}

/* Reads until size is full, the file ends, or it fails (-1). */
static ssize_t file_fill(int fd, char *bytes, size_t size)
{
    size_t filled = 0;
    ssize_t got;

    while (filled < size) {
        got = read(fd, bytes + filled, size - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        filled += (size_t)got;
    }
    return (ssize_t)filled;
}

int secret_file_read(const char *path, struct rnl_secret *secret, struct rnl_error *err)
{
    const size_t size = SECRET_MAX_BYTES + 2; /* and a line end */
    char *bytes = NULL;
    const char *end;
    int fd = -1, status;
    size_t length;
    ssize_t got;

    status = file_open(path, &fd, err);
    if (status != RNL_OK)
        return status;
    bytes = secret_pages(size);
    if (!bytes) {
        status = rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret");
        goto out_close;
    }
    got = file_fill(fd, bytes, size);
    if (got < 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "secret.file_unreadable", "secret file %s: %s", path,
                          strerror(errno));
        goto out_free;
    }
    end = memchr(bytes, '\n', (size_t)got);
    length = end ? (size_t)(end - bytes) : (size_t)got;
    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    status = length > 0 ? secret_set(secret, (struct rnl_slice){bytes, length}, 0, err)
                        : rnl_fail(err, RNL_E_CONFIG, "secret.file_empty",
                                   "the first line of secret file %s is empty", path);
out_free:
    secret_pages_free(bytes, size);
out_close:
    close(fd);
    return status;
}

/* --- lent ------------------------------------------------------------------------------------- */

/* Those that are out: a path of the same look that somebody wrote by hand isn't ours to wipe. */
struct lent {
    struct lent *next;
    int fd;
    size_t size;
    char path[40];
};

static struct lent *lents;
static pthread_mutex_t lents_lock = PTHREAD_MUTEX_INITIALIZER;

static bool write_all(int fd, const char *bytes, size_t size)
{
    ssize_t done;

    for (; size > 0; bytes += done, size -= (size_t)done) {
        done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR)
            done = 0;
        else if (done <= 0)
            return false;
    }
    return true;
}

static int lend_failed(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "secret.file", "no file in memory for a secret: %s",
                    strerror(errno));
}

int secret_file_lend(const struct rnl_secret *secret, char **path, struct rnl_error *err)
{
    struct lent *lent = calloc(1, sizeof(*lent));
    int status;

    if (!lent)
        return lend_failed(err);
    lent->fd = memfd_create("runnel-secret", MFD_CLOEXEC);
    lent->size = secret_length(secret);
    if (lent->fd < 0 || fchmod(lent->fd, 0600) != 0 ||
        !write_all(lent->fd, secret_text(secret), lent->size)) {
        status = lend_failed(err);
        goto close_file;
    }
    snprintf(lent->path, sizeof(lent->path), "/proc/self/fd/%d", lent->fd);
    *path = strdup(lent->path);
    if (!*path) {
        status = lend_failed(err);
        goto close_file;
    }
    pthread_mutex_lock(&lents_lock);
    lent->next = lents;
    lents = lent;
    pthread_mutex_unlock(&lents_lock);
    return RNL_OK;
close_file:
    if (lent->fd >= 0)
        close(lent->fd);
    free(lent);
    return status;
}

void secret_file_end(const char *path)
{
    static const char zero[4096];
    struct lent *lent = NULL;

    pthread_mutex_lock(&lents_lock);
    for (struct lent **at = &lents; *at && !lent; at = &(*at)->next) {
        if (strcmp((*at)->path, path) != 0)
            continue;
        lent = *at;
        *at = lent->next;
        break;
    }
    pthread_mutex_unlock(&lents_lock);
    if (!lent)
        return;
    (void)lseek(lent->fd, 0, SEEK_SET);
    for (size_t left = lent->size; left > 0;) {
        size_t most = left < sizeof(zero) ? left : sizeof(zero);

        if (!write_all(lent->fd, zero, most))
            break;
        left -= most;
    }
    close(lent->fd);
    free(lent);
}
