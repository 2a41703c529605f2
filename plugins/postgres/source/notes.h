/* What tables there are and their marks, noted from time to time: the log doesn't tell it. */
#ifndef POSTGRES_NOTES_H
#define POSTGRES_NOTES_H

#include "source.h"

struct note {
    Oid oid;
    const char *schema, *name;
    char look[40];
    uint64_t lsn;         /* it was so when the log had come so far */
    bool can_be_followed; /* the log tells its changes, and which row they mean */
};

/* Made by the control thread, read by the cursor of changes: under follow's lock. */
struct notes {
    struct arena arena;
    struct note *list; /* by oid */
    uint32_t count;
    uint64_t lsn;  /* it was so when the log had come so far */
    uint64_t turn; /* of looking; 0: nobody has yet */
};

const struct note *notes_find(const struct notes *notes, Oid oid);

#endif
