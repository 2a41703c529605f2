/* Looks at the server's settings and the user's privileges: can its changes be followed? */
#include "follow.h"

#include <strings.h>

/* A variable's value, malloc'd; NULL: this server has none such. */
static int variable(struct source *source, const char *name, char **value, struct rnl_error *err)
{
    char sql[120];

    snprintf(sql, sizeof(sql), "SHOW GLOBAL VARIABLES LIKE '%s'", name);
    return conn_value(source->control, sql, 1, value, err);
}

static int variable_is(struct source *source, const char *name, const char *wanted, bool *is,
                       struct rnl_error *err)
{
    char *value = NULL;
    int status = variable(source, name, &value, err);

    *is = value && strcasecmp(value, wanted) == 0;
    free(value);
    return status;
}

static int format_check(struct needs *needs, struct rnl_error *err)
{
    bool is;
    int status = variable_is(needs->source, "binlog_format", "ROW", &is, err);

    if (!status && !is)
        need_tell(needs, RNL_BLOCKER, "mysql.binlog_format",
                  "binlog_format is not ROW: changes may be logged as statements, which can't be "
                  "followed",
                  "SET GLOBAL binlog_format = ROW, and let the sessions that are open reconnect");
    if (!status)
        status = variable_is(needs->source, "binlog_row_image", "FULL", &is, err);
    if (!status && !is)
        need_tell(
            needs, RNL_NOTE, "mysql.row_image",
            "binlog_row_image is not FULL: columns that a change doesn't name are left as they "
            "are in the target, so rows missing there can't be put back, and a load that was "
            "cut off can't be gone on with",
            "SET GLOBAL binlog_row_image = FULL");
    return status;
}

static int json_check(struct needs *needs, struct rnl_error *err)
{
    bool is;
    int status = variable_is(needs->source, "binlog_row_value_options", "PARTIAL_JSON", &is, err);

    if (!status && is)
        need_tell(
            needs, RNL_NOTE, "mysql.partial_json",
            "binlog_row_value_options is PARTIAL_JSON: changes to JSON are put together from the "
            "row before, which must be in the log (binlog_row_image = FULL)",
            "SET GLOBAL binlog_row_value_options = ''");
    return status;
}

static int gtid_check(struct needs *needs, struct rnl_error *err)
{
    struct source *source = needs->source;
    char *mode = NULL;
    int status;

    source->gtids = source->server.mariadb;
    if (source->server.mariadb)
        return RNL_OK;
    status = variable(needs->source, "gtid_mode", &mode, err);
    source->gtids = mode && strcasecmp(mode, "ON") == 0;
    free(mode);
    if (!status && !source->gtids)
        need_tell(needs, RNL_WARNING, "mysql.gtid_mode",
                  "gtid_mode is not ON: positions are told by the files of this one server, and no "
                  "other server can take its place",
                  "set enforce_gtid_consistency and gtid_mode to ON");
    return status;
}

/* Seconds for which the log is kept; 0: for ever. */
static int kept_check(struct needs *needs, struct rnl_error *err)
{
    char *seconds = NULL, *days = NULL;
    double kept;
    int status = variable(needs->source, "binlog_expire_logs_seconds", &seconds, err);

    if (!status && (!seconds || strcmp(seconds, "0") == 0))
        status = variable(needs->source, "expire_logs_days", &days, err);
    kept = seconds ? strtod(seconds, NULL) : 0;
    kept = kept > 0 ? kept : days ? strtod(days, NULL) * 86400 : 0;
    free(seconds);
    free(days);
    if (!status && kept > 0 && kept < 86400)
        need_tell(needs, RNL_NOTE, "mysql.log_kept",
                  "the server keeps its log for less than a day: a pipeline that stands still for "
                  "longer has to load again",
                  "raise binlog_expire_logs_seconds");
    return status;
}

/* "a,b,c" */
static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);

    while (list && *list) {
        size_t part = strcspn(list, ",");

        if (part == len && strncasecmp(list, name, len) == 0)
            return true;
        list += part + (list[part] == ',');
    }
    return false;
}

/* A server may be told to keep changes of a database out of its log. Not everybody may look. */
static int filters_check(struct needs *needs, struct rnl_error *err)
{
    struct source *source = needs->source;
    struct rnl_error denied = RNL_ERROR_INIT;
    const char *sql = log_status_query(source);
    MYSQL_RES *result;
    MYSQL_ROW row;
    bool out;

    if (conn_query(source->control, sql, &result, &denied)) {
        if (denied.status != RNL_E_CONFIG)
            *err = denied;
        return denied.status == RNL_E_CONFIG ? RNL_OK : denied.status;
    }
    row = mysql_fetch_row(result);
    out = row && mysql_num_fields(result) >= 4 &&
          ((row[2] && *row[2] && !list_has(row[2], source->server.database)) ||
           list_has(row[3], source->server.database));
    while (row)
        row = mysql_fetch_row(result);
    if (out)
        need_tell(needs, RNL_BLOCKER, "mysql.log_filtered",
                  "the server keeps changes of this database out of its log (binlog_do_db or "
                  "binlog_ignore_db)",
                  "start the server without these options");
    return conn_finish(source->control, result, sql, err);
}

struct grants {
    bool replicate, client, roles;
};

static void grant_read(const char *grant, struct grants *grants)
{
    bool all = strstr(grant, "ALL PRIVILEGES ON *.*") != NULL;

    if (strncasecmp(grant, "GRANT ", 6) != 0)
        return;
    if (!strstr(grant, " ON ")) {
        grants->roles = true; /* GRANT `role` TO user */
        return;
    }
    if (!all && !strstr(grant, " ON *.*"))
        return;
    grants->replicate = grants->replicate || all || strstr(grant, "REPLICATION SLAVE,") ||
                        strstr(grant, "REPLICATION SLAVE ON");
    grants->client = grants->client || all || strstr(grant, "REPLICATION CLIENT") ||
                     strstr(grant, "BINLOG MONITOR") || strstr(grant, "SUPER,") ||
                     strstr(grant, "SUPER ON");
}

static int grants_check(struct needs *needs, struct rnl_error *err)
{
    struct source *source = needs->source;
    static const char sql[] = "SHOW GRANTS";
    struct grants grants = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_query(source->control, sql, &result, err);

    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        if (row[0])
            grant_read(row[0], &grants);
    status = conn_finish(source->control, result, sql, err);
    if (status)
        return status;
    /* what roles bring isn't told: then the server says it when the log is asked for */
    if (!grants.replicate && !grants.roles)
        need_tell(needs, RNL_BLOCKER, "mysql.missing_privilege",
                  "the user lacks the privilege REPLICATION SLAVE, by which the log is read",
                  "GRANT REPLICATION SLAVE ON *.* TO this user");
    if (!grants.client && !grants.roles)
        need_tell(
            needs, RNL_NOTE, "mysql.no_log_sizes",
            source->server.mariadb
                ? "without the privilege BINLOG MONITOR it can't be told how many bytes the "
                  "target is behind"
                : "without the privilege REPLICATION CLIENT it can't be told how many bytes the "
                  "target is behind",
            source->server.mariadb ? "GRANT BINLOG MONITOR ON *.* TO this user"
                                   : "GRANT REPLICATION CLIENT ON *.* TO this user");
    return RNL_OK;
}

int needs_check(struct needs *needs, struct rnl_error *err)
{
    int status;

    if (!needs->source->binlog) {
        need_tell(needs, RNL_BLOCKER, "mysql.binlog_off",
                  "the server writes no binary log: there are no changes to follow",
                  "start the server with log_bin, binlog_format = ROW and a server_id");
        return RNL_OK;
    }
    status = format_check(needs, err);
    if (!status)
        status = json_check(needs, err);
    if (!status)
        status = gtid_check(needs, err);
    if (!status)
        status = kept_check(needs, err);
    if (!status)
        status = filters_check(needs, err);
    return status ? status : grants_check(needs, err);
}
