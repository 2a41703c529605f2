/* A strict JSON reader without recursion that folds a text into a digest of its meaning. */
#include "json_canon.h"

#include "json_number.h"

#include <runnel/schema.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Digests of different kinds never meet, whatever their bytes: each kind has its own salt. */
enum { SALT_WORD = 1, SALT_NUMBER, SALT_STRING, SALT_KEY, SALT_ARRAY, SALT_OBJECT };

/* An array or object that is still open. */
struct json_level {
    bool is_object;
    uint64_t count;      /* of an array: the elements folded into chain */
    struct digest chain; /* of an array */
    struct digest key;   /* of an object: the member that is being read */
    size_t first_member; /* of an object: where its members start */
};

/* Without gaps: an object's digest is that of its members' bytes. */
struct json_member {
    struct digest key, value;
    uint64_t number; /* in its object, as read */
};

/* What PostgreSQL's numeric holds: digits before the point, and behind it. */
#define NUMERIC_MOST_BEFORE 131072
#define NUMERIC_MOST_BEHIND 16383
#define EXPONENT_MOST 1000000000000
#define SCRATCH_KEPT ((size_t)1 << 20)

/* One text under way. */
struct scan {
    struct json_canon *canon;
    const uint8_t *p, *end;
    uint32_t facts;
    bool no_memory;
};

void json_canon_init(struct json_canon *canon, uint64_t seed)
{
    *canon = (struct json_canon){.seed = seed};
}

void json_canon_clear(struct json_canon *canon)
{
    free(canon->levels);
    free(canon->members);
    free(canon->scratch);
    *canon = (struct json_canon){.seed = canon->seed};
}

static struct digest digest_bytes(const struct json_canon *canon, unsigned salt, const void *bytes,
                                  size_t len)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, len, canon->seed + salt);

    return (struct digest){hash.low64, hash.high64};
}

/* Room for one more element; the array moves. */
static bool make_room(void **array, size_t count, size_t *room, size_t size, size_t first)
{
    size_t more = *room ? *room * 2 : first;
    void *moved;

    if (count < *room)
        return true;
    moved = realloc(*array, more * size);
    if (!moved)
        return false;
    *array = moved;
    *room = more;
    return true;
}

static bool make_scratch(struct scan *scan, size_t len)
{
    uint8_t *moved;

    if (len <= scan->canon->scratch_room)
        return true;
    moved = realloc(scan->canon->scratch, len);
    if (!moved) {
        scan->no_memory = true;
        return false;
    }
    scan->canon->scratch = moved;
    scan->canon->scratch_room = len;
    return true;
}

static void skip_spaces(struct scan *scan)
{
    while (scan->p < scan->end &&
           (*scan->p == ' ' || *scan->p == '\t' || *scan->p == '\n' || *scan->p == '\r'))
        scan->p++;
}

static bool read_hex4(struct scan *scan, uint32_t *unit)
{
    *unit = 0;
    if (scan->end - scan->p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *scan->p++;

        *unit <<= 4;
        if (c >= '0' && c <= '9')
            *unit |= (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            *unit |= (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    return true;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (uint8_t)code;
    } else if (code < 0x800) {
        *out++ = (uint8_t)(0xc0 | code >> 6);
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (uint8_t)(0xe0 | code >> 12);
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    } else {
        *out++ = (uint8_t)(0xf0 | code >> 18);
        *out++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    }
    return out;
}

/* Behind \u. Halves of a pair that stand alone are kept, as three bytes each. */
static bool read_unicode(struct scan *scan, uint8_t **out)
{
    uint32_t code, low;

    if (!read_hex4(scan, &code))
        return false;
    if (code == 0)
        scan->facts |= RNL_FACT_JSON_NUL;
    if (code >= 0xd800 && code < 0xdc00 && scan->end - scan->p >= 6 && scan->p[0] == '\\' &&
        scan->p[1] == 'u') {
        const uint8_t *back = scan->p;

        scan->p += 2;
        if (!read_hex4(scan, &low))
            return false;
        if (low >= 0xdc00 && low < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        else
            scan->p = back;
    }
    if (code >= 0xd800 && code < 0xe000)
        scan->facts |= RNL_FACT_JSON_SURROGATE;
    *out = put_utf8(*out, code);
    return true;
}

static bool read_escape(struct scan *scan, uint8_t **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at;

    if (scan->p == scan->end || *scan->p == 0)
        return false;
    if (*scan->p == 'u') {
        scan->p++;
        return read_unicode(scan, out);
    }
    at = strchr(from, *scan->p++);
    if (!at)
        return false;
    *(*out)++ = (uint8_t)to[at - from];
    return true;
}

/* The rest of a string whose escapes begin at p; start is behind its quote. */
static bool read_escaped(struct scan *scan, const uint8_t *start, unsigned salt,
                         struct digest *digest)
{
    size_t plain = (size_t)(scan->p - start);
    const uint8_t *close = scan->p;
    uint8_t *out;

    while (close < scan->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= scan->end)
        return false;
    /* Decoded text is never longer than its escapes. */
    if (!make_scratch(scan, (size_t)(close - start) + 4))
        return false;
    memcpy(scan->canon->scratch, start, plain);
    out = scan->canon->scratch + plain;
    while (scan->p < close) {
        if (*scan->p < 0x20)
            return false;
        if (*scan->p != '\\') {
            *out++ = *scan->p++;
            continue;
        }
        scan->p++;
        if (!read_escape(scan, &out))
            return false;
    }
    scan->p = close + 1;
    *digest =
        digest_bytes(scan->canon, salt, scan->canon->scratch, (size_t)(out - scan->canon->scratch));
    return true;
}

/* p stands at the opening quote. */
static bool read_string(struct scan *scan, unsigned salt, struct digest *digest)
{
    const uint8_t *start = ++scan->p;

    while (scan->p < scan->end && *scan->p != '"' && *scan->p != '\\' && *scan->p >= 0x20)
        scan->p++;
    if (scan->p == scan->end || *scan->p < 0x20)
        return false;
    if (*scan->p == '\\')
        return read_escaped(scan, start, salt, digest);
    *digest = digest_bytes(scan->canon, salt, start, (size_t)(scan->p - start));
    scan->p++;
    return true;
}

static size_t count_digits(struct scan *scan)
{
    const uint8_t *start = scan->p;

    while (scan->p < scan->end && *scan->p >= '0' && *scan->p <= '9')
        scan->p++;
    return (size_t)(scan->p - start);
}

/* Behind e or E. Absurd exponents are cut: the fact is told, and equal texts stay equal. */
static bool read_exponent(struct scan *scan, int64_t *exponent)
{
    bool negative = false;
    const uint8_t *start;
    size_t count;

    if (scan->p < scan->end && (*scan->p == '+' || *scan->p == '-'))
        negative = *scan->p++ == '-';
    start = scan->p;
    count = count_digits(scan);
    if (count == 0)
        return false;
    *exponent = 0;
    for (size_t i = 0; i < count && *exponent < EXPONENT_MOST; i++)
        *exponent = *exponent * 10 + (start[i] - '0');
    if (negative)
        *exponent = -*exponent;
    return true;
}

/*
 * The digest of a number: sign, digits without zeros at the ends, and the power of
 * ten of the last digit. `digits` holds whole digits and then fraction digits.
 */
static struct digest digest_number(struct scan *scan, const uint8_t *text, uint8_t *digits,
                                   size_t count, int64_t power)
{
    bool negative = *text == '-';
    size_t first = 0;
    bool fits = -power <= NUMERIC_MOST_BEHIND; /* zeros at its end count there */

    while (first < count && digits[first] == '0')
        first++;
    while (count > first && digits[count - 1] == '0') {
        count--;
        power++;
    }
    if (first == count)
        return digest_bytes(scan->canon, SALT_NUMBER, "0", 1);
    if (!fits || (int64_t)(count - first) + power > NUMERIC_MOST_BEFORE)
        scan->facts |= RNL_FACT_JSON_NUMBER;
    else if (!json_number_is_kept((const char *)text, (size_t)(scan->p - text),
                                  (const char *)digits + first, count - first, power))
        scan->facts |= RNL_FACT_JSON_DIGITS;
    memcpy(digits + count, &power, sizeof(power));
    digits[count + sizeof(power)] = negative ? '-' : '+';
    return digest_bytes(scan->canon, SALT_NUMBER, digits + first,
                        count - first + sizeof(power) + 1);
}

static bool read_number(struct scan *scan, struct digest *digest)
{
    const uint8_t *text = scan->p, *whole, *fraction = NULL;
    size_t nwhole, nfraction = 0;
    int64_t exponent = 0;

    scan->p += *text == '-';
    whole = scan->p;
    nwhole = count_digits(scan);
    if (nwhole == 0 || (nwhole > 1 && *whole == '0'))
        return false;
    if (scan->p < scan->end && *scan->p == '.') {
        fraction = ++scan->p;
        nfraction = count_digits(scan);
        if (nfraction == 0)
            return false;
    }
    if (scan->p < scan->end && (*scan->p | 0x20) == 'e') {
        scan->p++;
        if (!read_exponent(scan, &exponent))
            return false;
    }
    if (!make_scratch(scan, nwhole + nfraction + sizeof(int64_t) + 1))
        return false;
    memcpy(scan->canon->scratch, whole, nwhole);
    if (nfraction)
        memcpy(scan->canon->scratch + nwhole, fraction, nfraction);
    *digest = digest_number(scan, text, scan->canon->scratch, nwhole + nfraction,
                            exponent - (int64_t)nfraction);
    return true;
}

static bool read_word(struct scan *scan, struct digest *digest)
{
    static const char *const words[] = {"null", "true", "false"};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        size_t len = strlen(words[i]);

        if ((size_t)(scan->end - scan->p) >= len && memcmp(scan->p, words[i], len) == 0) {
            scan->p += len;
            *digest = digest_bytes(scan->canon, SALT_WORD, words[i], len);
            return true;
        }
    }
    return false;
}

static bool read_scalar(struct scan *scan, struct digest *digest)
{
    if (*scan->p == '"')
        return read_string(scan, SALT_STRING, digest);
    if (*scan->p == '-' || (*scan->p >= '0' && *scan->p <= '9'))
        return read_number(scan, digest);
    return read_word(scan, digest);
}

static bool open_level(struct scan *scan)
{
    struct json_canon *canon = scan->canon;
    void *levels = canon->levels;

    if (canon->nlevels == JSON_DEPTH_MAX)
        return false;
    if (!make_room(&levels, canon->nlevels, &canon->levels_room, sizeof(*canon->levels), 16)) {
        scan->no_memory = true;
        return false;
    }
    canon->levels = levels;
    canon->levels[canon->nlevels++] =
        (struct json_level){.is_object = *scan->p == '{', .first_member = canon->nmembers};
    scan->p++;
    return true;
}

static int compare_digests(const struct digest *a, const struct digest *b)
{
    if (a->hi != b->hi)
        return a->hi < b->hi ? -1 : 1;
    return a->lo < b->lo ? -1 : a->lo > b->lo;
}

static int by_key(const void *a, const void *b)
{
    const struct json_member *left = a, *right = b;
    int order = compare_digests(&left->key, &right->key);

    if (order)
        return order;
    return left->number < right->number ? -1 : left->number > right->number;
}

/*
 * Any order will do, if it is the same for every spelling: members are put in the
 * order of their keys' digests. Of equal keys the last one read wins.
 */
static size_t sort_members(struct scan *scan, struct json_member *members, size_t count)
{
    size_t kept = 0;

    if (count > 1)
        qsort(members, count, sizeof(*members), by_key);
    for (size_t i = 0; i < count; i++) {
        bool again = kept && compare_digests(&members[kept - 1].key, &members[i].key) == 0;

        if (again)
            scan->facts |= RNL_FACT_JSON_DUPLICATES;
        else
            kept++;
        members[kept - 1] = members[i];
        members[kept - 1].number = 0;
    }
    return kept;
}

static struct digest close_level(struct scan *scan)
{
    struct json_canon *canon = scan->canon;
    struct json_level *level = &canon->levels[--canon->nlevels];
    struct json_member *members;
    size_t count;

    scan->p++;
    if (!level->is_object) {
        uint64_t parts[3] = {level->chain.lo, level->chain.hi, level->count};

        return digest_bytes(canon, SALT_ARRAY, parts, sizeof(parts));
    }
    count = canon->nmembers - level->first_member;
    if (count == 0)
        return digest_bytes(canon, SALT_OBJECT, "", 0);
    members = canon->members + level->first_member;
    canon->nmembers = level->first_member;
    count = sort_members(scan, members, count);
    return digest_bytes(canon, SALT_OBJECT, members, count * sizeof(*members));
}

/* A value is whole: into the array or object around it. */
static bool fold_value(struct scan *scan, const struct digest *value)
{
    struct json_canon *canon = scan->canon;
    struct json_level *level = &canon->levels[canon->nlevels - 1];
    void *members = canon->members;

    if (!level->is_object) {
        struct digest parts[2] = {level->chain, *value};

        level->chain = digest_bytes(canon, SALT_ARRAY, parts, sizeof(parts));
        level->count++;
        return true;
    }
    if (!make_room(&members, canon->nmembers, &canon->members_room, sizeof(*canon->members), 64)) {
        scan->no_memory = true;
        return false;
    }
    canon->members = members;
    canon->members[canon->nmembers] = (struct json_member){
        .key = level->key, .value = *value, .number = canon->nmembers - level->first_member};
    canon->nmembers++;
    return true;
}

/* At a member's key: reads up to its value. */
static bool read_key(struct scan *scan)
{
    struct digest key;

    if (scan->p == scan->end || *scan->p != '"' || !read_string(scan, SALT_KEY, &key))
        return false;
    scan->canon->levels[scan->canon->nlevels - 1].key = key;
    skip_spaces(scan);
    if (scan->p == scan->end || *scan->p != ':')
        return false;
    scan->p++;
    skip_spaces(scan);
    return true;
}

/*
 * At the start of a value: opens arrays and objects until something is whole, which
 * is a scalar or an empty one of them.
 */
static bool read_down(struct scan *scan, struct digest *value)
{
    for (;;) {
        if (scan->p == scan->end)
            return false;
        if (*scan->p != '{' && *scan->p != '[')
            return read_scalar(scan, value);
        if (!open_level(scan))
            return false;
        skip_spaces(scan);
        if (scan->p == scan->end)
            return false;
        if (scan->canon->levels[scan->canon->nlevels - 1].is_object) {
            if (*scan->p == '}') {
                *value = close_level(scan);
                return true;
            }
            if (!read_key(scan))
                return false;
        } else if (*scan->p == ']') {
            *value = close_level(scan);
            return true;
        }
    }
}

/* A value is whole: closes what ends with it, and stops before the next value (true) or the end. */
static bool read_up(struct scan *scan, struct digest *value, bool *more)
{
    struct json_canon *canon = scan->canon;

    *more = false;
    while (canon->nlevels) {
        bool is_object = canon->levels[canon->nlevels - 1].is_object;

        if (!fold_value(scan, value))
            return false;
        skip_spaces(scan);
        if (scan->p == scan->end)
            return false;
        if (*scan->p == ',') {
            scan->p++;
            skip_spaces(scan);
            *more = true;
            return !is_object || read_key(scan);
        }
        if (*scan->p != (is_object ? '}' : ']'))
            return false;
        *value = close_level(scan);
    }
    return true;
}

static bool read_document(struct scan *scan, struct digest *value)
{
    bool more = true;

    skip_spaces(scan);
    while (more)
        if (!read_down(scan, value) || !read_up(scan, value, &more))
            return false;
    skip_spaces(scan);
    return scan->p == scan->end;
}

bool json_canon(struct json_canon *canon, const void *text, size_t len, struct digest *digest,
                uint32_t *facts)
{
    struct scan scan = {.canon = canon, .p = text, .end = (const uint8_t *)text + len};
    bool valid;

    canon->nlevels = 0;
    canon->nmembers = 0;
    valid = read_document(&scan, digest);
    *facts = scan.facts;
    if (!valid)
        *facts = scan.no_memory ? 0 : scan.facts | RNL_FACT_JSON_INVALID;
    if (canon->scratch_room > SCRATCH_KEPT ||
        canon->members_room > SCRATCH_KEPT / sizeof(struct json_member))
        json_canon_clear(canon); /* one huge text doesn't set the size for good */
    return valid;
}
