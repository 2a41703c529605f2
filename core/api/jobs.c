/* Jobs: commands that take longer than a request may, each in a thread of its own. */
#include "api_part.h"

#include "../util/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNNING_MOST = 4, KEPT_MOST = 100, WORDS_MOST = 1100 };

#define JOB_MS (7 * 24 * 3600 * 1000) /* a week: as good as never */

struct job {
    struct job *next;
    struct jobs *jobs;
    char id[32], action[32], pipeline[65];
    char *words[WORDS_MOST];
    char began[32], ended[32];
    bool running, failed;
    int exit_code;
    json_t *result;
};

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct api *api;
    struct job *first; /* the latest */
    uint32_t nrunning, count;
    uint64_t number;
};

struct jobs *jobs_new(struct api *api)
{
    struct jobs *jobs = calloc(1, sizeof(*jobs));

    if (!jobs)
        return NULL;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->ended, NULL);
    jobs->api = api;
    jobs->number = (uint64_t)time(NULL) << 16; /* those of the process before stay apart */
    return jobs;
}

static void job_free(struct job *job)
{
    for (size_t i = 0; job->words[i]; i++)
        free(job->words[i]);
    json_decref(job->result);
    free(job);
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    while (jobs->nrunning > 0)
        pthread_cond_wait(&jobs->ended, &jobs->lock);
    pthread_mutex_unlock(&jobs->lock);
    while (jobs->first) {
        struct job *job = jobs->first;

        jobs->first = job->next;
        job_free(job);
    }
    pthread_cond_destroy(&jobs->ended);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

static void now_text(char *buf, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static json_t *job_json(const struct job *job)
{
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "job", job->id, "action", job->action,
                          "pipeline", job->pipeline, "state",
                          job->running  ? "running"
                          : job->failed ? "failed"
                                        : "done",
                          "began", job->began);

    if (!job->running) {
        json_object_set_new(o, "ended", json_string(job->ended));
        json_object_set_new(o, "exit_code", json_integer(job->exit_code));
        json_object_set(o, job->failed ? "error" : "result", job->result);
    }
    return o;
}

static void *run(void *arg)
{
    struct job *job = arg;
    struct jobs *jobs = job->jobs;
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *result = NULL;
    int code = -1;
    bool failed = command_run(jobs->api, (const char *const *)(const void *)job->words, JOB_MS,
                              &result, &code, &err) != RNL_OK;

    if (failed)
        result = json_pack("{s:s,s:s,s:s}", "code", err.code, "text", err.text, "hint", err.hint);
    pthread_mutex_lock(&jobs->lock);
    job->result = result;
    job->failed = failed;
    job->exit_code = code;
    job->running = false;
    now_text(job->ended, sizeof(job->ended));
    jobs->nrunning--;
    pthread_cond_broadcast(&jobs->ended);
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* The oldest that has ended makes room. */
static void forget_one(struct jobs *jobs)
{
    struct job **at, **oldest = NULL;

    for (at = &jobs->first; *at; at = &(*at)->next)
        if (!(*at)->running)
            oldest = at;
    if (jobs->count < KEPT_MOST || !oldest)
        return;
    struct job *gone = *oldest;
    *oldest = gone->next;
    jobs->count--;
    job_free(gone);
}

static struct job *job_new(struct jobs *jobs, const char *action, const char *pipeline,
                           const char *const *words)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    job->jobs = jobs;
    job->running = true;
    snprintf(job->id, sizeof(job->id), "job_%llx", (unsigned long long)++jobs->number);
    snprintf(job->action, sizeof(job->action), "%s", action);
    snprintf(job->pipeline, sizeof(job->pipeline), "%s", pipeline);
    now_text(job->began, sizeof(job->began));
    for (size_t i = 0; words[i] && i + 1 < WORDS_MOST; i++)
        job->words[i] = strdup(words[i]);
    return job;
}

json_t *jobs_begin(struct jobs *jobs, const char *action, const char *pipeline,
                   const char *const *words, struct rnl_error *err)
{
    struct job *job = NULL;
    json_t *o = NULL;
    pthread_t thread;

    pthread_mutex_lock(&jobs->lock);
    if (jobs->nrunning < RUNNING_MOST && !atomic_load(&jobs->api->ending))
        job = job_new(jobs, action, pipeline, words);
    if (job && pthread_create(&thread, NULL, run, job) == 0) {
        pthread_detach(thread);
        forget_one(jobs);
        job->next = jobs->first;
        jobs->first = job;
        jobs->nrunning++;
        jobs->count++;
        o = job_json(job);
    } else if (job)
        job_free(job);
    pthread_mutex_unlock(&jobs->lock);
    if (!o) {
        rnl_fail(err, RNL_E_RETRY, "api.busy", "%d jobs run already", RUNNING_MOST);
        rnl_hint(err, "GET /api/v1/jobs shows them");
    }
    return o;
}

json_t *jobs_json(struct jobs *jobs, const char *id)
{
    json_t *all = json_array();

    pthread_mutex_lock(&jobs->lock);
    for (const struct job *job = jobs->first; job; job = job->next)
        if (!id || strcmp(id, job->id) == 0)
            json_array_append_new(all, job_json(job));
    pthread_mutex_unlock(&jobs->lock);
    return all;
}
