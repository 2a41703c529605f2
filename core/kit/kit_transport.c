/* The kit's checks of a transport: order, numbers, hand-over, back-pressure, interruption. */
#include "../util/clock.h"
#include "kit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MESSAGES = 200,
    FETCH_MS = 5000,
    WAIT_MS = 150,
    SOON_MS = 1000,            /* how soon a blocked call must end when it is interrupted */
    LARGE_BYTES = 8 << 20,     /* more than a bound on a lane should be */
    PRESSURE_BYTES = 64 << 20, /* what no bound should let pass unread */
    PIECE_BYTES = 256 << 10,
};

/* Both ends of one pipeline, as reader and writer have them. */
struct pair {
    struct kit *kit;
    const struct rnl_transport_ops *ops;
    void *reader, *writer;
    atomic_uint released;
};

static void count_release(void *owner)
{
    struct pair *pair = owner;

    atomic_fetch_add(&pair->released, 1);
}

static bool pair_open(struct pair *pair, struct kit_use *use)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char name[48];
    static int count;

    *pair = (struct pair){.kit = use->kit, .ops = &use->plugin->transport};
    snprintf(name, sizeof(name), "runnel-kit-%d-%d", (int)getpid(), ++count);
    if (pair->ops->open(&use->host.ctx, name, &pair->reader, &err) != RNL_OK)
        return kit_ok(pair->kit, err.status, &err, "opens both ends");
    if (pair->ops->open(&use->host.ctx, name, &pair->writer, &err) == RNL_OK)
        return true;
    pair->ops->close(pair->reader);
    return kit_ok(pair->kit, err.status, &err, "opens both ends");
}

static void pair_close(struct pair *pair)
{
    pair->ops->close(pair->reader);
    pair->ops->close(pair->writer);
}

static int publish(struct pair *pair, const char *subject, uint32_t number, const void *body,
                   size_t len, struct rnl_error *err)
{
    char id[32];
    struct rnl_message message = {.size = sizeof(message),
                                  .subject = subject,
                                  .body = {body, len},
                                  .release = count_release,
                                  .owner = pair};

    snprintf(id, sizeof(id), "%s-%u", subject, number);
    message.id = (struct rnl_slice){id, strlen(id)};
    return pair->ops->publish(pair->reader, &message, err);
}

static bool body_is(const struct rnl_message *message, uint32_t number)
{
    return message->body.len == sizeof(number) &&
           memcmp(message->body.ptr, &number, sizeof(number)) == 0;
}

/* ---- order, numbers, one release each ---------------------------------------- */

/* After a call that should have been RNL_OK: an error, or a message that did not come. */
static void lost(struct kit *kit, const char *name, const struct rnl_error *err)
{
    kit_expect(kit, false, name, "%s",
               err->status < 0 ? err->text : "a message that was published did not come");
}

static uint32_t bodies[MESSAGES]; /* lent to the transport until it releases them */

static bool fetch_all(struct pair *pair, void *subscription, struct rnl_error *err)
{
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct rnl_message message = {.size = sizeof(message)};
        int status = pair->ops->fetch(subscription, &message, FETCH_MS, err);

        if (status != RNL_OK)
            return kit_expect(pair->kit, false, "delivers in order", "message %u: %d %s", i, status,
                              status < 0 ? err->text : "");
        if (!body_is(&message, i) || message.sequence != i + 1 || message.deliveries != 1)
            return kit_expect(pair->kit, false, "delivers in order",
                              "where message %u was due came sequence %llu, delivery %u", i + 1,
                              (unsigned long long)message.sequence, message.deliveries);
        if (pair->ops->ack(subscription, &message, err) != RNL_OK)
            return kit_ok(pair->kit, err->status, err, "delivers in order");
    }
    return kit_expect(pair->kit, true, "delivers in order", " ");
}

static void check_order(struct kit_use *use)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct pair pair;
    void *lane = NULL, *meta = NULL;
    struct rnl_message message = {.size = sizeof(message)};
    int status = RNL_OK;

    kit_doing(use->kit, "delivers in order");
    if (!pair_open(&pair, use))
        return;
    for (uint32_t i = 0; i < MESSAGES && status == RNL_OK; i++) {
        bodies[i] = i;
        status = publish(&pair, "lane.0", i, &bodies[i], sizeof(bodies[i]), &err);
    }
    if (status == RNL_OK)
        status = publish(&pair, "meta", 0, &bodies[7], sizeof(bodies[7]), &err);
    if (status == RNL_OK)
        status = pair.ops->flush(pair.reader, FETCH_MS, &err);
    if (!kit_ok(use->kit, status, &err, "publishes and flushes"))
        goto close;
    if (pair.ops->subscribe(pair.writer, "lane.0", "writer", &lane, &err) != RNL_OK ||
        pair.ops->subscribe(pair.writer, "meta", "writer", &meta, &err) != RNL_OK) {
        kit_ok(use->kit, err.status, &err, "subscribes");
        goto close;
    }
    if (!fetch_all(&pair, lane, &err))
        goto close;
    status = pair.ops->fetch(meta, &message, FETCH_MS, &err);
    kit_expect(use->kit, status == RNL_OK && body_is(&message, 7) && message.sequence == 1,
               "keeps subjects apart", "status %d, sequence %llu", status,
               (unsigned long long)message.sequence);
    if (status == RNL_OK)
        pair.ops->ack(meta, &message, &err);
close:
    if (lane)
        pair.ops->unsubscribe(lane);
    if (meta)
        pair.ops->unsubscribe(meta);
    pair_close(&pair);
    if (status == RNL_OK)
        kit_expect(use->kit, atomic_load(&pair.released) == MESSAGES + 1, "releases each body once",
                   "%u releases of %u bodies", atomic_load(&pair.released), MESSAGES + 1u);
}

/* ---- waiting, and once more ----------------------------------------------------- */

static void check_again(struct kit_use *use)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_message message = {.size = sizeof(message)};
    struct pair pair;
    void *lane = NULL;
    int64_t begin_ms;
    int status;

    kit_doing(use->kit, "delivers once more what is given back");
    if (!pair_open(&pair, use))
        return;
    if (pair.ops->subscribe(pair.writer, "lane.1", "writer", &lane, &err) != RNL_OK) {
        kit_ok(use->kit, err.status, &err, "subscribes");
        goto close;
    }
    begin_ms = clock_ms();
    status = pair.ops->fetch(lane, &message, WAIT_MS, &err);
    kit_expect(use->kit, status == RNL_AGAIN && clock_ms() - begin_ms < WAIT_MS + SOON_MS,
               "says in time that nothing is there", "status %d after %lld ms", status,
               (long long)(clock_ms() - begin_ms));
    for (uint32_t i = 0; i < 2; i++)
        if (publish(&pair, "lane.1", i, &bodies[i], sizeof(bodies[i]), &err) != RNL_OK)
            goto failed;
    if (pair.ops->fetch(lane, &message, FETCH_MS, &err) != RNL_OK ||
        pair.ops->again(lane, &message, 0, &err) != RNL_OK)
        goto failed;
    status = pair.ops->fetch(lane, &message, FETCH_MS, &err);
    kit_expect(use->kit, status == RNL_OK && body_is(&message, 0) && message.deliveries == 2,
               "delivers once more what is given back", "status %d, delivery %u%s", status,
               message.deliveries, body_is(&message, 0) ? "" : ", and another message");
    if (status == RNL_OK)
        pair.ops->ack(lane, &message, &err);
    goto close;
failed:
    lost(use->kit, "delivers once more what is given back", &err);
close:
    if (lane)
        pair.ops->unsubscribe(lane);
    pair_close(&pair);
}

/* A transport that replays keeps a message once, however often its sender repeats it. */
static void check_same_id(struct kit_use *use)
{
    static const char name[] = "keeps the same id once";
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_message message = {.size = sizeof(message)};
    struct pair pair;
    void *lane = NULL;
    int status = RNL_OK;

    if (!(use->plugin->declared->caps & RNL_TRANSPORT_REPLAYS)) {
        kit_skip(use->kit, name, "it keeps nothing beyond its process (no RNL_TRANSPORT_REPLAYS)");
        return;
    }
    kit_doing(use->kit, name);
    if (!pair_open(&pair, use))
        return;
    for (int i = 0; i < 2 && status == RNL_OK; i++)
        status = publish(&pair, "lane.2", 5, &bodies[0], sizeof(bodies[0]), &err);
    if (status == RNL_OK &&
        pair.ops->subscribe(pair.writer, "lane.2", "writer", &lane, &err) == RNL_OK &&
        pair.ops->fetch(lane, &message, FETCH_MS, &err) == RNL_OK) {
        pair.ops->ack(lane, &message, &err);
        kit_expect(use->kit, pair.ops->fetch(lane, &message, WAIT_MS, &err) == RNL_AGAIN, name,
                   "it came twice");
    } else {
        lost(use->kit, name, &err);
    }
    if (lane)
        pair.ops->unsubscribe(lane);
    pair_close(&pair);
}

/* ---- leases ----------------------------------------------------------------------- */

/* Two processes, as far as the transport can tell. */
static void try_leases(struct kit_use *use, const struct rnl_transport_ops *ops, void *one,
                       void *other)
{
    static const struct rnl_slice first = {"first", 5}, second = {"second", 6};
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_slice seen = {NULL, 0};
    uint64_t ours = 0, theirs = 0, found = 0;
    int status = ops->lease_put(one, "writer", first, &ours, &err);

    kit_ok(use->kit, status, &err, "gives a lease that nobody has");
    if (status != RNL_OK)
        return;
    kit_expect(use->kit, ops->lease_put(other, "writer", second, &theirs, &err) == RNL_AGAIN,
               "gives it to nobody else", "two have it");
    status = ops->lease_look(other, "writer", &seen, &found, &err);
    kit_expect(use->kit,
               status == RNL_OK && found == ours && seen.len == 5 &&
                   memcmp(seen.ptr, "first", 5) == 0,
               "shows who has it", "status %d, %zu bytes", status, seen.len);
    theirs = ours;
    status = ops->lease_put(one, "writer", first, &ours, &err);
    kit_expect(use->kit, status == RNL_OK && ours != theirs, "renews it", "status %d", status);
    kit_expect(use->kit, ops->lease_put(other, "writer", second, &theirs, &err) == RNL_AGAIN,
               "refuses one that saw an earlier entry", "it was put in its place");
    theirs = ours;
    status = ops->lease_put(other, "writer", second, &theirs, &err);
    kit_expect(
        use->kit, status == RNL_OK && ops->lease_drop(one, "writer", ours, &err) == RNL_AGAIN,
        "lets it be taken from one that is gone, who can't drop it then", "status %d", status);
    status = ops->lease_drop(other, "writer", theirs, &err);
    kit_expect(use->kit,
               status == RNL_OK && ops->lease_look(one, "writer", &seen, &found, &err) == RNL_DONE,
               "has a lease that was dropped for the next one", "status %d", status);
    ours = 0;
    kit_ok(use->kit, ops->lease_put(one, "writer", first, &ours, &err), &err,
           "gives a lease that was dropped");
    ops->lease_drop(one, "writer", ours, &err);
}

static void check_leases(struct kit_use *use)
{
    static const char name[] = "leases";
    const struct rnl_transport_ops *ops = &use->plugin->transport;
    struct rnl_error err = RNL_ERROR_INIT;
    void *one = NULL, *other = NULL;
    char pipeline[48];

    if (!(use->plugin->declared->caps & RNL_TRANSPORT_LEASES)) {
        kit_skip(use->kit, name, "it has none (no RNL_TRANSPORT_LEASES)");
        return;
    }
    kit_doing(use->kit, name);
    snprintf(pipeline, sizeof(pipeline), "runnel-kit-leases-%d", (int)getpid());
    if (ops->leases_open(&use->host.ctx, pipeline, &one, &err) == RNL_OK &&
        ops->leases_open(&use->host.ctx, pipeline, &other, &err) == RNL_OK)
        try_leases(use, ops, one, other);
    else
        kit_ok(use->kit, err.status, &err, name);
    if (other)
        ops->leases_close(other);
    if (one)
        ops->leases_close(one);
}

/* ---- bounds ----------------------------------------------------------------------- */

static void check_large(struct kit_use *use)
{
    static const char name[] = "lets a message larger than the bound pass alone";
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_message message = {.size = sizeof(message)};
    char *body = calloc(1, LARGE_BYTES);
    struct pair pair;
    void *lane = NULL;
    int status;

    kit_doing(use->kit, name);
    if (!body || !pair_open(&pair, use)) {
        free(body);
        return;
    }
    memset(body, 'x', LARGE_BYTES);
    status = publish(&pair, "lane.0", 0, body, LARGE_BYTES, &err);
    if (status == RNL_OK)
        status = pair.ops->subscribe(pair.writer, "lane.0", "writer", &lane, &err);
    if (status == RNL_OK)
        status = pair.ops->fetch(lane, &message, FETCH_MS, &err);
    if (status != RNL_OK)
        kit_ok(use->kit, status, &err, name);
    else
        kit_expect(use->kit,
                   message.body.len == LARGE_BYTES &&
                       memcmp(message.body.ptr, body, LARGE_BYTES) == 0,
                   name, "it came with other bytes, %zu of them", message.body.len);
    if (status == RNL_OK)
        pair.ops->ack(lane, &message, &err);
    if (lane)
        pair.ops->unsubscribe(lane);
    pair_close(&pair);
    free(body);
}

/* A reader that never stops, in a thread of its own. */
struct flood {
    struct pair *pair;
    char *body;
    atomic_uint sent;
    atomic_int status; /* of the publish that ended it */
    pthread_t thread;
    struct rnl_error err;
};

static void *flood_main(void *arg)
{
    struct flood *flood = arg;
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < PRESSURE_BYTES / PIECE_BYTES; i++) {
        status = publish(flood->pair, "lane.0", i, flood->body, PIECE_BYTES, &flood->err);
        if (status == RNL_OK)
            atomic_fetch_add(&flood->sent, 1);
    }
    atomic_store(&flood->status, status == RNL_OK ? RNL_DONE : status);
    return NULL;
}

/* Until the flood stands still for half a second, or has ended. */
static void await_stillness(struct flood *flood)
{
    const struct timespec step = {0, 10 * 1000000};
    int64_t since_ms = clock_ms();
    unsigned last = 0;

    while (atomic_load(&flood->status) == RNL_OK && clock_ms() - since_ms < 500) {
        unsigned now = atomic_load(&flood->sent);

        if (now != last)
            since_ms = clock_ms();
        last = now;
        nanosleep(&step, NULL);
    }
}

/* Reads one message of the full lane: the flood must go on. */
static void check_goes_on(struct flood *flood)
{
    struct pair *pair = flood->pair;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_message message = {.size = sizeof(message)};
    const struct timespec step = {0, 5 * 1000000};
    unsigned before = atomic_load(&flood->sent);
    int64_t begin_ms = clock_ms();
    void *lane;

    if (pair->ops->subscribe(pair->writer, "lane.0", "writer", &lane, &err) != RNL_OK) {
        kit_ok(pair->kit, err.status, &err, "goes on when there is room again");
        return;
    }
    if (pair->ops->fetch(lane, &message, FETCH_MS, &err) == RNL_OK)
        pair->ops->ack(lane, &message, &err);
    while (atomic_load(&flood->sent) == before && clock_ms() - begin_ms < FETCH_MS)
        nanosleep(&step, NULL);
    kit_expect(pair->kit, atomic_load(&flood->sent) > before, "goes on when there is room again",
               "%d ms after one message was read nothing more was taken", FETCH_MS);
    pair->ops->unsubscribe(lane);
}

static void check_pressure(struct kit_use *use)
{
    struct flood flood = {.err = RNL_ERROR_INIT, .body = calloc(1, PIECE_BYTES)};
    int64_t begin_ms;
    struct pair pair;

    kit_doing(use->kit, "holds a reader back that is ahead");
    if (!flood.body || !pair_open(&pair, use)) {
        free(flood.body);
        return;
    }
    flood.pair = &pair;
    if (pthread_create(&flood.thread, NULL, flood_main, &flood) != 0)
        goto close;
    await_stillness(&flood);
    if (atomic_load(&flood.status) == RNL_DONE) {
        kit_skip(use->kit, "holds a reader back that is ahead",
                 "64 MiB were taken: set a smaller bound to try it");
        pthread_join(flood.thread, NULL);
        goto close;
    }
    kit_expect(use->kit, atomic_load(&flood.status) == RNL_OK, "holds a reader back that is ahead",
               "%s", flood.err.text);
    check_goes_on(&flood);
    await_stillness(&flood);
    kit_doing(use->kit, "interrupt ends a publish that waits");
    begin_ms = clock_ms();
    pair.ops->interrupt(pair.reader);
    pthread_join(flood.thread, NULL);
    kit_expect(use->kit,
               clock_ms() - begin_ms < SOON_MS && atomic_load(&flood.status) == RNL_E_RETRY,
               "interrupt ends a publish that waits", "status %d after %lld ms",
               atomic_load(&flood.status), (long long)(clock_ms() - begin_ms));
close:
    pair_close(&pair);
    free(flood.body);
    kit_expect(use->kit, atomic_load(&pair.released) == atomic_load(&flood.sent),
               "close releases what it still holds", "%u releases of %u bodies",
               atomic_load(&pair.released), atomic_load(&flood.sent));
}

static void check_interrupt(struct kit_use *use)
{
    static const char name[] = "interrupt ends a fetch that waits";
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_message message = {.size = sizeof(message)};
    struct kit_after after;
    struct pair pair;
    void *lane = NULL;
    int status;

    kit_doing(use->kit, name);
    if (!pair_open(&pair, use))
        return;
    if (pair.ops->subscribe(pair.writer, "lane.0", "writer", &lane, &err) != RNL_OK)
        kit_ok(use->kit, err.status, &err, name);
    else if (kit_after(&after, WAIT_MS, pair.ops->interrupt, pair.writer)) {
        status = pair.ops->fetch(lane, &message, 30000, &err);
        kit_after_join(&after);
        kit_expect(use->kit, status == RNL_E_RETRY && clock_ms() - after.called_ms < SOON_MS, name,
                   "status %d after %lld ms", status, (long long)(clock_ms() - after.called_ms));
        status = pair.ops->fetch(lane, &message, 30000, &err);
        kit_expect(use->kit, status == RNL_E_RETRY && !kit_error_fault(&err, status),
                   "stays interrupted", "the next fetch returned %d", status);
    }
    if (lane)
        pair.ops->unsubscribe(lane);
    pair_close(&pair);
}

void kit_transport(struct kit_use *use)
{
    check_order(use);
    check_again(use);
    check_same_id(use);
    check_leases(use);
    check_large(use);
    check_pressure(use);
    check_interrupt(use);
}
