/*
 * Entries of the local registry: each a file that is replaced at once, in a folder whose changes
 * are counted; who changes something holds the lock of the count.
 */
#include "local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "keys"
#define COUNT "count~" /* no key's file can have these names: a key's "~" is written "~0" */
#define FRESH "fresh~"

enum { LOOK_MS = 300, HEAD_BYTES = 8, KEYS_MOST = 100000 };

static int fail(struct rnl_error *err, const char *what)
{
    return rnl_fail(err, RNL_E_RETRY, "registry.away", "the registry's folder " FOLDER ": %s: %s",
                    what, strerror(errno));
}

/* --- names ------------------------------------------------------------------------------------ */

static bool letter_is_plain(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || (letter && strchr("._-/~", letter));
}

/* A key as a file's name: "/" is "~1", "~" is "~0", and a leading dot hides nothing. */
static int file_name_of(const char *key, char *name, size_t size, struct rnl_error *err)
{
    size_t n = 0;

    name[n++] = '=';
    for (const char *at = key; *at; at++) {
        if (!letter_is_plain(*at) || at - key >= RNL_KEY_BYTES || n + 3 > size)
            return rnl_fail(err, RNL_E_DATA, "registry.key", "\"%.80s\" can't be a key", key);
        if (*at == '/' || *at == '~') {
            name[n++] = '~';
            name[n++] = *at == '/' ? '1' : '0';
        } else
            name[n++] = *at;
    }
    name[n] = '\0';
    if (n > 1)
        return RNL_OK;
    return rnl_fail(err, RNL_E_DATA, "registry.key", "a key can't be empty");
}

/* false: no key's. */
static bool key_of(const char *name, char *key, size_t size)
{
    size_t n = 0;

    if (*name++ != '=')
        return false;
    for (; *name; name++) {
        char letter = *name;

        if (letter == '~')
            letter = *++name == '1' ? '/' : *name == '0' ? '~' : '\0';
        if (!letter_is_plain(letter) || n + 1 >= size)
            return false;
        key[n++] = letter;
    }
    key[n] = '\0';
    return n > 0;
}

/* --- the folder and its count ----------------------------------------------------------------- */

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* By its path each time: who empties the registry may have removed it. */
static int folder_open(const struct keys *keys, struct rnl_error *err)
{
    int folder;

    if (mkdirat(keys->folder, FOLDER, 0700) != 0 && errno != EEXIST)
        return fail(err, "can't be made"), -1;
    folder = openat(keys->folder, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        fail(err, "can't be opened");
    return folder;
}

/* The lock is the file's: closing it lets it go. */
static int count_lock(int folder, int how, struct rnl_error *err)
{
    int file = openat(folder, COUNT, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (file < 0)
        return fail(err, "its count can't be opened"), -1;
    while (flock(file, how) != 0)
        if (errno != EINTR) {
            fail(err, "its count can't be locked");
            close(file);
            return -1;
        }
    return file;
}

/* One that was never written stands at 1: an index is never 0. */
static uint64_t count_read(int file)
{
    uint64_t count = 0;

    if (pread(file, &count, sizeof(count), 0) != sizeof(count) || count == 0)
        return 1;
    return count;
}

/* Never the same again, even if the folder was emptied: no less than the time. */
static int count_next(int file, uint64_t *count, struct rnl_error *err)
{
    uint64_t last = count_read(file), now = now_us();

    *count = last < now ? now : last + 1;
    if (pwrite(file, count, sizeof(*count), 0) != sizeof(*count))
        return fail(err, "its count can't be written");
    return RNL_OK;
}

/* --- one entry -------------------------------------------------------------------------------- */

/* A file: the revision's bytes, then the value. */
static int entry_load(struct keys *keys, int folder, const char *name, struct rnl_entry *out,
                      struct rnl_error *err)
{
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    size_t most = HEAD_BYTES + RNL_ENTRY_BYTES, got = 0;
    ssize_t some = 1;

    out->value = (struct rnl_slice){"", 0};
    out->revision = 0;
    if (file < 0 && errno == ENOENT)
        return RNL_DONE;
    if (file < 0)
        return fail(err, "an entry can't be read");
    while (got < most && (some = read(file, keys->text + got, most - got)) != 0) {
        if (some < 0 && errno == EINTR)
            continue;
        if (some < 0)
            break;
        got += (size_t)some;
    }
    close(file);
    if (some < 0 || got < HEAD_BYTES)
        return rnl_fail(err, RNL_E_RETRY, "registry.away", "the registry's file %s is damaged",
                        name);
    memcpy(&out->revision, keys->text, HEAD_BYTES);
    out->value = (struct rnl_slice){keys->text + HEAD_BYTES, got - HEAD_BYTES};
    return RNL_OK;
}

static int entry_write(int folder, const char *name, uint64_t revision, struct rnl_slice value,
                       struct rnl_error *err)
{
    int file = openat(folder, FRESH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const char *at = value.ptr;
    size_t left = value.len;
    bool ok = file >= 0 && write(file, &revision, HEAD_BYTES) == HEAD_BYTES;

    while (ok && left > 0) {
        ssize_t some = write(file, at, left);

        if (some < 0 && errno == EINTR)
            continue;
        ok = some > 0;
        at += ok ? some : 0;
        left -= ok ? (size_t)some : 0;
    }
    ok = ok && fsync(file) == 0;
    if (file >= 0)
        close(file);
    if (ok && renameat(folder, FRESH, folder, name) == 0)
        return RNL_OK;
    return fail(err, "an entry can't be written");
}

int keys_read(struct keys *keys, const char *key, struct rnl_entry *out, struct rnl_error *err)
{
    char name[2 * RNL_KEY_BYTES + 8];
    int folder, status = file_name_of(key, name, sizeof(name), err);

    if (status != RNL_OK)
        return status;
    folder = folder_open(keys, err);
    if (folder < 0)
        return err->status;
    snprintf(keys->key, sizeof(keys->key), "%s", key);
    out->key = keys->key;
    status = entry_load(keys, folder, name, out, err);
    close(folder);
    return status;
}

/* Whether what stands there is what the caller takes for it. The count is locked. */
static int compare(struct keys *keys, int folder, const char *name, uint64_t revision, bool removes,
                   struct rnl_error *err)
{
    struct rnl_entry now = {.size = sizeof(now)};
    int status;

    if (revision == RNL_ANY_REVISION)
        return RNL_OK;
    status = entry_load(keys, folder, name, &now, err);
    if (status < 0 || now.revision == revision || (removes && status == RNL_DONE))
        return status < 0 ? status : RNL_OK;
    return rnl_fail(err, RNL_E_RETRY, "registry.conflict", "%s was changed by another meanwhile",
                    name + 1);
}

/* value NULL: away with it. */
static int change(struct keys *keys, const char *key, const struct rnl_slice *value,
                  uint64_t revision, struct rnl_error *err)
{
    char name[2 * RNL_KEY_BYTES + 8];
    int folder, count, status = file_name_of(key, name, sizeof(name), err);
    uint64_t next;

    if (status != RNL_OK)
        return status;
    folder = folder_open(keys, err);
    if (folder < 0)
        return err->status;
    count = count_lock(folder, LOCK_EX, err);
    if (count < 0)
        goto close_folder;
    if (compare(keys, folder, name, revision, !value, err) != RNL_OK ||
        count_next(count, &next, err) != RNL_OK)
        goto close_count;
    if (value)
        entry_write(folder, name, next, *value, err);
    else if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
        fail(err, "an entry can't be removed");
close_count:
    close(count);
close_folder:
    close(folder);
    return err->status;
}

int keys_store(struct keys *keys, const char *key, struct rnl_slice value, uint64_t revision,
               struct rnl_error *err)
{
    if (value.len > RNL_ENTRY_BYTES)
        return rnl_fail(err, RNL_E_DATA, "registry.key", "the value of %s is too long: %zu bytes",
                        key, value.len);
    err->status = RNL_OK;
    return change(keys, key, &value, revision, err);
}

int keys_remove(struct keys *keys, const char *key, uint64_t revision, struct rnl_error *err)
{
    err->status = RNL_OK;
    return change(keys, key, NULL, revision, err);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* What vanishes meanwhile is gone: the next look tells. */
static int tell_all(struct keys *keys, int folder, const char *prefix,
                    void (*each)(void *arg, const struct rnl_entry *entry), void *arg,
                    struct rnl_error *err)
{
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = RNL_OK;
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *item;
    uint32_t count = 0;

    if (!dir) {
        if (again >= 0)
            close(again);
        return fail(err, "can't be read");
    }
    while (status >= 0 && count < KEYS_MOST && (item = readdir(dir)) != NULL) {
        struct rnl_entry entry = {.size = sizeof(entry), .key = keys->key};

        if (!key_of(item->d_name, keys->key, sizeof(keys->key)) ||
            strncmp(keys->key, prefix, strlen(prefix)) != 0)
            continue;
        status = entry_load(keys, folder, item->d_name, &entry, err);
        if (status == RNL_OK)
            each(arg, &entry);
        count++;
    }
    closedir(dir);
    return status < 0 ? status : RNL_OK;
}

/* Until the count is another, time is over (RNL_OK), or it was interrupted (RNL_AGAIN). */
static int wait_for_change(const struct keys *keys, const char *path, int64_t left_ms)
{
    struct pollfd fds[2] = {{.fd = keys->wake[0], .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    char byte;
    int status = RNL_OK;

    fds[1].fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fds[1].fd >= 0)
        inotify_add_watch(fds[1].fd, path,
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR);
    (void)poll(fds, 2, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS));
    if (fds[0].revents && read(keys->wake[0], &byte, 1) == 1)
        status = RNL_AGAIN;
    if (fds[1].fd >= 0)
        close(fds[1].fd);
    return status;
}

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What stands there, if the count isn't *index any more; RNL_DONE: it still is. */
static int look(struct keys *keys, const char *prefix, uint64_t *index, bool whatever,
                void (*each)(void *arg, const struct rnl_entry *entry), void *arg,
                struct rnl_error *err)
{
    int folder = folder_open(keys, err), count, status = RNL_DONE;
    uint64_t now;

    if (folder < 0)
        return err->status;
    count = count_lock(folder, LOCK_SH, err);
    if (count < 0) {
        close(folder);
        return err->status;
    }
    now = count_read(count);
    if (now != *index || whatever)
        status = tell_all(keys, folder, prefix, each, arg, err);
    if (status == RNL_OK)
        *index = now;
    close(count);
    close(folder);
    return status;
}

int keys_watch(struct keys *keys, const char *prefix, uint64_t *index, uint32_t wait_ms,
               void (*each)(void *arg, const struct rnl_entry *entry), void *arg,
               struct rnl_error *err)
{
    int64_t until_ms = clock_ms() + wait_ms, left_ms = wait_ms;
    char path[64];
    int status;

    if (strlen(prefix) > RNL_KEY_BYTES)
        return rnl_fail(err, RNL_E_DATA, "registry.key", "\"%.80s…\" begins no key", prefix);
    snprintf(path, sizeof(path), "/proc/self/fd/%d/" FOLDER, keys->folder);
    while ((status = look(keys, prefix, index, left_ms <= 0, each, arg, err)) == RNL_DONE) {
        if (wait_for_change(keys, path, left_ms) == RNL_AGAIN)
            return RNL_AGAIN;
        left_ms = until_ms - clock_ms();
    }
    return status;
}

/* --- its life --------------------------------------------------------------------------------- */

int keys_open(struct keys *keys, int folder, struct rnl_error *err)
{
    *keys = (struct keys){.folder = folder, .wake = {-1, -1}};
    keys->text = malloc(HEAD_BYTES + RNL_ENTRY_BYTES);
    if (keys->text && pipe2(keys->wake, O_CLOEXEC | O_NONBLOCK) == 0)
        return RNL_OK;
    free(keys->text);
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the local registry");
}

void keys_close(struct keys *keys)
{
    close(keys->wake[0]);
    close(keys->wake[1]);
    free(keys->text);
}

void keys_interrupt(struct keys *keys)
{
    ssize_t unheard = write(keys->wake[1], "x", 1); /* full: it is awake anyway */

    (void)unheard;
}
