/* Changes of one row, and what a group of them comes to. */
#include "apply.h"

#include <stdlib.h>

int apply_missing(const struct bound_table *table, const struct rnl_row *row, struct rnl_error *err)
{
    struct buf words = {0};

    row_words(&words, table, row);
    rnl_fail(err, RNL_E_DATA, "sink.row_missing",
             "the row with %.200s of %s.%s is updated at the source, and isn't in the target's %s",
             buf_text(&words) ? words.ptr : "", table->source->schema, table->source->name,
             table->qualified);
    rnl_hint(err, "somebody else writes to the table, or it was loaded without this row: "
                  "runnel verify shows what else differs");
    buf_free(&words);
    return RNL_E_DATA;
}

static const char incomplete_hint[] =
    "REPLICA IDENTITY FULL, or binlog_row_image = FULL, tells whole rows: load again with "
    "--restart; or let it be set aside, and runnel verify --repair bring the row";

/* Whoever reads on would leave the row out. */
static int apply_incomplete(const struct bound_table *table, const struct rnl_row *row,
                            struct rnl_error *err)
{
    struct buf words = {0};

    row_words(&words, table, row);
    rnl_fail(err, RNL_E_DATA, "sink.row_incomplete",
             "the row with %.200s of %s.%s gets another key, the load has read it under neither, "
             "and the source's log doesn't tell all of it",
             buf_text(&words) ? words.ptr : "", table->source->schema, table->source->name);
    rnl_hint(err, "%s", incomplete_hint);
    buf_free(&words);
    return RNL_E_DATA;
}

/* ---- what a group comes to ---------------------------------------------------------------- */

static int add_run(struct apply *a, enum apply_kind kind, const struct bound_table *table,
                   const struct rnl_row *const *rows, uint32_t count, bool must,
                   struct rnl_error *err)
{
    if (a->nruns == a->runs_room) {
        uint32_t room = a->runs_room ? 2 * a->runs_room : 64;
        struct apply_run *runs = realloc(a->runs, room * sizeof(*runs));

        if (!runs)
            return error_memory(err);
        a->runs = runs;
        a->runs_room = room;
    }
    a->runs[a->nruns++] = (struct apply_run){
        .kind = kind, .table = table, .rows = rows, .count = count, .must = must};
    return RNL_OK;
}

/* Whether all that the sink stores is there. */
static bool is_complete(const struct bound_table *table, const struct rnl_row *row)
{
    for (uint32_t i = 0; i < row->nvalues; i++)
        if (table->columns[i].written && row->after[i].type == RNL_T_UNCHANGED)
            return false;
    return true;
}

/* An upsert in two statements: they need no index, and no other key gets between them. */
static int add_upsert(struct apply *a, const struct bound_table *table,
                      const struct changeset_group *group, struct rnl_error *err)
{
    int status = add_run(a, APPLY_UPDATE, table, group->rows, group->count, false, err);

    /* what an insert doesn't say is the column's default, and right */
    if (status == RNL_OK && (group->op == RNL_INSERT || is_complete(table, group->rows[0])))
        status = add_run(a, APPLY_ABSENT, table, group->rows, group->count, false, err);
    return status;
}

int apply_runs_of(struct pg_writer *w, const struct changeset_group *group, struct rnl_error *err)
{
    const struct bound_table *table = bound_find(w->sink, group->table, err);
    struct apply *a = w->apply;

    if (!table)
        return err->status;
    if (table->source->ncolumns == 0)
        return rnl_fail(err, RNL_E_CONFIG, "sink.no_columns",
                        "the table %s has no columns: its changes can't be followed",
                        table->qualified);
    if (group->op == RNL_DELETE)
        return add_run(a, APPLY_DELETE, table, group->rows, group->count, false, err);
    if (a->replay && table->nkey > 0)
        return add_upsert(a, table, group, err);
    if (group->op == RNL_INSERT)
        return add_run(a, APPLY_INSERT, table, group->rows, group->count, false, err);
    return add_run(a, APPLY_UPDATE, table, group->rows, group->count, true, err);
}

/* ---- other tables -------------------------------------------------------------------------- */

struct dependents {
    struct pg_writer *w;
    const struct bound_table *table;
    const struct rnl_row *row;
};

static void cascade_table(void *arg, uint32_t table, struct buf *sql)
{
    struct dependents *d = arg;

    add_table(sql, &d->w->sink->tables[table]);
}

static void cascade_column(void *arg, uint32_t table, uint32_t column, struct buf *sql)
{
    struct dependents *d = arg;

    buf_name(sql, d->w->sink->tables[table].columns[column].name);
}

static void cascade_mark(void *arg, uint32_t table, uint32_t column, uint32_t number,
                         struct buf *sql)
{
    struct dependents *d = arg;
    const struct bound_column *bound = &d->w->sink->tables[table].columns[column];

    if (goes_as_text(bound))
        buf_printf(sql, "CAST($%u AS %s)", number, bound->base);
    else
        buf_printf(sql, "$%u", number);
}

static int cascade_statement(void *arg, struct buf *sql, const struct cascade_value *values,
                             uint32_t count, uint64_t *rows, struct rnl_error *err)
{
    struct dependents *d = arg;
    struct scalars s = {0};
    char doing[300];
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_value *value = values[i].fresh ? &d->row->after[values[i].column]
                                                        : changeset_key(d->row, values[i].column);

        if (!value)
            status = rnl_fail(err, RNL_E_DATA, "sink.row",
                              "a change of %s doesn't tell what other tables refer to",
                              d->table->qualified);
        else
            status = scalars_add(d->w, &s, d->table, d->row, values[i].column, value, NULL, err);
    }
    buf_clear(&s.sql);
    buf_add(&s.sql, sql->ptr, sql->len);
    snprintf(doing, sizeof(doing), "change what refers to a row of %.200s", d->table->qualified);
    if (status == RNL_OK)
        status = scalars_run(d->w, &s, doing, rows, err);
    scalars_free(&s);
    return status;
}

int apply_cascades(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
                   struct rnl_error *err)
{
    struct dependents d = {w, table, row};
    const struct cascade_sink sink = {.arg = &d,
                                      .table = cascade_table,
                                      .column = cascade_column,
                                      .mark = cascade_mark,
                                      .run = cascade_statement};

    return cascade_run(&w->sink->cascades, &sink, row, table->key, table->nkey, err);
}

/* ---- one row --------------------------------------------------------------------------------- */

/* Runs one statement with one row; *found: whether it had a row to work on. */
static int run_one(struct pg_writer *w, enum apply_kind kind, const struct bound_table *table,
                   const struct rnl_row *row, bool *found, struct rnl_error *err)
{
    struct apply_run run = {.kind = kind, .table = table, .rows = &row, .count = 1};
    int status = runs_send(w, &run, 1, false, err);

    *found = run.found > 0;
    return status;
}

/* The row as it is found behind its new key. */
static struct rnl_value *moved_values(const struct bound_table *table, const struct rnl_row *row)
{
    struct rnl_value *values = malloc(row->nvalues * sizeof(*values));

    if (!values)
        return NULL;
    memcpy(values, row->after, row->nvalues * sizeof(*values));
    for (uint32_t i = 0; i < table->nkey; i++)
        if (values[table->key[i]].type == RNL_T_UNCHANGED)
            values[table->key[i]] = row->before[table->key[i]];
    return values;
}

/*
 * In a replay the row may stand under its new key, its old one, both (that is another, which will
 * be told of later) or none.
 */
static int replay_move(struct pg_writer *w, const struct bound_table *table,
                       const struct rnl_row *row, const struct rnl_row *moved,
                       struct rnl_error *err)
{
    bool found = false;
    int status = run_one(w, APPLY_UPDATE, table, moved, &found, err);

    if (status == RNL_OK && found)
        return run_one(w, APPLY_DELETE, table, row, &found, err);
    if (status == RNL_OK)
        status = run_one(w, APPLY_MOVE, table, row, &found, err);
    if (status != RNL_OK || found)
        return status;
    return is_complete(table, row) ? run_one(w, APPLY_ABSENT, table, moved, &found, err)
                                   : apply_incomplete(table, row, err);
}

static int apply_move(struct pg_writer *w, const struct bound_table *table,
                      const struct rnl_row *row, struct rnl_error *err)
{
    struct rnl_row moved = *row;
    struct rnl_value *values = moved_values(table, row);
    bool found = false;
    int status;

    if (!values)
        return error_memory(err);
    moved.before = NULL;
    moved.after = values;
    if (w->apply->replay) {
        status = replay_move(w, table, row, &moved, err);
    } else {
        status = run_one(w, APPLY_MOVE, table, row, &found, err);
        if (status == RNL_OK && !found && table->key_moves) /* a foreign key did it */
            status = run_one(w, APPLY_UPDATE, table, &moved, &found, err);
        if (status == RNL_OK && !found)
            status = apply_missing(table, row, err);
    }
    free(values);
    return status;
}

static int apply_without_key(struct pg_writer *w, const struct bound_table *table,
                             const struct rnl_row *row, struct rnl_error *err)
{
    uint64_t found;
    bool ignored;
    int status = apply_keyless(w, table, row, &found, err);

    if (status != RNL_OK || found > 0 || row->op == RNL_DELETE)
        return status;
    if (w->apply->replay && is_complete(table, row))
        return run_one(w, APPLY_INSERT, table, row, &ignored, err);
    return w->apply->replay ? RNL_OK : apply_missing(table, row, err);
}

static int apply_keyed(struct pg_writer *w, const struct rnl_row *row, struct rnl_error *err)
{
    const struct changeset_group group = {
        .table = row->table, .op = row->op, .count = 1, .rows = &row};
    int status;

    w->apply->nruns = 0;
    status = apply_runs_of(w, &group, err);
    return status == RNL_OK ? runs_send(w, w->apply->runs, w->apply->nruns, false, err) : status;
}

static int apply_row(struct pg_writer *w, const struct bound_table *table,
                     const struct rnl_row *row, struct rnl_error *err)
{
    if (table->nkey == 0 && row->op != RNL_INSERT)
        return apply_without_key(w, table, row, err);
    if (row->op == RNL_UPDATE && changeset_moves(&table->changes, row))
        return apply_move(w, table, row, err);
    return apply_keyed(w, row, err);
}

/*
 * What refers to a row that is deleted goes before it, what refers to one that gets another value
 * follows it: so both are right whether the target has the foreign key or not.
 */
int apply_one(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
              struct rnl_error *err)
{
    bool cascades = cascade_starts(&w->sink->cascades, row);
    int status = apply_settings(w, err);

    if (status == RNL_OK && cascades && row->op == RNL_DELETE)
        status = apply_cascades(w, table, row, err);
    if (status == RNL_OK)
        status = apply_row(w, table, row, err);
    if (status == RNL_OK && cascades && row->op != RNL_DELETE)
        status = apply_cascades(w, table, row, err);
    return status;
}
