/* Leases of a pipeline, in a bucket of its own: the functions of the transport's table. */
#ifndef NATS_LEASE_H
#define NATS_LEASE_H

#include "nats.h"

int leases_open(const struct rnl_ctx *ctx, const char *pipeline, void **leases,
                struct rnl_error *err);
void leases_close(void *leases);
int lease_put(void *leases, const char *name, struct rnl_slice text, uint64_t *revision,
              struct rnl_error *err);
int lease_drop(void *leases, const char *name, uint64_t revision, struct rnl_error *err);
int lease_look(void *leases, const char *name, struct rnl_slice *text, uint64_t *revision,
               struct rnl_error *err);

#endif
