/* Changes one by one: what is asked of an insert, an update, a delete, in a replay and out of it.
 */
#include "apply.h"

static bool is_duplicate(const struct rnl_error *err)
{
    return strcmp(err->code, "mysql.1062") == 0 || strcmp(err->code, "mysql.1586") == 0;
}

static int run_loosely(struct my_writer *w, struct command *command, uint64_t *found,
                       struct rnl_error *err)
{
    int status = command_repeat(w, command, "write to", found, err);

    if (status == RNL_OK && mysql_warning_count(w->conn->mysql))
        status = data_warnings(w, command->table, err);
    return status;
}

/* *found: how many rows it was done to, as the server counts them. */
static int run(struct my_writer *w, const struct bound_table *table, enum change_kind kind,
               const struct rnl_row *row, uint64_t *found, struct rnl_error *err)
{
    struct command command = {.table = table};
    bool loose = kind != CHANGE_DELETE && table->enums && row_is_loose(table, row);
    int status = RNL_OK;

    change_sql(&command.sql, table, kind, row, 1);
    status = change_values(w, &command, kind, row, err);
    if (status == RNL_OK && loose)
        status = loose_begin(w, err);
    if (status == RNL_OK)
        status = run_loosely(w, &command, found, err);
    if (w->loose)
        status = loose_end(w, status, err);
    command_free(&command);
    return status;
}

/* --- inserts --------------------------------------------------------------------- */

static int update_found(struct my_writer *w, const struct bound_table *table,
                        const struct rnl_row *row, bool *found, struct rnl_error *err)
{
    uint64_t rows = 0;
    int status = run(w, table, CHANGE_UPDATE, row, &rows, err);

    *found = rows > 0;
    return status;
}

/* In a replay the row may stand there already, as it was made or as it became later. */
static int insert_again(struct my_writer *w, const struct bound_table *table,
                        const struct rnl_row *row, struct rnl_error *err)
{
    const struct target_keys *keys;
    struct rnl_row keyed = *row;
    uint64_t rows;
    bool found = false;
    int status = target_keys_of(w, table, &keys, err);

    if (status != RNL_OK)
        return status;
    /* whatever else has one of its values has it from later on: the log will bring it back */
    if (keys->others)
        return run(w, table, CHANGE_REPLACE, row, &rows, err);
    if (keys->keyed || table->nkey == 0)
        return run(w, table, keys->keyed ? CHANGE_UPSERT : CHANGE_INSERT, row, &rows, err);
    keyed.before = NULL;
    status = update_found(w, table, &keyed, &found, err);
    return status == RNL_OK && !found ? run(w, table, CHANGE_INSERT, row, &rows, err) : status;
}

/* --- updates --------------------------------------------------------------------- */

static int update_missing(const struct bound_table *table, const struct rnl_row *row,
                          struct rnl_error *err)
{
    const struct rnl_row sought = row_sought(row);
    struct buf name = {0};

    row_describe(&name, table, &sought);
    rnl_fail(err, RNL_E_DATA, "sink.row_missing",
             "an update of %s.%s finds no row %s in the target", table->source->schema,
             table->source->name, buf_text(&name) ? name.ptr : "");
    rnl_hint(err, "somebody else changed the target, or the row was set aside: `runnel verify "
                  "--repair` mends it");
    buf_free(&name);
    return err->status;
}

/* In a replay, of a row that the load has read under neither of its keys: it would be left out. */
static int update_incomplete(const struct bound_table *table, const struct rnl_row *row,
                             struct rnl_error *err)
{
    const struct rnl_row sought = row_sought(row);
    struct buf name = {0};

    row_describe(&name, table, &sought);
    rnl_fail(err, RNL_E_DATA, "sink.row_incomplete",
             "the row %s of %s.%s gets another key, the load has read it under neither, and the "
             "source's log doesn't tell all of it",
             buf_text(&name) ? name.ptr : "", table->source->schema, table->source->name);
    rnl_hint(err, "REPLICA IDENTITY FULL, or binlog_row_image = FULL, tells whole rows: load again "
                  "with --restart; or let it be set aside, and `runnel verify --repair` bring it");
    buf_free(&name);
    return err->status;
}

/* What the row's new key finds is of later on: it makes room for what comes to stand there now. */
static int update_again(struct my_writer *w, const struct bound_table *table,
                        const struct rnl_row *row, struct rnl_error *err)
{
    struct rnl_row after = *row;
    uint64_t rows;
    int status;

    after.before = NULL;
    if (row_is_whole(table, row)) {
        status = run(w, table, CHANGE_DELETE, row, &rows, err);
        return status == RNL_OK ? insert_again(w, table, &after, err) : status;
    }
    if (!row_moves(table, row))
        return update_missing(table, row, err);
    status = run(w, table, CHANGE_DELETE, &after, &rows, err);
    return status == RNL_OK ? run(w, table, CHANGE_UPDATE, row, &rows, err) : status;
}

static int update_row(struct my_writer *w, const struct bound_table *table,
                      const struct rnl_row *row, bool replay, struct rnl_error *err)
{
    struct rnl_row after = *row;
    bool found = false;
    int status = update_found(w, table, row, &found, err);

    if (replay && status == RNL_E_DATA && is_duplicate(err))
        return update_again(w, table, row, err);
    if (status != RNL_OK || found)
        return status;
    after.before = NULL;
    /* its own foreign keys may have moved it with its parent, as the source's did */
    if (row_moves(table, row) && cascade_moves(&w->sink->cascades, row->table)) {
        status = update_found(w, table, &after, &found, err);
        if (status != RNL_OK || found)
            return status;
    }
    if (!replay)
        return update_missing(table, row, err);
    if (row_is_whole(table, row))
        return insert_again(w, table, &after, err);
    return row_moves(table, row) ? update_incomplete(table, row, err) : RNL_OK;
}

/* --- all --------------------------------------------------------------------------- */

static int delete_row(struct my_writer *w, const struct bound_table *table,
                      const struct rnl_row *row, struct rnl_error *err)
{
    uint64_t rows;
    int status = run(w, table, CHANGE_DELETE, row, &rows, err);

    /* a value that the target can't hold is in none of its rows */
    return status == RNL_E_DATA && strcmp(err->code, "sink.value") == 0 ? RNL_OK : status;
}

/* TRUNCATE would commit. */
static int empty_table(struct my_writer *w, const struct bound_table *table, struct rnl_error *err)
{
    struct command command = {.table = table};
    uint64_t rows;
    int status;

    text_printf(&command.sql, "DELETE FROM %s", table->qualified);
    status = command_run(w, &command, "empty", &rows, err);
    command_free(&command);
    return status;
}

/* Whether foreign keys that Runnel knows nothing of would act on it. */
static int foreign_keys_mind(struct my_writer *w, const struct bound_table *table,
                             const struct rnl_row *row, struct rnl_error *err)
{
    const struct target_keys *keys;
    bool acts = row->op == RNL_DELETE || row->op == RNL_UPDATE;
    int status = acts ? target_keys_of(w, table, &keys, err) : RNL_OK;

    return status == RNL_OK ? foreign_keys_set(w, acts && keys->followed, err) : status;
}

int change_one(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
               bool replay, struct rnl_error *err)
{
    uint64_t rows;
    int status = foreign_keys_mind(w, table, row, err);

    if (status == RNL_OK && cascade_starts(&w->sink->cascades, row))
        status = row_cascade(w, table, row, err);
    if (status != RNL_OK)
        return status;
    switch (row->op) {
    case RNL_INSERT:
        return replay ? insert_again(w, table, row, err)
                      : run(w, table, CHANGE_INSERT, row, &rows, err);
    case RNL_UPDATE:
        return update_row(w, table, row, replay, err);
    case RNL_DELETE:
        return delete_row(w, table, row, err);
    case RNL_TRUNCATE:
        return empty_table(w, table, err);
    default:
        return rnl_fail(err, RNL_E_DATA, "sink.operation",
                        "operation %u on %s is none that this sink knows", row->op,
                        table->qualified);
    }
}
