/* What holds in every session that writes. */
#include "sink.h"

/*
 * One meaning for all that we write, whatever the server's defaults: no value is bent to
 * fit, 0 is a number and no order for the next one, days that no calendar has are kept,
 * times are UTC. Quotes may be escaped by backslashes: expressions that another server
 * printed come with them.
 */
int sink_session_set(struct conn *conn, struct rnl_error *err)
{
    static const char common[] =
        "SET NAMES utf8mb4, SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,"
        "NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES', time_zone = '+00:00', sql_select_limit = "
        "18446744073709551615, net_write_timeout = 3600, net_read_timeout = 3600, "
        "wait_timeout = 31536000, lock_wait_timeout = 60, innodb_lock_wait_timeout = 60, "
        "sql_auto_is_null = 0, foreign_key_checks = 0, unique_checks = 1, autocommit = 1, "
        "auto_increment_increment = 1, auto_increment_offset = 1";
    static const char maria[] = "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0, "
                                "check_constraint_checks = 1, system_versioning_alter_history = "
                                "KEEP";
    static const char mysql[] =
        "SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0";
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status = conn_run(conn, common, err);

    if (!status)
        status = conn_run(conn, conn->server->mariadb ? maria : mysql, err);
    /* a TIMESTAMP without a default gets none; older MariaDB has this for the server alone */
    if (!status)
        (void)conn_run(conn, "SET SESSION explicit_defaults_for_timestamp = 1", &ignored);
    return status;
}
