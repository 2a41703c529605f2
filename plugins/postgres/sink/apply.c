/* Applies bundles of changes: gathered where they may be, one by one where that is not right. */
#include "apply.h"

#include <stdlib.h>

void apply_ended(struct pg_writer *w)
{
    if (w->apply)
        w->apply->savepoint = false;
}

void apply_undone(struct pg_writer *w)
{
    if (!w->apply)
        return;
    w->apply->settled = false;
    w->apply->savepoint = false;
}

void apply_free(struct pg_writer *w)
{
    struct apply *a = w->apply;

    if (!a)
        return;
    changeset_free(&a->set);
    statements_free(a);
    buf_free(&a->fields);
    free(a->sets);
    free(a->runs);
    free(a->offsets);
    free(a->values);
    free(a->lengths);
    free(a->formats);
    free(a->types);
    free(a->truncated);
    free(a);
    w->apply = NULL;
}

/* ---- sets ------------------------------------------------------------------------------------ */

/* One after the other, as they came: what the server refused together may be right so. */
static int apply_in_order(struct pg_writer *w, struct rnl_error *err)
{
    struct apply *a = w->apply;
    int status =
        conn_exec(w->conn, "ROLLBACK TO SAVEPOINT runnel_set", "go back to a savepoint", err);

    a->again = true;
    for (uint32_t i = 0; status == RNL_OK && i < a->set.nrows; i++) {
        const struct rnl_row *row = &a->set.rows[i];

        status = apply_one(w, &w->sink->tables[row->table], row, err);
    }
    a->again = false;
    return status;
}

/* Deletes whose effects on other tables are ours to bring about come before them all. */
static int cascade_all(struct pg_writer *w, bool *done, struct rnl_error *err)
{
    const struct changeset *set = &w->apply->set;
    int status = RNL_OK;

    *done = false;
    for (uint32_t i = 0; status == RNL_OK && i < set->nrows; i++) {
        const struct rnl_row *row = &set->rows[i];

        if (!cascade_starts(&w->sink->cascades, row))
            continue;
        if (!*done)
            status = runs_send(w, NULL, 0, true, err); /* the savepoint alone */
        *done = true;
        if (status == RNL_OK)
            status = apply_cascades(w, &w->sink->tables[row->table], row, err);
    }
    return status;
}

static int send_groups(struct pg_writer *w, bool savepoint, struct rnl_error *err)
{
    struct apply *a = w->apply;
    const struct changeset_group *groups;
    uint32_t ngroups;
    int status = changeset_groups(&a->set, &groups, &ngroups, err);

    a->nruns = 0;
    for (uint32_t i = 0; status == RNL_OK && i < ngroups; i++)
        status = apply_runs_of(w, &groups[i], err);
    for (uint32_t i = 0; status == RNL_OK && i < a->nruns; i += APPLY_AT_ONCE) {
        uint32_t count = a->nruns - i < APPLY_AT_ONCE ? a->nruns - i : APPLY_AT_ONCE;

        status = runs_send(w, a->runs + i, count, savepoint && i == 0, err);
    }
    return status;
}

static int flush_set(struct pg_writer *w, struct rnl_error *err)
{
    struct apply *a = w->apply;
    bool single = a->set.nrows == 1, cascaded;
    int status;

    if (a->set.nrows == 0)
        return RNL_OK;
    status = cascade_all(w, &cascaded, err);
    if (status == RNL_OK)
        status = send_groups(w, !cascaded && !single, err);
    if (status == RNL_E_DATA && a->savepoint && !single) {
        rnl_debug(w->sink->ctx, "%u changes don't go together, and are done one by one: %s",
                  a->set.nrows, err->text);
        status = apply_in_order(w, err);
    }
    changeset_clear(&a->set);
    return status;
}

/* ---- truncates
 * ----------------------------------------------------------------------------------- */

/* Some are refused where a DELETE is not: of tables that others refer to, or that still have checks
 * to come. */
static int delete_all(struct pg_writer *w, struct rnl_error *err)
{
    struct apply *a = w->apply;
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "ROLLBACK TO SAVEPOINT runnel_truncate");
    for (uint32_t i = a->ntruncated; i-- > 0;) {
        buf_puts(&sql, "; DELETE FROM ");
        add_table(&sql, &w->sink->tables[a->truncated[i]]);
    }
    status = buf_text(&sql) ? conn_exec(w->conn, sql.ptr, "empty tables", err) : error_memory(err);
    buf_free(&sql);
    return status;
}

static int flush_truncates(struct pg_writer *w, struct rnl_error *err)
{
    struct apply *a = w->apply;
    struct buf sql = {0};
    int status;

    if (a->ntruncated == 0)
        return RNL_OK;
    status = apply_settings(w, err);
    if (status != RNL_OK)
        return status;
    buf_puts(&sql, "SAVEPOINT runnel_truncate; TRUNCATE ");
    for (uint32_t i = 0; i < a->ntruncated; i++) {
        buf_puts(&sql, i ? ", " : "");
        add_table(&sql, &w->sink->tables[a->truncated[i]]);
    }
    status =
        buf_text(&sql) ? conn_exec(w->conn, sql.ptr, "truncate tables", err) : error_memory(err);
    if (status == RNL_E_CONFIG || status == RNL_E_DATA)
        status = delete_all(w, err);
    if (status == RNL_OK)
        status = conn_exec(w->conn, "RELEASE SAVEPOINT runnel_truncate", "empty tables", err);
    a->ntruncated = 0;
    buf_free(&sql);
    return status;
}

/* Those that come together are done together: one may refer to the other. */
static int add_truncate(struct pg_writer *w, uint32_t table, struct rnl_error *err)
{
    struct apply *a = w->apply;

    if (a->ntruncated == a->truncated_room) {
        uint32_t room = a->truncated_room ? 2 * a->truncated_room : 16;
        uint32_t *truncated = realloc(a->truncated, room * sizeof(*truncated));

        if (!truncated)
            return error_memory(err);
        a->truncated = truncated;
        a->truncated_room = room;
    }
    a->truncated[a->ntruncated++] = table;
    return RNL_OK;
}

/* ---- rows
 * ------------------------------------------------------------------------------------------ */

static int apply_alone(struct pg_writer *w, const struct bound_table *table,
                       const struct rnl_row *row, struct rnl_error *err)
{
    int status = flush_set(w, err);

    if (status != RNL_OK)
        return status;
    if (row->op == RNL_TRUNCATE)
        return add_truncate(w, row->table, err);
    return apply_one(w, table, row, err);
}

static int add_row(struct pg_writer *w, const struct rnl_row *row, struct rnl_error *err)
{
    const struct bound_table *table = bound_find(w->sink, row->table, err);
    int status = RNL_OK;

    if (!table)
        return err->status;
    if (row->op != RNL_TRUNCATE)
        status = flush_truncates(w, err);
    if (status == RNL_OK && table->computes && row->nvalues == table->source->ncolumns)
        status = apply_computed(table, row, err);
    if (status != RNL_OK)
        return status;
    status = changeset_add(&w->apply->set, &table->changes, row, err);
    if (status == CHANGESET_FLUSH) {
        status = flush_set(w, err);
        if (status == RNL_OK)
            status = changeset_add(&w->apply->set, &table->changes, row, err);
    }
    return status == CHANGESET_ALONE ? apply_alone(w, table, row, err) : status;
}

/* whole: a transaction ends here, and may be all that is to be committed. */
static int end_set(struct pg_writer *w, bool whole, struct rnl_error *err)
{
    bool sent = false;
    int status = whole ? pending_send(w, &sent, err) : RNL_OK;

    return status == RNL_OK && !sent ? flush_set(w, err) : status;
}

int apply_changes(struct pg_writer *w, struct rnl_bundle *in, struct rnl_error *err)
{
    const struct rnl_host *host = w->sink->host;
    struct rnl_bundle_info info = {.size = sizeof(info)};
    struct rnl_row row = {.size = sizeof(row)};
    int status = w->mode == WRITER_IDLE ? RNL_OK : writer_begin(w, err);

    if (status == RNL_OK)
        status = copy_end(w, err);
    if (status == RNL_OK && !w->apply && !(w->apply = calloc(1, sizeof(*w->apply))))
        status = error_memory(err);
    if (status != RNL_OK)
        return status;
    host->bundle_info(in, &info);
    w->apply->replay = (info.flags & RNL_BUNDLE_REPLAY) != 0;
    while (status == RNL_OK) {
        status = host->bundle_next(in, &row, err);
        if (status == RNL_OK)
            status = add_row(w, &row, err);
        if (status == RNL_OK &&
            atomic_load_explicit(&w->sink->server.interrupted, memory_order_relaxed))
            status = error_interrupted(err);
    }
    if (status == RNL_DONE)
        status = end_set(w, info.position.len > 0, err);
    if (status == RNL_OK)
        status = flush_truncates(w, err);
    changeset_clear(&w->apply->set);
    w->apply->ntruncated = 0;
    return status;
}
