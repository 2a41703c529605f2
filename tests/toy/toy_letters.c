/* The toy's dead-letter store: a list, oldest first. */
#include "toy.h"

#include <stdlib.h>

struct toy_letter *toy_letter_copy(const struct rnl_letter *letter)
{
    struct toy_letter *copy = calloc(1, sizeof(*copy));
    void *row = malloc(letter->row.len + 1);

    if (!copy || !row)
        abort();
    copy->letter = *letter;
    copy->letter.pipeline = strdup(letter->pipeline);
    copy->letter.schema = strdup(letter->schema);
    copy->letter.table = strdup(letter->table);
    copy->letter.key = strdup(letter->key);
    copy->letter.column = strdup(letter->column);
    copy->letter.code = strdup(letter->code);
    copy->letter.reason = strdup(letter->reason);
    if (letter->row.len)
        memcpy(row, letter->row.ptr, letter->row.len);
    copy->letter.row.ptr = row;
    return copy;
}

static void drop(const void *owned)
{
    free((void *)(uintptr_t)owned); /* const for readers; we made it */
}

void toy_letter_free(struct toy_letter *letter)
{
    drop(letter->letter.pipeline);
    drop(letter->letter.schema);
    drop(letter->letter.table);
    drop(letter->letter.key);
    drop(letter->letter.column);
    drop(letter->letter.code);
    drop(letter->letter.reason);
    drop(letter->letter.row.ptr);
    free(letter);
}

void toy_letters_clear(struct toy_letters *letters)
{
    while (letters->first) {
        struct toy_letter *first = letters->first;

        letters->first = first->next;
        toy_letter_free(first);
    }
}

void toy_letters_add(struct toy_letters *letters, struct toy_letter *letter)
{
    struct toy_letter **at = &letters->first;

    while (*at)
        at = &(*at)->next;
    letter->id = letter->letter.id = ++letters->last_id;
    letter->next = NULL;
    *at = letter;
}

bool toy_letters_remove(struct toy_letters *letters, uint64_t id)
{
    for (struct toy_letter **at = &letters->first; *at; at = &(*at)->next) {
        struct toy_letter *found = *at;

        if (found->id != id)
            continue;
        *at = found->next;
        toy_letter_free(found);
        return true;
    }
    return false;
}
