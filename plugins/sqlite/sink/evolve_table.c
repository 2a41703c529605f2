/*
 * What is done to a table that was altered in the source: by ALTER TABLE where SQLite has a word
 * for it, else by making the table anew and copying its rows, in the same transaction.
 */
#include "evolve.h"

/* A column in both forms as the target is to have it; NULL where it isn't. */
struct both {
    const struct evolution_pair *pair;
    const struct rnl_column *from, *to;
    struct map_column *was, *is;
    struct buf earlier, spelled; /* as CREATE TABLE has it */
    bool stands;                 /* by the earlier name */
    const char *source;          /* the name of what its values are taken from; NULL: nothing */
};

/* ---- what stands ------------------------------------------------------------------------ */

static int ask(struct evolve *e, const char *before, const char *name, bool literal,
               const char *after, struct buf *rows)
{
    struct buf sql = {0};
    sqlite3_stmt *stmt = NULL;
    int status;

    buf_puts(&sql, before);
    if (literal)
        expr_literal(&sql, EXPR_SQLITE, name);
    else
        buf_name(&sql, name);
    buf_puts(&sql, after);
    status = buf_text(&sql)
                 ? sq_prepare(e->sink->control, sql.ptr, "look at the table", &stmt, e->task.err)
                 : error_memory(e->task.err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    while ((status = sq_step(stmt, "look at the table", e->task.err)) == RNL_OK) {
        buf_puts(rows, sq_text(stmt, 0));
        buf_byte(rows, '\0');
    }
    sqlite3_finalize(stmt);
    return status == RNL_DONE ? (rows->failed ? error_memory(e->task.err) : RNL_OK) : status;
}

int evolve_look(struct evolve *e)
{
    struct buf rows = {0};
    int status = ask(e, "SELECT name FROM pragma_table_xinfo(", e->standing, true, ")", &rows);

    for (size_t at = 0; status == RNL_OK && at < rows.len; at += strlen(rows.ptr + at) + 1)
        if (!idents_take(&e->columns, rows.ptr + at))
            status = error_memory(e->task.err);
    buf_clear(&rows);
    if (status == RNL_OK)
        status = ask(e, "SELECT 1 FROM ", e->standing, false, " LIMIT 1", &rows);
    e->has_rows = rows.len > 0;
    buf_free(&rows);
    return status;
}

static bool was_others(const struct evolve *e, const char *name, uint32_t but)
{
    for (uint32_t i = 0; i < e->task.was->ncolumns; i++)
        if (i != but && strcasecmp(e->was.tables[e->task.from].columns[i].name, name) == 0)
            return true;
    return false;
}

static int spell(struct evolve *e, uint32_t number, struct both *b)
{
    const struct evolution_pair *pair = &e->task.diff.columns.pairs[number];

    b->pair = pair;
    if (!evolution_is_new(pair)) {
        b->from = COLUMN(e->task.was, pair->from);
        b->was = &e->was.tables[e->task.from].columns[pair->from];
        b->stands = idents_has(&e->columns, b->was->name);
        ddl_column(&e->was, e->task.from, pair->from, &b->earlier);
        b->source = b->stands ? b->was->name : NULL;
    }
    if (!evolution_is_gone(pair)) {
        b->to = COLUMN(e->task.is, pair->to);
        b->is = &e->is.tables[e->task.to].columns[pair->to];
        ddl_column(&e->is, e->task.to, pair->to, &b->spelled);
        if (!b->source && idents_has(&e->columns, b->is->name) &&
            !was_others(e, b->is->name, b->was ? pair->from : UINT32_MAX))
            b->source = b->is->name;
    }
    return buf_text(&b->earlier) && buf_text(&b->spelled) ? RNL_OK : error_memory(e->task.err);
}

/* ---- which way ---------------------------------------------------------------------------- */

/* What stands behind the name. */
static const char *behind(const struct both *b, bool now)
{
    const struct buf *spelled = now ? &b->spelled : &b->earlier;
    const char *at = spelled->ptr + 1;

    while (*at && (*at != '"' || at[1] == '"'))
        at += *at == '"' ? 2 : 1;
    return at;
}

/* Its labels or its length are a CHECK of the table. */
static bool is_checked(const struct evolve *e, const struct rnl_column *column)
{
    const struct sink_config *config = e->sink->config;

    if (!(e->task.job.structure & RNL_WITH_CHECKS) || e->is.tables[e->task.to].same)
        return false;
    return ((column->flags & RNL_COLUMN_ENUM) && config->enums == ENUM_CHECK) ||
           (config->lengths == LENGTH_CHECK && column->length > 0 &&
            (column->type == RNL_T_TEXT || column->type == RNL_T_BYTES));
}

static bool is_constant(const char *spelled)
{
    const char *at = strstr(spelled, " DEFAULT ");

    return !at || (at[9] != '(' && strncmp(at + 9, "CURRENT_", 8) != 0);
}

/* What ALTER TABLE ADD COLUMN takes. */
static bool can_add(const struct evolve *e, const struct both *b)
{
    const char *rest = behind(b, true);
    bool filled = strstr(rest, " DEFAULT ") || !e->has_rows;

    return !is_checked(e, b->to) && !b->is->rowid && is_constant(rest) &&
           (!strstr(rest, " NOT NULL") || filled) &&
           (!b->is->generated || b->to->flags & RNL_COLUMN_VIRTUAL);
}

static bool same_texts(const struct evolution_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (evolution_is_new(&list->pairs[i]) || evolution_is_gone(&list->pairs[i]) ||
            list->pairs[i].changes)
            return false;
    return true;
}

/* The key stands within CREATE TABLE. */
static bool same_primary(const struct evolve *e)
{
    const struct rnl_index *was = ddl_primary_of(&e->was, e->task.from);
    const struct rnl_index *is = ddl_primary_of(&e->is, e->task.to);

    if (!was || !is)
        return was == is;
    for (uint32_t i = 0; i < e->task.diff.indexes.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.indexes.pairs[i];

        if (pair->to != UINT32_MAX && INDEX(e->task.is, pair->to) == is)
            return pair->from != UINT32_MAX && INDEX(e->task.was, pair->from) == was &&
                   !pair->changes;
    }
    return false;
}

static bool is_crossing(const struct evolve *e, const struct both *b)
{
    return b->was && b->is && strcasecmp(b->was->name, b->is->name) != 0 &&
           was_others(e, b->is->name, b->pair->from);
}

/* Whether the words that ALTER TABLE has are enough. */
static bool can_alter(const struct evolve *e, const struct both *all)
{
    uint32_t structure = e->task.job.structure;

    if ((structure & RNL_WITH_FOREIGN_KEYS && !same_texts(&e->task.diff.foreign_keys)) ||
        (structure & RNL_WITH_CHECKS && !same_texts(&e->task.diff.checks)) || !same_primary(e))
        return false;
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++) {
        const struct both *b = &all[i];

        if (!b->is && (!b->stands || !is_checked(e, b->from)))
            continue;
        if (!b->is || is_crossing(e, b) || (!b->source && !can_add(e, b)))
            return false;
        if (b->was && (strcmp(behind(b, false), behind(b, true)) != 0 ||
                       (b->pair->changes & EVOLVED_TYPE && is_checked(e, b->to))))
            return false;
    }
    return true;
}

/* ---- by ALTER TABLE ------------------------------------------------------------------------- */

static void alter(const struct evolve *e, const char *what, struct buf *sql)
{
    buf_puts(sql, "ALTER TABLE ");
    buf_name(sql, e->standing);
    buf_printf(sql, " %s COLUMN ", what);
}

static void alter_columns(struct evolve *e, const struct both *all)
{
    struct buf *sql = &e->sql;

    for (uint32_t i = 0; i < e->task.diff.columns.count; i++)
        if (!all[i].is && all[i].stands) {
            alter(e, "DROP", sql);
            buf_name(sql, all[i].was->name);
            buf_puts(sql, ";\n");
        }
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++)
        if (all[i].is && all[i].source && strcmp(all[i].source, all[i].is->name) != 0) {
            alter(e, "RENAME", sql);
            buf_name(sql, all[i].source);
            buf_puts(sql, " TO ");
            buf_name(sql, all[i].is->name);
            buf_puts(sql, ";\n");
        }
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++)
        if (all[i].is && !all[i].source) {
            alter(e, "ADD", sql);
            buf_printf(sql, "%s;\n", all[i].spelled.ptr);
        }
}

/* ---- made anew ------------------------------------------------------------------------------- */

/* What MySQL gives the rows that stand when a column without a default can't be NULL. */
static void add_implicit(const struct both *b, struct buf *sql)
{
    const char *type = b->is->type;

    if (b->to->flags & RNL_COLUMN_ENUM && b->to->nlabels)
        expr_literal(sql, EXPR_SQLITE, b->to->labels[0]);
    else if (b->to->type == RNL_T_DATE)
        buf_puts(sql, "'0000-00-00'");
    else if (b->to->type == RNL_T_TIMESTAMP || b->to->type == RNL_T_TIMESTAMPTZ)
        buf_puts(sql, "'0000-00-00 00:00:00'");
    else if (b->to->type == RNL_T_TIME)
        buf_puts(sql, "'00:00:00'");
    else if (b->to->type == RNL_T_JSON)
        buf_puts(sql, "'null'");
    else if (b->to->type == RNL_T_DECIMAL && strcmp(type, "TEXT") == 0)
        buf_printf(sql, b->to->scale ? "'0.%0*d'" : "'0'", (int)b->to->scale, 0);
    else
        buf_puts(sql, strcmp(type, "TEXT") == 0 ? "''" : strcmp(type, "BLOB") == 0 ? "x''" : "0");
}

static bool is_integer(const struct rnl_column *column)
{
    return column->type == RNL_T_INT || column->type == RNL_T_UINT;
}

/* The value of a row that stands, as the new type has it. */
static void add_value(const struct both *b, struct buf *sql)
{
    static const char *const plain[] = {"INTEGER", "REAL", "TEXT", "BLOB"};
    const char *cast = NULL;

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(b->is->type, plain[i]) == 0 && b->was && strcmp(b->was->type, plain[i]) != 0)
            cast = plain[i];
    if (cast)
        buf_puts(sql, "CAST(");
    buf_name(sql, b->source);
    if (cast)
        buf_printf(sql, " AS %s)", cast);
    if (cast && is_integer(b->from) && b->to->type == RNL_T_DECIMAL && b->to->scale)
        buf_printf(sql, " || '.%0*d'", (int)b->to->scale, 0);
}

static bool fills_rows(struct evolve *e, const struct both *b)
{
    const char *dialect = e->task.is->dialect;

    return dialect && strcmp(dialect, "mysql") == 0 && !strstr(behind(b, true), " DEFAULT ") &&
           !b->is->rowid && ddl_is_not_null(&e->is, e->task.to, b->pair->to);
}

static void copy_rows(struct evolve *e, const struct both *all, const char *into)
{
    struct buf names = {0}, values = {0};

    for (uint32_t i = 0; i < e->task.diff.columns.count; i++) {
        const struct both *b = &all[i];

        if (!b->is || b->is->generated || (!b->source && !fills_rows(e, b)))
            continue;
        buf_puts(&names, names.len ? ", " : "");
        buf_puts(&values, values.len ? ", " : "");
        buf_name(&names, b->is->name);
        if (b->source)
            add_value(b, &values);
        else
            add_implicit(b, &values);
    }
    if (names.len) {
        buf_puts(&e->sql, "INSERT INTO ");
        buf_name(&e->sql, into);
        buf_printf(&e->sql, " (%s) SELECT %s FROM ", buf_text(&names) ? names.ptr : "",
                   buf_text(&values) ? values.ptr : "");
        buf_name(&e->sql, e->standing);
        buf_puts(&e->sql, ";\n");
    }
    buf_free(&names);
    buf_free(&values);
}

/* AUTOINCREMENT goes on behind the largest number that was ever given. */
static void keep_sequence(struct evolve *e, const char *into)
{
    bool was = false, is = false;

    for (uint32_t i = 0; i < e->task.was->ncolumns; i++)
        was = was || e->was.tables[e->task.from].columns[i].autoincrement;
    for (uint32_t i = 0; i < e->task.is->ncolumns; i++)
        is = is || e->is.tables[e->task.to].columns[i].autoincrement;
    if (!was || !is)
        return;
    buf_puts(&e->sql, "DELETE FROM sqlite_sequence WHERE name = ");
    expr_literal(&e->sql, EXPR_SQLITE, into);
    buf_puts(&e->sql, ";\nINSERT INTO sqlite_sequence (name, seq) SELECT ");
    expr_literal(&e->sql, EXPR_SQLITE, into);
    buf_puts(&e->sql, ", seq FROM sqlite_sequence WHERE name = ");
    expr_literal(&e->sql, EXPR_SQLITE, e->standing);
    buf_puts(&e->sql, ";\n");
}

/* Whether an index is one that map() made. */
static bool is_ours(const struct evolve *e, const char *name)
{
    char candidate[IDENT_ROOM];

    for (uint32_t i = 0; i < e->task.was->nindexes; i++)
        for (int attempt = 0; attempt < 3; attempt++)
            if (index_candidate(&e->was, e->task.from, INDEX(e->task.was, i), attempt, candidate) &&
                strcasecmp(candidate, name) == 0)
                return true;
    return false;
}

/* Indexes and triggers go with the table; somebody's own are made again as they were. */
static int keep_others(struct evolve *e)
{
    struct buf rows = {0};
    int status = ask(e,
                     "SELECT value FROM (SELECT s.rowid AS at, j.key AS part, j.value AS value"
                     " FROM sqlite_schema s, json_each(json_array(s.name, s.sql)) j"
                     " WHERE s.type IN ('index', 'trigger') AND s.sql IS NOT NULL"
                     " AND s.tbl_name = ",
                     e->standing, true, " COLLATE NOCASE) ORDER BY at, part", &rows);

    for (size_t at = 0; status == RNL_OK && at < rows.len;) {
        const char *name = rows.ptr + at, *sql = name + strlen(name) + 1;

        at += strlen(name) + strlen(sql) + 2;
        if (!is_ours(e, name))
            buf_printf(&e->sql, "%s;\n", sql);
    }
    buf_free(&rows);
    return status;
}

/* Indexes that stay: the table was made without them. */
static int keep_indexes(struct evolve *e)
{
    const struct rnl_index *primary = ddl_primary_of(&e->is, e->task.to);
    char name[IDENT_ROOM];
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < e->task.diff.indexes.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.indexes.pairs[i];
        const struct rnl_index *was, *is;
        struct buf sql = {0};
        bool found = false;

        if (evolution_is_new(pair) || evolution_drops(pair))
            continue;
        was = INDEX(e->task.was, pair->from);
        is = INDEX(e->task.is, pair->to);
        for (int attempt = 0; is != primary && !found && attempt < 3; attempt++)
            found = index_candidate(&e->was, e->task.from, was, attempt, name) &&
                    target_has(&e->was, 'i', name);
        if (!found)
            continue;
        status = ddl_index(&e->is, e->task.to, is, name, &sql);
        if (status == RNL_OK && sql.len)
            buf_printf(&e->sql, "%s;\n", sql.ptr);
        buf_free(&sql);
    }
    return status;
}

static void tell_values(const struct evolve *e, const struct both *all)
{
    for (uint32_t i = 0; e->has_rows && i < e->task.diff.columns.count; i++) {
        const struct both *b = &all[i];

        if (!b->is)
            continue;
        if (!b->source && (evolution_default_varies(b->to) ||
                           (b->to->default_kind > RNL_DEFAULT_NULL && !b->is->generated &&
                            !strstr(behind(b, true), " DEFAULT "))))
            evolve_tell(&e->task, "ddl.default_by_target", b->to->name,
                        "rows that stand got this new column's value by the target's own default, "
                        "or none, and may differ from the source: run verify --repair for the "
                        "table");
        else if (b->source && b->from && b->pair->changes & EVOLVED_TYPE &&
                 !evolution_widens(b->from, b->to))
            evolve_tell(&e->task, "ddl.converted_by_target", b->to->name,
                        "rows that stand were given the new type by the target's own conversion, "
                        "or stay as they were, and may differ from the source: run verify --repair "
                        "for the table");
    }
}

static int rebuild(struct evolve *e, const struct both *all)
{
    char whole[700], into[IDENT_ROOM];
    struct buf make = {0};
    int status;

    snprintf(whole, sizeof(whole), "%.600s", e->standing);
    ident_cut_hashed(&names_rule, "_runnel_new", whole, into);
    status = ddl_create(&e->is, e->task.to, into, &make);
    if (status == RNL_OK && !buf_text(&make))
        status = error_memory(e->task.err);
    if (status == RNL_OK) {
        buf_puts(&e->sql, "DROP TABLE IF EXISTS ");
        buf_name(&e->sql, into);
        buf_printf(&e->sql, ";\n%s;\n", make.ptr);
        copy_rows(e, all, into);
        keep_sequence(e, into);
    }
    buf_free(&make);
    if (status != RNL_OK)
        return status;
    buf_puts(&e->sql, "DROP TABLE ");
    buf_name(&e->sql, e->standing);
    /* views and keys that name the table go on naming it */
    buf_puts(&e->sql, ";\nPRAGMA legacy_alter_table = ON;\nALTER TABLE ");
    buf_name(&e->sql, into);
    buf_puts(&e->sql, " RENAME TO ");
    buf_name(&e->sql, e->standing);
    buf_puts(&e->sql, ";\nPRAGMA legacy_alter_table = OFF;\n");
    return RNL_OK;
}

static bool differs(const struct evolve *e, const struct both *all)
{
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++)
        if (all[i].is ? !all[i].source || strcmp(all[i].source, all[i].is->name) != 0
                      : all[i].stands)
            return true;
    return false;
}

static int follow(struct evolve *e, struct both *all)
{
    size_t before = e->sql.len;
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < e->task.diff.columns.count; i++)
        status = spell(e, i, &all[i]);
    if (status != RNL_OK)
        return status;
    if (can_alter(e, all)) {
        if (differs(e, all))
            alter_columns(e, all);
    } else {
        e->sql.len = before;
        status = rebuild(e, all);
        /* e->is.tables[].name may be another one: indexes are made on the table as it is now */
        if (status == RNL_OK)
            status = keep_others(e);
        if (status == RNL_OK && e->task.job.structure & RNL_WITH_INDEXES) {
            struct map_table *is = &e->is.tables[e->task.to];
            const char *name = is->name;

            is->name = e->standing;
            status = keep_indexes(e);
            is->name = name;
        }
    }
    tell_values(e, all);
    return status == RNL_OK && e->sql.failed ? error_memory(e->task.err) : status;
}

int evolve_table(struct evolve *e)
{
    size_t size = sizeof(struct both) * (e->task.diff.columns.count + (size_t)1);
    struct both *all = arena_alloc(&e->is.arena, size);
    int status;

    if (!all)
        return error_memory(e->task.err);
    memset(all, 0, size);
    status = follow(e, all);
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++) {
        buf_free(&all[i].earlier);
        buf_free(&all[i].spelled);
    }
    return status;
}

/* ---- indexes -----------------------------------------------------------------------------------
 */

static bool find_index(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                       char name[IDENT_ROOM])
{
    for (int attempt = 0; attempt < 3; attempt++)
        if (index_candidate(m, t, index, attempt, name) && target_has(m, 'i', name))
            return true;
    return false;
}

int evolve_drop_indexes(struct evolve *e)
{
    const struct rnl_index *primary = ddl_primary_of(&e->was, e->task.from);
    char name[IDENT_ROOM];

    for (uint32_t i = 0; e->task.job.structure & RNL_WITH_INDEXES && i < e->task.diff.indexes.count;
         i++) {
        const struct evolution_pair *pair = &e->task.diff.indexes.pairs[i];
        const struct rnl_index *index;

        if (!evolution_drops(pair))
            continue;
        index = INDEX(e->task.was, pair->from);
        if (index == primary || !find_index(&e->was, e->task.from, index, name))
            continue;
        buf_puts(&e->sql, "DROP INDEX IF EXISTS ");
        buf_name(&e->sql, name);
        buf_puts(&e->sql, ";\n");
        if (!idents_take(&e->leaving, name))
            return error_memory(e->task.err);
    }
    return RNL_OK;
}

/* Names of the file's tables and indexes, so that a new index gets none of them. */
static int take_names(struct evolve *e)
{
    struct buf rows = {0};
    int status = ask(e, "SELECT name FROM sqlite_schema WHERE name <> ", "", true, "", &rows);

    for (size_t at = 0; status == RNL_OK && at < rows.len; at += strlen(rows.ptr + at) + 1)
        if (!idents_has(&e->leaving, rows.ptr + at) &&
            !idents_take(&e->is.relations, rows.ptr + at))
            status = error_memory(e->task.err);
    buf_free(&rows);
    return status;
}

static int make_index(struct evolve *e, const struct rnl_index *index)
{
    bool unique = index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY);
    char name[IDENT_ROOM];
    struct buf sql = {0};
    int status;

    if (!index_choose_name(&e->is, e->task.to, index, name))
        return error_memory(e->task.err);
    status = ddl_index(&e->is, e->task.to, index, name, &sql);
    if (status == RNL_OK && sql.len)
        status = evolve_step(&e->task, unique ? RNL_PHASE_KEYS : RNL_PHASE_INDEXES,
                             unique ? "key" : "index", index->name, &sql);
    buf_free(&sql);
    return status;
}

int evolve_make_indexes(struct evolve *e)
{
    const struct rnl_table *is = e->task.is;
    const struct rnl_index *primary = ddl_primary_of(&e->is, e->task.to);
    char name[IDENT_ROOM];
    int status = take_names(e);

    for (uint32_t i = 0; status == RNL_OK && i < is->nindexes; i++) {
        const struct rnl_index *index = INDEX(is, i);

        if (index == primary ||
            (e->task.from != UINT32_MAX && !evolution_makes(&e->task.diff.indexes.pairs[i])) ||
            (find_index(&e->is, e->task.to, index, name) && !idents_has(&e->leaving, name)))
            continue;
        status = make_index(e, index);
    }
    return status;
}
