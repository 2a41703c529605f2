/* Bundles: rows written to bytes, and read from bytes that nobody trusts. */
#include "bundle.h"

#include "catalog.h"
#include "mask.h"
#include "row_text.h"
#include "util/crc32c.h"

#include <endian.h>
#include <stdlib.h>
#include <xxhash.h>

_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN,
               "bundles are little endian, and copied as they are");

#define BUNDLE_MAGIC 0x424c4e52u /* "RNLB" */
#define FIRST_BYTES (64u * 1024)
#define MIB ((size_t)1 << 20)

/* The head of the bytes. CRC32C is over all that follows it; rows and then position follow. */
struct wire_head {
    uint32_t magic;
    uint16_t version;
    uint16_t head_len;
    uint32_t crc;
    uint32_t lane;
    uint64_t number;
    uint64_t pipeline;
    uint64_t rows_len;
    uint32_t unit;
    uint32_t table;
    uint32_t flags;
    uint32_t rows;
    uint32_t position_len;
    uint32_t schema;
};

_Static_assert(sizeof(struct wire_head) == 64, "the head has no gaps");
#define CRC_FROM (offsetof(struct wire_head, crc) + sizeof(uint32_t))

/* Before each row's values. */
struct wire_row {
    uint32_t len; /* of the values behind it */
    uint16_t nvalues;
    uint8_t op;
    uint8_t shape; /* SHAPE_* */
};

enum {
    SHAPE_AFTER = 1,
    SHAPE_BEFORE = 2,
    SHAPE_TABLE = 4 /* a u32: another table than the head's */
};

/* A value: flags if any (TAG_FLAGS, u16), a tag (type | width << 5), then its bytes. */
enum { TAG_FLAGS = 31, TAG_TYPE = 31, VALUE_MOST = 3 + 1 + 8 };
_Static_assert((int)RNL_T_COUNT < (int)TAG_FLAGS, "types fit five bits");

struct rnl_bundle {
    unsigned char *bytes; /* owned while writing, borrowed while reading */
    size_t len, room;
    size_t max_bytes;
    size_t row_bytes;                  /* of the largest row that is taken */
    const struct rnl_catalog *catalog; /* for messages; borrowed, may be NULL */
    uint32_t max_rows;
    uint32_t rows;
    uint32_t table; /* of the first row */
    void *position; /* while writing: owned; rows up to it are marked_rows */
    size_t position_len;
    uint32_t marked_rows;
    const struct mask *mask; /* while writing: of the rows to come, or NULL */
    const uint32_t *mask_columns;
    struct masker *masker;

    bool reading;
    size_t at; /* of the next row */
    uint32_t next_row;
    struct rnl_value *values; /* of the row lent last */
    size_t nvalues_room;
};

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

static bool holds_bytes(unsigned type)
{
    switch (type) {
    case RNL_T_DECIMAL:
    case RNL_T_TEXT:
    case RNL_T_BYTES:
    case RNL_T_INTERVAL:
    case RNL_T_UUID:
    case RNL_T_JSON:
    case RNL_T_BITS:
    case RNL_T_GEOMETRY:
    case RNL_T_INET:
    case RNL_T_VECTOR:
    case RNL_T_NATIVE:
        return true;
    default:
        return false;
    }
}

static size_t values_size(const struct rnl_value *values, size_t count)
{
    size_t size = count * VALUE_MOST;

    for (size_t i = 0; i < count; i++)
        if (holds_bytes(values[i].type))
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
    if (holds_bytes(value->type))
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

/* Nothing but what comes of this is ever seen by the rest of the program. */
static int add_masked(struct rnl_bundle *bundle, const struct rnl_row *row, struct rnl_error *err)
{
    const struct mask *mask = bundle->mask;
    struct rnl_row masked = *row;
    int status = RNL_OK;

    if (!bundle->masker && !(bundle->masker = masker_new()))
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a mask");
    if (row->before)
        return rnl_fail(err, RNL_E_FATAL, "mask.failed", "changes of a masked table can't be read");
    if (row->after)
        status = masker_apply(bundle->masker, mask, bundle->mask_columns, row->after, row->nvalues,
                              &masked.after, err);
    if (status != RNL_OK)
        return status;
    bundle->mask = NULL;
    status = bundle_add(bundle, &masked, err);
    bundle->mask = mask;
    return status;
}

int bundle_add(struct rnl_bundle *bundle, const struct rnl_row *row, struct rnl_error *err)
{
    struct wire_row head = {.nvalues = row->nvalues, .op = (uint8_t)row->op};
    size_t size = sizeof(head) + sizeof(uint32_t);
    unsigned char *start, *p;

    if (bundle->mask)
        return add_masked(bundle, row, err);
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
    return RNL_OK;
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

uint32_t bundle_rows(const struct rnl_bundle *bundle)
{
    return bundle->rows;
}

void bundle_reset(struct rnl_bundle *bundle)
{
    if (!bundle)
        return;
    free(bundle->position);
    bundle->position = NULL;
    bundle->position_len = 0;
    bundle->marked_rows = 0;
    bundle->len = sizeof(struct wire_head);
    bundle->rows = 0;
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

uint64_t bundle_owner(const struct rnl_bundle *bundle)
{
    struct wire_head wire;

    memcpy(&wire, bundle->bytes, sizeof(wire));
    return wire.pipeline;
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
        .flags = wire.flags,
        .rows = bundle->rows,
        .bytes = bundle->len,
    };
    if (bundle->reading && wire.position_len)
        info->position = (struct rnl_slice){bundle->bytes + bundle->len, wire.position_len};
}

/* Reads a value; NULL when it would pass end. */
static const unsigned char *get_value(const unsigned char *p, const unsigned char *end,
                                      struct rnl_value *value)
{
    unsigned tag, width;
    size_t size;

    *value = (struct rnl_value){0};
    if (p < end && *p == TAG_FLAGS) {
        if (end - p < 4)
            return NULL;
        memcpy(&value->flags, p + 1, 2);
        p += 3;
    }
    if (p >= end)
        return NULL;
    tag = *p++;
    value->type = (uint16_t)(tag & TAG_TYPE);
    width = tag >> 5;
    if (value->type >= RNL_T_COUNT || width > 3)
        return NULL;
    if (value->type == RNL_T_NULL || value->type == RNL_T_UNCHANGED)
        return p;
    size = (size_t)1 << width;
    if ((size_t)(end - p) < size)
        return NULL;
    if (holds_bytes(value->type)) {
        if (size > 4)
            return NULL;
        memcpy(&value->len, p, size);
        p += size;
        if ((size_t)(end - p) < value->len)
            return NULL;
        value->ptr = p;
        return p + value->len;
    }
    if (size == 1)
        value->i = (int8_t)*p;
    else if (size == 4) {
        int32_t narrow;

        memcpy(&narrow, p, 4);
        value->i = narrow;
    } else if (size == 8)
        memcpy(&value->i, p, 8);
    else
        return NULL;
    return p + size;
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
