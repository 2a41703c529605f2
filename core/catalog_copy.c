/* Deep copies of tables: nothing of what a plugin described is kept by reference. */
#include "catalog_part.h"

/* Element i of an array whose maker may have known a smaller or a larger struct. */
static void copy_element(void *to, size_t to_size, const void *array, size_t step, size_t i)
{
    memset(to, 0, to_size);
    memcpy(to, (const char *)array + i * step, step < to_size ? step : to_size);
}

static bool copy_columns(struct arena *arena, struct rnl_table *to, const struct rnl_table *from)
{
    struct rnl_column *columns = arena_alloc(arena, from->ncolumns * sizeof(*columns));

    if (!columns)
        return false;
    for (uint32_t i = 0; i < from->ncolumns; i++) {
        struct rnl_column *c = &columns[i];
        const char **labels;

        copy_element(c, sizeof(*c), from->columns, from->column_size, i);
        labels = arena_alloc(arena, c->nlabels * sizeof(*labels));
        if (!labels)
            return false;
        for (uint32_t l = 0; l < c->nlabels; l++)
            labels[l] = arena_text(arena, c->labels[l]);
        c->labels = labels;
        c->name = arena_text(arena, c->name ? c->name : "");
        c->native = arena_text(arena, c->native);
        c->comment = arena_text(arena, c->comment);
        c->charset = arena_text(arena, c->charset);
        c->collation = arena_text(arena, c->collation);
        c->default_text = arena_text(arena, c->default_text);
        c->generated = arena_text(arena, c->generated);
        c->type_schema = arena_text(arena, c->type_schema);
        c->type_name = arena_text(arena, c->type_name);
        c->storage = arena_text(arena, c->storage);
    }
    to->columns = columns;
    to->column_size = sizeof(*columns);
    return true;
}

static bool copy_indexes(struct arena *arena, struct rnl_table *to, const struct rnl_table *from)
{
    struct rnl_index *indexes = arena_alloc(arena, from->nindexes * sizeof(*indexes));

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
            parts[p].expression = arena_text(arena, parts[p].expression);
        index->parts = parts;
        if (index->part_options) {
            const char **options = arena_alloc(arena, index->nparts * sizeof(*options));

            if (!options)
                return false;
            for (uint32_t p = 0; p < index->nparts; p++)
                options[p] = arena_text(arena, index->part_options[p]);
            index->part_options = options;
        }
        index->include =
            arena_memdup(arena, index->include, index->ninclude * sizeof(*index->include));
        index->method = arena_text(arena, index->method);
        index->options = arena_text(arena, index->options);
        index->name = arena_text(arena, index->name ? index->name : "");
        index->comment = arena_text(arena, index->comment);
        index->where = arena_text(arena, index->where);
    }
    to->indexes = indexes;
    to->index_size = sizeof(*indexes);
    return true;
}

static bool copy_foreign_keys(struct arena *arena, struct rnl_table *to,
                              const struct rnl_table *from)
{
    struct rnl_foreign_key *keys = arena_alloc(arena, from->nforeign_keys * sizeof(*keys));

    if (!keys)
        return false;
    for (uint32_t i = 0; i < from->nforeign_keys; i++) {
        struct rnl_foreign_key *key = &keys[i];
        const char **names;

        copy_element(key, sizeof(*key), from->foreign_keys, from->foreign_key_size, i);
        names = arena_alloc(arena, key->ncolumns * sizeof(*names));
        if (!names)
            return false;
        for (uint32_t c = 0; c < key->ncolumns; c++)
            names[c] = arena_text(arena, key->ref_columns[c]);
        key->ref_columns = names;
        key->columns = arena_memdup(arena, key->columns, key->ncolumns * sizeof(*key->columns));
        key->name = arena_text(arena, key->name ? key->name : "");
        key->ref_schema = arena_text(arena, key->ref_schema);
        key->ref_table = arena_text(arena, key->ref_table ? key->ref_table : "");
    }
    to->foreign_keys = keys;
    to->foreign_key_size = sizeof(*keys);
    return true;
}

static bool copy_checks(struct arena *arena, struct rnl_table *to, const struct rnl_table *from)
{
    struct rnl_check *checks = arena_alloc(arena, from->nchecks * sizeof(*checks));

    if (!checks)
        return false;
    for (uint32_t i = 0; i < from->nchecks; i++) {
        copy_element(&checks[i], sizeof(checks[i]), from->checks, from->check_size, i);
        checks[i].name = arena_text(arena, checks[i].name ? checks[i].name : "");
        checks[i].expression = arena_text(arena, checks[i].expression);
    }
    to->checks = checks;
    to->check_size = sizeof(*checks);
    return true;
}

static bool copy_partitions(struct arena *arena, struct rnl_table *to, const struct rnl_table *from)
{
    struct rnl_partition *partitions = arena_alloc(arena, from->npartitions * sizeof(*partitions));

    if (!partitions)
        return false;
    for (uint32_t i = 0; i < from->npartitions; i++) {
        struct rnl_partition *p = &partitions[i];

        copy_element(p, sizeof(*p), from->partitions, from->partition_size, i);
        p->schema = arena_text(arena, p->schema);
        p->name = arena_text(arena, p->name ? p->name : "");
        p->parent = arena_text(arena, p->parent);
        p->bounds = arena_text(arena, p->bounds);
        p->partition_by = arena_text(arena, p->partition_by);
    }
    to->partitions = partitions;
    to->partition_size = sizeof(*partitions);
    return true;
}

bool catalog_copy_parts(struct arena *arena, struct rnl_table *copy)
{
    copy->size = sizeof(*copy);
    copy->schema = arena_text(arena, copy->schema ? copy->schema : "");
    copy->name = arena_text(arena, copy->name ? copy->name : "");
    copy->comment = arena_text(arena, copy->comment);
    copy->dialect = arena_text(arena, copy->dialect);
    copy->where = arena_text(arena, copy->where);
    copy->query = arena_text(arena, copy->query);
    copy->partition_by = arena_text(arena, copy->partition_by);
    copy->storage = arena_text(arena, copy->storage);
    copy->form = arena_text(arena, copy->form);
    return copy_columns(arena, copy, copy) && copy_indexes(arena, copy, copy) &&
           copy_foreign_keys(arena, copy, copy) && copy_checks(arena, copy, copy) &&
           copy_partitions(arena, copy, copy);
}
