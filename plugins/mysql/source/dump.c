/* The connection on which a server sends its log, and the thread that reads it as it comes. */
#include "dump.h"
#include "wire.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

/*
 * The library's own binlog reader is too old for today's servers, and has no way to be told of
 * anything but a file and a position. What is used below its interface: db_command in the table
 * of methods, and the packets (see wire.c); both stand where they stood through major 3.
 */
_Static_assert(MARIADB_PACKAGE_VERSION_ID >= 30100 && MARIADB_PACKAGE_VERSION_ID < 40000,
               "written for MariaDB Connector/C 3");

#define COMMAND_DUMP 18
#define COMMAND_DUMP_GTID 30
#define DUMP_THROUGH_GTID 4 /* flag: start by GTIDs */
#define LOG_BEGIN 4         /* position of the first event of a file */

#define HEARTBEAT_MS 500
/* A server that waits says so each HEARTBEAT_MS; one that seeks the place to start at doesn't. */
#define SILENCE_MS 10000
#define LOOKED_MS 2000 /* longer ago, it was us who stood still */
#define SILENCE_FIRST_MS 120000
#define PACKETS_FIRST 4

#define RING_BYTES ((size_t)1 << 20)
#define LEND_BYTES (RING_BYTES / 8) /* from here on an event isn't copied */
#define REST_BYTES (RING_BYTES / 2) /* a full ring is emptied so far before more is read */
#define MORE_BYTES (RING_BYTES / 8) /* that are worth to go on for, with some at hand already */

/* In the ring stands one behind the other: head, bytes, padding. */
struct entry {
    uint32_t len;
    uint32_t kind;
};
#define NOT_WAITING UINT64_MAX
enum entry_kind { ENTRY_BYTES, ENTRY_LENT, ENTRY_WRAP };

/*
 * One thread reads (the producer), one takes (the consumer). head and tail count bytes since the
 * start. Who waits says so, looks again, and sleeps: the other looks for it after each move. So
 * that the two don't wake each other for each event, the producer sleeps until much of a full ring
 * is free, and the consumer isn't woken while the producer has more at hand; where it has time, it
 * sleeps until there is more than one.
 */
struct dump {
    struct conn *conn;
    pthread_t thread;
    bool started;
    unsigned char *ring;
    _Atomic uint64_t head; /* the producer's */
    _Atomic uint64_t tail; /* the consumer's */
    /* how much must be in the ring for it to go on, and how little; or NOT_WAITING */
    _Atomic uint64_t consumer_waits, producer_waits;
    _Atomic bool closing;
    _Atomic bool ended;   /* err is set, and nothing more comes */
    struct rnl_error err; /* the producer's until ended */
    const unsigned char *lent;

    pthread_mutex_t lock; /* for sleeping alone */
    pthread_cond_t moved;

    uint64_t taken; /* the consumer's: bytes of the entry that it holds */
    uint64_t packets;
    int64_t empty_since_ms; /* 0: not known to be empty */
    int64_t looked_ms;      /* when it was so the last time */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t entry_bytes(size_t len)
{
    return (sizeof(struct entry) + len + 7) & ~(size_t)7;
}

static uint64_t used(struct dump *dump)
{
    return atomic_load(&dump->head) - atomic_load(&dump->tail);
}

static void wake(struct dump *dump)
{
    pthread_mutex_lock(&dump->lock);
    pthread_cond_broadcast(&dump->moved);
    pthread_mutex_unlock(&dump->lock);
}

/* Until so many bytes are free. */
static bool room_await(struct dump *dump, size_t bytes)
{
    uint64_t most = RING_BYTES - bytes < REST_BYTES ? RING_BYTES - bytes : REST_BYTES;

    if (used(dump) + bytes <= RING_BYTES)
        return !atomic_load(&dump->closing);
    pthread_mutex_lock(&dump->lock);
    atomic_store(&dump->producer_waits, most);
    pthread_cond_broadcast(&dump->moved); /* nothing more comes for a consumer that waits for it */
    while (used(dump) > most && !atomic_load(&dump->closing))
        pthread_cond_wait(&dump->moved, &dump->lock);
    atomic_store(&dump->producer_waits, NOT_WAITING);
    pthread_mutex_unlock(&dump->lock);
    return !atomic_load(&dump->closing);
}

/* more: another event comes at once, and the two of them are one reason to wake. */
static void head_move(struct dump *dump, size_t bytes, bool more)
{
    uint64_t waits;

    atomic_fetch_add(&dump->head, bytes);
    waits = atomic_load(&dump->consumer_waits);
    if (more && waits < MORE_BYTES)
        waits = MORE_BYTES;
    if (waits != NOT_WAITING && used(dump) >= waits)
        wake(dump);
}

/* An entry is never cut by the end of the ring. */
static bool entry_add(struct dump *dump, const unsigned char *bytes, size_t len, uint32_t kind,
                      bool more)
{
    size_t size = entry_bytes(kind == ENTRY_BYTES ? len : 0);
    size_t at = atomic_load_explicit(&dump->head, memory_order_relaxed) % RING_BYTES;
    struct entry entry = {(uint32_t)len, kind};

    if (at + size > RING_BYTES) {
        struct entry wrap = {0, ENTRY_WRAP};

        if (!room_await(dump, RING_BYTES - at))
            return false;
        memcpy(dump->ring + at, &wrap, sizeof(wrap));
        head_move(dump, RING_BYTES - at, true);
        at = 0;
    }
    if (!room_await(dump, size))
        return false;
    memcpy(dump->ring + at, &entry, sizeof(entry));
    if (kind == ENTRY_BYTES)
        memcpy(dump->ring + at + sizeof(entry), bytes, len);
    head_move(dump, size, more);
    return true;
}

/* What is long stays in the connection's buffer until it was taken and given back. */
static bool event_lend(struct dump *dump, const unsigned char *bytes, size_t len)
{
    dump->lent = bytes;
    return entry_add(dump, bytes, len, ENTRY_LENT, false) && room_await(dump, RING_BYTES);
}

static bool packet_pass(struct dump *dump)
{
    MYSQL *mysql = dump->conn->mysql;
    unsigned long len = mysql_net_read_packet(mysql);
    const unsigned char *packet = mysql->net.read_pos;

    if (len == packet_error || len == 0) {
        dump_error(dump->conn, &dump->err);
        return false;
    }
    if (packet[0] != 0) { /* 0xfe: the server goes down in order */
        rnl_fail(&dump->err, RNL_E_RETRY, "mysql.gone", "the server ended its log");
        return false;
    }
    if (len - 1 < LEND_BYTES)
        return entry_add(dump, packet + 1, len - 1, ENTRY_BYTES, wire_has_packet(mysql));
    if (len - 1 > UINT32_MAX || !event_lend(dump, packet + 1, len - 1))
        return false;
    wire_buffer_trim(mysql);
    return true;
}

static void *dump_run(void *self)
{
    struct dump *dump = self;

    mysql_thread_init();
    while (packet_pass(dump))
        ;
    atomic_store(&dump->ended, true);
    wake(dump);
    mysql_thread_end();
    return NULL;
}

static bool is_empty(struct dump *dump)
{
    return atomic_load(&dump->head) == atomic_load_explicit(&dump->tail, memory_order_relaxed);
}

static bool is_filled(struct dump *dump, uint64_t bytes)
{
    uint64_t now = used(dump);

    return now >= bytes || atomic_load(&dump->ended) ||
           (now && atomic_load(&dump->producer_waits) != NOT_WAITING);
}

static void fill_await(struct dump *dump, int timeout_ms, uint64_t bytes)
{
    int64_t until = now_ms() + timeout_ms;
    struct timespec at = {until / 1000, until % 1000 * 1000000};
    int waited = 0;

    pthread_mutex_lock(&dump->lock);
    atomic_store(&dump->consumer_waits, bytes);
    while (!is_filled(dump, bytes) && !waited)
        waited = pthread_cond_timedwait(&dump->moved, &dump->lock, &at);
    atomic_store(&dump->consumer_waits, NOT_WAITING);
    pthread_mutex_unlock(&dump->lock);
}

static void entry_return(struct dump *dump)
{
    uint64_t waits;

    if (!dump->taken)
        return;
    atomic_fetch_add(&dump->tail, dump->taken);
    dump->taken = 0;
    waits = atomic_load(&dump->producer_waits);
    if (waits != NOT_WAITING && used(dump) <= waits)
        wake(dump);
}

/*
 * Nothing came: is the server still there? Of a time in which nobody looked, because this process
 * was stopped, say, nothing is known.
 */
static int silence_check(struct dump *dump, struct rnl_error *err)
{
    int64_t now = now_ms();
    int64_t most = dump->packets < PACKETS_FIRST ? SILENCE_FIRST_MS : SILENCE_MS;

    if (!dump->empty_since_ms || now - dump->looked_ms > LOOKED_MS)
        dump->empty_since_ms = now;
    dump->looked_ms = now;
    if (now - dump->empty_since_ms <= most)
        return RNL_AGAIN;
    return rnl_fail(err, RNL_E_RETRY, "mysql.silent",
                    "the server sent nothing of its log for %d seconds, not even that it waits",
                    (int)(most / 1000));
}

bool dump_has(struct dump *dump)
{
    return used(dump) > dump->taken;
}

int dump_take(struct dump *dump, int timeout_ms, bool more, const unsigned char **event,
              size_t *len, struct rnl_error *err)
{
    struct entry entry;
    size_t at;

    entry_return(dump);
    if (is_empty(dump) && timeout_ms > 0)
        fill_await(dump, timeout_ms, more ? MORE_BYTES : 1);
    if (is_empty(dump)) {
        if (!atomic_load(&dump->ended))
            return silence_check(dump, err);
        if (is_empty(dump)) { /* looked at after ended: nothing was added since */
            *err = dump->err;
            return err->status;
        }
    }
    at = atomic_load_explicit(&dump->tail, memory_order_relaxed) % RING_BYTES;
    memcpy(&entry, dump->ring + at, sizeof(entry));
    if (entry.kind == ENTRY_WRAP) {
        dump->taken = RING_BYTES - at;
        return dump_take(dump, timeout_ms, more, event, len, err);
    }
    dump->taken = entry_bytes(entry.kind == ENTRY_BYTES ? entry.len : 0);
    *event = entry.kind == ENTRY_BYTES ? dump->ring + at + sizeof(entry) : dump->lent;
    *len = entry.len;
    dump->empty_since_ms = 0;
    if (dump->packets < PACKETS_FIRST)
        dump->packets++;
    return RNL_OK;
}

bool dump_has_ended(const struct dump *dump)
{
    return atomic_load(&dump->ended);
}

static void little_put(struct text *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)(value >> (8 * i));

        text_bytes(out, &byte, 1);
    }
}

static int command_send(struct dump *dump, int command, const struct text *payload,
                        struct rnl_error *err)
{
    MYSQL *mysql = dump->conn->mysql;

    if (payload->failed)
        return error_memory(err);
    if (mysql->methods->db_command(mysql, (enum enum_server_command)command, payload->ptr,
                                   payload->len, 1, NULL) == 0)
        return RNL_OK;
    return dump_error(dump->conn, err);
}

static void gtid_command(struct source *source, const struct gtid_set *set, struct text *out)
{
    struct text encoded = {0};

    gtid_set_encode(set, &encoded);
    little_put(out, DUMP_THROUGH_GTID, 2);
    little_put(out, source->server_id, 4);
    little_put(out, 0, 4); /* no file's name */
    little_put(out, LOG_BEGIN, 8);
    little_put(out, encoded.len, 4);
    text_bytes(out, encoded.ptr, encoded.len);
    out->failed = out->failed || encoded.failed;
    text_free(&encoded);
}

static int file_start(struct source *source, struct dump *dump, const char *file, uint64_t pos,
                      struct rnl_error *err)
{
    struct text payload = {0};
    int status;

    little_put(&payload, pos, 4);
    little_put(&payload, 0, 2);
    little_put(&payload, source->server_id, 4);
    text_add(&payload, file);
    status = command_send(dump, COMMAND_DUMP, &payload, err);
    text_free(&payload);
    return status;
}

/* The open ones must come once more: the set is asked for without them. */
static int start_set(const struct position *start, struct gtid_set *set)
{
    struct text text = {0};
    struct gtid gtid;
    int status;

    gtid_set_text(&start->set, &text);
    status = text.failed ? -1 : gtid_set_parse(set, text.len ? text.ptr : "", text.len);
    for (size_t i = 0; i < start->nopen && !status; i++)
        if (start->open[i].at)
            status = gtid_parse(&gtid, start->open[i].at) || gtid_set_remove(set, &gtid);
    text_free(&text);
    return status;
}

static int set_start(struct source *source, struct dump *dump, const struct position *start,
                     struct rnl_error *err)
{
    struct gtid_set set = {0};
    struct text payload = {0};
    int status = start_set(start, &set) ? error_memory(err) : RNL_OK;

    if (!status) {
        gtid_command(source, &set, &payload);
        status = command_send(dump, COMMAND_DUMP_GTID, &payload, err);
    }
    gtid_set_free(&set);
    text_free(&payload);
    return status;
}

static int maria_state_set(struct dump *dump, const struct position *start, struct rnl_error *err)
{
    struct text sql = {0};
    int status;

    text_add(&sql, "SET @slave_connect_state='");
    if (start->from)
        text_add(&sql, start->from);
    else
        gtid_list_text(&start->list, &sql);
    text_add(&sql, "', @slave_gtid_strict_mode=1, @slave_gtid_ignore_duplicates=0");
    status = sql.failed ? error_memory(err) : conn_run(dump->conn, sql.ptr, err);
    text_free(&sql);
    return status;
}

static int log_start(struct source *source, struct dump *dump, const struct position *start,
                     struct rnl_error *err)
{
    char file[POSITION_FILE_MAX];
    uint64_t pos = start->pos;
    int status;

    if (start->gtids && !start->mariadb)
        return set_start(source, dump, start, err);
    if (start->gtids) {
        status = maria_state_set(dump, start, err);
        return status ? status : file_start(source, dump, "", LOG_BEGIN, err);
    }
    snprintf(file, sizeof(file), "%s", start->file);
    if (start->from && log_place_parse(start->from, file, &pos))
        return error_memory(err);
    return file_start(source, dump, file, pos, err);
}

static int session_prepare(struct source *source, struct dump *dump, struct rnl_error *err)
{
    char sql[300];
    int status;

    status = conn_run(dump->conn,
                      "SET @master_binlog_checksum=@@global.binlog_checksum, "
                      "@source_binlog_checksum=@@global.binlog_checksum",
                      err);
    snprintf(sql, sizeof(sql),
             "SET @master_heartbeat_period=%" PRId64 ", @source_heartbeat_period=%" PRId64,
             (int64_t)HEARTBEAT_MS * 1000000, (int64_t)HEARTBEAT_MS * 1000000);
    if (!status)
        status = conn_run(dump->conn, sql, err);
    snprintf(sql, sizeof(sql), "SET @slave_uuid='%s', @replica_uuid='%s'", source->reader_uuid,
             source->reader_uuid);
    if (!status)
        status = conn_run(dump->conn, sql, err);
    if (!status && source->server.mariadb)
        status = conn_run(dump->conn, "SET @mariadb_slave_capability=4", err);
    return status;
}

static int wait_init(struct dump *dump)
{
    pthread_condattr_t attr;
    int failed = pthread_condattr_init(&attr);

    if (failed)
        return failed;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    failed = pthread_cond_init(&dump->moved, &attr);
    pthread_condattr_destroy(&attr);
    if (!failed)
        pthread_mutex_init(&dump->lock, NULL);
    return failed;
}

int dump_open(struct source *source, struct conn *conn, const struct position *start,
              struct dump **out, struct rnl_error *err)
{
    struct dump *dump = calloc(1, sizeof(*dump));
    int status;

    if (!dump || !(dump->ring = malloc(RING_BYTES)) || wait_init(dump)) {
        free(dump ? dump->ring : NULL);
        free(dump);
        conn_close(conn);
        return error_memory(err);
    }
    dump->conn = conn;
    atomic_store(&dump->consumer_waits, NOT_WAITING);
    atomic_store(&dump->producer_waits, NOT_WAITING);
    dump->err = (struct rnl_error)RNL_ERROR_INIT;
    status = session_prepare(source, dump, err);
    if (!status)
        status = log_start(source, dump, start, err);
    if (!status && pthread_create(&dump->thread, NULL, dump_run, dump))
        status = error_memory(err);
    else
        dump->started = !status;
    if (status) {
        dump_close(dump);
        return status;
    }
    *out = dump;
    return RNL_OK;
}

void dump_close(struct dump *dump)
{
    if (!dump)
        return;
    atomic_store(&dump->closing, true);
    shutdown(dump->conn->fd, SHUT_RDWR);
    pthread_mutex_lock(&dump->lock);
    pthread_cond_broadcast(&dump->moved);
    pthread_mutex_unlock(&dump->lock);
    if (dump->started)
        pthread_join(dump->thread, NULL);
    conn_close(dump->conn);
    pthread_cond_destroy(&dump->moved);
    pthread_mutex_destroy(&dump->lock);
    free(dump->ring);
    free(dump);
}
