/* Primary keys, unique keys and other indexes. */
#include "native.h"
#include "translate.h"

static bool is_sortable(enum pg_kind kind)
{
    return kind != PG_JSON && kind != PG_GEOMETRY && kind != PG_VECTOR && kind != PG_OTHER;
}

static void tell_skipped(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                         const char *why)
{
    map_find(m, t, RNL_WARNING, "index.skipped", index->name, NULL, "is not carried over: %s", why);
}

/* One part of a b-tree index; NULL, or why it can't be. */
static const char *add_part(struct mapper *m, uint32_t t, const struct rnl_index_part *part,
                            struct buf *sql, bool *plain)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_column *column;
    enum expr_class class;
    const char *why = "its expression is of another dialect";

    if (part->expression) {
        *plain = false;
        buf_byte(sql, '(');
        if (!translate(m, t, TRANSLATE_CHECK, part->expression, sql, &class, &why))
            return why;
        buf_byte(sql, ')');
    } else {
        if (part->column >= table->ncolumns)
            return "it names a column that is not there";
        column = &m->tables[t].columns[part->column];
        if (!is_sortable(column->kind))
            return "PostgreSQL can't sort values of its column's type";
        if (part->prefix && (column->kind == PG_TEXT || column->kind == PG_BYTEA) &&
            (COLUMN(table, part->column)->length == 0 ||
             part->prefix < COLUMN(table, part->column)->length)) {
            *plain = false;
            buf_puts(sql, column->kind == PG_TEXT ? "(left(" : "(substr(");
            buf_name(sql, column->name);
            buf_printf(sql, column->kind == PG_TEXT ? ", %u))" : ", 1, %u))", part->prefix);
        } else {
            buf_name(sql, column->name);
        }
    }
    if (part->descending) {
        *plain = false;
        buf_puts(sql, " DESC");
    }
    return NULL;
}

static const char *add_parts(struct mapper *m, uint32_t t, const struct rnl_index *index,
                             struct buf *sql, bool *plain)
{
    const char *why = NULL;

    *plain = index->where == NULL;
    buf_byte(sql, '(');
    for (uint32_t i = 0; i < index->nparts && !why; i++) {
        buf_puts(sql, i ? ", " : "");
        why = add_part(m, t, &index->parts[i], sql, plain);
    }
    buf_byte(sql, ')');
    return why;
}

static void name_attempt(const struct mapper *m, uint32_t t, const char *wanted, int attempt,
                         char *out)
{
    const struct map_table *map = &m->tables[t];
    char fitted[NAME_BYTES + 1], longer[512], whole[1024];

    ident_fit(wanted, m->sink->config->name_case == CASE_LOWER, fitted);
    snprintf(longer, sizeof(longer), "%s_%s", map->name, fitted);
    snprintf(whole, sizeof(whole), "%s.%s", map->qualified, wanted);
    if (attempt == 0)
        memcpy(out, fitted, sizeof(fitted));
    else if (attempt == 1)
        ident_fit(longer, false, out);
    else
        ident_fit_hashed(longer, whole, out);
}

/* Relations of one schema share one namespace, whichever table they belong to. */
bool index_choose_name(struct mapper *m, uint32_t t, const struct rnl_index *index,
                       const char *wanted, char *out)
{
    const struct map_table *map = &m->tables[t];
    struct buf key = {0};
    bool good;

    for (int attempt = 0; attempt < 3; attempt++) {
        name_attempt(m, t, wanted, attempt, out);
        buf_clear(&key);
        buf_qualified(&key, map->schema, out);
        if (!buf_text(&key) || !idents_has(&m->relations, key.ptr))
            break;
    }
    good = buf_text(&key) && idents_take(&m->relations, key.ptr);
    buf_free(&key);
    for (uint32_t i = 0; good && i < mapper_table(m, t)->nindexes; i++)
        if (map->index_names && INDEX(mapper_table(m, t), i) == index)
            map->index_names[i] = arena_strdup(&m->arena, out);
    if (good && strcmp(out, wanted) != 0)
        map_find(m, t, RNL_NOTE, "name.index", wanted, NULL, "is named \"%s\" in the target", out);
    return good;
}

static int attach_primary(struct mapper *m, uint32_t t, const struct rnl_index *index,
                          const char *name)
{
    struct buf sql = {0};
    int status;

    buf_printf(&sql, "ALTER TABLE %s ADD CONSTRAINT ", m->tables[t].qualified);
    buf_name(&sql, name);
    buf_puts(&sql, " PRIMARY KEY USING INDEX ");
    buf_name(&sql, name);
    status = map_step(m, RNL_PHASE_ATTACH, "key", t, index->name, &sql);
    buf_free(&sql);
    return status;
}

static int add_primary(struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    struct buf parts = {0}, sql = {0};
    char wanted[NAME_BYTES * 2 + 8], name[NAME_BYTES + 1];
    const char *why;
    bool plain;
    int status = RNL_OK;

    why = add_parts(m, t, index, &parts, &plain);
    snprintf(wanted, sizeof(wanted), "%s_pkey", m->tables[t].name);
    if (why || !buf_text(&parts)) {
        tell_skipped(m, t, index, why ? why : "out of memory");
    } else if (!index_choose_name(m, t, index, wanted, name)) {
        status = error_memory(m->err);
    } else if (!target_has(m, t, 'p', "")) {
        /* As an index it is built beside the table's other ones; ADD PRIMARY KEY would lock them
         * out. */
        buf_puts(&sql, "CREATE UNIQUE INDEX ");
        buf_name(&sql, name);
        buf_printf(&sql, " ON %s %s", m->tables[t].qualified, parts.ptr);
        status = map_step(m, RNL_PHASE_INDEXES, "key index", t, index->name, &sql);
        if (!plain)
            map_find(m, t, RNL_WARNING, "index.primary", index->name, NULL,
                     "becomes a unique index: a primary key can't be of prefixes or descending");
        else if (status == RNL_OK)
            status = attach_primary(m, t, index, name);
    }
    buf_free(&parts);
    buf_free(&sql);
    return status;
}

/* The condition of a partial index; NULL, or why it can't be. */
static const char *add_where(struct mapper *m, uint32_t t, const struct rnl_index *index,
                             struct buf *sql)
{
    const char *why = "its condition is of another dialect";
    enum expr_class class;

    buf_puts(sql, " WHERE (");
    if (!translate(m, t, TRANSLATE_ROW, index->where, sql, &class, &why))
        return why;
    if (class == EXPR_INT)
        buf_puts(sql, " <> 0");
    else if (class != EXPR_BOOL)
        return "its condition yields no truth value";
    buf_byte(sql, ')');
    return NULL;
}

/* SQLite numbers the keys that stand inside of CREATE TABLE: their columns say more. */
static const char *index_wanted(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                                char *out, size_t size)
{
    struct buf name = {0};

    if (strncmp(index->name, "sqlite_autoindex_", 17) != 0)
        return index->name;
    buf_puts(&name, m->tables[t].name);
    for (uint32_t i = 0; i < index->nparts; i++)
        if (!index->parts[i].expression && index->parts[i].column < mapper_table(m, t)->ncolumns)
            buf_printf(&name, "_%s", m->tables[t].columns[index->parts[i].column].name);
    buf_puts(&name, "_key");
    snprintf(out, size, "%s", buf_text(&name) ? name.ptr : index->name);
    buf_free(&name);
    return out;
}

void index_candidate(const struct mapper *m, uint32_t t, const struct rnl_index *index, int attempt,
                     char *out)
{
    char wanted[512];

    if (!table_is_native(mapper_table(m, t)) && (index->flags & RNL_INDEX_PRIMARY)) {
        snprintf(wanted, sizeof(wanted), "%s_pkey", m->tables[t].name);
        name_attempt(m, t, wanted, attempt, out);
    } else if (table_is_native(mapper_table(m, t))) {
        name_attempt(m, t, index->name, attempt, out);
    } else {
        char room[512];

        name_attempt(m, t, index_wanted(m, t, index, room, sizeof(room)), attempt, out);
    }
}

static int add_btree(struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    bool unique = index->flags & RNL_INDEX_UNIQUE, plain;
    struct buf parts = {0}, sql = {0};
    const char *why = add_parts(m, t, index, &parts, &plain);
    char name[NAME_BYTES + 1], wanted[512];
    int status = RNL_OK;

    if (!why && index->where)
        why = add_where(m, t, index, &parts);
    if (why || !buf_text(&parts)) {
        tell_skipped(m, t, index, why ? why : "out of memory");
    } else if (!index_choose_name(m, t, index, index_wanted(m, t, index, wanted, sizeof(wanted)),
                                  name)) {
        status = error_memory(m->err);
    } else if (!target_has(m, t, 'i', name)) {
        if (unique && plain) {
            buf_printf(&sql, "ALTER TABLE %s ADD CONSTRAINT ", m->tables[t].qualified);
            buf_name(&sql, name);
            buf_printf(&sql, " UNIQUE %s", parts.ptr);
        } else {
            buf_printf(&sql, "CREATE %sINDEX ", unique ? "UNIQUE " : "");
            buf_name(&sql, name);
            buf_printf(&sql, " ON %s %s", m->tables[t].qualified, parts.ptr);
        }
        status = map_step(m, unique ? RNL_PHASE_KEYS : RNL_PHASE_INDEXES, unique ? "key" : "index",
                          t, index->name, &sql);
    }
    buf_free(&parts);
    buf_free(&sql);
    return status;
}

static int add_fulltext(struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    struct buf sql = {0};
    char name[NAME_BYTES + 1];
    int status;

    for (uint32_t i = 0; i < index->nparts; i++) {
        if (index->parts[i].expression || index->parts[i].column >= mapper_table(m, t)->ncolumns ||
            m->tables[t].columns[index->parts[i].column].kind != PG_TEXT) {
            tell_skipped(m, t, index, "its columns are no text in the target");
            return RNL_OK;
        }
    }
    if (!index_choose_name(m, t, index, index->name, name))
        return error_memory(m->err);
    map_find(m, t, RNL_NOTE, "index.fulltext", index->name, NULL,
             "becomes a GIN index of to_tsvector('simple', …): queries use @@ instead of MATCH");
    if (target_has(m, t, 'i', name))
        return RNL_OK;
    buf_puts(&sql, "CREATE INDEX ");
    buf_name(&sql, name);
    buf_printf(&sql, " ON %s USING gin (to_tsvector('pg_catalog.simple'::regconfig, ",
               m->tables[t].qualified);
    for (uint32_t i = 0; i < index->nparts; i++) {
        buf_puts(&sql, i ? " || ' ' || coalesce(" : "coalesce(");
        buf_name(&sql, m->tables[t].columns[index->parts[i].column].name);
        buf_puts(&sql, ", '')");
    }
    buf_puts(&sql, "))");
    status = map_step(m, RNL_PHASE_INDEXES, "index", t, index->name, &sql);
    buf_free(&sql);
    return status;
}

static int add_spatial(struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct buf sql = {0};
    char name[NAME_BYTES + 1];
    int status;

    if (index->nparts != 1 || index->parts[0].expression ||
        index->parts[0].column >= table->ncolumns ||
        m->tables[t].columns[index->parts[0].column].kind != PG_GEOMETRY) {
        tell_skipped(m, t, index, "a spatial index needs the extension postgis");
        return RNL_OK;
    }
    if (!index_choose_name(m, t, index, index->name, name))
        return error_memory(m->err);
    if (target_has(m, t, 'i', name))
        return RNL_OK;
    buf_puts(&sql, "CREATE INDEX ");
    buf_name(&sql, name);
    buf_printf(&sql, " ON %s USING gist (", m->tables[t].qualified);
    buf_name(&sql, m->tables[t].columns[index->parts[0].column].name);
    buf_printf(&sql, " ");
    buf_qualified(&sql, m->sink->postgis_schema, "gist_geometry_ops_2d");
    buf_byte(&sql, ')');
    status = map_step(m, RNL_PHASE_INDEXES, "index", t, index->name, &sql);
    buf_free(&sql);
    return status;
}

int ddl_early_key(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_index *index = table_row_key(table, true);
    bool primary = index && (index->flags & RNL_INDEX_PRIMARY), plain = true;
    char wanted[NAME_BYTES * 2 + 8], name[NAME_BYTES + 1];
    const char *why = NULL;

    if (!index) {
        rnl_fail(m->err, RNL_E_CONFIG, "sink.upsert_key",
                 "the table %s.%s has no key that tells its rows apart, and write_mode is upsert",
                 table->schema, table->name);
        rnl_hint(m->err, "leave the table out, or load it with another write_mode");
        return RNL_E_CONFIG;
    }
    m->tables[t].index_names =
        arena_alloc(&m->arena, sizeof(*m->tables[t].index_names) * (table->nindexes + 1));
    m->tables[t].early = index;
    snprintf(wanted, sizeof(wanted), "%s_pkey", m->tables[t].name);
    if (!index_choose_name(m, t, index, primary && !table_is_native(table) ? wanted : index->name,
                           name))
        return error_memory(m->err);
    buf_puts(sql, ";\n");
    if (table_is_native(table)) {
        if (!native_key(m, t, index, name, sql, &why))
            return rnl_fail(m->err, RNL_E_CONFIG, "sink.upsert_key",
                            "the key %s of the table %s.%s can't be made: %s", index->name,
                            table->schema, table->name, why);
        return RNL_OK;
    }
    buf_printf(sql, "ALTER TABLE %s ADD CONSTRAINT ", m->tables[t].qualified);
    buf_name(sql, name);
    buf_puts(sql, primary ? " PRIMARY KEY " : " UNIQUE ");
    why = add_parts(m, t, index, sql, &plain);
    if (why || !plain)
        return rnl_fail(m->err, RNL_E_CONFIG, "sink.upsert_key",
                        "the key %s of the table %s.%s can't be made as it is, and write_mode is "
                        "upsert: %s",
                        index->name, table->schema, table->name,
                        why ? why : "its order is descending");
    return RNL_OK;
}

int ddl_index(struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    if (table_is_native(mapper_table(m, t)))
        return native_index(m, t, index);
    if (index->flags & RNL_INDEX_INVISIBLE)
        map_find(m, t, RNL_NOTE, "index.invisible", index->name, NULL,
                 "is used by the target's planner, which can't ignore an index");
    if (index->flags & RNL_INDEX_PRIMARY)
        return add_primary(m, t, index);
    if (index->flags & RNL_INDEX_FULLTEXT)
        return add_fulltext(m, t, index);
    if (index->flags & RNL_INDEX_SPATIAL)
        return add_spatial(m, t, index);
    return add_btree(m, t, index);
}

int ddl_indexes(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    int status = RNL_OK;

    if (!m->tables[t].index_names)
        m->tables[t].index_names =
            arena_alloc(&m->arena, sizeof(*m->tables[t].index_names) * (table->nindexes + 1));
    for (uint32_t i = 0; status == RNL_OK && i < table->nindexes; i++)
        if (INDEX(table, i) != m->tables[t].early)
            status = ddl_index(m, t, INDEX(table, i));
    return status;
}
