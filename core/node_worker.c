/* One worker of a pipeline: started, listened to, told, and what it leaves when it has ended. */
#include "node_part.h"

#include "logbook.h"
#include "redact.h"
#include "remote.h"
#include "util/clock.h"
#include "util/log.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/wait.h>

#define NOTE_MS 60000 /* how often what a run has done is written down */

/* "shop", or "shop: reader" where the other role has a process of its own. */
static const char *name_of(const struct worker *worker, char *buf, size_t size)
{
    if (worker->roles == ROLES_ALL)
        snprintf(buf, size, "%s", worker->entry->name);
    else
        snprintf(buf, size, "%s: %s", worker->entry->name, roles_word(worker->roles));
    return buf;
}

static void keep_words(struct worker *worker, const char *text)
{
    free(worker->last_words[0]);
    memmove(worker->last_words, worker->last_words + 1, (LAST_WORDS - 1) * sizeof(char *));
    worker->last_words[LAST_WORDS - 1] = strndup(text, 500);
}

void worker_forget(struct worker *worker)
{
    for (int i = 0; i < LAST_WORDS; i++) {
        free(worker->last_words[i]);
        worker->last_words[i] = NULL;
    }
    json_decref(worker->progress);
    json_decref(worker->error);
    worker->progress = worker->error = NULL;
    worker->ended = false;
}

static enum rnl_level level_of(const char *word)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};

    for (int i = 0; word && i < 4; i++)
        if (strcmp(words[i], word) == 0)
            return (enum rnl_level)(RNL_LOG_DEBUG + i);
    return RNL_LOG_WARN; /* no record of ours: a library's, or a crash's last words */
}

/* A record of its log goes into ours, under the pipeline's name. */
static void on_log(struct worker *worker, char *line)
{
    json_t *o = json_loads(line, 0, NULL);
    const char *text = json_string_value(json_object_get(o, "text"));
    const char *part = json_string_value(json_object_get(o, "component"));
    char component[300], name[120];

    if (!text)
        redact(line);
    snprintf(component, sizeof(component), "%s%s%s", name_of(worker, name, sizeof(name)),
             text && part ? ": " : "", text && part ? part : "");
    logbook_about(worker->entry->name, roles_word(worker->roles), text ? part : NULL);
    log_write(level_of(text ? json_string_value(json_object_get(o, "level")) : NULL), component,
              "%s", text ? text : line);
    logbook_about(NULL, NULL, NULL);
    keep_words(worker, text ? text : line);
    json_decref(o);
}

/* How it fares, each in one line of JSON. */
static void on_record(struct worker *worker, const char *line)
{
    json_t *o = json_loads(line, 0, NULL), *error = json_object_get(o, "error");

    if (error) {
        json_decref(worker->error);
        worker->error = json_incref(error);
    } else if (json_object_get(o, "event")) {
        json_decref(worker->progress);
        worker->progress = json_incref(o);
    }
    json_decref(o);
}

/* Of a summary, which each run ends with, or of how far it is. A reader has put nothing anywhere.
 */
static struct run_totals totals_of(const struct worker *worker)
{
    const json_t *o = worker->progress, *table;
    bool whole = json_object_get(o, "rows") != NULL;
    struct run_totals totals = {
        .rows = json_integer_value(json_object_get(o, whole ? "rows" : "rows_written")) -
                json_integer_value(json_object_get(o, "rows_before")),
        .changes = json_integer_value(json_object_get(o, "changes")),
        .bytes = json_integer_value(json_object_get(o, whole ? "bytes" : "bytes_written")),
        .set_aside = json_integer_value(json_object_get(o, "rows_set_aside"))};
    size_t i;

    json_array_foreach(json_object_get(o, "tables"), i, table)
    {
        totals.rows -= json_integer_value(json_object_get(table, "rows_before"));
    }
    if (worker->roles == ROLE_READER)
        totals = (struct run_totals){0};
    return totals;
}

static void note_totals(struct worker *worker)
{
    struct run_totals totals = totals_of(worker);

    recorder_run_goes(worker->entry->node->recorder, worker, &totals);
    worker->noted_ms = clock_ms();
}

static const char *ear_of(const struct worker *worker, char *buf, size_t size)
{
    snprintf(buf, size, worker->roles == ROLES_ALL ? "%s" : "%s.%s", worker->entry->name,
             roles_word(worker->roles));
    return buf;
}

void worker_tell_level(const struct worker *worker)
{
    char ear[120], word[40];

    snprintf(word, sizeof(word), "log-%s",
             worker->entry->node->level_until_ms || worker->raised ? log_level_word(log_level())
                                                                   : "back");
    remote_tell(ear_of(worker, ear, sizeof(ear)), word);
}

static void on_line(void *arg, bool is_error, char *line)
{
    struct worker *worker = arg;

    if (is_error)
        on_log(arg, line);
    else
        on_record(arg, line);
    if (!is_error && worker->progress && clock_ms() - worker->noted_ms >= NOTE_MS)
        note_totals(worker);
}

static uint32_t any_bits(void)
{
    uint32_t bits = 0;

    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        bits = (uint32_t)clock_ms();
    return bits;
}

static void say_end(const struct worker *worker)
{
    const char *why = json_string_value(json_object_get(worker->error, "text"));
    const char *code = json_string_value(json_object_get(worker->error, "code"));
    bool bad = worker->now.state == SUPERVISED_FAILED || worker->now.state == SUPERVISED_WAITING;
    char how[60], name[120];

    name_of(worker, name, sizeof(name));
    if (worker->end.signal)
        snprintf(how, sizeof(how), "was ended by signal %d (%s)", worker->end.signal,
                 strsignal(worker->end.signal));
    else
        snprintf(how, sizeof(how), "ended with exit code %d", worker->end.code);
    log_write(worker->now.state == SUPERVISED_FAILED ? RNL_LOG_ERROR
              : bad                                  ? RNL_LOG_WARN
                                                     : RNL_LOG_INFO,
              "node", "pipeline %s: its worker %s: %s%s%s%s%s%s", name, how,
              supervised_word(worker->now.state), bad && why ? ": " : "", bad && why ? why : "",
              bad && code ? " [" : "", bad && code ? code : "", bad && code ? "]" : "");
    if (worker->now.looping)
        log_write(RNL_LOG_ERROR, "node",
                  "pipeline %s is given up: %d workers ended too early within %d minutes; once it "
                  "is mended: runnel pipelines start %s",
                  name, CRASHES_MOST, (int)(SUPERVISED_WINDOW_MS / 60000), worker->entry->name);
}

/* The next node is to know it too; that this one couldn't write it down changes nothing here. */
static void keep_failure(const struct worker *worker)
{
    const struct entry *entry = worker->entry;
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *how = worker_json(worker);

    json_object_del(how, "progress");
    if (kept_fail(entry->node->kept, entry->name, roles_word(worker->roles), how, &err) != RNL_OK)
        log_error("node", &err);
    json_decref(how);
}

/*
 * One that was told to end by others stays so for as long as this node lives. On disk nothing
 * changes: a machine that goes down may well tell all processes at once.
 */
static void note_end(struct worker *worker)
{
    const json_t *error = worker->error;
    const char *outcome = supervised_word(worker->now.state);

    if (worker->now.state == SUPERVISED_WAITING)
        outcome = worker->end.signal ? "killed" : "failed";
    note_totals(worker);
    recorder_run_ended(worker->entry->node->recorder, worker, outcome, worker->end.code,
                       json_string_value(json_object_get(error, "code")),
                       json_string_value(json_object_get(error, "text")));
}

static void ended(struct worker *worker, const struct worker_end *end)
{
    worker->end = *end;
    worker->ended = true;
    supervised_ended(&worker->now, end, clock_ms(), any_bits());
    say_end(worker);
    note_end(worker);
    if (worker->now.state == SUPERVISED_FAILED)
        keep_failure(worker);
}

/* What can't work as it is isn't tried again; what nobody explained is. */
static bool may_pass(const json_t *error)
{
    const char *class = json_string_value(json_object_get(error, "class"));

    return !class || strcmp(class, "retry") == 0 || strcmp(class, "fatal") == 0;
}

static void on_ended(void *arg, int status)
{
    struct worker *worker = arg;
    struct worker_end end = {.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                             .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                             .passes = may_pass(worker->error),
                             .limited = json_is_true(json_object_get(worker->progress, "limited"))};

    worker->child = NULL;
    ended(worker, &end);
    entry_ended(worker);
}

static int start(struct worker *worker, struct rnl_error *err)
{
    const struct entry *entry = worker->entry;
    const struct node_settings *settings = entry->node->settings;
    const struct child_watch watch = {on_line, on_ended, worker};
    const char *argv[ARGUMENTS_MOST + 14] = {"runnel", "worker"};
    char *arguments[ARGUMENTS_MOST + 14];
    bool raised = entry->node->level_until_ms != 0;
    size_t n = 2;

    argv[n++] = entry->file ? entry->file : entry->name;
    if (entry->file) {
        argv[n++] = "--pipeline";
        argv[n++] = entry->name;
    }
    if (settings->config) {
        argv[n++] = "--config";
        argv[n++] = settings->config;
    }
    argv[n++] = "--role";
    argv[n++] = roles_word(worker->roles);
    argv[n++] = "--json";
    argv[n++] = "--log-format";
    argv[n++] = "json";
    worker->raised = raised;
    if (raised) {
        argv[n++] = "--log-level";
        argv[n++] = log_level_word(log_level());
    }
    for (size_t i = 0; i < ARGUMENTS_MOST && settings->arguments[i]; i++) {
        if (raised && strcmp(settings->arguments[i], "--log-level") == 0)
            i++; /* with its value */
        else
            argv[n++] = settings->arguments[i];
    }
    argv[n] = NULL;
    memcpy(arguments, argv, sizeof(arguments));
    return child_start(entry->node->loop, arguments, &watch, &worker->child, err);
}

static void begin(struct worker *worker)
{
    const struct worker_end none = {.code = -1, .passes = true};
    struct rnl_error err = RNL_ERROR_INIT;
    char name[120];

    worker_forget(worker);
    supervised_began(&worker->now, clock_ms());
    worker->print_running = worker->entry->print;
    worker->noted_ms = clock_ms();
    recorder_run_began(worker->entry->node->recorder, worker, worker->entry->name,
                       roles_word(worker->roles), worker->entry->mode);
    if (start(worker, &err) == RNL_OK) {
        log_write(RNL_LOG_INFO, "node", "pipeline %s: worker %d began",
                  name_of(worker, name, sizeof(name)), (int)child_pid(worker->child));
        return;
    }
    log_error("node", &err);
    keep_words(worker, err.text);
    ended(worker, &none);
}

/* Until it listens it can't be told: then it is tried again. */
static void tell(struct worker *worker, bool rest)
{
    char ear[120];

    if (remote_tell(ear_of(worker, ear, sizeof(ear)), rest ? "pause" : "resume"))
        supervised_rests(&worker->now, rest);
}

void worker_step(struct worker *worker, bool may_start)
{
    char name[120];

    switch (supervised_next(&worker->now, clock_ms())) {
    case DO_NOTHING:
        break;
    case DO_START:
        if (may_start)
            begin(worker);
        break;
    case DO_STOP:
        child_signal(worker->child, SIGTERM);
        break;
    case DO_KILL:
        log_write(RNL_LOG_WARN, "node", "pipeline %s: its worker doesn't end, and is killed",
                  name_of(worker, name, sizeof(name)));
        child_signal(worker->child, SIGKILL);
        break;
    case DO_PAUSE:
        tell(worker, true);
        break;
    case DO_RESUME:
        tell(worker, false);
        break;
    }
}

/* --- what is told of it ----------------------------------------------------------------------- */

static json_t *words_of(const struct worker *worker)
{
    json_t *words = json_array();

    for (int i = 0; i < LAST_WORDS; i++)
        if (worker->last_words[i])
            json_array_append_new(words, json_string(worker->last_words[i]));
    return words;
}

static void put_end(json_t *o, const struct worker *worker)
{
    const struct supervised *now = &worker->now;

    if (worker->ended) {
        json_object_set_new(o, "exit_code", json_integer(worker->end.code));
        json_object_set_new(o, "signal", json_integer(worker->end.signal));
    }
    if (worker->error)
        json_object_set(o, "failure", worker->error);
    if (now->state == SUPERVISED_FAILED || now->state == SUPERVISED_WAITING)
        json_object_set_new(o, "last_words", words_of(worker));
    if (now->looping)
        json_object_set_new(o, "crash_loop", json_true());
    if (now->state == SUPERVISED_WAITING)
        json_object_set_new(o, "next_ms", json_integer(now->due_ms - clock_ms()));
}

json_t *worker_json(const struct worker *worker)
{
    const struct supervised *now = &worker->now;
    json_t *o = json_pack("{s:s,s:s,s:i}", "role", roles_word(worker->roles), "state",
                          supervised_word(now->state), "restarts", (int)now->restarts);

    if (worker->child) {
        json_object_set_new(o, "pid", json_integer(child_pid(worker->child)));
        json_object_set_new(o, "alive_ms", json_integer(clock_ms() - now->began_ms));
    }
    if (worker->progress)
        json_object_set(o, "progress", worker->progress);
    put_end(o, worker);
    return o;
}

void worker_restore(struct worker *worker, const json_t *failed)
{
    const json_t *words = json_object_get(failed, "last_words"), *line;
    json_t *error = json_object_get(failed, "failure");
    size_t i;

    supervised_restore(&worker->now, json_is_true(json_object_get(failed, "crash_loop")));
    worker->ended = true;
    worker->end =
        (struct worker_end){.code = (int)json_integer_value(json_object_get(failed, "exit_code")),
                            .signal = (int)json_integer_value(json_object_get(failed, "signal"))};
    worker->error = json_is_object(error) ? json_incref(error) : NULL;
    json_array_foreach(words, i, line)
    {
        if (json_is_string(line))
            keep_words(worker, json_string_value(line));
    }
}
