/*
 * A floor of the benchmarks: reads the changes of a publication as plainly as can be, looks at
 * each value, and ends with the first row of the table "marker".
 *
 *   floor-changes-postgres CONNINFO PUBLICATION
 *
 * Prints "ready", and behind the marker the time, and how many rows it saw.
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint32_t marker;
static unsigned long long rows, sum;

static uint32_t number(const char *at)
{
    uint32_t n;

    memcpy(&n, at, sizeof(n));
    return ntohl(n);
}

static const char *look_at(const char *at)
{
    unsigned count = (unsigned char)at[0] * 256u + (unsigned char)at[1];

    at += 2;
    while (count--) {
        char kind = *at++;
        uint32_t len = kind == 't' ? number(at) : 0;

        at += kind == 't' ? 4 : 0;
        for (uint32_t i = 0; i < len; i++)
            sum += (unsigned char)at[i];
        at += len;
    }
    return at;
}

/* Whether it is the marker's. */
static int take(const char *at)
{
    char kind = *at++;
    uint32_t table = strchr("RIUD", kind) ? number(at) : 0;

    at += 4;
    if (kind == 'R' && strcmp(at + strlen(at) + 1, "marker") == 0)
        marker = table;
    if (!strchr("IUD", kind))
        return 0;
    rows++;
    if (*at == 'K' || *at == 'O')
        at = look_at(at + 1);
    if (kind != 'D')
        look_at(at + 1);
    return table == marker;
}

static PGresult *run(PGconn *pg, const char *sql, ExecStatusType wanted)
{
    PGresult *result = PQexec(pg, sql);

    if (PQresultStatus(result) != wanted) {
        fprintf(stderr, "floor: %s: %s\n", sql, PQerrorMessage(pg));
        exit(1);
    }
    return result;
}

int main(int argc, char **argv)
{
    PGconn *pg;
    char sql[256], *bytes;
    struct timespec now;
    int len, done = 0;

    if (argc != 3)
        return 2;
    pg = PQconnectdb(argv[1]);
    PQclear(run(pg, "CREATE_REPLICATION_SLOT floor TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT",
                PGRES_TUPLES_OK));
    snprintf(sql, sizeof(sql),
             "START_REPLICATION SLOT floor LOGICAL 0/0 (proto_version '1', publication_names '%s')",
             argv[2]);
    PQclear(run(pg, sql, PGRES_COPY_BOTH));
    puts("ready");
    fflush(stdout);
    while (!done && (len = PQgetCopyData(pg, &bytes, 0)) > 0) {
        done = bytes[0] == 'w' && len > 25 && take(bytes + 25);
        PQfreemem(bytes);
    }
    if (!done) {
        fprintf(stderr, "floor: %s\n", PQerrorMessage(pg));
        return 1;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    printf("marker %lld.%09ld rows %llu sum %llu\n", (long long)now.tv_sec, now.tv_nsec, rows, sum);
    PQfinish(pg);
    return 0;
}
