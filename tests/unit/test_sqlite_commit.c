/* Commits into a file: those that a source forgets by wait for the disk, the others don't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sink.h"

#include <stdlib.h>
#include <unistd.h>

static int syncs; /* of the log */

/* The platform's methods, but that syncs are counted. */
static sqlite3_io_methods counted;
static int (*sync_file)(sqlite3_file *, int);
static sqlite3_vfs *platform, counting;

static int count_sync(sqlite3_file *file, int flags)
{
    syncs++;
    return sync_file(file, flags);
}

static int open_counted(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    int rc = platform->xOpen(platform, name, file, flags, out);

    (void)vfs;
    if (rc == SQLITE_OK && flags & SQLITE_OPEN_WAL) {
        counted = *file->pMethods;
        sync_file = file->pMethods->xSync;
        counted.xSync = count_sync;
        file->pMethods = &counted;
    }
    return rc;
}

static void commit(struct writer *w, uint64_t number, uint32_t durable)
{
    const struct rnl_checkpoint checkpoint = {.size = sizeof(checkpoint),
                                              .pipeline = "p",
                                              .epoch = 1,
                                              .number_before = number - 1,
                                              .number_after = number,
                                              .unit_size = sizeof(struct rnl_unit_progress),
                                              .durable = durable};
    struct rnl_error err = RNL_ERROR_INIT;

    assert_int_equal(sink_writer_commit(w, &checkpoint, &err), RNL_OK);
}

static void durable_commits_wait_for_the_disk(void **state)
{
    char path[] = "/tmp/runnel-commit-XXXXXX";
    struct sink sink = {.wal = true};
    struct writer w = {.sink = &sink};
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    close(mkstemp(path));
    platform = sqlite3_vfs_find(NULL);
    counting = *platform;
    counting.zName = "counting";
    counting.xOpen = open_counted;
    assert_int_equal(sqlite3_vfs_register(&counting, 0), SQLITE_OK);
    assert_int_equal(sqlite3_open_v2(path, &sink.write, SQLITE_OPEN_READWRITE, "counting"),
                     SQLITE_OK);
    assert_int_equal(state_prepare(sink.write, &err), RNL_OK);
    assert_int_equal(sqlite3_exec(sink.write,
                                  "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                  "INSERT INTO runnel_pipeline (name, format, plan)"
                                  " VALUES ('p', 1, x'00'); PRAGMA wal_checkpoint;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    turn_init(&sink.turn);
    commit(&w, 1, 0); /* the first one begins the log anew */
    syncs = 0;
    commit(&w, 2, 0);
    assert_int_equal(syncs, 0);
    commit(&w, 3, 1);
    assert_true(syncs > 0);
    syncs = 0;
    commit(&w, 4, 0);
    assert_int_equal(syncs, 0);
    turn_free(&sink.turn);
    sqlite3_close(sink.write);
    sqlite3_vfs_unregister(&counting);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durable_commits_wait_for_the_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
