/* One pipeline's worker: started, listened to, told, and what it leaves when it has ended. */
#include "node_part.h"

#include "remote.h"
#include "util/clock.h"
#include "util/log.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/wait.h>

enum { ARGUMENTS_MOST = 32 };

static void keep_words(struct entry *entry, const char *text)
{
    free(entry->last_words[0]);
    memmove(entry->last_words, entry->last_words + 1, (LAST_WORDS - 1) * sizeof(char *));
    entry->last_words[LAST_WORDS - 1] = strndup(text, 500);
}

void worker_forget(struct entry *entry)
{
    for (int i = 0; i < LAST_WORDS; i++) {
        free(entry->last_words[i]);
        entry->last_words[i] = NULL;
    }
    json_decref(entry->progress);
    json_decref(entry->error);
    entry->progress = entry->error = NULL;
    entry->ended = false;
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
static void on_log(struct entry *entry, const char *line)
{
    json_t *o = json_loads(line, 0, NULL);
    const char *text = json_string_value(json_object_get(o, "text"));
    const char *part = json_string_value(json_object_get(o, "component"));
    char component[200];

    snprintf(component, sizeof(component), "%s%s%s", entry->name, text && part ? ": " : "",
             text && part ? part : "");
    log_write(level_of(text ? json_string_value(json_object_get(o, "level")) : NULL), component,
              "%s", text ? text : line);
    keep_words(entry, text ? text : line);
    json_decref(o);
}

/* How it fares, each in one line of JSON. */
static void on_record(struct entry *entry, const char *line)
{
    json_t *o = json_loads(line, 0, NULL), *error = json_object_get(o, "error");

    if (error) {
        json_decref(entry->error);
        entry->error = json_incref(error);
    } else if (json_object_get(o, "event")) {
        json_decref(entry->progress);
        entry->progress = json_incref(o);
    }
    json_decref(o);
}

static void on_line(void *arg, bool is_error, char *line)
{
    if (is_error)
        on_log(arg, line);
    else
        on_record(arg, line);
}

static uint32_t any_bits(void)
{
    uint32_t bits = 0;

    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        bits = (uint32_t)clock_ms();
    return bits;
}

static void say_end(const struct entry *entry)
{
    const char *why = json_string_value(json_object_get(entry->error, "text"));
    const char *code = json_string_value(json_object_get(entry->error, "code"));
    bool bad = entry->now.state == SUPERVISED_FAILED || entry->now.state == SUPERVISED_WAITING;
    char how[60];

    if (entry->end.signal)
        snprintf(how, sizeof(how), "was ended by signal %d (%s)", entry->end.signal,
                 strsignal(entry->end.signal));
    else
        snprintf(how, sizeof(how), "ended with exit code %d", entry->end.code);
    log_write(entry->now.state == SUPERVISED_FAILED ? RNL_LOG_ERROR
              : bad                                 ? RNL_LOG_WARN
                                                    : RNL_LOG_INFO,
              "node", "pipeline %s: its worker %s: %s%s%s%s%s%s", entry->name, how,
              supervised_word(entry->now.state), bad && why ? ": " : "", bad && why ? why : "",
              bad && code ? " [" : "", bad && code ? code : "", bad && code ? "]" : "");
    if (entry->now.looping)
        log_write(RNL_LOG_ERROR, "node",
                  "pipeline %s is given up: %d workers ended too early within %d minutes; once it "
                  "is mended: runnel pipelines start %s",
                  entry->name, CRASHES_MOST, (int)(SUPERVISED_WINDOW_MS / 60000), entry->name);
}

/*
 * One that was told to end by others stays so for as long as this node lives. On disk nothing
 * changes: a machine that goes down may well tell all processes at once.
 */
static void ended(struct entry *entry, const struct worker_end *end)
{
    entry->end = *end;
    entry->ended = true;
    supervised_ended(&entry->now, end, clock_ms(), any_bits());
    say_end(entry);
}

/* What can't work as it is isn't tried again; what nobody explained is. */
static bool may_pass(const json_t *error)
{
    const char *class = json_string_value(json_object_get(error, "class"));

    return !class || strcmp(class, "retry") == 0 || strcmp(class, "fatal") == 0;
}

static void on_ended(void *arg, int status)
{
    struct entry *entry = arg;
    struct worker_end end = {.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                             .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                             .passes = may_pass(entry->error),
                             .limited = json_is_true(json_object_get(entry->progress, "limited"))};

    entry->child = NULL;
    ended(entry, &end);
}

static int start(struct entry *entry, struct rnl_error *err)
{
    const struct node_settings *settings = entry->node->settings;
    const struct child_watch watch = {on_line, on_ended, entry};
    const char *argv[ARGUMENTS_MOST + 12] = {"runnel", "worker"};
    char *arguments[ARGUMENTS_MOST + 12];
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
    argv[n++] = "--json";
    argv[n++] = "--log-format";
    argv[n++] = "json";
    for (size_t i = 0; i < ARGUMENTS_MOST && settings->arguments[i]; i++)
        argv[n++] = settings->arguments[i];
    argv[n] = NULL;
    memcpy(arguments, argv, sizeof(arguments));
    return child_start(entry->node->loop, arguments, &watch, &entry->child, err);
}

static void begin(struct entry *entry)
{
    const struct worker_end none = {.code = -1, .passes = true};
    struct rnl_error err = RNL_ERROR_INIT;

    worker_forget(entry);
    supervised_began(&entry->now, clock_ms());
    entry->print_running = entry->print;
    if (start(entry, &err) == RNL_OK) {
        log_write(RNL_LOG_INFO, "node", "pipeline %s: worker %d began", entry->name,
                  (int)child_pid(entry->child));
        return;
    }
    log_error("node", &err);
    keep_words(entry, err.text);
    ended(entry, &none);
}

/* Until it listens it can't be told: then it is tried again. */
static void tell(struct entry *entry, bool rest)
{
    if (remote_tell(entry->name, rest ? "pause" : "resume"))
        supervised_rests(&entry->now, rest);
}

void worker_step(struct entry *entry)
{
    switch (supervised_next(&entry->now, clock_ms())) {
    case DO_NOTHING:
        break;
    case DO_START:
        if (!entry->node->draining && entry->listed)
            begin(entry);
        break;
    case DO_STOP:
        child_signal(entry->child, SIGTERM);
        break;
    case DO_KILL:
        log_write(RNL_LOG_WARN, "node", "pipeline %s: its worker doesn't end, and is killed",
                  entry->name);
        child_signal(entry->child, SIGKILL);
        break;
    case DO_PAUSE:
        tell(entry, true);
        break;
    case DO_RESUME:
        tell(entry, false);
        break;
    }
}
