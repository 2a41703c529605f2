/* From what configuration says of a secret (a reference, a file, a variable) to its text. */
#include "host.h"
#include "module.h"
#include "options.h"
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STORE_NAME_MAX = 64 };

struct store {
    char name[STORE_NAME_MAX];
    struct settings settings; /* as configured; for its first use */
    const struct plugin *plugin;
    void *config; /* the plugin's own struct */
    struct host_ctx host;
    void *self; /* what the plugin opened; NULL: not yet */
    bool open;
    bool opening; /* its own options are being resolved: it can't answer for them */
};

struct secret_resolver {
    struct store **stores;
    size_t count;
};

struct secret_resolver *secret_resolver_new(void)
{
    return calloc(1, sizeof(struct secret_resolver));
}

static void store_free(struct store *store)
{
    if (store->open)
        store->plugin->secrets.close(store->self);
    if (store->config)
        options_free(&store->plugin->options, store->config);
    settings_clear(&store->settings);
    free(store);
}

void secret_resolver_free(struct secret_resolver *resolver)
{
    if (!resolver)
        return;
    for (size_t i = 0; i < resolver->count; i++)
        store_free(resolver->stores[i]);
    free(resolver->stores);
    free(resolver);
}

/* The store of this name, made when it isn't there; NULL: memory is out. */
static struct store *store_get(struct secret_resolver *resolver, const char *name)
{
    struct store **stores, *store;

    for (size_t i = 0; i < resolver->count; i++)
        if (strcmp(resolver->stores[i]->name, name) == 0)
            return resolver->stores[i];
    stores = realloc(resolver->stores, (resolver->count + 1) * sizeof(struct store *));
    if (!stores)
        return NULL;
    resolver->stores = stores;
    store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    snprintf(store->name, sizeof(store->name), "%s", name);
    stores[resolver->count++] = store;
    return store;
}

void secret_resolver_store(struct secret_resolver *resolver, const char *name,
                           const struct settings *settings)
{
    struct store *store = store_get(resolver, name);

    if (store)
        settings_merge(&store->settings, settings);
}

static int store_open(struct secret_resolver *resolver, struct store *store, struct rnl_error *err)
{
    char what[STORE_NAME_MAX + 16];
    int status;

    if (store->opening)
        return rnl_fail(err, RNL_E_CONFIG, "secret.circular",
                        "the secret store %s can't keep the secrets that open it", store->name);
    status = plugin_find(RNL_SECRETS, store->name, &store->plugin, err);
    if (status != RNL_OK)
        return status;
    snprintf(what, sizeof(what), "secrets %s", store->name);
    store->opening = true;
    status = options_build(&store->plugin->options, what, &store->settings, resolver,
                           &store->config, err);
    store->opening = false;
    if (status != RNL_OK)
        return status;
    snprintf(what, sizeof(what), "secrets/%s", store->name);
    host_ctx_init(&store->host, what, store->config, NULL, NULL);
    status = store->plugin->secrets.open(&store->host.ctx, &store->self, err);
    if (status != RNL_OK) {
        options_free(&store->plugin->options, store->config);
        store->config = NULL;
        return status;
    }
    store->open = true;
    return RNL_OK;
}

int secret_resolver_open(struct secret_resolver *resolver, const char *name,
                         const struct plugin **plugin, void **self, struct rnl_error *err)
{
    struct store *store;
    int status = RNL_OK;

    if (strlen(name) >= STORE_NAME_MAX)
        return rnl_fail(err, RNL_E_CONFIG, "secret.bad_reference",
                        "the name of a secret store is at most %d letters long",
                        STORE_NAME_MAX - 1);
    store = store_get(resolver, name);
    if (!store)
        return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret store");
    if (!store->open)
        status = store_open(resolver, store, err);
    if (status != RNL_OK)
        return status;
    *plugin = store->plugin;
    *self = store->self;
    return RNL_OK;
}

/* reference: what stands behind "secret://": STORE/PATH#FIELD */
static int resolve_reference(struct secret_resolver *resolver, const char *reference,
                             struct rnl_secret *secret, struct rnl_error *err)
{
    const char *slash = strchr(reference, '/'), *hash;
    const struct plugin *plugin;
    char store[STORE_NAME_MAX];
    void *self;
    char *path;
    int status;

    if (!slash || slash == reference || (size_t)(slash - reference) >= sizeof(store) ||
        slash[1] == '\0' || slash[1] == '#') {
        status = rnl_fail(err, RNL_E_CONFIG, "secret.bad_reference",
                          "\"secret://%s\" is not a reference to a secret", reference);
        rnl_hint(err, "write secret://STORE/PATH or secret://STORE/PATH#FIELD");
        return status;
    }
    snprintf(store, sizeof(store), "%.*s", (int)(slash - reference), reference);
    if (!resolver)
        return rnl_fail(err, RNL_E_CONFIG, "secret.no_stores",
                        "\"secret://%s\" can't be looked up here", reference);
    status = secret_resolver_open(resolver, store, &plugin, &self, err);
    if (status != RNL_OK)
        return status;
    hash = strchr(slash, '#');
    path = hash ? strndup(slash + 1, (size_t)(hash - slash - 1)) : strdup(slash + 1);
    if (!path)
        return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret's path");
    status = plugin->secrets.read(self, path, hash ? hash + 1 : "", secret, err);
    free(path);
    return status;
}

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

static int resolve_file(const char *path, struct rnl_secret *secret, struct rnl_error *err)
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

static int resolve_variable(const char *name, struct rnl_secret *secret, struct rnl_error *err)
{
    const char *text = getenv(name);

    if (!text)
        return rnl_fail(err, RNL_E_CONFIG, "secret.variable_unset",
                        "the environment variable %s, which should hold a secret, is not set",
                        name);
    return secret_set(secret, (struct rnl_slice){text, strlen(text)}, 0, err);
}

int secret_resolve(struct secret_resolver *resolver, const char *text, struct rnl_secret *secret,
                   struct rnl_error *err)
{
    if (strncmp(text, "secret://", 9) == 0)
        return resolve_reference(resolver, text + 9, secret, err);
    if (strncmp(text, "file:", 5) == 0)
        return resolve_file(text + 5, secret, err);
    if (strncmp(text, "env:", 4) == 0)
        return resolve_variable(text + 4, secret, err);
    return secret_set(secret, (struct rnl_slice){text, strlen(text)}, 0, err);
}
