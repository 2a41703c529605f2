/* Consul's answers: what is ours is taken, what makes no sense is not. */
#include "consul.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_base64(const char *text, const char *plain)
{
    size_t len = 0;
    char *out = words_base64(text, 20, &len);

    if (plain) {
        assert_non_null(out);
        assert_int_equal(len, strlen(plain));
        assert_string_equal(out, plain);
    } else
        assert_null(out);
    free(out);
}

static void base64_is_read_strictly(void **state)
{
    (void)state;
    expect_base64("", "");
    expect_base64("YQ==", "a");
    expect_base64("YWI=", "ab");
    expect_base64("YWJj", "abc");
    expect_base64("+/+/", "\xfb\xff\xbf");
    expect_base64("YWJjZGVmZ2hpamtsbW5vcHFyc3Q=", "abcdefghijklmnopqrst");
    expect_base64("YWJjZGVmZ2hpamtsbW5vcHFyc3R1", NULL); /* one byte too many */
    expect_base64("YWJ", NULL);
    expect_base64("YW=j", NULL);
    expect_base64("Y===", NULL);
    expect_base64("YW j", NULL);
}

static char told[400];

static void tell(void *arg, const struct rnl_entry *entry)
{
    size_t len = strlen(told);

    (void)arg;
    snprintf(told + len, sizeof(told) - len, "%s=%.*s@%llu ", entry->key, (int)entry->value.len,
             (const char *)entry->value.ptr, (unsigned long long)entry->revision);
}

static bool entries(const char *body)
{
    told[0] = '\0';
    return words_entries(body, strlen(body), "runnel/", tell, NULL);
}

static void entries_below_the_prefix(void **state)
{
    (void)state;
    assert_true(entries("[{\"Key\":\"runnel/desired/a\",\"Value\":\"cnVu\",\"ModifyIndex\":7,"
                        "\"Flags\":0},{\"Key\":\"runnel/b\",\"Value\":null,\"ModifyIndex\":8}]"));
    assert_string_equal(told, "desired/a=run@7 b=@8 ");
    assert_true(entries("[{\"Key\":\"others/abc\",\"Value\":\"cnVu\",\"ModifyIndex\":7},"
                        "{\"Key\":\"runnel/\",\"Value\":\"cnVu\",\"ModifyIndex\":7},"
                        "{\"Key\":\"runnel/c\",\"Value\":7,\"ModifyIndex\":7},"
                        "{\"Key\":\"runnel/d\",\"Value\":\"c\",\"ModifyIndex\":7},"
                        "{\"Key\":\"runnel/e\",\"Value\":\"cnVu\",\"ModifyIndex\":0},5]"));
    assert_string_equal(told, "");
    assert_false(entries("{}"));
    assert_false(entries("[{\"Key\":"));
    assert_false(entries(""));
}

static int take(void *arg, const struct rnl_service *service)
{
    size_t len = strlen(told);

    (void)arg;
    snprintf(told + len, sizeof(told) - len, "%s %s:%u %u %s|", service->id, service->address,
             service->port, service->health, service->note);
    return RNL_OK;
}

static void services_say_how_they_fare(void **state)
{
    static const char body[] =
        "[{\"Node\":{\"Address\":\"10.0.0.1\"},\"Service\":{\"Service\":\"runnel-node\","
        "\"Address\":\"\",\"Port\":0,\"Meta\":{\"id\":\"a\",\"prefix\":\"runnel\",\"note\":\"2 "
        "running\"}},\"Checks\":[{\"Status\":\"passing\"},{\"Status\":\"warning\",\"Output\":\"x\"}"
        "]},"
        "{\"Service\":{\"Address\":\"there\",\"Port\":99999,\"Meta\":{\"id\":\"b\",\"prefix\":"
        "\"runnel\",\"note\":\"fine\"}},\"Checks\":[{\"Status\":\"critical\",\"Output\":\"TTL "
        "expired\\nand more\"},{\"Status\":\"passing\"}]},"
        "{\"Service\":{\"Meta\":{\"id\":\"c\",\"prefix\":\"others\"}}},7,{}]";

    (void)state;
    told[0] = '\0';
    assert_true(words_services(body, strlen(body), "runnel", take, NULL));
    assert_string_equal(told,
                        "a 10.0.0.1:0 2 warning: 2 running|b there:0 3 critical: TTL expired|");
    assert_false(words_services("7", 1, "runnel", take, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_read_strictly),
        cmocka_unit_test(entries_below_the_prefix),
        cmocka_unit_test(services_say_how_they_fare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
