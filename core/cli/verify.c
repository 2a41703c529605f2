/* runnel verify: proves that the target holds what the source holds, and mends it if asked to. */
#include "../verify.h"

#include "../dead_letters.h"
#include "../finding.h"
#include "../inspect.h"
#include "../live.h"
#include "../util/log.h"
#include "attend.h"
#include "display.h"
#include "job.h"
#include "verify_job.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define MOST_KEYS 100000
#define WAIT_S 600

static const struct cli_option options[] = {
    JOB_OPTIONS,
    {"repair", 0, CLI_FLAG, 0, NULL,
     "write the source's rows over those that differ, in one transaction, and verify again"},
    {"max-keys", 0, CLI_INT, 0, "N", "name so many rows of each table (preset: 100)"},
    {"values", 0, CLI_FLAG, 0, NULL, "show the values that differ, not only their columns"},
    {"wait", 0, CLI_INT, 0, "SECONDS",
     "how long the target of a pipeline that follows its source may take to come up (preset: 600)"},
};

/* One verification. */
struct proof {
    struct inspection *inspection;
    const struct cli_args *args;
    bool follows; /* the pipeline follows its source, and both may be written to */
    bool stands;  /* but nobody runs it now */
    struct live live;
};

static void show_progress(void *arg, const struct verify_progress *progress)
{
    static const char *const passes[] = {"",        "comparing",    "finding rows", "naming rows",
                                         "mending", "looking again"};
    char source[24], target[24], text[200];

    (void)arg;
    if (!attend_line_due())
        return;
    if (progress->pass == 5)
        snprintf(text, sizeof(text), "verify: looking again at %zu rows that were being changed",
                 progress->suspects);
    else
        snprintf(text, sizeof(text),
                 "verify: %s, %" PRIu32 " of %" PRIu32 " tables, %s source rows, %s target rows",
                 passes[progress->pass], progress->tables_done, progress->tables,
                 count_text((double)progress->rows[SCAN_SOURCE], source, sizeof(source)),
                 count_text((double)progress->rows[SCAN_TARGET], target, sizeof(target)));
    attend_line(text);
}

static void show_waiting(int64_t waited_ms)
{
    char text[120];

    if (!attend_line_due())
        return;
    snprintf(text, sizeof(text),
             "verify: the target is coming to where the source was %" PRId64 " s ago",
             waited_ms / 1000);
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

    dead_letters_count(inspection->sink.plugin, inspection->sink.self, inspection->config, NULL,
                       &count, &unheard);
    return count;
}

static void print_aside(const struct inspection *inspection)
{
    uint64_t count = count_aside(inspection);

    if (count)
        printf("  set aside by the run, and so not in the target: %" PRIu64
               " (runnel dead-letters list %s)\n",
               count, config_pipeline_words(inspection->config));
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

static bool is_loading(const struct inspection *inspection)
{
    return inspection->recorded && inspection->record.state == RECORD_LOADING;
}

static void print_json(struct proof *proof, const struct verify_report *report,
                       const struct rnl_error *err)
{
    const struct inspection *inspection = proof->inspection;
    char *text = verify_report_json(report, inspection->catalog);
    json_t *o = text ? json_loads(text, 0, NULL) : json_object();

    json_object_set_new(o, "pipeline", json_string(inspection->config->name));
    json_object_set_new(o, "complete", json_boolean(err->status >= 0));
    json_object_set_new(o, "loading", json_boolean(is_loading(inspection)));
    json_object_set_new(o, "left_out", names_json(inspection->left_out, inspection->nleft_out));
    json_object_set_new(o, "unbound", unbound_json(inspection));
    if (!is_whole(inspection))
        json_object_set_new(o, "equal", json_false());
    json_object_set_new(o, "set_aside", json_integer((json_int_t)count_aside(inspection)));
    if (proof->stands) {
        json_object_set_new(o, "running", json_false());
        json_object_set_new(o, "behind_bytes", json_integer(live_behind(&proof->live)));
    }
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

/* Nobody applies changes: what differs may only not have been applied yet. */
static void print_standing(struct proof *proof)
{
    int64_t behind = live_behind(&proof->live);
    const char *name = proof->inspection->config->name;
    char bytes[24];

    printf("pipeline %s follows its source, but doesn't run now: the target stands ", name);
    if (behind >= 0)
        printf("%s of the source's log behind", bytes_text(behind, bytes, sizeof(bytes)));
    else
        printf("behind the source's log");
    printf(", and rows that differ may be changes that it will get yet. Run it again, then "
           "verify again.\n");
}

/* Rows that are missing then prove nothing. */
static void print_unfinished(const struct inspection *inspection)
{
    if (is_loading(inspection))
        printf("the load of pipeline %s isn't finished: what is missing may only not have come "
               "yet. Run it again (it goes on where it stood), then verify again.\n",
               inspection->config->name);
}

/* Without tables in the target there is a plainer reason than that they are missing. */
static void tell_why(const struct inspection *inspection, struct rnl_error *err)
{
    if (strcmp(err->code, "sink.missing_table") != 0 || !inspection->sink.self)
        return;
    if (is_loading(inspection))
        rnl_hint(err,
                 "the load of pipeline %s isn't finished: run it again (it goes on where it "
                 "stood), then verify",
                 inspection->config->name);
    else if (!inspection->recorded)
        rnl_hint(err,
                 "the target knows of no run of pipeline %s: load it first (runnel migrate), "
                 "or say under which --name it was",
                 inspection->config->name);
}

static int unsettled(const struct verify_report *report)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t rows = 0;

    for (uint32_t i = 0; i < report->ntables; i++)
        rows += report->tables[i].changing;
    rnl_fail(&err, RNL_E_RETRY, "verify.changing",
             "%" PRId64 " rows were changed again each time they were looked at: whether they are "
             "equal can't be told",
             rows);
    rnl_hint(&err, "verify again when less is written to them");
    return cli_fail(&err);
}

static int exit_code(const struct inspection *inspection, const struct verify_report *report,
                     const struct rnl_error *err)
{
    bool differs = !is_whole(inspection), changing = false;

    if (err->status < 0)
        return strcmp(err->code, "scan.stopped") == 0 ? EXIT_INTERRUPTED : cli_fail(err);
    for (uint32_t i = 0; i < report->ntables; i++) {
        const struct verify_table *table = &report->tables[i];

        if (table->error.status < 0)
            return EXIT_FAILED;
        differs |= !verify_table_is_equal(table) && !verify_table_is_unsettled(table);
        changing |= table->changing != 0;
    }
    if (changing && !differs)
        return unsettled(report);
    return differs ? EXIT_DIFFERENT : EXIT_DONE;
}

static void show(struct proof *proof, const struct verify_report *report,
                 const struct rnl_error *err)
{
    const struct inspection *inspection = proof->inspection;

    if (cli_flag(proof->args, "json")) {
        print_json(proof, report, err);
    } else if (report->ntables && err->status >= 0) {
        if (proof->stands)
            print_standing(proof);
        print_unfinished(inspection);
        verify_report_print(report, inspection->catalog, stdout);
        print_others(inspection);
        print_aside(inspection);
    }
    fflush(stdout);
}

static int compare(struct proof *proof)
{
    const struct inspection *inspection = proof->inspection;
    const struct pipeline_config *config = inspection->config;
    const struct plugin *sink = inspection->sink.plugin;
    const struct cli_args *args = proof->args;
    const struct verify_live lent = live_lend(&proof->live);
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
        .live = proof->follows && !proof->stands && !cli_flag(args, "repair") ? &lent : NULL,
    };
    int code;

    verify_run(&verify, &report, &err);
    attend_line_end();
    show(proof, &report, &err);
    code = exit_code(inspection, &report, &err);
    verify_report_clear(&report);
    return code;
}

/*
 * Only while nobody else writes: a row that is mended and changed at the same time would be
 * neither. From here to the end nobody can start the pipeline.
 */
static int claim(const struct inspection *inspection, struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = &inspection->sink.plugin->sink;

    if (!sink->claim || sink->claim(inspection->sink.self, inspection->config->name, err) == RNL_OK)
        return RNL_OK;
    if (strcmp(err->code, "sink.pipeline_busy") != 0)
        return err->status;
    rnl_fail(err, RNL_E_CONFIG, "verify.follower_runs",
             "rows can't be mended while pipeline %s runs: it writes to them too",
             inspection->config->name);
    rnl_hint(err, "runnel stop %s, runnel verify --repair, then run it again",
             inspection->config->name);
    return err->status;
}

/* The view of the source is made: the target has to come there. */
static int catch_up(struct proof *proof, struct rnl_error *err)
{
    bool repair = cli_flag(proof->args, "repair");

    proof->live = (struct live){.inspection = proof->inspection,
                                .wait_ms = cli_int(proof->args, "wait", WAIT_S) * 1000,
                                .alone = repair,
                                .waiting = show_waiting};
    if (live_begin(&proof->live, &proof->stands, err) != RNL_OK)
        return err->status;
    if (repair && proof->stands)
        log_write(RNL_LOG_WARN, "verify",
                  "the target may be behind the source: a change that it hasn't applied yet and "
                  "whose row is mended now is met again when the pipeline goes on");
    return RNL_OK;
}

static int prepare(struct proof *proof, struct rnl_error *err)
{
    struct inspection *inspection = proof->inspection;

    if (inspect_open(inspection, err) != RNL_OK)
        return err->status;
    if (!inspection->sink.plugin->sink.writer_expect || !inspection->sink.plugin->sink.read_plan) {
        rnl_fail(err, RNL_E_CONFIG, "verify.not_able", "sink %s can't read back what it wrote",
                 inspection->config->writer.plugin);
        return err->status;
    }
    if (is_loading(inspection))
        log_write(RNL_LOG_WARN, "verify",
                  "the run that loads the target has not ended: rows will be missing");
    proof->follows = proof->follows && live_concerns(inspection);
    if (proof->follows && cli_flag(proof->args, "repair") && claim(inspection, err) != RNL_OK)
        return err->status;
    if (inspect_describe(inspection, err) != RNL_OK ||
        inspect_snapshot(inspection, inspection->config->reader.lanes, err) != RNL_OK ||
        inspect_bind(inspection, err) != RNL_OK)
        return err->status;
    return proof->follows ? catch_up(proof, err) : RNL_OK;
}

int verify_job(const struct job *job, const atomic_bool *stopping, bool quiet,
               const struct cli_args *args)
{
    struct inspection inspection = {
        .config = job->pipeline,
        .resolver = job->resolver,
        .findings = findings_new(),
        .stopping = stopping,
        .of_run = true,
    };
    struct proof proof = {.inspection = &inspection, .args = args, .follows = !quiet};
    struct findings *findings = inspection.findings;
    struct rnl_error err = RNL_ERROR_INIT;
    int code;

    attend_line_start(args);
    if (prepare(&proof, &err) == RNL_OK) {
        code = compare(&proof);
    } else {
        attend_line_end();
        tell_why(&inspection, &err);
        code = strcmp(err.code, "scan.stopped") == 0 ? EXIT_INTERRUPTED : cli_fail(&err);
    }
    live_close(&proof.live);
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
    code = verify_job(&job, stopping, false, args);
    job_close(&job);
    return code;
}

const struct cli_command verify_command = {
    .name = "verify",
    .args = "SOURCE TARGET | PIPELINE",
    .summary = "Prove that the target holds what the source holds",
    .help =
        "Reads every row of both sides, in parallel and each in its own order, and compares\n"
        "128-bit hashes of the values. Rows that differ are named by their keys. The policies\n"
        "of the run that loaded the target count (the target remembers them), so that what a\n"
        "policy changed on purpose is no difference. Nothing is written without --repair.\n"
        "\n"
        "The pipeline may be running, and both sides be written to: what differs is looked at\n"
        "again, once the target has come to where the source was, until it is equal or stands\n"
        "still and differs. --repair then needs the pipeline to be stopped.\n"
        "\n"
        "Exit codes: 0 all rows are equal, 4 some differ, 1 it could not be found out (also of\n"
        "rows that never stood still).\n"
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
