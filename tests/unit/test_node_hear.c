/* What a node makes of wishes that it reads from a registry. */
#include "node_part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-hear-XXXXXX";
static char self[] = "self", shop[] = "shop";
static struct entry entry;
static struct node node;

/* Drained: nothing begins. */
static int set_up(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    node = (struct node){.name = self, .roles = ROLES_ALL, .drained = true, .entries = &entry};
    entry = (struct entry){.node = &node, .name = shop, .apart = true, .listed = true};
    if (desired_open(folder, &node.desired, &err) != RNL_OK ||
        kept_open(folder, &node.kept, &err) != RNL_OK)
        return -1;
    entry_recall(&entry);
    entry_deal(&entry);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"desired.json", "node.json", "lock"};
    char path[80];

    (void)state;
    json_decref(node.wanted);
    kept_close(node.kept);
    desired_close(node.desired);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return 0;
}

static void heard(const char *text)
{
    json_decref(node.wanted);
    node.wanted = json_loads(text, 0, NULL);
    assert_non_null(node.wanted);
    node_hear(&node);
}

/* turn, what, by whom, and more words */
static void heard_wish(int turn, const char *want, const char *by, const char *more)
{
    char text[300];

    snprintf(text, sizeof(text),
             "{\"pipeline/shop\": {\"turn\": %d, \"want\": \"%s\", \"by\": \"%s\"%s}}", turn, want,
             by, more);
    heard(text);
}

static void have_failed(void)
{
    entry.workers[0].now.state = SUPERVISED_FAILED;
}

static bool is_failed(void)
{
    return entry.workers[0].now.state == SUPERVISED_FAILED;
}

static void what_others_want_is_done_and_kept(void **state)
{
    (void)state;
    heard_wish(3, "paused", "other", "");
    assert_int_equal(entry.want, WANT_PAUSED);
    assert_int_equal(desired_get(node.desired, shop), WANT_PAUSED);
    assert_int_equal(kept_turn(node.kept, "pipeline/shop"), 3);
    heard_wish(4, "stopped", "other", "");
    assert_int_equal(entry.want, WANT_STOPPED);
    assert_int_equal(entry.workers[1].now.want, WANT_STOPPED);
}

/* Somebody says "start" again of what has failed here: that is a new try. */
static void each_wish_is_done_once(void **state)
{
    (void)state;
    heard_wish(3, "running", "other", "");
    have_failed();
    heard_wish(3, "running", "other", "");
    assert_true(is_failed());
    heard_wish(4, "running", "self", ""); /* was done when it was said */
    assert_true(is_failed());
    heard_wish(5, "running", "other", ", \"told_again\": 1");
    assert_true(is_failed());
    heard_wish(6, "running", "other", "");
    assert_false(is_failed());
}

static void a_registry_that_has_forgotten_is_believed(void **state)
{
    (void)state;
    heard_wish(9, "running", "other", "");
    have_failed();
    heard_wish(1, "running", "other", "");
    assert_true(is_failed());
    heard_wish(2, "stopped", "other", "");
    assert_int_equal(entry.want, WANT_STOPPED);
    heard_wish(1, "paused", "other", "");
    assert_int_equal(entry.want, WANT_PAUSED);
}

/* It was said while the registry was away. */
static void what_is_older_than_ours_is_not_done(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *unsent = json_pack("{s:s,s:i}", "want", "paused", "turn", 5);

    (void)state;
    heard_wish(5, "running", "other", "");
    assert_int_equal(desired_set(node.desired, shop, WANT_PAUSED, &err), RNL_OK);
    entry.want = WANT_PAUSED;
    assert_int_equal(kept_unsent_put(node.kept, "pipeline/shop", unsent, &err), RNL_OK);
    json_decref(unsent);
    entry.turn = 0; /* begun anew */
    heard_wish(5, "running", "other", "");
    assert_int_equal(entry.want, WANT_PAUSED);
    heard_wish(6, "paused", "self", ""); /* it has arrived */
    assert_null(json_object_get(kept_unsent(node.kept), "pipeline/shop"));
    heard_wish(7, "running", "other", "");
    assert_int_equal(entry.want, WANT_RUNNING);
}

static void what_is_no_wish_is_left(void **state)
{
    (void)state;
    heard_wish(3, "flying", "other", "");
    heard("{\"pipeline/shop\": {\"turn\": \"x\", \"want\": 7}, \"node/self\": {\"drained\": 1}}");
    heard("{\"pipeline/shop\": {}, \"pipeline/other\": {\"turn\": 1, \"want\": \"running\"}}");
    heard("{\"pipeline/shop\": {\"turn\": -1, \"want\": \"stopped\", \"by\": []}}");
    assert_int_equal(entry.want, WANT_STOPPED);
    assert_true(node.drained);
    entry.apart = false; /* each node's own */
    heard_wish(3, "running", "other", "");
    assert_int_equal(entry.want, WANT_STOPPED);
}

static void a_node_is_drained_by_others(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_int_equal(node_drain(&node, true, &err), RNL_OK);
    heard("{\"node/else\": {\"turn\": 1, \"drained\": false}}");
    assert_true(node.drained);
    heard("{\"node/self\": {\"turn\": 1, \"drained\": false}}");
    assert_false(node.drained);
    assert_false(kept_drained(node.kept));
    assert_int_equal(node_drain(&node, true, &err), RNL_OK); /* said here since */
    heard("{\"node/self\": {\"turn\": 1, \"drained\": false}}");
    assert_true(node.drained);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_others_want_is_done_and_kept),
        TEST(each_wish_is_done_once),
        TEST(a_registry_that_has_forgotten_is_believed),
        TEST(what_is_older_than_ours_is_not_done),
        TEST(what_is_no_wish_is_left),
        TEST(a_node_is_drained_by_others),
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
