/* runnel config show|check: what is configured, where each piece comes from, and whether it fits.
 */
#include "../config.h"
#include "../config_plugin.h"
#include "cli.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

/* Where what is shown goes. */
struct shown {
    bool origin;
    json_t *list; /* NULL: as text, to stdout */
};

/* One text of all items: [ "a", "b" ] */
static char *list_text(char *const *items)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    if (!to)
        abort();
    fputs("[ ", to);
    for (size_t i = 0; items[i]; i++)
        fprintf(to, "%s\"%s\"", i ? ", " : "", items[i]);
    fputs(" ]", to);
    if (fclose(to) != 0)
        abort();
    return text;
}

static void show(struct shown *shown, const char *name, const struct setting *setting, bool secret)
{
    bool quoted = !secret && setting->type == SETTING_TEXT;
    char from[256], *list = NULL;
    const char *text = setting->text;

    if (setting->type == SETTING_LIST)
        text = list = list_text(setting->items);
    if (secret)
        text = "***";
    origin_text(&setting->origin, from, sizeof(from));
    if (shown->list) {
        json_array_append_new(
            shown->list, json_pack("{s:s, s:s, s:s}", "name", name, "value", text, "origin", from));
    } else {
        printf("%s = %s", name, quoted ? "\"" : "");
        cli_print_safe(stdout, text);
        printf("%s%s%s\n", quoted ? "\"" : "", shown->origin ? "    # " : "",
               shown->origin ? from : "");
    }
    free(list);
}

static void show_text(struct shown *shown, const char *name, const char *text,
                      const struct origin *origin)
{
    char *copy = strdup(text);
    struct setting setting = {.type = SETTING_TEXT, .text = copy, .origin = *origin};

    if (!copy)
        abort();
    show(shown, name, &setting, false);
    free(copy);
}

/* As it would be written: numbers and truths bare, all else in quotes. */
static void show_preset(struct shown *shown, const char *name, const char *text)
{
    bool bare = !text[strspn(text, "0123456789")] || strcmp(text, "true") == 0;
    char *copy = strdup(text);
    struct setting setting = {
        .type = bare ? SETTING_INT : SETTING_TEXT, .text = copy, .origin = {.kind = ORIGIN_PRESET}};

    if (!copy)
        abort();
    show(shown, name, &setting, false);
    free(copy);
}

static void show_settings(struct shown *shown, const char *prefix, const struct settings *settings,
                          const struct plugin_tables *tables)
{
    char name[400];

    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->items[i];

        snprintf(name, sizeof(name), "%s.%s", prefix, setting->name);
        show(shown, name, setting, plugin_tables_secret(tables, setting->name));
    }
}

static void show_program(struct shown *shown, const struct settings *program)
{
    const struct origin preset = {.kind = ORIGIN_PRESET};

    for (size_t i = 0; i < config_nwords; i++) {
        const struct setting *setting = settings_find(program, config_words[i].name);

        if (setting)
            show(shown, config_words[i].name, setting, false);
        else if (config_words[i].preset)
            show_text(shown, config_words[i].name, config_words[i].preset, &preset);
    }
}

static void show_registry(struct shown *shown, const struct config *config)
{
    const struct origin preset = {.kind = ORIGIN_PRESET};
    struct rnl_error err = RNL_ERROR_INIT;
    const char *plugin = config->registry ? config->registry : "local";
    struct plugin_tables tables;
    bool known = plugin_tables_find(&tables, RNL_REGISTRY, plugin, &err) == RNL_OK;

    if (!config->registry)
        return;
    show_text(shown, "registry.plugin", plugin, &preset);
    show_settings(shown, "registry", &config->registry_settings, known ? &tables : NULL);
}

static void show_connection(struct shown *shown, const struct connection_config *connection)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct plugin_tables tables;
    char prefix[160], name[300];
    bool known = plugin_tables_find(&tables, 0, connection->plugin, &err) == RNL_OK;

    snprintf(prefix, sizeof(prefix), "connections.%s", connection->name);
    snprintf(name, sizeof(name), "%s.plugin", prefix);
    show_text(shown, name, connection->plugin, &connection->origin);
    show_settings(shown, prefix, &connection->settings, known ? &tables : NULL);
}

static void show_role(struct shown *shown, const char *prefix,
                      const struct pipeline_config *pipeline, const struct role_config *role)
{
    char name[300];

    snprintf(name, sizeof(name), "%s.plugin", prefix);
    show_text(shown, name, role->plugin, &pipeline->origin);
    if (role->connection) {
        snprintf(name, sizeof(name), "%s.connection", prefix);
        show_text(shown, name, role->connection->name, &pipeline->origin);
    }
    show_settings(shown, prefix, &role->settings, NULL);
}

static void show_pipeline(struct shown *shown, const struct pipeline_config *pipeline)
{
    char lanes[12];
    const char *const presets[][2] = {
        {"mode", "convert"},
        {"ddl", "evolve"},
        {"truncate", "apply"},
        {"memory", "64M"},
        {"max_row", "128M"},
        {"retry.seconds", "600"},
        {"retry.first_ms", "200"},
        {"retry.max_ms", "15000"},
        {"limits.events", "0"},
        {"limits.seconds", "0"},
        {"reader.lanes", lanes},
        {"reader.bundle_rows", "500"},
        {"reader.chunk_bytes", "32M"},
        {"writer.lanes", lanes},
        {"writer.change_lanes", "1"},
        {"writer.commit_bytes", "32M"},
        {"writer.on_error", "stop"},
        {"writer.error_limit", "1000"},
        {"writer.keep_rows", "true"},
        {"writer.structure.tables", "true"},
        {"writer.structure.indexes", "true"},
        {"writer.structure.foreign_keys", "true"},
        {"writer.structure.checks", "true"},
        {"writer.structure.comments", "true"},
        {"writer.schema_policy", "create_missing_only"},
        {"writer.write_mode", "fail_if_not_empty"},
    };
    char prefix[160], name[240];

    snprintf(lanes, sizeof(lanes), "%" PRIu32, config_lanes());
    snprintf(prefix, sizeof(prefix), "pipelines.%s", pipeline->name);
    show_settings(shown, prefix, &pipeline->written, NULL);
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        snprintf(name, sizeof(name), "%s.%s", prefix, presets[i][0]);
        if (!settings_find(&pipeline->written, presets[i][0]))
            show_preset(shown, name, presets[i][1]);
    }
    snprintf(name, sizeof(name), "%s.reader.source", prefix);
    show_role(shown, name, pipeline, &pipeline->reader);
    snprintf(name, sizeof(name), "%s.writer.sink", prefix);
    show_role(shown, name, pipeline, &pipeline->writer);
    snprintf(name, sizeof(name), "%s.transport.plugin", prefix);
    show_text(shown, name, pipeline->transport, &pipeline->origin);
    snprintf(name, sizeof(name), "%s.transport", prefix);
    show_settings(shown, name, &pipeline->transport_settings, NULL);
    for (size_t i = 0; i < pipeline->ntables; i++) {
        const struct table_rule *rule = &pipeline->tables[i];

        snprintf(name, sizeof(name), "%s.reader.tables[%zu].%s", prefix, i,
                 rule->exclude ? "exclude" : "name");
        show_text(shown, name, rule->name, &pipeline->origin);
        snprintf(name, sizeof(name), "%s.reader.tables[%zu].where", prefix, i);
        if (rule->where)
            show_text(shown, name, rule->where, &pipeline->origin);
    }
}

static void show_config(struct shown *shown, const struct config *config)
{
    char prefix[160];

    show_program(shown, &config->program);
    show_registry(shown, config);
    for (size_t i = 0; i < config->nsecret_stores; i++) {
        snprintf(prefix, sizeof(prefix), "secrets.%s", config->secret_stores[i]);
        show_settings(shown, prefix, &config->secrets[i], NULL);
    }
    for (size_t i = 0; i < config->nconnections; i++)
        show_connection(shown, config->connections[i]);
    for (size_t i = 0; i < config->npipelines; i++)
        show_pipeline(shown, config->pipelines[i]);
}

static int config_show_run(const struct cli_args *args)
{
    struct shown shown = {.origin = cli_flag(args, "origin")};
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config;
    json_t *all;

    if (cli_config(args, args->nwords ? args->words[0] : NULL, &config, &err) != RNL_OK)
        return cli_fail(&err);
    if (cli_json())
        shown.list = json_array();
    show_config(&shown, config);
    if (shown.list) {
        all = json_pack("{s:b, s:o}", "ok", 1, "settings", shown.list);
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    }
    config_free(config);
    return EXIT_DONE;
}

static int config_check_run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config;

    /* The file alone counts, and what it includes: not what else this machine has. */
    if (config_load(args->words[0], &config, &err) != RNL_OK)
        return cli_fail(&err);
    if (cli_json())
        printf("{\"ok\":true,\"connections\":%zu,\"pipelines\":%zu}\n", config->nconnections,
               config->npipelines);
    else
        printf("%s is right: %zu connection%s, %zu pipeline%s\n", args->words[0],
               config->nconnections, config->nconnections == 1 ? "" : "s", config->npipelines,
               config->npipelines == 1 ? "" : "s");
    config_free(config);
    return EXIT_DONE;
}

static const struct cli_option show_options[] = {
    {"origin", 0, CLI_FLAG, CLI_ARGV, NULL, "say where each value comes from"},
};

extern const struct cli_command config_show_command, config_check_command;

const struct cli_command config_show_command = {
    .name = "config show",
    .args = "[FILE]",
    .summary = "Show the configuration in force; secrets are not shown",
    .help = "A value comes from a flag, the environment (RUNNEL_…), a URL, a file, or is a\n"
            "preset: the first of these that has it. FILE is read beside --config.\n",
    .options = show_options,
    .noptions = sizeof(show_options) / sizeof(show_options[0]),
    .max_words = 1,
    .run = config_show_run,
};

const struct cli_command config_check_command = {
    .name = "config check",
    .args = "FILE",
    .summary = "Check a configuration file or folder without connecting to anything",
    .min_words = 1,
    .max_words = 1,
    .run = config_check_run,
};
