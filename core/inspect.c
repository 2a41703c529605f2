/* Both ends of a pipeline, opened to be looked at, with the policies of the run that loaded. */
#include "inspect.h"

#include "finding.h"
#include "mask.h"
#include "options.h"
#include "renewal.h"
#include "util/log.h"

#include <stdlib.h>

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

/* --- what the target remembers ----------------------------------------------- */

static bool has_option(const struct plugin *plugin, const char *name)
{
    for (uint32_t i = 0; i < plugin->options.count; i++) {
        struct rnl_option option;

        options_at(&plugin->options, i, &option);
        if (strcmp(option.name, name) == 0)
            return true;
    }
    return false;
}

/* The role's settings and over them those of the run that the plugin knows. */
static bool merge_policies(const struct plugin *plugin, const struct role_config *role,
                           const struct settings *recorded, struct settings *out)
{
    bool any = false;

    settings_clear(out);
    settings_merge(out, &role->settings);
    for (size_t i = 0; i < recorded->count; i++) {
        const struct setting *setting = &recorded->items[i];

        if (!setting->text || !has_option(plugin, setting->name))
            continue;
        settings_set(out, setting->name, setting->type, setting->text, &setting->origin);
        any = true;
    }
    return any;
}

/* The record of the run, if there is one that can be read. */
static int recall(struct inspection *inspection, struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = &inspection->sink.plugin->sink;
    struct rnl_error unread = RNL_ERROR_INIT;
    struct rnl_memory memory = {0};
    int status = sink->recall(inspection->sink.self, inspection->config->name, &memory, err);

    if (status == RNL_OK && memory.plan) {
        if (record_from_json(memory.plan, memory.plan_len, &inspection->record, &unread) == RNL_OK)
            inspection->recorded = true;
        else
            log_error("inspect", &unread);
    }
    memory_clear(&memory);
    return status < 0 ? status : RNL_OK;
}

static int open_role(struct inspection *inspection, enum rnl_kind kind, struct rnl_error *err)
{
    const struct pipeline_config *config = inspection->config;
    struct role_config role = kind == RNL_SOURCE ? config->reader : config->writer;

    role.settings = kind == RNL_SOURCE ? inspection->reader_settings : inspection->writer_settings;
    return session_open(kind == RNL_SOURCE ? &inspection->source : &inspection->sink, kind,
                        config->name, &role, inspection->resolver, inspection->findings,
                        inspection->stopping, err);
}

/* Connections that stand may last beyond it; what is opened later may be refused. */
static void on_ending(void *arg)
{
    (void)arg;
    log_write(
        RNL_LOG_WARN, "secrets",
        "credentials that were lent can't be prolonged: what isn't done when they end must be "
        "done again");
}

int inspect_open_sink(struct inspection *inspection, struct rnl_error *err)
{
    const struct pipeline_config *config = inspection->config;

    if (!inspection->renewal &&
        renewal_start(inspection->resolver, on_ending, NULL, &inspection->renewal, err) != RNL_OK)
        return err->status;
    settings_merge(&inspection->writer_settings, &config->writer.settings);
    if (open_role(inspection, RNL_SINK, err) != RNL_OK || recall(inspection, err) != RNL_OK)
        return err->status;
    if (!inspection->of_run ||
        !merge_policies(inspection->sink.plugin, &config->writer, &inspection->record.settings,
                        &inspection->writer_settings))
        return RNL_OK;
    session_close(&inspection->sink);
    return open_role(inspection, RNL_SINK, err);
}

int inspect_open(struct inspection *inspection, struct rnl_error *err)
{
    const struct pipeline_config *config = inspection->config;
    const struct plugin *source;

    if (plugin_find(RNL_SOURCE, config->reader.plugin, &source, err) != RNL_OK ||
        inspect_open_sink(inspection, err) != RNL_OK)
        return err->status;
    if (inspection->of_run)
        merge_policies(source, &config->reader, &inspection->record.settings,
                       &inspection->reader_settings);
    else
        settings_merge(&inspection->reader_settings, &config->reader.settings);
    return open_role(inspection, RNL_SOURCE, err);
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

void inspect_close(struct inspection *inspection)
{
    renewal_stop(inspection->renewal);
    for (size_t i = 0; i < inspection->nunbound; i++)
        free(inspection->unbound[i].name);
    free(inspection->unbound);
    session_close(&inspection->source);
    session_close(&inspection->sink);
    settings_clear(&inspection->reader_settings);
    settings_clear(&inspection->writer_settings);
    record_clear(&inspection->record);
    catalog_free(inspection->catalog);
    selection_free(inspection->selection);
    free_names(inspection->left_out, inspection->nleft_out);
    free_names(inspection->gone, inspection->ngone);
    *inspection = (struct inspection){0};
}

/* --- tables -------------------------------------------------------------------- */

static bool add_name(char ***names, size_t *count, const struct rnl_table *table)
{
    char **moved = realloc(*names, (*count + 1) * sizeof(char *));

    if (!moved)
        return false;
    *names = moved;
    if (asprintf(&moved[*count], "%s%s%s", table->schema ? table->schema : "",
                 table->schema && *table->schema ? "." : "", table->name) < 0)
        return false;
    ++*count;
    return true;
}

/* Of the tables described those that the run loaded; the others are named. */
static int keep_tables_of_run(struct inspection *inspection, struct rnl_error *err)
{
    struct rnl_catalog *run = inspection->record.catalog, *described = inspection->catalog;
    struct rnl_catalog *kept = catalog_new();

    if (!kept)
        return no_memory(err);
    for (uint32_t i = 0; i < catalog_count(described); i++) {
        const struct rnl_table *table = catalog_at(described, i);
        bool loaded = catalog_index(run, table->schema, table->name) != UINT32_MAX;

        if (loaded ? catalog_copy(kept, described, i, err) != RNL_OK
                   : !add_name(&inspection->left_out, &inspection->nleft_out, table)) {
            catalog_free(kept);
            return loaded ? err->status : no_memory(err);
        }
    }
    for (uint32_t i = 0; i < catalog_count(run); i++) {
        const struct rnl_table *loaded = catalog_at(run, i);

        if (catalog_index(described, loaded->schema, loaded->name) == UINT32_MAX &&
            catalog_wanted(described, loaded->schema, loaded->name) &&
            !add_name(&inspection->gone, &inspection->ngone, loaded)) {
            catalog_free(kept);
            return no_memory(err);
        }
    }
    catalog_free(inspection->catalog);
    inspection->catalog = kept;
    return RNL_OK;
}

/* The salt with this print, among those that the configuration gives now. */
static struct rnl_secret *find_salt(const struct pipeline_config *config, const char *print)
{
    char buf[MASK_PRINT_SIZE];

    for (size_t i = 0; print && i < config->ntables; i++)
        for (uint32_t m = 0; m < config->tables[i].nmasks; m++) {
            struct rnl_secret *salt = config->tables[i].masks[m].secret;

            if (salt && strcmp(mask_print(salt, buf), print) == 0)
                return salt;
        }
    return NULL;
}

/* The record has the run's rules, but not their salts. */
static int lend_salts(const struct pipeline_config *config, const struct table_rule *rules,
                      size_t count, struct rnl_error *err)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t m = 0; m < rules[i].nmasks; m++) {
            struct rule_mask *mask = &rules[i].masks[m];

            if (mask->with != MASK_HASH)
                continue;
            mask->secret = find_salt(config, mask->print);
            if (mask->secret)
                continue;
            rnl_fail(err, RNL_E_CONFIG, "verify.other_salt",
                     "column %s of %s was masked with a salt that isn't given now", mask->column,
                     rules[i].name);
            rnl_hint(err, "verify with the pipeline's file, and the salt that it was run with");
            return err->status;
        }
    return RNL_OK;
}

/* What of a table was moved is the run's to say; which tables are looked at, the operator's. */
static int take_details(struct inspection *inspection, struct rnl_error *err)
{
    const struct table_rule *rules;
    size_t count;

    if (!inspection->of_run || !inspection->recorded || !inspection->record.selection)
        return RNL_OK;
    if (selection_from_text(inspection->record.selection, &inspection->selection, err) != RNL_OK)
        return err->status;
    rules = selection_rules(inspection->selection, &count);
    if (lend_salts(inspection->config, rules, count, err) != RNL_OK)
        return err->status;
    catalog_details(inspection->catalog, rules, count);
    return RNL_OK;
}

int inspect_describe(struct inspection *inspection, struct rnl_error *err)
{
    const struct pipeline_config *config = inspection->config;
    const struct rnl_source_ops *source = &inspection->source.plugin->source;

    inspection->catalog = catalog_new();
    if (!inspection->catalog)
        return no_memory(err);
    catalog_select(inspection->catalog, config->tables, config->ntables);
    catalog_tell(inspection->catalog, inspection->findings);
    if (take_details(inspection, err) != RNL_OK ||
        catalog_ask(inspection->catalog, err) != RNL_OK ||
        source->describe(inspection->source.self, inspection->catalog, err) != RNL_OK ||
        catalog_settle(inspection->catalog, err) != RNL_OK)
        return err->status;
    if (inspection->of_run && inspection->recorded && keep_tables_of_run(inspection, err) != RNL_OK)
        return err->status;
    if (catalog_count(inspection->catalog) == 0) {
        rnl_fail(err, RNL_E_CONFIG, "source.no_tables",
                 "there is no table in the source that was asked for");
        rnl_hint(err, "look at the names (and the user's rights) with a client of that database");
        return err->status;
    }
    return RNL_OK;
}

/* --- the target's tables --------------------------------------------------------- */

static int bind_all(struct inspection *inspection, struct rnl_catalog *catalog,
                    struct rnl_error *err)
{
    struct rnl_job job;

    inspect_job(inspection, &job);
    return inspection->sink.plugin->sink.bind(inspection->sink.self, &job,
                                              session_view(&inspection->sink, catalog), err);
}

static int tell_unbound(struct inspection *inspection, const struct rnl_table *table,
                        const struct rnl_error *why, struct rnl_error *err)
{
    struct unbound_table *moved =
        realloc(inspection->unbound, (inspection->nunbound + 1) * sizeof(*moved));
    char **name = NULL;
    size_t count = 0;

    if (!moved)
        return no_memory(err);
    inspection->unbound = moved;
    if (!add_name(&name, &count, table)) {
        free(name);
        return no_memory(err);
    }
    moved[inspection->nunbound++] = (struct unbound_table){.name = name[0], .error = *why};
    free(name);
    return RNL_OK;
}

/* Tries a table alone: into kept, or into unbound. */
static int try_table(struct inspection *inspection, uint32_t index, struct rnl_catalog *kept,
                     struct rnl_error *err)
{
    const struct rnl_table *table = catalog_at(inspection->catalog, index);
    struct rnl_catalog *alone = catalog_new();
    struct rnl_error why = RNL_ERROR_INIT;
    int status;

    if (!alone)
        return no_memory(err);
    status = catalog_copy(alone, inspection->catalog, index, err);
    if (status == RNL_OK)
        status = bind_all(inspection, alone, &why);
    if (status == RNL_OK)
        status = catalog_copy(kept, inspection->catalog, index, err);
    else if (status == RNL_E_CONFIG)
        status = tell_unbound(inspection, table, &why, err);
    else if (why.status < 0)
        *err = why;
    session_view(&inspection->sink, NULL);
    catalog_free(alone); /* nothing is read before the sink is bound again */
    return status;
}

int inspect_bind(struct inspection *inspection, struct rnl_error *err)
{
    int status = bind_all(inspection, inspection->catalog, err);
    struct rnl_catalog *kept;

    if (status != RNL_E_CONFIG)
        return status;
    kept = catalog_new();
    if (!kept)
        return no_memory(err);
    status = RNL_OK;
    for (uint32_t i = 0; status == RNL_OK && i < catalog_count(inspection->catalog); i++)
        status = try_table(inspection, i, kept, err);
    if (status == RNL_OK && catalog_count(kept) == 0) {
        *err = inspection->unbound[0].error;
        status = err->status;
    }
    if (status == RNL_OK)
        status = bind_all(inspection, kept, err);
    if (status != RNL_OK) {
        session_view(&inspection->sink, NULL);
        catalog_free(kept);
        return status;
    }
    catalog_free(inspection->catalog);
    inspection->catalog = kept;
    return RNL_OK;
}

int inspect_snapshot(struct inspection *inspection, uint32_t lanes, struct rnl_error *err)
{
    struct rnl_slice position = {NULL, 0};
    int status =
        inspection->source.plugin->source.snapshot(inspection->source.self, &lanes, &position, err);

    if (status == RNL_OK)
        inspection->source_lanes = lanes;
    return status;
}

void inspect_job(const struct inspection *inspection, struct rnl_job *job)
{
    const struct pipeline_config *config = inspection->config;

    *job = (struct rnl_job){
        .size = sizeof(*job),
        .lanes = config->writer.lanes,
        .pipeline = config->name,
        .schema_policy = config->schema_policy,
        .write_mode = config->write_mode,
        .structure = config->structure,
    };
    if (inspection->of_run && inspection->recorded) {
        job->schema_policy = inspection->record.schema_policy;
        job->write_mode = inspection->record.write_mode;
        job->structure = inspection->record.structure;
    }
}
