/* runnel nodes drain and undrain: a node without work, for as long as its machine is looked after.
 */
#include "../config.h"
#include "../names.h"
#include "../node.h"
#include "../registry.h"
#include "../remote.h"
#include "../secret.h"
#include "../util/clock.h"
#include "../wishes.h"
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
    if ((args->nwords == 1) != cli_flag(args, "this"))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "usage.node", "which node: its name, or --this?");
    rnl_hint(err, "runnel nodes shows names");
    return err->status;
}

/* Whether it is the one on this machine, which is asked without a detour. */
static bool is_here(const struct cli_args *args)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    json_t *node;
    bool here;

    if (args->nwords == 0)
        return true;
    if (ask("status", &node, &unheard) != RNL_OK)
        return false;
    here = strcmp(view_text(node, "node"), args->words[0]) == 0;
    json_decref(node);
    return here;
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

static int too_slow(struct rnl_error *err)
{
    rnl_fail(err, RNL_E_RETRY, "node.slow", "the node was told, but it isn't so yet");
    rnl_hint(err, "runnel nodes, and runnel pipelines list where it runs, show what it is at");
    return cli_fail(err);
}

static int drain_here(int64_t until_ms, struct rnl_error *err)
{
    json_t *node;

    if (ask("drain", &node, err) != RNL_OK)
        return cli_fail(err);
    while (!json_is_true(json_object_get(node, "drained"))) {
        json_decref(node);
        if (clock_ms() >= until_ms)
            return too_slow(err);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        if (ask("status", &node, err) != RNL_OK)
            return cli_fail(err);
    }
    return print_node(node);
}

/* --- another one, by the registry ------------------------------------------------------------- */

/* What it says of itself; RNL_DONE: the registry knows of none of this name. */
static int note_of(struct session *session, const char *name, char *note, size_t size,
                   struct rnl_error *err)
{
    struct rnl_services found = {0};
    int status = session->plugin->registry.lookup(session->self, REGISTRY_NODE, &found, err);

    if (status == RNL_OK)
        status = RNL_DONE;
    for (size_t i = 0; status == RNL_DONE && i < found.count; i++) {
        if (strcmp(found.items[i].id, name) != 0)
            continue;
        snprintf(note, size, "%s", found.items[i].note);
        status = RNL_OK;
    }
    services_clear(&found);
    if (status == RNL_DONE) {
        rnl_fail(err, RNL_E_CONFIG, "node.unknown", "the registry knows of no node %s", name);
        rnl_hint(err, "runnel nodes shows those that it knows");
    }
    return status;
}

static int say_there(struct session *session, const char *name, bool drained, struct rnl_error *err)
{
    json_t *wish = json_pack("{s:b}", "drained", drained);
    char key[300];
    int status;

    snprintf(key, sizeof(key), WISHES_PREFIX "node/%s", name);
    if (!session->plugin->registry.store) {
        status = rnl_fail(err, RNL_E_CONFIG, "node.elsewhere",
                          "node %s isn't on this machine, and the registry tells it nothing", name);
        rnl_hint(err, "drain it where it runs: runnel nodes drain --this");
    } else
        status = wishes_store(session, "~operator", key, wish, WISH_ALWAYS, err);
    json_decref(wish);
    return status;
}

static int drain_there(struct session *session, const char *name, bool drained, int64_t until_ms,
                       struct rnl_error *err)
{
    char note[200] = "";

    if (note_of(session, name, note, sizeof(note), err) != RNL_OK ||
        say_there(session, name, drained, err) != RNL_OK)
        return cli_fail(err);
    while ((strstr(note, ", drained") != NULL) != drained) {
        if (clock_ms() >= until_ms)
            return too_slow(err);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        if (note_of(session, name, note, sizeof(note), err) != RNL_OK)
            return cli_fail(err);
    }
    return print_node(json_pack("{s:s,s:b}", "node", name, "drained", drained));
}

static int drain_by_registry(const struct cli_args *args, bool drained, int64_t until_ms,
                             struct rnl_error *err)
{
    struct secret_resolver *resolver;
    struct session session = {0};
    struct config *config;
    int code;

    if (cli_config(args, NULL, &config, err) != RNL_OK)
        return cli_fail(err);
    resolver = config_resolver(config);
    if (registry_open(&session, config->registry, &config->registry_settings, resolver, err) ==
        RNL_OK)
        code = drain_there(&session, args->words[0], drained, until_ms, err);
    else
        code = cli_fail(err);
    session_close(&session);
    secret_resolver_free(resolver);
    config_free(config);
    return code;
}

static int drain(const struct cli_args *args, bool drained)
{
    int64_t until_ms = clock_ms() + cli_int(args, "wait", 60) * 1000;
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *node;

    if (check_meant(args, &err) != RNL_OK)
        return cli_fail(&err);
    if (!is_here(args))
        return drain_by_registry(args, drained, until_ms, &err);
    if (drained)
        return drain_here(until_ms, &err);
    return ask("undrain", &node, &err) == RNL_OK ? print_node(node) : cli_fail(&err);
}

static int run_drain(const struct cli_args *args)
{
    return drain(args, true);
}

static int run_undrain(const struct cli_args *args)
{
    return drain(args, false);
}

static const struct cli_option options[] = {
    {"this", 0, CLI_FLAG, 0, NULL, "the node of this user on this machine, whatever its name"},
    {"wait", 0, CLI_INT, 0, "SECONDS", "how long to wait until it is so (preset: 60)"},
};

extern const struct cli_command nodes_drain_command, nodes_undrain_command;

const struct cli_command nodes_drain_command = {
    .name = "nodes drain",
    .args = "[NODE]",
    .summary = "End all workers of a node in order, and start none, until nodes undrain",
    .help = "For maintenance: what is wanted of its pipelines stays as it is, and the node runs\n"
            "on without work, behind a restart too. What is on its way is committed first.",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .max_words = 1,
    .run = run_drain,
};

const struct cli_command nodes_undrain_command = {
    .name = "nodes undrain",
    .args = "[NODE]",
    .summary = "Let a node work again that was drained",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .max_words = 1,
    .run = run_undrain,
};
