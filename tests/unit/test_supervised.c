/* A worker's life as its node decides it: no process, and a clock of the test's own. */
#include "supervised.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct worker_end killed = {.code = -1, .signal = 9, .passes = true};
static const struct worker_end done = {.code = 0}, aside = {.code = 4}, told = {.code = 130};
static const struct worker_end misconfigured = {.code = 2};
static const struct worker_end bad_row = {.code = 1};
static const struct worker_end server_away = {.code = 1, .passes = true};

static struct supervised running(int64_t now_ms)
{
    struct supervised s = {0};

    supervised_want(&s, WANT_RUNNING);
    assert_int_equal(supervised_next(&s, now_ms), DO_START);
    supervised_began(&s, now_ms);
    assert_int_equal(supervised_next(&s, now_ms), DO_NOTHING);
    assert_int_equal(s.state, SUPERVISED_RUNNING);
    return s;
}

static void nothing_runs_unasked(void **state)
{
    struct supervised s = {0};

    (void)state;
    assert_int_equal(supervised_next(&s, 0), DO_NOTHING);
    assert_int_equal(s.state, SUPERVISED_STOPPED);
}

static void one_that_was_killed_is_started_again_after_a_while(void **state)
{
    struct supervised s = running(1000);

    (void)state;
    supervised_ended(&s, &killed, 2000, 0);
    assert_int_equal(s.state, SUPERVISED_WAITING);
    assert_int_equal(supervised_next(&s, 2000), DO_NOTHING);
    assert_int_equal(s.due_ms, 2250); /* half of 500, and no chance */
    assert_int_equal(supervised_next(&s, 2250), DO_START);
    assert_int_equal(s.restarts, 1);
}

static void waits_grow_but_not_without_end(void **state)
{
    struct supervised s = running(0);
    int64_t now_ms = 0, before_ms = 0;

    (void)state;
    for (int i = 0; i < 20; i++) { /* far enough apart to be no loop, too early to have settled */
        supervised_ended(&s, &killed, now_ms, UINT32_MAX);
        assert_int_equal(s.state, SUPERVISED_WAITING);
        assert_true(s.due_ms - now_ms >= before_ms / 2 && s.due_ms - now_ms <= 60000);
        before_ms = s.due_ms - now_ms;
        now_ms = s.due_ms + 200000;
        supervised_began(&s, now_ms - 1000);
    }
    assert_true(before_ms >= 30000);
    supervised_began(&s, now_ms); /* one that lived for a while starts counting anew */
    supervised_ended(&s, &killed, now_ms + 600000, 0);
    assert_int_equal(s.due_ms - (now_ms + 600000), 250);
}

static void a_crash_loop_is_given_up(void **state)
{
    struct supervised s = running(0);

    (void)state;
    for (int i = 0; i < CRASHES_MOST; i++) {
        assert_int_not_equal(s.state, SUPERVISED_FAILED);
        supervised_began(&s, i * 1000);
        supervised_ended(&s, &killed, i * 1000 + 10, 0);
    }
    assert_int_equal(s.state, SUPERVISED_FAILED);
    assert_true(s.looping);
    assert_int_equal(supervised_next(&s, 3600000), DO_NOTHING);
    supervised_want(&s, WANT_RUNNING); /* the operator has mended it */
    assert_int_equal(supervised_next(&s, 3600000), DO_START);
    assert_false(s.looping);
    supervised_began(&s, 3600000);
    supervised_ended(&s, &killed, 3600001, 0);
    assert_int_equal(s.state, SUPERVISED_WAITING);
}

static void crashes_far_apart_are_no_loop(void **state)
{
    struct supervised s = running(0);

    (void)state;
    for (int i = 0; i < 3 * CRASHES_MOST; i++) {
        supervised_began(&s, i * 200000);
        supervised_ended(&s, &server_away, i * 200000 + 150000, 0);
        assert_int_equal(s.state, SUPERVISED_WAITING);
    }
}

static void what_is_done_is_left_so(void **state)
{
    struct supervised s = running(0);

    (void)state;
    supervised_ended(&s, &done, 10, 0);
    assert_int_equal(s.state, SUPERVISED_FINISHED);
    assert_int_equal(supervised_next(&s, 100000), DO_NOTHING);
    supervised_want(&s, WANT_STOPPED); /* what came of it is still shown */
    assert_int_equal(s.state, SUPERVISED_FINISHED);
    s = running(0);
    supervised_ended(&s, &aside, 10, 0);
    assert_int_equal(s.state, SUPERVISED_DEGRADED);
    assert_int_equal(supervised_next(&s, 100000), DO_NOTHING);
}

static void what_cannot_work_is_not_tried_again(void **state)
{
    struct supervised s = running(0);

    (void)state;
    supervised_ended(&s, &misconfigured, 10, 0);
    assert_int_equal(s.state, SUPERVISED_FAILED);
    assert_false(s.looping);
    s = running(0);
    supervised_ended(&s, &bad_row, 10, 0);
    assert_int_equal(s.state, SUPERVISED_FAILED);
    s = running(0);
    supervised_ended(&s, &server_away, 10, 0);
    assert_int_equal(s.state, SUPERVISED_WAITING);
}

static void a_stop_is_said_once_then_it_is_killed(void **state)
{
    struct supervised s = running(0);

    (void)state;
    supervised_want(&s, WANT_STOPPED);
    assert_int_equal(supervised_next(&s, 10), DO_STOP);
    assert_int_equal(supervised_next(&s, 20), DO_NOTHING);
    assert_int_equal(s.state, SUPERVISED_STOPPING);
    assert_int_equal(supervised_next(&s, 10 + SUPERVISED_GRACE_MS), DO_KILL);
    assert_int_equal(supervised_next(&s, 20 + SUPERVISED_GRACE_MS), DO_NOTHING);
    supervised_ended(&s, &killed, 70000, 0);
    assert_int_equal(s.state, SUPERVISED_STOPPED);
    assert_int_equal(supervised_next(&s, 80000), DO_NOTHING);
}

static void started_again_while_it_ends(void **state)
{
    struct supervised s = running(0);

    (void)state;
    supervised_want(&s, WANT_STOPPED);
    assert_int_equal(supervised_next(&s, 10), DO_STOP);
    supervised_want(&s, WANT_RUNNING);
    assert_int_equal(supervised_next(&s, 20), DO_NOTHING); /* it can't be called back */
    supervised_ended(&s, &told, 30, 0);
    assert_int_equal(supervised_next(&s, 30), DO_START);
}

static void one_that_others_told_to_end_stays_so(void **state)
{
    struct supervised s = running(0);

    (void)state;
    supervised_ended(&s, &told, 10, 0);
    assert_int_equal(s.state, SUPERVISED_STOPPED);
    assert_int_equal(s.want, WANT_STOPPED);
    assert_int_equal(supervised_next(&s, 20), DO_NOTHING);
}

static void one_that_reached_its_limit_is_not_finished(void **state)
{
    const struct worker_end limited = {.code = 0, .limited = true};
    struct supervised s = running(0);

    (void)state;
    supervised_ended(&s, &limited, 10, 0);
    assert_int_equal(s.state, SUPERVISED_STOPPED);
    assert_int_equal(supervised_next(&s, 20), DO_NOTHING);
}

/* Others reach the worker itself: what the operator says of the node is said to it all the same. */
static void what_was_told_before_is_told_again(void **state)
{
    struct supervised s = running(0);

    (void)state;
    supervised_want(&s, WANT_RUNNING);
    assert_int_equal(supervised_next(&s, 10), DO_RESUME);
    supervised_rests(&s, false);
    assert_int_equal(supervised_next(&s, 20), DO_NOTHING);
    supervised_want(&s, WANT_PAUSED);
    supervised_rests(&s, true);
    supervised_want(&s, WANT_PAUSED);
    assert_int_equal(supervised_next(&s, 30), DO_PAUSE);
}

static void pauses_and_goes_on(void **state)
{
    struct supervised s = running(0);

    (void)state;
    supervised_want(&s, WANT_PAUSED);
    assert_int_equal(supervised_next(&s, 10), DO_PAUSE);
    assert_int_equal(supervised_next(&s, 20), DO_PAUSE); /* it wasn't heard: it is tried again */
    supervised_rests(&s, true);
    assert_int_equal(supervised_next(&s, 30), DO_NOTHING);
    assert_int_equal(s.state, SUPERVISED_PAUSED);
    supervised_want(&s, WANT_RUNNING);
    assert_int_equal(supervised_next(&s, 40), DO_RESUME);
    supervised_rests(&s, false);
    assert_int_equal(supervised_next(&s, 50), DO_NOTHING);
    supervised_want(&s, WANT_PAUSED);
    supervised_rests(&s, true);
    supervised_ended(&s, &killed, 60, 0); /* it rests all the same */
    assert_int_equal(s.state, SUPERVISED_PAUSED);
    assert_int_equal(supervised_next(&s, 100000), DO_NOTHING);
    supervised_want(&s, WANT_RUNNING);
    assert_int_equal(supervised_next(&s, 100000), DO_START);
}

static void wanted_paused_from_the_beginning_has_no_worker(void **state)
{
    struct supervised s = {0};

    (void)state;
    supervised_want(&s, WANT_PAUSED);
    assert_int_equal(supervised_next(&s, 0), DO_NOTHING);
    assert_int_equal(s.state, SUPERVISED_PAUSED);
    supervised_want(&s, WANT_RUNNING);
    assert_int_equal(supervised_next(&s, 0), DO_START);
}

static void a_restart_ends_and_begins(void **state)
{
    struct supervised s = running(0);

    (void)state;
    supervised_restart(&s);
    assert_int_equal(supervised_next(&s, 10), DO_STOP);
    supervised_ended(&s, &told, 20, 0);
    assert_int_equal(supervised_next(&s, 20), DO_START);
    supervised_began(&s, 20);
    assert_int_equal(supervised_next(&s, 20), DO_NOTHING);
    supervised_ended(&s, &done, 30, 0);
    supervised_restart(&s); /* of one that has none */
    assert_int_equal(supervised_next(&s, 40), DO_START);
}

/* A node that is drained, or about to end: what is wanted stays. */
static void what_is_held_ends_and_begins_when_let_go(void **state)
{
    struct supervised s = running(0), waits = running(0), failed = running(0);

    (void)state;
    supervised_hold(&s, true);
    assert_int_equal(supervised_next(&s, 10), DO_STOP);
    supervised_ended(&s, &told, 20, 0);
    assert_int_equal(s.want, WANT_RUNNING);
    assert_int_equal(supervised_next(&s, 20), DO_NOTHING);
    assert_int_equal(s.state, SUPERVISED_STOPPED);
    supervised_want(&s, WANT_RUNNING);
    assert_int_equal(supervised_next(&s, 30), DO_NOTHING);
    supervised_hold(&s, false);
    assert_int_equal(supervised_next(&s, 40), DO_START);

    supervised_ended(&waits, &killed, 100000, 0);
    supervised_hold(&waits, true);
    assert_int_equal(waits.state, SUPERVISED_STOPPED); /* it doesn't say that it will try */
    supervised_hold(&waits, false);
    assert_int_equal(supervised_next(&waits, 100000), DO_START);

    supervised_ended(&failed, &bad_row, 10, 0);
    supervised_hold(&failed, true);
    assert_int_equal(supervised_next(&failed, 10), DO_NOTHING);
    supervised_hold(&failed, false);
    assert_int_equal(supervised_next(&failed, 10), DO_NOTHING);
    assert_int_equal(failed.state, SUPERVISED_FAILED);
}

static void what_failed_before_waits_for_the_operator(void **state)
{
    struct supervised s = {0};

    (void)state;
    supervised_want(&s, WANT_RUNNING);
    supervised_restore(&s, true);
    assert_int_equal(supervised_next(&s, 0), DO_NOTHING);
    assert_true(s.looping);
    supervised_want(&s, WANT_RUNNING);
    assert_false(s.looping);
    assert_int_equal(supervised_next(&s, 0), DO_START);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_runs_unasked),
        cmocka_unit_test(one_that_was_killed_is_started_again_after_a_while),
        cmocka_unit_test(waits_grow_but_not_without_end),
        cmocka_unit_test(a_crash_loop_is_given_up),
        cmocka_unit_test(crashes_far_apart_are_no_loop),
        cmocka_unit_test(what_is_done_is_left_so),
        cmocka_unit_test(what_cannot_work_is_not_tried_again),
        cmocka_unit_test(a_stop_is_said_once_then_it_is_killed),
        cmocka_unit_test(started_again_while_it_ends),
        cmocka_unit_test(one_that_others_told_to_end_stays_so),
        cmocka_unit_test(one_that_reached_its_limit_is_not_finished),
        cmocka_unit_test(what_was_told_before_is_told_again),
        cmocka_unit_test(pauses_and_goes_on),
        cmocka_unit_test(wanted_paused_from_the_beginning_has_no_worker),
        cmocka_unit_test(a_restart_ends_and_begins),
        cmocka_unit_test(what_is_held_ends_and_begins_when_let_go),
        cmocka_unit_test(what_failed_before_waits_for_the_operator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
