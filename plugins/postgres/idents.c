/* Names in the target: short enough, unique, and the same in every run. */
#include "idents.h"

#include <stdlib.h>

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* Cuts to at most max bytes, never inside a character. */
static size_t cut_length(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}

void ident_fit_hashed(const char *text, const char *whole, char *out)
{
    size_t keep = cut_length(text, strlen(text), NAME_BYTES - 9);

    memcpy(out, text, keep);
    snprintf(out + keep, 10, "_%08x", (unsigned)(hash_text(whole) & 0xffffffffu));
}

void ident_fit(const char *name, bool lower, char *out)
{
    size_t len = strlen(name);

    if (len <= NAME_BYTES)
        memcpy(out, name, len + 1);
    else
        ident_fit_hashed(name, name, out);
    for (char *c = out; lower && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
}

void idents_free(struct idents *names)
{
    arena_free(&names->arena);
    free(names->slots);
    memset(names, 0, sizeof(*names));
}

static size_t find_slot(const char *const *slots, size_t room, const char *name)
{
    size_t at = (size_t)hash_text(name) & (room - 1);

    while (slots[at] && strcmp(slots[at], name) != 0)
        at = (at + 1) & (room - 1);
    return at;
}

bool idents_has(const struct idents *names, const char *name)
{
    return names->room && names->slots[find_slot(names->slots, names->room, name)];
}

static bool idents_grow(struct idents *names)
{
    size_t room = names->room ? names->room * 2 : 64;
    const char **slots = calloc(room, sizeof(*slots));

    if (!slots)
        return false;
    for (size_t i = 0; i < names->room; i++)
        if (names->slots[i])
            slots[find_slot(slots, room, names->slots[i])] = names->slots[i];
    free(names->slots);
    names->slots = slots;
    names->room = room;
    return true;
}

bool idents_take(struct idents *names, const char *name)
{
    size_t at;
    char *copy;

    if (names->count * 2 >= names->room && !idents_grow(names))
        return false;
    at = find_slot(names->slots, names->room, name);
    if (names->slots[at])
        return true;
    copy = arena_strdup(&names->arena, name);
    if (!copy)
        return false;
    names->slots[at] = copy;
    names->count++;
    return true;
}

bool idents_choose(struct idents *names, const char *name, const char *prefix, const char *whole,
                   char *out)
{
    char longer[512];

    if (!idents_has(names, name)) {
        snprintf(out, NAME_BYTES + 1, "%s", name);
        return idents_take(names, out);
    }
    snprintf(longer, sizeof(longer), "%s%s%s", prefix, *prefix ? "_" : "", name);
    ident_fit(longer, false, out);
    if (idents_has(names, out))
        ident_fit_hashed(longer, whole, out);
    return idents_take(names, out);
}

/* One schema of the source becomes "public"; several keep their names. */
static bool keeps_schemas(const struct pg_sink *sink, const struct rnl_catalog *catalog)
{
    uint32_t count = sink->host->table_count(catalog);

    if (sink->config->schema && *sink->config->schema)
        return false;
    for (uint32_t i = 1; i < count; i++)
        if (strcmp(sink->host->table_at(catalog, i)->schema,
                   sink->host->table_at(catalog, 0)->schema) != 0)
            return true;
    return false;
}

static void name_schema(const struct pg_config *config, bool keep, const char *schema, char *out)
{
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

    map->columns = arena_alloc(arena, sizeof(*map->columns) * table->ncolumns);
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
    bool keep = keeps_schemas(sink, catalog);
    struct map_table *tables = arena_alloc(arena, sizeof(*tables) * (count ? count : 1));
    struct idents taken = {0};
    struct buf key = {0};
    int status = tables ? RNL_OK : error_memory(err);

    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_table *table = sink->host->table_at(catalog, i);
        struct map_table *map = &tables[i];
        char whole[512], unique[NAME_BYTES + 1];

        name_schema(sink->config, keep, table->schema, map->schema);
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
