/* Numbers and spans of time between their text and PostgreSQL's binary forms. */
#ifndef POSTGRES_NUMERIC_H
#define POSTGRES_NUMERIC_H

#include "buf.h"

/* Appends the binary numeric of a decimal text; false: it is none, or too long. */
bool numeric_encode(struct buf *out, const char *text, size_t len);
/* Appends the text of a binary numeric; false: these bytes are none. */
bool numeric_decode(struct buf *out, const uint8_t *bytes, size_t len);

struct span {
    int64_t us;
    int32_t days, months;
};
/* ISO 8601 ("P1Y2M3DT4H5M6.7S"), parts may be negative; false: it is none. */
bool span_parse(const char *text, size_t len, struct span *span);
void span_print(struct buf *out, const struct span *span);

/* "[-]HH:MM:SS[.ffffff]" of microseconds, as TIME values are written into text. */
void clock_print(struct buf *out, int64_t us);
bool clock_parse(const char *text, size_t len, int64_t *us);

#endif
