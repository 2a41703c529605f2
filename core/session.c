/* Opens the plugins that a pipeline names, with the options that its configuration gives. */
#include "session.h"

#include "config_run.h"
#include "options.h"
#include "password.h"

#include <stdlib.h>
#include <xxhash.h>

void session_close(struct session *session)
{
    if (session->self) {
        switch (session->plugin->kind) {
        case RNL_SOURCE:
            session->plugin->source.close(session->self);
            break;
        case RNL_SINK:
            session->plugin->sink.close(session->self);
            break;
        case RNL_TRANSPORT:
            session->plugin->transport.close(session->self);
            break;
        case RNL_SECRETS:
            session->plugin->secrets.close(session->self);
            break;
        case RNL_REGISTRY:
            session->plugin->registry.close(session->self);
            break;
        }
    }
    if (session->config)
        options_free(&session->plugin->options, session->config);
    *session = (struct session){0};
}

struct rnl_catalog *session_view(struct session *session, struct rnl_catalog *catalog)
{
    struct rnl_catalog *view = catalog ? catalog_view(catalog) : NULL;

    if (view)
        catalog_index(view, "", ""); /* made now: lanes only look */
    session->host.names = view == catalog ? NULL : catalog;
    return view;
}

/* The connection's settings and the role's, as one list; a role's word wins. */
static int build(struct session *session, const struct role_config *role,
                 struct secret_resolver *resolver, struct rnl_error *err)
{
    struct settings all = {0};
    char what[160];
    int status;

    if (role->connection && role->connection->name && *role->connection->name)
        snprintf(what, sizeof(what), "connection %s", role->connection->name);
    else
        snprintf(what, sizeof(what), "%s %s", kind_name(session->plugin->kind), role->plugin);
    if (role->connection)
        settings_merge(&all, &role->connection->settings);
    settings_merge(&all, &role->settings);
    status = password_complete(&all, session->plugin, err);
    if (status == RNL_OK)
        status =
            options_build(&session->plugin->options, what, &all, resolver, &session->config, err);
    settings_clear(&all);
    return status;
}

int session_open(struct session *session, enum rnl_kind kind, const char *pipeline,
                 const struct role_config *role, struct secret_resolver *resolver,
                 struct findings *findings, const atomic_bool *stopping, struct rnl_error *err)
{
    char name[128];
    int status;

    *session = (struct session){0};
    if (plugin_find(kind, role->plugin, &session->plugin, err) != RNL_OK)
        return err->status;
    if (build(session, role, resolver, err) != RNL_OK) {
        session_close(session);
        return err->status;
    }
    snprintf(name, sizeof(name), "%s/%s", pipeline, kind_name(kind));
    host_ctx_init(&session->host, name, session->config, findings, stopping);
    if (kind == RNL_SOURCE)
        status = session->plugin->source.open(&session->host.ctx, &session->self, err);
    else
        status = session->plugin->sink.open(&session->host.ctx, &session->self, err);
    if (status != RNL_OK) {
        session->self = NULL;
        session_close(session);
    }
    return status;
}

static bool has_option(const struct rnl_options *table, const char *name)
{
    for (uint32_t i = 0; i < table->count; i++) {
        struct rnl_option option;

        options_at(table, i, &option);
        if (strcmp(option.name, name) == 0)
            return true;
    }
    return false;
}

/* A transport that holds what waits in this process's memory is told how much that may be. */
static int build_transport(struct session *session, const struct pipeline_config *config,
                           const char *plugin, struct secret_resolver *resolver,
                           struct rnl_error *err)
{
    static const struct origin origin = {.kind = ORIGIN_PRESET};
    const struct rnl_options *options = &session->plugin->options;
    struct settings settings = {0};
    struct run_sizes sizes;
    char bytes[24];
    int status;

    settings_merge(&settings, &config->transport_settings);
    if (has_option(options, "queue_bytes") && !settings_find(&settings, "queue_bytes")) {
        config_sizes(config, &sizes);
        snprintf(bytes, sizeof(bytes), "%zu", sizes.queue_bytes);
        settings_set(&settings, "queue_bytes", SETTING_TEXT, bytes, &origin);
    }
    status = options_build(options, plugin, &settings, resolver, &session->config, err);
    settings_clear(&settings);
    return status;
}

/* The plugin, with its options; nothing is open yet. */
static int find_transport(struct session *session, const struct pipeline_config *config,
                          struct secret_resolver *resolver, struct rnl_error *err)
{
    const char *plugin = config->transport ? config->transport : "memory";

    *session = (struct session){0};
    if (plugin_find(RNL_TRANSPORT, plugin, &session->plugin, err) != RNL_OK)
        return err->status;
    if (build_transport(session, config, plugin, resolver, err) != RNL_OK)
        session_close(session);
    return err->status;
}

int session_open_leases(struct session *session, const struct pipeline_config *config,
                        const char *end, struct secret_resolver *resolver,
                        const atomic_bool *stopping, void **leases, struct rnl_error *err)
{
    char name[128];
    int status = find_transport(session, config, resolver, err);

    *leases = NULL;
    if (status != RNL_OK)
        return status;
    if (session->plugin->declared->caps & RNL_TRANSPORT_LEASES) {
        snprintf(name, sizeof(name), "%s/%s lease", config->name, end);
        host_ctx_init(&session->host, name, session->config, NULL, stopping);
        status =
            session->plugin->transport.leases_open(&session->host.ctx, config->name, leases, err);
    }
    if (!*leases)
        session_close(session);
    return status;
}

int session_open_transport(struct session *session, const struct pipeline_config *config,
                           const char *end, bool apart, struct secret_resolver *resolver,
                           const atomic_bool *stopping, struct rnl_error *err)
{
    const char *plugin = config->transport ? config->transport : "memory";
    char name[128];
    int status = find_transport(session, config, resolver, err);

    if (status != RNL_OK)
        return status;
    if (apart && !(session->plugin->declared->caps & RNL_TRANSPORT_APART)) {
        rnl_fail(err, RNL_E_CONFIG, "transport.one_process",
                 "the transport %s carries nothing from one process to another: a role can't be "
                 "run alone",
                 plugin);
        rnl_hint(err, "set another transport, such as nats; or run both roles in one process");
        session_close(session);
        return err->status;
    }
    snprintf(name, sizeof(name), "%s/%s", config->name, end);
    host_ctx_init(&session->host, name, session->config, NULL, stopping);
    status = session->plugin->transport.open(&session->host.ctx, config->name, &session->self, err);
    if (status != RNL_OK) {
        session->self = NULL;
        session_close(session);
    }
    return status;
}

int session_probe_transport(const struct pipeline_config *config, struct secret_resolver *resolver,
                            char *text, size_t size, struct rnl_error *err)
{
    const char *plugin = config->transport ? config->transport : "memory";
    struct session session = {0};
    int status;

    if (plugin_find(RNL_TRANSPORT, plugin, &session.plugin, err) != RNL_OK)
        return err->status;
    if (!session.plugin->transport.probe)
        return RNL_AGAIN;
    status = build_transport(&session, config, plugin, resolver, err);
    if (status == RNL_OK) {
        host_ctx_init(&session.host, "doctor", session.config, NULL, NULL);
        status = session.plugin->transport.probe(&session.host.ctx, config->name, text, size, err);
    }
    session_close(&session);
    return status;
}

static void add_policies(const struct rnl_options *table, const struct settings *from,
                         struct settings *out)
{
    for (uint32_t i = 0; i < table->count; i++) {
        const struct setting *setting;
        struct rnl_option option;

        options_at(table, i, &option);
        setting = settings_find(from, option.name);
        if (setting && setting->text && !(option.flags & RNL_O_CONNECTION) &&
            option.type != RNL_O_SECRET)
            settings_set(out, setting->name, setting->type, setting->text, &setting->origin);
    }
}

void session_policies(const struct plugin *plugin, const struct role_config *role,
                      struct settings *out)
{
    if (role->connection)
        add_policies(&plugin->options, &role->connection->settings, out);
    add_policies(&plugin->options, &role->settings, out);
}

static const char *word_of(const struct settings *settings, const struct rnl_option *option)
{
    const struct setting *setting = settings_find(settings, option->name);
    const char *word = setting && setting->text ? setting->text : option->preset;

    return word ? word : "";
}

int session_same_policies(const struct plugin *plugin, const struct role_config *role,
                          const struct settings *recorded, struct rnl_error *err)
{
    struct settings now = {0};
    int status = RNL_OK;

    session_policies(plugin, role, &now);
    for (uint32_t i = 0; status == RNL_OK && i < plugin->options.count; i++) {
        struct rnl_option option;

        options_at(&plugin->options, i, &option);
        if ((option.type != RNL_O_ENUM && option.type != RNL_O_BOOL &&
             option.type != RNL_O_STRING) ||
            (option.flags & RNL_O_CONNECTION) ||
            strcmp(word_of(&now, &option), word_of(recorded, &option)) == 0)
            continue;
        status = rnl_fail(err, RNL_E_CONFIG, "resume.settings_changed",
                          "%s is \"%s\" now, and was \"%s\" when the earlier run began",
                          option.name, word_of(&now, &option), word_of(recorded, &option));
        rnl_hint(err, "go on with the same settings, or load all anew with --restart");
    }
    settings_clear(&now);
    return status;
}

static void hash_setting(XXH3_state_t *state, const struct connection_config *connection,
                         const char *name)
{
    const struct setting *setting = settings_find(&connection->settings, name);
    const char *text = setting && setting->text ? setting->text : "";

    XXH3_64bits_update(state, text, strlen(text) + 1);
}

/* Where it points to, not who asks or how: another password is the same database. */
static void hash_connection(XXH3_state_t *state, const struct connection_config *connection)
{
    static const char *const names[] = {"host", "port", "socket", "database", "schema", "path"};

    XXH3_64bits_update(state, connection->plugin, strlen(connection->plugin) + 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        hash_setting(state, connection, names[i]);
}

struct pipeline_config *pipeline_config_of(struct connection_config *source,
                                           struct connection_config *target)
{
    struct pipeline_config *config = calloc(1, sizeof(*config));
    XXH3_state_t *state = XXH3_createState();
    char name[64];

    if (!config || !state)
        abort();
    XXH3_64bits_reset(state);
    hash_connection(state, source);
    hash_connection(state, target);
    snprintf(name, sizeof(name), "migrate-%08llx",
             (unsigned long long)XXH3_64bits_digest(state) & 0xffffffffULL);
    XXH3_freeState(state);
    *config = (struct pipeline_config){
        .name = strdup(name),
        .mode = MODE_CONVERT,
        .reader = {.plugin = strdup(source->plugin), .connection = source, .lanes = config_lanes()},
        .writer = {.plugin = strdup(target->plugin), .connection = target, .lanes = config_lanes()},
        .structure = RNL_WITH_TABLES | RNL_WITH_INDEXES | RNL_WITH_FOREIGN_KEYS | RNL_WITH_CHECKS |
                     RNL_WITH_COMMENTS,
    };
    config_presets(config);
    return config;
}

void pipeline_config_free(struct pipeline_config *config)
{
    struct connection_config *connection;

    if (!config)
        return;
    memcpy(&connection, &config->reader.connection,
           sizeof(struct connection_config *)); /* ours, not const */
    connection_config_free(connection);
    memcpy(&connection, &config->writer.connection, sizeof(struct connection_config *));
    connection_config_free(connection);
    config_tables_clear(config);
    settings_clear(&config->reader.settings);
    settings_clear(&config->writer.settings);
    settings_clear(&config->transport_settings);
    free(config->reader.plugin);
    free(config->writer.plugin);
    free(config->transport);
    free(config->name);
    free(config);
}
