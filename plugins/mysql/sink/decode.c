/* Values as the target has them, as values of the source's types. */
#include "calendar.h"
#include "data.h"

static bool keep_made(struct made *out, uint16_t type, size_t start, const struct buf *scratch)
{
    out->made = true;
    out->offset = start;
    out->value = (struct rnl_value){.type = type, .len = (uint32_t)(scratch->len - start)};
    return true;
}

static bool decode_uuid(const struct rnl_value *in, struct buf *scratch, struct made *out)
{
    size_t start = scratch->len;
    uint8_t uuid[16];

    if (in->type == RNL_T_BYTES) {
        out->value.type = RNL_T_UUID;
        return true;
    }
    if (!parse_uuid(in->ptr, in->len, uuid))
        return true; /* none: it stays a text, which no UUID equals */
    buf_add(scratch, uuid, sizeof(uuid));
    return keep_made(out, RNL_T_UUID, start, scratch);
}

static bool decode_vector(const struct rnl_value *in, struct buf *scratch, struct made *out)
{
    size_t start = scratch->len;

    if (in->type == RNL_T_BYTES || in->type == RNL_T_VECTOR) {
        out->value.type = RNL_T_VECTOR;
        return true;
    }
    if (parse_vector(in->ptr, in->len, scratch))
        return keep_made(out, RNL_T_VECTOR, start, scratch);
    scratch->len = start;
    return true;
}

static bool decode_interval(const struct rnl_value *in, struct buf *scratch, struct made *out)
{
    size_t start = scratch->len;

    if (in->type != RNL_T_INT) {
        out->value.type = RNL_T_INTERVAL;
        return true;
    }
    spell_interval(in->i, scratch);
    return keep_made(out, RNL_T_INTERVAL, start, scratch);
}

static bool decode_native(const struct bound_column *column, const struct rnl_value *in,
                          struct buf *scratch, struct made *out)
{
    size_t start = scratch->len;
    const uint8_t *bytes = in->ptr;
    double point[2];

    if (in->type == RNL_T_GEOMETRY) {
        static const uint8_t head[] = {0, 0, 0, 0, 1, 1, 0, 0, 0};

        if (in->len != sizeof(head) + sizeof(point) || memcmp(bytes, head, sizeof(head)) != 0) {
            out->value.type = RNL_T_GEOMETRY; /* no point of ours: nothing equals it */
            return true;
        }
        memcpy(point, bytes + sizeof(head), sizeof(point));
        spell_point(point, scratch);
        return keep_made(out, RNL_T_NATIVE, start, scratch);
    }
    out->value.type = becomes_json(column) ? RNL_T_JSON : RNL_T_NATIVE;
    return true;
}

bool decode_value(const struct bound_column *column, const struct rnl_value *natural,
                  struct buf *scratch, struct made *out)
{
    int64_t us;

    *out = (struct made){.value = *natural};
    if (natural->type == RNL_T_NULL || natural->type == column->source->type)
        return true;
    switch (column->source->type) {
    case RNL_T_UUID:
        return decode_uuid(natural, scratch, out);
    case RNL_T_VECTOR:
        return decode_vector(natural, scratch, out);
    case RNL_T_INTERVAL:
        return decode_interval(natural, scratch, out);
    case RNL_T_NATIVE:
        return decode_native(column, natural, scratch, out);
    case RNL_T_TIME:
        us = natural->i;
        if (natural->type != RNL_T_INT && !parse_clock(natural->ptr, natural->len, &us))
            return true; /* no time: it stays a text, which no time equals */
        out->value = (struct rnl_value){.type = RNL_T_TIME, .i = us};
        return true;
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        if (natural->type == RNL_T_TIMESTAMP || natural->type == RNL_T_TIMESTAMPTZ)
            out->value.type = column->source->type;
        return true;
    case RNL_T_BOOL:
        if (natural->type == RNL_T_BITS)
            out->value = (struct rnl_value){
                .type = RNL_T_BOOL, .i = natural->len && memchr(natural->ptr, '1', natural->len)};
        return true;
    case RNL_T_FLOAT:
    case RNL_T_INT:
    case RNL_T_UINT:
        return true; /* numbers are compared as such */
    default:         /* texts and bytes of another name */
        if (natural->type >= RNL_T_DECIMAL && natural->type != RNL_T_DATE &&
            natural->type != RNL_T_TIME)
            out->value.type = column->source->type;
        return true;
    }
}
