/* Tables that are altered while toys follow them: the target follows at that very place. */
#include "toy_follow.h"

#include "config_run.h"

enum { LOG = 400 };

static void setup_alter(struct pipeline_config *config, const char *store, int64_t altered)
{
    setup_follow(config, store, LOG);
    put(&config->reader.settings, "altered", altered);
}

/* The toys check of each row that it has the form that its table has just then. */
static void the_target_follows(void **state)
{
    /* between transactions, amid one, amid the replay, at the log's end */
    static const int64_t places[] = {210, 213, 14, 17, LOG / 7 * 7};
    struct pipeline_config config;

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char store[32];

        snprintf(store, sizeof(store), "alter-%lld", (long long)places[i]);
        setup_alter(&config, store, places[i]);
        assert_int_equal(run_to_end(&config, 1), 0);
        assert_followed(&config, FEW, 0, whole(LOG));
        put(&config.reader.settings, "log", 1000); /* goes on in the new form */
        assert_int_equal(run_to_end(&config, 1), 0);
        assert_followed(&config, FEW, 0, whole(1000));
        teardown(&config);
    }
}

/* Each step fails once, each commit does: a step that is done isn't done again. */
static void an_interrupted_alteration_goes_on(void **state)
{
    struct pipeline_config config;

    (void)state;
    for (int64_t step = 1; step < 14; step++) {
        char store[32];

        snprintf(store, sizeof(store), "alter-step-%lld", (long long)step);
        setup_alter(&config, store, step % 2 ? 210 : 213);
        put(&config.writer.settings, "fail_step", step);
        run_it(&config, false, 0, NULL);
        put(&config.writer.settings, "fail_step", 0);
        assert_int_equal(run_to_end(&config, 1), 0);
        assert_followed(&config, FEW, 0, whole(LOG));
        teardown(&config);
    }
    setup_alter(&config, "alter-commits", 213);
    put(&config.writer.settings, "gone_every", 2);
    assert_true(run_to_end(&config, 2000) > 0);
    assert_followed(&config, FEW, 0, whole(LOG));
    teardown(&config);
}

static void ddl_may_stop_or_be_ignored(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_alter(&config, "alter-stop", 213);
    config.ddl = DDL_STOP;
    any_error = true;
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    any_error = false;
    assert_string_equal(last_error.code, "source.table_altered");
    assert_non_null(strstr(last_error.text, "add more"));
    config.ddl = DDL_EVOLVE;
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(LOG));
    teardown(&config);
    setup_alter(&config, "alter-ignore", 213); /* rows keep their form, or the toys complain */
    config.ddl = DDL_IGNORE;
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(LOG));
    teardown(&config);
}

/* A table that is gone: the others get their rows, though they stand at other places now. */
static void a_table_may_go(void **state)
{
    struct pipeline_config config;
    struct session session;

    (void)state;
    setup_alter(&config, "alter-drop", 210);
    settings_set(&config.reader.settings, "drops", SETTING_BOOL, "true", &origin);
    put(&config.reader.settings, "log", whole(LOG));
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", whole(1000));
    put(&config.reader.settings, "gone", 1);
    assert_int_equal(run_to_end(&config, 1), 0);
    open_sink(&config, &session);
    for (uint32_t t = 1; t < TABLES; t++)
        assert_toy_table(&session, t, FEW, 0, whole(1000));
    assert_toy_table(&session, 0, FEW, 0, 210); /* what it had when it was dropped */
    session_close(&session);
    teardown(&config);
}

static void setup_lanes(struct pipeline_config *config, const char *store)
{
    setup_follow(config, store, whole(2000)); /* a tail that never ends would hold places back */
    config->change_lanes = 3;
    put(&config->writer.settings, "lanes", 3);
}

/* Each row once, whatever lane it went on, and wherever lanes were cut off. */
static void changes_go_on_several_lanes(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_lanes(&config, "lanes");
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(2000));
    config.change_lanes = 2;
    any_error = true;
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "resume.change_lanes");
    any_error = false;
    teardown(&config);
    setup_lanes(&config, "lanes-cut");
    put(&config.writer.settings, "gone_every", 10);
    assert_true(run_to_end(&config, 2000) > 0);
    assert_followed(&config, FEW, 0, whole(2000));
    teardown(&config);
    setup_lanes(&config, "lanes-keyless"); /* each table on one lane, and what that has isn't done
                                              again */
    settings_set(&config.reader.settings, "keyless", SETTING_BOOL, "true", &origin);
    put(&config.writer.settings, "gone_every", 10);
    assert_true(run_to_end(&config, 2000) > 0);
    assert_followed(&config, FEW, 0, whole(2000));
    teardown(&config);
    setup_lanes(&config, "lanes-altered");
    put(&config.reader.settings, "altered", 213);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(2000));
    teardown(&config);
}

/* Behind the load a lane that was cut off further on gets nothing that it has. */
static void lanes_that_are_ahead_get_nothing_twice(void **state)
{
    static const int64_t parts[] = {7, 40}; /* also transactions of several bundles */
    struct pipeline_config config;

    (void)state;
    for (int keyless = 0; keyless < 4; keyless++) {
        char store[32];

        snprintf(store, sizeof(store), "lanes-ahead-%d", keyless);
        setup_lanes(&config, store);
        put(&config.reader.settings, "log", 0);
        put(&config.reader.settings, "seen", 0);
        put(&config.reader.settings, "log_part", parts[keyless / 2]);
        if (keyless % 2)
            settings_set(&config.reader.settings, "keyless", SETTING_BOOL, "true", &origin);
        assert_int_equal(run_to_end(&config, 1), 0);
        put(&config.reader.settings, "log", 2800);
        put(&config.writer.settings, "gone_every", 10);
        config.commit_bytes = 512;
        assert_true(run_to_end(&config, 2000) > 2);
        assert_followed(&config, FEW, 0, 2800);
        teardown(&config);
    }
}

/* So that what lane a table is on doesn't matter where a run ends in order. */
static void lanes_stand_together_in_the_end(void **state)
{
    struct rnl_memory memory = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    struct pipeline_config config;
    struct session session;
    const struct memory_unit *changes = NULL;
    int lanes = 0;

    (void)state;
    setup_lanes(&config, "lanes-together");
    put(&config.reader.settings, "log", 0);
    put(&config.reader.settings, "seen", 0);
    put(&config.reader.settings, "log_part", 1); /* each on one lane alone */
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", 20);
    config.bundle_rows = 1;
    config.limit_events = 2; /* the second on one lane alone */
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_STOPPED);
    open_sink(&config, &session);
    assert_int_equal(session.plugin->sink.recall(session.self, config.name, &memory, &err), RNL_OK);
    for (size_t i = memory.nunits; i-- > 0 && lanes < 3;) { /* planned behind all others */
        const struct memory_unit *unit = &memory.units[i];

        changes = changes ? changes : unit;
        assert_int_equal(unit->position_len, changes->position_len);
        assert_memory_equal(unit->position, changes->position, unit->position_len);
        lanes++;
    }
    assert_int_equal(lanes, 3);
    memory_clear(&memory);
    session_close(&session);
    teardown(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_target_follows),
        cmocka_unit_test(an_interrupted_alteration_goes_on),
        cmocka_unit_test(ddl_may_stop_or_be_ignored),
        cmocka_unit_test(a_table_may_go),
        cmocka_unit_test(changes_go_on_several_lanes),
        cmocka_unit_test(lanes_that_are_ahead_get_nothing_twice),
        cmocka_unit_test(lanes_stand_together_in_the_end),
    };
    static const char *const dirs[] = {TEST_PLUGIN_DIR, PLUGIN_DIR};

    log_setup(&(struct log_settings){.level = RNL_LOG_ERROR});
    module_set_dirs(dirs, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
