/* Pipeline blocks of configuration: who reads, who writes, what, and how. */
#include "config_loader.h"
#include "config_plugin.h"
#include "config_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define MODES "convert|cdc|replicate"
#define POLICIES "create_missing_only|fail_if_exists|validate_existing|drop_and_recreate"
#define WRITE_MODES "fail_if_not_empty|append|truncate_and_load|upsert"

enum { LANES_MAX = 64 };

/* More lanes than processors only take turns: measured, two on two are faster than four. */
uint32_t config_lanes(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 2 ? 2 : processors > 4 ? 4 : (uint32_t)processors;
}

static const struct word pipeline_words[] = {
    {"name", WORD_TEXT, NULL, 0, 0},
    {"mode", WORD_CHOICE, MODES, 0, 0},
    {"ddl", WORD_CHOICE, DDL_POLICIES, 0, 0},
    {"truncate", WORD_CHOICE, TRUNCATE_POLICIES, 0, 0},
    {"reader", WORD_GROUP, NULL, 0, 0},
    {"transport", WORD_GROUP, NULL, 0, 0},
    {"writer", WORD_GROUP, NULL, 0, 0},
    {"limits", WORD_GROUP, NULL, 0, 0},
    {"retry", WORD_GROUP, NULL, 0, 0},
    {"memory", WORD_SIZE, NULL, MEMORY_LEAST, INT64_C(1) << 40},
    {"max_row", WORD_SIZE, NULL, 1 << 20, INT32_MAX},
};
static const struct word reader_words[] = {
    {"source", WORD_GROUP, NULL, 0, 0},
    {"tables", WORD_GROUPS, NULL, 0, 0},
    {"lanes", WORD_INT, NULL, 1, LANES_MAX},
    {"bundle_rows", WORD_INT, NULL, 10, 1000},
    {"chunk_bytes", WORD_SIZE, NULL, 64 << 10, INT64_C(64) << 30},
};
static const struct word writer_words[] = {
    {"sink", WORD_GROUP, NULL, 0, 0},
    {"structure", WORD_GROUP, NULL, 0, 0},
    {"schema_policy", WORD_CHOICE, POLICIES, 0, 0},
    {"write_mode", WORD_CHOICE, WRITE_MODES, 0, 0},
    {"lanes", WORD_INT, NULL, 1, LANES_MAX},
    {"change_lanes", WORD_INT, NULL, 1, LANES_MAX},
    {"commit_bytes", WORD_SIZE, NULL, 64 << 10, INT64_C(1) << 30},
    {"on_error", WORD_CHOICE, "stop|set_aside", 0, 0},
    {"error_limit", WORD_INT, NULL, 0, INT64_MAX},
    {"keep_rows", WORD_BOOL, NULL, 0, 0},
};
static const struct word role_words[] = {
    {"plugin", WORD_TEXT, NULL, 0, 0},
    {"connection", WORD_TEXT, NULL, 0, 0},
};
static const char *const role_skip[] = {"plugin", "connection", NULL};
static const struct word structure_words[] = {
    {"tables", WORD_BOOL, NULL, 0, 0},       {"indexes", WORD_BOOL, NULL, 0, 0},
    {"foreign_keys", WORD_BOOL, NULL, 0, 0}, {"checks", WORD_BOOL, NULL, 0, 0},
    {"comments", WORD_BOOL, NULL, 0, 0},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void role_free(struct role_config *role)
{
    free(role->plugin);
    settings_clear(&role->settings);
}

void config_pipeline_free(struct pipeline_config *pipeline)
{
    if (!pipeline)
        return;
    role_free(&pipeline->reader);
    role_free(&pipeline->writer);
    config_tables_clear(pipeline);
    free(pipeline->transport);
    settings_clear(&pipeline->transport_settings);
    settings_clear(&pipeline->written);
    free(pipeline->name);
    free((void *)(uintptr_t)pipeline->origin.file);
    free(pipeline);
}

/* source = { plugin = …; connection = …; and the plugin's own } */
static int read_role(struct loader *loader, const config_setting_t *group, const char *what,
                     enum rnl_kind kind, struct role_config *role, struct rnl_error *err)
{
    const char *plugin, *connection;
    struct pending *pending;

    if (block_check(group, what, role_words, COUNT(role_words), true, err) != RNL_OK ||
        block_flatten(group, "", role_skip, &role->settings, err) != RNL_OK)
        return err->status;
    plugin = block_text(group, "plugin");
    connection = block_text(group, "connection");
    if (!plugin && !connection)
        return block_fail(group, "config.missing_word", err, "%s needs a connection", what);
    role->plugin = plugin ? must_copy(plugin) : NULL;
    loader->pending = must_grow(loader->pending, loader->npending, sizeof(*loader->pending));
    pending = &loader->pending[loader->npending++];
    *pending = (struct pending){
        .role = role,
        .kind = kind,
        .connection = connection ? must_copy(connection) : NULL,
        .plugin_given = plugin != NULL,
        .origin = block_origin(group),
    };
    pending->origin.file = must_copy(pending->origin.file);
    return RNL_OK;
}

static int read_reader(struct loader *loader, const config_setting_t *group,
                       struct pipeline_config *pipeline, struct rnl_error *err)
{
    static const char *const skip[] = {"source", "tables", NULL};
    const config_setting_t *source, *tables;

    if (block_check(group, "reader", reader_words, COUNT(reader_words), false, err) != RNL_OK ||
        block_flatten(group, "reader", skip, &pipeline->written, err) != RNL_OK)
        return err->status;
    source = config_setting_get_member(group, "source");
    if (!source)
        return block_fail(group, "config.missing_word", err, "the reader needs a source");
    if (read_role(loader, source, "source", RNL_SOURCE, &pipeline->reader, err) != RNL_OK)
        return err->status;
    tables = config_setting_get_member(group, "tables");
    for (int i = 0; tables && i < config_setting_length(tables); i++)
        if (config_table_read(config_setting_get_elem(tables, (unsigned)i), pipeline, err) !=
            RNL_OK)
            return err->status;
    pipeline->reader.lanes = (uint32_t)block_int(group, "lanes", config_lanes());
    pipeline->bundle_rows = (uint32_t)block_int(group, "bundle_rows", pipeline->bundle_rows);
    pipeline->chunk_bytes = block_int(group, "chunk_bytes", pipeline->chunk_bytes);
    return RNL_OK;
}

static int read_structure(const config_setting_t *group, uint32_t *structure, struct rnl_error *err)
{
    static const uint32_t bits[] = {RNL_WITH_TABLES, RNL_WITH_INDEXES, RNL_WITH_FOREIGN_KEYS,
                                    RNL_WITH_CHECKS, RNL_WITH_COMMENTS};

    if (group && block_check(group, "structure", structure_words, COUNT(structure_words), false,
                             err) != RNL_OK)
        return err->status;
    *structure = 0;
    for (size_t i = 0; i < COUNT(bits); i++)
        if (!group || block_bool(group, structure_words[i].name, true))
            *structure |= bits[i];
    return RNL_OK;
}

static int read_writer(struct loader *loader, const config_setting_t *group,
                       struct pipeline_config *pipeline, struct rnl_error *err)
{
    static const char *const skip[] = {"sink", NULL};
    const config_setting_t *sink;

    if (block_check(group, "writer", writer_words, COUNT(writer_words), false, err) != RNL_OK ||
        block_flatten(group, "writer", skip, &pipeline->written, err) != RNL_OK)
        return err->status;
    sink = config_setting_get_member(group, "sink");
    if (!sink)
        return block_fail(group, "config.missing_word", err, "the writer needs a sink");
    if (read_role(loader, sink, "sink", RNL_SINK, &pipeline->writer, err) != RNL_OK ||
        read_structure(config_setting_get_member(group, "structure"), &pipeline->structure, err) !=
            RNL_OK)
        return err->status;
    pipeline->schema_policy =
        (enum rnl_schema_policy)block_choice(group, "schema_policy", POLICIES, 0);
    pipeline->write_mode = (enum rnl_write_mode)block_choice(group, "write_mode", WRITE_MODES, 0);
    pipeline->writer.lanes = (uint32_t)block_int(group, "lanes", config_lanes());
    pipeline->change_lanes = (uint32_t)block_int(group, "change_lanes", pipeline->change_lanes);
    pipeline->commit_bytes = block_int(group, "commit_bytes", pipeline->commit_bytes);
    config_errors_read(group, pipeline);
    return RNL_OK;
}

static int read_transport(const config_setting_t *group, struct pipeline_config *pipeline,
                          struct rnl_error *err)
{
    static const char *const skip[] = {"plugin", NULL};
    struct rnl_error why = RNL_ERROR_INIT;
    struct plugin_tables tables;
    const char *plugin = NULL;

    if (group) {
        if (block_check(group, "transport", role_words, 1, true, err) != RNL_OK ||
            block_flatten(group, "", skip, &pipeline->transport_settings, err) != RNL_OK)
            return err->status;
        plugin = block_text(group, "plugin");
        if (!plugin)
            return block_fail(group, "config.missing_word", err, "the transport needs a plugin");
    }
    pipeline->transport = must_copy(plugin ? plugin : "memory");
    if (!group)
        return RNL_OK;
    if (plugin_tables_find(&tables, RNL_TRANSPORT, plugin, &why) != RNL_OK) {
        block_fail(config_setting_get_member(group, "plugin"), why.code, err, "%s", why.text);
        rnl_hint(err, "%s", why.hint);
        return err->status;
    }
    return plugin_tables_check(&tables, "transport", &pipeline->transport_settings, PLACE_ANY, err);
}

static int check_name(const struct loader *loader, const config_setting_t *group, const char *name,
                      struct rnl_error *err)
{
    const struct pipeline_config *other;
    char where[256];

    if (!name)
        return block_fail(group, "config.missing_word", err, "a pipeline needs a name");
    if (!name_valid(name)) {
        block_fail(group, "config.bad_name", err, "\"%s\" can't be a pipeline's name", name);
        rnl_hint(err, "a name has 1 to 64 letters, digits, '-', '_' or '.'");
        return err->status;
    }
    other = config_pipeline(loader->config, name);
    if (other)
        return block_fail(group, "config.duplicate", err,
                          "there is a pipeline \"%s\" already, at %s", name,
                          origin_text(&other->origin, where, sizeof(where)));
    return RNL_OK;
}

static int read_parts(struct loader *loader, const config_setting_t *group,
                      struct pipeline_config *pipeline, struct rnl_error *err)
{
    const config_setting_t *reader = config_setting_get_member(group, "reader");
    const config_setting_t *writer = config_setting_get_member(group, "writer");

    if (!reader || !writer)
        return block_fail(group, "config.missing_word", err, "pipeline %s needs a %s",
                          pipeline->name, reader ? "writer" : "reader");
    if (read_reader(loader, reader, pipeline, err) != RNL_OK ||
        read_writer(loader, writer, pipeline, err) != RNL_OK ||
        read_transport(config_setting_get_member(group, "transport"), pipeline, err) != RNL_OK)
        return err->status;
    return config_run_read(group, pipeline, err);
}

int config_pipeline_read(struct loader *loader, const config_setting_t *group,
                         struct rnl_error *err)
{
    static const char *const skip[] = {"name",   "reader", "writer", "transport",
                                       "limits", "retry",  NULL};
    struct config *config = loader->config;
    struct pipeline_config *pipeline;
    const char *name;

    if (block_check(group, "pipeline", pipeline_words, COUNT(pipeline_words), false, err) != RNL_OK)
        return err->status;
    name = block_text(group, "name");
    if (check_name(loader, group, name, err) != RNL_OK)
        return err->status;
    pipeline = must_grow(NULL, 0, sizeof(*pipeline));
    *pipeline = (struct pipeline_config){
        .name = must_copy(name),
        .mode = (enum pipeline_mode)(MODE_CONVERT + block_choice(group, "mode", MODES, 0)),
        .origin = block_origin(group),
    };
    config_presets(pipeline);
    pipeline->origin.file = must_copy(pipeline->origin.file);
    config->pipelines =
        must_grow(config->pipelines, config->npipelines, sizeof(*config->pipelines));
    config->pipelines[config->npipelines++] = pipeline;
    if (block_flatten(group, "", skip, &pipeline->written, err) != RNL_OK)
        return err->status;
    return read_parts(loader, group, pipeline, err);
}

static int missing_connection(const struct config *config, const struct pending *pending,
                              const char *where, struct rnl_error *err)
{
    const char **names = must_grow(NULL, config->nconnections, sizeof(char *));

    for (size_t i = 0; i < config->nconnections; i++)
        names[i] = config->connections[i]->name;
    rnl_fail(err, RNL_E_CONFIG, "config.unknown_connection", "%s: there is no connection \"%s\"",
             where, pending->connection);
    block_hint(err, pending->connection, names, config->nconnections);
    if (config->nconnections == 0)
        rnl_hint(err, "no connection is defined: connections = { %s = { plugin = …; host = …; }; }",
                 pending->connection);
    free(names);
    return err->status;
}

static int resolve_connection(struct loader *loader, const struct pending *pending,
                              const char *where, struct rnl_error *err)
{
    struct role_config *role = pending->role;

    role->connection = config_connection(loader->config, pending->connection);
    if (!role->connection)
        return missing_connection(loader->config, pending, where, err);
    if (!role->plugin)
        role->plugin = must_copy(role->connection->plugin);
    if (strcmp(role->plugin, role->connection->plugin) != 0)
        return rnl_fail(err, RNL_E_CONFIG, "config.plugin_differs",
                        "%s: plugin \"%s\" can't use connection \"%s\", which is of plugin \"%s\"",
                        where, role->plugin, role->connection->name, role->connection->plugin);
    return RNL_OK;
}

static int resolve_one(struct loader *loader, const struct pending *pending, struct rnl_error *err)
{
    struct role_config *role = pending->role;
    struct rnl_error why = RNL_ERROR_INIT;
    struct plugin_tables tables;
    char where[256], what[200];

    origin_text(&pending->origin, where, sizeof(where));
    if (pending->connection && resolve_connection(loader, pending, where, err) != RNL_OK)
        return err->status;
    if (plugin_tables_find(&tables, pending->kind, role->plugin, &why) != RNL_OK) {
        rnl_fail(err, RNL_E_CONFIG, why.code, "%s: %s", where, why.text);
        rnl_hint(err, "%s", why.hint);
        return err->status;
    }
    snprintf(what, sizeof(what), "%s %s", kind_name(pending->kind), role->plugin);
    return plugin_tables_check(&tables, what, &role->settings,
                               pending->connection ? PLACE_ROLE : PLACE_ANY, err);
}

int config_pipeline_resolve(struct loader *loader, struct rnl_error *err)
{
    for (size_t i = 0; i < loader->npending; i++)
        if (resolve_one(loader, &loader->pending[i], err) != RNL_OK)
            return err->status;
    return RNL_OK;
}

/* Words that contradict each other: one of them was not meant. */
static int check_policies(const struct pipeline_config *pipeline, struct rnl_error *err)
{
    bool drops = pipeline->schema_policy == RNL_DROP_AND_RECREATE;

    if ((!drops && pipeline->schema_policy != RNL_FAIL_IF_EXISTS) ||
        pipeline->write_mode == RNL_FAIL_IF_NOT_EMPTY ||
        (drops && pipeline->write_mode == RNL_TRUNCATE_AND_LOAD))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "config.policies_contradict",
             "pipeline %s has schema_policy %s, by which %s, and a write_mode for rows that stand "
             "in the target",
             pipeline->name, drops ? "drop_and_recreate" : "fail_if_exists",
             drops ? "all tables are made anew" : "no table may stand there");
    rnl_hint(err, "leave one of them out: append, truncate_and_load and upsert go with "
                  "create_missing_only and validate_existing");
    return err->status;
}

/* Changes alone: rows stand in the target already, and must not go. */
static int check_changes(const struct pipeline_config *pipeline, struct rnl_error *err)
{
    if (pipeline->mode != MODE_CDC || (pipeline->schema_policy != RNL_DROP_AND_RECREATE &&
                                       pipeline->write_mode != RNL_TRUNCATE_AND_LOAD))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "config.policies_contradict",
             "pipeline %s has mode cdc, which loads no rows, and a policy that takes those of the "
             "target away",
             pipeline->name);
    rnl_hint(err, "mode = \"replicate\" loads rows and follows changes then");
    return err->status;
}

int config_runnable(const struct pipeline_config *pipeline, struct rnl_error *err)
{
    if (pipeline->drain && pipeline->mode == MODE_CONVERT) {
        rnl_fail(err, RNL_E_CONFIG, "config.drain",
                 "pipeline %s follows no changes, so there is nothing to drain", pipeline->name);
        rnl_hint(err, "--drain goes with --follow, or with mode cdc or replicate");
        return err->status;
    }
    return check_policies(pipeline, err) == RNL_OK ? check_changes(pipeline, err) : err->status;
}
