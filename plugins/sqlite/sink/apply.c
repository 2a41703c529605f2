/* Changes, one by one: what is asked of an insert, an update, a delete, in a replay and out of it.
 */
#include "apply.h"

/* --- statements -------------------------------------------------------------------- */

/* The statement of this text; it stays prepared until others were used. Under the turn. */
static int prepared_get(struct sink *sink, struct buf *sql, sqlite3_stmt **stmt,
                        struct rnl_error *err)
{
    struct prepared *oldest = &sink->prepared[0];
    int status;

    if (!buf_text(sql))
        return error_memory(err);
    for (int i = 0; i < PREPARED_STATEMENTS; i++) {
        struct prepared *one = &sink->prepared[i];

        if (one->stmt && strcmp(sqlite3_sql(one->stmt), sql->ptr) == 0) {
            one->used = ++sink->prepared_clock;
            *stmt = one->stmt;
            return RNL_OK;
        }
        if (one->used < oldest->used)
            oldest = one;
    }
    sqlite3_finalize(oldest->stmt);
    *oldest = (struct prepared){0};
    status = sq_prepare(sink->write, sql->ptr, "prepare to change rows", stmt, err);
    if (status == RNL_OK)
        *oldest = (struct prepared){*stmt, ++sink->prepared_clock};
    return status;
}

struct outcome {
    uint64_t rows; /* that it was done to */
    bool taken;    /* another row has one of its keys */
};

static bool is_taken(sqlite3 *db)
{
    int rc = sqlite3_extended_errcode(db);

    return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
           rc == SQLITE_CONSTRAINT_ROWID;
}

static int step(struct writer *w, const struct bound_table *table, sqlite3_stmt *stmt,
                struct outcome *outcome, struct rnl_error *err)
{
    sqlite3 *db = w->sink->write;
    int rc = sqlite3_step(stmt), status = RNL_OK;

    *outcome = (struct outcome){0};
    if (rc == SQLITE_ROW) {
        outcome->rows = 1;
    } else if (rc == SQLITE_DONE) {
        outcome->rows = sqlite3_stmt_readonly(stmt) ? 0 : (uint64_t)sqlite3_changes(db);
    } else {
        outcome->taken = is_taken(db);
        status = error_row(db, rc, table, err);
    }
    sqlite3_reset(stmt);
    return status;
}

static int run(struct writer *w, const struct bound_table *table, enum change_kind kind,
               const struct rnl_row *row, bool replace, struct outcome *outcome,
               struct rnl_error *err)
{
    struct buf sql = {0};
    sqlite3_stmt *stmt;
    int status;

    *outcome = (struct outcome){0};
    change_sql(&sql, table, kind, row, replace);
    status = prepared_get(w->sink, &sql, &stmt, err);
    if (status == RNL_OK)
        status = change_bind(w, table, kind, row, stmt, err);
    if (status == RNL_OK)
        status = step(w, table, stmt, outcome, err);
    buf_free(&sql);
    return status;
}

/*
 * In a replay a row that has one of the keys has it from later on: it makes room, and the log
 * will bring it back. Not at once, for REPLACE would make a column's default of a NULL, too.
 */
static int run_over(struct writer *w, const struct bound_table *table, enum change_kind kind,
                    const struct rnl_row *row, struct outcome *outcome, struct rnl_error *err)
{
    int status = run(w, table, kind, row, false, outcome, err);

    return status == RNL_E_DATA && outcome->taken ? run(w, table, kind, row, true, outcome, err)
                                                  : status;
}

/* --- foreign keys --------------------------------------------------------------------- */

/* The writer, and the row that it begins with. */
struct origin {
    struct writer *w;
    const struct bound_table *table;
    const struct rnl_row *row;
};

static void say_table(void *arg, uint32_t table, struct buf *sql)
{
    const struct origin *origin = arg;

    buf_name(sql, origin->w->sink->tables[table].name);
}

static void say_column(void *arg, uint32_t table, uint32_t column, struct buf *sql)
{
    const struct origin *origin = arg;

    buf_name(sql, origin->w->sink->tables[table].columns[column].name);
}

static void say_mark(void *arg, uint32_t table, uint32_t column, uint32_t number, struct buf *sql)
{
    (void)arg;
    (void)table;
    (void)column;
    buf_printf(sql, "?%u", number);
}

static int cascade_step(void *arg, struct buf *sql, const struct cascade_value *values,
                        uint32_t count, uint64_t *rows, struct rnl_error *err)
{
    const struct origin *origin = arg;
    struct writer *w = origin->w;
    struct outcome outcome = {0};
    sqlite3_stmt *stmt;
    int status = prepared_get(w->sink, sql, &stmt, err);

    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_value *from =
            values[i].fresh ? origin->row->after : row_sought(origin->row);

        status = value_bind(w->sink, origin->table, values[i].column, &from[values[i].column], stmt,
                            (int)i + 1, &w->scratch, err);
    }
    if (status == RNL_OK)
        status = step(w, origin->table, stmt, &outcome, err);
    *rows = outcome.rows;
    return status;
}

/* The file's own foreign keys are not in force: what the source's did is done here. */
static int cascade(struct writer *w, const struct bound_table *table, const struct rnl_row *row,
                   struct rnl_error *err)
{
    struct origin origin = {w, table, row};
    const struct cascade_sink sink = {.arg = &origin,
                                      .table = say_table,
                                      .column = say_column,
                                      .mark = say_mark,
                                      .run = cascade_step};

    return cascade_run(&w->sink->cascades, &sink, row, table->key, table->nkey, err);
}

/* --- rows ---------------------------------------------------------------------------------- */

static int insert_again(struct writer *w, const struct bound_table *table,
                        const struct rnl_row *row, struct rnl_error *err)
{
    struct outcome outcome = {0};
    struct rnl_row keyed = *row;
    int status = RNL_OK;

    keyed.before = NULL;
    if (table->nkey)
        status = run_over(w, table, CHANGE_UPDATE, &keyed, &outcome, err);
    return status == RNL_OK && !outcome.rows ? run_over(w, table, CHANGE_INSERT, row, &outcome, err)
                                             : status;
}

static void describe_key(struct buf *text, const struct bound_table *table,
                         const struct rnl_value *values)
{
    buf_puts(text, table->nkey ? "with " : "without a key");
    for (uint32_t i = 0; i < table->nkey; i++) {
        const struct rnl_value *value = &values[table->key[i]];

        buf_printf(text, "%s%s = ", i ? ", " : "", table->columns[table->key[i]].source->name);
        if (value->type == RNL_T_INT || value->type == RNL_T_BOOL)
            buf_printf(text, "%lld", (long long)value->i);
        else if (value->type == RNL_T_UINT)
            buf_printf(text, "%llu", (unsigned long long)value->u);
        else if (value->type == RNL_T_TEXT || value->type == RNL_T_DECIMAL)
            buf_add(text, value->ptr, value->len < 60 ? value->len : 60);
        else
            buf_puts(text, "…");
    }
}

static int update_missing(const struct bound_table *table, const struct rnl_row *row,
                          struct rnl_error *err)
{
    struct buf key = {0};

    describe_key(&key, table, row_sought(row));
    rnl_fail(err, RNL_E_DATA, "sink.row_missing",
             "an update of %s.%s finds no row %s in the target", table->source->schema,
             table->source->name, buf_text(&key) ? key.ptr : "");
    rnl_hint(err, "somebody else changed the target, or the row was set aside: `runnel verify "
                  "--repair` mends it");
    buf_free(&key);
    return err->status;
}

/* In a replay, of a row that the load has read under neither of its keys: it would be left out. */
static int update_incomplete(const struct bound_table *table, const struct rnl_row *row,
                             struct rnl_error *err)
{
    struct buf key = {0};

    describe_key(&key, table, row_sought(row));
    rnl_fail(err, RNL_E_DATA, "sink.row_incomplete",
             "the row %s of %s.%s gets another key, the load has read it under neither, and the "
             "source's log doesn't tell all of it",
             buf_text(&key) ? key.ptr : "", table->source->schema, table->source->name);
    rnl_hint(err, "REPLICA IDENTITY FULL, or binlog_row_image = FULL, tells whole rows: load again "
                  "with --restart; or let it be set aside, and `runnel verify --repair` bring it");
    buf_free(&key);
    return err->status;
}

static int update_row(struct writer *w, const struct bound_table *table, const struct rnl_row *row,
                      bool replay, struct rnl_error *err)
{
    struct outcome outcome;
    struct rnl_row after = *row;
    int status = replay ? run_over(w, table, CHANGE_UPDATE, row, &outcome, err)
                        : run(w, table, CHANGE_UPDATE, row, false, &outcome, err);

    if (status != RNL_OK || outcome.rows)
        return status;
    after.before = NULL;
    /* a foreign key may have moved it with its parent */
    if (row_moves(table, row) && cascade_moves(&w->sink->cascades, row->table)) {
        status = run(w, table, CHANGE_UPDATE, &after, false, &outcome, err);
        if (status != RNL_OK || outcome.rows)
            return status;
    }
    if (!replay)
        return update_missing(table, row, err);
    if (row_is_whole(table, row))
        return insert_again(w, table, &after, err);
    return row_moves(table, row) ? update_incomplete(table, row, err) : RNL_OK;
}

static int empty_table(struct writer *w, const struct bound_table *table, struct rnl_error *err)
{
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "DELETE FROM ");
    buf_name(&sql, table->name);
    status =
        buf_text(&sql) ? sq_run(w->sink->write, sql.ptr, "empty a table", err) : error_memory(err);
    buf_free(&sql);
    return status;
}

static int row_check(const struct bound_table *table, const struct rnl_row *row,
                     struct rnl_error *err)
{
    bool whole = row->op == RNL_TRUNCATE || (row->op == RNL_DELETE ? row->before : row->after);

    if (!whole || (row->op != RNL_TRUNCATE && row->nvalues != table->source->ncolumns))
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a change of \"%s\" has %u values, its table %u columns", table->name,
                        row->nvalues, table->source->ncolumns);
    if (table->nkey || table->rowid || row->op == RNL_INSERT || row->op == RNL_TRUNCATE)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "sink.no_key",
             "single rows of the table \"%s\" can't be told apart: it has no key, and no rowid "
             "that can be named",
             table->name);
    rnl_hint(err, "leave the table out, or give it a primary key");
    return err->status;
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

int change_apply(struct writer *w, const struct rnl_row *row, bool replay, struct rnl_error *err)
{
    const struct bound_table *table = bound_find(w->sink, row->table, err);
    struct outcome outcome;
    int status = table ? row_check(table, row, err) : err->status;

    if (status == RNL_OK)
        status = generated_check(table, row, err);
    if (status != RNL_OK)
        return status;
    writer_mind_checks(w->sink, table);
    if (cascade_starts(&w->sink->cascades, row))
        status = cascade(w, table, row, err);
    if (status != RNL_OK)
        return status;
    switch (row->op) {
    case RNL_INSERT:
        return replay ? insert_again(w, table, row, err)
                      : run(w, table, CHANGE_INSERT, row, false, &outcome, err);
    case RNL_UPDATE:
        return update_row(w, table, row, replay, err);
    case RNL_DELETE:
        return run(w, table, CHANGE_DELETE, row, false, &outcome, err);
    case RNL_TRUNCATE:
        return empty_table(w, table, err);
    default:
        return rnl_fail(err, RNL_E_DATA, "sink.operation",
                        "operation %u on \"%s\" is none that this sink knows", row->op,
                        table->name);
    }
}
