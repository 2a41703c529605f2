/* What a target remembers of a pipeline, as its sink tells it. */
#include "plan.h"

#include <stdlib.h>

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for what the target remembers");
}

/* A list that doubles when its count is a power of two. */
static void *grow(void *list, size_t count, size_t size)
{
    if (count & (count - 1))
        return list;
    return realloc(list, (count ? 2 * count : 1) * size);
}

void memory_clear(struct rnl_memory *memory)
{
    for (size_t i = 0; i < memory->nunits; i++)
        free(memory->units[i].position);
    for (size_t i = 0; i < memory->nsteps; i++)
        free(memory->steps[i]);
    free(memory->plan);
    free(memory->units);
    free(memory->lanes);
    free(memory->steps);
    *memory = (struct rnl_memory){0};
}

int memory_plan(struct rnl_memory *memory, struct rnl_slice plan, struct rnl_error *err)
{
    char *copy = malloc(plan.len + 1);

    if (!copy)
        return no_memory(err);
    if (plan.len)
        memcpy(copy, plan.ptr, plan.len);
    copy[plan.len] = '\0';
    free(memory->plan);
    memory->plan = copy;
    memory->plan_len = plan.len;
    return RNL_OK;
}

int memory_unit(struct rnl_memory *memory, uint32_t unit, bool done, int64_t rows,
                struct rnl_slice position, struct rnl_error *err)
{
    struct memory_unit *units = grow(memory->units, memory->nunits, sizeof(*units));
    struct memory_unit *last;

    if (!units)
        return no_memory(err);
    memory->units = units;
    last = &units[memory->nunits];
    *last = (struct memory_unit){.unit = unit, .done = done, .rows = rows};
    last->position = malloc(position.len + 1);
    if (!last->position)
        return no_memory(err);
    if (position.len)
        memcpy(last->position, position.ptr, position.len);
    last->position_len = position.len;
    memory->nunits++;
    memory->units_sorted = false;
    return RNL_OK;
}

int memory_lane(struct rnl_memory *memory, uint32_t lane, uint64_t number, uint64_t epoch,
                struct rnl_error *err)
{
    struct memory_lane *lanes = grow(memory->lanes, memory->nlanes, sizeof(*lanes));

    if (!lanes)
        return no_memory(err);
    memory->lanes = lanes;
    lanes[memory->nlanes++] = (struct memory_lane){lane, number, epoch};
    return RNL_OK;
}

int memory_step(struct rnl_memory *memory, const char *id, struct rnl_error *err)
{
    char **steps = grow(memory->steps, memory->nsteps, sizeof(*steps));

    if (!steps)
        return no_memory(err);
    memory->steps = steps;
    steps[memory->nsteps] = strdup(id);
    if (!steps[memory->nsteps])
        return no_memory(err);
    memory->nsteps++;
    memory->steps_sorted = false;
    return RNL_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool memory_has_step(struct rnl_memory *memory, const char *id)
{
    if (!memory->nsteps)
        return false;
    if (!memory->steps_sorted)
        qsort(memory->steps, memory->nsteps, sizeof(char *), by_text);
    memory->steps_sorted = true;
    return bsearch(&id, memory->steps, memory->nsteps, sizeof(char *), by_text) != NULL;
}

static int by_unit(const void *a, const void *b)
{
    const struct memory_unit *left = a, *right = b;

    return left->unit < right->unit ? -1 : left->unit > right->unit;
}

const struct memory_unit *memory_unit_of(struct rnl_memory *memory, uint32_t unit)
{
    struct memory_unit wanted = {.unit = unit};

    if (!memory->nunits)
        return NULL;
    if (!memory->units_sorted)
        qsort(memory->units, memory->nunits, sizeof(wanted), by_unit);
    memory->units_sorted = true;
    return bsearch(&wanted, memory->units, memory->nunits, sizeof(wanted), by_unit);
}
