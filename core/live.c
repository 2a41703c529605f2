/* The fence: where the source's log ends, and whether the target has come there. */
#include "live.h"

#include "remote.h"
#include "util/clock.h"

#include <stdlib.h>
#include <time.h>

#define POLL_MS 20
#define POLL_MOST_MS 500
#define ANSWER_MS 3000
#define PAUSE_MS 40
/* Whoever runs the pipeline elsewhere commits a place each second, if nothing else. */
#define STILL_MS 6000

static const struct rnl_source_ops *source_of(const struct live *live)
{
    return &live->inspection->source.plugin->source;
}

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

static struct rnl_slice slice_of(const char *text)
{
    return (struct rnl_slice){text, text ? strlen(text) : 0};
}

bool live_concerns(const struct inspection *inspection)
{
    return inspection->recorded && inspection->record.mode != MODE_CONVERT &&
           inspection->record.state == RECORD_FOLLOWING;
}

/* Each lane of changes has a unit of its own. */
static bool has_changes(const struct live *live)
{
    const struct rnl_plan *plan = live->inspection->record.plan;

    for (uint32_t i = 0; i < plan_count(plan); i++)
        if (plan_at(plan, i)->kind == RNL_UNIT_CHANGES)
            return true;
    return false;
}

/* --- where both stand ------------------------------------------------------------------------ */

static int mark(void *arg, struct rnl_error *err)
{
    struct live *live = arg;
    struct rnl_slice end;
    char *copy;

    if (source_of(live)->log_end(live->inspection->source.self, &end, err) != RNL_OK)
        return err->status;
    copy = strndup(end.ptr, end.len);
    if (!copy)
        return no_memory(err);
    free(live->goal);
    live->goal = copy;
    return RNL_OK;
}

static bool is_there(const struct live *live, const char *at)
{
    return source_of(live)->log_reached(live->inspection->source.self, slice_of(at),
                                        slice_of(live->goal));
}

/* Where a unit of changes stands in the target: malloc'd. */
static char *place_of(const struct live *live, struct rnl_memory *memory, uint32_t unit)
{
    const struct memory_unit *known = memory_unit_of(memory, unit);
    const char *begun = live->inspection->record.position;

    if (known && known->position_len)
        return strndup(known->position, known->position_len);
    return strdup(begun ? begun : "");
}

/* Takes the places of all lanes; at is that of one that is not there, if there is such. */
static bool take_places(struct live *live, struct rnl_memory *memory, char **all, bool *there)
{
    const struct rnl_plan *plan = live->inspection->record.plan;

    *there = true;
    for (uint32_t i = 0; i < plan_count(plan); i++) {
        char *place, *more;

        if (plan_at(plan, i)->kind != RNL_UNIT_CHANGES)
            continue;
        place = place_of(live, memory, plan_at(plan, i)->id);
        if (!place || asprintf(&more, "%s %s", *all ? *all : "", place) < 0) {
            free(place);
            return false;
        }
        free(*all);
        *all = more;
        if (*there || !live->at) {
            free(live->at);
            live->at = place;
            *there = is_there(live, place);
        } else
            free(place);
    }
    return true;
}

/* *moved: the target stands elsewhere than when it was looked at last. *there: at the goal. */
static int look(struct live *live, bool *moved, bool *there, struct rnl_error *err)
{
    const struct inspection *inspection = live->inspection;
    struct rnl_memory memory = {0};
    char *all = NULL;
    int status = inspection->sink.plugin->sink.recall(inspection->sink.self,
                                                      inspection->config->name, &memory, err);

    if (status >= 0)
        status = take_places(live, &memory, &all, there) ? RNL_OK : no_memory(err);
    *moved = !live->places || !all || strcmp(live->places, all) != 0;
    free(live->places);
    live->places = all;
    memory_clear(&memory);
    return status;
}

int64_t live_behind(struct live *live)
{
    struct rnl_log_state state = {.size = sizeof(state), .behind_bytes = -1, .held_bytes = -1};
    struct rnl_error unheard = RNL_ERROR_INIT; /* a figure to be shown */

    if (!source_of(live)->log_state ||
        source_of(live)->log_state(live->inspection->source.self, slice_of(live->at), &state,
                                   &unheard) != RNL_OK)
        return -1;
    return state.behind_bytes;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Whether a process of this user here runs the pipeline, and doesn't rest. */
static bool is_run_here(const struct live *live)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* nobody answers: nobody runs it */
    json_t *answer;
    const char *state;
    bool runs;

    if (remote_ask(live->inspection->config->name, "status", NULL, ANSWER_MS, &answer, &unheard) !=
        RNL_OK)
        return false;
    state = json_string_value(json_object_get(answer, "state"));
    runs = !state || strcmp(state, "paused") != 0;
    json_decref(answer);
    return runs;
}

static int rest(const struct live *live, int64_t ms, struct rnl_error *err)
{
    const atomic_bool *stopping = live->inspection->stopping;

    if (stopping && atomic_load(stopping))
        return rnl_fail(err, RNL_E_RETRY, "scan.stopped", "stopped before all was compared");
    nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000L}, NULL);
    return RNL_OK;
}

static int too_long(const struct live *live, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_RETRY, "verify.behind",
             "the target didn't come to where the source's log ended %lld s ago",
             (long long)(live->wait_ms / 1000));
    rnl_hint(err, "runnel status %s shows how far behind it is; --wait SECONDS waits longer",
             live->inspection->config->name);
    return err->status;
}

/* RNL_OK: the target is there. RNL_DONE: nobody moves it. */
static int await(struct live *live, struct rnl_error *err)
{
    int64_t begun_ms = clock_ms(), moved_ms = begun_ms, poll_ms = POLL_MS;
    bool moved = false, there = false;

    for (;;) {
        int64_t now_ms;

        if (look(live, &moved, &there, err) != RNL_OK)
            return err->status;
        if (there)
            return RNL_OK;
        if (live->alone)
            return RNL_DONE;
        now_ms = clock_ms();
        if (moved)
            moved_ms = now_ms;
        if (live->waiting)
            live->waiting(now_ms - begun_ms);
        if (now_ms - begun_ms > live->wait_ms)
            return too_long(live, err);
        if (now_ms - moved_ms > STILL_MS) {
            if (!is_run_here(live))
                return RNL_DONE;
            moved_ms = now_ms; /* it is at something large, or waits to try again */
        }
        if (rest(live, poll_ms, err) != RNL_OK)
            return err->status;
        poll_ms = poll_ms * 5 / 4 < POLL_MOST_MS ? poll_ms * 5 / 4 + 1 : POLL_MOST_MS;
    }
}

int live_begin(struct live *live, bool *stands, struct rnl_error *err)
{
    int status;

    *stands = false;
    if (!has_changes(live) || !source_of(live)->log_end || !source_of(live)->log_reached)
        return rnl_fail(err, RNL_E_FATAL, "record.invalid",
                        "the target's record of this pipeline has no changes");
    status = mark(live, err);
    if (status == RNL_OK)
        status = await(live, err);
    *stands = status == RNL_DONE;
    return status == RNL_DONE ? RNL_OK : status;
}

/* --- lent to a verification ------------------------------------------------------------------- */

/* More lanes would have to agree on one view, for which some servers must be locked. */
static int renew(void *arg, struct rnl_error *err)
{
    return inspect_snapshot(((struct live *)arg)->inspection, 1, err);
}

static int fence(void *arg, struct rnl_error *err)
{
    struct live *live = arg;
    int status = await(live, err);

    if (status != RNL_DONE)
        return status;
    rnl_fail(err, RNL_E_RETRY, "verify.follower_stopped",
             "the pipeline came to rest while source and target were compared");
    rnl_hint(err, "run it again, then verify again");
    return err->status;
}

struct verify_live live_lend(struct live *live)
{
    return (struct verify_live){
        .renew = renew, .mark = mark, .fence = fence, .arg = live, .pause_ms = PAUSE_MS};
}

void live_close(struct live *live)
{
    free(live->goal);
    free(live->at);
    free(live->places);
    live->goal = live->at = live->places = NULL;
}
