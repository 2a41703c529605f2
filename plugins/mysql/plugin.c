/* The mysql plugin, and its source: what it is called, which options it has, its life from open to
 * close. */
#include "sink.h"
#include "source.h"

static const struct rnl_option options[] = {
    LINK_OPTIONS(struct mysql_config, "The database to read"),
    {"server_id", "0",
     "Under which number the server knows us while changes are followed: unique among its replicas "
     "and readers; 0: one is made up",
     NULL, RNL_O_INT, 0, offsetof(struct mysql_config, server_id), 0, UINT32_MAX},
};

static int log_is_on(struct source *source, struct rnl_error *err)
{
    char *value;
    int status = conn_value(source->control, "SELECT @@global.log_bin", 0, &value, err);

    source->binlog = value && strcmp(value, "1") == 0;
    free(value);
    return status;
}

static void source_close(void *self)
{
    struct source *source = self;

    lanes_close(source);
    conn_close(source->control);
    table_infos_free(source);
    follow_free(source);
    free(source->position);
    server_free(&source->server);
    free(source);
}

static int source_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    const struct mysql_config *config;
    struct source *source = NULL;
    int status = library_check(err);

    if (status)
        return status;
    source = calloc(1, sizeof(*source));
    if (!source)
        return error_memory(err);
    source->ctx = ctx;
    config = ctx->config;
    server_init(&source->server, ctx, &config->link, source_session_set);
    status = conn_open(&source->server, &source->control, err);
    if (!status)
        status = server_learn(&source->server, source->control, err);
    if (!status)
        status = log_is_on(source, err);
    if (status) {
        source_close(source);
        return status;
    }
    *self = source;
    return RNL_OK;
}

static void source_interrupt(void *self)
{
    conns_interrupt(&((struct source *)self)->server);
}

static const struct rnl_source_ops ops = {
    .size = sizeof(ops),
    .open = source_open,
    .close = source_close,
    .describe = source_describe,
    .check = source_check,
    .snapshot = source_snapshot,
    .plan = source_plan,
    .cursor_open = source_cursor_open,
    .cursor_read = source_cursor_read,
    .cursor_close = source_cursor_close,
    .interrupt = source_interrupt,
    .follow = source_follow,
    .unfollow = source_unfollow,
    .log_end = source_log_end,
    .log_reached = source_log_reached,
    .log_state = source_log_state,
    .reads_keys = source_reads_keys,
};

static const struct rnl_plugin plugin = {
    .size = sizeof(plugin),
    .kind = RNL_SOURCE,
    .name = "mysql",
    .summary = "Reads MySQL 8.0 and later, and MariaDB 10.5 and later",
    .schemes = "mysql,mariadb",
    .options = RNL_OPTIONS(options, struct mysql_config),
    .source = &ops,
};

RNL_MODULE("mysql", "0.1.0", "Apache-2.0", &plugin, &sink_plugin);
