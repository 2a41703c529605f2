/* Which transactions a reader has: GTID sets of MySQL, with tags. */
#include "gtid.h"

#include <stdlib.h>
#include <string.h>

/* What is left of a text. */
struct reader {
    const char *at, *end;
};

static void spaces_skip(struct reader *in)
{
    while (in->at < in->end && strchr(" \t\r\n", *in->at) && *in->at)
        in->at++;
}

static bool sign_take(struct reader *in, char sign)
{
    spaces_skip(in);
    if (in->at == in->end || *in->at != sign)
        return false;
    in->at++;
    spaces_skip(in);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int uuid_take(struct reader *in, unsigned char *uuid)
{
    int digits = 0;

    spaces_skip(in);
    while (in->at < in->end && digits < 32) {
        int digit;

        if (*in->at == '-') {
            in->at++;
            continue;
        }
        digit = hex_digit(*in->at);
        if (digit < 0)
            return -1;
        uuid[digits / 2] = (unsigned char)(digits % 2 ? uuid[digits / 2] | digit : digit << 4);
        digits++;
        in->at++;
    }
    return digits == 32 ? 0 : -1;
}

static int number_take(struct reader *in, uint64_t *number)
{
    const char *from = in->at;

    *number = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        uint64_t digit = (uint64_t)(*in->at++ - '0');

        if (*number > (INT64_MAX - digit) / 10)
            return -1;
        *number = *number * 10 + digit;
    }
    return in->at > from ? 0 : -1;
}

/* Tags begin with a letter or _, which numbers don't. */
static bool tag_take(struct reader *in, char *tag)
{
    size_t len = 0;

    spaces_skip(in);
    while (in->at + len < in->end && len <= GTID_TAG_MAX) {
        char c = in->at[len];

        c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        if (!(c == '_' || (c >= 'a' && c <= 'z') || (len && c >= '0' && c <= '9')))
            break;
        if (len < GTID_TAG_MAX)
            tag[len] = c;
        len++;
    }
    if (!len || len > GTID_TAG_MAX)
        return false;
    tag[len] = '\0';
    in->at += len;
    return true;
}

static int origin_compare(const struct gtid_origin *origin, const unsigned char *uuid,
                          const char *tag)
{
    int order = memcmp(origin->uuid, uuid, 16);

    return order ? order : strcmp(origin->tag, tag);
}

/* Where the origin stands, or would. */
static size_t origin_find(const struct gtid_set *set, const unsigned char *uuid, const char *tag,
                          bool *found)
{
    size_t low = 0, high = set->count;

    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = origin_compare(&set->origins[middle], uuid, tag);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Room for one more item; NULL: out of memory. */
static void *room_make(void *items, size_t count, size_t *size, size_t item)
{
    size_t larger = *size ? *size * 2 : 4;

    if (count < *size)
        return items;
    items = realloc(items, larger * item);
    if (items)
        *size = larger;
    return items;
}

static struct gtid_origin *origin_make(struct gtid_set *set, const unsigned char *uuid,
                                       const char *tag)
{
    struct gtid_origin *origins;
    bool found;
    size_t at = origin_find(set, uuid, tag, &found);

    if (found)
        return &set->origins[at];
    origins = room_make(set->origins, set->count, &set->size, sizeof(*origins));
    if (!origins)
        return NULL;
    set->origins = origins;
    memmove(&origins[at + 1], &origins[at], (set->count - at) * sizeof(*origins));
    origins[at] = (struct gtid_origin){0};
    memcpy(origins[at].uuid, uuid, 16);
    snprintf(origins[at].tag, sizeof(origins[at].tag), "%s", tag);
    set->count++;
    return &origins[at];
}

/* The first range that ends at number or behind. */
static size_t range_find(const struct gtid_origin *origin, uint64_t number)
{
    size_t low = 0, high = origin->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (origin->ranges[middle].end < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int range_insert(struct gtid_origin *origin, size_t at, struct gtid_range range)
{
    struct gtid_range *ranges =
        room_make(origin->ranges, origin->count, &origin->size, sizeof(*ranges));

    if (!ranges)
        return -1;
    origin->ranges = ranges;
    memmove(&ranges[at + 1], &ranges[at], (origin->count - at) * sizeof(*ranges));
    ranges[at] = range;
    origin->count++;
    return 0;
}

/* Melts the range into those that it touches. */
static int range_add(struct gtid_origin *origin, struct gtid_range range)
{
    size_t at = range_find(origin, range.from), last = at;

    while (last < origin->count && origin->ranges[last].from <= range.end) {
        if (origin->ranges[last].from < range.from)
            range.from = origin->ranges[last].from;
        if (origin->ranges[last].end > range.end)
            range.end = origin->ranges[last].end;
        last++;
    }
    if (last == at)
        return range_insert(origin, at, range);
    origin->ranges[at] = range;
    memmove(&origin->ranges[at + 1], &origin->ranges[last],
            (origin->count - last) * sizeof(*origin->ranges));
    origin->count -= last - at - 1;
    return 0;
}

static int ranges_parse(struct gtid_set *set, struct reader *in)
{
    struct gtid_origin *origin;
    char tag[GTID_TAG_MAX + 1] = "";
    struct gtid_range range;
    unsigned char uuid[16];
    bool any = false;

    if (uuid_take(in, uuid))
        return -1;
    while (sign_take(in, ':')) {
        if (tag_take(in, tag))
            continue;
        if (number_take(in, &range.from) || !range.from)
            return -1;
        range.end = range.from;
        if (sign_take(in, '-') && number_take(in, &range.end))
            return -1;
        if (range.end++ < range.from)
            return -1;
        origin = origin_make(set, uuid, tag);
        if (!origin || range_add(origin, range))
            return -1;
        any = true;
    }
    return any ? 0 : -1;
}

int gtid_set_parse(struct gtid_set *set, const char *text, size_t len)
{
    struct reader in = {text, text + len};

    gtid_set_free(set);
    spaces_skip(&in);
    while (in.at < in.end) {
        if (sign_take(&in, ','))
            continue;
        if (ranges_parse(set, &in)) {
            gtid_set_free(set);
            return -1;
        }
    }
    return 0;
}

int gtid_set_add(struct gtid_set *set, const struct gtid *gtid)
{
    struct gtid_origin *origin = origin_make(set, gtid->uuid, gtid->tag);
    struct gtid_range *last;

    if (!origin)
        return -1;
    last = origin->count ? &origin->ranges[origin->count - 1] : NULL;
    if (last && last->end == gtid->number) { /* nearly always */
        last->end++;
        return 0;
    }
    return range_add(origin, (struct gtid_range){gtid->number, gtid->number + 1});
}

int gtid_set_remove(struct gtid_set *set, const struct gtid *gtid)
{
    struct gtid_origin *origin;
    struct gtid_range *range;
    bool found;
    size_t at = origin_find(set, gtid->uuid, gtid->tag, &found);

    if (!found || !gtid_set_has(set, gtid))
        return 0;
    origin = &set->origins[at];
    at = range_find(origin, gtid->number + 1);
    range = &origin->ranges[at];
    if (range->from == gtid->number) {
        if (++range->from < range->end)
            return 0;
        origin->count--;
        memmove(range, range + 1, (origin->count - at) * sizeof(*range));
        return 0;
    }
    if (range->end == gtid->number + 1) {
        range->end--;
        return 0;
    }
    if (range_insert(origin, at, (struct gtid_range){range->from, gtid->number}))
        return -1;
    origin->ranges[at + 1].from = gtid->number + 1;
    return 0;
}

static bool range_covered(const struct gtid_origin *origin, const struct gtid_range *range)
{
    size_t at = range_find(origin, range->end);

    return at < origin->count && origin->ranges[at].from <= range->from;
}

bool gtid_set_has(const struct gtid_set *set, const struct gtid *gtid)
{
    struct gtid_range one = {gtid->number, gtid->number + 1};
    bool found;
    size_t at = origin_find(set, gtid->uuid, gtid->tag, &found);

    return found && range_covered(&set->origins[at], &one);
}

bool gtid_set_contains(const struct gtid_set *set, const struct gtid_set *part)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct gtid_origin *origin = &part->origins[i];
        bool found;
        size_t at = origin_find(set, origin->uuid, origin->tag, &found);

        if (!found && origin->count)
            return false;
        for (size_t j = 0; j < origin->count; j++)
            if (!range_covered(&set->origins[at], &origin->ranges[j]))
                return false;
    }
    return true;
}

static char *number_write(char *to, uint64_t number)
{
    char digits[20];
    int count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        *to++ = digits[--count];
    return to;
}

static char *uuid_write(char *to, const unsigned char *uuid)
{
    static const char hex[] = "0123456789abcdef";

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = hex[uuid[i] >> 4];
        *to++ = hex[uuid[i] & 15];
    }
    return to;
}

void gtid_set_text(const struct gtid_set *set, struct text *out)
{
    const struct gtid_origin *last = NULL;
    char piece[64], *end;

    for (size_t i = 0; i < set->count; i++) {
        const struct gtid_origin *origin = &set->origins[i];

        if (!origin->count)
            continue;
        if (!last || memcmp(last->uuid, origin->uuid, 16) != 0) {
            end = piece;
            if (last)
                *end++ = ',';
            end = uuid_write(end, origin->uuid);
            text_bytes(out, piece, (size_t)(end - piece));
        }
        if (*origin->tag) {
            text_bytes(out, ":", 1);
            text_add(out, origin->tag);
        }
        for (size_t j = 0; j < origin->count; j++) {
            end = piece;
            *end++ = ':';
            end = number_write(end, origin->ranges[j].from);
            if (origin->ranges[j].end > origin->ranges[j].from + 1) {
                *end++ = '-';
                end = number_write(end, origin->ranges[j].end - 1);
            }
            text_bytes(out, piece, (size_t)(end - piece));
        }
        last = origin;
    }
}

static void little_add(struct text *out, uint64_t value)
{
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    text_bytes(out, bytes, sizeof(bytes));
}

void gtid_set_encode(const struct gtid_set *set, struct text *out)
{
    uint64_t count = 0;
    bool tagged = false;

    for (size_t i = 0; i < set->count; i++) {
        count += set->origins[i].count != 0;
        tagged = tagged || (set->origins[i].count && *set->origins[i].tag);
    }
    little_add(out, tagged ? (uint64_t)1 << 56 | count << 8 | 1 : count);
    for (size_t i = 0; i < set->count; i++) {
        const struct gtid_origin *origin = &set->origins[i];
        unsigned char len = (unsigned char)(strlen(origin->tag) << 1);

        if (!origin->count)
            continue;
        text_bytes(out, origin->uuid, 16);
        if (tagged) {
            text_bytes(out, &len, 1);
            text_bytes(out, origin->tag, len >> 1);
        }
        little_add(out, origin->count);
        for (size_t j = 0; j < origin->count; j++) {
            little_add(out, origin->ranges[j].from);
            little_add(out, origin->ranges[j].end);
        }
    }
}

void gtid_set_free(struct gtid_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->origins[i].ranges);
    free(set->origins);
    *set = (struct gtid_set){0};
}

int gtid_parse(struct gtid *gtid, const char *text)
{
    struct reader in = {text, text + strlen(text)};

    *gtid = (struct gtid){0};
    if (uuid_take(&in, gtid->uuid) || !sign_take(&in, ':'))
        return -1;
    if (tag_take(&in, gtid->tag) && !sign_take(&in, ':'))
        return -1;
    return number_take(&in, &gtid->number) || in.at != in.end || !gtid->number ? -1 : 0;
}

void gtid_text(const struct gtid *gtid, char out[static GTID_ONE_MAX])
{
    char *end = uuid_write(out, gtid->uuid);

    *end++ = ':';
    if (*gtid->tag) {
        size_t len = strlen(gtid->tag);

        memcpy(end, gtid->tag, len);
        end += len;
        *end++ = ':';
    }
    end = number_write(end, gtid->number);
    *end = '\0';
}
