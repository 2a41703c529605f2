/*
 * What a node should do with one worker: events go in, actions come out, the time is handed in.
 * Nothing here starts or ends a process.
 */
#ifndef SUPERVISED_H
#define SUPERVISED_H

#include <stdbool.h>
#include <stdint.h>

/* What the operator wants; kept through restarts of the node. */
enum wanted { WANT_STOPPED = 0, WANT_RUNNING, WANT_PAUSED };

enum supervised_state {
    SUPERVISED_STOPPED = 0,
    SUPERVISED_RUNNING,  /* its worker lives */
    SUPERVISED_PAUSED,   /* its worker rests, or there is none until it is to go on */
    SUPERVISED_STOPPING, /* its worker was told to end */
    SUPERVISED_WAITING,  /* its worker ended too early, and is started again in a while */
    SUPERVISED_FINISHED, /* nothing is left to do */
    SUPERVISED_DEGRADED, /* so, but rows stand aside */
    SUPERVISED_FAILED,   /* it can't go on, or ended too early too often */
};

enum supervised_action { DO_NOTHING = 0, DO_START, DO_STOP, DO_KILL, DO_PAUSE, DO_RESUME };

/* How a worker ended. */
struct worker_end {
    int code;     /* its exit code, or -1 */
    int signal;   /* that ended it, or 0 */
    bool passes;  /* what it failed by may pass: it is worth another try */
    bool limited; /* it has done what it may for now: more is left */
};

enum { CRASHES_MOST = 5 };

/* Times are of clock_ms(). Zeroed: stopped, and wanted so. */
struct supervised {
    enum wanted want;
    enum supervised_state state;
    bool alive;
    bool anew;         /* end the worker in order, then start one */
    bool unsure;       /* others may have let it rest, or go on: it is told once more */
    bool held;         /* no worker may live for now; what is wanted stays */
    bool looping;      /* FAILED since it ended too early too often */
    int64_t began_ms;  /* the worker, the last one */
    int64_t due_ms;    /* WAITING: when the next one starts; STOPPING: when it is killed */
    uint32_t attempts; /* without a worker that lived for a while */
    uint32_t restarts; /* in all, since the operator wanted it running */
    int64_t crashes_ms[CRASHES_MOST]; /* the latest ends that were too early */
    uint32_t ncrashes;
};

#define SUPERVISED_WINDOW_MS ((int64_t)10 * 60 * 1000)
#define SUPERVISED_GRACE_MS 60000

/* The operator speaks: what has gone wrong before is forgotten. */
void supervised_want(struct supervised *s, enum wanted want);
void supervised_restart(struct supervised *s);
/* No worker is to live until it is let go again. */
void supervised_hold(struct supervised *s, bool held);
/* As it ended before all this began: FAILED, until the operator speaks. */
void supervised_restore(struct supervised *s, bool looping);
/* A worker was started. */
void supervised_began(struct supervised *s, int64_t now_ms);
/* It rests, or goes on: DO_PAUSE or DO_RESUME was done. */
void supervised_rests(struct supervised *s, bool rests);
/* It has ended, or couldn't be started; random: any bits. */
void supervised_ended(struct supervised *s, const struct worker_end *end, int64_t now_ms,
                      uint32_t random);
/* What is to be done now. DO_STOP and DO_KILL are said once. */
enum supervised_action supervised_next(struct supervised *s, int64_t now_ms);

const char *supervised_word(enum supervised_state state); /* "running" */
const char *wanted_word(enum wanted want);
bool wanted_parse(const char *word, enum wanted *want);

#endif
