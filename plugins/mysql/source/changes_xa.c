/* Transactions that are prepared first (XA): their rows wait for the end, over restarts too. */
#include "changes.h"

#include <inttypes.h>

/*
 * The log has the rows where the transaction was prepared, and its end somewhere behind, maybe
 * after days. The rows are held until then. The position counts the transaction as read, and
 * names it as open: when reading begins again, MySQL is asked for it by its GTID alone; MariaDB
 * is read again from before it, and all that is known already is passed over.
 */

int transaction_text(const struct changes *changes, char *out, size_t size)
{
    const struct transaction *tx = &changes->tx;
    char gtid[GTID_ONE_MAX];

    if (!changes->at.gtids)
        return snprintf(out, size, "%s:%" PRIu64, tx->at_file, tx->at_pos);
    if (changes->at.mariadb)
        gtid_place_text(&tx->place, gtid);
    else
        gtid_text(&tx->gtid, gtid);
    return snprintf(out, size, "%s", gtid);
}

static size_t open_by_text(const struct changes *changes, const char *text)
{
    size_t i = 0;

    while (i < changes->at.nopen &&
           (!changes->at.open[i].at || strcmp(changes->at.open[i].at, text) != 0))
        i++;
    return i;
}

bool xa_is_reopened(const struct changes *changes)
{
    char text[POSITION_FILE_MAX + 30];

    if (!changes->at.nopen)
        return false;
    transaction_text(changes, text, sizeof(text));
    return open_by_text(changes, text) < changes->at.nopen;
}

static size_t open_by_id(const struct changes *changes, struct rnl_slice id)
{
    size_t i = 0;

    while (i < changes->at.nopen && (strlen(changes->at.open[i].id) != id.len ||
                                     memcmp(changes->at.open[i].id, id.ptr, id.len) != 0))
        i++;
    return i;
}

/* Where reading must begin for the sake of all that is open: before the first. */
static int from_set(struct changes *changes)
{
    const char *from = NULL;

    for (size_t i = 0; i < changes->at.nopen && !from; i++)
        from = changes->waiting[i].from;
    free(changes->at.from);
    changes->at.from = from ? strdup(from) : NULL;
    return from && !changes->at.from ? -1 : 0;
}

/* Before the transaction under way: the list without it, or its file and position. */
static char *from_make(const struct changes *changes)
{
    const struct transaction *tx = &changes->tx;
    struct text text = {0};

    if (changes->at.gtids)
        gtid_list_text(&changes->at.list, &text);
    else
        text_printf(&text, "%s:%" PRIu64, tx->at_file, tx->at_pos);
    if (!text.len && !text.failed)
        text_add(&text, "");
    if (!text.ptr || text.failed) {
        text_free(&text);
        return text.failed ? NULL : strdup("");
    }
    return text.ptr;
}

static int waiting_add(struct changes *changes, const char *id)
{
    struct position *at = &changes->at;
    struct position_open *open = realloc(at->open, (at->nopen + 1) * sizeof(*open));
    struct waiting *waiting;
    char text[POSITION_FILE_MAX + 30];
    bool rows = changes->tx.spool != NULL;

    if (!open)
        return -1;
    at->open = open;
    waiting = realloc(changes->waiting, (at->nopen + 1) * sizeof(*waiting));
    if (!waiting)
        return -1;
    changes->waiting = waiting;
    transaction_text(changes, text, sizeof(text));
    open += at->nopen;
    waiting += at->nopen;
    open->id = strdup(id);
    open->at = rows ? strdup(text) : NULL;
    waiting->from = rows && (at->mariadb || !at->gtids) ? from_make(changes) : NULL;
    waiting->spool = changes->tx.spool;
    changes->tx.spool = NULL;
    at->nopen++;
    if (!open->id || (rows && !open->at) || (rows && (at->mariadb || !at->gtids) && !waiting->from))
        return -1;
    return from_set(changes);
}

int xa_prepare(struct changes *changes, const struct binlog_xa *xa, struct rnl_error *err)
{
    struct transaction *tx = &changes->tx;
    char text[POSITION_FILE_MAX + 30];
    size_t i;

    if (xa->one_phase)
        return transaction_commit(changes, err);
    if (tx->reopened) {
        transaction_text(changes, text, sizeof(text));
        i = open_by_text(changes, text);
        if (i < changes->at.nopen && !changes->waiting[i].spool) {
            changes->waiting[i].spool = tx->spool;
            tx->spool = NULL;
        }
    } else if (!tx->skipped && waiting_add(changes, xa->id)) {
        return error_memory(err);
    }
    return transaction_end(changes, err);
}

static void waiting_drop(struct changes *changes, size_t at)
{
    struct position *position = &changes->at;

    free(position->open[at].id);
    free(position->open[at].at);
    spool_free(changes->waiting[at].spool);
    free(changes->waiting[at].from);
    position->nopen--;
    memmove(&position->open[at], &position->open[at + 1],
            (position->nopen - at) * sizeof(*position->open));
    memmove(&changes->waiting[at], &changes->waiting[at + 1],
            (position->nopen - at) * sizeof(*changes->waiting));
}

static int unknown_refuse(struct changes *changes, struct rnl_slice id, struct rnl_error *err)
{
    (void)changes;
    rnl_fail(err, RNL_E_CONFIG, "mysql.xa_unknown",
             "the log has the commit of XA transaction %.*s, and its rows stand before the place "
             "where following began",
             (int)(id.len > 200 ? 200 : id.len), (const char *)id.ptr);
    rnl_hint(err, "load again with --restart, at a moment when XA RECOVER lists nothing");
    return err->status;
}

int xa_end(struct changes *changes, struct rnl_slice id, bool commit, struct rnl_error *err)
{
    struct transaction *tx = &changes->tx;
    size_t i;

    if (tx->xa && strlen(tx->xa_id) == id.len && memcmp(tx->xa_id, id.ptr, id.len) == 0) {
        if (!commit) { /* as a statement, in one phase */
            spool_free(tx->spool);
            tx->spool = NULL;
        }
        return transaction_commit(changes, err);
    }
    if (tx->skipped)
        return transaction_end(changes, err);
    i = open_by_id(changes, id);
    if (i == changes->at.nopen)
        return commit ? unknown_refuse(changes, id, err) : transaction_end(changes, err);
    if (commit && changes->at.open[i].at && !changes->waiting[i].spool)
        return unknown_refuse(changes, id, err);
    if (commit) {
        changes->emit = changes->waiting[i].spool;
        changes->waiting[i].spool = NULL;
    }
    waiting_drop(changes, i);
    if (from_set(changes))
        return error_memory(err);
    return changes->emit ? STEP_ON : transaction_end(changes, err);
}

void waiting_free(struct changes *changes)
{
    for (size_t i = 0; changes->waiting && i < changes->at.nopen; i++) {
        spool_free(changes->waiting[i].spool);
        free(changes->waiting[i].from);
    }
    free(changes->waiting);
    changes->waiting = NULL;
}
