/* From a command's words and options to a pipeline with its secrets at hand. */
#include "job.h"

#include "../config_block.h"
#include "../config_run.h"
#include "../module.h"
#include "../options.h"
#include "../password.h"
#include "../secret.h"
#include "../session.h"

#include <stdlib.h>
#include <unistd.h>

static const struct origin set_origin = {.kind = ORIGIN_FLAG, .file = "--set"};

void job_close(struct job *job)
{
    pipeline_config_free(job->made);
    config_free(job->config);
    secret_resolver_free(job->resolver);
    *job = (struct job){0};
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

/* NAME=VALUE goes to the role whose plugin knows NAME: both, when both do. */
static int set_one(struct pipeline_config *config, const char *text, struct rnl_error *err)
{
    const struct plugin *source, *sink;
    const char *value = strchr(text, '=');
    bool known = false;
    char name[64];

    if (!value || (size_t)(value - text) >= sizeof(name)) {
        rnl_fail(err, RNL_E_CONFIG, "usage.set", "--set %s: NAME=VALUE is wanted", text);
        return err->status;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(value - text), text);
    if (plugin_find(RNL_SOURCE, config->reader.plugin, &source, err) != RNL_OK ||
        plugin_find(RNL_SINK, config->writer.plugin, &sink, err) != RNL_OK)
        return err->status;
    if (has_option(&source->options, name)) {
        settings_set(&config->reader.settings, name, SETTING_TEXT, value + 1, &set_origin);
        known = true;
    }
    if (has_option(&sink->options, name)) {
        settings_set(&config->writer.settings, name, SETTING_TEXT, value + 1, &set_origin);
        known = true;
    }
    if (!known) {
        rnl_fail(err, RNL_E_CONFIG, "usage.set", "--set %s: neither source %s nor sink %s knows it",
                 name, config->reader.plugin, config->writer.plugin);
        rnl_hint(err, "see: runnel plugins help %s", config->writer.plugin);
        return err->status;
    }
    return RNL_OK;
}

/* "a,b" are two patterns; a name with a comma in it is matched by ? in its place. */
static void add_patterns(struct pipeline_config *config, const char *list, bool exclude)
{
    while (*list) {
        size_t len = strcspn(list, ",");
        char *pattern = strndup(list, len);

        if (!pattern)
            abort();
        if (*pattern)
            config_table_add(config, pattern)->exclude = exclude;
        free(pattern);
        list += len + (list[len] == ',');
    }
}

/* "orders=id > 5" into its two halves, cut at the first =. */
static int split_pair(const char *option, const char *text, char **name, const char **rest,
                      struct rnl_error *err)
{
    const char *sign = strchr(text, '=');

    if (!sign || sign == text || !sign[1])
        return rnl_fail(err, RNL_E_CONFIG, "usage.pair", "--%s %s: TABLE=… is wanted", option,
                        text);
    *name = strndup(text, (size_t)(sign - text));
    if (!*name)
        abort();
    *rest = sign + 1;
    return RNL_OK;
}

static int add_details(struct pipeline_config *config, const struct cli_args *args,
                       struct rnl_error *err)
{
    char *const *where = cli_list(args, "where"), *const *target = cli_list(args, "target");
    const char *rest = NULL;
    char *name = NULL;

    for (; where && *where; where++) {
        if (split_pair("where", *where, &name, &rest, err) != RNL_OK)
            return err->status;
        config_table_where(config, name, rest);
        free(name);
    }
    for (; target && *target; target++) {
        if (split_pair("target", *target, &name, &rest, err) != RNL_OK)
            return err->status;
        config_table_target(config, name, rest);
        free(name);
    }
    return RNL_OK;
}

/* The flags' patterns in the place of the file's, whose rules still say what of a table. */
static void select_tables(struct pipeline_config *config, const struct cli_args *args)
{
    char *const *tables = cli_list(args, "tables");
    char *const *exclude = cli_list(args, "exclude");

    for (size_t i = 0; (tables || exclude) && i < config->ntables; i++)
        config->tables[i].detail = true;
    for (char *const *at = tables; at && *at; at++)
        add_patterns(config, *at, false);
    for (char *const *at = exclude; at && *at; at++)
        add_patterns(config, *at, true);
}

static const char *const policies[] = {"create_missing_only", "fail_if_exists", "validate_existing",
                                       "drop_and_recreate"};
static const char *const modes[] = {"fail_if_not_empty", "append", "truncate_and_load", "upsert"};

/* The index of a word among four; -1 and an error: none of them. */
static int word_index(const char *option, const char *word, const char *const *words,
                      struct rnl_error *err)
{
    const char *near = nearest_word(word, words, 4);

    for (int i = 0; i < 4; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    rnl_fail(err, RNL_E_CONFIG, "usage.word", "--%s %s: %s, %s, %s or %s is wanted", option, word,
             words[0], words[1], words[2], words[3]);
    if (near)
        rnl_hint(err, "did you mean %s?", near);
    return -1;
}

static int apply_policies(struct pipeline_config *config, const struct cli_args *args,
                          struct rnl_error *err)
{
    const char *policy = cli_text(args, "schema-policy", NULL);
    const char *mode = cli_text(args, "write-mode", NULL);
    int index;

    if (policy) {
        index = word_index("schema-policy", policy, policies, err);
        if (index < 0)
            return err->status;
        config->schema_policy = (enum rnl_schema_policy)index;
    }
    if (mode) {
        index = word_index("write-mode", mode, modes, err);
        if (index < 0)
            return err->status;
        config->write_mode = (enum rnl_write_mode)index;
    }
    return RNL_OK;
}

static int apply_options(struct pipeline_config *config, const struct cli_args *args,
                         struct rnl_error *err)
{
    char *const *set = cli_list(args, "set");
    int64_t lanes = cli_int(args, "lanes", 0);

    if (lanes < 0 || lanes > 64 || (cli_text(args, "lanes", NULL) && lanes == 0))
        return rnl_fail(err, RNL_E_CONFIG, "usage.lanes", "--lanes: 1 to 64 are possible");
    if (lanes)
        config->reader.lanes = config->writer.lanes = (uint32_t)lanes;
    for (; set && *set; set++)
        if (set_one(config, *set, err) != RNL_OK)
            return err->status;
    select_tables(config, args);
    if (add_details(config, args, err) != RNL_OK)
        return err->status;
    return apply_policies(config, args, err);
}

static int open_urls(struct job *job, const struct cli_args *args, struct rnl_error *err)
{
    struct connection_config *source = NULL, *target = NULL;
    const char *name = cli_text(args, "name", NULL);

    if (config_connection_from_url(args->words[0], &source, err) != RNL_OK)
        return err->status;
    if (config_connection_from_url(args->words[1], &target, err) != RNL_OK) {
        connection_config_free(source);
        return err->status;
    }
    job->made = pipeline_config_of(source, target);
    if (name) {
        free(job->made->name);
        job->made->name = strdup(name);
    }
    job->pipeline = job->made;
    return RNL_OK;
}

/* The only pipeline, or the one that --pipeline names. */
static int choose(struct job *job, const char *what, const char *name, struct rnl_error *err)
{
    if (!name && job->config->npipelines == 1) {
        job->pipeline = job->config->pipelines[0];
        return RNL_OK;
    }
    if (!name) {
        rnl_fail(err, RNL_E_CONFIG, "usage.pipeline", "%s holds %zu pipelines", what,
                 job->config->npipelines);
        rnl_hint(err, job->config->npipelines ? "say which with --pipeline NAME"
                                              : "a file to run needs: pipeline = { … };");
        return err->status;
    }
    job->pipeline = config_pipeline(job->config, name);
    if (job->pipeline)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "usage.pipeline", "there is no pipeline %s in %s", name, what);
    rnl_hint(err, "`runnel config show` lists what the configuration holds");
    return err->status;
}

static int unknown_pipeline(const struct config *config, const char *word, struct rnl_error *err)
{
    const char **names = calloc(config->npipelines + 1, sizeof(char *)), *near;

    if (!names)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    for (size_t i = 0; i < config->npipelines; i++)
        names[i] = config->pipelines[i]->name;
    near = nearest_word(word, names, config->npipelines);
    rnl_fail(err, RNL_E_CONFIG, "usage.pipeline", "%s is neither a file nor a pipeline", word);
    if (near)
        rnl_hint(err, "did you mean %s?", near);
    else
        rnl_hint(err, "two URLs, a pipeline's file, or a name of the configuration (--config) is "
                      "wanted");
    free(names);
    return err->status;
}

/* One word: a file if there is one of that name, else a pipeline of the configuration. */
static int open_named(struct job *job, const struct cli_args *args, struct rnl_error *err)
{
    const char *word = args->words[0];
    bool is_file = access(word, F_OK) == 0;

    if (cli_config(args, is_file ? word : NULL, &job->config, err) != RNL_OK)
        return err->status;
    if (is_file)
        return choose(job, word, cli_text(args, "pipeline", NULL), err);
    if (job->config && config_pipeline(job->config, word)) {
        job->pipeline = config_pipeline(job->config, word);
        return RNL_OK;
    }
    return unknown_pipeline(job->config, word, err);
}

static int complete_passwords(struct job *job, const struct cli_args *args, struct rnl_error *err)
{
    const struct role_config *roles[] = {&job->pipeline->reader, &job->pipeline->writer};

    password_ask(cli_flag(args, "ask-password"));
    for (int i = 0; i < 2; i++) {
        enum rnl_kind kind = i ? RNL_SINK : RNL_SOURCE;
        struct connection_config *connection;
        const struct plugin *plugin;

        /* Made by us or by config_load for us: read only for the others. */
        memcpy(&connection, &roles[i]->connection, sizeof(struct connection_config *));
        if (plugin_find(kind, roles[i]->plugin, &plugin, err) != RNL_OK)
            return err->status;
        if (connection && password_complete(&connection->settings, plugin, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static int open_any(struct job *job, const struct cli_args *args, struct rnl_error *err)
{
    struct pipeline_config *config;
    int status;

    if (args->nwords == 2) {
        status = cli_config(args, NULL, &job->config, err);
        if (status == RNL_OK)
            status = open_urls(job, args, err);
    } else
        status = open_named(job, args, err);
    if (status != RNL_OK)
        return status;
    job->resolver = config_resolver(job->config);
    if (!job->resolver)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    memcpy(&config, &job->pipeline, sizeof(struct pipeline_config *)); /* the flags come on top */
    if (apply_options(config, args, err) != RNL_OK ||
        selection_resolve(config->tables, config->ntables, job->resolver, err) != RNL_OK ||
        config_runnable(job->pipeline, err) != RNL_OK)
        return err->status;
    return complete_passwords(job, args, err);
}

int job_open(struct job *job, const struct cli_args *args, struct rnl_error *err)
{
    int status;

    *job = (struct job){0};
    status = open_any(job, args, err);
    if (status != RNL_OK)
        job_close(job);
    return status;
}

/* Rows that don't fit: what becomes of them, and how many there may be. */
static int apply_errors(struct pipeline_config *config, const struct cli_args *args,
                        struct rnl_error *err)
{
    const char *word = cli_text(args, "on-error", NULL);

    if (word && strcmp(word, "stop") != 0 && strcmp(word, "set_aside") != 0)
        return rnl_fail(err, RNL_E_CONFIG, "usage.word",
                        "--on-error %s: stop or set_aside is wanted", word);
    if (word)
        config->on_error = strcmp(word, "stop") == 0 ? ON_ERROR_STOP : ON_ERROR_SET_ASIDE;
    config->error_limit = cli_int(args, "error-limit", config->error_limit);
    if (config->error_limit < 0)
        return rnl_fail(err, RNL_E_CONFIG, "usage.error_limit",
                        "--error-limit: a number of rows is wanted (0: any)");
    if (cli_flag(args, "no-keep-rows"))
        config->keep_rows = false;
    return RNL_OK;
}

/* One of the choices (words parted by "|"), if the option was said. */
static int choice(const struct cli_args *args, const char *option, const char *choices, int *value,
                  struct rnl_error *err)
{
    const char *word = cli_text(args, option, NULL);
    int index = word ? choice_index(choices, word) : *value;

    if (index < 0)
        return rnl_fail(err, RNL_E_CONFIG, "usage.word", "--%s %s: one of %s is wanted", option,
                        word, choices);
    *value = index;
    return RNL_OK;
}

int job_apply_changes(struct pipeline_config *config, const struct cli_args *args,
                      struct rnl_error *err)
{
    int ddl = (int)config->ddl, truncate = (int)config->truncate;

    if (choice(args, "ddl", DDL_POLICIES, &ddl, err) != RNL_OK ||
        choice(args, "truncate", TRUNCATE_POLICIES, &truncate, err) != RNL_OK ||
        apply_errors(config, args, err) != RNL_OK)
        return err->status;
    config->ddl = (enum ddl_policy)ddl;
    config->truncate = (enum truncate_policy)truncate;
    return RNL_OK;
}
