/* Foreign keys and checks: added without a look at the rows, then validated. */
#include "native.h"
#include "translate.h"

#include <strings.h>

static const char *const actions[] = {"", " RESTRICT", " CASCADE", " SET NULL", " SET DEFAULT"};

static uint32_t find_column(const struct rnl_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcmp(COLUMN(table, i)->name, name) == 0)
            return i;
    if (table_is_native(table))
        return UINT32_MAX;
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcasecmp(COLUMN(table, i)->name, name) == 0)
            return i;
    return UINT32_MAX;
}

/* PostgreSQL wants a unique key of just these columns at the other end. */
static bool is_unique(const struct rnl_table *table, const uint32_t *columns, uint32_t count)
{
    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);
        uint32_t hits = 0;

        if (!(index->flags & (RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE)) || index->nparts != count ||
            index->where)
            continue;
        for (uint32_t p = 0; p < count; p++)
            for (uint32_t c = 0; c < count; c++)
                hits += !index->parts[p].expression && !index->parts[p].prefix &&
                        !index->parts[p].descending && index->parts[p].column == columns[c];
        if (hits == count)
            return true;
    }
    return false;
}

static void tell_skipped(const struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk,
                         const char *code, const char *why)
{
    map_find(m, t, RNL_WARNING, code, fk->name, NULL, "is not carried over: %s %s.%s", why,
             fk->ref_schema, fk->ref_table);
}

static void add_names(const struct map_table *map, const uint32_t *columns, uint32_t count,
                      struct buf *sql)
{
    buf_byte(sql, '(');
    for (uint32_t i = 0; i < count; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, map->columns[columns[i]].name);
    }
    buf_byte(sql, ')');
}

static int add_foreign_key(struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk,
                           uint32_t ref, const uint32_t *ref_columns, const char *name)
{
    const struct map_table *map = &m->tables[t];
    struct buf sql = {0};
    int status = RNL_OK;

    /* one that stands there already was dropped before the rows came: see ddl_table() */
    buf_printf(&sql, "ALTER TABLE %s ADD CONSTRAINT ", map->qualified);
    buf_name(&sql, name);
    buf_puts(&sql, " FOREIGN KEY ");
    add_names(map, fk->columns, fk->ncolumns, &sql);
    buf_printf(&sql, " REFERENCES %s ", m->tables[ref].qualified);
    add_names(&m->tables[ref], ref_columns, fk->ncolumns, &sql);
    if (fk->flags & RNL_FOREIGN_KEY_MATCH_FULL)
        buf_puts(&sql, " MATCH FULL");
    if (fk->on_delete > RNL_ACTION_NONE && fk->on_delete <= RNL_ACTION_SET_DEFAULT)
        buf_printf(&sql, " ON DELETE%s", actions[fk->on_delete]);
    if (fk->on_update > RNL_ACTION_NONE && fk->on_update <= RNL_ACTION_SET_DEFAULT)
        buf_printf(&sql, " ON UPDATE%s", actions[fk->on_update]);
    if (fk->flags & RNL_FOREIGN_KEY_DEFERRABLE)
        buf_puts(&sql, fk->flags & RNL_FOREIGN_KEY_DEFERRED ? " DEFERRABLE INITIALLY DEFERRED"
                                                            : " DEFERRABLE");
    /* a partitioned table takes them valid only */
    if (!native_partitioned(m, mapper_table(m, t)))
        buf_puts(&sql, " NOT VALID");
    status = map_step(m, RNL_PHASE_FOREIGN_KEYS, "foreign key", t, fk->name, &sql);
    if ((fk->flags & RNL_FOREIGN_KEY_UNCHECKED) && table_is_native(mapper_table(m, t))) {
        map_find(m, t, RNL_NOTE, "fk.unchecked", fk->name, NULL,
                 "stays NOT VALID, as it is in the source");
    } else if (status == RNL_OK && !native_partitioned(m, mapper_table(m, t))) {
        buf_printf(&sql, "ALTER TABLE %s VALIDATE CONSTRAINT ", map->qualified);
        buf_name(&sql, name);
        status = map_step(m, RNL_PHASE_VALIDATE, "validate", t, fk->name, &sql);
    }
    buf_free(&sql);
    return status;
}

/* Constraints of indexes have names in the same namespace of the table. */
static bool take_index_names(const struct rnl_table *table, struct idents *taken)
{
    bool good = true;

    for (uint32_t i = 0; good && i < table->nindexes; i++)
        good = !INDEX(table, i)->name || idents_take(taken, INDEX(table, i)->name);
    return good;
}

static bool name_foreign_key(const struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk,
                             struct idents *taken, char *name)
{
    char fitted[NAME_BYTES + 1];

    ident_fit(fk->name, m->sink->config->name_case == CASE_LOWER, fitted);
    return idents_choose(taken, fitted, m->tables[t].name, fk->name, name);
}

bool foreign_key_names(const struct mapper *m, uint32_t t, char (*names)[NAME_BYTES + 1])
{
    const struct rnl_table *table = mapper_table(m, t);
    struct idents taken = {0};
    bool good = take_index_names(table, &taken);

    for (uint32_t i = 0; good && i < table->nforeign_keys; i++)
        good = name_foreign_key(m, t, FOREIGN_KEY(table, i), &taken, names[i]);
    idents_free(&taken);
    return good;
}

bool foreign_key_is_ours(const struct mapper *m, uint32_t t, const char *constraint)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct idents taken = {0};
    char name[NAME_BYTES + 1];
    bool found = false, good = take_index_names(table, &taken);

    for (uint32_t i = 0; good && !found && i < table->nforeign_keys; i++) {
        good = name_foreign_key(m, t, FOREIGN_KEY(table, i), &taken, name);
        found = good && strcmp(name, constraint) == 0;
    }
    idents_free(&taken);
    return found;
}

static bool drop_of_table(const struct mapper *m, uint32_t from, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, from), *to = mapper_table(m, t);
    struct idents taken = {0};
    char name[NAME_BYTES + 1];
    bool good = take_index_names(table, &taken);

    for (uint32_t i = 0; good && i < table->nforeign_keys; i++) {
        const struct rnl_foreign_key *fk = FOREIGN_KEY(table, i);

        good = name_foreign_key(m, from, fk, &taken, name);
        if (from != t &&
            (strcmp(fk->ref_table, to->name) != 0 || strcmp(fk->ref_schema, to->schema) != 0))
            continue;
        buf_printf(sql, "ALTER TABLE IF EXISTS %s DROP CONSTRAINT IF EXISTS ",
                   m->tables[from].qualified);
        buf_name(sql, name);
        buf_puts(sql, ";\n");
    }
    idents_free(&taken);
    return good;
}

bool ddl_drop_foreign_keys(const struct mapper *m, uint32_t t, struct buf *sql)
{
    bool good = true;

    for (uint32_t from = 0; good && from < m->ntables; from++)
        if (m->tables[from].exists && mapper_table(m, from)->nforeign_keys)
            good = drop_of_table(m, from, t, sql);
    return good;
}

static int map_foreign_key(struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk,
                           struct idents *taken)
{
    uint32_t ref = mapper_find(m, fk->ref_schema, fk->ref_table), columns[64];
    char name[NAME_BYTES + 1];
    const struct rnl_table *to;
    int status;

    if (ref == UINT32_MAX) {
        tell_skipped(m, t, fk, "fk.table_missing", "this run doesn't carry");
        return RNL_OK;
    }
    to = mapper_table(m, ref);
    for (uint32_t i = 0; i < fk->ncolumns; i++) {
        columns[i % 64] = find_column(to, fk->ref_columns[i]);
        if (fk->ncolumns > 64 || columns[i] == UINT32_MAX) {
            tell_skipped(m, t, fk, "fk.column_missing", "it names an unknown column of");
            return RNL_OK;
        }
    }
    if (!is_unique(to, columns, fk->ncolumns)) {
        tell_skipped(m, t, fk, "fk.not_unique", "it refers to columns that are no unique key of");
        return RNL_OK;
    }
    if (!name_foreign_key(m, t, fk, taken, name))
        return error_memory(m->err);
    m->step_flags = to->flags & RNL_TABLE_JOINS ? RNL_STEP_JOINS : 0;
    status = add_foreign_key(m, t, fk, ref, columns, name);
    m->step_flags = 0;
    return status;
}

int ddl_foreign_keys(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct idents taken = {0};
    int status = RNL_OK;

    if (!take_index_names(table, &taken))
        status = error_memory(m->err);
    for (uint32_t i = 0; status == RNL_OK && i < table->nforeign_keys; i++)
        status = map_foreign_key(m, t, FOREIGN_KEY(table, i), &taken);
    idents_free(&taken);
    return status;
}

/* NOT VALID at first: what the source held is carried over even where it breaks the rule. */
static int add_check(struct mapper *m, uint32_t t, const char *object, const char *name,
                     struct buf *condition)
{
    const char *qualified = m->tables[t].qualified;
    struct buf sql = {0};
    int status = RNL_OK;

    if (!buf_text(condition))
        return error_memory(m->err);
    if (!target_has(m, t, 'c', name)) {
        buf_printf(&sql, "ALTER TABLE %s ADD CONSTRAINT ", qualified);
        buf_name(&sql, name);
        buf_printf(&sql, " CHECK (%s) NOT VALID", condition->ptr);
        status = map_step(m, RNL_PHASE_CHECKS, "check", t, object, &sql);
    }
    if (status == RNL_OK) {
        buf_printf(&sql, "ALTER TABLE %s VALIDATE CONSTRAINT ", qualified);
        buf_name(&sql, name);
        status = map_step(m, RNL_PHASE_VALUES, "validate check", t, object, &sql);
    }
    buf_free(&sql);
    return status;
}

static bool name_enum_check(const struct mapper *m, uint32_t t, uint32_t index,
                            struct idents *taken, char *name)
{
    char wanted[NAME_BYTES * 2 + 8], fitted[NAME_BYTES + 1];

    snprintf(wanted, sizeof(wanted), "%s_check", m->tables[t].columns[index].name);
    ident_fit(wanted, false, fitted);
    return idents_choose(taken, fitted, m->tables[t].name, wanted, name);
}

static bool has_enum_check(const struct mapper *m, uint32_t t, uint32_t index)
{
    const struct rnl_table *table = mapper_table(m, t);

    return !table_is_native(table) && (COLUMN(table, index)->flags & RNL_COLUMN_ENUM) &&
           m->sink->config->enums == ENUM_CHECK && m->tables[t].columns[index].kind == PG_TEXT;
}

static int add_enum_check(struct mapper *m, uint32_t t, uint32_t index, struct idents *taken)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    const struct map_column *map = &m->tables[t].columns[index];
    bool empty =
        !(column->facts_known & RNL_FACT_EMPTY_LABEL) || (column->facts & RNL_FACT_EMPTY_LABEL);
    char name[NAME_BYTES + 1];
    struct buf condition = {0};
    int status;

    if (!name_enum_check(m, t, index, taken, name))
        return error_memory(m->err);
    buf_name(&condition, map->name);
    buf_puts(&condition, " IN (");
    for (uint32_t i = 0; i < column->nlabels; i++) {
        empty = empty && column->labels[i][0] != '\0';
        buf_puts(&condition, i ? ", " : "");
        buf_literal(&condition, column->labels[i]);
    }
    /* MySQL stores '' for a label that it didn't know */
    buf_puts(&condition, empty ? (column->nlabels ? ", '')" : "'')") : ")");
    status = add_check(m, t, column->name, name, &condition);
    buf_free(&condition);
    return status;
}

/* As it is called, or after its table: "t_check", "t_t_check", … */
static bool name_check(struct mapper *m, uint32_t t, const struct rnl_check *check,
                       struct idents *taken, char *name)
{
    bool named = check->name && *check->name;
    char wanted[NAME_BYTES * 2 + 8], fitted[NAME_BYTES + 1];

    snprintf(wanted, sizeof(wanted), "%s_check", m->tables[t].name);
    ident_fit(named ? check->name : wanted, m->sink->config->name_case == CASE_LOWER, fitted);
    return idents_choose(taken, fitted, m->tables[t].name, named ? check->name : check->expression,
                         name);
}

/* Just as it is; of a domain's checks the domain itself takes care. */
static int native_check(struct mapper *m, uint32_t t, const struct rnl_check *check,
                        struct idents *taken)
{
    char name[NAME_BYTES + 1];
    const char *why = "it is not enforced in the source";
    struct buf condition = {0};
    int status = RNL_OK;

    if (check->of_type)
        return RNL_OK;
    if (!check->enforced || !native_expression(m, check->expression, &condition, &why)) {
        map_find(m, t, RNL_WARNING, "check.skipped", check->name, NULL,
                 "is not carried over: %s (%.300s)", why, check->expression);
    } else {
        status = name_check(m, t, check, taken, name)
                     ? add_check(m, t, check->name && *check->name ? check->name : name, name,
                                 &condition)
                     : error_memory(m->err);
    }
    buf_free(&condition);
    return status;
}

static int map_check(struct mapper *m, uint32_t t, const struct rnl_check *check,
                     struct idents *taken)
{
    char name[NAME_BYTES + 1];
    const char *why = "its expression is of another dialect";
    struct buf condition = {0};
    enum expr_class class = EXPR_OTHER;
    bool good;
    int status = RNL_OK;

    good = check->enforced &&
           translate(m, t, TRANSLATE_CHECK, check->expression, &condition, &class, &why);
    if (good && class == EXPR_INT)
        buf_puts(&condition, " <> 0");
    else if (good && class != EXPR_BOOL) {
        good = false;
        why = "it yields no truth value";
    }
    if (!good) {
        map_find(m, t, RNL_WARNING, "check.skipped", check->name, NULL,
                 "is not carried over: %s (%.300s)",
                 check->enforced ? why : "it is not enforced in the source", check->expression);
    } else {
        status = name_check(m, t, check, taken, name)
                     ? add_check(m, t, check->name && *check->name ? check->name : name, name,
                                 &condition)
                     : error_memory(m->err);
    }
    buf_free(&condition);
    return status;
}

/* Names that a check of the table can't have. */
static bool take_other_names(const struct rnl_table *table, struct idents *taken)
{
    bool good = take_index_names(table, taken);

    for (uint32_t i = 0; good && i < table->nforeign_keys; i++)
        good = idents_take(taken, FOREIGN_KEY(table, i)->name);
    return good;
}

bool check_names(struct mapper *m, uint32_t t, char (*names)[NAME_BYTES + 1])
{
    const struct rnl_table *table = mapper_table(m, t);
    struct idents taken = {0};
    bool good = take_other_names(table, &taken);

    for (uint32_t i = 0; good && i < table->nchecks; i++)
        good = name_check(m, t, CHECK(table, i), &taken, names[i]);
    for (uint32_t i = 0; good && i < table->ncolumns; i++) {
        names[table->nchecks + i][0] = '\0';
        if (has_enum_check(m, t, i))
            good = name_enum_check(m, t, i, &taken, names[table->nchecks + i]);
    }
    idents_free(&taken);
    return good;
}

int ddl_checks(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct idents taken = {0};
    int status = RNL_OK;

    if (!take_other_names(table, &taken))
        status = error_memory(m->err);
    for (uint32_t i = 0; status == RNL_OK && i < table->nchecks; i++)
        status = table_is_native(table) ? native_check(m, t, CHECK(table, i), &taken)
                                        : map_check(m, t, CHECK(table, i), &taken);
    for (uint32_t i = 0; status == RNL_OK && i < table->ncolumns; i++)
        if (has_enum_check(m, t, i))
            status = add_enum_check(m, t, i, &taken);
    idents_free(&taken);
    return status;
}
