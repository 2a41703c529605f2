/* Rows of a statement, straight from the connection's buffer. */
#include "wire.h"

#include <ma_pvio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * The library would copy each row once more into bound buffers. Its own binlog reader
 * takes packets by mysql_net_read_packet(), and so do we; what we touch of its
 * structs (net.read_pos, net.buff, status) stands where it stood through major 3.
 */
_Static_assert(MARIADB_PACKAGE_VERSION_ID >= 30100 && MARIADB_PACKAGE_VERSION_ID < 40000,
               "written for MariaDB Connector/C 3");
_Static_assert(offsetof(NET, buff) == sizeof(void *) &&
                   offsetof(NET, read_pos) == 4 * sizeof(void *),
               "the library's struct NET has changed");

/* A buffer that grew larger than this gives its memory back after a row. */
#define BUFFER_KEPT ((size_t)4 << 20)
/* How long rows that nobody wants are read, before the server is told to stop. */
#define DRAIN_MS 20

int wire_open(struct wire *wire, struct conn *conn, const char *sql, const MYSQL_FIELD **fields,
              unsigned *nfields, struct rnl_error *err)
{
    MYSQL_RES *metadata;
    char what[160];

    snprintf(what, sizeof(what), "%.150s", sql);
    *wire = (struct wire){.conn = conn, .stmt = mysql_stmt_init(conn->mysql)};
    if (!wire->stmt)
        return error_memory(err);
    if (mysql_stmt_prepare(wire->stmt, sql, strlen(sql)) || mysql_stmt_execute(wire->stmt)) {
        int status = error_set(conn, err, what);

        wire_close(wire);
        return status;
    }
    wire->reading = true;
    *nfields = mysql_stmt_field_count(wire->stmt);
    /* the fields themselves stand in the statement: the result only names them */
    metadata = mysql_stmt_result_metadata(wire->stmt);
    if (!metadata) {
        wire_close(wire);
        return error_memory(err);
    }
    *fields = mariadb_stmt_fetch_fields(wire->stmt);
    mysql_free_result(metadata);
    return RNL_OK;
}

/*
 * After a row of many MiB its buffer stays as large until the connection ends; the
 * pages can be had back, as nothing in them is needed: the row was used, and the next
 * is written from the start.
 */
void wire_buffer_trim(MYSQL *mysql)
{
    NET *net = &mysql->net;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from, to;

    if (net->max_packet <= BUFFER_KEPT || net->compress)
        return;
    from = ((uintptr_t)net->buff + BUFFER_KEPT + page - 1) & ~(page - 1);
    to = ((uintptr_t)net->buff + net->max_packet) & ~(page - 1);
    if (from < to)
        madvise(net->buff + (from - (uintptr_t)net->buff), to - from, MADV_DONTNEED);
}

bool wire_has_packet(const MYSQL *mysql)
{
    enum { PACKET_HEAD = 4, LONGEST = 0xffffff };
    const MARIADB_PVIO *pvio = mysql->net.pvio;
    size_t left, len;

    if (mysql->net.compress || !pvio || !pvio->cache || pvio->cache_pos < pvio->cache ||
        pvio->cache_pos >= pvio->cache + pvio->cache_size)
        return false;
    left = (size_t)(pvio->cache + pvio->cache_size - pvio->cache_pos);
    if (left < PACKET_HEAD)
        return false;
    len = (size_t)pvio->cache_pos[0] | (size_t)pvio->cache_pos[1] << 8 |
          (size_t)pvio->cache_pos[2] << 16;
    return len < LONGEST && left - PACKET_HEAD >= len;
}

int wire_row(struct wire *wire, const unsigned char **packet, size_t *len, struct rnl_error *err)
{
    MYSQL *mysql = wire->conn->mysql;
    unsigned long got;

    if (!wire->reading)
        return RNL_DONE;
    got = mysql_net_read_packet(mysql);
    if (got == packet_error || got == 0) {
        int status = error_set(wire->conn, err, "reading rows");

        wire->reading = false;
        mysql->status = MYSQL_STATUS_READY;
        return status;
    }
    *packet = mysql->net.read_pos;
    *len = got;
    if (**packet != 0xfe)
        return RNL_OK;
    wire->reading = false;
    mysql->status = MYSQL_STATUS_READY;
    wire_buffer_trim(mysql);
    return RNL_DONE;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* By a connection of its own: ours is busy sending. */
static int statement_kill(struct conn *conn)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct conn *killer;
    char sql[60];
    int status = conn_open(conn->server, &killer, &err);

    if (status)
        return status;
    snprintf(sql, sizeof(sql), "KILL QUERY %lu", mysql_thread_id(conn->mysql));
    status = conn_run(killer, sql, &err);
    conn_close(killer);
    return status;
}

static void rows_drop(struct wire *wire)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t until = now_ms() + DRAIN_MS;
    const unsigned char *packet;
    bool killed = false;
    size_t len;

    while (wire_row(wire, &packet, &len, &err) == RNL_OK) {
        if (killed || now_ms() < until)
            continue;
        killed = true;
        if (statement_kill(wire->conn))
            break;
    }
    if (!wire->reading)
        return;
    /* nothing else helps: the next use of the connection fails, and says so */
    shutdown(wire->conn->fd, SHUT_RDWR);
    while (wire_row(wire, &packet, &len, &err) == RNL_OK)
        ;
}

void wire_close(struct wire *wire)
{
    if (wire->reading)
        rows_drop(wire);
    if (wire->stmt)
        mysql_stmt_close(wire->stmt);
    wire->stmt = NULL;
}
