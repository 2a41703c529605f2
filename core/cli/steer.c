/* runnel status, pause, resume and stop: words to pipelines that run in the foreground elsewhere.
 */
#include "../progress.h"
#include "../remote.h"
#include "../util/clock.h"
#include "cli.h"
#include "display.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define ANSWER_MS 10000
#define LOOK_MS 100

static int64_t number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
    const char *value = json_string_value(json_object_get(o, name));

    return value ? value : "";
}

static void print_text(const char *head, const char *value)
{
    printf("  %-12s ", head);
    cli_print_safe(stdout, value);
    putchar('\n');
}

static void print_bytes(const char *head, int64_t bytes)
{
    char size[24];

    if (bytes >= 0)
        printf("  %-12s %s\n", head, bytes_text(bytes, size, sizeof(size)));
}

static void print_changes(const json_t *o)
{
    char rate[24];

    printf("  %-12s %" PRId64 ", %s/s\n", "changes", number(o, "changes"),
           count_text(json_number_value(json_object_get(o, "changes_per_s")), rate, sizeof(rate)));
    if (number(o, "lag_ms") >= 0)
        printf("  %-12s %.1f s\n", "lag", (double)number(o, "lag_ms") / 1000);
    print_bytes("behind", number(o, "behind_bytes"));
    print_bytes("held back", number(o, "held_bytes"));
    if (*text(o, "position"))
        print_text("position", text(o, "position"));
}

/* A role alone says what it heard of the other one. */
static void print_other(const json_t *o)
{
    const json_t *other = json_object_get(o, "other");
    const char *role = strcmp(text(o, "role"), "reader") == 0 ? "writer" : "reader";
    char passed[24];

    if (!other)
        return;
    print_text("role", text(o, "role"));
    if (json_is_null(other)) {
        printf("  %-12s not heard of yet\n", role);
        return;
    }
    printf("  %-12s %s, %" PRId64 " rows read, %" PRId64 " written, %" PRId64 " changes; heard %s "
           "ago\n",
           role, text(other, "phase"), number(other, "rows_read"), number(other, "rows_written"),
           number(other, "changes"),
           time_text(number(other, "heard_ms_ago"), passed, sizeof(passed)));
}

static void print_status(const json_t *o)
{
    char rows[24], rate[24], bytes[24], passed[24];

    printf("pipeline %s: %s\n", text(o, "pipeline"), text(o, "state"));
    print_text("phase", text(o, "phase"));
    printf("  %-12s %" PRId64 " of %" PRId64 "\n", "tables", number(o, "tables_done"),
           number(o, "tables"));
    printf("  %-12s %s rows, %s, %s rows/s\n", "written",
           count_text((double)number(o, "rows_written"), rows, sizeof(rows)),
           bytes_text(number(o, "bytes_written"), bytes, sizeof(bytes)),
           count_text(json_number_value(json_object_get(o, "rows_per_s")), rate, sizeof(rate)));
    printf("  %-12s %s\n", "running for",
           time_text(number(o, "elapsed_ms"), passed, sizeof(passed)));
    if (json_object_get(o, "changes"))
        print_changes(o);
    if (number(o, "rows_standing"))
        printf("  %-12s %" PRId64 " rows, see: runnel dead-letters list %s\n", "set aside",
               number(o, "rows_standing"), text(o, "words"));
    print_other(o);
    if (number(o, "waiting_ms"))
        print_text("waiting", text(o, "reason"));
}

static int print_answer(json_t *o)
{
    if (cli_json()) {
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
    } else
        print_status(o);
    json_decref(o);
    return EXIT_DONE;
}

/* Where its roles have processes of their own, they listen by these names. */
static int ask(const char *name, const char *word, json_t *request, json_t **answer,
               struct rnl_error *err)
{
    int status = remote_ask(name, word, request, ANSWER_MS, answer, err);
    static const char *const roles[] = {"reader", "writer"};
    char ear[300], found[2][300] = {"", ""};

    for (int i = 0; status != RNL_OK && i < 2; i++) {
        struct rnl_error unheard = RNL_ERROR_INIT;
        json_t *o;

        snprintf(ear, sizeof(ear), "%s.%s", name, roles[i]);
        if (remote_ask(ear, "status", NULL, ANSWER_MS, &o, &unheard) != RNL_OK)
            continue;
        json_decref(o);
        memcpy(found[i], ear, sizeof(ear));
    }
    if (*found[0] || *found[1])
        rnl_hint(err, "its roles are processes of their own: runnel %s %s%s%s", word, found[0],
                 *found[0] && *found[1] ? ", or " : "", found[1]);
    return status;
}

static int ask_one(const char *name, const char *word, json_t *request)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *answer;

    if (ask(name, word, request, &answer, &err) != RNL_OK)
        return cli_fail(&err);
    return print_answer(answer);
}

/* A socket whose process was killed answers nothing: it isn't running, and isn't shown. */
static int status_all(void)
{
    json_t *names = remote_names(), *all = json_array(), *name, *o;
    size_t i;

    json_array_foreach(names, i, name)
    {
        struct rnl_error err = RNL_ERROR_INIT;

        if (remote_ask(json_string_value(name), "status", NULL, ANSWER_MS, &o, &err) == RNL_OK)
            json_array_append_new(all, o);
    }
    json_decref(names);
    if (cli_json()) {
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (!json_array_size(all)) {
        puts("no pipeline of this user runs on this machine");
    }
    json_array_foreach(all, i, o)
    {
        if (!cli_json())
            print_status(o);
    }
    json_decref(all);
    return EXIT_DONE;
}

static int run_status(const struct cli_args *args)
{
    return args->nwords ? ask_one(args->words[0], "status", NULL) : status_all();
}

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

/* One that runs may have rows that stand aside. */
static bool is_state(const json_t *o, const char *state)
{
    return strcmp(text(o, "state"), state) == 0 ||
           (strcmp(state, "running") == 0 && strcmp(text(o, "state"), "degraded") == 0);
}

/* Until the run is in that state; one that has ended is in none. */
static int wait_for(const char *name, const char *state, int64_t until_ms)
{
    for (;;) {
        struct rnl_error err = RNL_ERROR_INIT;
        json_t *o;
        int status = remote_ask(name, "status", NULL, ANSWER_MS, &o, &err);

        if (status != RNL_OK && !*state)
            return EXIT_DONE; /* it has ended: that was waited for */
        if (status != RNL_OK)
            return cli_fail(&err);
        if (is_state(o, state))
            return print_answer(o);
        json_decref(o);
        if (clock_ms() >= until_ms) {
            rnl_fail(&err, RNL_E_RETRY, "remote.slow", "pipeline %s was told, but isn't %s yet",
                     name, *state ? state : "ended");
            rnl_hint(&err, "runnel status %s shows what it is at", name);
            return cli_fail(&err);
        }
        wait_a_moment();
    }
}

static int tell(const struct cli_args *args, const char *word, const char *state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const char *name = args->words[0];
    int64_t until_ms = clock_ms() + cli_int(args, "wait", 60) * 1000;
    json_t *o, *request = json_object();

    json_object_set_new(request, "hard", json_boolean(cli_flag(args, "now")));
    if (ask(name, word, request, &o, &err) != RNL_OK)
        return cli_fail(&err);
    json_decref(o);
    return wait_for(name, state, until_ms);
}

static int run_pause(const struct cli_args *args)
{
    return tell(args, "pause", "paused");
}

static int run_resume(const struct cli_args *args)
{
    return tell(args, "resume", "running");
}

static int run_stop(const struct cli_args *args)
{
    return tell(args, "stop", "");
}

#define WAIT_OPTION                                                                        \
    {                                                                                      \
        "wait", 0, CLI_INT, 0, "SECONDS", "how long to wait until it is done (preset: 60)" \
    }

static const struct cli_option wait_options[] = {WAIT_OPTION};
static const struct cli_option stop_options[] = {
    WAIT_OPTION,
    {"now", 0, CLI_FLAG, 0, NULL,
     "break off statements that run, too: what isn't committed is done again"},
};

const struct cli_command status_command = {
    .name = "status",
    .args = "[PIPELINE]",
    .summary = "Show pipelines that run in the foreground on this machine",
    .help = "Asks the processes of this user that run a pipeline (runnel migrate, runnel run). "
            "Where nothing is shown, nothing runs.",
    .max_words = 1,
    .run = run_status,
};

const struct cli_command pause_command = {
    .name = "pause",
    .args = "PIPELINE",
    .summary = "Let a running pipeline rest: what it has read is committed, its process stays",
    .options = wait_options,
    .noptions = sizeof(wait_options) / sizeof(wait_options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_pause,
};

const struct cli_command resume_command = {
    .name = "resume",
    .args = "PIPELINE",
    .summary = "Let a paused pipeline go on",
    .options = wait_options,
    .noptions = sizeof(wait_options) / sizeof(wait_options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_resume,
};

const struct cli_command stop_command = {
    .name = "stop",
    .args = "PIPELINE",
    .summary = "End a running pipeline in order: the same command goes on from there later",
    .options = stop_options,
    .noptions = sizeof(stop_options) / sizeof(stop_options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = run_stop,
};
