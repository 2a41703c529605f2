/* The commit of rows and checkpoint together: compare, then set. */
#include "postgres.h"

#include <inttypes.h>

/* 1 / count: where no row was written the statement fails, and no COMMIT behind it is done. */
#define ONE_ROW " RETURNING 1) SELECT 1 / pg_catalog.count(*) FROM written"
#define NO_ROW_STATE "22012" /* division by zero */

static const char *const statements[][2] = {
    {"lane_first", "WITH written AS (INSERT INTO runnel.lane AS l (pipeline, lane, number, epoch)"
                   " SELECT $1, $2::bigint, $4::numeric, $5::numeric WHERE NOT EXISTS"
                   " (SELECT 1 FROM runnel.lane WHERE pipeline = $1 AND epoch > $5::numeric)"
                   " ON CONFLICT (pipeline, lane) DO UPDATE"
                   " SET number = excluded.number, epoch = excluded.epoch"
                   " WHERE l.number = $3::numeric AND l.epoch <= excluded.epoch" ONE_ROW},
    {"lane_next",
     "WITH written AS (UPDATE runnel.lane SET number = $4::numeric,"
     " epoch = $5::numeric WHERE pipeline = $1 AND lane = $2::bigint"
     " AND number = $3::numeric AND NOT EXISTS"
     " (SELECT 1 FROM runnel.lane WHERE pipeline = $1 AND epoch > $5::numeric)" ONE_ROW},
    {"unit_add", "INSERT INTO runnel.unit AS u (pipeline, unit, done, rows, position)"
                 " VALUES ($1, $2::bigint, $3::boolean, $4::bigint, $5)"
                 " ON CONFLICT (pipeline, unit) DO UPDATE SET done = excluded.done,"
                 " rows = u.rows + excluded.rows, position = excluded.position"},
    {"wait_for_disk", "SET LOCAL synchronous_commit TO on"},
    {"commit", "COMMIT"},
};

static int prepare_all(struct pg_writer *w, struct rnl_error *err)
{
    int status = w->prepared ? RNL_OK : pending_settle(w, err);

    for (size_t i = 0;
         status == RNL_OK && !w->prepared && i < sizeof(statements) / sizeof(statements[0]); i++) {
        PGresult *result = PQprepare(w->conn->pg, statements[i][0], statements[i][1], 0, NULL);

        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            status = error_result(w->conn, result, "prepare the checkpoint", err);
        PQclear(result);
    }
    w->prepared = status == RNL_OK;
    return status;
}

static int send_lane(struct pg_writer *w, const struct rnl_checkpoint *cp, struct rnl_error *err)
{
    char lane[16], before[24], after[24], epoch[24];
    const char *params[] = {cp->pipeline, lane, before, after, epoch};

    snprintf(lane, sizeof(lane), "%" PRIu32, cp->lane);
    snprintf(before, sizeof(before), "%" PRIu64, cp->number_before);
    snprintf(after, sizeof(after), "%" PRIu64, cp->number_after);
    snprintf(epoch, sizeof(epoch), "%" PRIu64, cp->epoch);
    if (!PQsendQueryPrepared(w->conn->pg, cp->number_before == 0 ? "lane_first" : "lane_next", 5,
                             params, NULL, NULL, 0))
        return error_result(w->conn, NULL, "write the checkpoint", err);
    return RNL_OK;
}

static int send_unit(struct pg_writer *w, const struct rnl_checkpoint *cp,
                     const struct rnl_unit_progress *unit, struct rnl_error *err)
{
    char id[16], rows[24];
    const char *params[] = {cp->pipeline, id, unit->done ? "t" : "f", rows,
                            unit->position.len ? unit->position.ptr : ""};
    const int lengths[] = {0, 0, 0, 0, (int)unit->position.len}, formats[] = {0, 0, 0, 0, 1};

    snprintf(id, sizeof(id), "%" PRIu32, unit->unit);
    snprintf(rows, sizeof(rows), "%" PRId64, unit->rows);
    if (!PQsendQueryPrepared(w->conn->pg, "unit_add", 5, params, lengths, formats, 0))
        return error_result(w->conn, NULL, "write the checkpoint", err);
    return RNL_OK;
}

static int send_plain(struct pg_writer *w, const char *name, struct rnl_error *err)
{
    if (!PQsendQueryPrepared(w->conn->pg, name, 0, NULL, NULL, NULL, 0))
        return error_result(w->conn, NULL, "commit", err);
    return RNL_OK;
}

static int stale_writer(const struct rnl_checkpoint *cp, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "sink.stale_writer",
             "lane %" PRIu32 " of pipeline %s isn't at number %" PRIu64
             " in the target any more: another writer went on",
             cp->lane, cp->pipeline, cp->number_before);
    rnl_hint(err, "see that only one process runs this pipeline, and start it again");
    return RNL_E_CONFIG;
}

/* Why the server refused; nth: of the statements, the lane's is the first. */
static int refused(struct pg_writer *w, const struct rnl_checkpoint *cp, uint32_t nth,
                   const PGresult *result, struct rnl_error *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (!cp || nth > cp->nunits)
        return error_result(w->conn, result, "commit", err);
    if (nth == 0 && state && strcmp(state, NO_ROW_STATE) == 0)
        return stale_writer(cp, err);
    error_result(w->conn, result, "write the checkpoint", err);
    if (nth == 0 && strcmp(err->code, "postgres.23503") == 0)
        rnl_fail(err, RNL_E_CONFIG, "sink.forgotten",
                 "the target remembers no run of pipeline %s any more: "
                 "somebody started over",
                 cp->pipeline);
    return err->status;
}

/* Answers up to the end of the pipeline; *committed: what the last of them says. */
static int take_answers(struct pg_writer *w, const struct rnl_checkpoint *cp, bool *committed,
                        struct rnl_error *err)
{
    int status = RNL_OK;
    uint32_t nth = 0;

    *committed = false;
    while (PQstatus(w->conn->pg) == CONNECTION_OK) {
        PGresult *result = PQgetResult(w->conn->pg);
        ExecStatusType state = PQresultStatus(result);

        if (result && state == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return status;
        }
        if (result && status == RNL_OK && state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK)
            status = refused(w, cp, nth, result, err);
        else if (result && status == RNL_OK)
            *committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
        nth += !result;
        PQclear(result);
    }
    return status != RNL_OK ? status : error_result(w->conn, NULL, "commit", err);
}

static int send_checkpoint(struct pg_writer *w, const struct rnl_checkpoint *cp,
                           struct rnl_error *err)
{
    int status = send_lane(w, cp, err);

    for (uint32_t i = 0; status == RNL_OK && i < cp->nunits; i++) {
        const char *at = (const char *)cp->units + (size_t)i * cp->unit_size;
        struct rnl_unit_progress unit = {0};

        memcpy(&unit, at, cp->unit_size < sizeof(unit) ? cp->unit_size : sizeof(unit));
        status = send_unit(w, cp, &unit, err);
    }
    return status;
}

/* The lane, its units and the COMMIT in one round trip: what doesn't hold keeps it from being done.
 */
static int exchange(struct pg_writer *w, const struct rnl_checkpoint *cp, bool *committed,
                    struct rnl_error *err)
{
    int status = cp ? send_checkpoint(w, cp, err) : RNL_OK;
    struct rnl_error unheard = RNL_ERROR_INIT;
    int answer;

    /* no run will do it again, or a source forgets what it would do it again from */
    if (status == RNL_OK && (!cp || (RNL_HAS(cp, durable) && cp->durable)))
        status = send_plain(w, "wait_for_disk", err);
    if (status == RNL_OK)
        status = send_plain(w, "commit", err);
    if (status == RNL_OK && !PQpipelineSync(w->conn->pg))
        status = error_result(w->conn, NULL, "commit", err);
    if (status != RNL_OK)
        return status;
    status = pending_is_open(w) ? pending_answers(w, err) : RNL_OK;
    /* behind a failure all were passed over */
    answer = take_answers(w, cp, committed, status == RNL_OK ? err : &unheard);
    return status == RNL_OK ? answer : status;
}

static int commit(struct pg_writer *w, const struct rnl_checkpoint *cp, struct rnl_error *err)
{
    bool committed = false;
    int status = cp ? state_own(w->sink, cp->pipeline, err) : RNL_OK;

    if (status == RNL_OK)
        status = prepare_all(w, err);
    if (status != RNL_OK)
        return status;
    if (!pending_is_open(w) && !PQenterPipelineMode(w->conn->pg))
        return error_result(w->conn, NULL, "commit", err);
    status = exchange(w, cp, &committed, err);
    if (PQstatus(w->conn->pg) == CONNECTION_OK && !PQexitPipelineMode(w->conn->pg) &&
        status == RNL_OK)
        status = error_result(w->conn, NULL, "commit", err);
    if (status == RNL_OK && !committed)
        status = rnl_fail(err, RNL_E_FATAL, "postgres.rolled_back",
                          "cannot commit: the server rolled the transaction back");
    return status;
}

int writer_commit(void *writer, const struct rnl_checkpoint *checkpoint, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    struct rnl_error ignored = RNL_ERROR_INIT;
    /* what is on its way is answered with the rest */
    int status = pending_is_open(w) ? RNL_OK : writer_begin(w, err);

    if (status == RNL_OK)
        status = copy_end(w, err);
    if (status == RNL_OK)
        status = commit(w, checkpoint, err);
    if (status != RNL_OK) {
        writer_rollback(w, &ignored);
        return status;
    }
    w->mode = WRITER_IDLE;
    apply_ended(w);
    changes_tell(w);
    read_forget_view(w->sink);
    return RNL_OK;
}
