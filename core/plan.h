/* Units of reading, and steps of structure: what a run has to do, in order. */
#ifndef PLAN_H
#define PLAN_H

#include <runnel/host.h>

struct rnl_plan *plan_new(void);
void plan_free(struct rnl_plan *plan);
int plan_add(struct rnl_plan *plan, const struct rnl_unit *unit,
             struct rnl_error *err); /* copies */
uint32_t plan_count(const struct rnl_plan *plan);
const struct rnl_unit *plan_at(const struct rnl_plan *plan, uint32_t index);
/* Largest first, heavy ones apart; ids stay. */
void plan_order(struct rnl_plan *plan);
void plan_set_position(struct rnl_plan *plan, uint32_t unit_id, struct rnl_slice position);
/* The same piece of reading as another unit: nothing of it is done yet. */
void plan_renew(struct rnl_plan *plan, uint32_t unit_id, uint32_t new_id,
                struct rnl_slice position);
/* Gives each place (from, to, position) of the units new bytes: change() makes them, malloc'd. */
int plan_change(struct rnl_plan *plan,
                int (*change)(void *arg, uint32_t table, struct rnl_slice *place,
                              struct rnl_error *err),
                void *arg, struct rnl_error *err);
/*
 * Tables have other indexes now: move() gives them; UINT32_MAX: the table is gone, and its units
 * go with it. Ids stay.
 */
void plan_move(struct rnl_plan *plan, uint32_t (*move)(const void *arg, uint32_t table),
               const void *arg);
/* Binary safe; kept in the target for a resume. */
char *plan_to_json(const struct rnl_plan *plan);
int plan_from_json(const char *text, size_t len, struct rnl_plan **plan, struct rnl_error *err);

struct rnl_steps *steps_new(void);
void steps_free(struct rnl_steps *steps);
int steps_add(struct rnl_steps *steps, const struct rnl_step *step,
              struct rnl_error *err); /* copies */
uint32_t steps_count(const struct rnl_steps *steps);
const struct rnl_step *steps_at(struct rnl_steps *steps, uint32_t index); /* by phase */
/* The types that columns get, told by the sink; kept only where somebody wants to show them. */
void steps_want_types(struct rnl_steps *steps);
int steps_type_add(struct rnl_steps *steps, uint32_t table, uint32_t column, const char *type,
                   struct rnl_error *err);
const char *steps_type(const struct rnl_steps *steps, uint32_t table,
                       uint32_t column); /* or NULL */

/* What a target remembers of a pipeline. */
struct memory_unit {
    uint32_t unit;
    bool done;
    int64_t rows;
    void *position;
    size_t position_len;
};
struct memory_lane {
    uint32_t lane;
    uint64_t number, epoch;
};
struct rnl_memory {
    char *plan; /* the host's own bytes; NULL: nothing remembered */
    size_t plan_len;
    struct memory_unit *units;
    size_t nunits;
    struct memory_lane *lanes;
    size_t nlanes;
    char **steps; /* ids of those done */
    size_t nsteps;
    bool steps_sorted, units_sorted;
};
void memory_clear(struct rnl_memory *memory);
int memory_plan(struct rnl_memory *memory, struct rnl_slice plan, struct rnl_error *err);
int memory_unit(struct rnl_memory *memory, uint32_t unit, bool done, int64_t rows,
                struct rnl_slice position, struct rnl_error *err);
int memory_lane(struct rnl_memory *memory, uint32_t lane, uint64_t number, uint64_t epoch,
                struct rnl_error *err);
int memory_step(struct rnl_memory *memory, const char *id, struct rnl_error *err);
/* NULL: the target knows nothing of it. */
const struct memory_unit *memory_unit_of(struct rnl_memory *memory, uint32_t unit);
bool memory_has_step(struct rnl_memory *memory, const char *id);

#endif
