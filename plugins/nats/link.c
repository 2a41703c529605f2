/* A connection to a NATS server: credentials, TLS, and errors in words. */
#include "link.h"

#include <stdlib.h>

enum {
    RECONNECT_WAIT_MS = 250,
    RECONNECT_JITTER_MS = 100,
    RECONNECT_BUFFER_BYTES = 64 << 10, /* what a lost connection swallowed is sent anew by us */
    PING_MS = 10000,
    HANG_UPS = 2, /* that are borne more */
    IO_BUFFER_BYTES = 256 << 10,
    CODE_NO_JETSTREAM = 10039, /* for this account */
    CODE_JETSTREAM_OFF = 10076,
    CODE_NO_RESOURCES = 10023,
    CODE_NO_STORAGE = 10047,
    CODE_NO_STREAM = 10059,
};

static const char *words_of(natsStatus status)
{
    natsStatus last = NATS_OK;
    const char *text = nats_GetLastError(&last);

    return text && *text && last == status ? text : natsStatus_GetText(status);
}

int link_fail(struct rnl_error *err, natsStatus status, int code, const char *what)
{
    const char *words = words_of(status);

    if (code == CODE_NO_JETSTREAM || code == CODE_JETSTREAM_OFF || status == NATS_NO_RESPONDERS) {
        rnl_fail(err, RNL_E_CONFIG, "nats.no_jetstream", "%s: the server has no JetStream: %s",
                 what, words);
        rnl_hint(err, "start nats-server with -js, or give the account JetStream");
        return err->status;
    }
    if (code == CODE_NO_RESOURCES || code == CODE_NO_STORAGE) {
        rnl_fail(err, RNL_E_CONFIG, "nats.no_room", "%s: %s", what, words);
        rnl_hint(err, "set a smaller max_bytes, or give JetStream more room");
        return err->status;
    }
    if (code == CODE_NO_STREAM)
        return rnl_fail(err, RNL_E_RETRY, "transport.lost",
                        "%s: the stream is gone: what the target lacks is read again", what);
    switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
        rnl_fail(err, RNL_E_CONFIG, "nats.access_denied", "%s: %s", what, words);
        rnl_hint(err, "check user and password, token, nkey or credentials");
        break;
    case NATS_SSL_ERROR:
    case NATS_SECURE_CONNECTION_REQUIRED:
    case NATS_SECURE_CONNECTION_WANTED:
        rnl_fail(err, RNL_E_CONFIG, "nats.tls", "%s: %s", what, words);
        rnl_hint(err, "check tls.mode, tls.ca and the server's own settings of TLS");
        break;
    case NATS_NO_MEMORY:
        rnl_fail(err, RNL_E_FATAL, "memory", "%s: out of memory", what);
        break;
    case NATS_INVALID_ARG:
    case NATS_ILLEGAL_STATE:
        rnl_fail(err, RNL_E_CONFIG, "nats.refused", "%s: %s", what, words);
        break;
    default:
        rnl_fail(err, RNL_E_RETRY, "nats.unreachable", "%s: %s", what, words);
    }
    return err->status;
}

/* One kind of credentials at most: which one counts must not depend on the order. */
static int check_credentials(const struct config *config, struct rnl_error *err)
{
    int kinds = !!config->user + !!config->token + !!config->nkey + !!config->credentials;

    if (kinds > 1)
        return rnl_fail(err, RNL_E_CONFIG, "nats.credentials",
                        "of user, token, nkey and credentials only one may be set");
    if (!config->nkey != !config->nkey_seed)
        return rnl_fail(err, RNL_E_CONFIG, "nats.credentials",
                        "nkey and nkey_seed are set together or not at all");
    if (!config->tls_cert != !config->tls_key)
        return rnl_fail(err, RNL_E_CONFIG, "nats.tls",
                        "tls.cert and tls.key are set together or not at all");
    if (config->tls_mode == LINK_TLS_DISABLE && (config->tls_ca || config->tls_cert))
        return rnl_fail(err, RNL_E_CONFIG, "nats.tls",
                        "tls.ca and tls.cert need tls.mode = \"require\"");
    return RNL_OK;
}

static natsStatus set_credentials(const struct rnl_ctx *ctx, natsOptions *options)
{
    const struct config *config = ctx->config;

    if (config->user)
        return natsOptions_SetUserInfo(options, config->user,
                                       ctx->host->secret_text(config->password));
    if (config->token)
        return natsOptions_SetToken(options, ctx->host->secret_text(config->token));
    if (config->nkey)
        return natsOptions_SetNKeyFromSeed(options, config->nkey, config->nkey_seed);
    if (config->credentials)
        return natsOptions_SetUserCredentialsFromFiles(options, config->credentials, NULL);
    return NATS_OK;
}

/* The scheme of a URL isn't relied on: tls:// alone goes in clear text to a plain server. */
static natsStatus set_tls(const struct config *config, natsOptions *options)
{
    natsStatus status = natsOptions_SetSecure(options, true);

    if (status == NATS_OK && config->tls_ca)
        status = natsOptions_LoadCATrustedCertificates(options, config->tls_ca);
    if (status == NATS_OK && config->tls_cert)
        status = natsOptions_LoadCertificatesChain(options, config->tls_cert, config->tls_key);
    return status;
}

static natsStatus set_servers(const struct config *config, natsOptions *options)
{
    const char *servers[64];
    int count = 0;

    while (count < 64 && config->servers[count]) {
        servers[count] = config->servers[count];
        count++;
    }
    return natsOptions_SetServers(options, servers, count);
}

static void on_reconnect(natsConnection *conn, void *arg)
{
    struct link_events *events = arg;

    (void)conn;
    atomic_fetch_add(&events->again, 1);
}

void link_release(struct link_events *events)
{
    if (events && atomic_fetch_sub(&events->users, 1) == 1)
        free(events);
}

/* The last that is called of a connection. */
static void on_closed(natsConnection *conn, void *arg)
{
    struct link_events *events = arg;

    (void)conn;
    atomic_store(&events->closed, true);
    link_release(events);
}

/* The library writes errors of its own to stderr unless it is told where they go. */
static void on_error(natsConnection *conn, natsSubscription *sub, natsStatus status, void *arg)
{
    (void)conn;
    (void)sub;
    (void)status;
    (void)arg;
}

static natsStatus set_behaviour(const struct config *config, natsOptions *options,
                                struct link_events *events)
{
    natsStatus status = natsOptions_SetTimeout(options, config->connect_timeout_ms);

    if (status == NATS_OK)
        status = natsOptions_SetMaxReconnect(options, -1);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectJitter(options, RECONNECT_JITTER_MS, RECONNECT_JITTER_MS);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectBufSize(options, RECONNECT_BUFFER_BYTES);
    if (status == NATS_OK)
        status = natsOptions_SetFailRequestsOnDisconnect(options, true);
    if (status == NATS_OK)
        status = natsOptions_SetSendAsap(options, true);
    if (status == NATS_OK)
        status = natsOptions_SetPingInterval(options, PING_MS);
    if (status == NATS_OK)
        status = natsOptions_SetIOBufSize(options, IO_BUFFER_BYTES);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, on_error, NULL);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectedCB(options, on_reconnect, events);
    if (status == NATS_OK)
        status = natsOptions_SetClosedCB(options, on_closed, events);
    return status;
}

/* The server hung up where it should have answered: of its own, or for want of a certificate. */
static bool lacks_certificate(const struct config *config, natsStatus status)
{
    return (status == NATS_PROTOCOL_ERROR || status == NATS_CONNECTION_CLOSED) &&
           config->tls_mode == LINK_TLS_REQUIRE && !config->tls_cert;
}

/* One that just restarts does it once; for want of a certificate it does it each time. */
static natsStatus connect_surely(const struct config *config, natsOptions *options,
                                 natsConnection **conn)
{
    natsStatus status = natsConnection_Connect(conn, options);

    for (int i = 0; i < HANG_UPS && lacks_certificate(config, status); i++) {
        nats_Sleep(RECONNECT_WAIT_MS);
        status = natsConnection_Connect(conn, options);
    }
    return status;
}

int link_connect(const struct rnl_ctx *ctx, natsConnection **conn, struct link_events **out,
                 struct rnl_error *err)
{
    const struct config *config = ctx->config;
    natsOptions *options = NULL;
    struct link_events *events;
    natsStatus status;

    if (check_credentials(config, err) != RNL_OK)
        return err->status;
    events = calloc(1, sizeof(*events));
    if (!events)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a connection");
    atomic_init(&events->users, 2); /* us, and the library until it has closed */
    status = natsOptions_Create(&options);
    if (status == NATS_OK)
        status = set_servers(config, options);
    if (status == NATS_OK)
        status = set_behaviour(config, options, events);
    if (status == NATS_OK)
        status = set_credentials(ctx, options);
    if (status == NATS_OK && config->tls_mode == LINK_TLS_REQUIRE)
        status = set_tls(config, options);
    if (status == NATS_OK)
        status = natsOptions_SetName(options, ctx->name);
    if (status == NATS_OK)
        status = connect_surely(config, options, conn);
    natsOptions_Destroy(options);
    if (status == NATS_OK) {
        *out = events;
        return RNL_OK;
    }
    free(events); /* no connection was made that would call back */
    link_fail(err, status, 0, "can't connect to NATS");
    if (lacks_certificate(config, status)) {
        err->status = RNL_E_CONFIG;
        snprintf(err->code, sizeof(err->code), "nats.tls");
        rnl_hint(err, "does the server ask for a client certificate? see tls.cert and tls.key");
    }
    return err->status;
}
