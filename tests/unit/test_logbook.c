/* The log book: records in order, found by what is asked, bounded, and honest about what is gone.
 */
#include "logbook.h"
#include "util/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct logbook *book;

static int begin(void **state)
{
    (void)state;
    log_setup(&(struct log_settings){.level = RNL_LOG_INFO});
    book = logbook_open(4000);
    return book ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    logbook_close(book);
    return 0;
}

static json_t *look(const struct logbook_query *query)
{
    json_t *o = logbook_look(book, query);

    assert_non_null(o);
    return o;
}

static size_t count(const json_t *o)
{
    return json_array_size(json_object_get(o, "items"));
}

static const char *text(const json_t *o, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(o, "items"), i), name));
}

static json_int_t number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static void said_in_order(void **state)
{
    json_t *o;

    (void)state;
    log_write(RNL_LOG_DEBUG, "a", "below the level");
    log_write(RNL_LOG_INFO, "node", "one");
    logbook_about("shop", "reader", "shop/source");
    log_write(RNL_LOG_WARN, "shop: shop/source", "two\n\x1b[31mred");
    logbook_about(NULL, NULL, NULL);
    log_write(RNL_LOG_ERROR, "node", "three");
    o = look(&(struct logbook_query){.limit = 10});
    assert_int_equal(count(o), 3);
    assert_string_equal(text(o, 0, "component"), "node");
    assert_string_equal(text(o, 0, "pipeline"), "");
    assert_string_equal(text(o, 1, "pipeline"), "shop");
    assert_string_equal(text(o, 1, "role"), "reader");
    assert_string_equal(text(o, 1, "component"), "shop/source");
    assert_string_equal(text(o, 1, "text"), "two\\x0a\\x1b[31mred");
    assert_string_equal(text(o, 2, "level"), "error");
    json_decref(o);
    o = look(&(struct logbook_query){.limit = 10, .level = RNL_LOG_WARN});
    assert_int_equal(count(o), 2);
    json_decref(o);
    o = look(&(struct logbook_query){.limit = 10, .pipeline = "shop"});
    assert_int_equal(count(o), 1);
    json_decref(o);
    o = look(&(struct logbook_query){.limit = 10, .text = "thr"});
    assert_int_equal(count(o), 1);
    json_decref(o);
    o = look(&(struct logbook_query){.limit = 1});
    assert_string_equal(text(o, 0, "text"), "three");
    json_decref(o);
}

/* Whoever goes on from `next` misses nothing and sees nothing twice. */
static void followed(void **state)
{
    int64_t after;
    json_t *o;

    (void)state;
    log_write(RNL_LOG_INFO, "node", "begin");
    o = look(&(struct logbook_query){.limit = 10});
    after = number(o, "next");
    json_decref(o);
    for (int i = 0; i < 5; i++)
        log_write(RNL_LOG_INFO, "node", "%d", i);
    for (int i = 0; i < 5; i++) {
        o = look(&(struct logbook_query){.limit = 2, .after = after});
        assert_int_equal(count(o), i < 2 ? 2 : i == 2 ? 1 : 0);
        assert_int_equal(number(o, "dropped"), 0);
        if (count(o))
            assert_int_equal(text(o, 0, "text")[0] - '0', 2 * i);
        after = number(o, "next");
        json_decref(o);
    }
}

static void bounded(void **state)
{
    int64_t after;
    json_t *o;

    (void)state;
    log_write(RNL_LOG_INFO, "node", "first");
    o = look(&(struct logbook_query){.limit = 10});
    after = number(o, "next");
    json_decref(o);
    for (int i = 0; i < 500; i++)
        log_write(RNL_LOG_INFO, "node", "%d", i);
    o = look(&(struct logbook_query){.limit = 1000, .after = after});
    assert_in_range(count(o), 5, 60);
    assert_string_equal(text(o, count(o) - 1, "text"), "499");
    assert_int_equal(number(o, "dropped"), 500 - (json_int_t)count(o));
    json_decref(o);
    /* one who has read what an earlier process said is told that some of it may be gone */
    o = look(&(struct logbook_query){.limit = 1, .after = 7});
    assert_true(number(o, "dropped") > 0);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(said_in_order, begin, end),
        cmocka_unit_test_setup_teardown(followed, begin, end),
        cmocka_unit_test_setup_teardown(bounded, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
