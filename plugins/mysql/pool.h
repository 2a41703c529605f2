/* Memory that is given back all at once: what a description needs while it is made. */
#ifndef MYSQL_POOL_H
#define MYSQL_POOL_H

#include <stddef.h>

struct pool_block;
struct pool {
    struct pool_block *blocks;
    size_t used, size; /* of the first block */
};

void *pool_alloc(struct pool *pool, size_t size); /* zeroed; NULL: out of memory */
char *pool_copy(struct pool *pool, const char *text, size_t len);
char *pool_text(struct pool *pool, const char *text); /* NULL stays NULL */
void pool_free(struct pool *pool);

#endif
