/* What holds in every session that reads. */
#include "source.h"

/*
 * One meaning for all that we read, whatever the server's defaults: times in UTC, no
 * limits of rows or time, values in the columns' own character sets (a conversion by
 * the server would put '?' for what it can't convert).
 */
int source_session_set(struct conn *conn, struct rnl_error *err)
{
    static const char common[] =
        "SET SESSION sql_mode = '', time_zone = '+00:00', sql_select_limit = "
        "18446744073709551615, net_write_timeout = 31536000, net_read_timeout = 31536000, "
        "wait_timeout = 31536000, lock_wait_timeout = 60, sql_auto_is_null = 0, "
        "character_set_results = NULL";
    static const char maria[] = "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0, "
                                "idle_readonly_transaction_timeout = 0";
    static const char mysql[] =
        "SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0";
    int status = conn_run(conn, common, err);

    if (!status)
        status = conn_run(conn, conn->server->mariadb ? maria : mysql, err);
    if (!status)
        status = conn_run(
            conn, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", err);
    return status;
}
