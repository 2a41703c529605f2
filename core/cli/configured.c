/* What a node's configuration holds, for the node: it loads no connector, and so can't read it. */
#include "configured.h"

#include "../child.h"
#include "../config_plugin.h"
#include "../module.h"
#include "../util/crc32c.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

struct listing {
    json_t *program, *pipelines, *refused, *files, *registry, *stores;
    struct rnl_error err; /* why a node can't begin with it */
};

static json_t *print_of(const char *path)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    char bytes[4096];
    uint32_t print = 0;
    size_t got;

    while (file && (got = fread(bytes, 1, sizeof(bytes), file)) > 0)
        print = crc32c(print, bytes, got);
    if (file)
        fclose(file);
    return json_integer(print);
}

static const char *owner_of(const json_t *pipelines, const char *name)
{
    const json_t *o;
    size_t i;

    json_array_foreach(pipelines, i, o)
    {
        const char *file = json_string_value(json_object_get(o, "file"));

        if (strcmp(json_string_value(json_object_get(o, "name")), name) == 0)
            return file ? file : "the main configuration";
    }
    return NULL;
}

static void refuse(struct listing *listing, const char *file, const struct rnl_error *err)
{
    json_array_append_new(listing->refused,
                          json_pack("{s:s,s:s,s:s,s:s}", "file", file, "text", err->text, "code",
                                    err->code, "hint", err->hint));
}

/* Whether its transport carries from one process to another. */
static bool is_apart(const char *transport)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* the worker tells it better */
    const struct plugin *plugin;

    return plugin_find(RNL_TRANSPORT, transport ? transport : "memory", &plugin, &unheard) ==
               RNL_OK &&
           (plugin->declared->caps & RNL_TRANSPORT_APART);
}

static void add(struct listing *listing, const struct pipeline_config *pipeline, const char *file)
{
    static const char *const modes[] = {"", "convert", "cdc", "replicate"};
    const char *owner = owner_of(listing->pipelines, pipeline->name);
    struct rnl_error err = RNL_ERROR_INIT;

    if (owner && file) {
        rnl_fail(&err, RNL_E_CONFIG, "config.duplicate",
                 "there is a pipeline \"%s\" already, in %s", pipeline->name, owner);
        refuse(listing, file, &err);
        return;
    }
    json_array_append_new(listing->pipelines,
                          json_pack("{s:s,s:s,s:s,s:b,s:s?,s:o}", "name", pipeline->name, "mode",
                                    modes[pipeline->mode], "transport", pipeline->transport,
                                    "apart", is_apart(pipeline->transport), "file", file, "print",
                                    print_of(pipeline->origin.file)));
}

char *configured_path(const struct config *config, const char *name)
{
    const struct setting *setting = settings_find(&config->program, name);
    const char *slash = setting && setting->origin.file ? strrchr(setting->origin.file, '/') : NULL;
    char *path = NULL;

    if (!setting || !setting->text)
        return NULL;
    if (setting->origin.kind != ORIGIN_FILE || !slash || setting->text[0] == '/')
        return strdup(setting->text);
    return asprintf(&path, "%.*s%s", (int)(slash - setting->origin.file) + 1, setting->origin.file,
                    setting->text) < 0
               ? NULL
               : path;
}

static int is_config(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".cfg") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file of its own, with the connections of the main configuration at hand. */
static void read_file(const struct cli_args *args, const char *file, size_t first,
                      configured_fn *call, void *arg)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config = NULL;

    if (cli_config(args, file, &config, &err) != RNL_OK)
        config = NULL;
    call(arg, config, first, file, &err);
    config_free(config);
}

static int read_folder(const struct cli_args *args, const char *folder, size_t first,
                       configured_fn *call, void *arg, struct rnl_error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_config, by_bytes);
    char path[PATH_MAX];

    if (count < 0)
        return rnl_fail(err, RNL_E_CONFIG, "config.no_file", "can't read the folder %s: %s", folder,
                        strerror(errno));
    for (int i = 0; i < count; i++) {
        int used = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);

        if (used > 0 && (size_t)used < sizeof(path))
            read_file(args, path, first, call, arg);
        free(entries[i]);
    }
    free(entries);
    return RNL_OK;
}

int configured_read(const struct cli_args *args, configured_fn *call, void *arg,
                    struct rnl_error *err)
{
    struct config *config;
    char *folder;
    size_t first;
    int status = RNL_OK;

    if (cli_config(args, NULL, &config, err) != RNL_OK)
        return err->status;
    call(arg, config, 0, NULL, err);
    folder = configured_path(config, "node.pipelines");
    first = config->npipelines;
    config_free(config);
    if (folder)
        status = read_folder(args, folder, first, call, arg, err);
    free(folder);
    return status;
}

static void take_list(json_t *into, const struct config *config, const char *name, const char *as)
{
    const struct setting *setting = settings_find(&config->program, name);
    json_t *list;

    if (!setting || !setting->items)
        return;
    list = json_array();
    for (char **item = setting->items; *item; item++)
        json_array_append_new(list, json_string(*item));
    json_object_set_new(into, as, list);
}

/*
 * What the node needs to open its registry: a secret is a reference, since what is printed here
 * must not hold it.
 */
static json_t *settings_json(struct listing *listing, enum rnl_kind kind, const char *plugin,
                             const struct settings *settings)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    struct plugin_tables tables;
    bool known = plugin_tables_find(&tables, kind, plugin, &unheard) == RNL_OK;
    json_t *all = json_object();

    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->items[i];
        const char *text = setting->text ? setting->text : "";

        if (plugin_tables_secret(known ? &tables : NULL, setting->name) &&
            strncmp(text, "secret://", 9) != 0 && strncmp(text, "file:", 5) != 0 &&
            strncmp(text, "env:", 4) != 0) {
            rnl_fail(&listing->err, RNL_E_CONFIG, "node.secret",
                     "%s of %s %s stands in the configuration in plain: a node won't have that",
                     setting->name, kind_name(kind), plugin);
            rnl_hint(&listing->err,
                     "name where it is kept: secret://file/…, file:PATH or env:NAME");
            continue;
        }
        json_object_set_new(
            all, setting->name,
            json_pack("{s:s,s:s?}", "text", text, "file",
                      setting->origin.kind == ORIGIN_FILE ? setting->origin.file : NULL));
    }
    return all;
}

static void take_registry(struct listing *listing, const struct config *config)
{
    json_decref(listing->registry);
    listing->registry =
        settings_json(listing, RNL_REGISTRY, config->registry ? config->registry : "local",
                      &config->registry_settings);
    for (size_t i = 0; config->registry && i < config->nsecret_stores; i++)
        json_object_set_new(
            listing->stores, config->secret_stores[i],
            settings_json(listing, RNL_SECRETS, config->secret_stores[i], &config->secrets[i]));
}

/* By their names behind "api."; a file is meant relative to the one that names it. */
static void take_api(struct listing *listing, const struct config *config)
{
    static const char *const names[] = {"api.listen", "api.allow_insecure", "api.certificate",
                                        "api.key"};
    json_t *words = json_object();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct setting *setting = settings_find(&config->program, names[i]);
        char *path = i > 1 ? configured_path(config, names[i]) : NULL;

        if (setting && setting->text)
            json_object_set_new(words, names[i] + strlen("api."),
                                json_string(path ? path : setting->text));
        free(path);
    }
    take_list(words, config, "api.hosts", "hosts");
    json_object_set_new(listing->program, "api", words);
}

static void take_program(struct listing *listing, const struct config *config)
{
    static const char *const names[] = {"node.name", "node.state_dir", "node.pipelines",
                                        "node.connections"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct setting *setting = settings_find(&config->program, names[i]);
        char *path = i ? configured_path(config, names[i]) : NULL;

        if (setting && setting->text)
            json_object_set_new(listing->program, names[i] + strlen("node."),
                                json_string(path ? path : setting->text));
        free(path);
    }
    for (size_t i = 0; i < config->nfiles; i++)
        json_array_append_new(listing->files, json_string(config->files[i]));
    take_registry(listing, config);
    take_api(listing, config);
    take_list(listing->program, config, "node.roles", "roles");
    take_list(listing->program, config, "plugin_dir", "plugin_dir");
    if (config->registry)
        json_object_set_new(listing->program, "registry", json_string(config->registry));
}

static void on_file(void *arg, const struct config *config, size_t first, const char *file,
                    const struct rnl_error *err)
{
    struct listing *listing = arg;

    if (!config)
        refuse(listing, file, err);
    if (config && !file)
        take_program(listing, config);
    for (size_t i = first; config && i < config->npipelines; i++)
        add(listing, config->pipelines[i], file);
}

static int run(const struct cli_args *args)
{
    struct listing listing = {json_object(), json_array(),  json_array(),  json_array(),
                              json_object(), json_object(), RNL_ERROR_INIT};
    struct rnl_error err = RNL_ERROR_INIT;
    int code = EXIT_DONE;
    json_t *o;

    if (child_tie(&err) != RNL_OK || configured_read(args, on_file, &listing, &err) != RNL_OK)
        code = cli_fail(&err);
    else if (listing.err.status != RNL_OK)
        code = cli_fail(&listing.err);
    o = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "node", listing.program, "registry",
                  listing.registry, "stores", listing.stores, "pipelines", listing.pipelines,
                  "refused", listing.refused, "files", listing.files);
    if (code == EXIT_DONE) {
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(o);
    return code;
}

static const struct cli_option options[] = {
    {"pipelines-dir", 0, CLI_TEXT, 0, "FOLDER", "each *.cfg in it holds pipelines"},
    {"node-name", 0, CLI_TEXT, 0, "NAME", "of the node"},
    {"state-dir", 0, CLI_TEXT, 0, "FOLDER", "of the node"},
};

extern const struct cli_command pipelines_configured_command;

const struct cli_command pipelines_configured_command = {
    .name = "pipelines configured",
    .summary = "List what the configuration holds, for a node, which starts this",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .run = run,
    .hidden = true,
};
