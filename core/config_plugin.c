/* What the plugin of a block says that may stand there. */
#include "config_plugin.h"

#include "config_block.h"
#include "options.h"

#include <stdlib.h>

int plugin_tables_find(struct plugin_tables *tables, enum rnl_kind kind, const char *name,
                       struct rnl_error *err)
{
    static const enum rnl_kind both[] = {RNL_SOURCE, RNL_SINK};
    struct rnl_error why = RNL_ERROR_INIT;
    const struct plugin *plugin;

    *tables = (struct plugin_tables){0};
    if (kind) {
        if (plugin_find(kind, name, &plugin, err) != RNL_OK)
            return err->status;
        tables->items[tables->count++] = &plugin->options;
        return RNL_OK;
    }
    for (size_t i = 0; i < 2; i++)
        if (plugin_find(both[i], name, &plugin, i ? &why : err) == RNL_OK)
            tables->items[tables->count++] = &plugin->options;
    return tables->count ? RNL_OK : err->status;
}

bool plugin_tables_option(const struct plugin_tables *tables, const char *name,
                          struct rnl_option *out)
{
    for (size_t t = 0; t < tables->count; t++)
        for (uint32_t i = 0; i < tables->items[t]->count; i++) {
            options_at(tables->items[t], i, out);
            if (out->name && strcmp(out->name, name) == 0)
                return true;
        }
    return false;
}

static bool in_place(const struct rnl_option *option, enum option_place place)
{
    return place & (option->flags & RNL_O_CONNECTION ? PLACE_CONNECTION : PLACE_ROLE);
}

/* The names that may stand in this place; free() it. */
static const char **names_of(const struct plugin_tables *tables, enum option_place place,
                             size_t *count)
{
    const char **names;
    size_t all = 0;

    *count = 0;
    for (size_t t = 0; t < tables->count; t++)
        all += tables->items[t]->count;
    names = calloc(all + 1, sizeof(char *));
    if (!names)
        abort();
    for (size_t t = 0; t < tables->count; t++)
        for (uint32_t i = 0; i < tables->items[t]->count; i++) {
            struct rnl_option option;
            bool known = false;

            options_at(tables->items[t], i, &option);
            for (size_t n = 0; n < *count; n++)
                known = known || strcmp(names[n], option.name) == 0;
            if (!known && in_place(&option, place))
                names[(*count)++] = option.name;
        }
    return names;
}

static int unknown_name(const struct plugin_tables *tables, const char *what,
                        const struct setting *setting, enum option_place place,
                        struct rnl_error *err)
{
    struct rnl_option option;
    const char **names;
    char where[256];
    size_t count;

    origin_text(&setting->origin, where, sizeof(where));
    if (plugin_tables_option(tables, setting->name, &option)) {
        rnl_fail(err, RNL_E_CONFIG, "config.misplaced_word", "%s: \"%s\" does not belong into %s",
                 where, setting->name, what);
        rnl_hint(err, "%s",
                 place == PLACE_CONNECTION
                     ? "it belongs into the source or sink block of a pipeline"
                     : "it belongs into the connection that is named here");
        return err->status;
    }
    names = names_of(tables, place, &count);
    rnl_fail(err, RNL_E_CONFIG, "config.unknown_word", "%s: %s has no \"%s\"", where, what,
             setting->name);
    block_hint(err, setting->name, names, count);
    free(names);
    return err->status;
}

int plugin_tables_check(const struct plugin_tables *tables, const char *what,
                        const struct settings *settings, enum option_place place,
                        struct rnl_error *err)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->items[i];
        struct rnl_option option;

        if (!plugin_tables_option(tables, setting->name, &option) || !in_place(&option, place))
            return unknown_name(tables, what, setting, place, err);
        for (size_t t = 0; t < tables->count; t++)
            if (options_check_setting(tables->items[t], what, setting, err) != RNL_OK)
                return err->status;
    }
    return RNL_OK;
}

bool plugin_tables_secret(const struct plugin_tables *tables, const char *name)
{
    static const char *const words[] = {"pass", "secret", "token", "credential"};
    struct rnl_option option;

    if (tables && plugin_tables_option(tables, name, &option))
        return option.type == RNL_O_SECRET;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}
