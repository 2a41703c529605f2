/* Names that tables take from each other in one statement: renames, swaps, copies. */
#include "changes_alter.h"

#include <strings.h>

/* A table under way in RENAME TABLE a TO b, c TO a. */
struct mover {
    struct followed *followed; /* NULL: nobody follows it */
    const struct name *from, *at;
};

static bool names_same(const struct altering *altering, const struct name *a, const struct name *b)
{
    bool fold = altering->changes->source->names_fold;

    return fold ? strcasecmp(a->schema, b->schema) == 0 && strcasecmp(a->table, b->table) == 0
                : strcmp(a->schema, b->schema) == 0 && strcmp(a->table, b->table) == 0;
}

static size_t movers_run(struct altering *altering, struct mover *movers)
{
    size_t count = 0;

    for (size_t i = 0; i + 1 < altering->nnames; i += 2) {
        const struct name *from = &altering->names[i], *to = &altering->names[i + 1];
        size_t at = 0;

        while (at < count && !names_same(altering, movers[at].at, from))
            at++;
        if (at == count)
            movers[count++] = (struct mover){altering_followed(altering, from), from, from};
        movers[at].at = to;
    }
    return count;
}

static struct mover *mover_from(const struct altering *altering, struct mover *movers, size_t count,
                                const struct name *name)
{
    for (size_t i = 0; i < count; i++)
        if (names_same(altering, movers[i].from, name))
            return &movers[i];
    return NULL;
}

static struct mover *mover_at(const struct altering *altering, struct mover *movers, size_t count,
                              const struct name *name)
{
    for (size_t i = 0; i < count; i++)
        if (names_same(altering, movers[i].at, name))
            return &movers[i];
    return NULL;
}

/* Done before: a name that is taken stays with a table that is followed and doesn't move. */
static bool was_done(const struct altering *altering, struct mover *movers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (altering_followed(altering, movers[i].at) &&
            !mover_from(altering, movers, count, movers[i].at))
            return true;
    return false;
}

/* Tables that only change names among themselves: who meets that again can't tell. */
static bool is_circle(const struct altering *altering, struct mover *movers, size_t count,
                      const struct mover *mover)
{
    const struct mover *at = mover;

    for (size_t i = 0; i <= count; i++) {
        const struct mover *next = mover_from(altering, movers, count, at->at);

        if (!next || !next->followed)
            return false;
        if (next == mover)
            return true;
        at = next;
    }
    return false;
}

static bool starts_with(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

/*
 * Tools that alter a table by filling a copy and changing the names: gh-ost (_t_gho),
 * pt-online-schema-change (_t_new, __t_new), Vitess (_vt_…). The copy holds the table's rows.
 */
static bool is_copy_of(const char *copy, const char *table)
{
    size_t len = strlen(table);

    if (starts_with(copy, "_vt_"))
        return true;
    if (*copy++ != '_')
        return false;
    while (strncasecmp(copy, table, len) != 0 && *copy == '_')
        copy++;
    return strncasecmp(copy, table, len) == 0 &&
           (strcasecmp(copy + len, "_gho") == 0 || strcasecmp(copy + len, "_new") == 0);
}

/* The table's name stays, and another table's columns and rows stand under it. */
static int replaced_take(struct altering *altering, struct followed *followed,
                         const struct mover *by, struct rnl_error *err)
{
    const char *name = altering_form_of(followed)->name;
    uint32_t flags = is_copy_of(by->from->table, name) && !by->followed ? 0 : RNL_ALTERATION_LOAD;
    struct form *form = NULL;
    int status = RNL_OK;

    if (by->followed) {
        form = altering_form(altering, altering_form_of(by->followed));
        if (!form)
            return error_memory(err);
        form->table.name = name;
        form_close(form);
    } else {
        status = altering_describe(altering, name, name, &form, err);
    }
    if (status)
        return status;
    if (!form)
        return altering_refuse(altering, followed, err);
    if (!flags && form_is(altering_form_of(followed), &form->table))
        return RNL_OK;
    /* columns of the copy are the table's, by their names */
    for (uint32_t i = 0; i < form->table.ncolumns; i++)
        form->columns[i].was = FORM_NONE;
    altering_add(altering, followed, form, flags);
    return form->failed ? error_memory(err) : RNL_OK;
}

static int moved_take(struct altering *altering, struct followed *followed, const struct name *to,
                      struct rnl_error *err)
{
    struct form *form = altering_form(altering, altering_form_of(followed));

    if (!form)
        return error_memory(err);
    altering_spell(altering, to->table);
    form->table.name = form_text(form, to->table, strlen(to->table));
    if (!form->failed)
        form_close(form);
    altering_add(altering, followed, form, 0);
    return form->failed ? error_memory(err) : RNL_OK;
}

static int mover_take(struct altering *altering, struct mover *movers, size_t count,
                      const struct mover *mover, struct rnl_error *err)
{
    const struct mover *by = mover_at(altering, movers, count, mover->from);
    struct followed *followed = mover->followed;

    if (by == mover)
        return RNL_OK; /* there and back again */
    if (!followed) {
        struct mover *owner = mover_from(altering, movers, count, mover->at);

        if (altering_started(altering, mover->from) ||
            (owner && owner->followed &&
             !altering_wants(altering->changes, owner->at->schema, owner->at->table)))
            return RNL_OK; /* told with the table whose name it takes */
        if (!owner || !owner->followed)
            return altering_stranger(altering, mover->at, err);
        altering_spell(altering, mover->at->table);
        struct form *form;
        int status = altering_describe(altering, mover->at->table, mover->at->table, &form, err);

        if (!status && form)
            altering_add(altering, NULL, form, RNL_ALTERATION_LOAD);
        return status;
    }
    if (is_circle(altering, movers, count, mover))
        return replaced_take(altering, followed, by, err);
    /* one of that name was loaded since, and has these rows */
    if (altering_wants(altering->changes, mover->at->schema, mover->at->table) &&
        !altering_started(altering, mover->at))
        return moved_take(altering, followed, mover->at, err);
    if (by && !by->followed)
        return replaced_take(altering, followed, by, err);
    altering_add(altering, followed, NULL, 0);
    return RNL_OK;
}

int altering_rename(struct altering *altering, struct rnl_error *err)
{
    struct mover *movers = calloc(altering->nnames / 2 + 1, sizeof(*movers));
    int status = RNL_OK;
    size_t count;

    if (!movers)
        return error_memory(err);
    count = movers_run(altering, movers);
    if (!was_done(altering, movers, count))
        for (size_t i = 0; i < count && !status; i++)
            status = mover_take(altering, movers, count, &movers[i], err);
    free(movers);
    return status;
}
