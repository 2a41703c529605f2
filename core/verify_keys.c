/*
 * The keys of rows that are looked at again, so that these rows alone are read: a table needn't be
 * read as a whole for a few of them.
 *
 * That a key which one side told finds the row on the other depends on two plugins and two servers.
 * So keys of some other rows are kept, too (controls): a side that shows none of them is read as a
 * whole from then on.
 */
#include "verify_keys.h"

#include "mask.h"

#include <stdlib.h>

#define BATCH_KEYS 250
#define BATCHES_MOST 80 /* more rows: the table is read as a whole */
#define TEXT_MOST 255
#define UNITS_MOST 20000 /* in one reading of a table */
#define MISSES_MOST 1000

/* Such that no character set, padding or policy has its way with it. */
static bool is_plain(const struct rnl_value *value)
{
    const char *text = value->ptr;

    switch (value->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_UUID:
        return true;
    case RNL_T_TEXT:
        if (value->len == 0 || value->len > TEXT_MOST || text[0] == ' ' ||
            text[value->len - 1] == ' ')
            return false;
        for (uint32_t i = 0; i < value->len; i++)
            if (text[i] < ' ' || text[i] > '~' || text[i] == '\\')
                return false;
        return true;
    default:
        return false;
    }
}

static bool is_masked(const struct verify *verify, uint32_t table)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* a mask that can't be had is one */
    const struct mask *mask = NULL;

    return catalog_mask(verify->options->sides.catalog, table, &mask, &unheard) != RNL_OK || mask;
}

bool keys_start(const struct verify *verify, struct verify_state *state)
{
    const struct scan_sides *sides = &verify->options->sides;
    uint32_t index = state->out->index;
    struct verify_keys *keys = calloc(1, sizeof(*keys));

    if (!keys)
        return false;
    state->keys = keys;
    keys->usable = state->out->keyed && !is_masked(verify, index) &&
                   sides->source_ops->reads_keys && sides->sink_ops->reads_keys &&
                   sides->source_ops->reads_keys(sides->source, sides->catalog, index, state->key,
                                                 state->nkey) &&
                   sides->sink_ops->reads_keys(sides->sink, index, state->key, state->nkey);
    if (!keys->usable)
        return true;
    keys->of = calloc(state->nsuspects + 1, sizeof(*keys->of));
    return keys->of;
}

void keys_free(struct verify_keys *keys)
{
    if (!keys)
        return;
    arena_free(&keys->memory);
    free(keys->of);
    free(keys->units);
    free(keys->batch);
    free(keys);
}

/* A copy of the key's values; NULL: it is none to ask for (or memory is out: no matter here). */
static struct rnl_value *copy_key(struct verify_state *state, const struct rnl_value *row)
{
    struct verify_keys *keys = state->keys;
    struct rnl_value *copy = arena_alloc(&keys->memory, state->nkey * sizeof(*copy));

    for (uint32_t k = 0; copy && k < state->nkey; k++) {
        copy[k] = row[state->key[k]];
        if (copy[k].type != state->table->columns[state->key[k]].type || !is_plain(&copy[k]))
            return NULL;
        if (copy[k].type == RNL_T_INT || copy[k].type == RNL_T_UINT)
            continue;
        copy[k].ptr = arena_memdup(&keys->memory, copy[k].ptr, copy[k].len);
        if (!copy[k].ptr)
            return NULL;
    }
    return copy;
}

/* The source's own key is also what the target has. */
static bool is_kept(const struct verify_state *state, struct scan_lane *lane, enum scan_side side,
                    const struct digest *key)
{
    struct digest raw;

    return side == SCAN_TARGET || (canon_row(&lane->canon, state->table, lane->raw->after,
                                             state->key, state->nkey, &raw) &&
                                   digest_equal(&raw, key));
}

void keys_saw(struct verify_state *state, struct scan_lane *lane, enum scan_side side,
              const struct digest *key, size_t suspect)
{
    struct verify_keys *keys = state->keys;

    if (!keys->usable || keys->of[suspect])
        return;
    keys->of[suspect] = is_kept(state, lane, side, key) ? copy_key(state, lane->raw->after) : NULL;
    if (!keys->of[suspect])
        keys->usable = false;
}

void keys_saw_other(struct verify_state *state, struct scan_lane *lane, enum scan_side side,
                    const struct digest *key)
{
    struct verify_keys *keys = state->keys;
    struct control *control;

    if (!keys->usable)
        return;
    for (uint32_t i = 0; i < keys->ncontrols[side]; i++)
        if (keys->controls[side][i].key == key->hi) {
            keys->controls[side][i].found = true;
            return;
        }
    if (keys->ncontrols[side] == CONTROLS || keys->looked[side])
        return;
    control = &keys->controls[side][keys->ncontrols[side]];
    control->key = key->hi;
    control->values = is_kept(state, lane, side, key) ? copy_key(state, lane->raw->after) : NULL;
    if (control->values)
        keys->ncontrols[side]++;
    else if (++keys->misses == MISSES_MOST)
        keys->usable = false;
}

bool keys_were_found(struct verify_state *state, enum scan_side side)
{
    struct verify_keys *keys = state->keys;

    for (uint32_t i = 0; i < keys->ncontrols[side]; i++)
        if (keys->controls[side][i].found)
            return true;
    keys->usable = false;
    return false;
}

/* --- what is read ----------------------------------------------------------------------------- */

static size_t fill_batch(struct verify_state *state, enum scan_side side)
{
    struct verify_keys *keys = state->keys;
    size_t count = 0, bytes = state->nkey * sizeof(struct rnl_value);

    for (uint32_t i = 0; i < keys->ncontrols[side]; i++) {
        keys->controls[side][i].found = false;
        memcpy(keys->batch + count++ * state->nkey, keys->controls[side][i].values, bytes);
    }
    for (size_t i = 0; i < state->nsuspects; i++)
        if (state->suspects[i].verdict == SUSPECT_OPEN && keys->of[i])
            memcpy(keys->batch + count++ * state->nkey, keys->of[i], bytes);
    return count;
}

/* Every unit of the side, once for each batch of keys. */
static size_t make_jobs(struct verify_state *state, enum scan_side side, size_t count,
                        struct scan_job *jobs)
{
    struct verify_keys *keys = state->keys;
    size_t njobs = 0;

    for (size_t at = 0; at < count; at += BATCH_KEYS)
        for (size_t j = 0; j < state->njobs; j++) {
            struct rnl_unit *unit = &keys->units[njobs];

            if (state->jobs[j].side != side)
                continue;
            *unit = *state->jobs[j].unit;
            unit->size = sizeof(*unit);
            unit->key = state->key;
            unit->nkey = state->nkey;
            unit->keys = keys->batch + at * state->nkey;
            unit->nkeys = (uint32_t)(count - at < BATCH_KEYS ? count - at : BATCH_KEYS);
            jobs[njobs++] = (struct scan_job){unit, side};
        }
    return njobs;
}

bool keys_can(const struct verify_state *state, enum scan_side side)
{
    const struct verify_keys *keys = state->keys;
    size_t open = 0;

    if (!keys || !keys->usable || keys->ncontrols[side] == 0)
        return false;
    for (size_t i = 0; i < state->nsuspects; i++) {
        if (state->suspects[i].verdict != SUSPECT_OPEN)
            continue;
        open++;
        /* neither side has shown it since: it agrees, wherever it has gone */
        if (!keys->of[i] && state->suspects[i].source.count)
            return false;
    }
    return open + CONTROLS <= BATCH_KEYS * BATCHES_MOST &&
           (open / BATCH_KEYS + 2) * state->njobs <= UNITS_MOST;
}

size_t keys_jobs(struct verify_state *state, enum scan_side side, struct scan_job **jobs)
{
    struct verify_keys *keys = state->keys;
    size_t most = (state->nsuspects + CONTROLS) / BATCH_KEYS + 1, count, njobs;

    most = most < BATCHES_MOST + 1 ? most : BATCHES_MOST + 1;
    if (!keys->units) {
        keys->units = calloc(most * state->njobs, sizeof(*keys->units));
        keys->batch =
            calloc((state->nsuspects + CONTROLS) * (size_t)state->nkey, sizeof(*keys->batch));
    }
    if (!keys->units || !keys->batch)
        return 0;
    count = fill_batch(state, side);
    *jobs = calloc(most * state->njobs + 1, sizeof(**jobs));
    if (!*jobs)
        return 0;
    njobs = make_jobs(state, side, count, *jobs);
    keys->looked[side] = true;
    return njobs;
}
