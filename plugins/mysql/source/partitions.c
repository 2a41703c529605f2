/* What CREATE TABLE says behind the columns: storage and partitions, for a target of the same kind.
 */
#include "describe.h"

#include <strings.h>

/* Options that MySQL and MariaDB both know, and that mean something to a copy. */
static bool is_kept(const char *option, size_t len)
{
    static const char *const names[] = {
        "row_format", "key_block_size",   "max_rows",          "min_rows", "avg_row_length",
        "pack_keys",  "stats_persistent", "stats_auto_recalc", "checksum", "stats_sample_pages"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == len && strncasecmp(names[i], option, len) == 0)
            return true;
    return false;
}

/* CREATE_OPTIONS: "row_format=COMPRESSED key_block_size=8 partitioned" */
static void options_add(struct text *out, const char *options)
{
    while (*options) {
        size_t len = strcspn(options, " "), name = strcspn(options, "= ");

        if (name < len && is_kept(options, name) && !memchr(options, '\'', len)) {
            text_add(out, " ");
            text_bytes(out, options, len);
        }
        options += len + strspn(options + len, " ");
    }
}

int storage_set(struct drafts *drafts, struct draft *draft, const char *engine, const char *options,
                const char *collation)
{
    struct text text = {0};

    if (!*engine)
        return 0;
    text_printf(&text, "ENGINE=%s", engine);
    options_add(&text, options ? options : "");
    if (collation)
        text_printf(&text, " DEFAULT CHARSET=%.*s COLLATE=%s", (int)strcspn(collation, "_"),
                    collation, collation);
    draft->table.storage = text.failed ? NULL : pool_text(&drafts->pool, text.ptr);
    text_free(&text);
    return draft->table.storage ? 0 : -1;
}

/* What is being put together of one table. */
struct partitioning {
    struct pool *pool;
    struct text by;    /* what stands behind PARTITION BY */
    struct text under; /* SUBPARTITION BY … */
    struct rnl_partition *items;
    uint32_t count, size; /* of items */
    uint32_t below;       /* subpartitions of the first */
    bool listed;          /* bounds tell them apart */
    bool strange;         /* of a kind that isn't carried */
};

enum { P_NAME, P_BELOW, P_METHOD, P_BELOW_METHOD, P_BY, P_BELOW_BY, P_BOUND };

static const char *bounds_text(struct partitioning *p, MYSQL_ROW row)
{
    struct text text = {0};
    const char *copy;

    /* MariaDB says MAXVALUE of the DEFAULT of a list */
    if (strncasecmp(row[P_METHOD], "LIST", 4) == 0 &&
        (strcasecmp(row[P_BOUND], "DEFAULT") == 0 || strcasecmp(row[P_BOUND], "MAXVALUE") == 0))
        text_add(&text, "DEFAULT");
    else if (strcasecmp(row[P_METHOD], "RANGE") == 0 && strcasecmp(row[P_BOUND], "MAXVALUE") == 0)
        text_add(&text, "VALUES LESS THAN MAXVALUE");
    else
        text_printf(&text, "VALUES %s (%s)",
                    strncasecmp(row[P_METHOD], "RANGE", 5) == 0 ? "LESS THAN" : "IN", row[P_BOUND]);
    copy = text.failed ? NULL : pool_text(p->pool, text.ptr);
    text_free(&text);
    return copy;
}

static int partition_row(struct partitioning *p, MYSQL_ROW row)
{
    struct rnl_partition *item;

    if (!row[P_NAME] || !row[P_METHOD])
        return 0;
    if (!p->by.len) {
        text_printf(&p->by, "%s (%s)", row[P_METHOD], row[P_BY] ? row[P_BY] : "");
        p->listed = row[P_BOUND] != NULL;
        p->strange = strcasecmp(row[P_METHOD], "SYSTEM_TIME") == 0;
        if (row[P_BELOW_METHOD])
            text_printf(&p->under, " SUBPARTITION BY %s (%s)", row[P_BELOW_METHOD],
                        row[P_BELOW_BY] ? row[P_BELOW_BY] : "");
    }
    if (p->count && strcmp(p->items[p->count - 1].name, row[P_NAME]) == 0) {
        p->below += p->count == 1;
        return 0;
    }
    item = items_grow(p->pool, p->items, &p->count, &p->size, sizeof(*item));
    if (!item)
        return -1;
    p->items = item;
    item += p->count - 1;
    item->name = pool_text(p->pool, row[P_NAME]);
    item->bounds = p->listed && row[P_BOUND] ? bounds_text(p, row) : NULL;
    p->below += p->count == 1;
    return item->name && (item->bounds || !p->listed) ? 0 : -1;
}

static int partitions_read(struct drafts *drafts, const char *table, struct partitioning *p,
                           struct rnl_error *err)
{
    struct conn *conn = drafts->source->control;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status, failed = 0;

    text_add(&sql, "SELECT PARTITION_NAME, SUBPARTITION_NAME, PARTITION_METHOD, "
                   "SUBPARTITION_METHOD, PARTITION_EXPRESSION, SUBPARTITION_EXPRESSION, "
                   "PARTITION_DESCRIPTION FROM information_schema.PARTITIONS");
    where_database(drafts, &sql, "TABLE_SCHEMA");
    text_add(&sql, " AND TABLE_NAME = ");
    text_quoted(&sql, table);
    text_add(&sql, " ORDER BY PARTITION_ORDINAL_POSITION, SUBPARTITION_ORDINAL_POSITION");
    status = sql.failed ? error_memory(err) : conn_query(conn, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        failed = failed ? failed : partition_row(p, row);
    status = conn_finish(conn, result, "reading the partitions", err);
    return !status && failed ? error_memory(err) : status;
}

static int partitions_set(struct drafts *drafts, struct draft *draft, struct rnl_error *err)
{
    struct partitioning p = {.pool = &drafts->pool};
    struct rnl_table *table = &draft->table;
    int status = partitions_read(drafts, table->name, &p, err);

    if (!status && p.count && !p.strange) {
        if (!p.listed)
            text_printf(&p.by, " PARTITIONS %u", p.count);
        if (p.under.len)
            text_printf(&p.by, "%s SUBPARTITIONS %u", p.under.ptr, p.below);
        table->partition_by = p.by.failed ? NULL : pool_text(&drafts->pool, p.by.ptr);
        if (!table->partition_by)
            status = error_memory(err);
        table->partitions = p.listed ? p.items : NULL;
        table->npartitions = p.listed ? p.count : 0;
        table->partition_size = sizeof(struct rnl_partition);
    }
    text_free(&p.by);
    text_free(&p.under);
    return status;
}

int partitions_describe(struct drafts *drafts, struct rnl_error *err)
{
    int status = RNL_OK;

    for (size_t i = 0; i < drafts->count && !status; i++)
        if (drafts->items[i].table.flags & RNL_TABLE_PARTITIONED)
            status = partitions_set(drafts, &drafts->items[i], err);
    return status;
}
