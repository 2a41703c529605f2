/* Bundles: rows read from bytes that nobody trusts. */
#include "bundle_part.h"

#include "util/crc32c.h"

#include <stdlib.h>

static int corrupt(struct rnl_error *err, const char *what)
{
    return rnl_fail(err, RNL_E_FATAL, "bundle.corrupt", "a bundle can't be read: %s", what);
}

static int check_head(const struct wire_head *wire, size_t len, const unsigned char *bytes,
                      struct rnl_error *err)
{
    if (wire->magic != BUNDLE_MAGIC)
        return corrupt(err, "it doesn't start as a bundle");
    if (wire->version != BUNDLE_VERSION) {
        rnl_fail(err, RNL_E_CONFIG, "bundle.version",
                 "a bundle has format version %u, this runnel reads %u", wire->version,
                 BUNDLE_VERSION);
        rnl_hint(err, "run the same version of runnel on both ends");
        return err->status;
    }
    if (wire->head_len != sizeof(*wire) || wire->rows_len > len - sizeof(*wire) ||
        len - sizeof(*wire) - wire->rows_len != wire->position_len)
        return corrupt(err, "its sizes contradict each other");
    if (crc32c(0, bytes + CRC_FROM, len - CRC_FROM) != wire->crc)
        return corrupt(err, "its checksum is wrong");
    return RNL_OK;
}

int bundle_open(const void *bytes, size_t len, struct rnl_bundle **out, struct rnl_error *err)
{
    struct rnl_bundle *bundle;
    struct wire_head wire;

    if (len < sizeof(wire))
        return corrupt(err, "it is cut short");
    memcpy(&wire, bytes, sizeof(wire));
    if (check_head(&wire, len, bytes, err) != RNL_OK)
        return err->status;
    bundle = calloc(1, sizeof(*bundle));
    if (!bundle)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a bundle");
    bundle->reading = true;
    memcpy(&bundle->bytes, &bytes, sizeof(bytes)); /* never written to: reading is set */
    bundle->len = sizeof(wire) + wire.rows_len;
    bundle->room = len;
    bundle->rows = wire.rows;
    bundle->table = wire.table;
    bundle_rewind(bundle);
    *out = bundle;
    return RNL_OK;
}

void bundle_rewind(struct rnl_bundle *bundle)
{
    bundle->at = sizeof(struct wire_head);
    bundle->next_row = 0;
}

void bundle_tolerate(struct rnl_bundle *bundle)
{
    bundle->tolerant = true;
}

uint64_t bundle_owner(const struct rnl_bundle *bundle)
{
    struct wire_head wire;

    memcpy(&wire, bundle->bytes, sizeof(wire));
    return wire.pipeline;
}

/* The flag that it adds. */
static uint32_t bundle_replay(const struct rnl_bundle *bundle, uint32_t flags)
{
    return bundle->tolerant && (flags & RNL_BUNDLE_CHANGES) ? RNL_BUNDLE_REPLAY : 0;
}

void bundle_info(const struct rnl_bundle *bundle, struct rnl_bundle_info *info)
{
    struct wire_head wire = {.table = bundle->table};

    if (bundle->reading)
        memcpy(&wire, bundle->bytes, sizeof(wire));
    *info = (struct rnl_bundle_info){
        .size = sizeof(*info),
        .lane = wire.lane,
        .number = wire.number,
        .unit = wire.unit,
        .table = wire.table,
        .flags = wire.flags | bundle_replay(bundle, wire.flags),
        .rows = bundle->rows,
        .bytes = bundle->len,
        .committed_us = wire.committed_us,
    };
    if (bundle->reading && wire.position_len)
        info->position = (struct rnl_slice){bundle->bytes + bundle->len, wire.position_len};
}

/* A number of 2^width bytes at p. */
static bool get_number(const unsigned char *p, unsigned width, int64_t *number)
{
    int32_t narrow;

    switch (width) {
    case 0:
        *number = (int8_t)*p;
        return true;
    case 2:
        memcpy(&narrow, p, 4);
        *number = narrow;
        return true;
    case 3:
        memcpy(number, p, 8);
        return true;
    default:
        return false;
    }
}

/* A length of 2^width bytes at p. */
static bool get_length(const unsigned char *p, unsigned width, uint32_t *len)
{
    if (width == 0)
        *len = *p;
    else if (width == 2)
        memcpy(len, p, 4);
    return width == 0 || width == 2;
}

/* Reads a value; NULL when it would pass end. */
static const unsigned char *get_value(const unsigned char *p, const unsigned char *end,
                                      struct rnl_value *value)
{
    unsigned type, width;
    uint16_t flags = 0;

    if (p < end && *p == TAG_FLAGS) {
        if (end - p < 4)
            return NULL;
        memcpy(&flags, p + 1, 2);
        p += 3;
    }
    if (p >= end)
        return NULL;
    type = *p & TAG_TYPE;
    width = *p++ >> 5;
    if (type >= RNL_T_COUNT || width > 3)
        return NULL;
    *value = (struct rnl_value){.type = (uint16_t)type, .flags = flags};
    if (type == RNL_T_NULL || type == RNL_T_UNCHANGED)
        return p;
    if (end - p < 1 << width)
        return NULL;
    if (!bundle_holds_bytes(type))
        return get_number(p, width, &value->i) ? p + (1u << width) : NULL;
    if (!get_length(p, width, &value->len))
        return NULL;
    p += 1u << width;
    if ((size_t)(end - p) < value->len)
        return NULL;
    value->ptr = p;
    return p + value->len;
}

static const unsigned char *get_values(const unsigned char *p, const unsigned char *end,
                                       struct rnl_value *values, size_t count)
{
    for (size_t i = 0; p && i < count; i++)
        p = get_value(p, end, &values[i]);
    return p;
}

static int make_values_room(struct rnl_bundle *bundle, size_t need, struct rnl_error *err)
{
    struct rnl_value *values;

    if (need <= bundle->nvalues_room)
        return RNL_OK;
    values = realloc(bundle->values, need * sizeof(*values));
    if (!values)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a row of %zu values", need);
    bundle->values = values;
    bundle->nvalues_room = need;
    return RNL_OK;
}

int bundle_next(struct rnl_bundle *bundle, struct rnl_row *row, struct rnl_error *err)
{
    const unsigned char *p = bundle->bytes + bundle->at;
    const unsigned char *end = bundle->bytes + bundle->len;
    struct wire_row head;

    if (bundle->next_row == bundle->rows)
        return bundle->at == bundle->len ? RNL_DONE : corrupt(err, "bytes follow its last row");
    if ((size_t)(end - p) < sizeof(head))
        return corrupt(err, "a row is cut short");
    memcpy(&head, p, sizeof(head));
    p += sizeof(head);
    if ((size_t)(end - p) < head.len)
        return corrupt(err, "a row is cut short");
    end = p + head.len;
    if (make_values_room(bundle, 2 * (size_t)head.nvalues + 1, err) != RNL_OK)
        return err->status;
    *row = (struct rnl_row){
        .size = sizeof(*row), .table = bundle->table, .op = head.op, .nvalues = head.nvalues};
    if (head.shape & SHAPE_TABLE) {
        if (end - p < 4)
            return corrupt(err, "a row is cut short");
        memcpy(&row->table, p, 4);
        p += 4;
    }
    if (head.shape & SHAPE_AFTER) {
        row->after = bundle->values;
        p = get_values(p, end, bundle->values, head.nvalues);
    }
    if (p && head.shape & SHAPE_BEFORE) {
        row->before = bundle->values + head.nvalues;
        p = get_values(p, end, bundle->values + head.nvalues, head.nvalues);
    }
    if (p != end)
        return corrupt(err, "a value is cut short");
    bundle->at = (size_t)(end - bundle->bytes);
    bundle->next_row++;
    return RNL_OK;
}
