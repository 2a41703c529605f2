/* Units as bytes, and back: they come from a target's memory, so nothing in them is trusted. */
#include "unit.h"

static bool is_comparable(const struct rnl_column *column)
{
    if (column->flags & RNL_COLUMN_NULLABLE)
        return false;
    switch (column->type) {
    case RNL_T_DECIMAL:
        return strcmp(column->native, "money") != 0;
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_TEXT:
    case RNL_T_BYTES:
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
    case RNL_T_UUID:
        return true;
    default:
        return false;
    }
}

static bool key_fits(const struct rnl_table *table, const struct rnl_index *index, struct key *key)
{
    key->ncolumns = 0;
    if (!(index->flags & RNL_INDEX_UNIQUE) || index->flags & RNL_INDEX_DEFERRABLE ||
        (index->where && *index->where) || index->nparts == 0 || index->nparts > KEY_COLUMNS ||
        (index->method && strcmp(index->method, "btree") != 0))
        return false;
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        if (part->expression || part->descending || part->column >= table->ncolumns ||
            (index->part_options && index->part_options[i]) ||
            !is_comparable(COLUMN(table, part->column)))
            return false;
        key->columns[i] = part->column;
    }
    key->ncolumns = index->nparts;
    return true;
}

void key_choose(const struct rnl_table *table, struct key *key)
{
    key->ncolumns = 0;
    if (table->query)
        return;
    for (int primary = 1; primary >= 0; primary--)
        for (uint32_t i = 0; i < table->nindexes; i++) {
            const struct rnl_index *index = INDEX(table, i);

            if (((index->flags & RNL_INDEX_PRIMARY) != 0) == (primary == 1) &&
                key_fits(table, index, key))
                return;
        }
    key->ncolumns = 0;
}

bool table_is_keyless(const struct rnl_table *table)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (INDEX(table, i)->flags & RNL_INDEX_PRIMARY)
            return false;
    return true;
}

static void put(struct buf *out, const void *bytes, size_t len)
{
    buf_be32(out, (uint32_t)len);
    buf_add(out, bytes, len);
}

struct bytes {
    const uint8_t *at, *end;
};

static bool take(struct bytes *in, struct rnl_slice *slice)
{
    uint32_t len;

    if (in->end - in->at < 4)
        return false;
    memcpy(&len, in->at, 4);
    len = __builtin_bswap32(len);
    in->at += 4;
    if ((size_t)(in->end - in->at) < len)
        return false;
    *slice = (struct rnl_slice){in->at, len};
    in->at += len;
    return true;
}

static bool take_text(struct bytes *in, char *text, size_t room)
{
    struct rnl_slice slice;

    if (!take(in, &slice) || slice.len >= room)
        return false;
    if (slice.len)
        memcpy(text, slice.ptr, slice.len);
    text[slice.len] = '\0';
    return true;
}

void bound_encode(struct buf *out, const struct bound *bound)
{
    for (uint32_t i = 0; i < bound->count; i++)
        put(out, bound->values[i].ptr, bound->values[i].len);
}

bool bound_decode(struct rnl_slice slice, struct bound *bound)
{
    struct bytes in = {slice.ptr, NULL};

    in.end = slice.len ? in.at + slice.len : in.at;
    for (bound->count = 0; in.at != in.end; bound->count++)
        if (bound->count == KEY_COLUMNS || !take(&in, &bound->values[bound->count]))
            return false;
    return true;
}

void place_encode(const struct place *place, struct buf *from, struct buf *to)
{
    buf_byte(from, (char)place->mode);
    put(from, place->schema, strlen(place->schema));
    put(from, place->name, strlen(place->name));
    buf_be64(from, place->planner);
    put(from, place->oldest, strlen(place->oldest));
    put(from, place->file, strlen(place->file));
    bound_encode(from, &place->from);
    bound_encode(to, &place->to);
}

bool place_decode(const struct rnl_unit *unit, struct place *place)
{
    struct bytes in = {unit->from.ptr, NULL};
    uint64_t planner;

    memset(place, 0, sizeof(*place));
    if (unit->from.len == 0)
        return false;
    in.end = in.at + unit->from.len;
    place->mode = (enum unit_mode) * in.at++;
    if (!take_text(&in, place->schema, sizeof(place->schema)) ||
        !take_text(&in, place->name, sizeof(place->name)) || in.end - in.at < 8)
        return false;
    memcpy(&planner, in.at, 8);
    place->planner = __builtin_bswap64(planner);
    in.at += 8;
    return take_text(&in, place->oldest, sizeof(place->oldest)) &&
           take_text(&in, place->file, sizeof(place->file)) &&
           bound_decode((struct rnl_slice){in.at, (size_t)(in.end - in.at)}, &place->from) &&
           bound_decode(unit->to, &place->to);
}
