/* Does one step of structure and remembers it, in one transaction. */
#include "postgres.h"

#include <stdlib.h>

/* Quick ones that side by side could wait for each other in circles. */
static bool needs_turn(const struct rnl_step *step)
{
    return step->phase == RNL_PHASE_FOREIGN_KEYS ||
           (step->phase >= RNL_PHASE_TABLES && step->phase < RNL_PHASE_KEYS &&
            (strstr(step->text, "DROP ") || strstr(step->text, "ALTER TABLE")));
}

/*
 * Begins the transaction, and remembers the step first: one that is done already fails
 * there, before anything is done twice.
 */
static void add_begin(const struct pg_config *config, const char *pipeline,
                      const struct rnl_step *step, struct buf *sql)
{
    buf_puts(sql, "BEGIN;INSERT INTO runnel.step (pipeline, id) VALUES (");
    buf_literal(sql, pipeline);
    buf_puts(sql, ", ");
    buf_literal(sql, step->id);
    buf_printf(sql, ");SET LOCAL lock_timeout = %lld;SET LOCAL maintenance_work_mem = %lld;",
               (long long)config->lock_timeout_ms, (long long)(config->index_memory >> 10));
    if (needs_turn(step))
        buf_puts(sql, "SELECT pg_advisory_xact_lock(1920298604, 1);");
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
                   "WITH o AS (SELECT %s AS k FROM %s a WHERE %s AND"
                   " NOT EXISTS (SELECT 1 FROM %s b WHERE %s)) SELECT (SELECT count(*) FROM o),"
                   " (SELECT string_agg(k, '; ') FROM (SELECT k FROM o LIMIT 5) first)",
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

static bool is_one_of(const char *state, const char *const *states)
{
    for (; *states; states++)
        if (strcmp(state, *states) == 0)
            return true;
    return false;
}

/* Keys to other tables: orphans, types that don't compare, no unique key at the other end. */
static enum outcome judge_foreign_key(struct pg_writer *w, const struct rnl_step *step,
                                      const char *state, const char *const *where,
                                      const char *primary, struct rnl_error *err)
{
    static const char *const unfit[] = {"42804", "42830", "42883", NULL};

    if (step->phase == RNL_PHASE_VALIDATE && strcmp(state, "23503") == 0 && where[0] && where[1] &&
        where[2])
        return tell_orphans(w, step, where, err) == RNL_OK ? OUTCOME_TOLD : OUTCOME_FAILED;
    if (step->phase == RNL_PHASE_VALIDATE && strcmp(state, "42704") == 0)
        return OUTCOME_TOLD; /* it could not be made, as was said then */
    if (step->phase != RNL_PHASE_FOREIGN_KEYS)
        return OUTCOME_FAILED;
    if (strcmp(state, "23503") == 0)
        tell(w, step, "fk.orphans", where[2], -1, NULL,
             "rows refer to a parent that is not there: the foreign key was not made (a "
             "partitioned table takes none that is NOT VALID)");
    else if (is_one_of(state, unfit))
        tell(w, step, "fk.skipped", where[2], -1, primary,
             "the foreign key was not made: its columns don't fit those that they refer to");
    else
        return OUTCOME_FAILED;
    return OUTCOME_TOLD;
}

/* What the source's data or the target's own objects stand in the way of: told, not fatal. */
static enum outcome judge(struct pg_writer *w, const struct rnl_step *step, const PGresult *result,
                          struct rnl_error *err)
{
    static const char *const exists[] = {"42P07", "42710", "42P16", NULL};
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *where[] = {PQresultErrorField(result, PG_DIAG_SCHEMA_NAME),
                           PQresultErrorField(result, PG_DIAG_TABLE_NAME), constraint};

    if (!state)
        return OUTCOME_FAILED;
    if (judge_foreign_key(w, step, state, where, primary, err) == OUTCOME_TOLD)
        return OUTCOME_TOLD;
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
    else if (is_one_of(state, exists) && step->phase >= RNL_PHASE_KEYS)
        tell(w, step, "object.exists", NULL, -1, primary,
             "an object of this name stands in the target already and was left as it is");
    else
        return OUTCOME_FAILED;
    return OUTCOME_TOLD;
}

/* A table that follows one of the source: see evolve.h. */
static bool alters(const struct rnl_step *step)
{
    return step->phase > RNL_PHASE_TABLES && step->phase < RNL_PHASE_KEYS;
}

/* The statement can't be done at all, by what it says or by the rows that stand. */
static bool is_refusal(const PGresult *result)
{
    static const char *const classes[] = {"0A", "22", "23", "2B", "42", NULL};
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    char class[3];

    snprintf(class, sizeof(class), "%.2s", state ? state : "");
    return is_one_of(class, classes) && strcmp(state, "42501") != 0;
}

static void refuse(struct rnl_error *err)
{
    char words[sizeof(err->text)];

    snprintf(words, sizeof(words), "%s", err->text);
    rnl_fail(err, RNL_E_CONFIG, "sink.cant_evolve",
             "the source altered a table, and the target's can't follow: %.600s", words);
    rnl_hint(err, "alter the target's table by hand and go on, go on with ddl = \"ignore\", or "
                  "load this table anew");
}

/* Whether it failed over what runnel.step says; *done: that it was done already. */
static bool is_about_memory(const PGresult *result, bool *done)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *schema = PQresultErrorField(result, PG_DIAG_SCHEMA_NAME);
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);

    *done = state && strcmp(state, "23505") == 0;
    return state && schema && table && strcmp(schema, "runnel") == 0 &&
           strcmp(table, "step") == 0 && (*done || strcmp(state, "23503") == 0);
}

/* In one round trip: there may be tens of thousands of steps. */
static int step_run(struct pg_writer *w, const char *pipeline, const struct rnl_step *step,
                    struct rnl_error *err)
{
    const struct pg_config *config = w->sink->config;
    struct buf sql = {0};
    char doing[300];
    PGresult *result = NULL;
    ExecStatusType state;
    bool done;
    int status = RNL_OK;

    add_begin(config, pipeline, step, &sql);
    buf_printf(&sql, "%s;COMMIT", step->text);
    if (!buf_text(&sql)) {
        status = error_memory(err);
        goto free_sql;
    }
    snprintf(doing, sizeof(doing), "do the step \"%.250s\"", step->id);
    result = PQexec(w->conn->pg, sql.ptr);
    state = PQresultStatus(result);
    if (state == PGRES_COMMAND_OK || state == PGRES_TUPLES_OK)
        goto clear_result;
    status = error_result(w->conn, result, doing, err);
    PQclear(PQexec(w->conn->pg, "ROLLBACK"));
    if (is_about_memory(result, &done)) {
        status = done ? RNL_OK
                      : rnl_fail(err, RNL_E_CONFIG, "sink.forgotten",
                                 "the target remembers no run of pipeline %s any more: somebody "
                                 "started over",
                                 pipeline);
    } else if (alters(step) && is_refusal(result)) {
        refuse(err);
        status = err->status;
    } else if (judge(w, step, result, err) == OUTCOME_TOLD) {
        buf_clear(&sql);
        add_begin(config, pipeline, step, &sql);
        buf_puts(&sql, "COMMIT");
        status = buf_text(&sql) ? conn_exec(w->conn, sql.ptr, "remember a step", err)
                                : error_memory(err);
    }
clear_result:
    PQclear(result);
free_sql:
    buf_free(&sql);
    return status;
}

int writer_step(void *writer, const char *pipeline, const struct rnl_step *step,
                struct rnl_error *err)
{
    struct pg_writer *w = writer;
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status = state_own(w->sink, pipeline, err);

    if (w->mode != WRITER_IDLE)
        writer_rollback(w, &ignored);
    if (status == RNL_OK && atomic_load(&w->sink->server.interrupted))
        status = error_interrupted(err);
    return status == RNL_OK ? step_run(w, pipeline, step, err) : status;
}
