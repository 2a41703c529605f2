/* The kit's checks of a sink whose tables are altered while they are followed. */
#include "../bundle.h"
#include "../plan.h"
#include "kit.h"
#include "kit_forms.h"
#include "kit_rows.h"

#include <stdlib.h>

enum { CHUNK = 4 << 10, LANE = 0, UNIT = 1, LOADED = 10, MOST = 60 };
#define NONE UINT32_MAX

static const char pipeline[] = "runnel-kit-evolve";

struct trial {
    struct kit *kit;
    const struct rnl_sink_ops *ops;
    void *self, *writer;
    struct rnl_catalog *was, *is;
    struct rnl_job job;
    struct canon canon;
    uint64_t number; /* of the lane */
    unsigned steps;  /* done so far: ids are made unique by it */
    /* rows of the table, by id from 1 */
    int64_t rows;
    int64_t extra[MOST + 1], must[MOST + 1];
    bool other[MOST + 1];
    char kind[MOST + 1];
};

/* ---- rows ------------------------------------------------------------------------- */

/* The values of row id in a form; texts lie in room until the next call. */
static void fill(const struct trial *trial, const struct form *form, int64_t id,
                 struct rnl_value *values, char room[4][40])
{
    static const char texts[] = "woNk"; /* as in room */

    snprintf(room[0], 40, "word %lld", (long long)id);
    snprintf(room[1], 40, "other %lld", (long long)id);
    snprintf(room[2], 40, "%lld", 3 * (long long)id);
    snprintf(room[3], 40, "%c", trial->kind[id]);
    for (uint32_t i = 0; form->stems[i]; i++) {
        const char stem = form->stems[i], *at = strchr(texts, stem);

        values[i] = (struct rnl_value){.type = RNL_T_INT, .i = id};
        if (stem == 'n')
            values[i].i = 3 * id;
        if (stem == 'x')
            values[i].i = trial->extra[id];
        if (stem == 'm')
            values[i].i = trial->must[id];
        if (at) {
            const char *text = room[at - texts];

            values[i] =
                (struct rnl_value){.type = RNL_T_TEXT, .len = (uint32_t)strlen(text), .ptr = text};
        }
        if (stem == 'o' && !trial->other[id])
            values[i] = (struct rnl_value){.type = RNL_T_NULL};
    }
}

/* Whether a row that says nothing of the column gets what fill() has of it. */
static bool has_default(const struct form *form, uint32_t column)
{
    const struct rnl_column *c = &form->columns[column];

    return c->default_kind != RNL_DEFAULT_NONE || form->stems[column] == 'o';
}

/* What stands in a row that is new in this form. */
static void begin_row(struct trial *trial, const struct form *form, int64_t id, bool silent)
{
    const char *must = strchr(form->stems, 'm');
    uint32_t at = must ? (uint32_t)(must - form->stems) : 0;

    trial->extra[id] = silent || !strchr(form->stems, 'x') ? 7 : id;
    trial->other[id] = !silent && strchr(form->stems, 'o');
    trial->must[id] = !must ? 0 : silent && has_default(form, at) ? 5 : id;
    trial->kind[id] = silent || !must ? 'a' : form->columns[5].nlabels == 3 ? 'c' : 'b';
}

/* The last count rows as inserts; of them one says nothing of what has a default. */
static int insert(struct trial *trial, const struct form *form, int64_t count, bool replay,
                  struct rnl_error *err)
{
    const struct bundle_head head = {.pipeline = bundle_pipeline(pipeline),
                                     .number = 1,
                                     .lane = LANE,
                                     .unit = UNIT,
                                     .flags =
                                         RNL_BUNDLE_CHANGES | (replay ? RNL_BUNDLE_REPLAY : 0u)};
    struct rnl_bundle *filled = bundle_new(1000, 1 << 20);
    struct rnl_value values[7];
    char room[4][40];
    int status = filled ? RNL_OK : kit_no_memory(err);

    for (int64_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_row row = {.size = sizeof(row),
                                    .op = RNL_INSERT,
                                    .nvalues = (uint16_t)form_columns(form),
                                    .after = values};
        int64_t id = trial->rows - count + 1 + i;

        fill(trial, form, id, values, room);
        for (uint32_t k = 0; i == 1 && form->stems[k]; k++)
            if (has_default(form, k))
                values[k] = (struct rnl_value){.type = RNL_T_UNCHANGED};
        status = bundle_add(filled, &row, err);
    }
    if (status == RNL_OK)
        return kit_apply(trial->ops, trial->writer, filled, &head, err);
    bundle_free(filled);
    return status;
}

static int insert_new(struct trial *trial, const struct form *form, int64_t count,
                      struct rnl_error *err)
{
    for (int64_t i = 0; i < count; i++)
        begin_row(trial, form, ++trial->rows, i == 1);
    return insert(trial, form, count, false, err);
}

static int commit(struct trial *trial, struct rnl_error *err)
{
    struct rnl_unit_progress unit = {.unit = UNIT, .position = {"p", 1}};
    struct rnl_checkpoint checkpoint = {.size = sizeof(checkpoint),
                                        .lane = LANE,
                                        .pipeline = pipeline,
                                        .epoch = 1,
                                        .number_before = trial->number,
                                        .number_after = trial->number + 1,
                                        .units = &unit,
                                        .nunits = 1,
                                        .unit_size = sizeof(unit)};
    int status = trial->ops->writer_commit(trial->writer, &checkpoint, err);

    trial->number += status == RNL_OK;
    return status;
}

static struct readback readback_of(struct trial *trial)
{
    return (struct readback){trial->ops, trial->self, trial->writer, &trial->canon, trial->is,
                             CHUNK,      100};
}

static int expected(struct trial *trial, const struct readback *from, const struct form *form,
                    struct reading *reading, struct rnl_error *err)
{
    struct rnl_value values[7];
    char room[4][40];

    for (int64_t id = 1; id <= trial->rows; id++) {
        const struct rnl_row row = {.size = sizeof(row),
                                    .op = RNL_INSERT,
                                    .nvalues = (uint16_t)form_columns(form),
                                    .after = values};

        fill(trial, form, id, values, room);
        if (readback_expect(from, 0, &row, reading, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static bool check_rows(struct trial *trial, const struct form *form, const char *name)
{
    const struct readback from = readback_of(trial);
    struct reading is = {0}, should = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    bool good;

    if (readback_table(&from, 0, &is, &err) != RNL_OK ||
        expected(trial, &from, form, &should, &err) != RNL_OK)
        good = kit_ok(trial->kit, err.status, &err, name);
    else
        good = kit_expect(trial->kit, same_rows(&is, &should), name,
                          "%zu rows are there, %zu should be%s", is.nrows, should.nrows,
                          is.nrows == should.nrows ? "; values differ" : "");
    trial->ops->writer_rollback(trial->writer, &err);
    reading_clear(&is);
    reading_clear(&should);
    return good;
}

/* ---- from one form to the next ------------------------------------------------------ */

/* The first most of them. */
static int do_steps(struct trial *trial, struct rnl_steps *steps, uint32_t most, bool unique,
                    struct rnl_error *err)
{
    void *writer;
    int status = trial->ops->writer_open(trial->self, LANE, &writer, err);

    if (status != RNL_OK)
        return status;
    for (uint32_t i = 0; status == RNL_OK && i < steps_count(steps) && i < most; i++) {
        struct rnl_step step = *steps_at(steps, i);
        char id[600];

        snprintf(id, sizeof(id), "%.500s @ %u", step.id, trial->steps++);
        if (unique && step.phase > RNL_PHASE_TABLES)
            step.id = id;
        status = trial->ops->writer_step(writer, pipeline, &step, err);
    }
    trial->ops->writer_close(writer);
    return status;
}

/* The steps by which was becomes is, the first most of them; *count: how many there are. */
static int evolve(struct trial *trial, uint32_t from, uint32_t to, const struct rnl_rename *renamed,
                  uint32_t nrenamed, uint32_t most, uint32_t *count, struct rnl_error *err)
{
    struct rnl_steps *steps = steps_new();
    int status = steps ? RNL_OK : kit_no_memory(err);

    if (status == RNL_OK)
        status = trial->ops->evolve(trial->self, &trial->job, trial->was, from, trial->is, to,
                                    renamed, nrenamed, steps, err);
    *count = status == RNL_OK ? steps_count(steps) : 0;
    if (status == RNL_OK)
        status = do_steps(trial, steps, most, true, err);
    steps_free(steps);
    return status;
}

/* By runs that are cut off behind one step, two, …, and the last before it notes it; rows go on. */
static bool go_on(struct trial *trial, uint32_t from, uint32_t to, const struct rnl_rename *renamed,
                  uint32_t nrenamed, const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    uint32_t count, again = 0, most = 0;
    int status;

    kit_doing(trial->kit, name);
    if (trial->writer)
        trial->ops->writer_close(trial->writer);
    trial->writer = NULL;
    do
        status = evolve(trial, from, to, renamed, nrenamed, ++most, &count, &err);
    while (status == RNL_OK && count > most);
    if (!kit_ok(trial->kit, status, &err, name))
        return false;
    status = evolve(trial, from, to, renamed, nrenamed, UINT32_MAX, &again, &err);
    if (status == RNL_OK)
        status = trial->ops->bind(trial->self, &trial->job, trial->is, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_open(trial->self, LANE, &trial->writer, &err);
    return kit_ok(trial->kit, status, &err, name) &&
           kit_expect(trial->kit, again == 0, "what was altered once isn't altered again",
                      "%s: %u steps", name, again);
}

static bool next_catalog(struct trial *trial, const struct form *form, bool child)
{
    struct rnl_error err = RNL_ERROR_INIT;

    catalog_free(trial->was);
    trial->was = trial->is;
    trial->is = catalog_new();
    return trial->is && (!form || form_add(trial->is, form, &err) == RNL_OK) &&
           (!child || form_add_child(trial->is, &err) == RNL_OK);
}

static bool check_form(struct trial *trial, const struct form *form,
                       const struct rnl_rename *renamed, uint32_t nrenamed, const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    if (!next_catalog(trial, form, false) || !go_on(trial, 0, 0, renamed, nrenamed, name) ||
        !check_rows(trial, form, "an altered table keeps its rows"))
        return false;
    kit_doing(trial->kit, "takes rows for an altered table");
    status = insert_new(trial, form, 3, &err);
    if (status == RNL_OK)
        status = commit(trial, &err);
    if (!kit_ok(trial->kit, status, &err, "takes rows for an altered table") ||
        !check_rows(trial, form, "what a row doesn't say gets the target's default"))
        return false;
    kit_doing(trial->kit, "takes them once more in a replay");
    status = insert(trial, form, 3, true, &err);
    if (status == RNL_OK)
        status = commit(trial, &err);
    return kit_ok(trial->kit, status, &err, "takes them once more in a replay") &&
           check_rows(trial, form, "what a row doesn't say stays in a replay");
}

static bool check_forms(struct trial *trial)
{
    static const struct rnl_rename term = {"word", "term"},
                                   swap[] = {{"term", "other"}, {"other", "term"}};

    return check_form(trial, &forms[1], NULL, 0, "adds columns") &&
           check_form(trial, &forms[2], &term, 1, "renames a column, and gives others more room") &&
           check_form(trial, &forms[3], swap, 2, "swaps names, drops a column, makes an index") &&
           check_form(trial, &forms[4], swap, 2, "swaps names, and makes an index on them") &&
           check_form(trial, &forms[5], swap, 2, "swaps names, and keeps an index on them") &&
           check_form(trial, &forms[6], NULL, 0, "renames a table") &&
           check_form(trial, &forms[7], NULL, 0, "gives a column another type, and adds others") &&
           check_form(trial, &forms[8], NULL, 0, "makes another key, a check and a label") &&
           check_form(trial, &forms[9], NULL, 0, "takes a key, a check and NOT NULL back");
}

/* ---- the checks, in their order ------------------------------------------------------- */

/* A catalog of all the names that are used: what an earlier run left is dropped. */
static bool start(struct trial *trial)
{
    struct form later = forms[FORMS - 1];
    struct rnl_steps *steps = steps_new();
    struct rnl_error err = RNL_ERROR_INIT;
    int status = steps && trial->is ? form_add(trial->is, &forms[0], &err) : kit_no_memory(&err);

    if (status == RNL_OK)
        status = form_add(trial->is, &later, &err);
    if (status == RNL_OK)
        status = form_add_child(trial->is, &err);
    trial->job.schema_policy = RNL_DROP_AND_RECREATE;
    if (status == RNL_OK)
        status = trial->ops->forget(trial->self, pipeline, &err);
    if (status == RNL_OK)
        status = trial->ops->map(trial->self, &trial->job, trial->is, false, steps, &err);
    if (status == RNL_OK)
        status = trial->ops->record(trial->self, pipeline, (struct rnl_slice){"kit", 3}, &err);
    if (status == RNL_OK)
        status = do_steps(trial, steps, UINT32_MAX, false, &err);
    steps_free(steps);
    if (status == RNL_OK)
        status = trial->ops->bind(trial->self, &trial->job, trial->is, &err);
    return kit_ok(trial->kit, status, &err, "makes tables to be altered");
}

/* Two of the three tables are gone; the one that is referred to goes first. */
static bool check_gone(struct trial *trial)
{
    struct rnl_error err = RNL_ERROR_INIT;

    return next_catalog(trial, &forms[0], true) &&
           go_on(trial, 1, NONE, NULL, 0, "drops a table that others refer to") &&
           next_catalog(trial, &forms[0], false) &&
           go_on(trial, 1, NONE, NULL, 0, "drops a table") &&
           insert_new(trial, &forms[0], LOADED, &err) == RNL_OK && commit(trial, &err) == RNL_OK &&
           check_rows(trial, &forms[0], "takes rows for the table that is left");
}

static bool check_new(struct trial *trial)
{
    return next_catalog(trial, &forms[FORMS - 1], true) &&
           go_on(trial, NONE, 1, NULL, 0, "makes a new table") &&
           check_rows(trial, &forms[FORMS - 1], "the other table stays as it was") &&
           next_catalog(trial, &forms[FORMS - 1], false) &&
           go_on(trial, 1, NONE, NULL, 0, "drops it again") &&
           next_catalog(trial, &forms[FORMS - 1], true) &&
           go_on(trial, NONE, 1, NULL, 0, "makes a table that was dropped before");
}

void kit_evolve(struct kit_use *use)
{
    struct trial trial = {.kit = use->kit,
                          .ops = &use->plugin->sink,
                          .is = catalog_new(),
                          .job = {.size = sizeof(trial.job),
                                  .lanes = 1,
                                  .pipeline = pipeline,
                                  .write_mode = RNL_FAIL_IF_NOT_EMPTY,
                                  .structure = RNL_WITH_TABLES | RNL_WITH_INDEXES |
                                               RNL_WITH_FOREIGN_KEYS | RNL_WITH_CHECKS}};
    struct rnl_error err = RNL_ERROR_INIT;

    if (!trial.ops->evolve) {
        kit_skip(use->kit, "follows tables that are altered", "the sink has no evolve");
        catalog_free(trial.is);
        return;
    }
    canon_init(&trial.canon, 1);
    if (trial.ops->open(&use->host.ctx, &trial.self, &err) == RNL_OK) {
        if (start(&trial) && check_gone(&trial) && check_forms(&trial))
            check_new(&trial);
        if (trial.writer)
            trial.ops->writer_close(trial.writer);
        kit_ok(use->kit, trial.ops->forget(trial.self, pipeline, &err), &err,
               "forgets the pipeline");
        trial.ops->close(trial.self);
    } else {
        kit_expect(use->kit, false, "tables to alter", "%s", err.text);
    }
    canon_clear(&trial.canon);
    catalog_free(trial.was);
    catalog_free(trial.is);
}
