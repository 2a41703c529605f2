/* Which transactions a reader has: GTID lists of MariaDB, one place for each domain. */
#include "gtid.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int digits_take(const char **at, const char *end, uint64_t most, uint64_t *number)
{
    const char *from = *at;

    *number = 0;
    while (*at < end && **at >= '0' && **at <= '9') {
        uint64_t digit = (uint64_t)(*(*at)++ - '0');

        if (*number > (most - digit) / 10)
            return -1;
        *number = *number * 10 + digit;
    }
    return *at > from ? 0 : -1;
}

static int place_take(const char **at, const char *end, struct gtid_place *place)
{
    uint64_t domain, server;

    if (digits_take(at, end, UINT32_MAX, &domain) || *at == end || *(*at)++ != '-' ||
        digits_take(at, end, UINT32_MAX, &server) || *at == end || *(*at)++ != '-' ||
        digits_take(at, end, UINT64_MAX, &place->sequence))
        return -1;
    place->domain = (uint32_t)domain;
    place->server = (uint32_t)server;
    return 0;
}

static size_t place_find(const struct gtid_list *list, uint32_t domain)
{
    size_t at = 0;

    while (at < list->count && list->places[at].domain < domain)
        at++;
    return at;
}

int gtid_list_set(struct gtid_list *list, const struct gtid_place *place)
{
    size_t at = place_find(list, place->domain);

    if (at < list->count && list->places[at].domain == place->domain) {
        list->places[at] = *place;
        return 0;
    }
    if (list->count == list->size) {
        size_t size = list->size ? list->size * 2 : 4;
        struct gtid_place *places = realloc(list->places, size * sizeof(*places));

        if (!places)
            return -1;
        list->places = places;
        list->size = size;
    }
    memmove(&list->places[at + 1], &list->places[at], (list->count - at) * sizeof(*list->places));
    list->places[at] = *place;
    list->count++;
    return 0;
}

int gtid_list_parse(struct gtid_list *list, const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    struct gtid_place place;

    gtid_list_free(list);
    while (at < end) {
        if (*at == ',' || *at == ' ') {
            at++;
            continue;
        }
        if (place_take(&at, end, &place) || gtid_list_set(list, &place)) {
            gtid_list_free(list);
            return -1;
        }
    }
    return 0;
}

const struct gtid_place *gtid_list_at(const struct gtid_list *list, uint32_t domain)
{
    size_t at = place_find(list, domain);

    return at < list->count && list->places[at].domain == domain ? &list->places[at] : NULL;
}

bool gtid_list_has(const struct gtid_list *list, const struct gtid_place *place)
{
    const struct gtid_place *at = gtid_list_at(list, place->domain);

    return at && at->sequence >= place->sequence;
}

bool gtid_list_contains(const struct gtid_list *list, const struct gtid_list *part)
{
    for (size_t i = 0; i < part->count; i++)
        if (!gtid_list_has(list, &part->places[i]))
            return false;
    return true;
}

void gtid_place_text(const struct gtid_place *place, char out[static GTID_ONE_MAX])
{
    snprintf(out, GTID_ONE_MAX, "%" PRIu32 "-%" PRIu32 "-%" PRIu64, place->domain, place->server,
             place->sequence);
}

int gtid_place_parse(struct gtid_place *place, const char *text)
{
    const char *end = text + strlen(text);

    return place_take(&text, end, place) || text != end ? -1 : 0;
}

void gtid_list_text(const struct gtid_list *list, struct text *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct gtid_place *place = &list->places[i];

        if (i)
            text_bytes(out, ",", 1);
        text_number(out, place->domain);
        text_bytes(out, "-", 1);
        text_number(out, place->server);
        text_bytes(out, "-", 1);
        text_number(out, place->sequence);
    }
}

void gtid_list_free(struct gtid_list *list)
{
    free(list->places);
    *list = (struct gtid_list){0};
}
