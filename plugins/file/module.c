/* The file secret store: secret://file/PATH#FIELD, from one encrypted file. */
#include "store.h"

#include <runnel/plugin.h>
#include <stdlib.h>

struct file_config {
    const char *path;
    const char *key_file;
    const struct rnl_secret *passphrase;
    bool create;
};

struct file_secrets {
    const struct rnl_ctx *ctx;
    struct store *store;
};

/* The variable is read here, so that a store is opened the same way by every command. */
static const char *passphrase_of(const struct rnl_ctx *ctx)
{
    const struct file_config *config = ctx->config;
    const char *text = getenv("RUNNEL_SECRETS_PASSPHRASE");

    if (config->passphrase)
        return ctx->host->secret_text(config->passphrase);
    return !config->key_file && text && *text ? text : NULL;
}

/* That it can be opened is known at once, not when the first secret is needed. */
static int opens(struct store *store, bool create, struct rnl_error *err)
{
    struct pages secrets;
    int status = RNL_OK;

    if (create)
        status = store_create(store, err);
    if (status < 0)
        return status;
    status = store_load(store, &secrets, err);
    if (status == RNL_DONE)
        return store_missing(store, err);
    if (status == RNL_OK)
        pages_free(&secrets);
    return status;
}

static int file_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    const struct file_config *config = ctx->config;
    const char *passphrase = passphrase_of(ctx);
    struct file_secrets *secrets;
    int status;

    if (config->key_file && passphrase)
        return rnl_fail(err, RNL_E_CONFIG, "secrets.two_keys",
                        "a secret store has a key file or a passphrase, not both");
    if (passphrase && !*passphrase)
        return rnl_fail(err, RNL_E_CONFIG, "secrets.no_passphrase",
                        "the passphrase of the secret store is empty");
    secrets = calloc(1, sizeof(*secrets));
    if (!secrets)
        return rnl_fail(err, RNL_E_FATAL, "secrets.no_memory", "no memory for the secret store");
    secrets->ctx = ctx;
    status = store_new(config->path, config->key_file, passphrase, &secrets->store, err);
    if (status != RNL_OK)
        goto free_secrets;
    status = opens(secrets->store, config->create, err);
    if (status != RNL_OK)
        goto free_store;
    *self = secrets;
    return RNL_OK;
free_store:
    store_free(secrets->store);
free_secrets:
    free(secrets);
    return status;
}

static void file_close(void *self)
{
    struct file_secrets *secrets = self;

    store_free(secrets->store);
    free(secrets);
}

static int not_found(const struct store *store, const char *path, const char *field,
                     struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "secrets.not_found", "there is no secret \"%s%s%s\" in %s", path,
             *field ? "#" : "", field, store->path);
    rnl_hint(err, "runnel secrets list shows those that are there");
    return err->status;
}

static int file_read(void *self, const char *path, const char *field, struct rnl_secret *out,
                     struct rnl_error *err)
{
    struct file_secrets *secrets = self;
    struct entry name, found;
    struct pages pages;
    int status;

    status = entry_named(&name, path, field, err);
    if (status == RNL_OK)
        status = store_load(secrets->store, &pages, err);
    if (status == RNL_DONE)
        return store_missing(secrets->store, err);
    if (status != RNL_OK)
        return status;
    status = entries_find(&pages, &name, &found, err);
    if (status == RNL_OK)
        status = secrets->ctx->host->secret_set(
            out, (struct rnl_slice){found.value, found.value_length}, 0, err);
    else if (status == RNL_DONE)
        status = not_found(secrets->store, path, field, err);
    pages_free(&pages);
    return status;
}

static int file_write(void *self, const char *path, const char *field,
                      const struct rnl_secret *text, struct rnl_error *err)
{
    struct file_secrets *secrets = self;
    struct entry entry;
    int status;

    status = entry_named(&entry, path, field, err);
    if (status != RNL_OK)
        return status;
    entry.value = (const uint8_t *)secrets->ctx->host->secret_text(text);
    entry.value_length = strlen((const char *)entry.value);
    if (entry.value_length > ENTRY_VALUE_MAX)
        return rnl_fail(err, RNL_E_CONFIG, "secrets.too_long",
                        "a secret of %zu bytes: this store takes %d", entry.value_length,
                        ENTRY_VALUE_MAX);
    return store_put(secrets->store, &entry, err);
}

static int file_remove(void *self, const char *path, const char *field, struct rnl_error *err)
{
    struct file_secrets *secrets = self;
    struct entry entry;
    int status;

    status = entry_named(&entry, path, field, err);
    if (status == RNL_OK)
        status = store_put(secrets->store, &entry, err);
    return status == RNL_DONE ? not_found(secrets->store, path, field, err) : status;
}

static int file_list(void *self, struct rnl_names *names, struct rnl_error *err)
{
    struct file_secrets *secrets = self;
    char name[2 * ENTRY_NAME_MAX + 2];
    struct entry entry;
    struct pages pages;
    size_t offset = 0;
    int status;

    status = store_load(secrets->store, &pages, err);
    if (status == RNL_DONE)
        return store_missing(secrets->store, err);
    if (status != RNL_OK)
        return status;
    while ((status = entries_next(&pages, &offset, &entry, err)) == RNL_OK) {
        snprintf(name, sizeof(name), "%.*s%s%.*s", (int)entry.path_length, entry.path,
                 entry.field_length ? "#" : "", (int)entry.field_length, entry.field);
        status = secrets->ctx->host->name_add(names, name, err);
        if (status != RNL_OK)
            break;
    }
    pages_free(&pages);
    return status == RNL_DONE ? RNL_OK : status;
}

static int file_rotate(void *self, const struct rnl_secret *key, struct rnl_error *err)
{
    struct file_secrets *secrets = self;

    return store_rotate(secrets->store, secrets->ctx->host->secret_text(key), err);
}

static void file_interrupt(void *self)
{
    struct file_secrets *secrets = self;

    atomic_store(&secrets->store->stopped, true);
}

static const struct rnl_secrets_ops ops = {
    .size = sizeof(ops),
    .open = file_open,
    .close = file_close,
    .read = file_read,
    .write = file_write,
    .remove = file_remove,
    .list = file_list,
    .rotate = file_rotate,
    .interrupt = file_interrupt,
};

static const struct rnl_option options[] = {
    {
        .name = "path",
        .type = RNL_O_FILE,
        .offset = offsetof(struct file_config, path),
        .help = "The store; if not set $XDG_CONFIG_HOME/runnel/secrets, for root "
                "/etc/runnel/secrets, for others ~/.config/runnel/secrets",
    },
    {
        .name = "key_file",
        .type = RNL_O_FILE,
        .offset = offsetof(struct file_config, key_file),
        .help = "The key, 32 bytes, closed to others; if not set the store's path and .key",
    },
    {
        .name = "passphrase",
        .type = RNL_O_SECRET,
        .offset = offsetof(struct file_config, passphrase),
        .help = "In place of a key file; if neither is set, $RUNNEL_SECRETS_PASSPHRASE is one",
    },
    {
        .name = "create",
        .type = RNL_O_BOOL,
        .preset = "false",
        .offset = offsetof(struct file_config, create),
        .help = "Make the store, and its key file, when they are not there",
    },
};

static const struct rnl_plugin file = {
    .size = sizeof(file),
    .kind = RNL_SECRETS,
    .name = "file",
    .summary = "Secrets in one encrypted file",
    .options = RNL_OPTIONS(options, struct file_config),
    .secrets = &ops,
};

RNL_MODULE("file", "0.1.0", "Apache-2.0", &file);
