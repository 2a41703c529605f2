/* What a run would meet at the target: rights, settings, room for connections. */
#include "postgres.h"

#include <stdarg.h>
#include <stdlib.h>

RNL_PRINTF(4, 5)
static void tell(const struct pg_sink *sink, enum rnl_severity severity, const char *code,
                 const char *fmt, ...)
{
    char text[512];
    struct rnl_finding finding = {
        .size = sizeof(finding), .severity = severity, .code = code, .text = text, .count = -1};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    sink->host->finding(sink->ctx, &finding);
}

/* One row: what all the questions below are about. */
static const char facts_sql[] =
    "SELECT current_setting('server_encoding'), pg_is_in_recovery(),"
    " has_database_privilege(current_database(), 'CREATE')"
    "  OR (to_regnamespace('runnel') IS NOT NULL"
    "      AND has_schema_privilege('runnel', 'USAGE')),"
    " current_setting('fsync'), current_setting('synchronous_commit'),"
    " current_setting('max_connections')::int"
    "  - current_setting('superuser_reserved_connections')::int"
    "  - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
    " current_user, current_database(), current_setting('server_version')";

enum {
    F_ENCODING,
    F_STANDBY,
    F_MAY_CREATE,
    F_FSYNC,
    F_COMMIT,
    F_ROOM,
    F_USER,
    F_DATABASE,
    F_VERSION
};

static bool is(const PGresult *result, int field, const char *text)
{
    return strcmp(PQgetvalue(result, 0, field), text) == 0;
}

static void judge(const struct pg_sink *sink, uint32_t lanes, const PGresult *result)
{
    long room = strtol(PQgetvalue(result, 0, F_ROOM), NULL, 10);
    long wanted = (long)lanes + 2; /* one to look around, one that holds the pipeline's lock */

    tell(sink, RNL_NOTE, "target.server", "the target is PostgreSQL %s, database %s",
         PQgetvalue(result, 0, F_VERSION), PQgetvalue(result, 0, F_DATABASE));
    if (is(result, F_STANDBY, "t"))
        tell(sink, RNL_BLOCKER, "postgres.read_only",
             "the target is a standby, which takes no writes: connect to the primary");
    if (!is(result, F_ENCODING, "UTF8"))
        tell(sink, RNL_WARNING, "target.encoding",
             "the target database has the encoding %s: text that it lacks is refused; make the "
             "database with ENCODING 'UTF8'",
             PQgetvalue(result, 0, F_ENCODING));
    if (!is(result, F_MAY_CREATE, "t"))
        tell(sink, RNL_BLOCKER, "postgres.privilege",
             "the user %s may not make the schema runnel, where progress is kept: GRANT CREATE ON "
             "DATABASE",
             PQgetvalue(result, 0, F_USER));
    if (is(result, F_FSYNC, "off") || is(result, F_COMMIT, "off"))
        tell(sink, RNL_WARNING, "target.durability",
             "the target has %s off: what it says is committed may be gone after a crash",
             is(result, F_FSYNC, "off") ? "fsync" : "synchronous_commit");
    if (room < wanted)
        tell(sink, RNL_WARNING, "target.connections",
             "the target has room for %ld more connections, this run wants %ld: use fewer lanes",
             room, wanted);
}

int sink_check(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
               struct rnl_error *err)
{
    struct pg_sink *sink = self;
    PGresult *result;
    int status = conn_query(sink->control, facts_sql, 0, NULL, "look at the target's settings",
                            &result, err);

    (void)catalog;
    if (status != RNL_OK)
        return status;
    judge(sink, job->lanes ? job->lanes : 1, result);
    PQclear(result);
    return RNL_OK;
}
