/* Connections, secret stores and the program's settings, read from libconfig files. */
#include "config_loader.h"
#include "config_plugin.h"
#include "secret.h"
#include "util/log.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { NAME_MAX_LENGTH = 64 };

const struct config_word config_words[] = {
    {"log.level", "log-level", "debug|info|warn|error", "info", "how much is logged", false},
    {"log.format", "log-format", "text|json|journal", "text",
     "how it is logged (preset: text, under systemd journal)", false},
    {"plugin_dir", "plugin-dir", NULL, NULL, "folders where plugins are looked for first", true},
    {"node.name", "node-name", NULL, NULL, "of a node (preset: the machine's name)", false},
    {"node.state_dir", "state-dir", NULL, NULL, "where a node keeps what is wanted of it", false},
    {"node.pipelines", "pipelines-dir", NULL, NULL, "a folder of *.cfg: a node's pipelines", false},
    {"node.connections", NULL, NULL, NULL, "a folder of *.cfg: more connections", false},
    {"node.roles", "roles", NULL, NULL, "what a node does: reader, writer, api (preset: all)",
     true},
    {"api.listen", "api-listen", NULL, "127.0.0.1:8020", "where the API listens, or off", false},
    {"api.certificate", NULL, NULL, NULL, "PEM file: the API speaks TLS", false},
    {"api.key", NULL, NULL, NULL, "PEM file: the certificate's key", false},
    {"api.hosts", NULL, NULL, NULL, "names by which the API may be asked", true},
    {"api.allow_insecure", NULL, "no|yes", "no", "plain HTTP beyond this machine", false},
};
const size_t config_nwords = sizeof(config_words) / sizeof(config_words[0]);

static const struct word top_words[] = {
    {"connections", WORD_GROUP, NULL, 0, 0}, {"pipeline", WORD_GROUP, NULL, 0, 0},
    {"pipelines", WORD_GROUPS, NULL, 0, 0},  {"secrets", WORD_GROUP, NULL, 0, 0},
    {"include", WORD_TEXTS, NULL, 0, 0},     {"log", WORD_GROUP, NULL, 0, 0},
    {"plugin_dir", WORD_TEXTS, NULL, 0, 0},  {"node", WORD_GROUP, NULL, 0, 0},
    {"registry", WORD_GROUP, NULL, 0, 0},    {"api", WORD_GROUP, NULL, 0, 0},
};
static const struct word node_words[] = {
    {"name", WORD_TEXT, NULL, 0, 0},      {"state_dir", WORD_TEXT, NULL, 0, 0},
    {"pipelines", WORD_TEXT, NULL, 0, 0}, {"connections", WORD_TEXT, NULL, 0, 0},
    {"roles", WORD_TEXTS, NULL, 0, 0},
};
static const struct word api_words[] = {
    {"listen", WORD_TEXT, NULL, 0, 0},
    {"certificate", WORD_TEXT, NULL, 0, 0},
    {"key", WORD_TEXT, NULL, 0, 0},
    {"hosts", WORD_TEXTS, NULL, 0, 0},
    {"allow_insecure", WORD_CHOICE, "no|yes", 0, 0},
};
static const struct word log_words[] = {
    {"level", WORD_CHOICE, "debug|info|warn|error", 0, 0},
    {"format", WORD_CHOICE, "text|json|journal", 0, 0},
};
static const struct word connection_words[] = {{"plugin", WORD_TEXT, NULL, 0, 0}};
static const char *const connection_skip[] = {"plugin", NULL};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

char *must_copy(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        abort();
    return copy;
}

void *must_grow(void *items, size_t count, size_t size)
{
    char *grown = realloc(items, (count + 1) * size);

    if (!grown)
        abort();
    memset(grown + count * size, 0, size);
    return grown;
}

bool name_valid(const char *name)
{
    size_t length = strlen(name);

    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
            return false;
    return length > 0 && length <= NAME_MAX_LENGTH;
}

/* A password in the clear, in a file that others can read. */
static void warn_readable(const struct connection_config *connection,
                          const struct plugin_tables *tables)
{
    static const char *const references[] = {"secret://", "file:", "env:"};
    struct stat stat_of;
    char where[256];

    for (size_t i = 0; i < connection->settings.count; i++) {
        const struct setting *setting = &connection->settings.items[i];
        bool reference = false;

        if (!setting->text || !plugin_tables_secret(tables, setting->name))
            continue;
        for (size_t r = 0; r < COUNT(references); r++)
            reference =
                reference || strncmp(setting->text, references[r], strlen(references[r])) == 0;
        if (reference || stat(setting->origin.file, &stat_of) != 0 ||
            (stat_of.st_mode & (S_IRGRP | S_IROTH)) == 0)
            continue;
        log_write(RNL_LOG_WARN, "config",
                  "%s: %s of connection %s stands in a file that others can read: give a "
                  "reference (secret://…, file:…, env:…), or chmod 600 the file",
                  origin_text(&setting->origin, where, sizeof(where)), setting->name,
                  connection->name);
    }
}

static int check_connection_name(const struct loader *loader, const config_setting_t *group,
                                 const char *name, struct rnl_error *err)
{
    const struct connection_config *other = config_connection(loader->config, name);
    char where[256];

    if (config_setting_is_group(group) != CONFIG_TRUE)
        return block_fail(group, "config.wrong_type", err,
                          "connection %s must be a block, like { plugin = \"mysql\"; … }", name);
    if (!name_valid(name))
        return block_fail(group, "config.bad_name", err, "\"%s\" can't be a connection's name",
                          name);
    if (other)
        return block_fail(group, "config.duplicate", err,
                          "there is a connection \"%s\" already, at %s", name,
                          origin_text(&other->origin, where, sizeof(where)));
    return RNL_OK;
}

static int read_connection(struct loader *loader, const config_setting_t *group,
                           struct rnl_error *err)
{
    const char *name = config_setting_name(group), *plugin;
    struct config *config = loader->config;
    struct connection_config *connection;
    struct rnl_error why = RNL_ERROR_INIT;
    struct plugin_tables tables;
    char what[100];

    if (check_connection_name(loader, group, name, err) != RNL_OK)
        return err->status;
    snprintf(what, sizeof(what), "connection %s", name);
    if (block_check(group, what, connection_words, 1, true, err) != RNL_OK)
        return err->status;
    plugin = block_text(group, "plugin");
    if (!plugin) {
        block_fail(group, "config.missing_word", err, "%s needs a plugin", what);
        rnl_hint(err, "plugin = \"mysql\"; or plugin = \"postgres\";");
        return err->status;
    }
    connection = must_grow(NULL, 0, sizeof(*connection));
    *connection = (struct connection_config){
        .name = must_copy(name), .plugin = must_copy(plugin), .origin = block_origin(group)};
    connection->origin.file = must_copy(connection->origin.file);
    config->connections =
        must_grow(config->connections, config->nconnections, sizeof(*config->connections));
    config->connections[config->nconnections++] = connection;
    if (block_flatten(group, "", connection_skip, &connection->settings, err) != RNL_OK)
        return err->status;
    if (plugin_tables_find(&tables, 0, plugin, &why) != RNL_OK) {
        block_fail(config_setting_get_member(group, "plugin"), why.code, err, "%s", why.text);
        rnl_hint(err, "%s", why.hint);
        return err->status;
    }
    if (plugin_tables_check(&tables, what, &connection->settings, PLACE_CONNECTION, err) != RNL_OK)
        return err->status;
    warn_readable(connection, &tables);
    return RNL_OK;
}

/* secrets = { file = { path = …; }; }: the settings of one store */
static int read_store(struct loader *loader, const config_setting_t *group, struct rnl_error *err)
{
    const char *name = config_setting_name(group);
    struct config *config = loader->config;
    struct rnl_error why = RNL_ERROR_INIT;
    struct plugin_tables tables;
    char what[100];

    if (config_setting_is_group(group) != CONFIG_TRUE)
        return block_fail(group, "config.wrong_type", err,
                          "secret store %s must be a block, like { path = …; }", name);
    for (size_t i = 0; i < config->nsecret_stores; i++)
        if (strcmp(config->secret_stores[i], name) == 0)
            return block_fail(group, "config.duplicate", err,
                              "the secret store %s is set up already", name);
    if (plugin_tables_find(&tables, RNL_SECRETS, name, &why) != RNL_OK) {
        block_fail(group, why.code, err, "%s", why.text);
        rnl_hint(err, "%s", why.hint);
        return err->status;
    }
    config->secret_stores =
        must_grow(config->secret_stores, config->nsecret_stores, sizeof(char *));
    config->secrets = must_grow(config->secrets, config->nsecret_stores, sizeof(*config->secrets));
    config->secret_stores[config->nsecret_stores] = must_copy(name);
    config->nsecret_stores++;
    snprintf(what, sizeof(what), "secret store %s", name);
    if (block_flatten(group, "", NULL, &config->secrets[config->nsecret_stores - 1], err) != RNL_OK)
        return err->status;
    return plugin_tables_check(&tables, what, &config->secrets[config->nsecret_stores - 1],
                               PLACE_ANY, err);
}

/* registry = { plugin = "local"; … } */
static int read_registry(struct loader *loader, const config_setting_t *group,
                         struct rnl_error *err)
{
    struct config *config = loader->config;
    struct rnl_error why = RNL_ERROR_INIT;
    struct plugin_tables tables;
    const char *plugin;

    if (config->registry)
        return block_fail(group, "config.duplicate", err, "the registry is set up already");
    if (block_check(group, "registry", connection_words, 1, true, err) != RNL_OK)
        return err->status;
    plugin = block_text(group, "plugin");
    config->registry = must_copy(plugin ? plugin : "local");
    if (block_flatten(group, "", connection_skip, &config->registry_settings, err) != RNL_OK)
        return err->status;
    if (plugin_tables_find(&tables, RNL_REGISTRY, config->registry, &why) != RNL_OK) {
        block_fail(group, why.code, err, "%s", why.text);
        rnl_hint(err, "%s", why.hint);
        return err->status;
    }
    return plugin_tables_check(&tables, "registry", &config->registry_settings, PLACE_ANY, err);
}

typedef int member_fn(struct loader *loader, const config_setting_t *group, struct rnl_error *err);

static int read_members(struct loader *loader, const config_setting_t *all, member_fn *read,
                        struct rnl_error *err)
{
    for (int i = 0; all && i < config_setting_length(all); i++)
        if (read(loader, config_setting_get_elem(all, (unsigned)i), err) != RNL_OK)
            return err->status;
    return RNL_OK;
}

/* A folder that configuration names is meant relative to the file that names it. */
static void resolve_folders(struct settings *program)
{
    const struct setting *setting = settings_find(program, "plugin_dir");
    char path[PATH_MAX], *items[64], *file;
    struct origin origin;
    size_t count = 0;

    if (setting->origin.kind != ORIGIN_FILE)
        return;
    for (; count < 63 && setting->items[count]; count++) {
        const char *slash = strrchr(setting->origin.file, '/');

        if (setting->items[count][0] == '/' || !slash)
            snprintf(path, sizeof(path), "%s", setting->items[count]);
        else
            snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - setting->origin.file),
                     setting->origin.file, setting->items[count]);
        items[count] = must_copy(path);
    }
    items[count] = NULL;
    origin = setting->origin;
    origin.file = file = must_copy(origin.file);
    settings_set_list(program, "plugin_dir", items, &origin);
    free(file);
    while (count > 0)
        free(items[--count]);
}

/* At once: the blocks that follow are checked by what their plugins say. */
static void use_folders(struct settings *program)
{
    const struct setting *setting;
    size_t count = 0;

    resolve_folders(program);
    setting = settings_find(program, "plugin_dir");
    while (setting->items[count])
        count++;
    module_set_dirs((const char *const *)setting->items, count);
}

static int read_program(struct loader *loader, const config_setting_t *root, struct rnl_error *err)
{
    static const char *const skip[] = {"connections", "pipeline", "pipelines", "secrets",
                                       "include",     "registry", NULL};
    const config_setting_t *log = config_setting_get_member(root, "log");
    const config_setting_t *folders = config_setting_get_member(root, "plugin_dir");
    const config_setting_t *node = config_setting_get_member(root, "node");
    const config_setting_t *api = config_setting_get_member(root, "api");

    if (node && block_check(node, "node", node_words, COUNT(node_words), false, err) != RNL_OK)
        return err->status;
    if (api && block_check(api, "api", api_words, COUNT(api_words), false, err) != RNL_OK)
        return err->status;
    if (log && block_check(log, "log", log_words, COUNT(log_words), false, err) != RNL_OK)
        return err->status;
    if (block_flatten(root, "", skip, &loader->config->program, err) != RNL_OK)
        return err->status;
    if (folders)
        use_folders(&loader->config->program);
    return RNL_OK;
}

int config_root_read(struct loader *loader, const config_setting_t *root, struct rnl_error *err)
{
    const config_setting_t *pipeline, *include, *registry;

    if (block_check(root, "configuration", top_words, COUNT(top_words), false, err) != RNL_OK ||
        read_program(loader, root, err) != RNL_OK ||
        read_members(loader, config_setting_get_member(root, "secrets"), read_store, err) !=
            RNL_OK ||
        read_members(loader, config_setting_get_member(root, "connections"), read_connection,
                     err) != RNL_OK)
        return err->status;
    registry = config_setting_get_member(root, "registry");
    if (registry && read_registry(loader, registry, err) != RNL_OK)
        return err->status;
    pipeline = config_setting_get_member(root, "pipeline");
    if (pipeline && config_pipeline_read(loader, pipeline, err) != RNL_OK)
        return err->status;
    if (read_members(loader, config_setting_get_member(root, "pipelines"), config_pipeline_read,
                     err) != RNL_OK)
        return err->status;
    include = config_setting_get_member(root, "include");
    if (include && config_includes_read(loader, include, err) != RNL_OK)
        return err->status;
    return config_connections_read(loader, root, err);
}

void connection_config_free(struct connection_config *connection)
{
    if (!connection)
        return;
    free(connection->name);
    free(connection->plugin);
    settings_clear(&connection->settings);
    free((void *)(uintptr_t)connection->origin.file); /* we made it */
    free(connection);
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->npipelines; i++)
        config_pipeline_free(config->pipelines[i]);
    for (size_t i = 0; i < config->nconnections; i++)
        connection_config_free(config->connections[i]);
    for (size_t i = 0; i < config->nsecret_stores; i++) {
        free(config->secret_stores[i]);
        settings_clear(&config->secrets[i]);
    }
    for (size_t i = 0; i < config->nfiles; i++)
        free(config->files[i]);
    free(config->files);
    free(config->registry);
    settings_clear(&config->registry_settings);
    free(config->pipelines);
    free(config->connections);
    free(config->secret_stores);
    free(config->secrets);
    settings_clear(&config->program);
    free(config);
}

const struct pipeline_config *config_pipeline(const struct config *config, const char *name)
{
    if (!name)
        return config->npipelines == 1 ? config->pipelines[0] : NULL;
    for (size_t i = 0; i < config->npipelines; i++)
        if (strcmp(config->pipelines[i]->name, name) == 0)
            return config->pipelines[i];
    return NULL;
}

const struct connection_config *config_connection(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->nconnections; i++)
        if (strcmp(config->connections[i]->name, name) == 0)
            return config->connections[i];
    return NULL;
}

struct secret_resolver *config_resolver(const struct config *config)
{
    struct secret_resolver *resolver = secret_resolver_new();

    for (size_t i = 0; resolver && config && i < config->nsecret_stores; i++)
        secret_resolver_store(resolver, config->secret_stores[i], &config->secrets[i]);
    return resolver;
}
