/* What source and sink know of their server from the start, and when they let go of it. */
#include "server.h"

/* wire.c reads rows below the library's own interface, which is one in major 3 alone. */
int library_check(struct rnl_error *err)
{
    const char *version = mysql_get_client_info();

    if (strncmp(version, "3.", 2) == 0 && strtoul(version + 2, NULL, 10) >= 1)
        return RNL_OK;
    return rnl_fail(err, RNL_E_CONFIG, "mysql.client",
                    "the client library is version %.30s; MariaDB Connector/C 3 is needed",
                    version);
}

void server_init(struct my_server *server, const struct rnl_ctx *ctx, const struct mysql_link *link,
                 int (*session_set)(struct conn *conn, struct rnl_error *err))
{
    *server = (struct my_server){.ctx = ctx, .link = link, .session_set = session_set};
    pthread_mutex_init(&server->lock, NULL);
}

void server_free(struct my_server *server)
{
    free(server->database);
    pthread_mutex_destroy(&server->lock);
}

int server_learn(struct my_server *server, struct conn *conn, struct rnl_error *err)
{
    int status = conn_value(conn, "SELECT DATABASE()", 0, &server->database, err);

    if (!status && !server->database)
        return error_memory(err);
    lost_learn(server, conn);
    rnl_debug(server->ctx, "connected to %s %u.%u.%u", server->mariadb ? "MariaDB" : "MySQL",
              server->version / 10000, server->version / 100 % 100, server->version % 100);
    return status;
}
