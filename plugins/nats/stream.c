/* The stream of a pipeline: made, or checked to be of the shape that nothing is lost in. */
#include "nats.h"

#include <stdlib.h>
#include <string.h>

enum {
    CODE_NO_STREAM = 10059,
    CODE_NO_MESSAGE = 10037,
    CODE_WRONG_SEQUENCE = 10071,
    REQUEST_MS = 10000,
    DEDUPE_NS = 1000000000,
};

static void describe(const struct session *session, jsStreamConfig *config, const char **subjects)
{
    jsStreamConfig_Init(config);
    config->Name = session->stream;
    config->Subjects = subjects;
    config->SubjectsLen = 1;
    config->Retention = js_LimitsPolicy;
    config->Discard = js_DiscardNew;
    config->MaxBytes = session->max_bytes;
    config->MaxMsgSize = MESSAGE_MAX + MESSAGE_OVERHEAD;
    config->Storage =
        session->config->storage == LINK_STORE_FILE ? js_FileStorage : js_MemoryStorage;
    config->Replicas = session->config->replicas;
    config->Duplicates = DEDUPE_NS; /* sequences do that: the server needn't remember names */
}

/* What can't be altered, or what losing is built into. */
static int check_shape(const struct session *session, const jsStreamConfig *is,
                       const jsStreamConfig *wanted, struct rnl_error *err)
{
    const char *what = NULL;

    if (is->SubjectsLen != 1 || strcmp(is->Subjects[0], wanted->Subjects[0]) != 0)
        what = "its subjects are others";
    else if (is->Retention != js_LimitsPolicy)
        what = "its retention isn't by limits";
    else if (is->Discard != js_DiscardNew)
        what = "it discards old messages when it is full";
    else if (is->Storage != wanted->Storage)
        what = "its storage is another";
    else if (is->MaxAge || is->MaxMsgs > 0 || is->MaxMsgsPerSubject > 0)
        what = "it forgets messages by age or number";
    else if (is->Sealed || is->DenyPurge || is->NoAck || is->Mirror)
        what = "it is sealed, a mirror, or may not be purged";
    if (!what)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "nats.stream_shape",
             "the stream %s is there already and can't be used: %s", session->stream, what);
    rnl_hint(err, "delete the stream, or set another prefix");
    return err->status;
}

static int make(struct session *session, jsStreamConfig *wanted, struct rnl_error *err)
{
    jsErrCode code = 0;
    natsStatus status = js_AddStream(NULL, session->js, wanted, NULL, &code);

    return status == NATS_OK ? RNL_OK : link_fail(err, status, (int)code, "can't make the stream");
}

static int settle(struct session *session, const jsStreamInfo *info, jsStreamConfig *wanted,
                  struct rnl_error *err)
{
    const jsStreamConfig *is = info->Config;
    jsErrCode code = 0;
    natsStatus status;

    if (check_shape(session, is, wanted, err) != RNL_OK)
        return err->status;
    if (is->MaxBytes == wanted->MaxBytes && is->MaxMsgSize == wanted->MaxMsgSize &&
        is->Replicas == wanted->Replicas)
        return RNL_OK;
    status = js_UpdateStream(NULL, session->js, wanted, NULL, &code);
    return status == NATS_OK ? RNL_OK
                             : link_fail(err, status, (int)code, "can't alter the stream's limits");
}

/* A server that has just been started finds its JetStream only after a moment. */
static natsStatus ask(struct session *session, jsStreamInfo **info, jsErrCode *code)
{
    int64_t deadline_ms = nats_now_ms() + session->config->connect_timeout_ms;
    natsStatus status;

    for (;;) {
        *code = 0;
        status = js_GetStreamInfo(info, session->js, session->stream, NULL, code);
        if (status != NATS_NO_RESPONDERS || nats_now_ms() >= deadline_ms)
            return status;
        nats_Sleep(SLICE_MS);
    }
}

static int empty(struct session *session, uint64_t below, struct rnl_error *err)
{
    jsOptions options;
    jsErrCode code = 0;
    natsStatus status;

    jsOptions_Init(&options);
    options.Stream.Purge.Sequence = below;
    status = js_PurgeStream(session->js, session->stream, &options, &code);
    return status == NATS_OK ? RNL_OK : link_fail(err, status, (int)code, "can't empty the stream");
}

static int last_of(struct session *session, uint64_t *last, struct rnl_error *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    natsStatus status = js_GetStreamInfo(&info, session->js, session->stream, NULL, &code);

    if (status != NATS_OK)
        return link_fail(err, status, (int)code, "can't ask for the stream");
    *last = info->State.LastSeq;
    jsStreamInfo_Destroy(info);
    return RNL_OK;
}

static void mark_subject(const struct session *session, char subject[SUBJECT_BYTES + 16])
{
    snprintf(subject, SUBJECT_BYTES + 16, "%s._begun", session->root); /* no name is made so */
}

/* RNL_AGAIN: another was quicker. */
static int put_mark(struct session *session, uint64_t last, struct rnl_error *err)
{
    struct frame frame = {.session = session->id, .number = 1, .count = 1, .crc = frame_crc("", 0)};
    char subject[SUBJECT_BYTES + 16], part[FRAME_TEXT];
    jsPubOptions options;
    jsPubAck *ack = NULL;
    jsErrCode code = 0;
    natsMsg *message = NULL;
    natsStatus status;

    mark_subject(session, subject);
    frame_write(part, &frame);
    jsPubOptions_Init(&options);
    options.ExpectStream = session->stream;
    options.ExpectLastSeq = last;
    status = natsMsg_Create(&message, subject, NULL, "", 0);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(message, FRAME_HEADER, part);
    if (status == NATS_OK)
        status = js_PublishMsg(&ack, session->js, message, &options, &code);
    natsMsg_Destroy(message);
    if ((int)code == CODE_WRONG_SEQUENCE)
        return RNL_AGAIN;
    if (status != NATS_OK)
        return link_fail(err, status, (int)code, "can't begin in the stream");
    session->begun = ack->Sequence;
    jsPubAck_Destroy(ack);
    return RNL_OK;
}

/* The streams that this process has begun a sitting in, and the number of the last. */
struct begun {
    struct begun *next;
    uint64_t id;
    char stream[];
};

static pthread_mutex_t begun_lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of them */
static struct begun *all_begun;

static struct begun *find_begun(const char *stream)
{
    struct begun *begun = all_begun;

    while (begun && strcmp(begun->stream, stream) != 0)
        begun = begun->next;
    return begun;
}

/* Kept until the process ends: its next attempt must not take back what another has taken. */
static void keep_begun(const struct session *session)
{
    size_t len = strlen(session->stream) + 1;
    struct begun *begun;

    pthread_mutex_lock(&begun_lock);
    begun = find_begun(session->stream);
    if (!begun && (begun = malloc(sizeof(*begun) + len))) {
        memcpy(begun->stream, session->stream, len);
        begun->next = all_begun;
        all_begun = begun;
    }
    if (begun)
        begun->id = session->id;
    pthread_mutex_unlock(&begun_lock);
}

bool stream_name(char out[SUBJECT_BYTES], const struct config *config, const char *pipeline,
                 bool back)
{
    char prefix[128], name[256];

    if (!frame_name(prefix, sizeof(prefix), config->prefix) ||
        !frame_name(name, sizeof(name), pipeline))
        return false;
    /* no other pipeline's name ends so: behind "_" stand hexadecimal digits */
    snprintf(out, SUBJECT_BYTES, "%s_%s%s", prefix, name, back ? "_answers" : "");
    return true;
}

void stream_forget(const struct config *config, const char *pipeline)
{
    char stream[SUBJECT_BYTES];

    for (int back = 0; back < 2; back++) {
        struct begun *begun;

        if (!stream_name(stream, config, pipeline, back))
            return;
        pthread_mutex_lock(&begun_lock);
        begun = find_begun(stream);
        if (begun)
            begun->id = 0;
        pthread_mutex_unlock(&begun_lock);
    }
}

/* RNL_E_CONFIG: another process has taken our place since. */
static int check_place(struct session *session, struct rnl_error *err)
{
    const struct begun *begun;
    uint64_t mine, who, seq;
    natsStatus status;

    pthread_mutex_lock(&begun_lock);
    begun = find_begun(session->stream);
    mine = begun ? begun->id : 0;
    pthread_mutex_unlock(&begun_lock);
    if (!mine)
        return RNL_OK;
    status = stream_owner(session, &who, &seq);
    if (status != NATS_OK)
        return link_fail(err, status, 0, "can't ask whose the stream is");
    return who && who != mine ? publish_taken(session, err) : RNL_OK;
}

/*
 * What an earlier sitting left is of no use: what the target lacks is read again. One that still
 * publishes is refused from the mark on, and what it slipped in before goes too.
 */
int stream_take(struct session *session, struct rnl_error *err)
{
    uint64_t last = 0;
    int status = RNL_AGAIN;

    if (natsConnection_Status(session->conn) != NATS_CONN_STATUS_CONNECTED)
        return RNL_AGAIN;
    if (check_place(session, err) == RNL_OK && empty(session, 0, err) == RNL_OK &&
        last_of(session, &last, err) == RNL_OK)
        status = put_mark(session, last, err);
    else
        status = err->status;
    if (status == RNL_OK && session->begun > 1) /* the server takes 1 for all, the mark too */
        status = empty(session, session->begun, err);
    if (status == RNL_E_RETRY && strcmp(err->code, "transport.lost") != 0)
        status = RNL_AGAIN; /* the server is away */
    if (status != RNL_OK) {
        session->begun = 0;
        return status;
    }
    session->confirmed = session->begun;
    keep_begun(session);
    return RNL_OK;
}

natsStatus stream_owner(struct session *session, uint64_t *who, uint64_t *seq)
{
    char subject[SUBJECT_BYTES + 16];
    natsMsg *message = NULL;
    struct frame frame;
    const char *text = NULL;
    jsErrCode code = 0;
    natsStatus status;

    *who = 0;
    mark_subject(session, subject);
    status = js_GetLastMsg(&message, session->js, session->stream, subject, NULL, &code);
    if (status != NATS_OK)
        return (int)code == CODE_NO_MESSAGE ? NATS_OK : status;
    if (natsMsgHeader_Get(message, FRAME_HEADER, &text) == NATS_OK && frame_read(text, &frame)) {
        *who = frame.session;
        *seq = natsMsg_GetSequence(message);
    }
    natsMsg_Destroy(message);
    return NATS_OK;
}

int stream_prepare(struct session *session, struct rnl_error *err)
{
    char all[SUBJECT_BYTES + 4];
    const char *subjects[1] = {all};
    jsStreamInfo *info = NULL;
    jsStreamConfig wanted;
    jsErrCode code = 0;
    natsStatus status;
    int made;

    snprintf(all, sizeof(all), "%s.>", session->root);
    describe(session, &wanted, subjects);
    status = ask(session, &info, &code);
    if (status == NATS_OK) {
        made = settle(session, info, &wanted, err);
        jsStreamInfo_Destroy(info);
    } else if (status == NATS_NOT_FOUND || (int)code == CODE_NO_STREAM) {
        made = make(session, &wanted, err);
    } else {
        made = link_fail(err, status, (int)code, "can't ask for the stream");
    }
    return made;
}

void stream_remove(struct session *session)
{
    jsStreamInfo *info = NULL;
    bool ours, both = false;

    for (const struct subject *subject = session->subjects; subject; subject = subject->next)
        both = both || subject->here;
    if (!both || !session->begun || session->failed.status != RNL_OK ||
        natsConnection_Status(session->conn) != NATS_CONN_STATUS_CONNECTED ||
        js_GetStreamInfo(&info, session->js, session->stream, NULL, NULL) != NATS_OK)
        return;
    ours = info->State.LastSeq >= session->confirmed &&
           info->State.LastSeq <= session->confirmed + session->count;
    jsStreamInfo_Destroy(info);
    if (ours)
        js_DeleteStream(session->js, session->stream, NULL, NULL);
}
