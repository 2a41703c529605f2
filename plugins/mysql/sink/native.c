/* Columns of MySQL and MariaDB in their own kind: the source's type as it is spelled there. */
#include "map.h"

#include <strings.h>

/* Types that one flavour alone has: elsewhere their values get another. */
static bool is_had(const struct mapper *m, const struct rnl_column *column)
{
    const struct my_server *server = &m->sink->server;

    switch (column->type) {
    case RNL_T_UUID:
        return server->mariadb && server->version >= 100700;
    case RNL_T_INET:
        return server->mariadb &&
               (server->version >= 101000 || strncasecmp(column->native, "inet6", 5) == 0);
    case RNL_T_VECTOR:
        return server->version >= (server->mariadb ? 110701u : 90000u);
    case RNL_T_JSON: /* MariaDB's is a longtext with a check */
        return false;
    default:
        return true;
    }
}

static uint32_t key_bytes(const struct rnl_column *column)
{
    switch (column->type) {
    case RNL_T_TEXT:
        return column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET) ? 8 : column->length * 4;
    case RNL_T_BYTES:
        return column->length;
    case RNL_T_DECIMAL:
        return column->precision / 9u * 4 + 8;
    default:
        return 8;
    }
}

static bool is_text(const struct rnl_column *column)
{
    return column->type == RNL_T_TEXT;
}

/* enum('a','b'): spelled anew, as quotes within labels depend on who prints them. */
static const char *labels(struct mapper *m, const struct rnl_column *column)
{
    struct buf sql = {0};

    buf_puts(&sql, column->flags & RNL_COLUMN_SET ? "set(" : "enum(");
    for (uint32_t i = 0; i < column->nlabels; i++) {
        buf_puts(&sql, i ? "," : "");
        sql_literal(&sql, column->labels[i]);
    }
    buf_puts(&sql, ")");
    return mapper_take(m, &sql);
}

static const char *spelled(struct mapper *m, const struct rnl_column *column)
{
    if (column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET) && column->nlabels)
        return labels(m, column);
    if (strncasecmp(column->native, "geomcollection", 14) == 0)
        return "geometrycollection";
    return column->native;
}

static enum expr_class class_of(const struct rnl_column *column)
{
    switch (column->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
        return EXPR_INT;
    case RNL_T_DECIMAL:
        return EXPR_DECIMAL;
    case RNL_T_TEXT:
        return column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET) ? EXPR_OTHER : EXPR_TEXT;
    default:
        return EXPR_OTHER;
    }
}

bool native_type(struct mapper *m, uint32_t t, uint32_t index, struct map_column *to)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    struct buf sql = {0};
    const char *type;

    if (!column->native || !*column->native || !is_had(m, column)) {
        if (column->type != RNL_T_JSON)
            map_find(m, t, RNL_NOTE, "type.flavour", column->name, NULL,
                     "is %s, which the target's server lacks: gets another type, without loss",
                     column->native ? column->native : "of a type without name");
        return false;
    }
    if (is_text(column) && (to->charset = collation_of(m, t, index, &to->bytewise)) == NULL)
        return false;
    type = spelled(m, column);
    buf_puts(&sql, type ? type : "");
    to->type = mapper_take(m, &sql);
    to->yields = class_of(column);
    to->verbatim = true;
    to->char_bytes = 4;
    to->length = column->length;
    to->bytes = key_bytes(column);
    if (is_text(column) && !column->length && !(column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET)))
        to->shape = SHAPE_LONG_TEXT;
    else if (column->type == RNL_T_BYTES && !column->length)
        to->shape = SHAPE_LONG_BYTES;
    else if (column->type == RNL_T_GEOMETRY)
        to->shape = SHAPE_GEOMETRY;
    return to->type != NULL;
}
