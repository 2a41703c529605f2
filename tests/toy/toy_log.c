/* The toy source's log: changes that are counted off, in transactions of the same size. */
#include "toy.h"

#include <stdlib.h>
#include <unistd.h>

struct toy_log_cursor {
    const struct rnl_ctx *ctx;
    int64_t number, read; /* of the last change given; how many this cursor gave */
    int64_t starts[16];   /* of each table: changes up to it are left out */
    bool placed;          /* the first thing told was where it stands */
    bool owed;            /* the last change given ends a transaction, which is yet to be said */
    bool told;            /* that tables are others */
    uint32_t places[16];  /* indexes in the catalog of t0, t1, …; UINT32_MAX: not there */
    uint16_t columns;     /* of each table of the catalog */
};

struct rnl_slice toy_place(int64_t number, char buf[24])
{
    return (struct rnl_slice){buf, (size_t)snprintf(buf, 24, "%lld", (long long)number)};
}

int64_t toy_number(struct rnl_slice place)
{
    char buf[24] = "";

    if (place.len && place.len < sizeof(buf))
        memcpy(buf, place.ptr, place.len);
    return strtoll(buf, NULL, 10);
}

bool toy_is_place(struct rnl_slice text)
{
    char buf[24];

    return text.len && text.len < sizeof(buf) && toy_place(toy_number(text), buf).len == text.len;
}

/* Tables may stand at other places than they were described. */
static void find_tables(struct toy_log_cursor *cursor, const struct rnl_catalog *catalog)
{
    const struct rnl_host *host = cursor->ctx->host;

    memset(cursor->places, 0xff, sizeof(cursor->places));
    for (uint32_t i = 0; i < host->table_count(catalog); i++) {
        const struct rnl_table *table = host->table_at(catalog, i);

        cursor->places[strtoul(table->name + 1, NULL, 10) % 16] = i;
        cursor->columns = (uint16_t)table->ncolumns;
    }
}

int toy_log_open(const struct rnl_ctx *ctx, const struct rnl_catalog *catalog,
                 const struct rnl_unit *unit, struct toy_log_cursor **out, struct rnl_error *err)
{
    const struct toy_source_config *config = ctx->config;
    struct toy_log_cursor *cursor;

    if (toy_number(unit->position) < toy_confirmed(config->confirms))
        return rnl_fail(err, RNL_E_CONFIG, "toy.forgotten", "that place is forgotten");
    cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    cursor->ctx = ctx;
    cursor->number = toy_number(unit->position);
    find_tables(cursor, catalog);
    for (uint32_t i = 0; i < unit->nstarts; i++)
        if (unit->starts[i].table < 16)
            cursor->starts[unit->starts[i].table] = toy_number(unit->starts[i].position);
    *out = cursor;
    return RNL_OK;
}

static int add_change(struct toy_log_cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    const struct toy_source_config *config = cursor->ctx->config;
    int64_t number = cursor->number + 1;
    const struct rnl_value values[] = {{.type = RNL_T_INT, .i = config->rows + number},
                                       {.type = RNL_T_TEXT, .len = 4, .ptr = "text"},
                                       {.type = RNL_T_UNCHANGED}};
    const struct rnl_row row = {.size = sizeof(row),
                                .table = cursor->places[number % config->tables],
                                .op = RNL_INSERT,
                                .nvalues = cursor->columns,
                                .after = values};

    if (config->log_fails && cursor->read >= config->log_fails)
        return rnl_fail(err, RNL_E_RETRY, "toy.gone", "the toy source went away");
    cursor->number = number;
    cursor->read++;
    if (config->drops && config->altered && number > config->altered &&
        number % config->tables == 0)
        return RNL_OK; /* a table that is gone gets no rows */
    if (row.table >= 16 || number <= cursor->starts[row.table])
        return RNL_OK;
    if (number % config->tables == 2 && number <= config->since)
        return rnl_fail(err, RNL_E_FATAL, "toy.since", "change %lld had another form",
                        (long long)number);
    return cursor->ctx->host->bundle_add(out, &row, err);
}

/* Whether the catalog lacks what the log says here. */
static bool is_altered(const struct toy_log_cursor *cursor)
{
    const struct toy_source_config *config = cursor->ctx->config;

    if (!config->altered || cursor->number != config->altered || cursor->told || cursor->owed)
        return false;
    if (config->replaced)
        return cursor->places[2] != UINT32_MAX &&
               cursor->starts[cursor->places[2]] < config->altered;
    return config->drops ? cursor->places[0] != UINT32_MAX : cursor->columns == 2;
}

static int tell_replaced(struct toy_log_cursor *cursor, struct rnl_bundle *out,
                         struct rnl_error *err)
{
    static const struct rnl_column columns[] = {
        {.name = "id", .native = "int", .type = RNL_T_INT, .width = 8, .flags = RNL_COLUMN_KEY}};
    const struct rnl_table table = {.size = sizeof(table),
                                    .schema = "toy",
                                    .name = "t2",
                                    .dialect = "toy",
                                    .columns = columns,
                                    .ncolumns = 1,
                                    .column_size = sizeof(columns[0])};
    char buf[24];
    const struct rnl_alteration alteration = {
        .size = sizeof(alteration),
        .index = cursor->places[2],
        .table = &table,
        .flags = RNL_ALTERATION_LOAD,
        .statement = "replace it",
        .position = toy_place(cursor->number, buf),
    };

    return cursor->ctx->host->bundle_alter(out, &alteration, err) == RNL_OK ? RNL_ALTERED
                                                                            : err->status;
}

static int tell_altered(struct toy_log_cursor *cursor, struct rnl_bundle *out,
                        struct rnl_error *err)
{
    static const struct rnl_column columns[] = {
        {.name = "id", .native = "int", .type = RNL_T_INT, .width = 8, .flags = RNL_COLUMN_KEY},
        {.name = "text", .native = "text", .type = RNL_T_TEXT},
        {.name = "more", .native = "int", .type = RNL_T_INT, .flags = RNL_COLUMN_NULLABLE}};
    static const struct rnl_index_part key[] = {{.column = 0}};
    static const struct rnl_index indexes[] = {
        {.name = "key", .parts = key, .nparts = 1, .flags = RNL_INDEX_PRIMARY}};
    const struct toy_source_config *config = cursor->ctx->config;
    char buf[24];

    cursor->told = true;
    if (config->replaced)
        return tell_replaced(cursor, out, err);
    for (uint32_t i = 0; i < (config->drops ? 1 : (uint32_t)config->tables); i++) {
        char name[16];
        const struct rnl_table table = {.size = sizeof(table),
                                        .schema = "toy",
                                        .name = name,
                                        .dialect = "toy",
                                        .columns = columns,
                                        .ncolumns = 3,
                                        .column_size = sizeof(columns[0]),
                                        .indexes = indexes,
                                        .nindexes = config->keyless ? 0 : 1,
                                        .index_size = sizeof(indexes[0])};
        const struct rnl_alteration alteration = {
            .size = sizeof(alteration),
            .index = cursor->places[i],
            .table = config->drops ? NULL : &table,
            .statement = config->drops ? "drop it" : "add more",
            .position = cursor->number % config->log_part == 0 ? toy_place(cursor->number, buf)
                                                               : (struct rnl_slice){NULL, 0},
        };

        snprintf(name, sizeof(name), "t%u", i);
        if (cursor->ctx->host->bundle_alter(out, &alteration, err) != RNL_OK)
            return err->status;
    }
    return RNL_ALTERED;
}

int toy_log_read(struct toy_log_cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    const struct toy_source_config *config = cursor->ctx->config;
    const struct rnl_host *host = cursor->ctx->host;
    char buf[24];

    if (config->slow_us || cursor->number >= config->log)
        usleep(config->slow_us ? (useconds_t)config->slow_us : 1000);
    if (config->log_place && !cursor->placed) {
        cursor->placed = true;
        return host->bundle_commit(out, toy_place(cursor->number, buf), 0, err) < 0 ? err->status
                                                                                    : RNL_AGAIN;
    }
    while ((cursor->owed || cursor->number < config->log) && !host->bundle_full(out)) {
        int status = is_altered(cursor) ? tell_altered(cursor, out, err)
                     : cursor->owed     ? host->bundle_commit(out, toy_place(cursor->number, buf),
                                                              cursor->number, err)
                                        : add_change(cursor, out, err);

        if (status != RNL_OK)
            return status == RNL_DONE ? (cursor->owed = false, RNL_OK) : status;
        cursor->owed = !cursor->owed && cursor->number % config->log_part == 0;
    }
    return cursor->number < config->log ? RNL_OK : RNL_AGAIN;
}

void toy_log_close(struct toy_log_cursor *cursor)
{
    free(cursor);
}
