/* The cursor of changes: transactions out of the stream into bundles, with their marks. */
#include "feed.h"

#include <time.h>

#define BEHIND_US 20000      /* who is so late reads on until bundles are full */
#define LINGER_US 2000       /* for more, then; who is in time gives each transaction at once */
#define LINGER_MOST_US 10000 /* of one bundle */
#define CALM_MS 2000         /* between marks when nothing of interest comes */

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int mark(struct feed *feed, struct rnl_bundle *out, uint64_t lsn, int64_t time_us,
                struct rnl_error *err)
{
    struct position position = feed->source->follow->origin;
    char text[POSITION_TEXT];

    position.lsn = lsn;
    position_print(&position, text);
    feed->marked = lsn;
    feed->marked_ms = now_us() / 1000;
    feed->marked_now = true;
    return feed->host->bundle_commit(out, (struct rnl_slice){text, strlen(text)}, time_us, err);
}

/* All before lsn has come: told at once to one who waits for that, else from time to time. */
static int mark_idle(struct feed *feed, struct rnl_bundle *out, struct rnl_error *err)
{
    uint64_t goal = atomic_load(&feed->source->follow->goal);
    int status;

    if (feed->inside || feed->seen <= feed->marked)
        return RNL_AGAIN;
    /* one who waits for the place wants what was altered before it */
    status = feed_settle(feed, out, err);
    if (status != RNL_OK)
        return status;
    if ((feed->marked < goal && feed->seen >= goal) || (feed->to && feed->seen >= feed->to) ||
        now_us() / 1000 - feed->marked_ms >= CALM_MS)
        return mark(feed, out, feed->seen, 0, err);
    return RNL_AGAIN;
}

static int take_commit(struct feed *feed, const struct pgoutput_message *message,
                       struct rnl_bundle *out, struct rnl_error *err)
{
    bool spans = feed->spans;
    int status;

    feed->inside = feed->spans = false;
    if (message->end_lsn > feed->seen)
        feed->seen = message->end_lsn;
    if (!feed->rows) /* of tables that nobody follows */
        return RNL_OK;
    status = mark(feed, out, message->end_lsn, message->time_us, err);
    return status == RNL_OK && spans ? RNL_DONE : status;
}

static int refuse_message(char kind, struct rnl_error *err)
{
    const char *name = pgoutput_name(kind);

    if (name)
        return rnl_fail(err, RNL_E_FATAL, "postgres.protocol",
                        "the server sent \"%s\" in the stream of changes, which wasn't asked for",
                        name);
    return rnl_fail(err, RNL_E_CONFIG, "source.unknown_event",
                    "the server sent a message of the unknown kind 0x%02x in the stream of changes",
                    (unsigned char)kind);
}

static int decode(struct feed *feed, const struct stream_item *item,
                  struct pgoutput_message *message, struct rnl_error *err)
{
    switch (pgoutput_read(&feed->decoder, item->bytes, item->len, message)) {
    case PGOUTPUT_OK:
        return RNL_OK;
    case PGOUTPUT_MEMORY:
        return error_memory(err);
    case PGOUTPUT_UNKNOWN:
        return refuse_message(message->kind, err);
    default:
        return rnl_fail(err, RNL_E_RETRY, "postgres.protocol",
                        "the server sent a message in the stream of changes that is broken: \"%s\"",
                        pgoutput_name(message->kind) ? pgoutput_name(message->kind) : "?");
    }
}

/* RNL_DONE: the bundle should be given now. */
static int take_message(struct feed *feed, const struct stream_item *item, struct rnl_bundle *out,
                        struct rnl_error *err)
{
    struct pgoutput_message message;
    int status = decode(feed, item, &message, err);

    if (status != RNL_OK)
        return status;
    feed->change_lsn = item->lsn;
    if (!feed->inside && strchr("CIUDT", message.kind))
        return rnl_fail(err, RNL_E_FATAL, "postgres.protocol",
                        "the server sent \"%s\" outside of a transaction",
                        pgoutput_name(message.kind));
    switch (message.kind) {
    case 'B':
        feed->inside = true;
        feed->spans = false;
        feed->behind = item->sent_us - message.time_us > BEHIND_US;
        feed->rows = 0;
        feed->commit_lsn = message.lsn;
        return RNL_OK;
    case 'C':
        return take_commit(feed, &message, out, err);
    case 'R':
        return relation_read(feed, &message, err);
    case 'I':
    case 'U':
    case 'D':
        return fed_row(feed, &message, out, err);
    case 'T':
        return fed_truncate(feed, &message, out, err);
    case 'O':
    case 'Y':
    case 'M':
        return RNL_OK;
    default:
        return refuse_message(message.kind, err);
    }
}

static int take_item(struct feed *feed, const struct stream_item *item, struct rnl_bundle *out,
                     struct rnl_error *err)
{
    int status;

    if (item->bytes) {
        status = take_message(feed, item, out, err);
        feed->held = *item;
        feed->is_held = status == RNL_ALTERED;
        return status;
    }
    if (!feed->inside && item->lsn > feed->seen)
        feed->seen = item->lsn;
    status = mark_idle(feed, out, err);
    /* a mark alone is worth a bundle: somebody waits for it, or it is rare */
    return status == RNL_OK ? RNL_DONE : status == RNL_AGAIN ? RNL_OK : status;
}

/* How long to wait for the next item. */
static int64_t patience_us(const struct feed *feed, int64_t began_us, int64_t end_us)
{
    int64_t now = now_us(), left = end_us - now;

    if (feed->given || feed->marked_now) {
        int64_t most = began_us + LINGER_MOST_US - now;

        if (!feed->inside && !feed->behind)
            return 0;
        return most < LINGER_US ? most : LINGER_US;
    }
    return left < CALM_MS * 1000 / 4 ? left : CALM_MS * 1000 / 4;
}

static bool is_over(const struct feed *feed)
{
    return feed->to && !feed->inside && feed->marked >= feed->to;
}

/* The next item; one that the host was told of an alteration at, before any other. */
static int next_item(struct feed *feed, int64_t wait_us, struct stream_item *item,
                     struct rnl_error *err)
{
    if (!feed->is_held)
        return stream_next(feed->stream, wait_us, item, err);
    *item = feed->held;
    feed->is_held = false;
    return RNL_OK;
}

static int feed_more(struct feed *feed, struct rnl_bundle *out, int timeout_ms,
                     struct rnl_error *err)
{
    int64_t end_us = now_us() + (int64_t)timeout_ms * 1000, began_us = 0;

    for (;;) {
        struct stream_item item;
        int status = feed->inside ? RNL_OK : feed_settle(feed, out, err);

        if (status != RNL_OK)
            return status;
        status = next_item(feed, patience_us(feed, began_us, end_us), &item, err);

        if (status == RNL_AGAIN) {
            if (feed->given || feed->marked_now)
                return RNL_AGAIN;
            status = mark_idle(feed, out, err);
            if (status != RNL_AGAIN)
                return status == RNL_OK ? RNL_AGAIN : status;
            if (now_us() >= end_us)
                return RNL_AGAIN;
            continue;
        }
        if (status == RNL_OK)
            status = take_item(feed, &item, out, err);
        if (status < 0 || status == RNL_ALTERED)
            return status;
        if (is_over(feed))
            return RNL_DONE;
        if (status == RNL_DONE || feed->host->bundle_full(out))
            return RNL_OK;
        if (!began_us && feed->given)
            began_us = now_us();
    }
}

static int feed_read(void *self, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    struct feed *feed = self;
    int status;

    if (feed->failed) {
        *err = feed->error;
        return feed->failed;
    }
    if (is_over(feed))
        return RNL_DONE;
    feed->given = 0;
    feed->marked_now = false;
    feed->spans = feed->inside && feed->rows > 0;
    status = feed_more(feed, out, timeout_ms, err);
    if (status >= 0)
        return status;
    feed->failed = status;
    feed->error = *err;
    return status; /* what came whole before it stands up to the bundle's mark: the host gives that
                    */
}

static void feed_close(void *self)
{
    struct feed *feed = self;
    struct follow *f = feed->source->follow;

    pthread_mutex_lock(&f->catalog_lock);
    f->catalog = NULL;
    pthread_mutex_unlock(&f->catalog_lock);
    stream_close(feed->stream);
    pgoutput_free(&feed->decoder);
    relations_free(feed);
    for (uint32_t i = 0; feed->tables && i < feed->ntables; i++) {
        free(feed->tables[i].columns);
        look_free(feed->tables[i].pending);
    }
    free(feed->tables);
    free(feed->natives);
    free(feed->met);
    conn_close(feed->side);
    arena_free(&feed->arena);
    for (int side = ROW_AFTER; side <= ROW_BEFORE; side++) {
        free(feed->values[side]);
        free(feed->decoded[side]);
    }
    buf_free(&feed->scratch);
    buf_free(&feed->raw);
    free(feed);
}

static int bad_position(struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "postgres.bad_position",
             "the place that changes go on from is none of a PostgreSQL server");
    rnl_hint(err, "start again with --restart");
    return RNL_E_CONFIG;
}

/* Which tables' rows a view had seen, and up to where. */
static int take_starts(struct feed *feed, const struct rnl_unit *unit, struct rnl_error *err)
{
    for (uint32_t i = 0; i < unit->nstarts; i++) {
        const struct rnl_start *start =
            ELEMENT(struct rnl_start, unit->starts, i, unit->start_size);
        struct position position;

        if (start->table >= feed->ntables || !position_parse(start->position, &position))
            return bad_position(err);
        feed->tables[start->table].start = position.lsn;
    }
    return RNL_OK;
}

static int server_changed(const char *how, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.server_changed",
             "the changes can't be followed from where the target stands: %s", how);
    rnl_hint(err, "connect to the server that the run began with, or load again with --restart");
    return RNL_E_CONFIG;
}

/* The place is this server's, and its slot still has all that stands behind it. */
static int check_place(struct pg_source *source, const struct position *from, struct rnl_error *err)
{
    static const char sql[] = "SELECT pg_catalog.pg_current_wal_insert_lsn()";
    struct follow *f = source->follow;
    char here[LSN_TEXT], there[LSN_TEXT], how[160];
    struct pg_conn *conn;
    PGresult *result = NULL;
    uint64_t end = 0, confirmed = 0;
    int status;

    if (from->system != f->origin.system)
        return server_changed("this is another server (its system identifier differs)", err);
    if (from->timeline != f->origin.timeline)
        rnl_info(source->server.ctx, "the server was promoted: timeline %u, was %u",
                 f->origin.timeline, from->timeline);
    status = conn_open(&source->server, &conn, err);
    if (status != RNL_OK)
        return status;
    status = conn_query(conn, sql, 0, NULL, "look for the log's end", &result, err);
    if (status == RNL_OK)
        lsn_parse(cell(result, 0, 0), &end);
    PQclear(result);
    if (status == RNL_OK)
        status = slot_check(conn, f, &confirmed, err);
    conn_close(conn);
    if (status != RNL_OK)
        return status;
    if (from->lsn > end) {
        snprintf(how, sizeof(how), "its log ends at %s, and the target stands at %s already",
                 lsn_print(end, here), lsn_print(from->lsn, there));
        return server_changed(how, err);
    }
    if (confirmed > from->lsn) {
        snprintf(how, sizeof(how),
                 "it was told that all before %s is done, but the target stands at %s",
                 lsn_print(confirmed, here), lsn_print(from->lsn, there));
        return slot_lost(f, how, err);
    }
    return RNL_OK;
}

static int feed_prepare(struct feed *feed, const struct rnl_unit *unit, struct rnl_error *err)
{
    struct position from, to = {.lsn = 0};

    feed->ntables = feed->host->table_count(feed->catalog);
    feed->tables = calloc(feed->ntables + 1u, sizeof(*feed->tables));
    if (!feed->tables)
        return error_memory(err);
    for (uint32_t i = 0; i < feed->ntables; i++) {
        feed->tables[i].described = feed->host->table_at(feed->catalog, i);
        if (!form_of(feed->tables[i].described, &feed->arena, &feed->tables[i].form))
            return error_memory(err);
    }
    if (!position_parse(unit->position, &from) || (unit->to.len && !position_parse(unit->to, &to)))
        return bad_position(err);
    feed->to = to.lsn;
    feed->seen = feed->marked = from.lsn;
    feed->marked_ms = now_us() / 1000;
    if (take_starts(feed, unit, err) != RNL_OK || check_place(feed->source, &from, err) != RNL_OK)
        return err->status;
    /* the views have been read: none may hold locks, or keep dead rows, while changes are followed
     */
    slot_made(feed->source->follow);
    pthread_mutex_lock(&feed->source->follow->catalog_lock);
    feed->source->follow->catalog = feed->catalog;
    pthread_mutex_unlock(&feed->source->follow->catalog_lock);
    source_leave(feed->source);
    return stream_open(feed->source, from.lsn, &feed->stream, err);
}

int feed_open(struct pg_source *source, const struct rnl_catalog *catalog,
              const struct rnl_unit *unit, void **cursor, struct rnl_error *err)
{
    struct feed *feed;
    int status;

    if (!source->follow)
        return rnl_fail(err, RNL_E_FATAL, "postgres.no_follow",
                        "changes are to be read that nobody has prepared to follow");
    feed = calloc(1, sizeof(*feed));
    if (!feed)
        return error_memory(err);
    feed->reading = (struct reading){feed_read, feed_close};
    feed->source = source;
    feed->host = source->server.host;
    feed->catalog = catalog;
    status = feed_prepare(feed, unit, err);
    if (status != RNL_OK) {
        feed_close(feed);
        return status;
    }
    *cursor = feed;
    return RNL_OK;
}
