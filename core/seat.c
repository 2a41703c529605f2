/*
 * The place of a role: a thread takes its lease or waits for it, renews it, and hears what the
 * other processes of the role say by theirs.
 */
#include "seat.h"

#include "holder.h"
#include "session.h"
#include "util/clock.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    TICK_MS = 200,
    KEEP_MS = 3000,
    MARGIN_MS = 2000, /* who hasn't renewed so long before a lease's end stops by himself */
    LOOK_MS = 1000,   /* for members that are not known yet */
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
    char id[SEAT_ID];
    json_t *self;
    pthread_t thread;
    /* of the thread alone */
    struct own place, member;
    int64_t looked_ms;
    bool waited; /* it has seen another at work: "done" is meant for it too */
    bool told;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t news;
    json_t *words, *lead;
    json_t *crew[SEAT_CREW];
    unsigned said; /* counts seat_say(): what was put may be out of date */
    unsigned put;
    bool held, done, closing, ask;
    struct rnl_error failed; /* of the last try, until one succeeds */
};

static const struct rnl_transport_ops *ops_of(const struct seat *seat)
{
    return &seat->session.plugin->transport;
}

static bool is_writer(const struct seat *seat)
{
    return seat->run->role == RUN_WRITER;
}

const char *seat_id(const struct seat *seat)
{
    return seat->id;
}

/* --- what this process says ------------------------------------------------------------------- */

/* Who we are, and what we say; malloc'd. */
static char *text_of(struct seat *seat, bool done, unsigned *said)
{
    json_t *o = json_copy(seat->self);
    char *text;

    pthread_mutex_lock(&seat->lock);
    if (seat->words)
        json_object_update(o, seat->words);
    *said = seat->said;
    pthread_mutex_unlock(&seat->lock);
    json_object_set_new(o, "id", json_string(seat->id));
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
    unsigned said = 0;
    char *text = text_of(seat, done, &said);
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
    pthread_mutex_lock(&seat->lock);
    seat->put = said;
    pthread_mutex_unlock(&seat->lock);
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

static void keep_heard(struct seat *seat, json_t **place, json_t *heard)
{
    pthread_mutex_lock(&seat->lock);
    json_decref(*place);
    *place = heard;
    pthread_cond_broadcast(&seat->news);
    pthread_mutex_unlock(&seat->lock);
}

static int hear_crew(struct seat *seat, struct rnl_error *err)
{
    bool all = clock_ms() - seat->looked_ms >= LOOK_MS;
    int status = RNL_OK;

    if (all)
        seat->looked_ms = clock_ms();
    for (unsigned i = 0; i < SEAT_CREW && status >= 0; i++) {
        char name[24];
        uint64_t revision;
        json_t *heard;

        if (!seat->crew[i] && !all)
            continue;
        snprintf(name, sizeof(name), "crew.%u", i);
        status = look_at(seat, name, &heard, &revision, err);
        if (status < 0)
            return status;
        if (heard && (strcmp(json_string_value(json_object_get(heard, "id"))
                                 ? json_string_value(json_object_get(heard, "id"))
                                 : "",
                             seat->id) == 0 ||
                      holder_gone(heard))) { /* our own, of before we led; or a dead one's */
            json_decref(heard);
            heard = NULL;
        }
        keep_heard(seat, &seat->crew[i], heard);
    }
    return RNL_OK;
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
    json_decref(seat->words);
    seat->words = NULL;
    pthread_cond_broadcast(&seat->news);
    pthread_mutex_unlock(&seat->lock);
}

/* Nobody has the place, or one that isn't any more. */
static int take_place(struct seat *seat, uint64_t over, struct rnl_error *err)
{
    int status;

    set_held(seat, false); /* what a member says is not what a leader says */
    status = put_text(seat, &seat->place, over, false, err);
    if (status != RNL_OK)
        return status;
    log_write(RNL_LOG_INFO, seat->role, "the %s's lease is ours", seat->role);
    if (seat->member.held)
        ops_of(seat)->lease_drop(seat->leases, seat->member.name, seat->member.revision, err);
    seat->member.held = false;
    *err = (struct rnl_error)RNL_ERROR_INIT;
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
        keep_heard(seat, &seat->lead, holder);
        return RNL_OK;
    }
    json_decref(holder);
    keep_heard(seat, &seat->lead, NULL);
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

/* --- a member's own lease --------------------------------------------------------------------- */

/* RNL_OK also when another was quicker. */
static int join_crew(struct seat *seat, struct rnl_error *err)
{
    for (unsigned i = 0; i < SEAT_CREW; i++) {
        struct own *own = &seat->member;
        uint64_t revision;
        json_t *heard;
        int status;

        snprintf(own->name, sizeof(own->name), "crew.%u", i);
        status = look_at(seat, own->name, &heard, &revision, err);
        if (status == RNL_OK && holder_gone(heard))
            status = RNL_DONE;
        else
            revision = 0;
        json_decref(heard);
        if (status == RNL_OK)
            continue;
        return status < 0 ? status : put_text(seat, own, revision, false, err);
    }
    return RNL_OK; /* more than there are places: it stands by without */
}

static int keep_member(struct seat *seat, bool now, struct rnl_error *err)
{
    int status;

    if (!seat->member.held)
        return join_crew(seat, err);
    status = renew(seat, &seat->member, now, err);
    if (status == RNL_AGAIN)
        seat->member.held = false;
    return status < 0 ? status : RNL_OK;
}

/* --- the thread ------------------------------------------------------------------------------- */

static int tick(struct seat *seat, struct rnl_error *err)
{
    bool now;
    int status = RNL_OK;

    pthread_mutex_lock(&seat->lock);
    now = seat->ask || seat->said != seat->put;
    seat->ask = false;
    pthread_mutex_unlock(&seat->lock);
    if (seat->place.held)
        status = keep_place(seat, now, err);
    else
        status = try_place(seat, err);
    if (status < 0 || !is_writer(seat))
        return status;
    return seat->place.held ? hear_crew(seat, err) : keep_member(seat, now, err);
}

static void rest(struct seat *seat)
{
    int64_t until_ms = clock_ms() + TICK_MS;
    struct timespec until = {.tv_sec = until_ms / 1000,
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};

    pthread_mutex_lock(&seat->lock);
    if (!seat->closing && !seat->ask && seat->said == seat->put)
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
        if (status < 0) { /* what is said waits until the transport is back */
            pthread_mutex_lock(&seat->lock);
            seat->put = seat->said;
            pthread_mutex_unlock(&seat->lock);
        }
        rest(seat);
    }
    return NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

static struct seat *seat_new(struct run *run)
{
    struct seat *seat = calloc(1, sizeof(*seat));
    pthread_condattr_t attr;
    uint64_t number = 0;

    if (!seat)
        return NULL;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        number = (uint64_t)clock_ms();
    snprintf(seat->id, sizeof(seat->id), "%016" PRIx64, number);
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
    for (unsigned i = 0; i < SEAT_CREW; i++)
        json_decref(seat->crew[i]);
    json_decref(seat->words);
    json_decref(seat->lead);
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
    if (seat->member.held)
        ops_of(seat)->lease_drop(seat->leases, seat->member.name, seat->member.revision, &unheard);
    seat_free(seat);
}

static bool has_lanes(const json_t *lead, const char *id)
{
    const json_t *stint = json_object_get(lead, "stint");

    return json_array_size(json_object_get(json_object_get(stint, "deal"), id)) > 0;
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
           seat->failed.status != RNL_E_CONFIG && !has_lanes(seat->lead, seat->id))
        wait_for_news(seat, TICK_MS);
    if (!run_goes_on(seat->run) || seat->done) {
        status = RNL_DONE;
    } else if (!seat->held && seat->failed.status == RNL_E_CONFIG) {
        *err = seat->failed;
        status = err->status;
    } else {
        status = seat->held ? RNL_OK : RNL_AGAIN;
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

void seat_say(struct seat *seat, json_t *words)
{
    pthread_mutex_lock(&seat->lock);
    if (seat->words && words && json_equal(seat->words, words)) {
        json_decref(words);
    } else {
        json_decref(seat->words);
        seat->words = words;
        seat->said++;
        pthread_cond_broadcast(&seat->news);
    }
    pthread_mutex_unlock(&seat->lock);
}

json_t *seat_lead(struct seat *seat)
{
    json_t *lead;

    pthread_mutex_lock(&seat->lock);
    lead = json_incref(seat->lead);
    pthread_mutex_unlock(&seat->lock);
    return lead;
}

json_t *seat_member(struct seat *seat, unsigned at)
{
    json_t *member;

    pthread_mutex_lock(&seat->lock);
    member = json_incref(seat->crew[at]);
    pthread_mutex_unlock(&seat->lock);
    return member;
}

void seat_wait(struct seat *seat, int64_t timeout_ms)
{
    pthread_mutex_lock(&seat->lock);
    wait_for_news(seat, timeout_ms);
    pthread_mutex_unlock(&seat->lock);
}
