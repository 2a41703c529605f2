/* The toy source's log: changes that are counted off, in transactions of the same size. */
#include "toy.h"

#include <stdlib.h>
#include <unistd.h>

struct toy_log_cursor {
    const struct rnl_ctx *ctx;
    int64_t number, read; /* of the last change given; how many this cursor gave */
    int64_t starts[16];   /* of each table: changes up to it are left out */
    bool owed;            /* the last change given ends a transaction, which is yet to be said */
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

int toy_log_open(const struct rnl_ctx *ctx, const struct rnl_unit *unit,
                 struct toy_log_cursor **out, struct rnl_error *err)
{
    struct toy_log_cursor *cursor = calloc(1, sizeof(*cursor));

    if (!cursor)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    cursor->ctx = ctx;
    cursor->number = toy_number(unit->position);
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
                                       {.type = RNL_T_TEXT, .len = 4, .ptr = "text"}};
    const struct rnl_row row = {.size = sizeof(row),
                                .table = (uint32_t)(number % config->tables),
                                .op = RNL_INSERT,
                                .nvalues = 2,
                                .after = values};

    if (config->log_fails && cursor->read >= config->log_fails)
        return rnl_fail(err, RNL_E_RETRY, "toy.gone", "the toy source went away");
    cursor->number = number;
    cursor->read++;
    if (number <= cursor->starts[row.table])
        return RNL_OK;
    return cursor->ctx->host->bundle_add(out, &row, err);
}

int toy_log_read(struct toy_log_cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    const struct toy_source_config *config = cursor->ctx->config;
    const struct rnl_host *host = cursor->ctx->host;
    char buf[24];

    if (config->slow_us || cursor->number >= config->log)
        usleep(config->slow_us ? (useconds_t)config->slow_us : 1000);
    while ((cursor->owed || cursor->number < config->log) && !host->bundle_full(out)) {
        int status = cursor->owed ? host->bundle_commit(out, toy_place(cursor->number, buf),
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
