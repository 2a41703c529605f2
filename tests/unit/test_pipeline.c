/* The road of a row, reader to writer over the memory transport, broken off in every way. */
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

static void on_ended(void *arg)
{
    struct ending *ending = arg;

    pthread_mutex_lock(&ending->lock);
    ending->ended = true;
    pthread_cond_signal(&ending->changed);
    pthread_mutex_unlock(&ending->lock);
}

static void await(struct ending *ending)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&ending->lock);
    while (!ending->ended)
        assert_int_equal(pthread_cond_timedwait(&ending->changed, &ending->lock, &until), 0);
    pthread_mutex_unlock(&ending->lock);
}

static void put(struct settings *settings, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    settings_set(settings, name, SETTING_INT, text, &origin);
}

/* A pipeline between toys; each test has a store of its own. */
static void setup(struct pipeline_config *config, const char *store, uint32_t lanes)
{
    static char toy[] = "toy";
    char name[64];

    *config = (struct pipeline_config){.mode = MODE_CONVERT,
                                       .reader = {.plugin = toy, .lanes = lanes},
                                       .writer = {.plugin = toy, .lanes = lanes},
                                       .bundle_rows = 10,
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

static void teardown(struct pipeline_config *config)
{
    settings_clear(&config->reader.settings);
    settings_clear(&config->writer.settings);
    free(config->name);
}

/* Of the last run_it. */
static struct rnl_error last_error;
static bool last_limited;
static uint64_t last_standing;
static uint32_t last_attempts;
static struct progress_view last_view;
static bool any_error; /* otherwise a run may only fail by toy.gone */

static enum pipeline_state run_it(const struct pipeline_config *config, bool restart,
                                  int64_t stop_after_rows, bool *done_before)
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

static bool is_in(const char *list, int64_t id)
{
    for (const char *at = list; *at; at += strcspn(at, ",") + (strchr(at, ',') != NULL))
        if (atoll(at) == id)
            return true;
    return false;
}

static int64_t count_of(const char *list)
{
    int64_t count = 0;

    for (int64_t i = 0; i < ROWS; i++)
        count += is_in(list, i);
    return count;
}

/* Every row of every table once, but for those of bad: the toy sink reads back what is committed.
 */
static void assert_rows(const struct pipeline_config *config, const char *bad)
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

static void assert_exact(const struct pipeline_config *config)
{
    assert_rows(config, "");
}

static void open_sink(const struct pipeline_config *config, struct session *session)
{
    struct rnl_error err = RNL_ERROR_INIT;

    assert_int_equal(
        session_open(session, RNL_SINK, config->name, &config->writer, NULL, NULL, NULL, &err),
        RNL_OK);
}

/* A letter for each bad id of each table, and no other; each holds its row. */
static void assert_letters(const struct pipeline_config *config, const char *bad)
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

/* Alone, side by side, at the borders of bundles (10 rows) and units (700), first and last. */
static void rows_that_dont_fit_are_set_aside(void **state)
{
    static const char *const bad[] = {"0",
                                      "4",
                                      "9",
                                      "10",
                                      "4999",
                                      "9,10",
                                      "699,700",
                                      "0,1,2,3,4,5,6,7,8,9",
                                      "5,17,18,19,20,21,350,699,700,701,2500,4998,4999"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(bad) / sizeof(bad[0]); i++) {
        struct pipeline_config config;
        char store[32];

        snprintf(store, sizeof(store), "bad-%zu", i);
        setup(&config, store, 1 + (uint32_t)i % 3);
        config.on_error = ON_ERROR_SET_ASIDE;
        config.keep_rows = true;
        settings_set(&config.writer.settings, "late", SETTING_BOOL, i % 2 ? "true" : "false",
                     &origin);
        setenv("TOY_BAD", bad[i / 2], 1);
        assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_DEGRADED);
        assert_int_equal(last_standing, TABLES * count_of(bad[i / 2]));
        assert_int_equal(last_view.total.rows_aside, last_standing);
        assert_int_equal(last_view.total.rows_written, TABLES * ROWS - (int64_t)last_standing);
        assert_rows(&config, bad[i / 2]);
        assert_letters(&config, bad[i / 2]);
        /* It had ended; that rows stand aside is said again. */
        assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_DEGRADED);
        teardown(&config);
    }
    unsetenv("TOY_BAD");
}

/* The letter is committed with the rows around it or not at all, whatever fails in between. */
static void letters_come_once_however_often_commits_fail(void **state)
{
    static const char bad[] = "3,699,700,1234,4999";
    struct pipeline_config config;

    (void)state;
    setup(&config, "letters", 2);
    config.on_error = ON_ERROR_SET_ASIDE;
    config.keep_rows = true;
    config.retry = (struct retry_config){60, 1, 3};
    put(&config.writer.settings, "gone_every", 5);
    setenv("TOY_BAD", bad, 1);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_DEGRADED);
    unsetenv("TOY_BAD");
    assert_true(last_attempts > 2);
    assert_rows(&config, bad);
    assert_letters(&config, bad);
    teardown(&config);
}

/* What the run of a store has recorded of its tables. */
static void recall_record(const struct session *session, const char *pipeline,
                          struct record *record)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_memory memory = {0};

    assert_int_equal(session->plugin->sink.recall(session->self, pipeline, &memory, &err), RNL_OK);
    assert_int_equal(record_from_json(memory.plan, memory.plan_len, record, &err), RNL_OK);
    memory_clear(&memory);
}

/* Rows go in one by one, each with its letter; those that still don't fit stay. */
static void letters_are_replayed(void **state)
{
    struct rnl_letters *letters = letters_new();
    struct rnl_error err = RNL_ERROR_INIT;
    struct pipeline_config config;
    struct record record;
    struct session session;
    struct replay replay;

    (void)state;
    setup(&config, "replayed", 2);
    config.on_error = ON_ERROR_SET_ASIDE;
    config.keep_rows = true;
    setenv("TOY_BAD", "7,70,700", 1);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_DEGRADED);
    open_sink(&config, &session);
    recall_record(&session, config.name, &record);
    replay = (struct replay){.sink = session.plugin,
                             .self = session.self,
                             .pipeline = config.name,
                             .catalog = record.catalog};
    assert_int_equal(replay_open(&replay, &err), RNL_OK);
    assert_int_equal(
        session.plugin->sink.letters(session.self, config.name, 0, 100, true, letters, &err),
        RNL_OK);
    setenv("TOY_BAD", "70", 1);
    for (uint32_t i = 0; i < letters_count(letters); i++)
        assert_int_equal(replay_letter(&replay, letters_at(letters, i), &err), RNL_OK);
    replay_close(&replay);
    assert_int_equal(replay.done, 2 * TABLES);
    assert_int_equal(replay.left, TABLES);
    assert_string_equal(replay.last.code, "toy.bad");
    assert_rows(&config, "70");
    assert_letters(&config, "70");
    unsetenv("TOY_BAD");
    letters_free(letters);
    record_clear(&record);
    session_close(&session);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_DEGRADED);
    teardown(&config);
}

static void rows_that_dont_fit_stop_a_run(void **state)
{
    struct pipeline_config config;

    (void)state;
    any_error = true;
    setenv("TOY_BAD", "1,2,3,4,5,6", 1);
    setup(&config, "strict", 2);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "toy.bad");
    assert_non_null(strstr(last_error.hint, "set_aside"));
    config.on_error = ON_ERROR_SET_ASIDE;
    config.error_limit = 17;
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "dead_letters.limit");
    config.error_limit = 18;
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_DEGRADED);
    assert_rows(&config, "1,2,3,4,5,6");
    unsetenv("TOY_BAD");
    any_error = false;
    teardown(&config);
}

static void what_may_pass_is_gone_on_with(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup(&config, "retried", 3);
    config.retry = (struct retry_config){60, 1, 3};
    put(&config.reader.settings, "fail_after", 650);
    put(&config.writer.settings, "gone_every", 7);
    put(&config.writer.settings, "fail_step", 2);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FINISHED);
    assert_true(last_attempts > 2);
    assert_int_equal(last_view.total.rows_written, TABLES * ROWS);
    assert_int_equal(last_view.total.rows_before, 0);
    assert_exact(&config);
    /* and from the start again, with failures before the new start has begun and after it */
    assert_int_equal(run_it(&config, true, 0, NULL), PIPELINE_FINISHED);
    assert_exact(&config);
    teardown(&config);
}

/* A server that goes away again and again gets the work done, as long as each time some is. */
static void patience_is_renewed_by_progress(void **state)
{
    struct pipeline_config config;
    int64_t began_ms = clock_ms();

    (void)state;
    setup(&config, "renewed", 2);
    config.retry = (struct retry_config){1, 150, 150};
    put(&config.writer.settings, "gone_every", 2);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FINISHED);
    assert_true(clock_ms() - began_ms > 1000); /* or nothing is shown by it */
    assert_exact(&config);
    teardown(&config);
}

static void patience_ends_without_progress(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup(&config, "patience", 2);
    config.retry = (struct retry_config){1, 100, 200};
    put(&config.writer.settings, "gone_every", 1);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_true(last_attempts > 2);
    /* who can't be reached at first isn't waited for */
    any_error = true;
    config.retry = (struct retry_config){600, 100, 200};
    settings_set(&config.writer.settings, "refuse", SETTING_BOOL, "true", &origin);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "toy.refused");
    assert_int_equal(last_attempts, 0);
    any_error = false;
    teardown(&config);
}

static void a_stop_ends_the_waiting(void **state)
{
    struct ending ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pipeline_config config;
    struct pipeline *pipeline;
    struct rnl_error err = RNL_ERROR_INIT;
    struct progress_view view;
    int64_t deadline_ms = clock_ms() + WAIT_MS;

    (void)state;
    setup(&config, "waiting", 2);
    config.retry = (struct retry_config){100000, 1000000, 1000000};
    put(&config.writer.settings, "gone_every", 1);
    pipeline = pipeline_new(&config, NULL);
    assert_int_equal(pipeline_start(pipeline, on_ended, &ending, &err), RNL_OK);
    do {
        assert_true(clock_ms() < deadline_ms);
        progress_look(pipeline_progress(pipeline), &view);
    } while (!view.waiting_ms);
    assert_string_equal(view.reason, "the toy sink went away");
    pipeline_stop(pipeline, false);
    await(&ending);
    assert_int_equal(pipeline_wait(pipeline, &err), PIPELINE_STOPPED);
    pipeline_free(pipeline);
    teardown(&config);
}

static void limits_are_met_exactly(void **state)
{
    struct pipeline_config config;
    enum pipeline_state how;
    int64_t before = 0;

    (void)state;
    setup(&config, "limits", 3);
    put(&config.reader.settings, "chunk", 703); /* units end inside of what a lane took */
    config.limit_events = 611;
    while ((how = run_it(&config, false, 0, NULL)) == PIPELINE_STOPPED) {
        assert_true(last_limited);
        assert_int_equal(last_view.total.rows_written - before, config.limit_events);
        before = last_view.total.rows_written;
        assert_true(before < TABLES * ROWS);
    }
    assert_int_equal(how, PIPELINE_FINISHED);
    assert_int_equal(before, TABLES * ROWS / 611 * 611);
    assert_exact(&config);
    teardown(&config);
}

static void time_limits_stop_in_order(void **state)
{
    struct pipeline_config config;
    int runs = 0;

    (void)state;
    setup(&config, "seconds", 2);
    put(&config.reader.settings, "slow_us", 4000); /* 1500 bundles: 3 s on two lanes */
    config.limit_seconds = 1;
    while (run_it(&config, false, 0, NULL) == PIPELINE_STOPPED) {
        assert_true(last_limited);
        assert_true(++runs < 20);
        put(&config.reader.settings, "slow_us", 0);
    }
    assert_true(runs > 0);
    assert_exact(&config);
    teardown(&config);
}

static void many_lanes_and_small_bundles_hold(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup(&config, "lanes", 64);
    put(&config.reader.settings, "chunk", 100);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FINISHED);
    assert_exact(&config);
    teardown(&config);
}

static void all_rows_arrive_once(void **state)
{
    struct pipeline_config config;
    bool done_before;

    (void)state;
    setup(&config, "plain", 4);
    assert_int_equal(run_it(&config, false, 0, &done_before), PIPELINE_FINISHED);
    assert_false(done_before);
    assert_exact(&config);
    /* the same command again: nothing to do */
    assert_int_equal(run_it(&config, false, 0, &done_before), PIPELINE_FINISHED);
    assert_true(done_before);
    assert_exact(&config);
    /* and from the start, when told so */
    assert_int_equal(run_it(&config, true, 0, &done_before), PIPELINE_FINISHED);
    assert_false(done_before);
    assert_exact(&config);
    teardown(&config);
}

static void failing_commits_are_resumed(void **state)
{
    struct pipeline_config config;
    int runs = 0;

    (void)state;
    setup(&config, "commits", 2);
    put(&config.writer.settings, "fail_commit", 1); /* then one commit further each time */
    while (run_it(&config, false, 0, NULL) == PIPELINE_FAILED) {
        assert_true(++runs < 100);
        put(&config.writer.settings, "fail_commit", 1 + runs);
    }
    assert_true(runs > 0);
    assert_exact(&config);
    teardown(&config);
}

static void failing_reads_are_resumed(void **state)
{
    struct pipeline_config config;
    int runs = 0;

    (void)state;
    setup(&config, "reads", 3);
    put(&config.reader.settings, "fail_after", 650); /* each unit of 700 rows fails once */
    while (run_it(&config, false, 0, NULL) == PIPELINE_FAILED)
        assert_true(++runs < 100);
    assert_true(runs > 0);
    assert_exact(&config);
    teardown(&config);
}

static void failing_steps_are_resumed(void **state)
{
    struct pipeline_config config;
    int runs = 0;

    (void)state;
    setup(&config, "steps", 2);
    put(&config.writer.settings, "fail_step", 2);
    while (run_it(&config, false, 0, NULL) == PIPELINE_FAILED)
        assert_true(++runs < 20);
    assert_true(runs > 2);
    assert_exact(&config);
    teardown(&config);
}

static void stopped_runs_go_on(void **state)
{
    struct pipeline_config config;
    enum pipeline_state how;
    int runs = 0;

    (void)state;
    setup(&config, "stopped", 2);
    put(&config.reader.settings, "slow_us", 200);
    while ((how = run_it(&config, false, 1000, NULL)) == PIPELINE_STOPPED)
        assert_true(++runs < 100);
    assert_int_equal(how, PIPELINE_FINISHED);
    assert_true(runs > 2); /* what was read until a stop is committed by it */
    assert_exact(&config);
    teardown(&config);
}

static void keyless_tables_are_never_halved(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup(&config, "keyless", 2);
    settings_set(&config.reader.settings, "keyless", SETTING_BOOL, "true", &origin);
    put(&config.reader.settings, "fail_after", 3000);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    put(&config.reader.settings, "fail_after", 0);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FINISHED);
    assert_exact(&config);
    teardown(&config);
}

/* A run broken off while tables are made ends, though no lane has been told to read. */
static void a_stop_while_tables_are_made_ends(void **state)
{
    struct ending ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pipeline_config config;
    struct pipeline *pipeline;
    struct rnl_error err = RNL_ERROR_INIT;
    struct progress_view view;
    int64_t deadline_ms = clock_ms() + WAIT_MS;

    (void)state;
    setup(&config, "tables", 2);
    put(&config.writer.settings, "slow_us", 500000);
    pipeline = pipeline_new(&config, NULL);
    assert_int_equal(pipeline_start(pipeline, on_ended, &ending, &err), RNL_OK);
    do {
        assert_true(clock_ms() < deadline_ms);
        progress_look(pipeline_progress(pipeline), &view);
    } while (view.phase != PHASE_TABLES || !*view.step);
    pipeline_stop(pipeline, false);
    await(&ending);
    assert_int_equal(pipeline_wait(pipeline, &err), PIPELINE_STOPPED);
    pipeline_free(pipeline);
    put(&config.writer.settings, "slow_us", 0);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FINISHED);
    assert_exact(&config);
    teardown(&config);
}

static void expect_refused(const struct pipeline_config *config, bool restart, const char *code)
{
    struct ending ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pipeline *pipeline = pipeline_new(config, NULL);
    struct rnl_error err = RNL_ERROR_INIT;

    if (restart)
        pipeline_restart(pipeline);
    assert_int_equal(pipeline_start(pipeline, on_ended, &ending, &err), RNL_OK);
    await(&ending);
    assert_int_equal(pipeline_wait(pipeline, &err), PIPELINE_FAILED);
    assert_string_equal(err.code, code);
    pipeline_free(pipeline);
}

/* Rows loaded before and after an interruption are treated alike. */
static void other_policies_are_no_continuation(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup(&config, "policies", 2);
    put(&config.reader.settings, "fail_after", 650);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    put(&config.reader.settings, "fail_after", 0); /* a number is none */
    settings_set(&config.reader.settings, "keyless", SETTING_BOOL, "true", &origin);
    expect_refused(&config, false, "resume.settings_changed");
    settings_set(&config.reader.settings, "keyless", SETTING_BOOL, "false", &origin);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FINISHED);
    assert_exact(&config);
    teardown(&config);
}

/* A new start that fails before it can begin leaves the earlier run as it was. */
static void a_failed_new_start_forgets_nothing(void **state)
{
    struct pipeline_config config;
    bool done_before;

    (void)state;
    setup(&config, "kept", 2);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FINISHED);
    put(&config.reader.settings, "tables", 0); /* a source without tables is refused */
    expect_refused(&config, true, "source.no_tables");
    put(&config.reader.settings, "tables", TABLES);
    assert_int_equal(run_it(&config, false, 0, &done_before), PIPELINE_FINISHED);
    assert_true(done_before);
    assert_exact(&config);
    teardown(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows_arrive_once),
        cmocka_unit_test(failing_commits_are_resumed),
        cmocka_unit_test(failing_reads_are_resumed),
        cmocka_unit_test(failing_steps_are_resumed),
        cmocka_unit_test(stopped_runs_go_on),
        cmocka_unit_test(keyless_tables_are_never_halved),
        cmocka_unit_test(a_stop_while_tables_are_made_ends),
        cmocka_unit_test(other_policies_are_no_continuation),
        cmocka_unit_test(a_failed_new_start_forgets_nothing),
        cmocka_unit_test(rows_that_dont_fit_are_set_aside),
        cmocka_unit_test(letters_come_once_however_often_commits_fail),
        cmocka_unit_test(letters_are_replayed),
        cmocka_unit_test(rows_that_dont_fit_stop_a_run),
        cmocka_unit_test(what_may_pass_is_gone_on_with),
        cmocka_unit_test(patience_is_renewed_by_progress),
        cmocka_unit_test(patience_ends_without_progress),
        cmocka_unit_test(a_stop_ends_the_waiting),
        cmocka_unit_test(limits_are_met_exactly),
        cmocka_unit_test(time_limits_stop_in_order),
        cmocka_unit_test(many_lanes_and_small_bundles_hold),
    };

    static const char *const dirs[] = {TEST_PLUGIN_DIR, PLUGIN_DIR};

    log_setup(&(struct log_settings){.level = RNL_LOG_WARN});
    module_set_dirs(dirs, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
