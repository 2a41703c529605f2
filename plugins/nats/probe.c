/* Whether a server is there that can carry a pipeline: asked without making anything there. */
#include "nats.h"

#include <string.h>

enum { REQUEST_MS = 10000, STREAMS = 2 };

/* A server that has just been started finds its JetStream only after a moment. */
static natsStatus ask(jsCtx *js, int64_t patience_ms, jsAccountInfo **info, jsErrCode *code)
{
    int64_t deadline_ms = nats_now_ms() + patience_ms;
    natsStatus status;

    for (;;) {
        *code = 0;
        status = js_GetAccountInfo(info, js, NULL, code);
        if (status != NATS_NO_RESPONDERS || nats_now_ms() >= deadline_ms)
            return status;
        nats_Sleep(SLICE_MS);
    }
}

/* Limits of an account may differ by how many servers keep a stream: "R1", "R3". */
static const jsTier *tier_of(const jsAccountInfo *info, int64_t replicas)
{
    char name[8];

    snprintf(name, sizeof(name), "R%d", (int)replicas);
    for (int i = 0; i < info->TiersLen; i++)
        if (info->Tiers[i] && info->Tiers[i]->Name && strcmp(info->Tiers[i]->Name, name) == 0)
            return info->Tiers[i];
    return NULL;
}

struct room {
    int64_t used, most, streams, streams_most; /* most: below 0: no limit */
};

static struct room room_of(const jsAccountInfo *info, const struct config *config)
{
    const jsTier *tier = tier_of(info, config->replicas);
    const jsAccountLimits *limits = tier ? &tier->Limits : &info->Limits;
    bool file = config->storage == LINK_STORE_FILE;

    return (struct room){
        .used = (int64_t)(tier ? (file ? tier->Store : tier->Memory)
                               : (file ? info->Store : info->Memory)),
        .most = file ? limits->MaxStore : limits->MaxMemory,
        .streams = tier ? tier->Streams : info->Streams,
        .streams_most = limits->MaxStreams,
    };
}

static bool has_stream(jsCtx *js, const char *stream)
{
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    bool has = js_GetStreamInfo(&info, js, stream, NULL, &code) == NATS_OK;

    jsStreamInfo_Destroy(info);
    return has;
}

/* What the pipeline's streams would need beside what is there; those that stand need no more. */
static int judge(const struct room *room, const struct config *config, bool stands,
                 struct rnl_error *err)
{
    if (stands)
        return RNL_OK;
    if (room->streams_most >= 0 && room->streams + STREAMS > room->streams_most) {
        rnl_fail(err, RNL_E_CONFIG, "nats.no_room",
                 "the account has %lld of %lld streams, and a pipeline needs %d",
                 (long long)room->streams, (long long)room->streams_most, STREAMS);
        rnl_hint(err, "delete streams that nobody uses, or give the account more");
        return err->status;
    }
    if (room->most >= 0 && room->most - room->used < config->max_bytes) {
        rnl_fail(err, RNL_E_CONFIG, "nats.no_room",
                 "of %lld MiB that the account may store %lld MiB are taken, and max_bytes is "
                 "%lld MiB",
                 (long long)room->most >> 20, (long long)room->used >> 20,
                 (long long)config->max_bytes >> 20);
        rnl_hint(err, "set a smaller max_bytes, or give the account more room");
        return err->status;
    }
    return RNL_OK;
}

static const char *limit_text(int64_t limit, char *buf, size_t size)
{
    if (limit < 0)
        return "any number";
    snprintf(buf, size, "%lld", (long long)limit);
    return buf;
}

static void tell(natsConnection *conn, const struct room *room, char *text, size_t size)
{
    char url[200], streams[24], most[24];

    if (natsConnection_GetConnectedUrl(conn, url, sizeof(url)) != NATS_OK)
        url[0] = '\0';
    snprintf(text, size,
             "connected to %s, messages up to %lld kB; JetStream: %lld of %s streams, %lld "
             "of %s MiB",
             url, (long long)natsConnection_GetMaxPayload(conn) / 1000, (long long)room->streams,
             limit_text(room->streams_most, streams, sizeof(streams)), (long long)room->used >> 20,
             limit_text(room->most < 0 ? -1 : room->most >> 20, most, sizeof(most)));
}

static int look(const struct rnl_ctx *ctx, natsConnection *conn, const char *stream, char *text,
                size_t size, struct rnl_error *err)
{
    const struct config *config = ctx->config;
    jsAccountInfo *info = NULL;
    jsErrCode code = 0;
    jsCtx *js = NULL;
    jsOptions options;
    struct room room;
    natsStatus status;

    jsOptions_Init(&options);
    options.Wait = REQUEST_MS;
    status = natsConnection_JetStream(&js, conn, &options);
    if (status == NATS_OK)
        status = ask(js, config->connect_timeout_ms, &info, &code);
    if (status != NATS_OK) {
        link_fail(err, status, (int)code, "can't ask for the account's JetStream");
        jsCtx_Destroy(js);
        return err->status;
    }
    room = room_of(info, config);
    tell(conn, &room, text, size);
    judge(&room, config, has_stream(js, stream), err);
    jsAccountInfo_Destroy(info);
    jsCtx_Destroy(js);
    return err->status;
}

int probe(const struct rnl_ctx *ctx, const char *pipeline, char *text, size_t size,
          struct rnl_error *err)
{
    const struct config *config = ctx->config;
    char prefix[128], safe[256], stream[SUBJECT_BYTES];
    struct link_events *events;
    natsConnection *conn;

    if (!frame_name(prefix, sizeof(prefix), config->prefix) ||
        !frame_name(safe, sizeof(safe), pipeline))
        return rnl_fail(err, RNL_E_CONFIG, "nats.name",
                        "prefix and pipeline make a name that is too long for a stream");
    snprintf(stream, sizeof(stream), "%s_%s", prefix, safe);
    if (link_connect(ctx, &conn, &events, err) != RNL_OK)
        return err->status;
    look(ctx, conn, stream, text, size, err);
    natsConnection_Destroy(conn);
    link_release(events);
    return err->status;
}
