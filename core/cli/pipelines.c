/* runnel pipelines delete and reset: what source and target keep of a pipeline goes; tables stay.
 */
#include "../inspect.h"
#include "../node.h"
#include "../remote.h"
#include "job.h"

#include <jansson.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    NAMING_OPTIONS,
    {"keep-source", 0, CLI_FLAG, 0, NULL,
     "don't ask the source, which is gone for example: what it keeps for the pipeline stays"},
};

/* Nobody runs it, nor can begin to, until the sink is closed. */
static int claim(const struct inspection *inspection, struct rnl_error *err)
{
    const struct session *sink = &inspection->sink;

    if (!sink->plugin->sink.claim)
        return RNL_OK;
    return sink->plugin->sink.claim(sink->self, inspection->config->name, err);
}

/* The source first: while the target remembers the pipeline, this can be done again. */
static int let_go(struct inspection *inspection, bool keep_source, struct rnl_error *err)
{
    const struct session *source = &inspection->source, *sink = &inspection->sink;
    const char *name = inspection->config->name;
    int status = RNL_OK;

    if (!keep_source && source->plugin->source.unfollow)
        status = source->plugin->source.unfollow(source->self, name, err);
    return status == RNL_OK ? sink->plugin->sink.forget(sink->self, name, err) : status;
}

static void say(const struct inspection *inspection)
{
    const char *name = inspection->config->name;

    if (cli_json())
        cli_print_strings(stdout,
                          (const char *const[]){"pipeline", name, "deleted",
                                                inspection->recorded ? "true" : "false", NULL});
    else if (inspection->recorded)
        printf("pipeline %s is deleted: its tables stay in the target as they are\n", name);
    else
        printf("the target knows of no pipeline %s; the source keeps nothing for it\n", name);
}

static bool wanted(const struct inspection *inspection, const struct cli_args *args)
{
    char question[300];

    if (!inspection->recorded || inspection->record.state == RECORD_DONE)
        return true;
    snprintf(question, sizeof(question),
             "pipeline %s is not done: after this it can't be gone on with. Delete it?",
             inspection->config->name);
    return cli_confirm(args, question);
}

typedef bool wanted_fn(const struct inspection *inspection, const struct cli_args *args);

static int forget(const struct job *job, const struct cli_args *args, wanted_fn *is_wanted)
{
    struct inspection inspection = {
        .config = job->pipeline, .resolver = job->resolver, .of_run = true};
    struct rnl_error err = RNL_ERROR_INIT;
    bool keep_source = cli_flag(args, "keep-source");
    int code = EXIT_DONE;
    int status =
        keep_source ? inspect_open_sink(&inspection, &err) : inspect_open(&inspection, &err);

    if (status == RNL_OK)
        status = claim(&inspection, &err);
    if (status == RNL_OK && !is_wanted(&inspection, args)) {
        status = rnl_fail(&err, RNL_E_CONFIG, "pipelines.unsure", "nothing was deleted");
        rnl_hint(&err, "--yes says so beforehand");
    }
    if (status == RNL_OK)
        status = let_go(&inspection, keep_source, &err);
    if (status == RNL_OK)
        say(&inspection);
    else
        code = cli_fail(&err);
    inspect_close(&inspection);
    return code;
}

/* --- reset: of a node's pipeline -------------------------------------------------------------- */

#define ANSWER_MS 10000

static bool any_alive(const json_t *pipeline)
{
    const json_t *worker;
    size_t i;

    json_array_foreach(json_object_get(pipeline, "workers"), i, worker)
    {
        if (json_object_get(worker, "pid"))
            return true;
    }
    return false;
}

/*
 * A node that has it must leave it alone, before and after. *file: where the node has it from,
 * malloc'd; NULL: from the configuration, or there is no node.
 */
static int left_alone(const char *name, char **file, struct rnl_error *err)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    json_t *request = json_pack("{s:s}", "pipeline", name), *o;
    const char *wanted, *from;
    bool alone;

    if (remote_ask(NODE_SOCKET, "show", request, ANSWER_MS, &o, &unheard) != RNL_OK)
        return RNL_OK;
    wanted = json_string_value(json_object_get(o, "wanted"));
    from = json_string_value(json_object_get(o, "file"));
    alone = !any_alive(o) && wanted && strcmp(wanted, "stopped") == 0;
    *file = alone && from ? strdup(from) : NULL;
    json_decref(o);
    if (alone)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "node.not_stopped", "pipeline %s isn't stopped", name);
    rnl_hint(err, "first: runnel pipelines stop %s", name);
    return err->status;
}

static bool reset_wanted(const struct inspection *inspection, const struct cli_args *args)
{
    const char *name = inspection->config->name;

    if (!inspection->recorded)
        return true;
    if (!cli_json())
        printf(
            "What goes: how far pipeline %s has come (so that it can't be gone on with), the rows "
            "that were set aside for it, and the log that its source keeps for it.\nWhat stays: "
            "its tables and their rows; the next start loads by schema_policy and write_mode.\n",
            name);
    return cli_confirm(args, "Discard it?");
}

static int reset_by(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct job job;
    int code;

    if (job_open(&job, args, &err) != RNL_OK)
        return cli_fail(&err);
    code = forget(&job, args, reset_wanted);
    job_close(&job);
    return code;
}

static int run_reset(const struct cli_args *args)
{
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = "--pipeline"};
    struct rnl_error err = RNL_ERROR_INIT;
    struct cli_args of_file = *args;
    char *file = NULL, *words[2] = {NULL, NULL};
    int code;

    if (args->nwords == 1 && left_alone(args->words[0], &file, &err) != RNL_OK)
        return cli_fail(&err);
    if (file) {
        words[0] = file;
        of_file.words = words;
        of_file.options = (struct settings){0};
        settings_merge(&of_file.options, &args->options);
        settings_set(&of_file.options, "pipeline", SETTING_TEXT, args->words[0], &origin);
        code = reset_by(&of_file);
        settings_clear(&of_file.options);
    } else
        code = reset_by(args);
    free(file);
    return code;
}

/* --- delete ----------------------------------------------------------------------------------- */

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct job job;
    int code;

    if (job_open(&job, args, &err) != RNL_OK)
        return cli_fail(&err);
    code = forget(&job, args, wanted);
    job_close(&job);
    return code;
}

const struct cli_command pipelines_delete_command = {
    .name = "pipelines delete",
    .args = "SOURCE TARGET | PIPELINE",
    .summary = "Forget a pipeline: what source and target keep of it goes, its tables stay",
    .help = "For a pipeline that is not wanted any more. The source lets go of what it keeps for\n"
            "it (a replication slot and a publication, and with them the log that is held back);\n"
            "the target forgets how far it has come, and the rows that were set aside. Tables and\n"
            "rows stay. A pipeline that somebody runs is not deleted: stop it first.\n\n"
            "Exit codes: 0 deleted or not there, 1 failed, 2 usage or configuration.",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};

extern const struct cli_command pipelines_reset_command;

const struct cli_command pipelines_reset_command = {
    .name = "pipelines reset",
    .args = "SOURCE TARGET | PIPELINE",
    .summary = "Forget how far a stopped pipeline has come: its next start begins anew",
    .help = "Says what goes and asks (--yes answers). Source and target forget the pipeline as\n"
            "`runnel pipelines delete` does; its file stays, and so do tables and rows: what the\n"
            "next start does with those, schema_policy and write_mode say. A pipeline that a node\n"
            "runs or wants running is refused: stop it first.\n\n"
            "Exit codes: 0 done or nothing was there, 1 failed, 2 usage or configuration.",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 2,
    .run = run_reset,
};
