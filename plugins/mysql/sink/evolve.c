/* A table of the source was altered while it was followed: the steps by which the target follows.
 */
#include "evolve.h"

#include <inttypes.h>
#include <stdarg.h>
#include <strings.h>

struct buf *evolve_clause(struct buf *clauses)
{
    buf_puts(clauses, clauses->len ? ",\n  " : "\n  ");
    return clauses;
}

/* ---- what was done already ------------------------------------------------------------- */

static void add_steps_table(const struct evolve *e, struct buf *sql)
{
    struct text name = {0};

    state_table(e->sink, &name, "steps");
    if (name.failed)
        sql->failed = true;
    else
        buf_puts(sql, name.ptr);
    text_free(&name);
}

static void add_forget(const struct evolve *e, const char *id, bool prefix, struct buf *sql)
{
    buf_puts(sql, ";\nDELETE FROM ");
    add_steps_table(e, sql);
    buf_puts(sql, " WHERE pipeline = ");
    sql_literal(sql, e->task.job.pipeline);
    if (prefix)
        buf_puts(sql, " AND LOCATE(");
    else
        buf_puts(sql, " AND id = ");
    sql_literal(sql, id);
    buf_puts(sql, prefix ? ", id) = 1" : "");
}

static void add_remember(const struct evolve *e, const char *id, struct buf *sql)
{
    buf_puts(sql, sql->len ? ";\nINSERT IGNORE INTO " : "INSERT IGNORE INTO ");
    add_steps_table(e, sql);
    buf_puts(sql, " (pipeline, hash, id) VALUES (");
    sql_literal(sql, e->task.job.pipeline);
    buf_puts(sql, ", UNHEX(SHA2(");
    sql_literal(sql, id);
    buf_puts(sql, ", 256)), ");
    sql_literal(sql, id);
    buf_byte(sql, ')');
}

/*
 * Two columns may swap their names, so that names alone don't say whether it was done: the
 * statements leave a mark, which stands until the table is altered again. And a run that is
 * resumed takes the table for made under its name, or it would make it again.
 */
static void add_mark(const struct evolve *e, struct buf *sql)
{
    const struct rnl_table *tables[] = {e->task.was, e->task.is};
    char id[EVOLVE_ID];

    evolve_id("table", tables[1], id);
    add_remember(e, id, sql);
    for (int i = 0; i < (e->task.diff.moved ? 2 : 1); i++) {
        evolve_id_of_marks(tables[i], id);
        add_forget(e, id, true, sql);
    }
    evolve_id("table", tables[0], id);
    if (e->task.diff.moved)
        add_forget(e, id, false, sql);
    add_remember(e, e->task.mark, sql);
}

static int remembers(struct evolve *e, const char *id, bool *found)
{
    struct text sql = {0};
    char *value = NULL;
    int status = state_exists(e->sink, found, e->task.err);

    if (status || !*found)
        return status;
    text_add(&sql, "SELECT 1 FROM ");
    state_table(e->sink, &sql, "steps");
    text_add(&sql, " WHERE pipeline = ");
    text_quoted(&sql, e->task.job.pipeline);
    text_add(&sql, " AND hash = UNHEX(SHA2(");
    text_quoted(&sql, id);
    text_add(&sql, ", 256))");
    status = sql.failed ? error_memory(e->task.err)
                        : conn_value(e->sink->control, sql.ptr, 0, &value, e->task.err);
    text_free(&sql);
    *found = value != NULL;
    free(value);
    return status;
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

/* Columns of the same type stay as they are, whatever would be chosen for them today. */
static int pin_types(struct evolve *e)
{
    const struct map_column **pinned =
        pool_alloc(&e->is.pool, sizeof(*pinned) * (e->task.is->ncolumns + 1));

    if (!pinned)
        return error_memory(e->task.err);
    for (uint32_t i = 0; i < e->task.is->ncolumns; i++) {
        const struct evolution_pair *pair = &e->task.diff.columns.pairs[i];

        if (!evolution_is_new(pair) && !(pair->changes & EVOLVED_TYPE))
            pinned[i] = &e->was.tables[e->task.from].columns[pair->from];
    }
    e->is.pinned = pinned;
    e->is.pinned_charset = e->was.tables[e->task.from].charset;
    return RNL_OK;
}

static int prepare(struct evolve *e)
{
    bool both = e->task.was && e->task.is;
    int status = both ? evolve_compare(&e->task) : RNL_OK;

    if (both)
        e->is.topics = &e->task.topics;
    if (!status && both)
        status = remembers(e, e->task.mark, &e->task.done);
    if (!status)
        status = decide(&e->was);
    if (!status && both)
        status = pin_types(e);
    if (!status && e->task.is)
        status = decide(&e->is);
    return !status && e->task.is ? evolve_check_others(&e->task) : status;
}

/* ---- tables that are new, or gone -------------------------------------------------------- */

/* It stands, made by a run that was cut off, or by somebody: a run that is resumed leaves it. */
static int keep_table(struct evolve *e)
{
    struct buf sql = {0};
    char id[EVOLVE_ID];
    bool known = false;
    int status;

    evolve_id("table", e->task.is, id);
    status = remembers(e, id, &known);
    add_remember(e, id, &sql);
    if (!status && !known)
        status = evolve_step(&e->task, PHASE_ALTER, "keep", NULL, &sql);
    buf_free(&sql);
    return status;
}

static int make_table(struct evolve *e)
{
    struct mapper *m = &e->is;
    uint32_t t = e->task.to, structure = e->task.job.structure;
    int status = RNL_OK;

    if (m->tables[t].exists) {
        status = target_check(m, t);
        if (status == RNL_E_CONFIG)
            status = evolve_refuse(&e->task, NULL,
                                   "the table is new in the source, and stands in the "
                                   "target with rows already");
        if (!status)
            status = keep_table(e);
    } else {
        status = ddl_table(m, t);
    }
    if (!status && structure & RNL_WITH_INDEXES)
        status = ddl_indexes(m, t); /* those within CREATE TABLE stand, if it does */
    e->standing = &m->tables[t].name;
    if (!status)
        status = evolve_look(e);
    return !status && structure & RNL_WITH_FOREIGN_KEYS ? evolve_foreign_keys(e) : status;
}

/* Foreign keys of other tables that point to it: those of ours go first. */
static int drop_pointers(struct evolve *e)
{
    const struct map_table *map = &e->was.tables[e->task.from];
    struct text sql = {0};
    struct buf step = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status, end;

    text_add(&sql, "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM"
                   " information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = ");
    text_quoted(&sql, map->name.database);
    text_add(&sql, " AND REFERENCED_TABLE_NAME = ");
    text_quoted(&sql, map->name.name);
    status = sql.failed ? error_memory(e->task.err)
                        : conn_query(e->sink->control, sql.ptr, &result, e->task.err);
    text_free(&sql);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result))) {
        bool ours = false;

        if (status || (strcasecmp(row[0], map->name.database) == 0 &&
                       strcasecmp(row[1], map->name.name) == 0))
            continue;
        for (uint32_t t = 0; t < e->was.ntables && !ours; t++)
            ours = strcasecmp(e->was.tables[t].name.database, row[0]) == 0 &&
                   strcasecmp(e->was.tables[t].name.name, row[1]) == 0;
        if (!ours) {
            status = evolve_refuse(&e->task, NULL,
                                   "it is gone in the source, but the target's table %s.%s, which "
                                   "is not of this pipeline, refers to it by `%s`",
                                   row[0], row[1], row[2]);
            continue;
        }
        buf_puts(&step, "ALTER TABLE ");
        sql_name(&step, row[0]);
        buf_byte(&step, '.');
        sql_name(&step, row[1]);
        buf_puts(&step, " DROP FOREIGN KEY ");
        sql_name(&step, row[2]);
        status = evolve_step(&e->task, PHASE_RELEASE, "release", row[2], &step);
    }
    end = conn_finish(e->sink->control, result, "look at foreign keys", e->task.err);
    buf_free(&step);
    return status ? status : end;
}

static int drop_table(struct evolve *e)
{
    const struct map_table *map = &e->was.tables[e->task.from];
    const struct rnl_table *table = e->task.was;
    struct buf sql = {0};
    char id[EVOLVE_ID];
    int status;

    if (!map->exists)
        return RNL_OK;
    status = drop_pointers(e);
    buf_printf(&sql, "DROP TABLE IF EXISTS %s", map->name.qualified);
    evolve_id("table", table, id);
    add_forget(e, id, false, &sql); /* one of its name may come again */
    if (!status)
        status = evolve_step(&e->task, PHASE_ALTER, "drop", NULL, &sql);
    buf_free(&sql);
    return status;
}

/* ---- a table that goes on --------------------------------------------------------------- */

/* Where two tables swap their names, both leave theirs first. */
static void temporary_name(const struct evolve *e, struct buf *out)
{
    const struct ident_rule rule = {.max = 64, .characters = true, .lower = e->sink->lower_names};
    char whole[700], name[IDENT_ROOM];

    snprintf(whole, sizeof(whole), "%.300s.%.300s", e->task.is->schema, e->task.is->name);
    ident_cut_hashed(&rule, "runnel_moving", whole, name);
    sql_name(out, e->was.tables[e->task.from].name.database);
    buf_byte(out, '.');
    sql_name(out, name);
}

static int move_table(struct evolve *e, struct buf *second)
{
    const struct map_table *was = &e->was.tables[e->task.from], *is = &e->is.tables[e->task.to];

    if (!was->exists || strcmp(was->name.qualified, is->name.qualified) == 0)
        return RNL_OK;
    buf_puts(evolve_clause(&e->clauses), "RENAME TO ");
    if (is->exists && !evolve_name_is_left(&e->task) &&
        strcasecmp(was->name.qualified, is->name.qualified) != 0)
        return evolve_refuse(&e->task, NULL, "a table of this name stands there already");
    if (!is->exists || !evolve_name_is_left(&e->task)) {
        buf_puts(&e->clauses, is->name.qualified);
        return RNL_OK;
    }
    temporary_name(e, &e->clauses);
    buf_puts(second, "ALTER TABLE ");
    temporary_name(e, second);
    buf_printf(second, " RENAME TO %s", is->name.qualified);
    return RNL_OK;
}

/* The run was cut off before a table or columns got their names. */
static int finish_names(struct evolve *e)
{
    struct buf name = {0}, sql = {0};
    struct rnl_error ignored = RNL_ERROR_INIT;
    char *value = NULL;
    int status = RNL_OK;

    temporary_name(e, &name);
    buf_printf(&sql, "SELECT 1 FROM %s WHERE FALSE", buf_text(&name) ? name.ptr : "");
    if (!buf_text(&sql)) {
        status = error_memory(e->task.err);
    } else if (conn_value(e->sink->control, sql.ptr, 0, &value, &ignored) == RNL_OK) {
        buf_clear(&sql);
        buf_printf(&sql, "ALTER TABLE %s RENAME TO %s", name.ptr,
                   e->is.tables[e->task.to].name.qualified);
        status = evolve_step(&e->task, PHASE_RENAME + 1, "move", NULL, &sql);
    }
    free(value);
    buf_free(&name);
    buf_free(&sql);
    return status;
}

/* The clauses as one statement, and the mark. */
static int give_alter(struct evolve *e)
{
    struct buf sql = {0};
    int status = RNL_OK;

    if (e->clauses.len)
        buf_printf(&sql, "ALTER TABLE %s%s", e->standing->qualified,
                   buf_text(&e->clauses) ? e->clauses.ptr : "");
    if (e->clauses.len || e->task.diff.moved) {
        add_mark(e, &sql);
        status = evolve_step(&e->task, PHASE_ALTER, "alter", NULL, &sql);
    }
    buf_free(&sql);
    return status;
}

static int give_later(struct evolve *e, const char *table)
{
    struct buf sql = {0};
    int status = RNL_OK;

    if (e->later.len) {
        buf_printf(&sql, "ALTER TABLE %s%s", table, buf_text(&e->later) ? e->later.ptr : "");
        status = evolve_step(&e->task, PHASE_RENAME, "rename", NULL, &sql);
    }
    buf_free(&sql);
    return status;
}

static int alter_table(struct evolve *e)
{
    struct buf second = {0}, between = {0};
    const char *table = e->is.tables[e->task.to].name.qualified;
    int status = evolve_drops(e);

    if (!status)
        status = evolve_columns(e);
    if (!status)
        status = evolve_adds(e);
    if (!status && e->task.diff.comment && e->task.job.structure & RNL_WITH_COMMENTS) {
        evolve_clause(&e->clauses);
        if (e->task.is->comment && *e->task.is->comment)
            ddl_table_comment(&e->is, e->task.to, &e->clauses);
        else
            buf_puts(&e->clauses, "COMMENT = ''");
    }
    if (!status)
        status = move_table(e, &second);
    if (!status)
        status = give_alter(e);
    if (second.len) {
        temporary_name(e, &between);
        table = buf_text(&between) ? between.ptr : table;
    }
    if (!status)
        status = give_later(e, table);
    if (!status && second.len)
        status = evolve_step(&e->task, PHASE_RENAME + 1, "move", NULL, &second);
    buf_free(&second);
    buf_free(&between);
    return status;
}

static int follow(struct evolve *e)
{
    bool between = false;
    int status = prepare(e);

    if (status)
        return status;
    if (e->task.from == UINT32_MAX)
        return make_table(e);
    if (e->task.to == UINT32_MAX)
        return drop_table(e);
    e->standing = e->was.tables[e->task.from].exists ? &e->was.tables[e->task.from].name
                                                     : &e->is.tables[e->task.to].name;
    if (!e->was.tables[e->task.from].exists && !e->is.tables[e->task.to].exists && !e->task.done)
        return evolve_refuse(&e->task, NULL, "it isn't there");
    status = evolve_look(e);
    if (!status)
        status = evolve_finish_columns(e, &between);
    if (!status && (e->task.done || between)) {
        e->task.done = true;
        if (between)
            status = evolve_adds(e); /* the rest of them stands */
        if (!status)
            status = give_later(e, e->standing->qualified);
        if (!status)
            status = finish_names(e);
    } else if (!status) {
        status = alter_table(e);
    }
    return status ? status : evolve_makes(e);
}

static const char *called(const void *mapper, uint32_t table)
{
    return ((const struct mapper *)mapper)->tables[table].name.qualified;
}

static uint32_t find(const void *mapper, const char *schema, const char *name)
{
    return map_find_table(mapper, schema, name);
}

int sink_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was, uint32_t from,
                const struct rnl_catalog *is, uint32_t to, const struct rnl_rename *renamed,
                uint32_t nrenamed, struct rnl_steps *steps, struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct evolve e = {.sink = sink,
                       .task = evolve_begin(sink->host, job, was, from, is, to),
                       .columns = {.caseless = true},
                       .constraints = {.caseless = true},
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
                            .existing = {.caseless = true},
                            .constraints = {.caseless = true},
                            .collations = {.caseless = true},
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
    idents_free(&e.constraints);
    idents_free(&e.leaving);
    buf_free(&e.clauses);
    buf_free(&e.later);
    mapper_free(&e.was);
    mapper_free(&e.is);
    return status;
}
