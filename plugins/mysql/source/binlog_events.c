/* Events of the binary log that tell of transactions, statements and places. */
#include "binlog_part.h"

#include <inttypes.h>

static struct rnl_slice rest_slice(const struct span *in)
{
    return (struct rnl_slice){in->at, span_left(in)};
}

int event_rotate(struct span body, struct binlog_event *event, struct rnl_error *err)
{
    if (!span_little(&body, 8, &event->place.position))
        return log_malformed(err, "a rotate event");
    event->place.file = rest_slice(&body);
    event->kind = BINLOG_ROTATE;
    return RNL_OK;
}

/* Version 2 is a list of fields: number, length, value; 1 is the file, 2 the position. */
static int heartbeat_fields(struct span body, struct binlog_event *event, struct rnl_error *err)
{
    uint64_t field, len;

    while (span_left(&body) && body.at[0] != 0) {
        const uint8_t *at;
        struct span value;

        if (!span_packed(&body, &field) || !span_packed(&body, &len) ||
            !(at = span_take(&body, len)))
            return log_malformed(err, "a heartbeat");
        value = (struct span){at, at + len};
        if (field == 1)
            event->place.file = rest_slice(&value);
        else if (field == 2 && !span_packed(&value, &event->place.position))
            return log_malformed(err, "a heartbeat");
    }
    return RNL_OK;
}

int event_heartbeat(struct span body, struct binlog_event *event, struct rnl_error *err)
{
    event->kind = BINLOG_HEARTBEAT;
    event->place = (struct binlog_place){.position = event->next_position};
    if (event->type == 41)
        return heartbeat_fields(body, event, err);
    event->place.file = rest_slice(&body);
    return RNL_OK;
}

/* The commit's times are 7 bytes each; the second stands there when bit 55 of the first is set. */
static bool commit_time(struct span *body, struct binlog_gtid *gtid)
{
    uint64_t here, origin;

    if (!span_little(body, 7, &here))
        return false;
    origin = here & ~(UINT64_C(1) << 55);
    if (here >> 55 & 1 && !span_little(body, 7, &origin))
        return false;
    gtid->committed_us = (int64_t)origin;
    return span_packed(body, &gtid->length);
}

int event_gtid(struct span body, struct binlog_event *event, struct rnl_error *err)
{
    struct binlog_gtid *gtid = &event->gtid;
    const uint8_t *head = span_take(&body, 25);
    uint64_t clock;

    if (!head)
        return log_malformed(err, "a GTID event");
    *gtid = (struct binlog_gtid){.number = little_load(head + 17, 8)};
    memcpy(gtid->uuid, head + 1, 16);
    if (event->type == 34)
        gtid->flags = BINLOG_GTID_ANONYMOUS;
    event->kind = BINLOG_GTID;
    /* a logical clock and times follow, of newer servers */
    if (span_left(&body) < 17 + 7 || body.at[0] != 2)
        return RNL_OK;
    span_little(&body, 8, &clock);
    span_little(&body, 8, &clock);
    span_little(&body, 1, &clock);
    if (!commit_time(&body, gtid))
        return log_malformed(err, "a GTID event");
    return RNL_OK;
}

/* The number of 1 bits at the low end says how many bytes follow the first. */
static bool span_serial(struct span *in, uint64_t *value)
{
    const uint8_t *at;
    unsigned more = 0;

    if (!span_left(in))
        return false;
    while (more < 8 && in->at[0] >> more & 1)
        more++;
    at = span_take(in, more + 1);
    if (!at)
        return false;
    if (more >= 7)
        *value = little_load(at + 1, more);
    else
        *value = little_load(at, more + 1) >> (more + 1);
    return true;
}

static bool serial_uuid(struct span *in, uint8_t uuid[16])
{
    uint64_t byte;

    for (int i = 0; i < 16; i++) {
        if (!span_serial(in, &byte) || byte > 255)
            return false;
        uuid[i] = (uint8_t)byte;
    }
    return true;
}

static bool tagged_field(struct span *in, uint64_t field, struct binlog_gtid *gtid)
{
    uint64_t value;

    if (field == 1)
        return serial_uuid(in, gtid->uuid);
    if (!span_serial(in, &value))
        return false;
    switch (field) {
    case 2: /* signed: the sign is the lowest bit */
        gtid->number = value >> 1;
        return !(value & 1);
    case 3:
        gtid->tag = (struct rnl_slice){in->at, value};
        return span_take(in, value);
    case 6: /* here, and maybe on the origin: 7 */
    case 7:
        gtid->committed_us = (int64_t)value;
        return value <= INT64_MAX;
    case 8:
        gtid->length = value;
        return true;
    default:
        return true;
    }
}

/*
 * Version, size, the last field that must be understood; then number and value of each field.
 * Fields have no length of their own: one that isn't known ends the reading, which is right only
 * behind those that must be understood.
 */
int event_gtid_tagged(struct span body, struct binlog_event *event, struct rnl_error *err)
{
    uint64_t version, size, needed, field;
    bool known = true;

    event->kind = BINLOG_GTID;
    event->gtid = (struct binlog_gtid){0};
    if (!span_serial(&body, &version) || !span_serial(&body, &size) || !span_serial(&body, &needed))
        return log_malformed(err, "a tagged GTID event");
    while (known && span_left(&body)) {
        if (!span_serial(&body, &field))
            return log_malformed(err, "a tagged GTID event");
        known = field <= 11;
        if ((known && !tagged_field(&body, field, &event->gtid)) || (!known && field <= needed))
            return log_malformed(err, "a tagged GTID event");
    }
    if (!event->gtid.number)
        return log_malformed(err, "a tagged GTID event without a number");
    return RNL_OK;
}

int event_mariadb_gtid(struct span body, struct binlog_event *event, struct rnl_error *err)
{
    const uint8_t *at = span_take(&body, 13);

    if (!at)
        return log_malformed(err, "a GTID event");
    event->kind = BINLOG_MARIADB_GTID;
    event->mariadb_gtid = (struct binlog_mariadb_gtid){
        .sequence = little_load(at, 8),
        .domain = (uint32_t)little_load(at + 8, 4),
        .flags = at[12],
    };
    return RNL_OK;
}

/* Status variables stand in the order of their numbers; those that matter are the first two. */
static uint64_t sql_mode(struct span status)
{
    uint64_t value = 0;

    if (span_left(&status) >= 5 && status.at[0] == 0)
        status.at += 5;
    if (span_left(&status) >= 9 && status.at[0] == 1)
        value = little_load(status.at + 1, 8);
    return value;
}

int event_query(struct binlog *log, struct span body, struct binlog_event *event,
                struct rnl_error *err)
{
    const uint8_t *head = span_take(&body, event->type == 18 ? 13 + 13 : 13);
    size_t schema_len = head ? head[8] : 0, status_len = head ? little_load(head + 11, 2) : 0;
    const uint8_t *status = head ? span_take(&body, status_len) : NULL;
    const uint8_t *schema = status ? span_take(&body, schema_len + 1) : NULL;
    int failed = RNL_OK;

    if (!schema)
        return log_malformed(err, "a query event");
    if (event->type == 165)
        failed = log_inflate(&log->inflated, &body, err);
    event->kind = BINLOG_QUERY;
    event->query = (struct binlog_query){
        .schema = {schema, schema_len},
        .text = rest_slice(&body),
        .sql_mode = sql_mode((struct span){status, status + status_len}),
        .thread = (uint32_t)little_load(head, 4),
        .error = (uint32_t)little_load(head + 9, 2),
    };
    return failed;
}

int event_xid(struct span body, struct binlog_event *event, struct rnl_error *err)
{
    event->kind = BINLOG_XID;
    return span_little(&body, 8, &event->xid) ? RNL_OK : log_malformed(err, "an XID event");
}

static size_t hex_write(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    out[at++] = 'X';
    out[at++] = '\'';
    for (size_t i = 0; i < len; i++) {
        out[at++] = digits[bytes[i] >> 4];
        out[at++] = digits[bytes[i] & 15];
    }
    out[at++] = '\'';
    out[at++] = ',';
    return at;
}

int event_xa_prepare(struct span body, struct binlog_event *event, struct rnl_error *err)
{
    const uint8_t *head = span_take(&body, 13), *id;
    size_t first, second, at;

    if (!head)
        return log_malformed(err, "an XA prepare event");
    first = little_load(head + 5, 4);
    second = little_load(head + 9, 4);
    id = first <= 64 && second <= 64 ? span_take(&body, first + second) : NULL;
    if (!id)
        return log_malformed(err, "an XA prepare event");
    event->kind = BINLOG_XA_PREPARE;
    event->xa.one_phase = head[0];
    at = hex_write(event->xa.id, id, first);
    at += hex_write(event->xa.id + at, id + first, second);
    snprintf(event->xa.id + at, sizeof(event->xa.id) - at, "%" PRIu32,
             (uint32_t)little_load(head + 1, 4));
    return RNL_OK;
}
