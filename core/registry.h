/* The registry: where nodes are found. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "session.h"

#define REGISTRY_NODE "runnel-node" /* by which nodes are announced */

/*
 * plugin NULL: the preset, "local". resolver NULL: secrets are looked up in the stores told to
 * registry_store(). The caller closes the session.
 */
int registry_open(struct session *session, const char *plugin, const struct settings *settings,
                  struct secret_resolver *resolver, struct rnl_error *err);

/* A store for secrets of a node's registry. Before threads open one. */
void registry_store(const char *store, const struct settings *settings);
void registry_forget_stores(void);

struct announcer;

/*
 * Keeps a node announced from a thread of its own, for as long as it takes: a registry that is
 * away is told of in the log, and tried again. NULL: out of memory.
 * tags: words for it, of static storage, ends with NULL.
 */
struct announcer *announcer_begin(const char *plugin, const struct settings *settings,
                                  const char *node, const char *const *tags);
/* What is to be said of it from now on; health: enum rnl_health. Doesn't block. */
void announcer_note(struct announcer *announcer, int health, const char *note);
/* Withdraws it. NULL is fine. */
void announcer_end(struct announcer *announcer);

#endif
