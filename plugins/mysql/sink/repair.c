/* Mends single rows that verification found to differ. */
#include "data.h"

static int key_add(struct my_writer *w, struct command *command, const struct bound_table *table,
                   const struct rnl_row *row, struct rnl_error *err)
{
    int status = RNL_OK;

    if (table->nkey == 0) {
        rnl_fail(err, RNL_E_CONFIG, "sink.no_key",
                 "the table %s.%s has no key that tells its rows apart", table->source->schema,
                 table->source->name);
        rnl_hint(err, "single rows of it can't be mended: load the table again");
        return RNL_E_CONFIG;
    }
    for (uint32_t i = 0; status == RNL_OK && i < table->nkey; i++) {
        text_add(&command->sql, i ? " AND " : " WHERE ");
        text_name(&command->sql, table->columns[table->key[i]].name);
        text_add(&command->sql, " = ?");
        status = command_add(w, command, table, row, table->key[i], err);
        if (status != RNL_OK || !table->columns[table->key[i]].exact)
            continue;
        text_add(&command->sql, " AND CAST(CONVERT(");
        text_name(&command->sql, table->columns[table->key[i]].name);
        text_add(&command->sql, " USING utf8mb4) AS BINARY) = CAST(? AS BINARY)");
        status = command_add(w, command, table, row, table->key[i], err);
    }
    return status;
}

static bool is_key(const struct bound_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

static int column_set(struct my_writer *w, struct command *command, const struct bound_table *table,
                      const struct rnl_row *row, uint32_t column, struct rnl_error *err)
{
    text_add(&command->sql, command->count ? ", " : " SET ");
    text_name(&command->sql, table->columns[column].name);
    text_add(&command->sql, " = ?");
    return command_add(w, command, table, row, column, err);
}

static int update_run(struct my_writer *w, struct command *command, const struct bound_table *table,
                      const struct rnl_row *row, uint64_t *rows, struct rnl_error *err)
{
    bool loose = table->enums && row_is_loose(table, row);
    int status = loose ? loose_begin(w, err) : RNL_OK;

    if (status != RNL_OK)
        return status;
    status = command_repeat(w, command, "mend a row", rows, err);
    if (status == RNL_OK && mysql_warning_count(w->conn->mysql))
        status = data_warnings(w, table, err);
    return loose ? loose_end(w, status, err) : status;
}

/* *found: whether there is a row with this key. */
int update_by_key(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  bool *found, struct rnl_error *err)
{
    struct command command = {0};
    uint64_t rows = 0;
    int status = RNL_OK;

    text_add(&command.sql, "UPDATE ");
    text_add(&command.sql, table->qualified);
    for (uint32_t i = 0; status == RNL_OK && i < table->source->ncolumns; i++)
        if (table->columns[i].written && !is_key(table, i))
            status = column_set(w, &command, table, row, i, err);
    if (status == RNL_OK && command.count == 0 && table->nkey) /* nothing but a key */
        status = column_set(w, &command, table, row, table->key[0], err);
    if (status == RNL_OK)
        status = key_add(w, &command, table, row, err);
    if (status == RNL_OK)
        status = update_run(w, &command, table, row, &rows, err);
    *found = rows > 0;
    command_free(&command);
    return status;
}

int repair_update(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  struct rnl_error *err)
{
    bool found = false;
    int status = batch_end(w, err);

    if (status == RNL_OK)
        status = update_by_key(w, table, row, &found, err);
    if (status == RNL_OK && !found)
        return rnl_fail(err, RNL_E_DATA, "sink.no_row",
                        "the row to be mended is not in %s any more", table->qualified);
    return status;
}

int writer_remove(void *writer, const struct rnl_row *row, struct rnl_error *err)
{
    struct my_writer *w = writer;
    const struct bound_table *table = bound_find(w->sink, row->table, err);
    struct command command = {0};
    struct rnl_row keyed = *row;
    uint64_t rows;
    int status;

    if (!table)
        return err->status;
    keyed.after = row->after ? row->after : row->before;
    if (!keyed.after || row->nvalues != table->source->ncolumns)
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a row for %s has %u values, its table %u columns", table->qualified,
                        row->nvalues, table->source->ncolumns);
    status = writer_begin(w, err);
    if (status == RNL_OK)
        status = batch_end(w, err);
    text_add(&command.sql, "DELETE FROM ");
    text_add(&command.sql, table->qualified);
    if (status == RNL_OK)
        status = key_add(w, &command, table, &keyed, err);
    if (status == RNL_OK)
        status = command_run(w, &command, "take a row away", &rows, err);
    command_free(&command);
    return status;
}
