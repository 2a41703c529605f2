/* Memory for what must not leak: own pages, locked, left out of dumps, wiped when freed. */
#ifndef COMMON_PAGES_H
#define COMMON_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pages {
    uint8_t *bytes; /* NULL when mapped is 0 */
    size_t length;  /* in use; the caller's to set, at most mapped */
    size_t mapped;
};

/* An empty one has room for size bytes afterwards, zeroed; false: memory is out. */
bool pages_make(struct pages *pages, size_t size);
void pages_free(struct pages *pages);

#endif
