/* The postgres source: what it offers, its options, its life from open to close. */
#include "source.h"

#include "link_options.h"

#include <sys/random.h>

static const struct rnl_option options[] = {
    LINK_OPTIONS(source_config, "database to read"),
};

static void source_close(void *self)
{
    struct pg_source *source = self;

    if (!source)
        return;
    source_leave(source);
    conn_close(source->control);
    leaves_forget(source);
    server_destroy(&source->server);
    free(source->position);
    free(source);
}

static int source_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    const struct source_config *config = ctx->config;
    struct pg_source *source = calloc(1, sizeof(*source));
    int status;

    if (!source)
        return error_memory(err);
    server_init(&source->server, ctx, &config->link);
    if (getrandom(&source->number, sizeof(source->number), 0) < 0)
        source->number = (uint64_t)(uintptr_t)source;
    status = conn_open(&source->server, &source->control, err);
    if (status != RNL_OK) {
        source_close(source);
        return status;
    }
    source->server.version = PQserverVersion(source->control->pg);
    rnl_debug(ctx, "connected to PostgreSQL %d.%d", source->server.version / 10000,
              source->server.version % 10000);
    *self = source;
    return RNL_OK;
}

static void source_interrupt(void *self)
{
    server_interrupt(&((struct pg_source *)self)->server);
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
};

const struct rnl_plugin source_plugin = {
    .size = sizeof(source_plugin),
    .kind = RNL_SOURCE,
    .name = "postgres",
    .summary = "Reads PostgreSQL 10 and later by binary COPY, all lanes in one snapshot",
    .schemes = "postgres,postgresql",
    .options = RNL_OPTIONS(options, struct source_config),
    .source = &ops,
};
