/* Where a cursor of changes begins: is the position one of this server, and still to be had? */
#include "changes_start.h"
#include "changes.h"
#include "snapshot.h"

static int bad_position(struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "mysql.bad_position",
             "the place to go on from is none of a MySQL or MariaDB log");
    rnl_hint(err, "is the source another than before? Load again with --restart");
    return err->status;
}

static int changed_refuse(const struct changes *changes, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.server_changed",
             "the position was told by server %s, and this is %s: positions by file hold for one "
             "server alone",
             changes->at.server, changes->source->server_uuid);
    rnl_hint(err, "point the connection at the server that it was, or load again with --restart; "
                  "gtid_mode = ON lets another one take its place");
    return err->status;
}

/* The value of a function of two sets; one of them is the position's. */
static int set_ask(struct conn *conn, const char *before, const struct text *set,
                   const char *behind, char **value, struct rnl_error *err)
{
    struct text sql = {0};
    int status;

    text_add(&sql, before);
    text_quoted(&sql, set->len ? set->ptr : "");
    text_add(&sql, behind);
    status = sql.failed ? error_memory(err) : conn_value(conn, sql.ptr, 0, value, err);
    text_free(&sql);
    gtid_spaces_drop(*value);
    return status;
}

static int ahead_refuse(const char *beyond, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "mysql.reader_ahead",
             "the target has transactions that this server never had: %.200s", beyond);
    rnl_hint(err, "the server was restored, reset, or is another than before: point the "
                  "connection at the right one, or load again with --restart");
    return err->status;
}

/* A MariaDB whose log was reset takes any place that it knows nothing of for a later one. */
static int list_check(const struct changes *changes, struct conn *conn, struct rnl_error *err)
{
    struct gtid_list list = {0};
    char one[GTID_ONE_MAX], *end = NULL;
    int status = conn_value(conn, "SELECT @@global.gtid_binlog_pos", 0, &end, err);

    if (!status && (!end || gtid_list_parse(&list, end, strlen(end))))
        status = error_memory(err);
    free(end);
    for (size_t i = 0; i < changes->at.list.count && !status; i++) {
        if (gtid_list_has(&list, &changes->at.list.places[i]))
            continue;
        gtid_place_text(&changes->at.list.places[i], one);
        status = ahead_refuse(one, err);
    }
    gtid_list_free(&list);
    return status;
}

/* What the server would say itself, but with the words for what to do, and before the dump. */
static int set_check(const struct changes *changes, struct conn *conn, struct rnl_error *err)
{
    struct text set = {0};
    char *missing = NULL, *beyond = NULL;
    int status = RNL_OK;

    gtid_set_text(&changes->at.set, &set);
    if (set.failed)
        status = error_memory(err);
    if (!status)
        status =
            set_ask(conn, "SELECT GTID_SUBTRACT(@@global.gtid_purged, ", &set, ")", &missing, err);
    if (!status)
        status =
            set_ask(conn, "SELECT GTID_SUBTRACT(", &set, ", @@global.gtid_executed)", &beyond, err);
    if (!status && beyond && *beyond) {
        status = ahead_refuse(beyond, err);
    } else if (!status && missing && *missing) {
        status = rnl_fail(err, RNL_E_CONFIG, "mysql.log_purged",
                          "the server has purged its log of transactions that the target lacks: "
                          "%.200s",
                          missing);
        rnl_hint(err, "load again with --restart, and keep the log for longer "
                      "(binlog_expire_logs_seconds)");
    }
    free(missing);
    free(beyond);
    text_free(&set);
    return status;
}

static int server_check(struct changes *changes, struct conn *conn, struct rnl_error *err)
{
    struct source *source = changes->source;
    struct position *at = &changes->at;
    int status = source_identity(source, conn, err);
    bool same = strcmp(at->server, source->server_uuid) == 0;

    if (status)
        return status;
    if (at->mariadb != source->server.mariadb)
        return bad_position(err);
    if (!at->gtids)
        return same ? RNL_OK : changed_refuse(changes, err);
    if (!source->gtids) {
        rnl_fail(err, RNL_E_CONFIG, "mysql.gtid_mode",
                 "the position is told by GTIDs, and gtid_mode of the server is not ON");
        rnl_hint(err, "switch gtid_mode on, or load again with --restart");
        return err->status;
    }
    status = at->mariadb ? list_check(changes, conn, err) : set_check(changes, conn, err);
    if (status || same)
        return status;
    if (*at->server)
        rnl_info(source->ctx, "the log goes on at another server, %s, which has what %s had",
                 source->server_uuid, at->server);
    snprintf(at->server, sizeof(at->server), "%s", source->server_uuid);
    return RNL_OK;
}

/* The command has 32 bits for a position: behind 4 GiB the file is read from its begin. */
static int far_prepare(struct position *at)
{
    struct text from = {0};

    if (at->gtids || at->from || at->pos <= UINT32_MAX)
        return 0;
    text_printf(&from, "%s:4", at->file);
    at->from = from.ptr;
    return from.failed ? -1 : 0;
}

static void far_forget(struct position *at)
{
    if (at->nopen)
        return;
    free(at->from);
    at->from = NULL;
}

/* What was open is read again: see changes_xa.c. */
static int again_prepare(struct changes *changes)
{
    struct position *at = &changes->at;
    struct text text = {0};
    int failed = 0;

    changes->waiting = calloc(at->nopen + 1, sizeof(*changes->waiting));
    if (!changes->waiting)
        return -1;
    for (size_t i = 0; i < at->nopen; i++)
        if (at->open[i].at && at->from && !(changes->waiting[i].from = strdup(at->from)))
            return -1;
    changes->again = at->from != NULL;
    if (!changes->again)
        return 0;
    changes->known_place.pos = at->pos;
    snprintf(changes->known_place.file, sizeof(changes->known_place.file), "%s", at->file);
    gtid_list_text(&at->list, &text);
    if (text.len)
        failed = gtid_list_parse(&changes->known, text.ptr, text.len);
    failed = failed || text.failed;
    text_free(&text);
    return failed ? -1 : 0;
}

static void stream_place(struct changes *changes)
{
    struct position *at = &changes->at;

    if (at->gtids) { /* another server, or a file long gone: the stream says where it is */
        at->file[0] = '\0';
        at->pos = 0;
        return;
    }
    if (at->from) {
        log_place_parse(at->from, changes->file, &changes->pos);
        return;
    }
    snprintf(changes->file, sizeof(changes->file), "%s", at->file);
    changes->pos = at->pos;
}

int changes_start(struct changes *changes, const struct rnl_unit *unit, struct rnl_error *err)
{
    struct conn *conn;
    int status;

    if (position_parse(&changes->at, unit->position))
        return bad_position(err);
    changes->at.exact = false;
    changes->has_to = unit->to.len != 0;
    if (changes->has_to && position_parse(&changes->to, unit->to))
        return bad_position(err);
    if (changes_unpark(changes, unit->position)) {
        changes->waiting = calloc(1, sizeof(*changes->waiting));
        return changes->waiting ? RNL_OK : error_memory(err);
    }
    status = conn_open(&changes->source->server, &conn, err);
    if (status)
        return status;
    status = server_check(changes, conn, err);
    if (!status && (far_prepare(&changes->at) || again_prepare(changes)))
        status = error_memory(err);
    if (status) {
        conn_close(conn);
        return status;
    }
    status = dump_open(changes->source, conn, &changes->at, &changes->dump, err);
    stream_place(changes);
    far_forget(&changes->at);
    return status;
}
