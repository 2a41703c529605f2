/* The stream of changes: a connection whose thread takes what comes and answers in time. */
#ifndef POSTGRES_STREAM_H
#define POSTGRES_STREAM_H

#include "follow.h"

struct stream;

/* One thing from the server; held until the next is asked for. */
struct stream_item {
    const uint8_t *bytes; /* of a message of the stream; NULL: all before lsn has come */
    size_t len;
    uint64_t lsn;
    int64_t sent_us; /* of a message: since 1970, by the server's clock */
};

/* Starts to read behind lsn. RNL_E_CONFIG: the slot, or what stood behind it, is gone. */
int stream_open(struct pg_source *source, uint64_t lsn, struct stream **stream,
                struct rnl_error *err);
/* RNL_OK; RNL_AGAIN: nothing came for wait_us; or why no more comes. */
int stream_next(struct stream *stream, int64_t wait_us, struct stream_item *item,
                struct rnl_error *err);
void stream_close(struct stream *stream);

/* Of the server's words beside the data: whether changes are left out from here on. */
bool notice_tells_loss(const char *severity, const char *state);

#endif
