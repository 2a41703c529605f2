/*
 * Publishing: each message names the sequence that it expects to follow, so that what gets lost on
 * the way is sent anew in order, and a second publisher is refused.
 */
#include "nats.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONFIRM_MS = 5000, /* a message not confirmed for so long is sent anew */
    PAUSE_MS = 250,    /* before sending anew what was refused */
    TRIM_MS = 1000,
    VAIN_MAX = 4,
    CODE_WRONG_SEQUENCE = 10071,
    CODE_FULL = 10077,
    CODE_NO_MESSAGE = 10037,
    STATUS_UNAVAILABLE = 503,
};

static int64_t cost_of(const struct session *session, size_t len, uint32_t *parts)
{
    *parts = len ? (uint32_t)((len - 1) / session->part_bytes + 1) : 1;
    return (int64_t)len + (int64_t)*parts * MESSAGE_OVERHEAD;
}

/* ---- sending, with the lock held -------------------------------------------------- */

/* What isn't sent for want of a connection is sent anew when there is one. */
static void send_pending(struct session *session, struct pending *pending)
{
    pending->sent_ms = nats_now_ms();
    if (natsConnection_PublishMsg(session->conn, pending->message) != NATS_OK)
        session->resend = true;
}

/* The confirmation will come to a subject that says what it is of: "inbox.generation.sequence". */
static natsStatus message_new(const struct session *session, const char *subject, uint64_t seq,
                              const char *part, const void *bytes, size_t len, natsMsg **out)
{
    char reply[256], expected[24];
    natsStatus status;

    snprintf(reply, sizeof(reply), "%s.%u.%" PRIu64, session->inbox, session->generation, seq);
    snprintf(expected, sizeof(expected), "%" PRIu64, seq - 1);
    status = natsMsg_Create(out, subject, reply, bytes, (int)len);
    if (status != NATS_OK)
        return status;
    status = natsMsgHeader_Set(*out, FRAME_HEADER, part);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(*out, "Nats-Expected-Stream", session->stream);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(*out, "Nats-Expected-Last-Sequence", expected);
    if (status != NATS_OK)
        natsMsg_Destroy(*out);
    return status;
}

/* In the generation that begins: the same message, confirmed elsewhere. */
static bool make_anew(struct session *session, struct pending *pending)
{
    natsMsg *old = pending->message, *message;
    const char *part = "";

    if (natsMsgHeader_Get(old, FRAME_HEADER, &part) != NATS_OK ||
        message_new(session, natsMsg_GetSubject(old), pending->seq, part, natsMsg_GetData(old),
                    (size_t)natsMsg_GetDataLength(old), &message) != NATS_OK)
        return false;
    natsMsg_Destroy(old);
    pending->message = message;
    return true;
}

static bool window_full(const struct session *session, size_t len)
{
    return session->resend || session->count == WINDOW ||
           (session->count && session->window_bytes + (int64_t)len > WINDOW_BYTES);
}

static int send_part(struct end *end, struct subject *subject, const struct frame *frame,
                     const void *bytes, size_t len, struct rnl_error *err)
{
    struct session *session = session_of(end, subject->name);
    uint64_t seq;
    char part[FRAME_TEXT];
    struct pending *pending;
    natsMsg *message;

    frame_write(part, frame);
    while (session_state(end, session, err) == RNL_OK && window_full(session, len))
        session_wait(session);
    if (session_state(end, session, err) != RNL_OK)
        return err->status;
    seq = session->confirmed + session->count + 1;
    if (!room_note(subject, seq, (int64_t)len + MESSAGE_OVERHEAD) ||
        message_new(session, subject->full, seq, part, bytes, len, &message) != NATS_OK)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a message");
    pending = &session->window[(session->first + session->count) % WINDOW];
    *pending = (struct pending){.message = message, .seq = seq, .bytes = (int64_t)len};
    session->count++;
    session->window_bytes += pending->bytes;
    send_pending(session, pending);
    return RNL_OK;
}

static int send_parts(struct end *end, struct subject *subject, struct rnl_slice body,
                      uint32_t parts, struct rnl_error *err)
{
    const unsigned char *bytes = body.ptr;
    const struct session *session = session_of(end, subject->name);
    struct frame frame = {.session = session->id,
                          .number = subject->published + 1,
                          .count = parts,
                          .total = (uint32_t)body.len};

    for (; frame.index < parts; frame.index++) {
        size_t from = frame.index * session->part_bytes;
        size_t len = body.len - from < session->part_bytes ? body.len - from : session->part_bytes;

        frame.crc = frame_crc(len ? bytes + from : bytes, len);
        if (send_part(end, subject, &frame, len ? bytes + from : bytes, len, err) != RNL_OK)
            return err->status;
    }
    subject->published++;
    return RNL_OK;
}

/* Lanes leave room in the stream for the words about them, which would else wait behind rows. */
static bool has_room(const struct session *session, const struct subject *subject, int64_t cost)
{
    bool lane = strncmp(subject->name, "lane.", 5) == 0;

    if (subject->bytes && subject->bytes + cost > session->lane_bytes)
        return false;
    return session->stored + cost <= (lane ? session->max_bytes / 8 * 7 : session->max_bytes);
}

/* With the lock held: until the stream is ours, and this has room in it. */
static int await_room(struct end *end, struct session *session, const struct subject *subject,
                      int64_t cost, struct rnl_error *err)
{
    int status;

    session->waiting++;
    while ((status = session_state(end, session, err)) == RNL_OK) {
        if (!session->begun)
            status = stream_take(session, err);
        if (status < 0 || (session->begun && has_room(session, subject, cost)))
            break;
        session_wait(session);
    }
    session->waiting--;
    return status;
}

int publish_body(struct end *end, const struct rnl_message *message, struct rnl_error *err)
{
    struct session *session = session_of(end, message->subject);
    struct subject *subject;
    uint32_t parts;
    int64_t cost = cost_of(session, message->body.len, &parts);
    int status;

    if (message->body.len > FRAME_BODY_MAX || parts > FRAME_PARTS_MAX ||
        cost > session->max_bytes / 8 * 7) {
        rnl_fail(err, RNL_E_CONFIG, "nats.too_large",
                 "a bundle of %zu bytes is larger than the stream %s may hold", message->body.len,
                 session->stream);
        rnl_hint(err, "set a larger max_bytes");
        return err->status;
    }
    pthread_mutex_lock(&session->lock);
    subject = session_subject(session, message->subject);
    if (!subject) {
        pthread_mutex_unlock(&session->lock);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a subject");
    }
    status = await_room(end, session, subject, cost, err);
    if (status == RNL_OK) {
        subject->bytes += cost;
        session->stored += cost;
        status = send_parts(end, subject, message->body, parts, err);
    }
    pthread_mutex_unlock(&session->lock);
    if (status == RNL_OK && message->release)
        message->release(message->owner);
    return status;
}

static int flush(struct end *end, struct session *session, int64_t deadline_ms,
                 struct rnl_error *err)
{
    int status;

    pthread_mutex_lock(&session->lock);
    while ((status = session_state(end, session, err)) == RNL_OK && session->count &&
           nats_now_ms() < deadline_ms)
        session_wait(session);
    if (status == RNL_OK && session->count)
        status = rnl_fail(err, RNL_E_RETRY, "nats.unconfirmed",
                          "the server hasn't stored all messages in time");
    pthread_mutex_unlock(&session->lock);
    return status;
}

int publish_flush(struct end *end, int timeout_ms, struct rnl_error *err)
{
    int64_t deadline_ms = nats_now_ms() + timeout_ms;
    int status = flush(end, end->ahead, deadline_ms, err);

    return status == RNL_OK ? flush(end, end->back, deadline_ms, err) : status;
}

/* ---- the pump ------------------------------------------------------------------------ */

/* With the lock held: all up to this sequence is stored. */
static void confirm(struct session *session, uint64_t seq)
{
    while (session->count && session->window[session->first].seq <= seq) {
        struct pending *pending = &session->window[session->first];

        session->vain = 0;
        session->window_bytes -= pending->bytes;
        session->confirmed = pending->seq;
        natsMsg_Destroy(pending->message);
        session->first = (session->first + 1) % WINDOW;
        session->count--;
    }
    pthread_cond_broadcast(&session->moved);
}

static void send_anew(struct session *session, int64_t pause_ms)
{
    session->resend = true;
    session->resend_ms = nats_now_ms() + pause_ms;
}

int publish_taken(const struct session *session, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "transport.taken",
             "another process publishes to the stream %s: a pipeline has one reader and one writer",
             session->stream);
    rnl_hint(err, "stop one of them, or give one another name or prefix");
    return err->status;
}

/* With the lock held: the server refused a message. */
static void hear_refusal(struct session *session, const json_t *refusal)
{
    json_int_t code = json_integer_value(json_object_get(refusal, "err_code"));
    const char *words = json_string_value(json_object_get(refusal, "description"));
    struct rnl_error err = RNL_ERROR_INIT;

    if (code == CODE_WRONG_SEQUENCE || code == CODE_FULL ||
        json_integer_value(json_object_get(refusal, "code")) == STATUS_UNAVAILABLE) {
        send_anew(session, code == CODE_WRONG_SEQUENCE && !session->vain ? 0 : PAUSE_MS);
        return;
    }
    rnl_fail(&err, RNL_E_RETRY, "nats.publish", "the stream %s takes no message: %s",
             session->stream, words ? words : "the server doesn't say why");
    session_fail(session, &err);
}

static bool is_current(const struct session *session, const char *subject, uint64_t *seq)
{
    size_t len = strlen(session->inbox);
    unsigned long generation;
    char *end;

    if (strncmp(subject, session->inbox, len) != 0 || subject[len] != '.')
        return false;
    generation = strtoul(subject + len + 1, &end, 10);
    if (*end != '.' || generation != session->generation)
        return false;
    *seq = strtoull(end + 1, &end, 10);
    return *end == '\0';
}

static void hear(struct session *session, natsMsg *message)
{
    uint64_t seq = 0;
    json_t *word = NULL;
    const json_t *refusal;

    pthread_mutex_lock(&session->lock);
    if (!is_current(session, natsMsg_GetSubject(message), &seq)) {
        pthread_mutex_unlock(&session->lock);
        return;
    }
    if (!natsMsg_IsNoResponders(message))
        word = json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message),
                          JSON_REJECT_DUPLICATES, NULL);
    refusal = json_object_get(word, "error");
    if (refusal)
        hear_refusal(session, refusal);
    else if (word && (uint64_t)json_integer_value(json_object_get(word, "seq")) == seq)
        confirm(session, seq);
    else
        send_anew(session, PAUSE_MS);
    json_decref(word);
    pthread_mutex_unlock(&session->lock);
}

/* Whether the message that stands last in the stream is of another. */
static bool is_foreign(struct session *session, uint64_t seq)
{
    natsMsg *message = NULL;
    struct frame frame;
    const char *text = NULL;
    bool foreign;

    if (js_GetMsg(&message, session->js, session->stream, seq, NULL, NULL) != NATS_OK)
        return false; /* trimmed, hence ours; or the server is away again: then this is asked anew
                       */
    foreign = natsMsgHeader_Get(message, FRAME_HEADER, &text) != NATS_OK ||
              !frame_read(text, &frame) || frame.session != session->id;
    natsMsg_Destroy(message);
    return foreign;
}

/* With the lock held: what the server has not got, from there on. */
static void resend_behind(struct session *session, uint64_t last)
{
    session->vain++;
    confirm(session, last);
    session->generation++;
    session->resend = false;
    for (unsigned i = 0; i < session->count && !session->resend; i++) {
        struct pending *pending = &session->window[(session->first + i) % WINDOW];

        if (make_anew(session, pending))
            send_pending(session, pending);
        else
            session->resend = true;
    }
    if (session->resend)
        session->resend_ms = nats_now_ms() + PAUSE_MS;
}

/*
 * Servers (2.10.27) were seen to count behind what they store once messages and purges had met, and
 * then to refuse whatever comes. Purging makes them look, also where there is nothing to purge.
 */
static void set_right(struct session *session)
{
    char subject[SUBJECT_BYTES + 16];
    jsOptions options;

    snprintf(subject, sizeof(subject), "%s._none", session->root);
    jsOptions_Init(&options);
    options.Stream.Purge.Subject = subject;
    js_PurgeStream(session->js, session->stream, &options, NULL);
}

/* Asks how far the server has got, and goes on from there. Meanwhile nobody publishes. */
static void resend(struct session *session)
{
    struct rnl_error err = RNL_ERROR_INIT;
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    natsStatus status;
    uint64_t last = 0;
    bool foreign = false;

    if (natsConnection_Status(session->conn) != NATS_CONN_STATUS_CONNECTED)
        return;
    session->connected = atomic_load(&session->events->again);
    if (session->vain >= VAIN_MAX && session->vain % VAIN_MAX == 0)
        set_right(session);
    status = js_GetStreamInfo(&info, session->js, session->stream, NULL, &code);
    if (status == NATS_OK) {
        last = info->State.LastSeq;
        jsStreamInfo_Destroy(info);
        foreign = last > session->confirmed && is_foreign(session, last);
    }
    pthread_mutex_lock(&session->lock);
    if (status == NATS_NOT_FOUND || (status == NATS_OK && last < session->confirmed)) {
        rnl_fail(&err, RNL_E_RETRY, "transport.lost",
                 "the stream %s has lost messages: what the target lacks is read again",
                 session->stream);
        session_fail(session, &err);
    } else if (status != NATS_OK) {
        send_anew(session, PAUSE_MS);
    } else if (foreign || last > session->confirmed + session->count) {
        publish_taken(session, &err);
        session_fail(session, &err);
    } else {
        resend_behind(session, last);
    }
    pthread_mutex_unlock(&session->lock);
}

/* What was acknowledged is forgotten by the server, now and then. */
static void trim_subject(struct session *session, struct subject *subject)
{
    jsOptions options;
    int64_t bytes = subject->to_trim;
    uint64_t seq = subject->acked_seq;
    natsStatus status;

    jsOptions_Init(&options);
    options.Stream.Purge.Subject = subject->full;
    options.Stream.Purge.Sequence = seq + 1;
    pthread_mutex_unlock(&session->lock); /* subjects go with the session alone */
    status = js_PurgeStream(session->js, session->stream, &options, NULL);
    pthread_mutex_lock(&session->lock);
    if (status != NATS_OK)
        return;
    subject->trimmed_seq = seq;
    subject->to_trim -= bytes;
    if (session->begun)
        session->stored -= bytes;
    pthread_cond_broadcast(&session->moved);
}

static void trim(struct session *session)
{
    bool due;

    if (natsConnection_Status(session->conn) != NATS_CONN_STATUS_CONNECTED)
        return;
    pthread_mutex_lock(&session->lock);
    due = nats_now_ms() - session->trim_ms >= TRIM_MS;
    if (due)
        session->trim_ms = nats_now_ms();
    for (struct subject *subject = session->subjects; subject; subject = subject->next)
        if (subject->to_trim && (due || subject->to_trim > session->lane_bytes / 4 ||
                                 subject->to_trim > session->max_bytes / 8))
            trim_subject(session, subject);
    pthread_mutex_unlock(&session->lock);
}

/* With the lock held: the library tries no more, and so the run ends. */
static void fail_closed(struct session *session)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const char *words = NULL;

    natsConnection_GetLastError(session->conn, &words);
    rnl_fail(&err, RNL_E_CONFIG, "nats.access_denied", "NATS lets us in no more: %s",
             words && *words ? words : "the connection was closed");
    rnl_hint(&err, "check user and password, token, nkey or credentials");
    session_fail(session, &err);
}

/* Whether something may have got lost. */
static bool must_resend(struct session *session)
{
    bool must;

    pthread_mutex_lock(&session->lock);
    if (atomic_load(&session->events->closed))
        fail_closed(session);
    if (atomic_load(&session->events->again) != session->connected && session->count)
        send_anew(session, 0);
    if (!session->resend && session->count &&
        nats_now_ms() - session->window[session->first].sent_ms > CONFIRM_MS)
        send_anew(session, 0);
    must =
        session->resend && nats_now_ms() >= session->resend_ms && session->failed.status == RNL_OK;
    pthread_mutex_unlock(&session->lock);
    return must;
}

/* Whoever waits for another process to read isn't to wait for us. */
static int slice_ms(struct session *session)
{
    bool waiting;

    pthread_mutex_lock(&session->lock);
    waiting = session->waiting && session->begun;
    pthread_mutex_unlock(&session->lock);
    return waiting ? SLICE_MS / 10 : SLICE_MS;
}

void *publish_pump(void *arg)
{
    struct session *session = arg;

    while (!atomic_load(&session->closing)) {
        natsMsg *message = NULL;

        if (must_resend(session))
            resend(session);
        if (natsSubscription_NextMsg(&message, session->confirmations, slice_ms(session)) ==
            NATS_OK) {
            hear(session, message);
            natsMsg_Destroy(message);
        } else if (natsConnection_Status(session->conn) != NATS_CONN_STATUS_CONNECTED) {
            nats_Sleep(SLICE_MS);
        }
        trim(session);
        room_look(session);
    }
    return NULL;
}
