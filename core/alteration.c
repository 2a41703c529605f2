/* What a source told of tables that were altered while they were followed. */
#include "alteration.h"

#include "catalog.h"
#include "util/arena.h"

#include <stdlib.h>

struct alterations {
    struct arena arena;         /* texts and renames */
    struct rnl_catalog *tables; /* copies, as the source described them */
    struct rnl_alteration *list;
    uint32_t count;
};

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for an altered table");
}

static struct alterations *alterations_new(void)
{
    struct alterations *list = calloc(1, sizeof(*list));

    if (list)
        list->tables = catalog_new();
    if (list && !list->tables) {
        free(list);
        list = NULL;
    }
    return list;
}

static struct rnl_rename *copy_renames(struct arena *arena, const struct rnl_alteration *from)
{
    struct rnl_rename *copies = arena_alloc(arena, (from->nrenamed + 1ul) * sizeof(*copies));

    for (uint32_t i = 0; copies && i < from->nrenamed; i++) {
        const struct rnl_rename *rename =
            (const struct rnl_rename *)(const void *)((const char *)from->renamed +
                                                      (size_t)i * from->rename_size);

        copies[i].from = arena_strdup(arena, rename->from);
        copies[i].to = arena_strdup(arena, rename->to);
    }
    return copies;
}

int alterations_add(struct alterations **list, const struct rnl_alteration *alteration,
                    struct rnl_error *err)
{
    struct alterations *all = *list ? *list : alterations_new();
    struct rnl_alteration *grown, *copy;

    if (!all)
        return no_memory(err);
    *list = all;
    grown = realloc(all->list, (all->count + 1ul) * sizeof(*grown));
    if (!grown)
        return no_memory(err);
    all->list = grown;
    copy = &grown[all->count];
    memset(copy, 0, sizeof(*copy));
    memcpy(copy, alteration, alteration->size < sizeof(*copy) ? alteration->size : sizeof(*copy));
    copy->size = sizeof(*copy);
    copy->renamed = copy_renames(&all->arena, alteration);
    copy->rename_size = sizeof(struct rnl_rename);
    copy->statement = arena_strdup(&all->arena, alteration->statement ? alteration->statement : "");
    if (!copy->renamed || !copy->statement)
        return no_memory(err);
    if (alteration->table) {
        if (catalog_add(all->tables, alteration->table, err) != RNL_OK)
            return err->status;
        copy->table = catalog_at(all->tables, catalog_count(all->tables) - 1);
    }
    all->count++;
    return RNL_OK;
}

uint32_t alterations_count(const struct alterations *list)
{
    return list ? list->count : 0;
}

const struct rnl_alteration *alterations_at(const struct alterations *list, uint32_t i)
{
    return &list->list[i];
}

void alterations_free(struct alterations *list)
{
    if (!list)
        return;
    catalog_free(list->tables);
    arena_free(&list->arena);
    free(list->list);
    free(list);
}
