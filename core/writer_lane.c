/*
 * A lane of the writer: takes bundles in order, applies them, and commits many of
 * them at once together with the checkpoint that says so.
 */
#include "writer_lane.h"

#include "util/clock.h"

#include <inttypes.h>
#include <stdlib.h>

#define FETCH_MS 200
#define COMMIT_MS 5000
#define COMMIT_CHANGES_MS 500 /* with more to come all the time */
#define DURABLE_MS 1000

static void forget_pending(struct lane *lane)
{
    for (size_t i = 0; i < lane->nunits; i++)
        free(lane->units[i].position);
    lane->nunits = 0;
    lane->bytes = 0;
}

static void tell_committed(struct lane *lane)
{
    for (size_t i = 0; i < lane->nunits; i++) {
        const struct pending_unit *unit = &lane->units[i];

        if (lane->changes) {
            progress_changes(lane->writer->run->progress, unit->rows, unit->bytes,
                             lane->committed_us);
            if (unit->aside)
                progress_aside(lane->writer->run->progress, UINT32_MAX, unit->aside);
            atomic_fetch_add(&lane->writer->run->standing, (uint64_t)unit->aside);
            continue;
        }
        progress_written(lane->writer->run->progress, unit->table, unit->rows, unit->bytes);
        if (unit->aside)
            progress_aside(lane->writer->run->progress, unit->table, unit->aside);
        atomic_fetch_add(&lane->writer->run->standing, (uint64_t)unit->aside);
        if (unit->done) {
            progress_unit_done(lane->writer->run->progress, unit->table);
            atomic_fetch_add(&lane->writer->units_done, 1);
        }
    }
}

/* The source may forget what is durable in the target. A reader that ends hears no more of it. */
static int tell_durable(struct lane *lane, struct rnl_error *err)
{
    const struct pending_unit *unit = &lane->units[lane->nunits - 1];
    const struct control word = {
        .type = CONTROL_COMMITTED,
        .lane = lane->lane,
        .position = unit->position,
        .position_len = unit->position_len,
    };

    lane->durable_ms = clock_ms();
    return unit->position && run_goes_on(lane->writer->run)
               ? control_send(lane->writer->ear, &word, err)
               : RNL_OK;
}

/* Not each commit waits for the disk: once in a while is enough for the source to forget. */
static bool is_durable(const struct lane *lane)
{
    return lane->changes &&
           (clock_ms() - lane->durable_ms >= DURABLE_MS || !run_goes_on(lane->writer->run));
}

static int commit(struct lane *lane, struct rnl_error *err)
{
    struct rnl_unit_progress *units = calloc(lane->nunits + 1, sizeof(*units));
    struct rnl_checkpoint checkpoint = {
        .size = sizeof(checkpoint),
        .lane = lane->lane,
        .pipeline = lane->writer->run->config->name,
        .epoch = lane->writer->epoch,
        .number_before = lane->committed,
        .number_after = lane->applied,
        .units = units,
        .nunits = (uint32_t)lane->nunits,
        .unit_size = sizeof(*units),
        .durable = is_durable(lane),
    };
    int status = part_end(lane, err); /* may yet set rows aside */

    if (status != RNL_OK) {
        free(units);
        return status;
    }
    if (!units)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a checkpoint");
    for (size_t i = 0; i < lane->nunits; i++)
        units[i] = (struct rnl_unit_progress){
            .unit = lane->units[i].unit,
            .done = lane->units[i].done,
            .rows = lane->units[i].rows,
            .position = {lane->units[i].position, lane->units[i].position_len},
        };
    status = lane->writer->sink.plugin->sink.writer_commit(lane->sink_writer, &checkpoint, err);
    free(units);
    if (status != RNL_OK)
        return status;
    tell_committed(lane);
    lane->committed = lane->applied;
    if (checkpoint.durable)
        status = tell_durable(lane, err);
    forget_pending(lane);
    return status;
}

static struct pending_unit *pending_of(struct lane *lane, const struct rnl_bundle_info *info)
{
    struct pending_unit *unit;

    if (lane->nunits && lane->units[lane->nunits - 1].unit == info->unit)
        return &lane->units[lane->nunits - 1];
    if (lane->nunits == lane->room) {
        size_t room = lane->room ? lane->room * 2 : 8;
        struct pending_unit *units = realloc(lane->units, room * sizeof(*units));

        if (!units)
            return NULL;
        lane->units = units;
        lane->room = room;
    }
    unit = &lane->units[lane->nunits++];
    *unit = (struct pending_unit){.unit = info->unit, .table = info->table};
    return unit;
}

static int note_applied(struct lane *lane, const struct rnl_bundle_info *info,
                        struct rnl_error *err)
{
    struct pending_unit *unit = pending_of(lane, info);

    if (!unit)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a unit's progress");
    unit->rows += info->rows;
    unit->bytes += (int64_t)info->bytes;
    unit->done = info->flags & RNL_BUNDLE_UNIT_END;
    free(unit->position);
    unit->position = NULL;
    unit->position_len = 0;
    if (info->position.len) {
        unit->position = malloc(info->position.len);
        if (!unit->position)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
        memcpy(unit->position, info->position.ptr, info->position.len);
        unit->position_len = info->position.len;
    }
    lane->applied = info->number;
    lane->bytes += info->bytes;
    lane->committable = unit->done || unit->position;
    if (info->committed_us)
        lane->committed_us = info->committed_us;
    return RNL_OK;
}

/* Whether the bundle is the lane's next. RNL_DONE: its end; RNL_AGAIN: delivered once more. */
static int check(struct lane *lane, struct rnl_bundle *bundle, const struct rnl_bundle_info *info,
                 struct rnl_error *err)
{
    struct writer *writer = lane->writer;

    if (bundle_owner(bundle) != ear_owner(writer->ear))
        return RNL_AGAIN; /* of an attempt that is over */
    if (info->lane != lane->lane)
        return rnl_fail(err, RNL_E_FATAL, "bundle.foreign",
                        "lane %u was given a bundle of another pipeline or lane", lane->lane);
    if (info->flags & RNL_BUNDLE_LANE_END) {
        lane->applied = info->number;
        lane->end = info->flags & RNL_BUNDLE_ALTERED    ? WRITER_ALTERED
                    : info->flags & RNL_BUNDLE_UNIT_END ? WRITER_DRAINED
                                                        : WRITER_STOPPED;
        return RNL_DONE;
    }
    if (lane->changes && lane->replaying && !(info->flags & RNL_BUNDLE_REPLAY)) {
        if (lane->nunits && !lane->committable)
            return rnl_fail(err, RNL_E_FATAL, "bundle.halved",
                            "lane %u was told that it has caught up amid a transaction",
                            lane->lane);
        lane->end = WRITER_CAUGHT_UP;
        return RNL_DONE;
    }
    if (!lane->changes != !(info->flags & RNL_BUNDLE_CHANGES))
        return rnl_fail(err, RNL_E_FATAL, "bundle.foreign",
                        "lane %u was given a bundle of %s out of its time", lane->lane,
                        lane->changes ? "rows" : "changes");
    if (info->number <= lane->applied)
        return RNL_AGAIN;
    if (info->number != lane->applied + 1)
        return rnl_fail(err, RNL_E_FATAL, "bundle.gap",
                        "lane %u was given bundle %" PRIu64 " where %" PRIu64 " was due",
                        lane->lane, info->number, lane->applied + 1);
    if (info->table >= catalog_count(writer->record.catalog))
        return rnl_fail(err, RNL_E_FATAL, "bundle.foreign", "a bundle names a table of no catalog");
    return RNL_OK;
}

/* What can be done about a row that doesn't fit, where nothing better was said. */
static void hint_set_aside(const struct lane *lane, struct rnl_error *err)
{
    if (err->status == RNL_E_DATA && !err->hint[0] &&
        lane->writer->sink.plugin->sink.writer_savepoint)
        rnl_hint(err, "to load all other rows: --on-error set_aside");
}

/*
 * A transaction of the source that is larger than a bundle begins: what stands before it need
 * neither wait for its end nor be taken back with it.
 */
static bool parts_here(const struct lane *lane, const struct rnl_bundle_info *info)
{
    return lane->changes && lane->nunits && lane->committable && info->rows && !info->position.len;
}

static int apply(struct lane *lane, struct rnl_message *message, struct rnl_bundle *bundle,
                 struct rnl_error *err)
{
    struct rnl_bundle_info info;
    int status;

    bundle_info(bundle, &info);
    status = check(lane, bundle, &info, err);
    if (status != RNL_OK)
        return status == RNL_AGAIN ? RNL_OK : status;
    if (parts_here(lane, &info) && commit(lane, err) != RNL_OK)
        return err->status;
    if (lane->writer->tolerant)
        bundle_tolerate(bundle);
    if (!lane->nunits)
        lane->since_ms = clock_ms();
    if (lane->careful) { /* noted first: rows that are set aside are taken off again */
        status = note_applied(lane, &info, err);
        return status == RNL_OK && info.rows ? part_apply(lane, message, bundle, err) : status;
    }
    if (info.rows)
        status = lane->writer->sink.plugin->sink.writer_apply(lane->sink_writer, bundle, err);
    return status == RNL_OK ? note_applied(lane, &info, err) : status;
}

/* The message is acknowledged, but for one that a part keeps. */
static int take_message(struct lane *lane, struct rnl_message *message, struct rnl_error *err)
{
    const struct rnl_transport_ops *transport = &lane->writer->transport.plugin->transport;
    struct rnl_error unheard = RNL_ERROR_INIT;
    struct rnl_bundle *bundle;
    int status = bundle_open(message->body.ptr, message->body.len, &bundle, err);

    if (status == RNL_OK) {
        status = apply(lane, message, bundle, err);
        bundle_free(bundle);
    }
    if (status == RNL_DONE && lane->end == WRITER_CAUGHT_UP)
        transport->again(lane->subscription, message, 0,
                         &unheard); /* for the lane that comes next */
    else if (message->token)
        transport->ack(lane->subscription, message, &unheard);
    return status;
}

/* A large transaction costs the target memory and a crash its rows: neither too many nor too few.
 */
static bool commit_is_due(const struct lane *lane)
{
    return lane->nunits && lane->committable &&
           ((int64_t)lane->bytes >= lane->writer->run->config->commit_bytes ||
            clock_ms() - lane->since_ms >= (lane->changes ? COMMIT_CHANGES_MS : COMMIT_MS));
}

/* Changes are wanted at once: with nothing more at hand, what is whole is committed. */
static bool commits_when_idle(const struct lane *lane)
{
    return lane->changes && lane->nunits && lane->committable;
}

static int work(struct lane *lane, struct rnl_error *err)
{
    const struct rnl_transport_ops *transport = &lane->writer->transport.plugin->transport;
    int status = RNL_OK;

    while (status == RNL_OK && !atomic_load(&lane->writer->run->hard)) {
        struct rnl_message message;
        bool idle = commits_when_idle(lane);

        status = transport->fetch(lane->subscription, &message, idle ? 0 : FETCH_MS, err);
        if (status == RNL_OK) {
            status = take_message(lane, &message, err);
            idle = false;
        } else if (status == RNL_AGAIN) /* what is kept may be all that the transport may hold */
            status = part_end(lane, err);
        if (status == RNL_OK && (commit_is_due(lane) || idle))
            status = commit(lane, err);
    }
    if (status == RNL_DONE)
        status = lane->nunits && lane->committable ? commit(lane, err) : RNL_OK;
    part_drop(lane);
    return status;
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    struct writer *writer = lane->writer;
    const struct rnl_sink_ops *sink = &writer->sink.plugin->sink;
    const struct rnl_transport_ops *transport = &writer->transport.plugin->transport;
    struct rnl_error err = RNL_ERROR_INIT;
    char subject[32];
    int status;

    snprintf(subject, sizeof(subject), "lane.%u", lane->lane);
    status = sink->writer_open(writer->sink.self, lane->lane, &lane->sink_writer, &err);
    if (status != RNL_OK)
        goto tell;
    status =
        transport->subscribe(writer->transport.self, subject, "writer", &lane->subscription, &err);
    if (status != RNL_OK)
        goto close_writer;
    status = work(lane, &err);
    transport->unsubscribe(lane->subscription);
close_writer:
    sink->writer_close(lane->sink_writer); /* what is not committed is read again by the next run */
tell:
    if (status < 0 && !atomic_load(&writer->run->hard)) {
        hint_set_aside(lane, &err);
        run_fail(writer->run, &err);
    }
    forget_pending(lane);
    free(lane->units);
    return NULL;
}

static uint64_t last_number(const struct writer *writer, uint32_t lane)
{
    for (size_t i = 0; i < writer->memory.nlanes; i++)
        if (writer->memory.lanes[i].lane == lane)
            return writer->memory.lanes[i].number;
    return 0;
}

static struct lane_numbers numbers_of(const struct writer *writer, uint32_t lane)
{
    uint64_t number = last_number(writer, lane);

    if (lane < writer->nnumbers)
        return writer->numbers[lane];
    return (struct lane_numbers){number, number};
}

/* Lanes begun later on go on behind these. */
static void keep_numbers(struct writer *writer, const struct lane *lanes, uint32_t count)
{
    if (count > writer->nnumbers) {
        writer->numbers = realloc(writer->numbers, count * sizeof(*writer->numbers));
        if (!writer->numbers)
            abort();
        writer->nnumbers = count;
    }
    for (uint32_t i = 0; i < count; i++)
        writer->numbers[i] = (struct lane_numbers){lanes[i].committed, lanes[i].applied};
}

/* The stream beside the load ends by that. */
static void tell_loaded(struct writer *writer)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (run_goes_on(writer->run) &&
        control_send(writer->ear, &(struct control){.type = CONTROL_LOADED}, &err) != RNL_OK)
        run_fail(writer->run, &err);
}

void writer_load(struct writer *writer)
{
    uint32_t loading = writer->run->config->writer.lanes, count = loading + writer->beside;
    struct lane *lanes = calloc(count, sizeof(*lanes));
    struct rnl_error err = RNL_ERROR_INIT;

    if (!lanes) {
        rnl_fail(&err, RNL_E_FATAL, "memory", "out of memory for %u lanes", count);
        run_fail(writer->run, &err);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = last_number(writer, i);

        lanes[i] = (struct lane){.writer = writer,
                                 .lane = i,
                                 .committed = number,
                                 .applied = number,
                                 .careful = writer->run->config->on_error == ON_ERROR_SET_ASIDE,
                                 .changes = i >= loading};
        if (pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]) != 0) {
            rnl_fail(&err, RNL_E_FATAL, "thread", "a lane's thread can't be started");
            run_fail(writer->run, &err);
            break;
        }
        lanes[i].started = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (writer->beside && i == loading)
            tell_loaded(writer);
        if (lanes[i].started)
            pthread_join(lanes[i].thread, NULL);
    }
    keep_numbers(writer, lanes, count);
    free(lanes);
}

/* Those of changes: in this thread when there is one, as there is nothing beside it to be done. */
static void run_lanes(struct lane *lanes, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        lanes[i].started = pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]) == 0;
    for (uint32_t i = 1; i < count; i++)
        if (!lanes[i].started) {
            struct rnl_error err = RNL_ERROR_INIT;

            rnl_fail(&err, RNL_E_FATAL, "thread", "a lane's thread can't be started");
            run_fail(lanes[i].writer->run, &err);
        }
    lane_main(&lanes[0]);
    for (uint32_t i = 1; i < count; i++)
        if (lanes[i].started)
            pthread_join(lanes[i].thread, NULL);
}

enum writer_end writer_follow(struct writer *writer, bool replaying)
{
    uint32_t count = writer->run->config->change_lanes;
    struct lane *lanes = calloc(count, sizeof(*lanes));
    enum writer_end end;

    if (!lanes)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        struct lane_numbers last = numbers_of(writer, i);

        lanes[i] = (struct lane){.writer = writer,
                                 .lane = i,
                                 .committed = last.committed,
                                 .applied = last.applied,
                                 .careful = writer->run->config->on_error == ON_ERROR_SET_ASIDE,
                                 .changes = true,
                                 .replaying = replaying};
    }
    run_lanes(lanes, count);
    keep_numbers(writer, lanes, count);
    end = lanes[0].end;
    for (uint32_t i = 1; i < count; i++)
        if (lanes[i].end != end)
            end = WRITER_STOPPED; /* one has failed, and told so */
    free(lanes);
    return end ? end : WRITER_STOPPED;
}
