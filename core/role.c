/* A role that is alone in its process: whether it is its turn, and what it bears of the others. */
#include "role.h"

#include "seat.h"
#include "util/log.h"

int role_take(struct run *run, bool *complete)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status = run->seat ? RNL_OK : seat_open(run, &run->seat, &err);

    if (status == RNL_OK && run->seat)
        status = seat_take(run->seat, &err);
    if (status < 0)
        run_fail(run, &err);
    if (status == RNL_DONE && seat_done(run->seat))
        *complete = true;
    return status;
}

/* It failed because another process of its role took over: then this one stands by. */
static bool gave_way(struct run *run)
{
    const char *code = run->error.code;

    if (!run->seat)
        return false;
    if (strcmp(code, "lease.lost") == 0)
        return true;
    if (strcmp(code, "sink.stale_writer") != 0 && strcmp(code, "transport.taken") != 0)
        return false;
    return !seat_holds(run->seat);
}

bool role_bears(struct run *run)
{
    if (strcmp(run->error.code, "other.anew") == 0)
        return true;
    if (!gave_way(run))
        return false;
    log_write(RNL_LOG_WARN, "pipeline", "%s [%s]; standing by", run->error.text, run->error.code);
    return true;
}
