/*
 * Receiving: a pull consumer that is made anew, at the first message missing, whenever anything is
 * out of order. What was given out and isn't acknowledged is kept here.
 */
#include "nats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 64,
    BATCH_BYTES = 4 << 20,
    EXPIRES_MS = 10000,
    HEARTBEAT_MS = 1000,
    SILENCE_MS = 4000, /* no heartbeat for so long: the consumer is gone */
    FORGET_MS = 60000, /* the server drops a consumer that nobody asks */
    MISSES_MAX = 5,
    CODE_NO_STREAM = 10059,
};

enum item_state { ITEM_OUT, ITEM_BACK, ITEM_ACKED };

/* A body given out; in the order of numbers. */
struct item {
    struct item *next;
    enum item_state state;
    uint32_t deliveries;
    uint64_t session; /* of its sender */
    uint64_t number, last_seq;
    int64_t cost;
    int64_t not_before_ms;
    natsMsg *message;     /* of one part: the body lies in it */
    unsigned char *bytes; /* of several */
    struct rnl_slice body;
};

struct pull {
    struct end *end;
    struct session *session;
    struct subject *subject;
    struct item *first, *last;
    uint64_t next_number; /* that is due */
    uint64_t next_seq;    /* no part of it stands before this one in the stream */
    uint64_t part_seq;    /* of the part that came last */
    uint64_t stale;       /* a sitting that is over */
    bool joins;           /* what comes first is the first: another may have read before */
    struct join join;
    natsSubscription *inbox; /* with consumer: NULL when it must be made */
    char inbox_name[128];
    char consumer[128];
    unsigned connected;
    int asked; /* messages that the server was asked for and hasn't sent */
    int misses;
    int64_t heard_ms;
};

static void drop_consumer(struct pull *pull)
{
    struct session *session = pull->session;

    if (pull->consumer[0] && natsConnection_Status(session->conn) == NATS_CONN_STATUS_CONNECTED)
        js_DeleteConsumer(session->js, session->stream, pull->consumer, NULL, NULL);
    pull->consumer[0] = '\0';
    session_unsubscribe(session, pull->inbox);
    pull->inbox = NULL;
    pull->asked = 0;
    join_reset(&pull->join);
}

static natsStatus open_inbox(struct pull *pull)
{
    natsInbox *name = NULL;
    natsStatus status = natsInbox_Create(&name);

    if (status != NATS_OK)
        return status;
    snprintf(pull->inbox_name, sizeof(pull->inbox_name), "%s", name);
    natsInbox_Destroy(name);
    status = natsConnection_SubscribeSync(&pull->inbox, pull->session->conn, pull->inbox_name);
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(pull->inbox, -1, -1);
    return status;
}

static natsStatus add_consumer(struct pull *pull, jsErrCode *code)
{
    struct session *session = pull->session;
    jsConsumerInfo *info = NULL;
    jsConsumerConfig config;
    natsStatus status;

    jsConsumerConfig_Init(&config);
    config.AckPolicy = js_AckNone;
    config.DeliverPolicy = js_DeliverByStartSequence;
    config.OptStartSeq = pull->next_seq;
    config.FilterSubject = pull->subject->full;
    config.InactiveThreshold = (int64_t)FORGET_MS * 1000000;
    config.MemoryStorage = true;
    status = js_AddConsumer(&info, session->js, session->stream, &config, NULL, code);
    if (status == NATS_OK) {
        snprintf(pull->consumer, sizeof(pull->consumer), "%s", info->Name);
        jsConsumerInfo_Destroy(info);
    }
    return status;
}

/* Whether the stream ends before what we have had of it: it is another one then. */
static bool is_lost(struct pull *pull)
{
    struct session *session = pull->session;
    jsStreamInfo *info = NULL;
    bool lost;

    if (js_GetStreamInfo(&info, session->js, session->stream, NULL, NULL) != NATS_OK)
        return false;
    lost = info->State.LastSeq + 1 < pull->next_seq;
    jsStreamInfo_Destroy(info);
    return lost;
}

/* RNL_AGAIN: not now. */
static int start_consumer(struct pull *pull, struct rnl_error *err)
{
    struct session *session = pull->session;
    jsErrCode code = 0;
    natsStatus status;

    if (natsConnection_Status(session->conn) != NATS_CONN_STATUS_CONNECTED)
        return RNL_AGAIN;
    pull->connected = atomic_load(&session->events->again);
    status = open_inbox(pull);
    if (status == NATS_OK)
        status = add_consumer(pull, &code);
    if (status == NATS_OK && !is_lost(pull)) {
        pull->heard_ms = nats_now_ms();
        return RNL_OK;
    }
    drop_consumer(pull);
    if (status == NATS_OK || status == NATS_NOT_FOUND || (int)code == CODE_NO_STREAM)
        return rnl_fail(err, RNL_E_RETRY, "transport.lost",
                        "the stream %s is gone: what the target lacks is read again",
                        session->stream);
    if (link_fail(err, status, (int)code, "can't read from the stream") == RNL_E_RETRY ||
        status == NATS_NO_RESPONDERS)
        return RNL_AGAIN;
    return err->status;
}

static void ask(struct pull *pull)
{
    struct session *session = pull->session;
    char subject[2 * SUBJECT_BYTES], words[200];

    if (pull->asked > BATCH / 2)
        return;
    snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s", session->stream,
             pull->consumer);
    snprintf(words, sizeof(words),
             "{\"batch\":%d,\"expires\":%" PRId64 ",\"max_bytes\":%d,\"idle_heartbeat\":%" PRId64
             "}",
             BATCH, (int64_t)EXPIRES_MS * 1000000, BATCH_BYTES, (int64_t)HEARTBEAT_MS * 1000000);
    if (natsConnection_PublishRequest(session->conn, subject, pull->inbox_name, words,
                                      (int)strlen(words)) == NATS_OK)
        pull->asked += BATCH;
}

/* ---- what comes ---------------------------------------------------------------------- */

/* The server's words, in a message without a body. Heartbeats need nothing done. */
static void hear_status(struct pull *pull, natsMsg *message, const char *status)
{
    const char *left = NULL;
    long unfilled = BATCH;

    if (strcmp(status, "100") == 0)
        return;
    if (strcmp(status, "408") != 0 && strcmp(status, "409") != 0 && strcmp(status, "404") != 0) {
        drop_consumer(pull);
        return;
    }
    if (natsMsgHeader_Get(message, "Nats-Pending-Messages", &left) == NATS_OK && left)
        unfilled = strtol(left, NULL, 10);
    if (unfilled < 0 || unfilled > pull->asked)
        unfilled = pull->asked;
    pull->asked -= (int)unfilled;
    if (strcmp(status, "409") == 0 && natsMsgHeader_Get(message, "Description", &left) == NATS_OK &&
        left && strstr(left, "Deleted"))
        drop_consumer(pull);
}

static struct item *item_new(struct pull *pull, const struct frame *frame, natsMsg *message)
{
    struct item *item = calloc(1, sizeof(*item));
    struct subject *subject = pull->subject;

    if (!item)
        return NULL;
    *item = (struct item){.session = frame->session,
                          .number = frame->number,
                          .last_seq = pull->part_seq,
                          .cost = (int64_t)frame->total + (int64_t)frame->count * MESSAGE_OVERHEAD};
    if (frame->count == 1) {
        item->message = message;
        item->body.ptr = natsMsg_GetData(message);
    } else {
        item->bytes = pull->join.bytes;
        item->body.ptr = item->bytes;
        pull->join.bytes = NULL;
        natsMsg_Destroy(message);
    }
    item->body.len = frame->total;
    join_reset(&pull->join);
    pthread_mutex_lock(&pull->session->lock);
    item->deliveries = frame->number <= subject->delivered ? 1 : 0;
    if (frame->number > subject->delivered)
        subject->delivered = frame->number;
    pthread_mutex_unlock(&pull->session->lock);
    return item;
}

static void keep_item(struct pull *pull, struct item *item)
{
    if (pull->last)
        pull->last->next = item;
    else
        pull->first = item;
    pull->last = item;
}

/* Out of order, or torn: once more from the first that is missing, but not for ever. */
static int miss(struct pull *pull, struct rnl_error *err)
{
    drop_consumer(pull);
    if (++pull->misses < MISSES_MAX)
        return RNL_AGAIN;
    return rnl_fail(err, RNL_E_RETRY, "transport.lost",
                    "message %" PRIu64 " of %s isn't in the stream %s any more: what the target "
                    "lacks is read again",
                    pull->next_number, pull->subject->name, pull->session->stream);
}

/* From here on this sitting's messages are delivered, from its first. */
static void bind(struct pull *pull, uint64_t who, uint64_t begun)
{
    struct subject *subject = pull->subject;

    pthread_mutex_lock(&pull->session->lock);
    subject->bound = who;
    subject->acked = subject->delivered = 0;
    subject->acked_seq = subject->trimmed_seq = begun;
    subject->to_trim = 0;
    pthread_mutex_unlock(&pull->session->lock);
    pull->joins = true;
    pull->next_seq = begun + 1;
    join_reset(&pull->join);
}

/* Whether we publish to it: then no other's sitting will do. */
static bool is_ours(struct session *session)
{
    bool ours;

    pthread_mutex_lock(&session->lock);
    ours = session->begun;
    pthread_mutex_unlock(&session->lock);
    return ours;
}

/* Whether it is of the sitting that began last. When that is a new one, it is read from its start.
 */
static bool is_bound(struct pull *pull, const struct frame *frame)
{
    struct session *session = pull->session;
    uint64_t who = session->id, begun = 0;
    bool ours;

    if (frame->session == pull->subject->bound)
        return true;
    if (frame->session == pull->stale)
        return false;
    ours =
        is_ours(session); /* asked first: a sitting of ours may begin while the server is asked */
    if (ours)
        begun = session->begun; /* it stays what it is */
    else if (atomic_load(&session->ends) > 1)
        return false; /* both ends are here, and what is to be read is yet to be said */
    if ((!begun || frame->session != who) && stream_owner(session, &who, &begun) != NATS_OK) {
        drop_consumer(pull); /* the server is away: once more from here */
        return false;
    }
    if (begun && who != session->id && ours) {
        struct rnl_error err = RNL_ERROR_INIT;

        publish_taken(session, &err);
        pthread_mutex_lock(&session->lock);
        session_fail(session, &err);
        pthread_mutex_unlock(&session->lock);
        return false;
    }
    if (who != frame->session) {
        pull->stale = frame->session;
        return false;
    }
    bind(pull, who, begun);
    if (frame->number == 1 && frame->index == 0)
        return true;
    drop_consumer(pull);
    return false;
}

/* The message is ours to destroy, whatever is returned. RNL_AGAIN: nothing is whole yet. */
static int take_part(struct pull *pull, natsMsg *message, struct item **item, struct rnl_error *err)
{
    size_t len = (size_t)natsMsg_GetDataLength(message);
    struct frame frame;
    const char *text = NULL;
    int status;

    if (natsMsgHeader_Get(message, FRAME_HEADER, &text) != NATS_OK || !frame_read(text, &frame)) {
        natsMsg_Destroy(message);
        return rnl_fail(err, RNL_E_CONFIG, "nats.foreign",
                        "the stream %s holds messages that are not Runnel's",
                        pull->session->stream);
    }
    if (!is_bound(pull, &frame)) {
        natsMsg_Destroy(message);
        return RNL_AGAIN;
    }
    if (pull->joins && frame.index == 0) {
        pull->next_number = frame.number;
        pull->joins = false;
    }
    if (frame.number < pull->next_number) {
        natsMsg_Destroy(message);
        return RNL_AGAIN;
    }
    status = frame.number == pull->next_number
                 ? join_add(&pull->join, &frame, natsMsg_GetData(message), len)
                 : RNL_E_DATA;
    if (status != RNL_OK) {
        natsMsg_Destroy(message);
        if (status == RNL_E_FATAL)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a message");
        return status == RNL_E_DATA ? miss(pull, err) : RNL_AGAIN;
    }
    *item = item_new(pull, &frame, message);
    if (!*item) {
        natsMsg_Destroy(message);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a message");
    }
    pull->next_number++;
    pull->next_seq = pull->part_seq + 1;
    pull->misses = 0;
    keep_item(pull, *item);
    return RNL_OK;
}

static int hear(struct pull *pull, natsMsg *message, struct item **item, struct rnl_error *err)
{
    const char *status = NULL;
    jsMsgMetaData *meta = NULL;

    pull->heard_ms = nats_now_ms();
    if (natsMsg_GetDataLength(message) == 0 &&
        natsMsgHeader_Get(message, "Status", &status) == NATS_OK && status) {
        hear_status(pull, message, status);
        natsMsg_Destroy(message);
        return RNL_AGAIN;
    }
    if (natsMsg_GetMetaData(&meta, message) != NATS_OK) {
        natsMsg_Destroy(message); /* no message of a stream: nobody of ours sent it here */
        return RNL_AGAIN;
    }
    pull->part_seq = meta->Sequence.Stream;
    jsMsgMetaData_Destroy(meta);
    if (pull->asked > 0)
        pull->asked--;
    return take_part(pull, message, item, err);
}

/* ---- the operations -------------------------------------------------------------------- */

static void lend(const struct pull *pull, struct item *item, struct rnl_message *message)
{
    item->state = ITEM_OUT;
    *message = (struct rnl_message){
        .size = sizeof(*message),
        .deliveries = ++item->deliveries,
        .subject = pull->subject->name,
        .body = item->body,
        .sequence = item->number,
        .token = item,
    };
}

static struct item *given_back(const struct pull *pull)
{
    struct item *item = pull->first;

    while (item && item->state != ITEM_BACK)
        item = item->next;
    return item;
}

static int state_of(struct pull *pull, struct rnl_error *err)
{
    struct session *session = pull->session;
    int status;

    pthread_mutex_lock(&session->lock);
    status = session_state(pull->end, session, err);
    pthread_mutex_unlock(&session->lock);
    return status;
}

/* One step: waits a moment at most. RNL_AGAIN: nothing came. */
static int step(struct pull *pull, int64_t left_ms, struct item **item, struct rnl_error *err)
{
    int64_t wait_ms = left_ms < SLICE_MS ? left_ms : SLICE_MS;
    natsMsg *message = NULL;
    int status;

    if (pull->inbox && (atomic_load(&pull->session->events->again) != pull->connected ||
                        nats_now_ms() - pull->heard_ms > SILENCE_MS))
        drop_consumer(pull);
    if (!pull->inbox) {
        status = start_consumer(pull, err);
        if (status == RNL_AGAIN)
            nats_Sleep(wait_ms);
        if (status != RNL_OK)
            return status;
    }
    ask(pull);
    if (natsSubscription_NextMsg(&message, pull->inbox, wait_ms) != NATS_OK)
        return RNL_AGAIN;
    return hear(pull, message, item, err);
}

int pull_fetch(void *handle, struct rnl_message *message, int timeout_ms, struct rnl_error *err)
{
    struct pull *pull = handle;
    int64_t deadline_ms = nats_now_ms() + timeout_ms;

    for (;;) {
        struct item *item = given_back(pull);
        int64_t left_ms = deadline_ms - nats_now_ms();
        int status = state_of(pull, err);

        if (status != RNL_OK)
            return status;
        if (item && item->not_before_ms > nats_now_ms()) {
            nats_Sleep(left_ms < SLICE_MS ? (left_ms > 0 ? left_ms : 0) : SLICE_MS);
        } else if (item) {
            lend(pull, item, message);
            return RNL_OK;
        } else {
            status = step(pull, left_ms > 0 ? left_ms : 0, &item, err);
            if (status == RNL_OK)
                lend(pull, item, message);
            if (status != RNL_AGAIN)
                return status;
        }
        if (nats_now_ms() >= deadline_ms)
            return RNL_AGAIN;
    }
}

static void drop_body(struct item *item)
{
    natsMsg_Destroy(item->message);
    free(item->bytes);
    item->message = NULL;
    item->bytes = NULL;
}

/* With the lock held: what an earlier sitting published is gone already. */
static void settle(struct pull *pull, const struct item *item)
{
    struct subject *subject = pull->subject;

    if (item->session == pull->session->id)
        subject->bytes -= item->cost;
    if (item->session != subject->bound)
        return;
    subject->acked = item->number;
    subject->acked_seq = item->last_seq;
    subject->to_trim += item->cost;
}

/* What is acknowledged without a gap, the server may forget. */
int pull_ack(void *handle, struct rnl_message *message, struct rnl_error *err)
{
    struct pull *pull = handle;
    struct session *session = pull->session;
    struct item *item = message->token;

    (void)err;
    item->state = ITEM_ACKED;
    message->token = NULL;
    drop_body(item);
    pthread_mutex_lock(&session->lock);
    while (pull->first && pull->first->state == ITEM_ACKED) {
        item = pull->first;
        pull->first = item->next;
        if (!pull->first)
            pull->last = NULL;
        settle(pull, item);
        free(item);
    }
    pthread_cond_broadcast(&session->moved);
    pthread_mutex_unlock(&session->lock);
    return RNL_OK;
}

int pull_again(void *handle, struct rnl_message *message, int delay_ms, struct rnl_error *err)
{
    struct item *item = message->token;

    (void)handle;
    (void)err;
    item->state = ITEM_BACK;
    item->not_before_ms = delay_ms > 0 ? nats_now_ms() + delay_ms : 0;
    message->token = NULL;
    return RNL_OK;
}

int pull_subscribe(struct end *end, const char *name, void **out, struct rnl_error *err)
{
    struct session *session = session_of(end, name);
    struct pull *pull = calloc(1, sizeof(*pull));
    int status = RNL_OK;

    if (!pull)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a subscription");
    pthread_mutex_lock(&session->lock);
    pull->end = end;
    pull->session = session;
    pull->subject = session_subject(session, name);
    if (!pull->subject)
        status = rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a subject");
    else if (pull->subject->subscribed)
        status = rnl_fail(err, RNL_E_CONFIG, "transport.subscribed",
                          "%s of pipeline %s is already read by another", name, session->pipeline);
    if (status == RNL_OK) {
        pull->subject->subscribed = true;
        pull->subject->here = true;
        pull->subject->nsent = pull->subject->gone =
            0; /* known by what is acknowledged from now on */
        pull->next_number = pull->subject->acked + 1;
        pull->next_seq = pull->subject->acked_seq + 1;
    }
    pthread_mutex_unlock(&session->lock);
    if (status != RNL_OK)
        free(pull);
    else
        *out = pull;
    return status;
}

void pull_unsubscribe(void *handle)
{
    struct pull *pull = handle;

    if (!pull)
        return;
    drop_consumer(pull);
    while (pull->first) {
        struct item *item = pull->first;

        pull->first = item->next;
        drop_body(item);
        free(item);
    }
    pthread_mutex_lock(&pull->session->lock);
    pull->subject->subscribed = false;
    pthread_mutex_unlock(&pull->session->lock);
    free(pull);
}
