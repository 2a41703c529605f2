/*
 * A row that is all of its transaction: it is sent together with what commits it, in one round
 * trip. A COMMIT behind a statement that failed in a pipeline isn't done, so what the answers say
 * is in time when they are read at the end.
 */
#include "apply.h"

#include <sys/socket.h>

#define NO_ROW_STATE "22P02" /* no number: see add_update() */

/* A set of one row and one statement, with nothing before it in the transaction. */
static bool is_alone(const struct pg_writer *w)
{
    const struct apply *a = w->apply;

    return w->mode == WRITER_IDLE && !w->parts && a->set.nrows == 1 && a->ntruncated == 0 &&
           !cascade_starts(&w->sink->cascades, &a->set.rows[0]);
}

static int pending_open(struct pg_writer *w, const struct apply_run *run, struct rnl_error *err)
{
    struct apply_pending *p = &w->apply->pending;
    int status;

    *p = (struct apply_pending){.missing = RNL_ERROR_INIT};
    run_describe(run, p->doing, sizeof(p->doing));
    if (run->must)
        apply_missing(run->table, run->rows[0], &p->missing);
    if (!PQenterPipelineMode(w->conn->pg))
        return error_result(w->conn, NULL, "apply changes", err);
    p->open = true;
    status = before_send(w, false, &p->before, err);
    if (status == RNL_OK)
        status = run_send(w, run, err);
    if (status != RNL_OK) /* how much of it was sent isn't known, nor how many answers are due */
        shutdown(PQsocket(w->conn->pg), SHUT_RDWR);
    return status;
}

int pending_send(struct pg_writer *w, bool *sent, struct rnl_error *err)
{
    struct apply *a = w->apply;
    const struct changeset_group *groups;
    uint32_t ngroups;
    int status;

    *sent = false;
    if (!is_alone(w))
        return RNL_OK;
    status = changeset_groups(&a->set, &groups, &ngroups, err);
    a->nruns = 0;
    if (status == RNL_OK && ngroups == 1)
        status = apply_runs_of(w, &groups[0], err);
    if (status != RNL_OK || a->nruns != 1)
        return status;
    *sent = true;
    a->runs[0].sure = a->runs[0].must;
    status = run_prepare(w, &a->runs[0], err);
    if (status == RNL_OK)
        status = pending_open(w, &a->runs[0], err);
    changeset_clear(&a->set);
    return status;
}

/* It is our own statement that stopped, not the expression of a column, which may do so as well. */
static bool is_missing(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    /* one in a function of the table's own has a context */
    return state && strcmp(state, NO_ROW_STATE) == 0 && text && strstr(text, "\"" APPLY_NO_ROW) &&
           !PQresultErrorField(result, PG_DIAG_CONTEXT);
}

/* Why the row was refused. */
static int refused(struct pg_writer *w, const PGresult *result, struct rnl_error *err)
{
    const struct apply_pending *p = &w->apply->pending;

    if (p->missing.status != RNL_OK && result && is_missing(result)) {
        *err = p->missing;
        return err->status;
    }
    return error_result(w->conn, result, p->doing, err);
}

int pending_answers(struct pg_writer *w, struct rnl_error *err)
{
    struct apply_pending *p = &w->apply->pending;
    int status = RNL_OK;

    p->open = false;
    for (uint32_t i = 0; i <= p->before && PQstatus(w->conn->pg) == CONNECTION_OK; i++) {
        PGresult *result = PQgetResult(w->conn->pg);
        ExecStatusType state = PQresultStatus(result);

        if (status == RNL_OK && state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK)
            status = refused(w, result, err);
        while (result) { /* behind each statement comes a NULL */
            PQclear(result);
            result = PQstatus(w->conn->pg) == CONNECTION_OK ? PQgetResult(w->conn->pg) : NULL;
        }
    }
    if (status == RNL_OK && PQstatus(w->conn->pg) != CONNECTION_OK)
        status = error_result(w->conn, NULL, p->doing, err);
    w->apply->settled = status == RNL_OK;
    return status;
}

bool pending_is_open(const struct pg_writer *w)
{
    return w->apply && w->apply->pending.open;
}

/* Its pipeline ends, with the sync's own answer. */
static int pending_close(struct pg_writer *w, int status, struct rnl_error *err)
{
    while (PQstatus(w->conn->pg) == CONNECTION_OK) {
        PGresult *result = PQgetResult(w->conn->pg);
        bool synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

        PQclear(result);
        if (synced)
            break;
    }
    if (PQstatus(w->conn->pg) != CONNECTION_OK || !PQexitPipelineMode(w->conn->pg))
        return status != RNL_OK ? status : error_result(w->conn, NULL, "apply changes", err);
    return status;
}

int pending_settle(struct pg_writer *w, struct rnl_error *err)
{
    int status;

    if (!pending_is_open(w))
        return RNL_OK;
    if (!PQpipelineSync(w->conn->pg)) {
        w->apply->pending.open = false;
        return error_result(w->conn, NULL, "apply changes", err);
    }
    status = pending_answers(w, err);
    return pending_close(w, status, err);
}
