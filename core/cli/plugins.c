/* runnel plugins: lists the connectors that there are, and prints their options. */
#include "../config.h"
#include "../module.h"
#include "../options.h"
#include "../util/log.h"
#include "cli.h"

#include <jansson.h>
#include <stdlib.h>

struct listing {
    struct config *config; /* may be NULL */
    const struct plugin **plugins;
    size_t nplugins;
    const struct module_refusal *refusals;
    size_t nrefusals;
};

static int by_kind_and_name(const void *a, const void *b)
{
    const struct plugin *one = *(const struct plugin *const *)a;
    const struct plugin *two = *(const struct plugin *const *)b;

    return one->kind != two->kind ? (int)one->kind - (int)two->kind : strcmp(one->name, two->name);
}

/*
 * All that can be loaded, in order. A configuration that can't be read must not hide
 * the plugins: it may be one of them that it lacks.
 */
static int listing_make(struct listing *listing, const struct cli_args *args, struct rnl_error *err)
{
    struct rnl_error config_err = RNL_ERROR_INIT;
    const struct plugin *const *plugins;

    *listing = (struct listing){0};
    if (cli_config(args, NULL, &listing->config, &config_err) != RNL_OK) {
        log_error("plugins", &config_err);
        listing->config = NULL;
    }
    module_load_all(&plugins, &listing->nplugins, &listing->refusals, &listing->nrefusals);
    listing->plugins = calloc(listing->nplugins + 1, sizeof(struct plugin *));
    if (!listing->plugins)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the list of plugins");
    memcpy(listing->plugins, plugins, listing->nplugins * sizeof(struct plugin *));
    qsort(listing->plugins, listing->nplugins, sizeof(struct plugin *), by_kind_and_name);
    return RNL_OK;
}

static void listing_clear(struct listing *listing)
{
    free(listing->plugins);
    config_free(listing->config);
}

/* ---- runnel plugins ------------------------------------------------------ */

static void print_table(const struct listing *listing)
{
    printf("%-10s %-12s %-9s %-4s %s\n", "KIND", "NAME", "VERSION", "ABI", "FILE");
    for (size_t i = 0; i < listing->nplugins; i++) {
        const struct plugin *plugin = listing->plugins[i];

        printf("%-10s %-12s ", kind_name(plugin->kind), plugin->name);
        cli_print_safe(stdout, plugin->module->version);
        printf("%*s %u.%-2u ", 8 - (int)strnlen(plugin->module->version, 8), "",
               plugin->module->abi_major, plugin->module->abi_minor);
        cli_print_safe(stdout, plugin->path);
        printf("\n%10s ", "");
        cli_print_safe(stdout, plugin->summary);
        putchar('\n');
    }
    if (listing->nplugins == 0)
        puts("No plugin is there.");
    for (size_t i = 0; i < listing->nrefusals; i++) {
        printf("%srefused: ", i ? "" : "\n");
        cli_print_safe(stdout, listing->refusals[i].path);
        printf(" [%s]\n  ", listing->refusals[i].error.code);
        cli_print_safe(stdout, listing->refusals[i].error.text);
        printf("\n  ");
        cli_print_safe(stdout, listing->refusals[i].error.hint);
        putchar('\n');
    }
}

static void print_json(json_t *object)
{
    if (object)
        json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static json_t *plugin_json(const struct plugin *plugin)
{
    char abi[24];

    snprintf(abi, sizeof(abi), "%u.%u", plugin->module->abi_major, plugin->module->abi_minor);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s?}", "kind", kind_name(plugin->kind), "name",
                     plugin->name, "version", plugin->module->version, "abi", abi, "license",
                     plugin->module->license, "file", plugin->path, "summary", plugin->summary,
                     "schemes", plugin->schemes);
}

static void print_list_json(const struct listing *listing)
{
    json_t *plugins = json_array(), *refused = json_array();

    for (size_t i = 0; i < listing->nplugins; i++)
        json_array_append_new(plugins, plugin_json(listing->plugins[i]));
    for (size_t i = 0; i < listing->nrefusals; i++) {
        const struct module_refusal *refusal = &listing->refusals[i];

        json_array_append_new(refused, json_pack("{s:s,s:s,s:s,s:s}", "file", refusal->path, "code",
                                                 refusal->error.code, "text", refusal->error.text,
                                                 "hint", refusal->error.hint));
    }
    print_json(json_pack("{s:b,s:o,s:o}", "ok", 1, "plugins", plugins, "refused", refused));
}

static int list_run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct listing listing;
    int code = EXIT_DONE;

    if (listing_make(&listing, args, &err) != RNL_OK)
        code = cli_fail(&err);
    else if (cli_json())
        print_list_json(&listing);
    else
        print_table(&listing);
    listing_clear(&listing);
    return code;
}

/* ---- runnel plugins help ------------------------------------------------- */

static json_t *option_json(const struct rnl_option *option)
{
    static const char *const types[] = {"string", "int",  "bool",   "size", "duration",
                                        "list",   "enum", "secret", "file"};
    json_t *object = json_pack("{s:s,s:s,s:s?,s:s?,s:b,s:b}", "name", option->name, "type",
                               types[option->type - RNL_O_STRING], "preset", option->preset, "help",
                               option->help, "required", (option->flags & RNL_O_REQUIRED) != 0,
                               "connection", (option->flags & RNL_O_CONNECTION) != 0);

    if (object && (option->min || option->max)) {
        json_object_set_new(object, "min", json_integer(option->min));
        json_object_set_new(object, "max", json_integer(option->max));
    }
    if (object && option->type == RNL_O_ENUM)
        json_object_set_new(object, "words", json_string(option->words));
    return object;
}

static void print_help_json(const struct plugin *const *found, size_t count)
{
    json_t *all = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *plugin = plugin_json(found[i]), *options = json_array();

        for (uint32_t o = 0; o < found[i]->options.count; o++) {
            struct rnl_option option;

            options_at(&found[i]->options, o, &option);
            json_array_append_new(options, option_json(&option));
        }
        json_object_set_new(plugin, "options", options);
        json_array_append_new(all, plugin);
    }
    print_json(json_pack("{s:b,s:o}", "ok", 1, "plugins", all));
}

static void print_help(const struct plugin *plugin, bool markdown)
{
    printf(markdown ? "## %s: %s\n\n" : "%s %s: ", plugin->name, kind_name(plugin->kind));
    cli_print_safe(stdout, plugin->summary);
    putchar('\n');
    if (plugin->schemes)
        printf(markdown ? "\nURLs: `%s`\n" : "URLs: %s\n", plugin->schemes);
    if (plugin->options.count == 0)
        puts(markdown ? "\nNo options." : "  no options");
    else if (markdown)
        putchar('\n');
    options_print(&plugin->options, stdout, markdown);
}

static int unknown_plugin(const struct listing *listing, const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const char **names = calloc(listing->nplugins + 1, sizeof(char *));
    const char *near;

    for (size_t i = 0; names && i < listing->nplugins; i++)
        names[i] = listing->plugins[i]->name;
    rnl_fail(&err, RNL_E_CONFIG, "plugin.unknown", "there is no plugin named %s", name);
    near = names ? nearest_word(name, names, listing->nplugins) : NULL;
    if (near)
        rnl_hint(&err, "did you mean %s?", near);
    else
        rnl_hint(&err, "`runnel plugins` lists those that there are, and those refused");
    free(names);
    return cli_fail(&err);
}

static int help_run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct plugin **found;
    struct listing listing;
    size_t count = 0;
    int code = EXIT_DONE;

    if (listing_make(&listing, args, &err) != RNL_OK) {
        code = cli_fail(&err);
        goto clear;
    }
    found = listing.plugins; /* those of the name move to the front */
    for (size_t i = 0; i < listing.nplugins; i++) {
        const struct plugin *plugin = listing.plugins[i];

        if (strcmp(plugin->name, args->words[0]) == 0) {
            listing.plugins[i] = found[count];
            found[count++] = plugin;
        }
    }
    if (count == 0)
        code = unknown_plugin(&listing, args->words[0]);
    else if (cli_json())
        print_help_json(found, count);
    for (size_t i = 0; i < count && !cli_json(); i++) {
        if (i)
            putchar('\n');
        print_help(found[i], cli_flag(args, "markdown"));
    }
clear:
    listing_clear(&listing);
    return code;
}

static const struct cli_option help_options[] = {
    {"markdown", 0, CLI_FLAG, CLI_ARGV, NULL, "as tables of a reference page"},
};

extern const struct cli_command plugins_command, plugins_help_command;

const struct cli_command plugins_command = {
    .name = "plugins",
    .summary = "List the connectors that there are, and those refused",
    .help = "Looks into the folders of --plugin-dir, RUNNEL_PLUGIN_DIR (several by colons), the "
            "folder plugins beside the program, ../lib/runnel and the one it was installed with. "
            "A file is refused unless it and all folders above it belong to root or to the user "
            "that runs runnel, and nobody else may write there.",
    .run = list_run,
};

const struct cli_command plugins_help_command = {
    .name = "plugins help",
    .args = "NAME",
    .summary = "Explain a connector's options",
    .options = help_options,
    .noptions = sizeof(help_options) / sizeof(help_options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = help_run,
};
