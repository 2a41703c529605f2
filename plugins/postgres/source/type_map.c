/* What the server's types are in the catalog, and how their values are read. */
#include "convert.h"
#include "types.h"

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_OID = 26,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_MONEY = 790,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_DATE = 1082,
    OID_TIME = 1083,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_INTERVAL = 1186,
    OID_BIT = 1560,
    OID_VARBIT = 1562,
    OID_NUMERIC = 1700,
    OID_UUID = 2950,
    OID_JSONB = 3802,
    OID_XID8 = 5069,
};

static const struct {
    Oid oid;
    enum rnl_type type;
    uint16_t width;
} simple_types[] = {
    {OID_BOOL, RNL_T_BOOL, 0},
    {OID_BYTEA, RNL_T_BYTES, 0},
    {OID_NAME, RNL_T_TEXT, 0},
    {OID_INT8, RNL_T_INT, 8},
    {OID_INT2, RNL_T_INT, 2},
    {OID_INT4, RNL_T_INT, 4},
    {OID_TEXT, RNL_T_TEXT, 0},
    {OID_OID, RNL_T_UINT, 4},
    {OID_JSON, RNL_T_JSON, 0},
    {OID_FLOAT4, RNL_T_FLOAT, 0},
    {OID_FLOAT8, RNL_T_DOUBLE, 0},
    {OID_MONEY, RNL_T_DECIMAL, 0},
    {OID_BPCHAR, RNL_T_TEXT, 0},
    {OID_VARCHAR, RNL_T_TEXT, 0},
    {OID_DATE, RNL_T_DATE, 0},
    {OID_TIME, RNL_T_TIME, 0},
    {OID_TIMESTAMP, RNL_T_TIMESTAMP, 0},
    {OID_TIMESTAMPTZ, RNL_T_TIMESTAMPTZ, 0},
    {OID_INTERVAL, RNL_T_INTERVAL, 0},
    {OID_BIT, RNL_T_BITS, 0},
    {OID_VARBIT, RNL_T_BITS, 0},
    {OID_NUMERIC, RNL_T_DECIMAL, 0},
    {OID_UUID, RNL_T_UUID, 0},
    {OID_JSONB, RNL_T_JSON, 0},
    {OID_XID8, RNL_T_UINT, 8},
};

/* A scale below 0 means whole tens: more digits, none behind the point. */
static void map_numeric(int modifier, struct rnl_column *column)
{
    int bits = modifier - 4, precision = bits >> 16 & 0xffff, scale = bits & 0x7ff;

    if (modifier < 4)
        return;
    if (scale & 0x400)
        scale -= 0x800;
    if (scale < 0)
        precision -= scale;
    else if (scale > precision)
        precision = scale;
    column->precision = (uint16_t)precision;
    column->scale = (uint16_t)(scale < 0 ? 0 : scale);
}

static void map_modifier(Oid oid, int modifier, struct rnl_column *column)
{
    switch (oid) {
    case OID_NUMERIC:
        map_numeric(modifier, column);
        break;
    case OID_MONEY:
        column->precision = 19;
        column->scale = 2;
        break;
    case OID_NAME:
        column->length = NAME_BYTES;
        break;
    case OID_BPCHAR:
    case OID_VARCHAR:
        column->length = modifier > 4 ? (uint32_t)modifier - 4 : 0;
        if (oid == OID_BPCHAR && column->length)
            column->flags |= RNL_COLUMN_FIXED;
        break;
    case OID_BIT:
    case OID_VARBIT:
        column->length = modifier > 0 ? (uint32_t)modifier : 0;
        if (oid == OID_BIT)
            column->flags |= RNL_COLUMN_FIXED;
        break;
    case OID_TIME:
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ:
        column->scale = (uint16_t)(modifier >= 0 ? modifier : 6);
        break;
    case OID_INTERVAL:
        column->scale =
            (uint16_t)(modifier >= 0 && (modifier & 0xffff) <= 6 ? modifier & 0xffff : 6);
        break;
    default:
        break;
    }
}

static void map_built_in(const struct type_info *type, int modifier, struct rnl_column *column)
{
    for (size_t i = 0; i < sizeof(simple_types) / sizeof(simple_types[0]); i++) {
        if (simple_types[i].oid != type->oid)
            continue;
        column->type = (uint16_t)simple_types[i].type;
        column->width = simple_types[i].width;
        map_modifier(type->oid, modifier, column);
        return;
    }
    column->type = RNL_T_NATIVE;
}

static bool is_extension(const struct type_info *type, const char *extension, const char *name)
{
    return type->extension && strcmp(type->extension, extension) == 0 &&
           strcmp(type->name, name) == 0;
}

/* Types of extensions, and what else isn't built in. */
static void map_other(const struct type_info *type, int modifier, struct rnl_column *column)
{
    column->type = RNL_T_NATIVE;
    if (is_extension(type, "citext", "citext")) {
        column->type = RNL_T_TEXT;
    } else if (is_extension(type, "hstore", "hstore")) {
        column->flags |= RNL_COLUMN_MAP;
    } else if (is_extension(type, "postgis", "geometry")) {
        column->type = RNL_T_GEOMETRY;
        column->srid = modifier > 0 ? (uint32_t)modifier >> 8 & 0x1fffff : 0;
    } else if (is_extension(type, "vector", "vector")) {
        column->type = RNL_T_VECTOR;
        column->length = modifier > 0 ? (uint32_t)modifier : 0;
    } else if (type->kind == 'e') {
        column->type = RNL_T_TEXT;
        column->flags |= RNL_COLUMN_ENUM;
        column->labels = type->labels;
        column->nlabels = type->nlabels;
    } else if (type->kind == 'c') {
        column->flags |= RNL_COLUMN_COMPOSITE;
        column->labels = type->labels;
        column->nlabels = type->nlabels;
    }
}

static void map_array(const struct types *types, const struct type_info *type,
                      struct rnl_column *column)
{
    const struct type_info *element = type_find(types, type->element);
    struct rnl_column of = {0};

    column->type = RNL_T_NATIVE;
    if (!element)
        return;
    type_map(types, element->oid, -1, element->native, &of);
    column->flags |= RNL_COLUMN_ARRAY;
    column->element = of.type;
    column->type_schema = of.type_schema;
    column->type_name = of.type_name;
}

void type_map(const struct types *types, Oid oid, int modifier, const char *native,
              struct rnl_column *column)
{
    const struct type_info *type = type_find(types, oid);

    column->native = native;
    if (!type) {
        column->type = RNL_T_NATIVE;
        return;
    }
    if (type->kind == 'd') {
        type_map(types, type->base, type->base_modifier, type->base_native, column);
        column->flags |= RNL_COLUMN_DOMAIN;
        if (type->not_null)
            column->flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
        column->type_schema = type->schema;
        column->type_name = type->name;
        return;
    }
    if (type->array) {
        map_array(types, type, column);
        return;
    }
    if (!type->built_in) {
        column->type_schema = type->schema;
        column->type_name = type->name;
        map_other(type, modifier, column);
        return;
    }
    map_built_in(type, modifier, column);
}

static bool native_is(const struct rnl_column *column, const char *name)
{
    return column->native && strcmp(column->native, name) == 0;
}

static enum pg_kind integer_kind(const struct rnl_column *column)
{
    return column->width == 2 ? PG_INT2 : column->width == 4 ? PG_INT4 : PG_INT8;
}

struct type_reading type_reading(const struct rnl_column *column)
{
    static const enum pg_kind kinds[RNL_T_COUNT] = {
        [RNL_T_BOOL] = PG_BOOL,           [RNL_T_FLOAT] = PG_FLOAT4,
        [RNL_T_DOUBLE] = PG_FLOAT8,       [RNL_T_DECIMAL] = PG_NUMERIC,
        [RNL_T_TEXT] = PG_TEXT,           [RNL_T_BYTES] = PG_BYTEA,
        [RNL_T_DATE] = PG_DATE,           [RNL_T_TIME] = PG_TIME,
        [RNL_T_TIMESTAMP] = PG_TIMESTAMP, [RNL_T_TIMESTAMPTZ] = PG_TIMESTAMPTZ,
        [RNL_T_INTERVAL] = PG_INTERVAL,   [RNL_T_UUID] = PG_UUID,
        [RNL_T_BITS] = PG_VARBIT,         [RNL_T_GEOMETRY] = PG_GEOMETRY,
        [RNL_T_VECTOR] = PG_VECTOR,
    };
    struct type_reading reading = {"", (int)kinds[column->type < RNL_T_COUNT ? column->type : 0]};

    switch (column->type) {
    case RNL_T_INT:
        reading.kind = (int)integer_kind(column);
        break;
    case RNL_T_UINT:
        reading.kind = PG_INT8;
        if (native_is(column, "oid"))
            reading.cast = "::pg_catalog.int8";
        break;
    case RNL_T_DECIMAL:
        if (native_is(column, "money"))
            reading.cast = "::pg_catalog.numeric";
        break;
    case RNL_T_TEXT: /* blanks at the end of a character(n) are its padding */
        if (column->flags & RNL_COLUMN_FIXED)
            reading.kind = PG_BPCHAR;
        break;
    case RNL_T_JSON:
        reading.kind = native_is(column, "jsonb") ? PG_JSONB : PG_JSON;
        break;
    case RNL_T_NATIVE:
        if (native_is(column, "inet")) { /* its text() shows a prefix that isn't there */
            reading.kind = PG_INET;
        } else {
            reading.kind = PG_TEXT;
            reading.cast = "::pg_catalog.text";
        }
        break;
    default:
        break;
    }
    return reading;
}

void type_name_add(struct buf *sql, const struct rnl_column *column)
{
    if (column->type_name && !(column->flags & RNL_COLUMN_ARRAY))
        buf_qualified(sql, column->type_schema, column->type_name);
    else
        buf_puts(sql, column->native);
}
