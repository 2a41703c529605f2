/* Threads for work that may wait: what the loop must never do. */
#include "api_part.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct job {
    struct job *next;
    void (*work)(void *arg);
    void *arg;
};

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, **last;
    uint32_t waiting, most, working;
    bool ending;
    uint32_t nthreads;
    pthread_t threads[];
};

static struct job *next_job(struct crew *crew)
{
    struct job *job;

    while (!crew->first && !crew->ending)
        pthread_cond_wait(&crew->wake, &crew->lock);
    job = crew->first;
    if (!job)
        return NULL;
    crew->first = job->next;
    if (!crew->first)
        crew->last = &crew->first;
    crew->waiting--;
    crew->working++;
    return job;
}

static void *run(void *arg)
{
    struct crew *crew = arg;
    struct job *job;

    pthread_mutex_lock(&crew->lock);
    while ((job = next_job(crew)) != NULL) {
        pthread_mutex_unlock(&crew->lock);
        job->work(job->arg);
        free(job);
        pthread_mutex_lock(&crew->lock);
        crew->working--;
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* Signals are the loop's. */
static bool start(struct crew *crew, uint32_t threads)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (crew->nthreads < threads &&
           pthread_create(&crew->threads[crew->nthreads], NULL, run, crew) == 0)
        crew->nthreads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return crew->nthreads > 0;
}

struct crew *crew_new(uint32_t threads, uint32_t most)
{
    struct crew *crew = calloc(1, sizeof(*crew) + threads * sizeof(crew->threads[0]));

    if (!crew)
        return NULL;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->wake, NULL);
    crew->last = &crew->first;
    crew->most = most;
    if (start(crew, threads))
        return crew;
    crew_free(crew);
    return NULL;
}

bool crew_do(struct crew *crew, void (*work)(void *arg), void *arg)
{
    struct job *job = malloc(sizeof(*job));
    bool taken = false;

    if (!job)
        return false;
    *job = (struct job){NULL, work, arg};
    pthread_mutex_lock(&crew->lock);
    if (crew->waiting < crew->most && !crew->ending) {
        *crew->last = job;
        crew->last = &job->next;
        crew->waiting++;
        taken = true;
        pthread_cond_signal(&crew->wake);
    }
    pthread_mutex_unlock(&crew->lock);
    if (!taken)
        free(job);
    return taken;
}

bool crew_idle(struct crew *crew)
{
    bool idle;

    pthread_mutex_lock(&crew->lock);
    idle = crew->waiting == 0 && crew->working == 0;
    pthread_mutex_unlock(&crew->lock);
    return idle;
}

void crew_free(struct crew *crew)
{
    if (!crew)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->ending = true;
    pthread_cond_broadcast(&crew->wake);
    pthread_mutex_unlock(&crew->lock);
    for (uint32_t i = 0; i < crew->nthreads; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_cond_destroy(&crew->wake);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}
