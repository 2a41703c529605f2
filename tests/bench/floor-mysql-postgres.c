/*
 * The floor of the benchmarks: one connection reads a table of integers and texts by
 * the binary protocol, another writes it by binary COPY, and nothing else is done.
 *
 *   floor MYSQL-SOCKET DATABASE TABLE PG-CONNINFO PG-TABLE
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <mysql.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS 64
#define VALUE_BYTES (1u << 20)
#define SEND_BYTES (64u * 1024)

struct out {
    PGconn *pg;
    char *bytes;
    size_t len;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

static void put(struct out *out, const void *bytes, size_t len)
{
    memcpy(out->bytes + out->len, bytes, len);
    out->len += len;
}

static void put_number(struct out *out, uint32_t number)
{
    number = htonl(number);
    put(out, &number, 4);
}

static void send_all(struct out *out)
{
    if (PQputCopyData(out->pg, out->bytes, (int)out->len) != 1)
        die("COPY", PQerrorMessage(out->pg));
    out->len = 0;
}

static MYSQL_STMT *start(MYSQL *my, const char *table, MYSQL_BIND *bind, int32_t *numbers,
                         char **texts, unsigned long *lengths, my_bool *nulls, unsigned *count)
{
    MYSQL_STMT *stmt = mysql_stmt_init(my);
    char query[300];
    MYSQL_RES *meta;

    snprintf(query, sizeof(query), "SELECT * FROM %s", table);
    if (mysql_stmt_prepare(stmt, query, strlen(query)) != 0 || mysql_stmt_execute(stmt) != 0)
        die("query", mysql_stmt_error(stmt));
    meta = mysql_stmt_result_metadata(stmt);
    *count = mysql_num_fields(meta);
    for (unsigned i = 0; i < *count && i < MOST_COLUMNS; i++) {
        memset(&bind[i], 0, sizeof(bind[i]));
        bind[i].length = &lengths[i];
        bind[i].is_null = &nulls[i];
        if (mysql_fetch_field_direct(meta, i)->type == MYSQL_TYPE_LONG) {
            bind[i].buffer_type = MYSQL_TYPE_LONG;
            bind[i].buffer = &numbers[i];
        } else {
            bind[i].buffer_type = MYSQL_TYPE_STRING;
            bind[i].buffer = texts[i] = malloc(VALUE_BYTES);
            bind[i].buffer_length = VALUE_BYTES;
        }
    }
    mysql_free_result(meta);
    if (mysql_stmt_bind_result(stmt, bind) != 0)
        die("bind", mysql_stmt_error(stmt));
    return stmt;
}

static void copy_rows(MYSQL *my, const char *table, struct out *out)
{
    MYSQL_BIND bind[MOST_COLUMNS];
    int32_t numbers[MOST_COLUMNS];
    char *texts[MOST_COLUMNS] = {0};
    unsigned long lengths[MOST_COLUMNS];
    my_bool nulls[MOST_COLUMNS];
    unsigned count;
    MYSQL_STMT *stmt = start(my, table, bind, numbers, texts, lengths, nulls, &count);
    uint16_t columns = htons((uint16_t)count);
    int status;

    while ((status = mysql_stmt_fetch(stmt)) == 0) {
        put(out, &columns, 2);
        for (unsigned i = 0; i < count; i++) {
            if (nulls[i])
                put_number(out, UINT32_MAX);
            else if (!texts[i]) {
                put_number(out, 4);
                put_number(out, (uint32_t)numbers[i]);
            } else {
                put_number(out, (uint32_t)lengths[i]);
                put(out, texts[i], lengths[i]);
            }
        }
        if (out->len >= SEND_BYTES)
            send_all(out);
    }
    if (status != MYSQL_NO_DATA)
        die("fetch", mysql_stmt_error(stmt));
    mysql_stmt_close(stmt);
    for (unsigned i = 0; i < count; i++)
        free(texts[i]);
}

int main(int argc, char **argv)
{
    static const char head[19] = "PGCOPY\n\377\r\n\0";
    struct out out = {0};
    MYSQL *my = mysql_init(NULL);
    char query[300];
    PGresult *result;

    if (argc != 6)
        die("usage", "floor MYSQL-SOCKET DATABASE TABLE PG-CONNINFO PG-TABLE");
    if (!mysql_real_connect(my, NULL, "root", NULL, argv[2], 0, argv[1], 0) ||
        mysql_set_character_set(my, "utf8mb4") != 0)
        die("connect", mysql_error(my));
    out.pg = PQconnectdb(argv[4]);
    out.bytes = malloc(SEND_BYTES + MOST_COLUMNS * (size_t)VALUE_BYTES);
    snprintf(query, sizeof(query), "COPY %s FROM STDIN (FORMAT binary)", argv[5]);
    result = PQexec(out.pg, query);
    if (PQresultStatus(result) != PGRES_COPY_IN)
        die("COPY", PQerrorMessage(out.pg));
    PQclear(result);
    put(&out, head, sizeof(head));
    copy_rows(my, argv[3], &out);
    put(&out, "\377\377", 2);
    send_all(&out);
    if (PQputCopyEnd(out.pg, NULL) != 1)
        die("COPY", PQerrorMessage(out.pg));
    result = PQgetResult(out.pg);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die("COPY", PQerrorMessage(out.pg));
    printf("%s\n", PQcmdStatus(result));
    PQclear(result);
    PQfinish(out.pg);
    mysql_close(my);
    free(out.bytes);
    return 0;
}
