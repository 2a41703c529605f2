/* What stands at the end of a run: a table for people, an object for programs. */
#include "../util/columns.h"
#include "display.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define NAME_MOST 40 /* columns */

static int64_t elapsed_ms(const struct progress_table *t)
{
    return t->started_ms && t->ended_ms ? t->ended_ms - t->started_ms : 0;
}

static int warnings_of(struct findings *findings, const struct progress_table *t)
{
    return (int)findings_of(findings, RNL_WARNING, t->schema, t->name);
}

static int name_width(struct progress *progress)
{
    int width = 5;

    for (uint32_t i = 0; i < progress_count(progress); i++) {
        struct progress_table t;

        progress_at(progress, i, &t);
        if (columns_of(t.name) > width)
            width = columns_of(t.name);
    }
    return width > NAME_MOST ? NAME_MOST : width;
}

/* The rate is of what this run did, without the rows of the run before. */
static void print_row(FILE *to, int width, const char *name, const struct progress_table *t,
                      int64_t ms, int warnings)
{
    char cut[NAME_MOST * 4 + 1], size[24], rate[24];
    double rows = (double)(t->rows_written - t->rows_before);

    fprintf(to, "  %s %13" PRId64 " %10s %9.1f %9s %9d\n",
            columns_padded(name, width, cut, sizeof(cut)), t->rows_written,
            bytes_text(t->bytes_written, size, sizeof(size)), (double)ms / 1000,
            ms > 0 ? count_text(rows * 1000 / (double)ms, rate, sizeof(rate)) : "-", warnings);
}

void summary_print(struct progress *progress, struct findings *findings, FILE *to)
{
    int width = name_width(progress), warnings = 0;
    struct progress_view view;

    progress_look(progress, &view);
    fprintf(to, "\n  %-*s %13s %10s %9s %9s %9s\n", width, "table", "rows", "bytes", "seconds",
            "rows/s", "warnings");
    for (uint32_t i = 0; i < progress_count(progress); i++) {
        struct progress_table t;
        int count;

        progress_at(progress, i, &t);
        count = warnings_of(findings, &t);
        print_row(to, width, t.name, &t, elapsed_ms(&t), count);
        warnings += count;
    }
    print_row(to, width, "total", &view.total, view.now_ms - view.started_ms, warnings);
    if (view.total.rows_before)
        fprintf(to, "  (%" PRId64 " of these rows were loaded by the run before)\n",
                view.total.rows_before);
    if (view.changes)
        fprintf(to, "  (and %" PRId64 " changes of rows were applied)\n", view.changes);
    if (view.total.rows_aside)
        fprintf(to, "  (and %" PRId64 " row%s set aside)\n", view.total.rows_aside,
                view.total.rows_aside == 1 ? " was" : "s were");
    if (view.attempts)
        fprintf(to, "  (gone on with %u time%s after a connection was lost)\n", view.attempts,
                view.attempts == 1 ? "" : "s");
    if (findings_count(findings, RNL_NOTE)) {
        size_t all = findings_count(findings, RNL_WARNING);

        if (all)
            fprintf(to, "\nWhat to know (%zu warning%s):\n", all, all == 1 ? "" : "s");
        else
            fputs("\nWhat to know:\n", to);
        findings_print(findings, to);
    }
}

static json_t *tables_json(struct progress *progress, struct findings *findings)
{
    json_t *tables = json_array();

    for (uint32_t i = 0; i < progress_count(progress); i++) {
        struct progress_table t;

        progress_at(progress, i, &t);
        json_array_append_new(
            tables, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:i}", "schema", t.schema, "table",
                              t.name, "rows", (json_int_t)t.rows_written, "rows_before",
                              (json_int_t)t.rows_before, "rows_set_aside", (json_int_t)t.rows_aside,
                              "bytes", (json_int_t)t.bytes_written, "elapsed_ms",
                              (json_int_t)elapsed_ms(&t), "warnings", warnings_of(findings, &t)));
    }
    return tables;
}

void summary_json(const char *pipeline, const char *how, bool limited, struct progress *progress,
                  struct findings *findings, const struct rnl_error *err, FILE *to)
{
    char *text = findings_to_json(findings);
    json_t *list = text ? json_loads(text, 0, NULL) : NULL;
    struct progress_view view;
    json_t *o;

    progress_look(progress, &view);
    o = json_pack("{s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:i,s:o,s:o}", "event", "summary", "pipeline",
                  pipeline, "state", how, "limited", limited, "rows",
                  (json_int_t)view.total.rows_written, "rows_set_aside",
                  (json_int_t)view.total.rows_aside, "bytes", (json_int_t)view.total.bytes_written,
                  "elapsed_ms", (json_int_t)(view.now_ms - view.started_ms), "retries",
                  (int)view.attempts, "tables", tables_json(progress, findings), "findings",
                  list ? list : json_array());
    json_object_set_new(o, "changes", json_integer(view.changes));
    if (err && err->status < 0)
        json_object_set_new(
            o, "error",
            json_pack("{s:s,s:s,s:s}", "code", err->code, "text", err->text, "hint", err->hint));
    json_dumpf(o, to, JSON_COMPACT);
    fputc('\n', to);
    json_decref(o);
    free(text);
}
