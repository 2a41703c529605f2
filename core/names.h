/* Lists that a plugin fills through the host: names, and services found. */
#ifndef NAMES_H
#define NAMES_H

#include <runnel/host.h>

struct rnl_names {
    char **items;
    size_t count;
};

struct rnl_services {
    struct rnl_service *items; /* their texts are owned */
    size_t count;
};

int names_add(struct rnl_names *names, const char *name, struct rnl_error *err);
void names_clear(struct rnl_names *names);
int services_add(struct rnl_services *services, const struct rnl_service *service,
                 struct rnl_error *err);
void services_clear(struct rnl_services *services);

#endif
