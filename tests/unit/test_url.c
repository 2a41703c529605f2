/* Connections as URLs: what each part means, what is refused, and that passwords don't stay. */
#include "config.h"
#include "fake_plugins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a URL must give: plugin, then names and texts. */
struct good {
    const char *url, *plugin;
    const char *pairs[12];
};

static const struct good goods[] = {
    {"mysql://u:p@h:3307/shop",
     "mysql",
     {"user", "u", "password", "p", "host", "h", "port", "3307", "database", "shop"}},
    {"MariaDB://h/shop", "mysql", {"host", "h", "database", "shop"}},
    {"postgres://a%40b:c%3Ad%2F@h/x%20y",
     "postgres",
     {"user", "a@b", "password", "c:d/", "database", "x y"}},
    {"postgres://u:p@q@h/x", "postgres", {"password", "p@q", "host", "h"}},
    {"postgresql://[::1]:5433/x", "postgres", {"host", "::1", "port", "5433"}},
    {"postgresql://[fe80::1]/x", "postgres", {"host", "fe80::1"}},
    {"postgres://%2Frun%2Fpg/x", "postgres", {"socket", "/run/pg", "database", "x"}},
    {"mysql:///shop?socket=/run/my.sock", "mysql", {"socket", "/run/my.sock", "database", "shop"}},
    {"mysql://h", "mysql", {"host", "h"}},
    {"mysql://h/s?ssl-mode=VERIFY_CA&ssl-ca=/a%26b&connect-timeout=5",
     "mysql",
     {"tls.mode", "verify-ca", "tls.ca", "/a&b", "connect_timeout", "5"}},
    {"mysql://h/s?tls=skip-verify", "mysql", {"tls.mode", "require"}},
    {"mysql://h/s?tls.mode=verify-full", "mysql", {"tls.mode", "verify-full"}},
    {"mysql://h/s?tinyint1=bool", "mysql", {"tinyint1", "bool"}},
    {"postgres://h/s?sslmode=verify-full&sslrootcert=/ca&application_name=r&schema=s",
     "postgres",
     {"tls.mode", "verify-full", "tls.ca", "/ca", "application_name", "r", "schema", "s"}},
    {"postgres://h/s?password=secret://vault/shop%23pw",
     "postgres",
     {"password", "secret://vault/shop#pw"}},
    {"postgres://h/s?password-file=/run/pw", "postgres", {"password", "file:/run/pw"}},
    {"postgres:///s?host=/run/pg&port=5433",
     "postgres",
     {"socket", "/run/pg", "port", "5433", "database", "s"}},
    {"my://h/s", "mysql", {"host", "h"}},
};

static void good_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(goods); i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        struct connection_config *made;
        char *url = strdup(goods[i].url);

        if (config_connection_from_url(url, &made, &err) != RNL_OK)
            fail_msg("%s: %s", goods[i].url, err.text);
        assert_string_equal(made->plugin, goods[i].plugin);
        for (const char *const *pair = goods[i].pairs; *pair; pair += 2) {
            const struct setting *setting = settings_find(&made->settings, pair[0]);

            if (!setting)
                fail_msg("%s: no %s", goods[i].url, pair[0]);
            assert_string_equal(setting->text, pair[1]);
            assert_int_equal(setting->origin.kind, ORIGIN_URL);
        }
        connection_config_free(made);
        free(url);
    }
}

static const struct {
    const char *url, *code, *says;
} bads[] = {
    {"shop", "config.bad_url", "://"},
    {"", "config.bad_url", "://"},
    {"mysq://h/s", "config.unknown_scheme", "mysql"},
    {"oracle://h/s", "config.unknown_scheme", "oracle"},
    {"mysql://h:0/s", "config.bad_url", "port"},
    {"mysql://h:65536/s", "config.bad_url", "port"},
    {"mysql://h:+1/s", "config.bad_url", "port"},
    {"mysql://h:x/s", "config.bad_url", "port"},
    {"mysql://::1/s", "config.bad_url", "brackets"},
    {"mysql://[::1/s", "config.bad_url", "brackets"},
    {"mysql://[::1]x/s", "config.bad_url", "brackets"},
    {"mysql://a,b/s", "config.bad_url", "one host"},
    {"mysql://h/%zz", "config.bad_url", "hexadecimal"},
    {"mysql://h/%4", "config.bad_url", "hexadecimal"},
    {"mysql://h/%00", "config.bad_url", "hexadecimal"},
    {"mysql://h/s?", NULL, NULL},
    {"mysql://h/s?x", "config.bad_url", "name=value"},
    {"mysql://h/s?=x", "config.bad_url", "name=value"},
    {"mysql://h/s?connect_timeuot=5", "config.unknown_word", "connect_timeout"},
    {"mysql://h/s?ssl-mod=x", "config.unknown_word", "ssl-mode"},
    {"mysql://h/s?ssl-mode=PREFERRED", "config.bad_value", "in the clear"},
    {"postgres://h/s?sslmode=prefer", "config.bad_value", "in the clear"},
    {"mysql://h/s?application_name=x", "config.unknown_word", "application_name"},
    {"mysql://h/s?tinyint1=booool", "config.unknown_word", "bool"},
    {"mysql://h/s?connect_timeout=soon", "config.wrong_type", "soon"},
};

static void bad_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bads); i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        struct connection_config *made;
        char *url = strdup(bads[i].url);
        int status = config_connection_from_url(url, &made, &err);

        if ((status == RNL_OK) != (bads[i].code == NULL))
            fail_msg("%s: status %d", bads[i].url, status);
        if (bads[i].code) {
            if (strcmp(err.code, bads[i].code) != 0)
                fail_msg("%s: %s: %s", bads[i].url, err.code, err.text);
            if (!strstr(err.text, bads[i].says) && !strstr(err.hint, bads[i].says))
                fail_msg("%s: %s / %s", bads[i].url, err.text, err.hint);
            assert_null(made);
        }
        connection_config_free(made);
        free(url);
    }
}

static const struct {
    const char *url, *left;
} hidden[] = {
    {"mysql://u:geheim@h/s", "mysql://u:******@h/s"},
    {"mysql://u:ge@im@h/s", "mysql://u:*****@h/s"},
    {"mysql://u:ge/im@h/s", "mysql://u:*****@h/s"},
    {"mysql://u@h:3306/s", "mysql://u@h:3306/s"},
    {"mysql://h:3306/s?user=a@b", "mysql://h:3306/s?user=a@b"},
    {"mysql://u@h/s?password=abc&user=x", "mysql://u@h/s?password=***&user=x"},
    {"mysql://u@h/s?user=x&password=abc", "mysql://u@h/s?user=x&password=***"},
    {"mysql://u@h/s?password=env:PW", "mysql://u@h/s?password=env:PW"},
};

static void passwords_are_overwritten(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hidden); i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        struct connection_config *made;
        char *url = strdup(hidden[i].url);

        (void)config_connection_from_url(url, &made, &err);
        assert_string_equal(url, hidden[i].left);
        assert_null(strstr(err.text, "geheim"));
        connection_config_free(made);
        free(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls),
        cmocka_unit_test(bad_urls),
        cmocka_unit_test(passwords_are_overwritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
