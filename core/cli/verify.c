/* runnel verify: proves that the target holds what the source holds, and mends it if asked to. */
#include "../verify.h"

#include "../dead_letters.h"
#include "../finding.h"
#include "../inspect.h"
#include "../util/log.h"
#include "attend.h"
#include "display.h"
#include "job.h"
#include "verify_job.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define MOST_KEYS 100000

static const struct cli_option options[] = {
    JOB_OPTIONS,
    {"repair", 0, CLI_FLAG, 0, NULL,
     "write the source's rows over those that differ, in one transaction, and verify again"},
    {"max-keys", 0, CLI_INT, 0, "N", "name so many rows of each table (preset: 100)"},
    {"values", 0, CLI_FLAG, 0, NULL, "show the values that differ, not only their columns"},
};

static void show_progress(void *arg, const struct verify_progress *progress)
{
    static const char *const passes[] = {"", "comparing", "finding rows", "naming rows", "mending"};
    char source[24], target[24], text[200];

    (void)arg;
    if (!attend_line_due())
        return;
    snprintf(text, sizeof(text),
             "verify: %s, %" PRIu32 " of %" PRIu32 " tables, %s source rows, %s target rows",
             passes[progress->pass], progress->tables_done, progress->tables,
             count_text((double)progress->rows[SCAN_SOURCE], source, sizeof(source)),
             count_text((double)progress->rows[SCAN_TARGET], target, sizeof(target)));
    attend_line(text);
}

/* Tables that could not be compared because one side doesn't have or know them. */
static void print_others(const struct inspection *inspection)
{
    for (size_t i = 0; i < inspection->nunbound; i++)
        printf("  %s was not compared: %s\n", inspection->unbound[i].name,
               inspection->unbound[i].error.text);
    for (size_t i = 0; i < inspection->ngone; i++)
        printf("  %s was loaded, and is not in the source any more\n", inspection->gone[i]);
    for (size_t i = 0; i < inspection->nleft_out; i++)
        printf("  %s is in the source, and was no part of the run\n", inspection->left_out[i]);
}

/* Rows that the run set aside are missing for a reason that is known. */
static uint64_t count_aside(const struct inspection *inspection)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* what counts is how the rows compare */
    uint64_t count = 0;

    dead_letters_count(inspection->sink.plugin, inspection->sink.self, inspection->config->name,
                       NULL, &count, &unheard);
    return count;
}

static void print_aside(const struct inspection *inspection)
{
    uint64_t count = count_aside(inspection);

    if (count)
        printf("  set aside by the run, and so not in the target: %" PRIu64
               " (runnel dead-letters list)\n",
               count);
}

static json_t *names_json(char *const *names, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *unbound_json(const struct inspection *inspection)
{
    json_t *list = json_array();

    for (size_t i = 0; i < inspection->nunbound; i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "table", inspection->unbound[i].name,
                                              "code", inspection->unbound[i].error.code, "text",
                                              inspection->unbound[i].error.text));
    return list;
}

/* Whether the target has each table that was loaded, and the source too. */
static bool is_whole(const struct inspection *inspection)
{
    return inspection->ngone == 0 && inspection->nunbound == 0;
}

static void print_json(const struct inspection *inspection, const struct verify_report *report,
                       const struct rnl_error *err)
{
    char *text = verify_report_json(report, inspection->catalog);
    json_t *o = text ? json_loads(text, 0, NULL) : json_object();

    json_object_set_new(o, "pipeline", json_string(inspection->config->name));
    json_object_set_new(o, "complete", json_boolean(err->status >= 0));
    json_object_set_new(o, "left_out", names_json(inspection->left_out, inspection->nleft_out));
    json_object_set_new(o, "unbound", unbound_json(inspection));
    if (!is_whole(inspection))
        json_object_set_new(o, "equal", json_false());
    json_object_set_new(o, "set_aside", json_integer((json_int_t)count_aside(inspection)));
    json_object_set_new(o, "gone", names_json(inspection->gone, inspection->ngone));
    if (err->status < 0) {
        json_object_set_new(o, "equal", json_false());
        json_object_set_new(
            o, "error",
            json_pack("{s:s,s:s,s:s}", "code", err->code, "text", err->text, "hint", err->hint));
    }
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
    free(text);
}

static int exit_code(const struct inspection *inspection, const struct verify_report *report,
                     const struct rnl_error *err)
{
    if (err->status < 0)
        return strcmp(err->code, "scan.stopped") == 0 ? EXIT_INTERRUPTED : cli_fail(err);
    for (uint32_t i = 0; i < report->ntables; i++)
        if (report->tables[i].error.status < 0)
            return EXIT_FAILED;
    return verify_is_equal(report) && is_whole(inspection) ? EXIT_DONE : EXIT_DIFFERENT;
}

static int compare(struct inspection *inspection, const struct cli_args *args)
{
    const struct pipeline_config *config = inspection->config;
    const struct plugin *sink = inspection->sink.plugin;
    struct rnl_error err = RNL_ERROR_INIT;
    struct verify_report report = {0};
    struct verify_options verify = {
        .sides = {.catalog = inspection->catalog,
                  .source_ops = &inspection->source.plugin->source,
                  .source = inspection->source.self,
                  .source_lanes = inspection->source_lanes,
                  .sink_ops = &sink->sink,
                  .sink = inspection->sink.self,
                  .lanes = config->reader.lanes,
                  .stopping = inspection->stopping},
        .chunk_bytes = config->chunk_bytes,
        .max_keys = (uint32_t)cli_int(args, "max-keys", 100),
        .repair = cli_flag(args, "repair"),
        .values = cli_flag(args, "values"),
        .progress = show_progress,
    };
    int code;

    attend_line_start(args);
    verify_run(&verify, &report, &err);
    attend_line_end();
    if (cli_flag(args, "json")) {
        print_json(inspection, &report, &err);
    } else if (report.ntables && err.status >= 0) {
        verify_report_print(&report, inspection->catalog, stdout);
        print_others(inspection);
        print_aside(inspection);
    }
    fflush(stdout);
    code = exit_code(inspection, &report, &err);
    verify_report_clear(&report);
    return code;
}

static int prepare(struct inspection *inspection, struct rnl_error *err)
{
    if (inspect_open(inspection, err) != RNL_OK)
        return err->status;
    if (!inspection->sink.plugin->sink.writer_expect || !inspection->sink.plugin->sink.read_plan) {
        rnl_fail(err, RNL_E_CONFIG, "verify.not_able", "sink %s can't read back what it wrote",
                 inspection->config->writer.plugin);
        return err->status;
    }
    if (inspection->recorded && inspection->record.state == RECORD_LOADING)
        log_write(RNL_LOG_WARN, "verify",
                  "the run that loads the target has not ended: rows will be missing");
    if (inspect_describe(inspection, err) != RNL_OK ||
        inspect_snapshot(inspection, inspection->config->reader.lanes, err) != RNL_OK)
        return err->status;
    return inspect_bind(inspection, err);
}

int verify_job(const struct job *job, const atomic_bool *stopping, const struct cli_args *args)
{
    struct inspection inspection = {
        .config = job->pipeline,
        .resolver = job->resolver,
        .findings = findings_new(),
        .stopping = stopping,
        .of_run = true,
    };
    struct findings *findings = inspection.findings;
    struct rnl_error err = RNL_ERROR_INIT;
    int code = prepare(&inspection, &err) == RNL_OK ? compare(&inspection, args) : cli_fail(&err);

    inspect_close(&inspection); /* plugins may find something to the last */
    findings_free(findings);
    return code;
}

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t keys = cli_int(args, "max-keys", 100);
    const atomic_bool *stopping = attend_signals();
    struct job job;
    int code;

    if (keys < 0 || keys > MOST_KEYS) {
        rnl_fail(&err, RNL_E_CONFIG, "usage.max_keys", "--max-keys: 0 to %d are possible",
                 MOST_KEYS);
        return cli_fail(&err);
    }
    if (job_open(&job, args, &err) != RNL_OK)
        return cli_fail(&err);
    code = verify_job(&job, stopping, args);
    job_close(&job);
    return code;
}

const struct cli_command verify_command = {
    .name = "verify",
    .args = "SOURCE TARGET | PIPELINE",
    .summary = "Prove that the target holds what the source holds",
    .help = "Reads every row of both sides, in parallel and each in its own order, and compares\n"
            "128-bit hashes of the values. Rows that differ are named by their keys. The policies\n"
            "of the run that loaded the target count (the target remembers them), so that what a\n"
            "policy changed on purpose is no difference. Nothing is written without --repair.\n"
            "\n"
            "Exit codes: 0 all rows are equal, 4 some differ, 1 it could not be found out.\n"
            "\n"
            "Examples:\n"
            "  runnel verify mysql://app@db/shop postgres://app@warehouse/shop\n"
            "  runnel verify shop.cfg --tables 'shop.order*' --repair\n",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
