/* The catalog: the tables that a source described, what of them is wanted, and what stands beside.
 */
#include "catalog_part.h"

#include "fact.h"

#include <stdlib.h>
#include <xxhash.h>

int catalog_no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
}

struct rnl_catalog *catalog_new(void)
{
    return calloc(1, sizeof(struct rnl_catalog));
}

void catalog_free(struct rnl_catalog *catalog)
{
    if (!catalog)
        return;
    catalog_free(catalog->view);
    for (uint32_t i = 0; i < catalog->count; i++)
        mask_release(catalog->extras[i].mask);
    arena_free(&catalog->arena);
    free(catalog->tables);
    free(catalog->extras);
    free(catalog->by_name);
    free(catalog->objects);
    free(catalog->queries);
    free(catalog);
}

void catalog_select(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count)
{
    catalog->rules = catalog->details = rules;
    catalog->nrules = catalog->ndetails = count;
}

void catalog_details(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count)
{
    catalog->details = rules;
    catalog->ndetails = count;
}

void catalog_tell(struct rnl_catalog *catalog, struct findings *findings)
{
    catalog->findings = findings;
}

bool catalog_wanted(const struct rnl_catalog *catalog, const char *schema, const char *name)
{
    struct table_choice choice;

    selection_choose(catalog->rules, catalog->nrules, schema, name, false, &choice);
    return choice.wanted;
}

static int check_indexes(const struct rnl_table *table, struct rnl_error *err)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        for (uint32_t p = 0; p < table->indexes[i].nparts; p++)
            if (!table->indexes[i].parts[p].expression &&
                table->indexes[i].parts[p].column >= table->ncolumns)
                return rnl_fail(err, RNL_E_FATAL, "catalog.invalid",
                                "index %s of table %s names a column that isn't there",
                                table->indexes[i].name, table->name);
    for (uint32_t i = 0; i < table->nindexes; i++)
        for (uint32_t c = 0; c < table->indexes[i].ninclude; c++)
            if (table->indexes[i].include[c] >= table->ncolumns)
                return rnl_fail(err, RNL_E_FATAL, "catalog.invalid",
                                "index %s of table %s includes a column that isn't there",
                                table->indexes[i].name, table->name);
    for (uint32_t k = 0; k < table->nforeign_keys; k++)
        for (uint32_t c = 0; c < table->foreign_keys[k].ncolumns; c++)
            if (table->foreign_keys[k].columns[c] >= table->ncolumns)
                return rnl_fail(err, RNL_E_FATAL, "catalog.invalid",
                                "foreign key %s of table %s names a column that isn't there",
                                table->foreign_keys[k].name, table->name);
    return RNL_OK;
}

static bool make_table_room(struct rnl_catalog *catalog)
{
    uint32_t room = catalog->room ? catalog->room * 2 : 64;
    struct catalog_extra *extras;
    struct rnl_table **tables;

    if (catalog->count < catalog->room)
        return true;
    tables = realloc(catalog->tables, room * sizeof(struct rnl_table *));
    if (!tables)
        return false;
    catalog->tables = tables;
    extras = realloc(catalog->extras, room * sizeof(*extras));
    if (!extras)
        return false;
    catalog->extras = extras;
    catalog->room = room;
    return true;
}

/* Takes the table into the catalog; NULL: memory is out, or it contradicts itself. */
static struct rnl_table *take_table(struct rnl_catalog *catalog, const struct rnl_table *table,
                                    struct rnl_error *err)
{
    struct rnl_table *copy = arena_alloc(&catalog->arena, sizeof(*copy));

    if (!copy || !make_table_room(catalog)) {
        catalog_no_memory(err);
        return NULL;
    }
    memcpy(copy, table, table->size < sizeof(*copy) ? table->size : sizeof(*copy));
    if (!catalog_copy_parts(&catalog->arena, copy)) {
        catalog_no_memory(err);
        return NULL;
    }
    return check_indexes(copy, err) == RNL_OK ? copy : NULL;
}

static void push_table(struct rnl_catalog *catalog, struct rnl_table *table,
                       const struct catalog_extra *extra)
{
    catalog->extras[catalog->count] = *extra;
    catalog->tables[catalog->count++] = table;
    free(catalog->by_name);
    catalog->by_name = NULL;
}

int catalog_add(struct rnl_catalog *catalog, const struct rnl_table *table, struct rnl_error *err)
{
    struct rnl_table *copy = take_table(catalog, table, err);
    struct catalog_extra extra = {0};

    if (!copy)
        return err->status;
    if (catalog->ndetails && catalog_choose(catalog, copy, &extra, err) != RNL_OK) {
        mask_release(extra.mask);
        return err->status;
    }
    push_table(catalog, copy, &extra);
    return RNL_OK;
}

int catalog_copy(struct rnl_catalog *to, const struct rnl_catalog *from, uint32_t index,
                 struct rnl_error *err)
{
    struct rnl_table *copy = take_table(to, from->tables[index], err);
    const struct catalog_extra *old = &from->extras[index];
    struct catalog_extra extra = *old;

    if (!copy)
        return err->status;
    extra.schema = arena_strdup(&to->arena, old->schema);
    extra.name = arena_strdup(&to->arena, old->name);
    if (old->columns) {
        extra.columns = arena_alloc(&to->arena, copy->ncolumns * sizeof(char *) + 1);
        if (!extra.columns)
            return catalog_no_memory(err);
        for (uint32_t i = 0; i < copy->ncolumns; i++)
            extra.columns[i] = arena_strdup(&to->arena, old->columns[i]);
    }
    extra.join = join_copy(&to->arena, &old->join);
    mask_hold(extra.mask);
    push_table(to, copy, &extra);
    return RNL_OK;
}

/* A list of pointers that grows by doubling; false: out of memory. */
static bool list_push(void **list, uint32_t *count, void *item)
{
    void **grown = *list;

    if ((*count & (*count - 1)) == 0) { /* full: counts of a power of two, and none at all */
        grown = realloc(*list, (*count ? *count * 2ul : 1ul) * sizeof(void *));
        if (!grown)
            return false;
        *list = (void *)grown;
    }
    grown[(*count)++] = item;
    return true;
}

int catalog_object_add(struct rnl_catalog *catalog, const struct rnl_object *object,
                       struct rnl_error *err)
{
    struct arena *arena = &catalog->arena;
    struct rnl_object *copy = arena_alloc(arena, sizeof(*copy));
    void *list = catalog->objects;
    bool pushed;

    if (!copy)
        goto no_memory;
    memcpy(copy, object, object->size < sizeof(*copy) ? object->size : sizeof(*copy));
    copy->size = sizeof(*copy);
    copy->schema = arena_strdup(arena, copy->schema ? copy->schema : "");
    copy->name = arena_strdup(arena, copy->name ? copy->name : "");
    copy->comment = arena_strdup(arena, copy->comment);
    copy->dialect = arena_strdup(arena, copy->dialect);
    copy->definition = arena_strdup(arena, copy->definition);
    copy->owner_schema = arena_strdup(arena, copy->owner_schema);
    copy->owner_table = arena_strdup(arena, copy->owner_table);
    copy->owner_column = arena_strdup(arena, copy->owner_column);
    pushed = list_push(&list, &catalog->nobjects, copy);
    catalog->objects = list;
    if (pushed)
        return RNL_OK;
no_memory:
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
}

uint32_t catalog_object_count(const struct rnl_catalog *catalog)
{
    return catalog->nobjects;
}

const struct rnl_object *catalog_object_at(const struct rnl_catalog *catalog, uint32_t index)
{
    return index < catalog->nobjects ? catalog->objects[index] : NULL;
}

int catalog_query_add(struct rnl_catalog *catalog, const struct rnl_query *query,
                      struct rnl_error *err)
{
    struct arena *arena = &catalog->arena;
    struct rnl_query *copy = arena_memdup(arena, query, sizeof(*query));
    void *list = catalog->queries;
    bool pushed;

    if (!copy)
        goto no_memory;
    copy->size = sizeof(*copy);
    copy->schema = arena_strdup(arena, copy->schema ? copy->schema : "");
    copy->name = arena_strdup(arena, copy->name);
    copy->sql = arena_strdup(arena, copy->sql);
    copy->key = arena_strdup(arena, copy->key);
    pushed = list_push(&list, &catalog->nqueries, copy);
    catalog->queries = list;
    if (pushed)
        return RNL_OK;
no_memory:
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
}

uint32_t catalog_query_count(const struct rnl_catalog *catalog)
{
    return catalog->nqueries;
}

const struct rnl_query *catalog_query_at(const struct rnl_catalog *catalog, uint32_t index)
{
    return index < catalog->nqueries ? catalog->queries[index] : NULL;
}

uint32_t catalog_count(const struct rnl_catalog *catalog)
{
    return catalog->count;
}

const struct rnl_table *catalog_at(const struct rnl_catalog *catalog, uint32_t index)
{
    return index < catalog->count ? catalog->tables[index] : NULL;
}

static struct rnl_column *column_of(const struct rnl_catalog *catalog, uint32_t table,
                                    uint32_t column)
{
    return CATALOG_OWN(struct rnl_column, &catalog->tables[table]->columns[column]);
}

void catalog_know(struct rnl_catalog *catalog, uint32_t table, uint32_t column, uint32_t known,
                  uint32_t facts)
{
    struct rnl_column *c = column_of(catalog, table, column);

    c->facts_known |= known;
    c->facts |= facts;
    if (catalog->view)
        catalog_know(catalog->view, table, column, known, facts);
}

void catalog_measure(struct rnl_catalog *catalog, uint32_t table, uint32_t column,
                     const struct measure *measure)
{
    struct rnl_column *c = column_of(catalog, table, column);

    c->max_length = measure->length;
    c->max_digits = measure->digits;
    c->max_scale = measure->scale;
    if (catalog->view)
        catalog_measure(catalog->view, table, column, measure);
}

static void hash_text(XXH3_state_t *state, const char *text)
{
    XXH3_64bits_update(state, text ? text : "", text ? strlen(text) + 1 : 1);
}

static int compare_names(const char *schema, const char *name, const struct rnl_table *table)
{
    int order = strcmp(schema ? schema : "", table->schema);

    return order ? order : strcmp(name, table->name);
}

static int by_name(const void *a, const void *b, void *arg)
{
    const struct rnl_catalog *catalog = arg;
    const struct rnl_table *left = catalog->tables[*(const uint32_t *)a];

    return compare_names(left->schema, left->name, catalog->tables[*(const uint32_t *)b]);
}

uint32_t catalog_index(struct rnl_catalog *catalog, const char *schema, const char *name)
{
    uint32_t low = 0, high = catalog->count;

    if (!catalog->by_name) {
        catalog->by_name = malloc((catalog->count + 1ul) * sizeof(*catalog->by_name));
        if (!catalog->by_name)
            abort();
        for (uint32_t i = 0; i < catalog->count; i++)
            catalog->by_name[i] = i;
        qsort_r(catalog->by_name, catalog->count, sizeof(uint32_t), by_name, catalog);
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_names(schema, name, catalog->tables[catalog->by_name[middle]]);

        if (order == 0)
            return catalog->by_name[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT32_MAX;
}

void catalog_mark_others(struct rnl_catalog *catalog, struct rnl_catalog *other)
{
    struct rnl_catalog *mine = catalog_view(catalog), *theirs = catalog_view(other);

    for (uint32_t t = 0; t < mine->count; t++)
        if (catalog_index(theirs, mine->tables[t]->schema, mine->tables[t]->name) == UINT32_MAX) {
            mine->tables[t]->flags |= RNL_TABLE_NOT_OURS;
            catalog->tables[t]->flags |= RNL_TABLE_NOT_OURS;
        }
}

void catalog_mark_other(struct rnl_catalog *catalog, uint32_t index)
{
    if (index >= catalog->count)
        return;
    catalog_view(catalog)->tables[index]->flags |= RNL_TABLE_NOT_OURS;
    catalog->tables[index]->flags |= RNL_TABLE_NOT_OURS;
}

static void hash_table(XXH3_state_t *state, const struct rnl_table *table)
{
    hash_text(state, table->schema);
    hash_text(state, table->name);
    hash_text(state, table->where);
    for (uint32_t c = 0; c < table->ncolumns; c++) {
        uint32_t flags = table->columns[c].flags;

        hash_text(state, table->columns[c].name);
        hash_text(state, table->columns[c].native);
        hash_text(state, table->columns[c].charset);
        XXH3_64bits_update(state, &flags, sizeof(flags));
    }
}

static uint64_t hash_tables(struct rnl_table *const *tables, uint32_t count)
{
    XXH3_state_t *state = XXH3_createState();
    uint64_t hash;

    if (!state)
        return 0;
    XXH3_64bits_reset(state);
    for (uint32_t t = 0; t < count; t++)
        hash_table(state, tables[t]);
    hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

uint64_t catalog_fingerprint(const struct rnl_catalog *catalog)
{
    return hash_tables(catalog->tables, catalog->count);
}

bool catalog_same_form(const struct rnl_catalog *a, uint32_t index, const struct rnl_catalog *b,
                       uint32_t at)
{
    return hash_tables(&a->tables[index], 1) == hash_tables(&b->tables[at], 1);
}
