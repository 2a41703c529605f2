/* What is compressed in the binary log: transactions of MySQL, events and columns of MariaDB. */
#include "binlog_part.h"

#include <zlib.h>
#include <zstd.h>

/* No bytes deflate to fewer than this part of them. */
#define DEFLATE_RATIO 1032
/* What stays between events; more is for one large row. */
#define GROWING_KEPT ((size_t)4 << 20)

bool growing_reserve(struct growing *growing, size_t room)
{
    uint8_t *ptr;

    if (room <= growing->room)
        return true;
    if (room < growing->room * 2)
        room = growing->room * 2;
    ptr = realloc(growing->ptr, room);
    if (!ptr)
        return false;
    growing->ptr = ptr;
    growing->room = room;
    return true;
}

void growing_shrink(struct growing *growing)
{
    if (growing->room <= GROWING_KEPT)
        return;
    free(growing->ptr);
    *growing = (struct growing){0};
}

/* All of in, to just len bytes: 0, or -1. wrap: with zlib's head and checksum. */
static int inflate_all(const uint8_t *in, size_t in_len, uint8_t *out, size_t len, bool wrap)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)in, .next_out = out};
    int result;

    if (in_len > UINT_MAX || len > UINT_MAX)
        return -1;
    stream.avail_in = (uInt)in_len;
    stream.avail_out = (uInt)len;
    if (inflateInit2(&stream, wrap ? MAX_WBITS : -MAX_WBITS) != Z_OK)
        return -1;
    result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return result == Z_STREAM_END && stream.avail_out == 0 ? 0 : -1;
}

/* A byte: how many bytes of length follow (low 3 bits), and how (bits 4 to 6, 0: zlib). */
int log_inflate(struct growing *out, struct span *body, struct rnl_error *err)
{
    const uint8_t *head = span_take(body, 1);
    const uint8_t *size = head ? span_take(body, *head & 7) : NULL;
    size_t len;

    if (!size || (*head & 0x70) || (*head & 7) == 0 || (*head & 7) > 4)
        return log_malformed(err, "a compressed event");
    len = big_load(size, *head & 7);
    if (len > BINLOG_EVENT_MAX || len / DEFLATE_RATIO > span_left(body))
        return log_malformed(err, "a compressed event, which claims to be larger than it can be,");
    if (!growing_reserve(out, len + 1))
        return log_no_memory(err);
    if (inflate_all(body->at, span_left(body), out->ptr, len, true))
        return log_malformed(err, "a compressed event");
    *body = (struct span){out->ptr, out->ptr + len};
    return RNL_OK;
}

static int zstd_start(struct binlog *log, struct rnl_error *err)
{
    if (!log->zstd)
        log->zstd = ZSTD_createDStream();
    if (!log->zstd || ZSTD_isError(ZSTD_initDStream(log->zstd)))
        return log_no_memory(err);
    return RNL_OK;
}

/* Fields: number, length, value; 1 compressed size, 2 how, 3 size; 0 ends them. */
int payload_open(struct binlog *log, struct span body, struct rnl_error *err)
{
    uint64_t field, len, compressed = UINT64_MAX, method = UINT64_MAX, size = UINT64_MAX;

    for (;;) {
        const uint8_t *at;
        struct span value;
        uint64_t *to;

        if (!span_packed(&body, &field))
            return log_malformed(err, "a compressed transaction");
        if (field == 0)
            break;
        if (!span_packed(&body, &len) || !(at = span_take(&body, len)))
            return log_malformed(err, "a compressed transaction");
        value = (struct span){at, at + len};
        to = field == 1 ? &compressed : field == 2 ? &method : field == 3 ? &size : NULL;
        if (to && !span_packed(&value, to))
            return log_malformed(err, "a compressed transaction");
    }
    if (method == UINT64_MAX)
        method = 255;
    if (method != 0 && method != 255)
        return log_malformed(err, "a transaction compressed in a way that isn't known");
    if (compressed != UINT64_MAX && compressed != span_left(&body))
        return log_malformed(err, "a compressed transaction, whose size isn't what it says,");
    if (method == 0 && size == UINT64_MAX)
        return log_malformed(err, "a compressed transaction without its size");
    log->payload = body;
    log->payload_plain = method == 255;
    log->payload_bytes = log->payload_plain ? span_left(&body) : size;
    log->in_payload = true;
    return log->payload_plain ? RNL_OK : zstd_start(log, err);
}

/* Adds len bytes of the transaction to inner. */
static int payload_read(struct binlog *log, size_t len, struct rnl_error *err)
{
    ZSTD_outBuffer out = {0};
    ZSTD_inBuffer in = {log->payload.at, span_left(&log->payload), 0};
    size_t want = log->inner.len + len;

    while (log->inner.len < want) {
        /* memory grows with what came, not with what is claimed */
        size_t step = log->inner.len + (log->inner.len > (1u << 20) ? log->inner.len : 1u << 20);
        size_t goal = want < step ? want : step, hint, before = in.pos;

        if (!growing_reserve(&log->inner, goal))
            return log_no_memory(err);
        out = (ZSTD_outBuffer){log->inner.ptr, goal, log->inner.len};
        hint = ZSTD_decompressStream(log->zstd, &out, &in);
        if (ZSTD_isError(hint))
            return log_malformed(err, ZSTD_getErrorName(hint));
        if (out.pos == log->inner.len && in.pos == before)
            return log_malformed(err, "a compressed transaction that ends too early");
        log->inner.len = out.pos;
    }
    log->payload.at += in.pos;
    return RNL_OK;
}

static int payload_plain_next(struct binlog *log, struct span *event, struct rnl_error *err)
{
    size_t len = span_left(&log->payload) < BINLOG_HEAD ? 0 : little_load(log->payload.at + 9, 4);

    if (len < BINLOG_HEAD || len > span_left(&log->payload))
        return log_malformed(err, "an event in a payload");
    *event = (struct span){log->payload.at, log->payload.at + len};
    log->payload.at += len;
    return RNL_OK;
}

int payload_next(struct binlog *log, struct span *event, struct rnl_error *err)
{
    uint64_t len;
    int status;

    if (log->payload_bytes == 0 || (log->payload_plain && !span_left(&log->payload))) {
        log->in_payload = false;
        return RNL_DONE;
    }
    if (log->payload_plain)
        return payload_plain_next(log, event, err);
    log->inner.len = 0;
    status = payload_read(log, BINLOG_HEAD, err);
    if (status)
        return status;
    len = little_load(log->inner.ptr + 9, 4);
    if (len < BINLOG_HEAD || len > BINLOG_EVENT_MAX || len > log->payload_bytes)
        return log_malformed(err, "an event in a compressed transaction");
    status = payload_read(log, len - BINLOG_HEAD, err);
    if (status)
        return status;
    log->payload_bytes -= len;
    *event = (struct span){log->inner.ptr, log->inner.ptr + len};
    return RNL_OK;
}

/*
 * A byte: 0 and the bytes as they are; or 0x80, 8 for data without zlib's head, and how many
 * bytes of length follow.
 */
int column_inflate(struct rnl_value *value, struct pile *pile)
{
    const uint8_t *at = value->ptr;
    struct span in = {at, at + value->len};
    const uint8_t *head, *size;
    uint8_t *out;
    size_t len;

    if (!value->len)
        return OUTCOME_OK;
    head = span_take(&in, 1);
    if (!*head) {
        value->ptr = in.at;
        value->len--;
        return OUTCOME_OK;
    }
    size = span_take(&in, *head & 7);
    if ((*head & 0xf0) != 0x80 || !size || (*head & 7) > 4)
        return OUTCOME_BAD;
    len = big_load(size, *head & 7);
    if (len > BINLOG_EVENT_MAX || len / DEFLATE_RATIO > span_left(&in))
        return OUTCOME_BAD;
    out = pile_take(pile, len + 1);
    if (!out)
        return OUTCOME_NO_MEMORY;
    if (inflate_all(in.at, span_left(&in), out, len, !(*head & 8)))
        return OUTCOME_BAD;
    value->ptr = out;
    value->len = (uint32_t)len;
    return OUTCOME_OK;
}
