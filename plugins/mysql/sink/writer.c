/* A lane's writer: one connection, one transaction at a time. */
#include "apply.h"

#include <stdlib.h>

/* Without gaps between keys, lanes that remember units side by side don't wait for each other. */
static int isolation_set(struct conn *conn, bool *statements, struct rnl_error *err)
{
    char *format;
    int status = conn_value(conn, "SELECT @@session.binlog_format", 0, &format, err);

    *statements = format && strcasecmp(format, "STATEMENT") == 0;
    free(format);
    if (status != RNL_OK || *statements) /* that format would refuse it */
        return status;
    return conn_run(conn, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", err);
}

int writer_open(void *self, uint32_t lane, void **out, struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct my_writer *w = calloc(1, sizeof(*w));
    bool statements = false;
    int status;

    if (!w)
        return error_memory(err);
    w->sink = sink;
    status = conn_open(&sink->server, &w->conn, err);
    if (status == RNL_OK)
        status = isolation_set(w->conn, &statements, err);
    w->bulk = sink->server.mariadb && !statements;
    if (status == RNL_OK)
        status = batch_open(w, w->bulk, err);
    if (status == RNL_OK)
        status = oust_mark(sink, w->conn, lane, err);
    if (status != RNL_OK) {
        writer_close(w);
        return status;
    }
    *out = w;
    return RNL_OK;
}

void writer_close(void *writer)
{
    struct my_writer *w = writer;

    if (!w)
        return;
    if (w->conn && w->batch)
        batch_drop(w);
    batch_close(w);
    command_forget(w);
    target_keys_forget(w);
    changeset_free(&w->set);
    conn_close(w->conn); /* the server rolls back what is open */
    buf_free(&w->scratch);
    free(w->changes);
    buf_free(&w->expect_text);
    free(w->expect_made);
    free(w->expect_values);
    free(w);
}

int writer_begin(struct my_writer *w, struct rnl_error *err)
{
    int status;

    if (w->mode == WRITER_WRITING)
        return RNL_OK;
    if (w->mode == WRITER_READING) {
        status = conn_run(w->conn, "ROLLBACK", err);
        if (status != RNL_OK)
            return status;
        w->mode = WRITER_IDLE;
    }
    status = conn_run(w->conn, "START TRANSACTION READ WRITE", err);
    if (status == RNL_OK)
        w->mode = WRITER_WRITING;
    return status;
}

static int apply_row(struct my_writer *w, const struct rnl_row *row, struct rnl_error *err)
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
        return table->by_key ? upsert_row(w, table, row, err) : batch_row(w, table, row, err);
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
    struct my_writer *w = writer;
    const struct rnl_host *host = w->sink->host;
    struct rnl_bundle_info info = {.size = sizeof(info)};
    struct rnl_row row = {.size = sizeof(row)};
    int status = writer_begin(w, err);

    host->bundle_info(in, &info);
    if (status == RNL_OK && info.flags & RNL_BUNDLE_CHANGES)
        return changes_apply(w, in, (info.flags & RNL_BUNDLE_REPLAY) != 0, err);
    while (status == RNL_OK) {
        status = host->bundle_next(in, &row, err);
        if (status == RNL_DONE)
            return RNL_OK;
        if (status == RNL_OK)
            status = apply_row(w, &row, err);
    }
    return status;
}

int writer_rollback(void *writer, struct rnl_error *err)
{
    struct my_writer *w = writer;

    if (w->mode == WRITER_IDLE)
        return RNL_OK;
    batch_drop(w);
    w->nchanges = 0;
    w->mode = WRITER_IDLE;
    return conn_run(w->conn, "ROLLBACK", err);
}
