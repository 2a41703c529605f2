/* A line of progress and signals, for commands that read for a while. */
#include "attend.h"

#include "../util/clock.h"
#include "../util/columns.h"
#include "../util/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define DRAW_MS 200
#define LINE_MS 5000

static atomic_bool stopping;

static struct {
    pthread_mutex_t lock;
    bool quiet, terminal, drawn;
    _Atomic int64_t due_ms;
} line = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Only what a signal handler may do. */
static void on_signal(int signal)
{
    static const char text[] = "\nstopping; once more to stop at once\n";

    (void)signal;
    if (atomic_exchange(&stopping, true))
        _exit(EXIT_INTERRUPTED);
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        return;
}

const atomic_bool *attend_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    return &stopping;
}

static void erase(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&line.lock);
    if (line.drawn)
        fputs("\r\033[K", stderr);
    line.drawn = false;
    pthread_mutex_unlock(&line.lock);
}

static void leave(void *arg)
{
    (void)arg; /* the next line draws again */
}

void attend_line_start(const struct cli_args *args)
{
    const char *term = getenv("TERM");

    line.quiet = cli_flag(args, "quiet") || cli_flag(args, "json");
    line.terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    line.due_ms = clock_ms() + (line.terminal ? DRAW_MS : LINE_MS);
    log_set_hook(erase, leave, NULL);
}

bool attend_line_due(void)
{
    int64_t now_ms = clock_ms();
    int64_t due_ms = line.due_ms;

    /* One thread wins. */
    return !line.quiet && now_ms >= due_ms &&
           atomic_compare_exchange_strong(&line.due_ms, &due_ms,
                                          now_ms + (line.terminal ? DRAW_MS : LINE_MS));
}

void attend_line(const char *text)
{
    char cut[400];

    pthread_mutex_lock(&line.lock);
    if (line.terminal)
        fprintf(stderr, "\r%s\033[K",
                columns_text(text, columns_wide(STDERR_FILENO) - 1, cut, sizeof(cut)));
    else
        fprintf(stderr, "%s\n", text);
    fflush(stderr);
    line.drawn = line.terminal;
    pthread_mutex_unlock(&line.lock);
}

void attend_line_end(void)
{
    erase(NULL);
    log_set_hook(NULL, NULL, NULL);
}
