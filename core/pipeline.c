/*
 * A pipeline at work: lets both roles run, goes on with them after a failure that may
 * pass, and says how it ended.
 */
#include "pipeline.h"

#include "patience.h"
#include "reader.h"
#include "renewal.h"
#include "role.h"
#include "seat.h"
#include "secret.h"
#include "util/clock.h"
#include "util/log.h"
#include "writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define JOIN_TRIES 5
#define LOGIN_TRIES 5

struct pipeline {
    struct run run;
    pthread_t conductor;
    bool started;
    bool complete; /* set by the writer's thread */
    int tries;     /* to take in tables that were asked for, of those that failed */
    void (*ended)(void *arg);
    void *arg;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    bool stop;   /* asked from outside: holds for all attempts */
    bool pause;  /* asked from outside: until the next word */
    bool halted; /* because of that the attempt was told to end, whatever was said since */
    bool rests;  /* … and has ended */
    bool over;   /* both roles have ended for good */
};

struct pipeline *pipeline_new(const struct pipeline_config *config,
                              struct secret_resolver *resolver)
{
    struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
    pthread_condattr_t attr;

    if (!pipeline)
        return NULL;
    pipeline->run.config = config;
    pipeline->run.resolver = resolver;
    pipeline->run.findings = findings_new();
    pipeline->run.progress = progress_new();
    atomic_store(&pipeline->run.drain, config->drain);
    run_init(&pipeline->run);
    pthread_mutex_init(&pipeline->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pipeline->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (!pipeline->run.findings || !pipeline->run.progress) {
        pipeline_free(pipeline);
        return NULL;
    }
    return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    findings_free(pipeline->run.findings);
    progress_free(pipeline->run.progress);
    run_destroy(&pipeline->run);
    pthread_cond_destroy(&pipeline->changed);
    pthread_mutex_destroy(&pipeline->lock);
    free(pipeline);
}

void pipeline_restart(struct pipeline *pipeline)
{
    pipeline->run.restart = true;
}

void pipeline_role(struct pipeline *pipeline, enum run_role role)
{
    pipeline->run.role = role;
}

void pipeline_other(struct pipeline *pipeline, char *text, size_t room, int64_t *at_ms)
{
    struct run *run = &pipeline->run;

    pthread_mutex_lock(&run->lock);
    snprintf(text, room, "%s", run->other);
    *at_ms = run->other_ms;
    pthread_mutex_unlock(&run->lock);
}

void pipeline_stands_by(struct pipeline *pipeline, char *text, size_t room)
{
    struct run *run = &pipeline->run;

    pthread_mutex_lock(&run->lock);
    snprintf(text, room, "%s", run->stands_by);
    pthread_mutex_unlock(&run->lock);
}

void pipeline_discard(struct pipeline *pipeline)
{
    pipeline->run.discard = true;
}

/* --- one attempt ------------------------------------------------------------------ */

static void *reader_main(void *arg)
{
    struct pipeline *pipeline = arg;

    reader_run(&pipeline->run);
    return NULL;
}

static void *writer_main(void *arg)
{
    struct pipeline *pipeline = arg;

    writer_run(&pipeline->run, &pipeline->complete);
    return NULL;
}

static void fail_thread(struct pipeline *pipeline, const char *role)
{
    struct rnl_error err = RNL_ERROR_INIT;

    rnl_fail(&err, RNL_E_FATAL, "thread", "the %s's thread can't be started", role);
    run_fail(&pipeline->run, &err);
}

/* The role that is this process's, until it has ended. */
static void attempt_alone(struct pipeline *pipeline)
{
    int status = role_take(&pipeline->run, &pipeline->complete);

    if (status != RNL_OK)
        return;
    if (pipeline->run.role == RUN_WRITER) {
        writer_run(&pipeline->run, &pipeline->complete);
        return;
    }
    reader_run(&pipeline->run);
    pipeline->complete = atomic_load(&pipeline->run.other_done);
}

/* Both roles, until both have ended. */
static void attempt(struct pipeline *pipeline)
{
    pthread_t reader, writer;

    progress_phase(pipeline->run.progress, PHASE_STARTING);
    if (pipeline->run.role != RUN_BOTH) {
        attempt_alone(pipeline);
        return;
    }
    pipeline->run.attempt = random_number() >> 1 | 1; /* JSON's integers have a sign */
    if (pthread_create(&writer, NULL, writer_main, pipeline) != 0) {
        fail_thread(pipeline, "writer");
        return;
    }
    if (pthread_create(&reader, NULL, reader_main, pipeline) != 0)
        fail_thread(pipeline, "reader"); /* the writer ends by itself */
    else
        pthread_join(reader, NULL);
    pthread_join(writer, NULL);
}

/* --- the next attempt ---------------------------------------------------------------- */

/* A store may have another password by now: what it said is asked anew some times. */
static bool may_log_in(struct pipeline *pipeline, uint32_t failures)
{
    const struct rnl_error *err = &pipeline->run.error;

    return failures < LOGIN_TRIES && err->status == RNL_E_CONFIG &&
           (strcmp(err->code, "postgres.auth") == 0 ||
            strcmp(err->code, "mysql.access_denied") == 0) &&
           pipeline->run.resolver && secret_resolver_forget(pipeline->run.resolver);
}

/* Whether what failed may pass by itself. */
static bool may_pass(struct pipeline *pipeline, uint32_t failures)
{
    const struct rnl_error *err = &pipeline->run.error;

    if (err->status == RNL_E_RETRY || may_log_in(pipeline, failures))
        return true;
    /* The server hasn't noticed yet that the connection of our last attempt is gone. */
    return (failures || pipeline->run.seat) && err->status == RNL_E_CONFIG &&
           strcmp(err->code, "sink.pipeline_busy") == 0;
}

static bool told_to_stop(struct pipeline *pipeline)
{
    bool stop;

    pthread_mutex_lock(&pipeline->lock);
    stop = pipeline->stop;
    pthread_mutex_unlock(&pipeline->lock);
    return stop;
}

/* Whether to go on after a failure; *wait_ms: when. */
static bool goes_on(struct pipeline *pipeline, struct patience *patience, int64_t *wait_ms)
{
    struct run *run = &pipeline->run;
    const struct retry_config *retry = &run->config->retry;
    if (!atomic_load(&run->failed) || !retry->seconds || !may_pass(pipeline, patience->failures) ||
        told_to_stop(pipeline))
        return false;
    /* A wrong host name must not be waited for. */
    if (!run_has_opened(run))
        return false;
    /* One that has followed for a while was well again, also where nothing happened meanwhile. */
    return patience_again(patience, retry, run_mark(run),
                          progress_followed_ms(run->progress) >= retry->max_ms, wait_ms);
}

static struct timespec moment(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* false: told to stop meanwhile, which is then how the run ends. */
static bool wait_and_renew(struct pipeline *pipeline, int64_t wait_ms, uint32_t failures)
{
    struct run *run = &pipeline->run;
    int64_t until_ms = clock_ms() + wait_ms;
    struct timespec until = moment(until_ms);
    bool renewed;

    log_write(RNL_LOG_WARN, "pipeline", "%s [%s]; trying again in %.1f s (attempt %u)",
              run->error.text, run->error.code, (double)wait_ms / 1000, failures + 1);
    progress_wait(run->progress, wait_ms, run->error.text);
    pthread_mutex_lock(&pipeline->lock);
    while (!pipeline->stop && clock_ms() < until_ms)
        pthread_cond_timedwait(&pipeline->changed, &pipeline->lock, &until);
    renewed = !pipeline->stop;
    if (renewed || !atomic_load(&run->limited))
        run_again(run);
    pipeline->halted = renewed && pipeline->pause;
    if (pipeline->halted)
        run_stop(run, false);
    pthread_mutex_unlock(&pipeline->lock);
    progress_wait(run->progress, 0, "");
    return renewed;
}

/*
 * The attempt ended because a rest was asked for: waits for the word to go on, which may have come
 * meanwhile. false: it ended otherwise, or shall end.
 */
static bool rest(struct pipeline *pipeline)
{
    struct run *run = &pipeline->run;
    bool rested = false;

    pthread_mutex_lock(&pipeline->lock);
    if (pipeline->halted && !pipeline->stop && !pipeline->complete && !atomic_load(&run->failed) &&
        !atomic_load(&run->done_before) && !atomic_load(&run->limited)) {
        log_write(RNL_LOG_INFO, "pipeline", "paused");
        pipeline->rests = true;
        while (pipeline->pause && !pipeline->stop)
            pthread_cond_wait(&pipeline->changed, &pipeline->lock);
        pipeline->rests = pipeline->halted = false;
        rested = !pipeline->stop;
        if (rested) {
            log_write(RNL_LOG_INFO, "pipeline", "going on");
            run_again(run);
        }
    }
    pthread_mutex_unlock(&pipeline->lock);
    return rested;
}

/*
 * Whether the attempt failed for what is asked for: then it is not to be the pipeline's end. What
 * may pass (a lock that isn't to be had) is tried some times.
 */
static bool failed_for_tables(struct pipeline *pipeline, const struct asked *asked)
{
    struct run *run = &pipeline->run;

    if (asked->by_source || !atomic_load(&run->joining))
        return false;
    if (run->error.status == RNL_E_RETRY)
        return ++pipeline->tries >= JOIN_TRIES;
    return run->error.status == RNL_E_CONFIG;
}

/* The wish that the attempt couldn't fulfil is refused: the pipeline goes on as before. */
static void refuse_tables(struct pipeline *pipeline)
{
    struct run *run = &pipeline->run;

    log_write(RNL_LOG_ERROR, "pipeline", "the tables that were asked for are not taken: %s [%s]",
              run->error.text, run->error.code);
    asked_end(&run->asked, &run->error);
}

/*
 * The attempt ended because tables are to be taken in, or were loaded beside it, or couldn't be
 * taken in: another one begins. false: it ended otherwise, or shall end.
 */
static bool takes_tables(struct pipeline *pipeline)
{
    struct run *run = &pipeline->run;
    const struct asked *asked = asked_waiting(&run->asked);
    bool again = false;

    if (!asked && !atomic_load(&run->again))
        return false;
    pthread_mutex_lock(&pipeline->lock);
    if (!pipeline->stop && !pipeline->complete && !atomic_load(&run->done_before) &&
        !atomic_load(&run->limited)) {
        if (atomic_load(&run->failed)) {
            again = asked && failed_for_tables(pipeline, asked);
            if (again)
                refuse_tables(pipeline);
        } else {
            again = true;
        }
    }
    if (again)
        run_again(run);
    if (again && pipeline->pause)
        run_stop(run, false);
    pthread_mutex_unlock(&pipeline->lock);
    return again;
}

/*
 * A role that is alone begins anew with the other one, however often that does, and waits for it
 * when it has left.
 */
static bool meets_other(struct pipeline *pipeline)
{
    struct run *run = &pipeline->run;
    bool again;

    if (run->role == RUN_BOTH || (atomic_load(&run->failed) && !role_bears(run)))
        return false;
    pthread_mutex_lock(&pipeline->lock);
    again = !pipeline->stop && !pipeline->complete && !atomic_load(&run->done_before) &&
            !atomic_load(&run->limited);
    if (again) {
        log_write(RNL_LOG_INFO, "pipeline", "waiting for the %s",
                  run->role == RUN_READER ? "writer" : "reader");
        run_again(run);
    }
    if (again && pipeline->pause)
        run_stop(run, false);
    pthread_mutex_unlock(&pipeline->lock);
    return again;
}

static void work(struct pipeline *pipeline)
{
    struct patience patience = {0};
    int64_t wait_ms;

    do
        attempt(pipeline);
    while (rest(pipeline) || takes_tables(pipeline) || meets_other(pipeline) ||
           (goes_on(pipeline, &patience, &wait_ms) &&
            wait_and_renew(pipeline, wait_ms, patience.failures)));
}

/* --- the whole ------------------------------------------------------------------------ */

/* Stops the run in order when its time is up. */
static void watch_time(struct pipeline *pipeline, int64_t until_ms)
{
    struct timespec until = moment(until_ms);

    pthread_mutex_lock(&pipeline->lock);
    while (!pipeline->over && !pipeline->stop && clock_ms() < until_ms)
        pthread_cond_timedwait(&pipeline->changed, &pipeline->lock, &until);
    if (!pipeline->over && !pipeline->stop) {
        atomic_store(&pipeline->run.limited, true);
        pipeline->stop = true;
        run_stop(&pipeline->run, false);
        pthread_cond_broadcast(&pipeline->changed);
    }
    pthread_mutex_unlock(&pipeline->lock);
}

static void *timer_main(void *arg)
{
    struct pipeline *pipeline = arg;

    watch_time(pipeline, pipeline->run.until_ms);
    return NULL;
}

static void interrupt_secrets(void *resolver)
{
    secret_resolver_interrupt(resolver);
}

/*
 * Credentials that a store lends are about to end: the attempt ends in order, at a commit, and
 * another one begins with new ones. One that rests reads them anew in any case.
 */
static void on_ending(void *arg)
{
    struct pipeline *pipeline = arg;

    pthread_mutex_lock(&pipeline->lock);
    if (!pipeline->over && !pipeline->stop && !pipeline->pause) {
        log_write(RNL_LOG_INFO, "pipeline", "connecting anew, with new credentials");
        atomic_store(&pipeline->run.again, true);
        run_stop(&pipeline->run, false);
    }
    pthread_mutex_unlock(&pipeline->lock);
}

/* Attempts, with their secrets kept good meanwhile. */
static void work_with_secrets(struct pipeline *pipeline)
{
    struct secret_resolver *resolver = pipeline->run.resolver;
    struct rnl_error err = RNL_ERROR_INIT;
    struct renewal *renewal;

    if (renewal_start(resolver, on_ending, pipeline, &renewal, &err) != RNL_OK) {
        run_fail(&pipeline->run, &err);
        return;
    }
    if (resolver)
        run_on_interrupt(&pipeline->run, interrupt_secrets, resolver);
    work(pipeline);
    if (resolver)
        run_off_interrupt(&pipeline->run, resolver);
    renewal_stop(renewal);
}

static void *conductor_main(void *arg)
{
    struct pipeline *pipeline = arg;
    int64_t seconds = pipeline->run.config->limit_seconds;
    pthread_t timer;
    bool timed = false;

    if (seconds) {
        pipeline->run.until_ms = clock_ms() + seconds * 1000;
        timed = pthread_create(&timer, NULL, timer_main, pipeline) == 0;
        if (!timed)
            fail_thread(pipeline, "timer");
    }
    if (!atomic_load(&pipeline->run.failed))
        work_with_secrets(pipeline);
    seat_close(pipeline->run.seat, pipeline->complete || atomic_load(&pipeline->run.done_before));
    pipeline->run.seat = NULL;
    pthread_mutex_lock(&pipeline->lock);
    pipeline->over = true;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
    if (timed)
        pthread_join(timer, NULL);
    pipeline->ended(pipeline->arg);
    return NULL;
}

int pipeline_start(struct pipeline *pipeline, void (*ended)(void *arg), void *arg,
                   struct rnl_error *err)
{
    pipeline->ended = ended;
    pipeline->arg = arg;
    pipeline->started = pthread_create(&pipeline->conductor, NULL, conductor_main, pipeline) == 0;
    if (!pipeline->started)
        return rnl_fail(err, RNL_E_FATAL, "thread", "the pipeline's thread can't be started");
    return RNL_OK;
}

void pipeline_stop(struct pipeline *pipeline, bool hard)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->stop = true;
    run_stop(&pipeline->run, hard);
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
}

void pipeline_drain(struct pipeline *pipeline)
{
    atomic_store(&pipeline->run.drain, true);
}

void pipeline_pause(struct pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    if (!pipeline->over && !pipeline->stop && !pipeline->pause) {
        pipeline->pause = pipeline->halted = true;
        run_stop(&pipeline->run, false);
    }
    pthread_mutex_unlock(&pipeline->lock);
}

void pipeline_resume(struct pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->pause = false;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
}

int pipeline_tables(struct pipeline *pipeline, const struct rnl_names *names, bool again,
                    uint64_t *number, struct rnl_error *err)
{
    if (pipeline->run.config->mode == MODE_CONVERT)
        return rnl_fail(err, RNL_E_CONFIG, "tables.convert",
                        "tables join a pipeline that follows changes: this one is in mode convert");
    pthread_mutex_lock(&pipeline->lock);
    if (pipeline->over || pipeline->stop)
        rnl_fail(err, RNL_E_CONFIG, "tables.ending", "the pipeline is about to end");
    else if (asked_put(&pipeline->run.asked, names, again, false, number, err) == RNL_OK &&
             pipeline->started && !pipeline->pause)
        run_stop(&pipeline->run, false);
    if (err->status == RNL_OK)
        pipeline->tries = 0;
    pthread_mutex_unlock(&pipeline->lock);
    return err->status;
}

enum asked_state pipeline_asked(struct pipeline *pipeline, uint64_t *number, struct rnl_error *why)
{
    return asked_look(&pipeline->run.asked, number, why);
}

enum pipeline_state pipeline_now(struct pipeline *pipeline)
{
    bool rests;

    pthread_mutex_lock(&pipeline->lock);
    rests = pipeline->rests;
    pthread_mutex_unlock(&pipeline->lock);
    if (rests)
        return PIPELINE_PAUSED;
    return atomic_load(&pipeline->run.standing) ? PIPELINE_DEGRADED : PIPELINE_RUNNING;
}

enum pipeline_state pipeline_wait(struct pipeline *pipeline, struct rnl_error *err)
{
    struct run *run = &pipeline->run;

    if (pipeline->started)
        pthread_join(pipeline->conductor, NULL);
    pipeline->started = false;
    if (atomic_load(&run->failed)) {
        *err = run->error;
        return PIPELINE_FAILED;
    }
    if (!pipeline->complete && !pipeline_was_done(pipeline))
        return PIPELINE_STOPPED;
    return atomic_load(&run->standing) ? PIPELINE_DEGRADED : PIPELINE_FINISHED;
}

bool pipeline_was_done(struct pipeline *pipeline)
{
    return atomic_load(&pipeline->run.done_before);
}

bool pipeline_was_limited(struct pipeline *pipeline)
{
    return atomic_load(&pipeline->run.limited);
}

uint64_t pipeline_standing(struct pipeline *pipeline)
{
    return atomic_load(&pipeline->run.standing);
}

struct progress *pipeline_progress(struct pipeline *pipeline)
{
    return pipeline->run.progress;
}

struct findings *pipeline_findings(struct pipeline *pipeline)
{
    return pipeline->run.findings;
}
