/* The stream of a pipeline: made, or checked to be of the shape that nothing is lost in. */
#include "nats.h"

#include <string.h>

enum { CODE_NO_STREAM = 10059, REQUEST_MS = 10000, DEDUPE_NS = 1000000000 };

static void describe(const struct session *session, jsStreamConfig *config, const char **subjects)
{
    jsStreamConfig_Init(config);
    config->Name = session->stream;
    config->Subjects = subjects;
    config->SubjectsLen = 1;
    config->Retention = js_LimitsPolicy;
    config->Discard = js_DiscardNew;
    config->MaxBytes = session->config->max_bytes;
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

/*
 * What an earlier run left is of no use: what the target lacks is read again. The number that the
 * server counts on from is where ours begin.
 */
static int empty(struct session *session, struct rnl_error *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    natsStatus status = js_PurgeStream(session->js, session->stream, NULL, &code);

    if (status == NATS_OK)
        status = js_GetStreamInfo(&info, session->js, session->stream, NULL, &code);
    if (status != NATS_OK)
        return link_fail(err, status, (int)code, "can't empty the stream");
    session->confirmed = info->State.LastSeq;
    jsStreamInfo_Destroy(info);
    return RNL_OK;
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
    return made == RNL_OK ? empty(session, err) : made;
}

void stream_remove(struct session *session)
{
    jsStreamInfo *info = NULL;
    bool ours;

    if (session->failed.status != RNL_OK ||
        natsConnection_Status(session->conn) != NATS_CONN_STATUS_CONNECTED ||
        js_GetStreamInfo(&info, session->js, session->stream, NULL, NULL) != NATS_OK)
        return;
    ours = info->State.LastSeq >= session->confirmed &&
           info->State.LastSeq <= session->confirmed + session->count;
    jsStreamInfo_Destroy(info);
    if (ours)
        js_DeleteStream(session->js, session->stream, NULL, NULL);
}
