/*
 * Who has the pipeline by a lease of the transport ends the sessions of one that had it before: a
 * process that hangs keeps its locks, and rows that it didn't commit, for as long as it does.
 */
#include "postgres.h"

#include <stdlib.h>

/* Known by advisory locks: the pipeline's own, and one that all sessions of its lanes share. */
static const char oust_sql[] =
    "SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_locks"
    " WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_catalog.pg_database"
    " WHERE datname = pg_catalog.current_database()) AND classid IN (1920298605, 1920298606)"
    " AND objid = (pg_catalog.hashtext($1)::bigint & 4294967295)::oid AND objsubid = 2"
    " AND granted AND pid <> pg_catalog.pg_backend_pid()";

int sink_oust(void *self, const char *pipeline, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    const char *params[] = {pipeline};
    struct rnl_error unheard = RNL_ERROR_INIT;
    PGresult *result;

    (void)err; /* not allowed to: the claim tells who is in the way */
    if (conn_query(sink->control, oust_sql, 1, params, "end the sessions of an earlier writer",
                   &result, &unheard) == RNL_OK)
        PQclear(result);
    return RNL_OK;
}

int oust_mark(struct pg_sink *sink, struct pg_conn *conn, struct rnl_error *err)
{
    const char *params[1];
    PGresult *result;
    char *pipeline;
    int status;

    pthread_mutex_lock(&sink->server.lock);
    pipeline = sink->owned ? strdup(sink->owned) : NULL;
    pthread_mutex_unlock(&sink->server.lock);
    if (!pipeline)
        return RNL_OK;
    params[0] = pipeline;
    status = conn_query(conn,
                        "SELECT pg_catalog.pg_advisory_lock_shared(1920298606,"
                        " pg_catalog.hashtext($1))",
                        1, params, "set up the session", &result, err);
    PQclear(result);
    free(pipeline);
    return status;
}
