/* One statement with parameters of the binary protocol: changes, repairs, letters, upserts by key.
 */
#include "data.h"

#include <stdlib.h>

#define LONG_VALUE ((size_t)256 << 10) /* from here on a value is sent by itself, in pieces */
#define LONG_PIECE ((size_t)1 << 20)

/* A value that is sent ahead of its statement; borrowed from the row. */
struct long_value {
    uint32_t parameter;
    uint32_t len;
    const char *ptr;
};

static void parameter_add(struct command *command, uint8_t type, uint8_t flag, bool null)
{
    if (!command->bulk || command->rows <= 1)
        put_le(&command->types, type | (uint64_t)flag << 8, 2);
    buf_byte(command->bulk ? &command->values : &command->nulls, null);
    command->count++;
}

/* A value that may be as large as a packet of its own. */
static int long_add(struct my_writer *w, struct command *command, const struct bound_table *table,
                    const struct rnl_row *row, uint32_t column, const struct rnl_value *value,
                    struct rnl_error *err)
{
    const struct long_value sent = {command->count - 1, value->len, value->ptr};

    if (value->len > w->sink->max_packet)
        return packet_refuse(w, table, row, column, err);
    buf_add(&command->longs, &sent, sizeof(sent));
    return RNL_OK;
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
    if (value->type == RNL_T_NULL)
        return RNL_OK;
    switch (command->rows ? PLAIN_NO : encode_plain(bound, value, LONG_VALUE, &why)) {
    case PLAIN_YES:
        return long_add(w, command, table, row, column, value, err);
    case PLAIN_NO:
        if (encode_value(&command->values, bound, value, &why))
            return RNL_OK;
        break;
    case PLAIN_REFUSED:
        break;
    }
    return value_refuse(table, row, column, why, err);
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

static void bitmap_put(const struct command *command, struct buf *packet)
{
    for (uint32_t i = 0; i < command->count; i += 8) {
        unsigned byte = 0;

        for (uint32_t k = 0; k < 8 && i + k < command->count; k++)
            byte |= (unsigned)(command->nulls.ptr[i + k] != 0) << k;
        buf_byte(packet, (char)byte);
    }
}

static bool packet_make(const struct command *command, const MYSQL_STMT *statement,
                        struct buf *packet)
{
    put_le(packet, statement->stmt_id, 4);
    if (command->bulk) {
        put_le(packet, STMT_BULK_FLAG_CLIENT_SEND_TYPES, 2);
    } else {
        put_le(packet, UINT64_C(1) << 8, 5); /* no cursor; one execution */
        bitmap_put(command, packet);
        if (command->count)
            buf_byte(packet, 1);
    }
    if (command->count) {
        buf_add(packet, command->types.ptr, command->types.len);
        buf_add(packet, command->values.ptr, command->values.len);
    }
    return !packet->failed;
}

/* An UPDATE may count rows that it changed; how many it found stands in words. */
static uint64_t rows_found(const struct command *command, MYSQL *mysql)
{
    const char *info = mysql_info(mysql);

    if (!command->bulk && info && strncmp(info, "Rows matched: ", 14) == 0)
        return strtoull(info + 14, NULL, 10);
    return mysql_affected_rows(mysql);
}

/*
 * "Records: 3  Duplicates: 2  Warnings: 0": a row that was found and changed counts as two rows
 * and a duplicate, one that was found and stays as it is as nothing.
 */
static uint64_t rows_inserted(const struct command *command, MYSQL *mysql)
{
    const char *info = mysql_info(mysql), *at;
    uint64_t rows = mysql_affected_rows(mysql), changed;

    if (command->rows < 2 || !info || strncmp(info, "Records: ", 9) != 0 ||
        !(at = strstr(info, "Duplicates: ")))
        return 0;
    changed = strtoull(at + 12, NULL, 10);
    return rows > 2 * changed ? rows - 2 * changed : 0;
}

static bool command_failed(const struct command *command)
{
    return command->sql.failed || command->values.failed || command->types.failed ||
           command->nulls.failed || command->longs.failed;
}

/* Sends the large values in pieces, ahead of the statement that they belong to. */
static int longs_send(struct my_writer *w, const struct command *command,
                      const MYSQL_STMT *statement, struct buf *packet, const char *doing,
                      struct rnl_error *err)
{
    const struct long_value *longs = (const void *)command->longs.ptr;
    MYSQL *mysql = w->conn->mysql;

    for (size_t i = 0; i < command->longs.len / sizeof(*longs); i++)
        for (size_t at = 0; at < longs[i].len; at += LONG_PIECE) {
            size_t piece = longs[i].len - at < LONG_PIECE ? longs[i].len - at : LONG_PIECE;

            buf_clear(packet);
            put_le(packet, statement->stmt_id | (uint64_t)longs[i].parameter << 32, 6);
            buf_add(packet, longs[i].ptr + at, piece);
            if (packet->failed)
                return error_memory(err);
            if (mysql->methods->db_command(mysql, COM_STMT_SEND_LONG_DATA, packet->ptr, packet->len,
                                           1, NULL))
                return data_error(w, NULL, doing, err);
        }
    buf_clear(packet);
    return RNL_OK;
}

static int execute(struct my_writer *w, struct command *command, const MYSQL_STMT *statement,
                   const char *doing, uint64_t *rows, struct rnl_error *err)
{
    MYSQL *mysql = w->conn->mysql;
    enum enum_server_command how = command->bulk ? COM_STMT_BULK_EXECUTE : COM_STMT_EXECUTE;
    struct buf packet = {0};
    int status = longs_send(w, command, statement, &packet, doing, err);

    if (status == RNL_OK && !packet_make(command, statement, &packet))
        status = error_memory(err);
    else if (status == RNL_OK &&
             (mysql->methods->db_command(mysql, how, packet.ptr, packet.len, 1, NULL) ||
              mysql->methods->db_read_query_result(mysql)))
        status = data_error(w, command->table, doing, err);
    if (status == RNL_OK)
        *rows = rows_found(command, mysql);
    if (status == RNL_OK)
        command->inserted = rows_inserted(command, mysql);
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
        return data_error(w, command->table, doing, err);
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

static void prepared_close(struct prepared *prepared)
{
    if (prepared->statement)
        mysql_stmt_close(prepared->statement);
    text_free(&prepared->sql);
    *prepared = (struct prepared){0};
}

/* The statement of this text, or the place of the one that was used the longest ago. */
static struct prepared *prepared_find(struct my_writer *w, const struct text *sql)
{
    struct prepared *oldest = &w->prepared[0];

    for (uint32_t i = 0; i < PREPARED_MAX; i++) {
        struct prepared *one = &w->prepared[i];

        if (one->statement && one->sql.len == sql->len &&
            memcmp(one->sql.ptr, sql->ptr, sql->len) == 0)
            return one;
        if (one->used < oldest->used)
            oldest = one;
    }
    prepared_close(oldest);
    return oldest;
}

int command_repeat(struct my_writer *w, struct command *command, const char *doing, uint64_t *rows,
                   struct rnl_error *err)
{
    struct prepared *one;
    int status = RNL_OK;

    if (command_failed(command))
        return error_memory(err);
    one = prepared_find(w, &command->sql);
    if (!one->statement) {
        status = prepare(w, command, &one->statement, doing, err);
        text_add(&one->sql, command->sql.ptr);
        if (status == RNL_OK && one->sql.failed)
            status = error_memory(err);
    }
    one->used = ++w->prepared_clock;
    if (status == RNL_OK)
        status = execute(w, command, one->statement, doing, rows, err);
    /* pieces that were sent would join the values of the next row */
    if (status != RNL_OK)
        prepared_close(one);
    return status;
}

void command_forget(struct my_writer *w)
{
    for (uint32_t i = 0; i < PREPARED_MAX; i++)
        prepared_close(&w->prepared[i]);
}

void command_clear(struct command *command)
{
    command->sql.len = 0;
    command->count = command->rows = 0;
    buf_clear(&command->values);
    buf_clear(&command->types);
    buf_clear(&command->nulls);
    buf_clear(&command->longs);
}

void command_free(struct command *command)
{
    text_free(&command->sql);
    buf_free(&command->values);
    buf_free(&command->types);
    buf_free(&command->nulls);
    buf_free(&command->longs);
    command->count = 0;
}
