/* Registry plugins in use: opened, and a thread that keeps a node announced. */
#include "registry.h"

#include "options.h"
#include "remote_part.h"
#include "secret.h"
#include "util/log.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BEAT_S 2

/* Written before threads are begun, read by all of them. */
static struct {
    char *name;
    struct settings settings;
} * stores;
static size_t nstores;

void registry_store(const char *store, const struct settings *settings)
{
    void *more = realloc(stores, (nstores + 1) * sizeof(stores[0]));

    if (!more)
        abort(); /* as a node does that can't remember */
    stores = more;
    memset(&stores[nstores], 0, sizeof(stores[0]));
    stores[nstores].name = strdup(store);
    if (!stores[nstores].name)
        abort();
    settings_merge(&stores[nstores++].settings, settings);
}

void registry_forget_stores(void)
{
    while (nstores > 0) {
        free(stores[--nstores].name);
        settings_clear(&stores[nstores].settings);
    }
    free(stores);
    stores = NULL;
}

/* One for each opening: a resolver is one thread's. */
static struct secret_resolver *own_resolver(void)
{
    struct secret_resolver *resolver = secret_resolver_new();

    for (size_t i = 0; resolver && i < nstores; i++)
        secret_resolver_store(resolver, stores[i].name, &stores[i].settings);
    return resolver;
}

/* Beside the sockets stand those who have one: where nothing else is said. */
static int settle(const char *plugin, struct settings *settings, struct rnl_error *err)
{
    const struct origin origin = {.kind = ORIGIN_PRESET};
    struct remote_path unused;
    char folder[108], path[PATH_MAX];

    if (strcmp(plugin, "local") != 0 || settings_find(settings, "path"))
        return RNL_OK;
    if (remote_path_make("x", &unused, err) != RNL_OK || /* makes the folder */
        remote_folder(folder, sizeof(folder), err) != RNL_OK)
        return err->status;
    snprintf(path, sizeof(path), "%s/nodes", folder);
    settings_set(settings, "path", SETTING_TEXT, path, &origin);
    return RNL_OK;
}

static int build(struct session *session, const char *plugin, const struct settings *given,
                 struct secret_resolver *resolver, struct rnl_error *err)
{
    struct secret_resolver *own = resolver ? NULL : own_resolver();
    struct settings settings = {0};
    int status;

    settings_merge(&settings, given);
    status = settle(plugin, &settings, err);
    if (status == RNL_OK)
        status = options_build(&session->plugin->options, "registry", &settings,
                               resolver ? resolver : own, &session->config, err);
    settings_clear(&settings);
    secret_resolver_free(own);
    return status;
}

int registry_open(struct session *session, const char *plugin, const struct settings *settings,
                  struct secret_resolver *resolver, struct rnl_error *err)
{
    const char *name = plugin ? plugin : "local";
    char component[100];
    int status;

    *session = (struct session){0};
    if (plugin_find(RNL_REGISTRY, name, &session->plugin, err) != RNL_OK)
        return err->status;
    status = build(session, name, settings, resolver, err);
    if (status == RNL_OK) {
        snprintf(component, sizeof(component), "registry/%s", name);
        host_ctx_init(&session->host, component, session->config, NULL, NULL);
        status = session->plugin->registry.open(&session->host.ctx, &session->self, err);
    }
    if (status != RNL_OK) {
        session->self = NULL;
        session_close(session);
    }
    return status;
}

/* --- announcing ------------------------------------------------------------------------------- */

struct announcer {
    char *plugin, *node;
    const char *const *tags;
    struct settings settings;
    pthread_t thread;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    char note[200];
    int health;
    bool news, ending;
};

static int announce(const struct announcer *a, struct session *session, struct rnl_error *err)
{
    char host[256] = "localhost";
    struct rnl_service service = {.size = sizeof(service),
                                  .name = REGISTRY_NODE,
                                  .id = a->node,
                                  .address = host,
                                  .tags = a->tags};
    int status = registry_open(session, a->plugin, &a->settings, NULL, err);

    gethostname(host, sizeof(host) - 1);
    if (status == RNL_OK)
        status = session->plugin->registry.announce(session->self, &service, err);
    if (status != RNL_OK)
        session_close(session);
    return status;
}

/* Once when it goes away, once when it is back. */
static void tell(bool *away, bool is_away, const struct rnl_error *err)
{
    if (is_away && !*away)
        log_write(RNL_LOG_WARN, "registry", "others can't see this node, all else goes on: %s",
                  err->text);
    if (!is_away && *away)
        log_write(RNL_LOG_INFO, "registry", "others can see this node again");
    *away = is_away;
}

/* Until there is news, or it is time to say again that we live; false: it is to end. */
static bool wait_for_news(struct announcer *a, char *note, size_t size, int *health)
{
    struct timespec until;
    bool ending;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += BEAT_S;
    pthread_mutex_lock(&a->lock);
    while (!a->news && !a->ending && pthread_cond_timedwait(&a->changed, &a->lock, &until) == 0)
        ;
    a->news = false;
    ending = a->ending;
    *health = a->health;
    snprintf(note, size, "%s", a->note);
    pthread_mutex_unlock(&a->lock);
    return !ending;
}

static void *keep_announced(void *arg)
{
    struct announcer *a = arg;
    struct session session = {0};
    struct rnl_error err;
    bool open = false, away = false;
    char note[sizeof(a->note)] = "";
    int health = RNL_HEALTHY;

    do {
        err = (struct rnl_error)RNL_ERROR_INIT;
        if (!open)
            open = announce(a, &session, &err) == RNL_OK;
        if (open && session.plugin->registry.beat(session.self, health, note, &err) != RNL_OK) {
            session_close(&session);
            open = false;
        }
        tell(&away, !open, &err);
    } while (wait_for_news(a, note, sizeof(note), &health));
    if (open) {
        session.plugin->registry.withdraw(session.self, &err);
        session_close(&session);
    }
    return NULL;
}

struct announcer *announcer_begin(const char *plugin, const struct settings *settings,
                                  const char *node, const char *const *tags)
{
    struct announcer *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->plugin = strdup(plugin);
    a->node = strdup(node);
    a->tags = tags;
    a->health = RNL_HEALTHY;
    settings_merge(&a->settings, settings);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (a->plugin && a->node && pthread_create(&a->thread, NULL, keep_announced, a) == 0)
        return a;
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    settings_clear(&a->settings);
    free(a->plugin);
    free(a->node);
    free(a);
    return NULL;
}

void announcer_note(struct announcer *a, int health, const char *note)
{
    pthread_mutex_lock(&a->lock);
    if (strcmp(a->note, note) != 0 || a->health != health) {
        snprintf(a->note, sizeof(a->note), "%s", note);
        a->health = health;
        a->news = true;
        pthread_cond_signal(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
}

void announcer_end(struct announcer *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->ending = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    settings_clear(&a->settings);
    free(a->plugin);
    free(a->node);
    free(a);
}
