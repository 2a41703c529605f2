/* Indexes and keys of tables of the target's own dialect. */
#include "native.h"

static void tell_skipped(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                         const char *why)
{
    map_find(m, t, RNL_WARNING, "index.skipped", index->name, NULL, "is not carried over: %s", why);
}

/* Collation, class, DESC and NULLS in the order that the grammar wants. */
static void add_options(const char *options, bool descending, struct buf *sql)
{
    const char *nulls = options ? strstr(options, "NULLS ") : NULL;
    size_t len = nulls ? (size_t)(nulls - options) : options ? strlen(options) : 0;

    while (len > 0 && options[len - 1] == ' ')
        len--;
    if (len) {
        buf_byte(sql, ' ');
        buf_add(sql, options, len);
    }
    if (descending)
        buf_puts(sql, " DESC");
    if (nulls)
        buf_printf(sql, " %s", nulls);
}

static bool add_parts(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                      struct buf *sql, const char **why)
{
    const struct rnl_table *table = mapper_table(m, t);

    buf_byte(sql, '(');
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        buf_puts(sql, i ? ", " : "");
        if (part->expression) {
            buf_byte(sql, '(');
            if (!native_expression(m, part->expression, sql, why))
                return false;
            buf_byte(sql, ')');
        } else if (part->column >= table->ncolumns) {
            *why = "it names a column that is not carried over";
            return false;
        } else {
            buf_name(sql, m->tables[t].columns[part->column].name);
        }
        add_options(index->part_options ? index->part_options[i] : NULL, part->descending, sql);
    }
    buf_byte(sql, ')');
    return true;
}

static bool add_include(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                        struct buf *sql, const char **why)
{
    if (index->ninclude == 0)
        return true;
    if (m->sink->server.version < 110000) {
        map_find(m, t, RNL_WARNING, "index.include", index->name, NULL,
                 "its INCLUDE columns are left out: PostgreSQL before 11 has none");
        return true;
    }
    buf_puts(sql, " INCLUDE (");
    for (uint32_t i = 0; i < index->ninclude; i++) {
        if (index->include[i] >= mapper_table(m, t)->ncolumns) {
            *why = "it names a column that is not carried over";
            return false;
        }
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, m->tables[t].columns[index->include[i]].name);
    }
    buf_byte(sql, ')');
    return true;
}

/* " NULLS NOT DISTINCT": 15 and later. */
static const char *nulls_of(const struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    if (!(index->flags & RNL_INDEX_NULLS_EQUAL))
        return "";
    if (m->sink->server.version >= 150000)
        return " NULLS NOT DISTINCT";
    map_find(m, t, RNL_WARNING, "index.nulls", index->name, NULL,
             "takes several NULLs in the target: NULLS NOT DISTINCT came with PostgreSQL 15");
    return "";
}

static const char *deferred(const struct rnl_index *index)
{
    if (!(index->flags & RNL_INDEX_DEFERRABLE))
        return "";
    return index->flags & RNL_INDEX_DEFERRED ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE";
}

/* What an index and a constraint have in common, from the parts to WITH. */
static bool add_body(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                     struct buf *sql, const char **why)
{
    if (!add_parts(m, t, index, sql, why) || !add_include(m, t, index, sql, why))
        return false;
    return true;
}

static void add_with(const struct rnl_index *index, struct buf *sql)
{
    if (index->options && *index->options && !(index->flags & RNL_INDEX_EXCLUDE))
        buf_printf(sql, " %s", index->options);
}

static bool add_create(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                       const char *name, struct buf *sql, const char **why)
{
    buf_printf(sql, "CREATE %sINDEX ",
               index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY) ? "UNIQUE " : "");
    buf_name(sql, name);
    buf_printf(sql, " ON %s ", m->tables[t].qualified);
    if (index->method && strcmp(index->method, "btree") != 0)
        buf_printf(sql, "USING %s ", index->method);
    if (!add_body(m, t, index, sql, why))
        return false;
    buf_puts(sql, nulls_of(m, t, index));
    add_with(index, sql);
    if (index->where) {
        buf_puts(sql, " WHERE ");
        return native_expression(m, index->where, sql, why);
    }
    return true;
}

/* Made in one go: what an index can't become afterwards. */
static bool add_constraint(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                           const char *name, struct buf *sql, const char **why)
{
    buf_printf(sql, "ALTER TABLE %s ADD CONSTRAINT ", m->tables[t].qualified);
    buf_name(sql, name);
    if (index->flags & RNL_INDEX_EXCLUDE) {
        buf_puts(sql, " EXCLUDE ");
        if (!index->options || !native_expression(m, index->options, sql, why))
            return false;
    } else {
        buf_printf(sql, " %s%s ", index->flags & RNL_INDEX_PRIMARY ? "PRIMARY KEY" : "UNIQUE",
                   nulls_of(m, t, index));
        if (!add_body(m, t, index, sql, why))
            return false;
        add_with(index, sql);
    }
    buf_puts(sql, deferred(index));
    return true;
}

/* A primary key on a plain table: its index is built beside others, then attached. */
static int attach(struct mapper *m, uint32_t t, const struct rnl_index *index, const char *name)
{
    struct buf sql = {0};
    int status;

    buf_printf(&sql, "ALTER TABLE %s ADD CONSTRAINT ", m->tables[t].qualified);
    buf_name(&sql, name);
    buf_puts(&sql, " PRIMARY KEY USING INDEX ");
    buf_name(&sql, name);
    buf_puts(&sql, deferred(index));
    status = map_step(m, RNL_PHASE_ATTACH, "key", t, index->name, &sql);
    buf_free(&sql);
    return status;
}

bool native_key(const struct mapper *m, uint32_t t, const struct rnl_index *index, const char *name,
                struct buf *sql, const char **why)
{
    if (index->flags & (RNL_INDEX_PRIMARY | RNL_INDEX_CONSTRAINT | RNL_INDEX_EXCLUDE))
        return add_constraint(m, t, index, name, sql, why);
    return add_create(m, t, index, name, sql, why);
}

int native_index(struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    bool primary = index->flags & RNL_INDEX_PRIMARY;
    bool direct = (index->flags & (RNL_INDEX_CONSTRAINT | RNL_INDEX_EXCLUDE)) ||
                  (primary && native_partitioned(m, mapper_table(m, t)));
    bool unique = index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY | RNL_INDEX_EXCLUDE);
    struct buf sql = {0};
    char name[NAME_BYTES + 1];
    const char *why = "its definition is not known";
    bool good;
    int status = RNL_OK;

    if (!index_choose_name(m, t, index, index->name, name))
        return error_memory(m->err);
    if (target_has(m, t, 'i', name) || (primary && target_has(m, t, 'p', "")))
        return RNL_OK;
    if (primary && !direct)
        good = add_create(m, t, index, name, &sql, &why);
    else
        good = native_key(m, t, index, name, &sql, &why);
    if (!good)
        tell_skipped(m, t, index, why);
    else if (primary && !direct)
        status = map_step(m, RNL_PHASE_INDEXES, "key index", t, index->name, &sql);
    else
        status = map_step(m, direct || unique ? RNL_PHASE_KEYS : RNL_PHASE_INDEXES,
                          direct || unique ? "key" : "index", t, index->name, &sql);
    if (good && primary && !direct && status == RNL_OK)
        status = attach(m, t, index, name);
    buf_free(&sql);
    return status;
}
