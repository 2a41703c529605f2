/* Runs a pipeline in the foreground: the main thread watches, shows and takes signals. */
#include "foreground.h"

#include "../finding.h"
#include "../loop.h"
#include "../pipeline.h"
#include "../remote.h"
#include "../util/clock.h"
#include "../util/log.h"
#include "display.h"
#include "tables.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define SHOW_MS 200
#define SILENCE_MS 15000 /* longer than the ear of a role waits, which may be held up itself */

struct foreground {
    struct loop *loop;
    struct pipeline *pipeline;
    struct display *display;
    struct remote *remote; /* NULL: other commands can't reach it */
    const char *name;
    const char *words;    /* by which a command means the pipeline */
    const char *role;     /* "both", "reader", "writer" */
    char ear[300];        /* by which other commands reach it: a role alone is another process */
    enum rnl_level level; /* of its log, as configured */
    int signals;
    int64_t stop_ms; /* when it was told to end; 0: it wasn't */
};

static const char *const state_words[] = {"",        "ready",  "running",  "finished",
                                          "stopped", "failed", "degraded", "paused"};

static void on_ended(void *arg)
{
    struct foreground *fg = arg;

    loop_stop(fg->loop);
}

/* Comes from a thread of the pipeline. */
static void on_pipeline_ended(void *arg)
{
    struct foreground *fg = arg;

    loop_post(fg->loop, on_ended, fg);
}

static void on_signal(int signal, void *arg)
{
    struct foreground *fg = arg;
    struct progress_view view;

    (void)signal;
    if (++fg->signals > 1)
        _exit(EXIT_INTERRUPTED); /* all that counts stands in the target: nothing is lost by this */
    progress_look(pipeline_progress(fg->pipeline), &view);
    fg->stop_ms = clock_ms();
    display_say(fg->display,
                "interrupted: committing what is on its way; once more to stop at once");
    /* Rows drain; a statement on structure would hold us for as long as it takes. */
    pipeline_stop(fg->pipeline, view.phase != PHASE_LOADING && !phase_follows(view.phase));
}

/* --- what other commands ask of it ------------------------------------------------- */

/* What a role alone knows of the other one, in another process. */
static void add_other(struct foreground *fg, json_t *o)
{
    char text[400];
    int64_t at_ms;
    json_t *other;

    json_object_set_new(o, "role", json_string(fg->role));
    if (strcmp(fg->role, "both") == 0)
        return;
    pipeline_stands_by(fg->pipeline, text, sizeof(text));
    json_object_set_new(o, "stands_by", json_string(text));
    pipeline_other(fg->pipeline, text, sizeof(text), &at_ms);
    other = *text ? json_loads(text, 0, NULL) : NULL;
    if (other)
        json_object_set_new(other, "heard_ms_ago", json_integer(clock_ms() - at_ms));
    json_object_set_new(o, "other", other ? other : json_null());
}

static json_t *status_of(struct foreground *fg)
{
    struct progress_view view;
    json_t *o, *asked;

    progress_look(pipeline_progress(fg->pipeline), &view);
    o = progress_json(&view);
    json_object_set_new(o, "pipeline", json_string(fg->name));
    json_object_set_new(o, "state", json_string(state_words[pipeline_now(fg->pipeline)]));
    json_object_set_new(o, "rows_standing",
                        json_integer((json_int_t)pipeline_standing(fg->pipeline)));
    json_object_set_new(o, "words", json_string(fg->words));
    json_object_set_new(o, "pid", json_integer(getpid()));
    add_other(fg, o);
    asked = tables_asked_json(fg->pipeline);
    if (asked)
        json_object_set_new(o, "tables_asked", asked);
    return o;
}

/* Each word is heard at once; how far it has come is asked with "status". */
static json_t *on_request(void *arg, const char *word, const json_t *request, struct rnl_error *err)
{
    struct foreground *fg = arg;
    enum rnl_level level;

    if (strncmp(word, "log-", 4) == 0 && log_level_parse(word + 4, &level))
        log_set_level(level);
    else if (strcmp(word, "log-back") == 0)
        log_set_level(fg->level);
    else if (strcmp(word, "pause") == 0)
        pipeline_pause(fg->pipeline);
    else if (strcmp(word, "resume") == 0)
        pipeline_resume(fg->pipeline);
    else if (strcmp(word, "drain") == 0)
        pipeline_drain(fg->pipeline);
    else if (strcmp(word, "stop") == 0) {
        fg->stop_ms = clock_ms();
        pipeline_stop(fg->pipeline, json_is_true(json_object_get(request, "hard")));
    } else if (strcmp(word, "tables-list") == 0)
        return tables_list_json(fg->pipeline);
    else if (strcmp(word, "tables") == 0) {
        if (tables_ask(fg->pipeline, request, err) != RNL_OK)
            return NULL;
    } else if (strcmp(word, "status") != 0) {
        rnl_fail(err, RNL_E_CONFIG, "remote.request", "\"%s\" is nothing that a run understands",
                 word);
        return NULL;
    }
    return status_of(fg);
}

/* Without it a run is as good, but can't be reached: told once. */
static void listen_for_others(struct foreground *fg)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (remote_open(fg->loop, fg->ear, on_request, fg, &fg->remote, &err) != RNL_OK)
        log_write(RNL_LOG_WARN, "pipeline", "commands can't reach this run: %s", err.text);
}

/*
 * A role alone that is to end in order waits for the other one's words. Where the transport is away
 * none will come, and what is held up in it is broken off: all that counts stands in the target.
 */
static void look_at_stop(struct foreground *fg)
{
    int64_t heard_ms, now_ms = clock_ms();
    char text[400];

    if (!fg->stop_ms || strcmp(fg->role, "both") == 0)
        return;
    pipeline_other(fg->pipeline, text, sizeof(text), &heard_ms);
    if (now_ms - fg->stop_ms < SILENCE_MS || now_ms - heard_ms < SILENCE_MS)
        return;
    fg->stop_ms = 0;
    log_write(RNL_LOG_WARN, "pipeline", "nothing is heard of the other role: broken off");
    pipeline_stop(fg->pipeline, true);
}

static void on_time(void *arg)
{
    struct foreground *fg = arg;

    look_at_stop(fg);
    display_update(fg->display);
}

static enum display_style style_of(const struct cli_args *args)
{
    if (cli_flag(args, "json"))
        return DISPLAY_JSON;
    if (cli_flag(args, "quiet"))
        return DISPLAY_NONE;
    return isatty(STDERR_FILENO) && getenv("TERM") && strcmp(getenv("TERM"), "dumb") != 0
               ? DISPLAY_BARS
               : DISPLAY_LINES;
}

/* Done, but for rows that stand aside: never silently. */
static void report_standing(struct foreground *fg, const struct pipeline_config *config, bool json)
{
    uint64_t standing = pipeline_standing(fg->pipeline);

    if (json)
        return; /* stands among the findings */
    fprintf(stderr,
            "%" PRIu64 " row%s didn't fit and stand%s aside: pipeline %s is DEGRADED until %s "
            "put in or discarded; see: runnel dead-letters list %s\n",
            standing, standing == 1 ? "" : "s", standing == 1 ? "s" : "", config->name,
            standing == 1 ? "it is" : "they are", config_pipeline_words(config));
}

/* A limit that was reached is what was asked for; rows set aside until then are told all the same.
 */
static int report_stopped(struct foreground *fg, bool json)
{
    bool limited = pipeline_was_limited(fg->pipeline);

    if (!json)
        fprintf(stderr, limited
                            ? "limit reached: more is left; the same command goes on from here\n"
                            : "stopped; the same command goes on from here\n");
    if (!limited)
        return EXIT_INTERRUPTED;
    return pipeline_standing(fg->pipeline) ? EXIT_DIFFERENT : EXIT_DONE;
}

static int report(struct foreground *fg, const struct pipeline_config *config,
                  enum pipeline_state state, const struct rnl_error *err, bool json)
{
    struct progress *progress = pipeline_progress(fg->pipeline);
    struct findings *findings = pipeline_findings(fg->pipeline);
    struct progress_view view;
    bool refused; /* before anything was done: nothing to sum up, nothing to go on from */

    progress_look(progress, &view);
    refused = state == PIPELINE_FAILED && err->status == RNL_E_CONFIG && !view.total.rows_written;
    if (json)
        summary_json(config->name, state_words[state], pipeline_was_limited(fg->pipeline), progress,
                     findings, err, stdout);
    else if (progress_count(progress) && !refused && !config->cutover &&
             strcmp(fg->role, "reader") != 0) /* which doesn't know what was written */
        summary_print(progress, findings, stdout);
    if (state == PIPELINE_FAILED) {
        int code;

        if (!json && strcmp(err->code, "run.blocked") == 0)
            findings_print_some(findings, RNL_BLOCKER, stderr);
        code = cli_fail(err);
        if (progress_count(progress) && !json && !refused)
            fprintf(stderr, "what is in the target stays; the same command goes on from there\n");
        return code;
    }
    if (state == PIPELINE_STOPPED)
        return report_stopped(fg, json);
    if (state == PIPELINE_DEGRADED)
        report_standing(fg, config, json);
    if (pipeline_was_done(fg->pipeline) && !json)
        printf(
            config->mode == MODE_CONVERT
                ? "pipeline %s ended well before: nothing is left to do. What has changed since: "
                  "runnel verify; to load all anew: --restart\n"
                : "pipeline %s was cut over: changes are followed no more. What differs: runnel "
                  "verify; to load all anew and follow again: --restart\n",
            config->name);
    return state == PIPELINE_DEGRADED ? EXIT_DIFFERENT : EXIT_DONE;
}

static int watch(struct foreground *fg, const struct pipeline_config *config, bool json)
{
    struct rnl_error err = RNL_ERROR_INIT;
    enum pipeline_state state;

    if (pipeline_start(fg->pipeline, on_pipeline_ended, fg, &err) != RNL_OK)
        return cli_fail(&err);
    listen_for_others(fg);
    loop_run(fg->loop);
    remote_close(fg->remote);
    fg->remote = NULL;
    state = pipeline_wait(fg->pipeline, &err);
    display_free(fg->display);
    fg->display = NULL;
    return report(fg, config, state, &err, json);
}

static int out_of_memory(void)
{
    struct rnl_error err = RNL_ERROR_INIT;

    rnl_fail(&err, RNL_E_FATAL, "memory", "out of memory");
    return cli_fail(&err);
}

/* Starting over drops tables: asks, unless --yes. */
static bool may_restart(const struct pipeline_config *config, const struct cli_args *args)
{
    char answer[16];

    if (cli_flag(args, "yes"))
        return true;
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "--restart drops the tables that pipeline %s has loaded: say --yes too\n",
                config->name);
        return false;
    }
    fprintf(stderr,
            "Start over? The tables that pipeline %s made in the target are dropped, with their "
            "rows. [y/N] ",
            config->name);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Which role is this process's; RUN_BOTH, unless it is told. */
static int choose_role(struct foreground *fg, const struct cli_args *args, struct rnl_error *err)
{
    enum run_role role = strcmp(fg->role, "reader") == 0   ? RUN_READER
                         : strcmp(fg->role, "writer") == 0 ? RUN_WRITER
                                                           : RUN_BOTH;

    if (role == RUN_BOTH && strcmp(fg->role, "both") != 0)
        return rnl_fail(err, RNL_E_CONFIG, "usage.role",
                        "--role %s: reader, writer or both is wanted", fg->role);
    if (role == RUN_READER && cli_flag(args, "restart"))
        return rnl_fail(err, RNL_E_CONFIG, "usage.role",
                        "--restart is said to the writer, which forgets the earlier run");
    if (role == RUN_WRITER && cli_list(args, "reload"))
        return rnl_fail(err, RNL_E_CONFIG, "usage.role", "--reload is said to the reader");
    pipeline_role(fg->pipeline, role);
    snprintf(fg->ear, sizeof(fg->ear), role == RUN_BOTH ? "%s" : "%s.%s", fg->name, fg->role);
    return RNL_OK;
}

int foreground_run(const struct pipeline_config *config, struct secret_resolver *resolver,
                   const struct cli_args *args)
{
    struct foreground fg = {.name = config->name,
                            .level = log_level(),
                            .words = config_pipeline_words(config),
                            .role = cli_text(args, "role", "both")};
    struct rnl_error err = RNL_ERROR_INIT;
    int code;

    if (cli_flag(args, "discard-aside") && !cli_flag(args, "restart")) {
        rnl_fail(&err, RNL_E_CONFIG, "usage.discard_aside",
                 "--discard-aside goes with --restart (else: runnel dead-letters discard)");
        return cli_fail(&err);
    }
    if (cli_flag(args, "restart") && !may_restart(config, args))
        return EXIT_USAGE;
    fg.loop = loop_new();
    fg.pipeline = pipeline_new(config, resolver);
    if (fg.pipeline)
        fg.display = display_new(style_of(args), pipeline_progress(fg.pipeline));
    if (!fg.loop || !fg.display) {
        code = out_of_memory();
        goto free_all;
    }
    if (choose_role(&fg, args, &err) != RNL_OK) {
        code = cli_fail(&err);
        goto free_all;
    }
    if (cli_flag(args, "discard-aside"))
        pipeline_discard(fg.pipeline);
    if (cli_flag(args, "restart"))
        pipeline_restart(fg.pipeline);
    else if (tables_ask_first(fg.pipeline, cli_list(args, "reload"), &err) != RNL_OK) {
        code = cli_fail(&err);
        goto free_all;
    }
    loop_on_signal(fg.loop, SIGINT, on_signal, &fg);
    loop_on_signal(fg.loop, SIGTERM, on_signal, &fg);
    signal(SIGPIPE, SIG_IGN);
    loop_every(fg.loop, SHOW_MS, on_time, &fg);
    code = watch(&fg, config, cli_flag(args, "json"));
free_all:
    display_free(fg.display);
    pipeline_free(fg.pipeline);
    loop_free(fg.loop);
    return code;
}
