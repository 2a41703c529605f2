/* Replication slots: made with their snapshot, looked at, dropped. */
#include "follow.h"

#include <poll.h>
#include <time.h>

#define TELL_FIRST_MS 3000
#define TELL_AGAIN_MS 30000
#define BUSY_MOST_MS 5000 /* for a process of the server that is about to end */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int slot_lost(const struct follow *f, const char *why, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.slot_lost",
             "the replication slot \"%s\" can't be read on: %s; changes that it stood for are gone",
             f->slot, why);
    rnl_hint(err, "load again with --restart; keep more of the log (max_slot_wal_keep_size), and "
                  "let nobody drop the slot of a pipeline that is paused");
    return RNL_E_CONFIG;
}

int replication_query(struct pg_conn *conn, const char *command, const char *doing,
                      PGresult **result, struct rnl_error *err)
{
    ExecStatusType state;
    int status;

    if (atomic_load(&conn->server->interrupted))
        return error_interrupted(err);
    *result = PQexec(conn->pg, command);
    state = PQresultStatus(*result);
    if (state == PGRES_TUPLES_OK || state == PGRES_COMMAND_OK)
        return RNL_OK;
    status = error_result(conn, *result, doing, err);
    PQclear(*result);
    *result = NULL;
    return status;
}

static int slot_other(const struct follow *f, const char *why, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.slot_other",
             "the replication slot \"%s\" is none that changes can be read from: it is %s", f->slot,
             why);
    rnl_hint(err, "give the pipeline another name, or name another slot by the option slot");
    return RNL_E_CONFIG;
}

int slot_busy(const char *name, const char *pid, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_RETRY, "source.slot_busy",
             "the replication slot \"%s\" is read by another process of the server (pid %s)", name,
             pid && *pid ? pid : "unknown");
    rnl_hint(err, "stop the other run of this pipeline; after a crash the server lets go of it "
                  "within wal_sender_timeout");
    return RNL_E_RETRY;
}

static int slot_look(struct pg_conn *conn, const char *name, PGresult **result,
                     struct rnl_error *err)
{
    int version = PQserverVersion(conn->pg);
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "SELECT slot_type, plugin, database = pg_catalog.current_database(), active,"
                   " active_pid, confirmed_flush_lsn, ");
    buf_puts(&sql, version >= 130000 ? "wal_status, " : "NULL, ");
    buf_puts(&sql, version >= 170000 ? "invalidation_reason" : "NULL");
    buf_puts(&sql, " FROM pg_catalog.pg_replication_slots WHERE slot_name = $1");
    status = buf_text(&sql)
                 ? conn_query(conn, sql.ptr, 1, &name, "look at the replication slot", result, err)
                 : error_memory(err);
    buf_free(&sql);
    return status;
}

static int slot_judge(const struct follow *f, const PGresult *result, struct rnl_error *err)
{
    const char *reason = cell(result, 0, 7), *wal = cell(result, 0, 6);
    char why[120];

    if (PQntuples(result) == 0)
        return slot_lost(f, f->own_slot ? "it isn't there" : "there is none of this name", err);
    if (strcmp(PQgetvalue(result, 0, 0), "logical") != 0)
        return slot_other(f, "a physical one", err);
    if (strcmp(PQgetvalue(result, 0, 1), "pgoutput") != 0)
        return slot_other(f, "of another plugin than pgoutput", err);
    if (!cell_true(result, 0, 2))
        return slot_other(f, "of another database", err);
    if (reason || (wal && strcmp(wal, "lost") == 0)) {
        snprintf(why, sizeof(why), "the server invalidated it (%.80s)", reason ? reason : wal);
        return slot_lost(f, why, err);
    }
    return RNL_OK;
}

int slot_check(struct pg_conn *conn, const struct follow *f, uint64_t *confirmed,
               struct rnl_error *err)
{
    PGresult *result;
    int status = slot_look(conn, f->slot, &result, err);

    if (status != RNL_OK)
        return status;
    status = slot_judge(f, result, err);
    if (status == RNL_OK && !lsn_parse(cell(result, 0, 5), confirmed))
        *confirmed = 0;
    PQclear(result);
    return status;
}

static int slot_idle(struct pg_source *source, const char *name, bool *there, struct rnl_error *err)
{
    PGresult *result;
    int status = slot_look(source->control, name, &result, err);

    if (status != RNL_OK)
        return status;
    *there = PQntuples(result) > 0;
    if (*there && cell_true(result, 0, 3))
        status = slot_busy(name, cell(result, 0, 4), err);
    PQclear(result);
    return status;
}

/* What has read from it for us may not have seen yet that we are gone. */
static int slot_await_idle(struct pg_source *source, const char *name, bool *there,
                           struct rnl_error *err)
{
    int64_t end_ms = now_ms() + BUSY_MOST_MS;

    for (;;) {
        int status = slot_idle(source, name, there, err);

        if (status != RNL_E_RETRY || strcmp(err->code, "source.slot_busy") != 0 ||
            now_ms() >= end_ms || atomic_load(&source->server.interrupted) ||
            source->server.host->stopping(source->server.ctx))
            return status;
        poll(NULL, 0, 100);
    }
}

int slot_drop(struct pg_source *source, const char *name, struct rnl_error *err)
{
    PGresult *result;
    bool there;
    int status = slot_await_idle(source, name, &there, err);

    if (status != RNL_OK || !there)
        return status;
    status = conn_query(source->control, "SELECT pg_catalog.pg_drop_replication_slot($1)", 1, &name,
                        "drop the replication slot", &result, err);
    if (status != RNL_OK)
        return status;
    PQclear(result);
    rnl_info(source->server.ctx, "dropped the replication slot \"%s\"", name);
    return RNL_OK;
}

/* Who keeps the server from starting to tell changes: the oldest transaction that has written. */
static void waiting_for(struct pg_source *source, char *text, size_t room)
{
    static const char sql[] =
        "SELECT pid, pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - xact_start)"
        "::pg_catalog.text FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL"
        " AND pid <> pg_catalog.pg_backend_pid() ORDER BY xact_start LIMIT 1";
    struct rnl_error ignored = RNL_ERROR_INIT;
    PGresult *result;

    snprintf(text, room, "transactions that are open");
    if (conn_query(source->control, sql, 0, NULL, "look at transactions", &result, &ignored) !=
        RNL_OK)
        return;
    if (PQntuples(result) && !PQgetisnull(result, 0, 1))
        snprintf(text, room, "transactions that are open, the oldest of pid %.20s, for %.40s",
                 PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
    PQclear(result);
}

static int slot_late(struct pg_source *source, struct pg_conn *conn, struct rnl_error *err)
{
    char text[160], ignored[256];

    waiting_for(source, text, sizeof(text));
    if (conn->cancel)
        PQcancel(conn->cancel, ignored, sizeof(ignored));
    rnl_fail(err, RNL_E_RETRY, "source.slot_timeout",
             "the server made no replication slot within slot_timeout: it waits for %s", text);
    rnl_hint(err, "end that transaction, or raise slot_timeout");
    return RNL_E_RETRY;
}

/* The server answers once all transactions that had begun to write have ended. */
static int slot_wait(struct pg_source *source, struct pg_conn *conn, struct rnl_error *err)
{
    const struct source_config *config = source->server.ctx->config;
    int64_t began_ms = now_ms(), tell_ms = began_ms + TELL_FIRST_MS;
    char text[160];

    while (PQisBusy(conn->pg)) {
        struct pollfd wait = {.fd = PQsocket(conn->pg), .events = POLLIN};
        int ready = poll(&wait, 1, 200);

        if (atomic_load(&source->server.interrupted) ||
            source->server.host->stopping(source->server.ctx))
            return error_interrupted(err);
        if (ready > 0 && !PQconsumeInput(conn->pg))
            return error_result(conn, NULL, "make a replication slot", err);
        if (now_ms() - began_ms >= config->slot_timeout_ms)
            return slot_late(source, conn, err);
        if (now_ms() >= tell_ms) {
            waiting_for(source, text, sizeof(text));
            rnl_info(source->server.ctx, "the replication slot waits for %s", text);
            tell_ms = now_ms() + TELL_AGAIN_MS;
        }
    }
    return RNL_OK;
}

static int slot_take(struct pg_source *source, struct follow *f, struct pg_conn *conn,
                     struct rnl_error *err)
{
    PGresult *result = PQgetResult(conn->pg);
    int status = RNL_OK;

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
        PQnfields(result) < 3) {
        status = error_result(conn, result, "make a replication slot", err);
    } else if (!lsn_parse(PQgetvalue(result, 0, 1), &f->snapshot_lsn)) {
        status = rnl_fail(err, RNL_E_FATAL, "postgres.protocol",
                          "the server made a replication slot at no place that is known");
    } else {
        snprintf(f->snapshot, sizeof(f->snapshot), "%s", PQgetvalue(result, 0, 2));
    }
    PQclear(result);
    while (status == RNL_OK && (result = PQgetResult(conn->pg)) != NULL)
        PQclear(result);
    if (strcmp(err->code, "postgres.53400") == 0 && status != RNL_OK)
        rnl_hint(err, "raise max_replication_slots on the server, or drop slots that nobody reads");
    if (strcmp(err->code, "postgres.privilege") == 0 && status != RNL_OK)
        rnl_hint(err, "ALTER ROLE … REPLICATION for this user");
    (void)source;
    return status;
}

int slot_make(struct pg_source *source, struct follow *f, const char *name, bool temporary,
              struct rnl_error *err)
{
    struct pg_conn *conn = NULL;
    struct buf command = {0};
    int status = conn_open_replication(&source->server, &conn, err);

    if (status != RNL_OK)
        return status;
    buf_puts(&command, "CREATE_REPLICATION_SLOT ");
    buf_name(&command, name);
    buf_printf(&command, "%s LOGICAL pgoutput %s", temporary ? " TEMPORARY" : "",
               source->server.version >= 150000 ? "(SNAPSHOT 'export')" : "EXPORT_SNAPSHOT");
    if (!buf_text(&command))
        status = error_memory(err);
    else if (!PQsendQuery(conn->pg, command.ptr))
        status = error_result(conn, NULL, "make a replication slot", err);
    buf_free(&command);
    if (status == RNL_OK)
        status = slot_wait(source, conn, err);
    if (status == RNL_OK)
        status = slot_take(source, f, conn, err);
    if (status != RNL_OK) {
        conn_close(conn);
        return status;
    }
    f->maker = conn;
    return RNL_OK;
}

void slot_made(struct follow *f)
{
    conn_close(f->maker);
    f->maker = NULL;
    f->snapshot[0] = '\0';
}
