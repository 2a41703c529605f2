/*
 * Tables that join a run which goes on, in the target: of the steps that make structure those
 * that are theirs, and no letters of rows that are loaded anew.
 */
#include "writer.h"

#include "dead_letters.h"
#include "letter.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct rnl_sink_ops *sink_of(const struct writer *writer)
{
    return &writer->sink.plugin->sink;
}

/* --- steps -------------------------------------------------------------------------------- */

static uint32_t last_open(const struct rnl_catalog *catalog)
{
    uint32_t last = 0;

    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        const struct catalog_join *join = catalog_joined(catalog, t);

        if (join->open && join->number > last)
            last = join->number;
    }
    return last;
}

/*
 * A table that joined has steps of its own, though one of its name may have had the same before.
 * What a complete table needs was made when it became so, and isn't made again. *number: 0: the
 * step is called as the sink calls it.
 */
static bool is_due(const struct writer *writer, const struct rnl_step *step, uint32_t last,
                   uint32_t *number)
{
    const struct rnl_catalog *catalog = writer->record.catalog;
    const struct catalog_join *join =
        step->table < catalog_count(catalog) ? catalog_joined(catalog, step->table) : NULL;
    bool complete = writer->record.grown && !(join && join->open);

    *number = join ? join->number : 0;
    if (step->phase <= RNL_PHASE_TABLES || !complete)
        return true;
    if (!(step->flags & RNL_STEP_JOINS))
        return false;
    *number = last;
    return last > 0;
}

int writer_own_steps(struct writer *writer, struct rnl_error *err)
{
    struct rnl_steps *all = writer->steps;
    uint32_t last = last_open(writer->record.catalog);

    if (!writer->record.joins)
        return RNL_OK;
    writer->steps = steps_new();
    if (!writer->steps) {
        writer->steps = all;
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for steps");
    }
    err->status = RNL_OK;
    for (uint32_t i = 0; i < steps_count(all) && err->status == RNL_OK; i++) {
        struct rnl_step step = *steps_at(all, i);
        char id[600];
        uint32_t number;

        if (!is_due(writer, &step, last, &number))
            continue;
        if (number) {
            snprintf(id, sizeof(id), "%.500s @%" PRIu32, step.id, number);
            step.id = id;
        }
        steps_add(writer->steps, &step, err);
    }
    steps_free(all);
    return err->status;
}

/* --- letters ------------------------------------------------------------------------------ */

static bool keeps_letters(const struct writer *writer)
{
    const struct rnl_sink_ops *sink = sink_of(writer);

    return RNL_HAS(sink, letters) && sink->letters && sink->writer_letter_remove;
}

static int look_letters(const struct writer *writer, struct rnl_letters **letters,
                        struct rnl_error *err)
{
    *letters = letters_new();
    if (!*letters)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for letters");
    return sink_of(writer)->letters(writer->sink.self, writer->run->config->name, 0, UINT32_MAX,
                                    false, *letters, err);
}

/* Those that stand now are of rows that come again; later ones are of this load. */
static int note_letters(struct writer *writer, uint32_t number, struct rnl_error *err)
{
    struct rnl_catalog *catalog = writer->record.catalog;
    struct rnl_letters *letters;
    uint64_t last = 0;
    int status = look_letters(writer, &letters, err);

    for (uint32_t i = 0; status == RNL_OK && i < letters_count(letters); i++)
        if (letters_at(letters, i)->id > last)
            last = letters_at(letters, i)->id;
    letters_free(letters);
    for (uint32_t t = 0; status == RNL_OK && t < catalog_count(catalog); t++) {
        struct catalog_join join = *catalog_joined(catalog, t);

        if (join.number != number || !join.again)
            continue;
        join.letters = last;
        status = catalog_join(catalog, t, &join, err);
    }
    return status;
}

static bool is_void(struct rnl_catalog *catalog, const struct rnl_letter *letter)
{
    uint32_t t = catalog_index(catalog, letter->schema, letter->table);
    const struct catalog_join *join = t == UINT32_MAX ? NULL : catalog_joined(catalog, t);

    return join && join->open && join->again && letter->id <= join->letters;
}

static int remove_letters(struct writer *writer, struct rnl_letters *letters, uint32_t *removed,
                          struct rnl_error *err)
{
    const struct rnl_sink_ops *sink = sink_of(writer);
    void *connection;
    int status = sink->writer_open(writer->sink.self, 0, &connection, err);

    if (status != RNL_OK)
        return status;
    for (uint32_t i = 0; status >= 0 && i < letters_count(letters); i++) {
        if (!is_void(writer->record.catalog, letters_at(letters, i)))
            continue;
        status = sink->writer_letter_remove(connection, writer->run->config->name,
                                            letters_at(letters, i)->id, err);
        *removed += status == RNL_OK;
    }
    if (status >= 0 && *removed)
        status = sink->writer_commit(connection, NULL, err);
    sink->writer_close(connection);
    return status < 0 ? status : RNL_OK;
}

static bool any_void(struct writer *writer, struct rnl_letters *letters)
{
    for (uint32_t i = 0; i < letters_count(letters); i++)
        if (is_void(writer->record.catalog, letters_at(letters, i)))
            return true;
    return false;
}

static bool any_again(const struct rnl_catalog *catalog)
{
    for (uint32_t t = 0; t < catalog_count(catalog); t++)
        if (catalog_joined(catalog, t)->open && catalog_joined(catalog, t)->letters)
            return true;
    return false;
}

static int void_letters(struct writer *writer, struct rnl_error *err)
{
    struct rnl_letters *letters;
    uint32_t removed = 0;
    int status;

    if (!keeps_letters(writer) || !any_again(writer->record.catalog))
        return RNL_OK;
    status = look_letters(writer, &letters, err);
    if (status == RNL_OK && any_void(writer, letters))
        status = remove_letters(writer, letters, &removed, err);
    letters_free(letters);
    if (removed)
        log_write(RNL_LOG_INFO, "writer",
                  "%u rows that stood aside are forgotten: their tables are loaded anew", removed);
    return status;
}

int writer_count_letters(struct writer *writer, bool tell, struct rnl_error *err)
{
    struct run *run = writer->run;
    uint64_t count;
    int status = dead_letters_count(writer->sink.plugin, writer->sink.self, run->config,
                                    tell ? run->findings : NULL, &count, err);

    atomic_store(&writer->aside, count);
    atomic_store(&run->standing, count);
    return status;
}

int writer_forget_letters(struct writer *writer, struct rnl_error *err)
{
    uint64_t aside = atomic_load(&writer->aside);

    if (void_letters(writer, err) != RNL_OK)
        return err->status;
    return aside ? writer_count_letters(writer, false, err) : RNL_OK;
}

int writer_take_joins(struct writer *writer, uint32_t number, struct rnl_error *err)
{
    if (number && keeps_letters(writer) && note_letters(writer, number, err) != RNL_OK)
        return err->status;
    if (number && writer_store_record(writer, err) != RNL_OK)
        return err->status;
    if (number)
        asked_end(&writer->run->asked, NULL);
    return RNL_OK;
}
