/* Memory that is taken piece by piece and given back all at once. */
#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384u

struct arena_block {
    struct arena_block *next;
    size_t used, room;
    alignas(max_align_t) unsigned char bytes[];
};

/* The newest block, or a new one, with so much room left; NULL: memory is out. */
static struct arena_block *block_with(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;

    if (block && block->room - block->used >= size)
        return block;
    block = malloc(sizeof(*block) + room);
    if (!block)
        return NULL;
    *block = (struct arena_block){.next = arena->blocks, .room = room};
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    static max_align_t nothing;
    size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *block = block_with(arena, aligned);
    void *at;

    if (!size)
        return &nothing;
    if (!block)
        return NULL;
    at = block->bytes + block->used;
    block->used += aligned;
    return memset(at, 0, aligned);
}

void *arena_memdup(struct arena *arena, const void *bytes, size_t size)
{
    void *copy = arena_alloc(arena, size ? size : 1);

    if (copy && size)
        memcpy(copy, bytes, size);
    return copy;
}

/* Texts stand at a block's end, where they need no alignment. */
char *arena_strdup(struct arena *arena, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    struct arena_block *block = text ? block_with(arena, size) : NULL;

    if (!block)
        return NULL;
    block->room -= size;
    return memcpy(block->bytes + block->room, text, size);
}

const char *arena_text(struct arena *arena, const char *text)
{
    unsigned slot = 5381;

    if (!text)
        return NULL;
    for (const char *c = text; *c; c++)
        slot = slot * 33 + (unsigned char)*c;
    slot %= ARENA_RECENT;
    if (!arena->recent[slot] || strcmp(arena->recent[slot], text) != 0)
        arena->recent[slot] = arena_strdup(arena, text);
    return arena->recent[slot];
}

void arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
    memset(arena->recent, 0, sizeof(arena->recent));
}
