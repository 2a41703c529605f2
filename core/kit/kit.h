/* The conformance kit: what every connector must do, tried on one shared object. */
#ifndef KIT_H
#define KIT_H

#include "../host.h"
#include "../module.h"
#include "../settings.h"

#include <pthread.h>

struct secret_resolver;

enum kit_result { KIT_DOING = 1, KIT_PASSED, KIT_FAILED, KIT_SKIPPED };

/* One check; crosses the pipe from the process that does it. */
struct kit_record {
    enum kit_result result;
    char name[120]; /* "source csv: each row once" */
    char detail[720];
};

/*
 * Set what stands above the line. The connector runs in processes of its own: one that
 * crashes or hangs fails the check that it was in, and the others go on.
 */
struct kit {
    const char *path;                /* of the shared object */
    const struct settings *settings; /* options of its plugins; none: no live checks */
    struct secret_resolver *resolver;
    void (*told)(void *arg, const struct kit_record *record); /* not for KIT_DOING */
    void *arg;
    int timeout_ms; /* without a word from a check: it hangs; 0: a preset */
    /* ------------------------------------------------------------------------ */
    unsigned passed, failed, skipped;
    char title[64]; /* "source csv"; before the names of checks */
    int pipe;       /* of a process that checks: where records go */
};

/* RNL_OK: it was tried, and kit->failed says how it went. Call before threads are started. */
int kit_run(struct kit *kit, struct rnl_error *err);

/* ---- for the checks -------------------------------------------------------- */

/* Says what is tried next: where a crash or a hang is put down. */
void kit_doing(struct kit *kit, const char *name);
/* The outcome; the text says what was found instead. Gives ok. */
bool kit_expect(struct kit *kit, bool ok, const char *name, const char *fmt, ...) RNL_PRINTF(4, 5);
/* That status is RNL_OK (or, if it is an error, why not), and err, if any, well filled. */
bool kit_ok(struct kit *kit, int status, const struct rnl_error *err, const char *name);
void kit_skip(struct kit *kit, const char *name, const char *why);
/* NULL: an error that people can use; or what is wrong with it. */
const char *kit_error_fault(const struct rnl_error *err, int status);

/* Calls call(self) after some time, from a thread of its own; kit_after_join waits for it. */
struct kit_after {
    pthread_t thread;
    int delay_ms;
    void (*call)(void *self);
    void *self;
    int64_t called_ms; /* clock_ms() */
};
bool kit_after(struct kit_after *after, int delay_ms, void (*call)(void *self), void *self);
void kit_after_join(struct kit_after *after);

/* One plugin with its options built, and a context to open it with. */
struct kit_use {
    struct kit *kit;
    const struct plugin *plugin;
    void *config;
    struct host_ctx host;
};

/* By kind: what a run does with it, more strictly. */
void kit_transport(struct kit_use *use);
void kit_secrets(struct kit_use *use);
void kit_registry(struct kit_use *use);
void kit_source(struct kit_use *use);
void kit_sink(struct kit_use *use);
void kit_changes(struct kit_use *use); /* of a sink too: what it is followed into */
void kit_evolve(struct kit_use *use);  /* and tables that are altered meanwhile */

/* Names that a shared object exports, one a line; malloc'd. NULL: no ELF file that can be read. */
char *kit_exports(const char *path);

#endif
