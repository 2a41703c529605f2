/* One worker's life as its node sees it: started, ended, tried again after a while, given up. */
#include "supervised.h"

#include <string.h>

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS 60000
#define SETTLED_MS 60000 /* a worker that lived so long starts counting anew */

enum { CODE_DONE = 0, CODE_USAGE = 2, CODE_DIFFERENT = 4, CODE_INTERRUPTED = 130 };

static void forget(struct supervised *s)
{
    s->ncrashes = 0;
    s->attempts = 0;
    s->looping = false;
}

void supervised_want(struct supervised *s, enum wanted want)
{
    s->want = want;
    s->anew = false;
    s->unsure = s->alive;
    forget(s);
    if (!s->alive && (want == WANT_RUNNING || s->state == SUPERVISED_WAITING)) {
        s->state = SUPERVISED_STOPPED; /* what came of the last run is over */
        s->restarts = 0;
    }
}

void supervised_restart(struct supervised *s)
{
    bool alive = s->alive;

    supervised_want(s, WANT_RUNNING);
    s->anew = alive;
}

void supervised_hold(struct supervised *s, bool held)
{
    s->held = held;
    if (held && !s->alive && s->state == SUPERVISED_WAITING)
        s->state = SUPERVISED_STOPPED;
}

void supervised_restore(struct supervised *s, bool looping)
{
    s->state = SUPERVISED_FAILED;
    s->looping = looping;
}

void supervised_began(struct supervised *s, int64_t now_ms)
{
    s->alive = true;
    s->anew = s->unsure = false;
    s->began_ms = now_ms;
    s->state = SUPERVISED_RUNNING;
}

void supervised_rests(struct supervised *s, bool rests)
{
    if (s->alive && s->state != SUPERVISED_STOPPING)
        s->state = rests ? SUPERVISED_PAUSED : SUPERVISED_RUNNING;
    s->unsure = false;
}

/* Half of the time is by chance: workers that one server threw out don't come back as one. */
static int64_t backoff_ms(uint32_t attempts, uint32_t random)
{
    int64_t most_ms = BACKOFF_FIRST_MS;

    for (uint32_t i = 0; i < attempts && most_ms < BACKOFF_MOST_MS; i++)
        most_ms *= 2;
    if (most_ms > BACKOFF_MOST_MS)
        most_ms = BACKOFF_MOST_MS;
    return most_ms / 2 + (int64_t)(random % (uint32_t)(most_ms / 2 + 1));
}

/* Whether so many ends were too early within the window, with this one. */
static bool is_loop(struct supervised *s, int64_t now_ms)
{
    if (s->ncrashes == CRASHES_MOST)
        memmove(s->crashes_ms, s->crashes_ms + 1, sizeof(s->crashes_ms[0]) * --s->ncrashes);
    s->crashes_ms[s->ncrashes++] = now_ms;
    return s->ncrashes == CRASHES_MOST && now_ms - s->crashes_ms[0] <= SUPERVISED_WINDOW_MS;
}

static void crashed(struct supervised *s, int64_t now_ms, uint32_t random)
{
    if (now_ms - s->began_ms >= SETTLED_MS)
        s->attempts = 0;
    s->looping = is_loop(s, now_ms);
    if (s->looping) {
        s->state = SUPERVISED_FAILED;
        return;
    }
    s->state = SUPERVISED_WAITING;
    s->due_ms = now_ms + backoff_ms(s->attempts++, random);
    s->restarts++;
}

void supervised_ended(struct supervised *s, const struct worker_end *end, int64_t now_ms,
                      uint32_t random)
{
    bool told = s->state == SUPERVISED_STOPPING;

    s->alive = false;
    if (!told && (end->limited || end->code == CODE_INTERRUPTED)) {
        s->state = SUPERVISED_STOPPED; /* others told it so: that is what is wanted now */
        s->want = WANT_STOPPED;
    } else if (end->code == CODE_DONE)
        s->state = SUPERVISED_FINISHED;
    else if (end->code == CODE_DIFFERENT)
        s->state = SUPERVISED_DEGRADED;
    else if (told)
        s->state = SUPERVISED_STOPPED;
    else if (end->signal == 0 && (end->code == CODE_USAGE || !end->passes))
        s->state = SUPERVISED_FAILED;
    else if (s->want == WANT_PAUSED)
        s->state = SUPERVISED_PAUSED; /* it is started when it is to go on */
    else
        crashed(s, now_ms, random);
    if (s->anew)
        s->state = SUPERVISED_STOPPED;
    s->anew = false;
}

static enum supervised_action stop(struct supervised *s, int64_t now_ms)
{
    if (s->state != SUPERVISED_STOPPING) {
        s->state = SUPERVISED_STOPPING;
        s->due_ms = now_ms + SUPERVISED_GRACE_MS;
        return DO_STOP;
    }
    if (now_ms < s->due_ms)
        return DO_NOTHING;
    s->due_ms = INT64_MAX;
    return DO_KILL;
}

static enum supervised_action next_alive(struct supervised *s, int64_t now_ms)
{
    if (s->want == WANT_STOPPED || s->anew || s->held || s->state == SUPERVISED_STOPPING)
        return stop(s, now_ms);
    if (s->want == WANT_PAUSED && (s->state != SUPERVISED_PAUSED || s->unsure))
        return DO_PAUSE;
    if (s->want == WANT_RUNNING && (s->state == SUPERVISED_PAUSED || s->unsure))
        return DO_RESUME;
    return DO_NOTHING;
}

enum supervised_action supervised_next(struct supervised *s, int64_t now_ms)
{
    if (s->alive)
        return next_alive(s, now_ms);
    if (s->state == SUPERVISED_FINISHED || s->state == SUPERVISED_DEGRADED ||
        s->state == SUPERVISED_FAILED)
        return DO_NOTHING;
    if (s->want != WANT_RUNNING || s->held) {
        s->state = s->want == WANT_PAUSED ? SUPERVISED_PAUSED : SUPERVISED_STOPPED;
        return DO_NOTHING;
    }
    return s->state == SUPERVISED_WAITING && now_ms < s->due_ms ? DO_NOTHING : DO_START;
}

const char *supervised_word(enum supervised_state state)
{
    static const char *const words[] = {"stopped", "running",  "paused",   "stopping",
                                        "waiting", "finished", "degraded", "failed"};

    return words[state];
}

static const char *const wants[] = {"stopped", "running", "paused"};

const char *wanted_word(enum wanted want)
{
    return wants[want];
}

bool wanted_parse(const char *word, enum wanted *want)
{
    for (int i = 0; word && i < 3; i++) {
        if (strcmp(word, wants[i]) != 0)
            continue;
        *want = (enum wanted)i;
        return true;
    }
    return false;
}
