/* runnel plugins verify: the conformance kit on one shared object. */
#include "../config.h"
#include "../kit/kit.h"
#include "../secret.h"
#include "cli.h"

#include <jansson.h>
#include <stdlib.h>

/* What the kit tells, printed as it comes; with --json kept until the end. */
struct output {
    json_t *checks; /* NULL: print */
};

static void print_record(void *arg, const struct kit_record *record)
{
    static const char *const words[] = {
        [KIT_PASSED] = "ok", [KIT_FAILED] = "FAILED", [KIT_SKIPPED] = "skipped"};
    struct output *output = arg;

    if (output->checks) {
        json_array_append_new(output->checks,
                              json_pack("{s:s,s:s,s:s}", "result", words[record->result], "check",
                                        record->name, "detail", record->detail));
        return;
    }
    printf("%-8s", words[record->result]);
    cli_print_safe(stdout, record->name);
    if (*record->detail) {
        printf(record->result == KIT_FAILED ? "\n        " : ": ");
        cli_print_safe(stdout, record->detail);
    }
    putchar('\n');
    fflush(stdout);
}

static int add_set(struct settings *settings, const char *text, struct rnl_error *err)
{
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = "--set"};
    const char *equal = strchr(text, '=');
    char name[64];

    if (!equal || equal == text || (size_t)(equal - text) >= sizeof(name)) {
        /* not the text: it may be a password */
        rnl_fail(err, RNL_E_CONFIG, "cli.bad_value", "--set wants NAME=VALUE");
        return err->status;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(equal - text), text);
    settings_set(settings, name, SETTING_TEXT, equal + 1, &origin);
    return RNL_OK;
}

/* Of a connection, by its name in the configuration or as a URL; then of each --set. */
static int collect(const struct cli_args *args, const struct config *config,
                   struct settings *settings, struct rnl_error *err)
{
    char *name = args->nwords > 1 ? args->words[1] : NULL;
    char *const *sets = cli_list(args, "set");
    struct connection_config *made = NULL;
    const struct connection_config *found = NULL;

    if (name && strstr(name, "://")) {
        if (config_connection_from_url(name, &made, err) != RNL_OK)
            return err->status;
        found = made;
    } else if (name) {
        found = config_connection(config, name);
        if (!found)
            return rnl_fail(err, RNL_E_CONFIG, "config.unknown_connection",
                            "there is no connection \"%s\"", name);
    }
    if (found)
        settings_merge(settings, &found->settings);
    connection_config_free(made);
    for (size_t i = 0; sets && sets[i]; i++)
        if (add_set(settings, sets[i], err) != RNL_OK)
            return err->status;
    return RNL_OK;
}

/*
 * A connection is read by the option tables of its plugin: those of this file, not of
 * one of the same name in the plugin folders. Why it can't be loaded the kit will say.
 */
static void prefer_file(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_module *module;

    if (args->nwords > 1)
        (void)module_load(args->words[0], &module, &err);
}

static int verify_run_command(const struct cli_args *args)
{
    struct output output = {cli_json() ? json_array() : NULL};
    struct kit kit = {.path = args->words[0], .told = print_record, .arg = &output};
    struct rnl_error err = RNL_ERROR_INIT;
    struct settings settings = {0};
    struct config *config = NULL;
    json_t *all;
    int code;

    prefer_file(args);
    if (cli_config(args, NULL, &config, &err) != RNL_OK ||
        collect(args, config, &settings, &err) != RNL_OK) {
        code = cli_fail(&err);
        goto clear;
    }
    kit.settings = &settings;
    kit.resolver = config_resolver(config);
    if (kit_run(&kit, &err) != RNL_OK) {
        code = cli_fail(&err);
        goto clear;
    }
    code = kit.failed ? EXIT_FAILED : EXIT_DONE;
    if (!output.checks) {
        printf("%u passed, %u failed, %u skipped\n", kit.passed, kit.failed, kit.skipped);
        goto clear;
    }
    all =
        json_pack("{s:b,s:i,s:i,s:i,s:O}", "ok", kit.failed == 0, "passed", (int)kit.passed,
                  "failed", (int)kit.failed, "skipped", (int)kit.skipped, "checks", output.checks);
    if (all)
        json_dumpf(all, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(all);
clear:
    secret_resolver_free(kit.resolver);
    settings_clear(&settings);
    config_free(config);
    json_decref(output.checks);
    return code;
}

static const struct cli_option options[] = {
    {"set", 0, CLI_TEXT, CLI_REPEAT | CLI_ARGV, "NAME=VALUE",
     "an option of the connector; a password is better a reference, like secret://env/NAME"},
};

extern const struct cli_command plugins_verify_command;

const struct cli_command plugins_verify_command = {
    .name = "plugins verify",
    .args = "FILE.so [CONNECTION|URL]",
    .summary = "Try whether a connector does what every connector must",
    .help = "Looks at the file, shakes hands and reads the option tables; with options, also does "
            "what a run does, more strictly. A source is only read, but a sink, a secret store "
            "and a registry are written to: a sink gets a table runnel_kit, in the place of one of "
            "this name, which is left there; the others are rid of what they got. Name no database "
            "that matters.",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 2,
    .run = verify_run_command,
};
