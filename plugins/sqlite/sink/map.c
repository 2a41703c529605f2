/* Decides how the tables are to stand in the file, and lists the steps that make them so. */
#include "map.h"

#include <stdarg.h>

const struct rnl_table *mapper_table(const struct mapper *m, uint32_t table)
{
    return m->sink->host->table_at(m->catalog, table);
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

int map_step(const struct mapper *m, enum rnl_phase phase, const char *what, uint32_t t,
             const char *object, struct buf *text)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct rnl_step step = {.phase = phase, .table = t};

    step.weight = table->bytes > 0 ? (uint32_t)(table->bytes >> 20 & 0x7fffffff) : 0;
    return tell_step(m->sink->host, m->steps, table, &step, what, object, text, m->err);
}

/* Names that had to be changed, so that a person isn't surprised. */
static void tell_names(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];

    if (strcmp(table->name, map->name) != 0)
        map_find(m, t, RNL_NOTE, "name.table", NULL, "schemas=auto",
                 "the table is named \"%s\" in the target", map->name);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcmp(COLUMN(table, i)->name, map->columns[i].name) != 0)
            map_find(m, t, RNL_NOTE, "name.column", COLUMN(table, i)->name, NULL,
                     "the column is named \"%s\" in the target", map->columns[i].name);
}

/* What SQLite has no place for. */
static void tell_lost(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    bool comments = table->comment && *table->comment, touched = false;

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(table, i);

        comments = comments || (column->comment && *column->comment);
        touched = touched || (column->flags & RNL_COLUMN_TOUCHED);
    }
    if (comments && (m->job->structure & RNL_WITH_COMMENTS))
        map_find(m, t, RNL_WARNING, "table.comments", NULL, NULL,
                 "its comments are not carried over: SQLite has none");
    if (touched)
        map_find(m, t, RNL_WARNING, "column.on_update", NULL, NULL,
                 "columns that are set to now at each update are not in SQLite");
    if (table->flags & RNL_TABLE_PARTITIONED)
        map_find(m, t, RNL_WARNING, "table.partitions", NULL, NULL,
                 "is partitioned; in the target it is one plain table");
}

static bool is_caseless(const struct rnl_table *table)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const char *collation = COLUMN(table, i)->collation;

        if (collation && strstr(collation, "_ci"))
            return true;
    }
    return false;
}

/* Once, not for each table. */
static void tell_collation(struct mapper *m)
{
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_NOTE,
        .code = "target.collation",
        .text = "texts whose case doesn't count in the source are compared byte by byte in the "
                "target: no two keys become one, but queries must mind the case (COLLATE NOCASE)",
        .count = -1,
    };

    for (uint32_t t = 0; t < m->ntables; t++)
        if (!m->tables[t].same && is_caseless(mapper_table(m, t))) {
            m->sink->host->finding(m->sink->ctx, &finding);
            return;
        }
}

static int map_table_steps(struct mapper *m, uint32_t t)
{
    uint32_t structure = m->job->structure;
    int status;

    if (m->job->schema_policy == RNL_VALIDATE_EXISTING)
        return ddl_empty(m, t);
    status = structure & RNL_WITH_TABLES ? ddl_table(m, t) : ddl_empty(m, t);
    if (status == RNL_OK && (structure & RNL_WITH_INDEXES))
        status = ddl_indexes(m, t, false, NULL);
    if (status == RNL_OK)
        status = ddl_validate(m, t);
    return status == RNL_OK ? ddl_values(m, t) : status;
}

int mapper_decide(struct mapper *m)
{
    int status = names_of_catalog(m->sink, m->catalog, &m->arena, &m->tables, m->err);

    m->relations.caseless = true;
    if (status == RNL_OK)
        status = target_look(m);
    return status == RNL_OK ? types_decide(m) : status;
}

void mapper_free(struct mapper *m)
{
    idents_free(&m->relations);
    idents_free(&m->existing);
    arena_free(&m->arena);
}

static int make_plan(struct mapper *m)
{
    int status = mapper_decide(m);

    if (status == RNL_OK && !m->resuming) {
        tell_collation(m);
        tell_sequences(m->sink->host, m->sink->ctx, m->catalog);
    }
    /* tables first, so that an index never takes a table's name */
    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++)
        if (!idents_take(&m->relations, m->tables[t].name))
            status = error_memory(m->err);
    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++) {
        tell_names(m, t);
        if (!m->resuming)
            tell_lost(m, t);
        status = map_table_steps(m, t);
    }
    return status;
}

int sink_map(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
             bool resuming, struct rnl_steps *steps, struct rnl_error *err)
{
    struct sink *sink = self;
    struct mapper m = {
        .sink = sink,
        .job = job,
        .catalog = catalog,
        .steps = steps,
        .err = err,
        .ntables = sink->host->table_count(catalog),
        .resuming = resuming,
    };
    int status = make_plan(&m);

    mapper_free(&m);
    return status;
}
