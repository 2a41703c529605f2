/* Fields as text, as the server's output functions write them, into the values that COPY gives. */
#ifndef POSTGRES_FIELDTEXT_H
#define POSTGRES_FIELDTEXT_H

#include "convert.h"

/*
 * The settings are those of a replication connection: ISO dates, UTC, hex, C's money. column:
 * with kind and digits as for COPY. What has to be made stands in scratch, raw is its own.
 * false: the text is none of the type.
 */
bool fieldtext_value(const struct bound_column *column, const char *text, size_t len,
                     struct buf *scratch, struct buf *raw, struct decoded *out);

#endif
