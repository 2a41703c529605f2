/* Connections to the server: how they are opened, used and cut. */
#include "postgres.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Holds for every connection: nothing of the server's or the role's settings leaks in. */
static const char session_sql[] = "SET client_encoding = 'UTF8';"
                                  "SET search_path = '';"
                                  "SET DateStyle = 'ISO, YMD';"
                                  "SET IntervalStyle = 'postgres';"
                                  "SET TimeZone = 'UTC';"
                                  "SET standard_conforming_strings = on;"
                                  "SET extra_float_digits = 3;"
                                  "SET bytea_output = 'hex';"
                                  "SET statement_timeout = 0;"
                                  "SET idle_in_transaction_session_timeout = 0;"
                                  "SET default_transaction_isolation = 'read committed';"
                                  "SET default_transaction_read_only = off;"
                                  "SET row_security = off;";

static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";

static bool is_loopback(const struct pg_config *config)
{
    const char *host = config->host;

    return config->socket || !host || !*host || host[0] == '/' || strcmp(host, "localhost") == 0 ||
           strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

static const char *ssl_mode(const struct pg_config *config)
{
    static const char *const words[] = {"", "disable", "require", "verify-ca", "verify-full"};

    if (config->tls_mode != TLS_AUTO)
        return words[config->tls_mode];
    return is_loopback(config) ? "disable" : "verify-full";
}

struct params {
    const char *names[24];
    const char *values[24];
    size_t count;
};

static void param_add(struct params *params, const char *name, const char *value)
{
    if (!value)
        return;
    params->names[params->count] = name;
    params->values[params->count++] = value;
}

static PGconn *start_connecting(struct pg_sink *sink)
{
    const struct pg_config *config = sink->config;
    const char *mode = ssl_mode(config);
    struct params params = {.count = 0};
    char port[24];

    snprintf(port, sizeof(port), "%lld", (long long)config->port);
    param_add(&params, "host",
              config->socket ? config->socket : (config->host ? config->host : "localhost"));
    param_add(&params, "port", port);
    param_add(&params, "dbname", config->database);
    param_add(&params, "user", config->user);
    param_add(&params, "password", sink->host->secret_text(config->password));
    param_add(&params, "application_name", config->application_name);
    param_add(&params, "client_encoding", "UTF8");
    param_add(&params, "gssencmode", "disable");
    param_add(&params, "sslmode", mode);
    param_add(&params, "sslcert", config->tls_cert);
    param_add(&params, "sslkey", config->tls_key);
    if (config->tls_ca)
        param_add(&params, "sslrootcert", config->tls_ca);
    else if (strncmp(mode, "verify", 6) == 0 && access(system_ca, R_OK) == 0)
        param_add(&params, "sslrootcert", system_ca);
    param_add(&params, "keepalives_idle", "60");
    param_add(&params, "tcp_user_timeout", "120000");
    params.names[params.count] = NULL;
    params.values[params.count] = NULL;
    return PQconnectStartParams(params.names, params.values, 0);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * libpq's own waiting would not be woken by interrupt(). Gives the connection in
 * whatever state it came to; *late when the time was up.
 */
static PGconn *connect_server(struct pg_sink *sink, bool *late)
{
    int64_t end_ms = now_ms() + sink->config->connect_timeout_ms;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    PGconn *pg = start_connecting(sink);

    *late = false;
    while (pg && PQstatus(pg) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
        struct pollfd wait = {.fd = PQsocket(pg),
                              .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int ready = poll(&wait, 1, 100);

        *late = now_ms() >= end_ms;
        if (*late || atomic_load(&sink->interrupted))
            break;
        if (ready > 0)
            state = PQconnectPoll(pg);
    }
    return pg;
}

/* Notices ("relation exists, skipping") are for the log. */
static void on_notice(void *arg, const PGresult *result)
{
    struct pg_conn *conn = arg;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    rnl_debug(conn->sink->ctx, "PostgreSQL says: %s", text ? text : "");
}

static int refuse_old(const PGconn *pg, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "postgres.too_old",
             "the target is PostgreSQL %d.%d; Runnel writes 10 and later",
             PQserverVersion(pg) / 10000, PQserverVersion(pg) % 10000 / 100);
    rnl_hint(err, "upgrade the target server");
    return RNL_E_CONFIG;
}

static int start_session(struct pg_conn *conn, struct rnl_error *err)
{
    int status = conn_exec(conn, session_sql, "set up the session", err);

    /* not every server can do these; they matter only to one whose client died */
    if (status == RNL_OK && PQserverVersion(conn->pg) >= 140000) {
        PQclear(PQexec(conn->pg, "SET client_connection_check_interval = '2s'"));
        PQclear(PQexec(conn->pg, "SET idle_session_timeout = 0"));
    }
    return status;
}

int conn_open(struct pg_sink *sink, struct pg_conn **out, struct rnl_error *err)
{
    struct pg_conn *conn;
    bool late;
    int status;

    if (atomic_load(&sink->interrupted))
        return error_interrupted(err);
    conn = calloc(1, sizeof(*conn));
    if (!conn)
        return error_memory(err);
    conn->sink = sink;
    conn->pg = connect_server(sink, &late);
    if (!conn->pg) {
        status = error_memory(err);
        goto free_conn;
    }
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        status = error_connect(sink, conn->pg, late, err);
        goto finish;
    }
    if (PQserverVersion(conn->pg) < 100000) {
        status = refuse_old(conn->pg, err);
        goto finish;
    }
    PQsetNoticeReceiver(conn->pg, on_notice, conn);
    status = start_session(conn, err);
    if (status != RNL_OK)
        goto finish;
    conn->cancel = PQgetCancel(conn->pg);

    pthread_mutex_lock(&sink->lock);
    conn->next = sink->conns;
    sink->conns = conn;
    pthread_mutex_unlock(&sink->lock);
    *out = conn;
    return RNL_OK;

finish:
    PQfinish(conn->pg);
free_conn:
    free(conn);
    return status;
}

void conn_close(struct pg_conn *conn)
{
    struct pg_sink *sink;

    if (!conn)
        return;
    sink = conn->sink;
    pthread_mutex_lock(&sink->lock);
    for (struct pg_conn **at = &sink->conns; *at; at = &(*at)->next) {
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    }
    pthread_mutex_unlock(&sink->lock);
    PQfreeCancel(conn->cancel);
    PQfinish(conn->pg);
    free(conn);
}

/*
 * Cuts each connection, which wakes whoever waits on it, then asks the server to stop
 * what it does: it wouldn't notice the cut while it builds an index. The registry's
 * lock keeps sockets from being closed (and their numbers given away) meanwhile.
 */
void conn_interrupt_all(struct pg_sink *sink)
{
    char ignored[256];

    atomic_store(&sink->interrupted, true);
    pthread_mutex_lock(&sink->lock);
    for (struct pg_conn *conn = sink->conns; conn; conn = conn->next)
        shutdown(PQsocket(conn->pg), SHUT_RDWR);
    for (struct pg_conn *conn = sink->conns; conn; conn = conn->next)
        if (conn->cancel)
            PQcancel(conn->cancel, ignored, sizeof(ignored));
    pthread_mutex_unlock(&sink->lock);
}

int conn_exec(struct pg_conn *conn, const char *sql, const char *doing, struct rnl_error *err)
{
    PGresult *result;
    ExecStatusType state;
    int status = RNL_OK;

    if (atomic_load(&conn->sink->interrupted))
        return error_interrupted(err);
    result = PQexec(conn->pg, sql);
    state = PQresultStatus(result);
    if (state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK)
        status = error_result(conn, result, doing, err);
    PQclear(result);
    return status;
}

int conn_query(struct pg_conn *conn, const char *sql, int nparams, const char *const *params,
               const char *doing, PGresult **result, struct rnl_error *err)
{
    ExecStatusType state;
    int status;

    *result = NULL;
    if (atomic_load(&conn->sink->interrupted))
        return error_interrupted(err);
    *result = PQexecParams(conn->pg, sql, nparams, NULL, params, NULL, NULL, 0);
    state = PQresultStatus(*result);
    if (state == PGRES_TUPLES_OK || state == PGRES_COMMAND_OK)
        return RNL_OK;
    status = error_result(conn, *result, doing, err);
    PQclear(*result);
    *result = NULL;
    return status;
}
