/* Metrics in Prometheus' text format: one table of names, types and where their values stand. */
#include "metrics.h"

#include "supervised.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A value of each pipeline, from what its workers say. */
struct metric {
    const char *name, *type, *help;
    const char *from;   /* member of the pipeline's status */
    const char *behind; /* and of its last summary, once it has ended; or NULL */
    double scale;
};

static const struct metric of_status[] = {
    {"runnel_rows_written_total", "counter", "Rows of tables that the run has put into the target",
     "rows_written", "rows", 1},
    {"runnel_rows_expected", "gauge", "Rows of tables that it expects to put there in all",
     "rows_expected", NULL, 1},
    {"runnel_bytes_written_total", "counter", "Bytes of rows that the run has put into the target",
     "bytes_written", "bytes", 1},
    {"runnel_changes_total", "counter", "Rows of changes that the run has applied", "changes",
     "changes", 1},
    {"runnel_rows_set_aside_total", "counter", "Rows that the run has set aside", "rows_set_aside",
     "rows_set_aside", 1},
    {"runnel_rows_standing", "gauge", "Rows that stand aside in the target", "rows_standing", NULL,
     1},
    {"runnel_retries_total", "counter", "Attempts of the run that failed by what may pass",
     "retries", "retries", 1},
    {"runnel_tables", "gauge", "Tables of the run", "tables", NULL, 1},
    {"runnel_tables_done", "gauge", "Tables whose rows are all in the target", "tables_done", NULL,
     1},
    {"runnel_lag_seconds", "gauge",
     "From the commit in the source to the one in the target, of the last change", "lag_ms", NULL,
     0.001},
    {"runnel_behind_bytes", "gauge", "Of the source's log, not applied yet", "behind_bytes", NULL,
     1},
    {"runnel_source_retained_bytes", "gauge", "Log that the source keeps for the pipeline",
     "held_bytes", NULL, 1},
};

/* An OUT of memory is the stream's, seen at its end. */
struct page {
    FILE *out;
    const json_t *pipelines;
};

static void put_head(const struct page *page, const char *name, const char *type, const char *help)
{
    fprintf(page->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else {
            if (*text == '\\' || *text == '"')
                fputc('\\', out);
            fputc(*text, out);
        }
    }
}

/* labels: names and values in turn, ended by NULL. */
static void put(const struct page *page, const char *name, const char *const *labels, double value)
{
    fputs(name, page->out);
    for (size_t i = 0; labels && labels[i]; i += 2) {
        fprintf(page->out, "%s%s=\"", i ? "," : "{", labels[i]);
        put_escaped(page->out, labels[i + 1]);
        fputc('"', page->out);
    }
    fprintf(page->out, "%s %.17g\n", labels && labels[0] ? "}" : "", value);
}

static void put_one(const struct page *page, const char *name, const char *type, const char *help,
                    double value)
{
    put_head(page, name, type, help);
    put(page, name, NULL, value);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

/* --- of each pipeline ------------------------------------------------------------------------- */

/* What can't be said is -1 there, and not told here. */
static const json_t *value_of(const struct metric *metric, const json_t *pipeline)
{
    const json_t *status = json_object_get(pipeline, "status");
    const json_t *value = json_object_get(status, metric->from);

    if (!value && !status && metric->behind)
        value = json_object_get(json_object_get(pipeline, "progress"), metric->behind);
    return json_is_number(value) && json_number_value(value) >= 0 ? value : NULL;
}

static void put_metric(const struct page *page, const struct metric *metric)
{
    const json_t *pipeline, *value;
    bool headed = false;
    size_t i;

    json_array_foreach(page->pipelines, i, pipeline)
    {
        const char *const labels[] = {"pipeline", text_of(pipeline, "pipeline"), NULL};

        value = value_of(metric, pipeline);
        if (!value)
            continue;
        if (!headed)
            put_head(page, metric->name, metric->type, metric->help);
        headed = true;
        put(page, metric->name, labels, json_number_value(value) * metric->scale);
    }
}

static void put_states(const struct page *page)
{
    static const char *const states[] = {"stopped", "starting", "running",  "degraded", "waiting",
                                         "paused",  "stopping", "finished", "failed"};
    static const char name[] = "runnel_pipeline_state";
    const json_t *pipeline;
    size_t i;

    if (json_array_size(page->pipelines) == 0)
        return;
    put_head(page, name, "gauge", "1 for the state that the pipeline is in, 0 for the others");
    json_array_foreach(page->pipelines, i, pipeline)
    {
        for (size_t j = 0; j < sizeof(states) / sizeof(states[0]); j++) {
            const char *const labels[] = {"pipeline", text_of(pipeline, "pipeline"), "state",
                                          states[j], NULL};

            put(page, name, labels, strcmp(text_of(pipeline, "state"), states[j]) == 0);
        }
    }
}

static void put_wanted(const struct page *page)
{
    static const char name[] = "runnel_pipeline_wanted_running";
    const json_t *pipeline;
    size_t i;

    if (json_array_size(page->pipelines) == 0)
        return;
    put_head(page, name, "gauge", "1 where the pipeline is wanted running");
    json_array_foreach(page->pipelines, i, pipeline)
    {
        const char *const labels[] = {"pipeline", text_of(pipeline, "pipeline"), NULL};

        put(page, name, labels, strcmp(text_of(pipeline, "wanted"), "running") == 0);
    }
}

static void put_restarts(const struct page *page)
{
    static const char name[] = "runnel_worker_restarts_total";
    const json_t *pipeline;
    size_t i;

    if (json_array_size(page->pipelines) == 0)
        return;
    put_head(page, name, "counter", "Workers of the pipeline that were started again");
    json_array_foreach(page->pipelines, i, pipeline)
    {
        const char *const labels[] = {"pipeline", text_of(pipeline, "pipeline"), NULL};

        put(page, name, labels, json_number_value(json_object_get(pipeline, "restarts")));
    }
}

/* --- of processes ----------------------------------------------------------------------------- */

/* Resident memory by proc(5); -1: the process has gone. */
static double memory_of(json_int_t pid)
{
    char path[64], line[200], *second = NULL;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%lld/statm", (long long)pid);
    file = fopen(path, "re");
    if (!file)
        return -1;
    if (fgets(line, sizeof(line), file))
        second = strchr(line, ' ');
    fclose(file);
    return second ? (double)strtol(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : -1;
}

static void put_memory(const struct page *page, const char *process, const char *pipeline,
                       const json_t *pid)
{
    const char *const labels[] = {"process", process, pipeline ? "pipeline" : NULL, pipeline, NULL};
    double bytes = json_is_integer(pid) ? memory_of(json_integer_value(pid)) : -1;

    if (bytes >= 0)
        put(page, "runnel_resident_memory_bytes", labels, bytes);
}

static void put_processes(const struct page *page, const json_t *node)
{
    const json_t *pipeline, *worker;
    size_t i, j;

    put_head(page, "runnel_resident_memory_bytes", "gauge",
             "Memory of the node's processes; of workers with their pipeline");
    put_memory(page, "node", NULL, json_object_get(node, "pid"));
    put_memory(page, "api", NULL, json_object_get(json_object_get(node, "api"), "pid"));
    json_array_foreach(page->pipelines, i, pipeline)
    {
        json_array_foreach(json_object_get(pipeline, "workers"), j, worker)
        {
            put_memory(page, text_of(worker, "role"), text_of(pipeline, "pipeline"),
                       json_object_get(worker, "pid"));
        }
    }
}

/* --- of the node ------------------------------------------------------------------------------ */

static void put_node(const struct page *page, const json_t *node)
{
    const char *const labels[] = {"version", text_of(node, "version"), "node",
                                  text_of(node, "node"), NULL};
    const json_t *registry = json_object_get(node, "registry");

    put_head(page, "runnel_build_info", "gauge", "1; which version the node is of");
    put(page, "runnel_build_info", labels, 1);
    put_one(page, "runnel_node_alive_seconds", "gauge", "For how long the node has run",
            json_number_value(json_object_get(node, "alive_ms")) / 1000);
    put_one(page, "runnel_node_drained", "gauge", "1 where the node is drained, or about to be",
            json_is_true(json_object_get(node, "drained")) ||
                json_is_true(json_object_get(node, "draining")));
    put_one(page, "runnel_files_refused", "gauge", "Files of pipelines that can't be read",
            (double)json_array_size(json_object_get(node, "refused")));
    if (registry)
        put_one(page, "runnel_registry_away", "gauge", "1 where the registry doesn't answer",
                json_is_true(json_object_get(registry, "away")));
}

static void put_api(const struct page *page, const json_t *of_api)
{
    const json_t *value;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)of_api, name, value)
    {
        put_one(page, name, text_of(value, "type"), text_of(value, "help"),
                json_number_value(json_object_get(value, "value")));
    }
}

char *metrics_text(const json_t *node, const json_t *of_api)
{
    struct page page = {.pipelines = json_object_get(node, "pipelines")};
    char *text = NULL;
    size_t length;

    page.out = open_memstream(&text, &length);
    if (!page.out)
        return NULL;
    put_node(&page, node);
    put_states(&page);
    put_wanted(&page);
    for (size_t i = 0; i < sizeof(of_status) / sizeof(of_status[0]); i++)
        put_metric(&page, &of_status[i]);
    put_restarts(&page);
    put_processes(&page, node);
    put_api(&page, of_api);
    if (fclose(page.out) == 0)
        return text;
    free(text);
    return NULL;
}
