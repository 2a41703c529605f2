/* Bundles: rows written to bytes. */
#include "bundle_part.h"

#include "alteration.h"
#include "catalog.h"
#include "mask.h"
#include "row_text.h"
#include "util/crc32c.h"

#include <stdlib.h>
#include <xxhash.h>

#define FIRST_BYTES (64u * 1024)
#define MIB ((size_t)1 << 20)

uint64_t bundle_pipeline(const char *name)
{
    return XXH3_64bits(name, strlen(name));
}

struct rnl_bundle *bundle_new(uint32_t max_rows, size_t max_bytes)
{
    struct rnl_bundle *bundle = calloc(1, sizeof(*bundle));

    if (!bundle)
        return NULL;
    bundle->max_rows = max_rows;
    bundle->max_bytes = max_bytes;
    bundle->row_bytes = INT32_MAX;
    bundle->len = sizeof(struct wire_head);
    return bundle;
}

void bundle_free(struct rnl_bundle *bundle)
{
    if (!bundle)
        return;
    if (!bundle->reading)
        free(bundle->bytes);
    masker_free(bundle->masker);
    masker_free(bundle->masker_before);
    alterations_free(bundle->altered);
    free(bundle->position);
    free(bundle->values);
    free(bundle);
}

/* Doubles while small; a large row gets just what it needs, so that memory stays near its size. */
static int make_room(struct rnl_bundle *bundle, size_t more, struct rnl_error *err)
{
    size_t need = bundle->len + more;
    size_t room = bundle->room ? bundle->room : FIRST_BYTES;
    unsigned char *bytes;

    if (need <= bundle->room)
        return RNL_OK;
    while (room < need && room < MIB)
        room *= 2;
    if (room < need)
        room = need + 4096;
    bytes = realloc(bundle->bytes, room);
    if (!bytes)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a bundle of %zu bytes",
                        room);
    bundle->bytes = bytes;
    bundle->room = room;
    return RNL_OK;
}

static size_t values_size(const struct rnl_value *values, size_t count)
{
    size_t size = count * VALUE_MOST;

    for (size_t i = 0; i < count; i++)
        if (bundle_holds_bytes(values[i].type))
            size += values[i].len;
    return size;
}

static unsigned char *put_int(unsigned char *p, unsigned type, int64_t i)
{
    if (i == (int8_t)i) {
        *p = (unsigned char)type;
        p[1] = (unsigned char)i;
        return p + 2;
    }
    if (i == (int32_t)i) {
        int32_t narrow = (int32_t)i;

        *p = (unsigned char)(type | 2u << 5);
        memcpy(p + 1, &narrow, 4);
        return p + 5;
    }
    *p = (unsigned char)(type | 3u << 5);
    memcpy(p + 1, &i, 8);
    return p + 9;
}

static unsigned char *put_bytes(unsigned char *p, unsigned type, const void *bytes, uint32_t len)
{
    if (len < 256) {
        *p++ = (unsigned char)type;
        *p++ = (unsigned char)len;
    } else {
        *p++ = (unsigned char)(type | 2u << 5);
        memcpy(p, &len, 4);
        p += 4;
    }
    if (len)
        memcpy(p, bytes, len);
    return p + len;
}

static unsigned char *put_value(unsigned char *p, const struct rnl_value *value)
{
    if (value->flags) {
        *p++ = TAG_FLAGS;
        memcpy(p, &value->flags, 2);
        p += 2;
    }
    if (bundle_holds_bytes(value->type))
        return put_bytes(p, value->type, value->ptr, value->len);
    if (value->type == RNL_T_NULL || value->type == RNL_T_UNCHANGED) {
        *p = (unsigned char)value->type;
        return p + 1;
    }
    return put_int(p, value->type, value->i); /* doubles too: their bits */
}

static unsigned char *put_values(unsigned char *p, const struct rnl_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p = put_value(p, &values[i]);
    return p;
}

static int too_large(const struct rnl_bundle *bundle, const struct rnl_row *row, size_t size,
                     struct rnl_error *err)
{
    const struct rnl_table *table =
        bundle->catalog ? catalog_at(bundle->catalog, row->table) : NULL;
    uint32_t *columns = table ? calloc(table->ncolumns + 1, sizeof(*columns)) : NULL;
    uint32_t count = columns ? table_key(table, columns) : 0;
    char key[200] = "";

    if (count && row->after && row->nvalues == table->ncolumns)
        key_text(table, row->after, columns, count, key, sizeof(key));
    free(columns);
    rnl_fail(err, RNL_E_CONFIG, "row.too_large",
             "%s%s%s%s%s%s%sa row of %zu bytes is larger than max_row = %zu allows",
             table ? "table " : "", table ? table->schema : "", table ? "." : "",
             table ? table->name : "", *key ? ", " : "", key, table ? ": " : "", size,
             bundle->row_bytes);
    rnl_hint(err,
             "allow it with --max-row (two to nine times as much memory is used), or leave such "
             "rows out with the table's where");
    return err->status;
}

void bundle_mask(struct rnl_bundle *bundle, const struct mask *mask, const uint32_t *columns)
{
    bundle->mask = mask;
    bundle->mask_columns = columns;
}

void bundle_mask_changes(struct rnl_bundle *bundle, const struct rnl_catalog *catalog)
{
    if (!bundle) /* there was no memory for one: who asked for it says so */
        return;
    bundle->masks = catalog;
    bundle->settled_only = false;
}

void bundle_settled_only(struct rnl_bundle *bundle)
{
    bundle->settled_only = true;
}

static int mask_values(struct masker **masker, const struct mask *mask, const uint32_t *columns,
                       uint32_t count, const struct rnl_value **values, struct rnl_error *err)
{
    if (!*masker && !(*masker = masker_new()))
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a mask");
    return *values ? masker_apply(*masker, mask, columns, *values, count, values, err) : RNL_OK;
}

/* Nothing but what comes of this is ever seen by the rest of the program. */
static int mask_row(struct rnl_bundle *bundle, struct rnl_row *row, struct rnl_error *err)
{
    const struct mask *mask = bundle->mask;

    if (bundle->masks && catalog_mask(bundle->masks, row->table, &mask, err) != RNL_OK)
        return err->status;
    if (!mask)
        return RNL_OK;
    if (mask_values(&bundle->masker, mask, bundle->mask_columns, row->nvalues, &row->after, err) !=
        RNL_OK)
        return err->status;
    return mask_values(&bundle->masker_before, mask, bundle->mask_columns, row->nvalues,
                       &row->before, err);
}

static int add_row(struct rnl_bundle *bundle, const struct rnl_row *row, struct rnl_error *err);

int bundle_add(struct rnl_bundle *bundle, const struct rnl_row *row, struct rnl_error *err)
{
    struct rnl_row masked = *row;

    if (!bundle->mask && !bundle->masks)
        return add_row(bundle, row, err);
    if (bundle->settled_only && catalog_joined(bundle->masks, row->table)->waits)
        return RNL_OK;
    if (bundle->masks && catalog_check_change(bundle->masks, row->table, row->op, err) != RNL_OK)
        return err->status;
    if (bundle->masks && catalog_leaves_out(bundle->masks, row->table, row->op))
        return RNL_OK;
    return mask_row(bundle, &masked, err) == RNL_OK ? add_row(bundle, &masked, err) : err->status;
}

static int add_row(struct rnl_bundle *bundle, const struct rnl_row *row, struct rnl_error *err)
{
    struct wire_row head = {.nvalues = row->nvalues, .op = (uint8_t)row->op};
    size_t size = sizeof(head) + sizeof(uint32_t);
    unsigned char *start, *p;

    if (bundle->rows == 0)
        bundle->table = row->table;
    if (row->after)
        size += values_size(row->after, row->nvalues);
    if (row->before)
        size += values_size(row->before, row->nvalues);
    if (size > bundle->row_bytes)
        return too_large(bundle, row, size, err);
    if (make_room(bundle, size, err) != RNL_OK)
        return err->status;
    start = bundle->bytes + bundle->len;
    p = start + sizeof(head);
    if (row->table != bundle->table) {
        head.shape |= SHAPE_TABLE;
        memcpy(p, &row->table, 4);
        p += 4;
    }
    if (row->after) {
        head.shape |= SHAPE_AFTER;
        p = put_values(p, row->after, row->nvalues);
    }
    if (row->before) {
        head.shape |= SHAPE_BEFORE;
        p = put_values(p, row->before, row->nvalues);
    }
    head.len = (uint32_t)(p - start - (ptrdiff_t)sizeof(head));
    memcpy(start, &head, sizeof(head));
    bundle->len = (size_t)(p - bundle->bytes);
    bundle->rows++;
    return RNL_OK;
}

int bundle_mark(struct rnl_bundle *bundle, struct rnl_slice position, struct rnl_error *err)
{
    struct rnl_slice kept;

    if (mask_place(bundle->mask, position, &kept, err) != RNL_OK)
        return err->status;
    free(bundle->position);
    memcpy(&bundle->position, &kept.ptr, sizeof(bundle->position)); /* ours */
    bundle->position_len = kept.len;
    bundle->marked_rows = bundle->rows;
    bundle->marked_len = bundle->len;
    bundle->committed_us = 0;
    return RNL_OK;
}

bool bundle_cut_to_mark(struct rnl_bundle *bundle)
{
    if (!bundle->position)
        return false;
    bundle->rows = bundle->marked_rows;
    bundle->len = bundle->marked_len;
    return true;
}

/*
 * Only a bundle that ends with a transaction can be the last of a commit in the target: so one
 * that is half full is given, rather than the next transaction begun in it.
 */
int bundle_commit(struct rnl_bundle *bundle, struct rnl_slice position, int64_t committed_us,
                  struct rnl_error *err)
{
    if (bundle_mark(bundle, position, err) != RNL_OK)
        return err->status;
    bundle->committed_us = committed_us;
    return bundle->open || bundle->rows >= (bundle->max_rows + 1) / 2 ||
                   bundle->len >= bundle->max_bytes / 2
               ? RNL_DONE
               : RNL_OK;
}

void bundle_set_open(struct rnl_bundle *bundle, bool open)
{
    bundle->open = open;
}

bool bundle_full(const struct rnl_bundle *bundle)
{
    return bundle->rows >= bundle->max_rows || bundle->len >= bundle->max_bytes;
}

void bundle_set_rows(struct rnl_bundle *bundle, uint32_t max_rows)
{
    bundle->max_rows = max_rows;
}

void bundle_limit_row(struct rnl_bundle *bundle, size_t row_bytes,
                      const struct rnl_catalog *catalog)
{
    bundle->catalog = catalog;
    bundle->row_bytes = row_bytes < INT32_MAX ? row_bytes : INT32_MAX;
}

bool bundle_marked(const struct rnl_bundle *bundle)
{
    return bundle->position && bundle->marked_rows == bundle->rows;
}

struct rnl_slice bundle_position(const struct rnl_bundle *bundle)
{
    return (struct rnl_slice){bundle->position, bundle->position_len};
}

uint32_t bundle_rows(const struct rnl_bundle *bundle)
{
    return bundle->rows;
}

void bundle_reset(struct rnl_bundle *bundle)
{
    if (!bundle)
        return;
    alterations_free(bundle->altered);
    bundle->altered = NULL;
    free(bundle->position);
    bundle->position = NULL;
    bundle->position_len = 0;
    bundle->marked_rows = 0;
    bundle->committed_us = 0;
    bundle->len = sizeof(struct wire_head);
    bundle->rows = 0;
}

int bundle_alter(struct rnl_bundle *bundle, const struct rnl_alteration *alteration,
                 struct rnl_error *err)
{
    return alterations_add(&bundle->altered, alteration, err);
}

struct alterations *bundle_altered(struct rnl_bundle *bundle)
{
    struct alterations *altered = bundle->altered;

    bundle->altered = NULL;
    return altered;
}

/* Thousands of bundles of a few rows may wait: without the room that none of them needs. */
static void *fitted(struct rnl_bundle *bundle)
{
    void *bytes = bundle->room / 2 > bundle->len ? realloc(bundle->bytes, bundle->len) : NULL;

    return bytes ? bytes : bundle->bytes;
}

int bundle_seal(struct rnl_bundle *bundle, const struct bundle_head *head, void **bytes,
                size_t *len, struct rnl_error *err)
{
    /* A position counts only behind the last row: it may not promise rows that came later. */
    size_t position_len = bundle->marked_rows == bundle->rows ? bundle->position_len : 0;
    struct wire_head wire = {
        .magic = BUNDLE_MAGIC,
        .version = BUNDLE_VERSION,
        .head_len = sizeof(wire),
        .lane = head->lane,
        .number = head->number,
        .pipeline = head->pipeline,
        .rows_len = bundle->len - sizeof(wire),
        .unit = head->unit,
        .table = bundle->rows ? bundle->table : head->table,
        .flags = head->flags,
        .rows = bundle->rows,
        .position_len = (uint32_t)position_len,
        .schema = head->schema,
        .committed_us = position_len ? bundle->committed_us : 0,
    };

    if (make_room(bundle, position_len + 1, err) != RNL_OK)
        return err->status;
    if (position_len)
        memcpy(bundle->bytes + bundle->len, bundle->position, position_len);
    bundle->len += position_len;
    memcpy(bundle->bytes, &wire, sizeof(wire));
    wire.crc = crc32c(0, bundle->bytes + CRC_FROM, bundle->len - CRC_FROM);
    memcpy(bundle->bytes, &wire, sizeof(wire));
    *bytes = fitted(bundle);
    *len = bundle->len;

    bundle->bytes = NULL;
    bundle->room = 0;
    bundle_reset(bundle);
    return RNL_OK;
}
