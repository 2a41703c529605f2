/* Memory that is given back all at once: what a description needs while it is made. */
#include "pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 * 1024)

struct pool_block {
    struct pool_block *next;
    alignas(max_align_t) char bytes[];
};

void *pool_alloc(struct pool *pool, size_t size)
{
    struct pool_block *block;
    void *at;

    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (pool->used + size > pool->size) {
        size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;

        block = calloc(1, sizeof(*block) + bytes);
        if (!block)
            return NULL;
        block->next = pool->blocks;
        pool->blocks = block;
        pool->used = 0;
        pool->size = bytes;
    }
    at = pool->blocks->bytes + pool->used;
    pool->used += size;
    return at;
}

char *pool_copy(struct pool *pool, const char *text, size_t len)
{
    char *copy = pool_alloc(pool, len + 1);

    if (copy && len)
        memcpy(copy, text, len);
    return copy;
}

char *pool_text(struct pool *pool, const char *text)
{
    return text ? pool_copy(pool, text, strlen(text)) : NULL;
}

void pool_free(struct pool *pool)
{
    while (pool->blocks) {
        struct pool_block *block = pool->blocks;

        pool->blocks = block->next;
        free(block);
    }
    *pool = (struct pool){0};
}
