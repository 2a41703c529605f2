/* Queries that are read like tables: their columns, as the server itself understands them. */
#include "describe.h"

/* What is at hand while one query is described. */
struct asked {
    struct source *source;
    const struct rnl_query *query;
    struct pool pool;
    struct rnl_column *columns;
    uint32_t ncolumns;
};

static int refuse(const struct asked *a, const char *why, const char *what, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "query.invalid", "the query %s %s%s%s", a->query->name, why,
             what ? ": " : "", what ? what : "");
    rnl_hint(err, "a query is one SELECT whose columns have names that differ");
    return RNL_E_CONFIG;
}

void query_from(struct text *sql, const char *query)
{
    size_t len = strlen(query);

    while (len && strchr("; \t\r\n", query[len - 1]))
        len--;
    text_add(sql, "(");
    text_bytes(sql, query, len);
    text_add(sql, "\n) AS `rows`"); /* behind a comment at its end */
}

static void integer_set(struct rnl_column *column, const MYSQL_FIELD *field)
{
    static const struct {
        int type;
        uint16_t width;
        const char *plain, *without_sign;
    } forms[] = {
        {MYSQL_TYPE_TINY, 1, "tinyint", "tinyint unsigned"},
        {MYSQL_TYPE_SHORT, 2, "smallint", "smallint unsigned"},
        {MYSQL_TYPE_INT24, 3, "mediumint", "mediumint unsigned"},
        {MYSQL_TYPE_LONG, 4, "int", "int unsigned"},
        {MYSQL_TYPE_LONGLONG, 8, "bigint", "bigint unsigned"},
    };
    bool without_sign = field->flags & UNSIGNED_FLAG;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if ((int)field->type == forms[i].type) {
            column->type = without_sign ? RNL_T_UINT : RNL_T_INT;
            column->width = forms[i].width;
            column->native = without_sign ? forms[i].without_sign : forms[i].plain;
        }
}

static void decimal_set(struct asked *a, struct rnl_column *column, const MYSQL_FIELD *field)
{
    char native[40];
    unsigned long signs = (field->decimals ? 1u : 0u) + (field->flags & UNSIGNED_FLAG ? 0u : 1u);

    column->type = RNL_T_DECIMAL;
    column->precision = (uint16_t)(field->length > signs ? field->length - signs : 1);
    column->scale = (uint16_t)(field->decimals > 38 ? 38 : field->decimals);
    snprintf(native, sizeof(native), "decimal(%u,%u)", (unsigned)column->precision,
             (unsigned)column->scale);
    column->native = pool_text(&a->pool, native);
}

/* The names of a collation and of its charset, by its number. */
static int collation_set(struct asked *a, struct rnl_column *column, unsigned number,
                         unsigned long length, struct rnl_error *err)
{
    struct conn *conn = a->source->control;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_printf(&sql,
                "SELECT c.CHARACTER_SET_NAME, c.COLLATION_NAME, s.MAXLEN FROM "
                "information_schema.COLLATIONS c JOIN information_schema.CHARACTER_SETS s "
                "USING (CHARACTER_SET_NAME) WHERE c.ID = %u",
                number);
    status = sql.failed ? error_memory(err) : conn_query(conn, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result))) {
        unsigned long width = row[2] ? strtoul(row[2], NULL, 10) : 1;

        column->charset = pool_text(&a->pool, row[0]);
        column->collation = pool_text(&a->pool, row[1]);
        length /= width ? width : 1;
        column->length = length <= 16383 ? (uint32_t)length : 0;
    }
    return conn_finish(conn, result, "reading a collation", err);
}

static int text_set(struct asked *a, struct rnl_column *column, const MYSQL_FIELD *field,
                    struct rnl_error *err)
{
    enum { BINARY = 63 };
    int status = RNL_OK;
    char native[40];

    column->type = field->charsetnr == BINARY ? RNL_T_BYTES : RNL_T_TEXT;
    if (column->type == RNL_T_TEXT)
        status = collation_set(a, column, field->charsetnr, field->length, err);
    else
        column->length = field->length <= 65535 ? (uint32_t)field->length : 0;
    if (column->length)
        snprintf(native, sizeof(native),
                 column->type == RNL_T_TEXT ? "varchar(%u)" : "varbinary(%u)", column->length);
    else
        snprintf(native, sizeof(native), column->type == RNL_T_TEXT ? "longtext" : "longblob");
    column->native = pool_text(&a->pool, native);
    return status;
}

static void time_set(struct rnl_column *column, uint16_t type, const char *native,
                     const MYSQL_FIELD *field)
{
    column->type = type;
    column->native = native;
    column->scale = (uint16_t)(field->decimals <= 6 ? field->decimals : 6);
}

static int column_set(struct asked *a, struct rnl_column *column, const MYSQL_FIELD *field,
                      struct rnl_error *err)
{
    enum { TYPE_JSON = 245 }; /* of MySQL; MariaDB has it as text */

    column->name = pool_text(&a->pool, field->name);
    column->flags = field->flags & NOT_NULL_FLAG ? 0 : RNL_COLUMN_NULLABLE;
    column->native = "";
    switch ((int)field->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
        integer_set(column, field);
        break;
    case MYSQL_TYPE_YEAR:
        *column = (struct rnl_column){.name = column->name,
                                      .flags = column->flags,
                                      .width = 2,
                                      .type = RNL_T_INT,
                                      .native = "year"};
        break;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        decimal_set(a, column, field);
        break;
    case MYSQL_TYPE_FLOAT:
        time_set(column, RNL_T_FLOAT, "float", field);
        column->scale = 0;
        break;
    case MYSQL_TYPE_DOUBLE:
        time_set(column, RNL_T_DOUBLE, "double", field);
        column->scale = 0;
        break;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
        time_set(column, RNL_T_DATE, "date", field);
        column->scale = 0;
        break;
    case MYSQL_TYPE_DATETIME:
        time_set(column, RNL_T_TIMESTAMP, "datetime", field);
        break;
    case MYSQL_TYPE_TIMESTAMP:
        time_set(column, RNL_T_TIMESTAMPTZ, "timestamp", field);
        break;
    case MYSQL_TYPE_TIME:
        time_set(column, RNL_T_TIME, "time", field);
        break;
    case MYSQL_TYPE_BIT:
        column->type = RNL_T_BITS;
        column->native = "bit";
        column->length = (uint32_t)field->length;
        break;
    case MYSQL_TYPE_GEOMETRY:
        column->type = RNL_T_GEOMETRY;
        column->native = "geometry";
        break;
    case TYPE_JSON:
        column->type = RNL_T_JSON;
        column->native = "json";
        column->charset = "utf8mb4";
        break;
    default:
        if (text_set(a, column, field, err))
            return err->status;
    }
    return column->name && column->native ? RNL_OK : error_memory(err);
}

static int columns_set(struct asked *a, MYSQL_RES *result, struct rnl_error *err)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    int status = RNL_OK;

    a->ncolumns = mysql_num_fields(result);
    a->columns = pool_alloc(&a->pool, (a->ncolumns + 1) * sizeof(*a->columns));
    if (!a->columns)
        return error_memory(err);
    for (uint32_t i = 0; i < a->ncolumns && !status; i++)
        status = column_set(a, &a->columns[i], &fields[i], err);
    return status;
}

/* The columns that tell its rows apart, by commas: as a primary key. */
static int key_set(struct asked *a, struct rnl_index *index, struct rnl_error *err)
{
    struct rnl_index_part *parts = pool_alloc(&a->pool, (a->ncolumns + 1) * sizeof(*parts));
    char *rest = pool_text(&a->pool, a->query->key);

    if (!parts || !rest)
        return error_memory(err);
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        uint32_t at = 0;

        word += strspn(word, " ");
        for (size_t len = strlen(word); len && word[len - 1] == ' ';)
            word[--len] = '\0';
        while (at < a->ncolumns && strcmp(a->columns[at].name, word) != 0)
            at++;
        if (at == a->ncolumns || a->columns[at].flags & RNL_COLUMN_KEY)
            return refuse(a, "has no such column, or twice, for its key", word, err);
        a->columns[at].flags |= RNL_COLUMN_KEY;
        a->columns[at].flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
        parts[index->nparts++].column = at;
    }
    index->name = "query_key";
    index->flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE;
    index->parts = parts;
    return RNL_OK;
}

static int table_make(struct asked *a, struct rnl_catalog *catalog, struct rnl_error *err)
{
    const struct rnl_query *query = a->query;
    struct rnl_index index = {0};
    struct rnl_table table = {
        .size = sizeof(table),
        .schema = query->schema && *query->schema ? query->schema : a->source->server.database,
        .name = query->name,
        .dialect = "mysql",
        .columns = a->columns,
        .indexes = &index,
        .ncolumns = a->ncolumns,
        .column_size = sizeof(struct rnl_column),
        .index_size = sizeof(struct rnl_index),
        .foreign_key_size = sizeof(struct rnl_foreign_key),
        .check_size = sizeof(struct rnl_check),
        .partition_size = sizeof(struct rnl_partition),
        .rows = -1,
        .bytes = -1,
        .query = query->sql,
    };

    if (query->key && *query->key) {
        if (key_set(a, &index, err))
            return err->status;
        table.nindexes = 1;
    }
    return a->source->ctx->host->table_add(catalog, &table, err);
}

static int query_describe(struct asked *a, struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct conn *conn = a->source->control;
    MYSQL_STMT *stmt = mysql_stmt_init(conn->mysql);
    MYSQL_RES *result = NULL;
    struct text sql = {0};
    int status = stmt ? RNL_OK : error_memory(err);

    text_add(&sql, "SELECT * FROM ");
    query_from(&sql, a->query->sql);
    if (!status && sql.failed)
        status = error_memory(err);
    if (!status && mysql_stmt_prepare(stmt, sql.ptr, sql.len))
        status = mysql_stmt_errno(stmt) >= 2000
                     ? error_stmt(conn, stmt, err, "describing a query")
                     : refuse(a, "is not understood", mysql_stmt_error(stmt), err);
    if (!status && !(result = mysql_stmt_result_metadata(stmt)))
        status = refuse(a, "gives no rows", NULL, err);
    if (!status)
        status = columns_set(a, result, err);
    if (!status)
        status = table_make(a, catalog, err);
    if (result)
        mysql_free_result(result);
    if (stmt)
        mysql_stmt_close(stmt);
    text_free(&sql);
    return status;
}

int queries_describe(struct source *source, struct rnl_catalog *catalog, struct rnl_error *err)
{
    const struct rnl_host *host = source->ctx->host;
    int status = RNL_OK;

    for (uint32_t i = 0; i < host->query_count(catalog) && !status; i++) {
        struct asked asked = {.source = source, .query = host->query_at(catalog, i)};

        status = query_describe(&asked, catalog, err);
        pool_free(&asked.pool);
    }
    return status;
}
