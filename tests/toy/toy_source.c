/* The toy source: rows that are counted off. */
#include "toy.h"

#include <stdlib.h>
#include <unistd.h>

struct source {
    const struct rnl_ctx *ctx;
    char place[24];
};

struct cursor {
    struct source *source;
    uint32_t table;
    int64_t next, end, read;
    struct toy_log_cursor *log; /* of changes; NULL: of rows */
};

static const struct toy_source_config *config_of(const void *self)
{
    const struct source *source = self;

    return source->ctx->config;
}

static int toy_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    struct source *source = calloc(1, sizeof(*source));

    if (!source)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    source->ctx = ctx;
    *self = source;
    return RNL_OK;
}

static void toy_close(void *self)
{
    free(self);
}

static int toy_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err)
{
    static const struct rnl_column columns[] = {
        {.name = "id", .native = "int", .type = RNL_T_INT, .width = 8, .flags = RNL_COLUMN_KEY},
        {.name = "text", .native = "text", .type = RNL_T_TEXT}};
    static const struct rnl_index_part key[] = {{.column = 0}};
    static const struct rnl_index indexes[] = {
        {.name = "key", .parts = key, .nparts = 1, .flags = RNL_INDEX_PRIMARY}};
    static const uint32_t id[] = {0};
    static const char *const ids[] = {"id"};
    static const struct rnl_foreign_key link = {.name = "link",
                                                .ref_schema = "toy",
                                                .ref_table = "t0",
                                                .columns = id,
                                                .ref_columns = ids,
                                                .ncolumns = 1};
    struct source *source = self;

    for (int64_t i = 0; i < config_of(source)->tables; i++) {
        char name[32];
        struct rnl_table table = {.size = sizeof(table),
                                  .schema = "toy",
                                  .name = name,
                                  .dialect = "toy",
                                  .columns = columns,
                                  .ncolumns = 2,
                                  .column_size = sizeof(columns[0]),
                                  .indexes = indexes,
                                  .nindexes = config_of(source)->keyless ? 0 : 1,
                                  .index_size = sizeof(indexes[0]),
                                  .foreign_keys = &link,
                                  .nforeign_keys = i == 1 && config_of(source)->linked,
                                  .foreign_key_size = sizeof(link),
                                  .rows = config_of(source)->rows,
                                  .bytes = -1};

        snprintf(name, sizeof(name), "t%lld", (long long)i);
        if (i == 0 && config_of(source)->gone)
            continue;
        if (source->ctx->host->table_wanted(catalog, "toy", name) &&
            source->ctx->host->table_add(catalog, &table, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static int toy_snapshot(void *self, uint32_t *lanes, struct rnl_slice *position,
                        struct rnl_error *err)
{
    struct source *source = self;

    (void)lanes;
    (void)err;
    *position = toy_place(config_of(source)->view, source->place);
    return RNL_OK;
}

static int toy_plan(void *self, const struct rnl_catalog *catalog, uint32_t table,
                    int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err)
{
    struct source *source = self;
    const struct toy_source_config *config = config_of(source);
    int64_t rows = config->rows + (config->seen ? config->seen + 1 : 0); /* ids from 0 on */
    int64_t step = config->keyless ? rows + 1 : config->chunk;

    (void)catalog;
    (void)chunk_bytes;
    for (int64_t from = 0; from < rows || from == 0; from += step) {
        int64_t to = from + step < rows ? from + step : rows;
        struct rnl_unit unit = {.size = sizeof(unit),
                                .kind = RNL_UNIT_CHUNK,
                                .table = table,
                                .from = {&from, sizeof(from)},
                                .to = {&to, sizeof(to)},
                                .rows = to - from,
                                .bytes = 8 * (to - from)};

        if (source->ctx->host->unit_add(plan, &unit, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static int toy_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                           const struct rnl_unit *unit, void **out, struct rnl_error *err)
{
    struct cursor *cursor = calloc(1, sizeof(*cursor));

    (void)lane;
    if (!cursor)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    cursor->source = self;
    *out = cursor;
    if (unit->kind == RNL_UNIT_CHANGES) {
        int status = toy_log_open(cursor->source->ctx, catalog, unit, &cursor->log, err);

        if (status != RNL_OK)
            free(cursor);
        return status;
    }
    cursor->table = unit->table;
    memcpy(&cursor->next, unit->position.len ? unit->position.ptr : unit->from.ptr, 8);
    memcpy(&cursor->end, unit->to.ptr, 8);
    return RNL_OK;
}

/* Ids behind the rows are those that changes have put into one table or another. */
static bool is_there(const struct cursor *cursor, const struct toy_source_config *config)
{
    int64_t number = cursor->next - config->rows;

    return number < 0 || (number > 0 && (uint32_t)(number % config->tables) == cursor->table);
}

static int toy_cursor_read(void *self, struct rnl_bundle *out, int timeout_ms,
                           struct rnl_error *err)
{
    struct cursor *cursor = self;
    const struct rnl_host *host = cursor->source->ctx->host;
    const struct toy_source_config *config = config_of(cursor->source);

    char buf[24];

    (void)timeout_ms;
    if (cursor->log)
        return toy_log_read(cursor->log, out, err);
    if (config->slow_us)
        usleep((useconds_t)config->slow_us);
    if (config->awaited && toy_changes(config->confirms) < config->awaited) {
        usleep(1000);
        return RNL_AGAIN;
    }
    if (config->rests && toy_changes(config->confirms) > config->rests)
        return rnl_fail(err, RNL_E_FATAL, "toy.restless", "changes came meanwhile");
    while (cursor->next < cursor->end && !host->bundle_full(out)) {
        const struct rnl_value values[] = {{.type = RNL_T_INT, .i = cursor->next},
                                           {.type = RNL_T_TEXT, .len = 4, .ptr = "text"}};
        const struct rnl_row row = {.size = sizeof(row),
                                    .table = cursor->table,
                                    .op = RNL_INSERT,
                                    .nvalues = 2,
                                    .after = values};

        if (config->fail_after && cursor->read >= config->fail_after)
            return rnl_fail(err, RNL_E_RETRY, "toy.gone", "the toy source went away");
        if (is_there(cursor, config) && host->bundle_add(out, &row, err) != RNL_OK)
            return err->status;
        cursor->next++;
        cursor->read++;
    }
    if (!config->keyless &&
        host->bundle_mark(out, (struct rnl_slice){&cursor->next, 8}, err) != RNL_OK)
        return err->status;
    if (config->keyless && cursor->next == cursor->end &&
        host->bundle_mark(out, toy_place(config->seen, buf), err) != RNL_OK)
        return err->status;
    return cursor->next == cursor->end ? RNL_DONE : RNL_OK;
}

static void toy_cursor_close(void *self)
{
    struct cursor *cursor = self;

    toy_log_close(cursor->log);
    free(cursor);
}

static int toy_follow(void *self, const char *pipeline, const struct rnl_catalog *catalog,
                      bool resuming, struct rnl_error *err)
{
    const struct toy_source_config *config = config_of(self);

    (void)pipeline;
    (void)catalog;
    if (resuming && toy_confirmed(config->confirms) < config->must_have)
        return rnl_fail(err, RNL_E_FATAL, "toy.unconfirmed", "less is confirmed than must be");
    return RNL_OK;
}

static int toy_unfollow(void *self, const char *pipeline, struct rnl_error *err)
{
    (void)self;
    (void)pipeline;
    (void)err;
    return RNL_OK;
}

static int toy_log_end(void *self, struct rnl_slice *position, struct rnl_error *err)
{
    struct source *source = self;

    (void)err;
    *position = toy_place(config_of(source)->log, source->place);
    return RNL_OK;
}

static bool toy_log_reached(void *self, struct rnl_slice position, struct rnl_slice goal)
{
    const struct toy_source_config *config = config_of(self);
    int64_t whole = toy_number(goal) / config->log_part * config->log_part;

    return toy_number(position) >= whole; /* a transaction that hasn't ended isn't there */
}

static int toy_confirm_place(void *self, struct rnl_slice position, struct rnl_error *err)
{
    const struct toy_source_config *config = config_of(self);

    if (!toy_confirm(config->confirms, toy_number(position)))
        return rnl_fail(err, RNL_E_FATAL, "toy.early", "what isn't in the target is confirmed");
    return RNL_OK;
}

static void toy_interrupt(void *self)
{
    (void)self; /* nothing here blocks for long */
}

static const struct rnl_source_ops ops = {
    .size = sizeof(ops),
    .open = toy_open,
    .close = toy_close,
    .describe = toy_describe,
    .snapshot = toy_snapshot,
    .plan = toy_plan,
    .cursor_open = toy_cursor_open,
    .cursor_read = toy_cursor_read,
    .cursor_close = toy_cursor_close,
    .confirm = toy_confirm_place,
    .interrupt = toy_interrupt,
    .follow = toy_follow,
    .unfollow = toy_unfollow,
    .log_end = toy_log_end,
    .log_reached = toy_log_reached,
};

#define INT(field, preset_, help_)                                               \
    {                                                                            \
        .name = #field, .preset = (preset_), .help = (help_), .type = RNL_O_INT, \
        .offset = offsetof(struct toy_source_config, field), .max = INT64_MAX    \
    }

static const struct rnl_option options[] = {
    INT(tables, "1", "How many tables there are."),
    INT(rows, "1000", "Rows of each table."),
    INT(chunk, "100", "Rows of each unit."),
    INT(fail_after, "0", "A cursor fails after so many rows; 0: never."),
    INT(slow_us, "0", "Microseconds that each bundle takes."),
    INT(log, "0", "Changes that its log has."),
    INT(log_part, "1", "Changes of each transaction."),
    INT(seen, "0", "Changes that stood before the tables were read."),
    INT(view, "0", "The change that a snapshot says to stand behind."),
    INT(awaited, "0", "Rows are read once the sink has changes up to this one."),
    INT(rests, "0", "Rows can't be read once the sink has later changes than this."),
    INT(linked, "0", "1: t1 has a foreign key to t0."),
    INT(since, "0", "Changes of t2 up to this one can't be read."),
    INT(gone, "0", "1: the first table isn't there any more."),
    INT(replaced, "0", "Of altered: 1: t2 is replaced by another table."),
    INT(log_fails, "0", "A cursor of changes fails after so many; 0: never."),
    INT(altered, "0", "The change behind which tables are others; 0: none."),
    INT(must_have, "0", "Changes that must be confirmed when a run goes on."),
    {.name = "confirms",
     .preset = "none",
     .help = "The store of the sink, where all that is confirmed must stand.",
     .type = RNL_O_STRING,
     .offset = offsetof(struct toy_source_config, confirms)},
    {.name = "log_place",
     .preset = "false",
     .help = "A cursor of changes begins with the place where it stands.",
     .type = RNL_O_BOOL,
     .offset = offsetof(struct toy_source_config, log_place)},
    {.name = "keyless",
     .preset = "false",
     .help = "Tables are one unit each, which can't be resumed within.",
     .type = RNL_O_BOOL,
     .offset = offsetof(struct toy_source_config, keyless)},
    {.name = "drops",
     .preset = "false",
     .help = "Of altered: the first table is dropped.",
     .type = RNL_O_BOOL,
     .offset = offsetof(struct toy_source_config, drops)},
};

const struct rnl_plugin toy_source = {
    .size = sizeof(toy_source),
    .kind = RNL_SOURCE,
    .name = "toy",
    .summary = "Counts rows off, for tests.",
    .options = RNL_OPTIONS(options, struct toy_source_config),
    .source = &ops,
};

RNL_MODULE("toy", "0.1.0", "Apache-2.0", &toy_source, &toy_sink);
