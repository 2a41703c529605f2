/* Text from elsewhere in columns of a terminal: cut, padded, and with nothing that steers it. */
#include "columns.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

/* One character of UTF-8: how many bytes; 0: none begins here. */
static size_t decode(const unsigned char *at, uint32_t *c)
{
    size_t len = at[0] < 0x80                     ? 1
                 : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                 : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                 : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                  : 0;

    *c = len == 1 ? at[0] : len ? at[0] & (0x7fu >> len) : 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (at[i] & 0x3f);
    }
    return len;
}

/* As terminals do: East Asian and pictures take two columns, what joins onto a letter none. */
static int width_of(uint32_t c)
{
    if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200d) || (c >= 0xfe00 && c <= 0xfe0f))
        return 0;
    if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf && c != 0x303f) ||
        (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
        (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
        (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
        (c >= 0x20000 && c <= 0x3fffd))
        return 2;
    return 1;
}

/* Controls, also those of C1, those that turn the writing's direction, and broken bytes. */
static bool is_unsafe(uint32_t c, size_t len)
{
    return !len || c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Copies what fits; *used: its columns. buf may be NULL: counts only. */
static void fit(const char *text, int columns, int *used, char *buf, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t put = 0;

    *used = 0;
    while (*at) {
        uint32_t c;
        size_t len = decode(at, &c);
        bool unsafe = is_unsafe(c, len);
        size_t out = unsafe ? 1 : len;
        int width = unsafe ? 1 : width_of(c);

        if (*used + width > columns || (buf && put + out + 1 > size))
            break;
        if (buf)
            memcpy(buf + put, unsafe ? "?" : (const char *)at, out);
        put += out;
        *used += width;
        at += len ? len : 1;
    }
    if (buf)
        buf[put] = '\0';
}

int columns_of(const char *text)
{
    int used;

    fit(text, 100000, &used, NULL, 0);
    return used;
}

const char *columns_text(const char *text, int columns, char *buf, size_t size)
{
    int used;

    fit(text, columns, &used, buf, size);
    return buf;
}

const char *columns_padded(const char *text, int columns, char *buf, size_t size)
{
    size_t len;
    int used;

    fit(text, columns, &used, buf, size);
    len = strlen(buf);
    for (; used < columns && len + 1 < size; used++)
        buf[len++] = ' ';
    buf[len] = '\0';
    return buf;
}

void columns_put(const char *text, FILE *to)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at) {
        uint32_t c;
        size_t len = decode(at, &c);

        if (is_unsafe(c, len))
            fputc('?', to);
        else
            fwrite(at, 1, len, to);
        at += len ? len : 1;
    }
}

int columns_wide(int fd)
{
    struct winsize size;

    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}
