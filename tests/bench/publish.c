/* Bundles into NATS: `publish bare|transport URL MIB`, by the library alone or by the transport, in
 * pieces of 256 KiB that nobody reads. Prints MB/s, until the server has confirmed all. */
#include "nats.h"

#include <runnel/host.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 256 << 10, PENDING = 64, WAIT_MS = 60000 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int wrong(const char *what)
{
    fprintf(stderr, "publish: %s\n", what);
    return 1;
}

/* The floor: one stream of the same shape, the library's own window. */
static int bare(const char *url, long pieces, const char *piece)
{
    const char *subjects[] = {"bare.lane"};
    natsConnection *conn = NULL;
    jsCtx *js = NULL;
    jsOptions options;
    jsStreamConfig config;
    natsStatus status = natsConnection_ConnectTo(&conn, url);
    double began;

    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = PENDING;
    options.PublishAsync.StallWait = WAIT_MS;
    if (status == NATS_OK)
        status = natsConnection_JetStream(&js, conn, &options);
    jsStreamConfig_Init(&config);
    config.Name = "bare";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Discard = js_DiscardNew;
    if (status == NATS_OK)
        status = js_AddStream(NULL, js, &config, NULL, NULL);
    began = now();
    for (long i = 0; status == NATS_OK && i < pieces; i++)
        status = js_PublishAsync(js, subjects[0], piece, PIECE, NULL);
    if (status == NATS_OK)
        status = js_PublishAsyncComplete(js, NULL);
    if (status != NATS_OK)
        return wrong(natsStatus_GetText(status));
    printf("%.0f\n", (double)pieces * PIECE / 1e6 / (now() - began));
    js_DeleteStream(js, "bare", NULL, NULL);
    jsCtx_Destroy(js);
    natsConnection_Destroy(conn);
    return 0;
}

static int transport(const char *url, long pieces, const char *piece)
{
    const char *const servers[] = {url, NULL};
    const struct config config = {.servers = servers,
                                  .prefix = "publish",
                                  .replicas = 1,
                                  .max_bytes = (int64_t)4 << 30,
                                  .lane_bytes = (int64_t)3 << 30,
                                  .connect_timeout_ms = WAIT_MS};
    struct rnl_host host = {.size = sizeof(host)};
    struct rnl_ctx ctx = {.host = &host, .config = &config, .name = "publish"};
    struct rnl_message message = {
        .size = sizeof(message), .subject = "lane.0", .body = {piece, PIECE}};
    struct rnl_error err = RNL_ERROR_INIT;
    struct end end = {0};
    double began;

    if (session_get(&ctx, "bench", false, &end.ahead, &err) != RNL_OK ||
        session_get(&ctx, "bench", true, &end.back, &err) != RNL_OK)
        return wrong(err.text);
    began = now();
    for (long i = 0; err.status == RNL_OK && i < pieces; i++)
        publish_body(&end, &message, &err);
    if (err.status == RNL_OK)
        publish_flush(&end, WAIT_MS, &err);
    if (err.status != RNL_OK)
        return wrong(err.text);
    printf("%.0f\n", (double)pieces * PIECE / 1e6 / (now() - began));
    js_DeleteStream(end.ahead->js, end.ahead->stream, NULL, NULL);
    session_put(end.back);
    session_put(end.ahead);
    return 0;
}

int main(int argc, char **argv)
{
    char *piece = malloc(PIECE);
    long pieces = argc == 4 ? strtol(argv[3], NULL, 10) * ((1 << 20) / PIECE) : 0;
    int rc = 2;

    if (!piece || pieces <= 0) {
        fputs("publish bare|transport URL MIB\n", stderr);
    } else {
        for (size_t i = 0; i < PIECE; i++)
            piece[i] = (char)(i * 2654435761U >> 13);
        rc = strcmp(argv[1], "bare") == 0 ? bare(argv[2], pieces, piece)
                                          : transport(argv[2], pieces, piece);
    }
    free(piece);
    return rc;
}
