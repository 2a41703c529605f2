/* The place of a role: a thread takes its lease or waits for it, and renews it. */
#include "seat.h"

#include "holder.h"
#include "session.h"
#include "util/clock.h"
#include "util/log.h"

#include <stdlib.h>
#include <time.h>

enum {
    TICK_MS = 200,
    KEEP_MS = 3000,
    MARGIN_MS = 2000, /* who hasn't renewed so long before a lease's end stops by himself */
};

/* A lease that is, or is to be, ours. */
struct own {
    char name[24];
    uint64_t revision;
    bool held;
    int64_t kept_ms; /* when renewing it began that succeeded last */
};

struct seat {
    struct run *run;
    struct session session; /* no transport is open in it: leases stand by themselves */
    void *leases;
    const char *role; /* what the role's lease is called */
    json_t *self;
    pthread_t thread;
    /* of the thread alone */
    struct own place;
    bool waited; /* it has seen another at work: "done" is meant for it too */
    bool told;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t news;
    bool held, done, closing, ask;
    struct rnl_error failed; /* of the last try, until one succeeds */
};

static const struct rnl_transport_ops *ops_of(const struct seat *seat)
{
    return &seat->session.plugin->transport;
}

/* --- the lease -------------------------------------------------------------------------------- */

/* Who we are; malloc'd. */
static char *text_of(struct seat *seat, bool done)
{
    json_t *o = json_copy(seat->self);
    char *text;

    json_object_set_new(o, "done", json_boolean(done));
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

static int put_text(struct seat *seat, struct own *own, uint64_t over, bool done,
                    struct rnl_error *err)
{
    int64_t begun_ms = clock_ms();
    uint64_t revision = over;
    char *text = text_of(seat, done);
    int status;

    if (!text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a lease");
    status = ops_of(seat)->lease_put(seat->leases, own->name,
                                     (struct rnl_slice){text, strlen(text)}, &revision, err);
    free(text);
    if (status != RNL_OK)
        return status;
    own->revision = revision;
    own->held = true;
    own->kept_ms = begun_ms;
    return RNL_OK;
}

/* RNL_AGAIN: it is another's by now. RNL_DONE: it isn't time yet. */
static int renew(struct seat *seat, struct own *own, bool now, struct rnl_error *err)
{
    uint64_t none = 0;
    int status;

    if (!now && clock_ms() - own->kept_ms < KEEP_MS)
        return RNL_DONE;
    status = put_text(seat, own, own->revision, false, err);
    if (status != RNL_AGAIN)
        return status;
    /* forgotten with all that the transport stored, or for want of renewal: nobody's, perhaps */
    return put_text(seat, own, none, false, err);
}

static bool is_late(const struct own *own)
{
    return clock_ms() - own->kept_ms >= RNL_LEASE_MS - MARGIN_MS;
}

/* --- what others say -------------------------------------------------------------------------- */

/* RNL_DONE: nobody has it. */
static int look_at(struct seat *seat, const char *name, json_t **heard, uint64_t *revision,
                   struct rnl_error *err)
{
    struct rnl_slice text;
    int status = ops_of(seat)->lease_look(seat->leases, name, &text, revision, err);

    *heard = NULL;
    if (status != RNL_OK)
        return status;
    *heard = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(*heard))
        return RNL_OK;
    json_decref(*heard);
    *heard = NULL;
    return rnl_fail(err, RNL_E_CONFIG, "lease.foreign", "the lease %s says nothing of Runnel's",
                    name);
}

/* --- the place -------------------------------------------------------------------------------- */

static void tell_waiting(struct seat *seat, const json_t *holder)
{
    char who[160], words[240];

    seat->waited = true;
    holder_words(holder, who, sizeof(who));
    snprintf(words, sizeof(words), "waiting: %s has the %s's lease", who, seat->role);
    pthread_mutex_lock(&seat->run->lock);
    snprintf(seat->run->stands_by, sizeof(seat->run->stands_by), "%s", words);
    pthread_mutex_unlock(&seat->run->lock);
    if (!seat->told)
        log_write(RNL_LOG_INFO, seat->role, "%s", words);
    seat->told = true;
}

static void set_held(struct seat *seat, bool held)
{
    pthread_mutex_lock(&seat->run->lock);
    if (held)
        seat->run->stands_by[0] = '\0';
    pthread_mutex_unlock(&seat->run->lock);
    pthread_mutex_lock(&seat->lock);
    seat->held = held;
    pthread_cond_broadcast(&seat->news);
    pthread_mutex_unlock(&seat->lock);
}

/* Nobody has the place, or one that isn't any more. */
static int take_place(struct seat *seat, uint64_t over, struct rnl_error *err)
{
    int status;

    status = put_text(seat, &seat->place, over, false, err);
    if (status != RNL_OK)
        return status;
    log_write(RNL_LOG_INFO, seat->role, "the %s's lease is ours", seat->role);
    set_held(seat, true);
    return RNL_OK;
}

static void note_done(struct seat *seat)
{
    pthread_mutex_lock(&seat->lock);
    seat->done = true;
    pthread_cond_broadcast(&seat->news);
    pthread_mutex_unlock(&seat->lock);
}

/* One that is done before we saw it at work was of another run: what is left to do is asked anew.
 */
static int try_place(struct seat *seat, struct rnl_error *err)
{
    uint64_t revision = 0;
    json_t *holder;
    int status = look_at(seat, seat->role, &holder, &revision, err);
    bool done = json_is_true(json_object_get(holder, "done"));

    if (status < 0)
        return status;
    if (status == RNL_OK && done && seat->waited) {
        note_done(seat);
    } else if (status == RNL_DONE || done || holder_gone(holder)) {
        status = take_place(seat, status == RNL_DONE ? 0 : revision, err);
        if (status == RNL_AGAIN)
            status = RNL_OK; /* another was quicker */
    } else {
        tell_waiting(seat, holder);
    }
    json_decref(holder);
    return status < 0 ? status : RNL_OK;
}

static void lose(struct seat *seat, const char *why)
{
    struct rnl_error err = RNL_ERROR_INIT;

    seat->place.held = false;
    seat->told = false;
    set_held(seat, false);
    rnl_fail(&err, RNL_E_RETRY, "lease.lost", "the %s's lease is ours no more: %s", seat->role,
             why);
    run_fail(seat->run, &err);
}

static int keep_place(struct seat *seat, bool now, struct rnl_error *err)
{
    int status = is_late(&seat->place) ? RNL_AGAIN : renew(seat, &seat->place, now, err);

    if (status == RNL_AGAIN)
        lose(seat, is_late(&seat->place) ? "it couldn't be renewed in time"
                                         : "another process has taken it");
    return status < 0 ? status : RNL_OK;
}

/* --- the thread ------------------------------------------------------------------------------- */

static int tick(struct seat *seat, struct rnl_error *err)
{
    bool now;

    pthread_mutex_lock(&seat->lock);
    now = seat->ask;
    seat->ask = false;
    pthread_mutex_unlock(&seat->lock);
    return seat->place.held ? keep_place(seat, now, err) : try_place(seat, err);
}

static void rest(struct seat *seat)
{
    int64_t until_ms = clock_ms() + TICK_MS;
    struct timespec until = {.tv_sec = until_ms / 1000,
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};

    pthread_mutex_lock(&seat->lock);
    if (!seat->closing && !seat->ask)
        pthread_cond_timedwait(&seat->news, &seat->lock, &until);
    pthread_mutex_unlock(&seat->lock);
}

static void tell_tried(struct seat *seat, const struct rnl_error *err)
{
    pthread_mutex_lock(&seat->lock);
    seat->failed = *err;
    pthread_cond_broadcast(&seat->news);
    pthread_mutex_unlock(&seat->lock);
}

static bool is_closing(struct seat *seat)
{
    bool closing;

    pthread_mutex_lock(&seat->lock);
    closing = seat->closing;
    pthread_mutex_unlock(&seat->lock);
    return closing;
}

static void *seat_main(void *arg)
{
    struct seat *seat = arg;

    while (!is_closing(seat)) {
        struct rnl_error err = RNL_ERROR_INIT;
        int status = tick(seat, &err);

        tell_tried(seat, &err);
        if (status < 0 && seat->place.held && is_late(&seat->place))
            lose(seat, err.text);
        rest(seat);
    }
    return NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

static struct seat *seat_new(struct run *run)
{
    struct seat *seat = calloc(1, sizeof(*seat));
    pthread_condattr_t attr;

    if (!seat)
        return NULL;
    seat->run = run;
    seat->role = run->role == RUN_READER ? "reader" : "writer";
    snprintf(seat->place.name, sizeof(seat->place.name), "%s", seat->role);
    seat->failed = (struct rnl_error)RNL_ERROR_INIT;
    seat->self = holder_self();
    pthread_mutex_init(&seat->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&seat->news, &attr);
    pthread_condattr_destroy(&attr);
    return seat;
}

static void seat_free(struct seat *seat)
{
    if (seat->leases)
        ops_of(seat)->leases_close(seat->leases);
    session_close(&seat->session);
    json_decref(seat->self);
    pthread_cond_destroy(&seat->news);
    pthread_mutex_destroy(&seat->lock);
    free(seat);
}

int seat_open(struct run *run, struct seat **out, struct rnl_error *err)
{
    struct seat *seat = seat_new(run);
    int status;

    *out = NULL;
    if (!seat || !seat->self) {
        if (seat)
            seat_free(seat);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the role's lease");
    }
    status = session_open_leases(&seat->session, run->config, seat->role, run->resolver,
                                 &run->stopping, &seat->leases, err);
    if (status != RNL_OK || !seat->leases) {
        seat_free(seat);
        return status;
    }
    if (pthread_create(&seat->thread, NULL, seat_main, seat) != 0) {
        seat_free(seat);
        return rnl_fail(err, RNL_E_FATAL, "thread", "a thread for the lease can't be started");
    }
    *out = seat;
    return RNL_OK;
}

void seat_close(struct seat *seat, bool done)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* then the lease ends by itself */

    if (!seat)
        return;
    pthread_mutex_lock(&seat->lock);
    seat->closing = true;
    pthread_cond_broadcast(&seat->news);
    pthread_mutex_unlock(&seat->lock);
    pthread_join(seat->thread, NULL);
    if (seat->place.held && done)
        put_text(seat, &seat->place, seat->place.revision, true, &unheard);
    else if (seat->place.held)
        ops_of(seat)->lease_drop(seat->leases, seat->place.name, seat->place.revision, &unheard);
    seat_free(seat);
}

static void wait_for_news(struct seat *seat, int64_t timeout_ms)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    struct timespec until = {.tv_sec = until_ms / 1000,
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};

    pthread_cond_timedwait(&seat->news, &seat->lock, &until);
}

int seat_take(struct seat *seat, struct rnl_error *err)
{
    int status = RNL_DONE;

    pthread_mutex_lock(&seat->lock);
    while (run_goes_on(seat->run) && !seat->done && !seat->held &&
           seat->failed.status != RNL_E_CONFIG)
        wait_for_news(seat, TICK_MS);
    if (!run_goes_on(seat->run) || seat->done) {
        status = RNL_DONE;
    } else if (!seat->held && seat->failed.status == RNL_E_CONFIG) {
        *err = seat->failed;
        status = err->status;
    } else {
        status = RNL_OK;
    }
    pthread_mutex_unlock(&seat->lock);
    return status;
}

bool seat_holds(struct seat *seat)
{
    bool held;

    pthread_mutex_lock(&seat->lock);
    seat->ask = true;
    seat->failed.status = RNL_AGAIN;
    pthread_cond_broadcast(&seat->news);
    for (int64_t until_ms = clock_ms() + KEEP_MS;
         seat->held && (seat->ask || seat->failed.status == RNL_AGAIN) && clock_ms() < until_ms;)
        wait_for_news(seat, TICK_MS);
    held = seat->held;
    pthread_mutex_unlock(&seat->lock);
    return held;
}

bool seat_done(struct seat *seat)
{
    bool done;

    pthread_mutex_lock(&seat->lock);
    done = seat->done;
    pthread_mutex_unlock(&seat->lock);
    return done;
}
