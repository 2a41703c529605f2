/* CRC-32 by products without carries: several times as fast as by tables, which zlib has. */
#include "crc.h"

#include <zlib.h>

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define FOLDS_FROM 16 /* bytes: a word */

/*
 * x^n mod P, bits reversed, for the distances that a word is folded over: 4 * 128 + 64 and 4 * 128
 * bits, 128 + 64 and 128, and 64; then P itself, and floor(x^64 / P).
 */
static const uint64_t fold_four[2] = {0x154442bd4, 0x1c6e41596};
static const uint64_t fold_one[2] = {0x1751997d0, 0x0ccaa009e};
static const uint64_t fold_half[2] = {0x163cd6124, 0};
static const uint64_t reduce[2] = {0x1db710641, 0x1f7011641};

#define CRC_TARGET __attribute__((target("pclmul,sse4.1")))

static __m128i CRC_TARGET load(const void *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

static __m128i CRC_TARGET fold(__m128i word, __m128i by, __m128i next)
{
    return _mm_xor_si128(
        _mm_xor_si128(_mm_clmulepi64_si128(word, by, 0x00), _mm_clmulepi64_si128(word, by, 0x11)),
        next);
}

/* 128 bits to 32: by half, by a quarter, and the rest as Barrett has it. */
static uint32_t CRC_TARGET reduced(__m128i word)
{
    const __m128i low = _mm_setr_epi32(-1, 0, 0, 0), by = load(reduce);
    __m128i at;

    word = _mm_xor_si128(_mm_clmulepi64_si128(word, load(fold_one), 0x10), _mm_srli_si128(word, 8));
    word = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(word, low), load(fold_half), 0x00),
                         _mm_srli_si128(word, 4));
    at = _mm_clmulepi64_si128(_mm_and_si128(word, low), by, 0x10);
    at = _mm_clmulepi64_si128(_mm_and_si128(at, low), by, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(word, at), 1);
}

/*
 * Zeros ahead of all change nothing: so the first words are filled up with them, and nothing is
 * left at the end. What the sum begins with is turned into the first four bytes.
 */
static const uint8_t *CRC_TARGET begun(const uint8_t *at, size_t len, __m128i *word)
{
    size_t taken = 16 + len % 16;
    uint8_t head[32] = {0};

    memcpy(head + sizeof(head) - taken, at, taken);
    for (size_t i = 0; i < 4; i++)
        head[sizeof(head) - taken + i] ^= 0xff;
    *word = fold(load(head), load(fold_one), load(head + 16));
    return at + taken;
}

/* Of at least a word. */
static uint32_t CRC_TARGET folded(const uint8_t *at, size_t len)
{
    const __m128i four = load(fold_four), one = load(fold_one);
    const uint8_t *end = at + len;
    __m128i a;

    at = begun(at, len, &a);
    if (end - at >= 64) {
        __m128i b = load(at + 16), c = load(at + 32), d = load(at + 48);

        a = fold(a, one, load(at));
        for (at += 64; end - at >= 64; at += 64) {
            a = fold(a, four, load(at));
            b = fold(b, four, load(at + 16));
            c = fold(c, four, load(at + 32));
            d = fold(d, four, load(at + 48));
        }
        a = fold(fold(fold(a, one, b), one, c), one, d);
    }
    for (; at < end; at += 16)
        a = fold(a, one, load(at));
    return reduced(a);
}

uint32_t crc_of(const void *bytes, size_t len)
{
    if (len < FOLDS_FROM || !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("sse4.1"))
        return (uint32_t)crc32_z(0, bytes, len);
    return ~folded(bytes, len);
}

#else

uint32_t crc_of(const void *bytes, size_t len)
{
    return (uint32_t)crc32_z(0, bytes, len);
}

#endif
