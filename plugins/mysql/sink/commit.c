/* The commit of rows and checkpoint together: compare, then set. */
#include "data.h"

#include <inttypes.h>

static int stale(const struct rnl_checkpoint *cp, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "sink.stale_writer",
             "lane %" PRIu32 " of pipeline %s isn't at number %" PRIu64
             " in the target any more: another writer went on",
             cp->lane, cp->pipeline, cp->number_before);
    rnl_hint(err, "see that only one process runs this pipeline, and start it again");
    return err->status;
}

/* Runs what stands in sql, and empties it; *rows: how many were found. */
static int run(struct my_writer *w, struct text *sql, uint64_t *rows, struct rnl_error *err)
{
    const char *info;
    int status = sql->failed ? error_memory(err) : conn_run(w->conn, sql->ptr, err);

    sql->len = 0;
    if (status != RNL_OK)
        return status;
    info = mysql_info(w->conn->mysql);
    *rows = info && strncmp(info, "Rows matched: ", 14) == 0 ? strtoull(info + 14, NULL, 10)
                                                             : mysql_affected_rows(w->conn->mysql);
    return RNL_OK;
}

static void pipeline_add(struct text *sql, const char *joint, const char *pipeline)
{
    text_printf(sql, "%spipeline = ", joint);
    text_quoted(sql, pipeline);
}

/*
 * Whoever claims the pipeline raises the epoch in the row of a lane that nobody has.
 * It is read with a lock, so that it stays until we have committed.
 */
static int fence_check(struct my_writer *w, const struct rnl_checkpoint *cp, struct text *sql,
                       struct rnl_error *err)
{
    char *past;
    int status;

    text_printf(sql, "SELECT epoch > %" PRIu64 " FROM ", cp->epoch);
    state_table(w->sink, sql, "lanes");
    pipeline_add(sql, " WHERE ", cp->pipeline);
    text_printf(sql, " AND lane = %s LOCK IN SHARE MODE", FENCE_LANE);
    if (sql->failed)
        return error_memory(err);
    status = conn_value(w->conn, sql->ptr, 0, &past, err);
    sql->len = 0;
    if (status == RNL_OK && past && past[0] == '1')
        status = stale(cp, err);
    free(past);
    return status;
}

static int lane_update(struct my_writer *w, const struct rnl_checkpoint *cp, struct text *sql,
                       uint64_t *rows, struct rnl_error *err)
{
    text_add(sql, "UPDATE ");
    state_table(w->sink, sql, "lanes");
    text_printf(sql, " SET number = %" PRIu64 ", epoch = %" PRIu64, cp->number_after, cp->epoch);
    pipeline_add(sql, " WHERE ", cp->pipeline);
    text_printf(sql, " AND lane = %" PRIu32 " AND number = %" PRIu64 " AND epoch <= %" PRIu64,
                cp->lane, cp->number_before, cp->epoch);
    return run(w, sql, rows, err);
}

static int lane_insert(struct my_writer *w, const struct rnl_checkpoint *cp, struct text *sql,
                       struct rnl_error *err)
{
    uint64_t rows;
    int status;

    text_add(sql, "INSERT INTO ");
    state_table(w->sink, sql, "lanes");
    text_add(sql, " (pipeline, lane, number, epoch) VALUES (");
    text_quoted(sql, cp->pipeline);
    text_printf(sql, ", %" PRIu32 ", %" PRIu64 ", %" PRIu64 ")", cp->lane, cp->number_after,
                cp->epoch);
    status = run(w, sql, &rows, err);
    if (status != RNL_OK && mysql_errno(w->conn->mysql) == 1062)
        return stale(cp, err);
    if (status != RNL_OK && mysql_errno(w->conn->mysql) == 1452)
        return rnl_fail(err, RNL_E_CONFIG, "sink.forgotten",
                        "the target remembers no run of pipeline %s any more: somebody started "
                        "over",
                        cp->pipeline);
    return status;
}

static int lane_set(struct my_writer *w, const struct rnl_checkpoint *cp, struct text *sql,
                    struct rnl_error *err)
{
    uint64_t rows = 0;
    int status = lane_update(w, cp, sql, &rows, err);

    if (status != RNL_OK || rows)
        return status;
    return cp->number_before == 0 ? lane_insert(w, cp, sql, err) : stale(cp, err);
}

static void unit_values(struct text *sql, const struct rnl_unit_progress *unit)
{
    if (unit->position.len)
        text_hex(sql, unit->position.ptr, unit->position.len);
    else
        text_add(sql, "''");
}

static int unit_set(struct my_writer *w, const struct rnl_checkpoint *cp,
                    const struct rnl_unit_progress *unit, struct text *sql, struct rnl_error *err)
{
    uint64_t rows = 0;
    int status;

    text_add(sql, "UPDATE ");
    state_table(w->sink, sql, "units");
    text_printf(sql,
                " SET done = %u, `rows` = `rows` + %" PRId64 ", position = ", unit->done ? 1u : 0u,
                unit->rows);
    unit_values(sql, unit);
    pipeline_add(sql, " WHERE ", cp->pipeline);
    text_printf(sql, " AND unit = %" PRIu32, unit->unit);
    status = run(w, sql, &rows, err);
    if (status != RNL_OK || rows)
        return status;
    text_add(sql, "INSERT INTO ");
    state_table(w->sink, sql, "units");
    text_add(sql, " (pipeline, unit, done, `rows`, position) VALUES (");
    text_quoted(sql, cp->pipeline);
    text_printf(sql, ", %" PRIu32 ", %u, %" PRId64 ", ", unit->unit, unit->done ? 1u : 0u,
                unit->rows);
    unit_values(sql, unit);
    text_add(sql, ")");
    return run(w, sql, &rows, err);
}

static int checkpoint_write(struct my_writer *w, const struct rnl_checkpoint *cp,
                            struct rnl_error *err)
{
    struct text sql = {0};
    int status = state_own(w->sink, cp->pipeline, err);

    if (status == RNL_OK)
        status = fence_check(w, cp, &sql, err);
    if (status == RNL_OK)
        status = lane_set(w, cp, &sql, err);
    for (uint32_t i = 0; status == RNL_OK && i < cp->nunits; i++) {
        const char *at = (const char *)cp->units + (size_t)i * cp->unit_size;
        struct rnl_unit_progress unit = {0};

        memcpy(&unit, at, cp->unit_size < sizeof(unit) ? cp->unit_size : sizeof(unit));
        status = unit_set(w, cp, &unit, &sql, err);
    }
    text_free(&sql);
    return status;
}

int writer_commit(void *writer, const struct rnl_checkpoint *checkpoint, struct rnl_error *err)
{
    struct my_writer *w = writer;
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = batch_end(w, err);
    if (status == RNL_OK && checkpoint)
        status = checkpoint_write(w, checkpoint, err);
    if (status != RNL_OK) {
        writer_rollback(w, &ignored);
        return status;
    }
    w->mode = WRITER_IDLE;
    status = conn_run(w->conn, "COMMIT", err);
    if (status == RNL_OK) {
        changes_tell(w);
        read_forget_view(w->sink);
    }
    return status;
}
