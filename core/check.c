/* Reads a source for facts of its data: columns that can have some are read, nothing else. */
#include "check.h"

#include "fact.h"
#include "finding.h"
#include "plan.h"
#include "row_text.h"
#include "scan.h"

#include <pthread.h>
#include <stdlib.h>

#define CHUNK_BYTES (INT64_C(64) << 20)
#define EXAMPLE_SIZE 160

/* A column that is looked at, and what was found in it. */
struct watch {
    uint32_t column, wanted;
    atomic_uint found;
    int64_t counts[FACT_COUNT];
    char *examples[FACT_COUNT];
    struct measure most;
};

struct check_table {
    uint32_t index;
    const struct rnl_table *table;
    struct watch *watches;
    uint32_t nwatches;
    uint32_t *columns; /* to read: those of the watches first, then the key's */
    uint32_t ncolumns;
    uint32_t *key, nkey;
    uint32_t units_left;
    atomic_uint unsettled; /* watches that need more rows */
};

struct check {
    const struct check_options *options;
    struct rnl_catalog *catalog;
    struct check_table *tables; /* those with something to read */
    uint32_t ntables;
    struct check_table **by_index; /* by index in the catalog */
    struct rnl_plan *plan;
    struct rnl_unit *units; /* the plan's, with columns */
    struct scan_job *jobs;
    uint32_t njobs;
    pthread_mutex_t lock; /* guards counts, examples, units_left and progress */
    struct check_progress progress;
};

/* What one lane has counted in its unit, of one watch. */
struct tally {
    int64_t counts[FACT_COUNT];
    struct measure most;
};

/* What one lane has counted in its unit: of each watch, and rows. */
struct check_lane {
    int64_t rows;
    uint32_t room; /* watches */
    struct tally tallies[];
};

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a check");
}

/* --- what to read ---------------------------------------------------------- */

static uint32_t wanted_facts(const struct check *check, const struct rnl_table *table,
                             uint32_t column)
{
    uint32_t decisions = column_decisions(table, column) & check->options->facts;

    return check->options->scope == CHECK_ALL ? column_facts(table, column) | decisions : decisions;
}

static bool is_watched(const struct check_table *t, uint32_t column)
{
    for (uint32_t i = 0; i < t->nwatches; i++)
        if (t->watches[i].column == column)
            return true;
    return false;
}

/* Fills t for one table; without watches there is nothing to read. */
static bool table_watch(const struct check *check, uint32_t index, struct check_table *t)
{
    const struct rnl_table *table = catalog_at(check->catalog, index);

    *t = (struct check_table){.index = index, .table = table};
    t->watches = calloc(table->ncolumns + 1, sizeof(*t->watches));
    t->columns = calloc(table->ncolumns + 1, sizeof(*t->columns));
    t->key = calloc(table->ncolumns + 1, sizeof(*t->key));
    if (!t->watches || !t->columns || !t->key)
        return false;
    if (check->options->findings &&
        findings_block(check->options->findings, table->schema, table->name))
        return true; /* it is known that it can't be read, and why */
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        uint32_t wanted = wanted_facts(check, table, i);

        if (wanted == 0)
            continue;
        t->watches[t->nwatches++] = (struct watch){.column = i, .wanted = wanted};
        t->columns[t->ncolumns++] = i;
    }
    atomic_store(&t->unsettled, t->nwatches);
    if (check->options->scope != CHECK_ALL)
        return true;
    t->nkey = table_key(table, t->key);
    for (uint32_t i = 0; i < t->nkey; i++)
        if (!is_watched(t, t->key[i]))
            t->columns[t->ncolumns++] = t->key[i];
    return true;
}

static void table_clear(struct check_table *t)
{
    for (uint32_t i = 0; i < t->nwatches; i++)
        for (int j = 0; j < FACT_COUNT; j++)
            free(t->watches[i].examples[j]);
    free(t->watches);
    free(t->columns);
    free(t->key);
}

static int make_tables(struct check *check, struct rnl_error *err)
{
    uint32_t count = catalog_count(check->catalog);

    check->tables = calloc(count + 1, sizeof(*check->tables));
    check->by_index = calloc(count + 1, sizeof(struct check_table *));
    check->plan = plan_new();
    if (!check->tables || !check->by_index || !check->plan)
        return no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        struct check_table *t = &check->tables[check->ntables];

        check->ntables++; /* so that what it holds is freed */
        if (!table_watch(check, i, t))
            return no_memory(err);
        if (t->nwatches == 0) {
            table_clear(t);
            check->ntables--;
            continue;
        }
        check->by_index[i] = t;
    }
    return RNL_OK;
}

static int make_jobs(struct check *check, struct rnl_error *err)
{
    const struct check_options *options = check->options;
    int64_t chunk = options->chunk_bytes ? options->chunk_bytes : CHUNK_BYTES;

    for (uint32_t i = 0; i < check->ntables; i++) {
        struct check_table *t = &check->tables[i];
        uint32_t before = plan_count(check->plan);
        int status =
            options->ops->plan(options->source, check->catalog, t->index, chunk, check->plan, err);

        if (status < 0)
            return status;
        t->units_left = plan_count(check->plan) - before;
    }
    check->njobs = plan_count(check->plan);
    check->units = calloc(check->njobs + 1, sizeof(*check->units));
    check->jobs = calloc(check->njobs + 1, sizeof(*check->jobs));
    if (!check->units || !check->jobs)
        return no_memory(err);
    for (uint32_t i = 0; i < check->njobs; i++) {
        const struct check_table *t;

        check->units[i] = *plan_at(check->plan, i);
        t = check->by_index[check->units[i].table];
        check->units[i].columns = t->columns;
        check->units[i].ncolumns = t->ncolumns;
        check->jobs[i] = (struct scan_job){&check->units[i], SCAN_SOURCE};
    }
    check->progress.ntables = check->ntables;
    check->progress.nunits = check->njobs;
    return RNL_OK;
}

/* --- lanes ----------------------------------------------------------------- */

static int unit_begin(void *arg, struct scan_lane *lane, const struct scan_job *job,
                      struct rnl_error *err)
{
    struct check *check = arg;
    struct check_table *t = check->by_index[job->unit->table];
    struct check_lane *state = lane->state;

    if (!state || state->room < t->nwatches) {
        free(state);
        lane->state = state = malloc(sizeof(*state) + t->nwatches * sizeof(state->tallies[0]));
        if (!state)
            return no_memory(err);
        state->room = t->nwatches;
    }
    state->rows = 0;
    memset(state->tallies, 0, t->nwatches * sizeof(state->tallies[0]));
    return RNL_OK;
}

/* "id=7: 2020-02-00" */
static char *make_example(const struct check_table *t, const struct rnl_row *row, uint32_t watch)
{
    struct rnl_value *values = calloc(t->table->ncolumns + 1, sizeof(*values));
    char key[EXAMPLE_SIZE / 2] = "", value[EXAMPLE_SIZE / 2], *text = NULL;

    if (!values)
        return NULL;
    for (uint32_t i = 0; i < t->ncolumns; i++)
        values[t->columns[i]] = row->after[i];
    if (t->nkey)
        key_text(t->table, values, t->key, t->nkey, key, sizeof(key));
    value_text(&row->after[watch], value, sizeof(value));
    if (asprintf(&text, "%s%s%s", key, *key ? ": " : "", value) < 0)
        text = NULL;
    free(values);
    return text;
}

static void keep_examples(struct check *check, struct check_table *t, const struct rnl_row *row,
                          uint32_t watch, uint32_t fresh)
{
    for (int i = 0; i < FACT_COUNT; i++) {
        char *example;

        if (!(fresh & 1u << i))
            continue;
        example = make_example(t, row, watch);
        pthread_mutex_lock(&check->lock);
        if (!t->watches[watch].examples[i]) {
            t->watches[watch].examples[i] = example;
            example = NULL;
        }
        pthread_mutex_unlock(&check->lock);
        free(example);
    }
}

/* Something was found, and nothing is measured: what more rows hold decides nothing. */
static bool is_settled(struct watch *watch)
{
    return !(watch->wanted & FACTS_MEASURED) &&
           atomic_load_explicit(&watch->found, memory_order_relaxed);
}

static int unit_row(void *arg, struct scan_lane *lane, const struct scan_job *job,
                    const struct rnl_row *row, struct rnl_error *err)
{
    struct check *check = arg;
    struct check_table *t = check->by_index[job->unit->table];
    struct check_lane *state = lane->state;
    bool all = check->options->scope == CHECK_ALL;

    (void)err;
    state->rows++;
    for (uint32_t i = 0; i < t->nwatches; i++) {
        struct watch *watch = &t->watches[i];
        uint32_t facts, before;

        if (!all && is_settled(watch))
            continue;
        if (watch->wanted & FACTS_MEASURED)
            measure_value(&state->tallies[i].most, &row->after[i], watch->wanted);
        facts = value_facts(&t->table->columns[watch->column], &row->after[i], watch->wanted,
                            &lane->canon.json);
        if (facts == 0)
            continue;
        for (int bit = 0; bit < FACT_COUNT; bit++)
            state->tallies[i].counts[bit] += facts >> bit & 1;
        before = atomic_fetch_or(&watch->found, facts);
        if (facts & ~before)
            keep_examples(check, t, row, i, facts & ~before);
        if (!all && before == 0 && !(watch->wanted & FACTS_MEASURED))
            atomic_fetch_sub(&t->unsettled, 1);
    }
    return !all && atomic_load_explicit(&t->unsettled, memory_order_relaxed) == 0 ? RNL_DONE
                                                                                  : RNL_OK;
}

static int unit_end(void *arg, struct scan_lane *lane, const struct scan_job *job,
                    struct rnl_error *err)
{
    struct check *check = arg;
    const struct check_options *options = check->options;
    struct check_table *t = check->by_index[job->unit->table];
    struct check_lane *state = lane->state;

    (void)err;
    pthread_mutex_lock(&check->lock);
    for (uint32_t i = 0; i < t->nwatches; i++) {
        for (int bit = 0; bit < FACT_COUNT; bit++)
            t->watches[i].counts[bit] += state->tallies[i].counts[bit];
        measure_add(&t->watches[i].most, &state->tallies[i].most);
    }
    check->progress.rows += state->rows;
    check->progress.units_done++;
    if (--t->units_left == 0)
        check->progress.table++;
    if (options->progress)
        options->progress(options->arg, &check->progress);
    pthread_mutex_unlock(&check->lock);
    return RNL_OK;
}

/* --- what was found -------------------------------------------------------- */

static void add_finding(const struct check *check, const struct check_table *t,
                        const struct watch *watch, int bit)
{
    const struct rnl_column *column = &t->table->columns[watch->column];
    char code[48], text[400];
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_NOTE,
        .code = code,
        .schema = t->table->schema,
        .table = t->table->name,
        .object = column->name,
        .text = text,
        .example = watch->examples[bit],
        .count = check->options->scope == CHECK_ALL ? watch->counts[bit] : -1,
    };

    snprintf(code, sizeof(code), "data.%s", fact_name(1u << bit));
    snprintf(text, sizeof(text), "column %s %s", column->name, fact_text(1u << bit));
    findings_add(check->options->findings, &finding);
}

static void tell_table(struct check *check, struct check_table *t)
{
    for (uint32_t i = 0; i < t->nwatches; i++) {
        struct watch *watch = &t->watches[i];
        uint32_t found = atomic_load(&watch->found);
        /* A settled column was not read to its end: what else it may hold isn't known. */
        bool cut_short = check->options->scope != CHECK_ALL && found && is_settled(watch);

        catalog_know(check->catalog, t->index, watch->column, cut_short ? found : watch->wanted,
                     found);
        if (watch->wanted & FACTS_MEASURED)
            catalog_measure(check->catalog, t->index, watch->column, &watch->most);
        for (int bit = 0; check->options->findings && bit < FACT_COUNT; bit++)
            if (found & 1u << bit)
                add_finding(check, t, watch, bit);
    }
}

static int read_all(struct check *check, struct rnl_error *err)
{
    const struct check_options *options = check->options;
    struct scan_sides sides = {
        .catalog = check->catalog,
        .source_ops = options->ops,
        .source = options->source,
        .source_lanes = options->lanes,
        .lanes = options->lanes < check->njobs ? options->lanes : check->njobs,
        .stopping = options->stopping,
    };
    struct scan_work work = {.begin = unit_begin, .row = unit_row, .end = unit_end, .arg = check};
    struct scan *scan = NULL;
    int status;

    if (check->njobs == 0)
        return RNL_OK;
    status = scan_open(&sides, 0, &scan, err);
    if (status == RNL_OK)
        status = scan_run(scan, check->jobs, check->njobs, &work, err);
    scan_close(scan);
    return status;
}

int check_facts(const struct check_options *options, struct rnl_catalog *catalog,
                struct rnl_error *err)
{
    struct check check = {.options = options, .catalog = catalog};
    int status;

    pthread_mutex_init(&check.lock, NULL);
    status = make_tables(&check, err);
    if (status == RNL_OK)
        status = make_jobs(&check, err);
    if (status == RNL_OK)
        status = read_all(&check, err);
    for (uint32_t i = 0; status == RNL_OK && i < check.ntables; i++)
        tell_table(&check, &check.tables[i]);
    for (uint32_t i = 0; i < check.ntables; i++)
        table_clear(&check.tables[i]);
    free(check.tables);
    free(check.by_index);
    free(check.units);
    free(check.jobs);
    plan_free(check.plan);
    pthread_mutex_destroy(&check.lock);
    return status;
}

uint32_t sink_facts(const struct rnl_sink_ops *ops, void *sink)
{
    return ops->facts ? ops->facts(sink) : FACTS_PRESET;
}

int check_decide(const struct rnl_source_ops *ops, void *source, struct rnl_catalog *catalog,
                 uint32_t lanes, uint32_t facts, const atomic_bool *stopping, struct rnl_error *err)
{
    struct check_options options = {
        .ops = ops,
        .source = source,
        .lanes = lanes,
        .scope = CHECK_DECISIONS,
        .facts = facts,
        .stopping = stopping,
    };

    return check_facts(&options, catalog, err);
}
