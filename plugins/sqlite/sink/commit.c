/* The commit of rows and checkpoint together: compare, then set. */
#include "sink.h"

#include <inttypes.h>

/* What the file holds of a lane: its number, and the highest epoch of all lanes. */
static int get_lane(sqlite3 *db, const struct rnl_checkpoint *cp, int64_t *number, int64_t *epoch,
                    struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status =
        sq_prepare(db,
                   "SELECT coalesce((SELECT number FROM runnel_lane WHERE pipeline = ?1 AND"
                   " lane = ?2), 0), coalesce((SELECT max(epoch) FROM runnel_lane"
                   " WHERE pipeline = ?1), 0), (SELECT 1 FROM runnel_pipeline WHERE name = ?1)",
                   "read the checkpoint", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, cp->pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, cp->lane);
    status = sq_step(stmt, "read the checkpoint", err);
    if (status == RNL_OK) {
        *number = sqlite3_column_int64(stmt, 0);
        *epoch = sqlite3_column_int64(stmt, 1);
        if (sqlite3_column_type(stmt, 2) == SQLITE_NULL)
            status = rnl_fail(err, RNL_E_CONFIG, "sink.forgotten",
                              "the target remembers no run of pipeline %s any more: somebody "
                              "started over",
                              cp->pipeline);
    }
    sqlite3_finalize(stmt);
    return status;
}

static int finish(sqlite3_stmt *stmt, struct rnl_error *err)
{
    int status = sq_step(stmt, "write the checkpoint", err);

    sqlite3_finalize(stmt);
    return status == RNL_DONE ? RNL_OK : status;
}

static int set_lane(sqlite3 *db, const struct rnl_checkpoint *cp, struct rnl_error *err)
{
    int64_t number, epoch;
    sqlite3_stmt *stmt;
    int status = get_lane(db, cp, &number, &epoch, err);

    if (status != RNL_OK)
        return status;
    if ((uint64_t)number != cp->number_before || (uint64_t)epoch > cp->epoch) {
        rnl_fail(err, RNL_E_CONFIG, "sink.stale_writer",
                 "lane %" PRIu32 " of pipeline %s isn't at number %" PRIu64
                 " in the target any more: another writer went on",
                 cp->lane, cp->pipeline, cp->number_before);
        rnl_hint(err, "see that only one process runs this pipeline, and start it again");
        return err->status;
    }
    status = sq_prepare(db, "INSERT OR REPLACE INTO runnel_lane VALUES (?, ?, ?, ?)",
                        "write the checkpoint", &stmt, err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, cp->pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, cp->lane);
    sqlite3_bind_int64(stmt, 3, (int64_t)cp->number_after);
    sqlite3_bind_int64(stmt, 4, (int64_t)cp->epoch);
    return finish(stmt, err);
}

static int add_unit(sqlite3 *db, const struct rnl_checkpoint *cp,
                    const struct rnl_unit_progress *unit, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(db,
                            "INSERT INTO runnel_unit (pipeline, unit, done, rows, position)"
                            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (pipeline, unit) DO UPDATE"
                            " SET done = excluded.done, rows = rows + excluded.rows,"
                            " position = excluded.position",
                            "write the checkpoint", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, cp->pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, unit->unit);
    sqlite3_bind_int(stmt, 3, unit->done ? 1 : 0);
    sqlite3_bind_int64(stmt, 4, unit->rows);
    sqlite3_bind_blob64(stmt, 5, unit->position.len ? unit->position.ptr : "", unit->position.len,
                        SQLITE_STATIC);
    return finish(stmt, err);
}

static int write_checkpoint(sqlite3 *db, const struct rnl_checkpoint *cp, struct rnl_error *err)
{
    int status = set_lane(db, cp, err);

    for (uint32_t i = 0; status == RNL_OK && i < cp->nunits; i++) {
        const char *at = (const char *)cp->units + (size_t)i * cp->unit_size;
        struct rnl_unit_progress unit = {0};

        memcpy(&unit, at, cp->unit_size < sizeof(unit) ? cp->unit_size : sizeof(unit));
        status = add_unit(db, cp, &unit, err);
    }
    return status;
}

/* A commit that waits for the disk brings there all that stands in the log before it. */
static int reach_disk(struct sink *sink, struct rnl_error *err)
{
    /* what is as it was isn't written */
    static const char touch[] = "BEGIN IMMEDIATE; UPDATE runnel_lane SET epoch = epoch + 1;"
                                "UPDATE runnel_lane SET epoch = epoch - 1; COMMIT";
    struct rnl_error unheard = RNL_ERROR_INIT;
    int status;

    if (!sink->wal)
        return RNL_OK;
    status = disk_wait(sink, true, err);
    if (status == RNL_OK)
        status = sq_run(sink->write, touch, "bring commits to the disk", err);
    if (status != RNL_OK)
        sqlite3_exec(sink->write, "ROLLBACK", NULL, NULL, NULL);
    disk_wait(sink, false, &unheard);
    return status;
}

int sink_writer_commit(void *writer, const struct rnl_checkpoint *checkpoint, struct rnl_error *err)
{
    struct writer *w = writer;
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status = writer_begin(w, err);

    if (status == RNL_OK && checkpoint)
        status = write_checkpoint(w->sink->write, checkpoint, err);
    if (status == RNL_OK)
        status = sq_run(w->sink->write, "COMMIT", "commit", err);
    if (status != RNL_OK) {
        sink_writer_rollback(w, &ignored);
        return status;
    }
    if (checkpoint && RNL_HAS(checkpoint, durable) && checkpoint->durable)
        status = reach_disk(w->sink, err);
    writer_end(w);
    return status;
}
