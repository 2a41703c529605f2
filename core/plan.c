/* Units of reading, and steps of structure: lists that a run works off. */
#include "plan.h"

#include "util/arena.h"
#include "util/hex.h"
#include "util/json_parts.h"

#include <jansson.h>
#include <stdlib.h>

struct rnl_plan {
    struct arena arena;
    struct rnl_unit *units;
    uint32_t count, room;
    uint32_t *by_id; /* indexes of the units, in the order of their ids; NULL: not made */
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
    free(plan->by_id);
    free(plan);
}

static void forget_ids(struct rnl_plan *plan)
{
    free(plan->by_id);
    plan->by_id = NULL;
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
    copy.starts = NULL; /* of one run: see reader.c */
    copy.nstarts = 0;
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
    forget_ids(plan);
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

static int by_id(const void *a, const void *b, void *arg)
{
    const struct rnl_plan *plan = arg;
    uint32_t left = plan->units[*(const uint32_t *)a].id;
    uint32_t right = plan->units[*(const uint32_t *)b].id;

    return left < right ? -1 : left > right;
}

static struct rnl_unit *unit_of(struct rnl_plan *plan, uint32_t id)
{
    uint32_t low = 0, high = plan->count;

    if (!plan->by_id) {
        plan->by_id = malloc((plan->count + 1ul) * sizeof(*plan->by_id));
        if (!plan->by_id)
            return NULL;
        for (uint32_t i = 0; i < plan->count; i++)
            plan->by_id[i] = i;
        qsort_r(plan->by_id, plan->count, sizeof(*plan->by_id), by_id, plan);
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct rnl_unit *unit = &plan->units[plan->by_id[middle]];

        if (unit->id == id)
            return unit;
        if (unit->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void plan_order(struct rnl_plan *plan)
{
    forget_ids(plan);
    if (plan->count)
        qsort(plan->units, plan->count, sizeof(*plan->units), by_weight);
}

void plan_set_position(struct rnl_plan *plan, uint32_t unit_id, struct rnl_slice position)
{
    struct rnl_unit *unit = unit_of(plan, unit_id);

    if (unit && copy_slice(&plan->arena, &position))
        unit->position = position;
}

void plan_renew(struct rnl_plan *plan, uint32_t unit_id, uint32_t new_id, struct rnl_slice position)
{
    struct rnl_unit *unit = unit_of(plan, unit_id);

    plan_set_position(plan, unit_id, position);
    if (unit)
        unit->id = new_id;
    forget_ids(plan);
}

/* change() leaves a place as it is, or gives other bytes, which are then copied and freed. */
static int change_place(struct rnl_plan *plan, uint32_t table, struct rnl_slice *place,
                        int (*change)(void *arg, uint32_t table, struct rnl_slice *place,
                                      struct rnl_error *err),
                        void *arg, struct rnl_error *err)
{
    struct rnl_slice made = *place;
    bool copied;
    int status = place->len ? change(arg, table, &made, err) : RNL_OK;
    void *bytes;

    if (status != RNL_OK || made.ptr == place->ptr)
        return status;
    memcpy(&bytes, &made.ptr, sizeof(bytes));
    copied = copy_slice(&plan->arena, &made);
    free(bytes);
    if (!copied)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the plan");
    *place = made;
    return RNL_OK;
}

int plan_change(struct rnl_plan *plan,
                int (*change)(void *arg, uint32_t table, struct rnl_slice *place,
                              struct rnl_error *err),
                void *arg, struct rnl_error *err)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        struct rnl_unit *unit = &plan->units[i];
        struct rnl_slice *const places[] = {&unit->from, &unit->to, &unit->position};

        if (unit->kind == RNL_UNIT_CHANGES)
            continue; /* places in a log, not in a table */
        for (size_t p = 0; p < 3; p++)
            if (change_place(plan, unit->table, places[p], change, arg, err) != RNL_OK)
                return err->status;
    }
    return RNL_OK;
}

void plan_move(struct rnl_plan *plan, uint32_t (*move)(const void *arg, uint32_t table),
               const void *arg)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < plan->count; i++) {
        struct rnl_unit unit = plan->units[i];

        if (unit.kind != RNL_UNIT_CHANGES)
            unit.table = move(arg, unit.table);
        if (unit.kind == RNL_UNIT_CHANGES || unit.table != UINT32_MAX)
            plan->units[kept++] = unit;
    }
    plan->count = kept;
    forget_ids(plan);
}

static void put_slice(json_t *object, const char *key, struct rnl_slice slice)
{
    char *hex = slice.len ? hex_encode(slice.ptr, slice.len) : NULL;

    if (hex)
        json_object_set_new(object, key, json_string(hex));
    free(hex);
}

static json_t *unit_to_json(const struct rnl_unit *unit)
{
    json_t *o = json_object();

    json_object_set_new(o, "id", json_integer(unit->id));
    json_object_set_new(o, "kind", json_integer(unit->kind));
    json_object_set_new(o, "table", json_integer(unit->table));
    if (unit->flags)
        json_object_set_new(o, "flags", json_integer(unit->flags));
    json_object_set_new(o, "rows", json_integer(unit->rows));
    json_object_set_new(o, "bytes", json_integer(unit->bytes));
    put_slice(o, "from", unit->from);
    put_slice(o, "to", unit->to);
    put_slice(o, "position", unit->position);
    return o;
}

char *plan_to_json(const struct rnl_plan *plan)
{
    struct json_text text = {0};

    json_text_add(&text, "[", 1);
    for (uint32_t i = 0; i < plan->count; i++)
        json_text_value(&text, unit_to_json(&plan->units[i]));
    json_text_add(&text, "]", 1);
    return json_text_end(&text);
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

static int unreadable(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "plan.invalid", "a plan can't be read");
}

int plan_from_json(const char *text, size_t len, struct rnl_plan **out, struct rnl_error *err)
{
    struct json_walk walk = json_walk(text, len, '[');
    struct json_part part;
    struct rnl_plan *plan = plan_new();
    int status = plan ? RNL_OK : unreadable(err);

    while (status == RNL_OK && json_walk_next(&walk, &part)) {
        json_t *o = json_part_load(&part);

        status = json_is_object(o) ? unit_from_json(o, plan, err) : unreadable(err);
        json_decref(o);
    }
    if (status == RNL_OK && !json_walk_end(&walk))
        status = unreadable(err);
    if (status == RNL_OK)
        *out = plan;
    else
        plan_free(plan);
    return status;
}

struct mapped_type {
    uint32_t table, column;
    const char *type;
};

struct rnl_steps {
    struct arena arena;
    struct rnl_step *steps;
    uint32_t count, room;
    bool sorted;
    bool want_types;
    struct mapped_type *types;
    uint32_t ntypes, types_room;
    bool types_sorted;
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
    free(steps->types);
    free(steps);
}

int steps_add(struct rnl_steps *steps, const struct rnl_step *step, struct rnl_error *err)
{
    struct rnl_step copy = {0};

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
    steps->steps[steps->count++] = copy;
    steps->sorted = false;
    return RNL_OK;
}

/*
 * Into the order of phases, within one as they came. It waits until somebody looks: 10 000
 * tables have many steps.
 */
static void sort_steps(struct rnl_steps *steps)
{
    struct rnl_step *sorted = malloc((steps->count + 1ul) * sizeof(*sorted));
    uint32_t done = 0, phase = 0;

    if (!sorted)
        abort();
    while (done < steps->count) {
        uint32_t next = UINT32_MAX;

        for (uint32_t i = 0; i < steps->count; i++) {
            if (steps->steps[i].phase == phase)
                sorted[done++] = steps->steps[i];
            else if (steps->steps[i].phase > phase && steps->steps[i].phase < next)
                next = steps->steps[i].phase;
        }
        phase = next;
    }
    memcpy(steps->steps, sorted, steps->count * sizeof(*sorted));
    free(sorted);
    steps->sorted = true;
}

void steps_want_types(struct rnl_steps *steps)
{
    steps->want_types = true;
}

int steps_type_add(struct rnl_steps *steps, uint32_t table, uint32_t column, const char *type,
                   struct rnl_error *err)
{
    const char *copy;

    if (!steps->want_types)
        return RNL_OK;
    if (steps->ntypes == steps->types_room) {
        uint32_t room = steps->types_room ? steps->types_room * 2 : 256;
        struct mapped_type *types = realloc(steps->types, room * sizeof(*types));

        if (!types)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a mapping");
        steps->types = types;
        steps->types_room = room;
    }
    copy = arena_strdup(&steps->arena, type ? type : "");
    if (!copy)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a mapping");
    steps->types[steps->ntypes++] = (struct mapped_type){table, column, copy};
    return RNL_OK;
}

const char *steps_type(const struct rnl_steps *steps, uint32_t table, uint32_t column)
{
    uint32_t low = 0, high = steps->ntypes;

    while (low < high) { /* sinks tell them in order */
        uint32_t middle = low + (high - low) / 2;
        const struct mapped_type *at = &steps->types[middle];

        if (at->table == table && at->column == column)
            return at->type;
        if (at->table < table || (at->table == table && at->column < column))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint32_t steps_count(const struct rnl_steps *steps)
{
    return steps->count;
}

const struct rnl_step *steps_at(struct rnl_steps *steps, uint32_t index)
{
    if (!steps->sorted)
        sort_steps(steps);
    return index < steps->count ? &steps->steps[index] : NULL;
}
