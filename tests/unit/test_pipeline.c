/* The road of a row, reader to writer over the memory transport, broken off in every way. */
#include "toy_pipeline.h"

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

static bool makes_tables(const struct progress_view *view)
{
    return view->phase == PHASE_TABLES && *view->step;
}

/* A run broken off while tables are made ends, though no lane has been told to read. */
static void a_stop_while_tables_are_made_ends(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup(&config, "tables", 2);
    put(&config.writer.settings, "slow_us", 500000);
    stop_when(&config, makes_tables);
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
