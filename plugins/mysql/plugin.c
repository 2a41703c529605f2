/* The mysql source: what it is called, which options it has, its life from open to close. */
#include "source.h"

#define AT(member) offsetof(struct mysql_config, member)
#define LINK RNL_O_CONNECTION

static const struct rnl_option options[] = {
    {"host", "127.0.0.1", "Name or address of the server", NULL, RNL_O_STRING, LINK, AT(host), 0,
     0},
    {"port", "3306", "Its TCP port", NULL, RNL_O_INT, LINK, AT(port), 1, 65535},
    {"socket", NULL, "Path of the server's Unix socket; replaces host and port", NULL, RNL_O_FILE,
     LINK, AT(socket), 0, 0},
    {"database", NULL, "The database to read", NULL, RNL_O_STRING, LINK | RNL_O_REQUIRED,
     AT(database), 0, 0},
    {"user", NULL, "Who logs in", NULL, RNL_O_STRING, LINK, AT(user), 0, 0},
    {"password", NULL, "The user's password", NULL, RNL_O_SECRET, LINK, AT(password), 0, 0},
    {"tls.mode", "auto",
     "auto: off on a socket and on loopback, verify-full elsewhere; verify-full checks issuer and "
     "name; require encrypts without checking; verify-ca needs tls.fingerprint",
     TLS_WORDS, RNL_O_ENUM, LINK, AT(tls_mode), 0, 0},
    {"tls.ca", NULL, "Certificates of the issuers trusted; the system's when not set", NULL,
     RNL_O_FILE, LINK, AT(tls_ca), 0, 0},
    {"tls.cert", NULL, "Our own certificate", NULL, RNL_O_FILE, LINK, AT(tls_cert), 0, 0},
    {"tls.key", NULL, "The private key of our certificate", NULL, RNL_O_FILE, LINK, AT(tls_key), 0,
     0},
    {"tls.fingerprint", NULL,
     "SHA-1 of the one certificate trusted, in hexadecimal; replaces the checks of issuer and name",
     NULL, RNL_O_STRING, LINK, AT(tls_fingerprint), 0, 0},
    {"server_public_key", NULL,
     "The server's RSA key, for a caching_sha2_password login without TLS", NULL, RNL_O_FILE, LINK,
     AT(server_public_key), 0, 0},
    {"connect_timeout", "10s", "How long connecting may take", NULL, RNL_O_DURATION, LINK,
     AT(connect_timeout_ms), 1000, 3600000},
    {"read_timeout", "0s", "How long the server may be silent within a statement; 0: for ever",
     NULL, RNL_O_DURATION, LINK, AT(read_timeout_ms), 0, 86400000},
};

/* wire.c reads rows below the library's own interface, which is one in major 3 alone. */
static int library_check(struct rnl_error *err)
{
    const char *version = mysql_get_client_info();

    if (strncmp(version, "3.", 2) == 0 && strtoul(version + 2, NULL, 10) >= 1)
        return RNL_OK;
    return rnl_fail(err, RNL_E_CONFIG, "mysql.client",
                    "the client library is version %.30s; MariaDB Connector/C 3 is needed",
                    version);
}

static int log_is_on(struct source *source, struct rnl_error *err)
{
    char *value;
    int status = conn_value(source->control, "SELECT @@global.log_bin", 0, &value, err);

    source->binlog = value && strcmp(value, "1") == 0;
    free(value);
    return status;
}

static int server_learn(struct source *source, struct rnl_error *err)
{
    int status = log_is_on(source, err);

    if (!status)
        status = conn_value(source->control, "SELECT DATABASE()", 0, &source->database, err);
    return !status && !source->database ? error_memory(err) : status;
}

static void source_close(void *self)
{
    struct source *source = self;

    lanes_close(source);
    conn_close(source->control);
    table_infos_free(source);
    free(source->database);
    free(source->position);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

static int source_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    struct source *source = NULL;
    int status = library_check(err);

    if (status)
        return status;
    source = calloc(1, sizeof(*source));
    if (!source)
        return error_memory(err);
    source->ctx = ctx;
    source->config = ctx->config;
    pthread_mutex_init(&source->lock, NULL);
    status = conn_open(source, &source->control, err);
    if (!status)
        status = server_learn(source, err);
    if (status) {
        source_close(source);
        return status;
    }
    rnl_debug(ctx, "connected to %s %u.%u.%u", source->mariadb ? "MariaDB" : "MySQL",
              source->version / 10000, source->version / 100 % 100, source->version % 100);
    *self = source;
    return RNL_OK;
}

static void source_interrupt(void *self)
{
    conns_interrupt(self);
}

static const struct rnl_source_ops ops = {
    .size = sizeof(ops),
    .open = source_open,
    .close = source_close,
    .describe = source_describe,
    .check = source_check,
    .snapshot = source_snapshot,
    .plan = source_plan,
    .cursor_open = source_cursor_open,
    .cursor_read = source_cursor_read,
    .cursor_close = source_cursor_close,
    .interrupt = source_interrupt,
};

static const struct rnl_plugin plugin = {
    .size = sizeof(plugin),
    .kind = RNL_SOURCE,
    .name = "mysql",
    .summary = "Reads MySQL 8.0 and later, and MariaDB 10.5 and later",
    .schemes = "mysql,mariadb",
    .options = RNL_OPTIONS(options, struct mysql_config),
    .source = &ops,
};

RNL_MODULE("mysql", "0.1.0", "Apache-2.0", &plugin);
