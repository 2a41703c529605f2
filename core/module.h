/* Loads shared objects: checks file and folders, shakes hands, keeps the plugins found. */
#ifndef MODULE_H
#define MODULE_H

#include <runnel/plugin.h>
#include <stdbool.h>

/* A plugin as the host uses it: tables of functions are the host's own size, NULL where older. */
struct plugin {
    const struct rnl_plugin *declared;
    enum rnl_kind kind;
    const char *name;
    const char *summary;
    const char *schemes; /* or NULL */
    struct rnl_options options;
    const struct rnl_module *module;
    char *path; /* of the shared object */
    union {
        struct rnl_source_ops source;
        struct rnl_sink_ops sink;
        struct rnl_transport_ops transport;
        struct rnl_secrets_ops secrets;
        struct rnl_registry_ops registry;
    };
};

/* A file that was looked at and refused, and why. */
struct module_refusal {
    char *path;
    struct rnl_error error;
};

/*
 * Where plugins are looked for, in order: --plugin-dir, RUNNEL_PLUGIN_DIR, beside the
 * program (../lib/runnel, ./plugins), the installed folder. Loading is lazy: plugin_find
 * loads NAME.so alone when it is there.
 */
void module_set_dirs(const char *const *dirs, size_t count);

/* RNL_E_CONFIG "plugin.*" with the reason and what to do. The plugin lives until exit. */
int plugin_find(enum rnl_kind kind, const char *name, const struct plugin **plugin,
                struct rnl_error *err);
/* The source or sink whose schemes have this one ("mariadb"). */
int plugin_by_scheme(enum rnl_kind kind, const char *scheme, const struct plugin **plugin,
                     struct rnl_error *err);

/* Loads one file: all checks, no search. */
int module_load(const char *path, const struct rnl_module **module, struct rnl_error *err);

/* Loads all that there is; for `runnel plugins`. Arrays live until the next call. */
void module_load_all(const struct plugin *const **plugins, size_t *nplugins,
                     const struct module_refusal **refusals, size_t *nrefusals);

const char *kind_name(enum rnl_kind kind); /* "source" */

#endif
