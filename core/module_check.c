/* The checks before a plugin is used; each refusal says what to do. */
#include "module_check.h"

#include "module.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* of struct rnl_option as ABI 1.0 froze it */
#define OPTION_SIZE_1_0 56u

static int untrusted(struct rnl_error *err, const char *path, const char *why)
{
    rnl_fail(err, RNL_E_CONFIG, "plugin.untrusted", "plugin %s is not loaded: %s", path, why);
    rnl_hint(err, "a plugin runs with all rights of runnel: chown it and its folders to root or "
                  "to the user that runs runnel, and chmod go-w them");
    return err->status;
}

static int check_owner(const char *path, const char *part, const struct stat *st,
                       struct rnl_error *err)
{
    bool sticky = S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX && st->st_uid == 0;
    char why[512];

    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        snprintf(why, sizeof(why), "%s belongs to user %u", part, (unsigned)st->st_uid);
        return untrusted(err, path, why);
    }
    if (st->st_mode & (S_IWGRP | S_IWOTH) && !sticky) {
        snprintf(why, sizeof(why), "others may write %s", part);
        return untrusted(err, path, why);
    }
    return RNL_OK;
}

/* Each folder from that of the file up to the root. real is cut on the way. */
static int check_folders(const char *path, char *real, struct rnl_error *err)
{
    for (char *slash = strrchr(real, '/'); slash; slash = strrchr(real, '/')) {
        bool root = slash == real;
        struct stat st;

        slash[root] = '\0'; /* the root keeps its slash */
        if (stat(real, &st) != 0)
            return untrusted(err, path, strerror(errno));
        if (check_owner(path, real, &st, err) != RNL_OK)
            return err->status;
        if (root)
            break;
    }
    return RNL_OK;
}

/* A link may lead to another name in its own folder (x.so to x.so.1), not out of it. */
static int check_link(const char *path, const char *real, struct rnl_error *err)
{
    const char *slash = strrchr(path, '/');
    char *dir = strndup(slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
    char *folder = dir ? realpath(dir, NULL) : NULL;
    size_t len = (size_t)(strrchr(real, '/') - real);
    bool inside;

    free(dir);
    if (!folder)
        return untrusted(err, path, strerror(errno));
    inside = strlen(folder) == (len ? len : 1) && strncmp(folder, real, len ? len : 1) == 0;
    free(folder);
    if (inside)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "plugin.untrusted", "plugin %s is not loaded: it is a link to %s",
             path, real);
    rnl_hint(err, "put the file itself into the plugin folder, or name its own folder");
    return err->status;
}

static int check_trust(const char *path, char *real, const struct stat *st, struct rnl_error *err)
{
    char *folders;
    int status;

    if (!S_ISREG(st->st_mode))
        return untrusted(err, path, "it is no regular file");
    if (check_owner(path, real, st, err) != RNL_OK || check_link(path, real, err) != RNL_OK)
        return err->status;
    folders = strdup(real);
    if (!folders)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a path");
    status = check_folders(path, folders, err);
    free(folders);
    return status;
}

int module_check_file(const char *path, char **out, struct rnl_error *err)
{
    char *real = realpath(path, NULL);
    struct stat st;
    int fd, status;

    if (!real)
        return rnl_fail(err, RNL_E_CONFIG, "plugin.missing", "plugin %s: %s", path,
                        strerror(errno));
    fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0)
        status =
            rnl_fail(err, RNL_E_CONFIG, "plugin.missing", "plugin %s: %s", path, strerror(errno));
    else
        status = check_trust(path, real, &st, err);
    if (fd >= 0)
        close(fd);
    if (status == RNL_OK)
        *out = real;
    else
        free(real);
    return status;
}

int module_check_handshake(const char *path, const struct rnl_module *module, struct rnl_error *err)
{
    if (!module || module->magic != RNL_MAGIC) {
        rnl_fail(err, RNL_E_CONFIG, "plugin.not_a_plugin",
                 "%s is not a plugin of runnel: its magic number is wrong", path);
        rnl_hint(err, "take it out of the plugin folder");
        return err->status;
    }
    if (module->abi_major != RNL_ABI_MAJOR) {
        rnl_fail(err, RNL_E_CONFIG, "plugin.abi_major",
                 "%s was built for plugin ABI %u.%u, this runnel has %u.%u", path,
                 module->abi_major, module->abi_minor, RNL_ABI_MAJOR, RNL_ABI_MINOR);
        rnl_hint(err, "rebuild the plugin against the headers of this runnel");
        return err->status;
    }
    if (module->abi_minor > RNL_ABI_MINOR) {
        rnl_fail(err, RNL_E_CONFIG, "plugin.abi_minor",
                 "%s needs plugin ABI %u.%u, this runnel has %u.%u", path, module->abi_major,
                 module->abi_minor, RNL_ABI_MAJOR, RNL_ABI_MINOR);
        rnl_hint(err, "upgrade runnel, or take an older build of the plugin");
        return err->status;
    }
    if (module->size < sizeof(struct rnl_module) ||
        module->value_size != sizeof(struct rnl_value) || !module->plugins || !module->name ||
        !module->version || !module->license) {
        rnl_fail(err, RNL_E_CONFIG, "plugin.malformed",
                 "%s contradicts itself: its sizes or names can't be right", path);
        rnl_hint(err, "build it with RNL_MODULE() and the headers unchanged");
        return err->status;
    }
    return RNL_OK;
}

static bool name_is_plain(const char *name)
{
    return name && *name && strlen(name) < 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(name);
}

struct need {
    const char *name;
    size_t offset;
};

#define NEED(type, member)                                 \
    {                                                      \
#member, offsetof(struct rnl_##type##_ops, member) \
    }

static const struct need source_needs[] = {NEED(source, open),        NEED(source, close),
                                           NEED(source, describe),    NEED(source, snapshot),
                                           NEED(source, plan),        NEED(source, cursor_open),
                                           NEED(source, cursor_read), NEED(source, cursor_close),
                                           NEED(source, interrupt),   {NULL, 0}};
static const struct need sink_needs[] = {
    NEED(sink, open),         NEED(sink, close),         NEED(sink, map),
    NEED(sink, recall),       NEED(sink, record),        NEED(sink, forget),
    NEED(sink, bind),         NEED(sink, writer_open),   NEED(sink, writer_close),
    NEED(sink, writer_apply), NEED(sink, writer_commit), NEED(sink, writer_rollback),
    NEED(sink, writer_step),  NEED(sink, interrupt),     {NULL, 0}};
static const struct need transport_needs[] = {NEED(transport, open),
                                              NEED(transport, close),
                                              NEED(transport, publish),
                                              NEED(transport, flush),
                                              NEED(transport, subscribe),
                                              NEED(transport, fetch),
                                              NEED(transport, ack),
                                              NEED(transport, again),
                                              NEED(transport, unsubscribe),
                                              NEED(transport, interrupt),
                                              {NULL, 0}};
static const struct need secrets_needs[] = {
    NEED(secrets, open), NEED(secrets, close), NEED(secrets, read), {NULL, 0}};
static const struct need registry_needs[] = {NEED(registry, open),
                                             NEED(registry, close),
                                             NEED(registry, announce),
                                             NEED(registry, beat),
                                             NEED(registry, withdraw),
                                             NEED(registry, lookup),
                                             {NULL, 0}};

static const struct need *needs_of(uint32_t kind)
{
    switch ((enum rnl_kind)kind) {
    case RNL_SOURCE:
        return source_needs;
    case RNL_SINK:
        return sink_needs;
    case RNL_TRANSPORT:
        return transport_needs;
    case RNL_SECRETS:
        return secrets_needs;
    case RNL_REGISTRY:
        return registry_needs;
    }
    return NULL;
}

static int check_functions(const char *path, const struct rnl_plugin *plugin, struct rnl_error *err)
{
    const char *ops = (const char *)plugin->source; /* all tables begin with their size */
    uint32_t size = 0;

    if (ops)
        memcpy(&size, ops, sizeof(size));
    for (const struct need *need = needs_of(plugin->kind); need && need->name; need++) {
        void *function = NULL;

        if (size >= need->offset + sizeof(function))
            memcpy(&function, ops + need->offset, sizeof(function));
        if (function)
            continue;
        rnl_fail(err, RNL_E_CONFIG, "plugin.missing_function",
                 "%s: the %s %s lacks the function %s, which each %s must have", path,
                 kind_name((enum rnl_kind)plugin->kind), plugin->name, need->name,
                 kind_name((enum rnl_kind)plugin->kind));
        rnl_hint(err, "this is for the plugin's author; take it out of the plugin folder");
        return err->status;
    }
    return RNL_OK;
}

/* What an author did wrong: nothing an operator can mend. */
static int malformed(const char *path, const struct rnl_plugin *plugin, const char *option,
                     const char *why, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "plugin.malformed", "%s: option %s of the %s %s: %s", path, option,
             kind_name((enum rnl_kind)plugin->kind), plugin->name, why);
    rnl_hint(err, "this is for the plugin's author; take it out of the plugin folder");
    return err->status;
}

static int check_options(const char *path, const struct rnl_plugin *plugin, struct rnl_error *err)
{
    const struct rnl_options *table = &plugin->options;
    char name[64], why[200];

    if (table->count == 0 ||
        (table->items && table->stride >= OPTION_SIZE_1_0 && table->count <= OPTIONS_MOST)) {
        if (options_check(table, name, sizeof(name), why, sizeof(why)))
            return RNL_OK;
        return malformed(path, plugin, name, why, err);
    }
    return malformed(path, plugin, "(all)", "the table's own sizes can't be right", err);
}

int module_check_plugin(const char *path, const struct rnl_plugin *plugin, struct rnl_error *err)
{
    if (plugin->size < offsetof(struct rnl_plugin, source) + sizeof(void *) ||
        !needs_of(plugin->kind) || !name_is_plain(plugin->name) || !plugin->summary) {
        rnl_fail(err, RNL_E_CONFIG, "plugin.malformed",
                 "%s holds a plugin without a plain name, a known kind or a summary", path);
        rnl_hint(err, "a name is of the letters a-z, digits, _ and -");
        return err->status;
    }
    if (check_functions(path, plugin, err) != RNL_OK)
        return err->status;
    return check_options(path, plugin, err);
}
