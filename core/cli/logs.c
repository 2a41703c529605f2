/* runnel logs: what the node on this machine and its workers say. */
#include "../node.h"
#include "../remote.h"
#include "cli.h"
#include "node_view.h"

#include <time.h>

#define ASK_MS 10000
#define LOOK_MS 500

static void print_record(const json_t *o)
{
    if (cli_json()) {
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
        return;
    }
    printf("%s %-5s ", view_text(o, "time"), view_text(o, "level"));
    if (*view_text(o, "pipeline"))
        printf("%s%s%s: ", view_text(o, "pipeline"),
               strcmp(view_text(o, "role"), "both") == 0 ? "" : " ",
               strcmp(view_text(o, "role"), "both") == 0 ? "" : view_text(o, "role"));
    cli_print_safe(stdout, view_text(o, "component"));
    fputs(*view_text(o, "component") ? ": " : "", stdout);
    cli_print_safe(stdout, view_text(o, "text"));
    putchar('\n');
}

static int look(const struct cli_args *args, int64_t *after, struct rnl_error *err)
{
    json_t *request = json_pack("{s:I,s:I,s:s*,s:s*,s:s*}", "after", (json_int_t)*after, "limit",
                                (json_int_t)cli_int(args, "limit", 100), "level",
                                cli_text(args, "level", NULL), "text", cli_text(args, "grep", NULL),
                                "pipeline", args->nwords ? args->words[0] : NULL);
    json_t *answer, *o;
    int64_t dropped;
    size_t i;

    if (remote_ask(NODE_SOCKET, "logs", request, ASK_MS, &answer, err) != RNL_OK)
        return err->status;
    dropped = view_number(answer, "dropped");
    if (dropped > 0)
        fprintf(stderr, "%lld records in between are gone\n", (long long)dropped);
    json_array_foreach(json_object_get(answer, "items"), i, o)
    {
        print_record(o);
    }
    fflush(stdout);
    *after = view_number(answer, "next");
    json_decref(answer);
    return RNL_OK;
}

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t after = cli_int(args, "after", 0);

    while (look(args, &after, &err) == RNL_OK) {
        if (!cli_flag(args, "follow") || ferror(stdout))
            return EXIT_DONE;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    return cli_fail(&err);
}

static const struct cli_option options[] = {
    {"follow", 'f', CLI_FLAG, 0, NULL, "and what comes, until interrupted"},
    {"level", 0, CLI_TEXT, CLI_ARGV, "LEVEL", "this and above: debug, info, warn, error"},
    {"grep", 0, CLI_TEXT, CLI_ARGV, "TEXT", "those that hold this"},
    {"after", 0, CLI_INT, 0, "NUMBER", "those behind this one (preset: the latest)"},
    {"limit", 0, CLI_INT, 0, "N", "so many at once, up to 1000 (preset: 100)"},
};

/* --- how much is said ------------------------------------------------------------------------- */

static int run_level(const struct cli_args *args)
{
    json_t *request = json_pack("{s:s,s:I}", "level", args->words[0], "seconds",
                                (json_int_t)cli_int(args, "for", 600));
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *answer;

    if (remote_ask(NODE_SOCKET, "log-level", request, ASK_MS, &answer, &err) != RNL_OK)
        return cli_fail(&err);
    if (cli_json()) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else
        printf("the log's level is %s\n", view_text(answer, "level"));
    json_decref(answer);
    return EXIT_DONE;
}

static const struct cli_option level_options[] = {
    {"for", 0, CLI_INT, CLI_ARGV, "SECONDS",
     "then as configured again (preset: 600; 0: as configured, now)"},
};

extern const struct cli_command logs_command, logs_level_command;

const struct cli_command logs_level_command = {
    .name = "logs level",
    .args = "LEVEL",
    .summary = "Have the node on this machine and its workers log more, or less, for a while",
    .help = "LEVEL: debug, info, warn or error.\n",
    .options = level_options,
    .noptions = sizeof(level_options) / sizeof(level_options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_level,
};

const struct cli_command logs_command = {
    .name = "logs",
    .args = "[PIPELINE]",
    .summary = "Show what the node on this machine and its workers say",
    .help = "The node keeps the latest 8 MiB of it in memory.\n",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .max_words = 1,
    .run = run,
};
