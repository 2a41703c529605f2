/* Secrets that are lent for a time: a thread keeps them good while a pipeline runs. */
#include "renewal.h"

#include "secret.h"
#include "util/clock.h"
#include "util/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 500, TELL_MS = 60000 };

struct renewal {
    struct secret_resolver *resolver;
    void (*ending)(void *arg);
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock; /* guards end */
    pthread_cond_t changed;
    bool end;
    char told[40]; /* the code of what failed last; the thread's, with told_ms */
    int64_t told_ms;
};

/* false: it shall end. */
static bool wait_a_while(struct renewal *renewal)
{
    int64_t until_ms = clock_ms() + LOOK_MS;
    struct timespec until = {.tv_sec = until_ms / 1000,
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    bool goes_on;

    pthread_mutex_lock(&renewal->lock);
    while (!renewal->end && clock_ms() < until_ms)
        pthread_cond_timedwait(&renewal->changed, &renewal->lock, &until);
    goes_on = !renewal->end;
    pthread_mutex_unlock(&renewal->lock);
    return goes_on;
}

static void look(struct renewal *renewal)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status = secret_resolver_renew(renewal->resolver, &err);

    if (status < 0 &&
        (strcmp(err.code, renewal->told) != 0 || clock_ms() - renewal->told_ms > TELL_MS)) {
        log_write(RNL_LOG_WARN, "secrets", "can't be renewed: %s [%s]; trying again", err.text,
                  err.code);
        snprintf(renewal->told, sizeof(renewal->told), "%s", err.code);
        renewal->told_ms = clock_ms();
    }
    if (status == RNL_AGAIN)
        renewal->ending(renewal->arg);
}

static void *renewal_main(void *arg)
{
    struct renewal *renewal = arg;

    while (wait_a_while(renewal))
        look(renewal);
    return NULL;
}

int renewal_start(struct secret_resolver *resolver, void (*ending)(void *arg), void *arg,
                  struct renewal **out, struct rnl_error *err)
{
    struct renewal *renewal;
    pthread_condattr_t attr;

    *out = NULL;
    if (!resolver)
        return RNL_OK;
    renewal = calloc(1, sizeof(*renewal));
    if (!renewal)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    renewal->resolver = resolver;
    renewal->ending = ending;
    renewal->arg = arg;
    pthread_mutex_init(&renewal->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&renewal->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&renewal->thread, NULL, renewal_main, renewal) == 0) {
        *out = renewal;
        return RNL_OK;
    }
    pthread_cond_destroy(&renewal->changed);
    pthread_mutex_destroy(&renewal->lock);
    free(renewal);
    return rnl_fail(err, RNL_E_FATAL, "thread", "the thread that renews secrets can't be started");
}

void renewal_stop(struct renewal *renewal)
{
    if (!renewal)
        return;
    pthread_mutex_lock(&renewal->lock);
    renewal->end = true;
    pthread_cond_broadcast(&renewal->changed);
    pthread_mutex_unlock(&renewal->lock);
    secret_resolver_interrupt(renewal->resolver);
    pthread_join(renewal->thread, NULL);
    pthread_cond_destroy(&renewal->changed);
    pthread_mutex_destroy(&renewal->lock);
    free(renewal);
}
