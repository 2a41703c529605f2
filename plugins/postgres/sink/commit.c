/* The commit of rows and checkpoint together: compare, then set. */
#include "postgres.h"

#include <inttypes.h>

static const char *const statements[][2] = {
    {"lane_first", "INSERT INTO runnel.lane AS l (pipeline, lane, number, epoch)"
                   " SELECT $1, $2::bigint, $4::numeric, $5::numeric WHERE NOT EXISTS"
                   " (SELECT 1 FROM runnel.lane WHERE pipeline = $1 AND epoch > $5::numeric)"
                   " ON CONFLICT (pipeline, lane) DO UPDATE"
                   " SET number = excluded.number, epoch = excluded.epoch"
                   " WHERE l.number = $3::numeric AND l.epoch <= excluded.epoch"},
    {"lane_next", "UPDATE runnel.lane SET number = $4::numeric, epoch = $5::numeric"
                  " WHERE pipeline = $1 AND lane = $2::bigint AND number = $3::numeric"
                  " AND NOT EXISTS"
                  " (SELECT 1 FROM runnel.lane WHERE pipeline = $1 AND epoch > $5::numeric)"},
    {"unit_add", "INSERT INTO runnel.unit AS u (pipeline, unit, done, rows, position)"
                 " VALUES ($1, $2::bigint, $3::boolean, $4::bigint, $5)"
                 " ON CONFLICT (pipeline, unit) DO UPDATE SET done = excluded.done,"
                 " rows = u.rows + excluded.rows, position = excluded.position"},
};

static int prepare_all(struct pg_writer *w, struct rnl_error *err)
{
    for (size_t i = 0; !w->prepared && i < sizeof(statements) / sizeof(statements[0]); i++) {
        PGresult *result = PQprepare(w->conn->pg, statements[i][0], statements[i][1], 0, NULL);
        int status = RNL_OK;

        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            status = error_result(w->conn, result, "prepare the checkpoint", err);
        PQclear(result);
        if (status != RNL_OK)
            return status;
    }
    w->prepared = true;
    return RNL_OK;
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

static int check_lane(struct pg_writer *w, const struct rnl_checkpoint *cp, PGresult *result,
                      struct rnl_error *err)
{
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        error_result(w->conn, result, "write the checkpoint", err);
        if (strcmp(err->code, "postgres.23503") == 0)
            rnl_fail(err, RNL_E_CONFIG, "sink.forgotten",
                     "the target remembers no run of pipeline %s any more: "
                     "somebody started over",
                     cp->pipeline);
        return err->status;
    }
    if (strcmp(PQcmdTuples(result), "1") == 0)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "sink.stale_writer",
             "lane %" PRIu32 " of pipeline %s isn't at number %" PRIu64
             " in the target any more: another writer went on",
             cp->lane, cp->pipeline, cp->number_before);
    rnl_hint(err, "see that only one process runs this pipeline, and start it again");
    return RNL_E_CONFIG;
}

/* Answers up to the end of the pipeline: the lane's first, then those of its units. */
static int take_answers(struct pg_writer *w, const struct rnl_checkpoint *cp, struct rnl_error *err)
{
    int status = RNL_OK;
    bool first = true;

    while (PQstatus(w->conn->pg) == CONNECTION_OK) {
        PGresult *result = PQgetResult(w->conn->pg);
        ExecStatusType state = PQresultStatus(result);

        if (result && state == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return status;
        }
        if (result && status == RNL_OK && first)
            status = check_lane(w, cp, result, err);
        else if (result && status == RNL_OK && state != PGRES_COMMAND_OK)
            status = error_result(w->conn, result, "write the checkpoint", err);
        first = first && !result;
        PQclear(result);
    }
    return status != RNL_OK ? status : error_result(w->conn, NULL, "write the checkpoint", err);
}

/* The lane and its units in one round trip: what doesn't hold is rolled back with the rest. */
static int write_checkpoint(struct pg_writer *w, const struct rnl_checkpoint *cp,
                            struct rnl_error *err)
{
    int status = state_own(w->sink, cp->pipeline, err);

    if (status == RNL_OK)
        status = prepare_all(w, err);
    if (status != RNL_OK)
        return status;
    if (!PQenterPipelineMode(w->conn->pg))
        return error_result(w->conn, NULL, "write the checkpoint", err);
    status = send_lane(w, cp, err);
    for (uint32_t i = 0; status == RNL_OK && i < cp->nunits; i++) {
        const char *at = (const char *)cp->units + (size_t)i * cp->unit_size;
        struct rnl_unit_progress unit = {0};

        memcpy(&unit, at, cp->unit_size < sizeof(unit) ? cp->unit_size : sizeof(unit));
        status = send_unit(w, cp, &unit, err);
    }
    if (status == RNL_OK && !PQpipelineSync(w->conn->pg))
        status = error_result(w->conn, NULL, "write the checkpoint", err);
    if (status == RNL_OK)
        status = take_answers(w, cp, err);
    if (PQstatus(w->conn->pg) == CONNECTION_OK && !PQexitPipelineMode(w->conn->pg) &&
        status == RNL_OK)
        status = error_result(w->conn, NULL, "write the checkpoint", err);
    return status;
}

int writer_commit(void *writer, const struct rnl_checkpoint *checkpoint, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = copy_end(w, err);
    if (status == RNL_OK && checkpoint)
        status = write_checkpoint(w, checkpoint, err);
    /* no run will do it again, or a source forgets what it would do it again from */
    if (status == RNL_OK && (!checkpoint || (RNL_HAS(checkpoint, durable) && checkpoint->durable)))
        status = conn_exec(w->conn, "SET LOCAL synchronous_commit TO on", "commit", err);
    if (status != RNL_OK) {
        writer_rollback(w, &ignored);
        return status;
    }
    status = conn_exec(w->conn, "COMMIT", "commit", err);
    w->mode = WRITER_IDLE;
    apply_ended(w);
    if (status == RNL_OK) {
        changes_tell(w);
        read_forget_view(w->sink);
    }
    return status;
}
