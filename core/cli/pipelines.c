/* runnel pipelines delete: what source and target keep of a pipeline goes; the tables stay. */
#include "../inspect.h"
#include "job.h"

#include <jansson.h>

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

static int delete_it(const struct job *job, const struct cli_args *args)
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
    if (status == RNL_OK && !wanted(&inspection, args)) {
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

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct job job;
    int code;

    if (job_open(&job, args, &err) != RNL_OK)
        return cli_fail(&err);
    code = delete_it(&job, args);
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
