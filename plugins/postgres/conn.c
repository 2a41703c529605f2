/* Connections to the server: how they are opened, used and cut. */
#include "server.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Holds for every connection: nothing of the server's or the role's settings leaks in. */
static const char session_sql[] = "SET client_encoding = 'UTF8';"
                                  "SET search_path = '';"
                                  "SET DateStyle = 'ISO, YMD';"
                                  "SET IntervalStyle = 'iso_8601';"
                                  "SET TimeZone = 'UTC';"
                                  "SET standard_conforming_strings = on;"
                                  "SET extra_float_digits = 3;"
                                  "SET bytea_output = 'hex';"
                                  "SET xmloption = 'content';"
                                  "SET statement_timeout = 0;"
                                  "SET idle_in_transaction_session_timeout = 0;"
                                  "SET default_transaction_isolation = 'read committed';"
                                  "SET default_transaction_read_only = off;"
                                  "SET row_security = off;"
                                  /* the server notices too when the network is cut, and lets
                                   * go of locks that the next attempt needs */
                                  "SET tcp_keepalives_idle = 10;"
                                  "SET tcp_keepalives_interval = 5;"
                                  "SET tcp_keepalives_count = 2;";

/* The same for one that speaks of replication, and C's money: what texts of values depend on. */
static const char replication_options[] =
    "-c search_path= -c DateStyle=ISO,YMD -c IntervalStyle=iso_8601 -c TimeZone=UTC"
    " -c extra_float_digits=3 -c bytea_output=hex -c xmloption=content -c lc_monetary=C"
    " -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0";

static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";

static bool is_loopback(const struct pg_link *link)
{
    const char *host = link->host;

    return link->socket || !host || !*host || host[0] == '/' || strcmp(host, "localhost") == 0 ||
           strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

static const char *ssl_mode(const struct pg_link *link)
{
    static const char *const words[] = {"", "disable", "require", "verify-ca", "verify-full"};

    if (link->tls_mode != TLS_AUTO)
        return words[link->tls_mode];
    return is_loopback(link) ? "disable" : "verify-full";
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

static PGconn *start_connecting(struct pg_server *server, bool replication)
{
    const struct pg_link *link = server->link;
    const char *mode = ssl_mode(link);
    struct params params = {.count = 0};
    char port[24];

    snprintf(port, sizeof(port), "%lld", (long long)link->port);
    param_add(&params, "host",
              link->socket ? link->socket : (link->host ? link->host : "localhost"));
    param_add(&params, "port", port);
    param_add(&params, "dbname", link->database);
    param_add(&params, "user", link->user);
    param_add(&params, "password", server->host->secret_text(link->password));
    param_add(&params, "application_name", link->application_name);
    param_add(&params, "replication", replication ? "database" : NULL);
    param_add(&params, "options", replication ? replication_options : NULL);
    param_add(&params, "client_encoding", "UTF8");
    param_add(&params, "gssencmode", "disable");
    param_add(&params, "sslmode", mode);
    param_add(&params, "sslcert", link->tls_cert);
    param_add(&params, "sslkey", link->tls_key);
    if (link->tls_ca)
        param_add(&params, "sslrootcert", link->tls_ca);
    else if (strncmp(mode, "verify", 6) == 0 && access(system_ca, R_OK) == 0)
        param_add(&params, "sslrootcert", system_ca);
    /* a network that is cut is noticed within 20 s, whether we wait or send */
    param_add(&params, "keepalives_idle", "10");
    param_add(&params, "keepalives_interval", "5");
    param_add(&params, "keepalives_count", "2");
    param_add(&params, "tcp_user_timeout", "20000");
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
static PGconn *connect_server(struct pg_server *server, bool replication, bool *late)
{
    int64_t end_ms = now_ms() + server->link->connect_timeout_ms;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    PGconn *pg = start_connecting(server, replication);

    *late = false;
    while (pg && PQstatus(pg) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
        struct pollfd wait = {.fd = PQsocket(pg),
                              .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int ready = poll(&wait, 1, 100);

        *late = now_ms() >= end_ms;
        if (*late || atomic_load(&server->interrupted))
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

    rnl_debug(conn->server->ctx, "PostgreSQL says: %s", text ? text : "");
}

static int refuse_old(const PGconn *pg, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "postgres.too_old",
             "the server is PostgreSQL %d.%d; Runnel works with 10 and later",
             PQserverVersion(pg) / 10000, PQserverVersion(pg) % 10000 / 100);
    rnl_hint(err, "upgrade the server");
    return RNL_E_CONFIG;
}

static int start_session(struct pg_conn *conn, struct rnl_error *err)
{
    int status = conn_exec(conn, session_sql, "set up the session", err);

    /* questions about catalogues look dear enough to be compiled, and never are */
    if (status == RNL_OK && PQserverVersion(conn->pg) >= 110000)
        status = conn_exec(conn, "SET jit = off", "set up the session", err);
    if (status == RNL_OK && PQserverVersion(conn->pg) >= 120000)
        status = conn_exec(conn, "SET tcp_user_timeout = 20000", "set up the session", err);
    /* not every server can do these; they matter only to one whose client died */
    if (status == RNL_OK && PQserverVersion(conn->pg) >= 140000) {
        PQclear(PQexec(conn->pg, "SET client_connection_check_interval = '2s'"));
        PQclear(PQexec(conn->pg, "SET idle_session_timeout = 0"));
    }
    return status;
}

void server_init(struct pg_server *server, const struct rnl_ctx *ctx, const struct pg_link *link)
{
    server->ctx = ctx;
    server->host = ctx->host;
    server->link = link;
    pthread_mutex_init(&server->lock, NULL);
}

void server_destroy(struct pg_server *server)
{
    pthread_mutex_destroy(&server->lock);
}

static int conn_open_as(struct pg_server *server, bool replication, struct pg_conn **out,
                        struct rnl_error *err)
{
    struct pg_conn *conn;
    bool late;
    int status;

    if (atomic_load(&server->interrupted))
        return error_interrupted(err);
    conn = calloc(1, sizeof(*conn));
    if (!conn)
        return error_memory(err);
    conn->server = server;
    conn->pg = connect_server(server, replication, &late);
    if (!conn->pg) {
        status = error_memory(err);
        goto free_conn;
    }
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        status = error_connect(server, conn->pg, late, err);
        goto finish;
    }
    if (PQserverVersion(conn->pg) < 100000) {
        status = refuse_old(conn->pg, err);
        goto finish;
    }
    PQsetNoticeReceiver(conn->pg, on_notice, conn);
    status = replication ? RNL_OK : start_session(conn, err);
    if (status != RNL_OK)
        goto finish;
    conn->cancel = PQgetCancel(conn->pg);

    pthread_mutex_lock(&server->lock);
    conn->next = server->conns;
    server->conns = conn;
    pthread_mutex_unlock(&server->lock);
    *out = conn;
    return RNL_OK;

finish:
    PQfinish(conn->pg);
free_conn:
    free(conn);
    return status;
}

int conn_open(struct pg_server *server, struct pg_conn **out, struct rnl_error *err)
{
    return conn_open_as(server, false, out, err);
}

int conn_open_replication(struct pg_server *server, struct pg_conn **out, struct rnl_error *err)
{
    return conn_open_as(server, true, out, err);
}

void conn_close(struct pg_conn *conn)
{
    struct pg_server *server;

    if (!conn)
        return;
    server = conn->server;
    pthread_mutex_lock(&server->lock);
    for (struct pg_conn **at = &server->conns; *at; at = &(*at)->next) {
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    }
    pthread_mutex_unlock(&server->lock);
    PQfreeCancel(conn->cancel);
    PQfinish(conn->pg);
    free(conn);
}

/*
 * Cuts each connection, which wakes whoever waits on it, then asks the server to stop
 * what it does: it wouldn't notice the cut while it builds an index. The registry's
 * lock keeps sockets from being closed (and their numbers given away) meanwhile.
 */
void server_interrupt(struct pg_server *server)
{
    char ignored[256];

    atomic_store(&server->interrupted, true);
    pthread_mutex_lock(&server->lock);
    for (struct pg_conn *conn = server->conns; conn; conn = conn->next)
        shutdown(PQsocket(conn->pg), SHUT_RDWR);
    for (struct pg_conn *conn = server->conns; conn; conn = conn->next)
        if (conn->cancel)
            PQcancel(conn->cancel, ignored, sizeof(ignored));
    pthread_mutex_unlock(&server->lock);
}

int conn_exec(struct pg_conn *conn, const char *sql, const char *doing, struct rnl_error *err)
{
    PGresult *result;
    ExecStatusType state;
    int status = RNL_OK;

    if (atomic_load(&conn->server->interrupted))
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
    if (atomic_load(&conn->server->interrupted))
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
