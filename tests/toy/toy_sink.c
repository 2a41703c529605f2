/* The toy sink: a database in memory, with the same promises as a real one. */
#include "toy_store.h"

#include <stdlib.h>
#include <unistd.h>

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

static int toy_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    const struct toy_sink_config *config = ctx->config;
    struct sink *sink = calloc(1, sizeof(*sink));

    if (!sink)
        return no_memory(err);
    if (config->refuse) {
        free(sink);
        return rnl_fail(err, RNL_E_RETRY, "toy.refused", "the toy sink can't be reached");
    }
    sink->ctx = ctx;
    sink->store = store_named(config->store);
    for (uint32_t i = 0; i < MOST_TABLES; i++)
        sink->tables[i] = i; /* until tables are bound */
    *self = sink;
    return RNL_OK;
}

static void toy_close(void *self)
{
    free(self);
}

static uint32_t toy_table(const struct rnl_table *table)
{
    return (uint32_t)strtoul(table->name + 1, NULL, 10) % MOST_TABLES;
}

/* A step that brings the table to so many columns. */
static int toy_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was,
                      uint32_t from, const struct rnl_catalog *is, uint32_t to,
                      const struct rnl_rename *renamed, uint32_t nrenamed, struct rnl_steps *steps,
                      struct rnl_error *err)
{
    struct sink *sink = self;
    const struct rnl_host *host = sink->ctx->host;
    const struct rnl_table *table =
        to == UINT32_MAX ? host->table_at(was, from) : host->table_at(is, to);
    unsigned columns = to == UINT32_MAX ? 0 : table->ncolumns;
    char id[64];
    const struct rnl_step step = {
        .size = sizeof(step), .phase = RNL_PHASE_KEYS, .table = to, .id = id, .text = "alter it"};

    (void)job;
    (void)renamed;
    if (nrenamed || sink->store->columns[toy_table(table)] == columns)
        return RNL_OK; /* stands already */
    snprintf(id, sizeof(id), "columns %u %u", toy_table(table), columns);
    return host->step_add(steps, &step, err);
}

/* The store's lock is held. */
static void alter_table(struct store *store, const char *id)
{
    unsigned table, columns;

    if (sscanf(id, "columns %u %u", &table, &columns) == 2)
        store->columns[table % MOST_TABLES] = (uint16_t)columns;
}

static bool has_rows(struct sink *sink, const struct rnl_table *table)
{
    bool any;

    pthread_mutex_lock(&sink->store->lock);
    any = memchr(sink->store->rows[toy_table(table)], 1, MOST_ROWS) != NULL;
    pthread_mutex_unlock(&sink->store->lock);
    return any;
}

/* The store's lock is held. */
static void drop_table(struct store *store, const struct rnl_step *step)
{
    unsigned phase, table;

    if (strcmp(step->text, "drop it") == 0 &&
        sscanf(step->id, "phase %u of table %u", &phase, &table) == 2)
        memset(store->rows[table % MOST_TABLES], 0, MOST_ROWS);
}

static int toy_map(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
                   bool resuming, struct rnl_steps *steps, struct rnl_error *err)
{
    static const uint32_t phases[] = {RNL_PHASE_TABLES, RNL_PHASE_KEYS, RNL_PHASE_VALUES};
    struct sink *sink = self;

    (void)job;
    for (uint32_t t = 0; t < sink->ctx->host->table_count(catalog); t++) {
        const struct rnl_table *table = sink->ctx->host->table_at(catalog, t);
        bool again = table->flags & RNL_TABLE_AGAIN;

        if (resuming && (table->flags & RNL_TABLE_JOINS_NOW) && !again && has_rows(sink, table))
            return rnl_fail(err, RNL_E_CONFIG, "toy.not_empty", "%s holds rows", table->name);
        for (int p = 0; p < 3; p++) {
            char id[64];
            struct rnl_step step = {.size = sizeof(step),
                                    .phase = phases[p],
                                    .table = t,
                                    .id = id,
                                    .text = again && p == 0 ? "drop it" : "do it",
                                    .flags = phases[p] == RNL_PHASE_KEYS ? RNL_STEP_KEY : 0};

            snprintf(id, sizeof(id), "phase %u of table %u", phases[p], toy_table(table));
            if (sink->ctx->host->step_add(steps, &step, err) != RNL_OK)
                return err->status;
        }
    }
    return RNL_OK;
}

static int tell_memory(const struct sink *sink, struct rnl_memory *memory, struct rnl_error *err)
{
    const struct rnl_host *host = sink->ctx->host;
    const struct store *store = sink->store;
    int status = host->memory_plan(memory, (struct rnl_slice){store->plan, store->plan_len}, err);

    for (uint32_t i = 0; status == RNL_OK && i < MOST_UNITS; i++)
        if (store->units[i].known)
            status = host->memory_unit(
                memory, i, store->units[i].done, store->units[i].rows,
                (struct rnl_slice){store->units[i].position, store->units[i].position_len}, err);
    for (uint32_t i = 0; status == RNL_OK && i < MOST_LANES; i++)
        if (store->numbers[i])
            status = host->memory_lane(memory, i, store->numbers[i], store->epochs[i], err);
    for (size_t i = 0; status == RNL_OK && i < store->nsteps; i++)
        status = host->memory_step(memory, store->steps[i], err);
    return status;
}

static int toy_recall(void *self, const char *pipeline, struct rnl_memory *memory,
                      struct rnl_error *err)
{
    struct sink *sink = self;
    int status = RNL_DONE;

    (void)pipeline;
    pthread_mutex_lock(&sink->store->lock);
    if (sink->store->plan)
        status = tell_memory(sink, memory, err);
    pthread_mutex_unlock(&sink->store->lock);
    return status;
}

static int toy_record(void *self, const char *pipeline, struct rnl_slice plan,
                      struct rnl_error *err)
{
    struct sink *sink = self;
    char *copy = malloc(plan.len + 1);

    (void)pipeline;
    if (!copy)
        return no_memory(err);
    memcpy(copy, plan.ptr, plan.len);
    pthread_mutex_lock(&sink->store->lock);
    free(sink->store->plan);
    sink->store->plan = copy;
    sink->store->plan_len = plan.len;
    pthread_mutex_unlock(&sink->store->lock);
    return RNL_OK;
}

static int toy_forget(void *self, const char *pipeline, struct rnl_error *err)
{
    struct store *store = ((struct sink *)self)->store;

    (void)pipeline;
    (void)err;
    pthread_mutex_lock(&store->lock);
    free(store->plan);
    store->plan = NULL;
    memset(store->numbers, 0, sizeof(store->numbers));
    memset(store->epochs, 0, sizeof(store->epochs));
    memset(store->units, 0, sizeof(store->units));
    while (store->nsteps)
        free(store->steps[--store->nsteps]);
    toy_letters_clear(&store->letters);
    store->changes = store->durable = store->confirmed = 0;
    store->keys = store->others = 0;
    for (int i = 0; i < MOST_TABLES; i++) /* as if the tables were dropped */
        memset(store->rows[i], 0, MOST_ROWS);
    pthread_mutex_unlock(&store->lock);
    return RNL_OK;
}

static int toy_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
                    struct rnl_error *err)
{
    struct sink *sink = self;

    (void)job;
    (void)err;
    for (uint32_t i = 0; i < sink->ctx->host->table_count(catalog) && i < MOST_TABLES; i++)
        sink->tables[i] = toy_table(sink->ctx->host->table_at(catalog, i));
    sink->keyless =
        sink->ctx->host->table_count(catalog) && !sink->ctx->host->table_at(catalog, 0)->nindexes;
    return RNL_OK;
}

static int toy_writer_open(void *self, uint32_t lane, void **out, struct rnl_error *err)
{
    struct writer *writer = calloc(1, sizeof(*writer));

    (void)lane;
    if (!writer)
        return no_memory(err);
    writer->sink = self;
    *out = writer;
    return RNL_OK;
}

static void drop_pending(struct writer *writer)
{
    while (writer->letters) {
        struct toy_letter *letter = writer->letters;

        writer->letters = letter->next;
        toy_letter_free(letter);
    }
    writer->nrows = writer->nremoved = writer->changes = 0;
    writer->part = writer->spoilt = false;
}

static void toy_writer_close(void *self)
{
    struct writer *writer = self;

    drop_pending(writer);
    free(writer->rows);
    free(writer);
}

static bool is_bad(int64_t id)
{
    for (const char *at = getenv("TOY_BAD"); at && *at;
         at += strcspn(at, ",") + (strchr(at, ',') != NULL))
        if (atoll(at) == id)
            return true;
    return false;
}

static int bad_row(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_DATA, "toy.bad", "value too long, in column \"text\"");
}

static int toy_apply(void *self, struct rnl_bundle *in, struct rnl_error *err)
{
    struct writer *writer = self;
    struct rnl_bundle_info info;
    struct rnl_row row;
    int status;

    writer->sink->ctx->host->bundle_info(in, &info);
    writer->following = info.flags & RNL_BUNDLE_CHANGES;
    if (writer->following) {
        writer->changes += info.rows;
        if (store_check_time(writer, info.flags, err) != RNL_OK)
            return err->status;
    }
    while ((status = writer->sink->ctx->host->bundle_next(in, &row, err)) == RNL_OK) {
        if (writer->nrows == writer->room) {
            writer->room = writer->room ? 2 * writer->room : 64;
            writer->rows = realloc(writer->rows, writer->room * sizeof(*writer->rows));
            if (!writer->rows)
                return no_memory(err);
        }
        row.table = row.table < MOST_TABLES ? writer->sink->tables[row.table] : row.table;
        if (row.table < MOST_TABLES && row.nvalues != writer->sink->store->columns[row.table])
            return rnl_fail(err, RNL_E_FATAL, "toy.form", "a row of another form than the table's");
        if (row.table >= MOST_TABLES || row.after[0].i < 0 || row.after[0].i >= MOST_ROWS)
            return rnl_fail(err, RNL_E_DATA, "toy.row", "a row that the toy can't keep");
        if (writer->spoilt || is_bad(row.after[0].i)) {
            const struct toy_sink_config *config = writer->sink->ctx->config;

            writer->spoilt = true;
            if (config->late && writer->part)
                continue;
            return bad_row(err);
        }
        writer->rows[writer->nrows++] = (struct pending){
            row.table, row.after[0].i, !writer->sink->keyless && info.flags & RNL_BUNDLE_REPLAY};
    }
    return status == RNL_DONE ? RNL_OK : status;
}

static void set_units(struct store *store, const struct rnl_checkpoint *checkpoint)
{
    for (uint32_t i = 0; i < checkpoint->nunits; i++) {
        const struct rnl_unit_progress *unit = &checkpoint->units[i];

        store->units[unit->unit].known = true;
        store->units[unit->unit].done = unit->done;
        store->units[unit->unit].rows += unit->rows;
        store->units[unit->unit].position_len = unit->position.len;
        if (unit->position.len)
            memcpy(store->units[unit->unit].position, unit->position.ptr, unit->position.len);
    }
}

/* The store's lock is held. */
static void commit_rows(struct writer *writer)
{
    struct store *store = writer->sink->store;

    for (size_t i = 0; i < writer->nrows; i++)
        if (!writer->rows[i].replay || !store->rows[writer->rows[i].table][writer->rows[i].id])
            store->rows[writer->rows[i].table][writer->rows[i].id]++;
    for (size_t i = 0; i < writer->nremoved; i++)
        toy_letters_remove(&store->letters, writer->removed[i]);
    while (writer->letters) {
        struct toy_letter *letter = writer->letters;

        writer->letters = letter->next;
        toy_letters_add(&store->letters, letter);
    }
}

static int toy_commit(void *self, const struct rnl_checkpoint *checkpoint, struct rnl_error *err)
{
    struct writer *writer = self;
    struct store *store = writer->sink->store;
    const struct toy_sink_config *config = writer->sink->ctx->config;
    int status = RNL_OK;

    if (writer->part)
        return rnl_fail(err, RNL_E_FATAL, "toy.part", "a commit inside a part");
    if (writer->spoilt)
        return rnl_fail(err, RNL_E_FATAL, "toy.spoilt", "a commit of what had failed");
    pthread_mutex_lock(&store->lock);
    if (!checkpoint)
        commit_rows(writer);
    else if (store->numbers[checkpoint->lane] != checkpoint->number_before ||
             store->epochs[checkpoint->lane] > checkpoint->epoch)
        status = rnl_fail(err, RNL_E_CONFIG, "sink.stale_writer", "another writer went on");
    else if (++writer->sink->commits == config->fail_commit ||
             (config->gone_every && writer->sink->commits % config->gone_every == 0))
        status = rnl_fail(err, RNL_E_RETRY, "toy.gone", "the toy sink went away");
    else if ((status = store_check_changes(writer, checkpoint, err)) == RNL_OK) {
        commit_rows(writer);
        store_note_changes(writer, checkpoint);
        store->numbers[checkpoint->lane] = checkpoint->number_after;
        store->epochs[checkpoint->lane] = checkpoint->epoch;
        set_units(store, checkpoint);
    }
    pthread_mutex_unlock(&store->lock);
    drop_pending(writer);
    return status;
}

static int toy_rollback(void *self, struct rnl_error *err)
{
    (void)err;
    drop_pending(self);
    return RNL_OK;
}

static int toy_savepoint(void *self, struct rnl_error *err)
{
    struct writer *writer = self;

    if (writer->part || writer->spoilt)
        return rnl_fail(err, RNL_E_FATAL, "toy.part", "parts don't nest");
    writer->part = true;
    writer->mark = writer->nrows;
    writer->marked = writer->changes;
    return RNL_OK;
}

static int toy_release(void *self, struct rnl_error *err)
{
    struct writer *writer = self;

    if (!writer->part)
        return rnl_fail(err, RNL_E_FATAL, "toy.part", "no part to release");
    if (writer->spoilt)
        return bad_row(err);
    writer->part = false;
    return RNL_OK;
}

static int toy_undo(void *self, struct rnl_error *err)
{
    struct writer *writer = self;

    if (!writer->part)
        return rnl_fail(err, RNL_E_FATAL, "toy.part", "no part to undo");
    writer->part = writer->spoilt = false;
    writer->nrows = writer->mark;
    writer->changes = writer->marked;
    return RNL_OK;
}

static int toy_letter(void *self, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct writer *writer = self;
    struct toy_letter *copy;

    if (writer->part)
        return rnl_fail(err, RNL_E_FATAL, "toy.part", "a letter inside a part");
    copy = toy_letter_copy(letter);
    writer->changes += writer->following; /* done, too */
    copy->next = writer->letters;
    writer->letters = copy;
    return RNL_OK;
}

static int toy_letter_remove(void *self, const char *pipeline, uint64_t id, struct rnl_error *err)
{
    struct writer *writer = self;

    (void)pipeline;
    if (writer->nremoved == sizeof(writer->removed) / sizeof(writer->removed[0]))
        return rnl_fail(err, RNL_E_FATAL, "toy.removed", "too many at once");
    writer->removed[writer->nremoved++] = id;
    return RNL_OK;
}

static int toy_letters(void *self, const char *pipeline, uint64_t after, uint32_t limit,
                       bool with_rows, struct rnl_letters *letters, struct rnl_error *err)
{
    struct sink *sink = self;
    int status = RNL_OK;

    (void)pipeline;
    pthread_mutex_lock(&sink->store->lock);
    for (const struct toy_letter *at = sink->store->letters.first; at && limit; at = at->next) {
        struct rnl_letter letter = at->letter;

        if (at->id <= after)
            continue;
        if (!with_rows)
            letter.row.len = 0;
        status = sink->ctx->host->letter_add(letters, &letter, err);
        limit--;
    }
    pthread_mutex_unlock(&sink->store->lock);
    return status;
}

static int toy_step(void *self, const char *pipeline, const struct rnl_step *step,
                    struct rnl_error *err)
{
    struct writer *writer = self;
    struct store *store = writer->sink->store;
    const struct toy_sink_config *config = writer->sink->ctx->config;
    int status = RNL_OK;

    (void)pipeline;
    if (config->slow_us)
        usleep((useconds_t)config->slow_us);
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->nsteps; i++)
        if (strcmp(store->steps[i], step->id) == 0)
            status = rnl_fail(err, RNL_E_FATAL, "toy.twice", "step %s was done before", step->id);
    if (step->phase > RNL_PHASE_KEYS && store->changes < config->behind)
        status = rnl_fail(err, RNL_E_FATAL, "toy.order", "step %s comes too early", step->id);
    if (++writer->sink->steps == config->fail_step)
        status = rnl_fail(err, RNL_E_RETRY, "toy.gone", "the toy sink went away");
    if (status == RNL_OK && store->nsteps < MOST_STEPS)
        store->steps[store->nsteps++] = strdup(step->id);
    if (status == RNL_OK)
        alter_table(store, step->id);
    if (status == RNL_OK)
        drop_table(store, step);
    if (status == RNL_OK) {
        store->keys += step->phase == RNL_PHASE_KEYS;
        store->others += step->phase > RNL_PHASE_KEYS;
    }
    pthread_mutex_unlock(&store->lock);
    return status;
}

/* "store name": for each table, how many ids stand there once, and how many more often. */
static int toy_read_plan(void *self, const struct rnl_catalog *catalog, uint32_t table,
                         int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err)
{
    struct sink *sink = self;
    struct rnl_unit unit = {.size = sizeof(unit), .kind = RNL_UNIT_CHUNK, .table = table};

    (void)catalog;
    (void)chunk_bytes;
    return sink->ctx->host->unit_add(plan, &unit, err);
}

static int toy_expect(void *self, const struct rnl_row *row, struct rnl_row *out,
                      struct rnl_error *err)
{
    (void)self;
    (void)err;
    *out = *row;
    return RNL_OK;
}

struct reading {
    struct sink *sink;
    uint32_t table;
    int64_t id, again; /* the next id, and how often it was given already */
};

static int toy_read_open(void *self, const struct rnl_unit *unit, void **cursor,
                         struct rnl_error *err)
{
    struct reading *reading = calloc(1, sizeof(*reading));

    if (!reading)
        return no_memory(err);
    reading->sink = ((struct writer *)self)->sink;
    reading->table = unit->table;
    *cursor = reading;
    return RNL_OK;
}

static int toy_read_next(void *cursor, struct rnl_bundle *out, int timeout_ms,
                         struct rnl_error *err)
{
    struct reading *reading = cursor;
    const struct rnl_host *host = reading->sink->ctx->host;

    (void)timeout_ms;
    while (reading->id < MOST_ROWS && !host->bundle_full(out)) {
        const struct rnl_value values[] = {{.type = RNL_T_INT, .i = reading->id},
                                           {.type = RNL_T_TEXT, .len = 4, .ptr = "text"}};
        const struct rnl_row row = {.size = sizeof(row),
                                    .table = reading->table,
                                    .op = RNL_INSERT,
                                    .nvalues = 2,
                                    .after = values};

        if (reading->again == reading->sink->store->rows[reading->table][reading->id]) {
            reading->id++;
            reading->again = 0;
        } else {
            reading->again++;
            if (host->bundle_add(out, &row, err) != RNL_OK)
                return err->status;
        }
    }
    return reading->id == MOST_ROWS ? RNL_DONE : RNL_OK;
}

static void toy_read_close(void *cursor)
{
    free(cursor);
}

static void toy_interrupt(void *self)
{
    (void)self; /* nothing here blocks for long */
}

static const struct rnl_sink_ops ops = {
    .size = sizeof(ops),
    .open = toy_open,
    .close = toy_close,
    .map = toy_map,
    .recall = toy_recall,
    .record = toy_record,
    .forget = toy_forget,
    .bind = toy_bind,
    .writer_open = toy_writer_open,
    .writer_close = toy_writer_close,
    .writer_apply = toy_apply,
    .writer_commit = toy_commit,
    .writer_rollback = toy_rollback,
    .writer_step = toy_step,
    .read_plan = toy_read_plan,
    .writer_expect = toy_expect,
    .writer_read_open = toy_read_open,
    .writer_read_next = toy_read_next,
    .writer_read_close = toy_read_close,
    .interrupt = toy_interrupt,
    .writer_savepoint = toy_savepoint,
    .writer_release = toy_release,
    .writer_undo = toy_undo,
    .writer_letter = toy_letter,
    .writer_letter_remove = toy_letter_remove,
    .letters = toy_letters,
    .evolve = toy_evolve,
};

static const struct rnl_option options[] = {
    {.name = "store",
     .help = "The database in memory that is written to.",
     .type = RNL_O_STRING,
     .flags = RNL_O_REQUIRED,
     .offset = offsetof(struct toy_sink_config, store)},
    {.name = "fail_commit",
     .preset = "0",
     .help = "The commit with this number fails; 0: none.",
     .type = RNL_O_INT,
     .offset = offsetof(struct toy_sink_config, fail_commit),
     .max = INT64_MAX},
    {.name = "fail_step",
     .preset = "0",
     .help = "The step with this number fails; 0: none.",
     .type = RNL_O_INT,
     .offset = offsetof(struct toy_sink_config, fail_step),
     .max = INT64_MAX},
    {.name = "slow_us",
     .preset = "0",
     .help = "Microseconds that each step takes.",
     .type = RNL_O_INT,
     .offset = offsetof(struct toy_sink_config, slow_us),
     .max = 1000000},
    {.name = "late",
     .preset = "false",
     .help = "Bad rows are told at the end of a part.",
     .type = RNL_O_BOOL,
     .offset = offsetof(struct toy_sink_config, late)},
    {.name = "gone_every",
     .preset = "0",
     .help = "Each so manyeth commit fails; 0: none.",
     .type = RNL_O_INT,
     .offset = offsetof(struct toy_sink_config, gone_every),
     .max = INT64_MAX},
    {.name = "behind",
     .preset = "0",
     .help = "Steps behind those of the keys come when so many changes are done.",
     .type = RNL_O_INT,
     .offset = offsetof(struct toy_sink_config, behind),
     .max = INT64_MAX},
    {.name = "lanes",
     .preset = "1",
     .help = "Lanes that changes come on.",
     .type = RNL_O_INT,
     .offset = offsetof(struct toy_sink_config, lanes),
     .max = MOST_LANES},
    {.name = "partial",
     .preset = "false",
     .help = "The log tells of more tables than it has.",
     .type = RNL_O_BOOL,
     .offset = offsetof(struct toy_sink_config, partial)},
    {.name = "refuse",
     .preset = "false",
     .help = "It can't be reached.",
     .type = RNL_O_BOOL,
     .offset = offsetof(struct toy_sink_config, refuse)},
};

const struct rnl_plugin toy_sink = {
    .size = sizeof(toy_sink),
    .kind = RNL_SINK,
    .name = "toy",
    .summary = "Keeps rows in memory, for tests.",
    .options = RNL_OPTIONS(options, struct toy_sink_config),
    .sink = &ops,
};
