/* CRC-32C: as its definition has it, whatever the length and wherever the bytes lie. */
#include "util/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MOST 20000

static uint32_t by_bits(uint32_t crc, const unsigned char *p, size_t len)
{
    crc = ~crc;
    for (; len > 0; p++, len--) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

static void fill(unsigned char *bytes)
{
    uint32_t state = 1;

    for (size_t i = 0; i < MOST; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(state >> 24);
    }
}

static void test_known(void **state)
{
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static void test_lengths(void **state)
{
    static const size_t lengths[] = {1,    7,    8,    9,    63,   3071, 3072,  3073,
                                     3080, 6143, 6144, 9215, 9216, 9999, 12288, 19990};
    static unsigned char bytes[MOST];

    (void)state;
    fill(bytes);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (size_t at = 0; at < 9; at++)
            assert_int_equal(crc32c(0, bytes + at, lengths[i]), by_bits(0, bytes + at, lengths[i]));
}

static void test_goes_on(void **state)
{
    static unsigned char bytes[MOST];
    uint32_t whole;

    (void)state;
    fill(bytes);
    whole = crc32c(0, bytes, MOST);
    for (size_t cut = 0; cut < MOST; cut += 777)
        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, MOST - cut), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
