/* The env secret store: secret://env/NAME is what the environment variable NAME holds. */
#include <runnel/plugin.h>

#include <ctype.h>
#include <stdlib.h>

struct env_config {
    const char *prefix;
};

struct env_store {
    const struct rnl_ctx *ctx;
    const char *prefix; /* borrowed from the configuration */
};

enum { NAME_LENGTH_MAX = 255 };

static int env_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    const struct env_config *config = ctx->config;
    struct env_store *store = calloc(1, sizeof(*store));

    if (!store)
        return rnl_fail(err, RNL_E_FATAL, "env.no_memory", "no memory for the env secret store");
    store->ctx = ctx;
    store->prefix = config->prefix ? config->prefix : "";
    *self = store;
    return RNL_OK;
}

static void env_close(void *self)
{
    free(self);
}

/* Names that a shell can set: nothing else is meant by a reference. */
static bool name_is_valid(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

static int env_read(void *self, const char *path, const char *field, struct rnl_secret *out,
                    struct rnl_error *err)
{
    const struct env_store *store = self;
    char name[NAME_LENGTH_MAX + 1];
    const char *text;
    int length;

    if (*field) {
        rnl_fail(err, RNL_E_CONFIG, "env.no_fields", "an environment variable has no field \"%s\"",
                 field);
        rnl_hint(err, "write secret://env/%s", path);
        return err->status;
    }
    length = snprintf(name, sizeof(name), "%s%s", store->prefix, path);
    if (length < 0 || (size_t)length >= sizeof(name) || !name_is_valid(name))
        return rnl_fail(err, RNL_E_CONFIG, "env.bad_name",
                        "\"%s%s\" can't be the name of an environment variable", store->prefix,
                        path);
    text = getenv(name);
    if (!text) {
        rnl_fail(err, RNL_E_CONFIG, "env.unset", "the environment variable %s is not set", name);
        rnl_hint(err, "set it for this process: export it, or Environment= of the service");
        return err->status;
    }
    return store->ctx->host->secret_set(out, (struct rnl_slice){text, strlen(text)}, 0, err);
}

static void env_interrupt(void *self)
{
    (void)self; /* nothing here ever blocks */
}

static const struct rnl_secrets_ops ops = {
    .size = sizeof(ops),
    .open = env_open,
    .close = env_close,
    .read = env_read,
    .interrupt = env_interrupt,
};

static const struct rnl_option options[] = {
    {
        .name = "prefix",
        .type = RNL_O_STRING,
        .offset = offsetof(struct env_config, prefix),
        .help = "Put before each name: with APP_, secret://env/DB is $APP_DB and no other is read",
    },
};

static const struct rnl_plugin env = {
    .size = sizeof(env),
    .kind = RNL_SECRETS,
    .name = "env",
    .summary = "Secrets from environment variables",
    .options = RNL_OPTIONS(options, struct env_config),
    .secrets = &ops,
};

RNL_MODULE("env", "0.1.0", "Apache-2.0", &env);
