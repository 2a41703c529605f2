/* Connections: how they are made safe, set up, and cut off from another thread. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Logins that show nobody the password, though the line is open to read. */
#define SAFE_LOGINS "mysql_native_password,client_ed25519,auth_gssapi_client,parsec"
#define KEYED_LOGINS SAFE_LOGINS ",caching_sha2_password,sha256_password"

static bool is_loopback(const struct mysql_link *link)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (link->socket || strcmp(link->host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, link->host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, link->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* SHA-1 in hex, as the library wants it: colons are dropped. */
static int fingerprint_set(MYSQL *mysql, const char *text, struct rnl_error *err)
{
    char hex[41];
    size_t len = 0;

    for (; *text; text++) {
        if (*text == ':')
            continue;
        if (len == 40 || !strchr("0123456789abcdefABCDEF", *text))
            break;
        hex[len++] = *text;
    }
    if (*text || len != 40) {
        rnl_fail(err, RNL_E_CONFIG, "mysql.tls",
                 "tls.fingerprint is not the SHA-1 of a certificate: 40 hexadecimal digits");
        rnl_hint(err, "openssl x509 -noout -fingerprint -sha1 -in server-cert.pem prints it");
        return err->status;
    }
    hex[40] = '\0';
    mysql_optionsv(mysql, MARIADB_OPT_TLS_PEER_FP, hex);
    return RNL_OK;
}

static int file_readable(const char *option, const char *path, struct rnl_error *err)
{
    if (!path || access(path, R_OK) == 0)
        return RNL_OK;
    return rnl_fail(err, RNL_E_CONFIG, "mysql.tls", "can't read %s, the file of %s: %s", path,
                    option, strerror(errno));
}

static int tls_files_check(const struct mysql_link *link, struct rnl_error *err)
{
    int status = file_readable("tls.ca", link->tls_ca, err);

    if (!status)
        status = file_readable("tls.cert", link->tls_cert, err);
    if (!status)
        status = file_readable("tls.key", link->tls_key, err);
    if (!status)
        status = file_readable("server_public_key", link->server_public_key, err);
    return status;
}

static enum tls_mode tls_mode_of(const struct mysql_link *link)
{
    if (link->tls_mode != TLS_AUTO)
        return (enum tls_mode)link->tls_mode;
    if (link->tls_fingerprint)
        return TLS_REQUIRE;
    if (link->tls_ca)
        return TLS_VERIFY_FULL;
    return is_loopback(link) ? TLS_OFF : TLS_VERIFY_FULL;
}

/*
 * Which client plugins may answer the server's demand for a login: a server that we
 * didn't verify (or somebody between) could otherwise ask for the password in the
 * clear, or for one encrypted by a key of his own.
 */
static const char *logins_allowed(const struct mysql_link *link, enum tls_mode mode)
{
    bool verified = mode == TLS_VERIFY_FULL || link->tls_fingerprint;

    if (link->socket || (mode != TLS_OFF && verified))
        return NULL;
    if (mode == TLS_REQUIRE || is_loopback(link) || link->server_public_key)
        return KEYED_LOGINS;
    return SAFE_LOGINS;
}

/* The library goes on in the clear when the server has no TLS, unless it was to verify it. */
static int tls_check(const struct mysql_link *link, MYSQL *mysql, struct rnl_error *err)
{
    if (tls_mode_of(link) == TLS_OFF || mysql_get_ssl_cipher(mysql))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "mysql.tls", "the server offers no TLS, and tls.mode asks for it");
    rnl_hint(err, "set up TLS in the server, or tls.mode = off if the network can be trusted");
    return err->status;
}

static int tls_set(const struct mysql_link *link, MYSQL *mysql, struct rnl_error *err)
{
    enum tls_mode mode = tls_mode_of(link);
    const char *logins = logins_allowed(link, mode);
    my_bool enforce = mode != TLS_OFF;
    my_bool verify = mode == TLS_VERIFY_FULL && !link->tls_fingerprint;
    int status = tls_files_check(link, err);

    if (status)
        return status;
    if (mode == TLS_VERIFY_CA && !link->tls_fingerprint) {
        rnl_fail(err, RNL_E_CONFIG, "mysql.tls",
                 "tls.mode = verify-ca: the client library checks a certificate's issuer only "
                 "together with its name");
        rnl_hint(err, "use verify-full, or pin the certificate by tls.fingerprint");
        return err->status;
    }
    if (logins)
        mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, logins);
    if (link->server_public_key)
        mysql_optionsv(mysql, MYSQL_SERVER_PUBLIC_KEY, link->server_public_key);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    if (!enforce)
        return RNL_OK;
    if (link->tls_ca)
        mysql_optionsv(mysql, MYSQL_OPT_SSL_CA, link->tls_ca);
    if (link->tls_cert)
        mysql_optionsv(mysql, MYSQL_OPT_SSL_CERT, link->tls_cert);
    if (link->tls_key)
        mysql_optionsv(mysql, MYSQL_OPT_SSL_KEY, link->tls_key);
    mysql_optionsv(mysql, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
    return link->tls_fingerprint ? fingerprint_set(mysql, link->tls_fingerprint, err) : RNL_OK;
}

static void options_set(const struct mysql_link *link, MYSQL *mysql, unsigned infile)
{
    unsigned connect_s = (unsigned)((link->connect_timeout_ms + 999) / 1000);
    unsigned read_s = (unsigned)((link->read_timeout_ms + 999) / 1000);
    my_bool reconnect = 0;

    /* a hostile server could ask for any file of ours: 1 only with a handler that opens none */
    mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &infile);
    mysql_optionsv(mysql, MYSQL_OPT_RECONNECT, &reconnect);
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    if (read_s)
        mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &read_s);
    mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "runnel");
}

/* A peer that vanished is noticed after 20 seconds, whether we wait or send. */
static void keepalive_set(const struct conn *conn)
{
    int fd = conn->fd, on = 1, idle_s = 10, every_s = 5, count = 2;
    unsigned unanswered_ms = 20000;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof(unanswered_ms));
}

static int flavour_check(struct my_server *server, MYSQL *mysql, struct rnl_error *err)
{
    const char *words = mysql_get_server_info(mysql);
    unsigned version = (unsigned)mysql_get_server_version(mysql);

    if (server->version)
        return RNL_OK; /* known by the first connection; lanes read it side by side */
    server->mariadb = strstr(words, "MariaDB") != NULL;
    server->version = version;
    if (server->mariadb ? version >= 100500 : version >= 80000)
        return RNL_OK;
    rnl_fail(
        err, RNL_E_CONFIG, "mysql.old_server",
        "the server is %s %.60s: Runnel works with MySQL 8.0 and later, MariaDB 10.5 and later",
        server->mariadb ? "MariaDB" : "MySQL", words);
    rnl_hint(err, "upgrade the server, or use a replica that runs a newer version");
    return err->status;
}

static int conn_link(struct conn *conn, struct rnl_error *err)
{
    struct my_server *server = conn->server;
    bool interrupted;

    pthread_mutex_lock(&server->lock);
    conn->next = server->conns;
    server->conns = conn;
    interrupted = server->interrupted;
    pthread_mutex_unlock(&server->lock);
    if (interrupted)
        return rnl_fail(err, RNL_E_RETRY, "mysql.interrupted", "connecting: interrupted");
    return RNL_OK;
}

static void conn_unlink(struct conn *conn)
{
    struct my_server *server = conn->server;

    pthread_mutex_lock(&server->lock);
    for (struct conn **at = &server->conns; *at; at = &(*at)->next)
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    pthread_mutex_unlock(&server->lock);
}

static int conn_connect(struct conn *conn, struct rnl_error *err)
{
    const struct mysql_link *link = conn->server->link;
    const char *password = conn->server->ctx->host->secret_text(link->password);
    const char *host = link->socket ? NULL : link->host;
    /* or "localhost" would become a socket at a path of the library's choice */
    unsigned protocol = link->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    /* MariaDB tells of an array of rows nothing else than how many; of the first connection we
     * don't know the flavour yet */
    unsigned long flags = conn->server->mariadb ? CLIENT_FOUND_ROWS : 0;

    mysql_optionsv(conn->mysql, MYSQL_OPT_PROTOCOL, &protocol);
    if (mysql_real_connect(conn->mysql, host, link->user, password, link->database,
                           (unsigned)link->port, link->socket, flags))
        return RNL_OK;
    return error_connect(conn->server, conn->mysql, err);
}

static int open_with(struct my_server *server, unsigned infile, struct conn **out,
                     struct rnl_error *err)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    int status;

    if (!conn)
        return error_memory(err);
    conn->server = server;
    conn->mysql = mysql_init(NULL);
    if (!conn->mysql) {
        status = error_memory(err);
        goto free_conn;
    }
    options_set(server->link, conn->mysql, infile);
    status = tls_set(server->link, conn->mysql, err);
    if (!status)
        status = conn_connect(conn, err);
    if (!status)
        status = tls_check(server->link, conn->mysql, err);
    if (!status)
        status = flavour_check(server, conn->mysql, err);
    if (status)
        goto close_mysql;
    conn->fd = fcntl(mysql_get_socket(conn->mysql), F_DUPFD_CLOEXEC, 0);
    if (conn->fd < 0) {
        status = rnl_fail(err, RNL_E_RETRY, "mysql.files", "connecting: %s", strerror(errno));
        goto close_mysql;
    }
    conn->id = mysql_thread_id(conn->mysql);
    keepalive_set(conn);
    status = conn_link(conn, err);
    if (!status)
        status = server->session_set(conn, err);
    if (status)
        goto unlink_conn;
    *out = conn;
    return RNL_OK;

unlink_conn:
    conn_unlink(conn);
    close(conn->fd);
close_mysql:
    mysql_close(conn->mysql);
free_conn:
    free(conn);
    return status;
}

int conn_open(struct my_server *server, struct conn **out, struct rnl_error *err)
{
    return open_with(server, 0, out, err);
}

int conn_open_infile(struct my_server *server, struct conn **out, struct rnl_error *err)
{
    return open_with(server, 1, out, err);
}

void conn_close(struct conn *conn)
{
    if (!conn)
        return;
    lost_remember(conn);
    conn_unlink(conn);
    mysql_close(conn->mysql);
    close(conn->fd);
    free(conn);
}

void conns_interrupt(struct my_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->interrupted = true;
    for (struct conn *conn = server->conns; conn; conn = conn->next)
        shutdown(conn->fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
}

/* The start of a statement, for messages. */
static const char *sql_short(const char *sql, char *buf, size_t size)
{
    int most = (int)size - 4;

    snprintf(buf, size, "%.*s%s", most, sql, strlen(sql) > (size_t)most ? "..." : "");
    return buf;
}

int conn_run(struct conn *conn, const char *sql, struct rnl_error *err)
{
    char what[100];

    if (mysql_real_query(conn->mysql, sql, strlen(sql)) == 0)
        return RNL_OK;
    return error_set(conn, err, sql_short(sql, what, sizeof(what)));
}

int conn_query(struct conn *conn, const char *sql, MYSQL_RES **result, struct rnl_error *err)
{
    char what[100];
    int status = conn_run(conn, sql, err);

    if (status)
        return status;
    *result = mysql_use_result(conn->mysql);
    if (*result)
        return RNL_OK;
    return error_set(conn, err, sql_short(sql, what, sizeof(what)));
}

int conn_finish(struct conn *conn, MYSQL_RES *result, const char *what, struct rnl_error *err)
{
    int status = mysql_errno(conn->mysql) ? error_set(conn, err, what) : RNL_OK;

    mysql_free_result(result);
    return status;
}

int conn_value(struct conn *conn, const char *sql, unsigned column, char **value,
               struct rnl_error *err)
{
    char what[100];
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_query(conn, sql, &result, err);

    *value = NULL;
    if (status)
        return status;
    row = mysql_fetch_row(result);
    if (row && column < mysql_num_fields(result) && row[column])
        *value = strdup(row[column]);
    status = conn_finish(conn, result, sql_short(sql, what, sizeof(what)), err);
    if (status) {
        free(*value);
        *value = NULL;
    }
    return status;
}
