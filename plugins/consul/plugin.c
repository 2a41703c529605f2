/* The registry Consul: the table of functions, and of options. */
#include "consul.h"

#include <stdlib.h>

static int check_config(const struct rnl_ctx *ctx, struct rnl_error *err)
{
    const struct consul_config *config = ctx->config;
    const char *prefix = config->prefix;
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

    if (!*prefix || strlen(prefix) > 100 || strspn(prefix, plain) != strlen(prefix) ||
        *prefix == '/' || prefix[strlen(prefix) - 1] == '/' || strstr(prefix, "//") ||
        strstr(prefix, ".."))
        return rnl_fail(err, RNL_E_CONFIG, "consul.prefix",
                        "\"%.100s\" can't be a prefix: letters, digits and . _ - with / amid",
                        prefix);
    if (strncmp(config->url, "http://", 7) != 0 && strncmp(config->url, "https://", 8) != 0) {
        rnl_fail(err, RNL_E_CONFIG, "consul.url", "\"%s\" leads to no Consul", config->url);
        rnl_hint(err, "as in http://127.0.0.1:8500, the agent of this machine");
        return err->status;
    }
    if (strchr(config->url, '@'))
        return rnl_fail(err, RNL_E_CONFIG, "consul.url",
                        "a URL with a user or a password is none for Consul: it knows tokens");
    if (strncmp(config->url, "http://", 7) == 0 &&
        (config->tls_ca || config->tls_cert || config->tls_key)) {
        rnl_fail(err, RNL_E_CONFIG, "consul.tls", "%s goes without TLS, but certificates are given",
                 config->url);
        rnl_hint(err, "write https://");
        return err->status;
    }
    if (!config->tls_cert != !config->tls_key)
        return rnl_fail(err, RNL_E_CONFIG, "consul.tls",
                        "tls.cert and tls.key go together: one of them is missing");
    return RNL_OK;
}

static void consul_close(void *self)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    struct consul *consul = self;

    if (!consul)
        return;
    service_withdraw(consul, &unheard);
    web_close(consul->web);
    free(consul->value);
    free(consul);
}

static int consul_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    struct consul *consul;

    if (check_config(ctx, err) != RNL_OK)
        return err->status;
    consul = calloc(1, sizeof(*consul));
    if (!consul)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Consul");
    consul->ctx = ctx;
    consul->config = ctx->config;
    if (http_open(consul, err) != RNL_OK) {
        consul_close(consul);
        return err->status;
    }
    *self = consul;
    return RNL_OK;
}

static int consul_announce(void *self, const struct rnl_service *service, struct rnl_error *err)
{
    return service_announce(self, service, err);
}

static int consul_beat(void *self, int health, const char *note, struct rnl_error *err)
{
    return service_beat(self, health, note ? note : "", err);
}

static int consul_withdraw(void *self, struct rnl_error *err)
{
    return service_withdraw(self, err);
}

static int consul_lookup(void *self, const char *name, struct rnl_services *out,
                         struct rnl_error *err)
{
    return service_lookup(self, name, out, err);
}

static int consul_read(void *self, const char *key, struct rnl_entry *out, struct rnl_error *err)
{
    return key_read(self, key, out, err);
}

static int consul_get(void *self, const char *key, struct rnl_slice *value, struct rnl_error *err)
{
    struct rnl_entry entry = {.size = sizeof(entry)};
    int status = key_read(self, key, &entry, err);

    *value = entry.value;
    return status;
}

static int consul_store(void *self, const char *key, struct rnl_slice value, uint64_t revision,
                        struct rnl_error *err)
{
    return key_store(self, key, value, revision, err);
}

static int consul_put(void *self, const char *key, struct rnl_slice value, struct rnl_error *err)
{
    return key_store(self, key, value, RNL_ANY_REVISION, err);
}

static int consul_remove(void *self, const char *key, uint64_t revision, struct rnl_error *err)
{
    return key_remove(self, key, revision, err);
}

static int consul_watch(void *self, const char *prefix, uint64_t *index, uint32_t wait_ms,
                        void (*each)(void *arg, const struct rnl_entry *entry), void *arg,
                        struct rnl_error *err)
{
    return key_watch(self, prefix, index, wait_ms, each, arg, err);
}

static void consul_interrupt(void *self)
{
    web_interrupt(((struct consul *)self)->web);
}

static const struct rnl_registry_ops ops = {
    .size = sizeof(ops),
    .open = consul_open,
    .close = consul_close,
    .announce = consul_announce,
    .beat = consul_beat,
    .withdraw = consul_withdraw,
    .lookup = consul_lookup,
    .get = consul_get,
    .put = consul_put,
    .interrupt = consul_interrupt,
    .read = consul_read,
    .store = consul_store,
    .remove = consul_remove,
    .watch = consul_watch,
};

#define AT(member) (uint32_t) offsetof(struct consul_config, member)

static const struct rnl_option options[] = {
    {"url", "http://127.0.0.1:8500", "where Consul is: the agent of this machine", NULL,
     RNL_O_STRING, 0, AT(url), 0, 0},
    {"token", NULL, "ACL token, better a reference to it", NULL, RNL_O_SECRET, 0, AT(token), 0, 0},
    {"prefix", "runnel", "what keys begin with; nodes of another one aren't seen", NULL,
     RNL_O_STRING, 0, AT(prefix), 0, 0},
    {"datacenter", NULL, "of Consul (preset: the agent's)", NULL, RNL_O_STRING, 0, AT(datacenter),
     0, 0},
    {"namespace", NULL, "of Consul Enterprise", NULL, RNL_O_STRING, 0, AT(name_space), 0, 0},
    {"tls.ca", NULL, "file of the CA that the agent's certificate is checked against", NULL,
     RNL_O_FILE, 0, AT(tls_ca), 0, 0},
    {"tls.cert", NULL, "client certificate", NULL, RNL_O_FILE, 0, AT(tls_cert), 0, 0},
    {"tls.key", NULL, "key of the client certificate", NULL, RNL_O_FILE, 0, AT(tls_key), 0, 0},
    {"timeout", "5s", "how long an answer may take", NULL, RNL_O_DURATION, 0, AT(timeout_ms), 100,
     60000},
    {"ttl", "10s", "a node that isn't heard of for so long is critical", NULL, RNL_O_DURATION, 0,
     AT(ttl_ms), 5000, 3600000},
    {"deregister_after", "10m", "a node that is critical for so long is forgotten", NULL,
     RNL_O_DURATION, 0, AT(deregister_ms), 60000, 86400000},
};

static const struct rnl_plugin consul = {
    .size = sizeof(consul),
    .kind = RNL_REGISTRY,
    .name = "consul",
    .summary = "Nodes of several machines, and what is wanted of their pipelines, in Consul",
    .options = RNL_OPTIONS(options, struct consul_config),
    .registry = &ops,
};

RNL_MODULE("consul", "0.1.0", "Apache-2.0", &consul);
