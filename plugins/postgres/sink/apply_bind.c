/* What is to be known of tables before their changes are gathered: keys, and who depends on whom.
 */
#include "apply.h"
#include "element.h"

#include <stdlib.h>

enum { RANKS_MAX = 64 }; /* tables that refer to each other in a ring have none */

struct named {
    const struct rnl_table *table;
    uint32_t index;
};

static int by_name(const void *a, const void *b)
{
    const struct named *one = a, *two = b;
    int order = strcmp(one->table->schema, two->table->schema);

    return order ? order : strcmp(one->table->name, two->table->name);
}

static struct bound_table *find_parent(struct pg_sink *sink, const struct named *names,
                                       uint32_t count, const struct rnl_table *child,
                                       const struct rnl_foreign_key *key)
{
    const struct rnl_table wanted = {.schema = key->ref_schema ? key->ref_schema : child->schema,
                                     .name = key->ref_table};
    const struct named sought = {.table = &wanted}, *found;

    if (!key->ref_table)
        return NULL;
    found = bsearch(&sought, names, count, sizeof(*names), by_name);
    return found ? &sink->tables[found->index] : NULL;
}

static bool acts(unsigned action)
{
    return action == RNL_ACTION_CASCADE || action == RNL_ACTION_SET_NULL ||
           action == RNL_ACTION_SET_DEFAULT;
}

static bool is_key(const struct bound_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

static bool is_key_named(const struct bound_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (strcmp(COLUMN(table->source, table->key[i])->name, name) == 0)
            return true;
    return false;
}

static void note_actions(struct bound_table *parent, struct bound_table *child,
                         const struct rnl_foreign_key *key)
{
    parent->changes.delete_cascades = parent->changes.delete_cascades || acts(key->on_delete);
    for (uint32_t i = 0; acts(key->on_update) && i < key->ncolumns; i++) {
        if (!is_key_named(parent, key->ref_columns[i]))
            parent->changes.update_cascades = true;
        if (is_key(child, key->columns[i]))
            child->key_moves = true;
    }
}

/* Goes over all foreign keys; whether a rank was raised. */
static bool raise_ranks(struct pg_sink *sink, const struct named *names, uint32_t count, bool first)
{
    bool raised = false;

    for (uint32_t i = 0; i < count; i++) {
        struct bound_table *child = &sink->tables[i], *parent;

        for (uint32_t k = 0; k < child->source->nforeign_keys; k++) {
            const struct rnl_foreign_key *key = FOREIGN_KEY(child->source, k);

            parent = find_parent(sink, names, count, child->source, key);
            if (!parent)
                continue;
            if (first)
                note_actions(parent, child, key);
            if (parent == child || child->changes.rank > parent->changes.rank)
                continue;
            child->changes.rank = parent->changes.rank + 1;
            raised = true;
        }
    }
    return raised;
}

static bool is_computed(const struct bound_table *table, uint32_t column)
{
    return (COLUMN(table->source, column)->flags & RNL_COLUMN_GENERATED) != 0;
}

/* PostgreSQL before 18 sends no generated columns; where they are plain here, they would be wrong.
 */
int apply_computed(const struct bound_table *table, const struct rnl_row *row,
                   struct rnl_error *err)
{
    bool told = row->op == RNL_UPDATE && strcmp(table->source->dialect, "postgres") != 0;

    for (uint32_t i = 0; row->after && !told && i < table->source->ncolumns; i++) {
        if (row->after[i].type != RNL_T_UNCHANGED || !table->columns[i].written ||
            !is_computed(table, i))
            continue;
        rnl_fail(err, RNL_E_CONFIG, "sink.generated_missing",
                 "the source computes the column \"%s\" of %s.%s and doesn't send it with "
                 "changes; in the target's %s it is a plain column",
                 table->columns[i].source->name, table->source->schema, table->source->name,
                 table->qualified);
        rnl_hint(err, "make it a generated column in the target, leave it out of the table's "
                      "columns, or follow from PostgreSQL 18 with publish_generated_columns");
        return RNL_E_CONFIG;
    }
    return RNL_OK;
}

int apply_bind(struct pg_sink *sink, const struct rnl_catalog *catalog, struct rnl_error *err)
{
    uint32_t count = sink->host->table_count(catalog);
    struct named *names = calloc(count + (size_t)1, sizeof(*names));

    if (!names || !cascade_map_make(&sink->cascades, sink->host, catalog)) {
        free(names);
        return error_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct bound_table *table = &sink->tables[i];

        names[i] = (struct named){table->source, i};
        for (uint32_t k = 0; k < table->source->ncolumns; k++)
            table->computes =
                table->computes || (table->columns[k].written && is_computed(table, k));
        table->changes = (struct changeset_table){
            .ncolumns = table->source->ncolumns, .key = table->key, .nkey = table->nkey};
    }
    if (count)
        qsort(names, count, sizeof(*names), by_name);
    for (int i = 0; i < RANKS_MAX && raise_ranks(sink, names, count, i == 0); i++)
        continue;
    free(names);
    return RNL_OK;
}
