/* Primary keys, unique keys and other indexes. */
#include "map.h"

#include <strings.h>

#define SMALL_ROWS 20000
#define SMALL_BYTES (8 << 20)

static void tell_skipped(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                         const char *why)
{
    map_find(m, t, RNL_WARNING, "index.skipped", index->name, NULL, "is not carried over: %s", why);
}

static bool is_named_method(const struct rnl_index *index, const char *name)
{
    return index->method && strcasecmp(index->method, name) == 0;
}

/* What stands in the way of the index as a whole; NULL: nothing. */
static const char *whole_fault(const struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    const struct rnl_table *table = mapper_table(m, t);

    if (index->flags & RNL_INDEX_EXCLUDE)
        return "the target has no exclusion constraints";
    if (index->where && *index->where)
        return "the target has no partial indexes";
    if (!m->tables[t].same && index->method && !is_named_method(index, "btree") &&
        !is_named_method(index, "hash"))
        return "the target has no index of this kind";
    if (index->nparts > PART_COUNT)
        return "the target's indexes have 16 parts at most";
    for (uint32_t i = 0; i < index->nparts; i++)
        if (!index->parts[i].expression && index->parts[i].column >= table->ncolumns)
            return "it names a column that is not there";
    return NULL;
}

/* Characters (or bytes) of a part that count, where all of them are too many; 0: all. */
static uint32_t prefix_of(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                          uint32_t part)
{
    const struct map_table *map = &m->tables[t];
    const struct map_column *to = &map->columns[index->parts[part].column];
    uint32_t unit = to->char_bytes ? to->char_bytes : 1, sum = 0, open = 0, share;

    if (index->parts[part].prefix || map->same)
        return index->parts[part].prefix;
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct map_column *other = &map->columns[index->parts[i].column];

        if (index->parts[i].expression)
            continue;
        if (other->shape == SHAPE_FIXED)
            sum += other->bytes;
        else
            open++;
    }
    share = open && sum < KEY_BYTES ? (KEY_BYTES - sum) / open / unit : 0;
    if (to->shape == SHAPE_LONG_TEXT || to->shape == SHAPE_LONG_BYTES)
        return share;
    if ((to->shape == SHAPE_CHARS || to->shape == SHAPE_BYTES) && to->length > share)
        return share;
    return 0;
}

static const char *add_expression(const struct mapper *m, uint32_t t, const char *text,
                                  struct buf *sql)
{
    enum expr_class yields;
    const char *why = NULL;

    if (m->sink->server.mariadb)
        return "MariaDB has no indexes of expressions";
    if (m->sink->server.version < 80013)
        return "the server has no indexes of expressions";
    buf_byte(sql, '(');
    if (!map_expression(m, t, text, true, sql, &yields, &why))
        return why;
    buf_byte(sql, ')');
    return NULL;
}

static const char *add_part(struct mapper *m, uint32_t t, const struct rnl_index *index, uint32_t i,
                            struct buf *sql)
{
    const struct rnl_index_part *part = &index->parts[i];
    const char *why = NULL;

    if (part->expression) {
        why = add_expression(m, t, part->expression, sql);
    } else {
        const struct map_column *to = &m->tables[t].columns[part->column];
        uint32_t prefix = prefix_of(m, t, index, i);

        if (to->shape == SHAPE_JSON)
            return "JSON can't be in an index";
        if (to->shape == SHAPE_GEOMETRY && !(index->flags & RNL_INDEX_SPATIAL))
            return "geometry can't be in such an index";
        sql_name(sql, to->name);
        if (prefix && !(index->flags & (RNL_INDEX_FULLTEXT | RNL_INDEX_SPATIAL)))
            buf_printf(sql, "(%u)", prefix);
        if (prefix && !part->prefix && !(index->flags & RNL_INDEX_UNIQUE))
            map_find(m, t, RNL_NOTE, "index.prefix", index->name, NULL,
                     "holds the first %u characters of %s", prefix, to->name);
    }
    if (!why && part->descending)
        buf_puts(sql, " DESC");
    return why;
}

/* Values too long for an index: their hash. NULL in one of them makes it NULL, as in a key. */
static const char *add_hash(struct mapper *m, uint32_t t, const struct rnl_index *index,
                            struct buf *sql)
{
    bool mariadb = m->sink->server.mariadb; /* it hashes long unique keys by itself */

    if (!mariadb && m->sink->server.version < 80013)
        return "the server has no indexes of expressions";
    buf_puts(sql, mariadb ? "(" : "((SHA2(CONCAT(");
    for (uint32_t i = 0; i < index->nparts; i++) {
        const char *name = m->tables[t].columns[index->parts[i].column].name;

        buf_puts(sql, i ? ", " : "");
        if (!mariadb) {
            buf_puts(sql, "LENGTH(");
            sql_name(sql, name);
            buf_puts(sql, "), ':', ");
        }
        sql_name(sql, name);
    }
    buf_puts(sql, mariadb ? ")" : "), 256)))");
    return NULL;
}

static bool has_nullable(const struct rnl_table *table, const struct rnl_index *index)
{
    for (uint32_t i = 0; i < index->nparts; i++)
        if (!index->parts[i].expression && index->parts[i].column < table->ncolumns &&
            COLUMN(table, index->parts[i].column)->flags & RNL_COLUMN_NULLABLE)
            return true;
    return false;
}

/* It stays the table's primary key. */
static bool is_primary(const struct mapper *m, uint32_t t, uint32_t i)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_index *index = INDEX(table, i);

    return index->flags & RNL_INDEX_PRIMARY && !m->tables[t].hashed[i] &&
           !has_nullable(table, index);
}

static void add_options(const struct mapper *m, uint32_t t, const struct rnl_index *index,
                        struct buf *sql)
{
    const struct my_server *server = &m->sink->server;

    if (m->tables[t].same && index->options && *index->options)
        buf_printf(sql, " %s", index->options);
    if (index->comment && *index->comment && m->job->structure & RNL_WITH_COMMENTS) {
        buf_puts(sql, " COMMENT ");
        sql_literal(sql, index->comment);
    }
    if (index->flags & RNL_INDEX_INVISIBLE && !(index->flags & RNL_INDEX_PRIMARY)) {
        if (!server->mariadb)
            buf_puts(sql, " INVISIBLE");
        else if (server->version >= 100600)
            buf_puts(sql, " IGNORED");
    }
}

const char *ddl_index(struct mapper *m, uint32_t t, uint32_t i, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_index *index = INDEX(table, i);
    const char *why = whole_fault(m, t, index);
    bool unique = index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY);

    if (why)
        return why;
    if (is_primary(m, t, i)) {
        buf_puts(sql, "PRIMARY KEY ");
    } else {
        buf_puts(sql, index->flags & RNL_INDEX_FULLTEXT  ? "FULLTEXT KEY "
                      : index->flags & RNL_INDEX_SPATIAL ? "SPATIAL KEY "
                      : unique                           ? "UNIQUE KEY "
                                                         : "KEY ");
        sql_name(sql, m->tables[t].index_names[i]);
        buf_byte(sql, ' ');
    }
    if (m->tables[t].hashed[i]) {
        why = add_hash(m, t, index, sql);
    } else {
        buf_byte(sql, '(');
        for (uint32_t p = 0; p < index->nparts && !why; p++) {
            buf_puts(sql, p ? ", " : "");
            why = add_part(m, t, index, p, sql);
        }
        buf_byte(sql, ')');
    }
    add_options(m, t, index, sql);
    return why;
}

/* What an index loses on its way, told once. */
static void tell_changes(const struct mapper *m, uint32_t t, uint32_t i)
{
    const struct rnl_index *index = INDEX(mapper_table(m, t), i);

    if (index->flags & RNL_INDEX_NULLS_EQUAL)
        map_find(m, t, RNL_WARNING, "index.nulls", index->name, NULL,
                 "takes any number of NULLs in the target");
    if (index->flags & RNL_INDEX_DEFERRABLE)
        map_find(m, t, RNL_WARNING, "index.deferrable", index->name, NULL,
                 "is checked at each statement: the target defers nothing");
    if (index->ninclude)
        map_find(m, t, RNL_NOTE, "index.include", index->name, NULL,
                 "loses the columns that it only carries: the target's indexes have none such");
    if (index->flags & RNL_INDEX_PRIMARY && !m->tables[t].hashed[i] && !is_primary(m, t, i))
        map_find(m, t, RNL_WARNING, "index.primary", index->name, NULL,
                 "becomes a unique index: its columns may be NULL");
}

const char *ddl_index_name(const struct mapper *m, uint32_t t, uint32_t i)
{
    return is_primary(m, t, i) ? "PRIMARY" : m->tables[t].index_names[i];
}

int ddl_index_names(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct ident_rule rule = {.max = 64, .characters = true};
    struct idents taken = {.caseless = true};
    char fitted[IDENT_ROOM], name[IDENT_ROOM];
    bool good = idents_take(&taken, "PRIMARY");

    for (uint32_t i = 0; good && i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);
        const char *wanted = index->name && *index->name ? index->name : "index";

        if (index->flags & RNL_INDEX_PRIMARY && strcasecmp(wanted, "PRIMARY") == 0)
            wanted = "primary_key";
        ident_cut(&rule, wanted, fitted);
        good = idents_pick(&taken, &rule, fitted, m->tables[t].name.name, wanted, name);
        if (good)
            good = (m->tables[t].index_names[i] = pool_text(&m->pool, name)) != NULL;
    }
    idents_free(&taken);
    return good ? RNL_OK : error_memory(m->err);
}

bool ddl_leads_index(const struct mapper *m, uint32_t t, uint32_t column)
{
    const struct rnl_table *table = mapper_table(m, t);

    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);

        if (index->nparts && !index->parts[0].expression && index->parts[0].column == column &&
            !m->tables[t].hashed[i] && !whole_fault(m, t, index))
            return true;
    }
    return false;
}

/* AUTO_INCREMENT is refused without an index that it leads. */
static bool is_needed(const struct mapper *m, uint32_t t, const struct rnl_index *index)
{
    const struct rnl_table *table = mapper_table(m, t);

    return index->nparts && !index->parts[0].expression &&
           index->parts[0].column < table->ncolumns &&
           COLUMN(table, index->parts[0].column)->flags & RNL_COLUMN_IDENTITY;
}

/* A table of some thousand rows is loaded with its indexes faster than altered later. */
static bool is_small(const struct rnl_table *table)
{
    return table->rows >= 0 && table->rows <= SMALL_ROWS && table->bytes >= 0 &&
           table->bytes <= SMALL_BYTES;
}

/* A full-text index has a statement of its own; one of expressions may be refused. */
bool ddl_index_alone(const struct rnl_index *index)
{
    for (uint32_t i = 0; i < index->nparts; i++)
        if (index->parts[i].expression)
            return true;
    return index->flags & RNL_INDEX_FULLTEXT;
}

void ddl_inline_indexes(struct mapper *m, uint32_t t, bool all, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    bool small = is_small(table);

    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);
        size_t before = sql->len;
        const char *why;

        if (!is_primary(m, t, i) && !is_needed(m, t, index) && !small && !all)
            continue;
        if (ddl_index_alone(index) && !all)
            continue;
        buf_puts(sql, ",\n  ");
        why = ddl_index(m, t, i, sql);
        if (why) {
            sql->len = before; /* ddl_indexes() tells */
            continue;
        }
        m->tables[t].in_create[i] = true;
        tell_changes(m, t, i);
    }
}

static uint32_t weight_of(const struct rnl_table *table)
{
    return table->bytes > 0 ? (uint32_t)(table->bytes >> 20 & 0x7fffffff) : 0;
}

/* All that one pass over the rows can build is one statement. */
int ddl_indexes(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];
    struct buf sql = {0}, one = {0};
    uint32_t count = 0;
    int status = RNL_OK;

    for (uint32_t i = 0; !status && i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);
        const char *why;

        if (map->in_create[i] || target_has(m, t, 'i', ddl_index_name(m, t, i)))
            continue;
        buf_clear(&one);
        why = ddl_index(m, t, i, &one);
        if (why || !buf_text(&one)) {
            tell_skipped(m, t, index, why ? why : "out of memory");
            continue;
        }
        tell_changes(m, t, i);
        if (ddl_index_alone(index)) {
            struct buf alter = {0};

            buf_printf(&alter, "ALTER TABLE %s ADD %s", map->name.qualified, one.ptr);
            status =
                map_step(m, RNL_PHASE_INDEXES, "index", t, index->name, weight_of(table), &alter);
            buf_free(&alter);
            continue;
        }
        if (!count++)
            buf_printf(&sql, "ALTER TABLE %s", map->name.qualified);
        buf_printf(&sql, "%s\n  ADD %s", count > 1 ? "," : "", one.ptr);
    }
    if (!status && count)
        status = map_step(m, RNL_PHASE_INDEXES, "indexes", t, NULL, weight_of(table), &sql);
    buf_free(&sql);
    buf_free(&one);
    return status;
}
