/* Which tables and keys a catalog's tables are in the target. */
#include "data.h"

#include <stdlib.h>
#include <strings.h>

#define NAMED_MAX 200 /* tables that a condition lists: of more, all of the database are read */

static int by_name(const void *a, const void *b)
{
    const struct bound_table *one = *(struct bound_table *const *)a;
    const struct bound_table *two = *(struct bound_table *const *)b;
    int order = strcmp(one->database, two->database);

    return order ? order : strcmp(one->name, two->name);
}

struct bound_table *table_named(const struct binding *binding, const char *database,
                                const char *name)
{
    struct bound_table wanted = {.database = database, .name = name}, *key = &wanted;
    struct bound_table **found;

    if (!database || !name)
        return NULL;
    found = bsearch(&key, binding->by_name, binding->count, sizeof(key), by_name);
    return found ? *found : NULL;
}

static int columns_name(struct my_sink *sink, struct bound_table *table,
                        const struct table_name *name, struct rnl_error *err)
{
    const struct rnl_table *source = table->source;

    table->database = name->database;
    table->name = name->name;
    table->qualified = name->qualified;
    table->columns =
        pool_alloc(&sink->bound_pool, sizeof(*table->columns) * (source->ncolumns + 1));
    if (!table->columns)
        return error_memory(err);
    for (uint32_t i = 0; i < source->ncolumns; i++) {
        table->columns[i].source = COLUMN(source, i);
        table->columns[i].name = name->columns[i];
    }
    return RNL_OK;
}

int tables_name(struct binding *binding, const struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct my_sink *sink = binding->sink;
    struct table_name *names;
    int status;

    pool_free(&sink->bound_pool);
    sink->tables = pool_alloc(&sink->bound_pool, sizeof(*sink->tables) * (binding->count + 1));
    binding->by_name =
        pool_alloc(&sink->bound_pool, sizeof(*binding->by_name) * (binding->count + 1));
    if (!sink->tables || !binding->by_name)
        return error_memory(err);
    status = names_of_catalog(sink, catalog, &sink->bound_pool, &names, err);
    for (uint32_t i = 0; status == RNL_OK && i < binding->count; i++) {
        struct bound_table *table = &sink->tables[i];

        table->source = sink->host->table_at(catalog, i);
        status = columns_name(sink, table, &names[i], err);
        binding->by_name[i] = table;
    }
    if (status == RNL_OK)
        qsort(binding->by_name, binding->count, sizeof(*binding->by_name), by_name);
    return status;
}

/* The tables of the catalog: by their names when these are few, else by their databases. */
void names_condition(struct text *sql, const struct binding *binding)
{
    struct bound_table **tables = binding->by_name;
    const char *joint = "table_schema IN (";

    for (uint32_t i = 0; i < binding->count; i++) {
        if (i && strcmp(tables[i]->database, tables[i - 1]->database) == 0)
            continue;
        text_add(sql, joint);
        text_quoted(sql, tables[i]->database);
        joint = ", ";
    }
    text_add(sql, ")");
    if (binding->count > NAMED_MAX)
        return;
    joint = " AND table_name IN (";
    for (uint32_t i = 0; i < binding->count; i++) {
        text_add(sql, joint);
        text_quoted(sql, tables[i]->name);
        joint = ", ";
    }
    text_add(sql, ")");
}

/* A key that tells each row from all others: plain columns that hold no NULL. */
static bool is_row_key(const struct rnl_table *table, const struct rnl_index *index)
{
    if (!(index->flags & (RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE)) || index->where ||
        index->flags & RNL_INDEX_EXCLUDE)
        return false;
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        if (part->expression || part->prefix || part->column >= table->ncolumns ||
            (COLUMN(table, part->column)->flags & RNL_COLUMN_NULLABLE))
            return false;
    }
    return index->nparts > 0;
}

static int key_bind(struct my_sink *sink, struct bound_table *bound, struct rnl_error *err)
{
    const struct rnl_table *table = bound->source;
    const struct rnl_index *best = NULL;

    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);

        if (is_row_key(table, index) && (!best || (index->flags & RNL_INDEX_PRIMARY)))
            best = index;
    }
    if (!best)
        return RNL_OK;
    bound->key = pool_alloc(&sink->bound_pool, sizeof(*bound->key) * best->nparts);
    if (!bound->key)
        return error_memory(err);
    for (uint32_t i = 0; i < best->nparts; i++)
        bound->key[i] = best->parts[i].column;
    bound->nkey = best->nparts;
    bound->ranges = bound->nkey == 1 && bound->columns[bound->key[0]].kind == MY_INT;
    return RNL_OK;
}

/* A unique key of the target, as its columns are told one by one. */
struct target_key {
    struct bound_table *table;
    char name[200];
    uint32_t columns; /* of it */
    uint32_t ours;    /* of them, in the key that tells rows apart */
    bool parts;       /* of columns, or of expressions */
};

static void target_key_end(struct target_key *key)
{
    struct bound_table *table = key->table;

    if (!table)
        return;
    if (key->columns == table->nkey && key->ours == table->nkey && !key->parts)
        table->upsert = true;
    else
        table->by_key = true;
    key->table = NULL;
}

static void target_key_column(struct target_key *key, const char *name, bool part)
{
    const struct bound_table *table = key->table;

    key->columns++;
    key->parts = key->parts || part || !name;
    for (uint32_t i = 0; name && i < table->nkey; i++)
        key->ours += strcasecmp(table->columns[table->key[i]].name, name) == 0;
}

/* The unique keys that stand in the target: which rows an INSERT would meet. */
static int target_keys_read(struct binding *binding, struct rnl_error *err)
{
    struct my_sink *sink = binding->sink;
    struct target_key key = {0};
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, "SELECT table_schema, table_name, index_name, column_name, sub_part"
                   " FROM information_schema.statistics WHERE non_unique = 0 AND ");
    names_condition(&sql, binding);
    text_add(&sql, " ORDER BY table_schema, table_name, index_name, seq_in_index");
    status = sql.failed ? error_memory(err) : conn_query(sink->control, sql.ptr, &result, err);
    text_free(&sql);
    if (status != RNL_OK)
        return status;
    while ((row = mysql_fetch_row(result)) != NULL) {
        struct bound_table *table = table_named(binding, row[0], row[1]);

        if (!table || !row[2])
            continue;
        if (table != key.table || strcmp(key.name, row[2]) != 0) {
            target_key_end(&key);
            key = (struct target_key){.table = table};
            snprintf(key.name, sizeof(key.name), "%s", row[2]);
        }
        target_key_column(&key, row[3], row[4] != NULL);
    }
    target_key_end(&key);
    return conn_finish(sink->control, result, "look at the keys", err);
}

static int upsert_check(const struct bound_table *table, struct rnl_error *err)
{
    if (table->upsert)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "sink.no_key",
             "write_mode = \"upsert\": the table %s has no unique key of the columns that tell "
             "the source's rows apart",
             table->qualified);
    rnl_hint(err, "add the key to the target, or use another write_mode for a run without this "
                  "table");
    return RNL_E_CONFIG;
}

/* A text whose case and trailing blanks count in the source, whatever the target thinks of them. */
static bool is_exact(const struct bound_column *bound)
{
    const struct rnl_column *column = bound->source;
    const char *collation = column->collation ? column->collation : "";

    return bound->kind == MY_TEXT && !bound->bytewise && column->type == RNL_T_TEXT &&
           !(column->flags & (RNL_COLUMN_FIXED | RNL_COLUMN_ENUM | RNL_COLUMN_SET)) &&
           !strstr(collation, "_ci") && strcasecmp(collation, "NOCASE") != 0 &&
           strcasecmp(collation, "RTRIM") != 0 &&
           !(column->native && strcasecmp(column->native, "citext") == 0) &&
           !(column->type_name && strcmp(column->type_name, "citext") == 0);
}

static void exact_mark(struct bound_table *table)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        table->columns[table->key[i]].exact = is_exact(&table->columns[table->key[i]]);
}

int keys_bind(struct binding *binding, const struct rnl_job *job, struct rnl_error *err)
{
    struct my_sink *sink = binding->sink;
    uint32_t count = binding->count;
    bool upsert = job && job->write_mode == RNL_UPSERT;
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = key_bind(sink, &sink->tables[i], err);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        exact_mark(&sink->tables[i]);
    if (status != RNL_OK || !upsert)
        return status;
    status = target_keys_read(binding, err);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = upsert_check(&sink->tables[i], err);
    return status;
}
