/* How a body travels as messages: names made safe, the header of a part, parts put together. */
#include "frame.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

void frame_write(char text[FRAME_TEXT], const struct frame *frame)
{
    snprintf(text, FRAME_TEXT,
             "%" PRIx64 ";%" PRIx64 ";%" PRIx32 ";%" PRIx32 ";%" PRIx32 ";%" PRIx32, frame->session,
             frame->number, frame->index, frame->count, frame->total, frame->crc);
}

/* A number of lower hex digits and what must stand behind it. */
static bool read_hex(const char **at, char end, uint64_t max, uint64_t *value)
{
    const char *p = *at;
    uint64_t sum = 0;
    int digits = 0;

    for (; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++) {
        if (++digits > 16)
            return false;
        sum = sum << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    }
    if (!digits || *p != end || sum > max)
        return false;
    *value = sum;
    *at = end ? p + 1 : p;
    return true;
}

bool frame_read(const char *text, struct frame *frame)
{
    uint64_t session, number, index, count, total, crc;

    if (!read_hex(&text, ';', UINT64_MAX, &session) || !read_hex(&text, ';', UINT64_MAX, &number) ||
        !read_hex(&text, ';', FRAME_PARTS_MAX, &index) ||
        !read_hex(&text, ';', FRAME_PARTS_MAX, &count) ||
        !read_hex(&text, ';', FRAME_BODY_MAX, &total) || !read_hex(&text, '\0', UINT32_MAX, &crc))
        return false;
    *frame = (struct frame){.session = session,
                            .number = number,
                            .index = (uint32_t)index,
                            .count = (uint32_t)count,
                            .total = (uint32_t)total,
                            .crc = (uint32_t)crc};
    return number > 0 && index < count;
}

uint32_t frame_crc(const void *bytes, size_t len)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, len);
}

bool frame_name(char *out, size_t room, const char *name)
{
    size_t used = 0;

    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        bool plain = (c < 0x80 && isalnum(c)) || c == '-';

        if (used + 4 > room)
            return false;
        if (plain)
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, room - used, "_%02x", c);
    }
    if (used >= room)
        return false;
    out[used] = '\0';
    return used > 0;
}

int join_add(struct join *join, const struct frame *frame, const void *bytes, size_t len)
{
    if (frame_crc(bytes, len) != frame->crc || frame->index != join->next)
        return RNL_E_DATA;
    if (frame->index == 0) {
        free(join->bytes);
        join->have = 0;
        join->total = frame->total;
        join->bytes = malloc(frame->total ? frame->total : 1);
        if (!join->bytes)
            return RNL_E_FATAL;
    }
    if (frame->total != join->total || len > join->total - join->have)
        return RNL_E_DATA;
    if (len)
        memcpy(join->bytes + join->have, bytes, len);
    join->have += (uint32_t)len;
    join->next++;
    if (frame->index + 1 < frame->count)
        return RNL_AGAIN;
    return join->have == join->total ? RNL_OK : RNL_E_DATA;
}

void join_reset(struct join *join)
{
    free(join->bytes);
    *join = (struct join){0};
}
