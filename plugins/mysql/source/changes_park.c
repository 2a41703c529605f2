/*
 * The stream of the log, handed from one cursor of changes to the next: when tables were altered,
 * the host goes on with another cursor. A new dump would have the server read its file from the
 * beginning to find the place.
 */
#include "changes.h"

struct parked {
    struct dump *dump;
    struct binlog *log;
    bool packet; /* the decoder has more of it */
    char file[POSITION_FILE_MAX];
    uint64_t pos, event_pos;
    struct text position; /* the bytes that the next cursor begins at */
};

static void parked_end(struct parked *parked)
{
    if (!parked)
        return;
    dump_close(parked->dump);
    binlog_free(parked->log);
    text_free(&parked->position);
    free(parked);
}

void parked_free(struct source *source)
{
    parked_end(atomic_exchange(&source->parked, NULL));
}

/* Not with transactions that are prepared: what was read of them is the cursor's. */
bool changes_park(struct changes *changes)
{
    struct parked *parked;

    if (!changes->rests || changes->again || changes->at.nopen || !changes->mark.len ||
        !changes->dump || !(parked = calloc(1, sizeof(*parked))))
        return false;
    *parked = (struct parked){
        .dump = changes->dump,
        .log = changes->log,
        .packet = changes->packet,
        .pos = changes->pos,
        .event_pos = changes->event_pos,
        .position = changes->mark,
    };
    changes->mark = (struct text){0};
    memcpy(parked->file, changes->file, sizeof(parked->file));
    parked_end(atomic_exchange(&changes->source->parked, parked));
    return true;
}

bool changes_unpark(struct changes *changes, struct rnl_slice position)
{
    struct parked *parked = atomic_exchange(&changes->source->parked, NULL);

    if (!parked)
        return false;
    if (dump_has_ended(parked->dump) || parked->position.len != position.len ||
        memcmp(parked->position.ptr, position.ptr, position.len) != 0) {
        parked_end(parked);
        return false;
    }
    binlog_free(changes->log);
    binlog_forget(parked->log); /* its tables are told again, before rows of them */
    changes->log = parked->log;
    changes->dump = parked->dump;
    changes->packet = parked->packet;
    changes->pos = parked->pos;
    changes->event_pos = parked->event_pos;
    memcpy(changes->file, parked->file, sizeof(changes->file));
    text_free(&parked->position);
    free(parked);
    return true;
}
