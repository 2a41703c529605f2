/* Log records in a list, numbered; the oldest make room. */
#include "logbook.h"

#include "util/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct record {
    struct record *next;
    int64_t seq;
    size_t bytes;
    enum rnl_level level;
    char time[32];
    const char *pipeline, *role, *component, *text; /* behind this struct */
};

struct logbook {
    pthread_mutex_t lock;
    struct record *first, **last;
    size_t bytes, bytes_most;
    int64_t first_seq, next_seq; /* of this process */
};

static _Thread_local struct {
    const char *pipeline, *role, *component;
} about;

void logbook_about(const char *pipeline, const char *role, const char *component)
{
    about.pipeline = pipeline;
    about.role = role;
    about.component = component;
}

static const char *put(char **at, const char *text)
{
    char *start = *at;
    size_t size = strlen(text) + 1;

    memcpy(start, text, size);
    *at += size;
    return start;
}

static struct record *record_new(const char *time, enum rnl_level level, const char *component,
                                 const char *text)
{
    const char *pipeline = about.pipeline ? about.pipeline : "";
    const char *role = about.role ? about.role : "";
    size_t bytes;
    struct record *record;
    char *at;

    if (about.pipeline)
        component = about.component ? about.component : "";
    bytes =
        sizeof(*record) + strlen(pipeline) + strlen(role) + strlen(component) + strlen(text) + 4;
    record = malloc(bytes);
    if (!record)
        return NULL;
    at = (char *)(record + 1);
    *record = (struct record){.bytes = bytes, .level = level};
    snprintf(record->time, sizeof(record->time), "%s", time);
    record->pipeline = put(&at, pipeline);
    record->role = put(&at, role);
    record->component = put(&at, component);
    record->text = put(&at, text);
    return record;
}

static void drop_first(struct logbook *book)
{
    struct record *record = book->first;

    book->first = record->next;
    if (!book->first)
        book->last = &book->first;
    book->bytes -= record->bytes;
    free(record);
}

static void on_record(void *arg, const char *time, enum rnl_level level, const char *component,
                      const char *text)
{
    struct logbook *book = arg;
    struct record *record = record_new(time, level, component, text);

    if (!record)
        return;
    pthread_mutex_lock(&book->lock);
    record->seq = book->next_seq++;
    *book->last = record;
    book->last = &record->next;
    book->bytes += record->bytes;
    while (book->bytes > book->bytes_most && book->first != record)
        drop_first(book);
    pthread_mutex_unlock(&book->lock);
}

/* Numbers go on behind those of the process before, whatever it had: they begin with the time. */
struct logbook *logbook_open(size_t bytes_most)
{
    struct logbook *book = calloc(1, sizeof(*book));
    struct timespec now;

    if (!book)
        return NULL;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_init(&book->lock, NULL);
    book->last = &book->first;
    book->bytes_most = bytes_most;
    book->first_seq = book->next_seq = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    log_set_sink(on_record, book);
    return book;
}

void logbook_close(struct logbook *book)
{
    if (!book)
        return;
    log_set_sink(NULL, NULL);
    while (book->first)
        drop_first(book);
    pthread_mutex_destroy(&book->lock);
    free(book);
}

/* --- looked at -------------------------------------------------------------------------------- */

static bool fits(const struct record *record, const struct logbook_query *query)
{
    return record->seq > query->after && record->level >= query->level &&
           (!query->pipeline || strcmp(query->pipeline, record->pipeline) == 0) &&
           (!query->text || strstr(record->text, query->text) ||
            strstr(record->component, query->text));
}

static json_t *record_json(const struct record *record)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};

    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:s}", "seq", (json_int_t)record->seq, "time",
                     record->time, "level", words[record->level], "pipeline", record->pipeline,
                     "role", record->role, "component", record->component, "text", record->text);
}

/* Of those that fit: from the first on when they are followed, else the latest. */
static json_t *items_of(const struct logbook *book, const struct logbook_query *query,
                        int64_t *next)
{
    json_t *items = json_array();
    int64_t skip = 0;

    *next = book->next_seq - 1;
    for (const struct record *at = book->first; at && query->after == 0; at = at->next)
        skip += fits(at, query);
    skip -= query->limit;
    for (const struct record *at = book->first; at; at = at->next) {
        if (!fits(at, query) || skip-- > 0)
            continue;
        if (json_array_size(items) == (size_t)query->limit)
            break;
        json_array_append_new(items, record_json(at));
        if (json_array_size(items) == (size_t)query->limit)
            *next = at->seq;
    }
    return items;
}

json_t *logbook_look(struct logbook *book, const struct logbook_query *query)
{
    int64_t next, oldest, newest, from, dropped = 0;
    json_t *items;

    pthread_mutex_lock(&book->lock);
    oldest = book->first ? book->first->seq : book->next_seq;
    newest = book->next_seq - 1;
    items = items_of(book, query, &next);
    /* those of an earlier process can't be counted: at least one */
    from = query->after + 1 > book->first_seq ? query->after + 1 : book->first_seq;
    if (query->after > 0 && oldest > from)
        dropped = oldest - from;
    if (query->after > 0 && query->after + 1 < book->first_seq && dropped == 0)
        dropped = 1;
    pthread_mutex_unlock(&book->lock);
    return json_pack("{s:o,s:I,s:I,s:I,s:I}", "items", items, "oldest", (json_int_t)oldest,
                     "newest", (json_int_t)newest, "next", (json_int_t)next, "dropped",
                     (json_int_t)dropped);
}
