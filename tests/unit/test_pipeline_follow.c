/* Changes behind a load, between toys: in their order, once each, and gone on with from anywhere.
 */
#include "toy_follow.h"

static void changes_follow_the_load(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow", 400);
    put(&config.writer.settings, "behind", whole(400)); /* all of them may have been seen */
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(400));
    assert_int_equal(last_view.changes, whole(400));
    /* nothing more came, and then more did: these are none of a replay */
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", 1000);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(1000));
    assert_int_equal(last_view.changes, whole(1000) - whole(400));
    teardown(&config);
}

/* The structure of a source on which nothing happens is complete at once. */
static void an_idle_log_keeps_nothing_waiting(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "idle", 0);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, 0);
    teardown(&config);
}

static void following_is_resumed_after_each_commit(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-commits", 700);
    config.commit_bytes = 2048;
    put(&config.writer.settings, "behind", whole(700));
    put(&config.writer.settings, "fail_commit", 2);
    assert_true(run_to_end(&config, 500) > 10);
    assert_followed(&config, FEW, 0, whole(700));
    teardown(&config);
}

static void following_is_resumed_after_each_step(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-steps", 140);
    put(&config.writer.settings, "fail_step", 4); /* a drained run gives values to all tables */
    put(&config.writer.settings, "behind", whole(140));
    assert_true(run_to_end(&config, 20) > 2);
    assert_followed(&config, FEW, 0, whole(140));
    teardown(&config);
}

/* What the source gave whole before it failed is in the target, and no change of a part. */
static void a_failing_log_gets_further_each_time(void **state)
{
    struct pipeline_config config;
    int runs = 1;

    (void)state;
    setup_follow(&config, "follow-log", 0);
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", 200);
    put(&config.reader.settings, "log_fails", 31);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_int_equal(last_view.changes, 28);
    while (run_it(&config, false, 0, NULL) == PIPELINE_FAILED)
        runs++;
    assert_int_equal(runs,
                     whole(200) / 28 - 1); /* four transactions each, and the last ends well */
    assert_followed(&config, FEW, 0, whole(200));
    teardown(&config);
}

/* Transactions of many bundles: the toy refuses a commit in the middle of one. */
static void large_transactions_stay_whole(void **state)
{
    struct pipeline_config config;
    int failed;

    (void)state;
    setup_follow(&config, "follow-large", 0);
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", 4000);
    put(&config.reader.settings, "log_part", 333);
    put(&config.reader.settings, "log_fails", 1500); /* in the middle of the fifth */
    config.commit_bytes = 256;
    failed = run_to_end(&config, 10);
    assert_int_equal(failed, 3996 / 1332 - 1);
    assert_followed(&config, FEW, 0, 3996);
    teardown(&config);
}

/* A transaction's end may be told behind a bundle that its rows have filled. */
static void an_end_may_come_behind_a_full_bundle(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-full", 50);
    put(&config.reader.settings, "log_part", 10);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, 50);
    put(&config.reader.settings, "log", 60);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, 60);
    teardown(&config);
}

/* A table without a key can't be replayed: its changes count from where it was read. */
static void keyless_tables_start_where_they_were_read(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-keyless", 300);
    settings_set(&config.reader.settings, "keyless", SETTING_BOOL, "true", &origin);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(300));
    teardown(&config);
    /* and the target remembers where, for a run that goes on behind the load */
    setup_follow(&config, "follow-keyless-later", 300);
    settings_set(&config.reader.settings, "keyless", SETTING_BOOL, "true", &origin);
    put(&config.writer.settings, "fail_step", 4); /* the first of the keys */
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    put(&config.writer.settings, "fail_step", 0);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(300));
    teardown(&config);
}

/* Mode cdc: nothing is loaded, and changes begin where the log ends at the first start. */
static void changes_alone_begin_at_the_log_s_end(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "cdc", 70);
    config.mode = MODE_CDC;
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, 0, 70, 70);
    put(&config.reader.settings, "log", 210);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, 0, 70, 210);
    /* in another mode it is another pipeline */
    config.mode = MODE_REPLICATE;
    any_error = true;
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    any_error = false;
    assert_string_equal(last_error.code, "resume.other_mode");
    teardown(&config);
}

/* Stops once so many changes are committed; false: it ended before. */
static bool stop_after_changes(const struct pipeline_config *config, int64_t changes)
{
    struct ending ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pipeline *pipeline = pipeline_new(config, NULL);
    struct rnl_error err = RNL_ERROR_INIT;
    struct progress_view view;
    enum pipeline_state state;

    assert_int_equal(pipeline_start(pipeline, on_ended, &ending, &err), RNL_OK);
    for (int64_t deadline_ms = clock_ms() + WAIT_MS;;) {
        progress_look(pipeline_progress(pipeline), &view);
        assert_true(clock_ms() < deadline_ms);
        if (view.changes >= changes || view.phase == PHASE_DONE)
            break;
    }
    pipeline_stop(pipeline, false);
    await(&ending);
    state = pipeline_wait(pipeline, &err);
    assert_string_equal(err.code, "");
    pipeline_free(pipeline);
    return state == PIPELINE_STOPPED;
}

/* Without an end it follows until it is told to stop; and what is confirmed, the target has. */
static void following_ends_when_told_to(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-stop", 20000);
    put(&config.reader.settings, "seen", 100);
    put(&config.reader.settings, "slow_us", 100);
    config.drain = false;
    assert_true(stop_after_changes(&config, 300)); /* catching up */
    put(&config.reader.settings, "must_have", 1);
    assert_true(stop_after_changes(&config, 300));
    put(&config.reader.settings, "slow_us", 0);
    config.drain = true;
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", 40000);
    put(&config.reader.settings, "slow_us", 100);
    config.drain = false;
    assert_true(stop_after_changes(&config, 300)); /* following */
    put(&config.reader.settings, "slow_us", 0);
    config.drain = true;
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(40000));
    teardown(&config);
}

/* limits.events ends a run behind a transaction; the next one goes on. */
static void a_limit_ends_behind_a_transaction(void **state)
{
    struct pipeline_config config;
    enum pipeline_state how;
    int runs = 0;

    (void)state;
    setup_follow(&config, "follow-limit", 1000);
    config.limit_events = 450;
    while ((how = run_it(&config, false, 0, NULL)) == PIPELINE_STOPPED) {
        assert_true(last_limited);
        assert_true(++runs < 50);
    }
    assert_int_equal(how, PIPELINE_FINISHED);
    assert_true(runs > 3);
    assert_followed(&config, FEW, 0, whole(1000));
    teardown(&config);
}

static bool builds_indexes(const struct progress_view *view)
{
    return view->phase == PHASE_INDEXES && *view->step;
}

/* A stop while indexes are built ends the run, though the reader waits for room to send more. */
static void a_stop_while_indexes_are_built_ends(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-structure", 20000);
    put(&config.transport_settings, "queue_bytes", 4096);
    config.transport = strdup("memory");
    put(&config.writer.settings, "slow_us", 300000);
    stop_when(&config, builds_indexes);
    put(&config.writer.settings, "slow_us", 0);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(20000));
    free(config.transport);
    settings_clear(&config.transport_settings);
    teardown(&config);
}

/* What a test looks at while the pipeline runs. */
struct running {
    struct ending ending;
    struct pipeline *pipeline;
    struct progress_view view;
};

static void run_begin(struct running *running, const struct pipeline_config *config)
{
    struct rnl_error err = RNL_ERROR_INIT;

    *running = (struct running){
        .ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
        .pipeline = pipeline_new(config, NULL)};
    assert_int_equal(pipeline_start(running->pipeline, on_ended, &running->ending, &err), RNL_OK);
}

static void await_changes(struct running *running, int64_t changes)
{
    for (int64_t deadline_ms = clock_ms() + WAIT_MS;;) {
        progress_look(pipeline_progress(running->pipeline), &running->view);
        if (running->view.changes >= changes)
            return;
        assert_true(clock_ms() < deadline_ms);
    }
}

static enum pipeline_state run_end(struct running *running)
{
    struct rnl_error err = RNL_ERROR_INIT;
    enum pipeline_state state;

    await(&running->ending);
    state = pipeline_wait(running->pipeline, &err);
    last_error = err;
    progress_look(pipeline_progress(running->pipeline), &running->view);
    pipeline_free(running->pipeline);
    return state;
}

/* Who changes their mind before the rest has come has the run go on all the same. */
static void a_pause_taken_back_at_once_goes_on(void **state)
{
    struct running running;
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-unpaused", 20000);
    put(&config.reader.settings, "seen", 100);
    put(&config.reader.settings, "slow_us", 2000);
    config.drain = false;
    run_begin(&running, &config);
    await_changes(&running, 300);
    pipeline_pause(running.pipeline);
    pipeline_resume(running.pipeline);
    await_changes(&running, running.view.changes + 1000);
    assert_int_equal(pipeline_now(running.pipeline), PIPELINE_RUNNING);
    pipeline_stop(running.pipeline, false);
    assert_int_equal(run_end(&running), PIPELINE_STOPPED);
    teardown(&config);
}

/* limits.seconds end a run that rests, too. */
static void a_limit_ends_a_rest(void **state)
{
    struct running running;
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-rested", 700);
    config.drain = false;
    config.limit_seconds = 1;
    run_begin(&running, &config);
    await_changes(&running, 1);
    pipeline_pause(running.pipeline);
    assert_int_equal(run_end(&running), PIPELINE_STOPPED);
    teardown(&config);
}

/* A stream that breaks at the same place again and again isn't waited for without an end. */
static void a_stream_that_always_breaks_is_given_up(void **state)
{
    struct running running;
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-broken", 0);
    settings_set(&config.reader.settings, "log_place", SETTING_BOOL, "true", &origin);
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", 200);
    put(&config.reader.settings, "log_fails", 5); /* within the first transaction */
    config.retry = (struct retry_config){.seconds = 2, .first_ms = 50, .max_ms = 1000};
    config.drain = false;
    run_begin(&running, &config);
    assert_int_equal(run_end(&running), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "toy.gone");
    assert_true(running.view.attempts > 2);
    teardown(&config);
}

/* Rows of changes that don't fit are seen while the run goes on. */
static void rows_of_changes_set_aside_are_told(void **state)
{
    struct running running;
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "follow-aside", 0);
    assert_int_equal(run_to_end(&config, 1), 0);
    setenv("TOY_BAD", "607,650", 1); /* changes 7 and 50 */
    put(&config.reader.settings, "log", 700);
    config.commit_bytes = 256; /* so that rows are set aside in one commit or another */
    config.on_error = ON_ERROR_SET_ASIDE;
    config.drain = false;
    run_begin(&running, &config);
    await_changes(&running, 698);
    assert_int_equal(running.view.total.rows_aside, 2);
    assert_int_equal(pipeline_now(running.pipeline), PIPELINE_DEGRADED);
    /* they are as many after a rest */
    pipeline_pause(running.pipeline);
    for (int64_t deadline_ms = clock_ms() + WAIT_MS;
         pipeline_now(running.pipeline) != PIPELINE_PAUSED;)
        assert_true(clock_ms() < deadline_ms);
    pipeline_resume(running.pipeline);
    pipeline_stop(running.pipeline, false);
    await(&running.ending);
    assert_int_equal(findings_count(pipeline_findings(running.pipeline), RNL_WARNING), 2);
    for (size_t f = 0; f < 2; f++)
        assert_int_equal(findings_at(pipeline_findings(running.pipeline), f)->count, 1);
    assert_int_equal(run_end(&running), PIPELINE_STOPPED);
    unsetenv("TOY_BAD");
    teardown(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_follow_the_load),
        cmocka_unit_test(an_idle_log_keeps_nothing_waiting),
        cmocka_unit_test(following_is_resumed_after_each_commit),
        cmocka_unit_test(following_is_resumed_after_each_step),
        cmocka_unit_test(a_failing_log_gets_further_each_time),
        cmocka_unit_test(large_transactions_stay_whole),
        cmocka_unit_test(an_end_may_come_behind_a_full_bundle),
        cmocka_unit_test(keyless_tables_start_where_they_were_read),
        cmocka_unit_test(changes_alone_begin_at_the_log_s_end),
        cmocka_unit_test(following_ends_when_told_to),
        cmocka_unit_test(a_limit_ends_behind_a_transaction),
        cmocka_unit_test(a_stop_while_indexes_are_built_ends),
        cmocka_unit_test(a_pause_taken_back_at_once_goes_on),
        cmocka_unit_test(a_limit_ends_a_rest),
        cmocka_unit_test(a_stream_that_always_breaks_is_given_up),
        cmocka_unit_test(rows_of_changes_set_aside_are_told),
    };

    static const char *const dirs[] = {TEST_PLUGIN_DIR, PLUGIN_DIR};

    log_setup(&(struct log_settings){.level = RNL_LOG_WARN});
    module_set_dirs(dirs, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
