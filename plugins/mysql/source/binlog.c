/* The decoder of the binary log: packets in, events out. */
#include "binlog_part.h"

#include "crc.h"

#include <zlib.h>
#include <zstd.h>

/* The server's numbers of events. */
enum {
    EVENT_QUERY = 2,
    EVENT_STOP = 3,
    EVENT_ROTATE = 4,
    EVENT_INTVAR = 5,
    EVENT_SLAVE = 7,
    EVENT_APPEND_BLOCK = 9,
    EVENT_DELETE_FILE = 11,
    EVENT_RAND = 13,
    EVENT_USER_VAR = 14,
    EVENT_FORMAT = 15,
    EVENT_XID = 16,
    EVENT_BEGIN_LOAD = 17,
    EVENT_EXECUTE_LOAD = 18,
    EVENT_TABLE_MAP = 19,
    EVENT_ROWS_V1_FIRST = 23,
    EVENT_ROWS_V1_LAST = 25,
    EVENT_INCIDENT = 26,
    EVENT_HEARTBEAT = 27,
    EVENT_IGNORABLE = 28,
    EVENT_ROWS_QUERY = 29,
    EVENT_ROWS_V2_FIRST = 30,
    EVENT_ROWS_V2_LAST = 32,
    EVENT_GTID = 33,
    EVENT_ANONYMOUS_GTID = 34,
    EVENT_PREVIOUS_GTIDS = 35,
    EVENT_TRANSACTION_CONTEXT = 36,
    EVENT_VIEW_CHANGE = 37,
    EVENT_XA_PREPARE = 38,
    EVENT_ROWS_PARTIAL = 39,
    EVENT_PAYLOAD = 40,
    EVENT_HEARTBEAT_V2 = 41,
    EVENT_GTID_TAGGED = 42,
    EVENT_MARIADB_ANNOTATE = 160,
    EVENT_MARIADB_CHECKPOINT = 161,
    EVENT_MARIADB_GTID = 162,
    EVENT_MARIADB_GTID_LIST = 163,
    EVENT_MARIADB_ENCRYPTION = 164,
    EVENT_MARIADB_QUERY_COMPRESSED = 165,
    EVENT_MARIADB_ROWS_FIRST = 166,
    EVENT_MARIADB_ROWS_LAST = 171,
};

#define FLAG_IN_USE 0x01
#define FLAG_IGNORABLE 0x80

struct binlog *binlog_new(void)
{
    struct binlog *log = calloc(1, sizeof(*log));

    if (log)
        log->statement = 1;
    return log;
}

void binlog_reset(struct binlog *log)
{
    tables_forget(log);
    log->event = (struct span){0};
    log->payload = (struct span){0};
    log->in_payload = log->checksums = log->checksums_known = false;
}

void binlog_free(struct binlog *log)
{
    if (!log)
        return;
    tables_forget(log);
    for (size_t i = 0; i < CHARSETS_OPEN && log->open[i].charset; i++)
        iconv_close(log->open[i].cd);
    ZSTD_freeDStream(log->zstd);
    pile_free(&log->pile);
    free(log->inflated.ptr);
    free(log->inner.ptr);
    free(log);
}

static bool checksum_fits(const uint8_t *event, size_t len)
{
    uint8_t head[BINLOG_HEAD];
    uint32_t told = (uint32_t)little_load(event + len - BINLOG_CHECKSUM, BINLOG_CHECKSUM);
    size_t rest = len - BINLOG_CHECKSUM - BINLOG_HEAD;

    if (crc_of(event, len - BINLOG_CHECKSUM) == told)
        return true;
    if (event[4] != EVENT_FORMAT)
        return false;
    /* that of a file being written is made without the flag that says so */
    memcpy(head, event, sizeof(head));
    head[17] &= (uint8_t)~FLAG_IN_USE;
    return crc32_z(crc32_z(0, head, sizeof(head)), event + BINLOG_HEAD, rest) == told;
}

/* Whether the event ends with a checksum; sets what the events behind it do. */
static int checksum_expected(struct binlog *log, const uint8_t *event, size_t len, bool *expected,
                             struct rnl_error *err)
{
    uint8_t method;

    *expected = log->checksums;
    if (event[4] == EVENT_ROTATE && !log->checksums_known) {
        /* before anything says: it has one when we asked for them */
        *expected = len >= BINLOG_HEAD + BINLOG_CHECKSUM && checksum_fits(event, len);
    } else if (event[4] == EVENT_FORMAT) {
        if (len < BINLOG_HEAD + 57 + 1 + BINLOG_CHECKSUM)
            return log_malformed(err, "a format description");
        method = event[len - BINLOG_CHECKSUM - 1];
        if (method > 1) {
            rnl_fail(err, RNL_E_CONFIG, "source.log_checksum_unknown",
                     "the binary log has checksums of a kind (%u) that isn't known", method);
            rnl_hint(err, "set binlog_checksum = CRC32 on the server");
            return err->status;
        }
        log->checksums_known = true;
        log->checksums = *expected = method == 1;
    }
    return RNL_OK;
}

int binlog_feed(struct binlog *log, const void *bytes, size_t len, struct rnl_error *err)
{
    const uint8_t *event = bytes;
    bool expected;
    int status;

    log->rows.open = log->in_payload = false;
    log->event = log->payload = (struct span){0};
    growing_shrink(&log->inflated);
    growing_shrink(&log->inner);
    if (len < BINLOG_HEAD || len > BINLOG_EVENT_MAX)
        return log_malformed(err, "an event");
    status = checksum_expected(log, event, len, &expected, err);
    if (status)
        return status;
    if (expected && (len < BINLOG_HEAD + BINLOG_CHECKSUM || !checksum_fits(event, len)))
        return rnl_fail(err, RNL_E_RETRY, "source.log_checksum",
                        "an event of the binary log (type %u, before position %u) came with "
                        "another checksum than it should have: bytes were changed on the way, or "
                        "in the log",
                        event[4], (unsigned)little_load(event + 13, 4));
    if (little_load(event + 9, 4) != len)
        return log_malformed(err, "an event, whose length isn't what it says,");
    /* a format description ends with them whether it has them or not */
    if (expected || event[4] == EVENT_FORMAT)
        len -= BINLOG_CHECKSUM;
    log->event = (struct span){event, event + len};
    return RNL_OK;
}

/* Events of which nobody need know. */
static bool is_needless(uint8_t type)
{
    switch (type) {
    case EVENT_STOP:
    case EVENT_SLAVE:
    case EVENT_INTVAR: /* this and the next five stand before the statement that uses them */
    case EVENT_RAND:
    case EVENT_USER_VAR:
    case EVENT_BEGIN_LOAD:
    case EVENT_APPEND_BLOCK:
    case EVENT_DELETE_FILE:
    case EVENT_IGNORABLE:
    case EVENT_ROWS_QUERY:
    case EVENT_TRANSACTION_CONTEXT:
    case EVENT_VIEW_CHANGE:
    case EVENT_MARIADB_ANNOTATE:
    case EVENT_MARIADB_CHECKPOINT:
    case EVENT_MARIADB_GTID_LIST:
    case EVENT_MARIADB_ENCRYPTION:
        return true;
    default:
        return false;
    }
}

static bool is_rows(uint8_t type)
{
    return (type >= EVENT_ROWS_V1_FIRST && type <= EVENT_ROWS_V1_LAST) ||
           (type >= EVENT_ROWS_V2_FIRST && type <= EVENT_ROWS_V2_LAST) ||
           type == EVENT_ROWS_PARTIAL ||
           (type >= EVENT_MARIADB_ROWS_FIRST && type <= EVENT_MARIADB_ROWS_LAST);
}

static int incident(struct span body, struct rnl_error *err)
{
    unsigned number = span_left(&body) >= 2 ? (unsigned)little_load(body.at, 2) : 0;
    size_t len = span_left(&body) >= 3 ? body.at[2] : 0;

    if (len > span_left(&body) - (len ? 3 : 0))
        len = 0;
    rnl_fail(err, RNL_E_CONFIG, "source.log_incident",
             "the server says in its binary log that changes are missing there: incident %u, %.*s",
             number, (int)len, len ? (const char *)body.at + 3 : "");
    rnl_hint(err, "what is missing can't be had from the log: load again with --restart");
    return err->status;
}

static int unknown(uint8_t type, uint16_t flags, struct rnl_error *err)
{
    if (flags & FLAG_IGNORABLE)
        return RNL_AGAIN;
    rnl_fail(err, RNL_E_CONFIG, "source.log_event_unknown",
             "the binary log holds an event of type %u, which isn't known here", type);
    rnl_hint(err, "nothing was passed over; a newer Runnel may know it");
    return err->status;
}

static int dispatch_other(struct binlog *log, struct span body, struct binlog_event *event,
                          struct rnl_error *err)
{
    switch (event->type) {
    case EVENT_GTID:
    case EVENT_ANONYMOUS_GTID:
        return event_gtid(body, event, err);
    case EVENT_GTID_TAGGED:
        return event_gtid_tagged(body, event, err);
    case EVENT_MARIADB_GTID:
        return event_mariadb_gtid(body, event, err);
    case EVENT_PREVIOUS_GTIDS:
        event->kind = BINLOG_PREVIOUS_GTIDS;
        event->previous_gtids = (struct rnl_slice){body.at, span_left(&body)};
        return RNL_OK;
    case EVENT_XA_PREPARE:
        return event_xa_prepare(body, event, err);
    case EVENT_ROTATE:
        return event_rotate(body, event, err);
    case EVENT_HEARTBEAT:
    case EVENT_HEARTBEAT_V2:
        return event_heartbeat(body, event, err);
    case EVENT_FORMAT:
        tables_forget(log);
        event->kind = BINLOG_FORMAT;
        return RNL_OK;
    case EVENT_INCIDENT:
        return incident(body, err);
    default:
        return unknown(event->type, event->flags, err);
    }
}

/* AGAIN: there is nothing to tell of this event. */
static int dispatch(struct binlog *log, struct span body, struct binlog_event *event,
                    struct rnl_error *err)
{
    int status;

    if (is_rows(event->type))
        return rows_open(log, event->type, body, event, err);
    switch (event->type) {
    case EVENT_TABLE_MAP:
        status = table_map(log, body, err);
        return status ? status : RNL_AGAIN;
    case EVENT_XID:
        return event_xid(body, event, err);
    case EVENT_QUERY:
    case EVENT_EXECUTE_LOAD:
    case EVENT_MARIADB_QUERY_COMPRESSED:
        return event_query(log, body, event, err);
    case EVENT_PAYLOAD:
        if (event->in_payload)
            return log_malformed(err, "a payload in a payload");
        status = payload_open(log, body, err);
        return status ? status : RNL_AGAIN;
    default:
        return is_needless(event->type) ? RNL_AGAIN : dispatch_other(log, body, event, err);
    }
}

static int event_take(struct binlog *log, struct span *in, bool *in_payload, struct rnl_error *err)
{
    int status;

    *in_payload = true;
    if (log->in_payload) {
        status = payload_next(log, in, err);
        if (status != RNL_DONE)
            return status;
    }
    *in_payload = false;
    *in = log->event;
    log->event = (struct span){0};
    return in->at ? RNL_OK : RNL_DONE;
}

int binlog_next(struct binlog *log, struct binlog_event *event, struct rnl_error *err)
{
    bool in_payload;
    struct span in;
    int status;

    do {
        log->rows.open = false;
        status = event_take(log, &in, &in_payload, err);
        if (status)
            return status;
        event->in_payload = in_payload;
        event->time_s = (uint32_t)little_load(in.at, 4);
        event->type = in.at[4];
        event->server_id = (uint32_t)little_load(in.at + 5, 4);
        event->next_position = in_payload ? 0 : (uint32_t)little_load(in.at + 13, 4);
        event->flags = (uint16_t)little_load(in.at + 17, 2);
        in.at += BINLOG_HEAD;
        status = dispatch(log, in, event, err);
    } while (status == RNL_AGAIN);
    return status;
}
