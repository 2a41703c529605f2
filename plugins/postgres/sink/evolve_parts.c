/* Indexes, constraints, triggers and partitions of a table that was altered in the source. */
#include "evolve.h"

enum { I_NAME, I_KIND, I_USED, I_OID };

/* The indexes of the table: what constraint each is (or ''), and foreign keys that need it. */
static const char indexes_sql[] =
    "SELECT i.relname, coalesce((SELECT k.contype::text FROM pg_constraint k"
    "  WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x') AND k.conrelid = x.indrelid"
    "  LIMIT 1), ''),"
    " EXISTS (SELECT 1 FROM pg_constraint f WHERE f.conindid = i.oid AND f.contype = 'f'),"
    " i.oid"
    " FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = $1::regclass";

static int look_rows(struct evolve *e)
{
    struct buf sql = {0};
    PGresult *result = NULL;
    int status;

    buf_printf(&sql, "SELECT EXISTS (SELECT 1 FROM %s)", e->standing);
    status = buf_text(&sql) ? conn_query(e->sink->control, sql.ptr, 0, NULL, "look for rows",
                                         &result, e->task.err)
                            : error_memory(e->task.err);
    e->has_rows = status == RNL_OK && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    buf_free(&sql);
    return status;
}

int evolve_look(struct evolve *e)
{
    bool moved = e->standing == e->is.tables[e->task.to].qualified;
    const struct map_table *names = moved ? e->is.tables : e->was.tables;
    uint32_t at = moved ? e->task.to : e->task.from;
    const char *params[] = {e->standing};
    int status = columns_query(e->sink, names, at, at + 1, &e->columns, e->task.err);

    if (status == RNL_OK) {
        e->found = (struct found){e->columns, 0, 0};
        columns_next(&e->found, 1);
        status = look_rows(e);
    }
    return status == RNL_OK ? conn_query(e->sink->control, indexes_sql, 1, params,
                                         "look at indexes", &e->indexes, e->task.err)
                            : status;
}

/* ---- what goes -------------------------------------------------------------------------- */

/* For target_has(): what is dropped stands no more when the steps of map() come. */
static int leave(struct evolve *e, char kind, const char *name)
{
    char key[NAME_BYTES + 4];

    snprintf(key, sizeof(key), "%c %s", kind, name);
    return idents_take(&e->leaving, key) ? RNL_OK : error_memory(e->task.err);
}

/* The row of an index as it stands; -1: it doesn't. */
static int find_index(const struct evolve *e, const struct rnl_index *index)
{
    char name[NAME_BYTES + 1];

    for (int i = 0; index->flags & RNL_INDEX_PRIMARY && i < PQntuples(e->indexes); i++)
        if (PQgetvalue(e->indexes, i, I_KIND)[0] == 'p')
            return i;
    for (int attempt = 0; attempt < 3; attempt++) {
        index_candidate(&e->was, e->task.from, index, attempt, name);
        for (int i = 0; i < PQntuples(e->indexes); i++)
            if (strcmp(PQgetvalue(e->indexes, i, I_NAME), name) == 0)
                return i;
    }
    return -1;
}

bool evolve_has_table(const struct evolve *e, const char *schema, const char *name)
{
    for (uint32_t t = 0; t < e->was.ntables; t++)
        if (strcmp(e->was.tables[t].schema, schema) == 0 &&
            strcmp(e->was.tables[t].name, name) == 0)
            return true;
    return false;
}

void evolve_drop_key(struct evolve *e, const char *schema, const char *table, const char *name)
{
    buf_puts(&e->sql, "ALTER TABLE ");
    buf_qualified(&e->sql, schema, table);
    buf_puts(&e->sql, " DROP CONSTRAINT IF EXISTS ");
    buf_name(&e->sql, name);
    buf_puts(&e->sql, ";\n");
}

/* Foreign keys of other tables by this index: ours go with it, and map() makes them again. */
static int drop_users(struct evolve *e, int at)
{
    const char *params[] = {PQgetvalue(e->indexes, at, I_OID)};
    PGresult *result;
    int status = conn_query(e->sink->control,
                            "SELECT n.nspname, c.relname, k.conname FROM pg_constraint k"
                            " JOIN pg_class c ON c.oid = k.conrelid"
                            " JOIN pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE k.contype = 'f' AND k.conindid = $1::oid",
                            1, params, "look at foreign keys", &result, e->task.err);

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++) {
        const char *schema = PQgetvalue(result, i, 0), *name = PQgetvalue(result, i, 1);

        if (!evolve_has_table(e, schema, name)) {
            status = evolve_refuse(&e->task, PQgetvalue(e->indexes, at, I_NAME),
                                   "the foreign key \"%s\" of %s.%s, which is not of this "
                                   "pipeline, needs this key",
                                   PQgetvalue(result, i, 2), schema, name);
            break;
        }
        evolve_drop_key(e, schema, name, PQgetvalue(result, i, 2));
        status = leave(e, 'f', PQgetvalue(result, i, 2));
    }
    PQclear(result);
    return status;
}

static int drop_index(struct evolve *e, const struct rnl_index *index)
{
    int at = find_index(e, index), status = RNL_OK;
    const char *name;
    char kind;

    if (at < 0)
        return RNL_OK;
    name = PQgetvalue(e->indexes, at, I_NAME);
    kind = PQgetvalue(e->indexes, at, I_KIND)[0];
    if (PQgetvalue(e->indexes, at, I_USED)[0] == 't')
        status = drop_users(e, at);
    if (kind) {
        buf_printf(&e->sql, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS ", e->standing);
        buf_name(&e->sql, name);
    } else {
        buf_puts(&e->sql, "DROP INDEX IF EXISTS ");
        buf_qualified(&e->sql,
                      e->standing == e->is.tables[e->task.to].qualified
                          ? e->is.tables[e->task.to].schema
                          : e->was.tables[e->task.from].schema,
                      name);
    }
    buf_puts(&e->sql, ";\n");
    if (status == RNL_OK)
        status = leave(e, 'i', name);
    if (status == RNL_OK && kind)
        status = leave(e, 'c', name);
    return status == RNL_OK && kind == 'p' ? leave(e, 'p', "") : status;
}

static int drop_constraint(struct evolve *e, const char *name)
{
    buf_printf(&e->sql, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS ", e->standing);
    buf_name(&e->sql, name);
    buf_puts(&e->sql, ";\n");
    return leave(e, 'c', name);
}

static int drop_foreign_keys(struct evolve *e)
{
    uint32_t count = e->task.was->nforeign_keys;
    char(*names)[NAME_BYTES + 1] = arena_alloc(&e->was.arena, sizeof(*names) * (count + 1));
    int status = RNL_OK;

    if (!names || !foreign_key_names(&e->was, e->task.from, names))
        return error_memory(e->task.err);
    for (uint32_t i = 0; status == RNL_OK && i < e->task.diff.foreign_keys.count; i++)
        if (evolution_drops(&e->task.diff.foreign_keys.pairs[i]))
            status = drop_constraint(e, names[e->task.diff.foreign_keys.pairs[i].from]);
    return status;
}

/* Whether the check of an enum's labels is another, or names a column that goes. */
static bool enum_check_changes(const struct evolution_pair *pair)
{
    return evolution_is_new(pair) || evolution_is_gone(pair) ||
           pair->changes & (EVOLVED_TYPE | EVOLVED_NAME);
}

static int drop_checks(struct evolve *e)
{
    const struct rnl_table *was = e->task.was;
    char(*names)[NAME_BYTES + 1] =
        arena_alloc(&e->was.arena, sizeof(*names) * ((size_t)was->nchecks + was->ncolumns + 1));
    int status = RNL_OK;

    if (!names || !check_names(&e->was, e->task.from, names))
        return error_memory(e->task.err);
    for (uint32_t i = 0; status == RNL_OK && i < e->task.diff.checks.count; i++)
        if (evolution_drops(&e->task.diff.checks.pairs[i]))
            status = drop_constraint(e, names[e->task.diff.checks.pairs[i].from]);
    for (uint32_t i = 0; status == RNL_OK && i < e->task.diff.columns.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.columns.pairs[i];

        if (!evolution_is_new(pair) && names[was->nchecks + pair->from][0] &&
            enum_check_changes(pair))
            status = drop_constraint(e, names[was->nchecks + pair->from]);
    }
    return status;
}

static bool is_touched(const struct evolution *e, const struct rnl_table *from,
                       const struct rnl_table *to, bool *differs)
{
    bool any = false;

    *differs = false;
    for (uint32_t i = 0; i < e->columns.count; i++) {
        const struct evolution_pair *pair = &e->columns.pairs[i];
        bool was = pair->from != UINT32_MAX && COLUMN(from, pair->from)->flags & RNL_COLUMN_TOUCHED;
        bool is = pair->to != UINT32_MAX && COLUMN(to, pair->to)->flags & RNL_COLUMN_TOUCHED;

        any = any || was;
        *differs = *differs || was != is || (is && pair->changes & (EVOLVED_NAME | EVOLVED_TYPE));
    }
    return any;
}

int evolve_drops(struct evolve *e)
{
    uint32_t structure = e->task.job.structure;
    bool differs;
    int status = RNL_OK;

    if (structure & RNL_WITH_FOREIGN_KEYS)
        status = drop_foreign_keys(e);
    if (status == RNL_OK && structure & RNL_WITH_CHECKS)
        status = drop_checks(e);
    for (uint32_t i = 0;
         status == RNL_OK && structure & RNL_WITH_INDEXES && i < e->task.diff.indexes.count; i++)
        if (evolution_drops(&e->task.diff.indexes.pairs[i]))
            status = drop_index(e, INDEX(e->task.was, e->task.diff.indexes.pairs[i].from));
    if (status == RNL_OK && is_touched(&e->task.diff, e->task.was, e->task.is, &differs) &&
        (differs || e->task.diff.moved) && e->was.tables[e->task.from].exists)
        ddl_untouch(&e->was, e->task.from, &e->sql);
    return status;
}

/* ---- names ------------------------------------------------------------------------------ */

/* Indexes that are called after their table keep doing so: later they are found by that. */
int evolve_names(struct evolve *e)
{
    const char *schema = e->standing == e->is.tables[e->task.to].qualified
                             ? e->is.tables[e->task.to].schema
                             : e->was.tables[e->task.from].schema;
    char old[NAME_BYTES + 1], name[NAME_BYTES + 1];

    if (!(e->task.job.structure & RNL_WITH_INDEXES) || !e->task.diff.moved)
        return RNL_OK;
    for (uint32_t i = 0; i < e->task.diff.indexes.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.indexes.pairs[i];
        int at;

        if (evolution_drops(pair) || evolution_is_new(pair))
            continue;
        at = find_index(e, INDEX(e->task.was, pair->from));
        for (int attempt = 0; at >= 0 && attempt < 3; attempt++) {
            index_candidate(&e->was, e->task.from, INDEX(e->task.was, pair->from), attempt, old);
            index_candidate(&e->is, e->task.to, INDEX(e->task.is, pair->to), attempt, name);
            if (strcmp(PQgetvalue(e->indexes, at, I_NAME), old) != 0 || strcmp(old, name) == 0)
                continue;
            buf_puts(&e->sql, "ALTER INDEX ");
            buf_qualified(&e->sql, schema, old);
            buf_puts(&e->sql, " RENAME TO ");
            buf_name(&e->sql, name);
            buf_puts(&e->sql, ";\n");
            break;
        }
    }
    return RNL_OK;
}

/* ---- partitions --------------------------------------------------------------------------- */

static const char *partition_parent(const struct evolve *e, const struct rnl_partition *part)
{
    const struct rnl_table *was = e->task.was;

    for (uint32_t i = 0; part->parent && i < was->npartitions; i++)
        if (strcmp(PARTITION(was, i)->name, part->parent) == 0)
            return e->was.tables[e->task.from].partitions[i].qualified;
    return e->standing;
}

static int name_partitions(struct evolve *e)
{
    int status = native_name_partitions(&e->was, e->task.from);

    return status == RNL_OK ? native_name_partitions(&e->is, e->task.to) : status;
}

int evolve_partitions(struct evolve *e)
{
    const struct rnl_table *was = e->task.was, *is = e->task.is;
    bool before = native_partitioned(&e->was, was), now = native_partitioned(&e->is, is);
    int status;

    if (before != now || (now && strcmp(was->partition_by, is->partition_by) != 0))
        return evolve_refuse(&e->task, NULL, "it is partitioned otherwise");
    if (!now || e->task.diff.partitions.count == 0)
        return RNL_OK;
    status = name_partitions(e);
    for (uint32_t i = 0; status == RNL_OK && i < e->task.diff.partitions.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.partitions.pairs[i];

        if (!evolution_drops(pair))
            continue;
        buf_printf(&e->sql, "ALTER TABLE %s DETACH PARTITION %s;\n",
                   partition_parent(e, PARTITION(was, pair->from)),
                   e->was.tables[e->task.from].partitions[pair->from].qualified);
        evolve_tell(&e->task, "ddl.partition_detached", PARTITION(was, pair->from)->name,
                    "the partition is none of the table's any more, in the target as in the "
                    "source; it stands as a table of its own");
    }
    for (uint32_t i = 0; status == RNL_OK && i < e->task.diff.partitions.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.partitions.pairs[i];

        if (!evolution_makes(pair))
            continue;
        if (e->task.diff.moved)
            return evolve_refuse(&e->task, PARTITION(is, pair->to)->name,
                                 "it got a partition and another name at once");
        native_partition(&e->is, e->task.to, pair->to, &e->sql);
        buf_puts(&e->sql, ";\n");
    }
    return status;
}

/* ---- what comes ---------------------------------------------------------------------------- */

/* Names of relations that stand, so that a new index gets none of them. */
static int take_names(struct evolve *e)
{
    static const char names_sql[] = "SELECT c.relname FROM pg_class c"
                                    " JOIN pg_namespace n ON n.oid = c.relnamespace"
                                    " WHERE n.nspname = $1";
    const char *schema = e->is.tables[e->task.to].schema, *params[] = {schema};
    struct buf key = {0};
    char gone[NAME_BYTES + 4];
    PGresult *result;
    int status =
        conn_query(e->sink->control, names_sql, 1, params, "look at names", &result, e->task.err);

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++) {
        const char *name = PQgetvalue(result, i, 0);

        snprintf(gone, sizeof(gone), "i %s", name);
        if (idents_has(&e->leaving, gone))
            continue;
        buf_clear(&key);
        buf_qualified(&key, schema, name);
        if (!buf_text(&key) || !idents_take(&e->is.relations, key.ptr))
            status = error_memory(e->task.err);
    }
    PQclear(result);
    buf_free(&key);
    return status;
}

/* One that stands by any of the names that it could have. */
static bool index_stands(const struct evolve *e, const struct rnl_index *index)
{
    char name[NAME_BYTES + 1];

    if (index->flags & RNL_INDEX_PRIMARY && target_has(&e->is, e->task.to, 'p', ""))
        return true;
    for (int attempt = 0; attempt < 3; attempt++) {
        index_candidate(&e->is, e->task.to, index, attempt, name);
        if (target_has(&e->is, e->task.to, 'i', name))
            return true;
    }
    return false;
}

static int make_indexes(struct evolve *e)
{
    const struct rnl_table *is = e->task.is;
    struct map_table *map = &e->is.tables[e->task.to];
    int status = take_names(e);

    map->index_names = arena_alloc(&e->is.arena, sizeof(*map->index_names) * (is->nindexes + 1));
    if (!map->index_names)
        return error_memory(e->task.err);
    memset(map->index_names, 0, sizeof(*map->index_names) * (is->nindexes + 1));
    for (uint32_t i = 0; status == RNL_OK && i < is->nindexes; i++)
        if (evolution_makes(&e->task.diff.indexes.pairs[i]) && !index_stands(e, INDEX(is, i)))
            status = ddl_index(&e->is, e->task.to, INDEX(is, i));
    return status;
}

/* Gives the host those of the steps kept that are wanted, by what and object. */
static int give_kept(struct evolve *e, const char *object, bool (*wants)(const char *what))
{
    int status = RNL_OK;

    for (const struct kept_step *k = e->is.kept.first; status == RNL_OK && k; k = k->next) {
        struct buf text = {0};

        if (!k->object || strcmp(k->object, object) != 0 || !wants(k->what))
            continue;
        buf_puts(&text, k->text);
        status = evolve_step(&e->task, (int)k->phase, k->what, k->object, &text);
        buf_free(&text);
    }
    return status;
}

static bool wants_key(const char *what)
{
    return strcmp(what, "foreign key") == 0 || strcmp(what, "validate") == 0;
}

static bool wants_check(const char *what)
{
    return strcmp(what, "check") == 0 || strcmp(what, "validate check") == 0;
}

static void keep_begin(struct evolve *e)
{
    e->is.keeps = true;
    e->is.kept.first = NULL;
}

/* All that a new table has; of others what is new or has changed. */
static bool is_wanted(const struct evolve *e, const struct evolution_list *list, uint32_t i)
{
    return e->task.from == UINT32_MAX || evolution_makes(&list->pairs[i]);
}

static int make_foreign_keys(struct evolve *e)
{
    const struct rnl_table *is = e->task.is;
    uint32_t count = is->nforeign_keys;
    char(*names)[NAME_BYTES + 1] = arena_alloc(&e->is.arena, sizeof(*names) * (count + 1));
    int status;

    if (!names || !foreign_key_names(&e->is, e->task.to, names))
        return error_memory(e->task.err);
    keep_begin(e);
    status = ddl_foreign_keys(&e->is, e->task.to);
    e->is.keeps = false;
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        if (is_wanted(e, &e->task.diff.foreign_keys, i) &&
            !target_has(&e->is, e->task.to, 'c', names[i]))
            status = give_kept(e, FOREIGN_KEY(is, i)->name, wants_key);
    return status;
}

/* Those of other tables that went with a key of this one. */
static int remake_users(struct evolve *e, uint32_t t)
{
    const struct rnl_table *table = mapper_table(&e->is, t);
    char(*names)[NAME_BYTES + 1] =
        arena_alloc(&e->is.arena, sizeof(*names) * (table->nforeign_keys + 1));
    char gone[NAME_BYTES + 4];
    bool any = false;
    int status = RNL_OK;

    if (!names || !foreign_key_names(&e->is, t, names))
        return error_memory(e->task.err);
    for (uint32_t i = 0; status == RNL_OK && i < table->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = FOREIGN_KEY(table, i);

        snprintf(gone, sizeof(gone), "f %s", names[i]);
        if (!idents_has(&e->leaving, gone) ||
            mapper_find(&e->is, key->ref_schema, key->ref_table) != e->task.to)
            continue;
        if (!any) {
            keep_begin(e);
            status = ddl_foreign_keys(&e->is, t);
            e->is.keeps = false;
            any = true;
        }
        if (status == RNL_OK)
            status = give_kept(e, key->name, wants_key);
    }
    return status;
}

static int make_checks(struct evolve *e)
{
    const struct rnl_table *is = e->task.is;
    char(*names)[NAME_BYTES + 1] =
        arena_alloc(&e->is.arena, sizeof(*names) * ((size_t)is->nchecks + is->ncolumns + 1));
    int status;

    if (!names || !check_names(&e->is, e->task.to, names))
        return error_memory(e->task.err);
    keep_begin(e);
    status = ddl_checks(&e->is, e->task.to);
    e->is.keeps = false;
    for (uint32_t i = 0; status == RNL_OK && i < is->nchecks; i++) {
        const char *named = CHECK(is, i)->name;

        if (is_wanted(e, &e->task.diff.checks, i) && !target_has(&e->is, e->task.to, 'c', names[i]))
            status = give_kept(e, named && *named ? named : names[i], wants_check);
    }
    for (uint32_t i = 0; status == RNL_OK && i < is->ncolumns; i++)
        if (names[is->nchecks + i][0] &&
            (e->task.from == UINT32_MAX || enum_check_changes(&e->task.diff.columns.pairs[i])) &&
            !target_has(&e->is, e->task.to, 'c', names[is->nchecks + i]))
            status = give_kept(e, COLUMN(is, i)->name, wants_check);
    return status;
}

int evolve_constraints(struct evolve *e)
{
    uint32_t structure = e->task.job.structure;
    int status = RNL_OK;

    if (structure & RNL_WITH_FOREIGN_KEYS)
        status = make_foreign_keys(e);
    return status == RNL_OK && structure & RNL_WITH_CHECKS ? make_checks(e) : status;
}

static int make_touched(struct evolve *e)
{
    bool differs;

    (void)is_touched(&e->task.diff, e->task.was, e->task.is, &differs);
    return differs || e->task.diff.moved ? ddl_touched(&e->is, e->task.to) : RNL_OK;
}

static int comment_indexes(struct evolve *e)
{
    const struct rnl_table *is = e->task.is;
    const struct map_table *map = &e->is.tables[e->task.to];
    struct buf sql = {0};
    int status = RNL_OK;

    for (uint32_t i = 0; map->index_names && i < is->nindexes; i++) {
        if (!map->index_names[i] || !INDEX(is, i)->comment || !*INDEX(is, i)->comment)
            continue;
        buf_puts(&sql, "COMMENT ON INDEX ");
        buf_qualified(&sql, map->schema, map->index_names[i]);
        buf_puts(&sql, " IS ");
        buf_literal(&sql, INDEX(is, i)->comment);
        buf_puts(&sql, ";\n");
    }
    if (sql.len)
        status = evolve_step(&e->task, RNL_PHASE_COMMENTS, "comments", NULL, &sql);
    buf_free(&sql);
    return status;
}

int evolve_makes(struct evolve *e)
{
    uint32_t structure = e->task.job.structure;
    int status = RNL_OK;

    if (structure & RNL_WITH_INDEXES)
        status = make_indexes(e);
    if (status == RNL_OK)
        status = evolve_constraints(e);
    for (uint32_t t = 0; status == RNL_OK && structure & RNL_WITH_FOREIGN_KEYS && t < e->is.ntables;
         t++)
        if (t != e->task.to && mapper_table(&e->is, t)->nforeign_keys)
            status = remake_users(e, t);
    if (status == RNL_OK)
        status = make_touched(e);
    return status == RNL_OK && structure & RNL_WITH_COMMENTS ? comment_indexes(e) : status;
}
