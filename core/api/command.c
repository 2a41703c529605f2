/* The operator's commands, run as children: connectors' code stays out of the API's process. */
#include "api_part.h"

#include "../util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 200
#define OUTPUT_MOST ((size_t)16 << 20)

enum { WORDS_MOST = 1200, WORDS_COMMON = 70 };

struct output {
    char *text;
    size_t length, room;
};

static pid_t start(char *const *argv, int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    pid_t pid = -1;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawnattr_init(&how);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
    if (posix_spawn(&pid, "/proc/self/exe", &files, &how, argv, environ) != 0)
        pid = -1;
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static bool make_room(struct output *output)
{
    size_t room = output->room ? 2 * output->room : 8192;
    char *text;

    if (output->length + 1 < output->room)
        return true;
    text = room <= OUTPUT_MOST ? realloc(output->text, room) : NULL;
    if (!text)
        return false;
    output->text = text;
    output->room = room;
    return true;
}

/* false: not all of it came in time, or it is too much. */
static bool read_all(int fd, int64_t until_ms, const atomic_bool *ending, struct output *output)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - clock_ms();
        ssize_t got;

        if (left_ms <= 0 || atomic_load(ending) || !make_room(output))
            return false;
        if (poll(&ready, 1, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS) <= 0)
            continue;
        got = read(fd, output->text + output->length, output->room - output->length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        output->length += (size_t)got;
    }
    output->text[output->length] = '\0';
    return true;
}

static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What is said to every command stands in front of "--", behind which nothing is an option. */
static size_t add_common(const struct api *api, const char **texts, size_t n)
{
    char *const *more = api->settings->arguments;

    texts[n++] = "--json";
    if (api->settings->config) {
        texts[n++] = "--config";
        texts[n++] = api->settings->config;
    }
    for (; *more && n < WORDS_MOST; more++)
        texts[n++] = *more;
    return n;
}

static int fill_words(const struct api *api, const char *const *words, const char **texts)
{
    bool added = false;
    size_t n = 0;

    texts[n++] = "runnel";
    for (; *words && n < WORDS_MOST; words++) {
        if (!added && strcmp(*words, "--") == 0) {
            n = add_common(api, texts, n);
            added = true;
        }
        texts[n++] = *words;
    }
    if (!added)
        n = add_common(api, texts, n);
    texts[n] = NULL;
    return *words ? -1 : 0;
}

/* The words of an error that the command printed. */
static int take_error(const json_t *answer, struct rnl_error *err)
{
    const json_t *error = json_object_get(answer, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *text = json_string_value(json_object_get(error, "text"));
    const char *hint = json_string_value(json_object_get(error, "hint"));
    const char *class = json_string_value(json_object_get(error, "class"));
    int status = RNL_E_FATAL;

    if (class)
        status = strcmp(class, "retry") == 0    ? RNL_E_RETRY
                 : strcmp(class, "data") == 0   ? RNL_E_DATA
                 : strcmp(class, "config") == 0 ? RNL_E_CONFIG
                                                : RNL_E_FATAL;
    rnl_fail(err, status, code ? code : "api.command", "%s",
             text ? text : "the command failed and gave no reason");
    if (hint && *hint)
        rnl_hint(err, "%s", hint);
    return err->status;
}

static int take(struct output *output, int code, json_t **answer, struct rnl_error *err)
{
    *answer = output->length ? json_loads(output->text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(json_object_get(*answer, "error")) || !*answer) {
        take_error(*answer, err);
        json_decref(*answer);
        *answer = NULL;
        return err->status;
    }
    (void)code;
    return RNL_OK;
}

int command_run(const struct api *api, const char *const *words, int timeout_ms, json_t **answer,
                int *exit_code, struct rnl_error *err)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    struct output output = {0};
    const char *texts[WORDS_MOST + WORDS_COMMON];
    char *argv[WORDS_MOST + WORDS_COMMON];
    int ends[2], status, code;
    bool whole;
    pid_t pid;

    if (fill_words(api, words, texts) != 0 || pipe2(ends, O_CLOEXEC) != 0)
        return rnl_fail(err, RNL_E_RETRY, "api.busy", "no command can be started now");
    memcpy(argv, texts, sizeof(argv)); /* they are only read */
    pid = start(argv, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return rnl_fail(err, RNL_E_RETRY, "api.busy", "no command can be started now");
    }
    whole = read_all(ends[0], until_ms, &api->ending, &output);
    close(ends[0]);
    if (!whole)
        kill(pid, SIGKILL);
    code = wait_for(pid);
    if (exit_code)
        *exit_code = code;
    if (whole)
        status = take(&output, code, answer, err);
    else {
        status = rnl_fail(err, RNL_E_RETRY, "api.timeout",
                          "runnel %s didn't end within %d seconds, or said too much", words[0],
                          timeout_ms / 1000);
        rnl_hint(err, "on the command line it has no such limit");
    }
    free(output.text);
    return status;
}
