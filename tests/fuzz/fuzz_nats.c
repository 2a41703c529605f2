/* Headers and parts of messages, as anybody who may publish to the stream can send them. */
#include "frame.h"

#include "fuzz.h"

/* A header's line, then a byte that says how long the part is, then the next. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct join join = {0};

    while (size) {
        char text[FRAME_TEXT];
        struct frame frame;
        size_t len = 0, part;

        while (len < size && len < sizeof(text) - 1 && data[len] != '\n')
            len++;
        memcpy(text, data, len);
        text[len] = '\0';
        data += len;
        size -= len;
        part = size > 1 ? data[1] : 0;
        if (part + 2 > size)
            break;
        if (frame_read(text, &frame) && frame.total <= 1 << 16) {
            frame.crc = frame_crc(data + 2, part); /* it can't be guessed */
            if (join_add(&join, &frame, data + 2, part) == RNL_OK)
                join_reset(&join);
        }
        data += part + 2;
        size -= part + 2;
    }
    join_reset(&join);
    return 0;
}
