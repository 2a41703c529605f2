/* Partitions: as they are in the same dialect; of others one plain table. */
#include "map.h"

void ddl_partition(const struct rnl_table *table, const struct rnl_partition *partition,
                   struct buf *sql)
{
    bool any = false;

    buf_puts(sql, "PARTITION ");
    sql_name(sql, partition->name);
    if (partition->bounds && *partition->bounds)
        buf_printf(sql, " %s", partition->bounds);
    for (uint32_t i = 0; i < table->npartitions; i++) {
        const struct rnl_partition *sub = PARTITION(table, i);

        if (!sub->parent || strcmp(sub->parent, partition->name) != 0)
            continue;
        buf_puts(sql, any ? ", SUBPARTITION " : " (SUBPARTITION ");
        sql_name(sql, sub->name);
        any = true;
    }
    buf_puts(sql, any ? ")" : "");
}

void ddl_partitions(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    bool any = false;

    if (!(table->flags & RNL_TABLE_PARTITIONED))
        return;
    if (!m->tables[t].same || !table->partition_by || !*table->partition_by) {
        map_find(m, t, RNL_WARNING, "table.partitions", NULL, NULL,
                 "is partitioned; in the target it is one plain table");
        return;
    }
    buf_printf(sql, "\nPARTITION BY %s", table->partition_by);
    for (uint32_t i = 0; i < table->npartitions; i++) {
        const struct rnl_partition *partition = PARTITION(table, i);

        if (partition->parent)
            continue;
        buf_puts(sql, any ? ",\n  " : "\n (");
        ddl_partition(table, partition, sql);
        any = true;
    }
    buf_puts(sql, any ? ")" : "");
}
