/* Secrets in texts of others: gone, and the rest stands. */
#include "redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void is(const char *text, const char *wanted)
{
    char buf[300];

    snprintf(buf, sizeof(buf), "%s", text);
    redact(buf);
    assert_string_equal(buf, wanted);
}

static void urls_lose_their_passwords(void **state)
{
    (void)state;
    is("can't reach mysql://app:hunter2@db:3306/shop: refused",
       "can't reach mysql://app:***@db:3306/shop: refused");
    is("a://u:p@@w/x@host b://u:12@h", "a://u:***@host b://u:**@h");
    is("postgres://app@db/shop", "postgres://app@db/shop");
    is("nats://host:4222 is away, mail me@example.org",
       "nats://host:4222 is away, mail me@example.org");
}

static void values_behind_words_go(void **state)
{
    (void)state;
    is("host=db password=hunter2 user=app", "host=db password=*** user=app");
    is("PGPASSWORD='hunter 2 ' x", "PGPASSWORD='***' x");
    is("{\"password\": \"hun,ter2\", \"port\": 1}", "{\"password\": \"***\", \"port\": 1}");
    is("Password : hunter2; next", "Password : ***; next");
    is("ALTER USER app IDENTIFIED BY 'hunter2'", "ALTER USER app IDENTIFIED BY '***'");
    is("Authorization: Bearer abcdef", "Authorization: Bearer ***");
    is("token=abc&secret=defg", "token=***&secret=***");
    is("password=", "password=");
    is("password=\"never closed", "password=\"***");
    is("password=password=x", "password=***");
}

static void other_words_stay(void **state)
{
    (void)state;
    is("", "");
    is("free(): invalid pointer", "free(): invalid pointer");
    is("password authentication failed for user app",
       "password authentication failed for user app");
    is("==1234==ERROR: AddressSanitizer: heap-use-after-free",
       "==1234==ERROR: AddressSanitizer: heap-use-after-free");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_lose_their_passwords),
        cmocka_unit_test(values_behind_words_go),
        cmocka_unit_test(other_words_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
