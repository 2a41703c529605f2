/* A table of the source was altered while it was followed: the steps by which the file follows. */
#include "evolve.h"

#include <inttypes.h>
#include <stdarg.h>

/* ---- what was done already ------------------------------------------------------------- */

static int remembers(struct evolve *e, const char *id, bool *found)
{
    sqlite3_stmt *stmt;
    int status = state_has(e->sink->control, "runnel_step", found, e->task.err);

    if (status != RNL_OK || !*found)
        return status;
    status = sq_prepare(e->sink->control, "SELECT 1 FROM runnel_step WHERE pipeline = ? AND id = ?",
                        "look for earlier steps", &stmt, e->task.err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, e->task.job.pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);
    status = sq_step(stmt, "look for earlier steps", e->task.err);
    *found = status == RNL_OK;
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

/* prefix: of all ids that begin so */
static void add_forget(const struct evolve *e, const char *id, bool prefix, struct buf *sql)
{
    buf_puts(sql, "DELETE FROM runnel_step WHERE pipeline = ");
    expr_literal(sql, EXPR_SQLITE, e->task.job.pipeline);
    buf_puts(sql, prefix ? " AND instr(id, " : " AND id = ");
    expr_literal(sql, EXPR_SQLITE, id);
    buf_puts(sql, prefix ? ") = 1;\n" : ";\n");
}

static void add_remember(const struct evolve *e, const char *id, struct buf *sql)
{
    buf_puts(sql, "INSERT OR IGNORE INTO runnel_step (pipeline, id) VALUES (");
    expr_literal(sql, EXPR_SQLITE, e->task.job.pipeline);
    buf_puts(sql, ", ");
    expr_literal(sql, EXPR_SQLITE, id);
    buf_puts(sql, ");\n");
}

/* A run that is resumed doesn't empty it. */
static void remember_kept(const struct evolve *e, struct buf *sql)
{
    char id[EVOLVE_ID];

    evolve_id("keep", e->task.is, id);
    add_remember(e, id, sql);
}

/*
 * Two columns may swap their names, so that names alone don't say whether it was done: the
 * statements leave a mark, which stands until the table is altered again. And what is known of a
 * table that this run made moves with its name.
 */
static void add_mark(const struct evolve *e, struct buf *sql)
{
    const struct rnl_table *tables[] = {e->task.was, e->task.is};
    char id[EVOLVE_ID];

    for (int i = 0; i < (e->task.diff.moved ? 2 : 1); i++) {
        evolve_id_of_marks(tables[i], id);
        add_forget(e, id, true, sql);
        evolve_id("table", tables[i], id);
        if (e->task.diff.moved)
            add_forget(e, id, false, sql);
    }
    if (e->task.diff.moved && e->was.tables[e->task.from].made)
        add_remember(e, id, sql);
    remember_kept(e, sql);
    add_remember(e, e->task.mark, sql);
}

/* ---- preparing ------------------------------------------------------------------------- */

static int decide(struct mapper *m)
{
    int status;

    m->resuming = true; /* what stands is looked at, and not refused */
    status = mapper_decide(m);
    m->resuming = false;
    return status;
}

static int prepare(struct evolve *e)
{
    bool both = e->task.was && e->task.is;
    int status = both ? evolve_compare(&e->task) : RNL_OK;

    if (both)
        e->is.topics = &e->task.topics;
    if (status == RNL_OK && both)
        status = remembers(e, e->task.mark, &e->task.done);
    if (status == RNL_OK)
        status = decide(&e->was);
    if (status == RNL_OK && e->task.is)
        status = decide(&e->is);
    return status == RNL_OK && e->task.is ? evolve_check_others(&e->task) : status;
}

/* ---- tables that are new, or gone -------------------------------------------------------- */

/* Somebody made it, and it may be filled. */
static int keep_table(struct evolve *e)
{
    char id[EVOLVE_ID];
    bool known;
    int status;

    evolve_id("keep", e->task.is, id);
    status = remembers(e, id, &known);
    if (status != RNL_OK || known)
        return status;
    remember_kept(e, &e->sql);
    return evolve_step(&e->task, PHASE_ALTER, "keep", NULL, &e->sql);
}

static int make_table(struct evolve *e)
{
    struct mapper *m = &e->is;
    const struct map_table *map = &m->tables[e->task.to];
    int status = RNL_OK;

    if (map->exists && !map->made) {
        status = e->task.job.schema_policy == RNL_FAIL_IF_EXISTS ? RNL_E_CONFIG
                 : e->task.job.write_mode == RNL_FAIL_IF_NOT_EMPTY
                     ? target_check_rows(m, e->task.to)
                     : RNL_OK;
        if (status == RNL_E_CONFIG)
            return evolve_refuse(&e->task, NULL,
                                 "the table is new in the source, and stands in the "
                                 "target already");
    }
    if (status == RNL_OK && !map->exists)
        status = ddl_table(m, e->task.to);
    if (status == RNL_OK && map->exists && !map->made)
        status = keep_table(e);
    return status == RNL_OK && e->task.job.structure & RNL_WITH_INDEXES ? evolve_make_indexes(e)
                                                                        : status;
}

static int drop_table(struct evolve *e)
{
    char id[EVOLVE_ID];

    if (!e->was.tables[e->task.from].exists)
        return RNL_OK;
    buf_puts(&e->sql, "DROP TABLE IF EXISTS ");
    buf_name(&e->sql, e->was.tables[e->task.from].name);
    buf_puts(&e->sql, ";\n");
    evolve_id("table", e->task.was, id);
    add_forget(e, id, false, &e->sql); /* one of its name may come again */
    return evolve_step(&e->task, PHASE_ALTER, "drop", NULL, &e->sql);
}

/* ---- a table that goes on --------------------------------------------------------------- */

/* Where two tables swap their names, both leave theirs first. */
static void temporary_name(const struct evolve *e, char out[IDENT_ROOM])
{
    char whole[700];

    snprintf(whole, sizeof(whole), "%.300s.%.300s", e->task.is->schema, e->task.is->name);
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
    const struct map_table *was = &e->was.tables[e->task.from], *is = &e->is.tables[e->task.to];
    char between[IDENT_ROOM];

    if (!was->exists || strcmp(was->name, is->name) == 0)
        return RNL_OK;
    if (!is->exists || strcasecmp(was->name, is->name) == 0) {
        add_rename(was->name, is->name, &e->sql);
        return RNL_OK;
    }
    if (!evolve_name_is_left(&e->task))
        return evolve_refuse(&e->task, NULL, "a table of this name stands there already");
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
    add_rename(between, e->is.tables[e->task.to].name, &e->sql);
    return evolve_step(&e->task, PHASE_RENAME, "rename", NULL, &e->sql);
}

static int alter_table(struct evolve *e)
{
    struct buf later = {0};
    int status;

    if (!e->was.tables[e->task.from].exists && !e->is.tables[e->task.to].exists)
        return evolve_refuse(&e->task, NULL, "it isn't there");
    e->standing = e->was.tables[e->task.from].exists ? e->was.tables[e->task.from].name
                                                     : e->is.tables[e->task.to].name;
    status = evolve_look(e);
    if (status == RNL_OK)
        status = evolve_drop_indexes(e);
    if (status == RNL_OK)
        status = evolve_table(e);
    if (status == RNL_OK)
        status = move_table(e, &later);
    if (status == RNL_OK && (e->sql.len || e->task.diff.moved)) {
        add_mark(e, &e->sql);
        status = evolve_step(&e->task, PHASE_ALTER, "alter", NULL, &e->sql);
    }
    if (status == RNL_OK && later.len)
        status = evolve_step(&e->task, PHASE_RENAME, "rename", NULL, &later);
    buf_free(&later);
    return status;
}

static int follow(struct evolve *e)
{
    int status = prepare(e);

    if (status != RNL_OK)
        return status;
    if (e->task.from == UINT32_MAX)
        return make_table(e);
    if (e->task.to == UINT32_MAX)
        return drop_table(e);
    status = e->task.done ? finish_move(e) : alter_table(e);
    return status == RNL_OK && e->task.job.structure & RNL_WITH_INDEXES ? evolve_make_indexes(e)
                                                                        : status;
}

static const char *called(const void *mapper, uint32_t table)
{
    return ((const struct mapper *)mapper)->tables[table].name;
}

static uint32_t find(const void *mapper, const char *schema, const char *name)
{
    const struct mapper *m = mapper;

    for (uint32_t t = 0; t < m->ntables; t++)
        if (strcmp(mapper_table(m, t)->name, name) == 0 &&
            strcmp(mapper_table(m, t)->schema, schema) == 0)
            return t;
    return UINT32_MAX;
}

int sink_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was, uint32_t from,
                const struct rnl_catalog *is, uint32_t to, const struct rnl_rename *renamed,
                uint32_t nrenamed, struct rnl_steps *steps, struct rnl_error *err)
{
    struct sink *sink = self;
    struct evolve e = {.sink = sink,
                       .task = evolve_begin(sink->host, job, was, from, is, to),
                       .columns = {.caseless = true},
                       .leaving = {.caseless = true}};
    int status;

    if (!evolve_is_ours(job))
        return RNL_OK; /* the target's tables are the operator's: bind() says what is amiss */
    e.task.ctx = sink->ctx;
    e.task.renamed = renamed;
    e.task.nrenamed = nrenamed;
    e.task.steps = steps;
    e.task.err = err;
    e.task.names = (struct evolve_names){&e.was, &e.is, called, find};
    e.was = (struct mapper){.sink = sink,
                            .job = &e.task.job,
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
    evolve_end(&e.task);
    idents_free(&e.columns);
    idents_free(&e.leaving);
    buf_free(&e.sql);
    mapper_free(&e.was);
    mapper_free(&e.is);
    return status;
}
