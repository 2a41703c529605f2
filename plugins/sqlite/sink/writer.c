/* A lane's writer: it has the file from its first row to its commit. */
#include "apply.h"

int sink_writer_open(void *self, uint32_t lane, void **out, struct rnl_error *err)
{
    struct writer *w = calloc(1, sizeof(*w));

    (void)lane;
    if (!w)
        return error_memory(err);
    w->sink = self;
    *out = w;
    return RNL_OK;
}

void sink_writer_close(void *writer)
{
    struct writer *w = writer;
    struct rnl_error ignored = RNL_ERROR_INIT;

    if (!w)
        return;
    sink_writer_rollback(w, &ignored);
    base_close(&w->sink->base, w->read);
    buf_free(&w->scratch);
    buf_free(&w->expect_text);
    free(w->expect_values);
    free(w->expect_offsets);
    free(w);
}

/* Under the turn. */
void statements_forget(struct sink *sink)
{
    for (int i = 0; i < CACHED_STATEMENTS; i++) {
        sqlite3_finalize(sink->cache[i].stmt);
        sink->cache[i] = (struct cached){0};
    }
    for (int i = 0; i < PREPARED_STATEMENTS; i++) {
        sqlite3_finalize(sink->prepared[i].stmt);
        sink->prepared[i] = (struct prepared){0};
    }
}

/*
 * Checks of tables that stood there before hold, those of tables that the run makes are
 * looked at afterwards. It is settled when a statement is prepared, and a change of the
 * setting has all statements prepared anew: so none is kept over it.
 */
void writer_mind_checks(struct sink *sink, const struct bound_table *table)
{
    if (sink->checking == table->checked)
        return;
    statements_forget(sink);
    sqlite3_exec(sink->write,
                 table->checked ? "PRAGMA ignore_check_constraints = OFF"
                                : "PRAGMA ignore_check_constraints = ON",
                 NULL, NULL, NULL);
    sink->checking = table->checked;
}

/* The insert of a table; of a few tables they stay prepared. Under the turn. */
static int insert_of(struct sink *sink, const struct bound_table *table, sqlite3_stmt **stmt,
                     struct rnl_error *err)
{
    struct cached *free_one;
    int status;

    writer_mind_checks(sink, table);
    for (int i = 0; i < CACHED_STATEMENTS; i++)
        if (sink->cache[i].table == table) {
            *stmt = sink->cache[i].stmt;
            return RNL_OK;
        }
    status = sq_prepare(sink->write, table->insert, "prepare to write rows", stmt, err);
    if (status != RNL_OK)
        return status;
    free_one = &sink->cache[sink->cache_next++ % CACHED_STATEMENTS];
    sqlite3_finalize(free_one->stmt);
    *free_one = (struct cached){table, *stmt};
    return RNL_OK;
}

static void end_reading(struct writer *w)
{
    if (w->mode == WRITER_READING) {
        sqlite3_exec(w->read, "ROLLBACK", NULL, NULL, NULL);
        w->mode = WRITER_IDLE;
    }
}

int writer_begin(struct writer *w, struct rnl_error *err)
{
    struct sink *sink = w->sink;
    int status;

    if (w->mode == WRITER_WRITING)
        return RNL_OK;
    end_reading(w);
    status = turn_take(sink, err);
    if (status != RNL_OK)
        return status;
    status = sink_own(sink, NULL, err);
    if (status == RNL_OK)
        status = sq_run(sink->write, "BEGIN IMMEDIATE", "begin to write", err);
    if (status == RNL_OK)
        w->mode = WRITER_WRITING;
    else
        turn_give(sink);
    return status;
}

void writer_end(struct writer *w)
{
    if (w->mode != WRITER_WRITING)
        return;
    w->mode = WRITER_IDLE;
    turn_give(w->sink);
}

int sink_writer_rollback(void *writer, struct rnl_error *err)
{
    struct writer *w = writer;
    sqlite3 *db = w->sink->write;
    int status = RNL_OK;

    end_reading(w);
    if (w->mode != WRITER_WRITING)
        return RNL_OK;
    /* a full disk and the like have rolled back already */
    if (!sqlite3_get_autocommit(db)) {
        sqlite3_progress_handler(db, 0, NULL, NULL);
        status = sq_run(db, "ROLLBACK", "roll back", err);
    }
    writer_end(w);
    return status;
}

static int insert_row(struct writer *w, const struct bound_table *table, const struct rnl_row *row,
                      struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = insert_of(w->sink, table, &stmt, err), at = 1, rc;

    for (uint32_t i = 0; status == RNL_OK && i < table->source->ncolumns; i++)
        if (table->columns[i].written)
            status = value_bind(w->sink, table, i, &row->after[i], stmt, at++, &w->scratch, err);
    if (status != RNL_OK)
        return status;
    rc = sqlite3_step(stmt);
    if (rc != SQLITE_DONE)
        status = error_row(w->sink->write, rc, table, err);
    else if (table->guarded && sqlite3_changes(w->sink->write) == 0)
        status =
            rnl_fail(err, RNL_E_DATA, "sink.keys_equal",
                     "\"%s\" takes two keys for equal that the source tells apart", table->name);
    sqlite3_reset(stmt);
    return status;
}

static int apply_row(struct writer *w, const struct rnl_row *row, struct rnl_error *err)
{
    const struct bound_table *table = bound_find(w->sink, row->table, err);

    if (!table)
        return err->status;
    if (!row->after || row->nvalues != table->source->ncolumns)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a row for \"%s\" has %u values, its table %u columns", table->name,
                        row->nvalues, table->source->ncolumns);
    switch (row->op) {
    case RNL_INSERT:
        return insert_row(w, table, row, err);
    case RNL_UPDATE:
        return repair_update(w, table, row, err);
    default:
        return rnl_fail(err, RNL_E_DATA, "sink.operation",
                        "operation %u on \"%s\" is none that this sink knows", row->op,
                        table->name);
    }
}

int sink_writer_apply(void *writer, struct rnl_bundle *in, struct rnl_error *err)
{
    struct writer *w = writer;
    const struct rnl_host *host = w->sink->host;
    struct rnl_bundle_info info = {.size = sizeof(info)};
    struct rnl_row row = {.size = sizeof(row)};
    int status = writer_begin(w, err);
    bool changes, replay;

    host->bundle_info(in, &info);
    changes = info.flags & RNL_BUNDLE_CHANGES;
    replay = info.flags & RNL_BUNDLE_REPLAY;
    while (status == RNL_OK) {
        status = host->bundle_next(in, &row, err);
        if (status == RNL_DONE)
            return RNL_OK;
        if (status == RNL_OK)
            status = changes ? change_apply(w, &row, replay, err) : apply_row(w, &row, err);
        if (status == RNL_OK && atomic_load_explicit(&w->sink->interrupted, memory_order_relaxed))
            status = error_interrupted(err);
    }
    return status;
}

int sink_writer_savepoint(void *writer, struct rnl_error *err)
{
    struct writer *w = writer;
    int status = writer_begin(w, err);

    return status == RNL_OK
               ? sq_run(w->sink->write, "SAVEPOINT runnel_part", "set a savepoint", err)
               : status;
}

int sink_writer_release(void *writer, struct rnl_error *err)
{
    struct writer *w = writer;

    return sq_run(w->sink->write, "RELEASE runnel_part", "release a savepoint", err);
}

int sink_writer_undo(void *writer, struct rnl_error *err)
{
    struct writer *w = writer;

    return sq_run(w->sink->write, "ROLLBACK TO runnel_part; RELEASE runnel_part",
                  "go back to a savepoint", err);
}
