/*
 * The stream of changes. The cursor's thread takes items from a queue; a thread of the stream's
 * own fills that from the socket, as far as it has room, and tells the server every moment how
 * far the target is, whatever the cursor does. A cursor that waits with an empty queue does all
 * that itself, so that no change waits until one thread has woken the other; the stream's thread
 * takes it on again when the cursor stays away.
 */
#include "stream.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#define ITEMS 4096u           /* that the queue has room for; a power of two */
#define ITEMS_AT_ONCE 256u    /* that change hands under one lock */
#define BYTES_MOST (8u << 20) /* waiting; one message may be larger, alone */
#define FEEDBACK_MOST_MS 1000
#define AWAY_MOST_MS 50     /* that a cursor which reads itself may be about something else */
#define BUSY_MOST_MS 5000   /* for a process of the server that is about to end */
#define HEADER_TIME 17      /* in what begins with: */
#define HEADER_DATA 25      /* 'w', start, end, time */
#define HEADER_KEEPALIVE 18 /* 'k', end, time, whether an answer is wanted */
#define EPOCH_2000_US INT64_C(946684800000000)

struct item {
    char *memory; /* libpq's; NULL: a keepalive */
    size_t len;
    uint64_t lsn;
};

struct stream {
    struct pg_source *source;
    struct follow *follow;
    struct pg_conn *conn; /* of who reads, while the thread runs */
    pthread_t thread;
    bool running;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t came;
    pthread_cond_t left; /* the thread is to look whether it's to read, or to end */
    bool wanted;         /* the cursor would read itself */
    bool direct;         /* ... and does */
    bool inside;         /* it's at it; else it was last at: */
    int64_t inside_ms;
    struct item items[ITEMS];
    uint32_t first, count;
    size_t bytes;
    bool stop;
    bool starved; /* the thread waits for room */
    int status;   /* other than RNL_OK: no more comes, and error says why */
    struct rnl_error error;

    /* the cursor's thread: taken from the queue, given one by one */
    struct item taken[ITEMS_AT_ONCE];
    uint32_t given, ntaken;

    /* who reads: the stream's thread, or with direct the cursor's */
    uint64_t received, told;
    int64_t feedback_ms; /* when the next is due */
    int64_t period_ms;
    bool answer;        /* the server asked */
    bool undrained;     /* libpq may have more than was taken */
    atomic_bool notice; /* the server said that it leaves something out */
    char notice_text[300];
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t number_at(const char *at)
{
    uint64_t number;

    memcpy(&number, at, sizeof(number));
    return __builtin_bswap64(number);
}

/*
 * A warning of these states is a publication that the server can't find and goes on without (from
 * 18 on): rows are missing from here on.
 */
bool notice_tells_loss(const char *severity, const char *state)
{
    return severity && state && strcmp(severity, "WARNING") == 0 &&
           (strcmp(state, "55000") == 0 || strcmp(state, "42704") == 0);
}

/* The server's words beside the data. */
static void on_stream_notice(void *arg, const PGresult *result)
{
    struct stream *s = arg;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool warning = severity && strcmp(severity, "WARNING") == 0;

    text = text ? text : "";
    if (notice_tells_loss(severity, state)) {
        snprintf(s->notice_text, sizeof(s->notice_text), "%s", text);
        atomic_store(&s->notice, true);
    } else if (warning) {
        rnl_warn(s->source->server.ctx, "PostgreSQL says: %s", text);
    } else {
        rnl_debug(s->source->server.ctx, "PostgreSQL says: %s", text);
    }
}

static int publication_lost(const struct stream *s, const char *why, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.publication_lost",
             "the server can't find the publication \"%s\" at this place of its log: %s",
             s->follow->publication, why);
    rnl_hint(err, "it was dropped, or made after the slot: making it again brings nothing back; "
                  "load again with --restart");
    return RNL_E_CONFIG;
}

/* What the server says of the stream, in our classes. */
static int stream_error(struct stream *s, const PGresult *result, const char *doing,
                        struct rnl_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    char why[400];
    int status = error_result(s->conn, result, doing, err);

    if (!state || strcmp(err->code, "postgres.interrupted") == 0)
        return status;
    snprintf(why, sizeof(why), "%.390s", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (strcmp(state, "55006") == 0)
        return slot_busy(s->follow->slot, NULL, err);
    if (strcmp(state, "42704") == 0 && strstr(why, s->follow->slot) &&
        strcmp(s->follow->slot, s->follow->publication) != 0)
        return slot_lost(s->follow, why, err);
    if (strcmp(state, "42704") == 0)
        return s->running ? publication_lost(s, why, err) : slot_lost(s->follow, why, err);
    if (strcmp(state, "55000") == 0 || strcmp(state, "58P01") == 0)
        return slot_lost(s->follow, why, err);
    return status;
}

/* How often the server wants to hear of us. */
static int period_choose(struct stream *s, struct rnl_error *err)
{
    PGresult *result;
    int64_t timeout_ms;
    char *unit;
    int status =
        replication_query(s->conn, "SHOW wal_sender_timeout", "look at the server", &result, err);

    if (status != RNL_OK)
        return status;
    timeout_ms = strtoll(PQgetvalue(result, 0, 0), &unit, 10);
    if (strcmp(unit, "s") == 0)
        timeout_ms *= 1000;
    else if (strcmp(unit, "ms") != 0)
        timeout_ms = timeout_ms ? FEEDBACK_MOST_MS * 3 : 0; /* minutes and more, or never */
    PQclear(result);
    s->period_ms =
        timeout_ms > 0 && timeout_ms / 3 < FEEDBACK_MOST_MS ? timeout_ms / 3 : FEEDBACK_MOST_MS;
    if (s->period_ms < 1)
        s->period_ms = 1;
    return RNL_OK;
}

static int protocol_of(int version)
{
    return version >= 160000 ? 4 : version >= 150000 ? 3 : version >= 140000 ? 2 : 1;
}

/* '"a","b"' as one literal */
static void publications_add(const struct follow *f, struct buf *sql)
{
    struct buf names = {0};

    buf_name(&names, f->publication);
    if (f->has_inserts) {
        buf_puts(&names, ",");
        buf_name(&names, f->inserts);
    }
    if (buf_text(&names))
        buf_literal(sql, names.ptr);
    sql->failed = sql->failed || names.failed;
    buf_free(&names);
}

static int start_once(struct stream *s, uint64_t lsn, struct rnl_error *err)
{
    char text[LSN_TEXT];
    struct buf sql = {0};
    PGresult *result;
    int status = RNL_OK;

    buf_puts(&sql, "START_REPLICATION SLOT ");
    buf_name(&sql, s->follow->slot);
    buf_printf(&sql, " LOGICAL %s (proto_version '%d', publication_names ", lsn_print(lsn, text),
               protocol_of(s->source->server.version));
    publications_add(s->follow, &sql);
    buf_puts(&sql, ")");
    if (!buf_text(&sql)) {
        buf_free(&sql);
        return error_memory(err);
    }
    result = PQexec(s->conn->pg, sql.ptr);
    if (PQresultStatus(result) != PGRES_COPY_BOTH)
        status = stream_error(s, result, "start to read changes", err);
    PQclear(result);
    buf_free(&sql);
    return status;
}

/* A process of the server that read for a client which died lives on for a moment. */
static int stream_start(struct stream *s, uint64_t lsn, struct rnl_error *err)
{
    int64_t end_us = now_us() + BUSY_MOST_MS * 1000;
    int status;

    for (;;) {
        struct timespec pause = {.tv_nsec = 200000000};

        status = start_once(s, lsn, err);
        if (status != RNL_E_RETRY || strcmp(err->code, "source.slot_busy") != 0 ||
            now_us() >= end_us || atomic_load(&s->source->server.interrupted))
            return status;
        nanosleep(&pause, NULL);
    }
}

/* How far the target is. A full socket is no error: the next one says the same. */
static int feedback_send(struct stream *s)
{
    uint64_t done = atomic_load(&s->follow->confirmed);
    uint64_t seen = s->received > done ? s->received : done;
    struct timespec now;
    struct buf message = {0};
    int sent;

    clock_gettime(CLOCK_REALTIME, &now);
    buf_byte(&message, 'r');
    buf_be64(&message, seen);
    buf_be64(&message, done);
    buf_be64(&message, done);
    buf_be64(&message,
             (uint64_t)((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - EPOCH_2000_US));
    buf_byte(&message, 0);
    sent = message.failed ? -1 : PQputCopyData(s->conn->pg, message.ptr, (int)message.len);
    buf_free(&message);
    s->told = done;
    s->answer = sent == 0;
    s->feedback_ms = now_us() / 1000 + (sent == 0 ? 10 : s->period_ms);
    return sent < 0 ? -1 : PQflush(s->conn->pg);
}

static void item_add(struct stream *s, const struct item *item)
{
    s->items[(s->first + s->count++) % ITEMS] = *item;
    s->bytes += item->len;
}

/* A keepalive behind another one says all that the first did. */
static void keepalive_add(struct stream *s, uint64_t lsn)
{
    struct item *last = s->count ? &s->items[(s->first + s->count - 1) % ITEMS] : NULL;

    if (last && !last->memory)
        last->lsn = lsn;
    else
        item_add(s, &(struct item){.lsn = lsn});
}

/* The message is the queue's, or freed. */
static int message_take(struct stream *s, char *message, int len)
{
    uint64_t lsn;

    if (message[0] == 'w' && len > HEADER_DATA) {
        lsn = number_at(message + 1); /* 0 with words that describe tables */
        s->received = lsn > s->received ? lsn : s->received;
        item_add(s, &(struct item){message, (size_t)len, lsn});
        return RNL_OK;
    }
    if (message[0] == 'k' && len >= HEADER_KEEPALIVE) {
        lsn = number_at(message + 1);
        s->received = lsn > s->received ? lsn : s->received;
        s->answer = s->answer || message[HEADER_KEEPALIVE - 1];
        keepalive_add(s, lsn);
        PQfreemem(message);
        return RNL_OK;
    }
    PQfreemem(message);
    return rnl_fail(&s->error, RNL_E_FATAL, "postgres.protocol",
                    "the server sent a message in the stream of changes that is not known");
}

static bool has_room(const struct stream *s)
{
    return s->count == 0 || (s->count < ITEMS && s->bytes < BYTES_MOST);
}

/* The server ended the stream, or the connection is gone: says why, under lock. */
static int stream_over(struct stream *s, int len)
{
    PGresult *result =
        len == -1 || PQstatus(s->conn->pg) == CONNECTION_OK ? PQgetResult(s->conn->pg) : NULL;
    int status;

    if (result && PQresultStatus(result) != PGRES_FATAL_ERROR)
        status = rnl_fail(&s->error, RNL_E_RETRY, "postgres.gone",
                          "the server ended the stream of changes");
    else
        status = stream_error(s, result, "read changes", &s->error);
    PQclear(result);
    return status;
}

/* What libpq has goes into the queue, as much as there is room for; under lock. */
static int drain(struct stream *s)
{
    s->undrained = true;
    for (unsigned i = 0; i < ITEMS_AT_ONCE && has_room(s); i++) {
        char *message = NULL;
        int len = PQgetCopyData(s->conn->pg, &message, 1), status;

        if (atomic_load(&s->notice)) { /* what comes behind it may lack rows */
            PQfreemem(message);
            return publication_lost(s, s->notice_text, &s->error);
        }
        if (len == 0) {
            s->undrained = false;
            break;
        }
        if (len < 0)
            return stream_over(s, len);
        status = message_take(s, message, len);
        if (status != RNL_OK)
            return status;
    }
    return RNL_OK;
}

/* Waits for the socket, for room, for a word of the other threads, or for the next feedback. */
static int stream_wait(struct stream *s, bool room, bool writing, int64_t most_ms)
{
    int64_t wait_ms = s->feedback_ms - now_us() / 1000;
    struct pollfd wait[2] = {
        {.fd = PQsocket(s->conn->pg),
         .events = (short)((room ? POLLIN : 0) | (writing ? POLLOUT : 0))},
        {.fd = s->follow->wake, .events = POLLIN},
    };
    eventfd_t ignored;

    if (wait_ms > most_ms)
        wait_ms = most_ms;
    if (room && s->undrained)
        wait_ms = 0; /* libpq has more, of which the socket says nothing */
    poll(wait, 2, wait_ms > 0 ? (int)wait_ms : 0);
    if (wait[1].revents)
        eventfd_read(s->follow->wake, &ignored);
    if (room && wait[0].revents & (POLLIN | POLLHUP | POLLERR) && !PQconsumeInput(s->conn->pg))
        return -1;
    /* where nothing is read, an end shows by this alone */
    return !room && wait[0].revents & (POLLHUP | POLLERR) ? -1 : 0;
}

/* What has come goes into the queue; false: the stream is over, and status says why. Under lock. */
static bool round_take(struct stream *s, bool *room)
{
    int status = drain(s);

    if (status == RNL_OK)
        status = follow_trouble(s->follow, &s->error);
    *room = has_room(s);
    s->starved = !*room;
    if (status != RNL_OK)
        s->status = status;
    return status == RNL_OK;
}

/* Feedback that is due, and then for more to come; false: the stream is over. Not under lock. */
static bool round_wait(struct stream *s, bool room, int64_t most_ms)
{
    int writing = 0;

    if (s->answer || now_us() / 1000 >= s->feedback_ms ||
        atomic_load(&s->follow->confirmed) != s->told)
        writing = feedback_send(s);
    else
        writing = PQflush(s->conn->pg);
    if (writing >= 0 && stream_wait(s, room, writing == 1, most_ms) == 0)
        return true;
    pthread_mutex_lock(&s->lock);
    s->status = stream_over(s, -2);
    pthread_mutex_unlock(&s->lock);
    pthread_cond_signal(&s->came);
    return false;
}

static void wait_until(struct stream *s, pthread_cond_t *what, int64_t end_us)
{
    struct timespec end = {.tv_sec = end_us / 1000000, .tv_nsec = end_us % 1000000 * 1000};

    pthread_cond_timedwait(what, &s->lock, &end);
}

/* While the cursor reads itself, and isn't away for long; under lock. */
static void turn_await(struct stream *s)
{
    int64_t away_ms = s->period_ms < AWAY_MOST_MS ? s->period_ms : AWAY_MOST_MS;

    s->direct = true;
    s->inside_ms = now_us() / 1000;
    pthread_cond_signal(&s->came);
    while (!s->stop && s->status == RNL_OK &&
           (s->inside || now_us() / 1000 - s->inside_ms < away_ms))
        wait_until(s, &s->left, now_us() + away_ms * 1000);
    s->direct = false;
}

static void *stream_thread(void *arg)
{
    struct stream *s = arg;
    bool more, on = true, room;

    while (on) {
        pthread_mutex_lock(&s->lock);
        on = round_take(s, &room);
        if (on && s->wanted) {
            turn_await(s);
            room = has_room(s);
            s->starved = !room;
        }
        on = on && !s->stop && s->status == RNL_OK;
        more = s->count > 0 || !on;
        pthread_mutex_unlock(&s->lock);
        if (more)
            pthread_cond_signal(&s->came);
        on = on && round_wait(s, room, INT32_MAX);
    }
    return NULL;
}

int stream_open(struct pg_source *source, uint64_t lsn, struct stream **out, struct rnl_error *err)
{
    struct stream *s = calloc(1, sizeof(*s));
    pthread_condattr_t attr;
    int status;

    if (!s)
        return error_memory(err);
    s->source = source;
    s->follow = source->follow;
    s->received = lsn;
    s->error = (struct rnl_error)RNL_ERROR_INIT;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->came, &attr);
    pthread_cond_init(&s->left, &attr);
    pthread_condattr_destroy(&attr);
    status = conn_open_replication(&source->server, &s->conn, err);
    if (status == RNL_OK) {
        PQsetNoticeReceiver(s->conn->pg, on_stream_notice, s);
        status = period_choose(s, err);
    }
    if (status == RNL_OK)
        status = stream_start(s, lsn, err);
    if (status == RNL_OK) {
        PQsetnonblocking(s->conn->pg, 1);
        s->running = true;
        if (pthread_create(&s->thread, NULL, stream_thread, s) != 0) {
            s->running = false;
            status = rnl_fail(err, RNL_E_FATAL, "postgres.thread", "cannot start a thread");
        }
    }
    if (status != RNL_OK) {
        stream_close(s);
        return status;
    }
    *out = s;
    return RNL_OK;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    if (s->running) {
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_cond_signal(&s->left);
        pthread_mutex_unlock(&s->lock);
        eventfd_write(s->follow->wake, 1);
        pthread_join(s->thread, NULL);
    }
    for (; s->given < s->ntaken; s->given++)
        PQfreemem(s->taken[s->given].memory);
    for (uint32_t i = 0; i < s->count; i++)
        PQfreemem(s->items[(s->first + i) % ITEMS].memory);
    conn_close(s->conn);
    pthread_cond_destroy(&s->came);
    pthread_cond_destroy(&s->left);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* In the thread's place; under lock, but while it waits. */
static void cursor_round(struct stream *s, int64_t end_us)
{
    bool room;

    s->inside = true;
    pthread_mutex_unlock(&s->lock);
    room = round_wait(s, true, (end_us - now_us() + 999) / 1000);
    pthread_mutex_lock(&s->lock);
    if (room)
        round_take(s, &room);
    s->inside = false;
    s->inside_ms = now_us() / 1000;
}

/* Until something has come, or nothing did for so long; under lock. */
static void items_await(struct stream *s, int64_t end_us)
{
    while (s->count == 0 && s->status == RNL_OK && now_us() < end_us) {
        if (s->direct) {
            cursor_round(s, end_us);
            continue;
        }
        if (!s->wanted)
            eventfd_write(s->follow->wake, 1);
        s->wanted = true;
        wait_until(s, &s->came, end_us);
    }
    s->wanted = false;
}

/* Fills taken; the thread is woken when it waited for the room that this makes. */
static int stream_refill(struct stream *s, int64_t wait_us, struct rnl_error *err)
{
    int64_t end_us = now_us() + wait_us;
    bool starved = false;
    int status = RNL_OK;

    s->given = s->ntaken = 0;
    pthread_mutex_lock(&s->lock);
    if (wait_us > 0)
        items_await(s, end_us);
    while (s->count && s->ntaken < ITEMS_AT_ONCE) {
        s->bytes -= s->items[s->first].len;
        s->taken[s->ntaken++] = s->items[s->first];
        s->first = (s->first + 1) % ITEMS;
        s->count--;
    }
    if (s->ntaken == 0) {
        status = s->status != RNL_OK ? s->status : RNL_AGAIN;
        if (s->status != RNL_OK)
            *err = s->error;
    }
    if (s->starved && s->count < ITEMS / 2 && s->bytes < BYTES_MOST / 2) {
        starved = true;
        s->starved = false;
    }
    pthread_mutex_unlock(&s->lock);
    if (starved)
        eventfd_write(s->follow->wake, 1);
    return status;
}

int stream_next(struct stream *s, int64_t wait_us, struct stream_item *out, struct rnl_error *err)
{
    const struct item *item;

    if (s->given > 0)
        PQfreemem(s->taken[s->given - 1].memory);
    if (s->given == s->ntaken) {
        int status = stream_refill(s, wait_us, err);

        if (status != RNL_OK)
            return status;
    }
    item = &s->taken[s->given++];
    out->lsn = item->lsn;
    out->sent_us =
        item->memory ? (int64_t)number_at(item->memory + HEADER_TIME) + EPOCH_2000_US : 0;
    out->bytes = item->memory ? (const uint8_t *)item->memory + HEADER_DATA : NULL;
    out->len = item->memory ? item->len - HEADER_DATA : 0;
    return RNL_OK;
}
