/* Tests of plugins/vault: what Vault says, and what paths become. */
#include "vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

static struct reply reply_of(const char *body)
{
    struct reply reply = {.code = 200};

    assert_int_equal(reply_read(&reply, body, strlen(body)), 0);
    return reply;
}

static const char *built(const struct mount *mount, const char *path)
{
    static char url[URL_BYTES];
    static struct rnl_error err;

    err = (struct rnl_error)RNL_ERROR_INIT;
    if (path_check(path, &err) != RNL_OK ||
        path_build(mount, "", path, url, sizeof(url), &err) != RNL_OK)
        return err.code;
    return url;
}

static void paths_of_kv(void **state)
{
    static char prefix[] = "team/kv/";
    const struct mount plain = {.kind = MOUNT_PLAIN}, kv2 = {.kind = MOUNT_KV2},
                       deep = {.kind = MOUNT_KV2, .prefix = prefix};

    (void)state;
    assert_string_equal(built(&plain, "secret/shop"), "secret/shop");
    assert_string_equal(built(&kv2, "secret/shop/a"), "secret/data/shop/a");
    assert_string_equal(built(&deep, "team/kv/shop"), "team/kv/data/shop");
    assert_string_equal(built(&plain, "secret/a b?c\xc3\xa4"), "secret/a%20b%3Fc%C3%A4");
}

static void paths_that_lead_elsewhere(void **state)
{
    static const char *const bad[] = {"secret", "secret/", "/secret",     "a//b",
                                      "a/../b", "a/./b",   "secret/..",   "a/b\nc",
                                      "a/b.",   "..",      "secret/a\x7f"};
    char most[PATH_BYTES + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_string_equal(built(NULL, bad[i]), "vault.path");
    memset(most, 'x', sizeof(most));
    most[1] = '/';
    most[sizeof(most) - 1] = '\0';
    assert_string_equal(built(NULL, most), "vault.path");
    memset(most + 2, '\xff', PATH_BYTES - 3);
    most[PATH_BYTES - 1] = '\0';
    assert_int_equal(strlen(built(NULL, most)), 2 + 3 * (PATH_BYTES - 3));
}

static void fields_of_a_secret(void **state)
{
    struct reply reply = reply_of(
        "{\"password\":\"p w\",\"port\":5432,\"tls\":true,\"none\":null,\"more\":{\"a\":1}}");
    struct pages fields;
    char names[200];

    (void)state;
    assert_true(fields_pack(reply.root, &fields));
    assert_string_equal(fields_find(&fields, "password"), "p w");
    assert_string_equal(fields_find(&fields, "port"), "5432");
    assert_string_equal(fields_find(&fields, "tls"), "true");
    assert_null(fields_find(&fields, "none"));
    assert_null(fields_find(&fields, "more"));
    assert_null(fields_find(&fields, "p w"));
    assert_null(fields_find(&fields, ""));
    fields_names(&fields, names, sizeof(names));
    assert_string_equal(names, "password, port, tls");
    fields_names(&fields, names, 12);
    assert_int_equal(strlen(names), 11);
    pages_free(&fields);
    reply_free(&reply);
}

static void field_that_is_not_named(void **state)
{
    struct reply one = reply_of("{\"a\":\"x\"}"), two = reply_of("{\"a\":\"x\",\"value\":\"y\"}"),
                 none = reply_of("{}");
    struct pages fields;

    (void)state;
    assert_true(fields_pack(one.root, &fields));
    assert_string_equal(fields_find(&fields, ""), "x");
    pages_free(&fields);
    assert_true(fields_pack(two.root, &fields));
    assert_string_equal(fields_find(&fields, ""), "y");
    pages_free(&fields);
    assert_true(fields_pack(none.root, &fields));
    assert_null(fields_find(&fields, ""));
    pages_free(&fields);
    reply_free(&one);
    reply_free(&two);
    reply_free(&none);
}

static void words_and_numbers(void **state)
{
    struct reply reply = reply_of("{\"errors\":[\"one\",2,\"two\\nthree\"],\"lease_duration\":90,"
                                  "\"low\":-1,\"high\":1e30,\"text\":\"7\"}");
    char words[WEB_WORDS], few[6];

    (void)state;
    reply_words(&reply, words, sizeof(words));
    assert_string_equal(words, "one; two three");
    reply_words(&reply, few, sizeof(few));
    assert_string_equal(few, "one; ");
    assert_int_equal(reply_ms(reply.root, "lease_duration"), 90000);
    assert_int_equal(reply_ms(reply.root, "low"), 0);
    assert_int_equal(reply_ms(reply.root, "high"), 0);
    assert_int_equal(reply_ms(reply.root, "text"), 0);
    assert_int_equal(reply_ms(reply.root, "nothing"), 0);
    reply_free(&reply);
}

static void what_is_no_reply(void **state)
{
    static const char *const bad[] = {
        "", "[]", "1", "{", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{} x"};
    struct reply reply;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(reply_read(&reply, bad[i], strlen(bad[i])), -1);
        assert_null(reply.root);
    }
}

/* Two thirds, more or less: not all pipelines at once, and none too late. */
static void time_to_renew(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_in_range(renewal_ms(1000, 9000), 1000 + 5600, 1000 + 6400);
        assert_in_range(renewal_ms(0, 1), 0, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_kv),        cmocka_unit_test(paths_that_lead_elsewhere),
        cmocka_unit_test(fields_of_a_secret), cmocka_unit_test(field_that_is_not_named),
        cmocka_unit_test(words_and_numbers),  cmocka_unit_test(what_is_no_reply),
        cmocka_unit_test(time_to_renew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
