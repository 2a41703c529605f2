/* Decides how the tables are to stand in the target, and lists the steps that make them so. */
#include "native.h"

#include <stdarg.h>
#include <stdlib.h>

const struct rnl_table *mapper_table(const struct mapper *m, uint32_t table)
{
    return m->sink->host->table_at(m->catalog, table);
}

static int compare_tables(const struct rnl_table *table, const char *schema, const char *name)
{
    int order = strcmp(table->name, name);

    return order ? order : strcmp(table->schema, schema);
}

static int by_name(const void *a, const void *b)
{
    const struct rnl_table *right = ((const struct ordered *)b)->table;

    return compare_tables(((const struct ordered *)a)->table, right->schema, right->name);
}

/* Tables by name, for what refers to them. */
static int index_tables(struct mapper *m)
{
    m->order = calloc(m->ntables + 1, sizeof(*m->order));
    if (!m->order)
        return error_memory(m->err);
    for (uint32_t t = 0; t < m->ntables; t++)
        m->order[t] = (struct ordered){mapper_table(m, t), t};
    qsort(m->order, m->ntables, sizeof(*m->order), by_name);
    return RNL_OK;
}

uint32_t mapper_find(const struct mapper *m, const char *schema, const char *name)
{
    uint32_t low = 0, high = m->ntables;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_tables(m->order[middle].table, schema, name);

        if (order == 0)
            return m->order[middle].index;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT32_MAX;
}

void map_find(const struct mapper *m, uint32_t t, enum rnl_severity severity, const char *code,
              const char *object, const char *policy, const char *fmt, ...)
{
    const struct rnl_finding finding = {
        .severity = severity, .code = code, .object = object, .policy = policy};
    va_list ap;

    if (m->quiet || (m->evolves && t != m->topic) ||
        (m->topics && (!object || !idents_has(m->topics, object))))
        return;
    va_start(ap, fmt);
    tell_finding_of(m->sink->host, m->sink->ctx, mapper_table(m, t), &finding, fmt, ap);
    va_end(ap);
}

static bool index_names_rows(const struct rnl_table *table, const struct rnl_index *index)
{
    if (index->flags & RNL_INDEX_PRIMARY)
        return true;
    if (!(index->flags & RNL_INDEX_UNIQUE) || (index->where && *index->where))
        return false;
    for (uint32_t i = 0; i < index->nparts; i++)
        if (index->parts[i].expression || index->parts[i].column >= table->ncolumns ||
            (COLUMN(table, index->parts[i].column)->flags & RNL_COLUMN_NULLABLE))
            return false;
    return index->nparts > 0;
}

/* Whether the step makes the key by which rows of changes are found. */
static bool makes_row_key(const struct rnl_table *table, const char *what, const char *object)
{
    const struct rnl_index *key = NULL;

    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);

        if (index_names_rows(table, index) && (!key || (index->flags & RNL_INDEX_PRIMARY)))
            key = index;
    }
    return key && object && strncmp(what, "key", 3) == 0 && strcmp(key->name, object) == 0;
}

int map_step(struct mapper *m, enum rnl_phase phase, const char *what, uint32_t t,
             const char *object, struct buf *text)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct rnl_step step = {.phase = phase, .table = t, .flags = m->step_flags};

    if (m->keeps)
        return kept_add(&m->kept, phase, what, object, text, m->err);
    step.flags |= makes_row_key(table, what, object) ? RNL_STEP_KEY : 0;
    step.weight = table->bytes > 0 ? (uint32_t)(table->bytes >> 20 & 0x7fffffff) : 0;
    return tell_step(m->sink->host, m->steps, table, &step, what, object, text, m->err);
}

static int map_table_steps(struct mapper *m, uint32_t t)
{
    uint32_t structure = m->job->structure;
    bool keeps = m->job->schema_policy == RNL_VALIDATE_EXISTING || !(structure & RNL_WITH_TABLES);
    int status = RNL_OK;

    if (keeps && (m->job->write_mode == RNL_TRUNCATE_AND_LOAD ||
                  (mapper_table(m, t)->flags & RNL_TABLE_AGAIN)))
        status = ddl_truncate(m, t);
    if (status != RNL_OK)
        return status;
    if (m->job->schema_policy != RNL_VALIDATE_EXISTING) {
        if (structure & RNL_WITH_TABLES)
            status = ddl_table(m, t);
        if (status == RNL_OK && (structure & RNL_WITH_INDEXES))
            status = ddl_indexes(m, t);
        if (status == RNL_OK && (structure & RNL_WITH_FOREIGN_KEYS))
            status = ddl_foreign_keys(m, t);
        if (status == RNL_OK && (structure & RNL_WITH_CHECKS))
            status = ddl_checks(m, t);
        if (status == RNL_OK && (structure & RNL_WITH_TABLES))
            status = ddl_touched(m, t);
        if (status == RNL_OK && (structure & RNL_WITH_COMMENTS))
            status = ddl_comments(m, t);
    }
    return status == RNL_OK ? ddl_values(m, t) : status;
}

/* Names that had to be changed, so that a person isn't surprised. */
static void tell_names(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];
    const char *policy = m->sink->config->name_case == CASE_LOWER ? "case=lower" : "case=keep";

    if (strcmp(table->name, map->name) != 0)
        map_find(m, t, RNL_NOTE, "name.table", NULL, policy, "the table is named %s in the target",
                 map->qualified);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcmp(COLUMN(table, i)->name, map->columns[i].name) != 0)
            map_find(m, t, RNL_NOTE, "name.column", COLUMN(table, i)->name, policy,
                     "the column is named \"%s\" in the target", map->columns[i].name);
}

/* For those who look at the plan alone. */
static int tell_types(const struct mapper *m, uint32_t t)
{
    const struct rnl_host *host = m->sink->host;
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < mapper_table(m, t)->ncolumns; i++)
        status = host->type_add(m->steps, t, i, m->tables[t].columns[i].type, m->err);
    return status;
}

int mapper_decide(struct mapper *m)
{
    int status = idents_of_catalog(m->sink, m->catalog, &m->arena, &m->tables, m->err);

    m->keeps_schemas = idents_keep_schemas(m->sink, m->catalog);
    if (status == RNL_OK)
        status = index_tables(m);
    if (status == RNL_OK)
        status = objects_look(m);
    if (status == RNL_OK)
        status = native_look_types(m);
    if (status == RNL_OK)
        status = target_look(m);
    return status == RNL_OK ? types_decide(m) : status;
}

static int make_plan(struct mapper *m)
{
    bool makes =
        (m->job->structure & RNL_WITH_TABLES) && m->job->schema_policy != RNL_VALIDATE_EXISTING;
    int status = mapper_decide(m);

    if (status == RNL_OK)
        status = target_validate(m);
    /* tables first, so that an index never takes a table's name */
    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++)
        if (!idents_take(&m->relations, m->tables[t].qualified))
            status = error_memory(m->err);
    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++)
        status = native_name_partitions(m, t);
    if (status == RNL_OK && makes)
        status = objects_steps(m);
    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++) {
        tell_names(m, t);
        status = tell_types(m, t);
        if (status == RNL_OK)
            status = map_table_steps(m, t);
    }
    return status == RNL_OK && makes ? objects_values(m) : status;
}

void mapper_free(struct mapper *m)
{
    idents_free(&m->relations);
    idents_free(&m->existing);
    idents_free(&m->standing);
    idents_free(&m->lacking);
    free(m->order);
    kept_free(&m->kept);
    arena_free(&m->arena);
}

int sink_map(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
             bool resuming, struct rnl_steps *steps, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    struct mapper m = {
        .sink = sink,
        .job = job,
        .catalog = catalog,
        .steps = steps,
        .err = err,
        .ntables = sink->host->table_count(catalog),
        .resuming = resuming,
    };
    int status;

    status = make_plan(&m);
    mapper_free(&m);
    return status;
}
