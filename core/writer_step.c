/* The writer's work on structure: steps of one phase side by side, phases one after another. */
#include "writer.h"

#include "util/log.h"

#include <stdlib.h>

struct crew {
    struct writer *writer;
    const struct rnl_step **steps; /* of one phase, those to be done */
    uint32_t count;
    pthread_mutex_t lock; /* guards everything below */
    uint32_t next;
    struct rnl_error error;
};

struct member {
    struct crew *crew;
    uint32_t lane;
    pthread_t thread;
};

static const struct rnl_step *take_step(struct crew *crew)
{
    const struct rnl_step *step = NULL;

    pthread_mutex_lock(&crew->lock);
    if (crew->next < crew->count && crew->error.status == RNL_OK && run_goes_on(crew->writer->run))
        step = crew->steps[crew->next++];
    pthread_mutex_unlock(&crew->lock);
    return step;
}

static void keep_first(struct crew *crew, const struct rnl_error *err)
{
    pthread_mutex_lock(&crew->lock);
    if (crew->error.status == RNL_OK)
        crew->error = *err;
    pthread_mutex_unlock(&crew->lock);
}

static void *member_main(void *arg)
{
    struct member *member = arg;
    struct crew *crew = member->crew;
    struct writer *writer = crew->writer;
    const struct rnl_sink_ops *sink = &writer->sink.plugin->sink;
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_step *step;
    void *connection;

    if (sink->writer_open(writer->sink.self, member->lane, &connection, &err) != RNL_OK) {
        keep_first(crew, &err);
        return NULL;
    }
    while ((step = take_step(crew))) {
        progress_step(writer->run->progress, step->id, false);
        log_write(RNL_LOG_DEBUG, "writer", "%s", step->text);
        if (sink->writer_step(connection, writer->run->config->name, step, &err) != RNL_OK) {
            keep_first(crew, &err);
            break;
        }
        progress_step(writer->run->progress, step->id, true);
    }
    sink->writer_close(connection);
    return NULL;
}

/* Several steps are worth several connections only when there is something to share. */
static uint32_t crew_size(const struct crew *crew, uint32_t lanes)
{
    if (crew->steps[0]->phase == RNL_PHASE_TYPES)
        return 1; /* one may need another */
    if (crew->count < lanes)
        return crew->count;
    return crew->steps[0]->phase == RNL_PHASE_TABLES && crew->count < 64 ? 1 : lanes;
}

static int do_phase(struct crew *crew, struct rnl_error *err)
{
    uint32_t size = crew_size(crew, crew->writer->run->config->writer.lanes);
    struct member *members = calloc(size, sizeof(*members));
    uint32_t started = 0;

    if (!members)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for steps");
    for (; started < size; started++) {
        members[started] = (struct member){.crew = crew, .lane = started};
        if (pthread_create(&members[started].thread, NULL, member_main, &members[started]) != 0)
            break;
    }
    if (!started)
        rnl_fail(&crew->error, RNL_E_FATAL, "thread", "a thread for steps can't be started");
    for (uint32_t i = 0; i < started; i++)
        pthread_join(members[i].thread, NULL);
    free(members);
    if (crew->error.status != RNL_OK)
        *err = crew->error;
    return crew->error.status;
}

/* The heavy ones first, so that none of them starts last and alone. */
static int by_weight(const void *a, const void *b)
{
    const struct rnl_step *left = *(const struct rnl_step *const *)a;
    const struct rnl_step *right = *(const struct rnl_step *const *)b;

    if (left->weight != right->weight)
        return left->weight > right->weight ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* By an earlier run, or by this one before the changes. */
static bool has_done(struct writer *writer, const struct rnl_step *step)
{
    return memory_has_step(&writer->memory, step->id) ||
           (writer->keys_done && (step->flags & RNL_STEP_KEY));
}

static int structure(struct writer *writer, const struct rnl_step **list, uint32_t from,
                     uint32_t to, bool keys_only, struct rnl_error *err)
{
    uint32_t i = 0, count = steps_count(writer->steps);

    while (i < count && run_goes_on(writer->run)) {
        uint32_t phase = steps_at(writer->steps, i)->phase;
        struct crew crew = {.writer = writer, .steps = list, .error = RNL_ERROR_INIT};
        int status;

        for (; i < count && steps_at(writer->steps, i)->phase == phase; i++) {
            const struct rnl_step *step = steps_at(writer->steps, i);

            if (phase >= from && phase <= to && (!keys_only || (step->flags & RNL_STEP_KEY)) &&
                !has_done(writer, step))
                list[crew.count++] = step;
        }
        if (!crew.count)
            continue;
        if (phase != RNL_PHASE_TYPES)
            qsort(list, crew.count, sizeof(struct rnl_step *), by_weight);
        progress_steps(writer->run->progress, crew.count);
        pthread_mutex_init(&crew.lock, NULL);
        status = do_phase(&crew, err);
        pthread_mutex_destroy(&crew.lock);
        if (status != RNL_OK)
            return status;
    }
    return RNL_OK;
}

static int structure_list(struct writer *writer, uint32_t from, uint32_t to, bool keys_only,
                          struct rnl_error *err)
{
    const struct rnl_step **list =
        calloc(steps_count(writer->steps) + 1, sizeof(struct rnl_step *));
    int status;

    if (!list)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for steps");
    status = structure(writer, list, from, to, keys_only, err);
    free(list);
    if (status == RNL_OK && keys_only)
        writer->keys_done = run_goes_on(writer->run);
    return status;
}

int writer_structure(struct writer *writer, uint32_t from, uint32_t to, struct rnl_error *err)
{
    return structure_list(writer, from, to, false, err);
}

int writer_keys(struct writer *writer, struct rnl_error *err)
{
    return structure_list(writer, RNL_PHASE_TABLES + 1, UINT32_MAX, true, err);
}
