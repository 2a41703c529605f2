/* Makes texts as short as keys and rows of the server ask, where their values allow. */
#include "map.h"

#include <strings.h>

#define EXPRESSION_BYTES 16   /* of a part that is computed: a number, as a rule */
#define PAGE_BYTES_LEAST 1900 /* that fit into a page of any size */
#define COLUMNS_MAX 1017u
#define LONG_BYTES 12 /* of a row: what points to a long value */

static bool is_sized(const struct map_column *to)
{
    return to->shape == SHAPE_CHARS || to->shape == SHAPE_BYTES;
}

/* Bytes in an index; more than it can have when the type is in none without a prefix. */
static uint32_t part_bytes(const struct map_table *map, const struct rnl_index_part *part)
{
    const struct map_column *to = part->expression ? NULL : &map->columns[part->column];
    uint32_t unit = to && to->char_bytes ? to->char_bytes : 1;

    if (!to)
        return EXPRESSION_BYTES;
    if (part->prefix)
        return part->prefix * unit;
    if (is_sized(to))
        return to->length * unit;
    return to->shape == SHAPE_FIXED ? to->bytes : KEY_BYTES + 1;
}

/* Sorted, so that its parts have to fit. */
static bool is_sorted(const struct rnl_table *table, const struct rnl_index *index)
{
    if (index->flags & (RNL_INDEX_FULLTEXT | RNL_INDEX_SPATIAL | RNL_INDEX_EXCLUDE))
        return false;
    for (uint32_t i = 0; i < index->nparts; i++)
        if (!index->parts[i].expression && index->parts[i].column >= table->ncolumns)
            return false;
    return true;
}

/* A part whose length is ours to choose; NULL: it isn't. */
static struct map_column *open_part(const struct map_table *map, const struct rnl_index_part *part)
{
    struct map_column *to = part->expression ? NULL : &map->columns[part->column];

    return to && to->open && is_sized(to) && !part->prefix ? to : NULL;
}

static uint32_t index_bytes(const struct map_table *map, const struct rnl_index *index,
                            uint32_t *open)
{
    uint32_t sum = 0;

    *open = 0;
    for (uint32_t i = 0; i < index->nparts; i++) {
        sum += part_bytes(map, &index->parts[i]);
        *open += open_part(map, &index->parts[i]) != NULL;
    }
    return sum;
}

/* Parts without a length of their own share what the others leave, if their values fit. */
static void index_shrink(struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct map_table *map = &m->tables[t];
    uint32_t open, sum = index_bytes(map, index, &open), rest = sum, share;

    if (sum <= KEY_BYTES || !open)
        return;
    for (uint32_t i = 0; i < index->nparts; i++) {
        if (open_part(map, &index->parts[i]))
            rest -= part_bytes(map, &index->parts[i]);
    }
    if (rest >= KEY_BYTES)
        return;
    share = (KEY_BYTES - rest) / open;
    for (uint32_t i = 0; i < index->nparts; i++) {
        struct map_column *to = open_part(map, &index->parts[i]);
        uint32_t length = to ? share / (to->char_bytes ? to->char_bytes : 1) : 0;

        if (to && to->length > length &&
            COLUMN(table, index->parts[i].column)->max_length <= length)
            to->length = length;
    }
}

/* A unique key that no index holds whole. */
static int key_check(struct mapper *m, uint32_t t, uint32_t i)
{
    const struct rnl_index *index = INDEX(mapper_table(m, t), i);
    struct map_table *map = &m->tables[t];
    uint32_t open;

    for (uint32_t p = 0; p < index->nparts; p++)
        if (index->parts[p].expression)
            return RNL_OK; /* the server says what it thinks of it */
    if (!(index->flags & (RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE)) ||
        index_bytes(map, index, &open) <= KEY_BYTES || map->same)
        return RNL_OK;
    map->hashed[i] = true;
    if (m->sink->config->long_key == LONG_KEY_HASH) {
        map_find(m, t, RNL_WARNING, "index.long_key", index->name, "long_key=hash",
                 "is longer than an index of the target holds: becomes a unique index of the "
                 "values' hash%s",
                 index->flags & RNL_INDEX_PRIMARY ? ", and no primary key" : "");
        return RNL_OK;
    }
    rnl_fail(m->err, RNL_E_CONFIG, "sink.long_key",
             "the key %s of %s is longer than an index of the target holds",
             index->name ? index->name : "PRIMARY", map->name.qualified);
    rnl_hint(m->err, "long_key = \"hash\" makes it a unique index of the values' hash");
    return m->err->status;
}

static uint32_t row_bytes(const struct map_column *to)
{
    uint32_t unit = to->char_bytes ? to->char_bytes : 1;

    if (is_sized(to))
        return to->length * unit + (to->length * unit > 255 ? 2 : 1);
    return to->shape == SHAPE_FIXED ? to->bytes : LONG_BYTES;
}

/* The longest texts that no key needs become longtext, until the row is short enough. */
static void row_shrink(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct map_table *map = &m->tables[t];
    uint64_t sum = table->ncolumns / 8 + 1;

    for (uint32_t i = 0; i < table->ncolumns; i++)
        sum += row_bytes(&map->columns[i]);
    while (sum > ROW_BYTES) {
        struct map_column *longest = NULL;

        for (uint32_t i = 0; i < table->ncolumns; i++) {
            struct map_column *to = &map->columns[i];

            if (is_sized(to) && !to->keyed && row_bytes(to) > LONG_BYTES &&
                (!longest || row_bytes(to) > row_bytes(longest)))
                longest = to;
        }
        if (!longest)
            return; /* the server says what it thinks of it */
        sum -= row_bytes(longest) - LONG_BYTES;
        longest->shape = longest->shape == SHAPE_CHARS ? SHAPE_LONG_TEXT : SHAPE_LONG_BYTES;
        map_find(m, t, RNL_NOTE, "type.row_size", longest->name, NULL,
                 "becomes long%s: the row would be longer than the target allows",
                 longest->shape == SHAPE_LONG_TEXT ? "text" : "blob");
    }
}

static uint32_t decimal_stored(uint32_t precision, uint32_t scale)
{
    static const uint8_t rest[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
    uint32_t whole = precision - scale;

    return whole / 9 * 4 + rest[whole % 9] + scale / 9 * 4 + rest[scale % 9];
}

/* What a value takes of the page that holds its row, whatever it is; 0: it may stand elsewhere. */
static uint32_t stored_bytes(const struct rnl_column *source, const struct map_column *to)
{
    if (to->shape != SHAPE_FIXED || !to->type)
        return 0;
    if (strncmp(to->type, "decimal(", 8) == 0) {
        char *end;
        unsigned long precision = strtoul(to->type + 8, &end, 10), scale = 0;

        if (*end == ',')
            scale = strtoul(end + 1, NULL, 10);
        if (precision <= 65 && scale <= precision)
            return decimal_stored((uint32_t)precision, (uint32_t)scale);
    }
    switch (source->type) {
    case RNL_T_BOOL:
        return 1;
    case RNL_T_INT:
    case RNL_T_UINT:
        return strncasecmp(to->type, "year", 4) == 0 ? 1u : source->width ? source->width : 8u;
    case RNL_T_FLOAT:
        return 4;
    case RNL_T_DOUBLE:
        return 8;
    case RNL_T_DATE:
    case RNL_T_TIME:
        return 3;
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return 4;
    case RNL_T_BITS:
        return (source->length + 7) / 8;
    case RNL_T_UUID:
        return 16;
    default:
        return source->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET) ? 1 : 0;
    }
}

/* A page holds two rows at least: the server's own arithmetic. */
static int page_limit(struct mapper *m, uint32_t *limit)
{
    char *value = NULL;
    int status = conn_value(m->sink->control, "SELECT @@innodb_page_size", 0, &value, m->err);
    unsigned long page = value ? strtoul(value, NULL, 10) : 0;

    free(value);
    *limit = page >= 32768 ? 16318 : page ? (uint32_t)page / 2 - 66 : 8126;
    return status;
}

/* Refused before anything is made: no row that is full could be written. */
static int page_check(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];
    uint32_t sum = 18 + table->ncolumns / 8, limit;
    int status;

    if (table->ncolumns > COLUMNS_MAX)
        return rnl_fail(m->err, RNL_E_CONFIG, "sink.columns",
                        "the table %s has %u columns, one of InnoDB has %u at most",
                        map->name.qualified, table->ncolumns, COLUMNS_MAX);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (!map->same || !(COLUMN(table, i)->flags & RNL_COLUMN_NULLABLE))
            sum += stored_bytes(COLUMN(table, i), &map->columns[i]);
    if (sum < PAGE_BYTES_LEAST)
        return RNL_OK;
    status = page_limit(m, &limit);
    if (status || sum <= limit || map->exists)
        return status;
    map_find(m, t, RNL_BLOCKER, "table.row_size", NULL, NULL,
             "its rows have %u bytes that InnoDB can't keep elsewhere, a page takes %u of a row",
             sum, limit);
    rnl_fail(m->err, RNL_E_CONFIG, "sink.row_size",
             "the table %s can't be in the target: its columns of fixed size make rows of %u "
             "bytes, and a page of InnoDB takes %u",
             map->name.qualified, sum, limit);
    rnl_hint(m->err, "leave columns out (a list of columns in the pipeline), or choose narrower "
                     "types in the source");
    return m->err->status;
}

static bool type_spell(struct mapper *m, struct map_column *to)
{
    struct buf sql = {0};

    if (to->type)
        return true;
    if (is_sized(to))
        buf_printf(&sql, "%s(%u)", to->shape == SHAPE_CHARS ? "varchar" : "varbinary", to->length);
    else
        buf_puts(&sql, to->shape == SHAPE_LONG_TEXT ? "longtext" : "longblob");
    to->type = mapper_take(m, &sql);
    return to->type != NULL;
}

/* A foreign key has an index of its columns, made by the server where there is none. */
static void foreign_key_shrink(struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk)
{
    struct rnl_index_part parts[PART_COUNT] = {0};
    const struct rnl_index index = {.parts = parts, .nparts = fk->ncolumns};

    if (fk->ncolumns > PART_COUNT)
        return;
    for (uint32_t i = 0; i < fk->ncolumns; i++)
        parts[i].column = fk->columns[i];
    index_shrink(m, t, &index);
}

int lengths_fit(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    int status = RNL_OK;

    for (uint32_t i = 0; i < table->nindexes; i++)
        if (is_sorted(table, INDEX(table, i)))
            index_shrink(m, t, INDEX(table, i));
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        foreign_key_shrink(m, t, FOREIGN_KEY(table, i));
    for (uint32_t i = 0; !status && i < table->nindexes; i++)
        if (is_sorted(table, INDEX(table, i)))
            status = key_check(m, t, i);
    row_shrink(m, t);
    for (uint32_t i = 0; !status && i < table->ncolumns; i++)
        if (!type_spell(m, &m->tables[t].columns[i]))
            status = error_memory(m->err);
    return status ? status : page_check(m, t);
}
