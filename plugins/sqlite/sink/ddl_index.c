/* Unique keys and other indexes, which are made after the rows. */
#include "map.h"

static void tell_skipped(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                         const char *why)
{
    if (!m->resuming)
        map_find(m, t, RNL_WARNING, "index.skipped", index->name, NULL, "is not carried over: %s",
                 why);
}

/* One part; NULL, or why it can't be. */
static const char *add_part(struct mapper *m, uint32_t t, const struct rnl_index *index, uint32_t p,
                            struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_index_part *part = &index->parts[p];
    const struct rnl_column *column;
    enum expr_class class;
    const char *why;

    if (part->expression) {
        buf_byte(sql, '(');
        if (!map_expression(m, t, part->expression, true, true, sql, &class, &why))
            return why;
        buf_byte(sql, ')');
    } else if (part->column >= table->ncolumns) {
        return "it names a column that is not there";
    } else {
        column = COLUMN(table, part->column);
        if (part->prefix && (column->length == 0 || part->prefix < column->length)) {
            buf_puts(sql, "substr(");
            buf_name(sql, m->tables[t].columns[part->column].name);
            buf_printf(sql, ", 1, %u)", part->prefix);
        } else {
            buf_name(sql, m->tables[t].columns[part->column].name);
        }
    }
    if (m->tables[t].same && index->part_options && index->part_options[p])
        buf_printf(sql, " %s", index->part_options[p]);
    buf_puts(sql, part->descending ? " DESC" : "");
    return NULL;
}

static const char *why_not(const struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    static const char *const usual[] = {"btree", "hash"};
    bool known = !index->method || !*index->method || m->tables[t].same;

    if (index->flags & RNL_INDEX_FULLTEXT)
        return "SQLite's full text search is a table of its own (FTS5)";
    if (index->flags & RNL_INDEX_SPATIAL)
        return "SQLite has no spatial indexes";
    if (index->flags & RNL_INDEX_EXCLUDE)
        return "SQLite has no exclusion constraints";
    for (size_t i = 0; !known && i < sizeof(usual) / sizeof(usual[0]); i++)
        known = strcasecmp(index->method, usual[i]) == 0;
    return known ? NULL : "SQLite has no indexes of its method";
}

/* What it would be called, before, and a text that tells it from all others. */
static void wanted_name(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                        char fitted[IDENT_ROOM], char whole[1024])
{
    const char *wanted = index->flags & RNL_INDEX_PRIMARY ? "key" : index->name;
    char longer[2 * IDENT_ROOM];

    if (strncasecmp(wanted, "sqlite_", 7) == 0) /* made by the library for a UNIQUE constraint */
        wanted = wanted + 7;
    snprintf(longer, sizeof(longer), "%.250s_%.250s", m->tables[t].name, wanted);
    ident_cut(&names_rule, index->flags & RNL_INDEX_PRIMARY ? longer : wanted, fitted);
    snprintf(whole, 1024, "%.500s.%.500s", m->tables[t].name, wanted);
}

bool index_candidate(const struct mapper *m, uint32_t t, const struct rnl_index *index, int attempt,
                     char out[IDENT_ROOM])
{
    struct idents taken = {.caseless = true};
    char fitted[IDENT_ROOM], whole[1024];
    bool good = true;

    wanted_name(m, t, index, fitted, whole);
    for (int i = 0; good && i <= attempt; i++)
        good = idents_pick(&taken, &names_rule, fitted, m->tables[t].name, whole, out);
    idents_free(&taken);
    return good;
}

/* Tables and indexes of a file share one namespace. */
bool index_choose_name(struct mapper *m, uint32_t t, const struct rnl_index *index,
                       char out[IDENT_ROOM])
{
    char fitted[IDENT_ROOM], whole[1024];

    wanted_name(m, t, index, fitted, whole);
    if (!idents_pick(&m->relations, &names_rule, fitted, m->tables[t].name, whole, out))
        return false;
    if (strcmp(out, index->name) != 0 && !m->resuming)
        map_find(m, t, RNL_NOTE, "name.index", index->name, NULL, "is named \"%s\" in the target",
                 out);
    return true;
}

static const char *add_where(struct mapper *m, uint32_t t, const struct rnl_index *index,
                             struct buf *sql)
{
    enum expr_class class;
    const char *why;

    if (!index->where)
        return NULL;
    buf_puts(sql, " WHERE ");
    return map_expression(m, t, index->where, true, true, sql, &class, &why) ? NULL : why;
}

int ddl_index(struct mapper *m, uint32_t t, const struct rnl_index *index, const char *name,
              struct buf *sql)
{
    bool unique = index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY);
    const char *why = why_not(m, t, index);

    if (why) {
        tell_skipped(m, t, index, why);
        return RNL_OK;
    }

    buf_printf(sql, "CREATE %sINDEX ", unique ? "UNIQUE " : "");
    buf_name(sql, name);
    buf_puts(sql, " ON ");
    buf_name(sql, m->tables[t].name);
    buf_puts(sql, " (");
    for (uint32_t p = 0; p < index->nparts && !why; p++) {
        buf_puts(sql, p ? ", " : "");
        why = add_part(m, t, index, p, sql);
    }
    buf_byte(sql, ')');
    if (!why)
        why = add_where(m, t, index, sql);
    if (why) {
        tell_skipped(m, t, index, why);
        buf_clear(sql);
    } else if (index->flags & RNL_INDEX_NULLS_EQUAL) {
        map_find(m, t, RNL_WARNING, "index.nulls", index->name, NULL,
                 "lets any number of NULLs in: in SQLite no NULL equals another");
    }
    return buf_text(sql) ? RNL_OK : error_memory(m->err);
}

static int map_index(struct mapper *m, uint32_t t, const struct rnl_index *index, bool keys_only,
                     struct buf *text)
{
    bool unique = index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY);
    struct buf sql = {0};
    char name[IDENT_ROOM];
    int status;

    if (why_not(m, t, index)) {
        tell_skipped(m, t, index, why_not(m, t, index));
        return RNL_OK;
    }
    if (!index_choose_name(m, t, index, name))
        return error_memory(m->err);
    if (target_has(m, 'i', name) && !target_drops(m, t) &&
        (!m->resuming || (mapper_table(m, t)->flags & RNL_TABLE_JOINS)))
        return RNL_OK;
    status = ddl_index(m, t, index, name, &sql);
    if (status == RNL_OK && sql.len > 0 && keys_only)
        buf_printf(text, "%s%s", text->len ? ";\n" : "", sql.ptr);
    else if (status == RNL_OK && sql.len > 0)
        status = map_step(m, unique ? RNL_PHASE_KEYS : RNL_PHASE_INDEXES, unique ? "key" : "index",
                          t, index->name, &sql);
    buf_free(&sql);
    return status;
}

/* In an upsert unique keys stand with the table, all else comes after the rows. */
int ddl_indexes(struct mapper *m, uint32_t t, bool keys_only, struct buf *text)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_index *primary = ddl_primary_of(m, t);
    bool upsert = m->job->write_mode == RNL_UPSERT && (m->job->structure & RNL_WITH_TABLES);
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);
        bool key = index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY);

        /* the primary key of a table that stands there is as it is */
        if (index == primary ||
            ((index->flags & RNL_INDEX_PRIMARY) && m->tables[t].exists && !target_drops(m, t)))
            continue;
        if (upsert && key != keys_only)
            continue;
        status = map_index(m, t, index, keys_only, text);
    }
    return status;
}
