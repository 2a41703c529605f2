/* The main thread's loop: signals, timers, and words from other threads. It never blocks. */
#ifndef LOOP_H
#define LOOP_H

struct loop;

struct loop *loop_new(void); /* NULL: out of memory or descriptors */
void loop_free(struct loop *loop);
void loop_run(struct loop *loop); /* until loop_stop */
void loop_stop(struct loop *loop);

/* Both live until loop_free. 0 or -1. */
int loop_on_signal(struct loop *loop, int signal, void (*call)(int signal, void *arg), void *arg);
int loop_every(struct loop *loop, int interval_ms, void (*call)(void *arg), void *arg);

/* libevent's own, for sockets that the loop serves. */
struct event_base;
struct event_base *loop_base(struct loop *loop);

/* Has call(arg) called by the loop's thread. Any thread. */
void loop_post(struct loop *loop, void (*call)(void *arg), void *arg);

#endif
