/* What the commands on rows set aside share: the pipeline's sink, and a walk over its letters. */
#include "dead_letters.h"

#include "../bundle.h"
#include "../dead_letters.h"
#include "../replay.h"
#include "../row_text.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

static int bad_id(const char *word, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "usage.letter", "%s is no letter's number", word);
    rnl_hint(err, "runnel dead-letters list shows the numbers");
    return err->status;
}

static int read_ids(struct letters_job *job, char *const *words, int nwords, struct rnl_error *err)
{
    job->ids = calloc((size_t)nwords + 1, sizeof(*job->ids));
    if (!job->ids)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    for (int i = 0; i < nwords; i++) {
        char *end;

        errno = 0;
        job->ids[i] = strtoull(words[i], &end, 10);
        if (*words[i] < '0' || *words[i] > '9' || *end || errno || !job->ids[i])
            return bad_id(words[i], err);
    }
    job->nids = (size_t)nwords;
    return RNL_OK;
}

int letters_open(struct letters_job *job, const struct cli_args *args, struct rnl_error *err)
{
    struct cli_args named = *args; /* without the ids */
    struct inspection *inspection = &job->inspection;

    *job = (struct letters_job){0};
    named.nwords = strstr(args->words[0], "://") ? 2 : 1;
    if (args->nwords < named.nwords)
        return rnl_fail(err, RNL_E_CONFIG, "usage.words",
                        "two URLs (SOURCE TARGET) or a PIPELINE are wanted");
    if (read_ids(job, args->words + named.nwords, args->nwords - named.nwords, err) != RNL_OK ||
        job_open(&job->job, &named, err) != RNL_OK)
        return err->status;
    inspection->config = job->job.pipeline;
    inspection->resolver = job->job.resolver;
    inspection->of_run = true;
    if (inspect_open_sink(inspection, err) != RNL_OK)
        return err->status;
    inspection->catalog = inspection->record.catalog; /* what letters' tables are looked up in */
    inspection->record.catalog = NULL;
    return dead_letters_able(inspection->sink.plugin, err);
}

void letters_close(struct letters_job *job)
{
    inspect_close(&job->inspection);
    job_close(&job->job);
    free(job->ids);
}

static int get_page(struct letters_job *job, uint64_t after, uint32_t limit, bool with_rows,
                    struct rnl_letters **letters, struct rnl_error *err)
{
    struct session *sink = &job->inspection.sink;
    int status;

    *letters = letters_new();
    if (!*letters)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for letters");
    status = sink->plugin->sink.letters(sink->self, job->job.pipeline->name, after, limit,
                                        with_rows, *letters, err);
    if (status != RNL_OK) {
        letters_free(*letters);
        *letters = NULL;
    }
    return status;
}

int letters_page(struct letters_job *job, uint64_t after, uint32_t limit,
                 struct rnl_letters **letters, struct rnl_error *err)
{
    return get_page(job, after, limit, false, letters, err);
}

/* One at a time: a row may be large. RNL_DONE: none behind after. */
static int next(struct letters_job *job, uint64_t after, uint64_t *id, letters_call *call,
                void *arg, uint64_t until, struct rnl_error *err)
{
    struct rnl_letters *letters;
    const struct rnl_letter *letter;
    int status = get_page(job, after, 1, true, &letters, err);

    if (status != RNL_OK)
        return status;
    letter = letters_at(letters, 0);
    if (!letter || letter->id > until)
        status = RNL_DONE;
    else {
        *id = letter->id;
        status = call(arg, letter, err);
    }
    letters_free(letters);
    return status;
}

static int walk_ids(struct letters_job *job, letters_call *call, void *arg, struct rnl_error *err)
{
    int status = RNL_OK;

    for (size_t i = 0; i < job->nids && status == RNL_OK; i++) {
        uint64_t id;

        status = next(job, job->ids[i] - 1, &id, call, arg, job->ids[i], err);
        if (status == RNL_DONE) {
            status = rnl_fail(err, RNL_E_CONFIG, "dead_letters.unknown",
                              "pipeline %s has no letter %" PRIu64, job->job.pipeline->name,
                              job->ids[i]);
            rnl_hint(err, "runnel dead-letters list shows the numbers");
        }
    }
    return status;
}

/* The highest id: letters that come while they are walked over are none of this walk. */
static int last_id(struct letters_job *job, uint64_t *last, struct rnl_error *err)
{
    uint32_t count;

    *last = 0;
    do {
        struct rnl_letters *letters;

        if (get_page(job, *last, 1000, false, &letters, err) != RNL_OK)
            return err->status;
        count = letters_count(letters);
        if (count)
            *last = letters_at(letters, count - 1)->id;
        letters_free(letters);
    } while (count == 1000);
    return RNL_OK;
}

int letters_walk(struct letters_job *job, uint64_t after, letters_call *call, void *arg,
                 struct rnl_error *err)
{
    uint64_t last;
    int status;

    if (job->nids)
        return walk_ids(job, call, arg, err);
    status = last_id(job, &last, err);
    while (status == RNL_OK && after < last)
        status = next(job, after, &after, call, arg, last, err);
    return status == RNL_DONE ? RNL_OK : status;
}

const char *letter_time(const struct rnl_letter *letter, char *buf, size_t size)
{
    time_t seconds = (time_t)(letter->at_us / 1000000);
    struct tm parts;

    if (!gmtime_r(&seconds, &parts) || strftime(buf, size, "%Y-%m-%d %H:%M:%SZ", &parts) == 0)
        snprintf(buf, size, "-");
    return buf;
}

static json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    char *ascii;

    if (value || !(ascii = strdup(text)))
        return value;
    for (char *at = ascii; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    value = json_string(ascii);
    free(ascii);
    return value;
}

static int row_json(const struct rnl_row *row, const struct rnl_table *table, json_t *o,
                    struct rnl_error *err)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct rnl_value *value = &row->after[i];
        size_t size = 4 * (size_t)value->len + 128; /* each byte escaped */
        char *text;

        if (value->type == RNL_T_UNCHANGED)
            continue; /* of a change: the source didn't send it */
        if (value->type == RNL_T_NULL) {
            json_object_set_new(o, table->columns[i].name, json_null());
            continue;
        }
        text = malloc(size);
        if (!text)
            return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a value");
        json_object_set_new(o, table->columns[i].name, text_json(value_text(value, text, size)));
        free(text);
    }
    return RNL_OK;
}

int letter_json(const struct letters_job *job, const struct rnl_letter *letter, bool with_row,
                void **out, struct rnl_error *err)
{
    const struct rnl_table *table;
    struct rnl_bundle *bundle;
    struct rnl_row row;
    json_t *values, *o;
    char at[32];
    int status = RNL_OK;

    o = json_pack("{s:I,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "id", (json_int_t)letter->id, "at",
                  letter_time(letter, at, sizeof(at)), "schema", text_json(letter->schema), "table",
                  text_json(letter->table), "key", text_json(letter->key), "column",
                  text_json(letter->column), "code", text_json(letter->code), "reason",
                  text_json(letter->reason));
    if (!o)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a letter");
    if (with_row && letter->row.len) {
        status = letter_decode(job->inspection.catalog, letter, &bundle, &row, &table, err);
        if (status == RNL_OK) {
            if (row.op == RNL_UPDATE || row.op == RNL_DELETE)
                json_object_set_new(o, "op",
                                    json_string(row.op == RNL_UPDATE ? "update" : "delete"));
            values = json_object();
            status = row_json(&row, table, values, err);
            json_object_set_new(o, "row", values);
            bundle_free(bundle);
        }
    }
    if (status != RNL_OK) {
        json_decref(o);
        return status;
    }
    if (with_row && !letter->row.len)
        json_object_set_new(o, "row", json_null());
    *out = o;
    return RNL_OK;
}
