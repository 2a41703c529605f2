/* The catalog as a sink sees it: with the names that tables and columns have in the target. */
#include "catalog_part.h"

#include "expression.h"

#include <stdlib.h>

static bool is_changed(const struct catalog_extra *extra)
{
    return extra->schema || extra->name || extra->columns || extra->placed || extra->flat;
}

/* A table of the view while it gets its names. */
struct renaming {
    struct rnl_catalog *source, *view;
    uint32_t index;
    const struct rnl_table *old;
    struct rnl_table *table;
    const struct catalog_extra *extra;
};

static const char *new_column(const struct rnl_catalog *source, uint32_t table, uint32_t column)
{
    const struct catalog_extra *extra = &source->extras[table];
    const char *name = extra->columns ? extra->columns[column] : NULL;

    return name ? name : source->tables[table]->columns[column].name;
}

/* For expression_rename(). */
static const char *renamed_column(void *arg, const char *name)
{
    const struct renaming *r = arg;

    for (uint32_t i = 0; i < r->old->ncolumns; i++)
        if (r->extra->columns[i] && catalog_same_name(r->old, r->old->columns[i].name, name))
            return strcmp(r->extra->columns[i], r->old->columns[i].name) ? r->extra->columns[i]
                                                                         : NULL;
    return NULL;
}

/* The text with the new names; NULL: it can't be said what it would be. */
static const char *rename_text(struct renaming *r, const char *text)
{
    char *renamed;
    const char *kept;

    if (!text || !*text || !r->extra->columns)
        return text;
    renamed = expression_rename(r->old->dialect, text, renamed_column, r);
    if (!renamed)
        return NULL;
    kept = arena_strdup(&r->view->arena, renamed);
    free(renamed);
    if (!kept)
        abort();
    return kept;
}

#define UNPROVED "it isn't certain which words of it are the columns that are renamed"

static bool rename_index(struct renaming *r, struct rnl_index *index)
{
    struct rnl_index_part *parts = CATALOG_OWN(struct rnl_index_part, index->parts);

    if (index->where && !(index->where = rename_text(r, index->where)))
        return false;
    if (index->flags & RNL_INDEX_EXCLUDE && index->options &&
        !(index->options = rename_text(r, index->options)))
        return false;
    for (uint32_t p = 0; p < index->nparts; p++)
        if (parts[p].expression && !(parts[p].expression = rename_text(r, parts[p].expression)))
            return false;
    return true;
}

static void rename_indexes(struct renaming *r)
{
    struct rnl_index *indexes = CATALOG_OWN(struct rnl_index, r->table->indexes);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->table->nindexes; i++) {
        if (rename_index(r, &indexes[i]))
            indexes[kept++] = indexes[i];
        else
            catalog_find(r->source, r->old, indexes[i].name, "selection.index",
                         "the index is not made: " UNPROVED);
    }
    r->table->nindexes = kept;
}

static void rename_checks(struct renaming *r)
{
    struct rnl_check *checks = CATALOG_OWN(struct rnl_check, r->table->checks);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->table->nchecks; i++) {
        const char *text = rename_text(r, checks[i].expression);

        if (text || !checks[i].expression) {
            checks[i].expression = text;
            checks[kept++] = checks[i];
        } else {
            catalog_find(r->source, r->old, checks[i].name, "selection.check",
                         "the check is not made: " UNPROVED);
        }
    }
    r->table->nchecks = kept;
}

static void rename_columns(struct renaming *r)
{
    struct rnl_column *columns = CATALOG_OWN(struct rnl_column, r->table->columns);

    for (uint32_t i = 0; i < r->table->ncolumns; i++) {
        struct rnl_column *c = &columns[i];
        const char *text = rename_text(r, c->generated);

        if (c->generated && !text) {
            catalog_find(r->source, r->old, c->name, "selection.generated",
                         "a plain column with the values of today, no more computed: " UNPROVED);
            c->flags &= ~(uint32_t)(RNL_COLUMN_GENERATED | RNL_COLUMN_VIRTUAL);
        }
        c->generated = text;
        if (c->default_kind == RNL_DEFAULT_EXPRESSION) {
            text = rename_text(r, c->default_text);
            if (!text) {
                catalog_find(r->source, r->old, c->name, "selection.default",
                             "the default is left out: " UNPROVED);
                c->default_kind = RNL_DEFAULT_NONE;
            }
            c->default_text = text;
        }
        c->name = arena_strdup(&r->view->arena, new_column(r->source, r->index, i));
    }
}

static void flatten(struct rnl_table *table)
{
    table->flags &= ~(uint32_t)RNL_TABLE_PARTITIONED;
    table->partition_by = NULL;
    table->npartitions = 0;
}

/* The table itself, or one of its partitions, may hang on a name that changed. */
static void rename_partitions(struct renaming *r)
{
    struct rnl_partition *partitions = CATALOG_OWN(struct rnl_partition, r->table->partitions);
    bool proved = !r->extra->flat;

    if (!(r->table->flags & RNL_TABLE_PARTITIONED))
        return;
    if (proved && r->table->partition_by) {
        r->table->partition_by = rename_text(r, r->table->partition_by);
        proved = r->table->partition_by != NULL;
    }
    for (uint32_t i = 0; i < r->table->npartitions; i++) {
        struct rnl_partition *p = &partitions[i];

        if (proved && p->partition_by) {
            p->partition_by = rename_text(r, p->partition_by);
            proved = p->partition_by != NULL;
        }
        if (p->schema && r->extra->schema && strcmp(p->schema, r->old->schema) == 0)
            p->schema = arena_strdup(&r->view->arena, r->extra->schema);
    }
    if (proved)
        return;
    if (!r->extra->flat)
        catalog_find(r->source, r->old, NULL, "selection.partitions",
                     "one table without partitions: " UNPROVED);
    flatten(r->table);
}

/* What other tables are called, for those that point to them. */
static void rename_foreign_keys(struct renaming *r)
{
    struct rnl_foreign_key *keys = CATALOG_OWN(struct rnl_foreign_key, r->table->foreign_keys);
    struct arena *arena = &r->view->arena;

    for (uint32_t i = 0; i < r->table->nforeign_keys; i++) {
        uint32_t other = catalog_index(r->source, keys[i].ref_schema, keys[i].ref_table);
        const char **names = CATALOG_OWN(const char *, keys[i].ref_columns);
        const struct catalog_extra *extra;

        if (other == UINT32_MAX)
            continue;
        extra = &r->source->extras[other];
        if (extra->schema)
            keys[i].ref_schema = arena_strdup(arena, extra->schema);
        if (extra->name)
            keys[i].ref_table = arena_strdup(arena, extra->name);
        for (uint32_t c = 0; c < keys[i].ncolumns; c++)
            for (uint32_t n = 0; n < r->source->tables[other]->ncolumns; n++)
                if (catalog_same_name(r->old, r->source->tables[other]->columns[n].name,
                                      names[c])) {
                    names[c] = arena_strdup(arena, new_column(r->source, other, n));
                    break;
                }
    }
}

static void rename_table(struct rnl_catalog *source, struct rnl_catalog *view, uint32_t index)
{
    struct renaming r = {
        .source = source,
        .view = view,
        .index = index,
        .old = source->tables[index],
        .table = view->tables[index],
        .extra = &source->extras[index],
    };

    rename_foreign_keys(&r);
    if (!is_changed(r.extra))
        return;
    if (r.extra->schema)
        r.table->schema = arena_strdup(&view->arena, r.extra->schema);
    if (r.extra->name)
        r.table->name = arena_strdup(&view->arena, r.extra->name);
    if (r.extra->placed)
        r.table->flags |= RNL_TABLE_PLACED;
    rename_partitions(&r);
    if (!r.extra->columns)
        return;
    rename_indexes(&r);
    rename_checks(&r);
    rename_columns(&r);
}

/* 'it''s' of "it's"; quoted names within: '"a"."b"'. */
static char *sequence_default(struct arena *arena, const char *schema, const char *name)
{
    const char *const parts[] = {schema, name};
    char *text = arena_alloc(arena, 4 * (strlen(schema) + strlen(name)) + 40), *to = text;

    if (!text)
        abort();
    to = stpcpy(to, "nextval('");
    for (int i = 0; i < 2; i++) {
        *to++ = '"';
        for (const char *at = parts[i]; *at; at++) {
            if (*at == '"' || *at == '\'')
                *to++ = *at;
            *to++ = *at;
        }
        *to++ = '"';
        if (i == 0)
            *to++ = '.';
    }
    stpcpy(to, "'::regclass)");
    return text;
}

/* A sequence stands in the schema of the table that it belongs to, and its column says so. */
static void rename_object(struct rnl_catalog *source, struct rnl_catalog *view,
                          struct rnl_object *object)
{
    uint32_t t = object->owner_column
                     ? catalog_index(source, object->owner_schema, object->owner_table)
                     : UINT32_MAX;
    const struct rnl_table *old;

    if (t == UINT32_MAX)
        return;
    old = source->tables[t];
    for (uint32_t c = 0; c < old->ncolumns; c++) {
        struct rnl_column *column = CATALOG_OWN(struct rnl_column, &view->tables[t]->columns[c]);

        if (!catalog_same_name(old, old->columns[c].name, object->owner_column))
            continue;
        object->owner_column = column->name;
        if (source->extras[t].schema && object->schema &&
            strcmp(object->schema, old->schema) == 0) {
            object->schema = view->tables[t]->schema;
            if (column->default_kind == RNL_DEFAULT_EXPRESSION && column->default_text &&
                strncmp(column->default_text, "nextval(", 8) == 0)
                column->default_text = sequence_default(&view->arena, object->schema, object->name);
        }
        break;
    }
    object->owner_schema = view->tables[t]->schema;
    object->owner_table = view->tables[t]->name;
}

static struct rnl_catalog *make_view(struct rnl_catalog *catalog)
{
    struct rnl_catalog *view = catalog_new();
    struct rnl_error err = RNL_ERROR_INIT;
    int status = RNL_OK;

    if (!view)
        abort();
    for (uint32_t i = 0; status == RNL_OK && i < catalog->count; i++)
        status = catalog_add(view, catalog->tables[i], &err);
    for (uint32_t i = 0; status == RNL_OK && i < catalog->nobjects; i++)
        status = catalog_object_add(view, catalog->objects[i], &err);
    if (status != RNL_OK)
        abort();
    for (uint32_t i = 0; i < catalog->count; i++)
        rename_table(catalog, view, i);
    for (uint32_t i = 0; i < view->nobjects; i++)
        rename_object(catalog, view, view->objects[i]);
    return view;
}

struct rnl_catalog *catalog_view(struct rnl_catalog *catalog)
{
    bool any = catalog->view != NULL;

    for (uint32_t i = 0; !any && i < catalog->count; i++)
        any = is_changed(&catalog->extras[i]);
    if (!any)
        return catalog;
    if (!catalog->view)
        catalog->view = make_view(catalog);
    return catalog->view;
}

void catalog_source_names(struct rnl_catalog *catalog, const char **schema, const char **table,
                          const char **object)
{
    uint32_t t = catalog_index(catalog_view(catalog), *schema, *table);
    uint32_t column;

    if (t == CATALOG_NONE)
        return;
    column = *object ? catalog_column(catalog->view->tables[t], *object) : CATALOG_NONE;
    *schema = catalog->tables[t]->schema;
    *table = catalog->tables[t]->name;
    if (column != CATALOG_NONE)
        *object = catalog->tables[t]->columns[column].name;
}

bool catalog_renamed(struct rnl_catalog *catalog, uint32_t index, char *buf, size_t size)
{
    const struct catalog_extra *extra = &catalog->extras[index];
    const struct rnl_table *table = catalog->tables[index];
    const char *schema = extra->schema ? extra->schema : table->schema;
    const char *name = extra->name ? extra->name : table->name;

    snprintf(buf, size, "%s%s%s", schema, *schema ? "." : "", name);
    return strcmp(schema, table->schema) != 0 || strcmp(name, table->name) != 0;
}
