/* A lane's writer: one connection, one transaction at a time. */
#include "postgres.h"

#include <stdlib.h>

/*
 * Commits of rows and steps don't wait for the disk: what a crash of the server takes
 * away goes together with the checkpoint that says it was there, and the run does it
 * again. The last word of a run, sink_record(), waits, and with it all before it.
 */
static const char writer_session[] = "SET synchronous_commit = off; SET lc_monetary = 'C'";

int writer_open(void *self, uint32_t lane, void **out, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    struct pg_writer *w = calloc(1, sizeof(*w));
    int status;

    (void)lane;
    if (!w)
        return error_memory(err);
    w->sink = sink;
    status = conn_open(&sink->server, &w->conn, err);
    if (status == RNL_OK)
        status = conn_exec(w->conn, writer_session, "set up the session", err);
    if (status == RNL_OK)
        status = oust_mark(sink, w->conn, err);
    if (status != RNL_OK) {
        conn_close(w->conn);
        free(w);
        return status;
    }
    *out = w;
    return RNL_OK;
}

void writer_close(void *writer)
{
    struct pg_writer *w = writer;

    if (!w)
        return;
    conn_close(w->conn); /* the server rolls back what is open */
    buf_free(&w->out);
    buf_free(&w->scratch);
    buf_free(&w->field);
    free(w->changes);
    buf_free(&w->expect_text);
    free(w->expect_decoded);
    free(w->expect_values);
    apply_free(w);
    free(w);
}

int writer_begin(struct pg_writer *w, struct rnl_error *err)
{
    int status;

    if (w->mode == WRITER_WRITING)
        return pending_settle(w, err);
    if (w->mode == WRITER_READING) {
        status = conn_exec(w->conn, "ROLLBACK", "end the reading transaction", err);
        if (status != RNL_OK)
            return status;
        w->mode = WRITER_IDLE;
    }
    status = conn_exec(w->conn, "BEGIN", "begin a transaction", err);
    if (status == RNL_OK)
        w->mode = WRITER_WRITING;
    return status;
}

static int apply_row(struct pg_writer *w, const struct rnl_row *row, struct rnl_error *err)
{
    const struct bound_table *table = bound_find(w->sink, row->table, err);

    if (!table)
        return err->status;
    if (!row->after || row->nvalues != table->source->ncolumns)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a row for %s has %u values, its table %u columns", table->qualified,
                        row->nvalues, table->source->ncolumns);
    switch (row->op) {
    case RNL_INSERT:
        return copy_row(w, table, row, err);
    case RNL_UPDATE:
        return repair_update(w, table, row, err);
    default:
        return rnl_fail(err, RNL_E_DATA, "sink.operation",
                        "operation %u on %s is none that this sink knows", row->op,
                        table->qualified);
    }
}

int writer_apply(void *writer, struct rnl_bundle *in, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    const struct rnl_host *host = w->sink->host;
    struct rnl_bundle_info info = {.size = sizeof(info)};
    struct rnl_row row = {.size = sizeof(row)};
    int status;

    host->bundle_info(in, &info);
    if (info.flags & RNL_BUNDLE_CHANGES)
        return apply_changes(w, in, err);
    status = writer_begin(w, err);
    while (status == RNL_OK) {
        status = host->bundle_next(in, &row, err);
        if (status == RNL_DONE)
            return RNL_OK;
        if (status == RNL_OK)
            status = apply_row(w, &row, err);
        if (status == RNL_OK &&
            atomic_load_explicit(&w->sink->server.interrupted, memory_order_relaxed))
            status = error_interrupted(err);
    }
    /* what the server said of an earlier row explains more than that it hung up */
    if (status == RNL_E_RETRY && w->copying && !atomic_load(&w->sink->server.interrupted)) {
        struct rnl_error real = RNL_ERROR_INIT;

        if (copy_end(w, &real) < 0 && strcmp(real.code, "postgres.gone") != 0) {
            *err = real;
            status = real.status;
        }
    }
    return status;
}

int writer_rollback(void *writer, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    struct rnl_error unheard = RNL_ERROR_INIT;

    if (w->mode == WRITER_IDLE)
        return RNL_OK;
    copy_drop(w);
    pending_settle(w, &unheard);
    w->nchanges = 0;
    w->mode = WRITER_IDLE;
    apply_undone(w);
    return conn_exec(w->conn, "ROLLBACK", "roll back", err);
}
