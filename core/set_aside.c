/*
 * Rows that don't fit: a part of a lane's transaction that fails by its data is gone over
 * again, bundle by bundle and then by halves, until the row is found; a letter then stands
 * in its place.
 */
#include "catalog.h"
#include "row_text.h"
#include "util/log.h"
#include "writer_lane.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* Some rows of a bundle whose bytes stand elsewhere. */
struct range {
    struct rnl_slice bytes;
    uint32_t first, count;
};

static const struct rnl_sink_ops *sink_of(const struct lane *lane)
{
    return &lane->writer->sink.plugin->sink;
}

/* --- one row ---------------------------------------------------------------------- */

/*
 * The column that err speaks of, as in: column "x". Only one that the table has; target is the
 * same table with the names that the sink knows.
 */
static const char *column_of(const struct rnl_table *table, const struct rnl_table *target,
                             const struct rnl_error *err)
{
    const char *at = err->text;

    while ((at = strstr(at, "column \""))) {
        at += strlen("column \"");
        for (uint32_t i = 0; i < table->ncolumns; i++) {
            size_t len = strlen(target->columns[i].name);

            if (strncmp(at, target->columns[i].name, len) == 0 && at[len] == '"')
                return table->columns[i].name;
        }
    }
    return "";
}

static void key_of(const struct rnl_table *table, const struct rnl_row *row, char *buf, size_t size)
{
    uint32_t *columns = calloc(table->ncolumns + 1, sizeof(*columns)), count;
    const struct rnl_value *values = row->before ? row->before : row->after;

    buf[0] = '\0';
    if (!columns)
        return;
    count = table_key(table, columns);
    if (count && values && row->nvalues == table->ncolumns)
        key_text(table, values, columns, count, buf, size);
    free(columns);
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int count_row(struct lane *lane, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct writer *writer = lane->writer;
    int64_t limit = writer->run->config->error_limit;

    if (!limit || (int64_t)atomic_fetch_add(&writer->aside, 1) < limit)
        return RNL_OK;
    rnl_fail(err, RNL_E_DATA, "dead_letters.limit",
             "more than %" PRId64 " rows don't fit (error_limit); this one of %s.%s, %s: %s", limit,
             letter->schema, letter->table, *letter->key ? letter->key : "without a key",
             letter->reason);
    rnl_hint(err,
             "runnel dead-letters list %s shows the others; what is committed stays, and the "
             "run goes on with a higher --error-limit, or when the target takes such rows",
             config_pipeline_words(writer->run->config));
    return err->status;
}

/* row is the only one of bytes. */
static int write_letter(struct lane *lane, const struct rnl_row *row, struct rnl_slice bytes,
                        const struct rnl_error *why, struct rnl_error *err)
{
    const struct pipeline_config *config = lane->writer->run->config;
    const struct rnl_table *table = catalog_at(lane->writer->record.catalog, row->table);
    struct rnl_letter letter = {
        .size = sizeof(letter),
        .lane = lane->lane,
        .pipeline = config->name,
        .code = why->code,
        .reason = config->keep_rows ? why->text
                                    : "not kept (keep_rows): the server's words may hold values",
        .at_us = now_us(),
    };
    char key[400];

    if (!table)
        return rnl_fail(err, RNL_E_FATAL, "bundle.foreign", "a bundle names a table of no catalog");
    letter.schema = table->schema;
    letter.table = table->name;
    letter.column =
        column_of(table, catalog_at(catalog_view(lane->writer->record.catalog), row->table), why);
    key_of(table, row, key, sizeof(key));
    letter.key = key;
    if (config->keep_rows)
        letter.row = bytes;
    if (count_row(lane, &letter, err) != RNL_OK)
        return err->status;
    log_write(RNL_LOG_DEBUG, "writer", "a row of %s.%s is set aside: %s", table->schema,
              table->name, key);
    return sink_of(lane)->writer_letter(lane->sink_writer, &letter, err);
}

static int set_aside(struct lane *lane, struct rnl_slice bytes, const struct rnl_error *why,
                     struct rnl_error *err)
{
    struct rnl_bundle *bundle;
    struct rnl_row row;
    int status = bundle_open(bytes.ptr, bytes.len, &bundle, err);

    if (status != RNL_OK)
        return status;
    status = bundle_next(bundle, &row, err);
    if (status == RNL_OK)
        status = write_letter(lane, &row, bytes, why, err);
    bundle_free(bundle);
    return status;
}

/* --- halves ------------------------------------------------------------------------- */

/* A sealed bundle of the range's rows alone; the caller frees it. */
static int cut(const struct range *range, void **bytes, size_t *len, struct rnl_error *err)
{
    struct rnl_bundle *from, *to = bundle_new(range->count, SIZE_MAX);
    struct rnl_bundle_info info;
    struct rnl_row row;
    int status = to ? bundle_open(range->bytes.ptr, range->bytes.len, &from, err)
                    : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a part of a bundle");

    if (status != RNL_OK)
        goto free_to;
    bundle_info(from, &info);
    for (uint32_t i = 0; status == RNL_OK && i < range->first + range->count; i++) {
        status = bundle_next(from, &row, err);
        if (status == RNL_OK && i >= range->first)
            status = bundle_add(to, &row, err);
    }
    if (status == RNL_OK)
        status = bundle_seal(
            to,
            &(struct bundle_head){.flags = info.flags & (RNL_BUNDLE_CHANGES | RNL_BUNDLE_REPLAY),
                                  .pipeline = bundle_owner(from),
                                  .number = info.number,
                                  .lane = info.lane,
                                  .unit = info.unit,
                                  .table = info.table},
            bytes, len, err);
    else if (status == RNL_DONE)
        status =
            rnl_fail(err, RNL_E_FATAL, "bundle.corrupt", "a bundle has fewer rows than it says");
    bundle_free(from);
free_to:
    bundle_free(to);
    return status;
}

/* All of the bytes in a part of its own: RNL_OK, or what happened, and then it is taken back. */
static int try_bytes(struct lane *lane, struct rnl_slice bytes, struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = sink_of(lane);
    struct rnl_error undo = RNL_ERROR_INIT;
    struct rnl_bundle *bundle;
    int status = bundle_open(bytes.ptr, bytes.len, &bundle, err);

    if (status != RNL_OK)
        return status;
    if (lane->writer->tolerant)
        bundle_tolerate(bundle);
    status = sink->writer_savepoint(lane->sink_writer, err);
    if (status != RNL_OK)
        goto free_bundle;
    status = sink->writer_apply(lane->sink_writer, bundle, err);
    if (status == RNL_OK)
        status = sink->writer_release(lane->sink_writer, err);
    if (status == RNL_E_DATA && sink->writer_undo(lane->sink_writer, &undo) != RNL_OK) {
        *err = undo;
        status = undo.status;
    }
free_bundle:
    bundle_free(bundle);
    return status;
}

/* Rows that fit are applied, the others set aside and counted. Halves: at most ten deep. */
static int settle(struct lane *lane, const struct range *range, uint32_t *aside,
                  struct rnl_error *err)
{
    struct rnl_error why = RNL_ERROR_INIT;
    struct range half = *range;
    void *bytes;
    size_t len;
    int status = cut(range, &bytes, &len, err);

    if (status != RNL_OK)
        return status;
    status = try_bytes(lane, (struct rnl_slice){bytes, len}, &why);
    if (status == RNL_E_DATA && range->count == 1) {
        status = set_aside(lane, (struct rnl_slice){bytes, len}, &why, err);
        *aside += status == RNL_OK;
        free(bytes);
        return status;
    }
    free(bytes);
    if (status != RNL_E_DATA) {
        if (status != RNL_OK)
            *err = why;
        return status;
    }
    half.count = range->count / 2;
    status = settle(lane, &half, aside, err);
    half.first += half.count;
    half.count = range->count - half.count;
    return status == RNL_OK ? settle(lane, &half, aside, err) : status;
}

/* --- parts ---------------------------------------------------------------------------- */

static void settle_kept(struct lane *lane)
{
    const struct rnl_transport_ops *transport = &lane->writer->transport.plugin->transport;
    struct rnl_error unheard = RNL_ERROR_INIT;

    for (size_t i = 0; i < lane->nkept; i++)
        transport->ack(lane->subscription, &lane->kept[i], &unheard);
    lane->nkept = 0;
    lane->part_bytes = 0;
    lane->part_open = false;
}

void part_drop(struct lane *lane)
{
    const struct rnl_transport_ops *transport = &lane->writer->transport.plugin->transport;
    struct rnl_error unheard = RNL_ERROR_INIT;

    while (lane->nkept) /* the last one first: each goes to the front */
        transport->again(lane->subscription, &lane->kept[--lane->nkept], 0, &unheard);
    free(lane->kept);
    lane->kept = NULL;
    lane->kept_room = 0;
}

static void count_aside(struct lane *lane, uint32_t unit, uint32_t rows)
{
    for (size_t i = lane->nunits; i-- > 0;) {
        if (lane->units[i].unit != unit)
            continue;
        lane->units[i].rows -= rows;
        lane->units[i].aside += rows;
        return;
    }
}

/* The part failed by its data: takes it back and goes over it again. */
static int part_again(struct lane *lane, struct rnl_error *err)
{
    int status = sink_of(lane)->writer_undo(lane->sink_writer, err);

    for (size_t i = 0; status == RNL_OK && i < lane->nkept; i++) {
        struct range range = {.bytes = lane->kept[i].body};
        struct rnl_bundle_info info;
        struct rnl_bundle *bundle;
        uint32_t aside = 0;

        status = bundle_open(range.bytes.ptr, range.bytes.len, &bundle, err);
        if (status != RNL_OK)
            break;
        bundle_info(bundle, &info);
        bundle_free(bundle);
        range.count = info.rows;
        if (info.rows)
            status = settle(lane, &range, &aside, err);
        count_aside(lane, info.unit, aside);
    }
    if (status == RNL_OK)
        settle_kept(lane);
    return status;
}

static bool keep(struct lane *lane, const struct rnl_message *message)
{
    if (lane->nkept == lane->kept_room) {
        size_t room = lane->kept_room ? 2 * lane->kept_room : 16;
        struct rnl_message *kept = realloc(lane->kept, room * sizeof(*kept));

        if (!kept)
            return false;
        lane->kept = kept;
        lane->kept_room = room;
    }
    lane->kept[lane->nkept++] = *message;
    lane->part_bytes += message->body.len;
    return true;
}

int part_apply(struct lane *lane, struct rnl_message *message, struct rnl_bundle *bundle,
               struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = sink_of(lane);
    int status = RNL_OK;

    if (!keep(lane, message))
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for bundles that are kept");
    message->token = NULL; /* ours */
    if (!lane->part_open)
        status = sink->writer_savepoint(lane->sink_writer, err);
    if (status != RNL_OK)
        return status;
    lane->part_open = true;
    status = sink->writer_apply(lane->sink_writer, bundle, err);
    if (status == RNL_E_DATA)
        return part_again(lane, err);
    if (status == RNL_OK && lane->part_bytes >= lane->writer->sizes.part_bytes)
        return part_end(lane, err);
    return status;
}

int part_end(struct lane *lane, struct rnl_error *err)
{
    int status;

    if (!lane->part_open)
        return RNL_OK;
    status = sink_of(lane)->writer_release(lane->sink_writer, err);
    if (status == RNL_E_DATA)
        return part_again(lane, err);
    if (status == RNL_OK)
        settle_kept(lane);
    return status;
}
