/* runnel cutover: the last changes, the proof, and the end of a pipeline that followed its source.
 */
#include "../inspect.h"
#include "../plan.h"
#include "../remote.h"
#include "../selection.h"
#include "../util/clock.h"
#include "attend.h"
#include "foreground.h"
#include "job.h"
#include "verify_job.h"

#include <stdlib.h>
#include <time.h>

#define ANSWER_MS 10000
#define LOOK_MS 100

enum { QUIET_S = 5, WAIT_S = 600 };

static const struct cli_option options[] = {
    NAMING_OPTIONS,
    CHANGE_OPTIONS,
    {"lanes", 'l', CLI_INT, 0, "N",
     "threads that compare (preset: one for each processor, 2 to 4)"},
    {"quiet-seconds", 0, CLI_INT, 0, "N",
     "wait until the source was without a change for so long (preset: 5; 0: end where its log ends "
     "now)"},
    {"wait", 0, CLI_INT, 0, "SECONDS",
     "how long a process that runs the pipeline may take to end in order (preset: 600)"},
    {"no-verify", 0, CLI_FLAG, 0, NULL, "don't compare before the pipeline is done"},
};

/* A process that follows now ends in order: this one goes on from where it stood. */
static int stop_other(const char *name, int64_t wait_s, struct rnl_error *err)
{
    int64_t until_ms = clock_ms() + wait_s * 1000;
    json_t *answer;
    int status = remote_ask(name, "stop", NULL, ANSWER_MS, &answer, err);

    while (status == RNL_OK) {
        json_decref(answer);
        if (clock_ms() >= until_ms) {
            rnl_fail(err, RNL_E_RETRY, "remote.slow",
                     "the process that runs pipeline %s was told to end, but hasn't yet", name);
            rnl_hint(err, "runnel status %s shows what it is at; then cut over again", name);
            return err->status;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        status = remote_ask(name, "status", NULL, ANSWER_MS, &answer, err);
    }
    return RNL_OK; /* nobody runs it (any more) */
}

/*
 * The run tells the source itself when it has said its last word; where it was cut off just then,
 * or the source didn't hear, a slot would hold back the log for ever.
 */
static int let_go(const struct inspection *inspection, struct rnl_error *err)
{
    const struct session *source = &inspection->source, *sink = &inspection->sink;
    const char *name = inspection->config->name;
    int status = RNL_OK;

    if (sink->plugin->sink.claim)
        status = sink->plugin->sink.claim(sink->self, name, err);
    if (status == RNL_OK && source->plugin->source.unfollow)
        status = source->plugin->source.unfollow(source->self, name, err);
    return status;
}

static int let_go_at_last(const struct pipeline_config *config, struct secret_resolver *resolver,
                          struct rnl_error *err)
{
    struct inspection inspection = {.config = config, .resolver = resolver, .of_run = true};
    int status = inspect_open(&inspection, err);

    if (status == RNL_OK)
        status = let_go(&inspection, err);
    inspect_close(&inspection);
    return status;
}

/*
 * Two URLs don't say what the command that began it said: which tables, how many lanes for changes
 * and which structure. *selection, the caller's, holds the rules.
 */
static int take_recorded(struct pipeline_config *config, const struct record *record,
                         struct selection **selection, struct rnl_error *err)
{
    const struct table_rule *rules;
    size_t count;

    if (selection_from_text(record->selection, selection, err) != RNL_OK)
        return err->status;
    rules = selection_rules(*selection, &count);
    memcpy(&config->tables, &rules, sizeof(config->tables)); /* lent: nobody changes them */
    config->ntables = count;
    config->structure = record->structure;
    config->change_lanes = 0;
    for (uint32_t i = 0; i < plan_count(record->plan); i++)
        config->change_lanes += plan_at(record->plan, i)->kind == RNL_UNIT_CHANGES;
    return RNL_OK;
}

/* What the target remembers of it; only what has been followed can be cut over. */
static int learn(struct pipeline_config *config, bool by_urls, struct selection **selection,
                 struct secret_resolver *resolver, struct rnl_error *err)
{
    struct inspection inspection = {.config = config, .resolver = resolver, .of_run = true};
    int status = inspect_open_sink(&inspection, err);
    bool done = false;

    if (status == RNL_OK && (!inspection.recorded || inspection.record.mode == MODE_CONVERT)) {
        status =
            rnl_fail(err, RNL_E_CONFIG, "cutover.nothing",
                     "the target knows of no pipeline %s that follows its source", config->name);
        rnl_hint(err, "name it as it was begun (SOURCE TARGET, --name, or its file)");
    } else if (status == RNL_OK) {
        config->mode = inspection.record.mode;
        done = inspection.record.state == RECORD_DONE;
        if (by_urls)
            status = take_recorded(config, &inspection.record, selection, err);
    }
    inspect_close(&inspection);
    if (!done || let_go_at_last(config, resolver, err) != RNL_OK)
        return done ? err->status : status;
    return rnl_fail(err, RNL_E_CONFIG, "cutover.done",
                    "pipeline %s was cut over before; the source keeps nothing for it",
                    config->name);
}

static void say(const char *what)
{
    if (!cli_json())
        fprintf(stderr, "cutover: %s\n", what);
}

static int cut_over(const struct job *job, struct pipeline_config *config,
                    const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int code;

    config->drain = true;
    config->quiet_seconds = cli_int(args, "quiet-seconds", QUIET_S);
    say("applying the changes that are left");
    code = foreground_run(config, job->resolver, args);
    if (code != EXIT_DONE)
        return code;
    if (!cli_flag(args, "no-verify")) {
        say("comparing source and target");
        code = verify_job(job, NULL, true, args);
        if (code != EXIT_DONE) {
            fprintf(stderr, "the pipeline is not done: it can be followed on by the command that "
                            "began it, mended by runnel verify --repair, and cut over again\n");
            return code;
        }
    }
    config->cutover = true;
    config->quiet_seconds = 0;
    code = foreground_run(config, job->resolver, args);
    if (code == EXIT_DONE && let_go_at_last(config, job->resolver, &err) != RNL_OK)
        return cli_fail(&err);
    if (code == EXIT_DONE && !cli_json())
        printf(
            "pipeline %s is cut over: the target stands on its own, and the source keeps nothing "
            "for it any more\n",
            config->name);
    return code;
}

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct pipeline_config *config;
    struct selection *selection = NULL;
    struct job job;
    int code;

    if (job_open(&job, args, &err) != RNL_OK)
        return cli_fail(&err);
    memcpy(&config, &job.pipeline, sizeof(struct pipeline_config *)); /* the job's own */
    if (job_apply_changes(config, args, &err) != RNL_OK ||
        stop_other(config->name, cli_int(args, "wait", WAIT_S), &err) != RNL_OK ||
        learn(config, job.made, &selection, job.resolver, &err) != RNL_OK)
        code = cli_fail(&err);
    else
        code = cut_over(&job, config, args);
    if (selection) { /* which made none of its own */
        config->tables = NULL;
        config->ntables = 0;
        selection_free(selection);
    }
    job_close(&job);
    return code;
}

const struct cli_command cutover_command = {
    .name = "cutover",
    .args = "SOURCE TARGET | PIPELINE",
    .summary = "End a pipeline that follows its source: last changes, proof, and let go",
    .help =
        "For the moment when applications move from the source to the target. Stop them first\n"
        "from writing to the source. Then a process that runs the pipeline here is ended in\n"
        "order, the changes that are left are applied, identities and sequences get the\n"
        "source's numbers, every row of both sides is compared, and the source is told to keep\n"
        "nothing for the pipeline any more. When rows differ, the pipeline is left as it was.\n\n"
        "Exit codes: 0 cut over, 4 rows differ or stand aside, 1 failed, 2 usage or\n"
        "configuration.",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
