/* runnel tables: which tables a running pipeline has; more of them, or some of them anew. */
#include "../remote.h"
#include "../util/clock.h"
#include "cli.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define ANSWER_MS 10000
#define LOOK_MS 100

static const char *text(const json_t *o, const char *name)
{
    const char *value = json_string_value(json_object_get(o, name));

    return value ? value : "";
}

/* Why the run refused, as it said. */
static int refused(const json_t *error)
{
    struct rnl_error err = RNL_ERROR_INIT;

    rnl_fail(&err, (int)json_integer_value(json_object_get(error, "status")), text(error, "code"),
             "%s", text(error, "text"));
    if (*text(error, "hint"))
        rnl_hint(&err, "%s", text(error, "hint"));
    return cli_fail(&err);
}

static int taken(const char *name, bool again)
{
    if (cli_json())
        cli_print_strings(stdout, (const char *const[]){"pipeline", name, "tables", "taken", NULL});
    else
        printf("pipeline %s %s; changes of all its tables go on behind that. How far it is: "
               "runnel tables list %s\n",
               name, again ? "loads them anew" : "loads them", name);
    return EXIT_DONE;
}

/* Until the wish is in the target's record, or is refused. */
static int await_taken(const char *name, bool again, int64_t until_ms)
{
    for (;;) {
        struct rnl_error err = RNL_ERROR_INIT;
        const json_t *asked;
        json_t *o;
        int code = -1;

        if (remote_ask(name, "status", NULL, ANSWER_MS, &o, &err) != RNL_OK)
            return cli_fail(&err);
        asked = json_object_get(o, "tables_asked");
        if (strcmp(text(asked, "state"), "taken") == 0)
            code = taken(name, again);
        else if (strcmp(text(asked, "state"), "refused") == 0)
            code = refused(json_object_get(asked, "error"));
        json_decref(o);
        if (code >= 0)
            return code;
        if (clock_ms() >= until_ms) {
            rnl_fail(&err, RNL_E_RETRY, "remote.slow",
                     "pipeline %s was told, but hasn't taken the tables yet", name);
            rnl_hint(&err, "runnel status %s shows what it is at", name);
            return cli_fail(&err);
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
}

static int tell(const struct cli_args *args, bool again)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t until_ms = clock_ms() + cli_int(args, "wait", 60) * 1000;
    json_t *request = json_object(), *names = json_array(), *o;

    for (int i = 1; i < args->nwords; i++)
        json_array_append_new(names, json_string(args->words[i]));
    json_object_set_new(request, "names", names);
    json_object_set_new(request, "again", json_boolean(again));
    if (remote_ask(args->words[0], "tables", request, ANSWER_MS, &o, &err) != RNL_OK)
        return cli_fail(&err);
    json_decref(o);
    return await_taken(args->words[0], again, until_ms);
}

static int run_add(const struct cli_args *args)
{
    return tell(args, false);
}

static int run_reload(const struct cli_args *args)
{
    if (!cli_confirm(args, "The tables are dropped in the target and loaded anew. Go on?")) {
        struct rnl_error err = RNL_ERROR_INIT;

        rnl_fail(&err, RNL_E_CONFIG, "tables.not_confirmed",
                 "loading tables anew drops them in the target first");
        rnl_hint(&err, "say --yes");
        return cli_fail(&err);
    }
    return tell(args, true);
}

static int run_list(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *o, *table;
    size_t i;

    if (remote_ask(args->words[0], "tables-list", NULL, ANSWER_MS, &o, &err) != RNL_OK)
        return cli_fail(&err);
    if (cli_json()) {
        json_dumpf(json_object_get(o, "tables"), stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_array_foreach(json_object_get(o, "tables"), i, table)
    {
        if (cli_json())
            break;
        printf("%-8s %12" PRId64 " rows  ", text(table, "state"),
               (int64_t)json_integer_value(json_object_get(table, "rows_loaded")));
        cli_print_safe(stdout, text(table, "schema"));
        putchar(*text(table, "schema") ? '.' : ' ');
        cli_print_safe(stdout, text(table, "table"));
        putchar('\n');
    }
    json_decref(o);
    return EXIT_DONE;
}

static const struct cli_option wait_options[] = {
    {"wait", 0, CLI_INT, 0, "SECONDS", "how long to wait until they are taken (preset: 60)"},
};

const struct cli_command tables_add_command = {
    .name = "tables add",
    .args = "PIPELINE TABLE…",
    .summary = "Let a running pipeline take in more tables, and load them",
    .help = "For pipelines that follow changes. TABLE is \"schema.table\", \"table\" or a pattern, "
            "as with --tables. Changes of the other tables go on while they are loaded, "
            "unless a foreign key links them. The "
            "command that began the pipeline needn't name them later: "
            "they are remembered.",
    .options = wait_options,
    .noptions = sizeof(wait_options) / sizeof(wait_options[0]),
    .min_words = 2,
    .max_words = -1,
    .run = run_add,
};

const struct cli_command tables_reload_command = {
    .name = "tables reload",
    .args = "PIPELINE TABLE…",
    .summary = "Let a running pipeline load tables anew that it has",
    .help = "They are dropped in the target and made again, with keys, indexes and foreign keys "
            "(where the pipeline makes no tables they are emptied); rows of them that stand aside "
            "are forgotten. Changes of the other tables go on meanwhile, unless a foreign key "
            "links them. A pipeline that doesn't "
            "run does the same at its next start with "
            "--reload TABLE.",
    .options = wait_options,
    .noptions = sizeof(wait_options) / sizeof(wait_options[0]),
    .min_words = 2,
    .max_words = -1,
    .run = run_reload,
};

const struct cli_command tables_list_command = {
    .name = "tables list",
    .args = "PIPELINE",
    .summary = "List the tables of a running pipeline, with the rows loaded",
    .min_words = 1,
    .max_words = 1,
    .run = run_list,
};
