/*
 * A floor of the benchmarks: binary COPY out of one PostgreSQL table, straight into
 * another, and nothing else.
 *
 *   floor-postgres-postgres FROM-CONNINFO TABLE TO-CONNINFO TABLE
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static PGconn *copy_begin(const char *conninfo, const char *table, const char *way,
                          ExecStatusType wanted)
{
    PGconn *pg = PQconnectdb(conninfo);
    char sql[256];
    PGresult *result;

    snprintf(sql, sizeof(sql), "COPY %s %s (FORMAT binary)", table, way);
    result = PQexec(pg, sql);
    if (PQresultStatus(result) != wanted) {
        fprintf(stderr, "floor: %s: %s\n", sql, PQerrorMessage(pg));
        exit(1);
    }
    PQclear(result);
    return pg;
}

static void copy_done(PGconn *pg)
{
    PGresult *result = PQgetResult(pg);

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "floor: %s\n", PQerrorMessage(pg));
        exit(1);
    }
    PQclear(result);
    PQfinish(pg);
}

int main(int argc, char **argv)
{
    PGconn *from, *to;
    char *bytes;
    int len;

    if (argc != 5)
        return 2;
    from = copy_begin(argv[1], argv[2], "TO STDOUT", PGRES_COPY_OUT);
    to = copy_begin(argv[3], argv[4], "FROM STDIN", PGRES_COPY_IN);
    while ((len = PQgetCopyData(from, &bytes, 0)) > 0) {
        if (PQputCopyData(to, bytes, len) != 1)
            break;
        PQfreemem(bytes);
    }
    if (len != -1 || PQputCopyEnd(to, NULL) != 1) {
        fprintf(stderr, "floor: %s%s\n", PQerrorMessage(from), PQerrorMessage(to));
        return 1;
    }
    copy_done(from);
    copy_done(to);
    return 0;
}
