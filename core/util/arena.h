/* Memory that is taken piece by piece and given back all at once. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *blocks; /* newest first */
};

/* Zeroed, aligned for anything; NULL when memory is out. */
void *arena_alloc(struct arena *arena, size_t size);
/* Copies; NULL stays NULL. */
char *arena_strdup(struct arena *arena, const char *text);
void *arena_memdup(struct arena *arena, const void *bytes, size_t size);
void arena_free(struct arena *arena);

#endif
