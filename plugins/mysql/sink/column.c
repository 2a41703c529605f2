/* What a column of the target is, by what information_schema says of it. */
#include "data.h"

#include <strings.h>

static const struct {
    const char *name;
    enum my_kind kind;
    uint16_t natural; /* enum rnl_type in which row.h reads it */
    uint8_t width, wire;
} types[] = {
    {"tinyint", MY_INT, RNL_T_INT, 1, MYSQL_TYPE_TINY},
    {"smallint", MY_INT, RNL_T_INT, 2, MYSQL_TYPE_SHORT},
    {"mediumint", MY_INT, RNL_T_INT, 3, MYSQL_TYPE_LONG},
    {"int", MY_INT, RNL_T_INT, 4, MYSQL_TYPE_LONG},
    {"bigint", MY_INT, RNL_T_INT, 8, MYSQL_TYPE_LONGLONG},
    {"year", MY_YEAR, RNL_T_INT, 2, MYSQL_TYPE_SHORT},
    {"decimal", MY_DECIMAL, RNL_T_DECIMAL, 0, MYSQL_TYPE_NEWDECIMAL},
    {"float", MY_FLOAT, RNL_T_FLOAT, 0, MYSQL_TYPE_FLOAT},
    {"double", MY_DOUBLE, RNL_T_DOUBLE, 0, MYSQL_TYPE_DOUBLE},
    {"bit", MY_BIT, RNL_T_BITS, 0, MYSQL_TYPE_LONGLONG},
    {"char", MY_CHAR, RNL_T_TEXT, 0, MYSQL_TYPE_VAR_STRING},
    {"varchar", MY_TEXT, RNL_T_TEXT, 0, MYSQL_TYPE_VAR_STRING},
    {"tinytext", MY_TEXT, RNL_T_TEXT, 0, MYSQL_TYPE_VAR_STRING},
    {"text", MY_TEXT, RNL_T_TEXT, 0, MYSQL_TYPE_VAR_STRING},
    {"mediumtext", MY_TEXT, RNL_T_TEXT, 0, MYSQL_TYPE_VAR_STRING},
    {"longtext", MY_TEXT, RNL_T_TEXT, 0, MYSQL_TYPE_VAR_STRING},
    {"enum", MY_ENUM, RNL_T_TEXT, 0, MYSQL_TYPE_VAR_STRING},
    {"set", MY_SET, RNL_T_TEXT, 0, MYSQL_TYPE_VAR_STRING},
    {"json", MY_JSON, RNL_T_JSON, 0, MYSQL_TYPE_VAR_STRING},
    {"binary", MY_BINARY, RNL_T_BYTES, 0, MYSQL_TYPE_BLOB},
    {"varbinary", MY_BYTES, RNL_T_BYTES, 0, MYSQL_TYPE_BLOB},
    {"tinyblob", MY_BYTES, RNL_T_BYTES, 0, MYSQL_TYPE_BLOB},
    {"blob", MY_BYTES, RNL_T_BYTES, 0, MYSQL_TYPE_BLOB},
    {"mediumblob", MY_BYTES, RNL_T_BYTES, 0, MYSQL_TYPE_BLOB},
    {"longblob", MY_BYTES, RNL_T_BYTES, 0, MYSQL_TYPE_BLOB},
    {"date", MY_DATE, RNL_T_DATE, 0, MYSQL_TYPE_DATE},
    {"time", MY_TIME, RNL_T_TIME, 0, MYSQL_TYPE_TIME},
    {"datetime", MY_DATETIME, RNL_T_TIMESTAMP, 0, MYSQL_TYPE_DATETIME},
    {"timestamp", MY_TIMESTAMP, RNL_T_TIMESTAMPTZ, 0, MYSQL_TYPE_DATETIME},
    {"uuid", MY_UUID, RNL_T_UUID, 0, MYSQL_TYPE_VAR_STRING},
    {"inet4", MY_INET4, RNL_T_INET, 0, MYSQL_TYPE_VAR_STRING},
    {"inet6", MY_INET6, RNL_T_INET, 0, MYSQL_TYPE_VAR_STRING},
    {"vector", MY_VECTOR, RNL_T_VECTOR, 0, MYSQL_TYPE_BLOB},
    {"geometry", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
    {"point", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
    {"linestring", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
    {"polygon", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
    {"multipoint", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
    {"multilinestring", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
    {"multipolygon", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
    {"geometrycollection", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
    {"geomcollection", MY_GEOMETRY, RNL_T_GEOMETRY, 0, MYSQL_TYPE_BLOB},
};

static bool is_time(enum my_kind kind)
{
    return kind == MY_TIME || kind == MY_DATETIME || kind == MY_TIMESTAMP;
}

/* What a length counts, and how far it goes. */
static void length_set(struct bound_column *column, const struct column_facts *facts)
{
    bool utf8 = !facts->charset || strncmp(facts->charset, "utf8", 4) == 0;
    size_t len = strlen(facts->data_type);
    bool is_text = len >= 4 && strcmp(facts->data_type + len - 4, "text") == 0;

    column->length = facts->characters;
    if (column->kind == MY_BIT)
        column->length = facts->precision;
    column->in_bytes = is_text && utf8;
    if (column->in_bytes && facts->bytes)
        column->length = facts->bytes;
}

void bound_column_set(struct bound_column *column, const struct column_facts *facts)
{
    column->kind = MY_OTHER;
    column->nullable = facts->nullable;
    column->written = !facts->generated;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcasecmp(types[i].name, facts->data_type) != 0)
            continue;
        column->kind = types[i].kind;
        column->width = types[i].width;
        column->wire_type = types[i].wire;
        column->natural.type = types[i].natural;
    }
    column->is_unsigned = strstr(facts->column_type, "unsigned") != NULL;
    if ((column->kind == MY_INT && column->is_unsigned) || column->kind == MY_YEAR ||
        column->kind == MY_BIT)
        column->wire_flag = 0x80;
    if (column->kind == MY_INT && column->is_unsigned)
        column->natural.type = RNL_T_UINT;
    column->precision = (uint8_t)facts->precision;
    column->scale = (uint8_t)(is_time(column->kind) ? facts->fraction : facts->scale);
    column->far_future = facts->mariadb && facts->version >= 110500;
    column->mariadb = facts->mariadb;
    column->bytewise = facts->collation && (strstr(facts->collation, "_0900_bin") ||
                                            strstr(facts->collation, "_nopad_bin"));
    length_set(column, facts);
    column->natural.length = column->length > UINT32_MAX ? UINT32_MAX : (uint32_t)column->length;
    column->natural.charset = "utf8mb4"; /* the session's: see session.c */
    column->natural.flags = column->kind == MY_BINARY ? RNL_COLUMN_FIXED : 0;
}
