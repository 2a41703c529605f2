/* What the plugin of a block says that may stand there. */
#ifndef CONFIG_PLUGIN_H
#define CONFIG_PLUGIN_H

#include "module.h"
#include "settings.h"

/* Where an option may stand. */
enum option_place { PLACE_CONNECTION = 1, PLACE_ROLE = 2, PLACE_ANY = 3 };

/* The tables of a plugin's name: of the source and of the sink that share a connection. */
struct plugin_tables {
    const struct rnl_options *items[2];
    size_t count;
};

/* kind 0: source and sink, whichever there is. Why not (plugin.*) in err. */
int plugin_tables_find(struct plugin_tables *tables, enum rnl_kind kind, const char *name,
                       struct rnl_error *err);
/* The option of this name into out; false: none has it. */
bool plugin_tables_option(const struct plugin_tables *tables, const char *name,
                          struct rnl_option *out);
/* Each name is one that the plugin has, in its place; what: "connection shop". */
int plugin_tables_check(const struct plugin_tables *tables, const char *what,
                        const struct settings *settings, enum option_place place,
                        struct rnl_error *err);
/* Whether what stands there must not be shown. Without tables, the name decides. */
bool plugin_tables_secret(const struct plugin_tables *tables, const char *name);

#endif
