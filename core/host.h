/* The functions that the host lends to plugins, and the contexts it makes for them. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <runnel/host.h>
#include <stdatomic.h>

struct findings;

/* What stands behind a struct rnl_ctx. */
struct host_ctx {
    struct rnl_ctx ctx; /* first: plugins get its address */
    char name[128];
    struct findings *findings;   /* where host->finding() puts them; may be NULL */
    const atomic_bool *stopping; /* may be NULL */
    struct rnl_catalog *names; /* of a sink that has its view: findings bear these names; or NULL */
};

/* The one table: all contexts point to it. */
extern const struct rnl_host host_functions;

void host_ctx_init(struct host_ctx *host, const char *name, const void *config,
                   struct findings *findings, const atomic_bool *stopping);

#endif
