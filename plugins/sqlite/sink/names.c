/* Names in the file: schemas have to go into them, and case tells nothing apart. */
#include "sink.h"

#include <strings.h>

const struct ident_rule names_rule = {250, false, false};

/* Whether tables of this schema get its name before theirs. */
static bool keeps_schema(const struct sink *sink, const struct rnl_table *table, bool several)
{
    const char *schema = table->schema ? table->schema : "";

    if (*schema == '\0' || sink->config->schemas == SCHEMAS_IGNORE)
        return false;
    if (sink->config->schemas == SCHEMAS_PREFIX)
        return true;
    if (strcmp(schema, "main") == 0)
        return false;
    if (table->dialect && strcmp(table->dialect, "postgres") == 0)
        return strcmp(schema, "public") != 0;
    return several || (table->flags & RNL_TABLE_PLACED);
}

static bool has_several(const struct sink *sink, const struct rnl_catalog *catalog)
{
    uint32_t count = sink->host->table_count(catalog);

    for (uint32_t i = 1; i < count; i++)
        if (strcmp(sink->host->table_at(catalog, i)->schema,
                   sink->host->table_at(catalog, 0)->schema) != 0)
            return true;
    return false;
}

/* Names that begin with sqlite_ are the library's own, those with runnel_ ours. */
static void fit_table(const char *name, char out[IDENT_ROOM])
{
    char longer[2 * IDENT_ROOM];

    if (strncasecmp(name, "sqlite_", 7) != 0 && strncasecmp(name, "runnel_", 7) != 0) {
        ident_cut(&names_rule, name, out);
        return;
    }
    snprintf(longer, sizeof(longer), "_%.*s", (int)sizeof(longer) - 2, name);
    ident_cut(&names_rule, longer, out);
}

static bool name_columns(const struct rnl_table *table, struct map_table *map, struct arena *arena)
{
    struct idents taken = {.caseless = true};
    char fitted[IDENT_ROOM], picked[IDENT_ROOM];
    bool good = true;

    map->columns = arena_alloc(arena, sizeof(*map->columns) * (table->ncolumns + 1));
    for (uint32_t i = 0; good && map->columns && i < table->ncolumns; i++) {
        const char *name = COLUMN(table, i)->name;

        ident_cut(&names_rule, name, fitted);
        good = idents_pick(&taken, &names_rule, fitted, "", name, picked) &&
               (map->columns[i].name = arena_strdup(arena, picked));
    }
    idents_free(&taken);
    return good && map->columns;
}

int names_of_catalog(const struct sink *sink, const struct rnl_catalog *catalog,
                     struct arena *arena, struct map_table **out, struct rnl_error *err)
{
    uint32_t count = sink->host->table_count(catalog);
    bool several = has_several(sink, catalog), good = true;
    struct map_table *tables = arena_alloc(arena, sizeof(*tables) * (count + 1));
    struct idents taken = {.caseless = true};

    for (uint32_t i = 0; good && tables && i < count; i++) {
        const struct rnl_table *table = sink->host->table_at(catalog, i);
        char wanted[2 * IDENT_ROOM], fitted[IDENT_ROOM], picked[IDENT_ROOM], whole[512];

        if (keeps_schema(sink, table, several))
            snprintf(wanted, sizeof(wanted), "%.250s_%.250s", table->schema, table->name);
        else
            snprintf(wanted, sizeof(wanted), "%.510s", table->name);
        snprintf(whole, sizeof(whole), "%.250s.%.250s", table->schema, table->name);
        fit_table(wanted, fitted);
        tables[i].same = table->dialect && strcmp(table->dialect, "sqlite") == 0;
        good = idents_pick(&taken, &names_rule, fitted, table->schema, whole, picked) &&
               (tables[i].name = arena_strdup(arena, picked)) &&
               name_columns(table, &tables[i], arena);
    }
    idents_free(&taken);
    *out = tables;
    return good && tables ? RNL_OK : error_memory(err);
}
