/* One view of the data for all lanes, and the place in the server's log that belongs to it. */
#include "snapshot.h"

#include <strings.h>

#define TRIES 10
#define LOCK_WAIT_S 3

void moment_clear(struct moment *moment)
{
    free(moment->file);
    free(moment->pos);
    free(moment->gtid);
    *moment = (struct moment){0};
}

static bool same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

void lanes_close(struct source *source)
{
    for (uint32_t i = 0; i < source->nlanes; i++) {
        conn_close(source->lanes[i]);
        if (source->lane_positions)
            free(source->lane_positions[i]);
    }
    free(source->lane_positions);
    source->lane_positions = NULL;
    free(source->lanes);
    source->lanes = NULL;
    source->nlanes = 0;
}

static int lanes_open(struct source *source, uint32_t lanes, struct rnl_error *err)
{
    int status;

    lanes_close(source);
    source->lanes = calloc(lanes, sizeof(struct conn *));
    if (!source->lanes)
        return error_memory(err);
    for (uint32_t i = 0; i < lanes; i++) {
        status = conn_open(&source->server, &source->lanes[i], err);
        if (status)
            return status;
        source->nlanes = i + 1;
    }
    return RNL_OK;
}

/* All at nearly the same time: sent to each before the first answer is awaited. */
static int lanes_run(struct source *source, const char *sql, struct rnl_error *err)
{
    int status = RNL_OK;
    uint32_t sent = 0;

    for (; sent < source->nlanes && !status; sent++)
        if (mysql_send_query(source->lanes[sent]->mysql, sql, strlen(sql)))
            status = error_set(source->lanes[sent], err, sql);
    for (uint32_t i = 0; i < sent && !status; i++)
        if (mysql_read_query_result(source->lanes[i]->mysql))
            status = error_set(source->lanes[i], err, sql);
    return status;
}

int lanes_begin(struct source *source, struct rnl_error *err)
{
    return lanes_run(source, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", err);
}

int lanes_end(struct source *source, struct rnl_error *err)
{
    return lanes_run(source, "COMMIT", err);
}

/* MariaDB tells each transaction where in the log its own view stands. */
int maria_moment(struct conn *conn, struct moment *moment, struct rnl_error *err)
{
    static const char sql[] = "SHOW STATUS LIKE 'binlog_snapshot_%'";
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_query(conn, sql, &result, err);

    moment_clear(moment);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result))) {
        char **at = strcasecmp(row[0], "Binlog_snapshot_file") == 0       ? &moment->file
                    : strcasecmp(row[0], "Binlog_snapshot_position") == 0 ? &moment->pos
                                                                          : NULL;
        if (at && !*at && row[1])
            *at = strdup(row[1]);
    }
    moment->exact = true;
    return conn_finish(conn, result, sql, err);
}

static int maria_same(struct source *source, struct moment *moment, bool *same,
                      struct rnl_error *err)
{
    struct moment other = {0};
    int status = maria_moment(source->lanes[0], moment, err);

    *same = moment->file && *moment->file;
    for (uint32_t i = 1; i < source->nlanes && !status && *same; i++) {
        status = maria_moment(source->lanes[i], &other, err);
        *same = same_text(moment->file, other.file) && same_text(moment->pos, other.pos);
    }
    moment_clear(&other);
    return status;
}

/* Views taken at once, until they show the same place: then nothing was committed between them. */
static int maria_unlocked(struct source *source, struct moment *moment, bool *same,
                          struct rnl_error *err)
{
    int status = RNL_OK;

    *same = false;
    for (int i = 0; i < TRIES && !status && !*same; i++) {
        if (i)
            status = lanes_end(source, err);
        if (!status)
            status = lanes_begin(source, err);
        if (!status)
            status = maria_same(source, moment, same, err);
    }
    return status;
}

bool is_denied(const struct rnl_error *err)
{
    return strcmp(err->code, "mysql.missing_privilege") == 0;
}

int log_status_read(struct conn *conn, struct moment *moment, struct rnl_error *err)
{
    static const char sql[] =
        "SELECT JSON_UNQUOTE(JSON_EXTRACT(LOCAL, '$.binary_log_file')), "
        "JSON_UNQUOTE(JSON_EXTRACT(LOCAL, '$.binary_log_position')), "
        "JSON_UNQUOTE(JSON_EXTRACT(LOCAL, '$.gtid_executed')) FROM performance_schema.log_status";
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_query(conn, sql, &result, err);

    moment_clear(moment);
    if (status)
        return status;
    row = mysql_fetch_row(result);
    if (row) {
        moment->file = row[0] ? strdup(row[0]) : NULL;
        moment->pos = row[1] ? strdup(row[1]) : NULL;
        moment->gtid = row[2] ? strdup(row[2]) : NULL;
        while (mysql_fetch_row(result))
            ;
    }
    return conn_finish(conn, result, "reading log_status", err);
}

/*
 * What stood in the log before the views were taken is seen by all of them (log_status
 * waits for commits under way), what came to it later by none: when nothing came in
 * between, they are one view.
 */
static int mysql_unlocked(struct source *source, struct moment *moment, bool *same,
                          struct rnl_error *err)
{
    struct moment after = {0};
    int status = RNL_OK;

    *same = false;
    for (int i = 0; i < TRIES && !status && !*same; i++) {
        if (i)
            status = lanes_end(source, err);
        if (!status)
            status = log_status_read(source->control, moment, err);
        if (!status)
            status = lanes_begin(source, err);
        if (!status)
            status = log_status_read(source->control, &after, err);
        *same = !status && same_text(moment->file, after.file) && same_text(moment->pos, after.pos);
    }
    moment->exact = *same;
    moment_clear(&after);
    return status;
}

/* Reads file, position and GTIDs while nothing is committed: of MySQL only. */
static int mysql_moment(struct conn *conn, struct moment *moment, struct rnl_error *err)
{
    const char *sql =
        conn->server->version >= 80200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
    struct rnl_error ignored = RNL_ERROR_INIT;

    moment_clear(moment);
    moment->exact = true;
    /* REPLICATION CLIENT is nothing that a load needs */
    if (conn_value(conn, sql, 0, &moment->file, &ignored) == RNL_OK)
        conn_value(conn, sql, 1, &moment->pos, &ignored);
    return conn_value(conn, "SELECT @@global.gtid_executed", 0, &moment->gtid, err);
}

/*
 * The lock waits for statements that run, and whatever touches their tables then waits
 * behind it, even after it has been given up. Others' statements are seen with the
 * privilege PROCESS only.
 */
static int long_statements(struct conn *conn, bool *found, struct rnl_error *err)
{
    char *count;
    int status = conn_value(conn,
                            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND IN "
                            "('Query', 'Execute') AND TIME >= 2 AND ID <> CONNECTION_ID()",
                            0, &count, err);

    *found = count && strcmp(count, "0") != 0;
    free(count);
    return status;
}

static const char *lock_reason(const struct source *source)
{
    if (source->server.mariadb)
        return "the user lacks the privilege RELOAD";
    return source->binlog ? "the user lacks the privilege RELOAD, or BACKUP_ADMIN together with "
                            "SELECT on performance_schema.log_status"
                          : "the user lacks the privilege RELOAD";
}

static const char long_reason[] = "a statement that runs for long would have to be waited for";

/* Stops commits for the moment in which the views are taken. *done is false when that isn't to be.
 */
int views_locked(struct source *source, struct moment *moment, bool *done, const char **why,
                 struct rnl_error *err)
{
    struct conn *control = source->control;
    struct rnl_error unlock = RNL_ERROR_INIT;
    char sql[80];
    bool busy;
    int status;

    *done = false;
    status = long_statements(control, &busy, err);
    if (status || busy) {
        *why = long_reason;
        return status;
    }
    snprintf(sql, sizeof(sql), "SET SESSION lock_wait_timeout = %d", LOCK_WAIT_S);
    status = conn_run(control, sql, err);
    if (status)
        return status;
    if (conn_run(control, "FLUSH TABLES WITH READ LOCK", err)) {
        bool denied = is_denied(err);

        if (!denied && strcmp(err->code, "mysql.locked") != 0)
            return err->status;
        *why = denied ? lock_reason(source) : long_reason;
        return conn_run(control, "SET SESSION lock_wait_timeout = 60", err);
    }
    status = lanes_begin(source, err);
    if (!status && source->binlog)
        status = source->server.mariadb ? maria_moment(source->lanes[0], moment, err)
                                        : mysql_moment(control, moment, err);
    if (conn_run(control, "UNLOCK TABLES", &unlock) && !status) {
        *err = unlock;
        status = unlock.status;
    }
    *done = !status;
    return status ? status : conn_run(control, "SET SESSION lock_wait_timeout = 60", err);
}

static void one_lane_report(struct source *source, uint32_t wanted, const char *why)
{
    char text[300];
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_NOTE,
        .code = "mysql.one_lane",
        .schema = source->server.database,
        .text = text,
        .count = -1,
    };

    snprintf(text, sizeof(text),
             "Read by one lane instead of %u: one view of the data could not be had for more, "
             "because %s.",
             wanted, why);
    source->ctx->host->finding(source->ctx, &finding);
}

static int views_begin(struct source *source, struct moment *moment, bool *same,
                       struct rnl_error *err)
{
    int status;

    *same = false;
    if (!source->binlog)
        return RNL_OK;
    if (source->server.mariadb)
        return maria_unlocked(source, moment, same, err);
    status = mysql_unlocked(source, moment, same, err);
    return status && is_denied(err) ? RNL_OK : status;
}

/* One view needs no agreement; where it stands is still worth knowing. */
static int view_alone(struct source *source, struct moment *moment, struct rnl_error *err)
{
    bool same;
    int status;

    if (source->binlog) {
        status = views_begin(source, moment, &same, err);
        if (status || same)
            return status;
    }
    status = lanes_end(source, err);
    /* what is in there is in the view too; what comes later may be in both: see README.md */
    if (!status && !source->server.mariadb && source->binlog) {
        moment_clear(moment);
        status =
            conn_value(source->control, "SELECT @@global.gtid_executed", 0, &moment->gtid, err);
    }
    return status ? status : lanes_begin(source, err);
}

static int views_make(struct source *source, uint32_t *lanes, struct moment *moment,
                      struct rnl_error *err)
{
    const char *why = "";
    uint32_t wanted = *lanes;
    bool done = false;
    int status;

    if (wanted > 1) {
        status = views_begin(source, moment, &done, err);
        if (!status && !done)
            status = lanes_end(source, err);
        if (!status && !done)
            status = views_locked(source, moment, &done, &why, err);
        if (status || done)
            return status;
        one_lane_report(source, wanted, why);
        while (source->nlanes > 1)
            conn_close(source->lanes[--source->nlanes]);
        *lanes = 1;
    }
    return view_alone(source, moment, err);
}

/* The file is read up to there by the server: without need only while that is quick. */
int maria_gtid(struct source *source, struct moment *moment, struct rnl_error *err)
{
    struct text sql = {0};
    int status;

    if (!moment->file || !moment->pos ||
        (!source->following && strtoull(moment->pos, NULL, 10) > (8u << 20)))
        return RNL_OK;
    text_add(&sql, "SELECT BINLOG_GTID_POS(");
    text_quoted(&sql, moment->file);
    text_printf(&sql, ", %llu)", strtoull(moment->pos, NULL, 10));
    status = sql.failed ? error_memory(err)
                        : conn_value(source->control, sql.ptr, 0, &moment->gtid, err);
    text_free(&sql);
    return status;
}

static void member_add(struct text *json, const char *name, const char *value)
{
    text_printf(json, ", \"%s\": ", name);
    if (value)
        text_json(json, value);
    else
        text_add(json, "null");
}

static int position_write(struct source *source, const struct moment *moment, struct rnl_error *err)
{
    struct text json = {0};
    char *id = NULL;
    int status = conn_value(source->control,
                            source->server.mariadb ? "SHOW GLOBAL VARIABLES LIKE 'server_uid'"
                                                   : "SHOW GLOBAL VARIABLES LIKE 'server_uuid'",
                            1, &id, err);

    if (status)
        return status;
    text_printf(&json, "{\"flavour\": \"%s\"", source->server.mariadb ? "mariadb" : "mysql");
    member_add(&json, "server_uuid", id);
    member_add(&json, "gtid", moment->gtid);
    member_add(&json, "file", moment->file);
    member_add(&json, "pos", moment->pos);
    text_printf(&json, ", \"exact\": %s}", moment->exact ? "true" : "false");
    free(id);
    if (json.failed) {
        text_free(&json);
        return error_memory(err);
    }
    free(source->position);
    source->position = json.ptr;
    return RNL_OK;
}

/* A GTID set is shown with line ends after each server. */
void gtid_spaces_drop(char *text)
{
    char *to = text;

    for (; text && *text; text++)
        if (*text != '\n' && *text != ' ')
            *to++ = *text;
    if (to)
        *to = '\0';
}

int source_snapshot(void *self, uint32_t *lanes, struct rnl_slice *position, struct rnl_error *err)
{
    struct source *source = self;
    struct moment moment = {0};
    int status = lanes_open(source, *lanes ? *lanes : 1, err);

    if (!*lanes)
        *lanes = 1;
    if (!status && source->following)
        return handover_make(source, lanes, position, err);
    if (!status)
        status = views_make(source, lanes, &moment, err);
    if (!status && source->server.mariadb && source->binlog)
        status = maria_gtid(source, &moment, err);
    if (!status && source->binlog) {
        gtid_spaces_drop(moment.gtid);
        status = position_write(source, &moment, err);
    }
    moment_clear(&moment);
    if (status)
        return status;
    *position = source->binlog ? (struct rnl_slice){source->position, strlen(source->position)}
                               : (struct rnl_slice){NULL, 0};
    return RNL_OK;
}
