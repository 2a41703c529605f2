/* runnel check: says before a move what would not arrive as it is, and what stands in the way. */
#include "../check.h"

#include "../finding.h"
#include "../inspect.h"
#include "../plan.h"
#include "attend.h"
#include "display.h"
#include "job.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    JOB_OPTIONS,
    POLICY_OPTIONS,
    {"no-data", 0, CLI_FLAG, 0, NULL, "look at structure and settings alone, read no rows"},
};

static void show_progress(void *arg, const struct check_progress *progress)
{
    char rows[24], text[160];

    (void)arg;
    if (!attend_line_due())
        return;
    snprintf(text, sizeof(text), "check: %" PRIu32 " of %" PRIu32 " tables, %s rows read",
             progress->table, progress->ntables,
             count_text((double)progress->rows, rows, sizeof(rows)));
    attend_line(text);
}

/* All that the data holds that another database may not. */
static int read_data(struct inspection *inspection, const struct cli_args *args,
                     struct rnl_error *err)
{
    struct check_options check = {
        .ops = &inspection->source.plugin->source,
        .source = inspection->source.self,
        .chunk_bytes = inspection->config->chunk_bytes,
        .scope = CHECK_ALL,
        .facts = sink_facts(&inspection->sink.plugin->sink, inspection->sink.self),
        .findings = inspection->findings,
        .stopping = inspection->stopping,
        .progress = show_progress};
    int status;

    if (inspect_snapshot(inspection, inspection->config->reader.lanes, err) != RNL_OK)
        return err->status;
    check.lanes = inspection->source_lanes;
    attend_line_start(args);
    status = check_facts(&check, inspection->catalog, err);
    attend_line_end();
    return status;
}

/* What the sink would refuse is a finding here: the other ones are wanted too. */
static void tell_refusal(const struct inspection *inspection, const struct rnl_error *err)
{
    char text[sizeof(err->text) + sizeof(err->hint) + 4];

    snprintf(text, sizeof(text), "%s%s%s", err->text, *err->hint ? "; " : "", err->hint);
    findings_add(inspection->findings, &(struct rnl_finding){.size = sizeof(struct rnl_finding),
                                                             .severity = RNL_BLOCKER,
                                                             .code = err->code,
                                                             .text = text,
                                                             .count = -1});
}

/* A refusal by the operator's means (RNL_E_CONFIG) is told, any other failure ends the check. */
static int settle(const struct inspection *inspection, int status, struct rnl_error *err)
{
    if (status != RNL_E_CONFIG)
        return status;
    tell_refusal(inspection, err);
    *err = (struct rnl_error)RNL_ERROR_INIT;
    return RNL_OK;
}

/* Decides on the tables as a run would, and makes nothing. */
static int map_dry(struct inspection *inspection, struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = &inspection->sink.plugin->sink;
    struct rnl_steps *steps = steps_new();
    struct rnl_job job;
    int status = RNL_OK;

    if (!steps)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    inspect_job(inspection, &job);
    if (sink->check)
        status = settle(inspection,
                        sink->check(inspection->sink.self, &job,
                                    session_view(&inspection->sink, inspection->catalog), err),
                        err);
    if (status >= 0)
        status = settle(inspection,
                        sink->map(inspection->sink.self, &job, catalog_view(inspection->catalog),
                                  inspection->recorded, steps, err),
                        err);
    steps_free(steps);
    return status;
}

static int look(struct inspection *inspection, const struct cli_args *args, struct rnl_error *err)
{
    const struct rnl_source_ops *source;
    int status;

    if (inspect_open(inspection, err) != RNL_OK || inspect_describe(inspection, err) != RNL_OK)
        return err->status;
    source = &inspection->source.plugin->source;
    if (source->check) {
        status = settle(inspection,
                        source->check(inspection->source.self, inspection->catalog, err), err);
        if (status < 0)
            return status;
    }
    if (!cli_flag(args, "no-data") && read_data(inspection, args, err) != RNL_OK)
        return err->status;
    return map_dry(inspection, err);
}

static void print_json(const struct inspection *inspection)
{
    char *text = findings_to_json(inspection->findings);
    json_t *list = text ? json_loads(text, 0, NULL) : NULL;
    json_t *o =
        json_pack("{s:s,s:b,s:i,s:o}", "pipeline", inspection->config->name, "blocked",
                  findings_count(inspection->findings, RNL_BLOCKER) > 0, "tables",
                  (int)catalog_count(inspection->catalog), "findings", list ? list : json_array());

    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
    free(text);
}

static int report(const struct inspection *inspection, const struct cli_args *args)
{
    size_t blockers = findings_count(inspection->findings, RNL_BLOCKER);
    size_t warnings = findings_count(inspection->findings, RNL_WARNING) - blockers;
    size_t notes = findings_count(inspection->findings, RNL_NOTE) - blockers - warnings;

    if (cli_flag(args, "json")) {
        print_json(inspection);
    } else {
        findings_print(inspection->findings, stdout);
        printf("%" PRIu32 " table%s looked at: %zu in the way, %zu warning%s, %zu note%s\n",
               catalog_count(inspection->catalog),
               catalog_count(inspection->catalog) == 1 ? "" : "s", blockers, warnings,
               warnings == 1 ? "" : "s", notes, notes == 1 ? "" : "s");
    }
    return blockers ? EXIT_DIFFERENT : EXIT_DONE;
}

static int run(const struct cli_args *args)
{
    struct inspection inspection = {.stopping = attend_signals()};
    struct rnl_error err = RNL_ERROR_INIT;
    struct findings *findings;
    struct job job;
    int code;

    if (job_open(&job, args, &err) != RNL_OK)
        return cli_fail(&err);
    inspection.config = job.pipeline;
    inspection.resolver = job.resolver;
    inspection.findings = findings_new();
    if (look(&inspection, args, &err) == RNL_OK) {
        findings_join_policies(inspection.findings);
        code = report(&inspection, args);
    } else
        code = strcmp(err.code, "scan.stopped") == 0 ? EXIT_INTERRUPTED : cli_fail(&err);
    findings = inspection.findings;
    inspect_close(&inspection); /* plugins may find something to the last */
    findings_free(findings);
    job_close(&job);
    return code;
}

const struct cli_command check_command = {
    .name = "check",
    .args = "SOURCE TARGET | PIPELINE",
    .summary = "Find out what would not arrive as it is, before anything moves",
    .help = "Describes the source, reads its data for values that another database can't hold\n"
            "as they are (zero dates, times beyond a day, zero bytes in text, numbers out of\n"
            "range, odd JSON), and asks the sink how it would map each table. Prints what a\n"
            "person should know, and the policy that decides. Nothing is written to the target.\n"
            "\n"
            "Exit codes: 0 nothing stands in the way, 4 something does, 1 it could not be found\n"
            "out.\n"
            "\n"
            "Examples:\n"
            "  runnel check mysql://app@db/shop postgres://app@warehouse/shop\n"
            "  runnel check shop.cfg --set zero_date=null\n",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
