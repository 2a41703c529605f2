/* The COPY that reads a unit. */
#include "cursor.h"

#include "types.h"

bool key_is_read(const struct cursor *c)
{
    for (uint32_t k = 0; k < c->key.ncolumns; k++)
        if (c->key_at[k] >= c->ncolumns ||
            c->columns[c->key_at[k]].source != COLUMN(c->table, c->key.columns[k]))
            return false;
    return c->key.ncolumns > 0;
}

static void key_names(const struct cursor *c, struct buf *sql)
{
    for (uint32_t i = 0; i < c->key.ncolumns; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, COLUMN(c->table, c->key.columns[i])->name);
    }
}

/* (a, b) >= ('1', '2'): literals without a type take the columns'. */
static void key_compare(const struct cursor *c, const char *operator, const struct bound * bound,
                        struct buf *sql)
{
    buf_puts(sql, "(");
    key_names(c, sql);
    buf_printf(sql, ") %s (", operator);
    for (uint32_t i = 0; i < bound->count; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_literal_bytes(sql, bound->values[i].ptr, bound->values[i].len);
    }
    buf_puts(sql, ")");
}

static bool page_compare(const char *operator, const struct bound * bound, struct buf *sql)
{
    const char *digits = bound->values[0].ptr;
    size_t len = bound->values[0].len;

    for (size_t i = 0; i < len; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    buf_printf(sql, "ctid %s '(%.*s,0)'::pg_catalog.tid", operator,(int) len, digits);
    return len > 0 && len < 11;
}

bool source_reads_keys(void *self, const struct rnl_catalog *catalog, uint32_t index,
                       const uint32_t *key, uint32_t nkey)
{
    const struct pg_source *source = self;
    const struct rnl_table *table = source->server.host->table_at(catalog, index);

    for (uint32_t k = 0; k < nkey; k++) {
        const struct rnl_column *column = COLUMN(table, key[k]);

        /* another's literal needn't be one of an enum or a domain */
        if (column->type_name ||
            (column->type != RNL_T_INT && column->type != RNL_T_TEXT && column->type != RNL_T_UUID))
            return false;
    }
    return nkey > 0 && nkey <= KEY_COLUMNS && !table->query;
}

/* Only rows of these keys. */
static bool add_keys(const struct cursor *c, const struct rnl_unit *unit, struct buf *sql)
{
    const char *names[KEY_COLUMNS];

    if (unit->nkey > KEY_COLUMNS)
        return false;
    for (uint32_t k = 0; k < unit->nkey; k++) {
        if (unit->key[k] >= c->table->ncolumns)
            return false;
        names[k] = COLUMN(c->table, unit->key[k])->name;
    }
    return keys_sql(unit, names, sql);
}

/* What of the leaf is read: by place, from where it is gone on, and by the operator's filter. */
static bool add_conditions(const struct cursor *c, const struct rnl_unit *unit,
                           const struct bound *from, bool behind, struct buf *sql)
{
    const struct bound *to = &c->place.to;
    const char *word = " WHERE ";
    bool pages = c->place.mode == UNIT_PAGES, good = true;
    uint32_t count = pages ? 1 : c->key.ncolumns;

    if ((from->count && from->count != count) || (to->count && to->count != count))
        return false;
    if (from->count) {
        buf_puts(sql, word);
        if (pages)
            good = page_compare(">=", from, sql);
        else
            key_compare(c, behind ? ">" : ">=", from, sql);
        word = " AND ";
    }
    if (to->count) {
        buf_puts(sql, word);
        if (pages)
            good = good && page_compare("<", to, sql);
        else
            key_compare(c, "<", to, sql);
        word = " AND ";
    }
    if (c->table->where && *c->table->where && !c->table->query) {
        buf_printf(sql, "%s(%s\n)", word, c->table->where);
        word = " AND ";
    }
    if (by_keys(unit)) {
        buf_puts(sql, word);
        good = good && add_keys(c, unit, sql);
    }
    return good;
}

static void add_origin(const struct cursor *c, struct buf *sql)
{
    size_t len;

    if (c->table->query) {
        len = strlen(c->table->query);
        while (len && strchr("; \t\r\n", c->table->query[len - 1]))
            len--;
        buf_puts(sql, " FROM (");
        buf_add(sql, c->table->query, len);
        buf_puts(sql, "\n) AS q");
        return;
    }
    buf_puts(sql, c->leaf ? " FROM ONLY " : " FROM ");
    buf_qualified(sql, c->leaf ? c->leaf->schema : c->table->schema,
                  c->leaf ? c->leaf->name : c->table->name);
    buf_puts(sql, " AS "); /* as the operator's filter knows it */
    buf_name(sql, c->table->name);
}

bool copy_sql(const struct cursor *c, const struct rnl_unit *unit, const struct bound *from,
              bool behind, struct buf *sql)
{
    buf_puts(sql, "COPY (SELECT ");
    for (uint32_t i = 0; i < c->ncolumns; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, c->columns[i].source->name);
        buf_puts(sql, type_reading(c->columns[i].source).cast);
    }
    add_origin(c, sql);
    if (!add_conditions(c, unit, from, behind, sql))
        return false;
    if (key_is_read(c)) {
        buf_puts(sql, " ORDER BY ");
        key_names(c, sql);
    }
    buf_puts(sql, ") TO STDOUT (FORMAT binary)");
    return buf_text(sql) != NULL;
}
