/* The kit's checks of a sink: rows and checkpoint together or not at all, and read back the same.
 */
#include "../bundle.h"
#include "../letter.h"
#include "../plan.h"
#include "../util/clock.h"
#include "kit.h"
#include "kit_rows.h"

#include <stdlib.h>

enum { SMALL_CHUNK = 4 << 10, SOON_MS = 1000, KIT_LANE = 0, KIT_UNIT = 1 };

static const char pipeline[] = "runnel-kit";
static const char record[] = "{\"kit\": true}";

struct trial {
    struct kit *kit;
    struct kit_use *use;
    const struct rnl_sink_ops *ops;
    void *self;
    struct rnl_catalog *catalog;
    struct rnl_steps *steps;
    struct rnl_job job;
    struct canon canon;
};

/* ---- the table ----------------------------------------------------------------- */

static const struct rnl_column columns[] = {
    {.name = "id", .native = "bigint", .type = RNL_T_INT, .width = 8, .flags = RNL_COLUMN_KEY},
    {.name = "word",
     .native = "varchar(200)",
     .charset = "utf8mb4",
     .type = RNL_T_TEXT,
     .length = 200,
     .flags = RNL_COLUMN_NULLABLE},
    {.name = "bytes",
     .native = "varbinary(100)",
     .type = RNL_T_BYTES,
     .length = 100,
     .flags = RNL_COLUMN_NULLABLE},
    {.name = "number", .native = "double", .type = RNL_T_DOUBLE, .flags = RNL_COLUMN_NULLABLE},
    {.name = "amount",
     .native = "decimal(20,6)",
     .type = RNL_T_DECIMAL,
     .precision = 20,
     .scale = 6,
     .flags = RNL_COLUMN_NULLABLE},
    {.name = "moment",
     .native = "datetime(6)",
     .type = RNL_T_TIMESTAMP,
     .scale = 6,
     .flags = RNL_COLUMN_NULLABLE},
    {.name = "day", .native = "date", .type = RNL_T_DATE, .flags = RNL_COLUMN_NULLABLE},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static int add_table(struct rnl_catalog *catalog, struct rnl_error *err)
{
    static const struct rnl_index_part part = {.column = 0};
    static const struct rnl_index primary = {.name = "PRIMARY",
                                             .parts = &part,
                                             .nparts = 1,
                                             .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE};
    const struct rnl_table table = {.size = sizeof(table),
                                    .schema = "runnel_kit",
                                    .name = "runnel_kit",
                                    .dialect = "mysql",
                                    .columns = columns,
                                    .ncolumns = COLUMNS,
                                    .column_size = sizeof(columns[0]),
                                    .indexes = &primary,
                                    .nindexes = 1,
                                    .index_size = sizeof(primary),
                                    .rows = 300,
                                    .bytes = 30000};

    return catalog_add(catalog, &table, err);
}

/* The values of row id; what they point to stands until the next call. */
static void make_row(int64_t id, struct rnl_value *values, struct rnl_row *row)
{
    static char word[64], amount[40];
    static unsigned char bytes[3];

    snprintf(word, sizeof(word), "no. %lld \t'\"\\ \n\xc3\xa9\xf0\x9f\x8c\xb1", (long long)id);
    snprintf(amount, sizeof(amount), "%s%lld.500000", id % 2 ? "-" : "", (long long)id * 1000003);
    bytes[0] = 0;
    bytes[1] = (unsigned char)id;
    bytes[2] = 0xff;
    values[0] = (struct rnl_value){.type = RNL_T_INT, .i = id};
    values[1] = (struct rnl_value){
        .type = RNL_T_TEXT, .len = id % 5 ? (uint32_t)strlen(word) : 0, .ptr = word};
    values[2] = (struct rnl_value){.type = RNL_T_BYTES, .len = sizeof(bytes), .ptr = bytes};
    values[3] = (struct rnl_value){.type = RNL_T_DOUBLE, .d = (double)id / 3};
    values[4] =
        (struct rnl_value){.type = RNL_T_DECIMAL, .len = (uint32_t)strlen(amount), .ptr = amount};
    values[5] = (struct rnl_value){.type = RNL_T_TIMESTAMP, .i = id * 86399999999};
    values[6] = (struct rnl_value){.type = RNL_T_DATE, .i = id - 150};
    if (id % 7 == 0)
        for (int i = 1; i < COLUMNS; i++)
            values[i] = (struct rnl_value){.type = RNL_T_NULL};
    *row = (struct rnl_row){
        .size = sizeof(*row), .op = RNL_INSERT, .nvalues = COLUMNS, .after = values};
}

/* Rows from..to as a bundle that was carried, into the writer's transaction. */
static int apply(struct trial *trial, void *writer, int64_t from, int64_t to, struct rnl_error *err)
{
    const struct bundle_head head = {
        .pipeline = bundle_pipeline(pipeline), .number = 1, .lane = KIT_LANE, .unit = KIT_UNIT};
    struct rnl_bundle *filled = bundle_new(1000, 1 << 20);
    struct rnl_value values[COLUMNS];
    struct rnl_row row;
    int status = filled ? RNL_OK : kit_no_memory(err);

    for (int64_t id = from; id <= to && status == RNL_OK; id++) {
        make_row(id, values, &row);
        status = bundle_add(filled, &row, err);
    }
    if (status == RNL_OK)
        return kit_apply(trial->ops, writer, filled, &head, err);
    bundle_free(filled);
    return status;
}

static int commit(struct trial *trial, void *writer, uint64_t epoch, uint64_t before, bool done,
                  struct rnl_error *err)
{
    char position[24];
    struct rnl_unit_progress unit = {.unit = KIT_UNIT, .done = done, .rows = 100};
    struct rnl_checkpoint checkpoint = {.size = sizeof(checkpoint),
                                        .lane = KIT_LANE,
                                        .pipeline = pipeline,
                                        .epoch = epoch,
                                        .number_before = before,
                                        .number_after = before + 1,
                                        .units = &unit,
                                        .nunits = 1,
                                        .unit_size = sizeof(unit)};

    snprintf(position, sizeof(position), "p%llu", (unsigned long long)before + 1);
    if (!done)
        unit.position = (struct rnl_slice){position, strlen(position)};
    return trial->ops->writer_commit(writer, &checkpoint, err);
}

/* ---- structure and memory --------------------------------------------------------- */

static int do_steps(struct trial *trial, void *writer, uint32_t from, uint32_t to,
                    struct rnl_error *err)
{
    for (uint32_t i = 0; i < steps_count(trial->steps); i++) {
        const struct rnl_step *step = steps_at(trial->steps, i);

        if (step->phase >= from && step->phase <= to &&
            trial->ops->writer_step(writer, pipeline, step, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static void check_unknown(struct trial *trial, const char *name)
{
    struct rnl_memory memory = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    kit_doing(trial->kit, name);
    status = trial->ops->forget(trial->self, pipeline, &err);
    if (status == RNL_OK)
        status = trial->ops->recall(trial->self, pipeline, &memory, &err);
    if (status < 0)
        kit_ok(trial->kit, status, &err, name);
    else
        kit_expect(trial->kit, status == RNL_DONE, name, "recall gives %d, not RNL_DONE", status);
    memory_clear(&memory);
}

static bool make_tables(struct trial *trial, void **writer)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    kit_doing(trial->kit, "makes the table");
    status = trial->ops->map(trial->self, &trial->job, trial->catalog, false, trial->steps, &err);
    if (!kit_ok(trial->kit, status, &err, "maps the table"))
        return false;
    status =
        trial->ops->record(trial->self, pipeline, (struct rnl_slice){record, strlen(record)}, &err);
    if (!kit_ok(trial->kit, status, &err, "remembers the run"))
        return false;
    status = trial->ops->writer_open(trial->self, KIT_LANE, writer, &err);
    if (!kit_ok(trial->kit, status, &err, "opens a writer"))
        return false;
    status = do_steps(trial, *writer, 0, RNL_PHASE_TABLES, &err);
    if (status == RNL_OK)
        status = trial->ops->bind(trial->self, &trial->job, trial->catalog, &err);
    if (kit_ok(trial->kit, status, &err, "makes the table"))
        return true;
    trial->ops->writer_close(*writer);
    return false;
}

/* That the target knows just this of the lane and the unit. */
static void check_memory(struct trial *trial, uint64_t number, uint64_t epoch, int64_t rows,
                         bool done, const char *name)
{
    struct rnl_memory memory = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    kit_doing(trial->kit, name);
    status = trial->ops->recall(trial->self, pipeline, &memory, &err);
    if (!kit_ok(trial->kit, status, &err, "recalls"))
        return;
    kit_expect(trial->kit,
               memory.nlanes == 1 && memory.nunits == 1 && memory.lanes[0].lane == KIT_LANE &&
                   memory.lanes[0].number == number && memory.lanes[0].epoch == epoch &&
                   memory.units[0].unit == KIT_UNIT && memory.units[0].rows == rows &&
                   memory.units[0].done == done,
               name, "%zu lanes, %zu units; number %llu, epoch %llu, %lld rows, done %d",
               memory.nlanes, memory.nunits,
               memory.nlanes ? (unsigned long long)memory.lanes[0].number : 0,
               memory.nlanes ? (unsigned long long)memory.lanes[0].epoch : 0,
               memory.nunits ? (long long)memory.units[0].rows : 0,
               memory.nunits ? memory.units[0].done : 0);
    kit_expect(trial->kit,
               memory.plan_len == strlen(record) &&
                   memcmp(memory.plan, record, memory.plan_len) == 0,
               "recalls the run's own bytes", "%zu bytes", memory.plan_len);
    if (!done && memory.nunits)
        kit_expect(trial->kit,
                   memory.units[0].position_len == 2 &&
                       memcmp(memory.units[0].position, "p1", 2) == 0,
                   "recalls the position", "%zu bytes", memory.units[0].position_len);
    memory_clear(&memory);
}

/* ---- reading back --------------------------------------------------------------------- */

static struct readback readback_of(struct trial *trial, void *writer)
{
    return (struct readback){trial->ops,     trial->self, writer,         &trial->canon,
                             trial->catalog, SMALL_CHUNK, KIT_BUNDLE_ROWS};
}

/* What the sink says that rows 1..to should have become. */
static int expected(const struct readback *from, int64_t to, struct reading *reading,
                    struct rnl_error *err)
{
    struct rnl_value values[COLUMNS];
    struct rnl_row row;

    for (int64_t id = 1; id <= to; id++) {
        make_row(id, values, &row);
        if (readback_expect(from, 0, &row, reading, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

/* The target holds rows 1..to, each once and with its values. */
static void check_rows(struct trial *trial, void *writer, int64_t to, const char *name)
{
    const struct readback from = readback_of(trial, writer);
    struct reading is = {0}, should = {0};
    struct rnl_error err = RNL_ERROR_INIT;

    kit_doing(trial->kit, name);
    if (readback_table(&from, 0, &is, &err) != RNL_OK ||
        expected(&from, to, &should, &err) != RNL_OK)
        kit_ok(trial->kit, err.status, &err, name);
    else
        kit_expect(trial->kit, same_rows(&is, &should), name,
                   "%zu rows are there, %lld should be%s", is.nrows, (long long)to,
                   is.nrows == (size_t)to ? "; values differ" : "");
    reading_clear(&is);
    reading_clear(&should);
}

/* ---- the checks, in their order ---------------------------------------------------------- */

static void check_load(struct trial *trial, void *writer)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status = apply(trial, writer, 1, 100, &err);

    if (kit_ok(trial->kit, status, &err, "takes rows"))
        kit_ok(trial->kit, trial->ops->writer_rollback(writer, &err), &err, "rolls back");
    check_rows(trial, writer, 0, "what was rolled back is not there");
    trial->ops->writer_rollback(writer, &err);
    kit_doing(trial->kit, "commits rows and checkpoint");
    status = apply(trial, writer, 1, 50, &err);
    if (status == RNL_OK)
        status = apply(trial, writer, 51, 100, &err);
    if (status == RNL_OK)
        status = commit(trial, writer, 1, 0, false, &err);
    kit_ok(trial->kit, status, &err, "commits rows and checkpoint");
    check_memory(trial, 1, 1, 100, false, "recalls what was committed");
    check_rows(trial, writer, 100, "reads back what it was given");
    trial->ops->writer_rollback(writer, &err);
}

static void expect_stale(struct trial *trial, void *writer, uint64_t epoch, uint64_t before,
                         const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    kit_doing(trial->kit, name);
    status = apply(trial, writer, 201, 300, &err);
    if (status == RNL_OK)
        status = commit(trial, writer, epoch, before, true, &err);
    kit_expect(trial->kit, status == RNL_E_CONFIG && strcmp(err.code, "sink.stale_writer") == 0,
               name, "status %d, %s", status, status < 0 ? err.code : "it was let through");
    trial->ops->writer_rollback(writer, &err);
}

/* Two writers of one lane: the older one didn't notice that it has been replaced. */
static void check_stale(struct trial *trial, void *old)
{
    struct rnl_error err = RNL_ERROR_INIT;
    void *young;
    int status = trial->ops->writer_open(trial->self, KIT_LANE, &young, &err);

    if (!kit_ok(trial->kit, status, &err, "opens a second writer"))
        return;
    expect_stale(trial, young, 2, 0, "refuses a number that was committed");
    expect_stale(trial, young, 2, 7, "refuses a number that is not due");
    status = apply(trial, young, 101, 200, &err);
    if (status == RNL_OK)
        status = commit(trial, young, 2, 1, true, &err);
    kit_ok(trial->kit, status, &err, "goes on where it stood");
    expect_stale(trial, old, 1, 2, "refuses an epoch that has passed");
    check_memory(trial, 2, 2, 200, true, "adds up rows, and raises the number");
    status = apply(trial, young, 201, 300, &err);
    if (status != RNL_OK)
        kit_ok(trial->kit, status, &err, "takes rows");
    trial->ops->writer_close(young);
    check_rows(trial, old, 200, "close gives up what is not committed");
    trial->ops->writer_rollback(old, &err);
}

/* What a repair does: rows alone, without a checkpoint. */
static void check_repair(struct trial *trial, void *writer)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value values[COLUMNS];
    struct rnl_row row;
    int status;

    kit_doing(trial->kit, "removes a row by its key");
    make_row(200, values, &row);
    status = trial->ops->writer_remove(writer, &row, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_commit(writer, NULL, &err);
    if (kit_ok(trial->kit, status, &err, "removes a row by its key"))
        check_rows(trial, writer, 199, "the row is gone, and no other");
    trial->ops->writer_rollback(writer, &err);
    status = apply(trial, writer, 200, 200, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_commit(writer, NULL, &err);
    if (kit_ok(trial->kit, status, &err, "writes a row without a checkpoint"))
        check_rows(trial, writer, 200, "the row is back");
    trial->ops->writer_rollback(writer, &err);
}

static int one_letter(struct trial *trial, void *writer, bool removed, struct rnl_error *err)
{
    struct rnl_letters *letters = letters_new();
    int status = letters ? trial->ops->letters(trial->self, pipeline, 0, 10, true, letters, err)
                         : kit_no_memory(err);
    uint32_t count = status == RNL_OK ? letters_count(letters) : 0;
    const struct rnl_letter *letter = count ? letters_at(letters, 0) : NULL;

    if (status == RNL_OK && removed)
        status = count == 0 ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "kit", "a letter is left");
    else if (status == RNL_OK && (count != 1 || strcmp(letter->key, "id=211") != 0 ||
                                  letter->at_us != 1700000000123456 || letter->row.len != 4 ||
                                  memcmp(letter->row.ptr, "a\0b", 4) != 0))
        status = rnl_fail(err, RNL_E_FATAL, "kit", "%u letters, or not what was kept", count);
    if (status == RNL_OK && !removed)
        status = trial->ops->writer_letter_remove(writer, pipeline, letter->id, err);
    if (status == RNL_OK && !removed)
        status = trial->ops->writer_commit(writer, NULL, err);
    letters_free(letters);
    return status;
}

/* Rows of a part that is taken back go, those around it stay; a letter stands with them. */
static void check_parts(struct trial *trial, void *writer)
{
    const struct rnl_letter letter = {.size = sizeof(letter),
                                      .lane = KIT_LANE,
                                      .pipeline = pipeline,
                                      .schema = "kit",
                                      .table = "kit",
                                      .key = "id=211",
                                      .column = "t",
                                      .code = "kit.code",
                                      .reason = "cut here: \xc3",
                                      .at_us = 1700000000123456,
                                      .row = {"a\0b", 4}};
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    if (!RNL_HAS(trial->ops, letters) || !trial->ops->writer_savepoint)
        return;
    kit_doing(trial->kit, "takes a part of a transaction back");
    status = trial->ops->writer_savepoint(writer, &err);
    if (status == RNL_OK)
        status = apply(trial, writer, 201, 210, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_release(writer, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_savepoint(writer, &err);
    if (status == RNL_OK)
        status = apply(trial, writer, 211, 220, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_undo(writer, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_letter(writer, &letter, &err);
    if (status == RNL_OK)
        status = trial->ops->writer_commit(writer, NULL, &err);
    if (kit_ok(trial->kit, status, &err, "takes a part of a transaction back"))
        check_rows(trial, writer, 210, "what stood around the part is there");
    trial->ops->writer_rollback(writer, &err);
    kit_doing(trial->kit, "keeps a letter");
    kit_ok(trial->kit, one_letter(trial, writer, false, &err), &err, "keeps a letter");
    kit_ok(trial->kit, one_letter(trial, writer, true, &err), &err, "takes a letter away");
}

/* Interrupted once for all: what follows needs a sink that is opened anew. */
static void check_interrupt(struct trial *trial, void *writer)
{
    static const char name[] = "interrupt ends a read";
    const struct readback from = readback_of(trial, writer);
    struct reading reading = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t begin_ms = clock_ms();
    int status;

    kit_doing(trial->kit, name);
    trial->ops->interrupt(trial->self);
    status = readback_table(&from, 0, &reading, &err);
    kit_expect(trial->kit,
               clock_ms() - begin_ms < SOON_MS &&
                   (status >= 0 || (status == RNL_E_RETRY && !kit_error_fault(&err, status))),
               name, "status %d after %lld ms", status, (long long)(clock_ms() - begin_ms));
    reading_clear(&reading);
}

static void check_run(struct trial *trial)
{
    struct rnl_error err = RNL_ERROR_INIT;
    void *writer;

    check_unknown(trial, "knows nothing of a pipeline that is new");
    if (!make_tables(trial, &writer))
        return;
    check_load(trial, writer);
    check_stale(trial, writer);
    kit_doing(trial->kit, "completes the structure");
    kit_ok(trial->kit, do_steps(trial, writer, RNL_PHASE_TABLES + 1, UINT32_MAX, &err), &err,
           "completes the structure");
    check_repair(trial, writer);
    check_parts(trial, writer);
    check_interrupt(trial, writer);
    trial->ops->writer_close(writer);
}

/* With a new connection: what was committed stands in the target, not in the sink's mind. */
static void check_later(struct trial *trial)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status = trial->ops->open(&trial->use->host.ctx, &trial->self, &err);

    if (!kit_ok(trial->kit, status, &err, "opens once more"))
        return;
    check_memory(trial, 2, 2, 200, true, "recalls it in a later run");
    check_unknown(trial, "forgets a pipeline");
    trial->ops->close(trial->self);
}

void kit_sink(struct kit_use *use)
{
    struct trial trial = {.kit = use->kit,
                          .use = use,
                          .ops = &use->plugin->sink,
                          .catalog = catalog_new(),
                          .steps = steps_new(),
                          .job = {.size = sizeof(trial.job),
                                  .lanes = 2,
                                  .pipeline = pipeline,
                                  .schema_policy = RNL_DROP_AND_RECREATE,
                                  .write_mode = RNL_FAIL_IF_NOT_EMPTY,
                                  .structure = RNL_WITH_TABLES | RNL_WITH_INDEXES}};
    struct rnl_error err = RNL_ERROR_INIT;

    canon_init(&trial.canon, 1);
    if (trial.catalog && trial.steps && add_table(trial.catalog, &err) == RNL_OK &&
        trial.ops->open(&use->host.ctx, &trial.self, &err) == RNL_OK) {
        check_run(&trial);
        trial.ops->close(trial.self);
        check_later(&trial);
    } else {
        kit_expect(use->kit, false, "a table to try it on", "%s", err.text);
    }
    canon_clear(&trial.canon);
    steps_free(trial.steps);
    catalog_free(trial.catalog);
}
