/* Partitions of the tables under way: no tables of their own, but parts of one. */
#include "describe.h"

/* Parents before children. */
static const char partitions_sql[] =
    "WITH RECURSIVE part(root, oid, parent, depth) AS (SELECT w.oid, w.oid, 0::pg_catalog.oid, 0"
    " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid) UNION ALL"
    " SELECT p.root, i.inhrelid, p.oid, p.depth + 1 FROM part p"
    " JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid"
    " JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition)"
    " SELECT p.root, n.nspname, c.relname, CASE WHEN p.depth > 1 THEN o.relname END,"
    " pg_catalog.pg_get_expr(c.relpartbound, c.oid),"
    " CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END, c.relkind = 'f'"
    " FROM part p JOIN pg_catalog.pg_class c ON c.oid = p.oid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_class o ON o.oid = p.parent WHERE p.depth > 0"
    " ORDER BY p.root, p.depth, n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

static int partition_row(struct describer *d, const PGresult *result, int row)
{
    struct draft *draft = draft_find(d, cell_oid(result, row, 0));
    struct rnl_partition *list;

    if (!draft)
        return 0;
    list = items_grow(&d->batch, draft->partitions, &draft->table.npartitions,
                      &draft->partitions_room, sizeof(*list));
    if (!list)
        return -1;
    draft->partitions = list;
    list += draft->table.npartitions - 1;
    *list = (struct rnl_partition){
        .schema = batch_text(d, cell(result, row, 1)),
        .name = batch_text(d, cell(result, row, 2)),
        .parent = batch_text(d, cell(result, row, 3)),
        .bounds = batch_text(d, cell(result, row, 4)),
        .partition_by = batch_text(d, cell(result, row, 5)),
    };
    if (cell_true(result, row, 6))
        source_find(d->source, RNL_WARNING, "partition.foreign", list->schema, draft->table.name,
                    list->name,
                    "A partition that is a foreign table is carried over as a plain one, with its "
                    "rows");
    return list->schema && list->name && list->bounds ? 0 : -1;
}

int partitions_describe(struct describer *d, const char *oids, struct rnl_error *err)
{
    for (size_t i = 0; i < d->ndrafts; i++)
        if (d->drafts[i].partitioned)
            return describe_query(d, partitions_sql, oids, "describe partitions", partition_row,
                                  err);
    return RNL_OK;
}
