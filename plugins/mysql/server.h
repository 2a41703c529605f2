/* A server as source and sink know it: how it is reached, its connections, its answers. */
#ifndef MYSQL_SERVER_H
#define MYSQL_SERVER_H

#include <mysql.h>
#include <pthread.h>
#include <runnel/plugin.h>
#include <stdlib.h>

#include "text.h"

enum tls_mode { TLS_AUTO, TLS_OFF, TLS_REQUIRE, TLS_VERIFY_CA, TLS_VERIFY_FULL };
#define TLS_WORDS "auto|off|require|verify-ca|verify-full"

/* How a server is reached: the options that a connection block has, in both directions. */
struct mysql_link {
    const char *host, *socket, *database, *user;
    int64_t port;
    const struct rnl_secret *password;
    int32_t tls_mode;
    const char *tls_ca, *tls_cert, *tls_key, *tls_fingerprint;
    const char *server_public_key;
    int64_t connect_timeout_ms, read_timeout_ms;
};

/* The items of an option table for a struct config whose member link is the one above. */
#define LINK_AT(config, member) (offsetof(config, link) + offsetof(struct mysql_link, member))
#define LINK_OPTIONS(config, database_help)                                                        \
    {"host",                                                                                       \
     "127.0.0.1",                                                                                  \
     "Name or address of the server",                                                              \
     NULL,                                                                                         \
     RNL_O_STRING,                                                                                 \
     RNL_O_CONNECTION,                                                                             \
     LINK_AT(config, host),                                                                        \
     0,                                                                                            \
     0},                                                                                           \
        {"port", "3306", "Its TCP port", NULL, RNL_O_INT, RNL_O_CONNECTION, LINK_AT(config, port), \
         1,      65535},                                                                           \
        {"socket",                                                                                 \
         NULL,                                                                                     \
         "Path of the server's Unix socket; replaces host and port",                               \
         NULL,                                                                                     \
         RNL_O_FILE,                                                                               \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, socket),                                                                  \
         0,                                                                                        \
         0},                                                                                       \
        {"database",                                                                               \
         NULL,                                                                                     \
         database_help,                                                                            \
         NULL,                                                                                     \
         RNL_O_STRING,                                                                             \
         RNL_O_CONNECTION | RNL_O_REQUIRED,                                                        \
         LINK_AT(config, database),                                                                \
         0,                                                                                        \
         0},                                                                                       \
        {"user", NULL, "Who logs in", NULL, RNL_O_STRING, RNL_O_CONNECTION, LINK_AT(config, user), \
         0,      0},                                                                               \
        {"password",                                                                               \
         NULL,                                                                                     \
         "The user's password",                                                                    \
         NULL,                                                                                     \
         RNL_O_SECRET,                                                                             \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, password),                                                                \
         0,                                                                                        \
         0},                                                                                       \
        {"tls.mode",                                                                               \
         "auto",                                                                                   \
         "auto: off on a socket and on loopback, verify-full elsewhere; verify-full checks "       \
         "issuer and name; require encrypts without checking; verify-ca needs tls.fingerprint",    \
         TLS_WORDS,                                                                                \
         RNL_O_ENUM,                                                                               \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, tls_mode),                                                                \
         0,                                                                                        \
         0},                                                                                       \
        {"tls.ca",                                                                                 \
         NULL,                                                                                     \
         "Certificates of the issuers trusted; the system's when not set",                         \
         NULL,                                                                                     \
         RNL_O_FILE,                                                                               \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, tls_ca),                                                                  \
         0,                                                                                        \
         0},                                                                                       \
        {"tls.cert",                                                                               \
         NULL,                                                                                     \
         "Our own certificate",                                                                    \
         NULL,                                                                                     \
         RNL_O_FILE,                                                                               \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, tls_cert),                                                                \
         0,                                                                                        \
         0},                                                                                       \
        {"tls.key",                                                                                \
         NULL,                                                                                     \
         "The private key of our certificate",                                                     \
         NULL,                                                                                     \
         RNL_O_FILE,                                                                               \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, tls_key),                                                                 \
         0,                                                                                        \
         0},                                                                                       \
        {"tls.fingerprint",                                                                        \
         NULL,                                                                                     \
         "SHA-1 of the one certificate trusted, in hexadecimal; replaces the checks of issuer "    \
         "and name",                                                                               \
         NULL,                                                                                     \
         RNL_O_STRING,                                                                             \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, tls_fingerprint),                                                         \
         0,                                                                                        \
         0},                                                                                       \
        {"server_public_key",                                                                      \
         NULL,                                                                                     \
         "The server's RSA key, for a caching_sha2_password login without TLS",                    \
         NULL,                                                                                     \
         RNL_O_FILE,                                                                               \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, server_public_key),                                                       \
         0,                                                                                        \
         0},                                                                                       \
        {"connect_timeout",                                                                        \
         "10s",                                                                                    \
         "How long connecting may take",                                                           \
         NULL,                                                                                     \
         RNL_O_DURATION,                                                                           \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, connect_timeout_ms),                                                      \
         1000,                                                                                     \
         3600000},                                                                                 \
    {                                                                                              \
        "read_timeout", "0s", "How long the server may be silent within a statement; 0: for ever", \
            NULL, RNL_O_DURATION, RNL_O_CONNECTION, LINK_AT(config, read_timeout_ms), 0, 86400000  \
    }

/* One connection, used by one thread at a time. */
struct conn {
    MYSQL *mysql;
    struct my_server *server;
    struct conn *next; /* in server->conns, under server->lock */
    unsigned long id;  /* of the session, as the server counts them */
    int fd;            /* our own copy of the socket: after an error the library closes its one */
};

struct my_server {
    const struct rnl_ctx *ctx;
    const struct mysql_link *link;
    int (*session_set)(struct conn *conn, struct rnl_error *err); /* of each new connection */
    char *database;                                               /* as the server spells it */
    bool mariadb;
    unsigned version;  /* 80036, 101119 */
    int64_t started_s; /* when the server was started, since 1970; 0: unknown */

    pthread_mutex_t lock; /* of the two below: interrupt comes from any thread */
    struct conn *conns;
    bool interrupted;
};

/* server.c */
void server_init(struct my_server *server, const struct rnl_ctx *ctx, const struct mysql_link *link,
                 int (*session_set)(struct conn *conn, struct rnl_error *err));
void server_free(struct my_server *server);
/* The client library can be worked with. */
int library_check(struct rnl_error *err);
/* Learns the database's name from the first connection. */
int server_learn(struct my_server *server, struct conn *conn, struct rnl_error *err);

/* conn.c: open and close from the thread that uses it */
int conn_open(struct my_server *server, struct conn **conn, struct rnl_error *err);
/*
 * As conn_open, and the server may ask for "files" (LOAD DATA LOCAL): the caller must set
 * a handler of its own (mysql_set_local_infile_handler) before the first statement.
 */
int conn_open_infile(struct my_server *server, struct conn **conn, struct rnl_error *err);
void conn_close(struct conn *conn);
void conns_interrupt(struct my_server *server);
/* Runs one statement without a result. */
int conn_run(struct conn *conn, const char *sql, struct rnl_error *err);
/* Runs one statement; its rows are read as they come: mysql_fetch_row(), mysql_free_result(). */
int conn_query(struct conn *conn, const char *sql, MYSQL_RES **result, struct rnl_error *err);
/* The column of the first row, malloc'd; *value is NULL when there is none. */
int conn_value(struct conn *conn, const char *sql, unsigned column, char **value,
               struct rnl_error *err);
/* After mysql_fetch_row() gave NULL: whether that was the end, or an error. */
int conn_finish(struct conn *conn, MYSQL_RES *result, const char *what, struct rnl_error *err);

/* lost.c */
void lost_learn(struct my_server *server, struct conn *conn);
/* The connection is closed, or broke: its session should end with it, and may not. */
void lost_remember(const struct conn *conn);
/* Ends those sessions of this process which the server still has. */
void lost_end(struct conn *conn);

/* error.c: a server's or the library's error number in the host's words */
int error_set(struct conn *conn, struct rnl_error *err, const char *what);
/* The same for an error of a prepared statement. */
int error_stmt(struct conn *conn, MYSQL_STMT *stmt, struct rnl_error *err, const char *what);
int error_connect(const struct my_server *server, MYSQL *mysql, struct rnl_error *err);
int error_memory(struct rnl_error *err);

#endif
