/* The views of a run that goes on with changes: no lock, or a short one for tables without a key.
 */
#include "position.h"
#include "snapshot.h"

#include <inttypes.h>
#include <strings.h>

#define LOCK_WAIT_S 3

/*
 * MariaDB tells each view its own exact place; changes start at the first of them. MySQL's
 * gtid_executed is read before the views: they hold all that is in it, and maybe more, which is
 * then read once more and does no harm to a table with a key. For the others nobody may write
 * to them in that moment. Reading where the log ends and then taking a view would lose rows:
 * the log has a transaction before the engine shows it.
 */

static int moment_position(struct source *source, const struct moment *moment,
                           struct position *position)
{
    *position = (struct position){.mariadb = source->server.mariadb, .exact = moment->exact};
    snprintf(position->server, sizeof(position->server), "%s", source->server_uuid);
    if (moment->file && moment->pos) {
        if ((size_t)snprintf(position->file, sizeof(position->file), "%s", moment->file) >=
            sizeof(position->file))
            return -1;
        position->pos = strtoull(moment->pos, NULL, 10);
    }
    position->gtids = source->gtids;
    if (!position->gtids)
        return *position->file ? 0 : -1;
    if (!moment->gtid)
        return -1;
    return position->mariadb ? gtid_list_parse(&position->list, moment->gtid, strlen(moment->gtid))
                             : gtid_set_parse(&position->set, moment->gtid, strlen(moment->gtid));
}

/* moment's bytes, malloc'd */
static int position_make(struct source *source, struct moment *moment, char **bytes,
                         struct rnl_error *err)
{
    struct position position;
    struct text json = {0};

    gtid_spaces_drop(moment->gtid);
    if (moment_position(source, moment, &position)) {
        position_free(&position);
        return rnl_fail(err, RNL_E_RETRY, "mysql.log_position",
                        "the server didn't tell where its log stands");
    }
    position_write(&position, &json);
    position_free(&position);
    if (json.failed) {
        text_free(&json);
        return error_memory(err);
    }
    free(*bytes);
    *bytes = json.ptr;
    return RNL_OK;
}

static bool is_before(const struct moment *a, const struct moment *b)
{
    int order = log_file_order(a->file, b->file);

    return order < 0 || (order == 0 && strtoull(a->pos, NULL, 10) < strtoull(b->pos, NULL, 10));
}

static int maria_views(struct source *source, struct rnl_error *err)
{
    struct moment first = {0}, moment = {0};
    int status = lanes_begin(source, err);

    for (uint32_t i = 0; i < source->nlanes && !status; i++) {
        status = maria_moment(source->lanes[i], &moment, err);
        if (!status)
            status = maria_gtid(source, &moment, err);
        if (!status)
            status = position_make(source, &moment, &source->lane_positions[i], err);
        if (!status && (!first.file || is_before(&moment, &first))) {
            moment_clear(&first);
            first = moment;
            moment = (struct moment){0};
        }
    }
    if (!status)
        status = position_make(source, &first, &source->position, err);
    moment_clear(&first);
    moment_clear(&moment);
    return status;
}

/* What is in it is seen by every view that is taken later. */
static int mysql_low(struct source *source, struct moment *moment, struct rnl_error *err)
{
    moment_clear(moment);
    if (!source->gtids)
        return log_status_read(source->control, moment, err);
    return conn_value(source->control, "SELECT @@global.gtid_executed", 0, &moment->gtid, err);
}

static int keyless_lock(struct source *source, struct rnl_error *err)
{
    struct text sql = {0};
    char wait[80];
    int status;

    snprintf(wait, sizeof(wait), "SET SESSION lock_wait_timeout = %d", LOCK_WAIT_S);
    status = conn_run(source->control, wait, err);
    text_add(&sql, "LOCK TABLES ");
    for (size_t i = 0; i < source->nkeyless; i++) {
        text_add(&sql, i ? ", " : "");
        text_name(&sql, source->server.database);
        text_add(&sql, ".");
        text_name(&sql, source->keyless[i]);
        text_add(&sql, " READ");
    }
    if (!status)
        status = sql.failed ? error_memory(err) : conn_run(source->control, sql.ptr, err);
    text_free(&sql);
    return status;
}

static int keyless_refuse(struct source *source, const struct rnl_error *why, struct rnl_error *err)
{
    struct text names = {0};
    bool denied = is_denied(why);

    for (size_t i = 0; i < source->nkeyless && i < 10; i++)
        text_printf(&names, "%s%s", i ? ", " : "", source->keyless[i]);
    if (source->nkeyless > 10)
        text_add(&names, ", …");
    rnl_fail(err, denied ? RNL_E_CONFIG : RNL_E_RETRY,
             denied ? "mysql.missing_privilege" : "mysql.keyless_lock",
             "tables without a key (%.200s) have to be locked for the moment in which they "
             "are first looked at, and that can't be had: %.300s",
             names.failed ? "" : names.ptr, why->text);
    rnl_hint(err, denied ? "GRANT LOCK TABLES ON the database, give the tables keys, or "
                           "leave them out"
                         : "long transactions on them hold it up: try again when they have ended, "
                           "give the tables keys, or leave them out");
    text_free(&names);
    return err->status;
}

/* Under the lock nobody is between the log and the tables: the place is exact for these. */
static int keyless_views(struct source *source, struct moment *exact, struct rnl_error *err)
{
    struct rnl_error why = RNL_ERROR_INIT, unlock = RNL_ERROR_INIT;
    int status = keyless_lock(source, &why);

    if (status == RNL_E_FATAL) {
        *err = why;
        return status;
    }
    if (status) {
        conn_run(source->control, "UNLOCK TABLES", &unlock);
        return keyless_refuse(source, &why, err);
    }
    status = mysql_low(source, exact, err);
    if (!status)
        status = lanes_begin(source, err);
    if (conn_run(source->control, "UNLOCK TABLES", &unlock) && !status) {
        *err = unlock;
        status = unlock.status;
    }
    return status ? status : conn_run(source->control, "SET SESSION lock_wait_timeout = 60", err);
}

/* Without GTIDs and without log_status: a moment in which nothing at all is committed. */
static int locked_views(struct source *source, struct moment *moment, struct rnl_error *err)
{
    const char *why = "";
    bool done;
    int status = views_locked(source, moment, &done, &why, err);

    if (status || (done && moment->file))
        return status;
    if (done)
        why = "the user lacks the privilege REPLICATION CLIENT";
    rnl_fail(err, RNL_E_CONFIG, "mysql.missing_privilege",
             "where changes start can't be told: gtid_mode is not ON, and %s", why);
    rnl_hint(err, "set gtid_mode = ON, or GRANT BACKUP_ADMIN ON *.* with SELECT on "
                  "performance_schema.log_status, or RELOAD and REPLICATION CLIENT");
    return err->status;
}

static int mysql_views(struct source *source, struct rnl_error *err)
{
    struct moment low = {0};
    bool exact = source->nkeyless != 0;
    int status = source->nkeyless ? keyless_views(source, &low, err) : mysql_low(source, &low, err);

    if (!status && !source->nkeyless)
        status = lanes_begin(source, err);
    if (status && is_denied(err) && !source->gtids && strstr(err->text, "log_status")) {
        status = lanes_end(source, err);
        if (!status)
            status = locked_views(source, &low, err);
        exact = true;
    }
    low.exact = false;
    if (!status)
        status = position_make(source, &low, &source->position, err);
    low.exact = true;
    for (uint32_t i = 0; i < source->nlanes && !status && exact; i++)
        status = position_make(source, &low, &source->lane_positions[i], err);
    moment_clear(&low);
    return status;
}

/* "'id'", or "'id', 'branch' and 2 more": what a person looks for in XA RECOVER. */
static void prepared_name(MYSQL_RES *result, struct text *name)
{
    enum { ID_LEN = 1, DATA = 3, SHOWN = 64 };
    unsigned count = 0;
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(result))) {
        bool first = count++ == 0, told = first && mysql_num_fields(result) > DATA && row[DATA];
        unsigned long len = told ? mysql_fetch_lengths(result)[DATA] : 0;
        unsigned long branch = told && row[ID_LEN] ? strtoul(row[ID_LEN], NULL, 10) : 0;

        text_add(name, first ? "'" : "");
        for (unsigned long i = 0; i < len && i < SHOWN; i++) {
            char letter = row[DATA][i] >= ' ' && row[DATA][i] <= '~' ? row[DATA][i] : '?';

            text_add(name, i && i == branch ? "', '" : "");
            text_bytes(name, &letter, 1);
        }
        text_add(name, first ? "'" : "");
    }
    if (count > 1)
        text_printf(name, " and %u more", count - 1);
}

/*
 * An XA transaction that is prepared stands in the log before here, and is seen by no view: only
 * its end would come. Not everybody may ask; then its end stops the run.
 */
static int prepared_check(struct source *source, struct rnl_error *err)
{
    static const char sql[] = "XA RECOVER";
    struct rnl_error ignored = RNL_ERROR_INIT;
    MYSQL_RES *result;
    struct text name = {0};
    int status;

    if (conn_query(source->control, sql, &result, &ignored))
        return RNL_OK;
    prepared_name(result, &name);
    status = conn_finish(source->control, result, sql, err);
    if (!status && name.failed)
        status = error_memory(err);
    if (status || !name.len) {
        text_free(&name);
        return status;
    }
    rnl_fail(err, RNL_E_RETRY, "mysql.xa_prepared",
             "the load waits for the XA transaction %s, which is prepared: its rows stand in the "
             "log before the place where changes would start",
             name.ptr);
    text_free(&name);
    rnl_hint(err, "commit or roll back what XA RECOVER lists");
    return err->status;
}

/*
 * Rows that a foreign key deletes aren't logged by these servers: the target brings that about.
 * Where changes meet rows that were read later than they were made, one may go too much, which a
 * later change puts back if it tells all of the row.
 */
static int cascade_check(struct source *source, const char *image, struct rnl_error *err)
{
    struct text sql = {0};
    char *name = NULL;
    int status;

    if (!source->server.mariadb && source->server.version >= 90600)
        return RNL_OK;
    text_add(&sql, "SELECT constraint_name FROM information_schema.referential_constraints WHERE "
                   "(delete_rule = 'CASCADE' OR update_rule = 'CASCADE') AND constraint_schema = ");
    text_quoted(&sql, source->server.database);
    text_add(&sql, " LIMIT 1");
    status = sql.failed ? error_memory(err) : conn_value(source->control, sql.ptr, 0, &name, err);
    if (!status && name) {
        status = rnl_fail(err, RNL_E_CONFIG, "mysql.row_image",
                          "binlog_row_image is %.20s, and the foreign key %.64s cascades, which "
                          "this server doesn't log: rows that change while they are loaded could "
                          "be lost",
                          image, name);
        rnl_hint(err, "SET GLOBAL binlog_row_image = FULL, at least until all is loaded, and let "
                      "the sessions that are open reconnect");
    }
    free(name);
    text_free(&sql);
    return status;
}

static int image_check(struct source *source, struct rnl_error *err)
{
    char *image = NULL;
    int status = conn_value(source->control, "SELECT @@global.binlog_row_image", 0, &image, err);
    bool whole = image && strcasecmp(image, "FULL") == 0;

    if (!status && !whole && source->resuming) {
        status = rnl_fail(err, RNL_E_CONFIG, "mysql.row_image",
                          "the load was cut off, and binlog_row_image is %.20s: a row whose key "
                          "changed in between could be lost",
                          image ? image : "");
        rnl_hint(err, "set binlog_row_image = FULL and start again with --restart");
    } else if (!status && !whole) {
        status = cascade_check(source, image ? image : "", err);
    }
    free(image);
    return status;
}

int handover_make(struct source *source, uint32_t *lanes, struct rnl_slice *position,
                  struct rnl_error *err)
{
    int status = image_check(source, err);

    (void)lanes; /* as many as one likes */
    source->lane_positions = calloc(source->nlanes, sizeof(*source->lane_positions));
    if (!source->lane_positions)
        return error_memory(err);
    if (!status)
        status = source_identity(source, source->control, err);
    if (!status && !source->resuming)
        status = prepared_check(source, err);
    if (!status)
        status = source->server.mariadb ? maria_views(source, err) : mysql_views(source, err);
    if (!status)
        *position = (struct rnl_slice){source->position, strlen(source->position)};
    return status;
}
