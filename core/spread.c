/* Which lane a change goes to, where changes go to several: rows of one key always to the same. */
#include "spread.h"

#include "row_text.h"
#include "util/arena.h"

#include <stdlib.h>
#include <xxhash.h>

struct spread_table {
    const struct rnl_table *table; /* of the catalog */
    uint32_t group;                /* of tables that foreign keys join: its first one */
    uint32_t members;              /* of the group, where this is its first one */
    uint32_t lane;
    uint32_t *key; /* columns; in the arena */
    uint32_t nkey;
};

struct spread {
    struct arena arena;
    struct spread_table *tables;
    uint32_t count, lanes;
};

/* Equal values of these have equal bytes, in every target. */
static bool is_plain(const struct rnl_column *column)
{
    switch (column->type) {
    case RNL_T_BOOL:
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_UUID:
    case RNL_T_DATE:
        return true;
    default:
        return false;
    }
}

static bool has_other_unique(const struct rnl_table *table)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (table->indexes[i].flags & (RNL_INDEX_UNIQUE | RNL_INDEX_EXCLUDE) &&
            !(table->indexes[i].flags & RNL_INDEX_PRIMARY))
            return true;
    return false;
}

static bool has_primary(const struct rnl_table *table)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (table->indexes[i].flags & RNL_INDEX_PRIMARY)
            return true;
    return false;
}

static bool by_key(const struct spread_table *t)
{
    if (!t->nkey || !has_primary(t->table) || has_other_unique(t->table))
        return false;
    for (uint32_t i = 0; i < t->nkey; i++)
        if (!is_plain(&t->table->columns[t->key[i]]))
            return false;
    return true;
}

static uint32_t group_of(const struct spread *spread, uint32_t table)
{
    while (spread->tables[table].group != table)
        table = spread->tables[table].group;
    return table;
}

/* Tables that foreign keys join are of one group. */
static void join(struct spread *spread, struct rnl_catalog *catalog, uint32_t t)
{
    const struct rnl_table *table = spread->tables[t].table;

    for (uint32_t k = 0; k < table->nforeign_keys; k++) {
        uint32_t other = catalog_index(catalog, table->foreign_keys[k].ref_schema,
                                       table->foreign_keys[k].ref_table);
        uint32_t a = group_of(spread, t), b = other == UINT32_MAX ? a : group_of(spread, other);

        spread->tables[a < b ? b : a].group = a < b ? a : b;
    }
}

static bool is_joined(const struct spread *spread, uint32_t t)
{
    return spread->tables[t].table->nforeign_keys > 0 ||
           spread->tables[group_of(spread, t)].members > 1;
}

/* Groups in turn, so that lanes have about as many each. */
static void deal(struct spread *spread)
{
    uint32_t next = 0;

    for (uint32_t t = 0; t < spread->count; t++)
        if (group_of(spread, t) == t)
            spread->tables[t].lane = next++ % spread->lanes;
    for (uint32_t t = 0; t < spread->count; t++) {
        struct spread_table *first = &spread->tables[group_of(spread, t)];

        spread->tables[t].lane = first->lane;
        first->members++;
    }
    for (uint32_t t = 0; t < spread->count; t++)
        if (by_key(&spread->tables[t]) && !is_joined(spread, t))
            spread->tables[t].lane = SPREAD_BY_KEY;
}

struct spread *spread_new(struct rnl_catalog *catalog, uint32_t lanes)
{
    struct spread *spread = calloc(1, sizeof(*spread));

    if (!spread)
        return NULL;
    spread->count = catalog_count(catalog);
    spread->lanes = lanes;
    spread->tables = calloc(spread->count + 1ul, sizeof(*spread->tables));
    for (uint32_t t = 0; spread->tables && t < spread->count; t++) {
        struct spread_table *table = &spread->tables[t];

        table->table = catalog_at(catalog, t);
        table->group = t;
        table->key = arena_alloc(&spread->arena, table->table->ncolumns * sizeof(*table->key) + 1);
        if (!table->key)
            goto free_spread;
        table->nkey = table_key(table->table, table->key);
    }
    if (!spread->tables)
        goto free_spread;
    for (uint32_t t = 0; t < spread->count; t++)
        join(spread, catalog, t);
    deal(spread);
    return spread;
free_spread:
    spread_free(spread);
    return NULL;
}

void spread_free(struct spread *spread)
{
    if (!spread)
        return;
    arena_free(&spread->arena);
    free(spread->tables);
    free(spread);
}

uint32_t spread_lane(const struct spread *spread, uint32_t table)
{
    return table < spread->count ? spread->tables[table].lane : 0;
}

/* The key's value of one image; that of the other where it wasn't sent. */
static const struct rnl_value *key_value(const struct rnl_value *image,
                                         const struct rnl_value *other, uint32_t column)
{
    if (image && image[column].type != RNL_T_UNCHANGED)
        return &image[column];
    return other && other[column].type != RNL_T_UNCHANGED ? &other[column] : NULL;
}

static bool hash_key(const struct spread_table *table, const struct rnl_value *image,
                     const struct rnl_value *other, uint64_t *hash)
{
    *hash = 0;
    for (uint32_t i = 0; i < table->nkey; i++) {
        const struct rnl_value *value = key_value(image, other, table->key[i]);

        if (!value || value->type == RNL_T_NULL)
            return false;
        *hash = value->type == RNL_T_UUID ? XXH3_64bits_withSeed(value->ptr, value->len, *hash)
                                          : XXH3_64bits_withSeed(&value->i, 8, *hash);
    }
    return true;
}

static int refuse(const struct spread_table *table, const char *what, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "spread.order",
             "%s of %s.%s can't be put into its place among changes on several lanes", what,
             table->table->schema, table->table->name);
    rnl_hint(err, "such a pipeline needs one lane for changes (change_lanes = 1): begin it anew "
                  "so, or leave the table out");
    return err->status;
}

int spread_row(const struct spread *spread, const struct rnl_row *row, uint32_t *from, uint32_t *to,
               struct rnl_error *err)
{
    const struct spread_table *table;
    uint64_t old, new;

    *from = *to = spread_lane(spread, row->table);
    if (*from != SPREAD_BY_KEY)
        return RNL_OK;
    table = &spread->tables[row->table];
    if (row->op == RNL_TRUNCATE)
        return refuse(table, "a TRUNCATE", err);
    if (!hash_key(table, row->before, row->after, &old) ||
        !hash_key(table, row->after, row->before, &new))
        return refuse(table, "a change whose key the source didn't send", err);
    *from = (uint32_t)(old % spread->lanes);
    *to = (uint32_t)(new % spread->lanes);
    for (uint32_t c = 0; *from != *to && c < row->nvalues; c++)
        if (!row->after || !row->before || !key_value(row->after, row->before, c))
            return refuse(table, "a changed key, sent without all of the row's columns,", err);
    return RNL_OK;
}
