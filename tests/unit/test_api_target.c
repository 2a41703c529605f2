/* Targets and Hosts of requests: what has one reading is taken, the rest is refused. */
#include "api/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct target target;

static void takes(const char *uri, size_t nsegments, const char *last)
{
    assert_null(target_parse(uri, &target));
    assert_int_equal(target.nsegments, nsegments);
    if (nsegments)
        assert_string_equal(target.segments[nsegments - 1], last);
}

static void refuses(const char *uri)
{
    if (!target_parse(uri, &target))
        fail_msg("%s was taken", uri);
}

static void plain_paths(void **state)
{
    (void)state;
    takes("/", 0, "");
    takes("/healthz", 1, "healthz");
    takes("/api/v1/pipelines/shop", 4, "shop");
    takes("/a/b%20c", 2, "b c");
    takes("/a/%c3%a4", 2, "\xc3\xa4");
    takes("/a/..b", 2, "..b");
}

static void paths_with_two_readings(void **state)
{
    (void)state;
    refuses("");
    refuses("a");
    refuses("http://x/");
    refuses("//a");
    refuses("/a//b");
    refuses("/a/");
    refuses("/a/./b");
    refuses("/../etc/passwd");
    refuses("/%2e%2e/etc");
    refuses("/a%2fb");
    refuses("/a%5cb");
    refuses("/a\\b");
    refuses("/a%00b");
    refuses("/a%0ab");
    refuses("/a%zz");
    refuses("/a%2");
    refuses("/a#b");
    refuses("/%ff");
    refuses("/%c0%ae%c0%ae/x"); /* an overlong "." */
    refuses("/%ed%a0%80");      /* half of a pair */
    refuses("/1/2/3/4/5/6/7/8/9/10/11/12/13");
}

static void queries(void **state)
{
    (void)state;
    takes("/a?x=1&y=a%26b+c&z", 1, "a");
    assert_string_equal(target_field(&target, "x"), "1");
    assert_string_equal(target_field(&target, "y"), "a&b c");
    assert_string_equal(target_field(&target, "z"), "");
    assert_null(target_field(&target, "w"));
    takes("/a?x=/b/../c", 1, "a");
    refuses("/a?x=1&x=2");
    refuses("/a?x=%00");
}

static void long_ones(void **state)
{
    char *uri = malloc(9000);

    (void)state;
    memset(uri, 'a', 8999);
    uri[0] = '/';
    uri[8999] = '\0';
    refuses(uri);
    uri[3000] = '\0';
    assert_null(target_parse(uri, &target));
    free(uri);
}

static void hosts(void **state)
{
    static const char *const ours[] = {"runnel.example.org", NULL};

    (void)state;
    assert_true(target_host_known("localhost", "127.0.0.1", NULL));
    assert_true(target_host_known("LOCALHOST:8020", "127.0.0.1", NULL));
    assert_true(target_host_known("127.0.0.1:1", "127.0.0.1", NULL));
    assert_true(target_host_known("[::1]:8020", "127.0.0.1", NULL));
    assert_true(target_host_known("10.0.0.5:8020", "10.0.0.5", NULL));
    assert_true(target_host_known("Runnel.Example.org", "127.0.0.1", ours));
    assert_false(target_host_known("example.org", "127.0.0.1", ours));
    assert_false(target_host_known("localhost.example.org", "127.0.0.1", ours));
    assert_false(target_host_known("localhost:x", "127.0.0.1", ours));
    assert_false(target_host_known("[::1", "127.0.0.1", ours));
    assert_false(target_host_known("", "127.0.0.1", ours));
    assert_false(target_host_known(NULL, "127.0.0.1", ours));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_paths), cmocka_unit_test(paths_with_two_readings),
        cmocka_unit_test(queries),     cmocka_unit_test(long_ones),
        cmocka_unit_test(hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
