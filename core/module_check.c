/* The checks before a plugin is used; each refusal says what to do. */
#include "module_check.h"

#include "module.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int check_folders(const char *path, char *real, struct rnl_error *err)
{
    for (char *slash = strrchr(real, '/'); slash; slash = strrchr(real, '/')) {
        struct stat st;
        char kept = slash[slash == real];

        slash[slash == real] = '\0'; /* the root keeps its slash */
        if (stat(real, &st) != 0)
            return untrusted(err, path, strerror(errno));
        if (check_owner(path, real, &st, err) != RNL_OK)
            return err->status;
        if (slash == real) {
            (void)kept;
            break;
        }
    }
    return RNL_OK;
}

int module_check_file(const char *path, char **out, struct rnl_error *err)
{
    char *real = realpath(path, NULL), *folders;
    struct stat st;
    int fd;

    if (!real)
        return rnl_fail(err, RNL_E_CONFIG, "plugin.missing", "plugin %s: %s", path,
                        strerror(errno));
    fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0) {
        rnl_fail(err, RNL_E_CONFIG, "plugin.missing", "plugin %s: %s", path, strerror(errno));
        goto close_file;
    }
    if (!S_ISREG(st.st_mode)) {
        untrusted(err, path, "it is no regular file");
        goto close_file;
    }
    if (check_owner(path, real, &st, err) != RNL_OK)
        goto close_file;
    folders = strdup(real);
    if (!folders)
        rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a path");
    else if (check_folders(path, folders, err) == RNL_OK)
        err->status = RNL_OK;
    free(folders);
    if (err->status == RNL_OK) {
        *out = real;
        real = NULL;
    }
close_file:
    if (fd >= 0)
        close(fd);
    free(real);
    return err->status;
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
static const struct need sink_needs[] = {NEED(sink, open),
                                         NEED(sink, close),
                                         NEED(sink, map),
                                         NEED(sink, recall),
                                         NEED(sink, record),
                                         NEED(sink, forget),
                                         NEED(sink, bind),
                                         NEED(sink, writer_open),
                                         NEED(sink, writer_close),
                                         NEED(sink, writer_apply),
                                         NEED(sink, writer_commit),
                                         NEED(sink, writer_rollback),
                                         NEED(sink, writer_step),
                                         NEED(sink, read_plan),
                                         NEED(sink, writer_expect),
                                         NEED(sink, writer_read_open),
                                         NEED(sink, writer_read_next),
                                         NEED(sink, writer_read_close),
                                         NEED(sink, interrupt),
                                         {NULL, 0}};
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

static size_t member_size(uint16_t type)
{
    switch (type) {
    case RNL_O_BOOL:
        return sizeof(bool);
    case RNL_O_ENUM:
        return sizeof(int32_t);
    default:
        return sizeof(void *);
    }
}

static int check_options(const char *path, const struct rnl_plugin *plugin, struct rnl_error *err)
{
    const struct rnl_options *table = &plugin->options;

    if (table->count && (!table->items || table->stride < offsetof(struct rnl_option, max)))
        goto malformed;
    for (uint32_t i = 0; i < table->count; i++) {
        struct rnl_option option;

        options_at(table, i, &option);
        if (!option.name || option.type < RNL_O_STRING || option.type > RNL_O_FILE ||
            option.offset + member_size(option.type) > table->config_size ||
            (option.type == RNL_O_ENUM && !option.words))
            goto malformed;
    }
    return RNL_OK;
malformed:
    rnl_fail(err, RNL_E_CONFIG, "plugin.malformed", "%s: the option table of %s can't be right",
             path, plugin->name);
    rnl_hint(err, "this is for the plugin's author; take it out of the plugin folder");
    return err->status;
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
