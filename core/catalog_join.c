/*
 * Tables that join a pipeline which runs already, or are loaded anew in it: the catalog that has
 * them, and what is remembered of each.
 */
#include "catalog_part.h"

#include <string.h>

const struct catalog_join *catalog_joined(const struct rnl_catalog *catalog, uint32_t index)
{
    return &catalog->extras[index].join;
}

struct catalog_join join_copy(struct arena *arena, const struct catalog_join *join)
{
    struct catalog_join copy = *join;

    copy.start = arena_strdup(arena, join->start);
    copy.passed = arena_strdup(arena, join->passed);
    copy.since = arena_strdup(arena, join->since);
    return copy;
}

int catalog_join(struct rnl_catalog *catalog, uint32_t index, const struct catalog_join *join,
                 struct rnl_error *err)
{
    struct catalog_join copy = join_copy(&catalog->arena, join);

    if ((join->start && !copy.start) || (join->passed && !copy.passed) ||
        (join->since && !copy.since))
        return catalog_no_memory(err);
    catalog->extras[index].join = copy;
    return RNL_OK;
}

static uint32_t flags_of(const struct catalog_join *join, uint32_t now)
{
    if (!join->open)
        return 0;
    return RNL_TABLE_JOINS | (join->again ? (uint32_t)RNL_TABLE_AGAIN : 0) |
           (now && join->number == now ? (uint32_t)RNL_TABLE_JOINS_NOW : 0);
}

static void set_flags(struct rnl_catalog *catalog, uint32_t t, uint32_t flags)
{
    catalog->tables[t]->flags = (catalog->tables[t]->flags & ~JOIN_FLAGS) | flags;
    if (catalog->view)
        set_flags(catalog->view, t, flags);
}

void catalog_join_flags(struct rnl_catalog *catalog, uint32_t now)
{
    for (uint32_t t = 0; t < catalog->count; t++)
        set_flags(catalog, t, flags_of(&catalog->extras[t].join, now));
}

void catalog_join_unflag(struct rnl_catalog *catalog)
{
    for (uint32_t t = 0; t < catalog->count; t++)
        set_flags(catalog, t, 0);
}

bool catalog_waits(const struct rnl_catalog *catalog)
{
    for (uint32_t t = 0; t < catalog->count; t++)
        if (catalog->extras[t].join.waits)
            return true;
    return false;
}

void catalog_join_close(struct rnl_catalog *catalog)
{
    for (uint32_t t = 0; t < catalog->count; t++) {
        catalog->extras[t].join.open = false;
        catalog->extras[t].join.passed = NULL; /* all are behind that now */
    }
    catalog_join_flags(catalog, 0);
}

static bool same_object(const struct rnl_object *a, const struct rnl_object *b)
{
    return a->kind == b->kind && strcmp(a->schema, b->schema) == 0 && strcmp(a->name, b->name) == 0;
}

static bool has_object(const struct rnl_catalog *catalog, const struct rnl_object *object)
{
    for (uint32_t i = 0; i < catalog->nobjects; i++)
        if (same_object(catalog->objects[i], object))
            return true;
    return false;
}

static int extend_objects(struct rnl_catalog *is, const struct rnl_catalog *was,
                          const struct rnl_catalog *described, struct rnl_error *err)
{
    for (uint32_t i = 0; i < was->nobjects; i++)
        if (catalog_object_add(is, was->objects[i], err) != RNL_OK)
            return err->status;
    for (uint32_t i = 0; i < described->nobjects; i++)
        if (!has_object(was, described->objects[i]) &&
            catalog_object_add(is, described->objects[i], err) != RNL_OK)
            return err->status;
    return RNL_OK;
}

static int extend_tables(struct rnl_catalog *is, const struct rnl_catalog *was,
                         struct rnl_catalog *described, const bool *again, const bool *add,
                         struct rnl_error *err)
{
    for (uint32_t t = 0; t < was->count; t++) {
        const struct rnl_table *table = was->tables[t];
        uint32_t at =
            again[t] ? catalog_index(described, table->schema, table->name) : CATALOG_NONE;
        int status = at == CATALOG_NONE ? catalog_copy(is, was, t, err)
                                        : catalog_copy(is, described, at, err);

        if (status != RNL_OK)
            return status;
    }
    for (uint32_t t = 0; t < described->count; t++)
        if (add[t] && catalog_copy(is, described, t, err) != RNL_OK)
            return err->status;
    return RNL_OK;
}

int catalog_extend(const struct rnl_catalog *was, struct rnl_catalog *described, const bool *again,
                   const bool *add, struct rnl_catalog **is, struct rnl_error *err)
{
    struct rnl_catalog *made = catalog_new();

    if (!made)
        return catalog_no_memory(err);
    if (extend_tables(made, was, described, again, add, err) != RNL_OK ||
        extend_objects(made, was, described, err) != RNL_OK) {
        catalog_free(made);
        return err->status;
    }
    catalog_settle_keys(made);
    *is = made;
    return RNL_OK;
}

void catalog_take_facts(struct rnl_catalog *catalog, uint32_t index, const struct rnl_catalog *from,
                        uint32_t at)
{
    struct rnl_table *table = catalog->tables[index];
    const struct rnl_table *other = from->tables[at];

    for (uint32_t i = 0; i < table->ncolumns && i < other->ncolumns; i++) {
        struct rnl_column *c = CATALOG_OWN(struct rnl_column, &table->columns[i]);
        const struct rnl_column *known = &other->columns[i];

        c->facts = known->facts;
        c->facts_known = known->facts_known;
        c->max_length = known->max_length;
        c->max_digits = known->max_digits;
        c->max_scale = known->max_scale;
    }
}

json_t *join_to_json(const struct catalog_join *join)
{
    json_t *o = json_pack("{s:I,s:b,s:b,s:I}", "number", (json_int_t)join->number, "open",
                          join->open, "again", join->again, "letters", (json_int_t)join->letters);

    if (join->waits)
        json_object_set_new(o, "waits", json_true());
    if (join->start)
        json_object_set_new(o, "start", json_string(join->start));
    if (join->passed)
        json_object_set_new(o, "passed", json_string(join->passed));
    if (join->since)
        json_object_set_new(o, "since", json_string(join->since));
    return o;
}

void join_from_json(struct arena *arena, const json_t *o, struct catalog_join *join)
{
    *join = (struct catalog_join){
        .number = (uint32_t)json_integer_value(json_object_get(o, "number")),
        .open = json_is_true(json_object_get(o, "open")),
        .again = json_is_true(json_object_get(o, "again")),
        .waits = json_is_true(json_object_get(o, "waits")),
        .start = arena_strdup(arena, json_string_value(json_object_get(o, "start"))),
        .passed = arena_strdup(arena, json_string_value(json_object_get(o, "passed"))),
        .since = arena_strdup(arena, json_string_value(json_object_get(o, "since"))),
        .letters = (uint64_t)json_integer_value(json_object_get(o, "letters")),
    };
}
