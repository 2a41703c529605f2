/* What the target remembers of each pipeline, in the schema "runnel". */
#include "postgres.h"

#include <stdlib.h>

#define STATE_FORMAT 1 /* of the tables below */
#define LARGE_PLAN (1u << 20)

/* The row of runnel.lane that holds the epoch of the last claim: no lane has this number. */
#define FENCE_LANE "4294967295"

static const char state_sql[] =
    "CREATE SCHEMA IF NOT EXISTS runnel;"
    "COMMENT ON SCHEMA runnel IS 'Runnel keeps here how far its pipelines have come. "
    "May be dropped when no run is to be resumed.';"
    "CREATE TABLE IF NOT EXISTS runnel.pipeline ("
    " name text PRIMARY KEY, format int NOT NULL, plan bytea NOT NULL,"
    " created timestamptz NOT NULL DEFAULT now());"
    "CREATE TABLE IF NOT EXISTS runnel.unit ("
    " pipeline text REFERENCES runnel.pipeline ON DELETE CASCADE, unit bigint,"
    " done boolean NOT NULL, rows bigint NOT NULL, position bytea NOT NULL,"
    " PRIMARY KEY (pipeline, unit));"
    "CREATE TABLE IF NOT EXISTS runnel.lane ("
    " pipeline text REFERENCES runnel.pipeline ON DELETE CASCADE, lane bigint,"
    " number numeric(20) NOT NULL, epoch numeric(20) NOT NULL,"
    " PRIMARY KEY (pipeline, lane));"
    "CREATE TABLE IF NOT EXISTS runnel.step ("
    " pipeline text REFERENCES runnel.pipeline ON DELETE CASCADE, id text,"
    " finished timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (pipeline, id));"
    "CREATE TABLE IF NOT EXISTS runnel.dead_letters ("
    " id bigserial PRIMARY KEY,"
    " pipeline text NOT NULL REFERENCES runnel.pipeline ON DELETE CASCADE,"
    " lane bigint NOT NULL, \"schema\" text NOT NULL, \"table\" text NOT NULL,"
    " key text NOT NULL, \"column\" text NOT NULL, code text NOT NULL, reason text NOT NULL,"
    " at timestamptz NOT NULL, \"row\" bytea);"
    "CREATE INDEX IF NOT EXISTS dead_letters_pipeline ON runnel.dead_letters (pipeline, id);";

enum { STATE_TABLES = 4, STATE_ALL = 5 }; /* letters came later: a state may lack them */

/* runnel's tables are there: *found; they may be missing when nothing was ever run here. */
static int state_exists(struct pg_conn *conn, bool all, bool *found, struct rnl_error *err)
{
    const char *params[] = {all ? "t" : "f"};
    PGresult *result;
    int status = conn_query(conn,
                            "SELECT count(*) FROM pg_class c JOIN pg_namespace n"
                            " ON n.oid = c.relnamespace WHERE n.nspname = 'runnel'"
                            " AND (c.relname IN ('pipeline', 'unit', 'lane', 'step')"
                            "  OR ($1 AND c.relname = 'dead_letters'))",
                            1, params, "look for the schema runnel", &result, err);

    if (status != RNL_OK)
        return status;
    *found =
        strtol(PQgetvalue(result, 0, 0), NULL, 10) == (all ? (int)STATE_ALL : (int)STATE_TABLES);
    PQclear(result);
    return RNL_OK;
}

int state_prepare(struct pg_conn *conn, struct rnl_error *err)
{
    bool found;
    int status = state_exists(conn, true, &found, err);

    if (status != RNL_OK || found)
        return status;
    /* two runs may come here at once: IF NOT EXISTS alone would race */
    status = conn_exec(conn, "BEGIN; SELECT pg_advisory_xact_lock(1920298604, 0)",
                       "create the schema runnel", err);
    if (status == RNL_OK)
        status = conn_exec(conn, state_sql, "create the schema runnel", err);
    if (status == RNL_OK)
        return conn_exec(conn, "COMMIT", "create the schema runnel", err);
    PQclear(PQexec(conn->pg, "ROLLBACK"));
    return status;
}

/* Takes the lock; a run that was just killed may hold it for a moment more. */
static int lock_pipeline(struct pg_conn *conn, const char *pipeline, struct rnl_error *err)
{
    const char *params[] = {pipeline};
    PGresult *result;
    int status = conn_exec(conn, "SET lock_timeout = '5s'", "set lock_timeout", err);

    if (status != RNL_OK)
        return status;
    status = conn_query(conn, "SELECT pg_advisory_lock(1920298605, hashtext($1))", 1, params,
                        "lock the pipeline", &result, err);
    PQclear(result);
    if (status == RNL_E_RETRY && strcmp(err->code, "postgres.lock_timeout") == 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "sink.pipeline_busy",
                          "another run of the pipeline %s writes to this target", pipeline);
        rnl_hint(err, "wait until it ends, or stop it");
    }
    return status;
}

/*
 * From the first write on, this process is the pipeline's only one. A session's lock
 * on a connection of its own: the server frees it when we are gone.
 */
int state_own(struct pg_sink *sink, const char *pipeline, struct rnl_error *err)
{
    struct pg_conn *conn;
    bool owned;
    int status;

    pthread_mutex_lock(&sink->server.lock);
    owned = sink->owned && strcmp(sink->owned, pipeline) == 0;
    pthread_mutex_unlock(&sink->server.lock);
    if (owned)
        return RNL_OK;
    status = conn_open(&sink->server, &conn, err);
    if (status != RNL_OK)
        return status;
    /* a cut network: the server is to notice that we are gone, and to free the lock */
    status = conn_exec(conn,
                       "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;"
                       "SET tcp_keepalives_count = 3",
                       "set up the session", err);
    if (status == RNL_OK && PQserverVersion(conn->pg) >= 120000)
        status = conn_exec(conn, "SET tcp_user_timeout = 20000", "set up the session", err);
    if (status == RNL_OK)
        status = lock_pipeline(conn, pipeline, err);

    pthread_mutex_lock(&sink->server.lock);
    if (!sink->owned && status == RNL_OK) {
        sink->owner = conn;
        sink->owned = strdup(pipeline);
        conn = NULL;
    } else if (sink->owned) {
        status = RNL_OK; /* another lane of ours was faster */
    }
    pthread_mutex_unlock(&sink->server.lock);
    conn_close(conn);
    return status;
}

/*
 * The lock is a session's: if its connection breaks, another process may take it while
 * our lanes go on. So whoever claims raises the epoch in a row that no lane uses, and
 * commits of a lower epoch are refused on every lane from then on.
 */
int sink_claim(void *self, const char *pipeline, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    const char *params[] = {pipeline};
    PGresult *result;
    bool found = false;
    int status = state_own(sink, pipeline, err);

    if (status == RNL_OK)
        status = state_exists(sink->control, false, &found, err);
    if (status != RNL_OK || !found)
        return status;
    status = state_prepare(sink->control, err);
    if (status != RNL_OK)
        return status;
    status = conn_query(sink->control,
                        "INSERT INTO runnel.lane AS l (pipeline, lane, number, epoch)"
                        " SELECT name, " FENCE_LANE ", 0, (SELECT coalesce(max(epoch), 0) + 1"
                        " FROM runnel.lane WHERE pipeline = $1) FROM runnel.pipeline"
                        " WHERE name = $1 ON CONFLICT (pipeline, lane) DO UPDATE"
                        " SET epoch = excluded.epoch",
                        1, params, "claim the pipeline", &result, err);
    PQclear(result);
    return status;
}

static int recall_plan(struct pg_sink *sink, const char *pipeline, struct rnl_memory *memory,
                       struct rnl_error *err)
{
    const char *params[] = {pipeline};
    PGresult *result;
    unsigned char *plan = NULL;
    size_t len = 0;
    int status =
        conn_query(sink->control, "SELECT format, plan FROM runnel.pipeline WHERE name = $1", 1,
                   params, "read what the target remembers", &result, err);

    if (status != RNL_OK)
        return status;
    if (PQntuples(result) == 0) {
        status = RNL_DONE;
    } else if (strtol(PQgetvalue(result, 0, 0), NULL, 10) != STATE_FORMAT) {
        status = rnl_fail(err, RNL_E_CONFIG, "sink.state_format",
                          "the target remembers pipeline %s in format %s, this Runnel knows %d",
                          pipeline, PQgetvalue(result, 0, 0), STATE_FORMAT);
        rnl_hint(err, "use the Runnel that began this run, or start over with --restart");
    } else {
        plan = PQunescapeBytea((const unsigned char *)PQgetvalue(result, 0, 1), &len);
        status = plan ? sink->host->memory_plan(memory, (struct rnl_slice){plan, len}, err)
                      : error_memory(err);
        PQfreemem(plan);
    }
    PQclear(result);
    return status;
}

static int recall_units(struct pg_sink *sink, const char *pipeline, struct rnl_memory *memory,
                        struct rnl_error *err)
{
    const char *params[] = {pipeline};
    PGresult *result;
    int status = conn_query(sink->control,
                            "SELECT unit, done, rows, position FROM runnel.unit"
                            " WHERE pipeline = $1 ORDER BY unit",
                            1, params, "read what the target remembers", &result, err);

    if (status != RNL_OK)
        return status;
    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++) {
        size_t len = 0;
        unsigned char *position =
            PQunescapeBytea((const unsigned char *)PQgetvalue(result, i, 3), &len);

        if (position)
            status = sink->host->memory_unit(
                memory, (uint32_t)strtoul(PQgetvalue(result, i, 0), NULL, 10),
                PQgetvalue(result, i, 1)[0] == 't', strtoll(PQgetvalue(result, i, 2), NULL, 10),
                (struct rnl_slice){position, len}, err);
        else
            status = error_memory(err);
        PQfreemem(position);
    }
    PQclear(result);
    return status;
}

static int recall_lanes(struct pg_sink *sink, const char *pipeline, struct rnl_memory *memory,
                        struct rnl_error *err)
{
    const char *params[] = {pipeline};
    PGresult *result;
    int status =
        conn_query(sink->control, "SELECT lane, number, epoch FROM runnel.lane WHERE pipeline = $1",
                   1, params, "read what the target remembers", &result, err);

    if (status != RNL_OK)
        return status;
    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        status =
            sink->host->memory_lane(memory, (uint32_t)strtoul(PQgetvalue(result, i, 0), NULL, 10),
                                    strtoull(PQgetvalue(result, i, 1), NULL, 10),
                                    strtoull(PQgetvalue(result, i, 2), NULL, 10), err);
    PQclear(result);
    return status;
}

static int recall_steps(struct pg_sink *sink, const char *pipeline, struct rnl_memory *memory,
                        struct rnl_error *err)
{
    const char *params[] = {pipeline};
    PGresult *result;
    int status = conn_query(sink->control, "SELECT id FROM runnel.step WHERE pipeline = $1", 1,
                            params, "read what the target remembers", &result, err);

    if (status != RNL_OK)
        return status;
    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        status = sink->host->memory_step(memory, PQgetvalue(result, i, 0), err);
    PQclear(result);
    return status;
}

/*
 * The server may still be committing for a run that was killed: what is read before
 * that ends would be out of date at once. The lock waits for it. A user who may only
 * read takes no lock: nothing is written after it.
 */
static int wait_for_writers(struct pg_conn *conn, struct rnl_error *err)
{
    PGresult *result;
    int status = conn_query(conn, "SELECT has_table_privilege('runnel.lane', 'UPDATE')", 0, NULL,
                            "read what the target remembers", &result, err);
    bool may;

    if (status != RNL_OK)
        return status;
    may = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (!may)
        return RNL_OK;
    return conn_exec(conn, "SET LOCAL lock_timeout = '60s'; LOCK TABLE runnel.lane IN SHARE MODE",
                     "wait for the writers of an earlier run", err);
}

int sink_recall(void *self, const char *pipeline, struct rnl_memory *memory, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    bool found;
    int status = state_exists(sink->control, false, &found, err);

    if (status != RNL_OK)
        return status;
    if (!found)
        return RNL_DONE;
    status = conn_exec(sink->control, "BEGIN", "read what the target remembers", err);
    if (status == RNL_OK)
        status = wait_for_writers(sink->control, err);
    if (status == RNL_OK)
        status = recall_plan(sink, pipeline, memory, err);
    if (status == RNL_OK)
        status = recall_units(sink, pipeline, memory, err);
    if (status == RNL_OK)
        status = recall_lanes(sink, pipeline, memory, err);
    if (status == RNL_OK)
        status = recall_steps(sink, pipeline, memory, err);
    PQclear(PQexec(sink->control->pg, "ROLLBACK"));
    return status;
}

static int write_plan(struct pg_conn *conn, const char *pipeline, struct rnl_slice plan,
                      struct rnl_error *err)
{
    const char *values[] = {pipeline, plan.len ? plan.ptr : ""};
    const int lengths[] = {0, (int)plan.len}, formats[] = {0, 1};
    const Oid types[] = {25, 17};
    int status = RNL_OK;
    PGresult *result =
        PQexecParams(conn->pg,
                     "INSERT INTO runnel.pipeline (name, format, plan) VALUES ($1, 1, $2)"
                     " ON CONFLICT (name) DO UPDATE"
                     " SET format = excluded.format, plan = excluded.plan",
                     2, types, values, lengths, formats, 0);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = error_result(conn, result, "remember the plan", err);
    PQclear(result);
    return status;
}

int sink_record(void *self, const char *pipeline, struct rnl_slice plan, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    struct pg_conn *conn = sink->control;
    int status = RNL_OK;

    if (plan.len > 512u << 20)
        return rnl_fail(err, RNL_E_CONFIG, "sink.plan_size",
                        "the plan of pipeline %s is too large to be remembered", pipeline);
    status = state_prepare(sink->control, err);
    if (status == RNL_OK)
        status = state_own(sink, pipeline, err);
    /* a connection keeps the room of its largest message: not for as long as the run lasts */
    if (status == RNL_OK && plan.len > LARGE_PLAN)
        status = conn_open(&sink->server, &conn, err);
    if (status != RNL_OK)
        return status;
    status = write_plan(conn, pipeline, plan, err);
    if (conn != sink->control)
        conn_close(conn);
    return status;
}

int sink_forget(void *self, const char *pipeline, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    const char *params[] = {pipeline};
    PGresult *result;
    bool found;
    int status = state_exists(sink->control, false, &found, err);

    if (status != RNL_OK || !found)
        return status;
    status = state_own(sink, pipeline, err);
    if (status != RNL_OK)
        return status;
    status = conn_query(sink->control, "DELETE FROM runnel.pipeline WHERE name = $1", 1, params,
                        "forget the pipeline", &result, err);
    PQclear(result);
    return status;
}
