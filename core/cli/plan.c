/* runnel plan: shows the statements that a move would make in the target, and makes none. */
#include "../plan.h"

#include "../check.h"
#include "../finding.h"
#include "../inspect.h"
#include "../util/columns.h"
#include "attend.h"
#include "job.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_option options[] = {
    JOB_OPTIONS,
    POLICY_OPTIONS,
};

static const char *phase_name(uint32_t phase)
{
    switch (phase) {
    case RNL_PHASE_TYPES:
        return "types";
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
    return inspection->sink.plugin->sink.map(inspection->sink.self, &job,
                                             session_view(&inspection->sink, inspection->catalog),
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

/* A name or type of a database, in a comment: never the end of its line. */
static void put_name(const char *text, int width)
{
    char *copy = strdup(text ? text : "");

    if (!copy)
        abort();
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    fputs(copy, stdout);
    for (int columns = columns_of(copy); columns < width; columns++)
        putchar(' ');
    free(copy);
}

static void print_mapping_of(const struct rnl_table *table, uint32_t index,
                             const struct rnl_steps *steps)
{
    int names = 0, natives = 0;

    for (uint32_t c = 0; c < table->ncolumns; c++) {
        const struct rnl_column *column = &table->columns[c];
        int name = columns_of(column->name);
        int native = column->native ? columns_of(column->native) : 0;

        names = name > names ? name : names;
        natives = native > natives ? native : natives;
    }
    names = names > 40 ? 40 : names;
    natives = natives > 40 ? 40 : natives;
    fputs("-- ", stdout);
    if (table->schema && *table->schema) {
        put_name(table->schema, 0);
        putchar('.');
    }
    put_name(table->name, 0);
    putchar('\n');
    for (uint32_t c = 0; c < table->ncolumns; c++) {
        const char *type = steps_type(steps, index, c);

        if (!type)
            continue;
        fputs("--   ", stdout);
        put_name(table->columns[c].name, names + 2);
        put_name(table->columns[c].native, natives + 2);
        put_name(type, 0);
        putchar('\n');
    }
}

/* What each column becomes, where the sink tells it. */
static void print_mapping(const struct inspection *inspection, const struct rnl_steps *steps)
{
    bool any = false;

    for (uint32_t i = 0; i < catalog_count(inspection->catalog); i++) {
        const struct rnl_table *table = catalog_at(inspection->catalog, i);

        if (!steps_type(steps, i, 0))
            continue;
        if (!any)
            puts("-- Columns: name, type in the source, type in the target");
        any = true;
        print_mapping_of(table, i, steps);
    }
    if (any)
        putchar('\n');
}

static void print_text(const struct inspection *inspection, struct rnl_steps *steps)
{
    uint32_t phase = 0;

    print_mapping(inspection, steps);
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

static json_t *mapping_json(const struct inspection *inspection, const struct rnl_steps *steps)
{
    json_t *tables = json_array();

    for (uint32_t i = 0; i < catalog_count(inspection->catalog); i++) {
        const struct rnl_table *table = catalog_at(inspection->catalog, i);
        json_t *columns = json_array();

        for (uint32_t c = 0; c < table->ncolumns; c++) {
            const char *type = steps_type(steps, i, c), *native = table->columns[c].native;

            json_array_append_new(columns,
                                  json_pack("{s:s,s:s,s:s*}", "name", table->columns[c].name,
                                            "source", native ? native : "", "target", type));
        }
        json_array_append_new(tables, json_pack("{s:s,s:s,s:o}", "schema",
                                                table->schema ? table->schema : "", "name",
                                                table->name, "columns", columns));
    }
    return tables;
}

static void print_json(const struct inspection *inspection, struct rnl_steps *steps)
{
    char *text = findings_to_json(inspection->findings);
    json_t *findings = text ? json_loads(text, 0, NULL) : NULL;
    json_t *list = json_array(), *o;

    for (uint32_t i = 0; i < steps_count(steps); i++) {
        const struct rnl_step *step = steps_at(steps, i);

        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "id", step->id, "phase",
                                              phase_name(step->phase), "text", step->text));
    }
    o = json_pack("{s:s,s:o,s:o,s:o}", "pipeline", inspection->config->name, "tables",
                  mapping_json(inspection, steps), "steps", list, "findings",
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
    if (!steps)
        abort();
    steps_want_types(steps);
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
