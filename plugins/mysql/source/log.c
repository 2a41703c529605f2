/* The end of the server's log, whether one has come there, and how far it is. */
#include "position.h"
#include "source.h"

#include <inttypes.h>
#include <strings.h>

int source_identity(struct source *source, struct conn *conn, struct rnl_error *err)
{
    char *id = NULL;
    int status = conn_value(conn,
                            source->server.mariadb ? "SHOW GLOBAL VARIABLES LIKE 'server_uid'"
                                                   : "SHOW GLOBAL VARIABLES LIKE 'server_uuid'",
                            1, &id, err);

    /* Asked again where changes begin, while another thread may read it: it stays what it is. */
    if (!status && strcmp(source->server_uuid, id ? id : "") != 0)
        snprintf(source->server_uuid, sizeof(source->server_uuid), "%s", id ? id : "");
    free(id);
    return status;
}

const char *log_status_query(const struct source *source)
{
    if (source->server.mariadb)
        return source->server.version >= 100502 ? "SHOW BINLOG STATUS" : "SHOW MASTER STATUS";
    return source->server.version >= 80200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

/* Where the file ends. A privilege of its own that GTIDs can do without. */
static int file_end(struct source *source, struct position *end, struct rnl_error *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_query(source->control, log_status_query(source), &result, err);

    if (status && source->gtids && strcmp(err->code, "mysql.missing_privilege") == 0)
        return RNL_OK;
    if (status)
        return status;
    row = mysql_fetch_row(result);
    if (row && row[0] && row[1] && strlen(row[0]) < sizeof(end->file)) {
        snprintf(end->file, sizeof(end->file), "%s", row[0]);
        end->pos = strtoull(row[1], NULL, 10);
    }
    while (row)
        row = mysql_fetch_row(result);
    status = conn_finish(source->control, result, log_status_query(source), err);
    if (!status && !*end->file && !source->gtids)
        status = rnl_fail(err, RNL_E_RETRY, "mysql.log_position",
                          "the server didn't tell where its log stands");
    return status;
}

static int gtid_end(struct source *source, struct position *end, struct rnl_error *err)
{
    char *gtid = NULL;
    int failed, status = conn_value(source->control,
                                    source->server.mariadb ? "SELECT @@global.gtid_binlog_pos"
                                                           : "SELECT @@global.gtid_executed",
                                    0, &gtid, err);

    if (status)
        return status;
    if (!gtid)
        return error_memory(err);
    failed = source->server.mariadb ? gtid_list_parse(&end->list, gtid, strlen(gtid))
                                    : gtid_set_parse(&end->set, gtid, strlen(gtid));
    free(gtid);
    end->gtids = true;
    return failed ? rnl_fail(err, RNL_E_RETRY, "mysql.log_position",
                             "the server's GTIDs can't be understood")
                  : RNL_OK;
}

/* In a run that follows, this was found out before; others ask for the log's end too. */
static int gtids_learn(struct source *source, struct rnl_error *err)
{
    char *mode = NULL;
    int status;

    if (source->gtids || source->following)
        return RNL_OK;
    if (source->server.mariadb) {
        source->gtids = true;
        return RNL_OK;
    }
    status = conn_value(source->control, "SELECT @@global.gtid_mode", 0, &mode, err);
    source->gtids = mode && strcasecmp(mode, "ON") == 0;
    free(mode);
    return status;
}

int source_log_end(void *self, struct rnl_slice *position, struct rnl_error *err)
{
    struct source *source = self;
    struct position end = {.mariadb = source->server.mariadb};
    struct text json = {0};
    int status = gtids_learn(source, err);

    if (!status)
        status = source_identity(source, source->control, err);
    snprintf(end.server, sizeof(end.server), "%s", source->server_uuid);
    if (!status && source->gtids)
        status = gtid_end(source, &end, err);
    /* behind the GTIDs: see position_reached() */
    if (!status && !(source->server.mariadb && source->gtids))
        status = file_end(source, &end, err);
    if (!status) {
        position_write(&end, &json);
        status = json.failed ? error_memory(err) : RNL_OK;
    }
    position_free(&end);
    if (status) {
        text_free(&json);
        return status;
    }
    free(source->log_end);
    source->log_end = json.ptr;
    *position = (struct rnl_slice){json.ptr, json.len};
    return RNL_OK;
}

bool source_log_reached(void *self, struct rnl_slice position, struct rnl_slice goal)
{
    struct position at, to;
    bool reached;

    (void)self;
    if (position_parse(&at, position))
        return false;
    if (position_parse(&to, goal)) {
        position_free(&at);
        return false;
    }
    reached = position_reached(&at, &to);
    position_free(&at);
    position_free(&to);
    return reached;
}

/* Sizes of the files from the position's on; -1: nobody tells. */
static int behind_count(struct source *source, const struct position *at, int64_t *behind,
                        struct rnl_error *err)
{
    static const char sql[] = "SHOW BINARY LOGS";
    MYSQL_RES *result;
    MYSQL_ROW row;
    bool found = false;
    int64_t bytes = 0;
    int status = conn_query(source->control, sql, &result, err);

    *behind = -1;
    if (status)
        return strcmp(err->code, "mysql.missing_privilege") == 0 ? RNL_OK : status;
    while ((row = mysql_fetch_row(result))) {
        if (!row[0] || !row[1])
            continue;
        if (strcmp(row[0], at->file) == 0) {
            found = true;
            bytes = -(int64_t)at->pos;
        }
        if (found)
            bytes += strtoll(row[1], NULL, 10);
    }
    if (found)
        *behind = bytes > 0 ? bytes : 0;
    return conn_finish(source->control, result, sql, err);
}

int source_log_state(void *self, struct rnl_slice position, struct rnl_log_state *state,
                     struct rnl_error *err)
{
    struct source *source = self;
    struct text words = {0};
    struct position at;
    int status = RNL_OK;

    state->behind_bytes = -1;
    state->held_bytes = 0; /* the server keeps its log for as long as it was told, for nobody */
    state->text[0] = '\0';
    if (position_parse(&at, position))
        return RNL_OK;
    if (at.gtids && at.mariadb)
        gtid_list_text(&at.list, &words);
    else if (at.gtids)
        gtid_set_text(&at.set, &words);
    else
        text_printf(&words, "%s:%" PRIu64, at.file, at.pos);
    if (!words.failed && words.len)
        snprintf(state->text, sizeof(state->text), "%s", words.ptr);
    text_free(&words);
    if (*at.file && strcmp(at.server, source->server_uuid) == 0)
        status = behind_count(source, &at, &state->behind_bytes, err);
    position_free(&at);
    return status;
}
