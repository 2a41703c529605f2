/* Tables that a running pipeline is asked to take in, or to load anew. */
#include "asked.h"

void asked_init(struct asked *asked)
{
    pthread_mutex_init(&asked->lock, NULL);
}

void asked_destroy(struct asked *asked)
{
    names_clear(&asked->names);
    pthread_mutex_destroy(&asked->lock);
}

/* The lock is held. */
static int take_names(struct asked *asked, const struct rnl_names *names, struct rnl_error *err)
{
    names_clear(&asked->names);
    for (size_t i = 0; i < names->count; i++)
        if (names_add(&asked->names, names->items[i], err) != RNL_OK)
            return err->status;
    return RNL_OK;
}

int asked_put(struct asked *asked, const struct rnl_names *names, bool again, bool by_source,
              uint64_t *number, struct rnl_error *err)
{
    int status;

    pthread_mutex_lock(&asked->lock);
    if (asked->state == ASKED_WAITING) {
        status = rnl_fail(err, RNL_E_CONFIG, "tables.busy",
                          "the pipeline is about to take in tables that it was asked for before");
        rnl_hint(err, "ask again when it has");
    } else {
        status = take_names(asked, names, err);
    }
    if (status == RNL_OK) {
        asked->state = ASKED_WAITING;
        asked->again = again;
        asked->by_source = by_source;
        asked->number++;
        asked->error = (struct rnl_error)RNL_ERROR_INIT;
        if (number)
            *number = asked->number;
    }
    pthread_mutex_unlock(&asked->lock);
    return status;
}

const struct asked *asked_waiting(struct asked *asked)
{
    bool waits;

    pthread_mutex_lock(&asked->lock);
    waits = asked->state == ASKED_WAITING;
    pthread_mutex_unlock(&asked->lock);
    return waits ? asked : NULL;
}

void asked_end(struct asked *asked, const struct rnl_error *why)
{
    pthread_mutex_lock(&asked->lock);
    if (asked->state == ASKED_WAITING) {
        asked->state = why ? ASKED_REFUSED : ASKED_TAKEN;
        if (why)
            asked->error = *why;
    }
    pthread_mutex_unlock(&asked->lock);
}

enum asked_state asked_look(struct asked *asked, uint64_t *number, struct rnl_error *error)
{
    enum asked_state state;

    pthread_mutex_lock(&asked->lock);
    state = asked->state;
    *number = asked->number;
    *error = asked->error;
    pthread_mutex_unlock(&asked->lock);
    return state;
}
