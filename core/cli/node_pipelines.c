/* runnel pipelines list, show, start, stop, pause, resume, restart: words to the node. */
#include "../node.h"
#include "../remote.h"
#include "../util/clock.h"
#include "cli.h"

#include <stdlib.h>
#include <time.h>

#define ANSWER_MS 10000
#define DETAIL_MS 2000
#define LOOK_MS 100
#define SETTLED_MS 5000

static const char *text(const json_t *o, const char *name)
{
    const char *value = json_string_value(json_object_get(o, name));

    return value ? value : "";
}

static int64_t number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

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

/* The node knows whether the worker lives; how it fares, the worker knows better. */
static void put_detail(json_t *o)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    const char *state = text(o, "state");
    json_t *detail;

    if (!json_object_get(o, "pid") || strcmp(state, "stopping") == 0)
        return;
    if (remote_ask(text(o, "pipeline"), "status", NULL, DETAIL_MS, &detail, &unheard) != RNL_OK) {
        if (strcmp(state, "running") == 0)
            json_object_set_new(o, "state", json_string("starting"));
        return;
    }
    if (strcmp(state, "running") == 0 && *text(detail, "state"))
        json_object_set(o, "state", json_object_get(detail, "state"));
    json_object_set_new(o, "status", detail);
}

static void print_json(json_t *o)
{
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
}

/* --- list and show ---------------------------------------------------------------------------- */

static void print_safe_in(const char *value, int width)
{
    cli_print_safe(stdout, value);
    printf("%*s", (int)(strlen(value) < (size_t)width ? (size_t)width - strlen(value) : 1), "");
}

static void print_row(const json_t *o)
{
    const json_t *status = json_object_get(o, "status");
    const json_t *error = json_object_get(o, "failure");

    print_safe_in(text(o, "pipeline"), 24);
    print_safe_in(text(o, "state"), 11);
    print_safe_in(text(o, "wanted"), 10);
    print_safe_in(text(o, "mode"), 11);
    cli_print_safe(stdout, *text(status, "phase") ? text(status, "phase") : text(error, "text"));
    if (json_is_true(json_object_get(o, "edited")))
        fputs(" (edited: restart it)", stdout);
    putchar('\n');
}

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
        put_detail(o);
    }
    if (cli_json())
        print_json(answer);
    else {
        printf("%-23s %-10s %-9s %-10s %s\n", "PIPELINE", "STATE", "WANTED", "MODE", "");
        json_array_foreach(all, i, o)
        {
            print_row(o);
        }
        json_array_foreach(json_object_get(answer, "refused"), i, o)
        {
            printf("refused: ");
            cli_print_safe(stdout, text(o, "text"));
            putchar('\n');
        }
    }
    json_decref(answer);
    return EXIT_DONE;
}

static void print_line(const char *head, const char *value)
{
    if (!*value)
        return;
    printf("  %-12s ", head);
    cli_print_safe(stdout, value);
    putchar('\n');
}

static void print_end(const json_t *o)
{
    const json_t *error = json_object_get(o, "failure"), *line;
    size_t i;

    if (json_object_get(o, "exit_code") && !json_object_get(o, "pid")) {
        if (number(o, "signal"))
            printf("  %-12s by signal %d\n", "ended", (int)number(o, "signal"));
        else
            printf("  %-12s with exit code %d\n", "ended", (int)number(o, "exit_code"));
    }
    if (json_is_true(json_object_get(o, "crash_loop")))
        print_line("given up", "its workers ended too early too often");
    if (json_object_get(o, "next_ms"))
        printf("  %-12s in %.1f s\n", "next try", (double)number(o, "next_ms") / 1000);
    print_line("why", text(error, "text"));
    print_line("code", text(error, "code"));
    print_line("what to do", text(error, "hint"));
    json_array_foreach(json_object_get(o, "last_words"), i, line)
    {
        print_line(i ? "" : "last words", json_string_value(line));
    }
}

static void print_entry(const json_t *o)
{
    const json_t *status = json_object_get(o, "status");

    printf("pipeline %s: %s\n", text(o, "pipeline"), text(o, "state"));
    print_line("wanted", text(o, "wanted"));
    print_line("mode", text(o, "mode"));
    print_line("file", text(o, "file"));
    if (json_object_get(o, "pid"))
        printf("  %-12s process %d, for %.1f s\n", "worker", (int)number(o, "pid"),
               (double)number(o, "alive_ms") / 1000);
    if (number(o, "restarts"))
        printf("  %-12s %d time%s\n", "restarted", (int)number(o, "restarts"),
               number(o, "restarts") == 1 ? "" : "s");
    if (json_is_true(json_object_get(o, "edited")))
        print_line("edited", "its file has changed since the worker began: restart it");
    if (!json_is_true(json_object_get(o, "configured")))
        print_line("configured", "no more: when it is stopped it is gone");
    print_line("phase", text(status, "phase"));
    if (status)
        printf("  %-12s %lld rows; more: runnel status %s\n", "written",
               (long long)number(status, "rows_written"), text(o, "pipeline"));
    print_end(o);
}

static int print_answer(json_t *o)
{
    put_detail(o);
    if (cli_json())
        print_json(o);
    else
        print_entry(o);
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
    return strcmp(text(json_object_get(o, "status"), "phase"), "starting") != 0 ||
           number(o, "alive_ms") >= SETTLED_MS;
}

/* The worker's own word counts: running is one that listens. */
static bool is_done(const json_t *o, const char *want)
{
    const char *state = text(o, "state");
    bool alive = json_object_get(o, "pid") != NULL;

    if (strcmp(want, "running") == 0 && alive)
        return (strcmp(state, "running") == 0 || strcmp(state, "degraded") == 0) && is_settled(o);
    if (strcmp(want, "running") == 0)
        return strcmp(state, "finished") == 0 || strcmp(state, "degraded") == 0 ||
               strcmp(state, "failed") == 0;
    if (strcmp(want, "paused") == 0 && json_object_get(o, "pid"))
        return strcmp(state, "paused") == 0 &&
               strcmp(text(json_object_get(o, "status"), "state"), "paused") == 0;
    return !json_object_get(o, "pid");
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
        put_detail(o);
        if (is_done(o, want)) {
            failed = strcmp(want, "running") == 0 && strcmp(text(o, "state"), "failed") == 0;
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
