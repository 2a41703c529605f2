/* What a statement made of tables: told to the host, and kept for rows if the host reads on. */
#include "changes_alter.h"

#include <strings.h>

#define STATEMENT_SHOWN 4000 /* bytes of it that are told */

/* --- telling ------------------------------------------------------------------------------ */

static int renames_make(const struct altered *altered, struct rnl_rename **renames, uint32_t *count)
{
    const struct form *form = altered->form;
    uint32_t ncolumns = form ? form->table.ncolumns : 0;

    *count = 0;
    *renames = calloc(ncolumns + 1ul, sizeof(**renames));
    if (!*renames)
        return -1;
    for (uint32_t i = 0; i < ncolumns && form->before; i++) {
        uint32_t was = form->columns[i].was;

        if (was == FORM_NONE ||
            strcmp(form->before->columns[was].name, form->columns[i].is.name) == 0)
            continue;
        (*renames)[(*count)++] =
            (struct rnl_rename){form->before->columns[was].name, form->columns[i].is.name};
    }
    return 0;
}

static int alteration_tell(const struct altering *altering, const struct altered *altered,
                           const char *statement, struct rnl_slice position, struct rnl_error *err)
{
    struct changes *changes = altering->changes;
    struct rnl_alteration alteration = {
        .size = sizeof(alteration),
        .index = altered->followed ? altered->followed->index : UINT32_MAX,
        .table = altered->form ? &altered->form->table : NULL,
        .rename_size = sizeof(struct rnl_rename),
        .statement = statement,
        .flags = altered->flags,
        .position = position,
    };
    struct rnl_rename *renames = NULL;
    int status;

    if (renames_make(altered, &renames, &alteration.nrenamed))
        return error_memory(err);
    alteration.renamed = renames;
    status = changes->source->ctx->host->bundle_alter(changes->out, &alteration, err);
    free(renames);
    return status;
}

int alterations_tell(const struct altering *altering, struct rnl_slice position,
                     struct rnl_error *err)
{
    const struct rnl_slice *text = &altering->statement->text;
    size_t len = text->len < STATEMENT_SHOWN ? text->len : STATEMENT_SHOWN;
    char *statement = strndup(text->ptr ? text->ptr : "", len);
    int status = statement ? RNL_OK : error_memory(err);

    for (size_t i = 0; i < altering->count && !status; i++)
        status = alteration_tell(altering, &altering->list[i], statement, position, err);
    free(statement);
    return status;
}

/* --- if the host reads on ----------------------------------------------------------------- */

static uint32_t catalog_place(const struct followed *followed, const struct rnl_column *column,
                              const uint32_t *map, uint32_t before)
{
    for (uint32_t i = 0; i < followed->table->ncolumns; i++) {
        if (strcasecmp(followed->table->columns[i].name, column->name) != 0)
            continue;
        for (uint32_t m = 0; m < before; m++)
            if (map[m] == i)
                return FORM_NONE; /* it went on under another name */
        return i;
    }
    return FORM_NONE;
}

/* Where in the catalog each column of the form goes. */
static int map_make(struct followed *followed, const struct form *form)
{
    uint32_t count = form->table.ncolumns;
    uint32_t *map = malloc((count + 1ul) * sizeof(*map));

    if (!map)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t was = form->columns[i].was;

        map[i] = was == FORM_NONE ? FORM_NONE : followed->map ? followed->map[was] : was;
    }
    for (uint32_t i = 0; i < count; i++)
        if (form->columns[i].was == FORM_NONE)
            map[i] = catalog_place(followed, &form->columns[i].is, map, count);
    free(followed->map);
    followed->map = map;
    return 0;
}

int alterations_keep(const struct altering *altering, struct rnl_error *err)
{
    for (size_t i = 0; i < altering->count; i++) {
        const struct altered *altered = &altering->list[i];
        struct followed *followed = altered->followed;

        if (!followed)
            continue; /* nobody will hear of its rows */
        followed->name = altered->form ? altered->form->table.name : "";
        if (!altered->form)
            continue;
        if (map_make(followed, altered->form))
            return error_memory(err);
        followed->form = altered->form;
    }
    tables_order(altering->changes);
    binlog_forget(altering->changes->log);
    return RNL_OK;
}
