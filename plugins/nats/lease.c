/* Leases of a pipeline: entries of a bucket in which what nobody renews is forgotten. */
#include "lease.h"

#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 2000, TEXT_BYTES = 64 << 10 };

/* What it is in is one process, on a connection of its own: the streams' may be made anew. */
struct leases {
    const struct rnl_ctx *ctx;
    struct link_events *events;
    natsConnection *conn;
    jsCtx *js;
    kvStore *store;
    char bucket[SUBJECT_BYTES];
    char *pipeline;
    char *text;   /* lent to who looked last */
    uint64_t put; /* the entry that we put last */
    bool stood;   /* the bucket was there: what is away may come back */
};

static void disconnect(struct leases *leases)
{
    kvStore_Destroy(leases->store);
    jsCtx_Destroy(leases->js);
    natsConnection_Destroy(leases->conn);
    link_release(leases->events);
    leases->store = NULL;
    leases->js = NULL;
    leases->conn = NULL;
    leases->events = NULL;
}

static int reach(struct leases *leases, struct rnl_error *err)
{
    jsOptions options;
    natsStatus status;

    if (leases->conn && !atomic_load(&leases->events->closed))
        return RNL_OK;
    disconnect(leases);
    if (link_connect(leases->ctx, &leases->conn, &leases->events, err) != RNL_OK)
        return err->status;
    jsOptions_Init(&options);
    options.Wait = WAIT_MS; /* one that can't renew must know in good time */
    status = natsConnection_JetStream(&leases->js, leases->conn, &options);
    return status == NATS_OK ? RNL_OK : link_fail(err, status, 0, "can't use JetStream");
}

/* Nobody answers: a server that starts, or one that is without JetStream for a while. */
static int bear(const struct leases *leases, struct rnl_error *err)
{
    if (leases->stood && strcmp(err->code, "nats.no_jetstream") == 0)
        err->status = RNL_E_RETRY;
    return err->status;
}

/* Made when it isn't there; one that is there as it should be is made by that too. */
static int open_store(struct leases *leases, struct rnl_error *err)
{
    const struct config *config = leases->ctx->config;
    natsStatus status;
    kvConfig wanted;

    if (reach(leases, err) != RNL_OK || leases->store)
        return err->status;
    kvConfig_Init(&wanted);
    wanted.Bucket = leases->bucket;
    wanted.History = 1;
    wanted.TTL = (int64_t)RNL_LEASE_MS * 1000000;
    wanted.MaxBytes = 16 * TEXT_BYTES;
    wanted.MaxValueSize = TEXT_BYTES;
    wanted.StorageType = config->storage == LINK_STORE_FILE ? js_FileStorage : js_MemoryStorage;
    wanted.Replicas = (int)config->replicas;
    status = js_CreateKeyValue(&leases->store, leases->js, &wanted);
    if (status == NATS_OK) {
        leases->stood = true;
        return RNL_OK;
    }
    leases->store = NULL;
    link_fail(err, status, 0, "can't make the bucket of leases");
    return bear(leases, err);
}

int leases_open(const struct rnl_ctx *ctx, const char *pipeline, void **out, struct rnl_error *err)
{
    const struct config *config = ctx->config;
    struct leases *leases = calloc(1, sizeof(*leases));
    char prefix[128], name[256];

    if (!leases || !(leases->pipeline = strdup(pipeline))) {
        free(leases);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for leases");
    }
    leases->ctx = ctx;
    if (frame_name(prefix, sizeof(prefix), config->prefix) &&
        frame_name(name, sizeof(name), pipeline)) {
        /* no pipeline's name ends so, see session.c */
        snprintf(leases->bucket, sizeof(leases->bucket), "%s_%s_leases", prefix, name);
        open_store(leases, err);
    } else {
        rnl_fail(err, RNL_E_CONFIG, "nats.name",
                 "prefix and pipeline make a name that is too long for a bucket");
    }
    if (err->status != RNL_OK) {
        leases_close(leases);
        return err->status;
    }
    *out = leases;
    return RNL_OK;
}

void leases_close(void *handle)
{
    struct leases *leases = handle;

    disconnect(leases);
    free(leases->text);
    free(leases->pipeline);
    free(leases);
}

/* A bucket that is gone, with all that was stored, is made anew by the next call. */
static int failed(struct leases *leases, natsStatus status, struct rnl_error *err)
{
    kvStore_Destroy(leases->store);
    leases->store = NULL;
    link_fail(err, status, 0, "can't use the bucket of leases");
    return bear(leases, err);
}

/* An entry that was dropped stays as an empty one, until it is forgotten. */
static int look(struct leases *leases, const char *name, struct rnl_slice *text, uint64_t *revision,
                struct rnl_error *err)
{
    kvEntry *entry = NULL;
    natsStatus status = kvStore_Get(&entry, leases->store, name);
    int len;

    *text = (struct rnl_slice){"", 0};
    *revision = 0;
    if (status == NATS_NOT_FOUND)
        return RNL_DONE;
    if (status != NATS_OK)
        return failed(leases, status, err);
    len = kvEntry_ValueLen(entry);
    free(leases->text);
    leases->text = malloc((size_t)len + 1);
    if (leases->text) {
        memcpy(leases->text, len ? kvEntry_Value(entry) : "", (size_t)len);
        *text = (struct rnl_slice){leases->text, (size_t)len};
    }
    *revision = kvEntry_Revision(entry);
    kvEntry_Destroy(entry);
    if (!leases->text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a lease");
    return len ? RNL_OK : RNL_DONE;
}

int lease_look(void *handle, const char *name, struct rnl_slice *text, uint64_t *revision,
               struct rnl_error *err)
{
    struct leases *leases = handle;

    if (open_store(leases, err) != RNL_OK)
        return err->status;
    return look(leases, name, text, revision, err);
}

/* The library tells a wrong sequence by its words alone. */
static bool is_another(natsStatus status)
{
    natsStatus last = NATS_OK;
    const char *words = nats_GetLastError(&last);

    return status == NATS_ERR && words && strstr(words, "wrong last sequence");
}

static int update(struct leases *leases, const char *name, struct rnl_slice text,
                  uint64_t *revision, struct rnl_error *err)
{
    uint64_t before = *revision;
    natsStatus status;

    if (before)
        status = kvStore_Update(revision, leases->store, name, text.ptr, (int)text.len, before);
    else
        status = kvStore_Create(revision, leases->store, name, text.ptr, (int)text.len);
    if (status == NATS_OK)
        return RNL_OK;
    *revision = before;
    return is_another(status) ? RNL_AGAIN : failed(leases, status, err);
}

int lease_put(void *handle, const char *name, struct rnl_slice text, uint64_t *revision,
              struct rnl_error *err)
{
    struct leases *leases = handle;
    struct rnl_slice there;
    bool first = !*revision, begins = first || *revision != leases->put;
    int status;

    if (text.len > TEXT_BYTES / 2)
        return rnl_fail(err, RNL_E_FATAL, "nats.lease", "a lease says too much");
    if (open_store(leases, err) != RNL_OK)
        return err->status;
    if (first) {
        status = look(leases, name, &there, revision, err);
        if (status != RNL_DONE)
            return status == RNL_OK ? RNL_AGAIN : status;
    }
    status = update(leases, name, text, revision, err);
    if (status != RNL_OK)
        return status;
    leases->put = *revision;
    if (begins)
        stream_forget(leases->ctx->config, leases->pipeline);
    return RNL_OK;
}

int lease_drop(void *handle, const char *name, uint64_t revision, struct rnl_error *err)
{
    struct leases *leases = handle;

    if (open_store(leases, err) != RNL_OK)
        return err->status;
    return update(leases, name, (struct rnl_slice){"", 0}, &revision, err);
}
