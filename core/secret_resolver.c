/* From what configuration says of a secret (a reference, a file, a variable) to its text. */
#include "host.h"
#include "module.h"
#include "options.h"
#include "secret.h"
#include "secret_file.h"

#include <pthread.h>
#include <stdlib.h>

enum { STORE_NAME_MAX = 64 };

struct store {
    char name[STORE_NAME_MAX];
    struct settings settings; /* as configured; for its first use */
    const struct plugin *plugin;
    void *config; /* the plugin's own struct */
    struct host_ctx host;
    void *self;   /* what the plugin opened; NULL: not yet */
    bool open;    /* changed with both locks */
    bool opening; /* its own options are being resolved: it can't answer for them */
};

/*
 * Both roles of a run read from it, and a thread renews: lock is held while a store is at work.
 * One that opens may read secrets of another: the lock is recursive. list_lock is held for moments
 * only, so that an interrupt gets through meanwhile.
 */
struct secret_resolver {
    pthread_mutex_t lock, list_lock;
    struct store **stores;
    size_t count;
};

struct secret_resolver *secret_resolver_new(void)
{
    struct secret_resolver *resolver = calloc(1, sizeof(struct secret_resolver));
    pthread_mutexattr_t attr;

    if (!resolver)
        return NULL;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&resolver->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_mutex_init(&resolver->list_lock, NULL);
    return resolver;
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
    pthread_mutex_destroy(&resolver->list_lock);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

/* The store of this name, made when it isn't there; NULL: memory is out. */
static struct store *store_get(struct secret_resolver *resolver, const char *name)
{
    struct store **stores, *store;

    for (size_t i = 0; i < resolver->count; i++)
        if (strcmp(resolver->stores[i]->name, name) == 0)
            return resolver->stores[i];
    store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    snprintf(store->name, sizeof(store->name), "%s", name);
    pthread_mutex_lock(&resolver->list_lock);
    stores = realloc(resolver->stores, (resolver->count + 1) * sizeof(struct store *));
    if (stores) {
        resolver->stores = stores;
        stores[resolver->count++] = store;
    }
    pthread_mutex_unlock(&resolver->list_lock);
    if (!stores)
        free(store);
    return stores ? store : NULL;
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
    pthread_mutex_lock(&resolver->list_lock);
    store->open = true;
    pthread_mutex_unlock(&resolver->list_lock);
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
    pthread_mutex_lock(&resolver->lock);
    store = store_get(resolver, name);
    if (!store)
        status = rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret store");
    else if (!store->open)
        status = store_open(resolver, store, err);
    if (status == RNL_OK) {
        *plugin = store->plugin;
        *self = store->self;
    }
    pthread_mutex_unlock(&resolver->lock);
    return status;
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
    hash = strchr(slash, '#');
    path = hash ? strndup(slash + 1, (size_t)(hash - slash - 1)) : strdup(slash + 1);
    if (!path)
        return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret's path");
    pthread_mutex_lock(&resolver->lock);
    status = secret_resolver_open(resolver, store, &plugin, &self, err);
    if (status == RNL_OK)
        status = plugin->secrets.read(self, path, hash ? hash + 1 : "", secret, err);
    pthread_mutex_unlock(&resolver->lock);
    free(path);
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
    if (secret_is_reference(text))
        return resolve_reference(resolver, text + 9, secret, err);
    if (strncmp(text, "file:", 5) == 0)
        return secret_file_read(text + 5, secret, err);
    if (strncmp(text, "env:", 4) == 0)
        return resolve_variable(text + 4, secret, err);
    return secret_set(secret, (struct rnl_slice){text, strlen(text)}, 0, err);
}

bool secret_is_reference(const char *text)
{
    return strncmp(text, "secret://", 9) == 0;
}

/* --- secrets that are lent for a time --------------------------------------------------------- */

int secret_resolver_renew(struct secret_resolver *resolver, struct rnl_error *err)
{
    int status = RNL_OK;

    pthread_mutex_lock(&resolver->lock);
    for (size_t i = 0; i < resolver->count; i++) {
        const struct store *store = resolver->stores[i];
        int one = store->open && store->plugin->secrets.renew
                      ? store->plugin->secrets.renew(store->self, err)
                      : RNL_OK;

        if (one == RNL_AGAIN || (one < 0 && status == RNL_OK))
            status = one;
    }
    pthread_mutex_unlock(&resolver->lock);
    return status;
}

bool secret_resolver_forget(struct secret_resolver *resolver)
{
    bool any = false;

    pthread_mutex_lock(&resolver->lock);
    for (size_t i = 0; i < resolver->count; i++) {
        const struct store *store = resolver->stores[i];

        any = any || store->open;
        if (store->open && store->plugin->secrets.forget)
            store->plugin->secrets.forget(store->self);
    }
    pthread_mutex_unlock(&resolver->lock);
    return any;
}

void secret_resolver_interrupt(struct secret_resolver *resolver)
{
    pthread_mutex_lock(&resolver->list_lock);
    for (size_t i = 0; i < resolver->count; i++) {
        const struct store *store = resolver->stores[i];

        if (store->open && store->plugin->secrets.interrupt)
            store->plugin->secrets.interrupt(store->self);
    }
    pthread_mutex_unlock(&resolver->list_lock);
}
