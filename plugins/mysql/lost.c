/* Sessions that this process had: a server that never heard of their end keeps their locks. */
#include "server.h"

#include <time.h>

#define REMEMBERED 256 /* sessions, of all servers */
#define CLOCK_SLACK_S 3

/* The same server, not restarted since: there an id is given once. */
struct session {
    unsigned long id;
    int64_t started_s;
    char where[200];
};

static pthread_mutex_t sessions_lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct session sessions[REMEMBERED];
static size_t newest;

static void where_put(const struct my_server *server, char *out, size_t size)
{
    const struct mysql_link *link = server->link;

    snprintf(out, size, "%s:%d", link->socket ? link->socket : link->host,
             link->socket ? 0 : (int)link->port);
}

void lost_learn(struct my_server *server, struct conn *conn)
{
    struct rnl_error ignored = RNL_ERROR_INIT;
    char *uptime = NULL;

    if (conn_value(conn, "SHOW GLOBAL STATUS LIKE 'Uptime'", 1, &uptime, &ignored) || !uptime)
        return;
    server->started_s = (int64_t)time(NULL) - strtoll(uptime, NULL, 10);
    free(uptime);
}

void lost_remember(const struct conn *conn)
{
    struct session *at;

    if (!conn->server->started_s || !conn->id)
        return;
    pthread_mutex_lock(&sessions_lock);
    at = &sessions[newest++ % REMEMBERED];
    at->id = conn->id;
    at->started_s = conn->server->started_s;
    where_put(conn->server, at->where, sizeof(at->where));
    pthread_mutex_unlock(&sessions_lock);
}

static bool take(const struct my_server *server, unsigned long *id)
{
    char where[200];
    bool found = false;

    where_put(server, where, sizeof(where));
    pthread_mutex_lock(&sessions_lock);
    for (size_t i = 0; i < REMEMBERED && !found; i++) {
        int64_t apart = sessions[i].started_s - server->started_s;

        if (!sessions[i].id || strcmp(sessions[i].where, where) != 0)
            continue;
        *id = sessions[i].id;
        sessions[i].id = 0;
        found = apart <= CLOCK_SLACK_S && apart >= -CLOCK_SLACK_S;
    }
    pthread_mutex_unlock(&sessions_lock);
    return found;
}

void lost_end(struct conn *conn)
{
    struct rnl_error ignored = RNL_ERROR_INIT;
    unsigned long id;
    char sql[60];

    while (take(conn->server, &id)) {
        snprintf(sql, sizeof(sql), "KILL %lu", id);
        (void)conn_run(conn, sql, &ignored); /* most have ended long ago */
    }
}
