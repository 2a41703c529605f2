/* Text that grows: SQL is built in it, and this is the only place that quotes. */
#include "text.h"

#include <stdlib.h>

static bool text_reserve(struct text *text, size_t more)
{
    size_t size = text->size ? text->size : 256;
    char *ptr;

    if (text->failed || more > SIZE_MAX / 4 - text->len) {
        text->failed = true;
        return false;
    }
    while (size < text->len + more + 1)
        size *= 2;
    if (size == text->size)
        return true;
    ptr = realloc(text->ptr, size);
    if (!ptr) {
        text->failed = true;
        return false;
    }
    text->ptr = ptr;
    text->size = size;
    return true;
}

void text_bytes(struct text *text, const void *bytes, size_t len)
{
    if (!text_reserve(text, len))
        return;
    if (len)
        memcpy(text->ptr + text->len, bytes, len);
    text->len += len;
    text->ptr[text->len] = '\0';
}

void text_add(struct text *text, const char *piece)
{
    text_bytes(text, piece, strlen(piece));
}

void text_printf(struct text *text, const char *fmt, ...)
{
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0 || !text_reserve(text, (size_t)len))
        return;
    va_start(ap, fmt);
    vsnprintf(text->ptr + text->len, (size_t)len + 1, fmt, ap);
    va_end(ap);
    text->len += (size_t)len;
}

void text_name(struct text *text, const char *name)
{
    text_add(text, "`");
    for (; *name; name++) {
        if (*name == '`')
            text_add(text, "`");
        text_bytes(text, name, 1);
    }
    text_add(text, "`");
}

/*
 * As hexadecimal, so that neither sql_mode nor the connection's character set can
 * change where it ends.
 */
void text_quoted(struct text *text, const char *value)
{
    if (!*value) {
        text_add(text, "''");
        return;
    }
    text_add(text, "_utf8mb4 ");
    text_hex(text, value, strlen(value));
}

void text_hex(struct text *text, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    char *to;

    if (!text_reserve(text, 2 * len + 3))
        return;
    to = text->ptr + text->len;
    *to++ = 'x';
    *to++ = '\'';
    for (size_t i = 0; i < len; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    *to++ = '\'';
    *to = '\0';
    text->len += 2 * len + 3;
}

static bool json_escapes(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

void text_json(struct text *text, const char *value)
{
    text_bytes(text, "\"", 1);
    while (*value) {
        size_t plain = 0;

        while (value[plain] && !json_escapes((unsigned char)value[plain]))
            plain++;
        text_bytes(text, value, plain);
        value += plain;
        if (!*value)
            break;
        if ((unsigned char)*value < 0x20)
            text_printf(text, "\\u%04x", (unsigned)(unsigned char)*value);
        else {
            text_bytes(text, "\\", 1);
            text_bytes(text, value, 1);
        }
        value++;
    }
    text_bytes(text, "\"", 1);
}

void text_number(struct text *text, uint64_t number)
{
    char digits[20], *at = digits + sizeof(digits);

    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    text_bytes(text, at, (size_t)(digits + sizeof(digits) - at));
}

void text_free(struct text *text)
{
    free(text->ptr);
    *text = (struct text){0};
}
