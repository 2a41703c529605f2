/* The kit's checks of a sink whose tables are altered while they are followed. */
#include "../bundle.h"
#include "../plan.h"
#include "kit.h"
#include "kit_rows.h"

#include <stdlib.h>

enum { READ_MS = 1000, CHUNK = 4 << 10, LANE = 0, UNIT = 1, LOADED = 10, MOST = 60 };
enum { NONE = UINT32_MAX };

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

/* ---- forms of the table ----------------------------------------------------------- */

#define KEY                                                                                      \
    {                                                                                            \
        .name = "id", .native = "bigint", .type = RNL_T_INT, .width = 8, .flags = RNL_COLUMN_KEY \
    }
#define TEXT(title, characters)                                                      \
    {                                                                                \
        .name = (title), .native = "varchar(" #characters ")", .charset = "utf8mb4", \
        .type = RNL_T_TEXT, .length = (characters), .flags = RNL_COLUMN_NULLABLE     \
    }
#define NUMBER(type_name, bytes, others)                                                           \
    {                                                                                              \
        .name = "n", .native = (type_name), .type = RNL_T_INT, .width = (bytes), .flags = (others) \
    }
#define EXTRA                                                            \
    {                                                                    \
        .name = "extra", .native = "int", .type = RNL_T_INT, .width = 4, \
        .default_kind = RNL_DEFAULT_LITERAL, .default_text = "7"         \
    }

#define MUST(others, what, text)                                                           \
    {                                                                                      \
        .name = "must", .native = "int", .type = RNL_T_INT, .width = 4, .flags = (others), \
        .default_kind = (what), .default_text = (text)                                     \
    }
#define KIND(words, count, spelled)                                                    \
    {                                                                                  \
        .name = "kind", .native = (spelled), .charset = "utf8mb4", .type = RNL_T_TEXT, \
        .length = 1, .flags = RNL_COLUMN_ENUM, .labels = (words), .nlabels = (count),  \
        .default_kind = RNL_DEFAULT_LITERAL, .default_text = "a"                       \
    }

/* A form, and of each column what stands in it whatever it is called: see fill(). */
struct form {
    const char *name;
    const char *stems;
    struct rnl_column columns[7];
    struct rnl_index indexes[3];
    uint32_t nindexes;
    const struct rnl_check *check;
};

static const char *const ab[] = {"a", "b"}, *const abc[] = {"a", "b", "c"};
static const struct rnl_check positive = {
    .name = "kit_positive", .expression = "`must` >= 0", .enforced = 1};
static const struct rnl_index_part part_id = {.column = 0}, part_1 = {.column = 1},
                                   part_2 = {.column = 2},
                                   id_must[] = {{.column = 0}, {.column = 4}};
#define PRIMARY                                            \
    {                                                      \
        .name = "PRIMARY", .parts = &part_id, .nparts = 1, \
        .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE      \
    }
#define BY_WORD                                              \
    {                                                        \
        .name = "kit_by_word", .parts = &part_1, .nparts = 1 \
    }
#define BY_N                                                                         \
    {                                                                                \
        .name = "kit_by_n", .parts = &part_2, .nparts = 1, .flags = RNL_INDEX_UNIQUE \
    }
#define N_TEXT                                                                          \
    {                                                                                   \
        .name = "n", .native = "varchar(40)", .charset = "utf8mb4", .type = RNL_T_TEXT, \
        .length = 40                                                                    \
    }

static const struct form forms[] = {
    {"runnel_kit_evolve",
     "iwn",
     {KEY, TEXT("word", 200), NUMBER("int", 4, RNL_COLUMN_NULLABLE)},
     {PRIMARY, BY_WORD},
     2,
     NULL},
    {"runnel_kit_evolve", /* two are added */
     "iwnxo",
     {KEY, TEXT("word", 200), NUMBER("int", 4, RNL_COLUMN_NULLABLE), EXTRA, TEXT("other", 300)},
     {PRIMARY, BY_WORD},
     2,
     NULL},
    {"runnel_kit_evolve", /* word is called term, and n and term get more room */
     "iwnxo",
     {KEY, TEXT("term", 300), NUMBER("bigint", 8, RNL_COLUMN_NULLABLE), EXTRA, TEXT("other", 300)},
     {PRIMARY, BY_WORD},
     2,
     NULL},
    {"runnel_kit_evolve", /* term and other swap their names, extra goes, another index */
     "iwno",
     {KEY, TEXT("other", 300), NUMBER("bigint", 8, RNL_COLUMN_NULLABLE), TEXT("term", 300)},
     {PRIMARY, BY_N},
     2,
     NULL},
    {"runnel_kit_evolved", /* another name, and n is there in each row */
     "iwno",
     {KEY, TEXT("other", 300), NUMBER("bigint", 8, 0), TEXT("term", 300)},
     {PRIMARY, BY_N},
     2,
     NULL},
    {"runnel_kit_evolved", /* n becomes a text; a column that can't be NULL; labels */
     "iwNomk",
     {KEY, TEXT("other", 300), N_TEXT, TEXT("term", 300), MUST(0, RNL_DEFAULT_NONE, NULL),
      KIND(ab, 2, "enum('a','b')")},
     {PRIMARY, BY_N},
     2,
     NULL},
    {"runnel_kit_evolved", /* a label more, another key, a check */
     "iwNomk",
     {KEY, TEXT("other", 300), N_TEXT, TEXT("term", 300),
      MUST(RNL_COLUMN_KEY, RNL_DEFAULT_NONE, NULL), KIND(abc, 3, "enum('a','b','c')")},
     {{.name = "PRIMARY",
       .parts = id_must,
       .nparts = 2,
       .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE},
      BY_N},
     2,
     &positive},
    {"runnel_kit_evolved", /* the key as before, no check, and a default */
     "iwNomk",
     {KEY, TEXT("other", 300), N_TEXT, TEXT("term", 300),
      MUST(RNL_COLUMN_NULLABLE, RNL_DEFAULT_LITERAL, "5"), KIND(abc, 3, "enum('a','b','c')")},
     {PRIMARY, BY_N},
     2,
     NULL},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

static uint32_t columns_of(const struct form *form)
{
    return (uint32_t)strlen(form->stems);
}

static int add_form(struct rnl_catalog *catalog, const struct form *form, struct rnl_error *err)
{
    const struct rnl_table table = {.size = sizeof(table),
                                    .schema = "runnel_kit",
                                    .name = form->name,
                                    .dialect = "mysql",
                                    .columns = form->columns,
                                    .ncolumns = columns_of(form),
                                    .column_size = sizeof(form->columns[0]),
                                    .indexes = form->indexes,
                                    .nindexes = form->nindexes,
                                    .index_size = sizeof(form->indexes[0]),
                                    .checks = form->check,
                                    .nchecks = form->check ? 1 : 0,
                                    .check_size = sizeof(*form->check),
                                    .rows = -1,
                                    .bytes = -1};

    return catalog_add(catalog, &table, err);
}

/* A table that refers to the last form. */
static int add_child(struct rnl_catalog *catalog, struct rnl_error *err)
{
    static const struct rnl_column columns[] = {
        KEY, {.name = "up", .native = "bigint", .type = RNL_T_INT, .width = 8}};
    static const uint32_t own[] = {1};
    static const char *const parent[] = {"id"};
    static const struct rnl_foreign_key key = {.name = "kit_up",
                                               .ref_schema = "runnel_kit",
                                               .ref_table = "runnel_kit_evolved",
                                               .columns = own,
                                               .ref_columns = parent,
                                               .ncolumns = 1};
    static const struct rnl_index indexes[] = {PRIMARY,
                                               {.name = "kit_up", .parts = &part_1, .nparts = 1}};
    const struct rnl_table table = {.size = sizeof(table),
                                    .schema = "runnel_kit",
                                    .name = "runnel_kit_evolve_child",
                                    .dialect = "mysql",
                                    .columns = columns,
                                    .ncolumns = 2,
                                    .column_size = sizeof(columns[0]),
                                    .indexes = indexes,
                                    .nindexes = 2,
                                    .index_size = sizeof(indexes[0]),
                                    .foreign_keys = &key,
                                    .nforeign_keys = 1,
                                    .foreign_key_size = sizeof(key),
                                    .rows = -1,
                                    .bytes = -1};

    return catalog_add(catalog, &table, err);
}

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
    struct rnl_bundle *filled = bundle_new(1000, 1 << 20), *bundle = NULL;
    struct rnl_value values[7];
    char room[4][40];
    void *bytes = NULL;
    size_t len;
    int status = filled ? RNL_OK : kit_no_memory(err);

    for (int64_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_row row = {.size = sizeof(row),
                                    .op = RNL_INSERT,
                                    .nvalues = (uint16_t)columns_of(form),
                                    .after = values};
        int64_t id = trial->rows - count + 1 + i;

        fill(trial, form, id, values, room);
        for (uint32_t k = 0; i == 1 && form->stems[k]; k++)
            if (has_default(form, k))
                values[k] = (struct rnl_value){.type = RNL_T_UNCHANGED};
        status = bundle_add(filled, &row, err);
    }
    if (status == RNL_OK)
        status = bundle_seal(filled, &head, &bytes, &len, err);
    if (status == RNL_OK)
        status = bundle_open(bytes, len, &bundle, err);
    if (status == RNL_OK)
        status = trial->ops->writer_apply(trial->writer, bundle, err);
    bundle_free(bundle);
    bundle_free(filled);
    free(bytes);
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

static int read_unit(struct trial *trial, const struct rnl_unit *unit, struct reading *reading,
                     struct rnl_error *err)
{
    struct rnl_bundle *bundle = bundle_new(100, 1 << 20);
    void *cursor = NULL;
    int status;

    if (!bundle)
        return kit_no_memory(err);
    status = trial->ops->writer_read_open(trial->writer, unit, &cursor, err);
    if (status != RNL_OK)
        goto free_bundle;
    do {
        status = trial->ops->writer_read_next(cursor, bundle, READ_MS, err);
        if (status >= 0 &&
            reading_take(reading, &trial->canon, trial->is, unit, bundle, err) != RNL_OK)
            status = err->status;
    } while (status == RNL_OK || status == RNL_AGAIN);
    trial->ops->writer_read_close(cursor);
free_bundle:
    bundle_free(bundle);
    return status == RNL_DONE ? RNL_OK : status;
}

static int read_back(struct trial *trial, struct reading *reading, struct rnl_error *err)
{
    struct rnl_plan *plan = plan_new();
    int status = plan ? trial->ops->read_plan(trial->self, trial->is, 0, CHUNK, plan, err)
                      : kit_no_memory(err);

    for (uint32_t i = 0; status == RNL_OK && i < plan_count(plan); i++)
        status = read_unit(trial, plan_at(plan, i), reading, err);
    plan_free(plan);
    return status;
}

static int expected(struct trial *trial, const struct form *form, struct reading *reading,
                    struct rnl_error *err)
{
    const struct rnl_unit unit = {.size = sizeof(unit)};
    struct rnl_row out = {.size = sizeof(out)};
    struct rnl_value values[7];
    char room[4][40];

    for (int64_t id = 1; id <= trial->rows; id++) {
        const struct rnl_row row = {.size = sizeof(row),
                                    .op = RNL_INSERT,
                                    .nvalues = (uint16_t)columns_of(form),
                                    .after = values};

        fill(trial, form, id, values, room);
        if (trial->ops->writer_expect(trial->writer, &row, &out, err) != RNL_OK)
            return err->status;
        out.op = RNL_INSERT;
        out.table = 0;
        if (reading_add(reading, &trial->canon, trial->is, &unit, &out, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static bool check_rows(struct trial *trial, const struct form *form, const char *name)
{
    struct reading is = {0}, should = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    bool good;

    if (read_back(trial, &is, &err) != RNL_OK || expected(trial, form, &should, &err) != RNL_OK)
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

static int do_steps(struct trial *trial, struct rnl_steps *steps, bool unique,
                    struct rnl_error *err)
{
    void *writer;
    int status = trial->ops->writer_open(trial->self, LANE, &writer, err);

    if (status != RNL_OK)
        return status;
    for (uint32_t i = 0; status == RNL_OK && i < steps_count(steps); i++) {
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

/* The steps by which was becomes is; how many. */
static int evolve(struct trial *trial, uint32_t from, uint32_t to, const struct rnl_rename *renamed,
                  uint32_t nrenamed, uint32_t *count, struct rnl_error *err)
{
    struct rnl_steps *steps = steps_new();
    int status = steps ? RNL_OK : kit_no_memory(err);

    if (status == RNL_OK)
        status = trial->ops->evolve(trial->self, &trial->job, trial->was, from, trial->is, to,
                                    renamed, nrenamed, steps, err);
    *count = status == RNL_OK ? steps_count(steps) : 0;
    if (status == RNL_OK)
        status = do_steps(trial, steps, true, err);
    steps_free(steps);
    return status;
}

/* Done once, told once more (a run was cut off before it noted it), and rows go on. */
static bool go_on(struct trial *trial, uint32_t from, uint32_t to, const struct rnl_rename *renamed,
                  uint32_t nrenamed, const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    uint32_t count, again = 0;
    int status;

    kit_doing(trial->kit, name);
    if (trial->writer)
        trial->ops->writer_close(trial->writer);
    trial->writer = NULL;
    status = evolve(trial, from, to, renamed, nrenamed, &count, &err);
    if (!kit_ok(trial->kit, status, &err, name))
        return false;
    status = evolve(trial, from, to, renamed, nrenamed, &again, &err);
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
    return trial->is && (!form || add_form(trial->is, form, &err) == RNL_OK) &&
           (!child || add_child(trial->is, &err) == RNL_OK);
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
           check_form(trial, &forms[4], NULL, 0, "renames a table") &&
           check_form(trial, &forms[5], NULL, 0, "gives a column another type, and adds others") &&
           check_form(trial, &forms[6], NULL, 0, "makes another key, a check and a label") &&
           check_form(trial, &forms[7], NULL, 0, "takes a key, a check and NOT NULL back");
}

/* ---- the checks, in their order ------------------------------------------------------- */

/* A catalog of all the names that are used: what an earlier run left is dropped. */
static bool start(struct trial *trial)
{
    struct form later = forms[FORMS - 1];
    struct rnl_steps *steps = steps_new();
    struct rnl_error err = RNL_ERROR_INIT;
    int status = steps && trial->is ? add_form(trial->is, &forms[0], &err) : kit_no_memory(&err);

    if (status == RNL_OK)
        status = add_form(trial->is, &later, &err);
    if (status == RNL_OK)
        status = add_child(trial->is, &err);
    trial->job.schema_policy = RNL_DROP_AND_RECREATE;
    if (status == RNL_OK)
        status = trial->ops->forget(trial->self, pipeline, &err);
    if (status == RNL_OK)
        status = trial->ops->map(trial->self, &trial->job, trial->is, false, steps, &err);
    if (status == RNL_OK)
        status = trial->ops->record(trial->self, pipeline, (struct rnl_slice){"kit", 3}, &err);
    if (status == RNL_OK)
        status = do_steps(trial, steps, false, &err);
    steps_free(steps);
    if (status == RNL_OK)
        status = trial->ops->bind(trial->self, &trial->job, trial->is, &err);
    return kit_ok(trial->kit, status, &err, "makes tables to be altered");
}

/* Two of the three tables are gone; the one that is referred to goes first. */
static bool check_gone(struct trial *trial)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    return next_catalog(trial, &forms[0], true) &&
           go_on(trial, 1, NONE, NULL, 0, "drops a table that others refer to") &&
           next_catalog(trial, &forms[0], false) &&
           go_on(trial, 1, NONE, NULL, 0, "drops a table") &&
           (status = insert_new(trial, &forms[0], LOADED, &err)) == RNL_OK &&
           (status = commit(trial, &err)) == RNL_OK &&
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
