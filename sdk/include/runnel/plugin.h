/* What a plugin is. Include this one header. */
#ifndef RNL_PLUGIN_H
#define RNL_PLUGIN_H

#include <runnel/option.h>
#include <runnel/registry.h>
#include <runnel/secrets.h>
#include <runnel/sink.h>
#include <runnel/source.h>
#include <runnel/transport.h>

enum rnl_kind { RNL_SOURCE = 1, RNL_SINK, RNL_TRANSPORT, RNL_SECRETS, RNL_REGISTRY };

struct rnl_plugin {
    uint32_t size;
    uint32_t kind;
    const char *name; /* as in: plugin = "postgres" */
    const char *summary;
    const char *schemes; /* of URLs that mean this plugin, by commas: "mysql,mariadb"; or NULL */
    uint64_t caps;
    struct rnl_options options;
    union { /* by kind; each table of functions starts with its own size */
        const struct rnl_source_ops *source;
        const struct rnl_sink_ops *sink;
        const struct rnl_transport_ops *transport;
        const struct rnl_secrets_ops *secrets;
        const struct rnl_registry_ops *registry;
    };
};

/* One shared object: what it was built against, and the plugins in it. */
struct rnl_module {
    uint32_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t size;
    uint32_t value_size;
    const char *name, *version, *license;
    const struct rnl_plugin *const *plugins; /* ends with NULL */
};

typedef const struct rnl_module *rnl_module_fn(void);

/*
 * RNL_MODULE("postgres", "1.0", "Apache-2.0", &source, &sink); once in each module.
 * It defines rnl_module(), the only symbol that a module exports.
 */
#define RNL_MODULE(name_, version_, license_, ...)                          \
    RNL_EXPORT const struct rnl_module *rnl_module(void);                   \
    const struct rnl_module *rnl_module(void)                               \
    {                                                                       \
        static const struct rnl_plugin *const list[] = {__VA_ARGS__, NULL}; \
        static const struct rnl_module module = {                           \
            .magic = RNL_MAGIC,                                             \
            .abi_major = RNL_ABI_MAJOR,                                     \
            .abi_minor = RNL_ABI_MINOR,                                     \
            .size = sizeof(struct rnl_module),                              \
            .value_size = sizeof(struct rnl_value),                         \
            .name = (name_),                                                \
            .version = (version_),                                          \
            .license = (license_),                                          \
            .plugins = list,                                                \
        };                                                                  \
        return &module;                                                     \
    }                                                                       \
    _Static_assert(RNL_ABI_MAJOR == 1u, "write RNL_MODULE(...); with its semicolon")

#endif
