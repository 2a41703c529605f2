/* The sqlite source: its options, its life from open to close, one moment for all lanes. */
#include "source.h"

#include <fcntl.h>
#include <unistd.h>

#define SNAPSHOT_TRIES 50
#define SCHEMAS_BYTES_MAX (6LL << 20)

static const struct rnl_option options[] = {
    LINK_OPTIONS(struct source_config, "The file to read; it must exist"),
    {"dates", "auto",
     "Columns declared as dates and times: auto takes them for such where each value is spelled "
     "alike, any also where spellings differ (which are lost), text never",
     "auto|text|any", RNL_O_ENUM, 0, offsetof(struct source_config, dates), 0, 0},
    {"booleans", "auto",
     "Columns declared as booleans: auto takes them for such where all values are 0 and 1, int "
     "never",
     "auto|int", RNL_O_ENUM, 0, offsetof(struct source_config, booleans), 0, 0},
};

static void lanes_close(struct source *source)
{
    for (uint32_t i = 0; i < source->nlanes; i++)
        base_close(&source->base, source->lanes[i]);
    free(source->lanes);
    source->lanes = NULL;
    source->nlanes = 0;
}

static void source_close(void *self)
{
    struct source *source = self;

    lanes_close(source);
    base_close(&source->base, source->control);
    base_free(&source->base);
    arena_free(&source->arena);
    free(source->infos);
    free(source->position);
    free(source);
}

static int source_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    struct source *source = calloc(1, sizeof(*source));
    int status;

    if (!source)
        return error_memory(err);
    source->config = ctx->config;
    base_init(&source->base, ctx, &source->config->link);
    status = base_open(&source->base, false, &source->control, err);
    if (status == RNL_OK)
        status = sq_number(source->control, "PRAGMA schema_version", &source->schema_version, err);
    if (status != RNL_OK) {
        source_close(source);
        return status;
    }
    *self = source;
    return RNL_OK;
}

static void source_interrupt(void *self)
{
    base_interrupt(&((struct source *)self)->base);
}

static int64_t file_bytes(const char *path, const char *suffix, int64_t at, size_t count,
                          int64_t otherwise)
{
    char name[4200];
    unsigned char bytes[8] = {0};
    int64_t value = 0;
    int fd;

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return otherwise;
    if (pread(fd, bytes, count, at) == (ssize_t)count)
        for (size_t i = 0; i < count; i++)
            value = (int64_t)((uint64_t)value << 8 | bytes[i]);
    close(fd);
    return value;
}

/*
 * What changes when the file does: the change counter of its header, and of a log beside
 * it salt and size (https://www.sqlite.org/fileformat2.html, 1.3.6 and 4.1).
 */
static char *position_make(const struct source *source)
{
    const char *path = source->config->link.path;
    char name[4200], text[200];
    int64_t wal = 0;
    int fd;

    snprintf(name, sizeof(name), "%s-wal", path);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        wal = lseek(fd, 0, SEEK_END);
        close(fd);
    }
    snprintf(text, sizeof(text), "{\"change_counter\":%lld,\"wal_salt\":%lld,\"wal_bytes\":%lld}",
             (long long)file_bytes(path, "", 24, 4, 0),
             (long long)(wal > 0 ? file_bytes(path, "-wal", 16, 4, 0) : 0), (long long)wal);
    return strdup(text);
}

/* Rows are read once, in the order in which they lie: pages of them needn't be kept. */
static const char begin_sql[] =
    "PRAGMA cache_size = -512; BEGIN; SELECT count(*) FROM sqlite_schema";

/* Of the lanes that are open and one more. */
static int64_t schemas_bytes(const struct source *source)
{
    return base_schema_bytes(source->lanes[0]) * (source->nlanes + 1);
}

/*
 * Each in a read transaction that has begun: it sees the file as it is now. Fewer than asked for
 * when there are thousands of tables, which each would keep the definitions of.
 */
static int lanes_open(struct source *source, uint32_t count, struct rnl_error *err)
{
    int status = RNL_OK;

    source->lanes = calloc(count, sizeof(sqlite3 *));
    if (!source->lanes)
        return error_memory(err);
    for (; source->nlanes < count && status == RNL_OK; source->nlanes++) {
        sqlite3 **db = &source->lanes[source->nlanes];

        if (source->nlanes && schemas_bytes(source) >= SCHEMAS_BYTES_MAX)
            break;
        status = base_open(&source->base, false, db, err);
        if (status == RNL_OK)
            status = sq_run(*db, begin_sql, "begin to read", err);
    }
    return status;
}

/*
 * Lanes see the same when nobody committed between the first one's beginning and the
 * last one's: the control connection tells by its data_version.
 */
static int source_snapshot(void *self, uint32_t *lanes, struct rnl_slice *position,
                           struct rnl_error *err)
{
    struct source *source = self;

    for (int tries = 0; tries < SNAPSHOT_TRIES; tries++) {
        int64_t before, after;
        int status = sq_number(source->control, "PRAGMA data_version", &before, err);

        lanes_close(source);
        if (status == RNL_OK)
            status = lanes_open(source, *lanes, err);
        if (status == RNL_OK)
            status = sq_number(source->control, "PRAGMA data_version", &after, err);
        if (status != RNL_OK)
            return status;
        if (before != after)
            continue;
        free(source->position);
        source->position = position_make(source);
        if (!source->position)
            return error_memory(err);
        *position = (struct rnl_slice){source->position, strlen(source->position)};
        *lanes = source->nlanes;
        base_rest(source->control); /* from here on lanes read */
        return RNL_OK;
    }
    rnl_fail(err, RNL_E_RETRY, "sqlite.busy_file",
             "the file %s is written to so often that lanes can't be given the same view of it",
             source->config->link.path);
    rnl_hint(err, "take one lane (--lanes 1)");
    return err->status;
}

static const struct rnl_source_ops ops = {
    .size = sizeof(ops),
    .open = source_open,
    .close = source_close,
    .describe = source_describe,
    .snapshot = source_snapshot,
    .plan = source_plan,
    .cursor_open = source_cursor_open,
    .cursor_read = source_cursor_read,
    .cursor_close = source_cursor_close,
    .interrupt = source_interrupt,
};

const struct rnl_plugin sqlite_source = {
    .size = sizeof(sqlite_source),
    .kind = RNL_SOURCE,
    .name = "sqlite",
    .summary = "Reads a file of SQLite 3",
    .schemes = "sqlite,sqlite3",
    .options = RNL_OPTIONS(options, struct source_config),
    .source = &ops,
};
