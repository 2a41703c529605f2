/* CRC-32C: by the processor's instruction where there is one, else by table. */
#include "crc32c.h"

#include <pthread.h>
#include <string.h>

static uint32_t table[8][256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 0xff];
}

static uint32_t by_table(uint32_t crc, const unsigned char *p, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_table);
    for (; len >= 8; p += 8, len -= 8) {
        uint32_t low;

        memcpy(&low, p, 4);
        low ^= crc;
        crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^
              table[4][low >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
              table[0][p[7]];
    }
    for (; len > 0; p++, len--)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
    return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define LANE ((size_t)1024)

static uint32_t past_one, past_two; /* what carries a sum past one lane of zeros, and two */

/* x^(8 len - 33), bits reversed: the product's own shift and the instruction's make up for 33. */
static uint32_t power_past(size_t len)
{
    uint32_t power = 0x80000000u;

    for (size_t i = 0; i < 8 * len - 33; i++)
        power = power & 1 ? power >> 1 ^ 0x82f63b78u : power >> 1;
    return power;
}

static void make_powers(void)
{
    past_one = power_past(LANE);
    past_two = power_past(2 * LANE);
}

__attribute__((target("sse4.2,pclmul"))) static uint64_t carry(uint64_t crc, uint32_t power)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
                                           _mm_cvtsi64_si128((long long)power), 0);

    return __builtin_ia32_crc32di(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* The instruction takes a word each cycle, but three until its result is there: so three lanes. */
__attribute__((target("sse4.2,pclmul"))) static uint64_t three_lanes(uint64_t crc,
                                                                     const unsigned char *p)
{
    uint64_t second = 0, third = 0, words[3];

    for (const unsigned char *end = p + LANE; p < end; p += 8) {
        memcpy(&words[0], p, 8);
        memcpy(&words[1], p + LANE, 8);
        memcpy(&words[2], p + 2 * LANE, 8);
        crc = __builtin_ia32_crc32di(crc, words[0]);
        second = __builtin_ia32_crc32di(second, words[1]);
        third = __builtin_ia32_crc32di(third, words[2]);
    }
    return carry(crc, past_two) ^ carry(second, past_one) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t by_processor(uint32_t crc,
                                                                      const unsigned char *p,
                                                                      size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t wide = crc;

    pthread_once(&once, make_powers);
    for (; len >= 3 * LANE; p += 3 * LANE, len -= 3 * LANE)
        wide = three_lanes(wide, p);
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word;

        memcpy(&word, p, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; p++, len--)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}

static int processor_can(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}
#else
static uint32_t by_processor(uint32_t crc, const unsigned char *p, size_t len)
{
    return by_table(crc, p, len);
}

static int processor_can(void)
{
    return 0;
}
#endif

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
    crc = ~crc;
    crc = processor_can() ? by_processor(crc, bytes, len) : by_table(crc, bytes, len);
    return ~crc;
}
