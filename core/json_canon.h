/* JSON as a digest that doesn't depend on how it is spelled, and what is odd in it. */
#ifndef JSON_CANON_H
#define JSON_CANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 128 bits of XXH3. */
struct digest {
    uint64_t lo, hi;
};

/* Nesting beyond this isn't followed: such a text counts as no JSON. */
#define JSON_DEPTH_MAX 10000

/*
 * A reader of JSON texts; one thread at a time. It keeps its memory for the next text:
 * 40 bytes for each member of the objects open at one time, and the longest string
 * with escapes.
 */
struct json_canon {
    uint64_t seed;
    struct json_level *levels;
    size_t nlevels, levels_room;
    struct json_member *members;
    size_t nmembers, members_room;
    uint8_t *scratch;
    size_t scratch_room;
};

void json_canon_init(struct json_canon *canon, uint64_t seed);
void json_canon_clear(struct json_canon *canon);

/*
 * Texts that mean the same have the same digest: spaces, the order of keys, escapes
 * and the spelling of numbers don't count; of equal keys in one object the last one
 * does (as in jsonb). facts gets the RNL_FACT_JSON_* bits found. False: no JSON
 * (RNL_FACT_JSON_INVALID), the digest is not set. Memory that is out gives false with
 * *facts 0.
 */
bool json_canon(struct json_canon *canon, const void *text, size_t len, struct digest *digest,
                uint32_t *facts);

#endif
