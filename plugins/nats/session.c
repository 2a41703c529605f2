/* What the two ends of a pipeline share in this process: the connection, the stream, its subjects.
 */
#include "nats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { REQUEST_MS = 10000, UNSUBSCRIBE_MS = 2000, BACK_BYTES = 8 << 20 };

static pthread_mutex_t sessions_lock = PTHREAD_MUTEX_INITIALIZER; /* guards sessions, their ends */
static struct session *sessions;

int64_t nats_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void session_wait(struct session *session)
{
    int64_t until_ms = nats_now_ms() + SLICE_MS;
    struct timespec until = {.tv_sec = until_ms / 1000,
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};

    pthread_cond_timedwait(&session->moved, &session->lock, &until);
}

void session_fail(struct session *session, const struct rnl_error *err)
{
    if (session->failed.status == RNL_OK)
        session->failed = *err;
    pthread_cond_broadcast(&session->moved);
}

struct session *session_of(const struct end *end, const char *subject)
{
    return strcmp(subject, "feedback") == 0 ? end->back : end->ahead;
}

int session_state(const struct end *end, const struct session *session, struct rnl_error *err)
{
    if (atomic_load(&end->interrupted))
        return rnl_fail(err, RNL_E_RETRY, "transport.interrupted", "the transport was interrupted");
    if (session->failed.status == RNL_OK)
        return RNL_OK;
    *err = session->failed;
    return err->status;
}

struct subject *session_subject(struct session *session, const char *name)
{
    struct subject *subject;
    char safe[128];

    for (subject = session->subjects; subject; subject = subject->next)
        if (strcmp(subject->name, name) == 0)
            return subject;
    if (!frame_name(safe, sizeof(safe), name))
        return NULL;
    subject = calloc(1, sizeof(*subject));
    if (!subject)
        return NULL;
    subject->name = strdup(name);
    if (!subject->name || snprintf(subject->full, sizeof(subject->full), "%s.%s", session->root,
                                   safe) >= (int)sizeof(subject->full)) {
        free(subject->name);
        free(subject);
        return NULL;
    }
    subject->acked_seq = session->confirmed + session->count; /* nothing of it is there yet */
    subject->next = session->subjects;
    session->subjects = subject;
    return subject;
}

/*
 * The library's reading thread may be about to give a message to it: it ends by a round trip behind
 * the word that no more are wanted.
 */
void session_unsubscribe(struct session *session, natsSubscription *subscription)
{
    if (!subscription)
        return;
    natsSubscription_Unsubscribe(subscription);
    if (natsConnection_Status(session->conn) == NATS_CONN_STATUS_CONNECTED)
        natsConnection_FlushTimeout(session->conn, UNSUBSCRIBE_MS);
    natsSubscription_Destroy(subscription);
}

static void session_free(struct session *session)
{
    for (; session->count; session->count--)
        natsMsg_Destroy(session->window[session->first++ % WINDOW].message);
    while (session->subjects) {
        struct subject *subject = session->subjects;

        session->subjects = subject->next;
        free(subject->name);
        free(subject->sent);
        free(subject);
    }
    session_unsubscribe(session, session->confirmations);
    free(session->inbox);
    jsCtx_Destroy(session->js);
    natsConnection_Destroy(session->conn);
    link_release(session->events);
    pthread_cond_destroy(&session->moved);
    pthread_mutex_destroy(&session->lock);
    free(session->pipeline);
    free(session);
}

static int name_all(struct session *session, struct rnl_error *err)
{
    char prefix[128], pipeline[256];

    if (!frame_name(prefix, sizeof(prefix), session->config->prefix) ||
        !frame_name(pipeline, sizeof(pipeline), session->pipeline))
        return rnl_fail(err, RNL_E_CONFIG, "nats.name",
                        "prefix and pipeline make a name that is too long for a stream");
    stream_name(session->stream, session->config, session->pipeline, session->back);
    snprintf(session->root, sizeof(session->root), "%s.%s%s", prefix, pipeline,
             session->back ? "_answers" : "");
    return RNL_OK;
}

/* How much of a body one message takes, by the server and by the stream. */
static int size_parts(struct session *session, struct rnl_error *err)
{
    int64_t max = natsConnection_GetMaxPayload(session->conn);

    if (max > MESSAGE_MAX)
        max = MESSAGE_MAX;
    if (max < 2 * MESSAGE_OVERHEAD)
        return rnl_fail(err, RNL_E_CONFIG, "nats.max_payload",
                        "the server takes messages of %lld bytes: too little for any use",
                        (long long)max);
    session->part_bytes = (size_t)max - MESSAGE_OVERHEAD;
    return RNL_OK;
}

static int hear_confirmations(struct session *session, struct rnl_error *err)
{
    natsInbox *inbox = NULL;
    natsStatus status = natsInbox_Create(&inbox);
    char all[256];

    if (status == NATS_OK) {
        session->inbox = strdup(inbox);
        natsInbox_Destroy(inbox);
        if (!session->inbox)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for an inbox");
        snprintf(all, sizeof(all), "%s.*.*", session->inbox);
        status = natsConnection_SubscribeSync(&session->confirmations, session->conn, all);
    }
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(session->confirmations, -1, -1);
    return status == NATS_OK ? RNL_OK : link_fail(err, status, 0, "can't subscribe at NATS");
}

static int session_start(struct session *session, struct rnl_error *err)
{
    jsOptions options;
    natsStatus status;

    if (name_all(session, err) != RNL_OK ||
        link_connect(session->ctx, &session->conn, &session->events, err) != RNL_OK ||
        size_parts(session, err) != RNL_OK)
        return err->status;
    jsOptions_Init(&options);
    options.Wait = REQUEST_MS;
    status = natsConnection_JetStream(&session->js, session->conn, &options);
    if (status != NATS_OK)
        return link_fail(err, status, 0, "can't use JetStream");
    if (getrandom(&session->id, sizeof(session->id), 0) != sizeof(session->id))
        return rnl_fail(err, RNL_E_FATAL, "random", "the system gives no random bytes");
    if (stream_prepare(session, err) != RNL_OK || hear_confirmations(session, err) != RNL_OK)
        return err->status;
    if (pthread_create(&session->pump, NULL, publish_pump, session) != 0)
        return rnl_fail(err, RNL_E_FATAL, "thread", "a thread for NATS can't be started");
    return RNL_OK;
}

static struct session *session_new(const struct rnl_ctx *ctx, const char *pipeline, bool back)
{
    struct session *session = calloc(1, sizeof(*session));
    pthread_condattr_t attr;

    if (!session)
        return NULL;
    session->pipeline = strdup(pipeline);
    if (!session->pipeline) {
        free(session);
        return NULL;
    }
    session->back = back;
    session->ctx = ctx;
    session->config = ctx->config;
    session->max_bytes = session->config->max_bytes;
    if (back && session->max_bytes > 4 * BACK_BYTES) /* words, and no rows */
        session->max_bytes /= 4;
    session->lane_bytes = session->config->lane_bytes;
    session->failed = (struct rnl_error)RNL_ERROR_INIT;
    pthread_mutex_init(&session->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&session->moved, &attr);
    pthread_condattr_destroy(&attr);
    return session;
}

int session_get(const struct rnl_ctx *ctx, const char *pipeline, bool back, struct session **out,
                struct rnl_error *err)
{
    struct session *session;
    int status = RNL_OK;

    pthread_mutex_lock(&sessions_lock); /* all along: the other end waits for what this one makes */
    for (session = sessions; session; session = session->next)
        if (session->back == back && strcmp(session->pipeline, pipeline) == 0)
            break;
    if (!session) {
        session = session_new(ctx, pipeline, back);
        status = session ? session_start(session, err)
                         : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for NATS");
        if (status == RNL_OK) {
            session->next = sessions;
            sessions = session;
        } else if (session) {
            session_free(session);
        }
    }
    if (status == RNL_OK) {
        session->ends++;
        *out = session;
    }
    pthread_mutex_unlock(&sessions_lock);
    return status;
}

void session_put(struct session *session)
{
    pthread_mutex_lock(&sessions_lock);
    if (--session->ends == 0) {
        struct session **at = &sessions;

        while (*at != session)
            at = &(*at)->next;
        *at = session->next;
        /* with the lock held: who opens it next must not lose a stream just made */
        atomic_store(&session->closing, true);
        pthread_join(session->pump, NULL);
        stream_remove(session);
        session_free(session);
    }
    pthread_mutex_unlock(&sessions_lock);
}
