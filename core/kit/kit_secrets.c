/* The kit's checks of a secret store: what is written is read, listed, removed, and then gone. */
#include "../names.h"
#include "../secret.h"
#include "kit.h"

#include <unistd.h>

struct store {
    struct kit *kit;
    const struct rnl_secrets_ops *ops;
    void *self;
    char path[48]; /* of the kit's own secret */
};

static void check_missing(struct store *store)
{
    static const char name[] = "says that a secret is not there";
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_secret *secret = secret_new();
    const char *fault;
    int status;

    kit_doing(store->kit, name);
    status = store->ops->read(store->self, store->path, "", secret, &err);
    fault = kit_error_fault(&err, status);
    kit_expect(store->kit, !fault && secret_length(secret) == 0, name, "%s",
               fault ? fault : "and gives one all the same");
    secret_free(secret);
}

static bool is_listed(const struct store *store, struct rnl_error *err)
{
    struct rnl_names names = {0};
    bool found = false;

    if (store->ops->list(store->self, &names, err) == RNL_OK)
        for (size_t i = 0; i < names.count; i++)
            found = found || strncmp(names.items[i], store->path, strlen(store->path)) == 0;
    names_clear(&names);
    return found;
}

static void check_round(struct store *store)
{
    static const char text[] = "canary \xc3\xa9 'quoted' #%s\n";
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_secret *given = secret_new(), *back = secret_new();
    int status;

    kit_doing(store->kit, "gives back what was written");
    secret_set(given, (struct rnl_slice){text, strlen(text)}, 0, &err);
    status = store->ops->write(store->self, store->path, "word", given, &err);
    if (!kit_ok(store->kit, status, &err, "writes a secret"))
        goto free_secrets;
    status = store->ops->read(store->self, store->path, "word", back, &err);
    if (status != RNL_OK)
        kit_ok(store->kit, status, &err, "gives back what was written");
    else
        kit_expect(store->kit, strcmp(secret_text(back), text) == 0, "gives back what was written",
                   "it is another text, of %zu bytes", secret_length(back));
    if (store->ops->list)
        kit_expect(store->kit, is_listed(store, &err), "lists it", "it is not in the list");
    if (!store->ops->remove)
        goto free_secrets;
    status = store->ops->remove(store->self, store->path, "word", &err);
    kit_ok(store->kit, status, &err, "removes it");
    status = store->ops->read(store->self, store->path, "word", back, &err);
    kit_expect(store->kit, status < 0, "no longer gives what was removed", "it still does");
free_secrets:
    secret_free(given);
    secret_free(back);
}

void kit_secrets(struct kit_use *use)
{
    struct store store = {.kit = use->kit, .ops = &use->plugin->secrets};
    struct rnl_error err = RNL_ERROR_INIT;

    snprintf(store.path, sizeof(store.path), "runnel_kit_%d", (int)getpid());
    if (store.ops->open(&use->host.ctx, &store.self, &err) != RNL_OK)
        return; /* told already */
    check_missing(&store);
    if (store.ops->write)
        check_round(&store);
    else
        kit_skip(use->kit, "gives back what was written", "the store is written elsewhere");
    store.ops->close(store.self);
}
