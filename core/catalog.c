/* The catalog: deep copies of the tables that a source described, and the choice among them. */
#include "catalog.h"

#include "fact.h"
#include "util/arena.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <xxhash.h>

struct rnl_catalog {
    struct arena arena; /* holds all that the tables point to */
    struct rnl_table **tables;
    uint32_t count, room;
    struct table_rule *rules;
    size_t nrules;
    struct rnl_object **objects;
    uint32_t nobjects;
    struct rnl_query **queries;
    uint32_t nqueries;
};

struct rnl_catalog *catalog_new(void)
{
    return calloc(1, sizeof(struct rnl_catalog));
}

void catalog_free(struct rnl_catalog *catalog)
{
    if (!catalog)
        return;
    arena_free(&catalog->arena);
    free(catalog->tables);
    free(catalog->objects);
    free(catalog->queries);
    free(catalog);
}

void catalog_select(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count)
{
    struct table_rule *copy = arena_alloc(&catalog->arena, count * sizeof(*copy) + 1);

    if (!copy)
        return;
    for (size_t i = 0; i < count; i++)
        copy[i] = (struct table_rule){
            .name = arena_strdup(&catalog->arena, rules[i].name),
            .where = arena_strdup(&catalog->arena, rules[i].where),
            .exclude = rules[i].exclude,
        };
    catalog->rules = copy;
    catalog->nrules = count;
}

/* "table" fits in any schema, "schema.table" both; a name with a point in it fits as a whole. */
static bool rule_fits(const struct table_rule *rule, const char *schema, const char *name)
{
    char full[600];

    if (fnmatch(rule->name, name, 0) == 0)
        return true;
    snprintf(full, sizeof(full), "%s.%s", schema ? schema : "", name);
    return fnmatch(rule->name, full, 0) == 0;
}

/* The last rule that fits decides, as in a .gitignore; without including rules all tables are in.
 */
static const struct table_rule *rule_of(const struct rnl_catalog *catalog, const char *schema,
                                        const char *name, bool *wanted)
{
    const struct table_rule *last = NULL;
    bool any_include = false;

    for (size_t i = 0; i < catalog->nrules; i++) {
        if (!catalog->rules[i].exclude)
            any_include = true;
        if (rule_fits(&catalog->rules[i], schema, name))
            last = &catalog->rules[i];
    }
    *wanted = last ? !last->exclude : !any_include;
    return last;
}

bool catalog_wanted(const struct rnl_catalog *catalog, const char *schema, const char *name)
{
    bool wanted;

    rule_of(catalog, schema, name, &wanted);
    return wanted;
}

/* Element i of an array whose maker may have known a smaller or a larger struct. */
static void copy_element(void *to, size_t to_size, const void *array, size_t step, size_t i)
{
    memset(to, 0, to_size);
    memcpy(to, (const char *)array + i * step, step < to_size ? step : to_size);
}

static bool copy_columns(struct arena *arena, struct rnl_table *to, const struct rnl_table *from)
{
    struct rnl_column *columns = arena_alloc(arena, from->ncolumns * sizeof(*columns) + 1);

    if (!columns)
        return false;
    for (uint32_t i = 0; i < from->ncolumns; i++) {
        struct rnl_column *c = &columns[i];
        const char **labels;

        copy_element(c, sizeof(*c), from->columns, from->column_size, i);
        labels = arena_alloc(arena, c->nlabels * sizeof(*labels) + 1);
        if (!labels)
            return false;
        for (uint32_t l = 0; l < c->nlabels; l++)
            labels[l] = arena_strdup(arena, c->labels[l]);
        c->labels = labels;
        c->name = arena_strdup(arena, c->name ? c->name : "");
        c->native = arena_strdup(arena, c->native);
        c->comment = arena_strdup(arena, c->comment);
        c->charset = arena_strdup(arena, c->charset);
        c->collation = arena_strdup(arena, c->collation);
        c->default_text = arena_strdup(arena, c->default_text);
        c->generated = arena_strdup(arena, c->generated);
        c->type_schema = arena_strdup(arena, c->type_schema);
        c->type_name = arena_strdup(arena, c->type_name);
        c->storage = arena_strdup(arena, c->storage);
    }
    to->columns = columns;
    to->column_size = sizeof(*columns);
    return true;
}

static bool copy_indexes(struct arena *arena, struct rnl_table *to, const struct rnl_table *from)
{
    struct rnl_index *indexes = arena_alloc(arena, from->nindexes * sizeof(*indexes) + 1);

    if (!indexes)
        return false;
    for (uint32_t i = 0; i < from->nindexes; i++) {
        struct rnl_index *index = &indexes[i];
        struct rnl_index_part *parts;

        copy_element(index, sizeof(*index), from->indexes, from->index_size, i);
        parts = arena_memdup(arena, index->parts, index->nparts * sizeof(*parts));
        if (!parts)
            return false;
        for (uint32_t p = 0; p < index->nparts; p++)
            parts[p].expression = arena_strdup(arena, parts[p].expression);
        index->parts = parts;
        if (index->part_options) {
            const char **options = arena_alloc(arena, index->nparts * sizeof(*options) + 1);

            if (!options)
                return false;
            for (uint32_t p = 0; p < index->nparts; p++)
                options[p] = arena_strdup(arena, index->part_options[p]);
            index->part_options = options;
        }
        index->include =
            arena_memdup(arena, index->include, index->ninclude * sizeof(*index->include));
        index->method = arena_strdup(arena, index->method);
        index->options = arena_strdup(arena, index->options);
        index->name = arena_strdup(arena, index->name ? index->name : "");
        index->comment = arena_strdup(arena, index->comment);
        index->where = arena_strdup(arena, index->where);
    }
    to->indexes = indexes;
    to->index_size = sizeof(*indexes);
    return true;
}

static bool copy_foreign_keys(struct arena *arena, struct rnl_table *to,
                              const struct rnl_table *from)
{
    struct rnl_foreign_key *keys = arena_alloc(arena, from->nforeign_keys * sizeof(*keys) + 1);

    if (!keys)
        return false;
    for (uint32_t i = 0; i < from->nforeign_keys; i++) {
        struct rnl_foreign_key *key = &keys[i];
        const char **names;

        copy_element(key, sizeof(*key), from->foreign_keys, from->foreign_key_size, i);
        names = arena_alloc(arena, key->ncolumns * sizeof(*names) + 1);
        if (!names)
            return false;
        for (uint32_t c = 0; c < key->ncolumns; c++)
            names[c] = arena_strdup(arena, key->ref_columns[c]);
        key->ref_columns = names;
        key->columns = arena_memdup(arena, key->columns, key->ncolumns * sizeof(*key->columns));
        key->name = arena_strdup(arena, key->name ? key->name : "");
        key->ref_schema = arena_strdup(arena, key->ref_schema);
        key->ref_table = arena_strdup(arena, key->ref_table ? key->ref_table : "");
    }
    to->foreign_keys = keys;
    to->foreign_key_size = sizeof(*keys);
    return true;
}

static bool copy_checks(struct arena *arena, struct rnl_table *to, const struct rnl_table *from)
{
    struct rnl_check *checks = arena_alloc(arena, from->nchecks * sizeof(*checks) + 1);

    if (!checks)
        return false;
    for (uint32_t i = 0; i < from->nchecks; i++) {
        copy_element(&checks[i], sizeof(checks[i]), from->checks, from->check_size, i);
        checks[i].name = arena_strdup(arena, checks[i].name ? checks[i].name : "");
        checks[i].expression = arena_strdup(arena, checks[i].expression);
    }
    to->checks = checks;
    to->check_size = sizeof(*checks);
    return true;
}

static bool copy_partitions(struct arena *arena, struct rnl_table *to, const struct rnl_table *from)
{
    struct rnl_partition *partitions =
        arena_alloc(arena, from->npartitions * sizeof(*partitions) + 1);

    if (!partitions)
        return false;
    for (uint32_t i = 0; i < from->npartitions; i++) {
        struct rnl_partition *p = &partitions[i];

        copy_element(p, sizeof(*p), from->partitions, from->partition_size, i);
        p->schema = arena_strdup(arena, p->schema);
        p->name = arena_strdup(arena, p->name ? p->name : "");
        p->parent = arena_strdup(arena, p->parent);
        p->bounds = arena_strdup(arena, p->bounds);
        p->partition_by = arena_strdup(arena, p->partition_by);
    }
    to->partitions = partitions;
    to->partition_size = sizeof(*partitions);
    return true;
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
    struct rnl_table **tables;

    if (catalog->count < catalog->room)
        return true;
    tables = realloc(catalog->tables, room * sizeof(struct rnl_table *));
    if (!tables)
        return false;
    catalog->tables = tables;
    catalog->room = room;
    return true;
}

int catalog_add(struct rnl_catalog *catalog, const struct rnl_table *table, struct rnl_error *err)
{
    struct rnl_table *copy = arena_alloc(&catalog->arena, sizeof(*copy));
    const struct table_rule *rule;
    bool wanted;

    if (!copy || !make_table_room(catalog))
        goto no_memory;
    memcpy(copy, table, table->size < sizeof(*copy) ? table->size : sizeof(*copy));
    copy->size = sizeof(*copy);
    copy->schema = arena_strdup(&catalog->arena, copy->schema ? copy->schema : "");
    copy->name = arena_strdup(&catalog->arena, copy->name ? copy->name : "");
    copy->comment = arena_strdup(&catalog->arena, copy->comment);
    copy->dialect = arena_strdup(&catalog->arena, copy->dialect);
    copy->where = arena_strdup(&catalog->arena, copy->where);
    copy->query = arena_strdup(&catalog->arena, copy->query);
    copy->partition_by = arena_strdup(&catalog->arena, copy->partition_by);
    copy->storage = arena_strdup(&catalog->arena, copy->storage);
    if (!copy_columns(&catalog->arena, copy, copy) || !copy_indexes(&catalog->arena, copy, copy) ||
        !copy_foreign_keys(&catalog->arena, copy, copy) ||
        !copy_checks(&catalog->arena, copy, copy) || !copy_partitions(&catalog->arena, copy, copy))
        goto no_memory;
    if (check_indexes(copy, err) != RNL_OK)
        return err->status;
    rule = rule_of(catalog, copy->schema, copy->name, &wanted);
    if (rule && rule->where)
        copy->where = rule->where;
    catalog->tables[catalog->count++] = copy;
    return RNL_OK;
no_memory:
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
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

/* The columns were made by catalog_add, in the arena: they are ours to change. */
static struct rnl_column *column_of(const struct rnl_catalog *catalog, uint32_t table,
                                    uint32_t column)
{
    struct rnl_column *columns;

    memcpy(&columns, &catalog->tables[table]->columns, sizeof(columns));
    return &columns[column];
}

void catalog_know(struct rnl_catalog *catalog, uint32_t table, uint32_t column, uint32_t known,
                  uint32_t facts)
{
    struct rnl_column *c = column_of(catalog, table, column);

    c->facts_known |= known;
    c->facts |= facts;
}

void catalog_measure(struct rnl_catalog *catalog, uint32_t table, uint32_t column,
                     const struct measure *measure)
{
    struct rnl_column *c = column_of(catalog, table, column);

    c->max_length = measure->length;
    c->max_digits = measure->digits;
    c->max_scale = measure->scale;
}

static void hash_text(XXH3_state_t *state, const char *text)
{
    XXH3_64bits_update(state, text ? text : "", text ? strlen(text) + 1 : 1);
}

static bool has_table(const struct rnl_catalog *catalog, const struct rnl_table *table)
{
    for (uint32_t t = 0; t < catalog->count; t++)
        if (strcmp(catalog->tables[t]->name, table->name) == 0 &&
            strcmp(catalog->tables[t]->schema, table->schema) == 0)
            return true;
    return false;
}

void catalog_mark_others(struct rnl_catalog *catalog, const struct rnl_catalog *other)
{
    for (uint32_t t = 0; t < catalog->count; t++)
        if (!has_table(other, catalog->tables[t]))
            catalog->tables[t]->flags |= RNL_TABLE_NOT_OURS;
}

uint64_t catalog_fingerprint(const struct rnl_catalog *catalog)
{
    XXH3_state_t *state = XXH3_createState();
    uint64_t hash;

    if (!state)
        return 0;
    XXH3_64bits_reset(state);
    for (uint32_t t = 0; t < catalog->count; t++) {
        const struct rnl_table *table = catalog->tables[t];

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
    hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}
