/* The words of a pipeline on how it runs: rows that don't fit, retry, limits, memory. */
#include "config_run.h"
#include "config_loader.h"
#include "options.h"

#include <stdlib.h>

#define ON_ERROR "stop|set_aside"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIB (INT64_C(1) << 20)

enum { ROWS_PRESET = 500 };
enum { CHUNK_PRESET = 32 << 20, COMMIT_PRESET = 32 << 20 };
enum { ERRORS_PRESET = 1000, RETRY_S = 600, RETRY_FIRST_MS = 200, RETRY_MAX_MS = 15000 };

static const struct word retry_words[] = {
    {"seconds", WORD_INT, NULL, 0, 7 * 24 * 3600},
    {"first_ms", WORD_INT, NULL, 1, 3600 * 1000},
    {"max_ms", WORD_INT, NULL, 1, 3600 * 1000},
};
static const struct word limits_words[] = {
    {"events", WORD_INT, NULL, 0, INT64_MAX},
    {"seconds", WORD_INT, NULL, 0, INT32_MAX},
};

void config_presets(struct pipeline_config *config)
{
    config->bundle_rows = ROWS_PRESET;
    config->chunk_bytes = CHUNK_PRESET;
    config->commit_bytes = COMMIT_PRESET;
    config->error_limit = ERRORS_PRESET;
    config->keep_rows = true;
    config->change_lanes = 1;
    config->retry = (struct retry_config){RETRY_S, RETRY_FIRST_MS, RETRY_MAX_MS};
    config->memory_bytes = MEMORY_PRESET;
    config->row_bytes = ROW_PRESET;
}

const char *config_pipeline_words(const struct pipeline_config *pipeline)
{
    return pipeline->origin.kind == ORIGIN_FILE ? pipeline->origin.file : "SOURCE TARGET";
}

void config_errors_read(const config_setting_t *writer, struct pipeline_config *pipeline)
{
    pipeline->on_error = (enum on_error)block_choice(writer, "on_error", ON_ERROR, 0);
    pipeline->error_limit = block_int(writer, "error_limit", pipeline->error_limit);
    pipeline->keep_rows = block_bool(writer, "keep_rows", pipeline->keep_rows);
}

static int read_retry(const config_setting_t *group, struct pipeline_config *pipeline,
                      struct rnl_error *err)
{
    struct retry_config *retry = &pipeline->retry;

    if (!group)
        return RNL_OK;
    if (block_check(group, "retry", retry_words, COUNT(retry_words), false, err) != RNL_OK ||
        block_flatten(group, "retry", NULL, &pipeline->written, err) != RNL_OK)
        return err->status;
    retry->seconds = block_int(group, "seconds", retry->seconds);
    retry->first_ms = block_int(group, "first_ms", retry->first_ms);
    retry->max_ms = block_int(group, "max_ms", retry->max_ms);
    if (retry->first_ms > retry->max_ms)
        return block_fail(group, "config.bad_value", err,
                          "the first wait (first_ms) can't be longer than the longest (max_ms)");
    return RNL_OK;
}

static int read_limits(const config_setting_t *group, struct pipeline_config *pipeline,
                       struct rnl_error *err)
{
    if (!group)
        return RNL_OK;
    if (block_check(group, "limits", limits_words, COUNT(limits_words), false, err) != RNL_OK ||
        block_flatten(group, "limits", NULL, &pipeline->written, err) != RNL_OK)
        return err->status;
    pipeline->limit_events = block_int(group, "events", 0);
    pipeline->limit_seconds = block_int(group, "seconds", 0);
    return RNL_OK;
}

int config_run_read(const config_setting_t *group, struct pipeline_config *pipeline,
                    struct rnl_error *err)
{
    pipeline->ddl = (enum ddl_policy)block_choice(group, "ddl", DDL_POLICIES, 0);
    pipeline->truncate =
        (enum truncate_policy)block_choice(group, "truncate", TRUNCATE_POLICIES, 0);
    pipeline->memory_bytes = block_int(group, "memory", pipeline->memory_bytes);
    pipeline->row_bytes = block_int(group, "max_row", pipeline->row_bytes);
    if (read_retry(config_setting_get_member(group, "retry"), pipeline, err) != RNL_OK)
        return err->status;
    return read_limits(config_setting_get_member(group, "limits"), pipeline, err);
}

uint16_t config_left_out(const struct pipeline_config *config)
{
    return config->truncate == TRUNCATE_IGNORE ? 1 << RNL_TRUNCATE : 0;
}

/* What waits in a lane between reader and writer, by the operator's word for it or ours. */
static size_t queue_bytes(const struct pipeline_config *config, size_t share)
{
    const struct setting *setting = settings_find(&config->transport_settings, "queue_bytes");
    int64_t said;

    if (setting && setting->text && parse_size(setting->text, &said) == 0 && said > 0)
        return (size_t)said;
    if (config->on_error == ON_ERROR_SET_ASIDE) /* holds what may have to be gone over again, too */
        return share / 5 * 3 < QUEUE_KEPT ? share / 5 * 3 : QUEUE_KEPT;
    return share / 4 < QUEUE_MOST ? share / 4 : QUEUE_MOST;
}

void config_sizes(const struct pipeline_config *config, struct run_sizes *sizes)
{
    int64_t memory = config->memory_bytes ? config->memory_bytes : MEMORY_PRESET;
    uint32_t lanes =
        config->reader.lanes > config->writer.lanes ? config->reader.lanes : config->writer.lanes;
    size_t share = (size_t)(memory - MEMORY_BASE) / (lanes ? lanes : 1);

    sizes->queue_bytes = queue_bytes(config, share);
    sizes->bundle_bytes =
        sizes->queue_bytes / 4 < BUNDLE_MOST ? sizes->queue_bytes / 4 : BUNDLE_MOST;
    sizes->part_bytes = sizes->queue_bytes / 3 * 2; /* the reader needs room to go on meanwhile */
    sizes->row_bytes = config->row_bytes ? (size_t)config->row_bytes : ROW_PRESET;
}
