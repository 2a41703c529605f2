/*
 * Tables were altered while they are followed: the run goes on with another catalog, once the
 * writer has made the target's tables what it says.
 */
#include "reader_part.h"

#include "alteration.h"
#include "util/log.h"

#include <stdlib.h>

struct evolution {
    struct reader *reader;
    const struct alterations *altered;
    struct table_move *moves;
    uint32_t nmoves;
    struct rnl_catalog *is;
};

/* For plan_move(). */
static uint32_t moved(const void *arg, uint32_t table)
{
    const struct evolution *e = arg;

    return catalog_moved(e->reader->record.catalog, e->is, e->moves, e->nmoves, table);
}

/* Where changes begin to count for tables without a key; those of tables that are gone go. */
static void move_starts(const struct evolution *e)
{
    struct reader *reader = e->reader;
    size_t kept = 0;

    for (size_t i = 0; i < reader->nstarts; i++) {
        struct reader_start start = reader->starts[i];

        start.table = moved(e, start.table);
        if (start.table == UINT32_MAX)
            free(start.position);
        else
            reader->starts[kept++] = start;
    }
    reader->nstarts = kept;
}

/* What the run is from now on; the writer hears it as it heard of the run. */
static int tell_writer(const struct evolution *e, struct rnl_error *err)
{
    struct reader *reader = e->reader;
    struct control word = {.type = CONTROL_ALTER};
    int status;

    if (catalog_seal_plan(reader->record.catalog, reader->record.plan, err) != RNL_OK)
        return err->status;
    word.record = record_to_json(&reader->record);
    if (catalog_open_plan(reader->record.catalog, reader->record.plan, err) != RNL_OK) {
        control_clear(&word);
        return err->status;
    }
    word.altered = alterations_to_json(e->altered, e->moves);
    if (word.record && word.altered)
        status = control_send(reader->ear, &word, err);
    else
        status = rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for altered tables");
    control_clear(&word);
    return status;
}

/* What was committed before may still be told; the source hears of what comes later. */
static int await_ready(struct reader *reader, struct rnl_error *err)
{
    struct control word;
    int status;

    do {
        status = control_await(reader->run, reader->ear, CONTROL_ANY, &word, err);
        if (status == RNL_OK && word.type == CONTROL_READY) {
            control_clear(&word);
            return RNL_OK;
        }
        control_clear(&word);
    } while (status == RNL_OK);
    return status;
}

static void tell(const struct evolution *e)
{
    for (uint32_t i = 0; i < e->nmoves; i++) {
        char text[600];

        log_write(RNL_LOG_INFO, "reader", "altered: %s",
                  alteration_text(alterations_at(e->altered, i), e->reader->record.catalog, text,
                                  sizeof(text)));
    }
}

int reader_evolve(struct reader *reader, const struct alterations *altered, struct rnl_error *err)
{
    struct evolution e = {
        .reader = reader,
        .altered = altered,
        .nmoves = alterations_count(altered),
    };
    int status;

    e.moves = calloc(e.nmoves + 1ul, sizeof(*e.moves));
    if (!e.moves)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for altered tables");
    tell(&e);
    status = catalog_alter(reader->record.catalog, altered, reader->rules, reader->nrules, &e.is,
                           e.moves, err);
    if (status != RNL_OK)
        goto free_moves;
    plan_move(reader->record.plan, moved, &e);
    move_starts(&e);
    catalog_free(reader->record.catalog);
    reader->record.catalog = e.is;
    reader->record.fingerprint = catalog_fingerprint(e.is);
    reader_filter(reader, e.is);
    status = tell_writer(&e, err);
    if (status == RNL_OK)
        status = await_ready(reader, err);
free_moves:
    free(e.moves);
    return status;
}

static int refuse_altered(const struct reader *reader, const struct alterations *altered,
                          struct rnl_error *err)
{
    char text[600];

    rnl_fail(
        err, RNL_E_CONFIG, "source.table_altered", "a table that is followed was altered: %s",
        alteration_text(alterations_at(altered, 0), reader->record.catalog, text, sizeof(text)));
    rnl_hint(err, "go on with --ddl evolve (the target's table is altered too), or --ddl ignore "
                  "(it stays as it is)");
    return err->status;
}

/* Rows of a table that is left as it is: none are told of. Any other one can't be gone on with. */
static int refuse_load(const struct reader *reader, const struct alterations *altered,
                       struct rnl_error *err)
{
    for (uint32_t i = 0; i < alterations_count(altered); i++) {
        const struct rnl_alteration *alteration = alterations_at(altered, i);
        char text[600];

        if (!(alteration->flags & RNL_ALTERATION_LOAD) || alteration->index == UINT32_MAX)
            continue;
        rnl_fail(err, RNL_E_CONFIG, "source.table_replaced",
                 "a table has rows that the log didn't tell of: %s",
                 alteration_text(alteration, reader->record.catalog, text, sizeof(text)));
        rnl_hint(err, reader->run->config->mode == MODE_CDC
                          ? "nothing is loaded by this run: load the table, and begin anew "
                            "(--restart); or leave it out"
                          : "load it anew: --reload and its name; or leave it out");
        return err->status;
    }
    return RNL_OK;
}

/* Whether all of it is of tables that wait: it is met again when they are followed. */
static bool all_wait(const struct reader *reader, const struct alterations *altered)
{
    for (uint32_t i = 0; i < alterations_count(altered); i++) {
        uint32_t index = alterations_at(altered, i)->index;

        if (index == UINT32_MAX || !catalog_joined(reader->record.catalog, index)->waits)
            return false;
    }
    return true;
}

/* Beside a load no table can become another: the stream ends before that, and waits for it. */
static int take_beside(const struct reader *reader, struct alterations *altered,
                       struct alterations **follow)
{
    if (all_wait(reader, altered)) {
        alterations_free(altered);
        return RNL_OK;
    }
    log_write(RNL_LOG_INFO, "reader",
              "changes wait until the tables that join are loaded: others were altered");
    *follow = altered;
    return RNL_ALTERED;
}

int reader_take_altered(struct reader *reader, struct rnl_bundle *bundle,
                        struct alterations **follow, struct rnl_error *err)
{
    struct alterations *altered = bundle_altered(bundle);
    int status;

    if (!altered)
        return rnl_fail(err, RNL_E_FATAL, "source.nothing_altered",
                        "the source says that tables were altered, and names none");
    if (reader->over)
        return take_beside(reader, altered, follow);
    if (reader->run->config->ddl == DDL_EVOLVE) {
        if (reader_must_load(reader, altered)) {
            status =
                reader->run->config->mode == MODE_CDC ? refuse_load(reader, altered, err) : RNL_OK;
            if (status == RNL_OK)
                status = reader_ask_load(reader, altered, err);
            alterations_free(altered);
            return status;
        }
        *follow = altered;
        return RNL_ALTERED;
    }
    status = reader->run->config->ddl == DDL_STOP ? refuse_altered(reader, altered, err)
                                                  : refuse_load(reader, altered, err);
    for (uint32_t i = 0; status == RNL_OK && i < alterations_count(altered); i++) {
        char text[600];

        log_write(RNL_LOG_WARN, "reader", "altered, and the target isn't (ddl = ignore): %s",
                  alteration_text(alterations_at(altered, i), reader->record.catalog, text,
                                  sizeof(text)));
    }
    alterations_free(altered);
    return status;
}
