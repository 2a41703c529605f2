/* Lists that a plugin fills through the host. */
#include "names.h"

#include <stdlib.h>

int names_add(struct rnl_names *names, const char *name, struct rnl_error *err)
{
    char **items = realloc(names->items, (names->count + 1) * sizeof(*items));

    if (!items)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a name");
    names->items = items;
    items[names->count] = strdup(name);
    if (!items[names->count])
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a name");
    names->count++;
    return RNL_OK;
}

void names_clear(struct rnl_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct rnl_names){0};
}

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

int services_add(struct rnl_services *services, const struct rnl_service *service,
                 struct rnl_error *err)
{
    struct rnl_service *items =
        realloc(services->items, (services->count + 1) * sizeof(*services->items));
    struct rnl_service *last, given = {0};

    memcpy(&given, service, service->size < sizeof(given) ? service->size : sizeof(given));
    if (!items)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a service");
    services->items = items;
    last = &items[services->count++];
    *last = (struct rnl_service){
        .size = sizeof(*last),
        .port = given.port,
        .name = copy(given.name),
        .id = copy(given.id),
        .address = copy(given.address),
        .note = copy(given.note),
        .health = given.health,
        .beat_us = given.beat_us,
    };
    if (!last->name || !last->id || !last->address || !last->note)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a service");
    return RNL_OK;
}

static void free_text(const char *text)
{
    char *owned;

    memcpy(&owned, &text, sizeof(owned)); /* made by copy(): ours */
    free(owned);
}

void services_clear(struct rnl_services *services)
{
    for (size_t i = 0; i < services->count; i++) {
        free_text(services->items[i].name);
        free_text(services->items[i].id);
        free_text(services->items[i].address);
        free_text(services->items[i].note);
    }
    free(services->items);
    *services = (struct rnl_services){0};
}
