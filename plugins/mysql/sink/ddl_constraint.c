/* Foreign keys and checks. */
#include "map.h"

#include <strings.h>

static const char *const actions[] = {"", " RESTRICT", " CASCADE", " SET NULL", " SET DEFAULT"};

static void tell_skipped(const struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk,
                         const char *code, const char *why)
{
    map_find(m, t, RNL_WARNING, code, fk->name, NULL, "is not carried over: %s %s.%s", why,
             fk->ref_schema ? fk->ref_schema : "", fk->ref_table);
}

static uint32_t find_column(const struct rnl_table *table, const char *name)
{
    uint32_t near = UINT32_MAX;

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (strcmp(COLUMN(table, i)->name, name) == 0)
            return i;
        if (strcasecmp(COLUMN(table, i)->name, name) == 0)
            near = i;
    }
    return near;
}

static bool leads_index(const struct rnl_index *index, const uint32_t *columns, uint32_t count)
{
    uint32_t hits = 0;

    if (index->nparts < count || (index->where && *index->where) ||
        index->flags & (RNL_INDEX_FULLTEXT | RNL_INDEX_SPATIAL | RNL_INDEX_EXCLUDE))
        return false;
    for (uint32_t p = 0; p < count; p++)
        for (uint32_t c = 0; c < count; c++)
            hits += !index->parts[p].expression && index->parts[p].column == columns[c];
    return hits == count;
}

/* An index of the other table must begin with the columns that are referred to. */
static bool is_indexed(const struct mapper *m, uint32_t ref, const uint32_t *columns,
                       uint32_t count)
{
    const struct rnl_table *table = mapper_table(m, ref);

    for (uint32_t i = 0; i < table->nindexes; i++)
        if (!m->tables[ref].hashed[i] && leads_index(INDEX(table, i), columns, count))
            return true;
    return false;
}

/* What keeps columns from being part of a foreign key; NULL: nothing. */
static const char *columns_fault(const struct map_table *map, const uint32_t *columns,
                                 uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct map_column *to = &map->columns[columns[i]];

        if (to->shape != SHAPE_FIXED && to->shape != SHAPE_CHARS && to->shape != SHAPE_BYTES)
            return "its columns are too long in the target for a key to";
    }
    return NULL;
}

static void add_names(const struct map_table *map, const uint32_t *columns, uint32_t count,
                      struct buf *sql)
{
    buf_byte(sql, '(');
    for (uint32_t i = 0; i < count; i++) {
        buf_puts(sql, i ? ", " : "");
        sql_name(sql, map->columns[columns[i]].name);
    }
    buf_byte(sql, ')');
}

bool constraint_candidate(const struct mapper *m, uint32_t t, const char *wanted, int attempt,
                          char out[IDENT_ROOM])
{
    const struct ident_rule rule = {.max = 64, .characters = true};
    const struct map_table *map = &m->tables[t];
    struct buf longer = {0}, whole = {0};
    bool good;

    buf_printf(&longer, "%s_%s", map->name.name, wanted);
    buf_printf(&whole, "%s.%s", map->name.qualified, wanted);
    good = buf_text(&longer) && buf_text(&whole);
    if (good && attempt == 2)
        ident_cut_hashed(&rule, longer.ptr, whole.ptr, out);
    else if (good)
        ident_cut(&rule, attempt ? longer.ptr : wanted, out);
    buf_free(&longer);
    buf_free(&whole);
    return good;
}

const char *foreign_key_wanted(const struct rnl_foreign_key *fk)
{
    return fk->name && *fk->name ? fk->name : "foreign_key";
}

const char *check_wanted(const struct rnl_check *check)
{
    return check->name && *check->name ? check->name : "check";
}

/* Names of constraints are unique in a database, not in a table. */
static bool constraint_name(struct mapper *m, uint32_t t, const char *wanted, char out[IDENT_ROOM])
{
    const struct map_table *map = &m->tables[t];
    struct buf key = {0};
    bool good = true, taken = true;

    for (int attempt = 0; good && taken && attempt < 3; attempt++) {
        if (!constraint_candidate(m, t, wanted, attempt, out))
            good = false;
        buf_clear(&key);
        sql_name(&key, map->name.database);
        sql_name(&key, out);
        good = good && buf_text(&key) != NULL;
        taken = good && idents_has(&m->constraints, key.ptr);
    }
    good = good && idents_take(&m->constraints, key.ptr);
    buf_free(&key);
    return good;
}

static void add_action(const struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk,
                       const char *event, uint16_t action, struct buf *sql)
{
    if (action == RNL_ACTION_SET_DEFAULT)
        map_find(m, t, RNL_WARNING, "fk.set_default", fk->name, NULL,
                 "loses ON %s SET DEFAULT, which the target lacks: such a change is refused",
                 event);
    else if (action > RNL_ACTION_NONE && action < RNL_ACTION_SET_DEFAULT)
        buf_printf(sql, " ON %s%s", event, actions[action]);
}

/* What step.c asks for rows without a parent by. */
static void add_orphans_query(const struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk,
                              uint32_t ref, const uint32_t *columns, struct buf *sql)
{
    const struct map_table *map = &m->tables[t], *to = &m->tables[ref];

    buf_puts(sql, "SELECT COUNT(*), MIN(CONCAT_WS(',', ");
    for (uint32_t i = 0; i < fk->ncolumns; i++) {
        buf_puts(sql, i ? ", c." : "c.");
        sql_name(sql, map->columns[fk->columns[i]].name);
    }
    buf_printf(sql, ")) FROM %s c LEFT JOIN %s p ON ", map->name.qualified, to->name.qualified);
    for (uint32_t i = 0; i < fk->ncolumns; i++) {
        buf_puts(sql, i ? " AND p." : "p.");
        sql_name(sql, to->columns[columns[i]].name);
        buf_puts(sql, " = c.");
        sql_name(sql, map->columns[fk->columns[i]].name);
    }
    buf_puts(sql, " WHERE p.");
    sql_name(sql, to->columns[columns[0]].name);
    buf_puts(sql, " IS NULL");
    for (uint32_t i = 0; i < fk->ncolumns; i++) {
        buf_puts(sql, " AND c.");
        sql_name(sql, map->columns[fk->columns[i]].name);
        buf_puts(sql, " IS NOT NULL");
    }
}

static void tell_changes(const struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk)
{
    if (fk->flags & RNL_FOREIGN_KEY_DEFERRABLE)
        map_find(m, t, RNL_WARNING, "fk.deferrable", fk->name, NULL,
                 "is checked at each statement: the target defers nothing");
    if (fk->flags & RNL_FOREIGN_KEY_MATCH_FULL && fk->ncolumns > 1)
        map_find(m, t, RNL_WARNING, "fk.match_full", fk->name, NULL,
                 "is MATCH SIMPLE in the target: a row with one NULL is not checked");
}

/* Added without a look at the rows, which would copy the table; then looked at. */
/* In a run that goes on steps tell what is done; but for tables that joined it since. */
static bool may_stand(const struct mapper *m, uint32_t t, uint32_t ref)
{
    uint32_t flags = mapper_table(m, t)->flags, others = mapper_table(m, ref)->flags;

    return !(flags & RNL_TABLE_AGAIN) && (!m->resuming || ((flags | others) & RNL_TABLE_JOINS));
}

static int add_foreign_key(struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk,
                           uint32_t ref, const uint32_t *columns)
{
    const struct map_table *map = &m->tables[t];
    char name[IDENT_ROOM];
    struct buf sql = {0};
    bool standing;
    int status = RNL_OK;

    if (!constraint_name(m, t, foreign_key_wanted(fk), name))
        return error_memory(m->err);
    tell_changes(m, t, fk);
    /* one that stands there already stays: our sessions don't check it while rows come */
    standing = may_stand(m, t, ref) && target_has(m, t, 'f', name);
    if (!standing) {
        buf_printf(&sql, "ALTER TABLE %s ADD CONSTRAINT ", map->name.qualified);
        sql_name(&sql, name);
        buf_puts(&sql, " FOREIGN KEY ");
        add_names(map, fk->columns, fk->ncolumns, &sql);
        buf_printf(&sql, " REFERENCES %s ", m->tables[ref].name.qualified);
        add_names(&m->tables[ref], columns, fk->ncolumns, &sql);
        add_action(m, t, fk, "DELETE", fk->on_delete, &sql);
        add_action(m, t, fk, "UPDATE", fk->on_update, &sql);
        status = map_step(m, RNL_PHASE_FOREIGN_KEYS, "foreign key", t, name, 0, &sql);
    }
    if (!status) {
        add_orphans_query(m, t, fk, ref, columns, &sql);
        if (!standing) {
            buf_printf(&sql, ";\n-- when there are any:\nALTER TABLE %s DROP FOREIGN KEY ",
                       map->name.qualified);
            sql_name(&sql, name);
        }
        status = map_step(m, RNL_PHASE_VALIDATE, "validate", t, name, 0, &sql);
    }
    buf_free(&sql);
    return status;
}

int ddl_foreign_key(struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk)
{
    uint32_t ref = map_find_table(m, fk->ref_schema, fk->ref_table), columns[PART_COUNT];
    const char *why;
    int status;

    if (ref == UINT32_MAX) {
        tell_skipped(m, t, fk, "fk.table_missing", "this run doesn't carry");
        return RNL_OK;
    }
    for (uint32_t i = 0; i < fk->ncolumns; i++) {
        columns[i % PART_COUNT] = find_column(mapper_table(m, ref), fk->ref_columns[i]);
        if (fk->ncolumns > PART_COUNT || columns[i] == UINT32_MAX) {
            tell_skipped(m, t, fk, "fk.column_missing", "it names an unknown column of");
            return RNL_OK;
        }
    }
    why = columns_fault(&m->tables[t], fk->columns, fk->ncolumns);
    if (!why)
        why = columns_fault(&m->tables[ref], columns, fk->ncolumns);
    if (!why && !is_indexed(m, ref, columns, fk->ncolumns))
        why = "no index of the target begins with the columns of";
    if (!why && (mapper_table(m, t)->flags & RNL_TABLE_PARTITIONED && m->tables[t].same))
        why = "a partitioned table has none in the target, from or to";
    if (why) {
        tell_skipped(m, t, fk, "fk.not_possible", why);
        return RNL_OK;
    }
    m->step_flags = mapper_table(m, ref)->flags & RNL_TABLE_JOINS ? RNL_STEP_JOINS : 0;
    status = add_foreign_key(m, t, fk, ref, columns);
    m->step_flags = 0;
    return status;
}

int ddl_foreign_keys(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    int status = RNL_OK;

    for (uint32_t i = 0; !status && i < table->nforeign_keys; i++)
        status = ddl_foreign_key(m, t, FOREIGN_KEY(table, i));
    return status;
}

static void tell_check(const struct mapper *m, uint32_t t, const struct rnl_check *check,
                       const char *why)
{
    map_find(m, t, RNL_WARNING, "check.skipped", check->name, NULL,
             "is not carried over: %s (%.300s)", why, check->expression);
}

void ddl_check(struct mapper *m, uint32_t t, const struct rnl_check *check, struct buf *sql)
{
    bool has = m->sink->server.mariadb || m->sink->server.version >= 80016;
    bool silent = !check->enforced && !m->sink->server.mariadb;
    enum expr_class yields;
    struct buf text = {0};
    char name[IDENT_ROOM];
    const char *why = "the server has no checks";

    if (check->enforced || silent)
        why = has ? NULL : why;
    else
        why = "it is not enforced in the source";
    if (why || !map_expression(m, t, check->expression, false, &text, &yields, &why)) {
        tell_check(m, t, check, why);
    } else if (!buf_text(&text) || !constraint_name(m, t, check_wanted(check), name)) {
        sql->failed = true;
    } else {
        buf_puts(sql, "CONSTRAINT ");
        sql_name(sql, name);
        buf_printf(sql, " CHECK (%s)%s", text.ptr, silent ? " NOT ENFORCED" : "");
    }
    buf_free(&text);
}

void ddl_inline_checks(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);

    for (uint32_t i = 0; i < table->nchecks; i++) {
        struct buf one = {0};

        ddl_check(m, t, CHECK(table, i), &one);
        if (one.failed)
            sql->failed = true;
        else if (one.len)
            buf_printf(sql, ",\n  %s", buf_text(&one) ? one.ptr : "");
        buf_free(&one);
    }
}
