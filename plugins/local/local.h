/* The local registry's parts. */
#ifndef LOCAL_H
#define LOCAL_H

#include <runnel/plugin.h>

#include <stdatomic.h>

/* What is kept in the folder "keys": belongs to the registry's own thread, but for interrupt. */
struct keys {
    int folder;  /* of the registry, borrowed */
    int wake[2]; /* a pipe: interrupt writes, a watch waits for it */
    char *text;  /* what was read last, which callers borrow */
    char key[RNL_KEY_BYTES + 1];
};

int keys_open(struct keys *keys, int folder, struct rnl_error *err);
void keys_close(struct keys *keys);
/* As those of struct rnl_registry_ops. */
int keys_read(struct keys *keys, const char *key, struct rnl_entry *out, struct rnl_error *err);
int keys_store(struct keys *keys, const char *key, struct rnl_slice value, uint64_t revision,
               struct rnl_error *err);
int keys_remove(struct keys *keys, const char *key, uint64_t revision, struct rnl_error *err);
int keys_watch(struct keys *keys, const char *prefix, uint64_t *index, uint32_t wait_ms,
               void (*each)(void *arg, const struct rnl_entry *entry), void *arg,
               struct rnl_error *err);
void keys_interrupt(struct keys *keys);

#endif
