/* One connection of a test program to a server of any engine, for SQL as text. */
#include "client.h"

#include <libpq-fe.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exactly one of them is set. */
struct client {
    MYSQL *mysql;
    PGconn *postgres;
};

static _Thread_local char why[512];

const char *client_why(void)
{
    return why;
}

static void say_why(const char *text)
{
    snprintf(why, sizeof why, "%s", text);
    why[strcspn(why, "\n")] = 0;
}

bool client_is_mysql(const char *url)
{
    return strncmp(url, "mysql:", 6) == 0 || strncmp(url, "mariadb:", 8) == 0;
}

static MYSQL *open_mysql(const char *url)
{
    char user[64], password[64], host[64], database[128];
    unsigned port;
    const char *rest = strstr(url, "://");
    if (!rest || sscanf(rest + 3, "%63[^:]:%63[^@]@%63[^:]:%u/%127[^?]", user, password, host,
                        &port, database) != 5) {
        say_why("not a URL as mysql://user:password@host:port/database");
        return NULL;
    }
    MYSQL *m = mysql_init(NULL);
    if (!m)
        return NULL;
    if (!mysql_real_connect(m, host, user, password, database, port, NULL, 0) ||
        mysql_set_character_set(m, "utf8mb4") != 0 ||
        mysql_query(m, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED") != 0) {
        say_why(mysql_error(m));
        mysql_close(m);
        return NULL;
    }
    return m;
}

static PGconn *open_postgres(const char *url)
{
    PGconn *p = PQconnectdb(url);
    if (PQstatus(p) == CONNECTION_OK)
        return p;
    say_why(PQerrorMessage(p));
    PQfinish(p);
    return NULL;
}

struct client *client_open(const char *url)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    if (client_is_mysql(url))
        c->mysql = open_mysql(url);
    else
        c->postgres = open_postgres(url);
    if (c->mysql || c->postgres)
        return c;
    free(c);
    return NULL;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    if (c->mysql)
        mysql_close(c->mysql);
    PQfinish(c->postgres);
    free(c);
}

static enum client_end mysql_failed(MYSQL *m)
{
    unsigned number = mysql_errno(m);
    say_why(mysql_error(m));
    /* The client's own numbers; "shutdown in progress"; "connection was killed". */
    return (number >= 2000 && number < 3000) || number == 1053 || number == 1927 ? CLIENT_LOST
                                                                                 : CLIENT_REFUSED;
}

static enum client_end run_mysql(MYSQL *m, const char *sql, long long *affected, char *answer,
                                 size_t size)
{
    if (mysql_query(m, sql) != 0)
        return mysql_failed(m);
    MYSQL_RES *res = mysql_store_result(m);
    if (!res && mysql_errno(m))
        return mysql_failed(m);
    if (affected)
        *affected = (long long)mysql_affected_rows(m);
    MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
    if (answer)
        snprintf(answer, size, "%s", row && row[0] ? row[0] : "");
    mysql_free_result(res);
    return CLIENT_OK;
}

static enum client_end run_postgres(PGconn *p, const char *sql, long long *affected, char *answer,
                                    size_t size)
{
    PGresult *res = PQexec(p, sql);
    ExecStatusType status = PQresultStatus(res);
    enum client_end end = CLIENT_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        say_why(PQerrorMessage(p));
        end = PQstatus(p) == CONNECTION_OK ? CLIENT_REFUSED : CLIENT_LOST;
    } else {
        if (affected)
            *affected = atoll(PQcmdTuples(res));
        if (answer)
            snprintf(answer, size, "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    }
    PQclear(res);
    return end;
}

enum client_end client_run(struct client *c, const char *sql, long long *affected)
{
    if (c->mysql)
        return run_mysql(c->mysql, sql, affected, NULL, 0);
    return run_postgres(c->postgres, sql, affected, NULL, 0);
}

enum client_end client_ask(struct client *c, const char *sql, char *answer, size_t size)
{
    if (c->mysql)
        return run_mysql(c->mysql, sql, NULL, answer, size);
    return run_postgres(c->postgres, sql, NULL, answer, size);
}

typedef void (*client_row)(void *arg, long long first, long long second);

static enum client_end each_mysql(MYSQL *m, const char *sql, client_row row, void *arg)
{
    if (mysql_query(m, sql) != 0)
        return mysql_failed(m);
    MYSQL_RES *res = mysql_store_result(m);
    if (!res)
        return mysql_failed(m);
    for (MYSQL_ROW r; (r = mysql_fetch_row(res));)
        row(arg, r[0] ? atoll(r[0]) : 0, r[1] ? atoll(r[1]) : 0);
    mysql_free_result(res);
    return CLIENT_OK;
}

static enum client_end each_postgres(PGconn *p, const char *sql, client_row row, void *arg)
{
    PGresult *res = PQexec(p, sql);
    enum client_end end = CLIENT_OK;
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        say_why(PQerrorMessage(p));
        end = PQstatus(p) == CONNECTION_OK ? CLIENT_REFUSED : CLIENT_LOST;
    }
    for (int i = 0; end == CLIENT_OK && i < PQntuples(res); i++)
        row(arg, atoll(PQgetvalue(res, i, 0)), atoll(PQgetvalue(res, i, 1)));
    PQclear(res);
    return end;
}

enum client_end client_each(struct client *c, const char *sql, client_row row, void *arg)
{
    return c->mysql ? each_mysql(c->mysql, sql, row, arg)
                    : each_postgres(c->postgres, sql, row, arg);
}
