/* How a body travels as messages: names made safe, the header of a part, parts put together. */
#ifndef NATS_FRAME_H
#define NATS_FRAME_H

#include <runnel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER "Runnel-Part"

enum {
    FRAME_TEXT = 96,              /* bytes that a header's value takes at most */
    FRAME_BODY_MAX = 1024 << 20,  /* a body larger than this is nobody's bundle */
    FRAME_PARTS_MAX = 1024 << 10, /* with parts of a KiB */
};

/* What a message says of itself. Session and number are the sender's; a body has count parts. */
struct frame {
    uint64_t session;
    uint64_t number; /* of the body in its subject, from 1 */
    uint32_t index, count;
    uint32_t total; /* bytes of the body */
    uint32_t crc;   /* of this part */
};

void frame_write(char text[FRAME_TEXT], const struct frame *frame);
/* The text is another's: false when it is no header of ours. */
bool frame_read(const char *text, struct frame *frame);
uint32_t frame_crc(const void *bytes, size_t len);

/* Letters, digits and "-" stay, all else becomes "_" and two digits. false: it doesn't fit. */
bool frame_name(char *out, size_t room, const char *name);

/* A body that comes in parts. bytes are malloc'd; whoever takes them sets NULL. */
struct join {
    unsigned char *bytes;
    uint32_t have, total;
    uint32_t next; /* the part that is due */
};

/* RNL_OK: it is whole. RNL_AGAIN: more is due. RNL_E_DATA: these parts don't belong together. */
int join_add(struct join *join, const struct frame *frame, const void *bytes, size_t len);
void join_reset(struct join *join);

#endif
