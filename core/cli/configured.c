/* What a node's configuration holds, for the node: it loads no connector, and so can't read it. */
#include "../child.h"
#include "../config.h"
#include "../util/crc32c.h"
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

struct listing {
    json_t *pipelines, *refused, *files;
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
                          json_pack("{s:s,s:s,s:s,s:s?,s:o}", "name", pipeline->name, "mode",
                                    modes[pipeline->mode], "transport", pipeline->transport, "file",
                                    file, "print", print_of(pipeline->origin.file)));
}

static int add_main(struct listing *listing, const struct cli_args *args, json_t *program,
                    char **folder, struct rnl_error *err)
{
    struct config *config;

    if (cli_config(args, NULL, &config, err) != RNL_OK)
        return err->status;
    for (size_t i = 0; i < config->npipelines; i++)
        add(listing, config->pipelines[i], NULL);
    for (size_t i = 0; i < config->nfiles; i++)
        json_array_append_new(listing->files, json_string(config->files[i]));
    for (size_t i = 0; i < config->program.count; i++) {
        const struct setting *setting = &config->program.items[i];
        const char *slash = setting->origin.file ? strrchr(setting->origin.file, '/') : NULL;
        char path[PATH_MAX];
        bool relative = setting->origin.kind == ORIGIN_FILE && slash && setting->text &&
                        setting->text[0] != '/' && strcmp(setting->name, "node.name") != 0;

        if (strncmp(setting->name, "node.", 5) != 0 || !setting->text)
            continue;
        snprintf(path, sizeof(path), "%.*s%s",
                 relative ? (int)(slash - setting->origin.file) + 1 : 0,
                 relative ? setting->origin.file : "", setting->text);
        json_object_set_new(program, setting->name + 5, json_string(path));
        if (strcmp(setting->name, "node.pipelines") == 0)
            *folder = strdup(path);
    }
    config_free(config);
    return RNL_OK;
}

/* A file of its own, with the connections of the main configuration at hand. */
static void add_file(struct listing *listing, const struct cli_args *args, const char *file,
                     size_t nmain)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config;

    if (cli_config(args, file, &config, &err) != RNL_OK) {
        refuse(listing, file, &err);
        return;
    }
    for (size_t i = nmain; i < config->npipelines; i++)
        add(listing, config->pipelines[i], file);
    config_free(config);
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

static int add_folder(struct listing *listing, const struct cli_args *args, const char *folder,
                      struct rnl_error *err)
{
    size_t nmain = json_array_size(listing->pipelines);
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_config, by_bytes);
    char path[PATH_MAX];

    if (count < 0)
        return rnl_fail(err, RNL_E_CONFIG, "config.no_file", "can't read the folder %s: %s", folder,
                        strerror(errno));
    for (int i = 0; i < count; i++) {
        int used = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);

        if (used > 0 && (size_t)used < sizeof(path))
            add_file(listing, args, path, nmain);
        free(entries[i]);
    }
    free(entries);
    return RNL_OK;
}

static int run(const struct cli_args *args)
{
    struct listing listing = {json_array(), json_array(), json_array()};
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *program = json_object(), *o;
    char *folder = NULL;
    int code = EXIT_DONE;

    if (child_tie(&err) != RNL_OK || add_main(&listing, args, program, &folder, &err) != RNL_OK ||
        (folder && add_folder(&listing, args, folder, &err) != RNL_OK))
        code = cli_fail(&err);
    o = json_pack("{s:o,s:o,s:o,s:o}", "node", program, "pipelines", listing.pipelines, "refused",
                  listing.refused, "files", listing.files);
    if (code == EXIT_DONE) {
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(o);
    free(folder);
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
