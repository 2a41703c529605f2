/* Table maps of the binary log: which table, and how its columns are laid out in rows. */
#include "binlog_part.h"

static struct log_table **table_bucket(struct binlog *log, uint64_t id)
{
    return &log->buckets[id % TABLE_BUCKETS];
}

struct log_table *table_find(struct binlog *log, uint64_t id)
{
    struct log_table *table = *table_bucket(log, id);

    while (table && table->shown.id != id)
        table = table->next;
    return table;
}

static void table_free(struct log_table *table)
{
    free(table->ops);
    free(table->meta_at);
    free(table->body);
    free((void *)(uintptr_t)table->shown.schema);
    free((void *)(uintptr_t)table->shown.name);
    free(table);
}

/* Of those that the statement under way doesn't need, or of all. */
static void tables_drop(struct binlog *log, bool all)
{
    for (size_t i = 0; i < TABLE_BUCKETS; i++) {
        struct log_table **at = &log->buckets[i];

        while (*at) {
            struct log_table *table = *at;

            if (!all && table->statement == log->statement) {
                at = &table->next;
                continue;
            }
            *at = table->next;
            table_free(table);
            log->ntables--;
        }
    }
}

void tables_forget(struct binlog *log)
{
    log->rows.open = false;
    tables_drop(log, true);
}

static unsigned meta_bytes(uint8_t type)
{
    switch (type) {
    case LOG_FLOAT:
    case LOG_DOUBLE:
    case LOG_BLOB:
    case LOG_BLOB_COMPRESSED:
    case LOG_GEOMETRY:
    case LOG_JSON:
    case LOG_VECTOR:
    case LOG_TIME2:
    case LOG_DATETIME2:
    case LOG_TIMESTAMP2:
        return 1;
    case LOG_VARCHAR:
    case LOG_VARCHAR_COMPRESSED:
    case LOG_VAR_STRING:
    case LOG_STRING:
    case LOG_ENUM:
    case LOG_SET:
    case LOG_NEWDECIMAL:
    case LOG_BIT:
        return 2;
    default:
        return 0;
    }
}

/* A name: its length, the name, a zero byte. */
static char *name_take(struct span *in)
{
    const uint8_t *len = span_take(in, 1);
    const uint8_t *text = len ? span_take(in, (size_t)*len + 1) : NULL;

    if (!text || text[*len] != 0 || memchr(text, 0, *len))
        return NULL;
    return strndup((const char *)text, *len);
}

/* Where each column's part of the metadata begins. */
static bool meta_place(struct log_table *table, size_t meta_len)
{
    size_t at = 0;

    table->meta_at = calloc((size_t)table->shown.ncolumns + 1, sizeof(*table->meta_at));
    if (!table->meta_at)
        return false;
    for (uint32_t i = 0; i < table->shown.ncolumns; i++) {
        table->meta_at[i] = (uint32_t)at;
        at += meta_bytes(table->types[i]);
        if (table->types[i] == LOG_JSON)
            table->njson++;
    }
    return at == meta_len;
}

static bool table_parse(struct log_table *table)
{
    struct span in = {table->body, table->body + table->body_len};
    uint64_t count, meta_len;

    table->shown.schema = name_take(&in);
    table->shown.name = table->shown.schema ? name_take(&in) : NULL;
    if (!table->shown.name || !span_packed(&in, &count) || count > UINT16_MAX)
        return false;
    table->shown.ncolumns = (uint32_t)count;
    table->types = span_take(&in, count);
    if (!table->types || !span_packed(&in, &meta_len))
        return false;
    table->meta = span_take(&in, meta_len);
    if (!table->meta || !meta_place(table, meta_len) || !span_take(&in, (count + 7) / 8))
        return false;
    table->optional = in;
    return true;
}

static struct log_table *table_new(struct binlog *log, uint64_t id, struct span body)
{
    struct log_table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->shown.id = id;
    table->log = log;
    table->body_len = span_left(&body);
    table->body = malloc(table->body_len + 1);
    if (!table->body) {
        free(table);
        return NULL;
    }
    memcpy(table->body, body.at, table->body_len);
    return table;
}

static bool table_same(const struct log_table *table, const struct span *body)
{
    return table->body_len == span_left(body) && !memcmp(table->body, body->at, table->body_len);
}

static void table_remove(struct binlog *log, struct log_table *table)
{
    struct log_table **at = table_bucket(log, table->shown.id);

    while (*at != table)
        at = &(*at)->next;
    *at = table->next;
    table_free(table);
    log->ntables--;
}

/* The same table comes before each statement: what is known of it then stays. */
int table_map(struct binlog *log, struct span body, struct rnl_error *err)
{
    const uint8_t *head = span_take(&body, 8);
    struct log_table *table;
    uint64_t id;

    if (!head)
        return log_malformed(err, "a table map");
    id = little_load(head, 6);
    table = table_find(log, id);
    if (table && table_same(table, &body)) {
        table->statement = log->statement;
        return RNL_OK;
    }
    if (table)
        table_remove(log, table);
    if (log->ntables >= TABLES_MAX)
        tables_drop(log, false);
    if (log->ntables >= TABLES_MAX)
        return log_malformed(err, "a statement of so many tables");
    table = table_new(log, id, body);
    if (!table)
        return log_no_memory(err);
    if (!table_parse(table)) {
        table_free(table);
        return log_malformed(err, "a table map");
    }
    table->statement = log->statement;
    table->next = *table_bucket(log, id);
    *table_bucket(log, id) = table;
    log->ntables++;
    return RNL_OK;
}

/* CHAR, ENUM and SET share a type; lengths of 256 and more hide bits in the real one. */
static int string_layout(const uint8_t *meta, struct field_op *op, uint8_t *type)
{
    unsigned length = meta[1];

    *type = meta[0];
    if ((meta[0] & 0x30) != 0x30) {
        length |= ((meta[0] & 0x30u) ^ 0x30u) << 4;
        *type = meta[0] | 0x30;
    }
    op->pad = length;
    if (*type == LOG_ENUM || *type == LOG_SET) {
        op->layout = *type == LOG_ENUM ? LAYOUT_ENUM : LAYOUT_SET;
        op->size = (uint8_t)length;
        return length >= 1 && length <= 8 ? 0 : -1;
    }
    op->layout = LAYOUT_COUNTED;
    op->size = length > 255 ? 2 : 1;
    return 0;
}

static int whole_layout(struct field_op *op, uint8_t layout, unsigned size)
{
    op->layout = layout;
    op->size = (uint8_t)size;
    return 0;
}

/* Fractions of seconds, and lengths of blobs: the metadata is one small number. */
static int scaled_layout(struct field_op *op, uint8_t layout, uint8_t scale)
{
    op->layout = layout;
    op->scale = scale;
    op->size = (uint8_t)((scale + 1) / 2);
    return scale <= 6 ? 0 : -1;
}

static int blob_layout(struct field_op *op, uint8_t size)
{
    op->layout = LAYOUT_COUNTED;
    op->size = size;
    return size >= 1 && size <= 4 ? 0 : -1;
}

static int other_layout(const uint8_t *meta, struct field_op *op, uint8_t type)
{
    switch (type) {
    case LOG_VARCHAR_COMPRESSED:
    case LOG_VARCHAR:
    case LOG_VAR_STRING:
        op->compressed = type == LOG_VARCHAR_COMPRESSED;
        op->pad = (uint32_t)little_load(meta, 2);
        return whole_layout(op, LAYOUT_COUNTED, op->pad > 255 ? 2 : 1);
    case LOG_BIT:
        if (meta[0] > 7 || meta[1] > 8)
            return -1;
        op->bits = (uint16_t)(meta[0] + meta[1] * 8u);
        return op->bits && op->bits <= 64 ? whole_layout(op, LAYOUT_BIT, (op->bits + 7u) / 8) : -1;
    case LOG_NEWDECIMAL:
        op->precision = meta[0];
        op->scale = meta[1];
        if (!meta[0] || meta[0] > 65 || meta[1] > 38 || meta[1] > meta[0])
            return -1;
        return whole_layout(op, LAYOUT_DECIMAL, (unsigned)decimal_size(meta[0], meta[1]));
    case LOG_BLOB_COMPRESSED:
        op->compressed = 1;
        return blob_layout(op, meta[0]);
    case LOG_JSON:
        op->json = 1;
        return blob_layout(op, meta[0]);
    case LOG_BLOB:
    case LOG_GEOMETRY:
    case LOG_VECTOR:
        return blob_layout(op, meta[0]);
    default:
        return -1;
    }
}

int layout_set(const struct log_table *table, uint32_t column, struct field_op *op, uint8_t *type)
{
    const uint8_t *meta = table->meta + table->meta_at[column];

    *type = table->types[column];
    switch (*type) {
    case LOG_TINY:
        return whole_layout(op, LAYOUT_INT, 1);
    case LOG_SHORT:
        return whole_layout(op, LAYOUT_INT, 2);
    case LOG_INT24:
        return whole_layout(op, LAYOUT_INT, 3);
    case LOG_LONG:
        return whole_layout(op, LAYOUT_INT, 4);
    case LOG_LONGLONG:
        return whole_layout(op, LAYOUT_INT, 8);
    case LOG_YEAR:
        return whole_layout(op, LAYOUT_YEAR, 1);
    case LOG_FLOAT:
        return whole_layout(op, LAYOUT_FLOAT, 4);
    case LOG_DOUBLE:
        return whole_layout(op, LAYOUT_DOUBLE, 8);
    case LOG_DATE:
    case LOG_NEWDATE:
        return whole_layout(op, LAYOUT_DATE, 3);
    case LOG_TIME:
        return whole_layout(op, LAYOUT_OLD_TIME, 3);
    case LOG_DATETIME:
        return whole_layout(op, LAYOUT_OLD_DATETIME, 8);
    case LOG_TIMESTAMP:
        return whole_layout(op, LAYOUT_OLD_TIMESTAMP, 4);
    case LOG_TIME2:
        return scaled_layout(op, LAYOUT_TIME, meta[0]);
    case LOG_DATETIME2:
        return scaled_layout(op, LAYOUT_DATETIME, meta[0]);
    case LOG_TIMESTAMP2:
        return scaled_layout(op, LAYOUT_TIMESTAMP, meta[0]);
    case LOG_ENUM:
    case LOG_SET:
    case LOG_STRING:
        return string_layout(meta, op, type);
    default:
        return other_layout(meta, op, *type);
    }
}
