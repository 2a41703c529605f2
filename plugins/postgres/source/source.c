/* The postgres source: what it offers, its options, its life from open to close. */
#include "follow.h"

#include "link_options.h"

#include <sys/random.h>

#define AT(member) offsetof(struct source_config, member)

static const struct rnl_option options[] = {
    LINK_OPTIONS(source_config, "database to read"),
    {"publication", NULL, "changes: a publication that stands; else one is made for the pipeline",
     NULL, RNL_O_STRING, 0, AT(publication), 0, 0},
    {"slot", NULL, "changes: a replication slot that stands; else one is made for the pipeline",
     NULL, RNL_O_STRING, 0, AT(slot), 0, 0},
    {"keyless", "refuse",
     "changes: tables whose updates don't tell the row are refused, or only their inserts followed",
     "refuse|insert_only", RNL_O_ENUM, 0, AT(keyless), 0, 0},
    {"slot_timeout", "10m", "changes: how long a slot may wait for transactions that are open",
     NULL, RNL_O_DURATION, 0, AT(slot_timeout_ms), 1000, 86400000},
};

static void source_close(void *self)
{
    struct pg_source *source = self;

    if (!source)
        return;
    source_leave(source);
    follow_free(source);
    conn_close(source->control);
    leaves_forget(source);
    server_destroy(&source->server);
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

static int source_cursor_read(void *cursor, struct rnl_bundle *out, int timeout_ms,
                              struct rnl_error *err)
{
    return ((struct reading *)cursor)->read(cursor, out, timeout_ms, err);
}

static void source_cursor_close(void *cursor)
{
    ((struct reading *)cursor)->close(cursor);
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
    .confirm = source_confirm,
    .interrupt = source_interrupt,
    .follow = source_follow,
    .unfollow = source_unfollow,
    .log_end = source_log_end,
    .log_reached = source_log_reached,
    .log_state = source_log_state,
    .reads_keys = source_reads_keys,
    .same_table = source_same_table,
};

const struct rnl_plugin source_plugin = {
    .size = sizeof(source_plugin),
    .kind = RNL_SOURCE,
    .name = "postgres",
    .summary =
        "Reads PostgreSQL 10 and later by binary COPY in one snapshot, and follows its changes",
    .schemes = "postgres,postgresql",
    .options = RNL_OPTIONS(options, struct source_config),
    .source = &ops,
};
