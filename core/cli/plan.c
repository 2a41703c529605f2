/* runnel plan: shows the statements that a move would make in the target, and makes none. */
#include "../plan.h"

#include "../check.h"
#include "../finding.h"
#include "../inspect.h"
#include "attend.h"
#include "job.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_option options[] = {
    JOB_OPTIONS,
};

static const char *phase_name(uint32_t phase)
{
    switch (phase) {
    case RNL_PHASE_TABLES:
        return "tables";
    case RNL_PHASE_KEYS:
        return "keys";
    case RNL_PHASE_INDEXES:
        return "indexes";
    case RNL_PHASE_ATTACH:
        return "keys of indexes";
    case RNL_PHASE_FOREIGN_KEYS:
        return "foreign keys";
    case RNL_PHASE_VALIDATE:
        return "validation";
    case RNL_PHASE_CHECKS:
        return "checks";
    case RNL_PHASE_VALUES:
        return "values";
    case RNL_PHASE_COMMENTS:
        return "comments";
    default:
        return "other";
    }
}

/* As a run would: the data is read for what types depend on. */
static int decide(struct inspection *inspection, struct rnl_steps *steps, struct rnl_error *err)
{
    struct rnl_job job;

    if (inspect_open(inspection, err) != RNL_OK || inspect_describe(inspection, err) != RNL_OK ||
        inspect_snapshot(inspection, inspection->config->reader.lanes, err) != RNL_OK)
        return err->status;
    if (check_decide(&inspection->source.plugin->source, inspection->source.self,
                     inspection->catalog, inspection->source_lanes,
                     sink_facts(&inspection->sink.plugin->sink, inspection->sink.self),
                     inspection->stopping, err) != RNL_OK)
        return err->status;
    inspect_job(inspection, &job);
    return inspection->sink.plugin->sink.map(inspection->sink.self, &job, inspection->catalog,
                                             inspection->recorded, steps, err);
}

/* To a file or a program as it is, so that a server can take it; to a terminal, safely. */
static void print_sql(const char *sql)
{
    size_t len = strlen(sql);
    char *text;

    while (len && strchr("; \n", sql[len - 1]))
        len--;
    text = strndup(sql, len);
    if (!text)
        abort();
    if (isatty(STDOUT_FILENO))
        cli_print_safe(stdout, text);
    else
        fputs(text, stdout);
    puts(";");
    free(text);
}

/* As comments: what plan prints stays SQL. */
static void print_findings(struct findings *findings)
{
    char *text = NULL, *save = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    if (!to)
        abort();
    findings_print(findings, to);
    if (fclose(to) != 0)
        abort();
    puts("\n-- What to know:");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        printf("--%s\n", line);
    free(text);
}

static void print_text(const struct inspection *inspection, const struct rnl_steps *steps)
{
    uint32_t phase = 0;

    for (uint32_t i = 0; i < steps_count(steps); i++) {
        const struct rnl_step *step = steps_at(steps, i);

        if (step->phase != phase)
            printf("%s-- %s%s\n", phase ? "\n" : "", phase_name(step->phase),
                   phase < RNL_PHASE_KEYS && step->phase > RNL_PHASE_TABLES ? " (after the rows)"
                                                                            : "");
        phase = step->phase;
        print_sql(step->text);
    }
    if (findings_count(inspection->findings, RNL_NOTE))
        print_findings(inspection->findings);
}

static void print_json(const struct inspection *inspection, const struct rnl_steps *steps)
{
    char *text = findings_to_json(inspection->findings);
    json_t *findings = text ? json_loads(text, 0, NULL) : NULL;
    json_t *list = json_array(), *o;

    for (uint32_t i = 0; i < steps_count(steps); i++) {
        const struct rnl_step *step = steps_at(steps, i);

        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "id", step->id, "phase",
                                              phase_name(step->phase), "text", step->text));
    }
    o = json_pack("{s:s,s:o,s:o}", "pipeline", inspection->config->name, "steps", list, "findings",
                  findings ? findings : json_array());
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
    free(text);
}

static int run(const struct cli_args *args)
{
    struct inspection inspection = {.stopping = attend_signals()};
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_steps *steps = steps_new();
    struct findings *findings;
    struct job job;
    int code = EXIT_DONE;

    if (job_open(&job, args, &err) != RNL_OK) {
        steps_free(steps);
        return cli_fail(&err);
    }
    inspection.config = job.pipeline;
    inspection.resolver = job.resolver;
    inspection.findings = findings_new();
    if (decide(&inspection, steps, &err) != RNL_OK)
        code = strcmp(err.code, "scan.stopped") == 0 ? EXIT_INTERRUPTED : cli_fail(&err);
    else if (cli_flag(args, "json"))
        print_json(&inspection, steps);
    else
        print_text(&inspection, steps);
    findings = inspection.findings;
    inspect_close(&inspection);
    findings_free(findings);
    steps_free(steps);
    job_close(&job);
    return code;
}

const struct cli_command plan_command = {
    .name = "plan",
    .args = "SOURCE TARGET | PIPELINE",
    .summary = "Show the statements that a move would make in the target; makes none",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
