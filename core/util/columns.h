/* Text from elsewhere in columns of a terminal: cut, padded, and with nothing that steers it. */
#ifndef COLUMNS_H
#define COLUMNS_H

#include <stddef.h>
#include <stdio.h>

/* Wide characters count as two columns. Controls and broken UTF-8 become "?". Each returns buf. */
const char *columns_text(const char *text, int columns, char *buf, size_t size);
const char *columns_padded(const char *text, int columns, char *buf, size_t size);
int columns_of(const char *text);
/* All of a text, made harmless like that. */
void columns_put(const char *text, FILE *to);
/* Of the terminal behind fd; 80 where it doesn't say. */
int columns_wide(int fd);

#endif
