/* Names in the target: short enough, unique, and the same in every run. */
#include "idents.h"

static const struct ident_rule server_rule = {.max = NAME_BYTES};

void ident_fit(const char *name, bool lower, char *out)
{
    const struct ident_rule rule = {.max = NAME_BYTES, .lower = lower};
    char room[IDENT_ROOM];

    ident_cut(&rule, name, room);
    memcpy(out, room, strlen(room) + 1);
}

void buf_array_text(struct buf *out, const char *text)
{
    buf_puts(out, out->len ? ",\"" : "{\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_byte(out, '\\');
        buf_byte(out, *text);
    }
    buf_byte(out, '"');
}

void ident_fit_hashed(const char *text, const char *whole, char *out)
{
    char room[IDENT_ROOM];

    ident_cut_hashed(&server_rule, text, whole, room);
    memcpy(out, room, strlen(room) + 1);
}

bool idents_choose(struct idents *names, const char *name, const char *prefix, const char *whole,
                   char *out)
{
    char room[IDENT_ROOM];
    bool good = idents_pick(names, &server_rule, name, prefix, whole, room);

    memcpy(out, room, strlen(room) + 1);
    return good;
}

bool idents_keep_schemas(const struct pg_sink *sink, const struct rnl_catalog *catalog)
{
    uint32_t count = sink->host->table_count(catalog);

    if (sink->config->schema && *sink->config->schema)
        return false;
    if (count && table_is_native(sink->host->table_at(catalog, 0)))
        return true;
    for (uint32_t i = 1; i < count; i++)
        if (strcmp(sink->host->table_at(catalog, i)->schema,
                   sink->host->table_at(catalog, 0)->schema) != 0)
            return true;
    return false;
}

bool table_is_native(const struct rnl_table *table)
{
    return table->dialect && strcmp(table->dialect, "postgres") == 0;
}

void ident_schema(const struct pg_sink *sink, bool keep, const char *schema, char *out)
{
    const struct pg_config *config = sink->config;

    if (keep)
        ident_fit(schema, config->name_case == CASE_LOWER, out);
    else
        ident_fit(config->schema && *config->schema ? config->schema : "public", false, out);
}

static const char *const system_columns[] = {"tableoid", "xmin", "cmin", "xmax",
                                             "cmax",     "ctid", "oid"};

static int name_columns(const struct pg_sink *sink, const struct rnl_table *table,
                        struct map_table *map, struct arena *arena, struct rnl_error *err)
{
    bool lower = sink->config->name_case == CASE_LOWER;
    struct idents taken = {0};
    char fitted[NAME_BYTES + 1];
    bool good = true;

    map->columns = arena_alloc(arena, sizeof(*map->columns) * (table->ncolumns + 1));
    for (size_t i = 0; i < sizeof(system_columns) / sizeof(system_columns[0]); i++)
        good = good && idents_take(&taken, system_columns[i]);
    for (uint32_t i = 0; good && map->columns && i < table->ncolumns; i++) {
        const char *name = COLUMN(table, i)->name;

        ident_fit(name, lower, fitted);
        good = idents_choose(&taken, fitted, "", name, map->columns[i].name);
    }
    idents_free(&taken);
    return good && map->columns ? RNL_OK : error_memory(err);
}

int idents_of_catalog(const struct pg_sink *sink, const struct rnl_catalog *catalog,
                      struct arena *arena, struct map_table **out, struct rnl_error *err)
{
    uint32_t count = sink->host->table_count(catalog);
    bool lower = sink->config->name_case == CASE_LOWER;
    bool keep = idents_keep_schemas(sink, catalog);
    bool chosen = sink->config->schema && *sink->config->schema;
    struct map_table *tables = arena_alloc(arena, sizeof(*tables) * (count ? count : 1));
    struct idents taken = {0};
    struct buf key = {0};
    int status = tables ? RNL_OK : error_memory(err);

    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_table *table = sink->host->table_at(catalog, i);
        struct map_table *map = &tables[i];
        char whole[512], unique[NAME_BYTES + 1];

        ident_schema(sink, keep || ((table->flags & RNL_TABLE_PLACED) && !chosen), table->schema,
                     map->schema);
        ident_fit(table->name, lower, map->name);
        snprintf(whole, sizeof(whole), "%.250s.%.250s", table->schema, table->name);
        /* one set for all schemas: the schema stands before the name */
        buf_clear(&key);
        buf_qualified(&key, map->schema, map->name);
        if (buf_text(&key) && idents_has(&taken, key.ptr)) {
            ident_fit_hashed(map->name, whole, unique);
            memcpy(map->name, unique, sizeof(unique));
            buf_clear(&key);
            buf_qualified(&key, map->schema, map->name);
        }
        if (!buf_text(&key) || !idents_take(&taken, key.ptr) ||
            !(map->qualified = arena_strdup(arena, key.ptr)))
            status = error_memory(err);
        else
            status = name_columns(sink, table, map, arena, err);
    }
    idents_free(&taken);
    buf_free(&key);
    *out = tables;
    return status;
}
