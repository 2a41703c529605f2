/* What can be said of the rules of a pipeline only when all tables are described. */
#include "catalog_part.h"

#include "plan.h"

static int check_names_met(const struct rnl_catalog *catalog, struct rnl_error *err)
{
    for (size_t r = 0; r < catalog->ndetails; r++) {
        const struct table_rule *rule = &catalog->details[r];
        char where[300];

        if (!catalog->used || !catalog->used[r])
            continue;
        snprintf(where, sizeof(where), "no table that fits %s", rule->name);
        for (size_t i = 0; i < rule_names(rule); i++)
            if (!catalog->used[r][i])
                return rule_unknown_column(rule, where, rule_name_at(rule, i), err);
    }
    return RNL_OK;
}

/* What is wrong with the key's end in the other table; NULL: nothing. */
static const char *broken_end(struct rnl_catalog *catalog, uint32_t t,
                              const struct rnl_foreign_key *key)
{
    const struct rnl_table *table = catalog->tables[t], *parent;
    uint32_t other = catalog_index(catalog, key->ref_schema, key->ref_table);

    if (other == CATALOG_NONE)
        return NULL; /* not wanted: the sink's to tell */
    parent = catalog->tables[other];
    for (uint32_t c = 0; c < key->ncolumns; c++) {
        uint32_t column = catalog_column(parent, key->ref_columns[c]);

        if (column == CATALOG_NONE)
            return "a column that it points to is left out";
        if (!mask_same(catalog->extras[t].mask, table, key->columns[c], catalog->extras[other].mask,
                       parent, column))
            return "its two ends are not masked alike";
    }
    return NULL;
}

void catalog_settle_keys(struct rnl_catalog *catalog)
{
    for (uint32_t t = 0; t < catalog->count; t++) {
        struct rnl_table *table = catalog->tables[t];
        struct rnl_foreign_key *keys = CATALOG_OWN(struct rnl_foreign_key, table->foreign_keys);
        uint32_t kept = 0;

        for (uint32_t i = 0; i < table->nforeign_keys; i++) {
            const char *why = broken_end(catalog, t, &keys[i]);

            if (why)
                catalog_find(catalog, table, keys[i].name, "selection.foreign_key",
                             "the foreign key is not made: %s", why);
            else
                keys[kept++] = keys[i];
        }
        table->nforeign_keys = kept;
    }
}

/* A sequence goes with the column that it numbers. */
static void settle_objects(struct rnl_catalog *catalog)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < catalog->nobjects; i++) {
        struct rnl_object *object = catalog->objects[i];
        uint32_t t = object->owner_column
                         ? catalog_index(catalog, object->owner_schema, object->owner_table)
                         : CATALOG_NONE;

        if (t == CATALOG_NONE ||
            catalog_column(catalog->tables[t], object->owner_column) != CATALOG_NONE)
            catalog->objects[kept++] = object;
    }
    catalog->nobjects = kept;
}

static int settle_names(struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct rnl_catalog *view = catalog_view(catalog);

    if (view == catalog)
        return RNL_OK;
    for (uint32_t t = 0; t < view->count; t++) {
        const struct rnl_table *table = view->tables[t];
        uint32_t other = catalog_index(view, table->schema, table->name);

        if (other == t)
            continue;
        return rnl_fail(err, RNL_E_CONFIG, "selection.same_name",
                        "tables %s.%s and %s.%s would both be %s.%s in the target",
                        catalog->tables[t]->schema, catalog->tables[t]->name,
                        catalog->tables[other]->schema, catalog->tables[other]->name, table->schema,
                        table->name);
    }
    return RNL_OK;
}

/* A query that nobody described is a source that can't. */
static int settle_queries(const struct rnl_catalog *catalog, struct rnl_error *err)
{
    uint32_t described = 0;

    for (uint32_t t = 0; t < catalog->count; t++)
        described += catalog->tables[t]->query != NULL;
    if (described >= catalog->nqueries)
        return RNL_OK;
    return rnl_fail(err, RNL_E_CONFIG, "selection.query_unsupported",
                    "the source describes %u of %u queries: it can't read queries", described,
                    catalog->nqueries);
}

/* A table asked for by name that isn't there. */
static void settle_rules(const struct rnl_catalog *catalog)
{
    for (size_t r = 0; r < catalog->nrules; r++) {
        const struct table_rule *rule = &catalog->rules[r];
        const struct rnl_table nowhere = {.schema = NULL, .name = rule->name};
        bool met = rule->exclude || rule->query || rule_is_pattern(rule);

        for (uint32_t t = 0; !met && t < catalog->count; t++)
            met = rule_fits(rule, catalog->tables[t]->schema, catalog->tables[t]->name,
                            catalog->tables[t]->query != NULL);
        if (!met)
            catalog_find(
                catalog, &nowhere, NULL, "selection.no_such_table",
                "asked for by name, and no table of the source that is moved is called so");
    }
}

int catalog_settle(struct rnl_catalog *catalog, struct rnl_error *err)
{
    if (!catalog->ndetails)
        return RNL_OK;
    settle_rules(catalog);
    catalog_settle_keys(catalog);
    settle_objects(catalog);
    if (settle_queries(catalog, err) != RNL_OK || check_names_met(catalog, err) != RNL_OK)
        return err->status;
    return settle_names(catalog, err);
}

int catalog_ask(struct rnl_catalog *catalog, struct rnl_error *err)
{
    for (size_t i = 0; i < catalog->ndetails; i++) {
        const struct table_rule *rule = &catalog->details[i];
        struct table_choice choice;
        char buf[600];
        struct rnl_query query = {.size = sizeof(query), .sql = rule->query, .key = rule->key};

        if (!rule->query)
            continue;
        selection_split(rule->name, buf, sizeof(buf), &query.schema, &query.name);
        selection_choose(catalog->rules, catalog->nrules, query.schema, query.name, true, &choice);
        if (choice.wanted && catalog_query_add(catalog, &query, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static int seal_place(void *arg, uint32_t table, struct rnl_slice *place, struct rnl_error *err)
{
    const struct rnl_catalog *catalog = arg;
    const struct mask *mask = catalog->extras[table].mask;

    return mask_seals(mask) ? mask_seal(mask, *place, place, err) : RNL_OK;
}

static int open_place(void *arg, uint32_t table, struct rnl_slice *place, struct rnl_error *err)
{
    const struct rnl_catalog *catalog = arg;
    const struct mask *mask = catalog->extras[table].mask;

    return mask_seals(mask) ? mask_open(mask, *place, place, err) : RNL_OK;
}

int catalog_seal_plan(const struct rnl_catalog *catalog, struct rnl_plan *plan,
                      struct rnl_error *err)
{
    return plan_change(plan, seal_place, CATALOG_OWN(struct rnl_catalog, catalog), err);
}

int catalog_open_plan(const struct rnl_catalog *catalog, struct rnl_plan *plan,
                      struct rnl_error *err)
{
    return plan_change(plan, open_place, CATALOG_OWN(struct rnl_catalog, catalog), err);
}
