/* Bytes and SQL texts that grow; the one place where identifiers and literals are quoted. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <runnel/error.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Start with zeros. When memory is out, failed is set and all later calls do
 * nothing: it is enough to look once, at the end.
 */
struct buf {
    char *ptr; /* what buf_text() gives is terminated */
    size_t len, room;
    bool failed;
};

/* Room for size more bytes: false when memory is out. */
bool buf_reserve_slow(struct buf *buf, size_t size);
void buf_free(struct buf *buf);
/* The text so far, terminated; NULL when memory ran out. */
char *buf_text(struct buf *buf);
/* As buf_text, and gives the memory away. */
char *buf_take(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) RNL_PRINTF(2, 3);
/* "name", with quotes doubled. */
void buf_name(struct buf *buf, const char *name);
/* "schema"."name" */
void buf_qualified(struct buf *buf, const char *schema, const char *name);
/* 'text', right whatever standard_conforming_strings says. */
void buf_literal(struct buf *buf, const char *text);
void buf_literal_bytes(struct buf *buf, const char *text, size_t len);

static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

static inline bool buf_reserve(struct buf *buf, size_t size)
{
    return buf->room - buf->len >= size || buf_reserve_slow(buf, size);
}

/* Numbers in network order, as PostgreSQL's binary formats have them. */
static inline void buf_be16(struct buf *buf, uint16_t value)
{
    uint16_t be = __builtin_bswap16(value);

    if (!buf_reserve(buf, sizeof(be)))
        return;
    memcpy(buf->ptr + buf->len, &be, sizeof(be));
    buf->len += sizeof(be);
}

static inline void buf_be32(struct buf *buf, uint32_t value)
{
    uint32_t be = __builtin_bswap32(value);

    if (!buf_reserve(buf, sizeof(be)))
        return;
    memcpy(buf->ptr + buf->len, &be, sizeof(be));
    buf->len += sizeof(be);
}

static inline void buf_be64(struct buf *buf, uint64_t value)
{
    uint64_t be = __builtin_bswap64(value);

    if (!buf_reserve(buf, sizeof(be)))
        return;
    memcpy(buf->ptr + buf->len, &be, sizeof(be));
    buf->len += sizeof(be);
}

static inline void buf_byte(struct buf *buf, char byte)
{
    if (buf_reserve(buf, 1))
        buf->ptr[buf->len++] = byte;
}

/* Writes a length field later: the bytes from after_offset to the end. */
static inline void buf_patch32(struct buf *buf, size_t at, uint32_t value)
{
    uint32_t be = __builtin_bswap32(value);

    if (!buf->failed)
        memcpy(buf->ptr + at, &be, sizeof(be));
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "x86-64 and arm64 alone");

#endif
