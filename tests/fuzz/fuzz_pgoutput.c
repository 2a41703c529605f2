/* Messages of PostgreSQL's logical replication, one behind the other: read whole, or refused. */
#include "fuzz.h"
#include "pgoutput.h"

#include <stdlib.h>
#include <string.h>

/* Looks at every byte that a message points to, as one who uses it would. */
static unsigned touch_row(const struct pgoutput_cell *row, uint16_t count)
{
    unsigned sum = 0;

    for (uint16_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < row[i].len; k++)
            sum += row[i].bytes[k];
    return sum;
}

static unsigned touch(const struct pgoutput_message *message)
{
    unsigned sum = touch_row(message->old_row, message->nold);

    sum += touch_row(message->new_row, message->nnew);
    for (uint16_t i = 0; i < message->ncolumns; i++)
        sum += (unsigned)strlen(message->columns[i].name);
    for (uint32_t i = 0; i < message->nrelations; i++)
        sum += message->relations[i];
    for (uint32_t i = 0; i < message->content_len; i++)
        sum += message->content[i];
    sum += message->schema ? (unsigned)strlen(message->schema) : 0;
    return sum + (message->name ? (unsigned)strlen(message->name) : 0);
}

/* Kept, so that no byte's reading is left out by the compiler. */
static volatile unsigned touched;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgoutput decoder = {.columns = NULL};
    struct pgoutput_message message;

    while (size >= 2) {
        size_t len = (size_t)data[0] << 8 | data[1];
        enum pgoutput_result result;
        uint8_t *copy;

        data += 2;
        size -= 2;
        len = len > size ? size : len;
        copy = malloc(len ? len : 1); /* of its own, so that a read beyond its end shows */
        MUST(copy);
        memcpy(copy, data, len);
        result = pgoutput_read(&decoder, copy, len, &message);
        if (result == PGOUTPUT_OK) {
            MUST(pgoutput_name(message.kind));
            touched += touch(&message);
        }
        free(copy);
        data += len;
        size -= len;
    }
    pgoutput_free(&decoder);
    return 0;
}
