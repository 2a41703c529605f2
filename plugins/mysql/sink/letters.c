/* Rows that were set aside, as the target keeps them: the table runnel_dead_letters. */
#include "data.h"

#include <inttypes.h>

/* text as the server takes it: what is no UTF-8 becomes '?' (an error's text may be cut anywhere).
 */
static void clean_text(struct command *command, struct buf *clean, const char *text)
{
    const unsigned char *at = (const unsigned char *)(text ? text : "");

    buf_clear(clean);
    while (*at) {
        size_t len = utf8_length(at);

        if (len)
            buf_add(clean, at, len);
        else
            buf_byte(clean, '?');
        at += len ? len : 1;
    }
    if (buf_text(clean))
        command_text(command, clean->ptr);
    else
        command->values.failed = true;
}

int writer_letter(void *writer, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct my_writer *w = writer;
    struct command command = {0};
    struct buf clean = {0};
    uint64_t rows;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = batch_end(w, err);
    if (status != RNL_OK)
        return status;
    text_add(&command.sql, "INSERT INTO ");
    state_table(w->sink, &command.sql, "dead_letters");
    text_add(&command.sql,
             " (pipeline, lane, schema_name, table_name, row_key, column_name, code, reason, at_us,"
             " row_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    clean_text(&command, &clean, letter->pipeline);
    command_number(&command, letter->lane);
    clean_text(&command, &clean, letter->schema);
    clean_text(&command, &clean, letter->table);
    clean_text(&command, &clean, letter->key);
    clean_text(&command, &clean, letter->column);
    clean_text(&command, &clean, letter->code);
    clean_text(&command, &clean, letter->reason);
    command_number(&command, (uint64_t)letter->at_us);
    command_bytes(&command, letter->row.len ? letter->row.ptr : NULL, letter->row.len);
    status = command_run(w, &command, "set a row aside", &rows, err);
    command_free(&command);
    buf_free(&clean);
    return status;
}

int writer_letter_remove(void *writer, const char *pipeline, uint64_t id, struct rnl_error *err)
{
    struct my_writer *w = writer;
    struct command command = {0};
    uint64_t rows = 0;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = batch_end(w, err);
    if (status != RNL_OK)
        return status;
    text_add(&command.sql, "DELETE FROM ");
    state_table(w->sink, &command.sql, "dead_letters");
    text_add(&command.sql, " WHERE pipeline = ? AND id = ?");
    command_text(&command, pipeline);
    command_number(&command, id);
    status = command_run(w, &command, "take a letter away", &rows, err);
    command_free(&command);
    return status == RNL_OK && rows == 0 ? RNL_DONE : status;
}

static const char *text_at(MYSQL_ROW row, int column)
{
    return row[column] ? row[column] : "";
}

static int letter_add(struct my_sink *sink, const char *pipeline, MYSQL_ROW row,
                      const unsigned long *lengths, struct rnl_letters *letters,
                      struct rnl_error *err)
{
    const struct rnl_letter letter = {
        .size = sizeof(letter),
        .id = strtoull(text_at(row, 0), NULL, 10),
        .lane = (uint32_t)strtoul(text_at(row, 1), NULL, 10),
        .pipeline = pipeline,
        .schema = text_at(row, 2),
        .table = text_at(row, 3),
        .key = text_at(row, 4),
        .column = text_at(row, 5),
        .code = text_at(row, 6),
        .reason = text_at(row, 7),
        .at_us = strtoll(text_at(row, 8), NULL, 10),
        .row = {row[9], row[9] ? lengths[9] : 0},
    };

    return sink->host->letter_add(letters, &letter, err);
}

int sink_letters(void *self, const char *pipeline, uint64_t after, uint32_t limit, bool with_rows,
                 struct rnl_letters *letters, struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    bool found = false;
    int status = state_exists(sink, &found, err);

    if (status != RNL_OK || !found)
        return status;
    text_printf(&sql,
                "SELECT id, lane, schema_name, table_name, row_key, column_name, code, reason,"
                " at_us, %s FROM ",
                with_rows ? "row_bytes" : "NULL");
    state_table(sink, &sql, "dead_letters");
    text_add(&sql, " WHERE pipeline = ");
    text_quoted(&sql, pipeline);
    text_printf(&sql, " AND id > %" PRIu64 " ORDER BY id LIMIT %" PRIu32, after, limit);
    status = sql.failed ? error_memory(err) : conn_query(sink->control, sql.ptr, &result, err);
    text_free(&sql);
    if (status != RNL_OK)
        return status;
    while (status == RNL_OK && (row = mysql_fetch_row(result)) != NULL)
        status = letter_add(sink, pipeline, row, mysql_fetch_lengths(result), letters, err);
    if (status == RNL_OK)
        return conn_finish(sink->control, result, "read the rows set aside", err);
    mysql_free_result(result); /* reads what is left */
    return status;
}
