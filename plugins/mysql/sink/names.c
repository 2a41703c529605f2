/* What tables and columns are called in the target. */
#include "element.h"
#include "ident.h"
#include "sink.h"

struct namer {
    const struct my_sink *sink;
    struct pool *pool;
    struct idents tables; /* "database.name" of all that are named so far */
    struct ident_rule rule;
};

/*
 * What the server takes in no name: characters beyond the basic plane, a blank at the
 * end. A mark stands in their place; the name is then told from others by ident_cut().
 */
static bool name_clean(struct text *out, const char *name)
{
    bool changed = false;

    for (const char *at = name; *at; at++) {
        unsigned char byte = (unsigned char)*at;

        if (byte >= 0xf0 || byte < 0x20 || (byte == ' ' && !at[1])) {
            changed = true;
            text_add(out, "_");
            while ((at[1] & 0xc0) == 0x80 && byte >= 0xf0)
                at++;
        } else {
            text_bytes(out, at, 1);
        }
    }
    return changed;
}

static bool name_fit(const struct ident_rule *rule, const char *name, char out[IDENT_ROOM])
{
    struct text clean = {0};
    bool changed = name_clean(&clean, name);

    if (!clean.failed && clean.ptr && changed)
        ident_cut_hashed(rule, clean.ptr, name, out);
    else
        ident_cut(rule, name, out);
    changed = !clean.failed;
    text_free(&clean);
    return changed;
}

/* Names of columns never differ in case alone. */
static const char *const *columns_name(struct namer *namer, const struct rnl_table *table)
{
    const struct ident_rule rule = {.max = 64, .characters = true};
    const char **names = pool_alloc(namer->pool, sizeof(*names) * (table->ncolumns + 1));
    struct idents taken = {.caseless = true};
    char fitted[IDENT_ROOM], name[IDENT_ROOM];
    bool good = names != NULL;

    for (uint32_t i = 0; good && i < table->ncolumns; i++) {
        const char *whole = COLUMN(table, i)->name;

        good =
            name_fit(&rule, whole, fitted) && idents_pick(&taken, &rule, fitted, "", whole, name);
        if (good)
            good = (names[i] = pool_text(namer->pool, name)) != NULL;
    }
    idents_free(&taken);
    return good ? names : NULL;
}

/*
 * The operator's choice; or the connection's database, into which the schemas of
 * PostgreSQL come by a prefix, unless each is to become a database.
 */
static const char *database_of(const struct namer *namer, const struct rnl_table *table,
                               bool *prefix)
{
    const struct sink_config *config = namer->sink->config;

    *prefix = false;
    if (config->schema && *config->schema)
        return config->schema;
    if (table->flags & RNL_TABLE_PLACED)
        return table->schema;
    if (!table->dialect || strcmp(table->dialect, "postgres") != 0 ||
        strcmp(table->schema, "public") == 0)
        return namer->sink->server.database;
    if (config->schemas == SCHEMAS_DATABASE)
        return table->schema;
    *prefix = true;
    return namer->sink->server.database;
}

static const char *key_of(struct text *key, const char *database, const char *name)
{
    key->len = 0;
    text_name(key, database);
    text_add(key, ".");
    text_name(key, name);
    return key->failed ? NULL : key->ptr;
}

static bool table_name(struct namer *namer, const struct rnl_table *table, struct table_name *out)
{
    struct text wanted = {0}, key = {0};
    char database[IDENT_ROOM], name[IDENT_ROOM];
    const char *at;
    bool prefix, good;

    good = name_fit(&namer->rule, database_of(namer, table, &prefix), database);
    text_printf(&wanted, "%s%s%s", prefix ? table->schema : "", prefix ? "_" : "", table->name);
    good = good && !wanted.failed && name_fit(&namer->rule, wanted.ptr, name);
    at = good ? key_of(&key, database, name) : NULL;
    if (at && idents_has(&namer->tables, at)) {
        wanted.len = 0;
        text_printf(&wanted, "%s.%s", table->schema, table->name);
        if (!wanted.failed)
            ident_cut_hashed(&namer->rule, table->name, wanted.ptr, name);
        at = key_of(&key, database, name);
    }
    good = at && !wanted.failed && idents_take(&namer->tables, at);
    if (good) {
        out->database = pool_text(namer->pool, database);
        out->name = pool_text(namer->pool, name);
        out->qualified = pool_text(namer->pool, at);
        out->columns = columns_name(namer, table);
        good = out->database && out->name && out->qualified && out->columns;
    }
    text_free(&wanted);
    text_free(&key);
    return good;
}

int names_of_catalog(const struct my_sink *sink, const struct rnl_catalog *catalog,
                     struct pool *pool, struct table_name **names, struct rnl_error *err)
{
    uint32_t count = sink->host->table_count(catalog);
    struct namer namer = {
        .sink = sink,
        .pool = pool,
        .tables = {.caseless = sink->fold_names},
        .rule = {.max = 64, .characters = true, .lower = sink->lower_names},
    };
    bool good;

    *names = pool_alloc(pool, sizeof(**names) * (count + 1));
    good = *names != NULL;
    for (uint32_t i = 0; good && i < count; i++)
        good = table_name(&namer, sink->host->table_at(catalog, i), &(*names)[i]);
    idents_free(&namer.tables);
    return good ? RNL_OK : error_memory(err);
}
