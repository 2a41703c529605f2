/* Error numbers of the server and its client library, in the host's words. */
#include "server.h"

#include <errmsg.h>

/* status 0: RNL_E_CONFIG with the code "mysql.NNNN" */
struct meaning {
    unsigned number;
    int status;
    const char *code;
    const char *hint;
};

static const char grant_hint[] =
    "grant SELECT on the database to this user; `runnel check` lists what is missing";
static const char login_hint[] = "check user, password, and from which hosts the user may log in";
static const char auth_hint[] =
    "without TLS only a login that keeps the password secret is used: set tls.mode, or "
    "server_public_key";

static const struct meaning meanings[] = {
    {1045, RNL_E_CONFIG, "mysql.access_denied", login_hint},
    {1698, RNL_E_CONFIG, "mysql.access_denied", login_hint},
    {1130, RNL_E_CONFIG, "mysql.access_denied", login_hint},
    {1862, RNL_E_CONFIG, "mysql.access_denied", "the password has expired: set a new one"},
    {1820, RNL_E_CONFIG, "mysql.access_denied", "the password has expired: set a new one"},
    {3118, RNL_E_CONFIG, "mysql.access_denied", "the account is locked"},
    {4151, RNL_E_CONFIG, "mysql.access_denied", "the account is locked"},
    {1044, RNL_E_CONFIG, "mysql.missing_privilege", grant_hint},
    {1142, RNL_E_CONFIG, "mysql.missing_privilege", grant_hint},
    {1143, RNL_E_CONFIG, "mysql.missing_privilege", grant_hint},
    {1227, RNL_E_CONFIG, "mysql.missing_privilege", "grant the privilege named, or do without it"},
    {1370, RNL_E_CONFIG, "mysql.missing_privilege", grant_hint},
    {1049, RNL_E_CONFIG, "mysql.unknown_database", "check the spelling; SHOW DATABASES lists them"},
    {1524, RNL_E_CONFIG, "mysql.login_method", auth_hint},
    {1251, RNL_E_CONFIG, "mysql.login_method", auth_hint},
    {CR_AUTH_PLUGIN_CANNOT_LOAD, RNL_E_CONFIG, "mysql.login_method",
     "the client library lacks this login method: install its plugin, or give the user another"},
    {CR_AUTH_PLUGIN_ERR, RNL_E_CONFIG, "mysql.login_method", auth_hint},
    {CR_PLUGIN_NOT_ALLOWED, RNL_E_CONFIG, "mysql.login_method", auth_hint},
    {CR_SSL_CONNECTION_ERROR, RNL_E_CONFIG, "mysql.tls",
     "check tls.ca, tls.cert, tls.key and that the certificate names this host; "
     "tls.fingerprint pins one certificate instead"},
    {CR_UNKNOWN_HOST, RNL_E_CONFIG, "mysql.unknown_host", "check the spelling of the host"},
    {CR_SERVER_GONE_ERROR, RNL_E_RETRY, "mysql.gone", ""},
    {CR_SERVER_LOST, RNL_E_RETRY, "mysql.gone", ""},
    {CR_SERVER_LOST_EXTENDED, RNL_E_RETRY, "mysql.gone", ""},
    {1053, RNL_E_RETRY, "mysql.gone", ""},
    {1079, RNL_E_RETRY, "mysql.gone", ""},
    {1080, RNL_E_RETRY, "mysql.gone", ""},
    {1158, RNL_E_RETRY, "mysql.gone", ""},
    {1159, RNL_E_RETRY, "mysql.gone", ""},
    {1160, RNL_E_RETRY, "mysql.gone", ""},
    {1161, RNL_E_RETRY, "mysql.gone", ""},
    {1927, RNL_E_RETRY, "mysql.gone", ""},
    {4031, RNL_E_RETRY, "mysql.gone", ""},
    {1317, RNL_E_RETRY, "mysql.interrupted", ""},
    {1040, RNL_E_RETRY, "mysql.too_many_connections", "use fewer lanes, or raise max_connections"},
    {1203, RNL_E_RETRY, "mysql.too_many_connections", "use fewer lanes"},
    {1226, RNL_E_RETRY, "mysql.too_many_connections",
     "use fewer lanes, or raise the user's limits"},
    {1205, RNL_E_RETRY, "mysql.locked", "another session holds a lock on the table for long"},
    {1213, RNL_E_RETRY, "mysql.locked", ""},
    {1969, RNL_E_RETRY, "mysql.time_limit", ""},
    {3024, RNL_E_RETRY, "mysql.time_limit", ""},
    {1412, RNL_E_CONFIG, "mysql.table_changed",
     "start again with --restart, and leave the structure alone while it runs"},
    {1146, RNL_E_CONFIG, "mysql.no_such_table", ""},
    {1021, RNL_E_RETRY, "mysql.disk_full", "the server's disk is full"},
    {CR_OUT_OF_MEMORY, RNL_E_FATAL, "mysql.memory", ""},
};

static int error_fill(struct rnl_error *err, unsigned number, const char *what, const char *words)
{
    char code[sizeof(err->code)];

    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        const struct meaning *meaning = &meanings[i];

        if (meaning->number != number)
            continue;
        rnl_fail(err, meaning->status, meaning->code, "%s: %s (%u)", what, words, number);
        rnl_hint(err, "%s", meaning->hint);
        return err->status;
    }
    snprintf(code, sizeof(code), "mysql.%u", number);
    return rnl_fail(err, RNL_E_CONFIG, code, "%s: %s (%u)", what, words, number);
}

int error_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "mysql.memory", "out of memory");
}

static int error_of(struct conn *conn, unsigned number, const char *words, struct rnl_error *err,
                    const char *what)
{
    bool interrupted;

    pthread_mutex_lock(&conn->server->lock);
    interrupted = conn->server->interrupted;
    pthread_mutex_unlock(&conn->server->lock);
    if (interrupted)
        return rnl_fail(err, RNL_E_RETRY, "mysql.interrupted", "%s: interrupted", what);
    if (number == CR_SSL_CONNECTION_ERROR) /* it was fine when the connection was made */
        return rnl_fail(err, RNL_E_RETRY, "mysql.gone", "%s: %s (%u)", what, words, number);
    return error_fill(err, number, what, number ? words : "no answer");
}

int error_set(struct conn *conn, struct rnl_error *err, const char *what)
{
    return error_of(conn, mysql_errno(conn->mysql), mysql_error(conn->mysql), err, what);
}

int error_stmt(struct conn *conn, MYSQL_STMT *stmt, struct rnl_error *err, const char *what)
{
    return error_of(conn, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), err, what);
}

/* Nothing listens, or nothing answers: the library has one number for all of it. */
static bool unreachable(unsigned number)
{
    return number == CR_CONN_HOST_ERROR || number == CR_CONNECTION_ERROR;
}

/* The library gives 1045 too when a plugin of its own is missing. */
static unsigned login_number(MYSQL *mysql)
{
    unsigned number = mysql_errno(mysql);

    return number == 1045 && strstr(mysql_error(mysql), "could not be loaded")
               ? CR_AUTH_PLUGIN_CANNOT_LOAD
               : number;
}

/* A server can't tell a password that was encrypted for another one from a wrong one. */
static int login_fail(const struct mysql_link *link, MYSQL *mysql, unsigned number,
                      const char *what, struct rnl_error *err)
{
    int status = error_fill(err, number, what, mysql_error(mysql));

    if (number == 1045 && link->server_public_key && !mysql_get_ssl_cipher(mysql))
        rnl_hint(err, "%s; and whether server_public_key is this server's", login_hint);
    return status;
}

int error_connect(const struct my_server *server, MYSQL *mysql, struct rnl_error *err)
{
    const struct mysql_link *link = server->link;
    const char *user = link->user ? link->user : "(nobody)";
    unsigned number = login_number(mysql);
    char what[300];

    if (link->socket)
        snprintf(what, sizeof(what), "can't connect to %.120s as %.60s", link->socket, user);
    else
        snprintf(what, sizeof(what), "can't connect to %.120s:%d as %.60s", link->host,
                 (int)link->port, user);
    if (!unreachable(number))
        return login_fail(link, mysql, number, what, err);
    rnl_fail(err, RNL_E_RETRY, "mysql.refused", "%s: %s", what, mysql_error(mysql));
    rnl_hint(err, "%s",
             link->socket ? "is the server running, and is this the path of its socket?"
                          : "is the server running there, and does it listen on this address "
                            "and port?");
    return err->status;
}
