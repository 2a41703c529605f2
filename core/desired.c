/* A small file, written anew at each change: whole or not at all, whatever happens amid it. */
#include "desired.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "desired.json"
#define FRESH_NAME "desired.json.new"

struct desired {
    char folder_path[PATH_MAX];
    int folder, lock;
    json_t *wants; /* {"shop": "running"} */
};

static int fail(const struct desired *d, struct rnl_error *err, const char *what)
{
    rnl_fail(err, RNL_E_CONFIG, "node.state", "the state folder %s: %s: %s", d->folder_path, what,
             strerror(errno));
    rnl_hint(err, "--state-dir, or node = { state_dir = …; } names another one");
    return err->status;
}

/* All folders on the way, as mkdir -p. */
static int make_folder(struct desired *d, struct rnl_error *err)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s", d->folder_path);
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
            return fail(d, err, "can't be made");
        *at = '/';
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail(d, err, "can't be made");
    return RNL_OK;
}

static int open_folder(struct desired *d, struct rnl_error *err)
{
    struct stat is;

    d->folder = open(d->folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->folder < 0 || fstat(d->folder, &is) != 0)
        return fail(d, err, "can't be opened");
    if (is.st_uid != geteuid() || (is.st_mode & (S_IWGRP | S_IWOTH))) {
        rnl_fail(err, RNL_E_CONFIG, "node.state",
                 "the state folder %s is another user's, or others may write there",
                 d->folder_path);
        rnl_hint(err, "chown it to the node's user, and chmod 700 it");
        return err->status;
    }
    d->lock = openat(d->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock < 0)
        return fail(d, err, "can't be written to");
    if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "node.taken", "another node runs with the state folder %s",
             d->folder_path);
    rnl_hint(err, "runnel pipelines list asks it; --state-dir gives this one a folder of its own");
    return err->status;
}

/* A file that can't be read is not written over: what was wanted may still be told from it. */
static int read_file(struct desired *d, struct rnl_error *err)
{
    int fd = openat(d->folder, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    json_error_t why;

    if (fd < 0 && errno == ENOENT) {
        d->wants = json_object();
        return d->wants ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    }
    if (fd < 0)
        return fail(d, err, FILE_NAME " can't be read");
    d->wants = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why);
    close(fd);
    if (json_is_object(d->wants))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "node.state", "%s/" FILE_NAME " is damaged: %s", d->folder_path,
             d->wants ? "not an object" : why.text);
    rnl_hint(err, "mend it, or remove it: then all pipelines are stopped until they are started");
    return err->status;
}

int desired_open(const char *folder, struct desired **out, struct rnl_error *err)
{
    struct desired *d = calloc(1, sizeof(*d));

    if (!d)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    d->folder = d->lock = -1;
    if (strlen(folder) >= sizeof(d->folder_path))
        rnl_fail(err, RNL_E_CONFIG, "node.state", "the path of the state folder is too long");
    else {
        snprintf(d->folder_path, sizeof(d->folder_path), "%s", folder);
        if (make_folder(d, err) == RNL_OK && open_folder(d, err) == RNL_OK &&
            read_file(d, err) == RNL_OK) {
            *out = d;
            return RNL_OK;
        }
    }
    desired_close(d);
    return err->status;
}

void desired_close(struct desired *d)
{
    if (!d)
        return;
    json_decref(d->wants);
    if (d->lock >= 0)
        close(d->lock);
    if (d->folder >= 0)
        close(d->folder);
    free(d);
}

enum wanted desired_get(const struct desired *d, const char *pipeline)
{
    enum wanted want = WANT_STOPPED;

    wanted_parse(json_string_value(json_object_get(d->wants, pipeline)), &want);
    return want;
}

static int write_file(const struct desired *d, const json_t *wants, struct rnl_error *err)
{
    int fd =
        openat(d->folder, FRESH_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written;

    if (fd < 0)
        return fail(d, err, FRESH_NAME " can't be written");
    written = json_dumpfd(wants, fd, JSON_INDENT(2) | JSON_SORT_KEYS) == 0 && fsync(fd) == 0;
    if (close(fd) != 0 || !written)
        return fail(d, err, FRESH_NAME " can't be written");
    if (renameat(d->folder, FRESH_NAME, d->folder, FILE_NAME) != 0 || fsync(d->folder) != 0)
        return fail(d, err, FILE_NAME " can't be replaced");
    return RNL_OK;
}

int desired_set(struct desired *d, const char *pipeline, enum wanted want, struct rnl_error *err)
{
    json_t *wants = json_copy(d->wants);

    if (!wants || json_object_set_new(wants, pipeline, json_string(wanted_word(want))) != 0) {
        json_decref(wants);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    }
    if (write_file(d, wants, err) != RNL_OK) {
        json_decref(wants);
        return err->status;
    }
    json_decref(d->wants);
    d->wants = wants;
    return RNL_OK;
}
