/* The catalog as JSON: what crosses a transport, and what a target keeps for a resume. */
#include "catalog_part.h"

#include "util/json_parts.h"

#include <jansson.h>

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(object, key, json_string(text));
}

static void put_number(json_t *object, const char *key, int64_t number)
{
    if (number)
        json_object_set_new(object, key, json_integer(number));
}

static json_t *column_to_json(const struct rnl_column *c)
{
    json_t *o = json_object();

    put_text(o, "name", c->name);
    put_text(o, "native", c->native);
    put_text(o, "comment", c->comment);
    put_text(o, "charset", c->charset);
    put_text(o, "collation", c->collation);
    if (c->default_text)
        json_object_set_new(o, "default", json_string(c->default_text));
    put_text(o, "generated", c->generated);
    put_number(o, "type", c->type);
    put_number(o, "width", c->width);
    put_number(o, "flags", c->flags);
    put_number(o, "length", c->length);
    put_number(o, "precision", c->precision);
    put_number(o, "scale", c->scale);
    put_number(o, "default_kind", c->default_kind);
    put_number(o, "srid", c->srid);
    put_number(o, "facts", c->facts);
    put_number(o, "facts_known", c->facts_known);
    put_number(o, "max_length", c->max_length);
    put_number(o, "max_digits", c->max_digits);
    put_number(o, "max_scale", c->max_scale);
    put_number(o, "element", c->element);
    put_text(o, "type_schema", c->type_schema);
    put_text(o, "type_name", c->type_name);
    put_number(o, "next_value", (int64_t)c->next_value);
    put_number(o, "increment", c->increment);
    put_text(o, "storage", c->storage);
    put_number(o, "number", c->number);
    if (c->nlabels) {
        json_t *labels = json_array();

        for (uint32_t i = 0; i < c->nlabels; i++)
            json_array_append_new(labels, json_string(c->labels[i]));
        json_object_set_new(o, "labels", labels);
    }
    return o;
}

static json_t *index_to_json(const struct rnl_index *index)
{
    json_t *o = json_object();
    json_t *parts = json_array();

    put_text(o, "name", index->name);
    put_text(o, "comment", index->comment);
    put_text(o, "where", index->where);
    put_number(o, "flags", index->flags);
    for (uint32_t i = 0; i < index->nparts; i++) {
        json_t *part = json_object();

        put_text(part, "expression", index->parts[i].expression);
        put_number(part, "column", index->parts[i].column);
        put_number(part, "prefix", index->parts[i].prefix);
        put_number(part, "descending", index->parts[i].descending);
        if (index->part_options)
            put_text(part, "options", index->part_options[i]);
        json_array_append_new(parts, part);
    }
    json_object_set_new(o, "parts", parts);
    put_text(o, "method", index->method);
    put_text(o, "options", index->options);
    if (index->ninclude) {
        json_t *include = json_array();

        for (uint32_t i = 0; i < index->ninclude; i++)
            json_array_append_new(include, json_integer(index->include[i]));
        json_object_set_new(o, "include", include);
    }
    return o;
}

static json_t *foreign_key_to_json(const struct rnl_foreign_key *key)
{
    json_t *o = json_object();
    json_t *columns = json_array();
    json_t *ref_columns = json_array();

    put_text(o, "name", key->name);
    put_text(o, "ref_schema", key->ref_schema);
    put_text(o, "ref_table", key->ref_table);
    put_number(o, "on_delete", key->on_delete);
    put_number(o, "on_update", key->on_update);
    put_number(o, "flags", key->flags);
    for (uint32_t i = 0; i < key->ncolumns; i++) {
        json_array_append_new(columns, json_integer(key->columns[i]));
        json_array_append_new(ref_columns, json_string(key->ref_columns[i]));
    }
    json_object_set_new(o, "columns", columns);
    json_object_set_new(o, "ref_columns", ref_columns);
    return o;
}

static json_t *check_to_json(const struct rnl_check *check)
{
    json_t *o = json_object();

    put_text(o, "name", check->name);
    put_text(o, "expression", check->expression);
    put_number(o, "enforced", check->enforced);
    put_number(o, "of_type", check->of_type);
    return o;
}

static json_t *partition_to_json(const struct rnl_partition *partition)
{
    json_t *o = json_object();

    put_text(o, "schema", partition->schema);
    put_text(o, "name", partition->name);
    put_text(o, "parent", partition->parent);
    put_text(o, "bounds", partition->bounds);
    put_text(o, "partition_by", partition->partition_by);
    return o;
}

static json_t *object_to_json(const struct rnl_object *object)
{
    json_t *o = json_object();

    put_number(o, "kind", object->kind);
    put_text(o, "schema", object->schema);
    put_text(o, "name", object->name);
    put_text(o, "comment", object->comment);
    put_text(o, "dialect", object->dialect);
    put_text(o, "definition", object->definition);
    put_text(o, "owner_schema", object->owner_schema);
    put_text(o, "owner_table", object->owner_table);
    put_text(o, "owner_column", object->owner_column);
    put_number(o, "value", object->value);
    return o;
}

/* Thousands of tables have nothing of most kinds. */
static void put_list(json_t *o, const char *name, json_t *list)
{
    if (json_array_size(list))
        json_object_set(o, name, list);
    json_decref(list);
}

static json_t *table_to_json(const struct rnl_table *t)
{
    json_t *o = json_object();
    json_t *list = json_array();

    put_text(o, "schema", t->schema);
    put_text(o, "name", t->name);
    put_text(o, "comment", t->comment);
    put_text(o, "dialect", t->dialect);
    put_text(o, "where", t->where);
    put_number(o, "flags", t->flags & ~JOIN_FLAGS);
    put_number(o, "rows", t->rows);
    put_number(o, "bytes", t->bytes);
    put_number(o, "next_identity", (int64_t)t->next_identity);
    for (uint32_t i = 0; i < t->ncolumns; i++)
        json_array_append_new(list, column_to_json(&t->columns[i]));
    json_object_set_new(o, "columns", list);
    list = json_array();
    for (uint32_t i = 0; i < t->nindexes; i++)
        json_array_append_new(list, index_to_json(&t->indexes[i]));
    put_list(o, "indexes", list);
    list = json_array();
    for (uint32_t i = 0; i < t->nforeign_keys; i++)
        json_array_append_new(list, foreign_key_to_json(&t->foreign_keys[i]));
    put_list(o, "foreign_keys", list);
    list = json_array();
    for (uint32_t i = 0; i < t->nchecks; i++)
        json_array_append_new(list, check_to_json(&t->checks[i]));
    put_list(o, "checks", list);
    put_text(o, "query", t->query);
    put_text(o, "partition_by", t->partition_by);
    put_text(o, "storage", t->storage);
    put_text(o, "form", t->form);
    list = json_array();
    for (uint32_t i = 0; i < t->npartitions; i++)
        json_array_append_new(list, partition_to_json(&t->partitions[i]));
    put_list(o, "partitions", list);
    return o;
}

/* The names in the target, and whether columns are masked: never with what. */
static void extra_to_json(json_t *o, const struct rnl_table *table,
                          const struct catalog_extra *extra)
{
    json_t *target = json_object(), *columns = json_object();
    char index[16];

    put_text(target, "schema", extra->schema);
    put_text(target, "name", extra->name);
    put_number(target, "placed", extra->placed);
    put_number(target, "flat", extra->flat);
    for (uint32_t i = 0; extra->columns && i < table->ncolumns; i++) {
        snprintf(index, sizeof(index), "%u", i);
        put_text(columns, index, extra->columns[i]);
    }
    if (json_object_size(columns))
        json_object_set(target, "columns", columns);
    json_decref(columns);
    if (json_object_size(target))
        json_object_set(o, "target", target);
    json_decref(target);
    put_number(o, "masked", extra->masked);
    if (extra->join.number || extra->join.open || extra->join.passed)
        json_object_set_new(o, "join", join_to_json(&extra->join));
}

/* Table by table: of 10 000 tables, all as objects of the JSON library would take 40 MB. */
char *catalog_to_json(const struct rnl_catalog *catalog)
{
    struct json_text text = {0};

    json_text_add(&text, "{", 1);
    json_text_key(&text, "tables");
    json_text_add(&text, "[", 1);
    for (uint32_t i = 0; i < catalog_count(catalog); i++) {
        json_t *table = table_to_json(catalog->tables[i]);

        extra_to_json(table, catalog->tables[i], &catalog->extras[i]);
        json_text_value(&text, table);
    }
    json_text_add(&text, "]", 1);
    json_text_key(&text, "objects");
    json_text_add(&text, "[", 1);
    for (uint32_t i = 0; i < catalog_object_count(catalog); i++)
        json_text_value(&text, object_to_json(catalog_object_at(catalog, i)));
    json_text_add(&text, "]}", 2);
    return json_text_end(&text);
}

/* Texts of json stay alive as long as it does: the catalog copies them in catalog_add. */
static const char *get_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int64_t get_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *const *labels_from_json(struct arena *arena, const json_t *array)
{
    size_t count = json_array_size(array);
    const char **labels = arena_alloc(arena, count * sizeof(*labels) + 1);

    for (size_t i = 0; labels && i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));

        labels[i] = text ? text : "";
    }
    return labels;
}

static bool columns_from_json(struct arena *arena, const json_t *array, struct rnl_table *table)
{
    size_t count = json_array_size(array);
    struct rnl_column *columns = arena_alloc(arena, count * sizeof(*columns) + 1);

    if (!columns || count > UINT16_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(array, i);
        const json_t *labels = json_object_get(o, "labels");

        columns[i] = (struct rnl_column){
            .name = get_text(o, "name"),
            .native = get_text(o, "native"),
            .comment = get_text(o, "comment"),
            .charset = get_text(o, "charset"),
            .collation = get_text(o, "collation"),
            .default_text = get_text(o, "default"),
            .generated = get_text(o, "generated"),
            .labels = labels_from_json(arena, labels),
            .nlabels = (uint32_t)json_array_size(labels),
            .type = (uint16_t)get_number(o, "type"),
            .width = (uint16_t)get_number(o, "width"),
            .flags = (uint32_t)get_number(o, "flags"),
            .length = (uint32_t)get_number(o, "length"),
            .precision = (uint16_t)get_number(o, "precision"),
            .scale = (uint16_t)get_number(o, "scale"),
            .default_kind = (uint16_t)get_number(o, "default_kind"),
            .srid = (uint32_t)get_number(o, "srid"),
            .facts = (uint32_t)get_number(o, "facts"),
            .facts_known = (uint32_t)get_number(o, "facts_known"),
            .max_length = (uint32_t)get_number(o, "max_length"),
            .max_digits = (uint16_t)get_number(o, "max_digits"),
            .max_scale = (uint16_t)get_number(o, "max_scale"),
            .element = (uint32_t)get_number(o, "element"),
            .type_schema = get_text(o, "type_schema"),
            .type_name = get_text(o, "type_name"),
            .next_value = (uint64_t)get_number(o, "next_value"),
            .increment = get_number(o, "increment"),
            .storage = get_text(o, "storage"),
            .number = (uint32_t)get_number(o, "number"),
        };
        if (!columns[i].labels || columns[i].type >= RNL_T_COUNT)
            return false;
    }
    table->columns = columns;
    table->ncolumns = (uint32_t)count;
    table->column_size = sizeof(*columns);
    return true;
}

static bool indexes_from_json(struct arena *arena, const json_t *array, struct rnl_table *table)
{
    size_t count = json_array_size(array);
    struct rnl_index *indexes = arena_alloc(arena, count * sizeof(*indexes) + 1);

    if (!indexes)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(array, i);
        const json_t *list = json_object_get(o, "parts");
        size_t nparts = json_array_size(list);
        struct rnl_index_part *parts = arena_alloc(arena, nparts * sizeof(*parts) + 1);
        const char **options = arena_alloc(arena, nparts * sizeof(*options) + 1);
        const json_t *included = json_object_get(o, "include");
        size_t ninclude = json_array_size(included);
        uint32_t *include = arena_alloc(arena, ninclude * sizeof(*include) + 1);

        if (!parts || !options || !include)
            return false;
        for (size_t c = 0; c < ninclude; c++)
            include[c] = (uint32_t)json_integer_value(json_array_get(included, c));
        for (size_t p = 0; p < nparts; p++) {
            const json_t *part = json_array_get(list, p);

            parts[p] = (struct rnl_index_part){
                .expression = get_text(part, "expression"),
                .column = (uint32_t)get_number(part, "column"),
                .prefix = (uint32_t)get_number(part, "prefix"),
                .descending = (uint32_t)get_number(part, "descending"),
            };
            options[p] = get_text(part, "options");
        }
        indexes[i] = (struct rnl_index){
            .name = get_text(o, "name"),
            .comment = get_text(o, "comment"),
            .where = get_text(o, "where"),
            .flags = (uint32_t)get_number(o, "flags"),
            .parts = parts,
            .nparts = (uint32_t)nparts,
            .method = get_text(o, "method"),
            .options = get_text(o, "options"),
            .part_options = options,
            .include = include,
            .ninclude = (uint32_t)ninclude,
        };
    }
    table->indexes = indexes;
    table->nindexes = (uint32_t)count;
    table->index_size = sizeof(*indexes);
    return true;
}

static bool foreign_keys_from_json(struct arena *arena, const json_t *array,
                                   struct rnl_table *table)
{
    size_t count = json_array_size(array);
    struct rnl_foreign_key *keys = arena_alloc(arena, count * sizeof(*keys) + 1);

    if (!keys)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(array, i);
        const json_t *list = json_object_get(o, "columns");
        size_t ncolumns = json_array_size(list);
        uint32_t *columns = arena_alloc(arena, ncolumns * sizeof(*columns) + 1);

        if (!columns || json_array_size(json_object_get(o, "ref_columns")) != ncolumns)
            return false;
        for (size_t c = 0; c < ncolumns; c++)
            columns[c] = (uint32_t)json_integer_value(json_array_get(list, c));
        keys[i] = (struct rnl_foreign_key){
            .name = get_text(o, "name"),
            .ref_schema = get_text(o, "ref_schema"),
            .ref_table = get_text(o, "ref_table"),
            .columns = columns,
            .ref_columns = labels_from_json(arena, json_object_get(o, "ref_columns")),
            .ncolumns = (uint32_t)ncolumns,
            .on_delete = (uint16_t)get_number(o, "on_delete"),
            .on_update = (uint16_t)get_number(o, "on_update"),
            .flags = (uint32_t)get_number(o, "flags"),
        };
        if (!keys[i].ref_columns)
            return false;
    }
    table->foreign_keys = keys;
    table->nforeign_keys = (uint32_t)count;
    table->foreign_key_size = sizeof(*keys);
    return true;
}

static bool checks_from_json(struct arena *arena, const json_t *array, struct rnl_table *table)
{
    size_t count = json_array_size(array);
    struct rnl_check *checks = arena_alloc(arena, count * sizeof(*checks) + 1);

    if (!checks)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(array, i);

        checks[i] = (struct rnl_check){
            .name = get_text(o, "name"),
            .expression = get_text(o, "expression"),
            .enforced = (uint32_t)get_number(o, "enforced"),
            .of_type = (uint32_t)get_number(o, "of_type"),
        };
    }
    table->checks = checks;
    table->nchecks = (uint32_t)count;
    table->check_size = sizeof(*checks);
    return true;
}

static bool partitions_from_json(struct arena *arena, const json_t *array, struct rnl_table *table)
{
    size_t count = json_array_size(array);
    struct rnl_partition *partitions = arena_alloc(arena, count * sizeof(*partitions) + 1);

    if (!partitions)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(array, i);

        partitions[i] = (struct rnl_partition){
            .schema = get_text(o, "schema"),
            .name = get_text(o, "name"),
            .parent = get_text(o, "parent"),
            .bounds = get_text(o, "bounds"),
            .partition_by = get_text(o, "partition_by"),
        };
    }
    table->partitions = partitions;
    table->npartitions = (uint32_t)count;
    table->partition_size = sizeof(*partitions);
    return true;
}

static int object_from_json(const json_t *o, struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct rnl_object object = {
        .size = sizeof(object),
        .kind = (uint32_t)get_number(o, "kind"),
        .schema = get_text(o, "schema"),
        .name = get_text(o, "name"),
        .comment = get_text(o, "comment"),
        .dialect = get_text(o, "dialect"),
        .definition = get_text(o, "definition"),
        .owner_schema = get_text(o, "owner_schema"),
        .owner_table = get_text(o, "owner_table"),
        .owner_column = get_text(o, "owner_column"),
        .value = get_number(o, "value"),
    };

    return catalog_object_add(catalog, &object, err);
}

static int extra_from_json(const json_t *o, struct rnl_catalog *catalog, struct rnl_error *err)
{
    const struct rnl_table *table = catalog->tables[catalog->count - 1];
    struct catalog_extra *extra = &catalog->extras[catalog->count - 1];
    const json_t *target = json_object_get(o, "target");
    const json_t *columns = json_object_get(target, "columns");
    char index[16];

    extra->schema = arena_strdup(&catalog->arena, get_text(target, "schema"));
    extra->name = arena_strdup(&catalog->arena, get_text(target, "name"));
    extra->placed = get_number(target, "placed");
    extra->flat = get_number(target, "flat");
    extra->masked = get_number(o, "masked");
    join_from_json(&catalog->arena, json_object_get(o, "join"), &extra->join);
    if (!columns)
        return RNL_OK;
    extra->columns = arena_alloc(&catalog->arena, table->ncolumns * sizeof(char *) + 1);
    if (!extra->columns)
        return catalog_no_memory(err);
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        snprintf(index, sizeof(index), "%u", i);
        extra->columns[i] = arena_strdup(&catalog->arena, get_text(columns, index));
    }
    return RNL_OK;
}

static void take_table(const json_t *o, struct rnl_catalog *catalog, const struct rnl_table *table,
                       struct rnl_error *err)
{
    if (catalog_add(catalog, table, err) == RNL_OK)
        extra_from_json(o, catalog, err);
}

static int table_from_json(const json_t *o, struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct arena arena = {0};
    struct rnl_table table = {
        .size = sizeof(table),
        .flags = (uint32_t)get_number(o, "flags"),
        .schema = get_text(o, "schema"),
        .name = get_text(o, "name"),
        .comment = get_text(o, "comment"),
        .dialect = get_text(o, "dialect"),
        .where = get_text(o, "where"),
        .rows = get_number(o, "rows"),
        .bytes = get_number(o, "bytes"),
        .next_identity = (uint64_t)get_number(o, "next_identity"),
        .query = get_text(o, "query"),
        .partition_by = get_text(o, "partition_by"),
        .storage = get_text(o, "storage"),
        .form = get_text(o, "form"),
    };

    if (columns_from_json(&arena, json_object_get(o, "columns"), &table) &&
        indexes_from_json(&arena, json_object_get(o, "indexes"), &table) &&
        foreign_keys_from_json(&arena, json_object_get(o, "foreign_keys"), &table) &&
        checks_from_json(&arena, json_object_get(o, "checks"), &table) &&
        partitions_from_json(&arena, json_object_get(o, "partitions"), &table))
        take_table(o, catalog, &table, err);
    else
        rnl_fail(err, RNL_E_FATAL, "catalog.invalid", "table %s of a catalog can't be read",
                 table.name ? table.name : "?");
    arena_free(&arena);
    return err->status;
}

static int unreadable(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "catalog.invalid", "a catalog can't be read");
}

/* One by one: only one of them stands as objects of the JSON library at a time. */
static int list_from_json(const struct json_part *list, struct rnl_catalog *catalog,
                          int (*take)(const json_t *o, struct rnl_catalog *catalog,
                                      struct rnl_error *err),
                          struct rnl_error *err)
{
    struct json_walk walk = json_walk(list->text, list->len, '[');
    struct json_part part;

    while (json_walk_next(&walk, &part)) {
        json_t *o = json_part_load(&part);
        int status = json_is_object(o) ? take(o, catalog, err) : unreadable(err);

        json_decref(o);
        if (status != RNL_OK)
            return status;
    }
    return json_walk_end(&walk) ? RNL_OK : unreadable(err);
}

int catalog_from_json(const char *text, size_t len, struct rnl_catalog **out, struct rnl_error *err)
{
    struct json_walk walk = json_walk(text, len, '{');
    struct json_part part, tables = {0}, objects = {0};
    struct rnl_catalog *catalog;

    err->status = RNL_OK;
    while (json_walk_next(&walk, &part))
        if (json_part_is(&part, "tables"))
            tables = part;
        else if (json_part_is(&part, "objects"))
            objects = part;
    if (!json_walk_end(&walk) || !tables.text)
        return unreadable(err);
    catalog = catalog_new();
    if (!catalog)
        return catalog_no_memory(err);
    if ((objects.text && list_from_json(&objects, catalog, object_from_json, err) != RNL_OK) ||
        list_from_json(&tables, catalog, table_from_json, err) != RNL_OK) {
        catalog_free(catalog);
        return err->status;
    }
    *out = catalog;
    return RNL_OK;
}
