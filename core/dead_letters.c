/* Letters that stand in a target: asked for page by page, and told by table. */
#include "dead_letters.h"

#include <stdlib.h>

#define PAGE 1000

struct tally {
    char *schema, *table, *key;
    int64_t count;
};

struct tallies {
    struct tally *items;
    size_t count;
};

int dead_letters_able(const struct plugin *sink, struct rnl_error *err)
{
    const struct rnl_sink_ops *ops = &sink->sink;

    if (ops->writer_savepoint && ops->writer_release && ops->writer_undo && ops->writer_letter &&
        ops->writer_letter_remove && ops->letters)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "dead_letters.unsupported", "sink %s can't set rows aside",
             sink->name);
    rnl_hint(err, "on_error = \"stop\" (the preset) works with every sink");
    return err->status;
}

static bool tally_is(const struct tally *tally, const struct rnl_letter *letter)
{
    return strcmp(tally->table, letter->table) == 0 && strcmp(tally->schema, letter->schema) == 0;
}

static bool tally_add(struct tallies *tallies, const struct rnl_letter *letter)
{
    struct tally *moved;

    for (size_t i = tallies->count; i-- > 0;) {
        if (!tally_is(&tallies->items[i], letter))
            continue;
        tallies->items[i].count++;
        return true;
    }
    moved = realloc(tallies->items, (tallies->count + 1) * sizeof(*moved));
    if (!moved)
        return false;
    tallies->items = moved;
    moved[tallies->count] = (struct tally){.schema = strdup(letter->schema),
                                           .table = strdup(letter->table),
                                           .key = strdup(letter->key),
                                           .count = 1};
    return moved[tallies->count].schema && moved[tallies->count].table &&
           moved[tallies->count++].key;
}

static void tallies_tell(const struct tallies *tallies, const struct pipeline_config *config,
                         struct findings *findings)
{
    char words[400];

    snprintf(words, sizeof(words),
             "rows that don't fit stand aside: runnel dead-letters list %.300s shows them, "
             "replay puts them in",
             config_pipeline_words(config));
    for (size_t i = 0; i < tallies->count; i++)
        findings_put(findings, &(struct rnl_finding){
                                   .size = sizeof(struct rnl_finding),
                                   .severity = RNL_WARNING,
                                   .code = "rows.set_aside",
                                   .schema = tallies->items[i].schema,
                                   .table = tallies->items[i].table,
                                   .text = words,
                                   .policy = "on_error=set_aside",
                                   .example = *tallies->items[i].key ? tallies->items[i].key : NULL,
                                   .count = tallies->items[i].count,
                               });
}

static void tallies_free(struct tallies *tallies)
{
    for (size_t i = 0; i < tallies->count; i++) {
        free(tallies->items[i].schema);
        free(tallies->items[i].table);
        free(tallies->items[i].key);
    }
    free(tallies->items);
}

/* One page behind *after, which moves on. *given: how many there were. */
static int page(const struct plugin *sink, void *self, const char *pipeline, uint64_t *after,
                struct tallies *tallies, uint32_t *given, struct rnl_error *err)
{
    struct rnl_letters *letters = letters_new();
    int status;

    if (!letters)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for letters");
    status = sink->sink.letters(self, pipeline, *after, PAGE, false, letters, err);
    *given = letters_count(letters);
    for (uint32_t i = 0; status == RNL_OK && i < *given; i++) {
        const struct rnl_letter *letter = letters_at(letters, i);

        if (letter->id <= *after)
            status = rnl_fail(err, RNL_E_FATAL, "dead_letters.order",
                              "sink %s gives letters out of order", sink->name);
        else if (!tally_add(tallies, letter))
            status = rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for letters");
        *after = letter->id;
    }
    letters_free(letters);
    return status;
}

int dead_letters_count(const struct plugin *sink, void *self, const struct pipeline_config *config,
                       struct findings *findings, uint64_t *count, struct rnl_error *err)
{
    struct tallies tallies = {0};
    uint64_t after = 0;
    uint32_t given = 0;
    int status = RNL_OK;

    *count = 0;
    if (!sink->sink.letters)
        return RNL_OK;
    do {
        status = page(sink, self, config->name, &after, &tallies, &given, err);
        *count += given;
    } while (status == RNL_OK && given == PAGE);
    if (status == RNL_OK && findings)
        tallies_tell(&tallies, config, findings);
    tallies_free(&tallies);
    return status;
}
