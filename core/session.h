/* Opens the plugins that a pipeline names, with the options that its configuration gives. */
#ifndef SESSION_H
#define SESSION_H

#include "config.h"
#include "host.h"
#include "module.h"

struct secret_resolver;
struct findings;

/* One plugin in use. Zeroed: closed. */
struct session {
    const struct plugin *plugin;
    void *config;         /* made of its options */
    struct host_ctx host; /* what the plugin was opened with: the session must not move */
    void *self;           /* the plugin's own */
};

/*
 * kind: RNL_SOURCE or RNL_SINK; role names plugin and connection. On failure the
 * session is closed. findings and stopping may be NULL.
 */
int session_open(struct session *session, enum rnl_kind kind, const char *pipeline,
                 const struct role_config *role, struct secret_resolver *resolver,
                 struct findings *findings, const atomic_bool *stopping, struct rnl_error *err);
/* apart: the other end is in another process, which not each transport can do. */
int session_open_transport(struct session *session, const struct pipeline_config *config,
                           const char *end, bool apart, struct secret_resolver *resolver,
                           const atomic_bool *stopping, struct rnl_error *err);
/*
 * Looks whether the transport could carry the pipeline, without being in the way of one at work;
 * text: what was found. RNL_AGAIN: it can't be told but by opening it.
 */
int session_probe_transport(const struct pipeline_config *config, struct secret_resolver *resolver,
                            char *text, size_t size, struct rnl_error *err);
/* Of the pipeline's transport the leases alone; *leases NULL, and closed: it has none. */
int session_open_leases(struct session *session, const struct pipeline_config *config,
                        const char *end, struct secret_resolver *resolver,
                        const atomic_bool *stopping, void **leases, struct rnl_error *err);
void session_close(struct session *session);
/*
 * The catalog as the session's sink is to see it: until another is given (or NULL), what it
 * finds is told under the catalog's own names. The catalog must live as long. Control thread.
 */
struct rnl_catalog *session_view(struct session *session, struct rnl_catalog *catalog);

/* Adds to out what the role says beside its connection, without secrets: a run's policies. */
void session_policies(const struct plugin *plugin, const struct role_config *role,
                      struct settings *out);

/*
 * A run that is gone on with must treat all rows alike: RNL_E_CONFIG when the role's
 * choices are others than those recorded. Sizes and times may change: no row shows them.
 */
int session_same_policies(const struct plugin *plugin, const struct role_config *role,
                          const struct settings *recorded, struct rnl_error *err);

/*
 * A pipeline of two URLs, as `runnel migrate SRC DST` means it; owns both connections.
 * Its name is made of where they point to, so that the same command finds its run.
 */
struct pipeline_config *pipeline_config_of(struct connection_config *source,
                                           struct connection_config *target);
void pipeline_config_free(struct pipeline_config *config);

#endif
