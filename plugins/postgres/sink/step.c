/* Does one step of structure and remembers it, in one transaction. */
#include "postgres.h"

#include <stdlib.h>

static int step_done(struct pg_writer *w, const char *pipeline, const char *id, bool *done,
                     struct rnl_error *err)
{
    const char *params[] = {pipeline, id};
    PGresult *result;
    int status = conn_query(w->conn, "SELECT 1 FROM runnel.step WHERE pipeline = $1 AND id = $2", 2,
                            params, "look whether a step is done", &result, err);

    if (status == RNL_OK)
        *done = PQntuples(result) > 0;
    PQclear(result);
    return status;
}

static int step_settings(struct pg_writer *w, const struct rnl_step *step, struct rnl_error *err)
{
    const struct pg_config *config = w->sink->config;
    char sql[256];

    snprintf(sql, sizeof(sql),
             "SET LOCAL lock_timeout = %lld; SET LOCAL maintenance_work_mem = %lld",
             (long long)config->lock_timeout_ms, (long long)(config->index_memory >> 10));
    /* these are quick, and side by side they would wait for each other in circles */
    if (step->phase == RNL_PHASE_TABLES || step->phase == RNL_PHASE_FOREIGN_KEYS)
        snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql),
                 "; SELECT pg_advisory_xact_lock(1920298604, 1)");
    return conn_exec(w->conn, sql, "set up a step", err);
}

static void tell(struct pg_writer *w, const struct rnl_step *step, const char *code,
                 const char *object, int64_t count, const char *example, const char *text)
{
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_WARNING,
        .code = code,
        .object = object && *object ? object : step->id,
        .text = text,
        .example = example && *example ? example : NULL,
        .count = count,
    };

    if (step->table < w->sink->ntables) {
        finding.schema = w->sink->tables[step->table].source->schema;
        finding.table = w->sink->tables[step->table].source->name;
    }
    w->sink->host->finding(w->sink->ctx, &finding);
}

/* The columns of a foreign key at both ends, as conditions for a query. */
static const char orphans_sql[] =
    "SELECT format('%I.%I', cn.nspname, c.relname), format('%I.%I', fn.nspname, f.relname),"
    " string_agg(format('a.%I IS NOT NULL', ca.attname), ' AND '),"
    " string_agg(format('b.%I = a.%I', fa.attname, ca.attname), ' AND '),"
    " string_agg(format('a.%I::text', ca.attname), ' || '','' || ')"
    " FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
    " JOIN pg_namespace cn ON cn.oid = c.relnamespace"
    " JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace"
    " CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u(x, y)"
    " JOIN pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = u.x"
    " JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = u.y"
    " WHERE k.contype = 'f' AND cn.nspname = $1 AND c.relname = $2 AND k.conname = $3"
    " GROUP BY 1, 2";

/* The source had rows without a parent: counted, shown by example, and the key stays NOT VALID. */
static int tell_orphans(struct pg_writer *w, const struct rnl_step *step, const char *const *where,
                        struct rnl_error *err)
{
    struct buf sql = {0};
    PGresult *result, *counted = NULL;
    int status = conn_query(w->conn, orphans_sql, 3, where, "look at a foreign key", &result, err);

    if (status == RNL_OK && PQntuples(result) == 1) {
        buf_printf(&sql,
                   "SELECT count(*), (array_agg(k))[1] FROM (SELECT %s AS k FROM %s a WHERE %s AND"
                   " NOT EXISTS (SELECT 1 FROM %s b WHERE %s)) o",
                   PQgetvalue(result, 0, 4), PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 2),
                   PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 3));
        status = buf_text(&sql) ? conn_query(w->conn, sql.ptr, 0, NULL, "count rows without parent",
                                             &counted, err)
                                : error_memory(err);
    }
    if (status == RNL_OK && counted)
        tell(w, step, "fk.orphans", where[2], strtoll(PQgetvalue(counted, 0, 0), NULL, 10),
             PQgetvalue(counted, 0, 1),
             "rows refer to a parent that is not there: the foreign key stays NOT VALID, it binds "
             "new rows only");
    PQclear(counted);
    PQclear(result);
    buf_free(&sql);
    return status;
}

enum outcome { OUTCOME_FAILED, OUTCOME_TOLD };

/* What the source's data or the target's own objects stand in the way of: told, not fatal. */
static enum outcome judge(struct pg_writer *w, const struct rnl_step *step, const PGresult *result,
                          struct rnl_error *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *schema = PQresultErrorField(result, PG_DIAG_SCHEMA_NAME);
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *where[] = {schema, table, constraint};

    if (!state)
        return OUTCOME_FAILED;
    if (strcmp(state, "23503") == 0 && step->phase == RNL_PHASE_VALIDATE && schema && table &&
        constraint) {
        PQclear(PQexec(w->conn->pg, "ROLLBACK"));
        PQclear(PQexec(w->conn->pg, "BEGIN"));
        return tell_orphans(w, step, where, err) == RNL_OK ? OUTCOME_TOLD : OUTCOME_FAILED;
    }
    if (strcmp(state, "23514") == 0 && step->phase == RNL_PHASE_VALUES)
        tell(w, step, "check.violated", constraint, -1, NULL,
             "rows of the source break this check: it stays NOT VALID, it binds new rows only");
    else if (strcmp(state, "54000") == 0 &&
             (step->phase == RNL_PHASE_INDEXES || step->phase == RNL_PHASE_KEYS))
        tell(w, step, "index.too_large", NULL, -1, NULL,
             "values are too long for an index of PostgreSQL: the index was not made");
    else if (strcmp(state, "42704") == 0 && step->phase == RNL_PHASE_ATTACH)
        tell(w, step, "key.no_index", NULL, -1, NULL,
             "its index could not be made, so it is no primary key either");
    else if ((strcmp(state, "42P07") == 0 || strcmp(state, "42710") == 0 ||
              strcmp(state, "42P16") == 0) &&
             step->phase > RNL_PHASE_TABLES)
        tell(w, step, "object.exists", NULL, -1, primary,
             "an object of this name stands in the target already and was left as it is");
    else
        return OUTCOME_FAILED;
    PQclear(PQexec(w->conn->pg, "ROLLBACK"));
    PQclear(PQexec(w->conn->pg, "BEGIN"));
    return OUTCOME_TOLD;
}

static int step_run(struct pg_writer *w, const struct rnl_step *step, struct rnl_error *err)
{
    char doing[300];
    PGresult *result;
    ExecStatusType state;
    int status = RNL_OK;

    snprintf(doing, sizeof(doing), "do the step \"%.250s\"", step->id);
    result = PQexec(w->conn->pg, step->text);
    state = PQresultStatus(result);
    if (state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK) {
        error_result(w->conn, result, doing, err);
        if (judge(w, step, result, err) == OUTCOME_FAILED)
            status = err->status;
    }
    PQclear(result);
    return status;
}

static int step_remember(struct pg_writer *w, const char *pipeline, const struct rnl_step *step,
                         struct rnl_error *err)
{
    const char *params[] = {pipeline, step->id};
    PGresult *result;
    int status = conn_query(w->conn,
                            "INSERT INTO runnel.step (pipeline, id) VALUES ($1, $2)"
                            " ON CONFLICT DO NOTHING",
                            2, params, "remember a step", &result, err);

    PQclear(result);
    return status;
}

int writer_step(void *writer, const char *pipeline, const struct rnl_step *step,
                struct rnl_error *err)
{
    struct pg_writer *w = writer;
    struct rnl_error ignored = RNL_ERROR_INIT;
    bool done = false;
    int status = state_own(w->sink, pipeline, err);

    if (status == RNL_OK)
        status = writer_begin(w, err);
    if (status == RNL_OK)
        status = step_done(w, pipeline, step->id, &done, err);
    if (status == RNL_OK && !done)
        status = step_settings(w, step, err);
    if (status == RNL_OK && !done)
        status = step_run(w, step, err);
    if (status == RNL_OK && !done)
        status = step_remember(w, pipeline, step, err);
    if (status == RNL_OK) {
        status = conn_exec(w->conn, "COMMIT", "commit a step", err);
        w->mode = WRITER_IDLE;
    } else {
        writer_rollback(w, &ignored);
    }
    return status;
}
