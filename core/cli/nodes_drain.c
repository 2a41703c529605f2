/* runnel nodes drain and undrain: a node without work, for as long as its machine is looked after.
 */
#include "../node.h"
#include "../remote.h"
#include "../util/clock.h"
#include "cli.h"
#include "node_view.h"

#include <string.h>
#include <time.h>

#define ANSWER_MS 10000
#define LOOK_MS 100

static int ask(const char *word, json_t **answer, struct rnl_error *err)
{
    if (remote_ask(NODE_SOCKET, word, NULL, ANSWER_MS, answer, err) == RNL_OK)
        return RNL_OK;
    if (strcmp(err->code, "remote.not_running") == 0) {
        rnl_fail(err, RNL_E_CONFIG, "node.not_running",
                 "no node of this user runs on this machine");
        rnl_hint(err, "a node is drained where it runs, by its user, with its RUNNEL_RUN_DIR");
    }
    return err->status;
}

/* The node is named, or meant by --this: never by leaving both away. */
static int check_meant(const struct cli_args *args, struct rnl_error *err)
{
    json_t *node;
    int status = RNL_OK;

    if ((args->nwords == 1) == cli_flag(args, "this")) {
        rnl_fail(err, RNL_E_CONFIG, "usage.node", "which node: its name, or --this?");
        rnl_hint(err, "runnel nodes shows names");
        return err->status;
    }
    if (ask("status", &node, err) != RNL_OK)
        return err->status;
    if (args->nwords == 1 && strcmp(view_text(node, "node"), args->words[0]) != 0) {
        status =
            rnl_fail(err, RNL_E_CONFIG, "node.elsewhere", "the node on this machine is %s, not %s",
                     view_text(node, "node"), args->words[0]);
        rnl_hint(err, "a node is drained where it runs, by its user, with its RUNNEL_RUN_DIR");
    }
    json_decref(node);
    return status;
}

static int print_node(json_t *node)
{
    if (cli_json()) {
        json_dumpf(node, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        fputs("node ", stdout);
        cli_print_safe(stdout, view_text(node, "node"));
        puts(json_is_true(json_object_get(node, "drained"))
                 ? " is drained: none of its pipelines has a process, and none gets one, behind a "
                   "restart too; then: runnel nodes undrain --this"
                 : " is at work again");
    }
    json_decref(node);
    return EXIT_DONE;
}

static int run_drain(const struct cli_args *args)
{
    int64_t until_ms = clock_ms() + cli_int(args, "wait", 60) * 1000;
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *node;

    if (check_meant(args, &err) != RNL_OK || ask("drain", &node, &err) != RNL_OK)
        return cli_fail(&err);
    while (!json_is_true(json_object_get(node, "drained"))) {
        json_decref(node);
        if (clock_ms() >= until_ms) {
            rnl_fail(&err, RNL_E_RETRY, "node.slow",
                     "the node is being drained, but some of its workers haven't ended yet");
            rnl_hint(&err, "runnel pipelines list shows which");
            return cli_fail(&err);
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        if (ask("status", &node, &err) != RNL_OK)
            return cli_fail(&err);
    }
    return print_node(node);
}

static int run_undrain(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *node;

    if (check_meant(args, &err) != RNL_OK || ask("undrain", &node, &err) != RNL_OK)
        return cli_fail(&err);
    return print_node(node);
}

static const struct cli_option drain_options[] = {
    {"this", 0, CLI_FLAG, 0, NULL, "the node of this user on this machine, whatever its name"},
    {"wait", 0, CLI_INT, 0, "SECONDS", "how long to wait until it is so (preset: 60)"},
};
static const struct cli_option undrain_options[] = {
    {"this", 0, CLI_FLAG, 0, NULL, "the node of this user on this machine, whatever its name"},
};

extern const struct cli_command nodes_drain_command, nodes_undrain_command;

const struct cli_command nodes_drain_command = {
    .name = "nodes drain",
    .args = "[NODE]",
    .summary = "End all workers of a node in order, and start none, until nodes undrain",
    .help = "For maintenance: what is wanted of its pipelines stays as it is, and the node runs\n"
            "on without work, behind a restart too. What is on its way is committed first.",
    .options = drain_options,
    .noptions = sizeof(drain_options) / sizeof(drain_options[0]),
    .max_words = 1,
    .run = run_drain,
};

const struct cli_command nodes_undrain_command = {
    .name = "nodes undrain",
    .args = "[NODE]",
    .summary = "Let a node work again that was drained",
    .options = undrain_options,
    .noptions = sizeof(undrain_options) / sizeof(undrain_options[0]),
    .max_words = 1,
    .run = run_undrain,
};
