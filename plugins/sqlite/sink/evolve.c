/* A table of the source was altered while it was followed: the steps by which the file follows. */
#include "evolve.h"

#include <inttypes.h>
#include <stdarg.h>

static const struct rnl_table *source_of(const struct evolve *e)
{
    return e->to == UINT32_MAX ? evolve_was(e) : evolve_is(e);
}

int evolve_refuse(const struct evolve *e, const char *object, const char *fmt, ...)
{
    const char *table =
        e->to == UINT32_MAX ? e->was.tables[e->from].name : e->is.tables[e->to].name;
    char why[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    rnl_fail(e->err, RNL_E_CONFIG, "sink.cant_evolve",
             "the source altered a table, and the target's \"%s\" can't follow%s%s: %s", table,
             object ? " in " : "", object ? object : "", why);
    rnl_hint(e->err, "alter the target's table by hand and go on, go on with ddl = \"ignore\", or "
                     "load this table anew");
    return RNL_E_CONFIG;
}

void evolve_tell(const struct evolve *e, const char *code, const char *object, const char *text)
{
    const struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_WARNING,
        .code = code,
        .schema = source_of(e)->schema,
        .table = source_of(e)->name,
        .object = object,
        .text = text,
        .count = -1,
    };

    e->sink->host->finding(e->sink->ctx, &finding);
}

int evolve_step(struct evolve *e, int phase, const char *what, const char *object, struct buf *text)
{
    const struct rnl_table *table = source_of(e);
    struct rnl_step step = {.size = sizeof(step), .phase = (uint32_t)phase, .table = UINT32_MAX};
    struct buf id = {0};
    int status;

    buf_printf(&id, "%s %s.%s%s%s", what, table->schema, table->name, object ? " " : "",
               object ? object : "");
    step.id = buf_text(&id);
    step.text = buf_text(text);
    status = step.id && step.text ? e->sink->host->step_add(e->steps, &step, e->err)
                                  : error_memory(e->err);
    buf_free(&id);
    buf_clear(text);
    return status;
}

/* ---- what was done already ------------------------------------------------------------- */

static int remembers(struct evolve *e, const char *id, bool *found)
{
    sqlite3_stmt *stmt;
    int status = state_has(e->sink->control, "runnel_step", found, e->err);

    if (status != RNL_OK || !*found)
        return status;
    status = sq_prepare(e->sink->control, "SELECT 1 FROM runnel_step WHERE pipeline = ? AND id = ?",
                        "look for earlier steps", &stmt, e->err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, e->job.pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);
    status = sq_step(stmt, "look for earlier steps", e->err);
    *found = status == RNL_OK;
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

/* prefix: of all ids that begin so */
static void add_forget(const struct evolve *e, const char *id, bool prefix, struct buf *sql)
{
    buf_puts(sql, "DELETE FROM runnel_step WHERE pipeline = ");
    expr_literal(sql, EXPR_SQLITE, e->job.pipeline);
    buf_puts(sql, prefix ? " AND instr(id, " : " AND id = ");
    expr_literal(sql, EXPR_SQLITE, id);
    buf_puts(sql, prefix ? ") = 1;\n" : ";\n");
}

static void add_remember(const struct evolve *e, const char *id, struct buf *sql)
{
    buf_puts(sql, "INSERT OR IGNORE INTO runnel_step (pipeline, id) VALUES (");
    expr_literal(sql, EXPR_SQLITE, e->job.pipeline);
    buf_puts(sql, ", ");
    expr_literal(sql, EXPR_SQLITE, id);
    buf_puts(sql, ");\n");
}

/* A run that is resumed doesn't empty it. */
static void remember_kept(const struct evolve *e, struct buf *sql)
{
    char id[700];

    snprintf(id, sizeof(id), "keep %.300s.%.300s", evolve_is(e)->schema, evolve_is(e)->name);
    add_remember(e, id, sql);
}

/*
 * Two columns may swap their names, so that names alone don't say whether it was done: the
 * statements leave a mark, which stands until the table is altered again. And what is known of a
 * table that this run made moves with its name.
 */
static void add_mark(const struct evolve *e, struct buf *sql)
{
    const struct rnl_table *tables[] = {evolve_was(e), evolve_is(e)};
    char id[700];

    for (int i = 0; i < (e->e.moved ? 2 : 1); i++) {
        snprintf(id, sizeof(id), "altered %.300s.%.300s ", tables[i]->schema, tables[i]->name);
        add_forget(e, id, true, sql);
        snprintf(id, sizeof(id), "table %.300s.%.300s", tables[i]->schema, tables[i]->name);
        if (e->e.moved)
            add_forget(e, id, false, sql);
    }
    if (e->e.moved && e->was.tables[e->from].made)
        add_remember(e, id, sql);
    remember_kept(e, sql);
    add_remember(e, e->mark, sql);
}

/* ---- preparing ------------------------------------------------------------------------- */

static bool take(struct idents *set, const char *name)
{
    return !name || idents_take(set, name);
}

/* Findings are about what is another: all else was told at the start. */
static bool gather_topics(struct evolve *e)
{
    const struct rnl_table *is = evolve_is(e);
    bool good = true;

    for (uint32_t i = 0; good && i < is->ncolumns; i++)
        if (evolution_is_new(&e->e.columns.pairs[i]) || e->e.columns.pairs[i].changes)
            good = take(&e->topics, COLUMN(is, i)->name);
    for (uint32_t i = 0; good && i < is->nindexes; i++)
        if (evolution_makes(&e->e.indexes.pairs[i]))
            good = take(&e->topics, INDEX(is, i)->name);
    for (uint32_t i = 0; good && i < is->nforeign_keys; i++)
        if (evolution_makes(&e->e.foreign_keys.pairs[i]))
            good = take(&e->topics, FOREIGN_KEY(is, i)->name);
    for (uint32_t i = 0; good && i < is->nchecks; i++)
        if (evolution_makes(&e->e.checks.pairs[i]))
            good = take(&e->topics, CHECK(is, i)->name);
    return good;
}

static int decide(struct mapper *m)
{
    int status;

    m->resuming = true; /* what stands is looked at, and not refused */
    status = mapper_decide(m);
    m->resuming = false;
    return status;
}

static uint32_t table_named(const struct mapper *m, const struct rnl_table *wanted)
{
    for (uint32_t t = 0; t < m->ntables; t++)
        if (strcmp(mapper_table(m, t)->name, wanted->name) == 0 &&
            strcmp(mapper_table(m, t)->schema, wanted->schema) == 0)
            return t;
    return UINT32_MAX;
}

/* A table that nobody altered, but that would be called otherwise from now on. */
static int check_others(struct evolve *e)
{
    for (uint32_t t = 0; t < e->is.ntables; t++) {
        const struct rnl_table *table = mapper_table(&e->is, t);
        uint32_t at = table_named(&e->was, table);

        if (t != e->to && at != UINT32_MAX && at != e->from &&
            strcmp(e->was.tables[at].name, e->is.tables[t].name) != 0)
            return evolve_refuse(
                e, NULL, "with it the table %s.%s would be named \"%s\" instead of \"%s\"",
                table->schema, table->name, e->is.tables[t].name, e->was.tables[at].name);
    }
    return RNL_OK;
}

static int prepare(struct evolve *e)
{
    int status = RNL_OK;

    if (e->from != UINT32_MAX && e->to != UINT32_MAX) {
        if (!evolution_compare(&e->e, evolve_was(e), evolve_is(e), e->renamed, e->nrenamed) ||
            !gather_topics(e))
            return error_memory(e->err);
        e->is.topics = &e->topics;
        snprintf(e->mark, sizeof(e->mark), "altered %.300s.%.300s %016" PRIx64,
                 evolve_is(e)->schema, evolve_is(e)->name,
                 evolution_digest(evolve_was(e), evolve_is(e), e->renamed, e->nrenamed));
        status = remembers(e, e->mark, &e->done);
    }
    if (status == RNL_OK)
        status = decide(&e->was);
    if (status == RNL_OK && e->to != UINT32_MAX)
        status = decide(&e->is);
    return status == RNL_OK && e->to != UINT32_MAX ? check_others(e) : status;
}

/* ---- tables that are new, or gone -------------------------------------------------------- */

/* Somebody made it, and it may be filled. */
static int keep_table(struct evolve *e)
{
    char id[700];
    bool known;
    int status;

    snprintf(id, sizeof(id), "keep %.300s.%.300s", evolve_is(e)->schema, evolve_is(e)->name);
    status = remembers(e, id, &known);
    if (status != RNL_OK || known)
        return status;
    remember_kept(e, &e->sql);
    return evolve_step(e, PHASE_ALTER, "keep", NULL, &e->sql);
}

static int make_table(struct evolve *e)
{
    struct mapper *m = &e->is;
    const struct map_table *map = &m->tables[e->to];
    int status = RNL_OK;

    if (map->exists && !map->made) {
        status = e->job.schema_policy == RNL_FAIL_IF_EXISTS   ? RNL_E_CONFIG
                 : e->job.write_mode == RNL_FAIL_IF_NOT_EMPTY ? target_check_rows(m, e->to)
                                                              : RNL_OK;
        if (status == RNL_E_CONFIG)
            return evolve_refuse(e, NULL,
                                 "the table is new in the source, and stands in the "
                                 "target already");
    }
    if (status == RNL_OK && !map->exists)
        status = ddl_table(m, e->to);
    if (status == RNL_OK && map->exists && !map->made)
        status = keep_table(e);
    return status == RNL_OK && e->job.structure & RNL_WITH_INDEXES ? evolve_make_indexes(e)
                                                                   : status;
}

static int drop_table(struct evolve *e)
{
    char id[700];

    if (!e->was.tables[e->from].exists)
        return RNL_OK;
    buf_puts(&e->sql, "DROP TABLE IF EXISTS ");
    buf_name(&e->sql, e->was.tables[e->from].name);
    buf_puts(&e->sql, ";\n");
    snprintf(id, sizeof(id), "table %.300s.%.300s", evolve_was(e)->schema, evolve_was(e)->name);
    add_forget(e, id, false, &e->sql); /* one of its name may come again */
    return evolve_step(e, PHASE_ALTER, "drop", NULL, &e->sql);
}

/* ---- a table that goes on --------------------------------------------------------------- */

/* Another table of this pipeline has the name still, and gets another by the same statement. */
static bool name_is_left(const struct evolve *e)
{
    for (uint32_t t = 0; t < e->was.ntables; t++)
        if (t != e->from && strcmp(e->was.tables[t].name, e->is.tables[e->to].name) == 0) {
            uint32_t at = table_named(&e->is, mapper_table(&e->was, t));

            return at == UINT32_MAX || at == e->to;
        }
    return false;
}

/* Where two tables swap their names, both leave theirs first. */
static void temporary_name(const struct evolve *e, char out[IDENT_ROOM])
{
    char whole[700];

    snprintf(whole, sizeof(whole), "%.300s.%.300s", evolve_is(e)->schema, evolve_is(e)->name);
    ident_cut_hashed(&names_rule, "_runnel_moving", whole, out);
}

static void add_rename(const char *from, const char *to, struct buf *sql)
{
    buf_puts(sql, "ALTER TABLE ");
    buf_name(sql, from);
    buf_puts(sql, " RENAME TO ");
    buf_name(sql, to);
    buf_puts(sql, ";\n");
}

static int move_table(struct evolve *e, struct buf *later)
{
    const struct map_table *was = &e->was.tables[e->from], *is = &e->is.tables[e->to];
    char between[IDENT_ROOM];

    if (!was->exists || strcmp(was->name, is->name) == 0)
        return RNL_OK;
    if (!is->exists || strcasecmp(was->name, is->name) == 0) {
        add_rename(was->name, is->name, &e->sql);
        return RNL_OK;
    }
    if (!name_is_left(e))
        return evolve_refuse(e, NULL, "a table of this name stands there already");
    temporary_name(e, between);
    add_rename(was->name, between, &e->sql);
    add_rename(between, is->name, later);
    return RNL_OK;
}

/* The run was cut off between the two. */
static int finish_move(struct evolve *e)
{
    char between[IDENT_ROOM];

    temporary_name(e, between);
    if (!target_has(&e->is, 't', between))
        return RNL_OK;
    add_rename(between, e->is.tables[e->to].name, &e->sql);
    return evolve_step(e, PHASE_RENAME, "rename", NULL, &e->sql);
}

static int alter_table(struct evolve *e)
{
    struct buf later = {0};
    int status;

    if (!e->was.tables[e->from].exists && !e->is.tables[e->to].exists)
        return evolve_refuse(e, NULL, "it isn't there");
    e->standing =
        e->was.tables[e->from].exists ? e->was.tables[e->from].name : e->is.tables[e->to].name;
    status = evolve_look(e);
    if (status == RNL_OK)
        status = evolve_drop_indexes(e);
    if (status == RNL_OK)
        status = evolve_table(e);
    if (status == RNL_OK)
        status = move_table(e, &later);
    if (status == RNL_OK && (e->sql.len || e->e.moved)) {
        add_mark(e, &e->sql);
        status = evolve_step(e, PHASE_ALTER, "alter", NULL, &e->sql);
    }
    if (status == RNL_OK && later.len)
        status = evolve_step(e, PHASE_RENAME, "rename", NULL, &later);
    buf_free(&later);
    return status;
}

static int follow(struct evolve *e)
{
    int status = prepare(e);

    if (status != RNL_OK)
        return status;
    if (e->from == UINT32_MAX)
        return make_table(e);
    if (e->to == UINT32_MAX)
        return drop_table(e);
    status = e->done ? finish_move(e) : alter_table(e);
    return status == RNL_OK && e->job.structure & RNL_WITH_INDEXES ? evolve_make_indexes(e)
                                                                   : status;
}

int sink_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was, uint32_t from,
                const struct rnl_catalog *is, uint32_t to, const struct rnl_rename *renamed,
                uint32_t nrenamed, struct rnl_steps *steps, struct rnl_error *err)
{
    struct sink *sink = self;
    struct evolve e = {.sink = sink,
                       .job = *job,
                       .steps = steps,
                       .err = err,
                       .from = from,
                       .to = to,
                       .renamed = renamed,
                       .nrenamed = nrenamed,
                       .columns = {.caseless = true},
                       .leaving = {.caseless = true}};
    int status;

    if (!(job->structure & RNL_WITH_TABLES) || job->schema_policy == RNL_VALIDATE_EXISTING)
        return RNL_OK; /* the target's tables are the operator's: bind() says what is amiss */
    e.job.pipeline = job->pipeline ? job->pipeline : "";
    if (job->schema_policy == RNL_DROP_AND_RECREATE)
        e.job.schema_policy = RNL_CREATE_MISSING_ONLY;
    if (job->write_mode != RNL_FAIL_IF_NOT_EMPTY)
        e.job.write_mode = RNL_APPEND;
    e.was = (struct mapper){.sink = sink,
                            .job = &e.job,
                            .catalog = was,
                            .steps = steps,
                            .err = err,
                            .ntables = sink->host->table_count(was),
                            .quiet = true,
                            .topic = from};
    e.is = e.was;
    e.is.catalog = is;
    e.is.ntables = sink->host->table_count(is);
    e.is.quiet = false;
    e.is.evolves = true;
    e.is.topic = to;
    status = follow(&e);
    evolution_free(&e.e);
    idents_free(&e.topics);
    idents_free(&e.columns);
    idents_free(&e.leaving);
    buf_free(&e.sql);
    mapper_free(&e.was);
    mapper_free(&e.is);
    return status;
}
