/* A cursor of changes: takes events from the server's log, and gives rows in their transactions. */
#include "changes.h"
#include "changes_start.h"
#include "form.h"

#include <time.h>

#define FRESH_S 2         /* an event that is older came late */
#define GATHER_MS 1       /* once in a bundle that could be given, for more to come */
#define MARK_EVERY_MS 250 /* of places behind which nothing of interest stands */
#define WAIT_MS 50        /* at most, before it is looked at again whether to mark */
#define BUSY_MS 20        /* at least, with transactions that concern nobody */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int by_name(const void *a, const void *b)
{
    const struct followed *const *first = a, *const *second = b;

    return strcmp((*first)->name, (*second)->name);
}

void tables_order(struct changes *changes)
{
    if (changes->ntables)
        qsort(changes->by_name, changes->ntables, sizeof(*changes->by_name), by_name);
}

static int tables_learn(struct changes *changes, const struct rnl_catalog *catalog)
{
    const struct rnl_host *host = changes->source->ctx->host;
    uint32_t count = host->table_count(catalog), widest = 1;

    changes->tables = calloc(count + 1, sizeof(*changes->tables));
    changes->by_name = calloc(count + 1, sizeof(*changes->by_name));
    if (!changes->tables || !changes->by_name)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct rnl_table *table = host->table_at(catalog, i);

        if (table->query)
            continue;
        changes->by_name[changes->ntables] = &changes->tables[changes->ntables];
        changes->tables[changes->ntables++] =
            (struct followed){.table = table, .name = table->name, .index = i};
        widest = table->ncolumns > widest ? table->ncolumns : widest;
    }
    tables_order(changes);
    changes->before = calloc(widest, sizeof(*changes->before));
    changes->after = calloc(widest, sizeof(*changes->after));
    return changes->before && changes->after ? 0 : -1;
}

static int start_take(struct changes *changes, const struct rnl_start *start, struct rnl_error *err)
{
    for (uint32_t i = 0; i < changes->ntables; i++) {
        struct followed *followed = &changes->tables[i];

        if (followed->index != start->table || followed->start || !start->position.len)
            continue;
        followed->start = calloc(1, sizeof(*followed->start));
        if (!followed->start)
            return error_memory(err);
        if (!position_parse(followed->start, start->position))
            return RNL_OK;
        return rnl_fail(err, RNL_E_CONFIG, "mysql.bad_position",
                        "the place where table %s was read is none of a log",
                        followed->table->name);
    }
    return RNL_OK;
}

static int starts_take(struct changes *changes, const struct rnl_unit *unit, struct rnl_error *err)
{
    const char *at = (const char *)unit->starts;
    int status = RNL_OK;

    for (uint32_t i = 0; i < unit->nstarts && !status; i++) {
        struct rnl_start start;

        memcpy(&start, at + (size_t)i * unit->start_size, sizeof(start));
        status = start_take(changes, &start, err);
    }
    return status;
}

int changes_open(struct source *source, const struct rnl_catalog *catalog,
                 const struct rnl_unit *unit, void **cursor, struct rnl_error *err)
{
    struct changes *changes;
    int status;

    if (!source->following)
        return rnl_fail(err, RNL_E_FATAL, "mysql.not_following", "nothing is followed");
    changes = calloc(1, sizeof(*changes));
    if (!changes)
        return error_memory(err);
    changes->kind = CURSOR_CHANGES;
    changes->source = source;
    changes->catalog = catalog;
    changes->failed = (struct rnl_error)RNL_ERROR_INIT;
    lanes_close(source); /* all is read: their views would hold up whoever alters or truncates */
    changes->log = binlog_new();
    status = !changes->log || tables_learn(changes, catalog) ? error_memory(err) : RNL_OK;
    if (!status && unit->nstarts)
        status = starts_take(changes, unit, err);
    if (!status)
        status = changes_start(changes, unit, err);
    if (!status && changes->at.nddl)
        status = altered_recall(changes, err);
    if (status) {
        changes_close(changes);
        return status;
    }
    changes->ended = changes->has_to && position_reached(&changes->at, &changes->to);
    changes->moved = true; /* the place it starts at, for who waits for it */
    *cursor = changes;
    return RNL_OK;
}

static uint32_t little32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/*
 * Heads of events say where the next one stands, in 32 bits; 0 of what stands in no file, and
 * within MariaDB's transactions.
 */
static void pos_follow(struct changes *changes, const unsigned char *event, size_t len)
{
    enum { NEXT_AT = 13, FLAGS_AT = 17, HEAD = 19, ARTIFICIAL = 0x20 };
    uint64_t next;

    changes->event_pos = changes->pos;
    if (len < HEAD || event[FLAGS_AT] & ARTIFICIAL)
        return;
    next = little32(event + NEXT_AT);
    if (!next)
        return;
    next |= changes->pos & ~(uint64_t)UINT32_MAX;
    if (next < changes->pos && changes->pos - next > UINT32_MAX / 2)
        next += (uint64_t)UINT32_MAX + 1;
    if (next > changes->pos)
        changes->pos = next;
}

/*
 * Whether the log is followed as it is written: each transaction is given at once then, while who
 * is behind gathers many.
 */
static bool is_in_time(const struct changes *changes)
{
    return changes->waited && time(NULL) - (time_t)changes->event.time_s <= FRESH_S;
}

/* The next event; where none is at hand, who is behind waits for many first. */
static int event_await(struct changes *changes, int timeout_ms, const unsigned char **event,
                       size_t *len, struct rnl_error *err)
{
    /* amid a transaction in time it is the next event alone that all waits for */
    bool amid = changes->tx.rows != 0;
    int status;

    if (amid && timeout_ms > 0 && !dump_has(changes->dump) && !is_in_time(changes)) {
        status = dump_take(changes->dump, GATHER_MS, true, event, len, err);
        if (status != RNL_AGAIN)
            return status;
    }
    return dump_take(changes->dump, timeout_ms, changes->out_marked && !amid, event, len, err);
}

/* The next packet; STEP_GIVE when there is none now. */
static int packet_take(struct changes *changes, int timeout_ms, struct rnl_error *err)
{
    const unsigned char *event;
    size_t len;
    int status;

    if (!changes->out_rows && !changes->tx.rows && !dump_has(changes->dump))
        changes->waited = true;
    status = event_await(changes, timeout_ms, &event, &len, err);
    if (status == RNL_AGAIN)
        return STEP_GIVE;
    if (status)
        return status;
    pos_follow(changes, event, len);
    changes->packet = true;
    return binlog_feed(changes->log, event, len, err);
}

static int step(struct changes *changes, int timeout_ms, bool *idle, struct rnl_error *err)
{
    int status;

    if (changes->rows)
        return rows_pump(changes, err);
    if (changes->emit)
        return spool_pump(changes, err);
    if (!changes->packet) {
        status = packet_take(changes, timeout_ms, err);
        *idle = status == STEP_GIVE;
        return status;
    }
    status = binlog_next(changes->log, &changes->event, err);
    if (status == RNL_DONE) {
        changes->packet = false;
        return STEP_ON;
    }
    return status ? status : event_take(changes, err);
}

/* How long may be waited for the next packet now. */
static int wait_choose(struct changes *changes, int64_t until_ms)
{
    int64_t left;

    if (changes->packet || changes->rows || changes->emit)
        return 0;
    if (changes->out_marked && !changes->tx.rows) {
        bool gathered = changes->gathered || is_in_time(changes);

        changes->gathered = true;
        return gathered ? 0 : GATHER_MS;
    }
    left = until_ms - now_ms();
    left = left > WAIT_MS ? WAIT_MS : left;
    return left > 0 ? (int)left : 0;
}

static int mark_idle(struct changes *changes, struct rnl_error *err)
{
    int64_t now = now_ms();
    int status;

    if (!changes->moved || (now - changes->marked_ms < MARK_EVERY_MS && !changes->ended))
        return STEP_ON;
    status = place_mark_now(changes, err);
    if (status >= 0)
        changes->marked_ms = now;
    return status;
}

/* What the bundle holds up to its mark counts all the same: the host gives that. */
static int error_keep(struct changes *changes, struct rnl_error *err)
{
    changes->failed = *err;
    return err->status;
}

/* Nothing waits to be read, and nothing is there to be given. */
static int idle_take(struct changes *changes, int64_t until_ms, struct rnl_error *err)
{
    int status;

    if (changes->out_rows || changes->out_marked || now_ms() >= until_ms)
        return STEP_GIVE;
    status = mark_idle(changes, err);
    return status < 0 ? status : changes->out_marked ? STEP_GIVE : STEP_ON;
}

static int bundle_fill(struct changes *changes, int timeout_ms, bool *idle, struct rnl_error *err)
{
    int64_t start_ms = now_ms(), until_ms = start_ms + timeout_ms;
    int64_t busy_until_ms = start_ms + (timeout_ms > BUSY_MS ? timeout_ms : BUSY_MS);
    int status = STEP_ON;

    while (!status && !changes->ended) {
        *idle = false;
        status = step(changes, wait_choose(changes, until_ms), idle, err);
        if (status >= 0 && *idle)
            status = idle_take(changes, until_ms, err);
        else if (!status && !changes->out_rows && now_ms() >= busy_until_ms)
            status = STEP_GIVE;
    }
    return status;
}

int changes_read(void *self, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    struct changes *changes = self;
    bool idle = false;
    int status;

    if (changes->failed.status) {
        *err = changes->failed;
        return err->status;
    }
    changes->out = out;
    changes->out_rows = 0;
    changes->out_marked = changes->gathered = changes->waited = false;
    changes->spans = changes->tx.rows != 0;
    changes->rests = false;
    if (changes->untold) {
        status = altered_tell_again(changes, err);
        return status ? status : RNL_ALTERED;
    }
    status = bundle_fill(changes, timeout_ms, &idle, err);
    if (status == STEP_ALTERED) {
        changes->rests = !changes->tx.open;
        return RNL_ALTERED; /* nothing may be marked behind that before the host has followed */
    }
    if (status >= 0)
        status = mark_idle(changes, err);
    if (status < 0)
        return error_keep(changes, err);
    if (changes->ended)
        return RNL_DONE;
    return idle ? RNL_AGAIN : RNL_OK;
}

void changes_close(void *self)
{
    struct changes *changes = self;

    if (!changes_park(changes)) {
        dump_close(changes->dump);
        binlog_free(changes->log);
    }
    for (uint32_t i = 0; i < changes->ntables; i++) {
        if (changes->tables[i].start)
            position_free(changes->tables[i].start);
        free(changes->tables[i].start);
        free(changes->tables[i].map);
    }
    while (changes->forms) {
        struct form *form = changes->forms;

        changes->forms = form->next;
        form_free(form);
        free(form);
    }
    free(changes->tables);
    free(changes->by_name);
    free(changes->before);
    free(changes->after);
    waiting_free(changes);
    spool_free(changes->emit);
    spool_free(changes->tx.spool);
    gtid_list_free(&changes->known);
    position_free(&changes->at);
    position_free(&changes->to);
    text_free(&changes->mark);
    free(changes);
}
