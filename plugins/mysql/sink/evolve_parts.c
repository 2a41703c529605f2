/* Indexes, constraints and partitions of a table that was altered in the source. */
#include "evolve.h"

#include <strings.h>

/* ---- what stands ------------------------------------------------------------------------- */

/* Whether the text names a constraint of a table: "f`t`name". */
static const char *constraint_key(struct buf *key, char kind, const char *table, const char *name)
{
    buf_clear(key);
    buf_byte(key, kind);
    sql_name(key, table);
    buf_puts(key, name);
    return buf_text(key);
}

static int ask(struct evolve *e, const char *question, const char *database, const char *table,
               bool (*row_taken)(struct evolve *e, MYSQL_ROW row))
{
    struct text sql = {0};
    bool good = true;
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, question);
    text_quoted(&sql, database);
    if (table) {
        text_add(&sql, " AND TABLE_NAME = ");
        text_quoted(&sql, table);
    }
    status = sql.failed ? error_memory(e->task.err)
                        : conn_query(e->sink->control, sql.ptr, &result, e->task.err);
    text_free(&sql);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        good = good && row_taken(e, row);
    status = conn_finish(e->sink->control, result, "look at the table", e->task.err);
    return status ? status : good ? RNL_OK : error_memory(e->task.err);
}

static bool take_column(struct evolve *e, MYSQL_ROW row)
{
    return idents_take(&e->columns, row[0]);
}

static bool take_constraint(struct evolve *e, MYSQL_ROW row)
{
    struct buf key = {0};
    const char *at = constraint_key(&key, row[0][0] == 'F' ? 'f' : 'c', row[1], row[2]);
    bool good = at && idents_take(&e->constraints, at);

    buf_free(&key);
    return good;
}

static int look_rows(struct evolve *e)
{
    struct text sql = {0};
    char *value = NULL;
    int status;

    text_printf(&sql, "SELECT 1 FROM %s LIMIT 1", e->standing->qualified);
    status = sql.failed ? error_memory(e->task.err)
                        : conn_value(e->sink->control, sql.ptr, 0, &value, e->task.err);
    text_free(&sql);
    e->has_rows = value != NULL;
    free(value);
    return status;
}

int evolve_look(struct evolve *e)
{
    bool there = e->task.from != UINT32_MAX &&
                 (e->was.tables[e->task.from].exists || e->is.tables[e->task.to].exists);
    int status = ask(e, "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ",
                     e->standing->database, e->standing->name, take_column);

    if (!status)
        status = ask(e,
                     "SELECT CONSTRAINT_TYPE, TABLE_NAME, CONSTRAINT_NAME FROM"
                     " information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE IN"
                     " ('FOREIGN KEY', 'CHECK') AND TABLE_SCHEMA = ",
                     e->standing->database, NULL, take_constraint);
    return !status && there ? look_rows(e) : status;
}

/* The standing name of a constraint, by the names that it may have got. */
static bool find_constraint(const struct evolve *e, const struct mapper *m, uint32_t t, char kind,
                            const char *wanted, char out[IDENT_ROOM])
{
    struct buf key = {0};
    bool found = false;

    for (int attempt = 0; !found && attempt < 3; attempt++) {
        const char *at;

        if (!constraint_candidate(m, t, wanted, attempt, out))
            break;
        at = constraint_key(&key, kind, e->standing->name, out);
        found = at && idents_has(&e->constraints, at) && !idents_has(&e->leaving, at);
    }
    buf_free(&key);
    return found;
}

/* ---- what goes ----------------------------------------------------------------------------- */

static int leave(struct evolve *e, char kind, const char *name)
{
    struct buf key = {0};
    const char *at = constraint_key(&key, kind, e->standing->name, name);
    bool good = at && idents_take(&e->leaving, at);

    buf_free(&key);
    return good ? RNL_OK : error_memory(e->task.err);
}

static int drop_foreign_keys(struct evolve *e)
{
    char name[IDENT_ROOM];
    struct buf sql = {0};
    int status = RNL_OK;

    for (uint32_t i = 0; !status && i < e->task.diff.foreign_keys.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.foreign_keys.pairs[i];
        const struct rnl_foreign_key *key;

        if (!evolution_drops(pair))
            continue;
        key = FOREIGN_KEY(e->task.was, pair->from);
        if (!find_constraint(e, &e->was, e->task.from, 'f', foreign_key_wanted(key), name))
            continue;
        buf_printf(&sql, "ALTER TABLE %s DROP FOREIGN KEY ", e->standing->qualified);
        sql_name(&sql, name);
        status = leave(e, 'f', name);
        if (!status)
            status = evolve_step(&e->task, PHASE_RELEASE, "release", name, &sql);
    }
    buf_free(&sql);
    return status;
}

static int drop_checks(struct evolve *e)
{
    const struct my_server *server = &e->sink->server;
    bool general = server->mariadb || server->version >= 80019;
    char name[IDENT_ROOM];
    int status = RNL_OK;

    for (uint32_t i = 0; !status && i < e->task.diff.checks.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.checks.pairs[i];

        if (!evolution_drops(pair) ||
            !find_constraint(e, &e->was, e->task.from, 'c',
                             check_wanted(CHECK(e->task.was, pair->from)), name))
            continue;
        buf_puts(evolve_clause(&e->clauses), general ? "DROP CONSTRAINT " : "DROP CHECK ");
        sql_name(&e->clauses, name);
        status = leave(e, 'c', name);
    }
    return status;
}

static bool index_stands(const struct evolve *e, const char *name)
{
    const struct mapper *m = e->standing == &e->is.tables[e->task.to].name ? &e->is : &e->was;

    return target_has(m, m == &e->is ? e->task.to : e->task.from, 'i', name);
}

static int drop_indexes(struct evolve *e)
{
    int status = RNL_OK;

    for (uint32_t i = 0; !status && i < e->task.diff.indexes.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.indexes.pairs[i];
        const char *name;

        if (!evolution_drops(pair))
            continue;
        name = ddl_index_name(&e->was, e->task.from, pair->from);
        if (!index_stands(e, name))
            continue;
        evolve_clause(&e->clauses);
        if (strcmp(name, "PRIMARY") == 0) {
            buf_puts(&e->clauses, "DROP PRIMARY KEY");
        } else {
            buf_puts(&e->clauses, "DROP INDEX ");
            sql_name(&e->clauses, name);
        }
        status = leave(e, 'i', name);
    }
    return status;
}

int evolve_drops(struct evolve *e)
{
    uint32_t structure = e->task.job.structure;
    int status = RNL_OK;

    if (structure & RNL_WITH_FOREIGN_KEYS)
        status = drop_foreign_keys(e);
    if (!status && structure & RNL_WITH_CHECKS)
        status = drop_checks(e);
    return !status && structure & RNL_WITH_INDEXES ? drop_indexes(e) : status;
}

/* ---- what comes with the columns ------------------------------------------------------------ */

/* Constraints that stand have their names, so that a new one gets another. */
static int take_names(struct evolve *e)
{
    struct buf key = {0};
    bool good = true;

    for (size_t i = 0; good && i < e->constraints.room; i++) {
        const char *text = e->constraints.slots[i], *name;

        if (!text || idents_has(&e->leaving, text))
            continue;
        for (name = text + 2; *name && (*name != '`' || name[1] == '`'); name++)
            name += *name == '`';
        buf_clear(&key);
        sql_name(&key, e->is.tables[e->task.to].name.database);
        sql_name(&key, name + (*name == '`'));
        good = buf_text(&key) && idents_take(&e->is.constraints, key.ptr);
    }
    buf_free(&key);
    return good ? RNL_OK : error_memory(e->task.err);
}

static bool index_leaves(const struct evolve *e, const char *name)
{
    struct buf key = {0};
    const char *at = constraint_key(&key, 'i', e->standing->name, name);
    bool found = at && idents_has(&e->leaving, at);

    buf_free(&key);
    return found;
}

static void tell_skipped(const struct evolve *e, const struct rnl_index *index, const char *why)
{
    map_find(&e->is, e->task.to, RNL_WARNING, "index.skipped", index->name, NULL,
             "is not carried over: %s", why);
}

/* Where two columns swap names, what is said of theirs comes once they have them. NULL: any. */
static struct buf *clauses_of(struct evolve *e, const struct rnl_index *index)
{
    bool crosses = false;

    for (uint32_t i = 0; e->crossing && i < e->task.is->ncolumns; i++) {
        bool has = !index;

        for (uint32_t p = 0; index && p < index->nparts; p++)
            has = has || index->parts[p].expression || index->parts[p].column == i;
        crosses = crosses || (has && e->crossing[i]);
    }
    return crosses ? &e->later : &e->clauses;
}

/* alone: those that take a statement of their own, as steps; else the others, as clauses. */
static int add_indexes(struct evolve *e, bool alone)
{
    const struct rnl_table *is = e->task.is;
    int status = RNL_OK;

    for (uint32_t i = 0; !status && i < is->nindexes; i++) {
        const struct rnl_index *index = INDEX(is, i);
        const char *name = ddl_index_name(&e->is, e->task.to, i), *why;
        struct buf one = {0}, sql = {0};

        if (!evolution_makes(&e->task.diff.indexes.pairs[i]) || ddl_index_alone(index) != alone ||
            (index_stands(e, name) && !index_leaves(e, name)))
            continue;
        why = ddl_index(&e->is, e->task.to, i, &one);
        if (why || !buf_text(&one)) {
            tell_skipped(e, index, why ? why : "out of memory");
        } else if (alone) {
            buf_printf(&sql, "ALTER TABLE %s ADD %s", e->is.tables[e->task.to].name.qualified,
                       one.ptr);
            status = evolve_step(&e->task, RNL_PHASE_INDEXES, "index", index->name, &sql);
        } else {
            buf_printf(evolve_clause(clauses_of(e, index)), "ADD %s", one.ptr);
        }
        buf_free(&one);
        buf_free(&sql);
    }
    return status;
}

static int add_checks(struct evolve *e)
{
    const struct rnl_table *is = e->task.is;
    char name[IDENT_ROOM];

    for (uint32_t i = 0; i < is->nchecks; i++) {
        struct buf one = {0};

        if (!evolution_makes(&e->task.diff.checks.pairs[i]) ||
            find_constraint(e, &e->is, e->task.to, 'c', check_wanted(CHECK(is, i)), name))
            continue;
        ddl_check(&e->is, e->task.to, CHECK(is, i), &one);
        if (one.len)
            buf_printf(evolve_clause(clauses_of(e, NULL)), "ADD %s", buf_text(&one) ? one.ptr : "");
        if (one.failed)
            e->clauses.failed = true;
        buf_free(&one);
    }
    return e->clauses.failed || e->later.failed ? error_memory(e->task.err) : RNL_OK;
}

int evolve_adds(struct evolve *e)
{
    int status = take_names(e);

    if (!status && e->task.job.structure & RNL_WITH_INDEXES)
        status = add_indexes(e, false);
    return !status && e->task.job.structure & RNL_WITH_CHECKS ? add_checks(e) : status;
}

/* ---- what comes behind ------------------------------------------------------------------------
 */

int evolve_foreign_keys(struct evolve *e)
{
    const struct rnl_table *is = e->task.is;
    char name[IDENT_ROOM];
    int status = e->task.from == UINT32_MAX || e->task.done ? take_names(e) : RNL_OK;

    e->is.keeps = true;
    for (uint32_t i = 0; !status && i < is->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = FOREIGN_KEY(is, i);

        if ((e->task.from != UINT32_MAX && !evolution_makes(&e->task.diff.foreign_keys.pairs[i])) ||
            find_constraint(e, &e->is, e->task.to, 'f', foreign_key_wanted(key), name))
            continue;
        status = ddl_foreign_key(&e->is, e->task.to, key);
    }
    e->is.keeps = false;
    for (const struct kept_step *k = e->is.kept.first; !status && k; k = k->next) {
        struct buf text = {0};

        buf_puts(&text, k->text);
        status = evolve_step(&e->task, (int)k->phase, k->what, k->object, &text);
        buf_free(&text);
    }
    return status;
}

static bool keeps_partitions(const struct evolve *e, const struct rnl_table *table)
{
    return e->is.tables[e->task.to].same && table->flags & RNL_TABLE_PARTITIONED &&
           table->partition_by && *table->partition_by;
}

static bool is_by_value(const struct rnl_table *table)
{
    return strncasecmp(table->partition_by, "RANGE", 5) == 0 ||
           strncasecmp(table->partition_by, "LIST", 4) == 0;
}

/* Rows stay, wherever they belong now: what was dropped with a partition isn't known here. */
static int partition_again(struct evolve *e, bool gone)
{
    struct buf sql = {0};
    int status;

    buf_printf(&sql, "ALTER TABLE %s", e->is.tables[e->task.to].name.qualified);
    ddl_partitions(&e->is, e->task.to, &sql);
    status = evolve_step(&e->task, PHASE_PARTITIONS, "partitions", NULL, &sql);
    buf_free(&sql);
    if (!status && gone && e->has_rows)
        evolve_tell(&e->task, "ddl.partition_dropped", NULL,
                    "rows of partitions that the source dropped stand in the target still: run "
                    "verify --repair for the table");
    return status;
}

static int add_partitions(struct evolve *e)
{
    const struct rnl_table *is = e->task.is;
    struct buf sql = {0};
    bool any = false;
    int status;

    buf_printf(&sql, "ALTER TABLE %s ADD PARTITION (", e->is.tables[e->task.to].name.qualified);
    for (uint32_t i = 0; i < is->npartitions; i++) {
        if (!evolution_is_new(&e->task.diff.partitions.pairs[i]) || PARTITION(is, i)->parent)
            continue;
        buf_puts(&sql, any ? ", " : "");
        ddl_partition(is, PARTITION(is, i), &sql);
        any = true;
    }
    buf_byte(&sql, ')');
    status = any ? evolve_step(&e->task, PHASE_PARTITIONS, "partitions", NULL, &sql) : RNL_OK;
    buf_free(&sql);
    return status;
}

static int make_partitions(struct evolve *e)
{
    const struct rnl_table *was = e->task.was, *is = e->task.is;
    bool now = keeps_partitions(e, is), gone = false, fresh = false, inner = false;
    struct buf sql = {0};
    int status;

    if (!now && keeps_partitions(e, was)) {
        buf_printf(&sql, "ALTER TABLE %s REMOVE PARTITIONING",
                   e->is.tables[e->task.to].name.qualified);
        status = evolve_step(&e->task, PHASE_PARTITIONS, "partitions", NULL, &sql);
        buf_free(&sql);
        return status;
    }
    if (!now)
        return RNL_OK;
    for (uint32_t i = 0; i < e->task.diff.partitions.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.partitions.pairs[i];

        gone = gone || evolution_drops(pair);
        inner = inner || (evolution_is_new(pair) && fresh && i + 1 < is->npartitions &&
                          !evolution_is_new(&e->task.diff.partitions.pairs[i + 1]));
        fresh = fresh || evolution_is_new(pair);
    }
    if (!keeps_partitions(e, was) || strcmp(was->partition_by, is->partition_by) != 0 || gone ||
        (fresh && (!is_by_value(is) || inner)))
        return partition_again(e, gone && !fresh);
    return fresh ? add_partitions(e) : RNL_OK;
}

int evolve_makes(struct evolve *e)
{
    uint32_t structure = e->task.job.structure;
    int status = e->task.done ? RNL_OK : make_partitions(e);

    if (!status && structure & RNL_WITH_INDEXES)
        status = add_indexes(e, true);
    return !status && structure & RNL_WITH_FOREIGN_KEYS ? evolve_foreign_keys(e) : status;
}
