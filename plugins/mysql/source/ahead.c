/*
 * Questions about the structure of many tables, asked on connections of their own at one
 * time. MariaDB opens each table to answer each of them, and forgets all but the last few
 * hundred: asked together, they find the tables open that another has just opened.
 */
#include "describe.h"

struct ahead {
    struct source *source;
    struct conn *conn;
    char *sql;
    MYSQL_RES *result; /* NULL: it didn't work, or was taken */
    pthread_t thread;
    struct ahead *next;
};

/* Its own thread; what goes wrong here is found again, and told, by who asks in the usual way. */
static void *ahead_run(void *arg)
{
    struct ahead *ahead = arg;
    struct rnl_error err = RNL_ERROR_INIT;

    if (conn_open(&ahead->source->server, &ahead->conn, &err))
        return NULL;
    if (mysql_real_query(ahead->conn->mysql, ahead->sql, strlen(ahead->sql)) == 0)
        ahead->result = mysql_store_result(ahead->conn->mysql);
    return NULL;
}

static void ahead_free(struct ahead *ahead)
{
    if (ahead->result)
        mysql_free_result(ahead->result);
    if (ahead->conn)
        conn_close(ahead->conn);
    free(ahead->sql);
    free(ahead);
}

void ahead_ask(struct drafts *drafts, const char *sql)
{
    struct ahead *ahead = calloc(1, sizeof(*ahead));

    if (!ahead)
        return;
    ahead->source = drafts->source;
    ahead->sql = strdup(sql);
    if (!ahead->sql || pthread_create(&ahead->thread, NULL, ahead_run, ahead)) {
        ahead_free(ahead);
        return;
    }
    ahead->next = drafts->ahead;
    drafts->ahead = ahead;
}

MYSQL_RES *ahead_take(struct drafts *drafts, const char *sql)
{
    struct ahead **link = &drafts->ahead, *ahead;
    MYSQL_RES *result;

    while (*link && strcmp((*link)->sql, sql) != 0)
        link = &(*link)->next;
    ahead = *link;
    if (!ahead)
        return NULL;
    *link = ahead->next;
    pthread_join(ahead->thread, NULL);
    result = ahead->result;
    ahead->result = NULL;
    ahead_free(ahead);
    return result;
}

void ahead_forget(struct drafts *drafts)
{
    struct ahead *ahead;

    while ((ahead = drafts->ahead)) {
        drafts->ahead = ahead->next;
        pthread_join(ahead->thread, NULL);
        ahead_free(ahead);
    }
}
