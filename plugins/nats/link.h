/* The plugin's options, and a connection to a server by them. */
#ifndef NATS_LINK_H
#define NATS_LINK_H

#include <nats/nats.h>
#include <runnel/plugin.h>
#include <stdatomic.h>

enum { LINK_TLS_DISABLE, LINK_TLS_REQUIRE };
enum { LINK_STORE_FILE, LINK_STORE_MEMORY };

struct config {
    const char *const *servers;
    const char *prefix;
    const char *user;
    const struct rnl_secret *password;
    const struct rnl_secret *token;
    const char *nkey;
    const char *nkey_seed;
    const char *credentials;
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t replicas;
    int64_t max_bytes;
    int64_t lane_bytes;
    int64_t connect_timeout_ms;
    int32_t tls_mode;
    int32_t storage;
};

/* Of one connection, told by threads of the library's; shared with them until link_release. */
struct link_events {
    atomic_uint again;  /* how often it was lost and stands again */
    atomic_bool closed; /* the library has given up: refused twice with the same words */
    atomic_int users;
};

int link_connect(const struct rnl_ctx *ctx, natsConnection **conn, struct link_events **events,
                 struct rnl_error *err);

/* After the connection was destroyed. */
void link_release(struct link_events *events);

/* What a call of the library said, as an error; code: of JetStream, 0 when it said none. */
int link_fail(struct rnl_error *err, natsStatus status, int code, const char *what);

#endif
