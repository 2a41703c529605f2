/* Who may write: lanes take turns in the order in which they asked. */
#include "sink.h"

#include <errno.h>
#include <time.h>

void turn_init(struct turn *turn)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&turn->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&turn->served, &attr);
    pthread_condattr_destroy(&attr);
}

void turn_free(struct turn *turn)
{
    pthread_cond_destroy(&turn->served);
    pthread_mutex_destroy(&turn->lock);
}

int error_interrupted(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "sqlite.interrupted", "the work on the file was interrupted");
}

/*
 * A number that was taken is served in any case, or those behind it would wait for ever:
 * after an interrupt who waits is let through in order, finds it out, and passes on.
 */
int turn_take(struct sink *sink, struct rnl_error *err)
{
    struct turn *turn = &sink->turn;
    uint64_t mine;

    pthread_mutex_lock(&turn->lock);
    mine = turn->next++;
    while (turn->serving != mine)
        pthread_cond_wait(&turn->served, &turn->lock);
    pthread_mutex_unlock(&turn->lock);
    if (!atomic_load(&sink->interrupted))
        return RNL_OK;
    turn_give(sink);
    return error_interrupted(err);
}

void turn_give(struct sink *sink)
{
    struct turn *turn = &sink->turn;

    pthread_mutex_lock(&turn->lock);
    turn->serving++;
    pthread_cond_broadcast(&turn->served);
    pthread_mutex_unlock(&turn->lock);
}
