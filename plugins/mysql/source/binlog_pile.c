/* Memory of one row's values, taken in pieces and given back all at once. */
#include "binlog_part.h"

#define BLOCK_BYTES 65536

struct pile_block {
    struct pile_block *next;
    size_t size;
    max_align_t bytes[];
};

void pile_free(struct pile *pile)
{
    while (pile->first) {
        struct pile_block *block = pile->first;

        pile->first = block->next;
        free(block);
    }
    *pile = (struct pile){0};
}

void pile_reset(struct pile *pile)
{
    struct pile_block *block = pile->first;

    if (!block || (pile->now == block && block->size == BLOCK_BYTES)) {
        pile->used = 0;
        return;
    }
    if (block->size > BLOCK_BYTES) {
        pile_free(pile);
        return;
    }
    while (block->next) {
        struct pile_block *extra = block->next;

        block->next = extra->next;
        free(extra);
    }
    pile->now = block;
    pile->used = 0;
}

void *pile_take(struct pile *pile, size_t len)
{
    struct pile_block *block = pile->now;
    size_t size = len > BLOCK_BYTES ? len : BLOCK_BYTES;
    char *at;

    len = (len + 15) & ~(size_t)15;
    if (size < len)
        size = len;
    if (!block || block->size - pile->used < len) {
        block = malloc(sizeof(*block) + size);
        if (!block)
            return NULL;
        block->next = NULL;
        block->size = size;
        if (pile->now)
            pile->now->next = block;
        else
            pile->first = block;
        pile->now = block;
        pile->used = 0;
    }
    at = (char *)block->bytes + pile->used;
    pile->used += len;
    return at;
}

void pile_text_add(struct pile_text *text, const void *bytes, size_t len)
{
    if (pile_text_broken(text) || !len)
        return;
    if (len > text->limit - text->len) {
        text->too_long = true;
        return;
    }
    if (len > text->room - text->len) {
        size_t room = (text->len + len) * 2;
        char *ptr = pile_take(text->pile, room);

        if (!ptr) {
            text->no_memory = true;
            return;
        }
        if (text->len)
            memcpy(ptr, text->ptr, text->len);
        text->ptr = ptr;
        text->room = room;
    }
    memcpy(text->ptr + text->len, bytes, len);
    text->len += len;
}
