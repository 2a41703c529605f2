/* Letters read again: a row goes in and its letter goes away in one transaction, or neither. */
#include "replay.h"

#include "bundle.h"
#include "catalog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static const struct rnl_table *table_of(const struct rnl_catalog *catalog,
                                        const struct rnl_letter *letter, uint32_t *index)
{
    for (uint32_t i = 0; catalog && i < catalog_count(catalog); i++) {
        const struct rnl_table *table = catalog_at(catalog, i);

        if (strcmp(table->name, letter->table) != 0 ||
            strcmp(table->schema ? table->schema : "", letter->schema) != 0)
            continue;
        *index = i;
        return table;
    }
    return NULL;
}

static int no_row(const struct rnl_letter *letter, const char *why, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "dead_letters.no_row",
             "the row of letter %" PRIu64 " (%s.%s%s%s) %s", letter->id, letter->schema,
             letter->table, *letter->key ? ", " : "", letter->key, why);
    rnl_hint(err, "runnel verify --repair brings it from the source, if it fits now; then discard "
                  "the letter");
    return err->status;
}

int letter_decode(const struct rnl_catalog *catalog, const struct rnl_letter *letter,
                  struct rnl_bundle **bundle, struct rnl_row *row, const struct rnl_table **table,
                  struct rnl_error *err)
{
    uint32_t index;
    int status;

    if (!letter->row.len)
        return no_row(letter, "was not kept (keep_rows)", err);
    *table = table_of(catalog, letter, &index);
    if (!*table)
        return no_row(letter, "is of a table that the run doesn't know", err);
    if (bundle_open(letter->row.ptr, letter->row.len, bundle, err) != RNL_OK)
        return err->status;
    status = bundle_next(*bundle, row, err);
    if (status == RNL_OK && !row->after)
        row->after = row->before; /* of a delete: what it was to find */
    if (status == RNL_OK && (!row->after || row->nvalues != (*table)->ncolumns))
        status = no_row(letter, "has other columns than its table", err);
    else if (status == RNL_DONE)
        status = no_row(letter, "is empty", err);
    if (status != RNL_OK) {
        bundle_free(*bundle);
        return status;
    }
    row->table = index;
    return RNL_OK;
}

int replay_open(struct replay *replay, struct rnl_error *err)
{
    replay->last = (struct rnl_error)RNL_ERROR_INIT;
    return replay->sink->sink.writer_open(replay->self, 0, &replay->writer, err);
}

void replay_close(struct replay *replay)
{
    if (replay->writer)
        replay->sink->sink.writer_close(replay->writer);
    replay->writer = NULL;
}

/*
 * A change is what was made of a row at one moment: out of its order it would undo those that came
 * later. An insert can be done still, where no row with its key stands.
 */
static int check_change(const struct rnl_letter *letter, const struct rnl_row *row,
                        const struct rnl_bundle_info *info, struct rnl_error *err)
{
    if (!(info->flags & RNL_BUNDLE_CHANGES) || row->op == RNL_INSERT)
        return RNL_OK;
    return no_row(letter,
                  row->op == RNL_DELETE ? "was to be deleted, and isn't written again"
                                        : "was updated, and may have been again since",
                  err);
}

/* The letter's row as a bundle of the catalog that is bound; the caller frees both. */
static int reseal(struct replay *replay, const struct rnl_letter *letter, void **bytes,
                  struct rnl_bundle **sealed, struct rnl_error *err)
{
    struct rnl_bundle *to = bundle_new(1, SIZE_MAX), *from;
    const struct rnl_table *table;
    struct rnl_bundle_info info;
    struct rnl_row row;
    size_t len;
    int status;

    if (!to)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a row");
    status = letter_decode(replay->catalog, letter, &from, &row, &table, err);
    if (status != RNL_OK)
        goto free_to;
    bundle_info(from, &info);
    status = check_change(letter, &row, &info, err);
    if (status == RNL_OK)
        status = bundle_add(to, &row, err);
    if (status == RNL_OK)
        status = bundle_seal(to,
                             &(struct bundle_head){.pipeline = bundle_pipeline(replay->pipeline),
                                                   .flags = info.flags & RNL_BUNDLE_CHANGES,
                                                   .table = row.table},
                             bytes, &len, err);
    bundle_free(from);
    if (status == RNL_OK) {
        status = bundle_open(*bytes, len, sealed, err);
        if (status != RNL_OK)
            free(*bytes);
    }
free_to:
    bundle_free(to);
    return status;
}

/* RNL_OK: applied; RNL_E_DATA: taken back, it still doesn't fit. */
static int apply(struct replay *replay, struct rnl_bundle *sealed, struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = &replay->sink->sink;
    struct rnl_error undo = RNL_ERROR_INIT;
    int status = sink->writer_savepoint(replay->writer, err);

    if (status != RNL_OK)
        return status;
    status = sink->writer_apply(replay->writer, sealed, err);
    if (status == RNL_OK)
        status = sink->writer_release(replay->writer, err);
    if (status == RNL_E_DATA && sink->writer_undo(replay->writer, &undo) != RNL_OK) {
        *err = undo;
        status = undo.status;
    }
    return status;
}

/* The letter stays, with what is wrong with it now. */
static int stay(struct replay *replay, const struct rnl_letter *letter, struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = &replay->sink->sink;
    struct rnl_letter again = *letter;
    struct timespec now;
    int status;

    replay->left++;
    if (strcmp(letter->reason, replay->last.text) == 0)
        return sink->writer_rollback(replay->writer, err);
    clock_gettime(CLOCK_REALTIME, &now);
    again.at_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    again.pipeline = replay->pipeline;
    again.code = replay->last.code;
    again.reason = replay->last.text;
    status = sink->writer_letter_remove(replay->writer, replay->pipeline, letter->id, err);
    if (status == RNL_OK)
        status = sink->writer_letter(replay->writer, &again, err);
    if (status != RNL_OK)
        return status < 0 ? status : sink->writer_rollback(replay->writer, err);
    return sink->writer_commit(replay->writer, NULL, err);
}

/* The row is in, uncommitted: so goes its letter, and both are committed. */
static int settle(struct replay *replay, const struct rnl_letter *letter, struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = &replay->sink->sink;
    int status = sink->writer_letter_remove(replay->writer, replay->pipeline, letter->id, err);

    if (status == RNL_DONE) /* somebody else was faster: so is the row in */
        return sink->writer_rollback(replay->writer, err);
    if (status == RNL_OK)
        status = sink->writer_commit(replay->writer, NULL, err);
    if (status == RNL_OK)
        replay->done++;
    return status;
}

int replay_letter(struct replay *replay, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct rnl_bundle *sealed;
    void *bytes;
    int status = reseal(replay, letter, &bytes, &sealed, err);

    if (status == RNL_E_CONFIG) { /* without its values: told, and left alone */
        replay->last = *err;
        replay->left++;
        return RNL_OK;
    }
    if (status != RNL_OK)
        return status;
    status = apply(replay, sealed, err);
    if (status == RNL_E_DATA) {
        replay->last = *err;
        status = stay(replay, letter, err);
    } else if (status == RNL_OK)
        status = settle(replay, letter, err);
    bundle_free(sealed);
    free(bytes);
    return status;
}

int replay_discard(struct replay *replay, uint64_t id, struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = &replay->sink->sink;
    int status = sink->writer_letter_remove(replay->writer, replay->pipeline, id, err);

    if (status == RNL_OK)
        return sink->writer_commit(replay->writer, NULL, err);
    if (status == RNL_DONE && sink->writer_rollback(replay->writer, err) != RNL_OK)
        return err->status;
    return status;
}
