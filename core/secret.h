/* Secrets: texts that can't be printed. Locked in memory, left out of core dumps, wiped when freed.
 */
#ifndef SECRET_H
#define SECRET_H

#include <runnel/host.h>

struct settings;

/* struct rnl_secret is this module's own: plugins pass it back, core uses these. */
struct rnl_secret *secret_new(void);
void secret_free(struct rnl_secret *secret); /* wipes */
int secret_set(struct rnl_secret *secret, struct rnl_slice text, int64_t lease_s,
               struct rnl_error *err);
/* Terminated; "" when empty or NULL. Valid until secret_set or secret_free. */
const char *secret_text(const struct rnl_secret *secret);
size_t secret_length(const struct rnl_secret *secret);
void secret_wipe(void *bytes, size_t size); /* explicit_bzero for others */

/* No core dumps, no ptrace by others: once, at the start of the program. */
void secret_protect_process(void);

/* Asks on the terminal without echo; RNL_E_CONFIG when there is none. */
int secret_prompt(const char *question, struct rnl_secret *secret, struct rnl_error *err);

/*
 * Resolves what stands in configuration: "secret://STORE/PATH#FIELD" through the
 * secrets plugin STORE ("file:/run/pw" reads a file's first line, "env:NAME" a
 * variable), anything else is the text itself. The stores are opened at their first
 * use, with the settings that configuration gives them.
 */
struct secret_resolver;
struct secret_resolver *secret_resolver_new(void);
void secret_resolver_free(struct secret_resolver *resolver);
/* Settings for the store: secrets = { file = { path = …; }; } */
void secret_resolver_store(struct secret_resolver *resolver, const char *store,
                           const struct settings *settings);
int secret_resolve(struct secret_resolver *resolver, const char *text, struct rnl_secret *secret,
                   struct rnl_error *err);

#endif
