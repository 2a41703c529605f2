/* The main thread's loop, on libevent. */
#include "loop.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdlib.h>

struct loop_event {
    struct loop_event *next;
    struct event *event;
    void (*on_signal)(int signal, void *arg);
    void (*on_time)(void *arg);
    void *arg;
};

struct loop {
    struct event_base *base;
    struct loop_event *events;
};

static void use_threads(void)
{
    evthread_use_pthreads();
}

struct loop *loop_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct loop *loop = calloc(1, sizeof(*loop));

    pthread_once(&once, use_threads);
    if (!loop)
        return NULL;
    loop->base = event_base_new();
    if (!loop->base) {
        free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    while (loop->events) {
        struct loop_event *event = loop->events;

        loop->events = event->next;
        event_free(event->event);
        free(event);
    }
    event_base_free(loop->base);
    free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

void loop_run(struct loop *loop)
{
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
    struct loop_event *event = arg;

    (void)what;
    event->on_signal((int)signal, event->arg);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct loop_event *event = arg;

    (void)fd;
    (void)what;
    event->on_time(event->arg);
}

static int keep(struct loop *loop, struct loop_event *event, const struct timeval *after)
{
    if (!event->event || event_add(event->event, after) != 0) {
        if (event->event)
            event_free(event->event);
        free(event);
        return -1;
    }
    event->next = loop->events;
    loop->events = event;
    return 0;
}

int loop_on_signal(struct loop *loop, int signal, void (*call)(int signal, void *arg), void *arg)
{
    struct loop_event *event = calloc(1, sizeof(*event));

    if (!event)
        return -1;
    event->on_signal = call;
    event->arg = arg;
    event->event = evsignal_new(loop->base, signal, on_signal, event);
    return keep(loop, event, NULL);
}

int loop_every(struct loop *loop, int interval_ms, void (*call)(void *arg), void *arg)
{
    struct loop_event *event = calloc(1, sizeof(*event));
    struct timeval after = {.tv_sec = interval_ms / 1000, .tv_usec = interval_ms % 1000 * 1000};

    if (!event)
        return -1;
    event->on_time = call;
    event->arg = arg;
    event->event = event_new(loop->base, -1, EV_PERSIST, on_time, event);
    return keep(loop, event, &after);
}

struct posted {
    void (*call)(void *arg);
    void *arg;
};

static void on_posted(evutil_socket_t fd, short what, void *arg)
{
    struct posted *posted = arg;

    (void)fd;
    (void)what;
    posted->call(posted->arg);
    free(posted);
}

void loop_post(struct loop *loop, void (*call)(void *arg), void *arg)
{
    static const struct timeval now = {0, 0};
    struct posted *posted = malloc(sizeof(*posted));

    if (!posted)
        abort(); /* a word from a thread that nobody would hear: better to end here */
    *posted = (struct posted){call, arg};
    if (event_base_once(loop->base, -1, EV_TIMEOUT, on_posted, posted, &now) != 0)
        abort();
}
