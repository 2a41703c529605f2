/* Whether a run goes on, and why not: shared by the threads of its roles. */
#include "run.h"

void run_init(struct run *run)
{
    pthread_mutex_init(&run->lock, NULL);
    run->error = (struct rnl_error)RNL_ERROR_INIT;
    asked_init(&run->asked);
    atomic_store(&run->grows, true);
}

void run_again(struct run *run)
{
    atomic_store(&run->stopping, false);
    atomic_store(&run->failed, false);
    atomic_store(&run->hard, false);
    atomic_store(&run->done_before, false);
    atomic_store(&run->joining, false);
    atomic_store(&run->other_done, false);
    atomic_store(&run->again, false);
    run->error = (struct rnl_error)RNL_ERROR_INIT;
}

void run_destroy(struct run *run)
{
    asked_destroy(&run->asked);
    pthread_mutex_destroy(&run->lock);
}

/* The lock is held: an object can't be closed meanwhile. */
static void interrupt_all(struct run *run)
{
    for (int i = 0; i < RUN_INTERRUPTS; i++)
        if (run->interrupts[i].call)
            run->interrupts[i].call(run->interrupts[i].self);
}

/* What was broken off because the run is to end at once is no failure of it. */
static bool was_broken_off(struct run *run, const struct rnl_error *err)
{
    const char *dot = strrchr(err->code, '.');

    return atomic_load(&run->hard) && dot && strcmp(dot, ".interrupted") == 0;
}

static void fail(struct run *run, const struct rnl_error *err, bool hard)
{
    if (was_broken_off(run, err))
        return;
    pthread_mutex_lock(&run->lock);
    if (!atomic_exchange(&run->failed, true))
        run->error = *err;
    atomic_store(&run->stopping, true);
    if (hard && !atomic_exchange(&run->hard, true))
        interrupt_all(run);
    pthread_mutex_unlock(&run->lock);
}

void run_fail(struct run *run, const struct rnl_error *err)
{
    fail(run, err, true);
}

void run_fail_in_order(struct run *run, const struct rnl_error *err)
{
    fail(run, err, false);
}

bool run_goes_on(struct run *run)
{
    return !atomic_load(&run->stopping);
}

void run_stop(struct run *run, bool hard)
{
    pthread_mutex_lock(&run->lock);
    atomic_store(&run->stopping, true);
    if (hard && !atomic_exchange(&run->hard, true))
        interrupt_all(run);
    pthread_mutex_unlock(&run->lock);
}

void run_on_interrupt(struct run *run, void (*call)(void *self), void *self)
{
    pthread_mutex_lock(&run->lock);
    for (int i = 0; i < RUN_INTERRUPTS; i++) {
        if (run->interrupts[i].call)
            continue;
        run->interrupts[i].call = call;
        run->interrupts[i].self = self;
        break;
    }
    if (atomic_load(&run->hard))
        call(self);
    pthread_mutex_unlock(&run->lock);
}

void run_off_interrupt(struct run *run, void *self)
{
    pthread_mutex_lock(&run->lock);
    for (int i = 0; i < RUN_INTERRUPTS; i++)
        if (run->interrupts[i].self == self)
            run->interrupts[i].call = NULL;
    pthread_mutex_unlock(&run->lock);
}

bool run_has_opened(struct run *run)
{
    return (run->role == RUN_WRITER || atomic_load(&run->source_opened)) &&
           (run->role == RUN_READER || atomic_load(&run->sink_opened));
}

uint64_t run_mark(struct run *run)
{
    struct progress_brief brief;

    if (run->role != RUN_READER)
        return progress_mark(run->progress);
    progress_brief(run->progress, &brief);
    return (uint64_t)brief.rows_read;
}
