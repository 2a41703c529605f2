/* What is read of each table: itself, or its partitions that have none themselves. */
#include "describe.h"

static int leaf_order(const void *a, const void *b)
{
    const struct leaf *left = a, *right = b;
    int order = strcmp(left->root_schema, right->root_schema);

    if (!order)
        order = strcmp(left->root, right->root);
    if (!order)
        order = strcmp(left->schema, right->schema);
    return order ? order : strcmp(left->name, right->name);
}

void leaves_forget(struct pg_source *source)
{
    free(source->leaves);
    source->leaves = NULL;
    source->nleaves = source->room = 0;
    arena_free(&source->arena);
    seen_forget(source);
}

/* A leaf without a name of its own stands before those of its table. */
static size_t leaves_begin(const struct pg_source *source, const char *schema, const char *name)
{
    struct leaf key = {.root_schema = schema, .root = name, .schema = "", .name = ""};
    size_t low = 0, high = source->nleaves;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (leaf_order(&source->leaves[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct leaf *leaves_of(const struct pg_source *source, const char *schema, const char *name,
                             size_t *count)
{
    size_t first = leaves_begin(source, schema, name), end = first;

    while (end < source->nleaves && strcmp(source->leaves[end].root_schema, schema) == 0 &&
           strcmp(source->leaves[end].root, name) == 0)
        end++;
    *count = end - first;
    return *count ? &source->leaves[first] : NULL;
}

const struct leaf *leaf_find(const struct pg_source *source, const struct rnl_table *table,
                             const char *schema, const char *name)
{
    struct leaf key = {
        .root_schema = table->schema, .root = table->name, .schema = schema, .name = name};

    return source->nleaves ? bsearch(&key, source->leaves, source->nleaves, sizeof(key), leaf_order)
                           : NULL;
}

static int leaf_row(struct describer *d, const PGresult *result, int row)
{
    struct pg_source *source = d->source;
    struct leaf *leaf;

    if (source->nleaves == source->room) {
        size_t room = source->room ? source->room * 2 : 64;

        leaf = realloc(source->leaves, room * sizeof(*leaf));
        if (!leaf)
            return -1;
        source->leaves = leaf;
        source->room = room;
    }
    leaf = &source->leaves[source->nleaves];
    *leaf = (struct leaf){
        .root_schema = arena_strdup(&source->arena, cell(result, row, 0)),
        .root = arena_strdup(&source->arena, cell(result, row, 1)),
        .schema = arena_strdup(&source->arena, cell(result, row, 2)),
        .name = arena_strdup(&source->arena, cell(result, row, 3)),
        .oid = cell_oid(result, row, 4),
        .file = cell_oid(result, row, 5),
        .rows = cell_number(result, row, 6),
        .bytes = cell_number(result, row, 7),
        .pages = cell_number(result, row, 8),
        .heap = cell_true(result, row, 9),
        .readable = cell_true(result, row, 10),
        .is_root = cell_true(result, row, 11),
        .root_oid = cell_oid(result, row, 12),
    };
    if (leaf->rows == 0 && leaf->bytes > 0) /* never counted */
        leaf->rows = -1;
    if (!leaf->root_schema || !leaf->root || !leaf->schema || !leaf->name)
        return -1;
    source->nleaves++;
    return 0;
}

static void leaves_query(const struct pg_source *source, struct buf *sql)
{
    buf_puts(sql, "WITH RECURSIVE part(root, oid) AS (SELECT w.oid, w.oid"
                  " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid) UNION ALL SELECT p.root,"
                  " i.inhrelid FROM part p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid"
                  " JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition)"
                  " SELECT rn.nspname, r.relname, n.nspname, c.relname, c.oid,"
                  " COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0), c.reltuples::bigint,"
                  " CASE c.relkind WHEN 'r' THEN pg_catalog.pg_table_size(c.oid) ELSE 0 END,"
                  " CASE c.relkind WHEN 'r' THEN pg_catalog.pg_relation_size(c.oid) /"
                  " pg_catalog.current_setting('block_size')::bigint ELSE 0 END, ");
    buf_puts(sql, source->server.version >= 120000
                      ? "c.relkind = 'r' AND (SELECT a.amname FROM pg_catalog.pg_am a"
                        " WHERE a.oid = c.relam) = 'heap'"
                      : "c.relkind = 'r'");
    buf_puts(sql, ", pg_catalog.has_table_privilege(c.oid, 'SELECT') AND"
                  " NOT pg_catalog.row_security_active(c.oid), c.oid = r.oid, r.oid"
                  " FROM part p JOIN pg_catalog.pg_class c ON c.oid = p.oid AND c.relkind <> 'p'"
                  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                  " JOIN pg_catalog.pg_class r ON r.oid = p.root"
                  " JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace");
}

/* Those of tables that are described now are learned anew, others stay. */
static void leaves_keep(struct describer *d)
{
    struct pg_source *source = d->source;
    size_t kept = 0;

    for (size_t i = 0; i < source->nleaves; i++)
        if (!wanted_has(d, source->leaves[i].root_oid))
            source->leaves[kept++] = source->leaves[i];
    source->nleaves = kept;
}

int leaves_describe(struct describer *d, struct rnl_error *err)
{
    struct buf sql = {0};
    char *oids;
    int status;

    leaves_keep(d);
    oids = oids_text(d->oids, d->nwanted);
    leaves_query(d->source, &sql);
    status = oids && buf_text(&sql)
                 ? describe_query(d, sql.ptr, oids, "measure tables", leaf_row, err)
                 : error_memory(err);
    free(oids);
    buf_free(&sql);
    if (status == RNL_OK && d->source->nleaves)
        qsort(d->source->leaves, d->source->nleaves, sizeof(struct leaf), leaf_order);
    return status;
}
