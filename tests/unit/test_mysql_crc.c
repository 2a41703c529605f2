/* The checksum of events: what zlib says, at every length and place. */
#include "crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <zlib.h>

#include <cmocka.h>

enum { ROOM = 4096 + 64 };

static void test_same_as_zlib(void **state)
{
    uint8_t bytes[ROOM];
    uint32_t any = 4711;

    (void)state;
    for (size_t i = 0; i < ROOM; i++) {
        any = any * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(any >> 24);
    }
    for (size_t len = 0; len <= 600; len++)
        for (size_t at = 0; at < 17; at++)
            assert_int_equal(crc_of(bytes + at, len), crc32_z(0, bytes + at, len));
    for (size_t len = 600; len <= 4096; len += 37)
        assert_int_equal(crc_of(bytes + 3, len), crc32_z(0, bytes + 3, len));
}

static void test_known(void **state)
{
    (void)state;
    assert_int_equal(crc_of("", 0), 0);
    assert_int_equal(crc_of("123456789", 9), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_zlib),
        cmocka_unit_test(test_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
