/* Where changes begin to count for tables that were read at a place of the log of their own. */
#include "reader_part.h"

#include "mask.h"
#include "row_text.h"

#include <stdlib.h>

static struct rnl_slice slice_of(const char *text)
{
    return (struct rnl_slice){text, text ? strlen(text) : 0};
}

/* A copy of the position as the source gave it, malloc'd: marks are sealed where masks have a salt.
 */
static int open_position(const struct reader *reader, uint32_t table, struct rnl_slice position,
                         struct rnl_slice *open, struct rnl_error *err)
{
    const struct mask *mask;

    if (catalog_mask(reader->record.catalog, table, &mask, err) != RNL_OK)
        return err->status;
    return mask_seals(mask) ? mask_open(mask, position, open, err)
                            : mask_place(NULL, position, open, err);
}

/* Puts a start of bytes that are ours to free. */
static int put_start(struct reader *reader, const struct reader_start *start, struct rnl_error *err)
{
    struct reader_start *starts;

    pthread_mutex_lock(&reader->lock);
    starts = realloc(reader->starts, (reader->nstarts + 1) * sizeof(*starts));
    if (starts) {
        reader->starts = starts;
        starts[reader->nstarts++] = *start;
    }
    pthread_mutex_unlock(&reader->lock);
    if (starts)
        return RNL_OK;
    free(start->position);
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
}

int reader_start_add(struct reader *reader, uint32_t table, struct rnl_slice position,
                     struct rnl_error *err)
{
    struct reader_start start = {.table = table};
    struct rnl_slice open;

    if (open_position(reader, table, position, &open, err) != RNL_OK)
        return err->status;
    memcpy(&start.position, &open.ptr, sizeof(start.position)); /* ours */
    start.len = open.len;
    return put_start(reader, &start, err);
}

int reader_start_raise(struct reader *reader, uint32_t table, struct rnl_slice position,
                       struct rnl_error *err)
{
    const struct rnl_source_ops *source = &reader->source.plugin->source;
    struct reader_start start = {.table = table, .len = position.len};

    for (size_t i = 0; i < reader->nstarts; i++) {
        struct reader_start *known = &reader->starts[i];

        if (known->table != table)
            continue;
        if (source->log_reached(reader->source.self,
                                (struct rnl_slice){known->position, known->len}, position))
            return RNL_OK;
        free(known->position);
        *known = reader->starts[--reader->nstarts];
        break;
    }
    start.position = malloc(position.len + 1);
    if (!start.position)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
    memcpy(start.position, position.ptr, position.len);
    return put_start(reader, &start, err);
}

/* Of tables without a key that an earlier run has loaded. */
static int recall_starts(struct reader *reader, struct rnl_error *err)
{
    for (uint32_t i = 0; i < plan_count(reader->record.plan); i++) {
        const struct rnl_unit *unit = plan_at(reader->record.plan, i);
        const struct memory_unit *known = memory_unit_of(&reader->recall.memory, unit->id);

        if (unit->kind != RNL_UNIT_CHUNK || !known || !known->done || !known->position_len ||
            table_is_keyed(catalog_at(reader->record.catalog, unit->table)))
            continue;
        if (reader_start_add(reader, unit->table,
                             (struct rnl_slice){known->position, known->position_len},
                             err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

/* Of tables that were loaded later than others: their view stood there. */
static int join_starts(struct reader *reader, struct rnl_error *err)
{
    const struct rnl_catalog *catalog = reader->record.catalog;
    bool loads = reader->run->config->mode == MODE_REPLICATE;

    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        const char *start = catalog_joined(catalog, t)->start;
        const char *passed = catalog_joined(catalog, t)->passed;

        /* without a key its units say it exactly */
        if (start && (table_is_keyed(catalog_at(catalog, t)) || !loads || reader->over) &&
            reader_start_raise(reader, t, slice_of(start), err) != RNL_OK)
            return err->status;
        if (passed && reader_start_raise(reader, t, slice_of(passed), err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

int reader_starts_find(struct reader *reader, struct rnl_error *err)
{
    return recall_starts(reader, err) == RNL_OK ? join_starts(reader, err) : err->status;
}
