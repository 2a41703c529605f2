/* Tables that join a pipeline between toys while it follows, and such that are loaded anew. */
#include "toy_follow.h"

#include "config_run.h"

enum { VIEW = 350, MORE = 399 }; /* where tables that join are read, of a log of MORE changes */

static struct table_rule two[] = {{.name = "toy.t0"}, {.name = "toy.t1"}};
static struct table_rule three[] = {{.name = "toy.t0"}, {.name = "toy.t1"}, {.name = "t2"}};
static const struct rnl_names t1 = {(char *[]){(char[]){"toy.t1"}}, 1};
static const struct rnl_names t2 = {(char *[]){(char[]){"t2"}}, 1};
static const struct rnl_names none = {(char *[]){(char[]){"toy.nobody"}}, 1};

static void choose(struct pipeline_config *config, struct table_rule *rules, size_t count)
{
    config->tables = rules;
    config->ntables = count;
}

/* It has followed t0 and t1 up to change 196, and the log has gone on since. */
static void setup_two(struct pipeline_config *config, const char *store)
{
    setup_follow(config, store, 200);
    choose(config, two, 2);
    settings_set(&config->writer.settings, "partial", SETTING_BOOL, "true", &origin);
    assert_int_equal(run_to_end(config, 1), 0);
    put(&config->reader.settings, "log", MORE);
    put(&config->reader.settings, "seen", VIEW);
    put(&config->reader.settings, "view", VIEW);
    put(&config->reader.settings, "since", VIEW);
    put(&config->writer.settings, "behind", whole(MORE)); /* what stands behind keys comes then */
}

/* Tables that join from now on are read as they are at the log's end. */
static void see_all(struct pipeline_config *config)
{
    put(&config->reader.settings, "seen", whole(MORE));
    put(&config->reader.settings, "view", whole(MORE));
}

/* One run with tables asked for from the start. */
static enum pipeline_state run_asked(const struct pipeline_config *config,
                                     const struct rnl_names *names, bool again)
{
    struct ending ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pipeline *pipeline = pipeline_new(config, NULL);
    struct rnl_error err = RNL_ERROR_INIT;
    enum pipeline_state state;

    assert_int_equal(pipeline_tables(pipeline, names, again, NULL, &err), RNL_OK);
    assert_int_equal(pipeline_start(pipeline, on_ended, &ending, &err), RNL_OK);
    await(&ending);
    state = pipeline_wait(pipeline, &last_error);
    pipeline_free(pipeline);
    return state;
}

static void more_tables_join(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_two(&config, "join");
    choose(&config, three, 3);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(MORE));
    put(&config.reader.settings, "log", 1000); /* and are followed like the others */
    put(&config.writer.settings, "behind", 0);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(1000));
    teardown(&config);
}

static void fewer_or_other_tables_are_refused(void **state)
{
    static struct table_rule otherwise[] = {
        {.name = "toy.t0"}, {.name = "toy.t1"}, {.name = "t*", .target = "other.*"}};
    struct pipeline_config config;

    (void)state;
    setup_two(&config, "join-refused");
    any_error = true;
    choose(&config, two, 1);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "resume.other_tables");
    assert_non_null(strstr(last_error.text, "toy.t1"));
    choose(&config, otherwise, 3);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "resume.other_tables");
    /* once more tables have begun to join, they belong to it */
    choose(&config, three, 3);
    put(&config.writer.settings, "fail_commit", 1);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "toy.gone");
    put(&config.writer.settings, "fail_commit", 0);
    choose(&config, two, 2);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_FAILED);
    assert_string_equal(last_error.code, "resume.other_tables");
    any_error = false;
    choose(&config, three, 3);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(MORE));
    teardown(&config);
}

/* Whatever fails, and whenever: the next run goes on, and nothing is lost or doubled. */
static void interrupted_joins_go_on(void **state)
{
    static const char *const kinds[] = {"fail_step", "fail_commit"};
    struct pipeline_config config;

    (void)state;
    for (int64_t i = 0; i < 20; i++) {
        bool again = i % 4 > 1;
        char store[32];

        snprintf(store, sizeof(store), "join-cut-%lld", (long long)i);
        setup_two(&config, store);
        config.commit_bytes = 512;
        put(&config.writer.settings, kinds[i % 2], 1 + i / 4);
        if (again)
            assert_int_not_equal(run_asked(&config, &t1, true), PIPELINE_RUNNING);
        choose(&config, three, again ? 2 : 3);
        run_it(&config, false, 0, NULL);
        put(&config.writer.settings, kinds[i % 2], 0);
        if (again) {
            assert_int_equal(run_to_end(&config, 1), 0);
            see_all(&config);
        }
        choose(&config, three, 3);
        assert_int_equal(run_to_end(&config, 1), 0);
        assert_followed(&config, FEW, 0, whole(MORE));
        teardown(&config);
    }
    setup_two(&config, "join-commits");
    choose(&config, three, 3);
    config.commit_bytes = 512;
    put(&config.writer.settings, "gone_every", 2);
    assert_true(run_to_end(&config, 500) > 5);
    assert_followed(&config, FEW, 0, whole(MORE));
    teardown(&config);
}

/* Changes of the others go on meanwhile: no row is read before they have been seen. */
static void tables_are_loaded_beside_the_stream(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_two(&config, "beside");
    put(&config.reader.settings, "awaited", MORE - 9);
    assert_int_equal(run_asked(&config, &t2, false), PIPELINE_FINISHED);
    assert_followed(&config, FEW, 0, whole(MORE));
    see_all(&config);
    put(&config.reader.settings, "log", 1000);
    put(&config.writer.settings, "behind", 0);
    put(&config.reader.settings, "awaited", 700);
    config.commit_bytes = 512; /* and it is cut off all the time */
    put(&config.writer.settings, "fail_commit", 1);
    assert_int_equal(run_asked(&config, &t1, true), PIPELINE_FAILED);
    put(&config.writer.settings, "fail_commit", 0);
    put(&config.writer.settings, "gone_every", 2);
    assert_true(run_to_end(&config, 500) > 5);
    assert_followed(&config, FEW, 0, whole(1000));
    teardown(&config);
}

/* No row is read once a change has come since: from here on. */
static void let_rest(struct pipeline_config *config, int64_t at)
{
    put(&config->reader.settings, "rests", at);
    put(&config->reader.settings, "slow_us", 2000);
}

/* What is said of changes beside a load can't be said of all. */
static void changes_wait_where_they_must(void **state)
{
    struct pipeline_config config;

    (void)state;
    /* limits count what comes by either way */
    setup_two(&config, "beside-limited");
    config.limit_events = 500;
    assert_int_equal(run_asked(&config, &t2, false), PIPELINE_STOPPED);
    while (run_it(&config, false, 0, NULL) == PIPELINE_STOPPED)
        continue;
    assert_followed(&config, FEW, 0, whole(MORE));
    teardown(&config);
    /* nobody has asked for it by name */
    setup_two(&config, "beside-grown");
    let_rest(&config, 200);
    choose(&config, three, 3);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(MORE));
    teardown(&config);
    /* a foreign key goes to one that stays */
    setup_two(&config, "beside-linked");
    let_rest(&config, 200);
    put(&config.reader.settings, "linked", 1);
    assert_int_equal(run_asked(&config, &t1, true), PIPELINE_FINISHED);
    put(&config.reader.settings, "rests", 0);
    see_all(&config);
    assert_int_equal(run_asked(&config, &t2, false), PIPELINE_FINISHED);
    assert_followed(&config, FEW, 0, whole(MORE));
    teardown(&config);
}

/* While another one catches up, changes may be there already. */
static void changes_wait_while_others_catch_up(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_two(&config, "beside-open");
    put(&config.writer.settings, "fail_step", 2); /* behind what it catches up with */
    assert_int_equal(run_asked(&config, &t2, false), PIPELINE_FAILED);
    put(&config.writer.settings, "fail_step", 0);
    put(&config.reader.settings, "log", 1000);
    see_all(&config);
    let_rest(&config, MORE);
    put(&config.writer.settings, "behind", 0);
    assert_int_equal(run_asked(&config, &t1, true), PIPELINE_FINISHED);
    assert_followed(&config, FEW, 0, whole(1000));
    teardown(&config);
}

static void a_table_is_loaded_anew(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_two(&config, "again");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_asked(&config, &t1, true), PIPELINE_FINISHED);
        see_all(&config); /* the log was read to its end */
    }
    choose(&config, three, 3);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_int_equal(run_asked(&config, &t2, true), PIPELINE_FINISHED);
    assert_followed(&config, FEW, 0, whole(MORE));
    teardown(&config);
}

/* Without a key changes count from the very place of the view. */
static void tables_without_a_key_join(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "join-keyless", 200);
    settings_set(&config.reader.settings, "keyless", SETTING_BOOL, "true", &origin);
    choose(&config, two, 2);
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", MORE);
    put(&config.reader.settings, "seen", VIEW);
    put(&config.reader.settings, "view", VIEW - 70); /* earlier: what the source says of keys */
    choose(&config, three, 3);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(MORE));
    see_all(&config);
    assert_int_equal(run_asked(&config, &t1, true), PIPELINE_FINISHED);
    assert_followed(&config, FEW, 0, whole(MORE));
    /* what the others got beside the load isn't theirs once more */
    put(&config.reader.settings, "log", whole(1000));
    put(&config.reader.settings, "awaited", 700);
    assert_int_equal(run_asked(&config, &t2, true), PIPELINE_FINISHED);
    assert_followed(&config, FEW, 0, whole(1000));
    teardown(&config);
}

static enum asked_state ask_running(struct pipeline *pipeline, const struct rnl_names *names,
                                    bool again, struct rnl_error *why)
{
    struct rnl_error err = RNL_ERROR_INIT;
    uint64_t number, last;
    enum asked_state how;

    assert_int_equal(pipeline_tables(pipeline, names, again, &number, &err), RNL_OK);
    for (int64_t deadline_ms = clock_ms() + WAIT_MS;;) {
        how = pipeline_asked(pipeline, &last, why);
        assert_int_equal(last, number);
        if (how != ASKED_WAITING)
            return how;
        assert_true(clock_ms() < deadline_ms);
    }
}

/* A running pipeline takes tables in, refuses what can't be, and remembers what it has. */
static void a_running_pipeline_is_asked(void **state)
{
    struct ending ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pipeline_config config;
    struct pipeline *pipeline;
    struct rnl_error err = RNL_ERROR_INIT, why = RNL_ERROR_INIT;
    struct progress_view view;
    enum pipeline_state how;

    (void)state;
    setup_two(&config, "join-asked");
    config.drain = false;
    put(&config.writer.settings, "behind", 0);
    see_all(&config);
    pipeline = pipeline_new(&config, NULL);
    assert_int_equal(pipeline_start(pipeline, on_ended, &ending, &err), RNL_OK);
    for (int64_t deadline_ms = clock_ms() + WAIT_MS;;) {
        progress_look(pipeline_progress(pipeline), &view);
        assert_true(clock_ms() < deadline_ms);
        if (view.changes >= 100)
            break;
    }
    assert_int_equal(ask_running(pipeline, &none, false, &why), ASKED_REFUSED);
    assert_string_equal(why.code, "tables.unknown");
    assert_int_equal(ask_running(pipeline, &t1, false, &why), ASKED_REFUSED);
    assert_string_equal(why.code, "tables.present");
    assert_int_equal(ask_running(pipeline, &t2, true, &why), ASKED_REFUSED);
    assert_string_equal(why.code, "tables.unknown");
    assert_int_equal(ask_running(pipeline, &t2, false, &why), ASKED_TAKEN);
    assert_int_equal(ask_running(pipeline, &t1, true, &why), ASKED_TAKEN);
    pipeline_drain(pipeline);
    await(&ending);
    how = pipeline_wait(pipeline, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(how, PIPELINE_FINISHED);
    pipeline_free(pipeline);
    assert_followed(&config, FEW, 0, whole(MORE));
    config.drain = true; /* the same command as before: t2 stays */
    put(&config.reader.settings, "log", 1000);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(1000));
    teardown(&config);
}

/* Rows that stood aside come again with their table; those of others stay. */
static void letters_go_with_the_table(void **state)
{
    struct pipeline_config config;
    struct rnl_letters *letters = letters_new();
    struct rnl_error err = RNL_ERROR_INIT;
    struct session session;

    (void)state;
    setup_follow(&config, "again-letters", 0);
    config.on_error = ON_ERROR_SET_ASIDE;
    config.keep_rows = true;
    setenv("TOY_BAD", "5,6", 1);
    assert_int_equal(run_it(&config, false, 0, NULL), PIPELINE_DEGRADED);
    assert_int_equal(last_standing, 6);
    setenv("TOY_BAD", "6", 1);
    assert_int_equal(run_asked(&config, &t1, true), PIPELINE_DEGRADED);
    unsetenv("TOY_BAD");
    open_sink(&config, &session);
    assert_int_equal(session.plugin->sink.letters(session.self, config.name, 0, UINT32_MAX, false,
                                                  letters, &err),
                     RNL_OK);
    assert_int_equal(letters_count(letters), 5);
    for (uint32_t i = 0; i < letters_count(letters); i++)
        assert_true(strcmp(letters_at(letters, i)->table, "t1") != 0 ||
                    strcmp(letters_at(letters, i)->key, "id=6") == 0);
    letters_free(letters);
    session_close(&session);
    teardown(&config);
}

/* A table in the place of another has rows that the log never told: the source says so. */
static void a_replaced_table_is_loaded(void **state)
{
    struct pipeline_config config;

    (void)state;
    setup_follow(&config, "replaced", 0);
    settings_set(&config.writer.settings, "partial", SETTING_BOOL, "true", &origin);
    assert_int_equal(run_to_end(&config, 1), 0);
    put(&config.reader.settings, "log", MORE);
    put(&config.reader.settings, "altered", 203);
    put(&config.reader.settings, "replaced", 1);
    put(&config.reader.settings, "seen", VIEW);
    put(&config.reader.settings, "view", VIEW);
    assert_int_equal(run_to_end(&config, 1), 0);
    assert_followed(&config, FEW, 0, whole(MORE));
    teardown(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_tables_join),
        cmocka_unit_test(fewer_or_other_tables_are_refused),
        cmocka_unit_test(interrupted_joins_go_on),
        cmocka_unit_test(tables_are_loaded_beside_the_stream),
        cmocka_unit_test(changes_wait_where_they_must),
        cmocka_unit_test(changes_wait_while_others_catch_up),
        cmocka_unit_test(a_table_is_loaded_anew),
        cmocka_unit_test(tables_without_a_key_join),
        cmocka_unit_test(a_running_pipeline_is_asked),
        cmocka_unit_test(letters_go_with_the_table),
        cmocka_unit_test(a_replaced_table_is_loaded),
    };
    static const char *const dirs[] = {TEST_PLUGIN_DIR, PLUGIN_DIR};

    log_setup(&(struct log_settings){.level = RNL_LOG_ERROR});
    module_set_dirs(dirs, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
