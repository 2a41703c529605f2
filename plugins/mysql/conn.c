/* Connections: how they are made safe, set up, and cut off from another thread. */
#include "source.h"

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

static bool is_loopback(const struct mysql_config *config)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (config->socket || strcmp(config->host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, config->host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, config->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
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

static int tls_files_check(const struct mysql_config *config, struct rnl_error *err)
{
    int status = file_readable("tls.ca", config->tls_ca, err);

    if (!status)
        status = file_readable("tls.cert", config->tls_cert, err);
    if (!status)
        status = file_readable("tls.key", config->tls_key, err);
    if (!status)
        status = file_readable("server_public_key", config->server_public_key, err);
    return status;
}

static enum tls_mode tls_mode_of(const struct mysql_config *config)
{
    if (config->tls_mode != TLS_AUTO)
        return (enum tls_mode)config->tls_mode;
    if (config->tls_fingerprint)
        return TLS_REQUIRE;
    if (config->tls_ca)
        return TLS_VERIFY_FULL;
    return is_loopback(config) ? TLS_OFF : TLS_VERIFY_FULL;
}

/*
 * Which client plugins may answer the server's demand for a login: a server that we
 * didn't verify (or somebody between) could otherwise ask for the password in the
 * clear, or for one encrypted by a key of his own.
 */
static const char *logins_allowed(const struct mysql_config *config, enum tls_mode mode)
{
    bool verified = mode == TLS_VERIFY_FULL || config->tls_fingerprint;

    if (config->socket || (mode != TLS_OFF && verified))
        return NULL;
    if (mode == TLS_REQUIRE || is_loopback(config) || config->server_public_key)
        return KEYED_LOGINS;
    return SAFE_LOGINS;
}

/* The library goes on in the clear when the server has no TLS, unless it was to verify it. */
static int tls_check(const struct mysql_config *config, MYSQL *mysql, struct rnl_error *err)
{
    if (tls_mode_of(config) == TLS_OFF || mysql_get_ssl_cipher(mysql))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "mysql.tls", "the server offers no TLS, and tls.mode asks for it");
    rnl_hint(err, "set up TLS in the server, or tls.mode = off if the network can be trusted");
    return err->status;
}

static int tls_set(const struct mysql_config *config, MYSQL *mysql, struct rnl_error *err)
{
    enum tls_mode mode = tls_mode_of(config);
    const char *logins = logins_allowed(config, mode);
    my_bool enforce = mode != TLS_OFF;
    my_bool verify = mode == TLS_VERIFY_FULL && !config->tls_fingerprint;
    int status = tls_files_check(config, err);

    if (status)
        return status;
    if (mode == TLS_VERIFY_CA && !config->tls_fingerprint) {
        rnl_fail(err, RNL_E_CONFIG, "mysql.tls",
                 "tls.mode = verify-ca: the client library checks a certificate's issuer only "
                 "together with its name");
        rnl_hint(err, "use verify-full, or pin the certificate by tls.fingerprint");
        return err->status;
    }
    if (logins)
        mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, logins);
    if (config->server_public_key)
        mysql_optionsv(mysql, MYSQL_SERVER_PUBLIC_KEY, config->server_public_key);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    if (!enforce)
        return RNL_OK;
    if (config->tls_ca)
        mysql_optionsv(mysql, MYSQL_OPT_SSL_CA, config->tls_ca);
    if (config->tls_cert)
        mysql_optionsv(mysql, MYSQL_OPT_SSL_CERT, config->tls_cert);
    if (config->tls_key)
        mysql_optionsv(mysql, MYSQL_OPT_SSL_KEY, config->tls_key);
    mysql_optionsv(mysql, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
    return config->tls_fingerprint ? fingerprint_set(mysql, config->tls_fingerprint, err) : RNL_OK;
}

static void options_set(const struct mysql_config *config, MYSQL *mysql)
{
    unsigned connect_s = (unsigned)((config->connect_timeout_ms + 999) / 1000);
    unsigned read_s = (unsigned)((config->read_timeout_ms + 999) / 1000);
    unsigned infile = 0;
    my_bool reconnect = 0;

    /* a hostile server could ask for any file of ours */
    mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &infile);
    mysql_optionsv(mysql, MYSQL_OPT_RECONNECT, &reconnect);
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    if (read_s)
        mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &read_s);
    mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "runnel");
}

/* A peer that vanished is noticed after about two minutes, though we only wait and read. */
static void keepalive_set(const struct conn *conn)
{
    int fd = conn->fd, on = 1, idle_s = 60, every_s = 15, count = 4;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static int flavour_check(struct source *source, MYSQL *mysql, struct rnl_error *err)
{
    const char *words = mysql_get_server_info(mysql);
    unsigned version = (unsigned)mysql_get_server_version(mysql);

    if (source->version)
        return RNL_OK; /* known by the first connection; lanes read it side by side */
    source->mariadb = strstr(words, "MariaDB") != NULL;
    source->version = version;
    if (source->mariadb ? version >= 100500 : version >= 80000)
        return RNL_OK;
    rnl_fail(
        err, RNL_E_CONFIG, "mysql.old_server",
        "the server is %s %.60s: this source reads MySQL 8.0 and later, MariaDB 10.5 and later",
        source->mariadb ? "MariaDB" : "MySQL", words);
    rnl_hint(err, "upgrade the server, or read from a replica that runs a newer version");
    return err->status;
}

/*
 * One meaning for all that we read, whatever the server's defaults: times in UTC, no
 * limits of rows or time, values in the columns' own character sets (a conversion by
 * the server would put '?' for what it can't convert).
 */
static int session_set(struct conn *conn, struct rnl_error *err)
{
    static const char common[] =
        "SET SESSION sql_mode = '', time_zone = '+00:00', sql_select_limit = "
        "18446744073709551615, net_write_timeout = 31536000, net_read_timeout = 31536000, "
        "wait_timeout = 31536000, lock_wait_timeout = 60, sql_auto_is_null = 0, "
        "character_set_results = NULL";
    static const char maria[] = "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0, "
                                "idle_readonly_transaction_timeout = 0";
    static const char mysql[] =
        "SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0";
    int status = conn_run(conn, common, err);

    if (!status)
        status = conn_run(conn, conn->source->mariadb ? maria : mysql, err);
    if (!status)
        status = conn_run(
            conn, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", err);
    return status;
}

static int conn_link(struct conn *conn, struct rnl_error *err)
{
    struct source *source = conn->source;
    bool interrupted;

    pthread_mutex_lock(&source->lock);
    conn->next = source->conns;
    source->conns = conn;
    interrupted = source->interrupted;
    pthread_mutex_unlock(&source->lock);
    if (interrupted)
        return rnl_fail(err, RNL_E_RETRY, "mysql.interrupted", "connecting: interrupted");
    return RNL_OK;
}

static void conn_unlink(struct conn *conn)
{
    struct source *source = conn->source;

    pthread_mutex_lock(&source->lock);
    for (struct conn **at = &source->conns; *at; at = &(*at)->next)
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    pthread_mutex_unlock(&source->lock);
}

static int conn_connect(struct conn *conn, struct rnl_error *err)
{
    const struct mysql_config *config = conn->source->config;
    const char *password = conn->source->ctx->host->secret_text(config->password);
    const char *host = config->socket ? NULL : config->host;
    /* or "localhost" would become a socket at a path of the library's choice */
    unsigned protocol = config->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;

    mysql_optionsv(conn->mysql, MYSQL_OPT_PROTOCOL, &protocol);
    if (mysql_real_connect(conn->mysql, host, config->user, password, config->database,
                           (unsigned)config->port, config->socket, 0))
        return RNL_OK;
    return error_connect(conn->source, conn->mysql, err);
}

int conn_open(struct source *source, struct conn **out, struct rnl_error *err)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    int status;

    if (!conn)
        return error_memory(err);
    conn->source = source;
    conn->mysql = mysql_init(NULL);
    if (!conn->mysql) {
        status = error_memory(err);
        goto free_conn;
    }
    options_set(source->config, conn->mysql);
    status = tls_set(source->config, conn->mysql, err);
    if (!status)
        status = conn_connect(conn, err);
    if (!status)
        status = tls_check(source->config, conn->mysql, err);
    if (!status)
        status = flavour_check(source, conn->mysql, err);
    if (status)
        goto close_mysql;
    conn->fd = fcntl(mysql_get_socket(conn->mysql), F_DUPFD_CLOEXEC, 0);
    if (conn->fd < 0) {
        status = rnl_fail(err, RNL_E_RETRY, "mysql.files", "connecting: %s", strerror(errno));
        goto close_mysql;
    }
    keepalive_set(conn);
    status = conn_link(conn, err);
    if (!status)
        status = session_set(conn, err);
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

void conn_close(struct conn *conn)
{
    if (!conn)
        return;
    conn_unlink(conn);
    mysql_close(conn->mysql);
    close(conn->fd);
    free(conn);
}

void conns_interrupt(struct source *source)
{
    pthread_mutex_lock(&source->lock);
    source->interrupted = true;
    for (struct conn *conn = source->conns; conn; conn = conn->next)
        shutdown(conn->fd, SHUT_RDWR);
    pthread_mutex_unlock(&source->lock);
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
