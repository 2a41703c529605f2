/* Secrets: texts that can't be printed. Locked in memory, left out of core dumps, wiped when freed.
 */
#ifndef SECRET_H
#define SECRET_H

#include <runnel/host.h>

struct settings;
struct plugin;

/* Enough for a private key; what is longer is not a secret but a file. */
enum { SECRET_MAX_BYTES = 64 * 1024 };

/* struct rnl_secret is this module's own: plugins pass it back, core uses these. */
struct rnl_secret *secret_new(void);
void secret_free(struct rnl_secret *secret); /* wipes */
int secret_set(struct rnl_secret *secret, struct rnl_slice text, int64_t lease_s,
               struct rnl_error *err);
/* How long the store says it is good; 0: no end. */
int64_t secret_lease_s(const struct rnl_secret *secret);
/* Terminated; "" when empty or NULL. Valid until secret_set or secret_free. */
const char *secret_text(const struct rnl_secret *secret);
size_t secret_length(const struct rnl_secret *secret);
void secret_wipe(void *bytes, size_t size); /* explicit_bzero for others */
/* Zeroed memory to read a secret into; NULL when there is none. Freed, it is wiped first. */
char *secret_pages(size_t size);
void secret_pages_free(char *pages, size_t size);

/*
 * No core dumps, no ptrace by others: once, at the start of the program. /proc/PID of
 * the process belongs to root from then on.
 */
void secret_protect_process(void);

/* Asks on the terminal without echo; RNL_E_CONFIG when there is none, or nothing was entered. */
int secret_prompt(const char *question, struct rnl_secret *secret, struct rnl_error *err);

/*
 * Resolves what stands in configuration: "secret://STORE/PATH#FIELD" through the
 * secrets plugin STORE ("file:/run/pw" reads a file's first line, "env:NAME" a
 * variable), anything else is the text itself. The stores are opened at their first
 * use, with the settings that configuration gives them. Any thread.
 *
 * A file must belong to us or to root and be closed to everybody else (0600). What
 * root put below /run, where containers and service managers hand secrets over, may
 * be readable by others, but not writable.
 */
struct secret_resolver;
struct secret_resolver *secret_resolver_new(void);
void secret_resolver_free(struct secret_resolver *resolver);
/* Settings for the store: secrets = { file = { path = …; }; } */
void secret_resolver_store(struct secret_resolver *resolver, const char *store,
                           const struct settings *settings);
int secret_resolve(struct secret_resolver *resolver, const char *text, struct rnl_secret *secret,
                   struct rnl_error *err);
/* The store itself, opened, for `runnel secrets`; borrowed until secret_resolver_free. */
int secret_resolver_open(struct secret_resolver *resolver, const char *store,
                         const struct plugin **plugin, void **self, struct rnl_error *err);
bool secret_is_reference(const char *text); /* secret://… */

/*
 * Keeps what was read good, as far as stores lend it for a time. RNL_AGAIN: something will end;
 * read anew it is another. Returns at once when nothing is due; any thread.
 */
int secret_resolver_renew(struct secret_resolver *resolver, struct rnl_error *err);
/* What was read was refused: stores are asked anew. false: nothing came from a store. */
bool secret_resolver_forget(struct secret_resolver *resolver);
/* Breaks off what a store waits for. Any thread. */
void secret_resolver_interrupt(struct secret_resolver *resolver);

#endif
