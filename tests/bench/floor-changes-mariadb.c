/*
 * A floor of the benchmarks: reads MariaDB's binary log as plainly as can be, looks at each value
 * of row events, and ends with the first row of the table "marker". It knows the types of the
 * benchmark's tables alone: int and char.
 *
 *   floor-changes-mariadb SOCKET USER PASSWORD FILE POSITION
 *
 * Prints "ready", and behind the marker the time, and how many rows it saw.
 */
#include <mysql.h>

#include <mariadb_rpl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    unsigned columns;
    unsigned sizes[64]; /* of the values; of char that of its length, and text is set */
    int text[64], marker;
} map;
static unsigned long long rows, sum;

static void learn(const MARIADB_RPL_EVENT *event)
{
    const unsigned char *types = (const unsigned char *)event->event.table_map.column_types.str;
    const unsigned char *meta = (const unsigned char *)event->event.table_map.metadata.str;

    map.columns = event->event.table_map.column_count;
    map.marker = strncmp(event->event.table_map.table.str, "marker", 6) == 0;
    for (unsigned i = 0; i < map.columns && i < 64; i++) {
        map.text[i] = types[i] == MYSQL_TYPE_STRING;
        map.sizes[i] = 4;
        if (!map.text[i])
            continue;
        map.sizes[i] = (meta[1] | (((meta[0] & 0x30u) ^ 0x30u) << 4)) > 255 ? 2 : 1;
        meta += 2;
    }
}

static const unsigned char *look_at(const unsigned char *at)
{
    const unsigned char *nulls = at;

    at += (map.columns + 7) / 8;
    for (unsigned i = 0; i < map.columns; i++) {
        unsigned len = map.sizes[i];

        if (nulls[i / 8] >> i % 8 & 1)
            continue;
        if (map.text[i]) {
            len = at[0] + (map.sizes[i] == 2 ? at[1] * 256u : 0);
            at += map.sizes[i];
        }
        for (unsigned b = 0; b < len; b++)
            sum += at[b];
        at += len;
    }
    return at;
}

static void take(const MARIADB_RPL_EVENT *event)
{
    const unsigned char *at = event->event.rows.row_data;
    const unsigned char *end = at + event->event.rows.row_data_size;

    for (; at < end; rows++) {
        at = look_at(at);
        if (event->event.rows.type == UPDATE_ROWS)
            at = look_at(at);
    }
}

int main(int argc, char **argv)
{
    MYSQL *mysql = mysql_init(NULL);
    MARIADB_RPL *rpl;
    MARIADB_RPL_EVENT *event = NULL;
    struct timespec now;
    int done = 0;

    if (argc != 6)
        return 2;
    if (!mysql_real_connect(mysql, NULL, argv[2], argv[3], NULL, 0, argv[1], 0) ||
        mysql_query(mysql, "SET @master_binlog_checksum = 'NONE', @mariadb_slave_capability = 4,"
                           " net_write_timeout = 600") ||
        !(rpl = mariadb_rpl_init(mysql))) {
        fprintf(stderr, "floor: %s\n", mysql_error(mysql));
        return 1;
    }
    mariadb_rpl_optionsv(rpl, MARIADB_RPL_SERVER_ID, 4711);
    mariadb_rpl_optionsv(rpl, MARIADB_RPL_FILENAME, argv[4], strlen(argv[4]));
    mariadb_rpl_optionsv(rpl, MARIADB_RPL_START, strtoul(argv[5], NULL, 10));
    if (mariadb_rpl_open(rpl)) {
        fprintf(stderr, "floor: %s\n", mysql_error(mysql));
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (!done && (event = mariadb_rpl_fetch(rpl, event))) {
        if (event->event_type == TABLE_MAP_EVENT)
            learn(event);
        if (event->event_type >= WRITE_ROWS_EVENT_V1 && event->event_type <= DELETE_ROWS_EVENT_V1) {
            take(event);
            done = map.marker;
        }
    }
    if (!done) {
        fprintf(stderr, "floor: %s\n", mysql_error(mysql));
        return 1;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    printf("marker %lld.%09ld rows %llu sum %llu\n", (long long)now.tv_sec, now.tv_nsec, rows, sum);
    mariadb_free_rpl_event(event);
    mariadb_rpl_close(rpl);
    mysql_close(mysql);
    return 0;
}
