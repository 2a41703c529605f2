/* What the tests of a pipeline between toys share: a run of it, and what must then stand. */
#ifndef TOY_PIPELINE_H
#define TOY_PIPELINE_H

#include "bundle.h"
#include "letter.h"
#include "module.h"
#include "options.h"
#include "pipeline.h"
#include "record.h"
#include "replay.h"
#include "session.h"
#include "util/clock.h"
#include "util/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

enum { TABLES = 3, ROWS = 5000, WAIT_MS = 30000 };

static const struct origin origin = {.kind = ORIGIN_FLAG, .file = "the test"};

struct ending {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;
};

__attribute__((unused)) static void on_ended(void *arg)
{
    struct ending *ending = arg;

    pthread_mutex_lock(&ending->lock);
    ending->ended = true;
    pthread_cond_signal(&ending->changed);
    pthread_mutex_unlock(&ending->lock);
}

__attribute__((unused)) static void await(struct ending *ending)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&ending->lock);
    while (!ending->ended)
        assert_int_equal(pthread_cond_timedwait(&ending->changed, &ending->lock, &until), 0);
    pthread_mutex_unlock(&ending->lock);
}

__attribute__((unused)) static void put(struct settings *settings, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    settings_set(settings, name, SETTING_INT, text, &origin);
}

/* A pipeline between toys; each test has a store of its own. */
__attribute__((unused)) static void setup(struct pipeline_config *config, const char *store,
                                          uint32_t lanes)
{
    static char toy[] = "toy";
    char name[64];

    *config = (struct pipeline_config){.mode = MODE_CONVERT,
                                       .reader = {.plugin = toy, .lanes = lanes},
                                       .writer = {.plugin = toy, .lanes = lanes},
                                       .bundle_rows = 10,
                                       .change_lanes = 1,
                                       .chunk_bytes = 1 << 20,
                                       .commit_bytes = 4096, /* so that units are cut by commits */
                                       .structure = RNL_WITH_TABLES};
    snprintf(name, sizeof(name), "pipeline-%s", store);
    config->name = strdup(name);
    put(&config->reader.settings, "tables", TABLES);
    put(&config->reader.settings, "rows", ROWS);
    put(&config->reader.settings, "chunk", 700);
    settings_set(&config->writer.settings, "store", SETTING_TEXT, store, &origin);
}

__attribute__((unused)) static void teardown(struct pipeline_config *config)
{
    settings_clear(&config->reader.settings);
    settings_clear(&config->writer.settings);
    free(config->name);
}

/* Of the last run_it. */
__attribute__((unused)) static struct rnl_error last_error;
__attribute__((unused)) static bool last_limited;
__attribute__((unused)) static uint64_t last_standing;
__attribute__((unused)) static uint32_t last_attempts;
__attribute__((unused)) static struct progress_view last_view;
static bool any_error; /* otherwise a run may only fail by toy.gone */

/* A run that is told to stop as soon as it has come so far, and does; last_view: then. */
__attribute__((unused)) static void stop_when(const struct pipeline_config *config,
                                              bool (*is_there)(const struct progress_view *view))
{
    struct ending ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pipeline *pipeline = pipeline_new(config, NULL);
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t deadline_ms = clock_ms() + WAIT_MS;

    assert_int_equal(pipeline_start(pipeline, on_ended, &ending, &err), RNL_OK);
    do {
        assert_true(clock_ms() < deadline_ms);
        progress_look(pipeline_progress(pipeline), &last_view);
    } while (!is_there(&last_view));
    pipeline_stop(pipeline, false);
    await(&ending);
    assert_int_equal(pipeline_wait(pipeline, &err), PIPELINE_STOPPED);
    pipeline_free(pipeline);
}

__attribute__((unused)) static enum pipeline_state run_it(const struct pipeline_config *config,
                                                          bool restart, int64_t stop_after_rows,
                                                          bool *done_before)
{
    struct ending ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pipeline *pipeline = pipeline_new(config, NULL);
    struct rnl_error err = RNL_ERROR_INIT;
    enum pipeline_state state;

    if (restart)
        pipeline_restart(pipeline);
    assert_int_equal(pipeline_start(pipeline, on_ended, &ending, &err), RNL_OK);
    for (int64_t deadline_ms = clock_ms() + WAIT_MS; stop_after_rows;) {
        struct progress_view view;

        progress_look(pipeline_progress(pipeline), &view);
        assert_true(clock_ms() < deadline_ms);
        if (view.phase == PHASE_DONE)
            break;
        if (view.total.rows_read >= stop_after_rows) {
            pipeline_stop(pipeline, false);
            break;
        }
    }
    await(&ending);
    state = pipeline_wait(pipeline, &err);
    last_error = err;
    last_limited = pipeline_was_limited(pipeline);
    last_standing = pipeline_standing(pipeline);
    progress_look(pipeline_progress(pipeline), &last_view);
    last_attempts = last_view.attempts;
    if (state == PIPELINE_FAILED && !any_error)
        assert_string_equal(err.code, "toy.gone");
    if (done_before)
        *done_before = pipeline_was_done(pipeline);
    pipeline_free(pipeline);
    return state;
}

__attribute__((unused)) static bool is_in(const char *list, int64_t id)
{
    for (const char *at = list; *at; at += strcspn(at, ",") + (strchr(at, ',') != NULL))
        if (atoll(at) == id)
            return true;
    return false;
}

__attribute__((unused)) static int64_t count_of(const char *list)
{
    int64_t count = 0;

    for (int64_t i = 0; i < ROWS; i++)
        count += is_in(list, i);
    return count;
}

/* Every row of every table once, but for those of bad: the toy sink reads back what is committed.
 */
__attribute__((unused)) static void assert_rows(const struct pipeline_config *config,
                                                const char *bad)
{
    struct session session;
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_sink_ops *ops;
    void *writer;

    assert_int_equal(
        session_open(&session, RNL_SINK, config->name, &config->writer, NULL, NULL, NULL, &err),
        RNL_OK);
    ops = &session.plugin->sink;
    assert_int_equal(ops->writer_open(session.self, 0, &writer, &err), RNL_OK);
    for (uint32_t t = 0; t < TABLES; t++) {
        const struct rnl_unit unit = {.size = sizeof(unit), .table = t};
        struct rnl_bundle *bundle = bundle_new(1000000, SIZE_MAX), *read;
        struct rnl_row row;
        void *cursor, *bytes;
        size_t len;

        assert_int_equal(ops->writer_read_open(writer, &unit, &cursor, &err), RNL_OK);
        assert_int_equal(ops->writer_read_next(cursor, bundle, 0, &err), RNL_DONE);
        ops->writer_read_close(cursor);
        assert_int_equal(bundle_rows(bundle), ROWS - count_of(bad));
        assert_int_equal(bundle_seal(bundle, &(struct bundle_head){0}, &bytes, &len, &err), RNL_OK);
        assert_int_equal(bundle_open(bytes, len, &read, &err), RNL_OK);
        for (int64_t i = 0; i < ROWS; i++) {
            if (is_in(bad, i))
                continue;
            assert_int_equal(bundle_next(read, &row, &err), RNL_OK);
            assert_int_equal(row.after[0].i, i);
        }
        bundle_free(read);
        bundle_free(bundle);
        free(bytes);
    }
    ops->writer_close(writer);
    session_close(&session);
}

__attribute__((unused)) static void assert_exact(const struct pipeline_config *config)
{
    assert_rows(config, "");
}

__attribute__((unused)) static void open_sink(const struct pipeline_config *config,
                                              struct session *session)
{
    struct rnl_error err = RNL_ERROR_INIT;

    assert_int_equal(
        session_open(session, RNL_SINK, config->name, &config->writer, NULL, NULL, NULL, &err),
        RNL_OK);
}

/* A letter for each bad id of each table, and no other; each holds its row. */
__attribute__((unused)) static void assert_letters(const struct pipeline_config *config,
                                                   const char *bad)
{
    struct rnl_letters *letters = letters_new();
    struct rnl_error err = RNL_ERROR_INIT;
    struct session session;
    bool seen[TABLES][ROWS] = {0};

    open_sink(config, &session);
    assert_int_equal(session.plugin->sink.letters(session.self, config->name, 0, UINT32_MAX, true,
                                                  letters, &err),
                     RNL_OK);
    assert_int_equal(letters_count(letters), TABLES * count_of(bad));
    for (uint32_t i = 0; i < letters_count(letters); i++) {
        const struct rnl_letter *letter = letters_at(letters, i);
        struct rnl_bundle *bundle;
        struct rnl_row row;
        char key[32];

        assert_string_equal(letter->code, "toy.bad");
        assert_string_equal(letter->column, "text");
        assert_int_equal(bundle_open(letter->row.ptr, letter->row.len, &bundle, &err), RNL_OK);
        assert_int_equal(bundle_next(bundle, &row, &err), RNL_OK);
        snprintf(key, sizeof(key), "id=%lld", (long long)row.after[0].i);
        assert_string_equal(letter->key, key);
        snprintf(key, sizeof(key), "t%u", row.table);
        assert_string_equal(letter->table, key);
        assert_true(is_in(bad, row.after[0].i));
        assert_false(seen[row.table][row.after[0].i]);
        seen[row.table][row.after[0].i] = true;
        assert_int_equal(bundle_next(bundle, &row, &err), RNL_DONE);
        bundle_free(bundle);
    }
    letters_free(letters);
    session_close(&session);
}

#endif
