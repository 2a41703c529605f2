/* Child processes: started with pipes for what they print, and a leash that breaks with the parent.
 */
#include "child.h"

#include "loop.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MOST ((size_t)1 << 20) /* what is longer comes in pieces */

struct child_output {
    struct child *child;
    struct event *event;
    struct evbuffer *text;
    int fd;
    bool is_error;
};

struct child {
    struct child_watch watch;
    struct child_output outputs[2];
    int leash;
    pid_t pid;
};

/* --- what it prints --------------------------------------------------------------------------- */

static void tell_lines(struct child_output *output, bool all)
{
    const struct child_watch *watch = &output->child->watch;
    char *line;

    while ((line = evbuffer_readln(output->text, NULL, EVBUFFER_EOL_LF)) != NULL) {
        watch->line(watch->arg, output->is_error, line);
        free(line);
    }
    if (evbuffer_get_length(output->text) < (all ? 1 : LINE_MOST))
        return;
    evbuffer_add(output->text, "\n", 1);
    tell_lines(output, false);
}

/* Whether more may come. */
static bool take(struct child_output *output)
{
    int got = evbuffer_read(output->text, output->fd, 65536);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got > 0)
        tell_lines(output, false);
    return got > 0;
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    struct child_output *output = arg;

    (void)fd;
    (void)what;
    if (!take(output))
        event_del(output->event);
}

static void output_close(struct child_output *output)
{
    if (output->event)
        event_free(output->event);
    if (output->text)
        evbuffer_free(output->text);
    if (output->fd >= 0)
        close(output->fd);
}

static bool output_open(struct child_output *output, struct loop *loop)
{
    output->text = evbuffer_new();
    output->event = event_new(loop_base(loop), output->fd, EV_READ | EV_PERSIST, on_output, output);
    return output->text && output->event && event_add(output->event, NULL) == 0 &&
           fcntl(output->fd, F_SETFL, O_NONBLOCK) == 0;
}

/* Its last words are still in the pipes; nobody else writes there. */
static void drain(struct child_output *output)
{
    int got;

    do
        got = evbuffer_read(output->text, output->fd, 65536);
    while (got > 0 || (got < 0 && errno == EINTR));
    tell_lines(output, true);
}

/* --- its life --------------------------------------------------------------------------------- */

/* Behind fork(): only what a signal handler may do. */
static _Noreturn void become(char *const *argv, const int *fds, pid_t parent)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0); /* what a terminal sends to the parent is the parent's to pass on */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(127);
    for (int i = 0; i <= CHILD_LEASH; i++)
        if ((fds[i] == i ? fcntl(i, F_SETFD, 0) : dup2(fds[i], i)) < 0)
            _exit(127);
    execv("/proc/self/exe", argv);
    _exit(127);
}

static void close_two(int *fds)
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    fds[0] = fds[1] = -1;
}

static int start(struct child *child, char *const *argv, struct rnl_error *err)
{
    int out[2] = {-1, -1}, errors[2] = {-1, -1}, leash[2] = {-1, -1};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t parent = getpid();

    if (null < 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, leash) != 0)
        goto close_all;
    child->pid = fork();
    if (child->pid < 0)
        goto close_all;
    if (child->pid == 0)
        become(argv, (const int[]){null, out[1], errors[1], leash[1]}, parent);
    close(null);
    close(out[1]);
    close(errors[1]);
    close(leash[1]);
    child->outputs[0] = (struct child_output){.child = child, .fd = out[0]};
    child->outputs[1] = (struct child_output){.child = child, .fd = errors[0], .is_error = true};
    child->leash = leash[0];
    return RNL_OK;
close_all:
    rnl_fail(err, RNL_E_RETRY, "worker.start", "a process can't be started: %s", strerror(errno));
    close_two(out);
    close_two(errors);
    close_two(leash);
    if (null >= 0)
        close(null);
    return err->status;
}

static void child_free(struct child *child)
{
    output_close(&child->outputs[0]);
    output_close(&child->outputs[1]);
    close(child->leash);
    free(child);
}

int child_start(struct loop *loop, char *const *argv, const struct child_watch *watch,
                struct child **out, struct rnl_error *err)
{
    struct child *child = calloc(1, sizeof(*child));

    if (!child)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    child->watch = *watch;
    if (start(child, argv, err) != RNL_OK) {
        free(child);
        return err->status;
    }
    if (!output_open(&child->outputs[0], loop) || !output_open(&child->outputs[1], loop)) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        child_free(child);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    }
    *out = child;
    return RNL_OK;
}

void child_signal(const struct child *child, int signal)
{
    kill(child->pid, signal);
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

void child_reap(struct child *child)
{
    int status;

    if (waitpid(child->pid, &status, WNOHANG) != child->pid)
        return;
    drain(&child->outputs[0]);
    drain(&child->outputs[1]);
    child->watch.ended(child->watch.arg, status);
    child_free(child);
}

/* --- the child's side ------------------------------------------------------------------------- */

/* Nothing is ever sent: what ends the wait is the parent's end. */
static void *wait_for_end(void *arg)
{
    char byte;
    ssize_t got;

    (void)arg;
    do
        got = read(CHILD_LEASH, &byte, 1);
    while (got > 0 || (got < 0 && errno == EINTR));
    _exit(1); /* all that counts stands in the target: nothing is lost by this */
}

int child_tie(struct rnl_error *err)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    pthread_t thread;
    sigset_t all, before;
    int failed;

    if (getsockname(CHILD_LEASH, (struct sockaddr *)&address, &len) != 0 ||
        address.ss_family != AF_UNIX) {
        rnl_fail(err, RNL_E_CONFIG, "worker.alone", "a worker is started by its node alone");
        rnl_hint(err, "runnel serve runs pipelines; runnel run runs one in the foreground");
        return err->status;
    }
    fcntl(CHILD_LEASH, F_SETFD, FD_CLOEXEC);
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, NULL, wait_for_end, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return rnl_fail(err, RNL_E_FATAL, "memory", "no thread can be started: %s",
                        strerror(failed));
    pthread_detach(thread);
    return RNL_OK;
}
