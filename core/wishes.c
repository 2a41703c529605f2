/* A thread with the registry: what this node wants is stored there, what all want is watched. */
#include "wishes.h"

#include "registry.h"
#include "util/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { WATCH_MS = 30000, RETRY_S = 2, TRIES = 5, VALUE_MOST = 4096 };

struct said {
    struct said *next;
    char *key;
    json_t *wish;
    enum wish_mode mode;
};

struct wishes {
    char *plugin, *by;
    struct settings settings;
    pthread_t thread;

    /* the thread's own */
    struct session session;
    uint64_t index;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    struct said *first; /* not stored yet, the oldest first */
    json_t *all;        /* as read last, and not taken yet */
    bool open;          /* the session is: it may be interrupted */
    bool ending;
    bool away;
    char why[200];
};

static void said_free(struct said *said)
{
    json_decref(said->wish);
    free(said->key);
    free(said);
}

/* --- storing ---------------------------------------------------------------------------------- */

static json_int_t turn_of(const json_t *wish)
{
    return json_integer_value(json_object_get(wish, "turn"));
}

static json_int_t turn_there(const struct rnl_entry *entry)
{
    json_t *there = entry->value.len > VALUE_MOST
                        ? NULL
                        : json_loadb(entry->value.ptr, entry->value.len, 0, NULL);
    json_int_t turn = turn_of(there);

    json_decref(there);
    return turn;
}

static int store(struct session *session, const char *by, const char *key, json_t *wish,
                 enum wish_mode mode, struct rnl_error *err)
{
    const struct rnl_registry_ops *ops = &session->plugin->registry;
    struct rnl_entry entry = {.size = sizeof(entry)};
    int status = ops->read(session->self, key, &entry, err);
    bool there = status == RNL_OK;
    json_int_t turn = turn_of(wish), latest;
    char *text;

    if (!there && status != RNL_DONE)
        return status;
    latest = there ? turn_there(&entry) : 0;
    if ((there && mode == WISH_IF_MISSING) || (mode == WISH_IF_LATEST && latest > turn))
        return RNL_DONE;
    turn = latest > turn ? latest : turn; /* one more than both know */
    json_object_set_new(wish, "turn", json_integer(turn < INT64_MAX ? turn + 1 : 1));
    json_object_set_new(wish, "by", json_string(by));
    text = json_dumps(wish, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    status = ops->store(session->self, key, (struct rnl_slice){text, strlen(text)},
                        there ? entry.revision : 0, err);
    free(text);
    return status;
}

/* Others may say something at the same time: the last one counts. */
int wishes_store(struct session *session, const char *by, const char *key, json_t *wish,
                 enum wish_mode mode, struct rnl_error *err)
{
    int status = RNL_E_RETRY;

    for (int i = 0; i < TRIES && status == RNL_E_RETRY; i++) {
        *err = (struct rnl_error)RNL_ERROR_INIT;
        status = store(session, by, key, wish, mode, err);
        if (status == RNL_E_RETRY && strcmp(err->code, "registry.conflict") != 0)
            break;
    }
    return status;
}

/* What the registry refuses for good is told, and not tried again. */
static int store_all(struct wishes *w, struct rnl_error *err)
{
    struct said *said;
    int status = RNL_OK;

    for (;;) {
        pthread_mutex_lock(&w->lock);
        said = w->first;
        pthread_mutex_unlock(&w->lock);
        if (!said)
            return RNL_OK;
        status = wishes_store(&w->session, w->by, said->key, said->wish, said->mode, err);
        if (status == RNL_E_RETRY)
            return status;
        if (status != RNL_OK && status != RNL_DONE)
            log_error("registry", err);
        pthread_mutex_lock(&w->lock);
        w->first = said->next;
        pthread_mutex_unlock(&w->lock);
        said_free(said);
    }
}

/* --- watching --------------------------------------------------------------------------------- */

/* Hostile, as all that comes from elsewhere: what is no wish is left out. */
static void on_entry(void *arg, const struct rnl_entry *entry)
{
    json_t *all = arg, *wish;

    if (entry->value.len > VALUE_MOST ||
        strncmp(entry->key, WISHES_PREFIX, sizeof(WISHES_PREFIX) - 1) != 0)
        return;
    wish = json_loadb(entry->value.ptr, entry->value.len, 0, NULL);
    if (json_is_object(wish))
        json_object_set(all, entry->key + sizeof(WISHES_PREFIX) - 1, wish);
    json_decref(wish);
}

static int watch(struct wishes *w, struct rnl_error *err)
{
    json_t *all = json_object();
    int status = w->session.plugin->registry.watch(w->session.self, WISHES_PREFIX, &w->index,
                                                   w->index ? WATCH_MS : 0, on_entry, all, err);

    if (status == RNL_OK) {
        json_t *before;

        pthread_mutex_lock(&w->lock);
        before = w->all;
        w->all = json_incref(all);
        pthread_mutex_unlock(&w->lock);
        json_decref(before);
    }
    json_decref(all);
    return status == RNL_AGAIN ? RNL_OK : status;
}

/* --- its thread ------------------------------------------------------------------------------- */

static void set_open(struct wishes *w, bool open)
{
    pthread_mutex_lock(&w->lock);
    w->open = open;
    pthread_mutex_unlock(&w->lock);
}

static int reach(struct wishes *w, struct rnl_error *err)
{
    int status = RNL_OK;

    if (!w->session.self) {
        w->index = 0;
        status = registry_open(&w->session, w->plugin, &w->settings, NULL, err);
        if (status == RNL_OK)
            set_open(w, true);
    }
    if (status == RNL_OK)
        status = store_all(w, err);
    if (status == RNL_OK)
        status = watch(w, err);
    if (status != RNL_OK && w->session.self) {
        set_open(w, false);
        session_close(&w->session);
    }
    return status;
}

/* Once when it goes away, once when it is back. */
static void tell(struct wishes *w, int status, const struct rnl_error *err)
{
    bool away = status != RNL_OK, was;

    pthread_mutex_lock(&w->lock);
    was = w->away;
    w->away = away;
    snprintf(w->why, sizeof(w->why), "%.199s", away ? err->text : "");
    pthread_mutex_unlock(&w->lock);
    if (away && !was)
        log_write(RNL_LOG_WARN, "registry",
                  "what other nodes want isn't heard, all else goes on: %s", err->text);
    if (!away && was)
        log_write(RNL_LOG_INFO, "registry", "what other nodes want is heard again");
}

/* Before it is tried again; false: it is to end. */
static bool rest(struct wishes *w, bool away)
{
    struct timespec until;
    bool ending;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += RETRY_S;
    pthread_mutex_lock(&w->lock);
    while (away && !w->ending && pthread_cond_timedwait(&w->changed, &w->lock, &until) == 0)
        ;
    ending = w->ending;
    pthread_mutex_unlock(&w->lock);
    return !ending;
}

static void *keep_hearing(void *arg)
{
    struct wishes *w = arg;
    int status;

    do {
        struct rnl_error err = RNL_ERROR_INIT;

        status = reach(w, &err);
        tell(w, status, &err);
    } while (rest(w, status != RNL_OK));
    set_open(w, false);
    if (w->session.self)
        session_close(&w->session);
    return NULL;
}

/* --- for the node ----------------------------------------------------------------------------- */

static void wishes_free(struct wishes *w)
{
    while (w->first) {
        struct said *said = w->first;

        w->first = said->next;
        said_free(said);
    }
    json_decref(w->all);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    settings_clear(&w->settings);
    free(w->plugin);
    free(w->by);
    free(w);
}

/* Whether the registry keeps entries at all. */
static bool keeps(const char *plugin)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* who announces the node tells of it */
    const struct plugin *found;

    return plugin_find(RNL_REGISTRY, plugin, &found, &unheard) != RNL_OK || found->registry.watch;
}

struct wishes *wishes_begin(const char *plugin, const struct settings *settings, const char *by)
{
    struct wishes *w = keeps(plugin) ? calloc(1, sizeof(*w)) : NULL;

    if (!w)
        return NULL;
    w->plugin = strdup(plugin);
    w->by = strdup(by);
    settings_merge(&w->settings, settings);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    if (w->plugin && w->by && pthread_create(&w->thread, NULL, keep_hearing, w) == 0)
        return w;
    wishes_free(w);
    return NULL;
}

/* With the lock held. */
static void wake(struct wishes *w)
{
    if (w->open)
        w->session.plugin->registry.interrupt(w->session.self);
    pthread_cond_signal(&w->changed);
}

void wishes_say(struct wishes *w, const char *what, json_t *wish, enum wish_mode mode)
{
    struct said *said = w ? calloc(1, sizeof(*said)) : NULL, **at;

    if (!said || asprintf(&said->key, WISHES_PREFIX "%s", what) < 0) {
        free(said);
        json_decref(wish);
        return;
    }
    said->wish = wish;
    said->mode = mode;
    pthread_mutex_lock(&w->lock);
    at = &w->first;
    while (*at)
        at = &(*at)->next;
    *at = said;
    wake(w);
    pthread_mutex_unlock(&w->lock);
}

json_t *wishes_take(struct wishes *w)
{
    json_t *all = NULL;

    if (!w)
        return NULL;
    pthread_mutex_lock(&w->lock);
    all = w->all;
    w->all = NULL;
    pthread_mutex_unlock(&w->lock);
    return all;
}

bool wishes_away(struct wishes *w, char *text, size_t size)
{
    bool away;

    pthread_mutex_lock(&w->lock);
    away = w->away;
    snprintf(text, size, "%s", w->why);
    pthread_mutex_unlock(&w->lock);
    return away;
}

void wishes_end(struct wishes *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    wake(w);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    wishes_free(w);
}
