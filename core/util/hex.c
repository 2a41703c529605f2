/* Bytes as text of two digits each, and back. */
#include "hex.h"

#include <stdlib.h>
#include <string.h>

char *hex_encode(const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    char *text = malloc(2 * len + 1);

    if (!text)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[from[i] >> 4];
        text[2 * i + 1] = digits[from[i] & 15];
    }
    text[2 * len] = '\0';
    return text;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool hex_decode(const char *text, void *to)
{
    unsigned char *at = to;

    if (strlen(text) % 2)
        return false;
    for (; *text; text += 2, at++) {
        int high = digit(text[0]), low = digit(text[1]);

        if (high < 0 || low < 0)
            return false;
        *at = (unsigned char)(high << 4 | low);
    }
    return true;
}
