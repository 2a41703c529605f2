/* How far a run is. A rate is smoothed, so that the time left doesn't jump. */
#include "progress.h"

#include "util/arena.h"
#include "util/clock.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define SMOOTH_MS 8000.0 /* after this long a change of speed shows by two thirds */
#define RATE_AFTER_MS 1500
#define STILL_MS                                                                    \
    10000 /* without a commit for so long, though changes are left, it stands still \
           */

struct progress {
    pthread_mutex_t lock; /* guards everything below */
    struct arena arena;
    enum progress_phase phase;
    int64_t phase_ms; /* when it began */
    struct progress_table *tables;
    uint32_t count;
    uint32_t steps, steps_done;
    char step[160];
    int64_t started_ms;
    int64_t loading_ms; /* when rows began to come; 0: not yet */

    int64_t rows, bytes; /* written by this run */
    int64_t rows_aside;
    int64_t looked_ms, looked_rows, looked_bytes;
    double rows_per_s, bytes_per_s;

    int64_t changes, looked_changes;
    double changes_per_s;
    int64_t lag_ms;
    int64_t moved_ms; /* when something of the log was committed last, or nothing was left of it */
    int64_t behind_bytes, held_bytes;
    char position[160];

    bool again; /* not the first attempt of this run */
    uint64_t mark;
    int64_t waiting_until_ms; /* 0: not waiting */
    uint32_t attempts;
    char reason[240];
};

struct progress *progress_new(void)
{
    struct progress *progress = calloc(1, sizeof(*progress));

    if (!progress)
        return NULL;
    pthread_mutex_init(&progress->lock, NULL);
    progress->phase = PHASE_STARTING;
    progress->started_ms = clock_ms();
    progress->lag_ms = progress->behind_bytes = progress->held_bytes = -1;
    return progress;
}

void progress_free(struct progress *progress)
{
    if (!progress)
        return;
    arena_free(&progress->arena);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}

void progress_phase(struct progress *progress, enum progress_phase phase)
{
    pthread_mutex_lock(&progress->lock);
    progress->phase = phase;
    progress->phase_ms = clock_ms();
    progress->steps = progress->steps_done = 0;
    progress->step[0] = '\0';
    if (phase_follows(phase) && !progress->looked_ms)
        progress->looked_ms = clock_ms();
    if (phase == PHASE_LOADING && !progress->loading_ms)
        progress->loading_ms = progress->looked_ms = clock_ms();
    pthread_mutex_unlock(&progress->lock);
}

/* Another attempt of the same run: what this run did counts on, units are told again. */
static bool tell_again(struct progress *progress, const struct rnl_catalog *catalog)
{
    if (!progress->count || progress->count != catalog_count(catalog))
        return false;
    for (uint32_t i = 0; i < progress->count; i++)
        if (strcmp(progress->tables[i].schema, catalog_at(catalog, i)->schema) != 0 ||
            strcmp(progress->tables[i].name, catalog_at(catalog, i)->name) != 0)
            return false;
    for (uint32_t i = 0; i < progress->count; i++) {
        struct progress_table *t = &progress->tables[i];

        t->units = t->units_done = 0;
        t->rows_written = 0;
        t->ended_ms = 0;
    }
    progress->again = true;
    return true;
}

void progress_tables(struct progress *progress, const struct rnl_catalog *catalog)
{
    uint32_t count = catalog_count(catalog);

    pthread_mutex_lock(&progress->lock);
    if (tell_again(progress, catalog)) {
        pthread_mutex_unlock(&progress->lock);
        return;
    }
    progress->tables = arena_alloc(&progress->arena, count * sizeof(*progress->tables) + 1);
    progress->count = progress->tables ? count : 0;
    for (uint32_t i = 0; i < progress->count; i++) {
        const struct rnl_table *table = catalog_at(catalog, i);

        progress->tables[i] = (struct progress_table){
            .schema = arena_strdup(&progress->arena, table->schema),
            .name = arena_strdup(&progress->arena, table->name),
            .rows_expected = table->rows > 0 ? table->rows : 0,
        };
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_unit(struct progress *progress, uint32_t table, bool done, int64_t rows)
{
    pthread_mutex_lock(&progress->lock);
    if (table < progress->count) {
        struct progress_table *t = &progress->tables[table];

        t->units++;
        t->units_done += done;
        t->rows_before += progress->again ? 0 : rows;
        t->rows_written += rows;
        if (progress->again && t->units == t->units_done)
            t->ended_ms = clock_ms();
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_read(struct progress *progress, uint32_t table, int64_t rows)
{
    pthread_mutex_lock(&progress->lock);
    if (table < progress->count) {
        if (!progress->tables[table].started_ms)
            progress->tables[table].started_ms = clock_ms();
        progress->tables[table].rows_read += rows;
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_written(struct progress *progress, uint32_t table, int64_t rows, int64_t bytes)
{
    pthread_mutex_lock(&progress->lock);
    if (table < progress->count) {
        progress->tables[table].rows_written += rows;
        progress->tables[table].bytes_written += bytes;
    }
    progress->rows += rows;
    progress->bytes += bytes;
    progress->mark++;
    pthread_mutex_unlock(&progress->lock);
}

void progress_aside(struct progress *progress, uint32_t table, int64_t rows)
{
    pthread_mutex_lock(&progress->lock);
    if (table < progress->count)
        progress->tables[table].rows_aside += rows;
    progress->rows_aside += rows;
    pthread_mutex_unlock(&progress->lock);
}

void progress_wait(struct progress *progress, int64_t ms, const char *reason)
{
    pthread_mutex_lock(&progress->lock);
    if (ms) {
        progress->attempts++;
        snprintf(progress->reason, sizeof(progress->reason), "%s", reason);
    }
    progress->waiting_until_ms = ms ? clock_ms() + ms : 0;
    pthread_mutex_unlock(&progress->lock);
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void progress_changes(struct progress *progress, int64_t rows, int64_t bytes, int64_t committed_us)
{
    pthread_mutex_lock(&progress->lock);
    progress->changes += rows;
    progress->rows += rows;
    progress->bytes += bytes;
    progress->mark += rows > 0; /* a place alone is told by each attempt, however it ends */
    progress->moved_ms = clock_ms();
    if (committed_us) {
        int64_t lag_us = now_us() - committed_us;

        progress->lag_ms = lag_us > 0 ? lag_us / 1000 : 0; /* clocks of two machines differ */
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_log(struct progress *progress, int64_t behind_bytes, int64_t held_bytes,
                  const char *position)
{
    pthread_mutex_lock(&progress->lock);
    progress->behind_bytes = behind_bytes;
    progress->held_bytes = held_bytes;
    if (behind_bytes == 0) {
        progress->lag_ms = 0;
        progress->moved_ms = clock_ms();
    }
    snprintf(progress->position, sizeof(progress->position), "%s", position);
    pthread_mutex_unlock(&progress->lock);
}

int64_t progress_settled(struct progress *progress)
{
    int64_t rows;

    pthread_mutex_lock(&progress->lock);
    rows = progress->rows + progress->rows_aside;
    pthread_mutex_unlock(&progress->lock);
    return rows;
}

uint64_t progress_mark(struct progress *progress)
{
    uint64_t mark;

    pthread_mutex_lock(&progress->lock);
    mark = progress->mark;
    pthread_mutex_unlock(&progress->lock);
    return mark;
}

int64_t progress_followed_ms(struct progress *progress)
{
    int64_t ms;

    pthread_mutex_lock(&progress->lock);
    ms = progress->phase == PHASE_FOLLOWING ? clock_ms() - progress->phase_ms : 0;
    pthread_mutex_unlock(&progress->lock);
    return ms;
}

void progress_unit_done(struct progress *progress, uint32_t table)
{
    pthread_mutex_lock(&progress->lock);
    if (table < progress->count) {
        struct progress_table *t = &progress->tables[table];

        t->units_done++;
        if (t->units_done >= t->units)
            t->ended_ms = clock_ms();
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_steps(struct progress *progress, uint32_t steps)
{
    pthread_mutex_lock(&progress->lock);
    progress->steps = steps;
    progress->steps_done = 0;
    pthread_mutex_unlock(&progress->lock);
}

void progress_step(struct progress *progress, const char *id, bool done)
{
    pthread_mutex_lock(&progress->lock);
    if (done) {
        progress->steps_done++;
        progress->mark++;
    } else
        snprintf(progress->step, sizeof(progress->step), "%s", id);
    pthread_mutex_unlock(&progress->lock);
}

static void add_up(const struct progress *progress, struct progress_view *view)
{
    struct progress_table *total = &view->total;

    for (uint32_t i = 0; i < progress->count; i++) {
        const struct progress_table *t = &progress->tables[i];
        int64_t expected = t->rows_expected;

        if (t->units && t->units_done == t->units) {
            expected = t->rows_written;
            view->tables_done++;
        } else if (expected < t->rows_written)
            expected = t->rows_written;
        total->rows_expected += expected;
        total->rows_read += t->rows_read;
        total->rows_written += t->rows_written;
        total->rows_before += t->rows_before;
        total->bytes_written += t->bytes_written;
        total->units += t->units;
        total->units_done += t->units_done;
    }
    total->rows_aside = progress->rows_aside;
    view->tables = progress->count;
}

static void smooth(struct progress *progress, int64_t now)
{
    double passed = (double)(now - progress->looked_ms);
    double rows = (double)(progress->rows - progress->looked_rows) * 1000 / passed;
    double bytes = (double)(progress->bytes - progress->looked_bytes) * 1000 / passed;
    double part = 1 - exp(-passed / SMOOTH_MS);

    if (progress->rows_per_s <= 0)
        part = 1;
    progress->rows_per_s += (rows - progress->rows_per_s) * part;
    progress->bytes_per_s += (bytes - progress->bytes_per_s) * part;
    progress->changes_per_s +=
        ((double)(progress->changes - progress->looked_changes) * 1000 / passed -
         progress->changes_per_s) *
        part;
    progress->looked_changes = progress->changes;
    progress->looked_ms = now;
    progress->looked_rows = progress->rows;
    progress->looked_bytes = progress->bytes;
}

/*
 * From one commit to the other; and when changes are left, but none has come for longer than the
 * source is asked in between, as long as that.
 */
static int64_t lag_ms(const struct progress *progress, int64_t now)
{
    int64_t still_ms = now - progress->moved_ms;

    if (progress->lag_ms < 0 || progress->behind_bytes <= 0 || still_ms < STILL_MS)
        return progress->lag_ms;
    return progress->lag_ms + still_ms;
}

bool phase_follows(enum progress_phase phase)
{
    return phase == PHASE_CATCHING_UP || phase == PHASE_FOLLOWING || phase == PHASE_BESIDE;
}

static bool moves_rows(enum progress_phase phase)
{
    return phase == PHASE_LOADING || phase_follows(phase);
}

void progress_brief(struct progress *progress, struct progress_brief *brief)
{
    pthread_mutex_lock(&progress->lock);
    *brief = (struct progress_brief){
        .phase = progress->phase,
        .changes = progress->changes,
        .lag_ms = lag_ms(progress, clock_ms()),
    };
    for (uint32_t i = 0; i < progress->count; i++) {
        brief->rows_read += progress->tables[i].rows_read;
        brief->rows_written += progress->tables[i].rows_written;
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_look(struct progress *progress, struct progress_view *view)
{
    int64_t now = clock_ms();

    pthread_mutex_lock(&progress->lock);
    *view = (struct progress_view){
        .phase = progress->phase,
        .steps = progress->steps,
        .steps_done = progress->steps_done,
        .started_ms = progress->started_ms,
        .now_ms = now,
        .left_ms = -1,
    };
    memcpy(view->step, progress->step, sizeof(view->step));
    memcpy(view->reason, progress->reason, sizeof(view->reason));
    view->attempts = progress->attempts;
    if (progress->waiting_until_ms)
        view->waiting_ms = progress->waiting_until_ms > now ? progress->waiting_until_ms - now : 1;
    add_up(progress, view);
    if (moves_rows(progress->phase) && now > progress->looked_ms + 200)
        smooth(progress, now);
    view->changes = progress->changes;
    view->changes_per_s = progress->changes_per_s;
    view->lag_ms = lag_ms(progress, now);
    view->behind_bytes = progress->behind_bytes;
    view->held_bytes = progress->held_bytes;
    memcpy(view->position, progress->position, sizeof(view->position));
    view->rows_per_s = progress->rows_per_s;
    view->bytes_per_s = progress->bytes_per_s;
    if (progress->phase == PHASE_LOADING && now - progress->loading_ms > RATE_AFTER_MS &&
        progress->rows_per_s > 1)
        view->left_ms =
            (int64_t)(1000 * (double)(view->total.rows_expected - view->total.rows_written) /
                      progress->rows_per_s);
    pthread_mutex_unlock(&progress->lock);
}

uint32_t progress_count(struct progress *progress)
{
    uint32_t count;

    pthread_mutex_lock(&progress->lock);
    count = progress->count;
    pthread_mutex_unlock(&progress->lock);
    return count;
}

void progress_at(struct progress *progress, uint32_t table, struct progress_table *out)
{
    pthread_mutex_lock(&progress->lock);
    *out = table < progress->count ? progress->tables[table] : (struct progress_table){0};
    pthread_mutex_unlock(&progress->lock);
}

const char *phase_text(enum progress_phase phase)
{
    switch (phase) {
    case PHASE_STARTING:
        return "starting";
    case PHASE_SCANNING:
        return "scanning";
    case PHASE_TABLES:
        return "creating tables";
    case PHASE_LOADING:
        return "loading";
    case PHASE_INDEXES:
        return "building indexes";
    case PHASE_CONSTRAINTS:
        return "adding constraints";
    case PHASE_FINISHING:
        return "finishing";
    case PHASE_CATCHING_UP:
        return "catching up";
    case PHASE_FOLLOWING:
        return "following";
    case PHASE_BESIDE:
        return "loading beside changes";
    case PHASE_DONE:
        return "done";
    }
    return "";
}
