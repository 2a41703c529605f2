/* A bundle of changes into the writer's transaction: gathered by table and kind, if they let it. */
#include "apply.h"

#define FEW 3 /* rows that are no more work one by one */

static int row_check(const struct bound_table *table, const struct rnl_row *row,
                     struct rnl_error *err)
{
    bool whole = row->op == RNL_TRUNCATE || (row->op == RNL_DELETE ? row->before : row->after);

    if (whole && (row->op == RNL_TRUNCATE || row->nvalues == table->source->ncolumns))
        return RNL_OK;
    return rnl_fail(err, RNL_E_DATA, "sink.row",
                    "a change of %s has %u values, its table %u columns", table->qualified,
                    row->nvalues, table->source->ncolumns);
}

/*
 * PostgreSQL before 18 doesn't send what it computes: where the target's column is a plain one,
 * the value would be missing in silence.
 */
static int generated_check(const struct bound_table *table, const struct rnl_row *row,
                           struct rnl_error *err)
{
    bool untold = table->source->dialect && strcmp(table->source->dialect, "postgres") == 0;

    if (row->op != RNL_INSERT && !(row->op == RNL_UPDATE && untold))
        return RNL_OK;
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        const struct bound_column *column = &table->columns[i];

        if (!(column->source->flags & RNL_COLUMN_GENERATED) || !column->written ||
            row->after[i].type != RNL_T_UNCHANGED)
            continue;
        rnl_fail(err, RNL_E_CONFIG, "sink.generated_missing",
                 "the source doesn't send column \"%s\" of %s.%s, which it computes, and the "
                 "target doesn't compute it",
                 column->source->name, table->source->schema, table->source->name);
        rnl_hint(err, "leave the column out (exclude_columns), or make it a generated one in the "
                      "target; PostgreSQL 18 sends such columns");
        return err->status;
    }
    return RNL_OK;
}

static int row_apply(struct my_writer *w, const struct rnl_row *row, struct rnl_error *err)
{
    const struct bound_table *table = bound_find(w->sink, row->table, err);

    return table ? change_one(w, table, row, w->replaying, err) : err->status;
}

/* In the order in which they came: right in any case. */
static int rows_apply(struct my_writer *w, struct rnl_error *err)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < w->set.nrows; i++)
        status = row_apply(w, &w->set.rows[i], err);
    return status;
}

static int groups_apply(struct my_writer *w, struct rnl_error *err)
{
    const struct changeset_group *groups;
    uint32_t count = 0;
    int status = foreign_keys_set(w, false, err);

    if (status == RNL_OK)
        status = changeset_groups(&w->set, &groups, &count, err);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = group_apply(w, &groups[i], err);
    return status;
}

static int set_apply(struct my_writer *w, struct rnl_error *err)
{
    struct rnl_error refused = RNL_ERROR_INIT;
    int status;

    if (w->set.nrows <= FEW)
        return rows_apply(w, err);
    status = conn_run(w->conn, "SAVEPOINT runnel_set", err);
    if (status != RNL_OK)
        return status;
    changes_mark(w, CHANGES_OF_SET);
    status = groups_apply(w, &refused);
    if (status != RNL_E_DATA) {
        if (status != RNL_OK)
            *err = refused;
        return status;
    }
    /* they may be in each other's way, and weren't in the source: there they had an order */
    changes_undo(w, CHANGES_OF_SET);
    status = conn_run(w->conn, "ROLLBACK TO SAVEPOINT runnel_set", err);
    return status == RNL_OK ? rows_apply(w, err) : status;
}

static int set_flush(struct my_writer *w, struct rnl_error *err)
{
    int status = set_apply(w, err);

    changeset_clear(&w->set);
    return status;
}

static int row_gather(struct my_writer *w, const struct rnl_row *row, struct rnl_error *err)
{
    const struct bound_table *table = bound_find(w->sink, row->table, err);
    const struct target_keys *keys;
    int status = table ? row_check(table, row, err) : err->status;

    if (status == RNL_OK)
        status = generated_check(table, row, err);
    if (status == RNL_OK)
        status = target_keys_of(w, table, &keys, err);
    if (status == RNL_OK)
        status = changeset_add(&w->set, &keys->gathered, row, err);
    if (status == CHANGESET_FLUSH) {
        status = set_flush(w, err);
        if (status == RNL_OK)
            status = changeset_add(&w->set, &keys->gathered, row, err);
    }
    if (status == CHANGESET_ALONE || status == CHANGESET_FLUSH) {
        status = set_flush(w, err);
        if (status == RNL_OK)
            status = change_one(w, table, row, w->replaying, err);
    }
    return status;
}

int changes_apply(struct my_writer *w, struct rnl_bundle *in, bool replay, struct rnl_error *err)
{
    const struct rnl_host *host = w->sink->host;
    struct rnl_row row = {.size = sizeof(row)};
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status = batch_end(w, err), end;

    if (w->replaying != replay) /* between the two, keys are made */
        target_keys_forget(w);
    w->replaying = replay;
    while (status == RNL_OK) {
        status = host->bundle_next(in, &row, err);
        if (status == RNL_OK)
            status = row_gather(w, &row, err);
    }
    if (status == RNL_DONE)
        status = set_flush(w, err);
    changeset_clear(&w->set);
    end = foreign_keys_set(w, false, status == RNL_OK ? err : &ignored);
    return status == RNL_OK ? end : status;
}
