/* Memory for what must not leak: own pages, locked, left out of dumps, wiped when freed. */
#include "pages.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool pages_make(struct pages *pages, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *bytes;

    *pages = (struct pages){0};
    if (size > SIZE_MAX - page)
        return false;
    size = size == 0 ? page : (size + page - 1) / page * page;
    bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return false;
    /* best effort: RLIMIT_MEMLOCK may be small */
    (void)madvise(bytes, size, MADV_DONTDUMP);
    (void)mlock(bytes, size);
    pages->bytes = bytes;
    pages->mapped = size;
    return true;
}

void pages_free(struct pages *pages)
{
    if (pages->bytes) {
        explicit_bzero(pages->bytes, pages->mapped);
        munmap(pages->bytes, pages->mapped);
    }
    *pages = (struct pages){0};
}
