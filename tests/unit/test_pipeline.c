/* The road of a row, reader to writer over the memory transport, broken off in every way. */
#include "bundle.h"
#include "module.h"
#include "options.h"
#include "pipeline.h"
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
    if (state == PIPELINE_FAILED)
        assert_string_equal(err.code, "toy.gone");
    if (done_before)
        *done_before = pipeline_was_done(pipeline);
    pipeline_free(pipeline);
    return state;
}

/* Every row of every table once: the toy sink reads back what is committed. */
static void assert_exact(const struct pipeline_config *config)
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
        assert_int_equal(bundle_rows(bundle), ROWS);
        assert_int_equal(bundle_seal(bundle, &(struct bundle_head){0}, &bytes, &len, &err), RNL_OK);
        assert_int_equal(bundle_open(bytes, len, &read, &err), RNL_OK);
        for (int64_t i = 0; i < ROWS; i++) {
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
    };

    static const char *const dirs[] = {TEST_PLUGIN_DIR, PLUGIN_DIR};

    log_setup(&(struct log_settings){.level = RNL_LOG_WARN});
    module_set_dirs(dirs, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
