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

static bool reached(const struct reader *reader, struct rnl_slice position, struct rnl_slice goal)
{
    return reader->source.plugin->source.log_reached(reader->source.self, position, goal);
}

/*
 * Several lanes for changes have a place each, and limits of events count what is read of both:
 * there, changes wait for the load.
 */
bool reader_can_wait(const struct reader *reader)
{
    const struct pipeline_config *config = reader->run->config;

    return reader->record.grown && config->mode == MODE_REPLICATE && config->change_lanes == 1 &&
           !config->limit_events;
}

/* Of a table whose changes aren't left out, rows would come by both ways. */
static bool only_waiting_are_left(struct reader *reader)
{
    const struct rnl_catalog *catalog = reader->record.catalog;

    for (uint32_t t = 0; t < catalog_count(catalog); t++)
        if (!catalog_joined(catalog, t)->waits && reader_is_left(reader, t))
            return false;
    return true;
}

bool reader_goes_beside(struct reader *reader)
{
    return reader_can_wait(reader) && catalog_waits(reader->record.catalog) &&
           reader_is_left(reader, UINT32_MAX) && only_waiting_are_left(reader);
}

/* --- behind the load ---------------------------------------------------------------------- */

/* Where the first of their views stood. */
static const char *least_start(const struct reader *reader)
{
    const struct rnl_catalog *catalog = reader->record.catalog;
    const char *least = NULL;

    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        const struct catalog_join *join = catalog_joined(catalog, t);

        if (join->waits && join->start &&
            (!least || reached(reader, slice_of(least), slice_of(join->start))))
            least = join->start;
    }
    return least;
}

/* place: up to which the tables that didn't wait have all changes; NULL: nothing is read twice. */
static int end_waiting(struct reader *reader, const char *place, struct rnl_error *err)
{
    struct rnl_catalog *catalog = reader->record.catalog;

    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        struct catalog_join join = *catalog_joined(catalog, t);

        if (join.waits)
            join.waits = false;
        else if (place && !(join.passed && reached(reader, slice_of(join.passed), slice_of(place))))
            join.passed = place;
        if (catalog_join(catalog, t, &join, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

int reader_settle(struct reader *reader, struct rnl_error *err)
{
    struct record *record = &reader->record;
    const struct rnl_unit *unit = reader_changes_unit(reader);
    const char *start = least_start(reader);
    struct rnl_slice at;
    char *place;
    int status;

    if (!catalog_waits(reader->record.catalog) || reader_is_left(reader, UINT32_MAX) ||
        reader->joins || !unit)
        return RNL_OK;
    at = unit->position.len ? unit->position : slice_of(record->position);
    place = strndup(at.ptr, at.len);
    if (!place)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
    /* the stream may have ended before it came to where they begin: then nothing is read twice */
    if (start && !reached(reader, slice_of(start), slice_of(place))) {
        log_write(RNL_LOG_INFO, "reader",
                  "tables that joined are loaded: the log is read once more from their view on");
        plan_renew(record->plan, unit->id, reader_next_id(reader), slice_of(start));
        status = end_waiting(reader, place, err);
    } else {
        status = end_waiting(reader, NULL, err);
    }
    free(place);
    reader->rewound = true;
    return status;
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

    atomic_store(&beside->over, true);
    pthread_join(beside->thread, NULL);
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
    if (begin(&beside, reader, err) != RNL_OK)
        return err->status; /* which breaks the run off: nobody waits for the lanes' ends */
    status = reader_load(reader, err);
    end(&beside);
    return status;
}
