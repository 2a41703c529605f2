/* Decides how the tables are to stand in the target, and lists the steps that make them so. */
#include "map.h"

#include <stdarg.h>

const struct rnl_table *mapper_table(const struct mapper *m, uint32_t table)
{
    return m->sink->host->table_at(m->catalog, table);
}

const char *mapper_take(struct mapper *m, struct buf *text)
{
    const char *at = buf_text(text), *copy = at ? pool_text(&m->pool, at) : NULL;

    buf_free(text);
    return copy;
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

int map_step(struct mapper *m, enum rnl_phase phase, const char *what, uint32_t t,
             const char *object, uint32_t weight, struct buf *text)
{
    struct rnl_step step = {.phase = phase, .table = t, .weight = weight, .flags = m->step_flags};

    if (m->keeps)
        return kept_add(&m->kept, phase, what, object, text, m->err);
    return tell_step(m->sink->host, m->steps, mapper_table(m, t), &step, what, object, text,
                     m->err);
}

void sql_name(struct buf *sql, const char *name)
{
    expr_name(sql, EXPR_MYSQL, name);
}

/* A line's end within would end the statement for those who read the plan. */
void sql_literal(struct buf *sql, const char *text)
{
    buf_byte(sql, '\'');
    for (; *text; text++) {
        if (*text == '\n') {
            buf_puts(sql, "\\n");
            continue;
        }
        if (*text == '\'' || *text == '\\')
            buf_byte(sql, *text);
        buf_byte(sql, *text);
    }
    buf_byte(sql, '\'');
}

uint32_t map_find_table(const struct mapper *m, const char *schema, const char *name)
{
    for (uint32_t i = 0; i < m->ntables; i++) {
        const struct rnl_table *table = mapper_table(m, i);

        if (strcmp(table->name, name) == 0 && (!schema || strcmp(table->schema, schema) == 0))
            return i;
    }
    return UINT32_MAX;
}

struct scope_of {
    const struct mapper *m;
    uint32_t table;
};

static bool scope_column(void *arg, uint32_t index, struct expr_column *out)
{
    const struct scope_of *scope = arg;
    const struct map_column *to = &scope->m->tables[scope->table].columns[index];

    *out = (struct expr_column){.name = to->name, .class = to->yields, .bytewise = to->bytewise};
    return true;
}

bool map_expression(const struct mapper *m, uint32_t t, const char *text, bool exact,
                    struct buf *out, enum expr_class *yields, const char **why)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct scope_of arg = {m, t};
    struct expr_scope scope = {
        .to = EXPR_MYSQL,
        .table = table,
        .column = scope_column,
        .arg = &arg,
        .exact = exact,
        .mariadb = m->sink->server.mariadb,
        .version = m->sink->server.version,
    };

    *yields = EXPR_OTHER;
    *why = "its expression is of another dialect";
    if (m->tables[t].same) {
        buf_puts(out, text);
        *why = NULL;
        return true;
    }
    if (!table->dialect || !expr_dialect_of(table->dialect, &scope.from) ||
        !expr_translate(&scope, text, out, yields, why))
        return false;
    *why = NULL;
    return true;
}

static int map_table_steps(struct mapper *m, uint32_t t)
{
    uint32_t structure = m->job->structure;
    bool empties = m->job->write_mode == RNL_TRUNCATE_AND_LOAD ||
                   (mapper_table(m, t)->flags & RNL_TABLE_AGAIN);
    int status = RNL_OK;

    if (m->job->schema_policy != RNL_VALIDATE_EXISTING) {
        if (structure & RNL_WITH_TABLES || (empties && m->tables[t].exists && !target_drops(m, t)))
            status = ddl_table(m, t);
        if (!status && (structure & RNL_WITH_INDEXES))
            status = ddl_indexes(m, t);
        if (!status && (structure & RNL_WITH_FOREIGN_KEYS))
            status = ddl_foreign_keys(m, t);
    } else if (empties) {
        status = ddl_table(m, t);
    }
    return status ? status : ddl_values(m, t);
}

/* Names that had to be changed, so that a person isn't surprised. */
static void tell_names(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];

    if (strcmp(table->name, map->name.name) != 0)
        map_find(m, t, RNL_NOTE, "name.table", NULL, NULL, "the table is named %s in the target",
                 map->name.qualified);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcmp(COLUMN(table, i)->name, map->columns[i].name) != 0)
            map_find(m, t, RNL_NOTE, "name.column", COLUMN(table, i)->name, NULL,
                     "the column is named `%s` in the target", map->columns[i].name);
}

/* For those who look at the plan alone. */
static int tell_types(const struct mapper *m, uint32_t t)
{
    const struct rnl_host *host = m->sink->host;
    int status = RNL_OK;

    for (uint32_t i = 0; !status && i < mapper_table(m, t)->ncolumns; i++)
        status = host->type_add(m->steps, t, i, m->tables[t].columns[i].type, m->err);
    return status;
}

static int tables_name(struct mapper *m)
{
    struct table_name *names;
    int status = names_of_catalog(m->sink, m->catalog, &m->pool, &names, m->err);

    m->tables = pool_alloc(&m->pool, sizeof(*m->tables) * (m->ntables + 1));
    if (status || !m->tables)
        return status ? status : error_memory(m->err);
    for (uint32_t t = 0; t < m->ntables; t++) {
        const struct rnl_table *table = mapper_table(m, t);
        struct map_table *map = &m->tables[t];

        map->name = names[t];
        map->same = table->dialect && strcmp(table->dialect, "mysql") == 0;
        map->columns = pool_alloc(&m->pool, sizeof(*map->columns) * (table->ncolumns + 1));
        map->hashed = pool_alloc(&m->pool, sizeof(*map->hashed) * (table->nindexes + 1));
        map->in_create = pool_alloc(&m->pool, sizeof(*map->in_create) * (table->nindexes + 1));
        map->index_names = pool_alloc(&m->pool, sizeof(*map->index_names) * (table->nindexes + 1));
        if (!map->columns || !map->hashed || !map->in_create || !map->index_names)
            return error_memory(m->err);
    }
    return RNL_OK;
}

int mapper_decide(struct mapper *m)
{
    int status = tables_name(m);

    if (!status)
        status = collations_learn(m);
    if (!status)
        status = target_look(m);
    for (uint32_t t = 0; !status && t < m->ntables; t++) {
        status = types_decide(m, t);
        if (!status)
            status = ddl_index_names(m, t);
    }
    return status;
}

void mapper_free(struct mapper *m)
{
    idents_free(&m->existing);
    idents_free(&m->constraints);
    idents_free(&m->collations);
    kept_free(&m->kept);
    pool_free(&m->pool);
}

static int make_plan(struct mapper *m)
{
    int status = mapper_decide(m);

    if (!m->resuming)
        tell_sequences(m->sink->host, m->sink->ctx, m->catalog);
    for (uint32_t t = 0; !status && t < m->ntables; t++) {
        tell_names(m, t);
        status = tell_types(m, t);
        if (!status)
            status = map_table_steps(m, t);
    }
    return status ? status : ddl_standing_keys(m);
}

/* What is dropped or emptied for that must be so once, however often the run is cut off. */
static bool any_again(const struct mapper *m)
{
    for (uint32_t t = 0; t < m->ntables; t++)
        if (mapper_table(m, t)->flags & RNL_TABLE_AGAIN)
            return true;
    return false;
}

int sink_map(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
             bool resuming, struct rnl_steps *steps, struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct mapper m = {
        .sink = sink,
        .job = job,
        .catalog = catalog,
        .steps = steps,
        .err = err,
        .ntables = sink->host->table_count(catalog),
        .resuming = resuming,
        .existing = {.caseless = true},
        .constraints = {.caseless = true},
        .collations = {.caseless = true},
    };
    int status;

    sink->tables_plain = job->schema_policy != RNL_DROP_AND_RECREATE &&
                         job->write_mode != RNL_TRUNCATE_AND_LOAD && !any_again(&m);
    status = make_plan(&m);
    mapper_free(&m);
    return status;
}
