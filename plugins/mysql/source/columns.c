/* Describes columns: types, defaults, character sets, labels. */
#include "describe.h"
#include "parse.h"

#include <strings.h>

struct type_name {
    const char *name;
    uint16_t type;
    uint16_t width;
    uint32_t flags;
};

static const struct type_name types[] = {
    {"tinyint", RNL_T_INT, 1, 0},
    {"smallint", RNL_T_INT, 2, 0},
    {"mediumint", RNL_T_INT, 3, 0},
    {"int", RNL_T_INT, 4, 0},
    {"bigint", RNL_T_INT, 8, 0},
    {"year", RNL_T_INT, 2, 0},
    {"decimal", RNL_T_DECIMAL, 0, 0},
    {"float", RNL_T_FLOAT, 0, 0},
    {"double", RNL_T_DOUBLE, 0, 0},
    {"bit", RNL_T_BITS, 0, 0},
    {"char", RNL_T_TEXT, 0, RNL_COLUMN_FIXED},
    {"varchar", RNL_T_TEXT, 0, 0},
    {"tinytext", RNL_T_TEXT, 0, 0},
    {"text", RNL_T_TEXT, 0, 0},
    {"mediumtext", RNL_T_TEXT, 0, 0},
    {"longtext", RNL_T_TEXT, 0, 0},
    {"enum", RNL_T_TEXT, 0, RNL_COLUMN_ENUM},
    {"set", RNL_T_TEXT, 0, RNL_COLUMN_SET},
    {"binary", RNL_T_BYTES, 0, RNL_COLUMN_FIXED},
    {"varbinary", RNL_T_BYTES, 0, 0},
    {"tinyblob", RNL_T_BYTES, 0, 0},
    {"blob", RNL_T_BYTES, 0, 0},
    {"mediumblob", RNL_T_BYTES, 0, 0},
    {"longblob", RNL_T_BYTES, 0, 0},
    {"date", RNL_T_DATE, 0, 0},
    {"time", RNL_T_TIME, 0, 0},
    {"datetime", RNL_T_TIMESTAMP, 0, 0},
    {"timestamp", RNL_T_TIMESTAMPTZ, 0, 0},
    {"json", RNL_T_JSON, 0, 0},
    {"geometry", RNL_T_GEOMETRY, 0, 0},
    {"point", RNL_T_GEOMETRY, 0, 0},
    {"linestring", RNL_T_GEOMETRY, 0, 0},
    {"polygon", RNL_T_GEOMETRY, 0, 0},
    {"multipoint", RNL_T_GEOMETRY, 0, 0},
    {"multilinestring", RNL_T_GEOMETRY, 0, 0},
    {"multipolygon", RNL_T_GEOMETRY, 0, 0},
    {"geometrycollection", RNL_T_GEOMETRY, 0, 0},
    {"geomcollection", RNL_T_GEOMETRY, 0, 0},
    {"uuid", RNL_T_UUID, 0, 0},
    {"inet4", RNL_T_INET, 0, 0},
    {"inet6", RNL_T_INET, 0, 0},
    {"vector", RNL_T_VECTOR, 0, 0},
};

static const struct type_name *type_find(const char *name)
{
    static const struct type_name unknown = {"", RNL_T_NATIVE, 0, 0};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcasecmp(types[i].name, name) == 0)
            return &types[i];
    return &unknown;
}

static uint32_t number(const char *text)
{
    unsigned long value = text ? strtoul(text, NULL, 10) : 0;

    return value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* The n of "vector(n)". */
static uint32_t dimension(const char *native)
{
    const char *at = strchr(native, '(');

    return at ? number(at + 1) : 0;
}

static void type_set(struct rnl_column *column, MYSQL_ROW row)
{
    const struct type_name *type = type_find(row[C_TYPE]);
    const char *native = row[C_NATIVE];

    column->type = type->type;
    column->width = type->width;
    column->flags |= type->flags;
    switch (type->type) {
    case RNL_T_INT:
        if (strncasecmp(native, "tinyint(1)", 10) == 0 && !strstr(native, "unsigned"))
            column->flags |= RNL_COLUMN_BOOLISH;
        if (strstr(native, "unsigned"))
            column->type = RNL_T_UINT;
        break;
    case RNL_T_DECIMAL:
        column->precision = (uint16_t)number(row[C_PRECISION]);
        column->scale = (uint16_t)number(row[C_SCALE]);
        break;
    case RNL_T_BITS:
        column->length = number(row[C_PRECISION]);
        break;
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        column->scale = (uint16_t)number(row[C_FRACTION]);
        break;
    case RNL_T_GEOMETRY:
        column->srid = number(row[C_SRID]);
        break;
    case RNL_T_VECTOR:
        column->length = dimension(native);
        break;
    case RNL_T_TEXT:
    case RNL_T_BYTES:
        /* the others are as long as any value can be */
        if (!strstr(type->name, "text") && !strstr(type->name, "blob"))
            column->length = number(row[C_LENGTH]);
        break;
    default:
        break;
    }
}

static void extra_set(struct rnl_column *column, const char *extra)
{
    if (strcasestr(extra, "auto_increment"))
        column->flags |= RNL_COLUMN_IDENTITY;
    if (strcasestr(extra, "on update"))
        column->flags |= RNL_COLUMN_TOUCHED;
    if (strcasestr(extra, "INVISIBLE"))
        column->flags |= RNL_COLUMN_INVISIBLE;
}

/* The period columns of a system-versioned table are filled by the server, but are plain values. */
static bool is_period(const char *expression)
{
    return strcasecmp(expression, "ROW START") == 0 || strcasecmp(expression, "ROW END") == 0;
}

static int generated_set(struct pool *pool, bool mariadb, struct rnl_column *column, MYSQL_ROW row)
{
    const char *expression = row[C_GENERATED] ? row[C_GENERATED] : "";

    if (!*expression || is_period(expression))
        return 0;
    column->flags |= RNL_COLUMN_GENERATED;
    if (strcasestr(row[C_EXTRA], "VIRTUAL"))
        column->flags |= RNL_COLUMN_VIRTUAL;
    column->generated = mariadb ? pool_text(pool, expression) : expression_plain(pool, expression);
    return column->generated ? 0 : -1;
}

static int default_set(struct pool *pool, bool mariadb, struct rnl_column *column, MYSQL_ROW row)
{
    struct default_input input = {
        .mariadb = mariadb,
        .text = row[C_DEFAULT],
        .extra = row[C_EXTRA],
        .type = column->type,
        .length = column->flags & RNL_COLUMN_FIXED ? column->length : 0,
    };

    if (column->flags & RNL_COLUMN_GENERATED)
        return 0;
    return default_parse(pool, &input, &column->default_kind, &column->default_text);
}

/* MariaDB writes COMPRESSED into a comment behind the type. */
static int storage_take(struct pool *pool, struct rnl_column *column, MYSQL_ROW row)
{
    char *native = pool_text(pool, row[C_NATIVE]);
    char *comment = native ? strstr(native, " /*") : NULL;

    column->native = native;
    if (!comment)
        return native ? 0 : -1;
    if (strcasestr(comment, "COMPRESSED"))
        column->storage = "COMPRESSED";
    *comment = '\0';
    return 0;
}

int column_fill(struct pool *pool, bool mariadb, MYSQL_ROW row, struct rnl_column *column)
{
    if (!row[C_EXTRA])
        return -1;
    column->name = pool_text(pool, row[C_NAME]);
    column->comment = pool_text(pool, row[C_COMMENT]);
    column->charset = pool_text(pool, row[C_CHARSET]);
    column->collation = pool_text(pool, row[C_COLLATION]);
    if (strcmp(row[C_NULLABLE], "YES") == 0)
        column->flags |= RNL_COLUMN_NULLABLE;
    type_set(column, row);
    extra_set(column, row[C_EXTRA]);
    if (column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET) &&
        labels_parse(pool, row[C_NATIVE], &column->labels, &column->nlabels))
        return -1;
    if (!column->name || storage_take(pool, column, row) ||
        generated_set(pool, mariadb, column, row))
        return -1;
    return default_set(pool, mariadb, column, row);
}

static int column_row(struct drafts *drafts, MYSQL_ROW row)
{
    struct draft *draft = drafts_find(drafts, row[C_TABLE]);
    struct rnl_column *column;

    if (!draft)
        return 0;
    column = items_grow(&drafts->pool, draft->columns, &draft->table.ncolumns, &draft->columns_size,
                        sizeof(*column));
    if (!column)
        return -1;
    draft->columns = column;
    column += draft->table.ncolumns - 1;
    for (int i = C_NAME; i <= C_GENERATED; i++)
        definition_add(&draft->definition, row[i]);
    return column_fill(&drafts->pool, drafts->source->server.mariadb, row, column);
}

int columns_describe(struct drafts *drafts, struct rnl_error *err)
{
    struct text sql = {0};

    text_printf(&sql,
                "SELECT TABLE_NAME, %s, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, "
                "NUMERIC_SCALE, DATETIME_PRECISION, COLUMN_COMMENT, %s "
                "FROM information_schema.COLUMNS",
                definition_columns, drafts->source->server.mariadb ? "NULL" : "SRS_ID");
    where_database(drafts, &sql, "TABLE_SCHEMA");
    text_add(&sql, " ORDER BY TABLE_NAME, ORDINAL_POSITION");
    return drafts_query(drafts, &sql, column_row, err);
}
