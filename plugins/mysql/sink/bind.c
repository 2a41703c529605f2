/* Learns how the target's tables really stand, and how each column is to be written. */
#include "data.h"

#include <stdlib.h>
#include <strings.h>

enum {
    C_SCHEMA,
    C_TABLE,
    C_NAME,
    C_TYPE,
    C_SPELLED,
    C_NULLABLE,
    C_CHARACTERS,
    C_BYTES,
    C_PRECISION,
    C_SCALE,
    C_FRACTION,
    C_CHARSET,
    C_COLLATION,
    C_GENERATED
};

/* One row per column of all tables at once: a server may open each table for a question. */
static void columns_sql(struct text *sql, const struct binding *binding)
{
    text_add(sql, "SELECT table_schema, table_name, column_name, data_type, column_type,"
                  " is_nullable, character_maximum_length, character_octet_length,"
                  " numeric_precision, numeric_scale, datetime_precision, character_set_name,"
                  " collation_name, generation_expression FROM information_schema.columns WHERE ");
    names_condition(sql, binding);
}

static uint64_t number_at(MYSQL_ROW row, int column)
{
    return row[column] ? strtoull(row[column], NULL, 10) : 0;
}

static int column_learn(struct my_sink *sink, struct bound_table *table, MYSQL_ROW row,
                        struct rnl_error *err)
{
    const struct column_facts facts = {
        .data_type = row[C_TYPE],
        .column_type = row[C_SPELLED],
        .charset = row[C_CHARSET],
        .collation = row[C_COLLATION],
        .nullable = row[C_NULLABLE] && strcasecmp(row[C_NULLABLE], "YES") == 0,
        .generated = row[C_GENERATED] && *row[C_GENERATED],
        .characters = number_at(row, C_CHARACTERS),
        .bytes = number_at(row, C_BYTES),
        .precision = (unsigned)number_at(row, C_PRECISION),
        .scale = (unsigned)number_at(row, C_SCALE),
        .fraction = (unsigned)number_at(row, C_FRACTION),
        .mariadb = sink->server.mariadb,
        .version = sink->server.version,
    };

    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        struct bound_column *column = &table->columns[i];

        if (strcasecmp(column->name, row[C_NAME]) != 0)
            continue;
        bound_column_set(column, &facts);
        table->enums = table->enums || column->kind == MY_ENUM;
        column->spelled = pool_text(&sink->bound_pool, facts.column_type);
        column->as_json = sink->config->arrays == ARRAYS_JSON;
        return column->spelled ? RNL_OK : error_memory(err);
    }
    return RNL_OK; /* one of its own: it gets its default */
}

static int columns_learn(struct binding *binding, struct rnl_error *err)
{
    struct my_sink *sink = binding->sink;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    columns_sql(&sql, binding);
    status = sql.failed ? error_memory(err) : conn_query(sink->control, sql.ptr, &result, err);
    text_free(&sql);
    if (status != RNL_OK)
        return status;
    while (status == RNL_OK && (row = mysql_fetch_row(result)) != NULL) {
        struct bound_table *table = table_named(binding, row[C_SCHEMA], row[C_TABLE]);

        if (table && row[C_NAME] && row[C_TYPE] && row[C_SPELLED])
            status = column_learn(sink, table, row, err);
    }
    if (status == RNL_OK)
        return conn_finish(sink->control, result, "look at the tables", err);
    mysql_free_result(result);
    return status;
}

static int column_check(const struct bound_table *table, const struct bound_column *column,
                        struct rnl_error *err)
{
    const struct rnl_column *source = column->source;

    if (!column->spelled) {
        rnl_fail(err, RNL_E_CONFIG, "sink.missing_column", "the table %s has no column \"%s\"",
                 table->qualified, column->name);
        rnl_hint(err, "add the column, or let Runnel make the table "
                      "(schema_policy = \"drop_and_recreate\")");
        return RNL_E_CONFIG;
    }
    if (encode_accepts(column))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "sink.column_type",
             "the column %s.`%s` is %s, which can't take the source's %s", table->qualified,
             column->name, column->spelled, source->native ? source->native : "type");
    rnl_hint(err, "change the column's type, or let Runnel make the table "
                  "(schema_policy = \"drop_and_recreate\")");
    return RNL_E_CONFIG;
}

static int table_check(const struct bound_table *table, struct rnl_error *err)
{
    bool any = false;
    int status = RNL_OK;

    for (uint32_t i = 0; i < table->source->ncolumns; i++)
        any = any || table->columns[i].spelled;
    if (!any && table->source->ncolumns) {
        rnl_fail(err, RNL_E_CONFIG, "sink.missing_table", "the table %s is not in the target",
                 table->qualified);
        rnl_hint(err, "let Runnel make it (structure.tables), or create it first");
        return RNL_E_CONFIG;
    }
    for (uint32_t i = 0; status == RNL_OK && i < table->source->ncolumns; i++)
        status = column_check(table, &table->columns[i], err);
    return status;
}

/*
 * Two keys of the source may be one for the target. NULL, which no key may be, then makes
 * an error of what would take the first row away.
 */
static void update_add(struct text *sql, const struct bound_column *column)
{
    bool guarded = column->exact && !column->nullable;

    text_name(sql, column->name);
    text_add(sql, " = ");
    if (guarded) {
        text_add(sql, "IF(CAST(");
        text_name(sql, column->name);
        text_add(sql, " AS BINARY) = CAST(VALUES(");
        text_name(sql, column->name);
        text_add(sql, ") AS BINARY), ");
    }
    text_add(sql, "VALUES(");
    text_name(sql, column->name);
    text_add(sql, guarded ? "), NULL)" : ")");
}

static int insert_make(struct my_sink *sink, struct bound_table *table, struct rnl_error *err)
{
    struct text head = {0}, tail = {0};
    const char *joint = " ON DUPLICATE KEY UPDATE ";

    text_printf(&head, "INSERT INTO %s (", table->qualified);
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!table->columns[i].written)
            continue;
        text_add(&head, table->nwritten++ ? ", " : "");
        text_name(&head, table->columns[i].name);
        if (!table->upsert || table->by_key)
            continue;
        text_add(&tail, joint);
        update_add(&tail, &table->columns[i]);
        joint = ", ";
    }
    text_add(&head, ") VALUES ");
    text_add(&tail, "");
    if (!head.failed && !tail.failed) {
        table->insert_head = pool_text(&sink->bound_pool, head.ptr);
        table->insert_tail = pool_text(&sink->bound_pool, tail.ptr);
    }
    text_free(&head);
    text_free(&tail);
    if (!table->insert_head || !table->insert_tail)
        return error_memory(err);
    if (table->nwritten || table->source->ncolumns == 0)
        return RNL_OK;
    return rnl_fail(err, RNL_E_CONFIG, "sink.no_column",
                    "the table %s has no column that can be written", table->qualified);
}

int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
              struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct binding binding = {.sink = sink, .count = sink->host->table_count(catalog)};
    uint32_t count = binding.count;
    int status;

    sink->ntables = 0;
    status = tables_name(&binding, catalog, err);
    if (status == RNL_OK && count)
        status = columns_learn(&binding, err);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = table_check(&sink->tables[i], err);
    if (status == RNL_OK && count)
        status = keys_bind(&binding, job, err);
    if (status == RNL_OK && !cascade_map_make(&sink->cascades, sink->host, catalog))
        status = error_memory(err);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = insert_make(sink, &sink->tables[i], err);
    if (status == RNL_OK)
        sink->ntables = count;
    return status;
}

const struct bound_table *bound_find(const struct my_sink *sink, uint32_t table,
                                     struct rnl_error *err)
{
    if (table < sink->ntables)
        return &sink->tables[table];
    rnl_fail(err, RNL_E_FATAL, "sink.table", "rows for table %u, but only %u are known", table,
             sink->ntables);
    return NULL;
}
