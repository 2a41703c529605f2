/* How a node's pipeline fares, for people: what the node knows, and what its workers say. */
#include "node_view.h"

#include "../remote.h"
#include "cli.h"

#include <string.h>

#define DETAIL_MS 2000
#define SILENCE_MS 10000

const char *view_text(const json_t *o, const char *name)
{
    const char *value = json_string_value(json_object_get(o, name));

    return value ? value : "";
}

int64_t view_number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

/* --- what its workers say --------------------------------------------------------------------- */

/* The node knows whether a worker lives; how it fares, the worker knows better. NULL: no word. */
static json_t *detail_of(const json_t *o, const json_t *worker)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    const char *role = view_text(worker, "role");
    json_t *detail;
    char ear[200];

    if (!json_object_get(worker, "pid") || strcmp(view_text(worker, "state"), "stopping") == 0)
        return NULL;
    snprintf(ear, sizeof(ear), strcmp(role, "both") == 0 ? "%s" : "%s.%s", view_text(o, "pipeline"),
             role);
    return remote_ask(ear, "status", NULL, DETAIL_MS, &detail, &unheard) == RNL_OK ? detail : NULL;
}

/* Where the other role has a process of its own, on this node or another, nothing goes without it.
 */
static bool is_alone(const json_t *detail)
{
    const json_t *other = json_object_get(detail, "other");

    return strcmp(view_text(detail, "role"), "both") != 0 && other &&
           (json_is_null(other) || view_number(other, "heard_ms_ago") > SILENCE_MS);
}

static const char *state_of(const json_t *worker, const json_t *detail)
{
    const char *state = view_text(worker, "state"), *said = view_text(detail, "state");

    if (strcmp(state, "running") != 0)
        return state;
    if (!*said || strcmp(said, "ready") == 0)
        return "starting";
    return strcmp(said, "running") == 0 && is_alone(detail) ? "waiting" : said;
}

/* The worst of them first. */
static const char *sum_of(const json_t *workers)
{
    static const char *const words[] = {"failed",   "stopped", "finished", "paused",
                                        "starting", "waiting", "degraded", "running"};
    const json_t *worker;
    size_t i;

    for (size_t word = 0; word < sizeof(words) / sizeof(words[0]); word++)
        json_array_foreach(workers, i, worker)
        {
            if (strcmp(view_text(worker, "state"), words[word]) == 0)
                return words[word];
        }
    return "running";
}

/* Where they are two: the reader knows the phase, the writer what was written. */
static json_t *status_of(const json_t *workers)
{
    static const char *const writers[] = {"rows_written", "bytes_written", "rows_per_s",
                                          "rows_standing", "tables_done"};
    const json_t *worker;
    json_t *status = NULL;
    size_t i;

    json_array_foreach(workers, i, worker)
    {
        const json_t *detail = json_object_get(worker, "status");

        if (!detail)
            continue;
        if (!status) {
            status = json_deep_copy(detail);
            continue;
        }
        for (size_t name = 0; name < sizeof(writers) / sizeof(writers[0]); name++)
            json_object_set(status, writers[name], json_object_get(detail, writers[name]));
    }
    return status;
}

void node_view_ask(json_t *o)
{
    bool running = strcmp(view_text(o, "state"), "running") == 0;
    json_t *workers = json_object_get(o, "workers"), *worker, *status;
    size_t i;

    json_array_foreach(workers, i, worker)
    {
        json_t *detail = detail_of(o, worker);

        json_object_set_new(worker, "state", json_string(state_of(worker, detail)));
        if (detail)
            json_object_set_new(worker, "status", detail);
    }
    if (running)
        json_object_set_new(o, "state", json_string(sum_of(workers)));
    status = status_of(workers);
    if (status && running)
        json_object_set(status, "state", json_object_get(o, "state"));
    if (status)
        json_object_set_new(o, "status", status);
}

/* --- for people ------------------------------------------------------------------------------- */

static void print_safe_in(const char *value, int width)
{
    cli_print_safe(stdout, value);
    printf("%*s", (int)(strlen(value) < (size_t)width ? (size_t)width - strlen(value) : 1), "");
}

void node_view_row(const json_t *o)
{
    const json_t *status = json_object_get(o, "status");
    const json_t *error = json_object_get(o, "failure");

    print_safe_in(view_text(o, "pipeline"), 24);
    print_safe_in(view_text(o, "state"), 11);
    print_safe_in(view_text(o, "wanted"), 10);
    print_safe_in(view_text(o, "mode"), 11);
    cli_print_safe(stdout, *view_text(status, "phase") ? view_text(status, "phase")
                                                       : view_text(error, "text"));
    if (json_is_true(json_object_get(o, "edited")))
        fputs(" (edited: restart it)", stdout);
    putchar('\n');
}

static void print_line(const char *head, const char *value)
{
    if (!*value)
        return;
    printf("  %-12s ", head);
    cli_print_safe(stdout, value);
    putchar('\n');
}

static void print_end(const json_t *o)
{
    const json_t *error = json_object_get(o, "failure"), *line;
    size_t i;

    if (json_object_get(o, "exit_code") && !json_object_get(o, "pid")) {
        if (view_number(o, "signal"))
            printf("  %-12s by signal %d\n", "ended", (int)view_number(o, "signal"));
        else
            printf("  %-12s with exit code %d\n", "ended", (int)view_number(o, "exit_code"));
    }
    if (json_is_true(json_object_get(o, "crash_loop")))
        print_line("given up", "its workers ended too early too often");
    if (json_object_get(o, "next_ms"))
        printf("  %-12s in %.1f s\n", "next try", (double)view_number(o, "next_ms") / 1000);
    print_line("why", view_text(error, "text"));
    print_line("code", view_text(error, "code"));
    print_line("what to do", view_text(error, "hint"));
    json_array_foreach(json_object_get(o, "last_words"), i, line)
    {
        print_line(i ? "" : "last words", json_string_value(line));
    }
}

static void print_workers(const json_t *workers)
{
    const json_t *worker;
    size_t i;

    json_array_foreach(workers, i, worker)
    {
        const char *role = view_text(worker, "role");

        if (!json_object_get(worker, "pid") && json_array_size(workers) == 1)
            return;
        printf("  %-12s ", strcmp(role, "both") == 0 ? "worker" : role);
        if (json_object_get(worker, "pid"))
            printf("process %d, for %.1f s", (int)view_number(worker, "pid"),
                   (double)view_number(worker, "alive_ms") / 1000);
        else
            printf("no process");
        if (json_array_size(workers) > 1)
            printf(": %s", view_text(worker, "state"));
        putchar('\n');
    }
}

static void print_other(const json_t *workers)
{
    const json_t *detail = json_object_get(json_array_get(workers, 0), "status");
    const char *other = strcmp(view_text(detail, "role"), "reader") == 0 ? "writer" : "reader";

    if (json_array_size(workers) == 1 && is_alone(detail))
        printf("  %-12s none is heard of, here or on another node\n", other);
}

void node_view_print(const json_t *o)
{
    const json_t *status = json_object_get(o, "status");

    printf("pipeline %s: %s\n", view_text(o, "pipeline"), view_text(o, "state"));
    print_line("wanted", view_text(o, "wanted"));
    print_line("mode", view_text(o, "mode"));
    print_line("file", view_text(o, "file"));
    print_workers(json_object_get(o, "workers"));
    if (view_number(o, "restarts"))
        printf("  %-12s %d time%s\n", "restarted", (int)view_number(o, "restarts"),
               view_number(o, "restarts") == 1 ? "" : "s");
    if (json_is_true(json_object_get(o, "edited")))
        print_line("edited", "its file has changed since the worker began: restart it");
    if (!json_is_true(json_object_get(o, "configured")))
        print_line("configured", "no more: when it is stopped it is gone");
    print_other(json_object_get(o, "workers"));
    print_line("phase", *view_text(status, "stands_by") ? view_text(status, "stands_by")
                                                        : view_text(status, "phase"));
    if (status)
        printf("  %-12s %lld rows; more: runnel status\n", "written",
               (long long)view_number(status, "rows_written"));
    print_end(o);
}
