/* Forms of PostgreSQL's tables, as the target's record keeps them, a line each: read, or refused.
 */
#include "form.h"
#include "fuzz.h"

#include <string.h>

/* What is accepted comes back the same. */
static bool parse(const char *text, struct arena *arena, struct form *form)
{
    struct buf first = {0}, second = {0};
    struct form again;

    if (!form_parse(text, arena, form))
        return false;
    form_print(form, &first);
    MUST(buf_text(&first) && form_parse(first.ptr, arena, &again));
    form_print(&again, &second);
    MUST(buf_text(&second) && strcmp(first.ptr, second.ptr) == 0);
    MUST(again.ncolumns == form->ncolumns && again.nearlier == form->nearlier);
    buf_free(&first);
    buf_free(&second);
    return true;
}

static void look_up(const struct form *form)
{
    bool unlike = true; /* no two of a name */

    for (uint32_t i = 0; i < form->ncolumns; i++) {
        const struct form_column *named = form_named(form, form->columns[i].name);
        const struct form_column *numbered = form_numbered(form, form->columns[i].number);

        MUST(named && strcmp(named->name, form->columns[i].name) == 0);
        MUST(!form->columns[i].number || numbered);
        unlike = unlike && named == &form->columns[i];
    }
    MUST(form_is(form, form, false) || !unlike);
}

/* told: what the stream tells, between an earlier form and one that came later. */
static void number(const struct form *was, const struct form *now, struct form *told, bool ordered)
{
    const char *missing = NULL;

    if (form_number(told, was, now, ordered, false, &missing))
        for (uint32_t i = 0; i < told->ncolumns; i++)
            MUST(!told->columns[i].number || form_numbered(told, told->columns[i].number));
}

static void try_forms(char *text)
{
    struct arena arena = {0};
    struct form forms[3];
    uint32_t count = 0;
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line && count < 3;
         line = strtok_r(NULL, "\n", &rest)) {
        if (!parse(line, &arena, &forms[count]))
            continue;
        look_up(&forms[count]);
        count++;
    }
    if (count == 3) {
        number(&forms[0], &forms[1], &forms[2], true);
        number(&forms[0], &forms[1], &forms[2], false);
    }
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* of its own, so that a read beyond its end shows */

    MUST(text);
    memcpy(text, data, size);
    text[size] = '\0';
    try_forms(text);
    free(text);
    return 0;
}
