/* A PostgreSQL server as source and sink know it: how to reach it, and the connections to it. */
#ifndef POSTGRES_SERVER_H
#define POSTGRES_SERVER_H

#include <libpq-fe.h>
#include <pthread.h>
#include <runnel/plugin.h>
#include <stdatomic.h>

#define NAME_BYTES 63 /* of an identifier: NAMEDATALEN - 1 */

enum tls_mode { TLS_AUTO, TLS_DISABLE, TLS_REQUIRE, TLS_VERIFY_CA, TLS_VERIFY_FULL };

/* The options of a connection; the first member of what the host fills for source and sink. */
struct pg_link {
    const char *host;
    int64_t port;
    const char *socket;
    const char *database;
    const char *user;
    const struct rnl_secret *password;
    const char *application_name;
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t connect_timeout_ms;
    int32_t tls_mode;
};

/* One use of a server: every connection is known here, so that an interrupt reaches it. */
struct pg_server {
    const struct rnl_ctx *ctx;
    const struct rnl_host *host;
    const struct pg_link *link;
    int version; /* 150004; of the connection opened last */
    atomic_bool interrupted;

    pthread_mutex_t lock; /* guards conns */
    struct pg_conn *conns;
};

/* One connection, used by one thread at a time. */
struct pg_conn {
    PGconn *pg;
    PGcancel *cancel;
    struct pg_server *server;
    struct pg_conn *next;
};

/* conn.c */
void server_init(struct pg_server *server, const struct rnl_ctx *ctx, const struct pg_link *link);
/* All connections are closed before. */
void server_destroy(struct pg_server *server);
/* Makes blocked calls on all connections return soon, and later ones at once. */
void server_interrupt(struct pg_server *server);
int conn_open(struct pg_server *server, struct pg_conn **conn, struct rnl_error *err);
/* One that takes replication commands, and statements by PQexec() alone. */
int conn_open_replication(struct pg_server *server, struct pg_conn **conn, struct rnl_error *err);
void conn_close(struct pg_conn *conn);
/* A statement that gives no rows; doing: "create the table shop.orders". */
int conn_exec(struct pg_conn *conn, const char *sql, const char *doing, struct rnl_error *err);
/* A statement with text parameters that gives rows; *result is the caller's. */
int conn_query(struct pg_conn *conn, const char *sql, int nparams, const char *const *params,
               const char *doing, PGresult **result, struct rnl_error *err);

/* error.c */
int error_result(struct pg_conn *conn, const PGresult *result, const char *doing,
                 struct rnl_error *err);
/* late: the time for connecting was up */
int error_connect(struct pg_server *server, PGconn *pg, bool late, struct rnl_error *err);
int error_interrupted(struct rnl_error *err);
int error_memory(struct rnl_error *err);

#endif
