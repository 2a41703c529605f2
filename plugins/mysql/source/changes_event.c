/* Events of the log as they come: where transactions begin and end, and how far that is. */
#include "changes.h"

static void transaction_clear(struct changes *changes)
{
    spool_free(changes->tx.spool);
    changes->tx = (struct transaction){0};
}

static bool in_flight(const struct changes *changes)
{
    return changes->tx.rows || changes->emit;
}

static int mark_write(struct changes *changes, struct rnl_error *err)
{
    changes->mark.len = 0;
    position_write(&changes->at, &changes->mark);
    return changes->mark.failed ? error_memory(err) : RNL_OK;
}

static int mark_give(struct changes *changes, int64_t committed_us, struct rnl_error *err)
{
    struct rnl_slice mark;
    int status = mark_write(changes, err);

    if (status)
        return status;
    mark = (struct rnl_slice){changes->mark.ptr, changes->mark.len};
    status = changes->source->ctx->host->bundle_commit(changes->out, mark, committed_us, err);
    if (status < 0)
        return status;
    changes->moved = false;
    changes->out_marked = true;
    return status == RNL_DONE ? STEP_GIVE : STEP_ON;
}

/* With statements that the host ignores it would say that its tables are still to be altered. */
int altered_position(struct changes *changes, struct rnl_slice *position, struct rnl_error *err)
{
    size_t nddl = changes->at.nddl;
    int status;

    changes->at.nddl = 0;
    status = mark_write(changes, err);
    changes->at.nddl = nddl;
    *position = (struct rnl_slice){changes->mark.ptr, changes->mark.len};
    return status;
}

int place_mark_now(struct changes *changes, struct rnl_error *err)
{
    return in_flight(changes) ? STEP_ON : mark_give(changes, 0, err);
}

static void file_set(char *to, const char *file)
{
    if (strcmp(to, file) != 0)
        snprintf(to, POSITION_FILE_MAX, "%s", file);
}

static bool end_reached(struct changes *changes)
{
    if (changes->has_to && position_reached(&changes->at, &changes->to))
        changes->ended = true;
    return changes->ended;
}

/* The transaction counts as read. */
static int at_move(struct changes *changes, struct rnl_error *err)
{
    const struct transaction *tx = &changes->tx;
    int failed = 0;

    if (tx->skipped)
        return RNL_OK;
    if (tx->known && changes->at.gtids)
        failed = changes->at.mariadb ? gtid_list_set(&changes->at.list, &tx->place)
                                     : gtid_set_add(&changes->at.set, &tx->gtid);
    file_set(changes->at.file, changes->file);
    changes->at.pos = changes->pos;
    changes->moved = true;
    return failed ? error_memory(err) : RNL_OK;
}

int transaction_end(struct changes *changes, struct rnl_error *err)
{
    uint64_t rows = changes->tx.rows;
    int64_t committed_us = changes->tx.committed_us;
    int status = at_move(changes, err);

    if (status)
        return status;
    if (!committed_us)
        committed_us = (int64_t)changes->event.time_s * 1000000;
    transaction_clear(changes);
    status = rows ? mark_give(changes, committed_us, err) : STEP_ON;
    if (status < 0)
        return status;
    return end_reached(changes) || (rows && changes->spans) ? STEP_GIVE : status;
}

int transaction_commit(struct changes *changes, struct rnl_error *err)
{
    changes->emit = changes->tx.spool;
    changes->tx.spool = NULL;
    return changes->emit ? STEP_ON : transaction_end(changes, err);
}

static void transaction_begin(struct changes *changes)
{
    struct transaction *tx = &changes->tx;

    transaction_clear(changes);
    file_set(tx->at_file, changes->file);
    tx->at_pos = changes->event_pos;
    tx->known = true;
}

static bool before_known_place(const struct changes *changes)
{
    const struct position *known = &changes->known_place;
    int order = log_file_order(changes->tx.at_file, known->file);

    return changes->again && (order < 0 || (order == 0 && changes->tx.at_pos < known->pos));
}

static int gtid_take(struct changes *changes, struct rnl_error *err)
{
    const struct binlog_gtid *gtid = &changes->event.gtid;
    struct transaction *tx = &changes->tx;

    transaction_begin(changes);
    tx->committed_us = gtid->committed_us;
    if (!changes->at.gtids) {
        tx->skipped = before_known_place(changes);
    } else if (gtid->flags & BINLOG_GTID_ANONYMOUS) {
        rnl_fail(err, RNL_E_CONFIG, "mysql.gtid_mode",
                 "the log has a transaction without a GTID, and positions are told by these");
        rnl_hint(err, "gtid_mode was switched off: switch it on, and load again with --restart");
        return err->status;
    } else {
        if (gtid->tag.len > GTID_TAG_MAX)
            return rnl_fail(err, RNL_E_CONFIG, "source.log_gtid", "a GTID has too long a tag");
        memcpy(tx->gtid.uuid, gtid->uuid, sizeof(tx->gtid.uuid));
        if (gtid->tag.len)
            memcpy(tx->gtid.tag, gtid->tag.ptr, gtid->tag.len);
        tx->gtid.number = gtid->number;
        tx->skipped = gtid_set_has(&changes->at.set, &tx->gtid);
    }
    tx->reopened = xa_is_reopened(changes);
    return STEP_ON;
}

/* Numbers of a domain only grow, or one couldn't tell what one has. */
static int order_check(const struct changes *changes, struct rnl_error *err)
{
    char one[GTID_ONE_MAX];

    if (!changes->at.gtids || changes->tx.skipped ||
        !gtid_list_has(&changes->at.list, &changes->tx.place))
        return STEP_ON;
    gtid_place_text(&changes->tx.place, one);
    rnl_fail(err, RNL_E_CONFIG, "mysql.gtid_order",
             "the log has GTID %s behind a higher one of its domain", one);
    rnl_hint(err, "servers that are written to side by side need a gtid_domain_id each, and "
                  "gtid_strict_mode; load again with --restart");
    return err->status;
}

static int maria_gtid_take(struct changes *changes, struct rnl_error *err)
{
    const struct binlog_mariadb_gtid *gtid = &changes->event.mariadb_gtid;
    const struct gtid_place *known;
    struct transaction *tx = &changes->tx;

    transaction_begin(changes);
    tx->place = (struct gtid_place){gtid->domain, changes->event.server_id, gtid->sequence};
    tx->open = !(gtid->flags & BINLOG_MARIADB_STANDALONE);
    tx->xa = gtid->flags & BINLOG_MARIADB_PREPARED; /* there is no XA START */
    tx->skipped = changes->at.gtids ? gtid_list_has(&changes->known, &tx->place)
                                    : before_known_place(changes);
    known = gtid_list_at(&changes->known, gtid->domain);
    if (tx->skipped && known && known->sequence == gtid->sequence &&
        gtid_list_set(&changes->known, &(struct gtid_place){gtid->domain, 0, 0}))
        return error_memory(err); /* from here on all of this domain is new */
    tx->reopened = xa_is_reopened(changes);
    return order_check(changes, err);
}

static void place_take(struct changes *changes)
{
    const struct binlog_place *place = &changes->event.place;
    size_t len = place->file.len;

    if (!len || len >= sizeof(changes->file))
        return;
    memcpy(changes->file, place->file.ptr, len);
    changes->file[len] = '\0';
    changes->pos = place->position;
}

/* So far has the server read for us: all before was sent. */
static int reading_take(struct changes *changes)
{
    bool same;

    if (changes->tx.known || !*changes->file)
        return STEP_ON;
    same = strcmp(changes->at.file, changes->file) == 0;
    if (changes->again && !changes->at.gtids &&
        (log_file_order(changes->file, changes->known_place.file) < 0 ||
         (same && changes->pos < changes->at.pos)))
        return STEP_ON;
    if (same && changes->at.pos >= changes->pos)
        return STEP_ON;
    file_set(changes->at.file, changes->file);
    changes->at.pos = changes->pos;
    changes->moved = true;
    return end_reached(changes) ? STEP_GIVE : STEP_ON;
}

int event_take(struct changes *changes, struct rnl_error *err)
{
    switch (changes->event.kind) {
    case BINLOG_ROTATE:
    case BINLOG_HEARTBEAT:
        place_take(changes);
        return reading_take(changes);
    case BINLOG_GTID:
        return gtid_take(changes, err);
    case BINLOG_MARIADB_GTID:
        return maria_gtid_take(changes, err);
    case BINLOG_QUERY:
        return statement_take(changes, err);
    case BINLOG_ROWS:
        return rows_begin(changes, err);
    case BINLOG_XID:
        return transaction_commit(changes, err);
    case BINLOG_XA_PREPARE:
        return xa_prepare(changes, &changes->event.xa, err);
    default:
        return STEP_ON;
    }
}
