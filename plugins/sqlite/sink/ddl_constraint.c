/* Keys, foreign keys and checks: SQLite takes them with CREATE TABLE or not at all. */
#include "map.h"

const struct rnl_index *ddl_primary_of(const struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);

    if (!(m->job->structure & RNL_WITH_INDEXES))
        return NULL;
    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);
        bool plain = (index->flags & RNL_INDEX_PRIMARY) && index->nparts > 0;

        for (uint32_t p = 0; plain && p < index->nparts; p++)
            plain = !index->parts[p].expression && index->parts[p].column < table->ncolumns &&
                    !index->parts[p].prefix;
        if (plain)
            return index;
    }
    return NULL;
}

void ddl_primary(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_index *index = ddl_primary_of(m, t);
    const struct map_table *map = &m->tables[t];

    if (!index || map->columns[index->parts[0].column].rowid)
        return;
    buf_puts(sql, ",\n  PRIMARY KEY (");
    for (uint32_t p = 0; p < index->nparts; p++) {
        buf_puts(sql, p ? ", " : "");
        buf_name(sql, map->columns[index->parts[p].column].name);
        if (map->same && index->part_options && index->part_options[p])
            buf_printf(sql, " %s", index->part_options[p]);
        buf_puts(sql, index->parts[p].descending ? " DESC" : "");
    }
    buf_byte(sql, ')');
}

/* The table that a foreign key names, as the target has it; -1: it isn't carried over. */
static int64_t find_parent(const struct mapper *m, const struct rnl_foreign_key *key)
{
    for (uint32_t t = 0; t < m->ntables; t++) {
        const struct rnl_table *table = mapper_table(m, t);

        if (strcmp(table->name, key->ref_table) == 0 &&
            (!key->ref_schema || strcmp(table->schema, key->ref_schema) == 0))
            return t;
    }
    /* names of a file are the same in any case */
    for (uint32_t t = 0; t < m->ntables; t++)
        if (m->tables[t].same && strcasecmp(mapper_table(m, t)->name, key->ref_table) == 0)
            return t;
    return -1;
}

static const char *parent_column(const struct mapper *m, uint32_t parent, const char *name)
{
    const struct rnl_table *table = mapper_table(m, parent);

    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcasecmp(COLUMN(table, i)->name, name) == 0)
            return m->tables[parent].columns[i].name;
    return NULL;
}

static void add_action(struct buf *sql, const char *on, uint16_t action)
{
    static const char *const words[] = {"", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"};

    if (action > 0 && action < sizeof(words) / sizeof(words[0]))
        buf_printf(sql, " %s %s", on, words[action]);
}

/* false: a column of the parent is not there. */
static bool add_foreign_key(const struct mapper *m, uint32_t t, uint32_t parent,
                            const struct rnl_foreign_key *key, struct buf *sql)
{
    size_t start = sql->len;

    buf_puts(sql, ",\n  ");
    if (key->name && *key->name) {
        buf_puts(sql, "CONSTRAINT ");
        buf_name(sql, key->name);
        buf_byte(sql, ' ');
    }
    buf_puts(sql, "FOREIGN KEY (");
    for (uint32_t i = 0; i < key->ncolumns; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, m->tables[t].columns[key->columns[i]].name);
    }
    buf_puts(sql, ") REFERENCES ");
    buf_name(sql, m->tables[parent].name);
    buf_puts(sql, " (");
    for (uint32_t i = 0; i < key->ncolumns; i++) {
        const char *name = parent_column(m, parent, key->ref_columns[i]);

        if (!name) {
            sql->len = start;
            return false;
        }
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, name);
    }
    buf_byte(sql, ')');
    add_action(sql, "ON UPDATE", key->on_update);
    add_action(sql, "ON DELETE", key->on_delete);
    if (key->flags & RNL_FOREIGN_KEY_DEFERRABLE)
        buf_printf(sql, " DEFERRABLE%s",
                   key->flags & RNL_FOREIGN_KEY_DEFERRED ? " INITIALLY DEFERRED" : "");
    return true;
}

void ddl_foreign_keys(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);

    for (uint32_t i = 0; i < table->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = FOREIGN_KEY(table, i);
        int64_t parent = find_parent(m, key);

        if (parent < 0 || !add_foreign_key(m, t, (uint32_t)parent, key, sql))
            map_find(m, t, RNL_WARNING, "fk.skipped", key->name, NULL,
                     "is not carried over: the table %s or its column is not moved",
                     key->ref_table);
    }
}

static void add_enum_check(const struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    bool empty =
        !(column->facts_known & RNL_FACT_EMPTY_LABEL) || (column->facts & RNL_FACT_EMPTY_LABEL);

    if (mapper_table(m, t)->dialect && strcmp(mapper_table(m, t)->dialect, "mysql") != 0)
        empty = false;
    buf_puts(sql, ",\n  CHECK (");
    buf_name(sql, m->tables[t].columns[index].name);
    buf_puts(sql, " IN (");
    for (uint32_t i = 0; i < column->nlabels; i++) {
        empty = empty && column->labels[i][0] != '\0';
        buf_puts(sql, i ? ", " : "");
        expr_literal(sql, EXPR_SQLITE, column->labels[i]);
    }
    /* MySQL stores '' for a label that it didn't know */
    buf_puts(sql, empty ? (column->nlabels ? ", ''))" : "''))") : "))");
}

static void add_length_check(const struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);

    buf_puts(sql, ",\n  CHECK (length(");
    buf_name(sql, m->tables[t].columns[index].name);
    buf_printf(sql, ") <= %u)", column->length);
}

static void add_check(struct mapper *m, uint32_t t, const struct rnl_check *check, struct buf *sql)
{
    const char *why = "it is not enforced in the source";
    enum expr_class class = EXPR_OTHER;
    struct buf text = {0};
    bool good = check->enforced &&
                map_expression(m, t, check->expression, true, false, &text, &class, &why);

    if (good && !m->tables[t].same && class != EXPR_BOOL && class != EXPR_INT) {
        good = false;
        why = "it yields no truth value";
    }
    if (good && buf_text(&text)) {
        buf_puts(sql, ",\n  ");
        if (check->name && *check->name) {
            buf_puts(sql, "CONSTRAINT ");
            buf_name(sql, check->name);
            buf_byte(sql, ' ');
        }
        buf_printf(sql, "CHECK (%s)", text.ptr);
    } else {
        map_find(m, t, RNL_WARNING, "check.skipped", check->name, NULL,
                 "is not carried over: %s (%.300s)", why, check->expression);
    }
    buf_free(&text);
}

int ddl_checks(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);

    for (uint32_t i = 0; i < table->nchecks; i++)
        add_check(m, t, CHECK(table, i), sql);
    for (uint32_t i = 0; i < table->ncolumns && !m->tables[t].same; i++) {
        const struct rnl_column *column = COLUMN(table, i);

        if ((column->flags & RNL_COLUMN_ENUM) && m->sink->config->enums == ENUM_CHECK &&
            column->nlabels > 0)
            add_enum_check(m, t, i, sql);
        if (m->sink->config->lengths == LENGTH_CHECK && column->length > 0 &&
            (column->type == RNL_T_TEXT || column->type == RNL_T_BYTES))
            add_length_check(m, t, i, sql);
    }
    return sql->failed ? error_memory(m->err) : RNL_OK;
}

/* Foreign keys and checks bind new rows alone; what the source had is looked at once. */
int ddl_validate(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct buf sql = {0};
    int status = RNL_OK;

    if ((m->job->structure & RNL_WITH_FOREIGN_KEYS) && table->nforeign_keys > 0) {
        buf_puts(&sql, "PRAGMA foreign_key_check(");
        buf_name(&sql, m->tables[t].name);
        buf_byte(&sql, ')');
        status = map_step(m, RNL_PHASE_VALIDATE, "validate foreign keys", t, NULL, &sql);
    }
    if (status == RNL_OK && (m->job->structure & RNL_WITH_CHECKS) && table->nchecks > 0 &&
        !m->tables[t].exists) {
        buf_puts(&sql, "PRAGMA quick_check(");
        buf_name(&sql, m->tables[t].name);
        buf_byte(&sql, ')');
        status = map_step(m, RNL_PHASE_CHECKS, "validate checks", t, NULL, &sql);
    }
    buf_free(&sql);
    return status;
}
