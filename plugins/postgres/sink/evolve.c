/* A table of the source was altered while it was followed: the steps by which the target follows.
 */
#include "evolve.h"

#include <inttypes.h>
#include <stdarg.h>

int evolve_refuse(const struct evolve *e, const char *object, const char *fmt, ...)
{
    const struct mapper *m = e->to == UINT32_MAX ? &e->was : &e->is;
    const char *table = m->tables[e->to == UINT32_MAX ? e->from : e->to].qualified;
    char why[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    rnl_fail(e->err, RNL_E_CONFIG, "sink.cant_evolve",
             "the source altered a table, and the target's %s can't follow%s%s: %s", table,
             object ? " in " : "", object ? object : "", why);
    rnl_hint(e->err, "alter the target's table by hand and go on, go on with ddl = \"ignore\", or "
                     "load this table anew");
    return RNL_E_CONFIG;
}

void evolve_tell(const struct evolve *e, const char *code, const char *object, const char *text)
{
    const struct rnl_table *table = e->to == UINT32_MAX ? evolve_was(e) : evolve_is(e);
    const struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_WARNING,
        .code = code,
        .schema = table->schema,
        .table = table->name,
        .object = object,
        .text = text,
        .count = -1,
    };

    e->sink->host->finding(e->sink->ctx, &finding);
}

int evolve_step(struct evolve *e, int phase, const char *what, const char *object, struct buf *text)
{
    const struct rnl_table *table = e->to == UINT32_MAX ? evolve_was(e) : evolve_is(e);
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
    const char *params[] = {e->job.pipeline, id};
    PGresult *result = NULL;
    int status =
        conn_query(e->sink->control, "SELECT pg_catalog.to_regclass('runnel.step') IS NOT NULL", 0,
                   NULL, "look for earlier steps", &result, e->err);

    *found = false;
    if (status == RNL_OK && PQgetvalue(result, 0, 0)[0] == 't') {
        PQclear(result);
        status = conn_query(e->sink->control,
                            "SELECT 1 FROM runnel.step WHERE pipeline = $1 AND id = $2", 2, params,
                            "look for earlier steps", &result, e->err);
        *found = status == RNL_OK && PQntuples(result) > 0;
    }
    PQclear(result);
    return status;
}

/* The step of making a table, as map() calls it. */
static void table_id(const struct rnl_table *table, struct buf *id)
{
    buf_clear(id);
    buf_printf(id, "table %s.%s", table->schema, table->name);
}

static void add_forget(const struct evolve *e, const struct rnl_table *table, struct buf *sql)
{
    struct buf id = {0};

    table_id(table, &id);
    buf_puts(sql, "DELETE FROM runnel.step WHERE pipeline = ");
    buf_literal(sql, e->job.pipeline);
    buf_puts(sql, " AND id = ");
    buf_literal(sql, buf_text(&id) ? id.ptr : "");
    buf_puts(sql, ";\n");
    buf_free(&id);
}

static void add_remember(const struct evolve *e, const char *id, struct buf *sql)
{
    buf_puts(sql, "INSERT INTO runnel.step (pipeline, id) VALUES (");
    buf_literal(sql, e->job.pipeline);
    buf_puts(sql, ", ");
    buf_literal(sql, id ? id : "");
    buf_puts(sql, ") ON CONFLICT DO NOTHING;\n");
}

/* A run that is resumed takes the table for made: it neither makes, empties nor frees it. */
static void remember_table(const struct evolve *e, const struct rnl_table *table, struct buf *sql)
{
    struct buf id = {0};

    table_id(table, &id);
    add_remember(e, buf_text(&id), sql);
    buf_free(&id);
}

/*
 * Two columns may swap their names, so that names alone don't say whether it was done: the
 * statements leave a mark, which stands until the table is altered again.
 */
static void add_mark(const struct evolve *e, struct buf *sql)
{
    const struct rnl_table *was = evolve_was(e), *is = evolve_is(e);
    const struct rnl_table *tables[] = {was, is};
    struct buf id = {0};

    for (int i = 0; i < (e->e.moved ? 2 : 1); i++) {
        buf_clear(&id);
        buf_printf(&id, "altered %s.%s ", tables[i]->schema, tables[i]->name);
        buf_puts(sql, "DELETE FROM runnel.step WHERE pipeline = ");
        buf_literal(sql, e->job.pipeline);
        buf_puts(sql, " AND strpos(id, ");
        buf_literal(sql, buf_text(&id) ? id.ptr : "");
        buf_puts(sql, ") = 1;\n");
    }
    if (e->e.moved)
        add_forget(e, was, sql);
    remember_table(e, is, sql);
    for (uint32_t i = 0; i < is->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = FOREIGN_KEY(is, i);
        uint32_t parent = mapper_find(&e->is, key->ref_schema, key->ref_table);

        if (evolution_makes(&e->e.foreign_keys.pairs[i]) && parent != UINT32_MAX)
            remember_table(e, mapper_table(&e->is, parent), sql);
    }
    add_remember(e, e->mark, sql);
    buf_free(&id);
}

static bool makes_foreign_keys(const struct evolve *e)
{
    for (uint32_t i = 0; i < e->e.foreign_keys.count; i++)
        if (evolution_makes(&e->e.foreign_keys.pairs[i]))
            return true;
    return false;
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

/* Columns of the same type stay as they are, whatever would be chosen for them today. */
static void keep_types(struct evolve *e)
{
    for (uint32_t i = 0; i < e->e.columns.count; i++) {
        const struct evolution_pair *pair = &e->e.columns.pairs[i];
        const struct map_column *old;
        struct map_column *now;

        if (evolution_is_new(pair) || evolution_is_gone(pair) || pair->changes & EVOLVED_TYPE)
            continue;
        old = &e->was.tables[e->from].columns[pair->from];
        now = &e->is.tables[e->to].columns[pair->to];
        now->kind = old->kind;
        now->collation = old->collation;
        if (!now->enum_type)
            now->type = old->type;
    }
}

/* A table that nobody altered, but that would be called otherwise from now on. */
static int check_others(struct evolve *e)
{
    for (uint32_t t = 0; t < e->is.ntables; t++) {
        const struct rnl_table *table = mapper_table(&e->is, t);
        uint32_t at = mapper_find(&e->was, table->schema, table->name);

        if (t == e->to || at == UINT32_MAX || at == e->from ||
            strcmp(e->was.tables[at].qualified, e->is.tables[t].qualified) == 0)
            continue;
        return evolve_refuse(e, NULL, "with it the table %s.%s would be named %s instead of %s",
                             table->schema, table->name, e->is.tables[t].qualified,
                             e->was.tables[at].qualified);
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
        e->is.leaving = &e->leaving;
        snprintf(e->mark, sizeof(e->mark), "altered %.300s.%.300s %016" PRIx64,
                 evolve_is(e)->schema, evolve_is(e)->name,
                 evolution_digest(evolve_was(e), evolve_is(e), e->renamed, e->nrenamed));
        status = remembers(e, e->mark, &e->done);
    }
    if (status == RNL_OK)
        status = decide(&e->was);
    if (status == RNL_OK && e->to != UINT32_MAX)
        status = decide(&e->is);
    if (status == RNL_OK && e->to != UINT32_MAX)
        status = check_others(e);
    return status;
}

/* ---- a new table ----------------------------------------------------------------------- */

static int make_table(struct evolve *e)
{
    struct mapper *m = &e->is;
    uint32_t t = e->to, structure = e->job.structure;
    struct buf id = {0};
    bool ours = false;
    int status;

    table_id(mapper_table(m, t), &id);
    status = buf_text(&id) ? remembers(e, id.ptr, &ours) : error_memory(e->err);
    buf_free(&id);
    if (status == RNL_OK && m->tables[t].exists && !ours) {
        status = target_check(m, t);
        if (status == RNL_E_CONFIG)
            status = evolve_refuse(e, NULL,
                                   "the table is new in the source, and stands in the "
                                   "target already");
    }
    if (status == RNL_OK && !m->tables[t].exists)
        status = objects_steps_of(m, t);
    if (status == RNL_OK && !m->tables[t].exists) {
        status = ddl_table(m, t);
    } else if (status == RNL_OK && !ours) {
        remember_table(e, mapper_table(m, t), &e->sql);
        status = evolve_step(e, PHASE_ALTER, "keep", NULL, &e->sql);
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
    const char *params[] = {e->was.tables[e->from].qualified};
    PGresult *result;
    int status = conn_query(e->sink->control,
                            "SELECT n.nspname, c.relname, k.conname FROM pg_constraint k"
                            " JOIN pg_class c ON c.oid = k.conrelid"
                            " JOIN pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE k.contype = 'f' AND k.confrelid = $1::regclass"
                            " AND k.conrelid <> k.confrelid AND k.conislocal",
                            1, params, "look at foreign keys", &result, e->err);

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++) {
        const char *schema = PQgetvalue(result, i, 0), *name = PQgetvalue(result, i, 1);
        bool ours = false;

        for (uint32_t t = 0; t < e->was.ntables && !ours; t++)
            ours = strcmp(e->was.tables[t].schema, schema) == 0 &&
                   strcmp(e->was.tables[t].name, name) == 0;
        if (!ours) {
            status = evolve_refuse(e, NULL,
                                   "it is gone in the source, but the target's table %s.%s, which "
                                   "is not of this pipeline, refers to it by \"%s\"",
                                   schema, name, PQgetvalue(result, i, 2));
            break;
        }
        buf_puts(&e->sql, "ALTER TABLE ");
        buf_qualified(&e->sql, schema, name);
        buf_puts(&e->sql, " DROP CONSTRAINT IF EXISTS ");
        buf_name(&e->sql, PQgetvalue(result, i, 2));
        buf_puts(&e->sql, ";\n");
    }
    PQclear(result);
    return status;
}

static int drop_table(struct evolve *e)
{
    const struct map_table *map = &e->was.tables[e->from];
    const struct rnl_table *table = evolve_was(e);
    int status;

    if (!map->exists)
        return RNL_OK;
    status = drop_pointers(e);
    if (status != RNL_OK)
        return status;
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (COLUMN(table, i)->flags & RNL_COLUMN_TOUCHED) {
            ddl_untouch(&e->was, e->from, &e->sql);
            break;
        }
    buf_printf(&e->sql, "DROP TABLE IF EXISTS %s;\n", map->qualified);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (map->columns[i].enum_type)
            buf_printf(&e->sql, "DROP TYPE IF EXISTS %s;\n", map->columns[i].enum_type);
    add_forget(e, table, &e->sql); /* one of its name may come again */
    return evolve_step(e, PHASE_ALTER, "drop", NULL, &e->sql);
}

/* ---- a table that goes on --------------------------------------------------------------- */

/* Another table of this pipeline has the name still, and gets another by the same statement. */
static bool name_is_left(const struct evolve *e)
{
    const char *wanted = e->is.tables[e->to].qualified;

    for (uint32_t t = 0; t < e->was.ntables; t++)
        if (t != e->from && strcmp(e->was.tables[t].qualified, wanted) == 0) {
            const struct rnl_table *table = mapper_table(&e->was, t);
            uint32_t at = mapper_find(&e->is, table->schema, table->name);

            return at == UINT32_MAX || at == e->to;
        }
    return false;
}

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

    snprintf(whole, sizeof(whole), "%.300s.%.300s", evolve_is(e)->schema, evolve_is(e)->name);
    ident_fit_hashed("runnel_moving", whole, out);
}

static int move_table(struct evolve *e, struct buf *later)
{
    const struct map_table *was = &e->was.tables[e->from], *is = &e->is.tables[e->to];
    char name[NAME_BYTES + 1];
    int status = RNL_OK;

    if (strcmp(was->schema, is->schema) != 0)
        status = objects_steps_of(&e->is, e->to);
    if (is->exists && name_is_left(e)) {
        temporary_name(e, name);
        add_move(was->schema, was->name, was->schema, name, &e->sql);
        add_move(was->schema, name, is->schema, is->name, later);
    } else if (is->exists) {
        status = evolve_refuse(e, NULL, "a table of this name stands there already");
    } else {
        add_move(was->schema, was->name, is->schema, is->name, &e->sql);
    }
    return status;
}

/* The run was cut off between the two. */
static int finish_move(struct evolve *e)
{
    const struct map_table *was = &e->was.tables[e->from], *is = &e->is.tables[e->to];
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
                                    params, "look for the table", &result, e->err)
                       : error_memory(e->err);
    buf_free(&key);
    if (status != RNL_OK)
        return status;
    stands = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (!stands)
        return RNL_OK;
    add_move(was->schema, name, is->schema, is->name, &e->sql);
    return evolve_step(e, PHASE_RENAME, "rename", NULL, &e->sql);
}

static void comment_table(struct evolve *e)
{
    if (!e->e.comment || !(e->job.structure & RNL_WITH_COMMENTS))
        return;
    buf_printf(&e->sql, "COMMENT ON TABLE %s IS ", e->standing);
    buf_literal(&e->sql, evolve_is(e)->comment ? evolve_is(e)->comment : "");
    buf_puts(&e->sql, ";\n");
}

static int alter_table(struct evolve *e)
{
    struct buf later = {0};
    int status;

    if (!e->was.tables[e->from].exists && !e->is.tables[e->to].exists)
        return evolve_refuse(e, NULL, "it isn't there");
    e->standing = e->was.tables[e->from].exists ? e->was.tables[e->from].qualified
                                                : e->is.tables[e->to].qualified;
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
    if (status == RNL_OK && e->was.tables[e->from].exists &&
        strcmp(e->was.tables[e->from].qualified, e->is.tables[e->to].qualified) != 0)
        status = move_table(e, &later);
    if (status == RNL_OK && e->behind.len)
        buf_puts(later.len ? &later : &e->sql, buf_text(&e->behind) ? e->behind.ptr : "");
    if (status == RNL_OK && (e->sql.len || e->e.moved || makes_foreign_keys(e))) {
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
    keep_types(e);
    status = e->done ? finish_move(e) : alter_table(e);
    return status == RNL_OK ? evolve_makes(e) : status;
}

int sink_evolve(void *self, const struct rnl_job *job, const struct rnl_catalog *was, uint32_t from,
                const struct rnl_catalog *is, uint32_t to, const struct rnl_rename *renamed,
                uint32_t nrenamed, struct rnl_steps *steps, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    struct evolve e = {.sink = sink,
                       .job = *job,
                       .steps = steps,
                       .err = err,
                       .from = from,
                       .to = to,
                       .renamed = renamed,
                       .nrenamed = nrenamed};
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
    PQclear(e.indexes);
    PQclear(e.columns);
    evolution_free(&e.e);
    idents_free(&e.topics);
    idents_free(&e.leaving);
    buf_free(&e.sql);
    buf_free(&e.behind);
    mapper_free(&e.was);
    mapper_free(&e.is);
    return status;
}
