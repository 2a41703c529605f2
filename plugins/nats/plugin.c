/* The transport over NATS JetStream: the table of functions, and of options. */
#include "lease.h"

#include <stdlib.h>

static int nats_open(const struct rnl_ctx *ctx, const char *pipeline, void **self,
                     struct rnl_error *err)
{
    struct end *end = calloc(1, sizeof(*end));

    if (!end)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for NATS");
    if (session_get(ctx, pipeline, false, &end->ahead, err) != RNL_OK)
        goto free_end;
    if (session_get(ctx, pipeline, true, &end->back, err) != RNL_OK)
        goto put_ahead;
    *self = end;
    return RNL_OK;
put_ahead:
    session_put(end->ahead);
free_end:
    free(end);
    return err->status;
}

static void nats_close(void *self)
{
    struct end *end = self;

    if (!end)
        return;
    session_put(end->back);
    session_put(end->ahead);
    free(end);
}

static int nats_publish(void *self, const struct rnl_message *message, struct rnl_error *err)
{
    return publish_body(self, message, err);
}

static int nats_flush(void *self, int timeout_ms, struct rnl_error *err)
{
    return publish_flush(self, timeout_ms, err);
}

static int nats_subscribe(void *self, const char *subject, const char *durable, void **subscription,
                          struct rnl_error *err)
{
    (void)durable; /* a process that begins anew asks for a new sitting: nothing old is wanted */
    return pull_subscribe(self, subject, subscription, err);
}

static int nats_working(void *subscription, struct rnl_message *message, struct rnl_error *err)
{
    (void)subscription;
    (void)message; /* no delivery times out here */
    (void)err;
    return RNL_OK;
}

static void nats_interrupt(void *self)
{
    struct end *end = self;

    atomic_store(&end->interrupted, true);
    pthread_cond_broadcast(&end->ahead->moved); /* one that misses it looks within SLICE_MS */
    pthread_cond_broadcast(&end->back->moved);
}

static const struct rnl_transport_ops ops = {
    .size = sizeof(ops),
    .open = nats_open,
    .close = nats_close,
    .publish = nats_publish,
    .flush = nats_flush,
    .subscribe = nats_subscribe,
    .fetch = pull_fetch,
    .ack = pull_ack,
    .again = pull_again,
    .working = nats_working,
    .unsubscribe = pull_unsubscribe,
    .interrupt = nats_interrupt,
    .probe = probe,
    .leases_open = leases_open,
    .leases_close = leases_close,
    .lease_put = lease_put,
    .lease_drop = lease_drop,
    .lease_look = lease_look,
};

#define AT(member) (uint32_t) offsetof(struct config, member)

static const struct rnl_option options[] = {
    {"servers", NULL, "where NATS is: [\"nats://host:4222\", ...]", NULL, RNL_O_LIST,
     RNL_O_REQUIRED, AT(servers), 0, 0},
    {"prefix", "runnel", "what names of streams and subjects begin with", NULL, RNL_O_STRING, 0,
     AT(prefix), 0, 0},
    {"user", NULL, "user", NULL, RNL_O_STRING, 0, AT(user), 0, 0},
    {"password", NULL, "password, or a reference to it", NULL, RNL_O_SECRET, 0, AT(password), 0, 0},
    {"token", NULL, "token in the place of user and password", NULL, RNL_O_SECRET, 0, AT(token), 0,
     0},
    {"nkey", NULL, "public key of an nkey", NULL, RNL_O_STRING, 0, AT(nkey), 0, 0},
    {"nkey_seed", NULL, "file with the seed of the nkey", NULL, RNL_O_FILE, 0, AT(nkey_seed), 0, 0},
    {"credentials", NULL, "credentials file (.creds: a JWT and its seed)", NULL, RNL_O_FILE, 0,
     AT(credentials), 0, 0},
    {"tls.mode", "disable", "require: no connection without TLS, whatever the URLs say",
     "disable|require", RNL_O_ENUM, 0, AT(tls_mode), 0, 0},
    {"tls.ca", NULL, "file of the CA that the server's certificate is checked against", NULL,
     RNL_O_FILE, 0, AT(tls_ca), 0, 0},
    {"tls.cert", NULL, "client certificate", NULL, RNL_O_FILE, 0, AT(tls_cert), 0, 0},
    {"tls.key", NULL, "key of the client certificate", NULL, RNL_O_FILE, 0, AT(tls_key), 0, 0},
    {"replicas", "1", "servers of a cluster that keep the stream", NULL, RNL_O_INT, 0, AT(replicas),
     1, 5},
    {"storage", "file", "where the server keeps what waits", "file|memory", RNL_O_ENUM, 0,
     AT(storage), 0, 0},
    {"max_bytes", "256M", "bytes that the stream may hold; a reader that is ahead by more waits",
     NULL, RNL_O_SIZE, 0, AT(max_bytes), 1 << 20, (int64_t)1 << 44},
    {"lane_bytes", "16M", "bytes that may wait in one lane", NULL, RNL_O_SIZE, 0, AT(lane_bytes),
     64 << 10, (int64_t)1 << 40},
    {"connect_timeout", "10s", "how long connecting may take", NULL, RNL_O_DURATION, 0,
     AT(connect_timeout_ms), 100, 3600000},
};

static const struct rnl_plugin nats = {
    .size = sizeof(nats),
    .kind = RNL_TRANSPORT,
    .caps = RNL_TRANSPORT_APART | RNL_TRANSPORT_LEASES,
    .name = "nats",
    .summary = "Carries bundles through NATS JetStream, from one process or machine to another",
    .options = RNL_OPTIONS(options, struct config),
    .transport = &ops,
};

RNL_MODULE("nats", "0.1.0", "Apache-2.0", &nats);
