/* The kit's checks of a sink that changes are followed into: random ones, against a model. */
#include "../bundle.h"
#include "../plan.h"
#include "kit.h"
#include "kit_model.h"
#include "kit_rows.h"

#include <stdlib.h>

enum { CHUNK = 4 << 10, LANE = 0, UNIT = 1, LOG_CHANGES = 500, ROUNDS = 12 };

static const char pipeline[] = "runnel-kit-changes";

struct trial {
    struct kit *kit;
    const struct rnl_sink_ops *ops;
    void *self, *writer;
    struct rnl_catalog *catalog;
    struct rnl_steps *steps;
    struct rnl_job job;
    struct canon canon;
    struct model model;
    uint64_t number; /* of the lane */
};

/* --- into the target -------------------------------------------------------------- */

/* The changes as one bundle that was carried, into the writer's transaction. */
static int apply(struct trial *trial, const struct model_change *changes, uint32_t count,
                 bool replay, struct rnl_error *err)
{
    const struct bundle_head head = {.pipeline = bundle_pipeline(pipeline),
                                     .number = 1,
                                     .lane = LANE,
                                     .unit = UNIT,
                                     .flags =
                                         RNL_BUNDLE_CHANGES | (replay ? RNL_BUNDLE_REPLAY : 0u)};
    struct rnl_bundle *filled = bundle_new(1000, 1 << 20);
    struct model_values values;
    int status = filled ? RNL_OK : kit_no_memory(err);

    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_row row = model_row_of(&changes[i], &values);

        status = bundle_add(filled, &row, err);
    }
    if (status == RNL_OK)
        return kit_apply(trial->ops, trial->writer, filled, &head, err);
    bundle_free(filled);
    return status;
}

static int commit(struct trial *trial, struct rnl_slice position, struct rnl_error *err)
{
    struct rnl_unit_progress unit = {.unit = UNIT, .position = position};
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

static int do_steps(struct trial *trial, uint32_t from, uint32_t to, struct rnl_error *err)
{
    for (uint32_t i = 0; i < steps_count(trial->steps); i++) {
        const struct rnl_step *step = steps_at(trial->steps, i);

        if (step->phase >= from && step->phase <= to &&
            trial->ops->writer_step(trial->writer, pipeline, step, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

/* --- reading back --------------------------------------------------------------------- */

static struct readback readback_of(struct trial *trial)
{
    return (struct readback){trial->ops, trial->self, trial->writer, &trial->canon, trial->catalog,
                             CHUNK,      100};
}

/* What the sink says that the model's rows should have become. */
static int expected(struct trial *trial, const struct readback *from, uint32_t table,
                    struct reading *reading, struct rnl_error *err)
{
    struct model_values values;

    for (uint32_t i = 0; i < MODEL_ROWS; i++) {
        const struct model_row *stands = &trial->model.rows[table][i];
        struct rnl_row row;

        if (!stands->used)
            continue;
        row = model_stands(table, stands, &values);
        if (readback_expect(from, table, &row, reading, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

/* The target holds the model's rows, and no others. */
static bool check_tables(struct trial *trial, uint32_t tables, const char *name)
{
    static const char *const names[MODEL_TABLES] = {"keyed", "words", "child", "bare", "unique"};
    struct rnl_error err = RNL_ERROR_INIT;
    const struct readback from = readback_of(trial);
    bool good = true;

    for (uint32_t t = 0; good && t < tables; t++) {
        struct reading is = {0}, should = {0};

        if (readback_table(&from, t, &is, &err) != RNL_OK ||
            expected(trial, &from, t, &should, &err) != RNL_OK)
            good = kit_ok(trial->kit, err.status, &err, name);
        else if (!same_rows(&is, &should))
            good = kit_expect(trial->kit, false, name,
                              "table runnel_kit_%s: %zu rows are there, %zu should be%s", names[t],
                              is.nrows, should.nrows,
                              is.nrows == should.nrows ? "; values differ" : "");
        reading_clear(&is);
        reading_clear(&should);
    }
    trial->ops->writer_rollback(trial->writer, &err);
    return good && kit_expect(trial->kit, true, name, " ");
}

/* --- the checks ---------------------------------------------------------------------------- */

static bool make_tables(struct trial *trial)
{
    static const char record[] = "{}";
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    kit_doing(trial->kit, "makes tables for changes");
    status = trial->ops->forget(trial->self, pipeline, &err);
    if (status == RNL_OK)
        status =
            trial->ops->map(trial->self, &trial->job, trial->catalog, false, trial->steps, &err);
    if (status == RNL_OK)
        status = trial->ops->record(trial->self, pipeline,
                                    (struct rnl_slice){record, strlen(record)}, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_open(trial->self, LANE, &trial->writer, &err);
    if (status == RNL_OK)
        status = do_steps(trial, 0, RNL_PHASE_TABLES, &err);
    if (status == RNL_OK)
        status = trial->ops->bind(trial->self, &trial->job, trial->catalog, &err);
    if (status == RNL_OK)
        status = do_steps(trial, RNL_PHASE_TABLES + 1, RNL_PHASE_ATTACH, &err);
    return kit_ok(trial->kit, status, &err, "makes tables for changes");
}

/* In bundles of several sizes, with a commit now and then. */
static int apply_log(struct trial *trial, const struct model_change *log, uint32_t count,
                     bool replay, struct rnl_error *err)
{
    struct model sizes = {.random = count};
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < count;) {
        uint32_t some = 1 + model_random(&sizes, model_random(&sizes, 3) ? 8 : 200);

        if (some > count - i)
            some = count - i;
        status = apply(trial, log + i, some, replay, err);
        if (status == RNL_OK && model_random(&sizes, 3) == 0)
            status = commit(trial, (struct rnl_slice){"p", 1}, err);
        i += some;
    }
    return status == RNL_OK ? commit(trial, (struct rnl_slice){"q", 1}, err) : status;
}

/* Changes that the target has already, all of them, come again and leave the same. */
static bool check_replay(struct trial *trial, struct model_change *log)
{
    struct rnl_error err = RNL_ERROR_INIT;
    bool good = true;

    for (int round = 0; good && round < 3; round++) {
        uint32_t from = round == 2 ? LOG_CHANGES / 3 : 0;

        kit_doing(trial->kit, "replays changes");
        for (uint32_t i = 0; round == 0 && i < LOG_CHANGES; i++)
            model_change(&trial->model, MODEL_CHILD + 1, &log[i]);
        good = kit_ok(trial->kit, apply_log(trial, log + from, LOG_CHANGES - from, true, &err),
                      &err, round ? "replays changes once more" : "replays changes") &&
               check_tables(trial, MODEL_CHILD + 1, "a replay ends as the changes do");
    }
    return good;
}

static bool check_strict(struct trial *trial, struct model_change *log)
{
    struct rnl_error err = RNL_ERROR_INIT;
    bool good = true;

    for (int round = 0; good && round < ROUNDS; round++) {
        kit_doing(trial->kit, "does changes of all kinds");
        for (uint32_t i = 0; i < LOG_CHANGES; i++)
            model_change(&trial->model, MODEL_TABLES, &log[i]);
        good = kit_ok(trial->kit, apply_log(trial, log, LOG_CHANGES, false, &err), &err,
                      "does changes of all kinds") &&
               check_tables(trial, MODEL_TABLES, "rows are as the changes leave them");
    }
    return good;
}

static struct model_change unique_row(uint16_t op, int64_t id, int64_t other)
{
    return (struct model_change){.table = MODEL_UNIQUE,
                                 .op = op,
                                 .after = {.used = true, .id = id, .other = other},
                                 .whole_after = true};
}

enum { PAIRS = 5 };

/* Two rows each swap what no two may have, by way of NULL, in one bundle. */
static void check_swap(struct trial *trial)
{
    static const char name[] = "rows swap unique values";
    struct model_row *rows = trial->model.rows[MODEL_UNIQUE];
    struct model_change made[1 + 2 * PAIRS], swapped[3 * PAIRS];
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    kit_doing(trial->kit, name);
    memset(rows, 0, sizeof(trial->model.rows[MODEL_UNIQUE]));
    made[0] = unique_row(RNL_TRUNCATE, 0, 0);
    for (int i = 0; i < 2 * PAIRS; i++) {
        made[1 + i] = unique_row(RNL_INSERT, i + 1, i + 1);
        rows[i] = unique_row(RNL_INSERT, i + 1, (i ^ 1) + 1).after;
    }
    for (int i = 0; i < PAIRS; i++) {
        swapped[3 * i] = unique_row(RNL_UPDATE, 2 * i + 1, 0);
        swapped[3 * i + 1] = unique_row(RNL_UPDATE, 2 * i + 2, 2 * i + 1);
        swapped[3 * i + 2] = unique_row(RNL_UPDATE, 2 * i + 1, 2 * i + 2);
    }
    status = apply(trial, made, 1 + 2 * PAIRS, false, &err);
    if (status == RNL_OK)
        status = apply(trial, swapped, 3 * PAIRS, false, &err);
    if (status == RNL_OK)
        status = commit(trial, (struct rnl_slice){"r", 1}, &err);
    if (kit_ok(trial->kit, status, &err, name))
        check_tables(trial, MODEL_TABLES, name);
    else
        trial->ops->writer_rollback(trial->writer, &err);
}

/* The change is refused among others, in the words of the code (NULL: any). */
static void expect_refused(struct trial *trial, const struct model_change *change, const char *code,
                           const char *name)
{
    struct model_change changes[10];
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    for (int i = 0; i < 10; i++)
        changes[i] = (struct model_change){.table = MODEL_KEYED,
                                           .op = RNL_INSERT,
                                           .after = {.used = true, .id = 200000 + i},
                                           .whole_after = true};
    kit_doing(trial->kit, name);
    if (kit_ok(trial->kit, apply(trial, changes, 10, false, &err), &err, name)) {
        for (int i = 0; i < 10; i++)
            changes[i].op = RNL_UPDATE;
        changes[7] = *change;
        status = apply(trial, changes, 10, false, &err);
        kit_expect(trial->kit, status == RNL_E_DATA && (!code || strcmp(err.code, code) == 0), name,
                   "status %d, %s", status, status < 0 ? err.code : "it was let through");
    }
    trial->ops->writer_rollback(trial->writer, &err);
}

static void check_refusals(struct trial *trial)
{
    struct model_change change = {.table = MODEL_KEYED,
                                  .op = RNL_UPDATE,
                                  .after = {.id = 100000, .seeds = {1, 2, 3, 4, 5, 6, 7}},
                                  .whole_after = true};
    struct rnl_error err = RNL_ERROR_INIT;

    expect_refused(trial, &change, "sink.row_missing", "refuses an update of no row");
    change.op = RNL_DELETE;
    change.before = change.after;
    change.has_before = true;
    kit_ok(trial->kit, apply(trial, &change, 1, false, &err), &err, "takes a delete of no row");
    change.op = RNL_UPDATE;
    change.whole_after = false;
    change.after.other = 1;
    kit_ok(trial->kit, apply(trial, &change, 1, true, &err), &err,
           "in a replay takes an update of no row");
    change.whole_after = true;
    kit_ok(trial->kit, apply(trial, &change, 1, true, &err), &err,
           "in a replay takes an update of no row");
    change.op = RNL_INSERT;
    kit_expect(trial->kit, apply(trial, &change, 1, false, &err) == RNL_E_DATA,
               "in a replay an update makes the row that is not there", "it didn't");
    trial->ops->writer_rollback(trial->writer, &err);
    for (uint32_t i = 0; i < MODEL_ROWS; i++)
        if (trial->model.rows[MODEL_KEYED][i].used)
            change.after = trial->model.rows[MODEL_KEYED][i];
    change.op = RNL_INSERT;
    change.whole_after = true;
    if (change.after.used)
        expect_refused(trial, &change, NULL, "refuses an insert of a row that is there");
}

/* Positions are as long as a server that saw many others makes them. */
static void check_position(struct trial *trial)
{
    static const char name[] = "keeps a position of 60 KB, without rows";
    struct rnl_memory memory = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    char *bytes = malloc(60000);
    int status;

    kit_doing(trial->kit, name);
    for (int i = 0; bytes && i < 60000; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    status = bytes ? commit(trial, (struct rnl_slice){bytes, 60000}, &err) : kit_no_memory(&err);
    if (status == RNL_OK)
        status = trial->ops->recall(trial->self, pipeline, &memory, &err);
    if (kit_ok(trial->kit, status, &err, name))
        kit_expect(trial->kit,
                   memory.nunits == 1 && memory.units[0].position_len == 60000 &&
                       memcmp(memory.units[0].position, bytes, 60000) == 0,
                   name, "it comes back otherwise");
    memory_clear(&memory);
    free(bytes);
}

static void check_changes(struct trial *trial)
{
    struct model_change *log = calloc(LOG_CHANGES, sizeof(*log));
    struct rnl_error err = RNL_ERROR_INIT;

    if (log && make_tables(trial) && check_replay(trial, log)) {
        kit_doing(trial->kit, "completes the structure");
        if (kit_ok(trial->kit, do_steps(trial, RNL_PHASE_ATTACH + 1, UINT32_MAX, &err), &err,
                   "completes the structure") &&
            check_strict(trial, log)) {
            check_refusals(trial);
            check_swap(trial);
            check_position(trial);
        }
    }
    free(log);
    if (trial->writer)
        trial->ops->writer_close(trial->writer);
    kit_ok(trial->kit, trial->ops->forget(trial->self, pipeline, &err), &err,
           "forgets the pipeline");
}

void kit_changes(struct kit_use *use)
{
    struct trial trial = {
        .kit = use->kit,
        .ops = &use->plugin->sink,
        .catalog = catalog_new(),
        .steps = steps_new(),
        .model = {.random = 7},
        .job = {.size = sizeof(trial.job),
                .lanes = 1,
                .pipeline = pipeline,
                .schema_policy = RNL_DROP_AND_RECREATE,
                .write_mode = RNL_FAIL_IF_NOT_EMPTY,
                .structure = RNL_WITH_TABLES | RNL_WITH_INDEXES | RNL_WITH_FOREIGN_KEYS}};
    struct rnl_error err = RNL_ERROR_INIT;

    canon_init(&trial.canon, 1);
    if (trial.catalog && trial.steps && model_describe(trial.catalog, &err) == RNL_OK &&
        trial.ops->open(&use->host.ctx, &trial.self, &err) == RNL_OK) {
        check_changes(&trial);
        trial.ops->close(trial.self);
    } else {
        kit_expect(use->kit, false, "tables to change", "%s", err.text);
    }
    canon_clear(&trial.canon);
    steps_free(trial.steps);
    catalog_free(trial.catalog);
}
