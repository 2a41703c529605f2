/* What the tests of changes between toys share. */
#ifndef TOY_FOLLOW_H
#define TOY_FOLLOW_H

#include "toy_pipeline.h"

enum { FEW = 600 }; /* rows of each table: what counts here are the changes */

/* A pipeline that loads FEW rows of each table and follows a log, of which the load saw a part. */
__attribute__((unused)) static void setup_follow(struct pipeline_config *config, const char *store,
                                                 int64_t log)
{
    setup(config, store, 2);
    config->mode = MODE_REPLICATE;
    config->drain = true;
    put(&config->reader.settings, "rows", FEW);
    put(&config->reader.settings, "log", log);
    put(&config->reader.settings, "log_part", 7);
    put(&config->reader.settings, "seen", log / 4);
    settings_set(&config->reader.settings, "confirms", SETTING_TEXT, store, &origin);
}

__attribute__((unused)) static int64_t whole(int64_t log)
{
    return log / 7 * 7;
}

/* Of a table: each id of the target in the order of ids. Checks that it is the next one due. */
__attribute__((unused)) static void assert_table(struct rnl_bundle *read, uint32_t table,
                                                 int64_t rows, int64_t from, int64_t log)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_row row;

    for (int64_t id = 0; id < rows; id++) {
        assert_int_equal(bundle_next(read, &row, &err), RNL_OK);
        assert_int_equal(row.after[0].i, id);
    }
    for (int64_t number = from + 1; number <= log; number++) {
        if (number % TABLES != table)
            continue;
        assert_int_equal(bundle_next(read, &row, &err), RNL_OK);
        assert_int_equal(row.after[0].i, FEW + number);
    }
    assert_int_equal(bundle_next(read, &row, &err), RNL_DONE);
}

/* The rows of one table as the sink has them. */
__attribute__((unused)) static void assert_toy_table(struct session *session, uint32_t table,
                                                     int64_t rows, int64_t from, int64_t log)
{
    const struct rnl_unit unit = {.size = sizeof(unit), .table = table};
    const struct rnl_sink_ops *sink = &session->plugin->sink;
    struct rnl_bundle *bundle = bundle_new(1000000, SIZE_MAX), *read;
    struct rnl_error err = RNL_ERROR_INIT;
    void *writer, *cursor, *bytes;
    size_t len;

    assert_int_equal(sink->writer_open(session->self, 0, &writer, &err), RNL_OK);
    assert_int_equal(sink->writer_read_open(writer, &unit, &cursor, &err), RNL_OK);
    assert_int_equal(sink->writer_read_next(cursor, bundle, 0, &err), RNL_DONE);
    sink->writer_read_close(cursor);
    assert_int_equal(bundle_seal(bundle, &(struct bundle_head){0}, &bytes, &len, &err), RNL_OK);
    assert_int_equal(bundle_open(bytes, len, &read, &err), RNL_OK);
    assert_table(read, table, rows, from, log);
    bundle_free(read);
    bundle_free(bundle);
    free(bytes);
    sink->writer_close(writer);
}

/* Every row of every table once, and every change from..log once. */
__attribute__((unused)) static void assert_followed(const struct pipeline_config *config,
                                                    int64_t rows, int64_t from, int64_t log)
{
    struct session session;

    open_sink(config, &session);
    for (uint32_t t = 0; t < TABLES; t++)
        assert_toy_table(&session, t, rows, from, log);
    session_close(&session);
}

/* Runs until it ends well; how often it failed before. */
__attribute__((unused)) static int run_to_end(const struct pipeline_config *config, int most)
{
    int failed = 0;
    enum pipeline_state state;

    while ((state = run_it(config, false, 0, NULL)) == PIPELINE_FAILED)
        assert_true(++failed < most);
    assert_int_equal(state, PIPELINE_FINISHED);
    return failed;
}

#endif
