/* Describes the tables of a database by a few queries on information_schema, however many they are.
 */
#include "describe.h"

static int draft_order(const void *a, const void *b)
{
    return strcmp(((const struct draft *)a)->table.name, ((const struct draft *)b)->table.name);
}

static int draft_compare(const void *key, const void *item)
{
    return strcmp(key, ((const struct draft *)item)->table.name);
}

struct draft *drafts_find(struct drafts *drafts, const char *table)
{
    if (!table || !drafts->count)
        return NULL;
    if (!drafts->last || strcmp(drafts->last->table.name, table) != 0)
        drafts->last =
            bsearch(table, drafts->items, drafts->count, sizeof(*drafts->items), draft_compare);
    return drafts->last;
}

void *items_grow(struct pool *pool, void *list, uint32_t *count, uint32_t *size, size_t item)
{
    if (*count == *size) {
        uint32_t larger = *size ? *size * 2 : 8;
        void *copy = pool_alloc(pool, larger * item);

        if (!copy)
            return NULL;
        if (*count)
            memcpy(copy, list, *count * item);
        *size = larger;
        list = copy;
    }
    ++*count;
    return list;
}

int column_find(const struct draft *draft, const char *name)
{
    for (uint32_t i = 0; name && i < draft->table.ncolumns; i++)
        if (strcmp(draft->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

void where_database(struct drafts *drafts, struct text *sql, const char *column)
{
    text_printf(sql, " WHERE %s = ", column);
    text_quoted(sql, drafts->source->server.database);
    if (!drafts->only)
        return;
    text_printf(sql, " AND %sTABLE_NAME = ", strncmp(column, "t.", 2) == 0 ? "t." : "");
    text_quoted(sql, drafts->only);
}

int drafts_query(struct drafts *drafts, struct text *sql, draft_row_fn *row_fn,
                 struct rnl_error *err)
{
    struct conn *conn = drafts->source->control;
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    int status = sql->failed ? error_memory(err) : RNL_OK, failed = 0;
    bool whole;

    if (drafts->asking && !status)
        ahead_ask(drafts, sql->ptr);
    else if (!status)
        result = ahead_take(drafts, sql->ptr);
    whole = result != NULL;
    if (!status && !drafts->asking && !whole)
        status = conn_query(conn, sql->ptr, &result, err);
    text_free(sql);
    if (status || drafts->asking)
        return status;
    while ((row = mysql_fetch_row(result)))
        if (!failed)
            failed = row_fn(drafts, row);
    if (whole)
        mysql_free_result(result);
    else
        status = conn_finish(conn, result, "reading the structure", err);
    return !status && failed ? error_memory(err) : status;
}

/* Of a database with many tables: what is asked after the tables, beside it. */
static int structure_ask(struct drafts *drafts, struct rnl_error *err)
{
    enum { MANY = 200 };
    struct text sql = {0};
    char *count = NULL;
    int status;

    if (!drafts->source->server.mariadb)
        return RNL_OK;
    text_add(&sql, "SELECT COUNT(*) FROM information_schema.TABLES");
    where_database(drafts, &sql, "TABLE_SCHEMA");
    status = sql.failed ? error_memory(err)
                        : conn_value(drafts->source->control, sql.ptr, 0, &count, err);
    text_free(&sql);
    if (!status && count && strtoul(count, NULL, 10) >= MANY) {
        drafts->asking = true;
        status = keys_describe(drafts, err);
        if (!status)
            status = checks_describe(drafts, err);
        drafts->asking = false;
    }
    free(count);
    return status;
}

static int64_t number_or(const char *text, int64_t otherwise)
{
    return text ? strtoll(text, NULL, 10) : otherwise;
}

static struct draft *draft_add(struct drafts *drafts)
{
    if (drafts->count == drafts->size) {
        size_t size = drafts->size ? drafts->size * 2 : 64;
        struct draft *items = realloc(drafts->items, size * sizeof(*items));

        if (!items)
            return NULL;
        drafts->items = items;
        drafts->size = size;
    }
    drafts->items[drafts->count] = (struct draft){0};
    return &drafts->items[drafts->count++];
}

enum {
    T_NAME,
    T_ENGINE,
    T_ROWS,
    T_BYTES,
    T_IDENTITY,
    T_CREATED,
    T_OPTIONS,
    T_COMMENT,
    T_COLLATION,
    T_SETTLED
};

static int table_row(struct drafts *drafts, MYSQL_ROW row)
{
    struct pool *pool = &drafts->pool;
    struct draft *draft = draft_add(drafts);

    if (!draft)
        return -1;
    draft->engine = pool_text(pool, row[T_ENGINE] ? row[T_ENGINE] : "");
    draft->created = pool_text(pool, row[T_CREATED] ? row[T_CREATED] : "");
    draft->table = (struct rnl_table){
        .size = sizeof(draft->table),
        .schema = drafts->source->server.database,
        .name = pool_text(pool, row[T_NAME]),
        .comment = pool_text(pool, row[T_COMMENT]),
        .dialect = "mysql",
        .rows = number_or(row[T_ROWS], -1),
        .bytes = number_or(row[T_BYTES], -1),
        .next_identity = row[T_IDENTITY] ? strtoull(row[T_IDENTITY], NULL, 10) : 0,
    };
    if (row[T_OPTIONS] && strstr(row[T_OPTIONS], "partitioned"))
        draft->table.flags |= RNL_TABLE_PARTITIONED;
    draft->settled = row[T_SETTLED] && strcmp(row[T_SETTLED], "1") == 0;
    if (!draft->engine || !draft->created || !draft->table.name)
        return -1;
    return storage_set(drafts, draft, draft->engine, row[T_OPTIONS], row[T_COLLATION]);
}

static int tables_describe(struct drafts *drafts, struct rnl_error *err)
{
    struct text sql = {0};

    text_add(&sql, "SELECT TABLE_NAME, ENGINE, TABLE_ROWS, DATA_LENGTH, AUTO_INCREMENT, "
                   "CREATE_TIME, CREATE_OPTIONS, TABLE_COMMENT, TABLE_COLLATION, "
                   "CREATE_TIME < NOW() - INTERVAL 2 SECOND FROM information_schema.TABLES");
    where_database(drafts, &sql, "TABLE_SCHEMA");
    text_add(&sql, " AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')");
    return drafts_query(drafts, &sql, table_row, err);
}

/* What a load keeps of itself in a target. */
bool table_is_own(const char *name)
{
    static const char *const names[] = {"runnel_pipelines", "runnel_units", "runnel_lanes",
                                        "runnel_steps", "runnel_dead_letters"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Of all tables those that are wanted, sorted. */
static void drafts_select(struct drafts *drafts, const struct rnl_catalog *catalog)
{
    const struct rnl_host *host = drafts->source->ctx->host;
    size_t kept = 0;

    for (size_t i = 0; i < drafts->count; i++)
        if (!table_is_own(drafts->items[i].table.name) &&
            host->table_wanted(catalog, drafts->source->server.database,
                               drafts->items[i].table.name))
            drafts->items[kept++] = drafts->items[i];
    drafts->count = kept;
    if (kept)
        qsort(drafts->items, kept, sizeof(*drafts->items), draft_order);
}

static int infos_keep(struct drafts *drafts, struct rnl_error *err)
{
    struct source *source = drafts->source;

    table_infos_free(source);
    if (!drafts->count)
        return RNL_OK;
    source->tables = calloc(drafts->count, sizeof(*source->tables));
    if (!source->tables)
        return error_memory(err);
    for (size_t i = 0; i < drafts->count; i++) {
        const struct draft *draft = &drafts->items[i];
        struct table_info *info = &source->tables[i];

        info->name = strdup(draft->table.name);
        if (!info->name)
            return error_memory(err);
        source->ntables = i + 1;
        info->definition = draft->definition;
        info->clustered = strcmp(draft->engine, "InnoDB") == 0;
        info->settled = source->server.mariadb && info->clustered && draft->settled &&
                        !(draft->table.flags & RNL_TABLE_PARTITIONED);
        snprintf(info->created, sizeof(info->created), "%s", draft->created);
    }
    return RNL_OK;
}

/* The lists that were collected become the table's. */
static void table_close(struct draft *draft)
{
    struct rnl_table *table = &draft->table;

    for (uint32_t c = 0; c < table->ncolumns; c++)
        if (draft->columns[c].flags & RNL_COLUMN_IDENTITY)
            draft->columns[c].next_value = table->next_identity;
    table->size = sizeof(*table);
    table->columns = draft->columns;
    table->indexes = draft->indexes;
    table->foreign_keys = draft->foreign_keys;
    table->checks = draft->checks;
    table->column_size = sizeof(struct rnl_column);
    table->index_size = sizeof(struct rnl_index);
    table->foreign_key_size = sizeof(struct rnl_foreign_key);
    table->check_size = sizeof(struct rnl_check);
}

static int tables_add(struct drafts *drafts, struct rnl_catalog *catalog, struct rnl_error *err)
{
    const struct rnl_host *host = drafts->source->ctx->host;
    int status = RNL_OK;

    for (size_t i = 0; i < drafts->count && !status; i++) {
        struct draft *draft = &drafts->items[i];

        table_close(draft);
        if (!draft->table.ncolumns)
            status = rnl_fail(err, RNL_E_CONFIG, "mysql.missing_privilege",
                              "the columns of table %s.%s can't be seen by this user",
                              draft->table.schema, draft->table.name);
        else
            status = host->table_add(catalog, &draft->table, err);
    }
    return status;
}

int table_describe(struct drafts *drafts, const char *name, const struct rnl_table **table,
                   struct rnl_error *err)
{
    int status;

    drafts->only = name;
    *table = NULL;
    status = tables_describe(drafts, err);
    if (status || !drafts->count)
        return status;
    for (size_t i = 1; i < drafts->count; i++) /* one of the same letters in another case */
        if (strcmp(drafts->items[i].table.name, name) == 0)
            drafts->items[0] = drafts->items[i];
    drafts->count = 1;
    status = columns_describe(drafts, err);
    if (!status)
        status = keys_describe(drafts, err);
    if (!status)
        status = checks_describe(drafts, err);
    if (!status)
        status = partitions_describe(drafts, err);
    if (status)
        return status;
    table_close(&drafts->items[0]);
    if (drafts->items[0].table.ncolumns)
        *table = &drafts->items[0].table;
    return RNL_OK;
}

static int drafts_ask(struct drafts *drafts, const struct rnl_catalog *catalog,
                      struct rnl_error *err)
{
    int status = structure_ask(drafts, err);

    if (!status)
        status = tables_describe(drafts, err);
    if (!status) {
        drafts_select(drafts, catalog);
        status = columns_describe(drafts, err);
    }
    if (!status)
        status = keys_describe(drafts, err);
    if (!status)
        status = checks_describe(drafts, err);
    return status ? status : partitions_describe(drafts, err);
}

static void drafts_free(struct drafts *drafts)
{
    struct source *source = drafts->source;

    ahead_forget(drafts);
    pool_free(&drafts->pool);
    free(drafts->items);
    *drafts = (struct drafts){.source = source};
}

/* A table was there when tables were asked for, and gone when its columns were. */
static bool is_torn(const struct drafts *drafts)
{
    for (size_t i = 0; i < drafts->count; i++)
        if (!drafts->items[i].table.ncolumns)
            return true;
    return false;
}

int source_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err)
{
    enum { ATTEMPTS = 5 }; /* then it isn't that tables are dropped meanwhile */
    struct drafts drafts = {.source = self};
    int status = drafts_ask(&drafts, catalog, err);

    for (int i = 1; i < ATTEMPTS && !status && is_torn(&drafts); i++) {
        drafts_free(&drafts);
        status = drafts_ask(&drafts, catalog, err);
    }
    if (!status)
        status = infos_keep(&drafts, err);
    if (!status)
        status = tables_add(&drafts, catalog, err);
    drafts_free(&drafts);
    if (!status)
        status = queries_describe(self, catalog, err);
    return status ? status : objects_report(self, catalog, err);
}
