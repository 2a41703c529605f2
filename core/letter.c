/* Letters: rows that were set aside, as a target gives them back. */
#include "letter.h"

#include "util/arena.h"

#include <stdlib.h>

struct rnl_letters {
    struct arena arena; /* holds all that the letters point to */
    struct rnl_letter *items;
    uint32_t count, room;
};

struct rnl_letters *letters_new(void)
{
    return calloc(1, sizeof(struct rnl_letters));
}

void letters_free(struct rnl_letters *letters)
{
    if (!letters)
        return;
    arena_free(&letters->arena);
    free(letters->items);
    free(letters);
}

static bool make_room(struct rnl_letters *letters)
{
    uint32_t room = letters->room ? letters->room * 2 : 16;
    struct rnl_letter *items;

    if (letters->count < letters->room)
        return true;
    items = realloc(letters->items, room * sizeof(*items));
    if (!items)
        return false;
    letters->items = items;
    letters->room = room;
    return true;
}

int letters_add(struct rnl_letters *letters, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct arena *arena = &letters->arena;
    struct rnl_letter copy = {0};

    memcpy(&copy, letter, letter->size < sizeof(copy) ? letter->size : sizeof(copy));
    copy.size = sizeof(copy);
    copy.pipeline = arena_strdup(arena, copy.pipeline ? copy.pipeline : "");
    copy.schema = arena_strdup(arena, copy.schema ? copy.schema : "");
    copy.table = arena_strdup(arena, copy.table ? copy.table : "");
    copy.key = arena_strdup(arena, copy.key ? copy.key : "");
    copy.column = arena_strdup(arena, copy.column ? copy.column : "");
    copy.code = arena_strdup(arena, copy.code ? copy.code : "");
    copy.reason = arena_strdup(arena, copy.reason ? copy.reason : "");
    copy.row.ptr = arena_memdup(arena, copy.row.len ? copy.row.ptr : "", copy.row.len);
    if (!copy.pipeline || !copy.schema || !copy.table || !copy.key || !copy.column || !copy.code ||
        !copy.reason || !copy.row.ptr || !make_room(letters))
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a letter");
    letters->items[letters->count++] = copy;
    return RNL_OK;
}

uint32_t letters_count(const struct rnl_letters *letters)
{
    return letters->count;
}

const struct rnl_letter *letters_at(const struct rnl_letters *letters, uint32_t index)
{
    return index < letters->count ? &letters->items[index] : NULL;
}
