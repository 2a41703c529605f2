/* runnel runs, events, usage: what the node on this machine has written down. */
#include "state.h"

#include "../config.h"
#include "../history.h"
#include "../node.h"
#include "configured.h"

#include <stdlib.h>
#include <string.h>

int cli_store(const struct cli_args *args, struct store **store, struct rnl_error *err)
{
    struct config *config;
    char *configured, *folder;
    int status;

    *store = NULL;
    if (cli_config(args, NULL, &config, err) != RNL_OK)
        return err->status;
    configured = configured_path(config, "node.state_dir");
    folder = node_state_folder(cli_text(args, "state-dir", NULL), configured);
    status = folder ? store_open(folder, store, err)
                    : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    free(folder);
    free(configured);
    config_free(config);
    return status;
}

static int refuse_limit(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_CONFIG, "cli.bad_value", "--limit must be from 1 to 10000");
}

typedef json_t *history_fn(struct store *store, const struct cli_args *args, int limit,
                           struct rnl_error *err);

static int show(const struct cli_args *args, history_fn *look, void (*print)(const json_t *o))
{
    int64_t limit = cli_int(args, "limit", 50);
    struct rnl_error err = RNL_ERROR_INIT;
    struct store *store;
    json_t *all, *o;
    size_t i;

    if (limit < 1 || limit > 10000)
        refuse_limit(&err);
    if (err.status != RNL_OK || cli_store(args, &store, &err) != RNL_OK)
        return cli_fail(&err);
    all = look(store, args, (int)limit, &err);
    store_close(store);
    if (!all)
        return cli_fail(&err);
    if (cli_json()) {
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    }
    for (i = json_array_size(all); !cli_json() && i > 0; i--) { /* the latest at the end */
        o = json_array_get(all, i - 1);
        print(o);
    }
    json_decref(all);
    return EXIT_DONE;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

static long long number_of(const json_t *o, const char *name)
{
    return (long long)json_integer_value(json_object_get(o, name));
}

/* --- runs ------------------------------------------------------------------------------------- */

static json_t *look_runs(struct store *store, const struct cli_args *args, int limit,
                         struct rnl_error *err)
{
    return history_runs(store, args->nwords ? args->words[0] : NULL, cli_int(args, "before", 0),
                        limit, err);
}

static void print_run(const json_t *o)
{
    printf("%-6lld %-20s %-7s %-21s %-9s %12lld rows %12lld changes  ", number_of(o, "run"),
           text_of(o, "pipeline"), text_of(o, "role"), text_of(o, "began"), text_of(o, "outcome"),
           number_of(o, "rows"), number_of(o, "changes"));
    cli_print_safe(stdout, text_of(o, "error_text"));
    putchar('\n');
}

static int run_runs(const struct cli_args *args)
{
    return show(args, look_runs, print_run);
}

/* --- events ----------------------------------------------------------------------------------- */

static json_t *look_events(struct store *store, const struct cli_args *args, int limit,
                           struct rnl_error *err)
{
    return history_events(store, args->nwords ? args->words[0] : NULL, cli_int(args, "before", 0),
                          limit, err);
}

static void print_event(const json_t *o)
{
    printf("%-6lld %s  ", number_of(o, "event"), text_of(o, "at"));
    cli_print_safe(stdout, text_of(o, "who"));
    printf("  %s  ", text_of(o, "what"));
    cli_print_safe(stdout, text_of(o, "about"));
    putchar('\n');
}

static int run_events(const struct cli_args *args)
{
    return show(args, look_events, print_event);
}

/* --- usage ------------------------------------------------------------------------------------ */

static json_t *look_usage(struct store *store, const struct cli_args *args, int limit,
                          struct rnl_error *err)
{
    return history_usage(store, args->nwords ? args->words[0] : NULL, cli_flag(args, "by-month"),
                         limit, err);
}

static void print_usage(const json_t *o)
{
    printf("%-11s %-20s %14lld rows %14lld changes %16lld bytes %9.1f hours\n",
           text_of(o, "period"), text_of(o, "pipeline"), number_of(o, "rows"),
           number_of(o, "changes"), number_of(o, "bytes"), (double)number_of(o, "seconds") / 3600);
}

static int run_usage(const struct cli_args *args)
{
    return show(args, look_usage, print_usage);
}

static const struct cli_option paged_options[] = {
    STATE_OPTION,
    {"limit", 0, CLI_INT, 0, "N", "so many at most, the latest (preset: 50)"},
    {"before", 0, CLI_INT, 0, "NUMBER", "those before this one"},
};
static const struct cli_option usage_options[] = {
    STATE_OPTION,
    {"limit", 0, CLI_INT, 0, "N", "so many lines at most, the latest (preset: 50)"},
    {"by-month", 0, CLI_FLAG, 0, NULL, "by month (preset: by day)"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern const struct cli_command runs_command, events_command, usage_command;

const struct cli_command runs_command = {
    .name = "runs",
    .args = "[PIPELINE]",
    .summary = "Show what a node has run, and how it ended",
    .options = paged_options,
    .noptions = COUNT(paged_options),
    .max_words = 1,
    .run = run_runs,
};

const struct cli_command events_command = {
    .name = "events",
    .args = "[NAME]",
    .summary = "Show who has asked a node for what",
    .help = "NAME: about a pipeline, a connection, a key of this name alone.\n",
    .options = paged_options,
    .noptions = COUNT(paged_options),
    .max_words = 1,
    .run = run_events,
};

const struct cli_command usage_command = {
    .name = "usage",
    .args = "[PIPELINE]",
    .summary = "Show how much was moved, by day or month",
    .options = usage_options,
    .noptions = COUNT(usage_options),
    .max_words = 1,
    .run = run_usage,
};
