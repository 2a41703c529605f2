/* Bytes and SQL texts that grow; the one place where identifiers and literals are quoted. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool buf_reserve_slow(struct buf *buf, size_t size)
{
    size_t room = buf->room ? buf->room : 256;
    char *ptr;

    if (buf->failed)
        return false;
    while (room - buf->len < size) {
        if (room > SIZE_MAX / 4) {
            buf->failed = true;
            return false;
        }
        room *= 2;
    }
    ptr = realloc(buf->ptr, room);
    if (!ptr) {
        buf->failed = true;
        return false;
    }
    buf->ptr = ptr;
    buf->room = room;
    return true;
}

void buf_free(struct buf *buf)
{
    free(buf->ptr);
    memset(buf, 0, sizeof(*buf));
}

char *buf_text(struct buf *buf)
{
    if (!buf_reserve(buf, 1) || buf->failed)
        return NULL;
    buf->ptr[buf->len] = '\0';
    return buf->ptr;
}

char *buf_take(struct buf *buf)
{
    char *text = buf_text(buf);

    if (text)
        memset(buf, 0, sizeof(*buf));
    return text;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    if (len == 0 || !buf_reserve(buf, len) || buf->failed)
        return;
    memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0 || !buf_reserve(buf, (size_t)len + 1) || buf->failed) {
        buf->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(buf->ptr + buf->len, (size_t)len + 1, fmt, ap);
    va_end(ap);
    buf->len += (size_t)len;
}

static void add_doubled(struct buf *buf, char quote, const char *text, size_t len)
{
    buf_byte(buf, quote);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == quote)
            buf_byte(buf, quote);
        buf_byte(buf, text[i]);
    }
    buf_byte(buf, quote);
}

void buf_name(struct buf *buf, const char *name)
{
    add_doubled(buf, '"', name, strlen(name));
}

void buf_qualified(struct buf *buf, const char *schema, const char *name)
{
    buf_name(buf, schema);
    buf_byte(buf, '.');
    buf_name(buf, name);
}

void buf_literal_bytes(struct buf *buf, const char *text, size_t len)
{
    if (!memchr(text, '\\', len)) {
        add_doubled(buf, '\'', text, len);
        return;
    }
    /* E'' with doubled backslashes means the same under both settings */
    buf_puts(buf, " E'");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'' || text[i] == '\\')
            buf_byte(buf, text[i]);
        buf_byte(buf, text[i]);
    }
    buf_byte(buf, '\'');
}

void buf_literal(struct buf *buf, const char *text)
{
    buf_literal_bytes(buf, text, strlen(text));
}
