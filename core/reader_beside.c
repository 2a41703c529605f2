/*
 * Tables that join are loaded beside the stream: changes of all others go on meanwhile, through a
 * connection and a lane of their own. When the rows are there, the next attempt reads the log
 * once more from where the view of these tables stood, and the others leave out what they have.
 */
#include "reader_part.h"

#include "util/log.h"

#include <stdlib.h>

static struct rnl_slice slice_of(const char *text)
{
    return (struct rnl_slice){text, text ? strlen(text) : 0};
}

/*
 * Several lanes for changes have a place each, limits of events count what is read of both, and two
 * processes would have to agree on where the stream ends: there, changes wait for the load.
 */
bool reader_can_wait(const struct reader *reader)
{
    const struct pipeline_config *config = reader->run->config;

    return reader->record.grown && config->mode == MODE_REPLICATE && config->change_lanes == 1 &&
           !config->limit_events && !ear_apart(reader->ear);
}

/* Of another table that isn't complete, changes may come that its rows hold already. */
static bool only_waiting_are_open(struct reader *reader)
{
    const struct rnl_catalog *catalog = reader->record.catalog;

    for (uint32_t t = 0; t < catalog_count(catalog); t++)
        if (!catalog_joined(catalog, t)->waits &&
            (catalog_joined(catalog, t)->open || reader_is_left(reader, t)))
            return false;
    return true;
}

bool reader_goes_beside(struct reader *reader)
{
    return reader_can_wait(reader) && catalog_waits(reader->record.catalog) &&
           reader_is_left(reader, UINT32_MAX) && only_waiting_are_open(reader);
}

/* --- behind the load ---------------------------------------------------------------------- */

char *reader_place(const struct reader *reader)
{
    const struct rnl_unit *unit = reader_changes_unit(reader);
    struct rnl_slice at =
        unit && unit->position.len ? unit->position : slice_of(reader->record.position);

    return strndup(at.ptr ? at.ptr : "", at.len);
}

/* Where the stream stood when the first of them joined: no view of theirs stands before that. */
static const char *first_since(const struct reader *reader)
{
    const struct rnl_catalog *catalog = reader->record.catalog;
    const struct catalog_join *first = NULL;

    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        const struct catalog_join *join = catalog_joined(catalog, t);

        if (join->waits && (!first || join->number < first->number))
            first = join;
    }
    return first ? first->since : NULL;
}

/*
 * place: up to which the tables that didn't wait have all changes. One that joined since was read
 * at a view behind that, which counts for it.
 */
static int end_waiting(struct reader *reader, const char *place, struct rnl_error *err)
{
    struct rnl_catalog *catalog = reader->record.catalog;

    err->status = RNL_OK;
    for (uint32_t t = 0; t < catalog_count(catalog) && err->status == RNL_OK; t++) {
        struct catalog_join join = *catalog_joined(catalog, t);

        if (join.waits)
            join.since = NULL;
        else if (!join.open)
            join.passed = place;
        join.waits = false;
        catalog_join(catalog, t, &join, err);
    }
    return err->status;
}

/*
 * Not from where their view stood, which can't always be compared with where the stream stands
 * (sets of GTIDs with holes): each table leaves out what it has.
 */
int reader_settle(struct reader *reader, struct rnl_error *err)
{
    struct record *record = &reader->record;
    const struct rnl_unit *unit = reader_changes_unit(reader);
    const char *since = first_since(reader);
    char *place;

    if (!since || reader_is_left(reader, UINT32_MAX) || reader->joins || !unit)
        return RNL_OK;
    place = reader_place(reader);
    if (!place)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
    log_write(RNL_LOG_INFO, "reader",
              "tables that joined are loaded: the log is read once more from there on");
    plan_renew(record->plan, unit->id, reader_next_id(reader), slice_of(since));
    reader->rewound = end_waiting(reader, place, err) == RNL_OK;
    free(place);
    return err->status;
}

/* --- amid the load ------------------------------------------------------------------------ */

struct beside {
    struct reader stream; /* borrows all but its connection and its starts */
    atomic_bool over;
    pthread_t thread;
};

static void *beside_main(void *arg)
{
    struct beside *beside = arg;

    reader_follow_beside(&beside->stream);
    return NULL;
}

/* A connection of its own: views that rows are read from end where changes begin. */
static int begin(struct beside *beside, const struct reader *reader, struct rnl_error *err)
{
    struct reader *stream = &beside->stream;
    struct run *run = reader->run;
    const struct pipeline_config *config = run->config;
    int status;

    *stream = *reader;
    stream->starts = NULL;
    stream->nstarts = 0;
    stream->numbers = NULL;
    stream->nnumbers = 0;
    stream->over = &beside->over;
    stream->first_lane = config->writer.lanes;
    pthread_mutex_init(&stream->lock, NULL);
    status = session_open(&stream->source, RNL_SOURCE, config->name, &config->reader, run->resolver,
                          run->findings, &run->stopping, err);
    if (status != RNL_OK)
        goto destroy_lock;
    run_on_interrupt(run, stream->source.plugin->source.interrupt, stream->source.self);
    status = stream->source.plugin->source.follow(stream->source.self, config->name,
                                                  stream->record.catalog, true, err);
    if (status == RNL_OK && pthread_create(&beside->thread, NULL, beside_main, beside) != 0)
        status = rnl_fail(err, RNL_E_FATAL, "thread", "the thread of changes can't be started");
    if (status == RNL_OK)
        return RNL_OK;
    run_off_interrupt(run, stream->source.self);
    session_close(&stream->source);
destroy_lock:
    pthread_mutex_destroy(&stream->lock);
    return status;
}

static void end(struct beside *beside)
{
    struct reader *stream = &beside->stream;

    pthread_join(beside->thread, NULL); /* which hears that the rows are in the target */
    run_off_interrupt(stream->run, stream->source.self);
    session_close(&stream->source);
    for (size_t i = 0; i < stream->nstarts; i++)
        free(stream->starts[i].position);
    free(stream->starts);
    pthread_mutex_destroy(&stream->lock);
}

int reader_load_beside(struct reader *reader, struct rnl_error *err)
{
    struct beside beside = {.over = false};
    int status;

    catalog_join_flags(reader->record.catalog, 0); /* the source has taken them in */
    /* sorted once: both look into it from here on */
    memory_unit_of(&reader->recall.memory, 0);
    log_write(RNL_LOG_INFO, "reader", "changes of the other tables go on while these are loaded");
    if (begin(&beside, reader, err) != RNL_OK)
        return err->status; /* which breaks the run off: nobody waits for the lanes' ends */
    status = reader_load(reader, err);
    if (status != RNL_OK) /* the writer may wait for a lane's end that never comes */
        atomic_store(&beside.over, true);
    end(&beside);
    return status;
}
