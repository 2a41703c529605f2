/* What the file remembers of each pipeline, in tables whose names begin with runnel_. */
#include "sink.h"

#define STATE_FORMAT 1 /* of the tables below */

static const char state_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS runnel_pipeline (name TEXT NOT NULL PRIMARY KEY,"
    " format INTEGER NOT NULL, plan BLOB NOT NULL, created TEXT DEFAULT CURRENT_TIMESTAMP) STRICT;"
    "CREATE TABLE IF NOT EXISTS runnel_unit (pipeline TEXT NOT NULL, unit INTEGER NOT NULL,"
    " done INTEGER NOT NULL, rows INTEGER NOT NULL, position BLOB NOT NULL,"
    " PRIMARY KEY (pipeline, unit)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS runnel_lane (pipeline TEXT NOT NULL, lane INTEGER NOT NULL,"
    " number INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " PRIMARY KEY (pipeline, lane)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS runnel_step (pipeline TEXT NOT NULL, id TEXT NOT NULL,"
    " finished TEXT DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (pipeline, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS runnel_dead_letters (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " pipeline TEXT NOT NULL, lane INTEGER NOT NULL, \"schema\" TEXT, \"table\" TEXT, key TEXT,"
    " \"column\" TEXT, code TEXT, reason TEXT, at INTEGER NOT NULL, \"row\" BLOB) STRICT;"
    "COMMIT";

int state_has(sqlite3 *db, const char *table, bool *found, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?",
                            "look for runnel's tables", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    status = sq_step(stmt, "look for runnel's tables", err);
    *found = status == RNL_OK;
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

/* The step of a table, or of one of its later forms: "table s.t @…". */
static const char made_sql[] =
    "SELECT 1 FROM runnel_step WHERE pipeline = ?1 AND id = ?2 UNION ALL SELECT 1 FROM runnel_step"
    " WHERE pipeline = ?1 AND id >= ?2 || ' @' AND id < ?2 || ' A'";

/* Asked of each table: with thousands of them, neither steps nor the file's schema are gone
 * through.
 */
int state_made(sqlite3 *db, const char *pipeline, const struct rnl_table *table, bool *made,
               struct rnl_error *err)
{
    struct rnl_error failed = RNL_ERROR_INIT;
    struct buf id = {0};
    sqlite3_stmt *stmt;
    bool known = false;
    int status;

    *made = false;
    if (sq_prepare(db, made_sql, "look at what was done", &stmt, &failed) != RNL_OK) {
        status = state_has(db, "runnel_step", &known, err);
        if (status != RNL_OK || !known)
            return status;
        *err = failed;
        return err->status;
    }
    buf_printf(&id, "table %s.%s", table->schema, table->name);
    status = buf_text(&id) ? RNL_OK : error_memory(err);
    if (status == RNL_OK) {
        sqlite3_bind_text(stmt, 1, pipeline ? pipeline : "", -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, id.ptr, -1, SQLITE_STATIC);
        status = sq_step(stmt, "look at what was done", err);
        *made = status == RNL_OK;
    }
    sqlite3_finalize(stmt);
    buf_free(&id);
    return status < 0 ? status : RNL_OK;
}

int state_prepare(sqlite3 *db, struct rnl_error *err)
{
    bool found;
    int status = state_has(db, "runnel_dead_letters", &found, err);

    if (status != RNL_OK || found)
        return status;
    status = sq_run(db, state_sql, "create the tables runnel_*", err);
    if (status != RNL_OK)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* Runs a query with the pipeline's name, and each row through fn. */
static int recall_rows(struct sink *sink, const char *pipeline, const char *sql,
                       struct rnl_memory *memory,
                       int (*fn)(struct sink *, sqlite3_stmt *, struct rnl_memory *,
                                 struct rnl_error *),
                       struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(sink->control, sql, "read what the file remembers", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, pipeline, -1, SQLITE_STATIC);
    while ((status = sq_step(stmt, "read what the file remembers", err)) == RNL_OK) {
        status = fn(sink, stmt, memory, err);
        if (status != RNL_OK)
            break;
    }
    sqlite3_finalize(stmt);
    return status == RNL_DONE ? RNL_OK : status;
}

static struct rnl_slice column_slice(sqlite3_stmt *stmt, int column)
{
    const void *ptr = sqlite3_column_blob(stmt, column);

    return (struct rnl_slice){ptr, (size_t)sqlite3_column_bytes(stmt, column)};
}

static int plan_row(struct sink *sink, sqlite3_stmt *stmt, struct rnl_memory *memory,
                    struct rnl_error *err)
{
    int64_t format = sqlite3_column_int64(stmt, 0);

    if (format == STATE_FORMAT)
        return sink->host->memory_plan(memory, column_slice(stmt, 1), err);
    rnl_fail(err, RNL_E_CONFIG, "sink.state_format",
             "the file remembers the pipeline in format %lld, this Runnel knows %d",
             (long long)format, STATE_FORMAT);
    rnl_hint(err, "use the Runnel that began this run, or start over with --restart");
    return err->status;
}

static int unit_row(struct sink *sink, sqlite3_stmt *stmt, struct rnl_memory *memory,
                    struct rnl_error *err)
{
    return sink->host->memory_unit(memory, (uint32_t)sqlite3_column_int64(stmt, 0),
                                   sqlite3_column_int(stmt, 1) != 0, sqlite3_column_int64(stmt, 2),
                                   column_slice(stmt, 3), err);
}

static int lane_row(struct sink *sink, sqlite3_stmt *stmt, struct rnl_memory *memory,
                    struct rnl_error *err)
{
    return sink->host->memory_lane(memory, (uint32_t)sqlite3_column_int64(stmt, 0),
                                   (uint64_t)sqlite3_column_int64(stmt, 1),
                                   (uint64_t)sqlite3_column_int64(stmt, 2), err);
}

static int step_row(struct sink *sink, sqlite3_stmt *stmt, struct rnl_memory *memory,
                    struct rnl_error *err)
{
    return sink->host->memory_step(memory, sq_text(stmt, 0), err);
}

/* Whether there is a row of the pipeline in runnel_pipeline. */
static int is_known(struct sink *sink, const char *pipeline, bool *known, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = state_has(sink->control, "runnel_dead_letters", known, err);

    if (status != RNL_OK || !*known)
        return status;
    status = sq_prepare(sink->control, "SELECT 1 FROM runnel_pipeline WHERE name = ?",
                        "read what the file remembers", &stmt, err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, pipeline, -1, SQLITE_STATIC);
    status = sq_step(stmt, "read what the file remembers", err);
    *known = status == RNL_OK;
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

int sink_recall(void *self, const char *pipeline, struct rnl_memory *memory, struct rnl_error *err)
{
    struct sink *sink = self;
    bool known;
    int status = is_known(sink, pipeline, &known, err);

    if (status != RNL_OK || !known)
        return status != RNL_OK ? status : RNL_DONE;
    status = sq_run(sink->control, "BEGIN", "read what the file remembers", err);
    if (status == RNL_OK)
        status =
            recall_rows(sink, pipeline, "SELECT format, plan FROM runnel_pipeline WHERE name = ?",
                        memory, plan_row, err);
    if (status == RNL_OK)
        status = recall_rows(sink, pipeline,
                             "SELECT unit, done, rows, position FROM runnel_unit"
                             " WHERE pipeline = ? ORDER BY unit",
                             memory, unit_row, err);
    if (status == RNL_OK)
        status = recall_rows(sink, pipeline,
                             "SELECT lane, number, epoch FROM runnel_lane WHERE pipeline = ?",
                             memory, lane_row, err);
    if (status == RNL_OK)
        status = recall_rows(sink, pipeline, "SELECT id FROM runnel_step WHERE pipeline = ?",
                             memory, step_row, err);
    sqlite3_exec(sink->control, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* Under the turn. */
static int write_plan(struct sink *sink, const char *pipeline, struct rnl_slice plan,
                      struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = state_prepare(sink->write, err);

    if (status == RNL_OK)
        status = sq_prepare(sink->write,
                            "INSERT INTO runnel_pipeline (name, format, plan) VALUES (?, 1, ?)"
                            " ON CONFLICT (name) DO UPDATE"
                            " SET format = excluded.format, plan = excluded.plan",
                            "remember the plan", &stmt, err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(stmt, 2, plan.len ? plan.ptr : "", plan.len, SQLITE_STATIC);
    status = sq_step(stmt, "remember the plan", err);
    sqlite3_finalize(stmt);
    return status == RNL_DONE ? RNL_OK : status;
}

int sink_record(void *self, const char *pipeline, struct rnl_slice plan, struct rnl_error *err)
{
    struct sink *sink = self;
    struct rnl_error unheard = RNL_ERROR_INIT;
    int status = sink_own(sink, pipeline, err);

    if (status == RNL_OK)
        status = turn_take(sink, err);
    if (status != RNL_OK)
        return status;
    status = disk_wait(sink, true, err); /* behind the last of them the source is let go */
    if (status == RNL_OK)
        status = write_plan(sink, pipeline, plan, err);
    disk_wait(sink, false, status == RNL_OK ? err : &unheard);
    turn_give(sink);
    return status;
}

static int run_for(sqlite3 *db, const char *sql, const char *pipeline, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(db, sql, "forget the pipeline", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, pipeline, -1, SQLITE_STATIC);
    status = sq_step(stmt, "forget the pipeline", err);
    sqlite3_finalize(stmt);
    return status == RNL_DONE ? RNL_OK : status;
}

/* Rows set aside go too: they are read again, and would be put in twice. */
static int forget_all(struct sink *sink, const char *pipeline, struct rnl_error *err)
{
    static const char *const statements[] = {
        "DELETE FROM runnel_unit WHERE pipeline = ?",
        "DELETE FROM runnel_lane WHERE pipeline = ?",
        "DELETE FROM runnel_step WHERE pipeline = ?",
        "DELETE FROM runnel_dead_letters WHERE pipeline = ?",
        "DELETE FROM runnel_pipeline WHERE name = ?",
    };
    int status = sq_run(sink->write, "BEGIN IMMEDIATE", "forget the pipeline", err);

    for (size_t i = 0; status == RNL_OK && i < sizeof(statements) / sizeof(statements[0]); i++)
        status = run_for(sink->write, statements[i], pipeline, err);
    if (status == RNL_OK)
        status = sq_run(sink->write, "COMMIT", "forget the pipeline", err);
    if (status != RNL_OK)
        sqlite3_exec(sink->write, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

int sink_forget(void *self, const char *pipeline, struct rnl_error *err)
{
    struct sink *sink = self;
    bool known;
    int status = is_known(sink, pipeline, &known, err);

    if (status != RNL_OK || !known)
        return status;
    status = sink_own(sink, pipeline, err);
    if (status == RNL_OK)
        status = turn_take(sink, err);
    if (status != RNL_OK)
        return status;
    status = forget_all(sink, pipeline, err);
    turn_give(sink);
    return status;
}
