/* runnel serve: a node, which keeps pipelines running, each in a process of its own. */
#include "../node.h"
#include "cli.h"

#include <stdlib.h>

/* What was said on the command line goes on to the workers; the environment they have anyway. */
static char **arguments_of(const struct cli_args *args)
{
    char *const *folders = cli_list(args, "plugin-dir");
    const char *level = cli_text(args, "log-level", NULL);
    size_t count = 0, n = 0;
    char **arguments;

    while (folders && folders[count])
        count++;
    arguments = calloc(2 * count + 3, sizeof(char *));
    if (!arguments)
        abort();
    for (size_t i = 0; i < count; i++) {
        arguments[n++] = strdup("--plugin-dir");
        arguments[n++] = strdup(folders[i]);
    }
    if (level) {
        arguments[n++] = strdup("--log-level");
        arguments[n++] = strdup(level);
    }
    return arguments;
}

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char **arguments = arguments_of(args);
    const struct node_settings settings = {
        .config = cli_text(args, "config", NULL),
        .arguments = arguments,
        .name = cli_text(args, "node-name", NULL),
        .state_dir = cli_text(args, "state-dir", NULL),
        .pipelines_dir = cli_text(args, "pipelines-dir", NULL),
        .roles = cli_list(args, "roles"),
        .api_listen = cli_text(args, "api-listen", NULL),
    };
    int status = node_run(&settings, &err);

    for (char **at = arguments; *at; at++)
        free(*at);
    free(arguments);
    return status == RNL_OK ? EXIT_DONE : cli_fail(&err);
}

static const struct cli_option options[] = {
    {"pipelines-dir", 0, CLI_TEXT, 0, "FOLDER",
     "each *.cfg in it holds pipelines, beside those of --config (node.pipelines)"},
    {"state-dir", 0, CLI_TEXT, 0, "FOLDER",
     "what is wanted of pipelines is kept here (node.state_dir; preset: /var/lib/runnel of root, "
     "~/.local/state/runnel of others)"},
    {"node-name", 0, CLI_TEXT, 0, "NAME", "of this node (node.name; preset: the machine's name)"},
    {"roles", 0, CLI_TEXT, CLI_REPEAT, "ROLES",
     "reader, writer, api, or several by commas: what it does of pipelines that go between "
     "machines, and whether it answers HTTP (node.roles; preset: all)"},
    {"api-listen", 0, CLI_TEXT, 0, "ADDRESS:PORT",
     "where the API listens, or off (api.listen; preset: 127.0.0.1:8020)"},
};

const struct cli_command serve_command = {
    .name = "serve",
    .summary = "Keep pipelines running as a service: a node",
    .help = "A node starts a worker process for each pipeline that is wanted running (runnel\n"
            "pipelines start), watches it, and starts it again when it was killed. What is wanted\n"
            "is kept: after a restart of the node its pipelines go on. Files that are edited are\n"
            "read again by themselves, or on SIGHUP; what runs goes on until it is restarted.\n"
            "SIGTERM ends the workers in order, then the node; a second one ends all at once.\n\n"
            "Exit codes: 0 told to end, 2 usage or configuration.",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .run = run,
};
