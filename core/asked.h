/* Tables that a running pipeline is asked to take in, or to load anew. */
#ifndef ASKED_H
#define ASKED_H

#include "names.h"

#include <pthread.h>
#include <stdbool.h>

enum asked_state { ASKED_NOTHING, ASKED_WAITING, ASKED_TAKEN, ASKED_REFUSED };

/* One wish at a time: an attempt of the run takes it, and until then it isn't changed. */
struct asked {
    pthread_mutex_t lock; /* guards all of it; names may be read by the attempt while it waits */
    enum asked_state state;
    uint64_t number;        /* of wishes, this one among them */
    struct rnl_names names; /* as rules name tables: "shop.orders", or a pattern */
    bool again;             /* those that the pipeline has; otherwise those that it hasn't */
    bool by_source; /* the source can't go on without: any of both, and no refusal is borne */
    struct rnl_error error; /* of the last that was refused */
};

void asked_init(struct asked *asked);
void asked_destroy(struct asked *asked);
/* RNL_E_CONFIG "tables.busy" while another wish waits. *number (may be NULL): to ask after it. */
int asked_put(struct asked *asked, const struct rnl_names *names, bool again, bool by_source,
              uint64_t *number, struct rnl_error *err);
/* Any thread. NULL: nothing waits; otherwise it doesn't change before asked_end(). */
const struct asked *asked_waiting(struct asked *asked);
/* The wish is in the target's record; or, with why, it can't be fulfilled. */
void asked_end(struct asked *asked, const struct rnl_error *why);
/* How the last wish has gone; *error is filled when it was refused. */
enum asked_state asked_look(struct asked *asked, uint64_t *number, struct rnl_error *error);

#endif
