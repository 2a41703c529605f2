/* Memory that is taken piece by piece and given back all at once. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

enum { ARENA_RECENT = 64 };

struct arena {
    struct arena_block *blocks;       /* newest first */
    const char *recent[ARENA_RECENT]; /* texts that arena_text() may give again */
};

/* Zeroed, aligned for anything; NULL when memory is out. Of size 0: not NULL, and nobody's. */
void *arena_alloc(struct arena *arena, size_t size);
/* Copies; NULL stays NULL. */
char *arena_strdup(struct arena *arena, const char *text);
/* The same for a text that nobody changes: one that came lately is given again. */
const char *arena_text(struct arena *arena, const char *text);
void *arena_memdup(struct arena *arena, const void *bytes, size_t size);
void arena_free(struct arena *arena);

#endif
