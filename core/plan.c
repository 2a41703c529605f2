/* Units of reading, and steps of structure: lists that a run works off. */
#include "plan.h"

#include "util/arena.h"
#include "util/hex.h"

#include <jansson.h>
#include <stdlib.h>

struct rnl_plan {
    struct arena arena;
    struct rnl_unit *units;
    uint32_t count, room;
};

struct rnl_plan *plan_new(void)
{
    return calloc(1, sizeof(struct rnl_plan));
}

void plan_free(struct rnl_plan *plan)
{
    if (!plan)
        return;
    arena_free(&plan->arena);
    free(plan->units);
    free(plan);
}

static bool copy_slice(struct arena *arena, struct rnl_slice *slice)
{
    slice->ptr = arena_memdup(arena, slice->ptr, slice->len);
    return slice->ptr != NULL;
}

int plan_add(struct rnl_plan *plan, const struct rnl_unit *unit, struct rnl_error *err)
{
    struct rnl_unit copy = {0};

    if (plan->count == plan->room) {
        uint32_t room = plan->room ? plan->room * 2 : 64;
        struct rnl_unit *units = realloc(plan->units, room * sizeof(*units));

        if (!units)
            goto no_memory;
        plan->units = units;
        plan->room = room;
    }
    memcpy(&copy, unit, unit->size < sizeof(copy) ? unit->size : sizeof(copy));
    copy.size = sizeof(copy);
    copy.id = copy.id ? copy.id : plan->count + 1;
    if (!copy_slice(&plan->arena, &copy.from) || !copy_slice(&plan->arena, &copy.to) ||
        !copy_slice(&plan->arena, &copy.position))
        goto no_memory;
    if (copy.columns) {
        copy.columns =
            arena_memdup(&plan->arena, copy.columns, copy.ncolumns * sizeof(*copy.columns));
        if (!copy.columns)
            goto no_memory;
    }
    plan->units[plan->count++] = copy;
    return RNL_OK;
no_memory:
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the plan");
}

uint32_t plan_count(const struct rnl_plan *plan)
{
    return plan->count;
}

const struct rnl_unit *plan_at(const struct rnl_plan *plan, uint32_t index)
{
    return index < plan->count ? &plan->units[index] : NULL;
}

/* Heavy units last, so that they don't hold lanes back; large before small, so that lanes end
 * together. */
static int by_weight(const void *a, const void *b)
{
    const struct rnl_unit *left = a, *right = b;
    uint32_t heavy_left = left->flags & RNL_UNIT_HEAVY, heavy_right = right->flags & RNL_UNIT_HEAVY;

    if (heavy_left != heavy_right)
        return heavy_left < heavy_right ? -1 : 1;
    if (left->bytes != right->bytes)
        return left->bytes > right->bytes ? -1 : 1;
    return left->id < right->id ? -1 : left->id > right->id;
}

void plan_order(struct rnl_plan *plan)
{
    if (plan->count)
        qsort(plan->units, plan->count, sizeof(*plan->units), by_weight);
}

void plan_set_position(struct rnl_plan *plan, uint32_t unit_id, struct rnl_slice position)
{
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->units[i].id == unit_id && copy_slice(&plan->arena, &position))
            plan->units[i].position = position;
}

static void put_slice(json_t *object, const char *key, struct rnl_slice slice)
{
    char *hex = slice.len ? hex_encode(slice.ptr, slice.len) : NULL;

    if (hex)
        json_object_set_new(object, key, json_string(hex));
    free(hex);
}

char *plan_to_json(const struct rnl_plan *plan)
{
    json_t *units = json_array();
    char *text;

    for (uint32_t i = 0; i < plan->count; i++) {
        const struct rnl_unit *unit = &plan->units[i];
        json_t *o = json_object();

        json_object_set_new(o, "id", json_integer(unit->id));
        json_object_set_new(o, "kind", json_integer(unit->kind));
        json_object_set_new(o, "table", json_integer(unit->table));
        json_object_set_new(o, "flags", json_integer(unit->flags));
        json_object_set_new(o, "rows", json_integer(unit->rows));
        json_object_set_new(o, "bytes", json_integer(unit->bytes));
        put_slice(o, "from", unit->from);
        put_slice(o, "to", unit->to);
        put_slice(o, "position", unit->position);
        json_array_append_new(units, o);
    }
    text = json_dumps(units, JSON_COMPACT);
    json_decref(units);
    return text;
}

static bool get_slice(struct arena *arena, const json_t *object, const char *key,
                      struct rnl_slice *slice)
{
    const char *hex = json_string_value(json_object_get(object, key));
    void *bytes;

    if (!hex)
        return true;
    bytes = arena_alloc(arena, strlen(hex) / 2 + 1);
    if (!bytes || !hex_decode(hex, bytes))
        return false;
    *slice = (struct rnl_slice){bytes, strlen(hex) / 2};
    return true;
}

static int unit_from_json(const json_t *o, struct rnl_plan *plan, struct rnl_error *err)
{
    struct arena arena = {0};
    struct rnl_unit unit = {
        .size = sizeof(unit),
        .id = (uint32_t)json_integer_value(json_object_get(o, "id")),
        .kind = (uint32_t)json_integer_value(json_object_get(o, "kind")),
        .table = (uint32_t)json_integer_value(json_object_get(o, "table")),
        .flags = (uint32_t)json_integer_value(json_object_get(o, "flags")),
        .rows = json_integer_value(json_object_get(o, "rows")),
        .bytes = json_integer_value(json_object_get(o, "bytes")),
    };
    int status;

    if (get_slice(&arena, o, "from", &unit.from) && get_slice(&arena, o, "to", &unit.to) &&
        get_slice(&arena, o, "position", &unit.position))
        status = plan_add(plan, &unit, err);
    else
        status = rnl_fail(err, RNL_E_FATAL, "plan.invalid", "a unit of a plan can't be read");
    arena_free(&arena);
    return status;
}

int plan_from_json(const char *text, size_t len, struct rnl_plan **out, struct rnl_error *err)
{
    json_error_t why;
    json_t *units = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    struct rnl_plan *plan = plan_new();
    int status = RNL_OK;

    if (!json_is_array(units) || !plan)
        status = rnl_fail(err, RNL_E_FATAL, "plan.invalid", "a plan can't be read: %s", why.text);
    for (size_t i = 0; status == RNL_OK && i < json_array_size(units); i++)
        status = unit_from_json(json_array_get(units, i), plan, err);
    json_decref(units);
    if (status == RNL_OK)
        *out = plan;
    else
        plan_free(plan);
    return status;
}

struct rnl_steps {
    struct arena arena;
    struct rnl_step *steps;
    uint32_t count, room;
};

struct rnl_steps *steps_new(void)
{
    return calloc(1, sizeof(struct rnl_steps));
}

void steps_free(struct rnl_steps *steps)
{
    if (!steps)
        return;
    arena_free(&steps->arena);
    free(steps->steps);
    free(steps);
}

/* Kept in order of phase; within one, as they came. */
int steps_add(struct rnl_steps *steps, const struct rnl_step *step, struct rnl_error *err)
{
    struct rnl_step copy = {0};
    uint32_t at;

    if (steps->count == steps->room) {
        uint32_t room = steps->room ? steps->room * 2 : 64;
        struct rnl_step *list = realloc(steps->steps, room * sizeof(*list));

        if (!list)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a step");
        steps->steps = list;
        steps->room = room;
    }
    memcpy(&copy, step, step->size < sizeof(copy) ? step->size : sizeof(copy));
    copy.size = sizeof(copy);
    copy.id = arena_strdup(&steps->arena, copy.id ? copy.id : "");
    copy.text = arena_strdup(&steps->arena, copy.text ? copy.text : "");
    if (!copy.id || !copy.text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a step");
    for (at = steps->count; at > 0 && steps->steps[at - 1].phase > copy.phase; at--)
        steps->steps[at] = steps->steps[at - 1];
    steps->steps[at] = copy;
    steps->count++;
    return RNL_OK;
}

uint32_t steps_count(const struct rnl_steps *steps)
{
    return steps->count;
}

const struct rnl_step *steps_at(const struct rnl_steps *steps, uint32_t index)
{
    return index < steps->count ? &steps->steps[index] : NULL;
}
