/* The state database, and the keys in it: who is let in, and what is refused in words. */
#include "keys.h"
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

static char folder[] = "/tmp/test-keys-XXXXXX";
static char path[100];
static struct store *store;

static void sql(const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (int i = 0; i < 500; i++)
        fputs(text, file);
    fclose(file);
}

static int begin(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    snprintf(path, sizeof(path), "%s/runnel.db", folder);
    unlink(path);
    return store_open(folder, &store, &err) == RNL_OK ? 0 : -1;
}

static int end(void **state)
{
    char command[120];

    (void)state;
    store_close(store);
    store = NULL;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 && mkdir(folder, 0700) == 0 ? 0 : -1;
}

static char *make(const struct key_wish *wish, char *id)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *key;
    char *text;

    assert_int_equal(keys_create(store, wish, &text, &key, &err), RNL_OK);
    if (id)
        strcpy(id, json_string_value(json_object_get(key, "id")));
    json_decref(key);
    return text;
}

static void refused(const char *text, const char *code)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct key key;

    assert_int_not_equal(keys_check(store, text, &key, &err), RNL_OK);
    assert_string_equal(err.code, code);
    key_clear(&key);
}

static void let_in(const char *text, unsigned scopes)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct key key;

    if (keys_check(store, text, &key, &err) != RNL_OK)
        fail_msg("%s", err.text);
    assert_int_equal(key.scopes, scopes);
    key_clear(&key);
}

static void those_that_are_known(void **state)
{
    struct key_wish wish = {.name = "a", .scopes = SCOPE_READ | SCOPE_DATA};
    char *text = make(&wish, NULL), *other = make(&wish, NULL);

    (void)state;
    assert_string_not_equal(text, other);
    let_in(text, SCOPE_READ | SCOPE_DATA);
    text[strlen(text) - 1] ^= 1;
    refused(text, "key.unknown");
    memcpy(text, other, 12); /* the id of one, the secret of the other */
    refused(text, "key.unknown");
    refused("", "key.unknown");
    refused("rnl_", "key.unknown");
    refused("' or 1 = 1 --", "key.unknown");
    free(text);
    free(other);
}

/* Nothing by which a key could be used stands in the file. */
static void nothing_to_steal(void **state)
{
    struct key_wish wish = {.name = "a", .scopes = SCOPE_READ};
    char *text = make(&wish, NULL), line[4096];
    struct stat is;
    FILE *file;
    size_t got;

    (void)state;
    store_close(store);
    store = NULL;
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    file = fopen(path, "r");
    while ((got = fread(line, 1, sizeof(line), file)) > 0)
        assert_null(memmem(line, got, text + 13, 20));
    fclose(file);
    free(text);
}

static void limits(void **state)
{
    struct key_wish wish = {.name = "a", .scopes = SCOPE_READ, .rate_per_s = 2};
    struct rnl_error err = RNL_ERROR_INIT;
    struct key key;
    char id[16], change[100], *text = make(&wish, id);
    int fast = 0;

    (void)state;
    for (int i = 0; i < 20; i++) { /* of at most two seconds */
        err = (struct rnl_error)RNL_ERROR_INIT;
        if (keys_check(store, text, &key, &err) != RNL_OK) {
            assert_string_equal(err.code, "key.rate");
            fast++;
        }
    }
    assert_true(fast >= 16);
    free(text);
    wish.rate_per_s = 0;
    wish.expires_in_s = 3600;
    text = make(&wish, id);
    let_in(text, SCOPE_READ);
    snprintf(change, sizeof(change), "update keys set expires_s = 1 where id = '%s'", id);
    sql(change);
    refused(text, "key.expired");
    free(text);
}

static void some_pipelines(void **state)
{
    json_t *patterns = json_pack("[ss]", "shop", "a-*");
    struct key_wish wish = {.name = "a", .scopes = SCOPE_READ, .pipelines = patterns};
    struct rnl_error err = RNL_ERROR_INIT;
    char id[16], change[100], *text = make(&wish, id);
    struct key key;

    (void)state;
    assert_int_equal(keys_check(store, text, &key, &err), RNL_OK);
    assert_true(key_may_pipeline(&key, "shop"));
    assert_true(key_may_pipeline(&key, "a-1"));
    assert_false(key_may_pipeline(&key, "shop2"));
    assert_false(key_may_pipeline(&key, "b"));
    key_clear(&key);
    snprintf(change, sizeof(change), "update keys set pipelines = '[' where id = '%s'", id);
    sql(change);
    assert_int_equal(keys_check(store, text, &key, &err), RNL_OK);
    assert_false(key_may_pipeline(&key, "shop"));
    key_clear(&key);
    json_decref(patterns);
    free(text);
}

static void ended_and_turned(void **state)
{
    struct key_wish wish = {.name = "a", .scopes = SCOPE_READ};
    struct rnl_error err = RNL_ERROR_INIT;
    char id[16], *text = make(&wish, id), *second, *third;

    (void)state;
    assert_int_equal(keys_rotate(store, id, 100, &second, &err), RNL_OK);
    let_in(text, SCOPE_READ);
    let_in(second, SCOPE_READ);
    assert_int_equal(keys_rotate(store, id, 0, &third, &err), RNL_OK);
    refused(text, "key.unknown");
    refused(second, "key.unknown");
    let_in(third, SCOPE_READ);
    assert_int_equal(keys_revoke(store, id, &err), RNL_OK);
    refused(third, "key.unknown");
    assert_int_equal(keys_revoke(store, id, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "key.none");
    free(text);
    free(second);
    assert_int_equal(keys_rotate(store, id, 0, &second, &err), RNL_E_CONFIG);
    assert_null(second);
    free(third);
}

static void the_first_one(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char name[120], text[100];
    struct stat is;
    FILE *file;

    (void)state;
    assert_int_equal(keys_first(store, folder, &err), RNL_OK);
    snprintf(name, sizeof(name), "%s/first.key", folder);
    assert_int_equal(stat(name, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    file = fopen(name, "r");
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    text[strcspn(text, "\n")] = '\0';
    let_in(text, SCOPES_ALL);
    unlink(name);
    assert_int_equal(keys_first(store, folder, &err), RNL_OK);
    assert_int_not_equal(stat(name, &is), 0); /* there is one already */
}

/* --- the file -----------------------------------------------------------------------------------
 */

static void cant_open(const char *code)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct store *other;

    assert_int_not_equal(store_open(folder, &other, &err), RNL_OK);
    assert_null(other);
    assert_string_equal(err.code, code);
    assert_true(*err.hint);
}

static void damaged_or_newer(void **state)
{
    (void)state;
    store_close(store);
    store = NULL;
    sql("pragma user_version = 1000");
    cant_open("store.newer");
    write_file("this is no database, ");
    cant_open("store.corrupt");
}

static void several_processes(void **state)
{
    struct key_wish wish = {.name = "a", .scopes = SCOPE_READ};
    struct rnl_error err = RNL_ERROR_INIT;
    struct store *mine = store;
    char *text;

    (void)state;
    assert_int_equal(store_open(folder, &store, &err), RNL_OK);
    text = make(&wish, NULL);
    store_close(store);
    store = mine;
    let_in(text, SCOPE_READ);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(those_that_are_known, begin, end),
        cmocka_unit_test_setup_teardown(nothing_to_steal, begin, end),
        cmocka_unit_test_setup_teardown(limits, begin, end),
        cmocka_unit_test_setup_teardown(some_pipelines, begin, end),
        cmocka_unit_test_setup_teardown(ended_and_turned, begin, end),
        cmocka_unit_test_setup_teardown(the_first_one, begin, end),
        cmocka_unit_test_setup_teardown(damaged_or_newer, begin, end),
        cmocka_unit_test_setup_teardown(several_processes, begin, end),
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
