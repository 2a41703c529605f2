/* A table of the source was altered while it was followed: the steps by which the target follows.
 */
#include "evolve.h"

#include <inttypes.h>
#include <stdarg.h>

/* ---- what was done already ------------------------------------------------------------- */

static int remembers(struct evolve *e, const char *id, bool *found)
{
    const char *params[] = {e->task.job.pipeline, id};
    PGresult *result = NULL;
    int status =
        conn_query(e->sink->control, "SELECT pg_catalog.to_regclass('runnel.step') IS NOT NULL", 0,
                   NULL, "look for earlier steps", &result, e->task.err);

    *found = false;
    if (status == RNL_OK && PQgetvalue(result, 0, 0)[0] == 't') {
        PQclear(result);
        status = conn_query(e->sink->control,
                            "SELECT 1 FROM runnel.step WHERE pipeline = $1 AND id = $2", 2, params,
                            "look for earlier steps", &result, e->task.err);
        *found = status == RNL_OK && PQntuples(result) > 0;
    }
    PQclear(result);
    return status;
}

/* prefix: of all ids that begin so */
static void add_forget(const struct evolve *e, const char *id, bool prefix, struct buf *sql)
{
    buf_puts(sql, "DELETE FROM runnel.step WHERE pipeline = ");
    buf_literal(sql, e->task.job.pipeline);
    buf_puts(sql, prefix ? " AND strpos(id, " : " AND id = ");
    buf_literal(sql, id);
    buf_puts(sql, prefix ? ") = 1;\n" : ";\n");
}

static void add_remember(const struct evolve *e, const char *id, struct buf *sql)
{
    buf_puts(sql, "INSERT INTO runnel.step (pipeline, id) VALUES (");
    buf_literal(sql, e->task.job.pipeline);
    buf_puts(sql, ", ");
    buf_literal(sql, id);
    buf_puts(sql, ") ON CONFLICT DO NOTHING;\n");
}

/* A run that is resumed takes the table for made: it neither makes, empties nor frees it. */
static void remember_table(const struct evolve *e, const struct rnl_table *table, struct buf *sql)
{
    char id[EVOLVE_ID];

    evolve_id("table", table, id);
    add_remember(e, id, sql);
}

/*
 * Two columns may swap their names, so that names alone don't say whether it was done: the
 * statements leave a mark, which stands until the table is altered again.
 */
static void add_mark(const struct evolve *e, struct buf *sql)
{
    const struct rnl_table *was = e->task.was, *is = e->task.is;
    const struct rnl_table *tables[] = {was, is};
    char id[EVOLVE_ID];

    for (int i = 0; i < (e->task.diff.moved ? 2 : 1); i++) {
        evolve_id_of_marks(tables[i], id);
        add_forget(e, id, true, sql);
    }
    evolve_id("table", was, id);
    if (e->task.diff.moved)
        add_forget(e, id, false, sql);
    remember_table(e, is, sql);
    for (uint32_t i = 0; i < is->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = FOREIGN_KEY(is, i);
        uint32_t parent = mapper_find(&e->is, key->ref_schema, key->ref_table);

        if (evolution_makes(&e->task.diff.foreign_keys.pairs[i]) && parent != UINT32_MAX)
            remember_table(e, mapper_table(&e->is, parent), sql);
    }
    add_remember(e, e->task.mark, sql);
}

static bool makes_foreign_keys(const struct evolve *e)
{
    for (uint32_t i = 0; i < e->task.diff.foreign_keys.count; i++)
        if (evolution_makes(&e->task.diff.foreign_keys.pairs[i]))
            return true;
    return false;
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
static void keep_types(struct evolve *e)
{
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.columns.pairs[i];
        const struct map_column *old;
        struct map_column *now;

        if (evolution_is_new(pair) || evolution_is_gone(pair) || pair->changes & EVOLVED_TYPE)
            continue;
        old = &e->was.tables[e->task.from].columns[pair->from];
        now = &e->is.tables[e->task.to].columns[pair->to];
        now->kind = old->kind;
        now->collation = old->collation;
        if (!now->enum_type)
            now->type = old->type;
    }
}

static int prepare(struct evolve *e)
{
    bool both = e->task.was && e->task.is;
    int status = both ? evolve_compare(&e->task) : RNL_OK;

    if (both) {
        e->is.topics = &e->task.topics;
        e->is.leaving = &e->leaving;
    }
    if (status == RNL_OK && both)
        status = remembers(e, e->task.mark, &e->task.done);
    if (status == RNL_OK)
        status = decide(&e->was);
    if (status == RNL_OK && e->task.is)
        status = decide(&e->is);
    if (status == RNL_OK && e->task.is)
        status = evolve_check_others(&e->task);
    return status;
}

/* ---- a new table ----------------------------------------------------------------------- */

static int make_table(struct evolve *e)
{
    struct mapper *m = &e->is;
    uint32_t t = e->task.to, structure = e->task.job.structure;
    char id[EVOLVE_ID];
    bool ours = false;
    int status;

    evolve_id("table", e->task.is, id);
    status = remembers(e, id, &ours);
    if (status == RNL_OK && m->tables[t].exists && !ours) {
        status = target_check(m, t);
        if (status == RNL_E_CONFIG)
            status = evolve_refuse(&e->task, NULL,
                                   "the table is new in the source, and stands in the "
                                   "target already");
    }
    if (status == RNL_OK && !m->tables[t].exists)
        status = objects_steps_of(m, t);
    if (status == RNL_OK && !m->tables[t].exists) {
        status = ddl_table(m, t);
    } else if (status == RNL_OK && !ours) {
        remember_table(e, mapper_table(m, t), &e->sql);
        status = evolve_step(&e->task, PHASE_ALTER, "keep", NULL, &e->sql);
    }
    if (status == RNL_OK && structure & RNL_WITH_INDEXES)
        status = ddl_indexes(m, t);
    if (status == RNL_OK)
        status = evolve_constraints(e);
    if (status == RNL_OK && !m->tables[t].exists)
        status = ddl_touched(m, t);
    if (status == RNL_OK && structure & RNL_WITH_COMMENTS && !m->tables[t].exists)
        status = ddl_comments(m, t);
    return status;
}

/* ---- a table that is gone --------------------------------------------------------------- */

/* Foreign keys of other tables that point to it: those of ours go first. */
static int drop_pointers(struct evolve *e)
{
    const char *params[] = {e->was.tables[e->task.from].qualified};
    PGresult *result;
    int status = conn_query(e->sink->control,
                            "SELECT n.nspname, c.relname, k.conname FROM pg_constraint k"
                            " JOIN pg_class c ON c.oid = k.conrelid"
                            " JOIN pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE k.contype = 'f' AND k.confrelid = $1::regclass"
                            " AND k.conrelid <> k.confrelid AND k.conislocal",
                            1, params, "look at foreign keys", &result, e->task.err);

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++) {
        const char *schema = PQgetvalue(result, i, 0), *name = PQgetvalue(result, i, 1);

        if (!evolve_has_table(e, schema, name)) {
            status = evolve_refuse(&e->task, NULL,
                                   "it is gone in the source, but the target's table %s.%s, which "
                                   "is not of this pipeline, refers to it by \"%s\"",
                                   schema, name, PQgetvalue(result, i, 2));
            break;
        }
        evolve_drop_key(e, schema, name, PQgetvalue(result, i, 2));
    }
    PQclear(result);
    return status;
}

static int drop_table(struct evolve *e)
{
    const struct map_table *map = &e->was.tables[e->task.from];
    const struct rnl_table *table = e->task.was;
    char id[EVOLVE_ID];
    int status;

    if (!map->exists)
        return RNL_OK;
    status = drop_pointers(e);
    if (status != RNL_OK)
        return status;
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (COLUMN(table, i)->flags & RNL_COLUMN_TOUCHED) {
            ddl_untouch(&e->was, e->task.from, &e->sql);
            break;
        }
    buf_printf(&e->sql, "DROP TABLE IF EXISTS %s;\n", map->qualified);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (map->columns[i].enum_type)
            buf_printf(&e->sql, "DROP TYPE IF EXISTS %s;\n", map->columns[i].enum_type);
    evolve_id("table", table, id);
    add_forget(e, id, false, &e->sql); /* one of its name may come again */
    return evolve_step(&e->task, PHASE_ALTER, "drop", NULL, &e->sql);
}

/* ---- a table that goes on --------------------------------------------------------------- */

static void add_move(const char *from_schema, const char *from, const char *schema,
                     const char *name, struct buf *sql)
{
    if (strcmp(from, name) != 0) {
        buf_puts(sql, "ALTER TABLE ");
        buf_qualified(sql, from_schema, from);
        buf_puts(sql, " RENAME TO ");
        buf_name(sql, name);
        buf_puts(sql, ";\n");
    }
    if (strcmp(from_schema, schema) != 0) {
        buf_puts(sql, "ALTER TABLE ");
        buf_qualified(sql, from_schema, name);
        buf_puts(sql, " SET SCHEMA ");
        buf_name(sql, schema);
        buf_puts(sql, ";\n");
    }
}

/* Where two tables swap their names, both leave theirs first. */
static void temporary_name(const struct evolve *e, char *out)
{
    char whole[700];

    snprintf(whole, sizeof(whole), "%.300s.%.300s", e->task.is->schema, e->task.is->name);
    ident_fit_hashed("runnel_moving", whole, out);
}

static int move_table(struct evolve *e, struct buf *later)
{
    const struct map_table *was = &e->was.tables[e->task.from], *is = &e->is.tables[e->task.to];
    char name[NAME_BYTES + 1];
    int status = RNL_OK;

    if (strcmp(was->schema, is->schema) != 0)
        status = objects_steps_of(&e->is, e->task.to);
    if (is->exists && evolve_name_is_left(&e->task)) {
        temporary_name(e, name);
        add_move(was->schema, was->name, was->schema, name, &e->sql);
        add_move(was->schema, name, is->schema, is->name, later);
    } else if (is->exists) {
        status = evolve_refuse(&e->task, NULL, "a table of this name stands there already");
    } else {
        add_move(was->schema, was->name, is->schema, is->name, &e->sql);
    }
    return status;
}

/* The run was cut off between the two. */
static int finish_move(struct evolve *e)
{
    const struct map_table *was = &e->was.tables[e->task.from], *is = &e->is.tables[e->task.to];
    char name[NAME_BYTES + 1];
    PGresult *result;
    struct buf key = {0};
    const char *params[1];
    bool stands;
    int status;

    temporary_name(e, name);
    buf_qualified(&key, was->schema, name);
    params[0] = buf_text(&key);
    status = params[0] ? conn_query(e->sink->control, "SELECT to_regclass($1) IS NOT NULL", 1,
                                    params, "look for the table", &result, e->task.err)
                       : error_memory(e->task.err);
    buf_free(&key);
    if (status != RNL_OK)
        return status;
    stands = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (!stands)
        return RNL_OK;
    add_move(was->schema, name, is->schema, is->name, &e->sql);
    return evolve_step(&e->task, PHASE_RENAME, "rename", NULL, &e->sql);
}

static void comment_table(struct evolve *e)
{
    if (!e->task.diff.comment || !(e->task.job.structure & RNL_WITH_COMMENTS))
        return;
    buf_printf(&e->sql, "COMMENT ON TABLE %s IS ", e->standing);
    buf_literal(&e->sql, e->task.is->comment ? e->task.is->comment : "");
    buf_puts(&e->sql, ";\n");
}

static int alter_table(struct evolve *e)
{
    struct buf later = {0};
    int status;

    if (!e->was.tables[e->task.from].exists && !e->is.tables[e->task.to].exists)
        return evolve_refuse(&e->task, NULL, "it isn't there");
    e->standing = e->was.tables[e->task.from].exists ? e->was.tables[e->task.from].qualified
                                                     : e->is.tables[e->task.to].qualified;
    status = evolve_look(e);
    if (status == RNL_OK)
        status = evolve_objects(e);
    if (status == RNL_OK)
        status = evolve_drops(e);
    if (status == RNL_OK)
        status = evolve_columns(e);
    if (status == RNL_OK)
        status = evolve_partitions(e);
    if (status == RNL_OK)
        comment_table(e);
    if (status == RNL_OK)
        status = evolve_names(e);
    if (status == RNL_OK && e->was.tables[e->task.from].exists &&
        strcmp(e->was.tables[e->task.from].qualified, e->is.tables[e->task.to].qualified) != 0)
        status = move_table(e, &later);
    if (status == RNL_OK && e->behind.len)
        buf_puts(later.len ? &later : &e->sql, buf_text(&e->behind) ? e->behind.ptr : "");
    if (status == RNL_OK && (e->sql.len || e->task.diff.moved || makes_foreign_keys(e))) {
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
    keep_types(e);
    status = e->task.done ? finish_move(e) : alter_table(e);
    return status == RNL_OK ? evolve_makes(e) : status;
}

static const char *called(const void *mapper, uint32_t table)
{
    return ((const struct mapper *)mapper)->tables[table].qualified;
}

static uint32_t find(const void *mapper, const char *schema, const char *name)
{
    return mapper_find(mapper, schema, name);
}

int sink_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was, uint32_t from,
                const struct rnl_catalog *is, uint32_t to, const struct rnl_rename *renamed,
                uint32_t nrenamed, struct rnl_steps *steps, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    struct evolve e = {.sink = sink, .task = evolve_begin(sink->host, job, was, from, is, to)};
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
    PQclear(e.indexes);
    PQclear(e.columns);
    evolve_end(&e.task);
    idents_free(&e.leaving);
    buf_free(&e.sql);
    buf_free(&e.behind);
    mapper_free(&e.was);
    mapper_free(&e.is);
    return status;
}
