/* What a source told of tables that were altered while they were followed. */
#include "alteration.h"

#include "util/arena.h"

#include <jansson.h>
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

/* A statement is of any bytes, and goes into JSON, logs and messages. */
static char *copy_statement(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text ? text : "");
    json_t *valid = copy ? json_string(copy) : NULL;

    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
        else if (!valid && (unsigned char)*c >= 0x80)
            *c = '?';
    json_decref(valid);
    return copy;
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
    copy->statement = copy_statement(&all->arena, alteration->statement);
    copy->position.ptr =
        arena_memdup(&all->arena, alteration->position.ptr, alteration->position.len);
    if (!copy->renamed || !copy->statement || !copy->position.ptr)
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

static json_t *renames_to_json(const struct rnl_alteration *alteration)
{
    json_t *renames = json_array();

    for (uint32_t i = 0; i < alteration->nrenamed; i++)
        json_array_append_new(
            renames, json_pack("[s,s]", alteration->renamed[i].from, alteration->renamed[i].to));
    return renames;
}

char *alterations_to_json(const struct alterations *list, const struct table_move *moves)
{
    json_t *all = json_array();
    char *text;

    for (uint32_t i = 0; i < alterations_count(list); i++) {
        const struct rnl_alteration *alteration = &list->list[i];
        json_t *o = json_pack("{s:I,s:I,s:o}", "from", (json_int_t)moves[i].from, "to",
                              (json_int_t)moves[i].to, "renamed", renames_to_json(alteration));

        json_object_set_new(o, "statement", json_string(alteration->statement));
        json_array_append_new(all, o);
    }
    text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static int alteration_read(const json_t *o, struct alterations **list, struct table_move *move,
                           struct rnl_error *err)
{
    const json_t *renames = json_object_get(o, "renamed");
    size_t count = json_array_size(renames);
    struct rnl_rename *renamed = calloc(count + 1, sizeof(*renamed));
    struct rnl_alteration alteration = {
        .size = sizeof(alteration),
        .renamed = renamed,
        .nrenamed = (uint32_t)count,
        .rename_size = sizeof(*renamed),
        .statement = json_string_value(json_object_get(o, "statement")),
    };
    int status = RNL_OK;

    if (!renamed)
        return no_memory(err);
    move->from = (uint32_t)json_integer_value(json_object_get(o, "from"));
    move->to = (uint32_t)json_integer_value(json_object_get(o, "to"));
    for (size_t i = 0; i < count && status == RNL_OK; i++) {
        const json_t *pair = json_array_get(renames, i);

        renamed[i].from = json_string_value(json_array_get(pair, 0));
        renamed[i].to = json_string_value(json_array_get(pair, 1));
        if (!renamed[i].from || !renamed[i].to)
            status = rnl_fail(err, RNL_E_FATAL, "control.invalid",
                              "what was altered in a table can't be read");
    }
    if (status == RNL_OK)
        status = alterations_add(list, &alteration, err);
    free(renamed);
    return status;
}

int alterations_from_json(const char *text, struct alterations **list, struct table_move **moves,
                          struct rnl_error *err)
{
    json_t *all = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    size_t count = json_array_size(all);

    *list = NULL;
    *moves = calloc(count + 1, sizeof(**moves));
    err->status = RNL_OK;
    if (!*moves)
        no_memory(err);
    else if (!json_is_array(all))
        rnl_fail(err, RNL_E_FATAL, "control.invalid", "the list of altered tables can't be read");
    for (size_t i = 0; i < count && err->status == RNL_OK; i++)
        if (alteration_read(json_array_get(all, i), list, &(*moves)[i], err) != RNL_OK)
            break;
    json_decref(all);
    if (err->status != RNL_OK) {
        alterations_free(*list);
        free(*moves);
        *list = NULL;
        *moves = NULL;
    }
    return err->status;
}

const char *alteration_text(const struct rnl_alteration *alteration,
                            const struct rnl_catalog *catalog, char *buf, size_t size)
{
    const struct rnl_table *table =
        alteration->table ? alteration->table : catalog_at(catalog, alteration->index);

    snprintf(buf, size, "%s%s%s: %.300s", table && *table->schema ? table->schema : "",
             table && *table->schema ? "." : "", table ? table->name : "a table",
             *alteration->statement ? alteration->statement
             : alteration->table    ? "its form is another"
                                    : "it is gone");
    return buf;
}
