/* Rows that don't fit, failures that may pass, limits: a pipeline between toys meets them all. */
#include "toy_pipeline.h"

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
        /* Rows that are to be loaded again don't make it forget those that stand aside. */
        config.write_mode = RNL_TRUNCATE_AND_LOAD;
        any_error = true;
        assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
        assert_string_equal(last_error.code, "run.rows_aside");
        any_error = false;
        assert_letters(&config, bad[i / 2]);
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

static bool waits(const struct progress_view *view)
{
    return view->waiting_ms > 0;
}

static void a_stop_ends_the_waiting(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup(&config, "waiting", 2);
    config.retry = (struct retry_config){100000, 1000000, 1000000};
    put(&config.writer.settings, "gone_every", 1);
    stop_when(&config, waits);
    assert_string_equal(last_view.reason, "the toy sink went away");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
