/* Bytes as text of two digits each, and back. */
#ifndef HEX_H
#define HEX_H

#include <stdbool.h>
#include <stddef.h>

/* malloc'd; NULL when memory is out. */
char *hex_encode(const void *bytes, size_t len);
/* to has room for strlen(text) / 2; false when text is no hex. */
bool hex_decode(const char *text, void *to);

#endif
