/* The server's errors in our words: class, code, and what to do. */
#include "server.h"

static const struct {
    const char *state; /* a whole SQLSTATE, or its class of two characters */
    int status;
    const char *code; /* NULL: postgres.<SQLSTATE> */
    const char *hint;
} known_states[] = {
    {"53100", RNL_E_RETRY, "postgres.disk_full",
     "make room on the server's disk, then start again: the run goes on where it stood"},
    {"53200", RNL_E_RETRY, NULL, "the server is out of memory"},
    {"53300", RNL_E_RETRY, "postgres.too_many_connections",
     "raise max_connections on the server, or use fewer lanes"},
    {"42501", RNL_E_CONFIG, "postgres.privilege",
     "GRANT what the user lacks (to read: SELECT on tables, USAGE on schemas; to write: CREATE on "
     "the database and its schemas), or use another user"},
    {"28P01", RNL_E_CONFIG, "postgres.auth", "check user and password"},
    {"28000", RNL_E_CONFIG, "postgres.auth", "check user, and the server's pg_hba.conf"},
    {"3D000", RNL_E_CONFIG, "postgres.unknown_database", "create the database first"},
    {"25006", RNL_E_CONFIG, "postgres.read_only",
     "this server takes no writes: connect to the primary"},
    {"57P01", RNL_E_RETRY, "postgres.gone", "the server ended the connection"},
    {"57P02", RNL_E_RETRY, "postgres.gone", "the server crashed"},
    {"57P03", RNL_E_RETRY, "postgres.gone", "the server is starting or stopping"},
    {"57P05", RNL_E_RETRY, "postgres.gone", "the server ended an idle session"},
    {"25P03", RNL_E_RETRY, "postgres.gone", "the server ended an idle transaction"},
    {"72000", RNL_E_RETRY, "postgres.snapshot_too_old",
     "raise old_snapshot_threshold on the server"},
    {"57014", RNL_E_RETRY, "postgres.cancelled", "somebody cancelled the statement"},
    {"55P03", RNL_E_RETRY, "postgres.lock_timeout",
     "another session holds a lock on the table: end it, or raise lock_timeout"},
    {"22021", RNL_E_DATA, NULL, "the text is no valid UTF-8, or holds a zero byte"},
    {"22P05", RNL_E_CONFIG, NULL, "use a database with encoding UTF8"},
    {"42P07", RNL_E_CONFIG, NULL, "an object of this name stands in the target: rename or drop it"},
    {"08", RNL_E_RETRY, "postgres.gone", "the connection was lost"},
    {"40", RNL_E_RETRY, NULL, ""},
    {"53", RNL_E_RETRY, NULL, "the server lacks a resource"},
    {"22", RNL_E_DATA, NULL, ""},
    {"23", RNL_E_DATA, NULL, ""},
};

int error_interrupted(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "postgres.interrupted",
                    "interrupted while talking to PostgreSQL");
}

int error_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory while talking to PostgreSQL");
}

static const char *field_or(const PGresult *result, int field, const char *other)
{
    const char *text = result ? PQresultErrorField(result, field) : NULL;

    return text && *text ? text : other;
}

/*
 * The column that the server speaks of, if it does: as a field of its own, or in the
 * context of a COPY ("COPY t, line 3, column x: \"abc\""). false: no word of one.
 */
static bool error_column(const PGresult *result, char *column, size_t size)
{
    const char *named = field_or(result, PG_DIAG_COLUMN_NAME, NULL);
    const char *context = field_or(result, PG_DIAG_CONTEXT, NULL), *at, *end;
    size_t len;

    if (named) {
        snprintf(column, size, "%s", named);
        return true;
    }
    at = context && strncmp(context, "COPY ", 5) == 0 ? strstr(context, ", column ") : NULL;
    if (!at)
        return false;
    at += strlen(", column ");
    end = strstr(at, ": ");
    len = end ? (size_t)(end - at) : strcspn(at, "\n");
    if (len >= size)
        len = size - 1;
    memcpy(column, at, len);
    column[len] = '\0';
    return len > 0;
}

static int fail_state(const PGresult *result, const char *state, const char *doing,
                      struct rnl_error *err)
{
    const char *detail = field_or(result, PG_DIAG_MESSAGE_DETAIL, NULL);
    const char *context = field_or(result, PG_DIAG_CONTEXT, NULL);
    const char *server_hint = field_or(result, PG_DIAG_MESSAGE_HINT, NULL);
    const char *hint = "";
    char code[40], column[200] = "";
    bool has_column = error_column(result, column, sizeof(column));
    int status = RNL_E_CONFIG;

    snprintf(code, sizeof(code), "postgres.%s", state);
    for (size_t i = 0; i < sizeof(known_states) / sizeof(known_states[0]); i++) {
        if (strncmp(state, known_states[i].state, strlen(known_states[i].state)) != 0)
            continue;
        status = known_states[i].status;
        hint = known_states[i].hint;
        if (known_states[i].code)
            snprintf(code, sizeof(code), "%s", known_states[i].code);
        break;
    }
    rnl_fail(err, status, code, "cannot %s: %s%s%s%s%s%s%s%s%s", doing,
             field_or(result, PG_DIAG_MESSAGE_PRIMARY, "no message"), detail ? " (" : "",
             detail ? detail : "", detail ? ")" : "", has_column ? ", in column \"" : "", column,
             has_column ? "\"" : "", context ? "; at: " : "", context ? context : "");
    rnl_hint(err, "%s", *hint || !server_hint ? hint : server_hint);
    return status;
}

int error_result(struct pg_conn *conn, const PGresult *result, const char *doing,
                 struct rnl_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message;
    int len;

    if (atomic_load(&conn->server->interrupted))
        return error_interrupted(err);
    if (state && *state)
        return fail_state(result, state, doing, err);
    message = result ? PQresultErrorMessage(result) : PQerrorMessage(conn->pg);
    if (!*message)
        message = PQerrorMessage(conn->pg);
    len = (int)strcspn(message, "\n");
    rnl_fail(err, RNL_E_RETRY, "postgres.gone", "cannot %s: %.*s", doing, len,
             len ? message : "the connection was lost");
    rnl_hint(err, "look at the server's log; the run goes on where it stood");
    return RNL_E_RETRY;
}

/* libpq keeps no SQLSTATE of a connection that failed: its words have to do. */
static const struct {
    const char *words;
    int status;
    const char *code;
    const char *hint;
} known_words[] = {
    {"could not translate host name", RNL_E_CONFIG, "postgres.unknown_host",
     "check the host's name"},
    {"password authentication failed", RNL_E_CONFIG, "postgres.auth", "check user and password"},
    {"no password supplied", RNL_E_CONFIG, "postgres.auth",
     "give a password: in ~/.pgpass, in RUNNEL_SOURCE_PASSWORD or RUNNEL_TARGET_PASSWORD, or "
     "with --ask-password"},
    {"fe_sendauth", RNL_E_CONFIG, "postgres.auth",
     "give a password: in ~/.pgpass, in RUNNEL_SOURCE_PASSWORD or RUNNEL_TARGET_PASSWORD, or "
     "with --ask-password"},
    {"no pg_hba.conf entry", RNL_E_CONFIG, "postgres.auth",
     "allow this user, database and address in the server's pg_hba.conf; "
     "\"no encryption\" means that it wants TLS: set tls.mode"},
    {"Peer authentication failed", RNL_E_CONFIG, "postgres.auth",
     "the socket takes only the user of the same name: use host, or another user"},
    {"number of requested standby connections", RNL_E_RETRY, "postgres.too_many_senders",
     "raise max_wal_senders on the server"},
    {"replication role", RNL_E_CONFIG, "source.replication_privilege",
     "ALTER ROLE … REPLICATION for this user, or what the provider has in its place"},
    {"REPLICATION attribute", RNL_E_CONFIG, "source.replication_privilege",
     "ALTER ROLE … REPLICATION for this user, or what the provider has in its place"},
    {"must be superuser or replication", RNL_E_CONFIG, "source.replication_privilege",
     "ALTER ROLE … REPLICATION for this user, or what the provider has in its place"},
    {"role \"", RNL_E_CONFIG, "postgres.auth", "create the role first, or use another user"},
    {"database \"", RNL_E_CONFIG, "postgres.unknown_database", "create the database first"},
    {"could not read certificate", RNL_E_CONFIG, "postgres.tls", "check tls.cert: path and mode"},
    {"could not read root certificate", RNL_E_CONFIG, "postgres.tls",
     "check tls.ca: path and mode"},
    {"root certificate file", RNL_E_CONFIG, "postgres.tls", "set tls.ca to the CA's file"},
    {"private key file", RNL_E_CONFIG, "postgres.tls", "check tls.key: path, and mode 0600"},
    {"certificate", RNL_E_CONFIG, "postgres.tls", "check tls.ca, and the host's name"},
    {"does not support SSL", RNL_E_CONFIG, "postgres.tls",
     "turn TLS on at the server, or set tls.mode = \"disable\" if the network is trusted"},
    {"SSL", RNL_E_CONFIG, "postgres.tls", "check the tls settings"},
    {"too many clients", RNL_E_RETRY, "postgres.too_many_connections",
     "raise max_connections on the server, or use fewer lanes"},
    {"remaining connection slots", RNL_E_RETRY, "postgres.too_many_connections",
     "raise max_connections on the server, or use fewer lanes"},
    {"Connection refused", RNL_E_RETRY, "postgres.refused",
     "is the server running, and does it listen at this address and port?"},
    {"No such file or directory", RNL_E_RETRY, "postgres.refused",
     "is the server running, and is this its socket's folder?"},
    {"timeout expired", RNL_E_RETRY, "postgres.timeout",
     "the host doesn't answer: check address and firewall, or raise connect_timeout"},
    {"not yet accepting", RNL_E_RETRY, "postgres.gone", "the server is starting"},
    {"in recovery mode", RNL_E_RETRY, "postgres.gone", "the server is starting"},
    {"starting up", RNL_E_RETRY, "postgres.gone", "the server is starting"},
    {"shutting down", RNL_E_RETRY, "postgres.gone", "the server is stopping"},
    {"Network is unreachable", RNL_E_RETRY, "postgres.refused", "check the host's address"},
    {"No route to host", RNL_E_RETRY, "postgres.refused", "check the host's address"},
};

int error_connect(struct pg_server *server, PGconn *pg, bool late, struct rnl_error *err)
{
    const struct pg_link *link = server->link;
    const char *message = late ? "timeout expired" : PQerrorMessage(pg);
    const char *code = "postgres.connect", *hint = "";
    char where[256], flat[512];
    int status = RNL_E_RETRY;
    size_t len;

    if (atomic_load(&server->interrupted))
        return error_interrupted(err);
    for (size_t i = 0; i < sizeof(known_words) / sizeof(known_words[0]); i++) {
        if (!strstr(message, known_words[i].words))
            continue;
        status = known_words[i].status;
        code = known_words[i].code;
        hint = known_words[i].hint;
        break;
    }
    if (link->socket)
        snprintf(where, sizeof(where), "%s", link->socket);
    else
        snprintf(where, sizeof(where), "%s port %lld", link->host ? link->host : "localhost",
                 (long long)link->port);
    len = strnlen(message, sizeof(flat) - 1);
    while (len > 0 && message[len - 1] == '\n')
        len--;
    for (size_t i = 0; i < len; i++)
        flat[i] = message[i] == '\n' || message[i] == '\t' ? ' ' : message[i];
    flat[len] = '\0';
    rnl_fail(err, status, code, "cannot connect to PostgreSQL at %s: %s", where, flat);
    rnl_hint(err, "%s", hint);
    return status;
}
