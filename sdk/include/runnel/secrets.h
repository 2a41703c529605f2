/* A secret store answers `secret://STORE/PATH#FIELD` in configuration. */
#ifndef RNL_SECRETS_H
#define RNL_SECRETS_H

#include <runnel/host.h>

/* Threads: one at a time, whichever; interrupt may come from another one meanwhile. */
struct rnl_secrets_ops {
    uint32_t size;
    uint32_t reserved;

    int (*open)(const struct rnl_ctx *ctx, void **self, struct rnl_error *err);
    void (*close)(void *self);

    /*
     * Hands the text to host->secret_set(), which alone keeps it, and wipes its own
     * copy. field is "" when the reference names none.
     */
    int (*read)(void *self, const char *path, const char *field, struct rnl_secret *out,
                struct rnl_error *err);

    /* The rest is optional: a store that is written elsewhere has none of it. */

    /*
     * Keeps what was read good; called about twice a second while a pipeline runs, and returns at
     * once when nothing is due. RNL_AGAIN: something that was read can't be kept good and will end;
     * read anew, it is another. Said once of each. RNL_E_RETRY: tried in vain, and tried again.
     */
    int (*renew)(void *self, struct rnl_error *err);
    int (*write)(void *self, const char *path, const char *field, const struct rnl_secret *text,
                 struct rnl_error *err);
    int (*remove)(void *self, const char *path, const char *field, struct rnl_error *err);
    int (*list)(void *self, struct rnl_names *names, struct rnl_error *err); /* "PATH#FIELD" */
    int (*rotate)(void *self, const struct rnl_secret *key, struct rnl_error *err);

    void (*interrupt)(void *self);

    /* What was read was refused by those it is for: the next read asks the store anew. */
    void (*forget)(void *self);
};

#endif
