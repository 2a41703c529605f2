/* runnel pipelines list, show, start, stop, pause, resume, restart: words to the node. */
#include "../node.h"
#include "../remote.h"
#include "../util/clock.h"
#include "cli.h"
#include "node_view.h"

#include <stdlib.h>
#include <time.h>

#define ANSWER_MS 10000
#define LOOK_MS 100
#define SETTLED_MS 5000

static int ask_node(const char *word, json_t *request, json_t **answer, struct rnl_error *err)
{
    if (remote_ask(NODE_SOCKET, word, request, ANSWER_MS, answer, err) == RNL_OK)
        return RNL_OK;
    if (strcmp(err->code, "remote.not_running") == 0) {
        rnl_fail(err, RNL_E_CONFIG, "node.not_running",
                 "no node of this user runs on this machine");
        rnl_hint(err, "start one: runnel serve; of a service: run this as its user, with its "
                      "RUNNEL_RUN_DIR");
    }
    return err->status;
}

static void print_json(json_t *o)
{
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
}

/* --- list and show ---------------------------------------------------------------------------- */

static int run_list(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *answer, *all, *o;
    size_t i;

    (void)args;
    if (ask_node("status", NULL, &answer, &err) != RNL_OK)
        return cli_fail(&err);
    all = json_object_get(answer, "pipelines");
    json_array_foreach(all, i, o)
    {
        node_view_ask(o);
    }
    if (cli_json())
        print_json(answer);
    else {
        printf("%-23s %-10s %-9s %-10s %s\n", "PIPELINE", "STATE", "WANTED", "MODE", "");
        json_array_foreach(all, i, o)
        {
            node_view_row(o);
        }
        json_array_foreach(json_object_get(answer, "refused"), i, o)
        {
            printf("refused: ");
            cli_print_safe(stdout, view_text(o, "text"));
            putchar('\n');
        }
    }
    json_decref(answer);
    return EXIT_DONE;
}

static int print_answer(json_t *o)
{
    node_view_ask(o);
    if (cli_json())
        print_json(o);
    else
        node_view_print(o);
    json_decref(o);
    return EXIT_DONE;
}

static int ask_one(const char *word, const char *name, json_t *request, json_t **answer,
                   struct rnl_error *err)
{
    json_t *o = request ? request : json_object();

    json_object_set_new(o, "pipeline", json_string(name));
    return ask_node(word, o, answer, err);
}

static int run_show(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *answer;

    if (ask_one("show", args->words[0], NULL, &answer, &err) != RNL_OK)
        return cli_fail(&err);
    return print_answer(answer);
}

/* --- what is wanted --------------------------------------------------------------------------- */

/* What can't begin says so within moments: those are waited for. */
static bool is_settled(const json_t *o)
{
    const char *phase = view_text(json_object_get(o, "status"), "phase");

    return (*phase && strcmp(phase, "starting") != 0) || view_number(o, "alive_ms") >= SETTLED_MS;
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

static size_t count_alive(const json_t *o)
{
    const json_t *worker;
    size_t i, count = 0;

    json_array_foreach(json_object_get(o, "workers"), i, worker)
    {
        count += json_object_get(worker, "pid") != NULL;
    }
    return count;
}

static bool all_rest(const json_t *o)
{
    const json_t *worker;
    size_t i;

    json_array_foreach(json_object_get(o, "workers"), i, worker)
    {
        if (strcmp(view_text(json_object_get(worker, "status"), "state"), "paused") != 0)
            return false;
    }
    return true;
}

/* The workers' own words count: running is one that listens. */
static bool is_done(const json_t *o, const char *want)
{
    static const char *const at_work[] = {"running", "degraded", "waiting", NULL};
    static const char *const over[] = {"finished", "degraded", "failed", NULL};
    size_t alive = count_alive(o), all = json_array_size(json_object_get(o, "workers"));
    const char *state = view_text(o, "state");

    if (strcmp(want, "running") == 0 && strcmp(state, "failed") == 0)
        return true;
    if (strcmp(want, "running") == 0)
        return alive == 0 ? is_one_of(state, over)
                          : alive == all && is_one_of(state, at_work) && is_settled(o);
    if (strcmp(want, "paused") == 0 && alive)
        return alive == all && all_rest(o);
    return alive == 0;
}

static int gone_or(const char *name, struct rnl_error *err)
{
    if (strcmp(err->code, "node.no_pipeline") != 0)
        return cli_fail(err);
    if (!cli_json()) /* it was stopped, and isn't configured any more */
        printf("pipeline %s is stopped\n", name);
    return EXIT_DONE;
}

static int wait_for(const char *name, const char *want, int64_t until_ms)
{
    for (;;) {
        struct rnl_error err = RNL_ERROR_INIT;
        bool failed;
        json_t *o;

        if (ask_one("show", name, NULL, &o, &err) != RNL_OK)
            return strcmp(want, "stopped") == 0 ? gone_or(name, &err) : cli_fail(&err);
        node_view_ask(o);
        if (is_done(o, want)) {
            failed = strcmp(want, "running") == 0 && strcmp(view_text(o, "state"), "failed") == 0;
            print_answer(o);
            return failed ? EXIT_FAILED : EXIT_DONE;
        }
        json_decref(o);
        if (clock_ms() >= until_ms) {
            rnl_fail(&err, RNL_E_RETRY, "node.slow", "pipeline %s is wanted %s, but isn't yet",
                     name, want);
            rnl_hint(&err, "runnel pipelines show %s tells what it is at", name);
            return cli_fail(&err);
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
}

static int want(const struct cli_args *args, const char *word, bool again)
{
    json_t *request = json_pack("{s:s,s:b}", "want", word, "again", again), *answer;
    int64_t until_ms = clock_ms() + cli_int(args, "wait", 60) * 1000;
    struct rnl_error err = RNL_ERROR_INIT;

    if (ask_one("want", args->words[0], request, &answer, &err) != RNL_OK)
        return cli_fail(&err);
    json_decref(answer);
    return wait_for(args->words[0], word, until_ms);
}

static int run_start(const struct cli_args *args)
{
    return want(args, "running", false);
}

static int run_stop(const struct cli_args *args)
{
    return want(args, "stopped", false);
}

static int run_pause(const struct cli_args *args)
{
    return want(args, "paused", false);
}

static int run_restart(const struct cli_args *args)
{
    return want(args, "running", true);
}

static const struct cli_option options[] = {
    {"wait", 0, CLI_INT, 0, "SECONDS", "how long to wait until it is so (preset: 60)"},
};

extern const struct cli_command pipelines_list_command, pipelines_show_command;
extern const struct cli_command pipelines_start_command, pipelines_stop_command;
extern const struct cli_command pipelines_pause_command, pipelines_resume_command;
extern const struct cli_command pipelines_restart_command;

const struct cli_command pipelines_list_command = {
    .name = "pipelines list",
    .summary = "Show the pipelines of the node on this machine, and how they fare",
    .run = run_list,
};

const struct cli_command pipelines_show_command = {
    .name = "pipelines show",
    .args = "PIPELINE",
    .summary = "Show one pipeline of the node: its worker, or why it has none",
    .min_words = 1,
    .max_words = 1,
    .run = run_show,
};

const struct cli_command pipelines_start_command = {
    .name = "pipelines start",
    .args = "PIPELINE",
    .summary = "Have the node run a pipeline, now and after its own restarts",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_start,
};

const struct cli_command pipelines_stop_command = {
    .name = "pipelines stop",
    .args = "PIPELINE",
    .summary = "Have the node end a pipeline in order, and leave it so",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_stop,
};

const struct cli_command pipelines_pause_command = {
    .name = "pipelines pause",
    .args = "PIPELINE",
    .summary = "Have the node let a pipeline rest: its process stays",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_pause,
};

const struct cli_command pipelines_resume_command = {
    .name = "pipelines resume",
    .args = "PIPELINE",
    .summary = "Have the node let a paused pipeline go on",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_start,
};

const struct cli_command pipelines_restart_command = {
    .name = "pipelines restart",
    .args = "PIPELINE",
    .summary =
        "Have the node end a pipeline in order and start it again, with its file as it is now",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_restart,
};
