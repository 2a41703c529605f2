/* One statement with parameters of the binary protocol: repairs, letters, upserts by key. */
#include "data.h"

static void parameter_add(struct command *command, uint8_t type, uint8_t flag, bool null)
{
    put_le(&command->types, type | (uint64_t)flag << 8, 2);
    buf_byte(&command->nulls, null);
    command->count++;
}

int command_add(struct my_writer *w, struct command *command, const struct bound_table *table,
                const struct rnl_row *row, uint32_t column, struct rnl_error *err)
{
    const struct bound_column *bound = &table->columns[column];
    const struct rnl_value *value;
    struct rnl_value changed;
    const char *why = "can't be written";
    int status = value_take(w, table, row, column, &changed, &value, err);

    if (status != RNL_OK)
        return status;
    parameter_add(command, bound->wire_type, bound->wire_flag, value->type == RNL_T_NULL);
    if (value->type != RNL_T_NULL && !encode_value(&command->values, bound, value, &why))
        return value_refuse(table, row, column, why, err);
    return RNL_OK;
}

void command_bytes(struct command *command, const void *bytes, size_t len)
{
    parameter_add(command, MYSQL_TYPE_BLOB, 0, !bytes);
    if (!bytes)
        return;
    put_length(&command->values, len);
    buf_add(&command->values, bytes, len);
}

void command_text(struct command *command, const char *text)
{
    size_t len = strlen(text);

    parameter_add(command, MYSQL_TYPE_VAR_STRING, 0, false);
    put_length(&command->values, len);
    buf_add(&command->values, text, len);
}

void command_number(struct command *command, uint64_t number)
{
    parameter_add(command, MYSQL_TYPE_LONGLONG, 0x80, false);
    put_le(&command->values, number, 8);
}

static bool packet_make(struct command *command, const MYSQL_STMT *statement, struct buf *packet)
{
    put_le(packet, statement->stmt_id, 4);
    put_le(packet, UINT64_C(1) << 8, 5); /* no cursor; one execution */
    for (uint32_t i = 0; i < command->count; i += 8) {
        unsigned byte = 0;

        for (uint32_t k = 0; k < 8 && i + k < command->count; k++)
            byte |= (unsigned)(command->nulls.ptr[i + k] != 0) << k;
        buf_byte(packet, (char)byte);
    }
    if (command->count) {
        buf_byte(packet, 1);
        buf_add(packet, command->types.ptr, command->types.len);
        buf_add(packet, command->values.ptr, command->values.len);
    }
    return !packet->failed;
}

/* An UPDATE counts rows that it changed; how many it found stands in words. */
static uint64_t rows_found(MYSQL *mysql)
{
    const char *info = mysql_info(mysql);

    if (info && strncmp(info, "Rows matched: ", 14) == 0)
        return strtoull(info + 14, NULL, 10);
    return mysql_affected_rows(mysql);
}

static bool command_failed(const struct command *command)
{
    return command->sql.failed || command->values.failed || command->types.failed ||
           command->nulls.failed;
}

static int execute(struct my_writer *w, struct command *command, const MYSQL_STMT *statement,
                   const char *doing, uint64_t *rows, struct rnl_error *err)
{
    MYSQL *mysql = w->conn->mysql;
    struct buf packet = {0};
    int status = RNL_OK;

    if (!packet_make(command, statement, &packet))
        status = error_memory(err);
    else if (mysql->methods->db_command(mysql, COM_STMT_EXECUTE, packet.ptr, packet.len, 1, NULL) ||
             mysql->methods->db_read_query_result(mysql))
        status = data_error(w, NULL, doing, err);
    if (status == RNL_OK)
        *rows = rows_found(mysql);
    buf_free(&packet);
    return status;
}

static int prepare(struct my_writer *w, struct command *command, MYSQL_STMT **statement,
                   const char *doing, struct rnl_error *err)
{
    *statement = command_failed(command) ? NULL : mysql_stmt_init(w->conn->mysql);
    if (!*statement)
        return error_memory(err);
    if (mysql_stmt_prepare(*statement, command->sql.ptr, command->sql.len))
        return data_error(w, NULL, doing, err);
    return RNL_OK;
}

int command_run(struct my_writer *w, struct command *command, const char *doing, uint64_t *rows,
                struct rnl_error *err)
{
    MYSQL_STMT *statement;
    int status = prepare(w, command, &statement, doing, err);

    if (status == RNL_OK)
        status = execute(w, command, statement, doing, rows, err);
    if (statement)
        mysql_stmt_close(statement);
    return status;
}

int command_repeat(struct my_writer *w, struct command *command, const char *doing, uint64_t *rows,
                   struct rnl_error *err)
{
    int status = RNL_OK;

    if (!w->repeated || command->sql.failed || strcmp(w->repeated_sql.ptr, command->sql.ptr) != 0) {
        command_forget(w);
        status = prepare(w, command, &w->repeated, doing, err);
        text_add(&w->repeated_sql, command->sql.failed ? "" : command->sql.ptr);
        if (status == RNL_OK && w->repeated_sql.failed)
            status = error_memory(err);
    }
    if (status == RNL_OK && command_failed(command))
        status = error_memory(err);
    if (status == RNL_OK)
        return execute(w, command, w->repeated, doing, rows, err);
    command_forget(w);
    return status;
}

void command_forget(struct my_writer *w)
{
    if (w->repeated)
        mysql_stmt_close(w->repeated);
    w->repeated = NULL;
    text_free(&w->repeated_sql);
}

void command_free(struct command *command)
{
    text_free(&command->sql);
    buf_free(&command->values);
    buf_free(&command->types);
    buf_free(&command->nulls);
    command->count = 0;
}
