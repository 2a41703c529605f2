/*
 * Changes of one kind to one table, many at once. MariaDB takes an array of rows for any statement;
 * MySQL takes rows only in the lists of INSERT and IN, so that updates go as inserts that find
 * their rows: they are looked for first where another unique key could find them instead.
 */
#include "apply.h"

#define ROWS_LOG 8 /* MySQL: statements of up to 2^8 rows */
#define PARAMETERS_MAX 32768u
#define GROUP_BYTES ((size_t)512 * 1024)

static size_t values_bytes(const struct rnl_value *values, uint32_t count)
{
    size_t bytes = 0;

    for (uint32_t i = 0; values && i < count; i++) {
        uint16_t type = values[i].type;

        bytes += 9;
        if (type == RNL_T_DECIMAL || type == RNL_T_TEXT || type == RNL_T_BYTES ||
            type >= RNL_T_INTERVAL)
            bytes += values[i].len;
    }
    return bytes;
}

static size_t bytes_max(const struct my_writer *w)
{
    return w->sink->max_packet / 2 < GROUP_BYTES ? w->sink->max_packet / 2 : GROUP_BYTES;
}

/*
 * A row that is too large to stand beside others, takes a session of its own, or has rows of
 * other tables go with it.
 */
static bool is_single(const struct my_writer *w, const struct bound_table *table,
                      const struct target_keys *keys, const struct rnl_row *row)
{
    if (row->op != RNL_INSERT && (keys->followed || cascade_starts(&w->sink->cascades, row)))
        return true;
    return values_bytes(row->after, row->nvalues) + values_bytes(row->before, row->nvalues) >
               bytes_max(w) / 2 ||
           (row->op != RNL_DELETE && table->enums && row_is_loose(table, row));
}

static int send(struct my_writer *w, struct command *command, uint64_t *found,
                struct rnl_error *err)
{
    int status;

    status = command_repeat(w, command, "write to", found, err);
    if (status == RNL_OK && mysql_warning_count(w->conn->mysql))
        status = data_warnings(w, command->table, err);
    return status;
}

/* The rows one by one will tell which it is. */
static int found_check(const struct bound_table *table, enum change_kind kind, uint64_t found,
                       uint64_t wanted, struct rnl_error *err)
{
    if (kind == CHANGE_DELETE || kind == CHANGE_UPSERT || found == wanted)
        return RNL_OK;
    return rnl_fail(err, RNL_E_DATA, "sink.row_missing",
                    "%s has %llu rows of %llu that are changed", table->qualified,
                    (unsigned long long)found, (unsigned long long)wanted);
}

/* --- MariaDB ------------------------------------------------------------------------ */

static int bulk_send(struct my_writer *w, struct command *command, enum change_kind kind,
                     struct rnl_error *err)
{
    uint32_t rows = command->rows;
    uint64_t found = 0;
    int status = rows ? send(w, command, &found, err) : RNL_OK;

    command->rows = command->count = 0;
    buf_clear(&command->values);
    buf_clear(&command->types);
    return status == RNL_OK ? found_check(command->table, kind, found, rows, err) : status;
}

static int bulk_rows(struct my_writer *w, const struct bound_table *table, enum change_kind kind,
                     const struct rnl_row *const *rows, uint32_t count, struct rnl_error *err)
{
    struct command command = {.table = table, .bulk = true};
    int status = RNL_OK;

    change_sql(&command.sql, table, kind, rows[0], 1);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        command.rows++;
        status = change_values(w, &command, kind, rows[i], err);
        if (status == RNL_OK && (command.values.len >= bytes_max(w) / 2 || i + 1 == count))
            status = bulk_send(w, &command, kind, err);
    }
    command_free(&command);
    return status;
}

/* --- MySQL ---------------------------------------------------------------------------- */

/* How many rows from the first on go into one statement, as a power of two. */
static uint32_t chunk_of(const struct my_writer *w, const struct rnl_row *const *rows,
                         uint32_t count)
{
    size_t bytes = 0, width = rows[0]->nvalues;
    uint32_t fit = 0, chunk = 1;

    while (fit < count && fit < 1u << ROWS_LOG && (fit + 1) * width <= PARAMETERS_MAX) {
        bytes += values_bytes(rows[fit]->after, rows[fit]->nvalues) +
                 values_bytes(rows[fit]->before, rows[fit]->nvalues);
        if (fit && bytes > bytes_max(w))
            break;
        fit++;
    }
    while (chunk * 2 <= fit)
        chunk *= 2;
    return chunk;
}

static int list_send(struct my_writer *w, const struct bound_table *table, enum change_kind kind,
                     const struct rnl_row *const *rows, uint32_t count, uint64_t *found,
                     uint64_t *inserted, struct rnl_error *err)
{
    struct command command = {.table = table};
    int status = RNL_OK;

    change_sql(&command.sql, table, kind, rows[0], count);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_row sought = row_sought(rows[i]);

        command.rows++;
        status = kind == CHANGE_FIND ? sought_values(w, &command, &sought, err)
                                     : change_values(w, &command, kind, rows[i], err);
    }
    if (status == RNL_OK)
        status = send(w, &command, found, err);
    *inserted = command.inserted;
    command_free(&command);
    return status;
}

/* Updates as inserts that find their rows. Of one row alone the server wouldn't say whether. */
static int list_update(struct my_writer *w, const struct bound_table *table, bool others,
                       const struct rnl_row *const *rows, uint32_t count, struct rnl_error *err)
{
    uint64_t found = count, inserted = 0;
    int status = RNL_OK;

    if (count == 1) {
        status = list_send(w, table, CHANGE_UPDATE, rows, 1, &found, &inserted, err);
        return status == RNL_OK ? found_check(table, CHANGE_UPDATE, found, 1, err) : status;
    }
    if (others)
        status = list_send(w, table, CHANGE_FIND, rows, count, &found, &inserted, err);
    if (status == RNL_OK)
        status = found_check(table, CHANGE_UPDATE, found, count, err);
    if (status == RNL_OK)
        status = list_send(w, table, CHANGE_UPSERT, rows, count, &found, &inserted, err);
    return status == RNL_OK ? found_check(table, CHANGE_UPDATE, count - inserted, count, err)
                            : status;
}

static int list_rows(struct my_writer *w, const struct bound_table *table, enum change_kind kind,
                     bool others, const struct rnl_row *const *rows, uint32_t count,
                     struct rnl_error *err)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < count;) {
        uint32_t chunk = chunk_of(w, rows + i, count - i);
        uint64_t found = 0, inserted;

        if (kind == CHANGE_UPDATE)
            status = list_update(w, table, others, rows + i, chunk, err);
        else
            status = list_send(w, table, kind, rows + i, chunk, &found, &inserted, err);
        if (status == RNL_OK && kind == CHANGE_INSERT)
            status = found_check(table, kind, found, chunk, err);
        i += chunk;
    }
    return status;
}

/* --- both --------------------------------------------------------------------------------- */

/* The statement that does the group; 0: only row by row. */
static enum change_kind kind_of(const struct my_writer *w, const struct changeset_group *group,
                                const struct bound_table *table, const struct target_keys *keys)
{
    bool upserts = keys->keyed && group->op != RNL_DELETE && row_is_whole(table, group->rows[0]);

    if (group->op == RNL_DELETE)
        return CHANGE_DELETE;
    if (w->replaying) /* what isn't keyed is not replayed, and its inserts are plain ones */
        return table->nkey == 0 ? CHANGE_INSERT : upserts && !keys->others ? CHANGE_UPSERT : 0;
    if (group->op == RNL_INSERT)
        return CHANGE_INSERT;
    return w->bulk || upserts ? CHANGE_UPDATE : 0;
}

static int rows_send(struct my_writer *w, const struct bound_table *table, enum change_kind kind,
                     bool others, const struct rnl_row *const *rows, uint32_t count,
                     struct rnl_error *err)
{
    if (count == 0)
        return RNL_OK;
    return w->bulk ? bulk_rows(w, table, kind, rows, count, err)
                   : list_rows(w, table, kind, others, rows, count, err);
}

int group_apply(struct my_writer *w, const struct changeset_group *group, struct rnl_error *err)
{
    const struct bound_table *table = bound_find(w->sink, group->table, err);
    const struct target_keys *keys;
    enum change_kind kind;
    uint32_t first = 0;
    int status = table ? target_keys_of(w, table, &keys, err) : err->status;

    if (status != RNL_OK)
        return status;
    kind = kind_of(w, group, table, keys);
    for (uint32_t i = 0; status == RNL_OK && i < group->count; i++) {
        if (kind && !is_single(w, table, keys, group->rows[i]))
            continue;
        status = rows_send(w, table, kind, keys->others, group->rows + first, i - first, err);
        if (status == RNL_OK)
            status = change_one(w, table, group->rows[i], w->replaying, err);
        first = i + 1;
    }
    if (status == RNL_OK)
        status =
            rows_send(w, table, kind, keys->others, group->rows + first, group->count - first, err);
    return status;
}
