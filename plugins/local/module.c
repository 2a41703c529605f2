/* The local registry: nodes of one machine, each a file in a folder with a lock that dies with it.
 */
#include "local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".service"
#define END "\n.\n" /* without it a text is amid being written */

enum { TEXT_MOST = 2048, FIELDS = 7, TRIES = 50, PAUSE_MS = 10 };

struct local_config {
    const char *path;
};

struct local {
    const struct rnl_ctx *ctx;
    struct keys keys;
    int folder;
    int file; /* ours, locked; -1: nothing is announced */
    struct rnl_service ours;
    char name[128], id[64], address[256], file_name[160];
};

static void pause_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

/* --- the folder ------------------------------------------------------------------------------- */

static int folder_fail(const char *path, struct rnl_error *err, const char *what)
{
    rnl_fail(err, RNL_E_CONFIG, "local.folder", "the registry's folder %s %s: %s", path, what,
             strerror(errno));
    rnl_hint(err, "registry = { plugin = \"local\"; path = …; } names another one");
    return err->status;
}

static int folder_open(const char *path, int *out, struct rnl_error *err)
{
    struct stat is;
    int folder;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return folder_fail(path, err, "can't be made");
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fstat(folder, &is) != 0) {
        folder_fail(path, err, "can't be opened");
        goto close_folder;
    }
    if (is.st_uid != geteuid() || (is.st_mode & (S_IWGRP | S_IWOTH))) {
        errno = EACCES;
        folder_fail(path, err, "is another user's, or others may write there");
        goto close_folder;
    }
    *out = folder;
    return RNL_OK;
close_folder:
    if (folder >= 0)
        close(folder);
    return err->status;
}

static int local_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    const struct local_config *config = ctx->config;
    struct local *local = calloc(1, sizeof(*local));

    if (!local)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the local registry");
    local->ctx = ctx;
    local->file = -1;
    if (folder_open(config->path, &local->folder, err) != RNL_OK) {
        free(local);
        return err->status;
    }
    if (keys_open(&local->keys, local->folder, err) != RNL_OK) {
        close(local->folder);
        free(local);
        return err->status;
    }
    *self = local;
    return RNL_OK;
}

/* --- what stands there of us ------------------------------------------------------------------ */

/* Letters that a file's name may have; others would lead elsewhere. */
static bool name_is_plain(const char *name)
{
    if (!*name || *name == '.')
        return false;
    for (const char *at = name; *at; at++)
        if (*at <= ' ' || *at == '/' || *at == 0x7f)
            return false;
    return true;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* In one piece; a reader who comes amid it misses the end and looks again. */
static int write_text(const struct local *local, int health, const char *note,
                      struct rnl_error *err)
{
    char text[TEXT_MOST];
    int line = (int)strcspn(note, "\n");
    int len = snprintf(text, sizeof(text), "%s\n%s\n%s\n%u\n%d\n%lld\n%.*s" END, local->name,
                       local->id, local->address, local->ours.port, health, (long long)now_us(),
                       line < 500 ? line : 500, note);

    if (len < 0 || (size_t)len >= sizeof(text))
        return rnl_fail(err, RNL_E_CONFIG, "local.too_long", "what is announced is too long");
    if (pwrite(local->file, text, (size_t)len, 0) != len || ftruncate(local->file, len) != 0)
        return rnl_fail(err, RNL_E_RETRY, "local.write",
                        "the registry's file %s can't be written: %s", local->file_name,
                        strerror(errno));
    return RNL_OK;
}

/* Whether the name still leads to the file: one who found it unlocked may have removed it. */
static bool still_there(const struct local *local, int file, const char *file_name)
{
    struct stat ours, theirs;

    return fstat(file, &ours) == 0 &&
           fstatat(local->folder, file_name, &theirs, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

/* Those who look hold the lock for a moment only. */
static int take_file(struct local *local, struct rnl_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        int file = openat(local->folder, local->file_name,
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (file < 0)
            return rnl_fail(err, RNL_E_CONFIG, "local.write",
                            "the registry's file %s can't be written: %s", local->file_name,
                            strerror(errno));
        if (flock(file, LOCK_EX | LOCK_NB) == 0 && still_there(local, file, local->file_name)) {
            local->file = file;
            return RNL_OK;
        }
        close(file);
        pause_a_moment();
    }
    rnl_fail(err, RNL_E_CONFIG, "local.taken", "another process is announced as %s %s", local->name,
             local->id);
    rnl_hint(err, "give one of them another name: runnel serve --node-name");
    return err->status;
}

static int local_withdraw(void *self, struct rnl_error *err)
{
    struct local *local = self;

    (void)err;
    if (local->file < 0)
        return RNL_OK;
    unlinkat(local->folder, local->file_name, 0); /* while it is locked: it is ours */
    close(local->file);
    local->file = -1;
    return RNL_OK;
}

static int local_announce(void *self, const struct rnl_service *service, struct rnl_error *err)
{
    struct local *local = self;

    local_withdraw(self, err);
    if (!name_is_plain(service->name) || !name_is_plain(service->id) ||
        strpbrk(service->address ? service->address : "", "\n"))
        return rnl_fail(err, RNL_E_CONFIG, "local.bad_name",
                        "\"%s\" and \"%s\" can't stand in the registry", service->name,
                        service->id);
    local->ours = (struct rnl_service){.port = service->port};
    snprintf(local->name, sizeof(local->name), "%s", service->name);
    snprintf(local->id, sizeof(local->id), "%s", service->id);
    snprintf(local->address, sizeof(local->address), "%s",
             service->address ? service->address : "");
    snprintf(local->file_name, sizeof(local->file_name), "%.90s-%.60s" SUFFIX, local->name,
             local->id);
    if (take_file(local, err) != RNL_OK)
        return err->status;
    return write_text(local, RNL_HEALTHY, "", err);
}

static int local_beat(void *self, int health, const char *note, struct rnl_error *err)
{
    struct local *local = self;

    if (local->file < 0 || !still_there(local, local->file, local->file_name))
        return rnl_fail(err, RNL_E_RETRY, "local.gone", "nothing of us stands in the registry");
    return write_text(local, health, note ? note : "", err);
}

static void local_close(void *self)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    struct local *local = self;

    if (!local)
        return;
    local_withdraw(local, &unheard);
    keys_close(&local->keys);
    close(local->folder);
    free(local);
}

/* --- looking others up ------------------------------------------------------------------------ */

/* Cuts a text into its lines; false: it isn't whole. */
static bool cut(char *text, char *fields[FIELDS])
{
    char *end = strstr(text, END);

    if (!end)
        return false;
    *end = '\0';
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = text;
        text = strchr(text, '\n');
        if (!text)
            return i == FIELDS - 1;
        *text++ = '\0';
    }
    return false;
}

static int tell(const struct local *local, char *fields[FIELDS], const char *name,
                struct rnl_services *out, struct rnl_error *err)
{
    const struct rnl_service service = {
        .size = sizeof(service),
        .name = fields[0],
        .id = fields[1],
        .address = fields[2],
        .port = (uint32_t)strtoul(fields[3], NULL, 10),
        .health = (uint32_t)strtoul(fields[4], NULL, 10),
        .beat_us = strtoll(fields[5], NULL, 10),
        .note = fields[6],
    };

    if (name && strcmp(name, service.name) != 0)
        return RNL_OK;
    return local->ctx->host->service_add(out, &service, err);
}

/* One that nobody holds is what a killed process has left. */
static bool is_left(const struct local *local, int file, const char *file_name)
{
    if (flock(file, LOCK_EX | LOCK_NB) != 0)
        return false;
    if (still_there(local, file, file_name))
        unlinkat(local->folder, file_name, 0);
    return true;
}

static int look_at(const struct local *local, const char *file_name, const char *name,
                   struct rnl_services *out, struct rnl_error *err)
{
    char text[TEXT_MOST + 1], *fields[FIELDS];
    int file = openat(local->folder, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int status = RNL_OK;
    bool ours = strcmp(file_name, local->file_name) == 0 && local->file >= 0;

    if (file < 0)
        return RNL_OK; /* gone meanwhile */
    for (int i = 0; i < TRIES && (ours || !is_left(local, file, file_name)); i++) {
        ssize_t got = pread(file, text, TEXT_MOST, 0);

        text[got > 0 ? got : 0] = '\0';
        if (cut(text, fields)) {
            status = tell(local, fields, name, out, err);
            break;
        }
        pause_a_moment();
    }
    close(file);
    return status;
}

static int local_lookup(void *self, const char *name, struct rnl_services *out,
                        struct rnl_error *err)
{
    const struct local *local = self;
    int again = openat(local->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *entry;
    int status = RNL_OK;

    if (!dir) {
        if (again >= 0)
            close(again);
        return rnl_fail(err, RNL_E_RETRY, "local.folder", "the registry's folder can't be read: %s",
                        strerror(errno));
    }
    while (status == RNL_OK && (entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len > strlen(SUFFIX) && strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0)
            status = look_at(local, entry->d_name, name, out, err);
    }
    closedir(dir);
    return status;
}

/* --- entries ---------------------------------------------------------------------------------- */

static int local_read(void *self, const char *key, struct rnl_entry *out, struct rnl_error *err)
{
    struct local *local = self;

    return keys_read(&local->keys, key, out, err);
}

static int local_get(void *self, const char *key, struct rnl_slice *value, struct rnl_error *err)
{
    struct rnl_entry entry = {.size = sizeof(entry)};
    int status = local_read(self, key, &entry, err);

    *value = entry.value;
    return status;
}

static int local_store(void *self, const char *key, struct rnl_slice value, uint64_t revision,
                       struct rnl_error *err)
{
    struct local *local = self;

    return keys_store(&local->keys, key, value, revision, err);
}

static int local_put(void *self, const char *key, struct rnl_slice value, struct rnl_error *err)
{
    return local_store(self, key, value, RNL_ANY_REVISION, err);
}

static int local_remove(void *self, const char *key, uint64_t revision, struct rnl_error *err)
{
    struct local *local = self;

    return keys_remove(&local->keys, key, revision, err);
}

static int local_watch(void *self, const char *prefix, uint64_t *index, uint32_t wait_ms,
                       void (*each)(void *arg, const struct rnl_entry *entry), void *arg,
                       struct rnl_error *err)
{
    struct local *local = self;

    return keys_watch(&local->keys, prefix, index, wait_ms, each, arg, err);
}

static void local_interrupt(void *self)
{
    struct local *local = self;

    keys_interrupt(&local->keys); /* nothing else blocks for longer than a moment */
}

static const struct rnl_registry_ops ops = {
    .size = sizeof(ops),
    .open = local_open,
    .close = local_close,
    .announce = local_announce,
    .beat = local_beat,
    .withdraw = local_withdraw,
    .lookup = local_lookup,
    .get = local_get,
    .put = local_put,
    .interrupt = local_interrupt,
    .read = local_read,
    .store = local_store,
    .remove = local_remove,
    .watch = local_watch,
};

static const struct rnl_option options[] = {
    {
        .name = "path",
        .type = RNL_O_STRING,
        .flags = RNL_O_REQUIRED,
        .offset = offsetof(struct local_config, path),
        .help = "The folder (preset: nodes, in that of the sockets)",
    },
};

static const struct rnl_plugin local_plugin = {
    .size = sizeof(local_plugin),
    .kind = RNL_REGISTRY,
    .name = "local",
    .summary = "The nodes of one machine, by files and locks",
    .options = RNL_OPTIONS(options, struct local_config),
    .registry = &ops,
};

RNL_MODULE("local", "0.1.0", "Apache-2.0", &local_plugin);
