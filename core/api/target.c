/* Paths, queries and Host headers: taken apart strictly, by RFC 3986 and RFC 9110. */
#include "target.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The bytes that follow a lead byte of UTF-8, or -1. Overlong forms and surrogates are told by the
 * second byte. */
static int tail_of(uint8_t lead, uint8_t second)
{
    if (lead < 0x80)
        return 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead == 0xe0)
        return second >= 0xa0 ? 2 : -1;
    if (lead == 0xed)
        return second <= 0x9f ? 2 : -1;
    if (lead > 0xe0 && lead <= 0xef)
        return 2;
    if (lead == 0xf0)
        return second >= 0x90 ? 3 : -1;
    if (lead == 0xf4)
        return second <= 0x8f ? 3 : -1;
    return lead > 0xf0 && lead < 0xf4 ? 3 : -1;
}

static bool is_plain_text(const char *text)
{
    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        int tail = tail_of(*at, at[1]);

        if (*at < 0x20 || *at == 0x7f || tail < 0)
            return false;
        if (*at == 0xc2 && at[1] < 0xa0)
            return false; /* control characters of the second set */
        for (at++; tail > 0; tail--, at++)
            if ((*at & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* One part, up to end, into *to; NULL, or what is wrong. */
static const char *decode(const char *from, const char *end, bool query, char **to)
{
    char *start = *to, *out = start;

    for (; from < end; from++) {
        int high, low;

        if (*from == '+' && query) {
            *out++ = ' ';
            continue;
        }
        if (*from != '%') {
            *out++ = *from;
            continue;
        }
        high = end - from > 2 ? hex_digit(from[1]) : -1;
        low = high >= 0 ? hex_digit(from[2]) : -1;
        if (low < 0)
            return "a % without two hexadecimal digits";
        *out = (char)(high * 16 + low);
        if (*out == '\0' || (!query && (*out == '/' || *out == '\\')))
            return "an encoded character that can't stand there";
        out++;
        from += 2;
    }
    *out = '\0';
    *to = out + 1;
    return is_plain_text(start) ? NULL : "text that isn't UTF-8, or holds control characters";
}

static const char *parse_path(const char *from, const char *end, struct target *target, char **to)
{
    if (end - from == 1)
        return NULL; /* "/" */
    while (from < end) {
        const char *next = memchr(from + 1, '/', (size_t)(end - from - 1)), *wrong;
        char *start = *to;

        if (!next)
            next = end;
        if (target->nsegments == TARGET_SEGMENTS)
            return "too many segments";
        wrong = decode(from + 1, next, false, to);
        if (wrong)
            return wrong;
        if (strcmp(start, "") == 0 || strcmp(start, ".") == 0 || strcmp(start, "..") == 0)
            return "a segment that is empty, \".\" or \"..\"";
        if (strchr(start, '\\'))
            return "a backslash";
        target->segments[target->nsegments++] = start;
        from = next;
    }
    return NULL;
}

static const char *parse_query(const char *from, const char *end, struct target *target, char **to)
{
    while (from < end) {
        const char *next = memchr(from, '&', (size_t)(end - from)), *equals, *wrong;
        struct target_field *field = &target->fields[target->nfields];

        if (!next)
            next = end;
        if (target->nfields == TARGET_FIELDS)
            return "too many fields";
        equals = memchr(from, '=', (size_t)(next - from));
        field->name = *to;
        wrong = decode(from, equals ? equals : next, true, to);
        if (wrong)
            return wrong;
        field->value = *to;
        wrong = decode(equals ? equals + 1 : next, next, true, to);
        if (wrong)
            return wrong;
        if (target_field(target, field->name))
            return "a field that stands twice";
        target->nfields++;
        from = next + (next < end);
    }
    return NULL;
}

const char *target_parse(const char *uri, struct target *target)
{
    size_t len = strnlen(uri, TARGET_BYTES);
    const char *end = uri + len, *query = memchr(uri, '?', len), *wrong;
    char *to = target->bytes;

    target->nsegments = target->nfields = 0;
    if (len >= TARGET_BYTES - TARGET_FIELDS - TARGET_SEGMENTS)
        return "more than 4 KB";
    if (*uri != '/')
        return "no path";
    if (memchr(uri, '#', len))
        return "a fragment";
    wrong = parse_path(uri, query ? query : end, target, &to);
    return wrong || !query ? wrong : parse_query(query + 1, end, target, &to);
}

const char *target_field(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->nfields; i++)
        if (strcmp(target->fields[i].name, name) == 0)
            return target->fields[i].value;
    return NULL;
}

/* --- Host ------------------------------------------------------------------------------------- */

static bool digits_alone(const char *text)
{
    return strspn(text, "0123456789") == strlen(text) && strlen(text) <= 5;
}

/* Without its port and brackets. */
static bool host_name(const char *host, char *name, size_t size)
{
    const char *end;

    if (*host == '[') {
        end = strchr(++host, ']');
        if (!end || (end[1] && (end[1] != ':' || !digits_alone(end + 2))))
            return false;
    } else {
        end = host + strcspn(host, ":");
        if (*end && !digits_alone(end + 1))
            return false;
    }
    if (end == host || (size_t)(end - host) >= size)
        return false;
    memcpy(name, host, (size_t)(end - host));
    name[end - host] = '\0';
    return true;
}

bool target_host_known(const char *host, const char *listening, const char *const *hosts)
{
    char name[256];

    if (!host || !host_name(host, name, sizeof(name)))
        return false;
    if (strcasecmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 ||
        strcmp(name, "::1") == 0 || strcasecmp(name, listening) == 0)
        return true;
    for (; hosts && *hosts; hosts++)
        if (strcasecmp(name, *hosts) == 0)
            return true;
    return false;
}
