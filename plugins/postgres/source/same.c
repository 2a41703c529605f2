/* Whether a table is still what was described, at the moment its rows are read. */
#include "cursor.h"

static int by_place(const void *a, const void *b)
{
    const struct seen *left = a, *right = b;

    if (left->table != right->table)
        return left->table < right->table ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

void seen_forget(struct pg_source *source)
{
    free(source->seen);
    source->seen = NULL;
    source->nseen = source->seen_room = 0;
}

int seen_add(struct pg_source *source, const struct seen *column)
{
    if (source->nseen == source->seen_room) {
        size_t room = source->seen_room ? source->seen_room * 2 : 256;
        struct seen *grown = realloc(source->seen, room * sizeof(*grown));

        if (!grown)
            return -1;
        source->seen = grown;
        source->seen_room = room;
    }
    source->seen[source->nseen++] = *column;
    return 0;
}

void seen_sort(struct pg_source *source)
{
    if (source->nseen)
        qsort(source->seen, source->nseen, sizeof(*source->seen), by_place);
}

/* One row: is its file the same; and the columns that are read, all NULL. */
static bool same_sql(const struct cursor *c, struct buf *sql)
{
    buf_puts(sql, "SELECT ");
    if (c->leaf && c->leaf->file)
        buf_printf(sql, "pg_catalog.pg_relation_filenode(%u) = %u", c->leaf->oid, c->leaf->file);
    else
        buf_puts(sql, "true");
    for (uint32_t i = 0; i < c->ncolumns; i++) {
        buf_puts(sql, ", t.");
        buf_name(sql, c->columns[i].source->name);
    }
    buf_puts(sql, c->leaf ? " FROM (SELECT 1) AS one LEFT JOIN ONLY "
                          : " FROM (SELECT 1) AS one LEFT JOIN ");
    buf_qualified(sql, c->leaf ? c->leaf->schema : c->table->schema,
                  c->leaf ? c->leaf->name : c->table->name);
    buf_puts(sql, " AS t ON false");
    return buf_text(sql) != NULL;
}

/* A partition counts its columns for itself. */
static bool columns_are_same(const struct cursor *c, const PGresult *result)
{
    const struct pg_source *source = c->source;
    size_t count;
    const struct leaf *first = leaves_of(source, c->table->schema, c->table->name, &count);
    bool own = !c->leaf || c->leaf->is_root;

    for (uint32_t i = 0; first && i < c->ncolumns; i++) {
        struct seen key = {.table = first->root_oid, .number = c->columns[i].source->number};
        const struct seen *seen =
            source->nseen ? bsearch(&key, source->seen, source->nseen, sizeof(key), by_place)
                          : NULL;
        int at = (int)i + 1;

        if (seen && (PQftype(result, at) != seen->type || PQfmod(result, at) != seen->modifier ||
                     (own && PQftablecol(result, at) != (int)seen->number)))
            return false;
    }
    return true;
}

/*
 * Rows are read as they were at the snapshot, but by what the catalogue says now. The question
 * leaves a lock, by which all of this stays as it is until the transaction's end.
 */
int cursor_check_same(struct cursor *c, struct rnl_error *err)
{
    struct buf sql = {0};
    PGresult *result = NULL;
    bool same = true;
    int status;

    if (c->table->query)
        return RNL_OK;
    status = same_sql(c, &sql) ? conn_query(c->lane->conn, sql.ptr, 0, NULL,
                                            "look at a table again", &result, err)
                               : error_memory(err);
    buf_free(&sql);
    if (status == RNL_OK)
        same = cell_true(result, 0, 0) && columns_are_same(c, result);
    PQclear(result);
    if (same)
        return status;
    rnl_fail(err, RNL_E_RETRY, "postgres.table_changed",
             "the table %s.%s was altered, emptied or rewritten before its rows were read",
             c->table->schema, c->table->name);
    rnl_hint(err, "let nobody change the structure of tables while they are loaded");
    return RNL_E_RETRY;
}
