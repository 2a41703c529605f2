/* The latest log records of a node and its workers, in memory, to be searched and followed. */
#ifndef LOGBOOK_H
#define LOGBOOK_H

#include <jansson.h>
#include <runnel/host.h>

struct logbook;

/* Takes all records that this process logs, up to so many bytes: the oldest go. NULL: no memory. */
struct logbook *logbook_open(size_t bytes_most);
void logbook_close(struct logbook *book); /* NULL is fine */

/*
 * What this thread logs until it says otherwise comes from a worker of this pipeline; component:
 * its own. NULL: from this process. Borrowed.
 */
void logbook_about(const char *pipeline, const char *role, const char *component);

struct logbook_query {
    int64_t after;        /* records behind this number; 0: the latest ones */
    int limit;            /* so many at most */
    enum rnl_level level; /* and above */
    const char *pipeline; /* of this one, or NULL */
    const char *text;     /* whose text or component holds this, or NULL */
};

/*
 * {"items": [{"seq", "time", "level", "pipeline", "role", "component", "text"}], "oldest",
 * "newest", "next": to go on from, "dropped": records behind `after` that are gone}. Any thread.
 */
json_t *logbook_look(struct logbook *book, const struct logbook_query *query);

#endif
